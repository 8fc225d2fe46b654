/* SPDX-License-Identifier: MIT */
/* Bodies that are taken as they come: promise 7. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "client.h"

#define SIZE 300000
#define CUT 100000

/* What is served: each byte tells its place. */
static char byte_at(int64_t at)
{
	return (char)('a' + at % 23 + at / 1000 % 3);
}

struct taker {
	char got[SIZE];
	int64_t most;	   /* place behind the last byte that came */
	int64_t taken;	   /* bytes, also those that came twice */
	int64_t pause_at;  /* wait once, there; 0: do not */
	atomic_int paused; /* times */
	int64_t total;
	bool is_part;
};

static int take(void *arg, const struct http_piece *piece)
{
	struct taker *t = arg;

	if (t->pause_at && piece->offset + (int64_t)piece->len > t->pause_at) {
		t->pause_at = 0;
		atomic_fetch_add(&t->paused, 1);
		return HTTP_PAUSE;
	}
	memcpy(t->got + piece->offset, piece->data, piece->len);
	t->taken += (int64_t)piece->len;
	t->most = MAX(t->most, piece->offset + (int64_t)piece->len);
	t->total = piece->total;
	t->is_part = piece->is_part;
	return HTTP_TAKEN;
}

static void check_bytes(const struct taker *t, int64_t from, int64_t to)
{
	for (int64_t at = from; at < to; at++)
		if (t->got[at] != byte_at(at))
			fail_msg("byte %lld is wrong", (long long)at);
}

/* A server with or without ranges whose first answer breaks. */
struct server {
	bool ranges;
	const char *lie;    /* Content-Range of each 206 instead of the true one */
	int breaks;	    /* answers that end at CUT of what they announced */
	int announce;	    /* bytes that Content-Length says too many, in the first answer */
	bool is_busy;	    /* the second request gets a 503, whose body is packed */
	int cut;	    /* where they end; 0: at CUT */
	const char *status; /* of all answers; NULL: the true one */
};

static void add_bytes(GString *answer, int64_t from, int64_t to)
{
	for (int64_t at = from; at < to; at++)
		g_string_append_c(answer, byte_at(at));
}

static enum fake_then serve(void *arg, const struct fake_request *req, GString *answer)
{
	_cleanup_gfree_ char *range = fake_field(req, "Range");
	struct server *s = arg;
	int64_t from = 0, to = SIZE;
	bool breaks = s->breaks-- > 0;

	if (strstr(req->head, "/hang "))
		return FAKE_HANG;
	if (s->is_busy && req->serial == 2) {
		fake_answer(answer, 503, "Content-Encoding: gzip\r\n", "");
		return FAKE_KEEP;
	}
	if (range && s->ranges) {
		char *dash = strchr(range, '-');

		from = atoll(range + strlen("bytes="));
		if (dash[1])
			to = atoll(dash + 1) + 1;
	}
	if (s->status) {
		g_string_append_printf(answer, "HTTP/1.1 %s\r\n\r\n", s->status);
		return FAKE_CLOSE;
	}
	if (from >= SIZE) {
		fake_answer(answer, 416, "Content-Range: bytes */300000\r\n", "{}");
		return FAKE_KEEP;
	}
	g_string_append_printf(answer, "HTTP/1.1 %d X\r\nContent-Length: %lld\r\n",
			       range && s->ranges ? 206 : 200,
			       (long long)(to - from + (breaks ? s->announce : 0)));
	if (range && s->ranges && s->lie)
		g_string_append_printf(answer, "Content-Range: %s\r\n", s->lie);
	else if (range && s->ranges)
		g_string_append_printf(answer, "Content-Range: bytes %lld-%lld/%d\r\n",
				       (long long)from, (long long)to - 1, SIZE);
	g_string_append(answer, "\r\n");
	if (breaks && !s->announce)
		to = from + (s->cut ? s->cut : CUT);
	add_bytes(answer, from, to);
	return breaks ? FAKE_CLOSE : FAKE_KEEP;
}

static struct http_request *request(struct client *c, struct taker *t)
{
	struct http_request *req = client_request(c, HTTP_GET, "/a");

	req->take = take;
	req->take_arg = t;
	return req;
}

static char *range_of(struct client *c, int n)
{
	return fake_field(fake_request_nth(c->server, n), "Range");
}

