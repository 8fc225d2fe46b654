/* SPDX-License-Identifier: MIT */
/* A set of bytes against a bitmap of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>

#include "attach/ranges.h"

#define SPACE 64

static void compare(const struct ranges *r, const bool *has)
{
	guint count = 0;

	for (int i = 0; i < SPACE; i++) {
		int end = i, next = i;

		while (end < SPACE && has[end])
			end++;
		while (next < SPACE && !has[next])
			next++;
		assert_int_equal(ranges_end(r, i), end);
		assert_int_equal(ranges_next(r, i), next < SPACE ? next : INT64_MAX);
		count += has[i] && (i == 0 || !has[i - 1]);
	}
	assert_int_equal(ranges_count(r), count);
	for (guint i = 0; i < count; i++) {
		assert_true(ranges_nth(r, i).lo < ranges_nth(r, i).hi);
		if (i)
			assert_true(ranges_nth(r, i - 1).hi < ranges_nth(r, i).lo);
	}
}

static void test_against_a_bitmap(void **state)
{
	(void)state;
	srand(1);
	for (int run = 0; run < 500; run++) {
		bool has[SPACE] = {false};
		struct ranges r = {0};

		compare(&r, has);
		for (int n = 0; n < 12; n++) {
			int lo = rand() % SPACE, hi = lo + rand() % (SPACE - lo + 1);

			ranges_add(&r, lo, hi);
			for (int i = lo; i < hi; i++)
				has[i] = true;
			compare(&r, has);
		}
		ranges_clear(&r);
		assert_int_equal(ranges_count(&r), 0);
	}
}

static void test_a_copy_is_its_own(void **state)
{
	struct ranges r = {0}, copy = ranges_copy(&r);

	(void)state;
	assert_int_equal(ranges_count(&copy), 0);
	ranges_add(&r, 1, 3);
	ranges_add(&r, 5, 9);
	copy = ranges_copy(&r);
	ranges_add(&r, 3, 5);
	ranges_add(&copy, 20, 30);
	assert_int_equal(ranges_count(&r), 1);
	assert_int_equal(ranges_end(&r, 1), 9);
	assert_int_equal(ranges_count(&copy), 3);
	assert_int_equal(ranges_end(&copy, 1), 3);
	assert_int_equal(ranges_end(&copy, 5), 9);
	assert_int_equal(ranges_end(&copy, 20), 30);
	ranges_clear(&r);
	assert_int_equal(ranges_end(&copy, 5), 9);
	ranges_clear(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_a_bitmap),
		cmocka_unit_test(test_a_copy_is_its_own),
	};

	return cmocka_run_group_tests_name("ranges", tests, NULL, NULL);
}
