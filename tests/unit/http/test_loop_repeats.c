/* SPDX-License-Identifier: MIT */
/* When the loop tries again, and when it must not: promises 3 and 4. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "client.h"

/* What the n-th request of a test is answered; the last row for all that follow. */
struct step {
	int status; /* 0: nothing */
	const char *fields;
	enum fake_then then;
};

static enum fake_then play(void *arg, const struct fake_request *req, GString *answer)
{
	const struct step *step = arg;

	for (int i = 1; i < req->serial && step[1].fields; i++)
		step++;
	if (step->status != 0)
		fake_answer(answer, step->status, step->fields, "{}");
	return step->then;
}

#define END                                                                                    \
	{                                                                                      \
		0, NULL, FAKE_KEEP                                                             \
	}

static struct http_response *post(struct client *c)
{
	struct http_request *req = client_request(c, HTTP_POST, "/v1/messages");

	req->content_type = g_strdup("application/json");
	req->body = g_strdup("{\"text\":\"hi\"}");
	req->body_len = strlen(req->body);
	return client_run(c, req);
}

/* Method against script: what is reported, after how many requests at the server. */
struct row {
	const char *name;
	enum http_method method;
	struct step steps[3];
	int error;
	int status;
	int requests;
	bool may_have_applied;
};

static const struct row rows[] = {
	{"GET after a reset",
	 HTTP_GET,
	 {{0, "", FAKE_RESET}, {200, "", FAKE_KEEP}, END},
	 0,
	 200,
	 2,
	 true},
	{"GET after no answer",
	 HTTP_GET,
	 {{0, "", FAKE_CLOSE}, {200, "", FAKE_KEEP}, END},
	 0,
	 200,
	 2,
	 true},
	{"GET never answered",
	 HTTP_GET,
	 {{0, "", FAKE_CLOSE}, END},
	 -ECONNRESET,
	 0,
	 HTTP_MAX_TRIES,
	 true},
	{"POST after a reset",
	 HTTP_POST,
	 {{0, "", FAKE_RESET}, {200, "", FAKE_KEEP}, END},
	 -ECONNRESET,
	 0,
	 1,
	 true},
	{"POST after no answer",
	 HTTP_POST,
	 {{0, "", FAKE_CLOSE}, {200, "", FAKE_KEEP}, END},
	 -ECONNRESET,
	 0,
	 1,
	 true},
	{"POST answered", HTTP_POST, {{200, "", FAKE_KEEP}, END}, 0, 200, 1, true},
	{"POST 303", HTTP_POST, {{303, "", FAKE_KEEP}, END}, 0, 303, 1, true},
	{"POST 307", HTTP_POST, {{307, "", FAKE_KEEP}, END}, 0, 307, 1, false},
	{"POST refused by its content",
	 HTTP_POST,
	 {{400, "", FAKE_KEEP}, END},
	 0,
	 400,
	 1,
	 false},
	{"POST limited",
	 HTTP_POST,
	 {{429, "Retry-After: 1\r\n", FAKE_KEEP}, {200, "", FAKE_KEEP}, END},
	 0,
	 200,
	 2,
	 true},
	{"GET limited",
	 HTTP_GET,
	 {{429, "Retry-After: 1\r\n", FAKE_KEEP}, {200, "", FAKE_KEEP}, END},
	 0,
	 200,
	 2,
	 true},
	{"GET locked",
	 HTTP_GET,
	 {{423, "Retry-After: 1\r\n", FAKE_KEEP}, {200, "", FAKE_KEEP}, END},
	 0,
	 200,
	 2,
	 true},
	{"GET 500 once",
	 HTTP_GET,
	 {{500, "", FAKE_KEEP}, {200, "", FAKE_KEEP}, END},
	 0,
	 200,
	 2,
	 true},
	{"GET 500 twice", HTTP_GET, {{500, "", FAKE_KEEP}, END}, 0, 500, 2, true},
	{"POST 500", HTTP_POST, {{500, "", FAKE_KEEP}, END}, 0, 500, 1, true},
	{"GET 502",
	 HTTP_GET,
	 {{502, "", FAKE_KEEP}, {200, "", FAKE_KEEP}, END},
	 0,
	 200,
	 2,
	 true},
	{"PUT 504",
	 HTTP_PUT,
	 {{504, "", FAKE_KEEP}, {200, "", FAKE_KEEP}, END},
	 0,
	 200,
	 2,
	 true},
	{"DELETE 503 for ever",
	 HTTP_DELETE,
	 {{503, "", FAKE_KEEP}, END},
	 0,
	 503,
	 HTTP_MAX_TRIES,
	 true},
	{"POST 502", HTTP_POST, {{502, "", FAKE_KEEP}, END}, 0, 502, 1, true},
	{"POST 503 without Retry-After",
	 HTTP_POST,
	 {{503, "", FAKE_KEEP}, END},
	 0,
	 503,
	 1,
	 true},
	{"POST 503 with Retry-After",
	 HTTP_POST,
	 {{503, "Retry-After: 1\r\n", FAKE_KEEP}, {200, "", FAKE_KEEP}, END},
	 0,
	 200,
	 2,
	 true},
	{"GET 404", HTTP_GET, {{404, "", FAKE_KEEP}, END}, 0, 404, 1, false},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct row *row = &rows[i];
		_cleanup_response_ struct http_response *r = NULL;
		struct step steps[G_N_ELEMENTS(row->steps)];
		struct client c;

		memcpy(steps, row->steps, sizeof(steps));
		client_start(&c, play, steps, 0);
		r = row->method == HTTP_POST
			    ? post(&c)
			    : client_run(&c, client_request(&c, row->method, "/v1/x"));
		if (r->error != row->error || r->status != row->status ||
		    fake_requests(c.server) != row->requests || r->attempts != row->requests ||
		    r->may_have_applied != row->may_have_applied)
			fail_msg(
				"%s: error %d, status %d, %d requests, %d attempts, applied %d",
				row->name, r->error, r->status, fake_requests(c.server),
				r->attempts, r->may_have_applied);
		client_stop(&c);
	}
}

