/* SPDX-License-Identifier: MIT */
/* When `authorize` is called, and what a 401 leads to: promise 8. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "client.h"

#define SIZE 30000
#define CUT 10000
#define MANY 64

/* The owner of a token: gives "token-<number>" with what `number` is at the time. */
struct owner {
	struct http_loop *loop;
	atomic_int number;   /* 0: HTTP_AUTH_WAIT; below: HTTP_AUTH_NONE with that error */
	atomic_int asked;    /* times */
	atomic_int refused;  /* times with was_refused */
	int after_refusal;   /* what number becomes when one is refused, if not 0 */
	bool fails_silently; /* HTTP_AUTH_NONE without an error */
	bool tells_at_once; /* http_ask_again comes before HTTP_AUTH_WAIT is said, and a number */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct http_response *resp; /* lock */
	int done;		    /* lock; times */
};

static enum http_auth authorize(void *arg, bool was_refused, struct http_grant *ret_grant)
{
	struct owner *o = arg;
	int number;

	atomic_fetch_add(&o->asked, 1);
	if (was_refused) {
		atomic_fetch_add(&o->refused, 1);
		if (o->after_refusal)
			atomic_store(&o->number, o->after_refusal);
	}
	number = atomic_load(&o->number);
	if (number == 0 && o->tells_at_once) {
		atomic_store(&o->number, 1);
		http_ask_again(o->loop);
	}
	if (number == 0)
		return HTTP_AUTH_WAIT;
	if (number < 0 || (was_refused && o->fails_silently)) {
		ret_grant->error = o->fails_silently ? 0 : number;
		ret_grant->why = "nobody has one";
		return HTTP_AUTH_NONE;
	}
	ret_grant->bearer = g_strdup_printf("token-%d", number);
	return HTTP_AUTH_GIVEN;
}

static void on_done(void *arg, struct http_response *resp)
{
	struct owner *o = arg;

	pthread_mutex_lock(&o->lock);
	http_response_free(o->resp);
	o->resp = resp;
	o->done++;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
}

static void owner_init(struct owner *o, struct client *c, int number)
{
	*o = (struct owner){.loop = c->loop, .number = number};
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->changed, NULL);
}

static uint64_t submit(struct client *c, struct owner *o, struct http_request *req)
{
	g_clear_pointer(&req->bearer, g_free);
	req->authorize = authorize;
	req->done = on_done;
	req->arg = o;
	return http_submit(c->loop, req);
}

/* The last of `n` answers; fails after ten seconds. Owned. */
static struct http_response *wait_done(struct owner *o, int n)
{
	struct timespec until;
	struct http_response *resp;
	int r = 0, done;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	pthread_mutex_lock(&o->lock);
	while (o->done < n && r == 0)
		r = pthread_cond_timedwait(&o->changed, &o->lock, &until);
	resp = g_steal_pointer(&o->resp);
	done = o->done;
	pthread_mutex_unlock(&o->lock);
	assert_int_equal(done, n);
	return resp;
}

static struct http_response *run(struct client *c, struct owner *o, struct http_request *req)
{
	submit(c, o, req);
	return wait_done(o, 1);
}

/* 401 to all but token-2. What is asked of /busy gets a 503 first, and then there is token-2. */
static enum fake_then want_second(void *arg, const struct fake_request *req, GString *answer)
{
	_cleanup_gfree_ char *bearer = fake_field(req, "Authorization");

	if (strstr(req->head, " /busy ") && req->serial == 1) {
		atomic_store(&((struct owner *)arg)->number, 2);
		fake_answer(answer, 503, "Retry-After: 1\r\n", "busy");
	} else if (g_strcmp0(bearer, "Bearer token-2") == 0) {
		fake_answer(answer, 200, "", "good");
	} else {
		fake_answer(answer, 401, "TrackingID: T1\r\n", "who are you");
	}
	return FAKE_KEEP;
}

static void check_bearer(struct client *c, int n, const char *wanted)
{
	_cleanup_gfree_ char *bearer =
		fake_field(fake_request_nth(c->server, n), "Authorization");

	assert_string_equal(bearer, wanted);
}

static void test_each_try_asks(void **state)
{
	struct client c;
	struct owner o;

	(void)state;
	client_start(&c, want_second, &o, 0);
	owner_init(&o, &c, 1);
	{
		_cleanup_response_ struct http_response *r =
			run(&c, &o, client_request(&c, HTTP_GET, "/busy"));

		assert_int_equal(r->status, 200);
		assert_int_equal(r->attempts, 2);
		assert_int_equal(atomic_load(&o.refused), 0);
	}
	check_bearer(&c, 1, "Bearer token-1");
	check_bearer(&c, 2, "Bearer token-2");
	client_stop(&c);
}

