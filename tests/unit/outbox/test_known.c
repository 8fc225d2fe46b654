/* SPDX-License-Identifier: MIT */
/* What an open can be told of, since the server has said it before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>

#include "outbox/known.h"

static int64_t now_ms = 1000;

static int64_t fake_now(void *arg)
{
	(void)arg;
	return now_ms;
}

static const struct clock fake_clock = {.mono_ms = fake_now, .wall_ms = fake_now};

static const struct outbox_letter edit = {.is_edit = true, .to = {.message_id = (char *)"M"}};
static const struct outbox_letter to_eve = {.to = {.email = (char *)"Eve@Example.com"}};

static void test_edits_are_counted(void **state)
{
	struct known *k = known_new(&fake_clock);

	(void)state;
	for (int i = 0; i < KNOWN_EDITS_MAX; i++) {
		assert_int_equal(known_error(k, "M", NULL), 0);
		known_delivered(k, &edit);
	}
	assert_int_equal(known_error(k, "M", NULL), -EACCES);
	assert_int_equal(known_error(k, "N", NULL), 0);
	known_free(&k);
}

/* A text that the server does not take says nothing of the next text. */
static void test_only_the_limit_of_edits_is_remembered(void **state)
{
	struct known *k = known_new(&fake_clock);

	(void)state;
	known_refused(k, &edit, 400, "The text is too long.");
	known_refused(k, &edit, 400, NULL);
	known_refused(k, &edit, 403, "edited too many times");
	assert_int_equal(known_error(k, "M", NULL), 0);
	known_refused(k, &edit, 400,
		      "The message has been Edited the maximum number of times.");
	assert_int_equal(known_error(k, "M", NULL), -EACCES);
	known_free(&k);
}

static void test_an_address_that_nobody_has(void **state)
{
	struct known *k = known_new(&fake_clock);

	(void)state;
	known_refused(k, &to_eve, 400, NULL);
	assert_int_equal(known_error(k, NULL, "eve@example.com"), 0);
	known_refused(k, &to_eve, 404, NULL);
	assert_int_equal(known_error(k, NULL, "EVE@example.com"), -ENOENT);
	assert_int_equal(known_error(k, NULL, "bob@example.com"), 0);
	now_ms += KNOWN_NOBODY_MS;
	assert_int_equal(known_error(k, NULL, "eve@example.com"), 0);
	known_refused(k, &to_eve, 404, NULL);
	known_delivered(k, &to_eve);
	assert_int_equal(known_error(k, NULL, "eve@example.com"), 0);
	known_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edits_are_counted),
		cmocka_unit_test(test_only_the_limit_of_edits_is_remembered),
		cmocka_unit_test(test_an_address_that_nobody_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
