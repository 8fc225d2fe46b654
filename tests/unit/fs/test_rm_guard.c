/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/rm_guard.h"

static void test_counts(void **state)
{
	struct rm_guard *g = rm_guard_new();

	(void)state;
	assert_false(rm_guard_holds(g, 5, 100, false));
	rm_guard_opened(g, 5, 100);
	rm_guard_opened(g, 5, 100);
	rm_guard_opened(g, 6, 101);
	assert_true(rm_guard_holds(g, 5, 100, false));
	assert_false(rm_guard_holds(g, 5, 101, false));
	assert_false(rm_guard_holds(g, 6, 100, false));
	rm_guard_closed(g, 5, 100);
	assert_true(rm_guard_holds(g, 5, 100, false));
	rm_guard_closed(g, 5, 100);
	assert_false(rm_guard_holds(g, 5, 100, false));
	rm_guard_free(&g);
	assert_null(g);
}

static void *close_it(void *arg)
{
	rm_guard_closed(arg, 5, 100);
	return NULL;
}

/* A close that is on its way is waited for, a little; a walk goes on holding it. */
static void test_waits_for_a_close(void **state)
{
	struct rm_guard *g = rm_guard_new();
	pthread_t closer;

	(void)state;
	rm_guard_opened(g, 5, 100);
	assert_true(rm_guard_holds(g, 5, 100, true));
	rm_guard_closed(g, 5, 100);
	rm_guard_opened(g, 5, 100);
	assert_int_equal(0, pthread_create(&closer, NULL, close_it, g));
	pthread_join(closer, NULL);
	assert_false(rm_guard_holds(g, 5, 100, true));
	rm_guard_free(&g);
}

static void test_unknown_process(void **state)
{
	struct rm_guard *g = rm_guard_new();

	(void)state;
	/* 0 is every process that could not be told: each of those that hold it may be the one. */
	rm_guard_opened(g, 5, 0);
	assert_true(rm_guard_holds(g, 5, 0, false));
	assert_false(rm_guard_holds(g, 5, 100, false));
	assert_false(rm_guard_holds(g, 6, 0, false));
	rm_guard_closed(g, 5, 0);
	assert_false(rm_guard_holds(g, 5, 0, false));
	rm_guard_opened(g, 5, 100);
	assert_true(rm_guard_holds(g, 5, 0, false));
	rm_guard_closed(g, 5, 100);
	assert_false(rm_guard_has_read(g, 0));
	rm_guard_free(&g);
}

/* The newest readers are known, each once, whether the directory is open or not. */
static void test_readers(void **state)
{
	struct rm_guard *g = rm_guard_new();

	(void)state;
	assert_false(rm_guard_has_read(g, 100));
	rm_guard_opened(g, 5, 100);
	for (int i = 0; i < 3 * RM_GUARD_READERS; i++) {
		rm_guard_opened(g, 6, 101);
		rm_guard_closed(g, 6, 101);
	}
	rm_guard_closed(g, 5, 100);
	assert_true(rm_guard_has_read(g, 100));
	assert_true(rm_guard_has_read(g, 101));
	for (int i = 0; i < RM_GUARD_READERS - 1; i++)
		rm_guard_opened(g, 7, 200 + i);
	assert_false(rm_guard_has_read(g, 100));
	assert_true(rm_guard_has_read(g, 101));
	assert_false(rm_guard_has_read(g, 0));
	rm_guard_free(&g);
}

static void test_lists_first(void **state)
{
	(void)state;
	assert_true(rm_guard_lists_first("git"));
	assert_true(rm_guard_lists_first("rsync"));
	assert_true(rm_guard_lists_first("tar"));
	assert_false(rm_guard_lists_first("rm"));
	assert_false(rm_guard_lists_first(""));
}

/* ---- files ---- */

