/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/share.h"

enum { ANN = 1, BEN = 2, EVE = 3 };

/* How much `who` gets, one by one. */
static int take_all(struct share *s, uint64_t who)
{
	int n = 0;

	while (share_take(s, who, 1))
		n++;
	return n;
}

static void test_one_alone_gets_half_and_the_next_half_of_what_is_left(void **state)
{
	struct share *s = share_new(100);

	(void)state;
	assert_int_equal(take_all(s, ANN), 50);
	assert_int_equal(take_all(s, BEN), 25);
	assert_int_equal(take_all(s, EVE), 12);
	/* Of many at once each gets the same. */
	share_give(s, ANN, 50);
	share_give(s, BEN, 25);
	share_give(s, EVE, 12);
	assert_int_equal(share_held(s), 0);
	for (int i = 0; i < 25; i++)
		assert_true(share_take(s, ANN, 1) && share_take(s, BEN, 1) &&
			    share_take(s, EVE, 1));
	assert_false(share_take(s, ANN, 1));
	assert_false(share_take(s, BEN, 1));
	assert_int_equal(share_held(s), 75);
	share_give(s, ANN, 25);
	share_give(s, BEN, 25);
	share_give(s, EVE, 25);
	share_free(&s);
	assert_null(s);
}

static void test_nothing_is_taken_and_given_back_in_any_order(void **state)
{
	struct share *s = share_new(100);

	(void)state;
	/* An empty file and another one, which is closed first. */
	assert_true(share_take(s, ANN, 0));
	assert_true(share_take(s, ANN, 5));
	share_give(s, ANN, 5);
	share_give(s, ANN, 0);
	assert_int_equal(share_held(s), 0);
	share_free(&s);
}

static void test_what_is_given_back_can_be_taken_again(void **state)
{
	struct share *s = share_new(100);

	(void)state;
	assert_true(share_take(s, ANN, 50));
	assert_false(share_take(s, ANN, 1));
	share_give(s, ANN, 20);
	assert_true(share_take(s, ANN, 20));
	assert_false(share_take(s, BEN, 26));
	assert_true(share_take(s, BEN, 0));
	share_give(s, BEN, 0);
	share_give(s, ANN, 50);
	assert_int_equal(share_held(s), 0);
	share_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_alone_gets_half_and_the_next_half_of_what_is_left),
		cmocka_unit_test(test_what_is_given_back_can_be_taken_again),
		cmocka_unit_test(test_nothing_is_taken_and_given_back_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