static void test_a_401_is_repeated_once(void **state)
{
	struct client c;
	struct owner o;

	(void)state;
	client_start(&c, want_second, NULL, 0);
	owner_init(&o, &c, 1);
	o.after_refusal = 2;
	{
		struct http_request *req = client_request(&c, HTTP_POST, "/");

		req->body = g_strdup("{}");
		req->body_len = 2;
		_cleanup_response_ struct http_response *r = run(&c, &o, req);

		assert_int_equal(r->error, 0);
		assert_int_equal(r->status, 200);
		assert_string_equal(r->body, "good");
		assert_int_equal(r->attempts, 2);
	}
	check_bearer(&c, 1, "Bearer token-1");
	check_bearer(&c, 2, "Bearer token-2");
	assert_string_equal(fake_request_nth(c.server, 2)->body, "{}");
	assert_int_equal(atomic_load(&o.refused), 1);
	/* Another that is refused as well is the last. */
	o.after_refusal = 3;
	atomic_store(&o.number, 1);
	submit(&c, &o, client_request(&c, HTTP_GET, "/"));
	{
		_cleanup_response_ struct http_response *r = wait_done(&o, 2);

		assert_int_equal(r->error, 0);
		assert_int_equal(r->status, 401);
		assert_false(r->may_have_applied);
	}
	assert_int_equal(fake_requests(c.server), 4);
	client_stop(&c);
}

static void test_what_is_said_when_there_is_none(void **state)
{
	struct client c;
	struct owner o;

	(void)state;
	client_start(&c, want_second, NULL, 0);
	owner_init(&o, &c, -EAGAIN);
	{
		_cleanup_response_ struct http_response *r =
			run(&c, &o, client_request(&c, HTTP_GET, "/"));

		assert_int_equal(r->error, -EAGAIN);
		assert_string_equal(r->detail, "nobody has one");
		assert_int_equal(r->status, 0);
	}
	assert_int_equal(fake_requests(c.server), 0);
	/* After a 401 that is known all the same, and without an error it is the answer. */
	atomic_store(&o.number, 1);
	o.after_refusal = -EAGAIN;
	submit(&c, &o, client_request(&c, HTTP_GET, "/"));
	{
		_cleanup_response_ struct http_response *r = wait_done(&o, 2);

		assert_int_equal(r->error, -EAGAIN);
		assert_int_equal(r->status, 401);
		assert_string_equal(r->tracking_id, "T1");
		assert_null(r->body);
	}
	atomic_store(&o.number, 1);
	o.after_refusal = 0;
	o.fails_silently = true;
	submit(&c, &o, client_request(&c, HTTP_GET, "/"));
	{
		_cleanup_response_ struct http_response *r = wait_done(&o, 3);

		assert_int_equal(r->error, 0);
		assert_int_equal(r->status, 401);
		assert_string_equal(r->body, "who are you");
	}
	assert_int_equal(fake_requests(c.server), 2);
	client_stop(&c);
}

static void test_it_waits_until_it_is_asked_again(void **state)
{
	struct client c;
	struct owner o;

	(void)state;
	client_start(&c, want_second, NULL, 0);
	owner_init(&o, &c, 0);
	submit(&c, &o, client_request(&c, HTTP_GET, "/"));
	assert_true(client_wait(&c, 0, 1));
	/* Others pass by, and it is not asked at each of their steps. */
	http_response_free(client_get(&c, "/"));
	assert_int_equal(fake_requests(c.server), 1);
	assert_int_equal(atomic_load(&o.asked), 1);
	/* Nothing new: it goes on waiting. */
	http_ask_again(c.loop);
	while (atomic_load(&o.asked) < 2)
		sched_yield();
	assert_true(client_wait(&c, 0, 1));
	atomic_store(&o.number, 2);
	http_ask_again(c.loop);
	http_response_free(wait_done(&o, 1));
	check_bearer(&c, 2, "Bearer token-2");
	client_stop(&c);
}

/* The word that there is one may come while it is being told to wait for that. */
static void test_no_word_is_missed(void **state)
{
	struct client c;
	struct owner o;

	(void)state;
	client_start(&c, want_second, NULL, 0);
	owner_init(&o, &c, 0);
	o.tells_at_once = true;
	http_response_free(run(&c, &o, client_request(&c, HTTP_GET, "/")));
	client_stop(&c);
}