/* However curl cuts what it sends: what the server read counts as sent. */
static void check_doubt(size_t size, bool as_file)
{
	struct step steps[] = {{0, "", FAKE_RESET}, {200, "", FAKE_KEEP}, END};
	_cleanup_response_ struct http_response *r = NULL;
	struct http_request *req;
	FILE *file = tmpfile();
	struct client c;

	client_start(&c, play, steps, 0);
	req = client_request(&c, HTTP_POST, "/v1/messages");
	req->body = g_strnfill(size, 'x');
	if (as_file) {
		assert_int_equal(fwrite(req->body, 1, size, file), size);
		fflush(file);
		http_request_add_file(req, "files", "x", "text/plain", fileno(file),
				      (int64_t)size);
	} else {
		req->body_len = size;
	}
	r = client_run(&c, req);
	assert_int_equal(r->error, -ECONNRESET);
	assert_true(r->may_have_applied);
	assert_int_equal(fake_requests(c.server), 1);
	client_stop(&c);
	fclose(file);
}

static void test_post_of_any_size_is_sent_once(void **state)
{
	static const size_t sizes[] = {0, 1, 7439, 70000, 2000000};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		check_doubt(sizes[i], false);
		check_doubt(sizes[i], true);
	}
}

static void test_never_is_never(void **state)
{
	struct step steps[] = {{429, "Retry-After: 1\r\n", FAKE_KEEP}, END};
	_cleanup_response_ struct http_response *r = NULL;
	struct http_request *req;
	struct client c;

	(void)state;
	client_start(&c, play, steps, 0);
	req = client_request(&c, HTTP_GET, "/");
	req->repeat = HTTP_REPEAT_NEVER;
	r = client_run(&c, req);
	assert_int_equal(r->status, 429);
	assert_int_equal(r->retry_after_s, 1);
	assert_int_equal(fake_requests(c.server), 1);
	client_stop(&c);
}