static void test_a_body_is_handed_over_whole_without_asking_for_a_part(void **state)
{
	g_autofree struct taker *t = g_new0(struct taker, 1);
	struct server s = {.ranges = true};
	struct client c;

	(void)state;
	client_start(&c, serve, &s, 0);
	{
		_cleanup_response_ struct http_response *r = client_run(&c, request(&c, t));

		assert_int_equal(r->error, 0);
		assert_int_equal(r->position, SIZE);
		assert_int_equal(r->total, SIZE);
		assert_true(r->is_framed);
		assert_null(r->body);
		assert_int_equal(t->total, SIZE);
		assert_false(t->is_part);
		check_bytes(t, 0, SIZE);
		assert_null(fake_field(fake_request_nth(c.server, 1), "Range"));
	}
	client_stop(&c);
}

static void test_a_part_is_asked_for_and_comes_at_its_place(void **state)
{
	g_autofree struct taker *t = g_new0(struct taker, 1);
	struct server s = {.ranges = true};
	struct http_request *req;
	struct client c;

	(void)state;
	client_start(&c, serve, &s, 0);
	req = request(&c, t);
	req->from = 5000;
	req->to = 70000;
	{
		_cleanup_response_ struct http_response *r = client_run(&c, req);
		_cleanup_gfree_ char *range = range_of(&c, 1);

		assert_int_equal(r->status, 206);
		assert_int_equal(r->position, 70000);
		assert_int_equal(r->total, SIZE);
		assert_int_equal(t->taken, 65000);
		assert_true(t->is_part);
		check_bytes(t, 5000, 70000);
		assert_string_equal(range, "bytes=5000-69999");
	}
	client_stop(&c);
}

static void test_a_part_that_is_another_than_asked_for_is_an_error(void **state)
{
	static const char *const lies[] = {"bytes 4999-69999/300000", "bytes */300000", "x",
					   "bytes 99999999999999999999-1/2"};
	g_autofree struct taker *t = g_new0(struct taker, 1);

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(lies); i++) {
		struct server s = {.ranges = true, .lie = lies[i]};
		struct http_request *req;
		struct client c;

		client_start(&c, serve, &s, 0);
		req = request(&c, t);
		req->from = 5000;
		req->to = 70000;
		{
			_cleanup_response_ struct http_response *r = client_run(&c, req);

			assert_int_equal(r->error, -EIO);
			assert_int_equal(t->taken, 0);
		}
		client_stop(&c);
	}
}

static void test_a_transfer_that_broke_goes_on_where_it_broke(void **state)
{
	g_autofree struct taker *t = g_new0(struct taker, 1);
	struct server s = {.ranges = true, .breaks = 2};
	struct client c;

	(void)state;
	client_start(&c, serve, &s, 0);
	{
		_cleanup_response_ struct http_response *r = client_run(&c, request(&c, t));
		_cleanup_gfree_ char *second = range_of(&c, 2);
		_cleanup_gfree_ char *third = range_of(&c, 3);

		assert_int_equal(r->error, 0);
		assert_int_equal(r->position, SIZE);
		assert_int_equal(r->attempts, 3);
		assert_string_equal(second, "bytes=100000-");
		assert_string_equal(third, "bytes=200000-");
		assert_int_equal(t->taken, SIZE);
		check_bytes(t, 0, SIZE);
	}
	client_stop(&c);
}

/* Nothing that is no part of the body says where that stands. */
static void test_a_refusal_in_between_loses_no_place(void **state)
{
	g_autofree struct taker *t = g_new0(struct taker, 1);
	struct server s = {.ranges = true, .breaks = 1, .is_busy = true};
	_cleanup_gfree_ char *range = NULL;
	struct client c;

	(void)state;
	client_start(&c, serve, &s, 0);
	{
		_cleanup_response_ struct http_response *r = client_run(&c, request(&c, t));

		assert_int_equal(r->error, 0);
		assert_int_equal(r->position, SIZE);
	}
	assert_int_equal(t->taken, SIZE);
	range = range_of(&c, 3);
	assert_string_equal(range, "bytes=100000-");
	client_stop(&c);
}

static void test_a_server_without_ranges_begins_anew(void **state)
{
	g_autofree struct taker *t = g_new0(struct taker, 1);
	struct server s = {.breaks = 1};
	struct client c;

	(void)state;
	client_start(&c, serve, &s, 0);
	{
		_cleanup_response_ struct http_response *r = client_run(&c, request(&c, t));

		assert_int_equal(r->error, 0);
		assert_int_equal(r->position, SIZE);
		assert_int_equal(t->taken, CUT + SIZE);
		check_bytes(t, 0, SIZE);
	}
	client_stop(&c);
}

