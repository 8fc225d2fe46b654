/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib.h>

#include "http/retry.h"

/* 2025-03-04T09:20:31Z */
#define NOW_MS INT64_C(1741080031000)

static const struct {
	const char *value;
	int seconds;
} rows[] = {
	{"1", 1},
	{"30", 30},
	{" 30 ", 30},
	{"3600", 3600},
	{"3601", 3600},
	{"99999999999999999999999999", 3600},
	/* webex-api.md 11 */
	{"rand(30),add(30)", 15},
	{"0", 1},
	{NULL, 15},
	{"", 15},
	{"-5", 15},
	{"1.5", 15},
	{"30s", 15},
	{"0x10", 15},
	{"soon", 15},
	{"Tue, 04 Mar 2025 09:21:01 GMT", 30},
	{"Tuesday, 04-Mar-25 09:21:01 GMT", 30},
	{"Tue, 04 Mar 2025 09:00:00 GMT", 1},
	{"Wed, 05 Mar 2025 09:20:31 GMT", 3600},
};

static void test_retry_after(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		int seconds = http_retry_after(rows[i].value, NOW_MS);

		if (seconds != rows[i].seconds)
			fail_msg("%s: %d", rows[i].value ? rows[i].value : "(none)", seconds);
	}
}

static void test_backoff(void **state)
{
	static const int full_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 32000, 32000};

	(void)state;
	for (int i = 0; i < (int)G_N_ELEMENTS(full_ms); i++) {
		assert_int_equal(http_backoff_ms(i + 1, 0), full_ms[i]);
		assert_uint_in_range(http_backoff_ms(i + 1, G_MAXUINT32), full_ms[i] * 3 / 4,
				     full_ms[i] * 3 / 4 + 1);
	}
	assert_int_equal(http_backoff_ms(1000000, 0), 32000);
	assert_int_equal(http_backoff_ms(0, 0), 1000);
}

static int64_t after_error(enum http_repeat repeat, int error, bool transient, bool reached,
			   bool applied, int tries)
{
	struct http_outcome outcome = {.error = error,
				       .transient = transient,
				       .reached = reached,
				       .may_have_applied = applied};
	struct http_history history = {.tries = tries, .reached = reached};

	return http_retry_wait_ms(repeat, &outcome, &history, 0);
}

static void test_lost_connections(void **state)
{
	(void)state;
	/* never reached: twice, soon */
	assert_int_equal(after_error(HTTP_REPEAT_UNSENT, -ECONNREFUSED, true, false, false, 1),
			 250);
	assert_int_equal(after_error(HTTP_REPEAT_ALWAYS, -EHOSTUNREACH, true, false, false, 2),
			 1000);
	assert_int_equal(after_error(HTTP_REPEAT_ALWAYS, -ECONNREFUSED, true, false, false, 3),
			 -1);
	/* reached, nothing sent: also a POST */
	assert_int_equal(after_error(HTTP_REPEAT_UNSENT, -ECONNRESET, true, true, false, 1),
			 1000);
	assert_int_equal(after_error(HTTP_REPEAT_UNSENT, -ECONNRESET, true, true, false, 4),
			 8000);
	assert_int_equal(after_error(HTTP_REPEAT_UNSENT, -ECONNRESET, true, true, false, 5),
			 -1);
	/* in doubt */
	assert_int_equal(after_error(HTTP_REPEAT_UNSENT, -ECONNRESET, true, true, true, 1), -1);
	assert_int_equal(after_error(HTTP_REPEAT_UNSENT, -ETIMEDOUT, true, true, true, 1), -1);
	assert_int_equal(after_error(HTTP_REPEAT_ALWAYS, -ECONNRESET, true, true, true, 1),
			 1000);
	/* hopeless */
	assert_int_equal(after_error(HTTP_REPEAT_ALWAYS, -EPROTO, false, false, false, 1), -1);
	assert_int_equal(after_error(HTTP_REPEAT_ALWAYS, -EMSGSIZE, false, true, true, 1), -1);
	assert_int_equal(after_error(HTTP_REPEAT_NEVER, -ECONNREFUSED, true, false, false, 1),
			 -1);
}

static int64_t after_status(enum http_repeat repeat, int status, int retry_after_s)
{
	struct http_outcome outcome = {.status = status,
				       .reached = true,
				       .has_retry_after = retry_after_s > 0,
				       .retry_after_s = retry_after_s > 0 ? retry_after_s : 15};
	struct http_history history = {
		.tries = 1, .reached = true, .server_errors = status == 500};

	return http_retry_wait_ms(repeat, &outcome, &history, 0);
}

static void test_large_pages(void **state)
{
	struct http_outcome outcome = {.reached = true, .retry_after_s = 15};
	struct http_history history = {.tries = 1, .reached = true, .asks_much = true};

	(void)state;
	/* To be asked for in smaller pages, at once. */
	outcome.status = 502;
	assert_int_equal(http_retry_wait_ms(HTTP_REPEAT_ALWAYS, &outcome, &history, 0), -1);
	outcome.status = 504;
	assert_int_equal(http_retry_wait_ms(HTTP_REPEAT_ALWAYS, &outcome, &history, 0), -1);
	/* These have nothing to do with the size. */
	outcome.status = 503;
	assert_int_equal(http_retry_wait_ms(HTTP_REPEAT_ALWAYS, &outcome, &history, 0), 1000);
	outcome.status = 500;
	assert_int_equal(http_retry_wait_ms(HTTP_REPEAT_ALWAYS, &outcome, &history, 0), 1000);
}

static void test_statuses(void **state)
{
	static const int final[] = {200, 204, 301, 400, 401, 403, 404, 409, 410, 413, 428, 501};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(final); i++)
		assert_int_equal(after_status(HTTP_REPEAT_ALWAYS, final[i], 3), -1);
	for (enum http_repeat repeat = HTTP_REPEAT_ALWAYS; repeat <= HTTP_REPEAT_UNSENT;
	     repeat++) {
		bool always = repeat == HTTP_REPEAT_ALWAYS;

		assert_int_equal(after_status(repeat, 429, 7), 7000);
		assert_int_equal(after_status(repeat, 429, 0), 15000);
		assert_int_equal(after_status(repeat, 423, 7), 7000);
		assert_int_equal(after_status(repeat, 423, 0), 5000);
		assert_int_equal(after_status(repeat, 423, 61), -1);
		assert_int_equal(after_status(repeat, 503, 7), 7000);
		assert_int_equal(after_status(repeat, 503, 0), always ? 1000 : -1);
		assert_int_equal(after_status(repeat, 500, 7), always ? 1000 : -1);
		assert_int_equal(after_status(repeat, 502, 7), always ? 1000 : -1);
		assert_int_equal(after_status(repeat, 504, 0), always ? 1000 : -1);
	}
	assert_int_equal(after_status(HTTP_REPEAT_NEVER, 429, 7), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retry_after),	 cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_lost_connections), cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_large_pages),
	};

	return cmocka_run_group_tests_name("http retry", tests, NULL, NULL);
}