static void check_waits(const char *fields, int seconds)
{
	struct step steps[] = {{429, fields, FAKE_KEEP}, {200, "", FAKE_KEEP}, END};
	_cleanup_response_ struct http_response *r = NULL;
	int64_t begun_ms = loop_now(), took_ms;
	struct client c;

	client_start(&c, play, steps, 0);
	r = client_get(&c, "/");
	took_ms = loop_now() - begun_ms;
	assert_int_equal(r->status, 200);
	assert_int_equal(r->attempts, 2);
	assert_true(took_ms >= seconds * SECOND_MS);
	assert_true(took_ms < TIMEOUT_MS / 2);
	client_stop(&c);
}

static void test_retry_after_is_kept(void **state)
{
	(void)state;
	check_waits("Retry-After: 5\r\n", 5);
	check_waits("Retry-After: rand(30),add(30)\r\n", 15);
	check_waits("", 15);
	check_waits("Retry-After: 0\r\n", 1);
}

/* A 429 stops everything, a 423 only what it was said to: the first, which gets it at each repeat. */
static enum fake_then limit_first(void *arg, const struct fake_request *req, GString *answer)
{
	const int *status = arg;

	if (g_str_has_prefix(req->head, "GET /first "))
		fake_answer(answer, *status, "Retry-After: 50\r\n", "");
	else
		fake_answer(answer, 200, "", "{}");
	return FAKE_KEEP;
}

/* The second takes `least_ms` from before the first. */
static void check_second_get(int status, int64_t least_ms, int64_t most_ms)
{
	_cleanup_response_ struct http_response *first = NULL, *second = NULL;
	int64_t first_ms = loop_now(), second_ms, end_ms;
	struct pending *p;
	struct client c;

	client_start(&c, limit_first, &status, 0);
	p = client_submit(&c, client_request(&c, HTTP_GET, "/first"));
	/* The loop has read the answer once it waits again. */
	assert_true(fake_wait_requests(c.server, 1) && client_wait(&c, 0, 1));
	second_ms = loop_now();
	second = client_get(&c, "/second");
	end_ms = loop_now();
	http_cancel(c.loop, pending_id(p));
	first = pending_wait(p);
	client_stop(&c);
	assert_int_equal(second->status, 200);
	assert_int_equal(first->error, -ECANCELED);
	assert_true(end_ms - first_ms >= least_ms && end_ms - second_ms < most_ms);
}

static void test_429_shuts_gate_and_423_does_not(void **state)
{
	(void)state;
	check_second_get(429, 50 * SECOND_MS, TIMEOUT_MS);
	check_second_get(423, 0, 25 * SECOND_MS);
}

static void test_no_wait_past_deadline(void **state)
{
	struct step steps[] = {{429, "Retry-After: 3600\r\n", FAKE_KEEP}, END};
	int64_t begun_ms = loop_now();
	struct client c;

	(void)state;
	client_start(&c, play, steps, 0);
	{
		_cleanup_response_ struct http_response *told = client_get(&c, "/");
		/* The gate is shut for longer than this one may wait. */
		_cleanup_response_ struct http_response *next = post(&c);

		assert_int_equal(told->error, 0);
		assert_int_equal(told->status, 429);
		assert_int_equal(told->retry_after_s, 3600);
		assert_int_equal(next->error, -EBUSY);
		assert_int_equal(next->attempts, 0);
		assert_false(next->may_have_applied);
	}
	assert_true(loop_now() - begun_ms < TIMEOUT_MS / 2);
	assert_int_equal(fake_requests(c.server), 1);
	client_stop(&c);
}

static void test_refused_is_told_soon(void **state)
{
	static const enum http_method methods[] = {HTTP_GET, HTTP_POST};
	struct client c;

	(void)state;
	client_start(&c, play, NULL, 0);
	fake_refuse(c.server);
	for (size_t i = 0; i < G_N_ELEMENTS(methods); i++) {
		_cleanup_response_ struct http_response *r =
			client_run(&c, client_request(&c, methods[i], "/"));

		assert_int_equal(r->error, -ECONNREFUSED);
		assert_int_equal(r->attempts, 3);
		assert_int_equal(r->status, 0);
		assert_false(r->may_have_applied);
	}
	client_stop(&c);
}

