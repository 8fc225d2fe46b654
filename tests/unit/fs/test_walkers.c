/* SPDX-License-Identifier: MIT */
/* Who walks through many spaces, and who looks at one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fs/walkers.h"

#define PERSON 100
#define WALKER 200

static int64_t now_ms;
static struct need refreshed;
static int refreshes;
static work_fn timer;
static void *timer_arg;

static int64_t fake_now(void *arg)
{
	(void)arg;
	return now_ms;
}

static const struct clock fake_clock = {.mono_ms = fake_now, .wall_ms = fake_now};

void pager_refresh(struct pager *p, const struct need *need)
{
	(void)p;
	refreshed = *need;
	refreshes++;
}

uint64_t work_post_at(struct work_queue *q, int64_t mono_ms, work_fn fn, void *arg)
{
	(void)q;
	(void)mono_ms;
	assert_null(timer);
	timer = fn;
	timer_arg = arg;
	return 1;
}

static int setup(void **state)
{
	now_ms = 1000000;
	refreshes = 0;
	timer = NULL;
	*state = walkers_new(NULL, NULL, &fake_clock);
	return 0;
}

static int teardown(void **state)
{
	walkers_free((struct walkers **)state);
	return 0;
}

static bool spares(struct walkers *w, pid_t tgid, int64_t space)
{
	struct need need = {.kind = NEED_MEMBERS, .row = space};

	return walkers_spare(w, tgid, &need);
}

/* Lets time pass, and the timer run. */
static void later(int64_t ms)
{
	work_fn fn = timer;

	now_ms += ms;
	timer = NULL;
	if (fn)
		fn(timer_arg);
}

static void test_a_person_waits_for_what_is_new(void **state)
{
	for (int i = 0; i < 10; i++) {
		assert_false(spares(*state, PERSON, 1));
		assert_false(spares(*state, PERSON + i, 2));
	}
	/* Another space now and then. */
	now_ms += WALK_MANY_MS;
	for (int i = 0; i < 10; i++) {
		assert_false(spares(*state, PERSON, 10 + i));
		now_ms += 6000;
	}
	assert_null(timer);
}

static void test_who_reads_a_list_and_many_spaces_walks(void **state)
{
	struct walkers *w = *state;

	walkers_opened(w, WALKER, 0);
	for (int i = 1; i <= 50; i++) {
		walkers_opened(w, WALKER, i);
		assert_true(spares(w, WALKER, i));
		now_ms += 100;
	}
	/* Nothing is fetched behind it, for the first space as for the last one. */
	later(WALK_STAY_MS);
	later(WALK_STAY_MS);
	assert_int_equal(0, refreshes);
	/* Meanwhile a person is one. */
	assert_false(spares(w, PERSON, 7));
}

static void test_a_slow_walk(void **state)
{
	struct walkers *w = *state;

	walkers_opened(w, WALKER, 0);
	for (int i = 1; i <= 10; i++) {
		walkers_opened(w, WALKER, i);
		later(1500);
		assert_true(spares(w, WALKER, i));
		later(WALK_STAY_MS + 1500);
	}
	/* The first two of them. */
	assert_int_equal(2, refreshes);
}

static void test_who_stays_at_a_space_sees_what_is_new(void **state)
{
	struct walkers *w = *state;

	walkers_opened(w, WALKER, 0);
	walkers_opened(w, WALKER, 3);
	assert_true(spares(w, WALKER, 3));
	assert_true(spares(w, WALKER, 3));
	later(WALK_STAY_MS);
	assert_int_equal(1, refreshes);
	assert_int_equal(3, refreshed.row);
	assert_null(timer);
	/* Behind a walk, too. */
	for (int i = 1; i <= 5; i++) {
		walkers_opened(w, WALKER, i);
		assert_true(spares(w, WALKER, i));
	}
	later(WALK_MANY_MS);
	assert_int_equal(1, refreshes);
	assert_true(spares(w, WALKER, 5));
	later(WALK_STAY_MS);
	assert_int_equal(2, refreshes);
	assert_int_equal(5, refreshed.row);
	/* After a while it is a person again. */
	now_ms += WALK_FORGET_MS;
	assert_false(spares(w, WALKER, 5));
}

/* A file manager with two panes, or a program that keeps two spaces alike. */
static void test_back_and_forth_is_no_walk(void **state)
{
	struct walkers *w = *state;

	walkers_opened(w, WALKER, 0);
	for (int i = 0; i < 200; i++) {
		int space = 3 + i % 2;

		walkers_opened(w, WALKER, space);
		assert_true(spares(w, WALKER, space));
		if (i == 100)
			later(0);
		now_ms += 20;
	}
	later(0);
	assert_int_equal(2, refreshes);
}

static void test_many_processes_walk_together(void **state)
{
	for (int i = 1; i <= WALK_PEOPLE; i++)
		assert_false(spares(*state, PERSON + i, i));
	for (int i = WALK_PEOPLE + 1; i <= 100; i++) {
		assert_true(spares(*state, PERSON + i, i));
		now_ms += 10;
	}
	assert_false(spares(*state, PERSON, 1));
	now_ms += WALK_MANY_MS;
	assert_false(spares(*state, PERSON, 99));
}

/* A loop over a few more spaces than that sees of each what is new, in turn. */
static void test_none_of_a_few_spaces_is_left_out(void **state)
{
	int64_t seen_ms[WALK_PEOPLE + 2];

	for (int i = 0; i < WALK_PEOPLE + 2; i++)
		seen_ms[i] = now_ms;
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < WALK_PEOPLE + 2; i++) {
			if (!spares(*state, PERSON + i, 1 + i))
				seen_ms[i] = now_ms;
			assert_true(now_ms - seen_ms[i] <= 2 * WALK_MANY_MS);
		}
		now_ms += 5000;
	}
}

static void test_people_are_walked_by_their_addresses(void **state)
{
	struct need need = {.kind = NEED_PERSON};

	walkers_opened(*state, WALKER, 0);
	for (int i = 0; i < 10; i++) {
		g_snprintf(need.key, sizeof(need.key), "p%d@example.com", i);
		assert_true(walkers_spare(*state, WALKER, &need));
	}
	later(WALK_STAY_MS);
	assert_int_equal(0, refreshes);
	now_ms += WALK_MANY_MS;
	assert_true(walkers_spare(*state, WALKER, &need));
	later(WALK_STAY_MS);
	assert_int_equal(1, refreshes);
	assert_string_equal("p9@example.com", refreshed.key);
}

/* More processes than are remembered, and more lists than may wait. */
static void test_bounds(void **state)
{
	for (int i = 1; i <= 1000; i++) {
		walkers_opened(*state, i, 0);
		assert_true(spares(*state, i, i));
		now_ms++;
	}
	later(WALK_STAY_MS);
	later(WALK_STAY_MS);
	assert_true(refreshes <= 64);
	assert_null(timer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_a_person_waits_for_what_is_new),
		T(test_who_reads_a_list_and_many_spaces_walks),
		T(test_a_slow_walk),
		T(test_who_stays_at_a_space_sees_what_is_new),
		T(test_back_and_forth_is_no_walk),
		T(test_many_processes_walk_together),
		T(test_none_of_a_few_spaces_is_left_out),
		T(test_people_are_walked_by_their_addresses),
		T(test_bounds),
	};

	return cmocka_run_group_tests_name("walkers", tests, NULL, NULL);
}
