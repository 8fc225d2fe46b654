/* SPDX-License-Identifier: MIT */
/* Somebody waits for a request that was made in the background (http_raise). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "client.h"

/* So many requests a minute: the bucket holds as many, of which the background leaves a tenth. */
#define RATE 600

/* The first request meets the limit, which empties the bucket. */
static enum fake_then limit_first(void *arg, const struct fake_request *req, GString *answer)
{
	(void)arg;
	if (req->serial == 1)
		fake_answer(answer, 429, "Retry-After: 2\r\n", "{}");
	else
		fake_answer(answer, 200, "", "{}");
	return FAKE_KEEP;
}

static struct http_request *in_background(struct client *c, const char *path)
{
	struct http_request *req = client_request(c, HTTP_GET, path);

	req->lane = HTTP_LANE_BACKGROUND;
	return req;
}

static void wait_limited(struct client *c)
{
	struct http_stats stats;

	assert_true(fake_wait_requests(c->server, 1));
	do
		http_loop_stats(c->loop, &stats);
	while (!stats.limited || stats.waiting < 1);
}

static bool is_about(struct client *c, int nth, const char *path)
{
	const struct fake_request *req = fake_request_nth(c->server, nth);

	return req && strstr(req->head, path);
}

/* One waits for Retry-After, one in the gate, one is not yet taken. What is raised comes first, and
 * does not wait until the bucket has the background's share again (here: six seconds). */
static void test_it_goes_before_the_background(void **state)
{
	struct pending *p[3];
	struct client c;

	(void)state;
	for (int raised = 0; raised < 3; raised++) {
		client_start(&c, limit_first, NULL, RATE);
		p[0] = client_submit(&c, in_background(&c, "/limited"));
		wait_limited(&c);
		p[1] = client_submit(&c, in_background(&c, "/gate"));
		p[2] = client_submit(&c, in_background(&c, "/inbox"));
		http_raise(c.loop, pending_id(p[raised]));
		for (int i = 0; i < 3; i++) {
			int k = (raised + i) % 3;
			_cleanup_response_ struct http_response *r = pending_wait(p[k]);

			assert_int_equal(r->status, 200);
		}
		assert_true(is_about(&c, 2,
				     raised == 0   ? "/limited"
				     : raised == 1 ? "/gate"
						   : "/inbox"));
		client_stop(&c);
	}
}

static enum fake_then hang(void *arg, const struct fake_request *req, GString *answer)
{
	(void)arg;
	(void)req;
	(void)answer;
	return FAKE_HANG;
}

/* On the wire it changes its lane: its place in the background is free for another one. */
static void test_on_the_wire_it_makes_room(void **state)
{
	struct pending *p[HTTP_MAX_BACKGROUND + 1];
	struct client c;

	(void)state;
	client_start(&c, hang, NULL, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(p); i++)
		p[i] = client_submit(&c, in_background(&c, "/"));
	assert_true(client_wait(&c, HTTP_MAX_BACKGROUND, 1));
	http_raise(c.loop, pending_id(p[0]));
	assert_true(client_wait(&c, HTTP_MAX_BACKGROUND + 1, 0));
	for (size_t i = 0; i < G_N_ELEMENTS(p); i++) {
		http_cancel(c.loop, pending_id(p[i]));
		_cleanup_response_ struct http_response *r = pending_wait(p[i]);

		assert_int_equal(r->error, -ECANCELED);
	}
	/* Of what is over nothing is raised. */
	http_raise(c.loop, 1);
	client_stop(&c);
}

/* The time that it waited for a place on the wire, while nobody did, is not that of who waits now. */
static void test_it_has_its_time_again(void **state)
{
	struct pending *p[HTTP_MAX_BACKGROUND], *late;
	struct http_request *req;
	struct client c;
	int64_t raised_ms;

	(void)state;
	client_start(&c, hang, NULL, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(p); i++)
		p[i] = client_submit(&c, in_background(&c, "/"));
	req = in_background(&c, "/late");
	req->timeout_ms = 600;
	late = client_submit(&c, req);
	assert_true(client_wait(&c, HTTP_MAX_BACKGROUND, 1));
	g_usleep(300000);
	raised_ms = loop_now();
	http_raise(c.loop, pending_id(late));
	{
		_cleanup_response_ struct http_response *r = pending_wait(late);

		assert_int_equal(r->error, -ETIMEDOUT);
		assert_int_equal(r->attempts, 1);
		assert_in_range(loop_now() - raised_ms, 550, 10000);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(p); i++) {
		http_cancel(c.loop, pending_id(p[i]));
		_cleanup_response_ struct http_response *r = pending_wait(p[i]);

		assert_int_equal(r->error, -ECANCELED);
	}
	client_stop(&c);
}