static void check_deadline(enum http_method method, bool may_have_applied)
{
	struct step steps[] = {{0, "", FAKE_HANG}, END};
	_cleanup_response_ struct http_response *r = NULL;
	int64_t begun_ms = loop_now();
	struct http_request *req;
	struct client c;

	client_start(&c, play, steps, 0);
	req = client_request(&c, method, "/");
	req->timeout_ms = 200;
	r = client_run(&c, req);
	assert_int_equal(r->error, -ETIMEDOUT);
	assert_int_equal(r->may_have_applied, may_have_applied);
	assert_int_equal(r->attempts, 1);
	assert_true(loop_now() - begun_ms >= 200);
	assert_true(loop_now() - begun_ms < 2000);
	client_stop(&c);
}

static void test_deadline_ends_a_hang(void **state)
{
	(void)state;
	check_deadline(HTTP_GET, true);
	check_deadline(HTTP_POST, true);
}

/* The first request is answered and the connection kept; the second is read and dropped. */
static enum fake_then drop_second(void *arg, const struct fake_request *req, GString *answer)
{
	struct fake_server **refusing = arg;

	if (req->on_connection == 1) {
		fake_answer(answer, 200, "", "{}");
		return FAKE_KEEP;
	}
	if (*refusing)
		fake_refuse(*refusing);
	return FAKE_CLOSE;
}

/*
 * curl would send the POST again on a new connection: the server may have acted on it, so
 * this must not happen, whether the second connection would be answered or refused.
 */
static void check_kept_alive_post(bool refuse_later)
{
	_cleanup_response_ struct http_response *get = NULL, *r = NULL;
	struct fake_server *refusing = NULL;
	struct client c;

	client_start(&c, drop_second, &refusing, 0);
	get = client_get(&c, "/");
	assert_int_equal(get->status, 200);
	if (refuse_later)
		refusing = c.server;
	r = post(&c);
	assert_int_equal(r->error, refuse_later ? -ECONNREFUSED : -ECONNRESET);
	assert_true(r->may_have_applied);
	assert_int_equal(r->attempts, 1);
	assert_int_equal(fake_requests(c.server), 2);
	client_stop(&c);
}

static void test_kept_alive_post_is_sent_once(void **state)
{
	(void)state;
	check_kept_alive_post(false);
	check_kept_alive_post(true);
}

/* A connection's first DELETE is done and not answered, the next finds nothing. */
static enum fake_then delete_once(void *arg, const struct fake_request *req, GString *answer)
{
	bool *is_done = arg;
	bool is_delete = g_str_has_prefix(req->head, "DELETE ");

	if (is_delete && !*is_done) {
		*is_done = true;
		return FAKE_CLOSE;
	}
	fake_answer(answer, is_delete ? 404 : 200, "", "{}");
	return FAKE_KEEP;
}

/* curl itself sends it again: a 404 does not say that the first sending did nothing. */
static void test_kept_alive_delete_may_have_applied(void **state)
{
	_cleanup_response_ struct http_response *get = NULL, *first = NULL, *second = NULL;
	struct client c;
	bool is_done = false;

	(void)state;
	client_start(&c, delete_once, &is_done, 0);
	get = client_get(&c, "/");
	first = client_run(&c, client_request(&c, HTTP_DELETE, "/v1/messages/1"));
	assert_int_equal(first->status, 404);
	assert_int_equal(first->attempts, 1);
	assert_true(first->may_have_applied);
	second = client_run(&c, client_request(&c, HTTP_DELETE, "/v1/messages/1"));
	assert_int_equal(second->status, 404);
	assert_false(second->may_have_applied);
	client_stop(&c);
}

