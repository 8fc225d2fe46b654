/* SPDX-License-Identifier: MIT */
/* Waiting for the gate: it is no failure of the server, and no time-out counts it (promise 3). */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <cmocka.h>
#include <time.h>

#include "base/cleanup.h"
#include "client.h"

/* So many requests begin at once, and the others one in three seconds. */
#define PER_MINUTE 20
#define ALL 60
/* Of one request; less than all take. */
#define SHORT_MS 1000

struct script {
	int limited; /* so many requests for "/" are answered by 429 before all else */
	const char *fields;
};

static enum fake_then play(void *arg, const struct fake_request *req, GString *answer)
{
	struct script *script = arg;

	if (g_str_has_prefix(req->head, "GET /hang "))
		return FAKE_HANG;
	if (script->limited && g_str_has_prefix(req->head, "GET / ")) {
		script->limited--;
		fake_answer(answer, 429, script->fields, "");
	} else {
		fake_answer(answer, 200, "", "{}");
	}
	return FAKE_KEEP;
}

static struct pending *submit(struct client *c, enum http_method method, const char *path)
{
	struct http_request *req = client_request(c, method, path);

	req->timeout_ms = SHORT_MS;
	return client_submit(c, req);
}

static void wait_held(struct client *c, struct http_stats *ret_stats)
{
	int64_t until = loop_now() + TIMEOUT_MS;

	do {
		g_usleep(1000);
		http_loop_stats(c->loop, ret_stats);
	} while (!ret_stats->turn_ms && loop_now() < until);
}

/* More requests than begin within their time: all get theirs, and a post goes before them. What the server
 * does not answer ends in time all the same. */
static void test_turns(void **state)
{
	struct script script = {0};
	struct pending *reads[ALL], *hung, *post;
	struct http_stats stats;
	struct client c;

	(void)state;
	client_start(&c, play, &script, PER_MINUTE);
	hung = submit(&c, HTTP_GET, "/hang");
	for (int i = 0; i < ALL; i++)
		reads[i] = submit(&c, HTTP_GET, "/");
	wait_held(&c, &stats);
	assert_true(stats.turn_ms > 0 && stats.turn_ms <= (ALL + 1) * 3 * SECOND_MS);
	assert_int_equal(stats.shut_ms, 0);
	post = submit(&c, HTTP_POST, "/post");
	{
		_cleanup_response_ struct http_response *r = pending_wait(post);

		assert_int_equal(r->status, 200);
		assert_false(pending_is_done(reads[ALL - 1]));
	}
	{
		_cleanup_response_ struct http_response *r = pending_wait(hung);

		assert_int_equal(r->error, -ETIMEDOUT);
	}
	for (int i = 0; i < ALL; i++) {
		_cleanup_response_ struct http_response *r = pending_wait(reads[i]);

		assert_int_equal(r->error, 0);
		assert_int_equal(r->status, 200);
	}
	assert_true(http_loop_held_ms(c.loop) > SHORT_MS);
	http_loop_stats(c.loop, &stats);
	assert_int_equal(stats.turn_ms, 0);
	client_stop(&c);
}

/* 429s that each are shorter than the request's time are waited for, however long that is in all; so do
 * those who stand behind, in whichever lane. */
static void test_told_when(void **state)
{
	struct script script = {.limited = 2, .fields = "Retry-After: 40\r\n"};
	int64_t begun_ms = loop_now();
	struct pending *first, *behind;
	struct http_request *req;
	struct http_stats stats;
	struct client c;

	(void)state;
	client_start(&c, play, &script, 0);
	first = submit(&c, HTTP_GET, "/");
	assert_true(fake_wait_requests(c.server, 1) && client_wait(&c, 0, 1));
	http_loop_stats(c.loop, &stats);
	assert_true(stats.shut_ms > 0 && stats.turn_ms >= stats.shut_ms);
	req = client_request(&c, HTTP_GET, "/behind");
	req->timeout_ms = SHORT_MS;
	req->lane = HTTP_LANE_BACKGROUND;
	behind = client_submit(&c, req);
	{
		_cleanup_response_ struct http_response *r = pending_wait(first);

		assert_int_equal(r->status, 200);
	}
	{
		_cleanup_response_ struct http_response *r = pending_wait(behind);

		assert_int_equal(r->status, 200);
	}
	assert_int_equal(fake_requests(c.server), 4);
	assert_true(loop_now() - begun_ms >= 2 * 40 * SECOND_MS);
	assert_true(http_loop_held_ms(c.loop) > SHORT_MS);
	client_stop(&c);
}

