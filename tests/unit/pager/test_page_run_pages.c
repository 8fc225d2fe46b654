/* SPDX-License-Identifier: MIT */
/* Page runs with links that lead nowhere, and with several messages of one millisecond. */
#include <errno.h>
#include <string.h>

#include "page_run_kit.h"

/* ---- links that lead nowhere ---- */

static void body_anchor(struct world *w)
{
	start(w, 0, 100, 2);
	answer(0, messages("M9", 90, "M5", 50, NULL), "n1", 0, 200, false);
	refuse(1, -ENOENT, 404);
	assert_null(call_at(2)->next);
	assert_null(call_at(2)->before_message);
	assert_int_equal(T0 + 51, call_at(2)->before_ms);
	answer(2, messages("M4", 40, "M3", 30, NULL), "n3", 0, 200, false);
	/* Went on: from here by links again, and the next one may be missing too. */
	assert_string_equal("n3", call_at(3)->next);
	refuse(3, -ENOENT, 404);
	assert_int_equal(T0 + 31, call_at(4)->before_ms);
	answer(4, messages(NULL), NULL, 0, 200, false);
	assert_ended(0);
	assert_int_equal(4, listed(w));
}

CASE(anchor)

static void body_anchor_twice(struct world *w)
{
	start(w, 0, 100, 2);
	answer(0, messages("M9", 90, "M5", 50, NULL), "n1", 0, 200, false);
	refuse(1, -ENOENT, 404);
	/* By the time there is no anchor that could be missing: the space is gone. */
	refuse(2, -ENOENT, 404);
	assert_ended(-ENOENT);
	assert_int_equal(3, calls->len);
}

CASE(anchor_twice)

static void body_same_link(struct world *w)
{
	start(w, 0, 100, 2);
	answer(0, messages("M9", 90, "M5", 50, NULL), "n1", 0, 200, false);
	answer(1, messages("M4", 40, NULL), "n1", 0, 200, false);
	assert_int_equal(T0 + 51, call_at(2)->before_ms);
	answer(2, messages("M5", 50, "M4", 40, NULL), "n4", 0, 200, false);
	assert_string_equal("n4", call_at(3)->next);
	answer(3, messages(NULL), NULL, 0, 200, false);
	assert_ended(0);
	assert_int_equal(3, listed(w));
}

CASE(same_link)

static void body_nothing_new(struct world *w)
{
	start(w, 0, 100, 2);
	answer(0, messages("M9", 90, "M5", 50, NULL), "n1", 0, 200, false);
	/* One page of what is there already may be chance, two are a circle. */
	answer(1, messages("M9", 90, "M5", 50, NULL), "n2", 0, 200, false);
	assert_string_equal("n2", call_at(2)->next);
	answer(2, messages("M9", 90, "M5", 50, NULL), "n3", 0, 200, false);
	assert_int_equal(T0 + 51, call_at(3)->before_ms);
	answer(3, messages("M5", 50, NULL), "n4", 0, 200, false);
	answer(4, messages("M5", 50, NULL), "n5", 0, 200, false);
	assert_ended(-EIO);
	/* What came is kept and is true. */
	assert_true(knows(w, 50, 100));
	assert_false(knows(w, 49, 100));
	assert_int_equal(2, listed(w));
}

CASE(nothing_new)

static void body_empty_pages(struct world *w)
{
	char next[8];
	guint i;

	start(w, 0, 100, 2);
	for (i = 0; i < 99; i++) {
		g_snprintf(next, sizeof(next), "n%u", i);
		answer(i, messages(NULL), next, 0, 200, false);
		assert_int_equal(0, o.done);
	}
	answer(i, messages("M5", 50, NULL), NULL, 0, 200, false);
	assert_ended(0);
	assert_int_equal(1, listed(w));
}

CASE(empty_pages)

static void body_empty_for_ever(struct world *w)
{
	char next[8];

	start(w, 0, 100, 2);
	for (guint i = 0; !o.done && i < 500; i++) {
		g_snprintf(next, sizeof(next), "n%u", i);
		answer(i, messages(NULL), next, 0, 200, false);
	}
	assert_ended(-EIO);
	assert_false(knows(w, 99, 100));
}

CASE(empty_for_ever)

/* ---- one millisecond ---- */

