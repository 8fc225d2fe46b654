/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fs/guard.h"

static void test_counts(void **state)
{
	struct guard *g = guard_new();

	(void)state;
	assert_false(guard_holds(g, 5, 100));
	guard_opened(g, 5, 100);
	guard_opened(g, 5, 100);
	guard_opened(g, 6, 101);
	assert_true(guard_holds(g, 5, 100));
	assert_false(guard_holds(g, 5, 101));
	assert_false(guard_holds(g, 6, 100));
	guard_closed(g, 5, 100);
	assert_true(guard_holds(g, 5, 100));
	guard_closed(g, 5, 100);
	assert_false(guard_holds(g, 5, 100));
	guard_free(&g);
	assert_null(g);
}

static void test_unknown_process(void **state)
{
	struct guard *g = guard_new();

	(void)state;
	/* 0 is every process that could not be told: it holds nothing. */
	guard_opened(g, 5, 0);
	assert_false(guard_holds(g, 5, 0));
	guard_closed(g, 5, 0);
	guard_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_unknown_process),
	};

	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