/* So does its time for a connection, if a try before found none. */
static void test_it_has_its_time_to_connect_again(void **state)
{
	struct pending *p[HTTP_MAX_BACKGROUND], *late;
	struct http_request *req;
	struct client c;

	(void)state;
	client_start(&c, hang, NULL, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(p) - 1; i++)
		p[i] = client_submit(&c, in_background(&c, "/"));
	assert_true(fake_wait_requests(c.server, G_N_ELEMENTS(p) - 1));
	req = in_background(&c, "/late");
	g_free(req->url);
	/* Nobody serves there. */
	req->url = g_strdup("http://127.0.0.1:1/late");
	req->reach_ms = 500;
	late = client_submit(&c, req);
	/* It takes the place of `late` while that waits after its first try. */
	p[G_N_ELEMENTS(p) - 1] = client_submit(&c, in_background(&c, "/"));
	assert_true(client_wait(&c, HTTP_MAX_BACKGROUND, 1));
	g_usleep(600000);
	http_raise(c.loop, pending_id(late));
	{
		_cleanup_response_ struct http_response *r = pending_wait(late);

		assert_int_equal(r->error, -ECONNREFUSED);
		assert_int_equal(r->attempts, 3);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(p); i++) {
		http_cancel(c.loop, pending_id(p[i]));
		_cleanup_response_ struct http_response *r = pending_wait(p[i]);

		assert_int_equal(r->error, -ECANCELED);
	}
	client_stop(&c);
}

static enum fake_then limit_or_hang(void *arg, const struct fake_request *req, GString *answer)
{
	(void)arg;
	if (g_str_has_prefix(req->head, "GET /hang "))
		return FAKE_HANG;
	if (g_str_has_prefix(req->head, "GET /limited "))
		fake_answer(answer, 429, "Retry-After: 350\r\n", "{}");
	else
		fake_answer(answer, 200, "", "{}");
	return FAKE_KEEP;
}

/* True if it was raised before it had waited for as long as nothing but 429 may be said. */
static bool raise_behind_429(void)
{
	const int second_ms = 2, limit_ms = HTTP_LIMITED_MAX_MS / 1000 * second_ms;
	struct pending *p[HTTP_MAX_BACKGROUND], *late, *limited;
	struct http_stats stats;
	int64_t began_ms;
	struct client c;
	bool is_in_time;

	client_start_scaled(&c, limit_or_hang, NULL, 0, second_ms);
	for (size_t i = 0; i < G_N_ELEMENTS(p); i++)
		p[i] = client_submit(&c, in_background(&c, "/hang"));
	late = client_submit(&c, in_background(&c, "/late"));
	assert_true(client_wait(&c, HTTP_MAX_BACKGROUND, 1));
	began_ms = loop_now();
	limited = client_submit(&c, client_request(&c, HTTP_GET, "/limited"));
	assert_true(fake_wait_requests(c.server, HTTP_MAX_BACKGROUND + 2));
	/* From now on nothing may begin until the limit is over. */
	do
		http_loop_stats(c.loop, &stats);
	while (stats.limited < 2);
	http_raise(c.loop, pending_id(late));
	is_in_time = loop_now() < began_ms + limit_ms;
	http_response_free(pending_wait(limited));
	{
		_cleanup_response_ struct http_response *r = pending_wait(late);

		if (is_in_time)
			assert_int_equal(r->status, 200);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(p); i++) {
		http_cancel(c.loop, pending_id(p[i]));
		http_response_free(pending_wait(p[i]));
	}
	client_stop(&c);
	return is_in_time;
}

/* And the time for which it may wait because nobody is answered by anything but 429. */
static void test_it_has_its_time_of_429_again(void **state)
{
	int tries = 0;

	(void)state;
	while (!raise_behind_429())
		assert_in_range(++tries, 1, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_goes_before_the_background),
		cmocka_unit_test(test_on_the_wire_it_makes_room),
		cmocka_unit_test(test_it_has_its_time_again),
		cmocka_unit_test(test_it_has_its_time_to_connect_again),
		cmocka_unit_test(test_it_has_its_time_of_429_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
