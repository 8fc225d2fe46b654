/* SPDX-License-Identifier: MIT */
#include <pthread.h>
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
	assert_false(guard_holds(g, 5, 100, false));
	guard_opened(g, 5, 100);
	guard_opened(g, 5, 100);
	guard_opened(g, 6, 101);
	assert_true(guard_holds(g, 5, 100, false));
	assert_false(guard_holds(g, 5, 101, false));
	assert_false(guard_holds(g, 6, 100, false));
	guard_closed(g, 5, 100);
	assert_true(guard_holds(g, 5, 100, false));
	guard_closed(g, 5, 100);
	assert_false(guard_holds(g, 5, 100, false));
	guard_free(&g);
	assert_null(g);
}

static void *close_it(void *arg)
{
	guard_closed(arg, 5, 100);
	return NULL;
}

/* A close that is on its way is waited for, a little; a walk goes on holding it. */
static void test_waits_for_a_close(void **state)
{
	struct guard *g = guard_new();
	pthread_t closer;

	(void)state;
	guard_opened(g, 5, 100);
	assert_true(guard_holds(g, 5, 100, true));
	guard_closed(g, 5, 100);
	guard_opened(g, 5, 100);
	assert_int_equal(0, pthread_create(&closer, NULL, close_it, g));
	pthread_join(closer, NULL);
	assert_false(guard_holds(g, 5, 100, true));
	guard_free(&g);
}

static void test_unknown_process(void **state)
{
	struct guard *g = guard_new();

	(void)state;
	/* 0 is every process that could not be told: it holds nothing. */
	guard_opened(g, 5, 0);
	assert_false(guard_holds(g, 5, 0, false));
	guard_closed(g, 5, 0);
	guard_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_waits_for_a_close),
		cmocka_unit_test(test_unknown_process),
	};

	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