static void test_kept_alive_get_is_repeated(void **state)
{
	_cleanup_response_ struct http_response *first = NULL, *second = NULL;
	struct fake_server *refusing = NULL;
	struct client c;

	(void)state;
	client_start(&c, drop_second, &refusing, 0);
	first = client_get(&c, "/");
	assert_int_equal(first->status, 200);
	second = client_get(&c, "/");
	assert_int_equal(second->error, 0);
	assert_int_equal(second->status, 200);
	assert_int_equal(fake_requests(c.server), 3);
	client_stop(&c);
}

/* A server that closes idle connections costs nobody a message. */
static enum fake_then answer_and_close(void *arg, const struct fake_request *req,
				       GString *answer)
{
	(void)arg;
	(void)req;
	fake_answer(answer, 200, "", "{}");
	return FAKE_CLOSE;
}

static void test_closed_idle_connection_is_harmless(void **state)
{
	struct client c;

	(void)state;
	client_start(&c, answer_and_close, NULL, 0);
	for (int i = 1; i <= 20; i++) {
		_cleanup_response_ struct http_response *r = post(&c);

		/* Closed before it was sent is repeated; a race may leave it in doubt. */
		assert_true(r->error == 0 ? r->status == 200 : r->may_have_applied);
		assert_true(fake_requests(c.server) <= i);
	}
	client_stop(&c);
}

static enum fake_then cut_first(void *arg, const struct fake_request *req, GString *answer)
{
	(void)arg;
	if (req->serial == 1) {
		g_string_append(answer, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal");
		return FAKE_CLOSE;
	}
	fake_answer(answer, 200, "", "wholebody");
	return FAKE_KEEP;
}

static void test_cut_get_is_repeated(void **state)
{
	_cleanup_response_ struct http_response *r = NULL;
	struct client c;

	(void)state;
	client_start(&c, cut_first, NULL, 0);
	r = client_get(&c, "/");
	assert_int_equal(r->error, 0);
	assert_string_equal(r->body, "wholebody");
	assert_int_equal(r->attempts, 2);
	client_stop(&c);
}

static enum fake_then junk_first(void *arg, const struct fake_request *req, GString *answer)
{
	(void)arg;
	if (req->serial == 1) {
		g_string_append(answer, "0\r\n\r\n");
		return FAKE_CLOSE;
	}
	fake_answer(answer, 200, "", "whole");
	return FAKE_KEEP;
}

/* What a server sent behind an earlier answer is no answer to this one; a POST may have been read. */
static void test_junk_is_no_answer(void **state)
{
	_cleanup_response_ struct http_response *get = NULL, *post_reply = NULL;
	struct client c;

	(void)state;
	client_start(&c, junk_first, NULL, 0);
	get = client_get(&c, "/");
	assert_int_equal(get->error, 0);
	assert_string_equal(get->body, "whole");
	assert_int_equal(get->attempts, 2);
	client_stop(&c);
	client_start(&c, junk_first, NULL, 0);
	post_reply = post(&c);
	assert_int_equal(post_reply->error, -ECONNRESET);
	assert_true(post_reply->may_have_applied);
	assert_int_equal(post_reply->attempts, 1);
	client_stop(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_post_of_any_size_is_sent_once),
		cmocka_unit_test(test_never_is_never),
		cmocka_unit_test(test_retry_after_is_kept),
		cmocka_unit_test(test_429_shuts_gate_and_423_does_not),
		cmocka_unit_test(test_no_wait_past_deadline),
		cmocka_unit_test(test_refused_is_told_soon),
		cmocka_unit_test(test_deadline_ends_a_hang),
		cmocka_unit_test(test_kept_alive_post_is_sent_once),
		cmocka_unit_test(test_kept_alive_get_is_repeated),
		cmocka_unit_test(test_kept_alive_delete_may_have_applied),
		cmocka_unit_test(test_closed_idle_connection_is_harmless),
		cmocka_unit_test(test_cut_get_is_repeated),
		cmocka_unit_test(test_junk_is_no_answer),
	};

	return cmocka_run_group_tests_name("http loop: repeats", tests, NULL, NULL);
}