static void test_it_waits_no_longer_than_its_deadline(void **state)
{
	struct http_request *req;
	struct client c;
	struct owner o;

	(void)state;
	client_start(&c, want_second, NULL, 0);
	owner_init(&o, &c, 0);
	req = client_request(&c, HTTP_GET, "/");
	req->timeout_ms = 50;
	{
		_cleanup_response_ struct http_response *r = run(&c, &o, req);

		assert_int_equal(r->error, -ETIMEDOUT);
		assert_int_equal(r->attempts, 0);
	}
	assert_int_equal(fake_requests(c.server), 0);
	client_stop(&c);
}

/* Refuses token-1, and has no other until it is told of one. */
static enum http_auth one_then_wait(void *arg, bool was_refused, struct http_grant *ret_grant)
{
	struct owner *o = arg;

	if (was_refused && atomic_load(&o->number) == 1)
		atomic_store(&o->number, 0);
	return authorize(arg, was_refused, ret_grant);
}

static uint64_t submit_refused(struct client *c, struct owner *o, int timeout_ms)
{
	struct http_request *req = client_request(c, HTTP_POST, "/");

	atomic_store(&o->number, 1);
	g_clear_pointer(&req->bearer, g_free);
	req->timeout_ms = timeout_ms;
	req->authorize = one_then_wait;
	req->done = on_done;
	req->arg = o;
	return http_submit(c->loop, req);
}

static void test_a_refused_one_that_waits_can_be_ended(void **state)
{
	struct client c;
	struct owner o;
	uint64_t id;

	(void)state;
	client_start(&c, want_second, NULL, 0);
	owner_init(&o, &c, 1);
	submit_refused(&c, &o, 300);
	{
		_cleanup_response_ struct http_response *r = wait_done(&o, 1);

		assert_int_equal(r->error, -ETIMEDOUT);
		assert_int_equal(r->status, 401);
		assert_false(r->may_have_applied);
	}
	id = submit_refused(&c, &o, TIMEOUT_MS);
	assert_true(fake_wait_requests(c.server, 2));
	assert_true(client_wait(&c, 0, 1));
	http_cancel(c.loop, id);
	{
		_cleanup_response_ struct http_response *r = wait_done(&o, 2);

		assert_int_equal(r->error, -ECANCELED);
		assert_false(r->may_have_applied);
	}
	/* What was refused had no effect. */
	id = submit_refused(&c, &o, TIMEOUT_MS);
	assert_true(fake_wait_requests(c.server, 3));
	assert_true(client_wait(&c, 0, 1));
	assert_true(http_withdraw(c.loop, id));
	atomic_store(&o.number, 2);
	http_ask_again(c.loop);
	{
		_cleanup_response_ struct http_response *r = wait_done(&o, 3);

		assert_int_equal(r->error, -ECANCELED);
		assert_false(r->may_have_applied);
	}
	submit_refused(&c, &o, TIMEOUT_MS);
	assert_true(fake_wait_requests(c.server, 4));
	assert_true(client_wait(&c, 0, 1));
	http_loop_stop(&c.loop);
	{
		_cleanup_response_ struct http_response *r = wait_done(&o, 4);

		assert_int_equal(r->error, -ESHUTDOWN);
	}
	assert_int_equal(fake_requests(c.server), 4);
	client_stop(&c);
}

/* The first answer breaks; the repeat of that is refused. */
static enum fake_then break_then_refuse(void *arg, const struct fake_request *req,
					GString *answer)
{
	_cleanup_gfree_ char *range = fake_field(req, "Range");
	_cleanup_gfree_ char *bytes = g_strnfill(SIZE, 'x');
	int from = range ? atoi(range + strlen("bytes=")) : 0;

	(void)arg;
	if (req->serial == 1) {
		g_string_append_printf(answer, "HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n",
				       SIZE);
		g_string_append_len(answer, bytes, CUT);
		return FAKE_CLOSE;
	}
	if (req->serial == 2) {
		fake_answer(answer, 401, "", "who are you");
		return FAKE_KEEP;
	}
	g_string_append_printf(answer,
			       "HTTP/1.1 206 X\r\nContent-Range: bytes %d-%d/%d\r\n"
			       "Content-Length: %d\r\n\r\n",
			       from, SIZE - 1, SIZE, SIZE - from);
	g_string_append_len(answer, bytes, SIZE - from);
	return FAKE_KEEP;
}

static int take(void *arg, const struct http_piece *piece)
{
	int64_t *taken = arg;

	*taken += (int64_t)piece->len;
	return HTTP_TAKEN;
}