/* The time for a connection stands still, too. */
static void test_time_to_connect(void **state)
{
	struct http_request *req;
	struct pending *hung;
	struct client c;

	(void)state;
	/* Two begin at once, the others one in thirty seconds. */
	client_start(&c, play, NULL, 2);
	hung = submit(&c, HTTP_GET, "/hang");
	assert_true(fake_wait_requests(c.server, 1));
	fake_refuse(c.server);
	req = client_request(&c, HTTP_GET, "/");
	/* Much longer than the pauses between the tries, and shorter than the wait for a turn. */
	req->reach_ms = 25 * SECOND_MS;
	{
		_cleanup_response_ struct http_response *r = client_run(&c, req);

		assert_int_equal(r->error, -ECONNREFUSED);
		assert_int_equal(r->attempts, 3);
	}
	http_response_free(pending_wait(hung));
	client_stop(&c);
}

/* More requests than have places, and a server that says nothing but 429: those behind end with those
 * before them, and not ten minutes later. */
static void test_nothing_but_429(void **state)
{
	struct script script = {.limited = INT_MAX, .fields = "Retry-After: 60\r\n"};
	struct pending *all[2 * HTTP_MAX_READS];
	const int second_ms = 2;
	int64_t took_ms;
	struct client c;

	(void)state;
	client_start_scaled(&c, play, &script, 0, second_ms);
	took_ms = -loop_now();
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		all[i] = client_submit(&c, client_request(&c, HTTP_GET, "/"));
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		_cleanup_response_ struct http_response *r = pending_wait(all[i]);

		assert_true(r->status == 429 || r->error == -EBUSY);
	}
	took_ms += loop_now();
	assert_true(took_ms >= (HTTP_LIMITED_MAX_MS / 1000 - 60) * second_ms);
	assert_true(took_ms < 2 * HTTP_LIMITED_MAX_MS / 1000 * second_ms);
	/* Who comes later has his own ten minutes. */
	script.limited = 1;
	{
		_cleanup_response_ struct http_response *r = client_get(&c, "/");

		assert_int_equal(r->status, 200);
	}
	client_stop(&c);
}

static atomic_int grants; /* so many tries get a bearer; the others wait for one */

static enum http_auth grant_some(void *arg, bool was_refused, struct http_grant *ret_grant)
{
	(void)arg;
	(void)was_refused;
	if (atomic_fetch_sub(&grants, 1) <= 0)
		return HTTP_AUTH_WAIT;
	ret_grant->bearer = g_strdup(TOKEN);
	return HTTP_AUTH_GIVEN;
}

static int64_t cpu_ms(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return used.tv_sec * INT64_C(1000) + used.tv_nsec / 1000000;
}

/* Who waits for a token does so until his deadline, whatever else was answered by 429, and costs nothing. */
static void test_a_wait_for_a_token_after_429(void **state)
{
	struct script script = {.limited = 1, .fields = "Retry-After: 1\r\n"};
	const int second_ms = 1, limit_ms = HTTP_LIMITED_MAX_MS / 1000 * second_ms;
	int64_t used_ms = -cpu_ms(), took_ms = -loop_now();
	struct http_request *req;
	struct client c;

	(void)state;
	atomic_store(&grants, 1);
	client_start_scaled(&c, play, &script, 0, second_ms);
	req = client_request(&c, HTTP_GET, "/");
	req->timeout_ms = 2 * limit_ms;
	req->authorize = grant_some;
	{
		_cleanup_response_ struct http_response *r = client_run(&c, req);

		assert_int_equal(r->status, 429);
		assert_int_equal(r->attempts, 1);
	}
	took_ms += loop_now();
	used_ms += cpu_ms();
	assert_true(took_ms >= 2 * limit_ms);
	assert_in_range(used_ms, 0, limit_ms / 2);
	client_stop(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_told_when),
		cmocka_unit_test(test_time_to_connect),
		cmocka_unit_test(test_nothing_but_429),
		cmocka_unit_test(test_a_wait_for_a_token_after_429),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