static void test_reading(void **state)
{
	struct rm_guard *g = rm_guard_new();

	(void)state;
	rm_guard_file_opened(g, 5, 100);
	/* Nobody can have come to its end. */
	assert_false(rm_guard_has_just_read(g, 5, 100, 0));
	rm_guard_file_ended(g, 5);
	assert_true(rm_guard_has_just_read(g, 5, 100, 0));
	assert_false(rm_guard_has_just_read(g, 5, 101, 0));
	assert_false(rm_guard_has_just_read(g, 6, 100, 0));
	rm_guard_file_closed(g, 5, 100, 1000);
	assert_true(rm_guard_has_just_read(g, 5, 100, 1000 + RM_GUARD_READ_MS));
	assert_false(rm_guard_has_just_read(g, 5, 100, 1001 + RM_GUARD_READ_MS));
	/* Somebody else came to it: it may be in the kernel's pages. */
	rm_guard_file_opened(g, 5, 102);
	rm_guard_file_opened(g, 5, 102);
	rm_guard_file_closed(g, 5, 102, 2000);
	assert_true(rm_guard_has_just_read(g, 5, 102, INT64_MAX));
	rm_guard_file_closed(g, 5, 102, 2000);
	rm_guard_file_opened(g, 5, 102);
	assert_true(rm_guard_has_just_read(g, 5, 102, INT64_MAX));
	/* Whom nobody knows. */
	rm_guard_file_opened(g, 5, 0);
	assert_true(rm_guard_has_just_read(g, 5, 0, INT64_MAX));
	rm_guard_file_closed(g, 5, 0, 3000);
	assert_false(rm_guard_has_just_read(g, 5, 101, 3000));
	assert_false(rm_guard_has_just_read(g, 6, 0, 3000));
	assert_true(rm_guard_has_just_read(g, 5, 0, 3000 + RM_GUARD_READ_MS));
	rm_guard_free(&g);
}

/* Forgetting what is too much to remember must not endanger files. */
static void test_bounds(void **state)
{
	struct rm_guard *g = rm_guard_new();

	(void)state;
	rm_guard_file_ended(g, 1);
	for (uint64_t i = 1; i <= RM_GUARD_FILES + 1; i++) {
		rm_guard_file_opened(g, i, 100);
		rm_guard_file_closed(g, i, 100, 0);
	}
	assert_false(rm_guard_has_just_read(g, 1, 100, 0));
	assert_false(rm_guard_has_just_read(g, 2, 100, 0));
	for (uint64_t i = 1; i <= RM_GUARD_ENDS + 1; i++)
		rm_guard_file_ended(g, i + 1000000);
	assert_true(rm_guard_has_just_read(g, 2, 100, 0));
	rm_guard_free(&g);
}

/* Without a lock; the ring forgets the oldest. A thread that is gone is nobody's. */
static void test_messages(void **state)
{
	struct rm_guard *g = rm_guard_new();
	pid_t me = getpid(), gone = 0x3fffff;

	(void)state;
	assert_false(rm_guard_has_opened_message(g, 0x501, me, 0));
	rm_guard_message_opened(g, 0x501, me, 5000);
	assert_true(rm_guard_has_opened_message(g, 0x501, me, 5000 + RM_GUARD_READ_MS));
	assert_false(rm_guard_has_opened_message(g, 0x501, me, 7000 + RM_GUARD_READ_MS));
	assert_false(rm_guard_has_opened_message(g, 0x601, me, 5000));
	assert_false(rm_guard_has_opened_message(g, 0x501, getppid(), 5000));
	rm_guard_message_opened(g, 0x601, gone, 5000);
	assert_false(rm_guard_has_opened_message(g, 0x601, me, 5000));
	for (uint64_t i = 0; i < RM_GUARD_MESSAGES; i++)
		rm_guard_message_opened(g, 0x1001 + (i << 8), me, 5000);
	assert_false(rm_guard_has_opened_message(g, 0x501, me, 5000));
	assert_true(rm_guard_has_opened_message(g, 0x1001, me, 5000));
	assert_true(rm_guard_manages_files("mc") && !rm_guard_moves("mc"));
	assert_false(rm_guard_manages_files("python3"));
	rm_guard_free(&g);
}

static void test_programs(void **state)
{
	(void)state;
	assert_true(rm_guard_replaces("mv") && rm_guard_moves("mv"));
	assert_true(rm_guard_replaces("gio move"));
	assert_true(rm_guard_moves("rsync") && !rm_guard_replaces("rsync"));
	assert_true(rm_guard_moves("rclone") && !rm_guard_replaces("rclone"));
	assert_true(rm_guard_moves("unison") && !rm_guard_replaces("unison"));
	assert_false(rm_guard_moves("rm"));
	assert_false(rm_guard_moves("gio remove"));
	assert_false(rm_guard_moves("python3"));
	assert_false(rm_guard_moves(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_waits_for_a_close),
		cmocka_unit_test(test_unknown_process),
		cmocka_unit_test(test_readers),
		cmocka_unit_test(test_lists_first),
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_programs),
	};

	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