/* A byte now and then, by as many tries as that takes, is no transfer. */
static void test_a_transfer_by_bytes_ends(void **state)
{
	g_autofree struct taker *t = g_new0(struct taker, 1);
	struct server s = {.ranges = true, .breaks = SIZE, .cut = 1};
	struct client c;

	(void)state;
	client_start(&c, serve, &s, 0);
	{
		_cleanup_response_ struct http_response *r = client_run(&c, request(&c, t));

		assert_true(r->error < 0);
		assert_int_equal(fake_requests(c.server), HTTP_MAX_TRIES);
	}
	client_stop(&c);
}

/* Each is a success, and none has the file. */
static void test_a_success_without_the_file(void **state)
{
	static const char *const all[] = {"204 X", "205 X\r\nContent-Length: 0",
					  "202 X\r\nContent-Length: 2\r\n\r\n{}",
					  "201 X\r\nContent-Length: 0", "299 X"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		g_autofree struct taker *t = g_new0(struct taker, 1);
		struct server s = {.status = all[i]};
		struct client c;

		client_start(&c, serve, &s, 0);
		{
			_cleanup_response_ struct http_response *r =
				client_run(&c, request(&c, t));

			assert_int_equal(r->error, -EIO);
			assert_int_equal(t->taken, 0);
		}
		client_stop(&c);
	}
}

static void test_a_length_that_was_too_large_is_cleared_up_by_a_416(void **state)
{
	g_autofree struct taker *t = g_new0(struct taker, 1);
	struct server s = {.ranges = true, .breaks = 1, .announce = 7};
	struct client c;

	(void)state;
	client_start(&c, serve, &s, 0);
	{
		_cleanup_response_ struct http_response *r = client_run(&c, request(&c, t));

		assert_int_equal(r->error, 0);
		assert_int_equal(r->position, SIZE);
		assert_int_equal(r->total, SIZE);
		assert_true(r->is_framed);
		assert_int_equal(t->taken, SIZE);
	}
	client_stop(&c);
}

static void test_a_paused_transfer_waits_beyond_its_time_and_goes_on(void **state)
{
	g_autofree struct taker *t = g_new0(struct taker, 1);
	struct server s = {.ranges = true};
	struct http_request *req, *hanging;
	struct pending *p;
	struct client c;

	(void)state;
	client_start(&c, serve, &s, 0);
	t->pause_at = CUT;
	req = request(&c, t);
	req->timeout_ms = 100;
	p = client_submit(&c, req);
	/* Another that waits for longer than the first may be silent, and than the loop is late. */
	hanging = client_request(&c, HTTP_GET, "/hang");
	hanging->timeout_ms = 1500;
	hanging->repeat = HTTP_REPEAT_NEVER;
	http_response_free(client_run(&c, hanging));
	assert_int_equal(atomic_load(&t->paused), 1);
	assert_false(pending_is_done(p));
	assert_true(t->taken <= CUT);
	http_resume(c.loop, pending_id(p));
	{
		_cleanup_response_ struct http_response *r = pending_wait(p);

		assert_int_equal(r->error, 0);
		assert_int_equal(r->attempts, 1);
		assert_int_equal(t->taken, SIZE);
		check_bytes(t, 0, SIZE);
	}
	client_stop(&c);
}

static void test_a_paused_transfer_can_be_cancelled(void **state)
{
	g_autofree struct taker *t = g_new0(struct taker, 1);
	struct server s = {.ranges = true};
	struct pending *p;
	struct client c;

	(void)state;
	client_start(&c, serve, &s, 0);
	t->pause_at = CUT;
	p = client_submit(&c, request(&c, t));
	while (!atomic_load(&t->paused))
		g_thread_yield();
	http_cancel(c.loop, pending_id(p));
	{
		_cleanup_response_ struct http_response *r = pending_wait(p);

		assert_int_equal(r->error, -ECANCELED);
		assert_int_equal(r->position, t->most);
	}
	client_stop(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_body_is_handed_over_whole_without_asking_for_a_part),
		cmocka_unit_test(test_a_part_is_asked_for_and_comes_at_its_place),
		cmocka_unit_test(test_a_part_that_is_another_than_asked_for_is_an_error),
		cmocka_unit_test(test_a_transfer_that_broke_goes_on_where_it_broke),
		cmocka_unit_test(test_a_refusal_in_between_loses_no_place),
		cmocka_unit_test(test_a_transfer_by_bytes_ends),
		cmocka_unit_test(test_a_success_without_the_file),
		cmocka_unit_test(test_a_server_without_ranges_begins_anew),
		cmocka_unit_test(test_a_length_that_was_too_large_is_cleared_up_by_a_416),
		cmocka_unit_test(test_a_paused_transfer_waits_beyond_its_time_and_goes_on),
		cmocka_unit_test(test_a_paused_transfer_can_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