static void body_edge(struct world *w)
{
	start(w, 0, 100, 2);
	/* Three of one millisecond, and the page ends between them. */
	answer(0, messages("M9", 90, "M5C", 50, "M5B", 50, NULL), "n1", 0, 200, false);
	answer(1, messages("M5A", 50, "M4", 40, NULL), "n2", 0, 200, false);
	assert_int_equal(5, listed(w));
	answer(2, messages("M4A", 40, "M3", 30, NULL), NULL, 0, 200, false);
	assert_ended(0);
	assert_int_equal(7, listed(w));
}

CASE(edge)

static void body_edge_is_told_twice(struct world *w)
{
	start(w, 0, 100, 2);
	answer(0, messages("M9", 90, "M5B", 50, NULL), "n1", 0, 200, false);
	answer(1, messages("M5B", 50, "M5A", 50, NULL), "n2", 0, 200, false);
	answer(2, messages("M5B", 50, "M5A", 50, "M4", 40, NULL), NULL, 0, 200, false);
	assert_ended(0);
	assert_int_equal(4, listed(w));
}

CASE(edge_is_told_twice)

static void body_edge_deletes(struct world *w)
{
	GPtrArray *known = messages("M5B", 50, "M5A", 50, "M1", 10, NULL);

	for (guint i = 0; i < known->len; i++)
		assert_int_equal(0, store_apply_message(w->store, w->room, known->pdata[i], 0,
							NULL, NULL));
	g_ptr_array_unref(known);
	start(w, 0, 100, 1);
	answer(0, messages("M5B", 50, NULL), "n1", 0, 200, false);
	assert_int_equal(2, calls->len);
	/* Only now is M5A known to be missing. */
	answer(1, messages("M1", 10, NULL), NULL, 0, 200, false);
	assert_string_equal("message", call_at(2)->what);
	refuse(2, -ENOENT, 404);
	assert_int_equal(2, listed(w));
}

CASE(edge_deletes)

static void body_one_millisecond(struct world *w)
{
	start(w, 0, 50, 2);
	/* Pages of nothing but one millisecond: nothing is known below it, and no circle. */
	answer(0, messages("A", 50, "B", 50, NULL), "n1", 0, 200, false);
	assert_int_equal(T0 + 50, page_run_top(o.run));
	answer(1, messages("C", 50, "D", 50, NULL), "n2", 0, 200, false);
	answer(2, messages("E", 50, "F", 50, NULL), "n3", 0, 200, false);
	assert_int_equal(0, o.done);
	assert_false(knows(w, 49, 50));
	answer(3, messages("G", 50, "M4", 40, NULL), "n4", 0, 200, false);
	assert_true(knows(w, 40, 50));
	assert_int_equal(8, listed(w));
	answer(4, messages(NULL), NULL, 0, 200, false);
	assert_ended(0);
}

CASE(one_millisecond)

static void body_one_millisecond_by_time(struct world *w)
{
	start(w, 0, 50, 2);
	answer(0, messages("A", 50, "B", 50, NULL), "n1", 0, 200, false);
	refuse(1, -ENOENT, 404);
	/* The same again, since there is no other way back to this place. */
	assert_int_equal(T0 + 51, call_at(2)->before_ms);
	answer(2, messages("A", 50, "C", 50, NULL), "n2", 0, 200, false);
	assert_string_equal("n2", call_at(3)->next);
	answer(3, messages("D", 50, "M4", 40, NULL), NULL, 0, 200, false);
	assert_ended(0);
	/* B was deleted since, but it was there: that is for a later listing to find out. */
	assert_int_equal(5, listed(w));
}

CASE(one_millisecond_by_time)

static void body_duplicates(struct world *w)
{
	start(w, 0, 100, 3);
	answer(0, messages("M9", 90, "M9", 90, "M5", 50, NULL), "n1", 0, 200, false);
	answer(1, messages("M9", 90, "M5", 50, "M4", 40, NULL), NULL, 0, 200, false);
	assert_ended(0);
	assert_int_equal(3, listed(w));
}

CASE(duplicates)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(anchor),
		TEST(anchor_twice),
		TEST(same_link),
		TEST(nothing_new),
		TEST(empty_pages),
		TEST(empty_for_ever),
		TEST(edge),
		TEST(edge_is_told_twice),
		TEST(edge_deletes),
		TEST(one_millisecond),
		TEST(one_millisecond_by_time),
		TEST(duplicates),
	};

	return cmocka_run_group_tests_name("lane_pages", tests, NULL, NULL);
}