static void test_a_transfer_goes_on_where_it_broke_after_a_401(void **state)
{
	struct http_request *req;
	_cleanup_gfree_ char *range = NULL;
	int64_t taken = 0;
	struct client c;
	struct owner o;

	(void)state;
	client_start(&c, break_then_refuse, NULL, 0);
	owner_init(&o, &c, 1);
	o.after_refusal = 2;
	req = client_request(&c, HTTP_GET, "/a");
	req->take = take;
	req->take_arg = &taken;
	{
		_cleanup_response_ struct http_response *r = run(&c, &o, req);

		assert_int_equal(r->error, 0);
		assert_int_equal(r->position, SIZE);
	}
	assert_int_equal(taken, SIZE);
	range = fake_field(fake_request_nth(c.server, 3), "Range");
	assert_string_equal(range, "bytes=10000-");
	client_stop(&c);
}

static enum fake_then redirect(void *arg, const struct fake_request *req, GString *answer)
{
	_cleanup_gfree_ char *field = g_strdup_printf("Location: %s\r\n", *(char **)arg);

	(void)req;
	fake_answer(answer, 302, field, "moved");
	return FAKE_KEEP;
}

/* It was not shown the bearer: its 401 says nothing of that. */
static void test_the_401_of_a_stranger_is_final(void **state)
{
	struct fake_server *stranger = fake_start(want_second, NULL);
	_cleanup_gfree_ char *location = fake_url(stranger, "/elsewhere");
	_cleanup_gfree_ char *seen = NULL;
	struct http_request *req;
	struct client c;
	struct owner o;

	(void)state;
	client_start(&c, redirect, &location, 0);
	owner_init(&o, &c, 1);
	o.after_refusal = 2;
	req = client_request(&c, HTTP_GET, "/");
	req->follow_redirects = true;
	{
		_cleanup_response_ struct http_response *r = run(&c, &o, req);

		assert_int_equal(r->status, 401);
	}
	seen = fake_field(fake_request_nth(stranger, 1), "Authorization");
	assert_null(seen);
	assert_int_equal(atomic_load(&o.refused), 0);
	assert_int_equal(fake_requests(stranger), 1);
	client_stop(&c);
	fake_stop(&stranger);
}

static void test_one_that_is_refused_beforehand_is_not_sent(void **state)
{
	struct http_request *req;
	struct client c;
	struct owner o;

	(void)state;
	client_start(&c, want_second, NULL, 0);
	owner_init(&o, &c, 2);
	req = client_request(&c, HTTP_GET, "/");
	req->error = -EROFS;
	req->why = "read-only";
	{
		_cleanup_response_ struct http_response *r = run(&c, &o, req);

		assert_int_equal(r->error, -EROFS);
		assert_string_equal(r->detail, "read-only");
		assert_int_equal(r->attempts, 0);
	}
	assert_int_equal(atomic_load(&o.asked), 0);
	assert_int_equal(fake_requests(c.server), 0);
	client_stop(&c);
}

struct teller {
	struct http_loop *loop;
	atomic_bool stop;
};

static void *tell_again(void *arg)
{
	struct teller *t = arg;

	while (!atomic_load(&t->stop))
		http_ask_again(t->loop);
	return NULL;
}

/* Cancelled, withdrawn, granted and timed out at once, each ends once. */
static void test_races_report_once(void **state)
{
	struct teller teller = {.stop = false};
	pthread_t thread;
	struct client c;
	struct owner o;

	(void)state;
	client_start(&c, want_second, NULL, 0);
	owner_init(&o, &c, 0);
	teller.loop = c.loop;
	assert_int_equal(pthread_create(&thread, NULL, tell_again, &teller), 0);
	for (int i = 0; i < MANY; i++) {
		struct http_request *req = client_request(&c, HTTP_GET, "/");
		uint64_t id;

		atomic_store(&o.number, 0);
		req->timeout_ms = 1 + i % 8 * 20;
		id = submit(&c, &o, req);
		if (i % 2)
			atomic_store(&o.number, 2);
		if (i % 3 == 0)
			http_cancel(c.loop, id);
		if (i % 5 == 0)
			http_withdraw(c.loop, id);
		http_response_free(wait_done(&o, i + 1));
	}
	atomic_store(&teller.stop, true);
	pthread_join(thread, NULL);
	client_stop(&c);
	assert_int_equal(o.done, MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_try_asks),
		cmocka_unit_test(test_a_401_is_repeated_once),
		cmocka_unit_test(test_what_is_said_when_there_is_none),
		cmocka_unit_test(test_it_waits_until_it_is_asked_again),
		cmocka_unit_test(test_no_word_is_missed),
		cmocka_unit_test(test_it_waits_no_longer_than_its_deadline),
		cmocka_unit_test(test_a_refused_one_that_waits_can_be_ended),
		cmocka_unit_test(test_a_transfer_goes_on_where_it_broke_after_a_401),
		cmocka_unit_test(test_the_401_of_a_stranger_is_final),
		cmocka_unit_test(test_one_that_is_refused_beforehand_is_not_sent),
		cmocka_unit_test(test_races_report_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
