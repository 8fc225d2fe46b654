/* SPDX-License-Identifier: MIT */
/* A page run alone: every edge of the drawing in page_run.h. */
#include <errno.h>
#include <string.h>

#include "page_run_kit.h"
#include "store/mentions.h"

/* ---- ASKING, APPLIED, ENDED ---- */

static void body_down(struct world *w)
{
	start(w, 20, 100, 2);
	/* The very millisecond of its top belongs to it. */
	assert_int_equal(T0 + 101, call_at(0)->before_ms);
	assert_int_equal(2, call_at(0)->max);
	assert_null(call_at(0)->next);
	answer(0, messages("M9", 90, "M5", 50, NULL), "n1", 0, 200, false);
	assert_int_equal(1, o.paged);
	assert_int_equal(2, o.items);
	assert_int_equal(T0 + 50, page_run_top(o.run));
	assert_int_equal(50, page_run_page_ms(o.run));
	assert_true(knows(w, 50, 100));
	assert_false(knows(w, 49, 100));
	assert_string_equal("n1", call_at(1)->next);
	answer(1, messages("M3", 30, "M2", 20, NULL), "n2", 0, 200, false);
	assert_ended(0);
	assert_int_equal(2, calls->len);
	assert_true(knows(w, 20, 100));
	assert_int_equal(4, listed(w));
}

CASE(down)

static void body_keeps_what_is_beyond(struct world *w)
{
	start(w, 40, 100, 10);
	/* Below its bottom; above its top it is the head's. */
	answer(0, messages("M101", 101, "M9", 90, "M1", 10, NULL), "n1", 0, 200, false);
	assert_ended(0);
	assert_true(knows(w, 10, 100));
	assert_false(knows(w, 10, 101));
	assert_int_equal(2, listed(w));
}

CASE(keeps_what_is_beyond)

static void body_down_to_the_beginning(struct world *w)
{
	start(w, -1, 100, 2);
	answer(0, messages("M9", 90, "M5", 50, NULL), "n1", 0, 200, false);
	answer(1, messages("M3", 30, NULL), NULL, 0, 200, false);
	assert_ended(0);
	assert_true(knows(w, -1, 100));
}

CASE(down_to_the_beginning)

static void body_nobody_wants_more(struct world *w)
{
	start(w, 0, 100, 2);
	o.stop_after = 1;
	answer(0, messages("M9", 90, "M5", 50, NULL), "n1", 0, 200, false);
	assert_ended(0);
	assert_int_equal(1, calls->len);
	assert_true(knows(w, 50, 100));
}

CASE(nobody_wants_more)

static void body_set_bottom(struct world *w)
{
	start(w, 0, 100, 2);
	page_run_set_bottom(o.run, T0 + 60);
	page_run_set_bottom(o.run, T0 + 10);
	assert_int_equal(T0 + 60, page_run_bottom(o.run));
	answer(0, messages("M9", 90, "M5", 50, NULL), "n1", 0, 200, false);
	assert_ended(0);
	assert_true(knows(w, 50, 100));
}

CASE(set_bottom)

static void body_head(struct world *w)
{
	struct store_span span;

	start(w, -1, PAGE_RUN_TOP, 2);
	assert_int_equal(0, call_at(0)->before_ms);
	answer(0, messages("M9", 90, "M5", 50, NULL), "n1", 0, 200, false);
	assert_int_equal(0, head(w, &span));
	assert_int_equal(T0 + 50, span.lo);
	assert_int_equal(T0 + 90, span.hi);
	answer(1, messages(NULL), NULL, 0, 200, false);
	assert_ended(0);
	assert_int_equal(0, head(w, &span));
	assert_int_equal(-1, span.lo);
	assert_int_equal(T0 + 90, span.hi);
}

CASE(head)

static void body_background(struct world *w)
{
	start(w, 0, 100, 2);
	assert_false(call_at(0)->background);
	o.background = true;
	answer(0, messages("M9", 90, NULL), "n1", 0, 200, false);
	assert_true(call_at(1)->background);
}

CASE(background)

/* ---- messages that a page lacks ---- */

static void body_deletes(struct world *w)
{
	start(w, -1, 100, 10);
	answer(0, messages("M9", 90, "M7", 70, "M5", 50, "M3", 30, "M1", 10, NULL), NULL, 0,
	       200, false);
	assert_int_equal(5, listed(w));
	start(w, 20, 80, 10);
	/* M5 of (20, 80] is missing. M9 and M1 are not asked about. */
	answer(1, messages("M7", 70, "M3", 30, NULL), "n1", 0, 200, false);
	assert_int_equal(5, listed(w));
	assert_string_equal("message", call_at(2)->what);
	refuse(2, -ENOENT, 404);
	assert_int_equal(4, listed(w));
	assert_int_equal(3, calls->len);
}

CASE(deletes)

static void body_partial(struct world *w)
{
	start(w, -1, 100, 10);
	answer(0, messages("M9", 90, "M5", 50, NULL), NULL, 0, 200, false);
	start(w, 20, 100, 10);
	answer_skipped(1, messages("M9", 90, NULL), 1, NULL);
	assert_ended(0);
	/* The one that cannot be used may be M5. */
	assert_int_equal(2, listed(w));
}

CASE(partial)

static void body_only_unusable(struct world *w)
{
	char next[8];
	guint i;

	/* They are no sign of a circle: the list goes on. But it is not whole. */
	start(w, 0, 100, 10);
	for (i = 0; i < 5; i++) {
		g_snprintf(next, sizeof(next), "n%u", i);
		answer_skipped(i, messages(NULL), 10, next);
		assert_int_equal(0, o.done);
		assert_string_equal(next, call_at(i + 1)->next);
	}
	answer(i, messages("M5", 50, NULL), NULL, 0, 200, false);
	assert_ended(-EIO);
	assert_int_equal(1, listed(w));
	assert_false(knows(w, 0, 100));
	/* Later they can be read. */
	start(w, 0, 100, 10);
	answer(i + 1, messages("M9", 90, "M5", 50, NULL), NULL, 0, 200, false);
	assert_ended(0);
	assert_int_equal(2, listed(w));
}

CASE(only_unusable)

/* What can be read is kept, and nothing of the time becomes known. */
static void body_partly_unusable(struct world *w)
{
	start(w, -1, PAGE_RUN_TOP, 10);
	answer_skipped(0, messages("M9", 90, "M5", 50, NULL), 1, NULL);
	assert_ended(-EIO);
	assert_int_equal(2, listed(w));
	assert_false(knows(w, 50, 90));
	start(w, -1, PAGE_RUN_TOP, 10);
	answer(1, messages("M9", 90, "M7", 70, "M5", 50, NULL), NULL, 0, 200, false);
	assert_ended(0);
	assert_int_equal(3, listed(w));
	/* Now it is known, and stays so. */
	start(w, -1, PAGE_RUN_TOP, 10);
	answer_skipped(2, messages("M9", 90, "M5", 50, NULL), 1, NULL);
	assert_ended(0);
	assert_int_equal(3, listed(w));
}

CASE(partly_unusable)

/* A head makes known all of the time up to where the space was listed: what it cannot read may be there. */
static void body_partly_unusable_above(struct world *w)
{
	start(w, -1, 30, 10);
	answer(0, messages("M3", 30, NULL), NULL, 0, 200, false);
	start(w, 80, 90, 10);
	answer(1, messages("M9", 90, "M8", 80, NULL), "n1", 0, 200, false);
	start(w, -1, PAGE_RUN_TOP, 10);
	answer_skipped(2, messages("M3", 30, NULL), 2, NULL);
	assert_ended(-EIO);
	assert_false(knows(w, 30, 80));
	assert_true(knows(w, -1, 30));
	assert_true(knows(w, 80, 90));
}

CASE(partly_unusable_above)

/* What came alone is fetched again where nothing is known: that part of time stays unknown. */
static void body_again_of_the_unknown(struct world *w)
{
	start_again(w, 20, 100, false);
	answer_skipped(0, messages("M9", 90, "M5", 50, NULL), 1, "n1");
	/* It goes on: who asked wants what is there. */
	assert_int_equal(0, o.done);
	assert_int_equal(1, o.paged);
	assert_int_equal(2, listed(w));
	/* The item that cannot be used may be of this page's time, too. */
	answer(1, messages("M4", 40, NULL), "n2", 0, 200, false);
	answer(2, messages("M2", 20, NULL), "n3", 0, 200, false);
	assert_ended(0);
	assert_int_equal(4, listed(w));
	assert_false(knows(w, 89, 90));
	assert_false(knows(w, 49, 50));
	assert_false(knows(w, 45, 50));
	/* By now it is known what is below. */
	assert_true(knows(w, 20, 40));
	/* What is known stays so. */
	start(w, 20, 100, 10);
	answer(3, messages("M9", 90, "M7", 70, "M5", 50, "M4", 40, NULL), "n1", 0, 200, false);
	assert_ended(0);
	assert_true(knows(w, 20, 100));
	start_again(w, 20, 100, false);
	answer_skipped(4, messages("M9", 90, "M2", 20, NULL), 1, "n1");
	assert_ended(0);
	assert_true(knows(w, 20, 100));
	assert_int_equal(5, listed(w));
}

CASE(again_of_the_unknown)

static bool knows_mentions(struct world *w, int64_t lo, int64_t hi)
{
	struct store_conn *conn;
	bool known;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	known = store_mention_covers(conn, w->room, T0 + lo, T0 + hi) == 1;
	store_read_end(conn);
	return known;
}

/* The same of the list of mentions. */
static void body_mentions_again(struct world *w)
{
	start_again(w, 20, 100, true);
	answer_skipped(0, messages("M9", 90, "M2", 20, NULL), 1, "n1");
	assert_ended(0);
	assert_int_equal(2, listed(w));
	assert_false(knows_mentions(w, 20, 100));
	start_again(w, 20, 100, true);
	answer(1, messages("M9", 90, "M2", 20, NULL), "n1", 0, 200, false);
	assert_ended(0);
	assert_true(knows_mentions(w, 20, 100));
	assert_false(knows(w, 20, 100));
}

CASE(mentions_again)

static void body_no_link_keeps_the_past(struct world *w)
{
	start(w, -1, 30, 10);
	answer(0, messages("M3", 30, "M1", 10, NULL), NULL, 0, 200, false);
	assert_true(knows(w, -1, 30));
	/* This list says that it ends here; but there is more. */
	start(w, 40, 100, 10);
	answer(1, messages("M9", 90, "M5", 50, NULL), NULL, 0, 200, false);
	assert_ended(0);
	assert_true(knows(w, 40, 100));
	assert_false(knows(w, 39, 100));
	assert_int_equal(4, listed(w));
}

CASE(no_link_keeps_the_past)

static void body_empty_keeps_the_past(struct world *w)
{
	start(w, -1, 30, 10);
	answer(0, messages("M3", 30, NULL), NULL, 0, 200, false);
	start(w, 40, 100, 10);
	answer(1, messages(NULL), NULL, 0, 200, false);
	assert_ended(0);
	assert_true(knows(w, 40, 100));
	assert_false(knows(w, 39, 100));
	assert_int_equal(1, listed(w));
}

CASE(empty_keeps_the_past)

static void body_no_link_is_the_beginning(struct world *w)
{
	start(w, 40, 100, 10);
	answer(0, messages("M9", 90, "M5", 50, NULL), NULL, 0, 200, false);
	assert_ended(0);
	/* Nothing older is known: a small space costs one request. */
	assert_true(knows(w, -1, 100));
}

CASE(no_link_is_the_beginning)

static void body_empty_below_known(struct world *w)
{
	start(w, 60, 100, 10);
	answer(0, messages("M9", 90, "M5", 50, NULL), "n1", 0, 200, false);
	/* Nothing is below: what is known above says nothing else. */
	start(w, 20, 40, 10);
	answer(1, messages(NULL), NULL, 0, 200, false);
	assert_ended(0);
	assert_true(knows(w, -1, 40));
}

CASE(empty_below_known)

/* ---- errors ---- */

static void body_error(struct world *w)
{
	start(w, 0, 100, 2);
	answer(0, messages("M9", 90, "M5", 50, NULL), "n1", 0, 200, false);
	refuse(1, -EACCES, 403);
	assert_ended(-EACCES);
	assert_int_equal(403, o.status);
	assert_true(knows(w, 50, 100));
	assert_int_equal(2, listed(w));
}

CASE(error)

static void body_store_error(struct world *w)
{
	start(w, 0, 100, 2);
	assert_int_equal(0, store_remove_room(w->store, w->room, NULL));
	answer(0, messages("M9", 90, "M5", 50, NULL), "n1", 0, 200, false);
	assert_ended(-ENOENT);
	assert_int_equal(0, o.paged);
}

CASE(store_error)

static void body_vanished(struct world *w)
{
	start(w, 0, 100, 2);
	refuse(0, -ENOENT, 404);
	assert_ended(-ENOENT);
	assert_int_equal(404, o.status);
	assert_int_equal(1, calls->len);
}

CASE(vanished)

/* ---- large pages ---- */

static void body_halves(struct world *w)
{
	start(w, 0, 1000, 800);
	refuse(0, -EIO, 502);
	assert_int_equal(400, call_at(1)->max);
	assert_int_equal(T0 + 1001, call_at(1)->before_ms);
	answer(1, messages("M9", 900, "M8", 800, NULL), "n1", 0, 200, false);
	/* A link of the larger size cannot be cut: on by what is known to be there. */
	refuse(2, -EIO, 504);
	assert_int_equal(200, call_at(3)->max);
	assert_null(call_at(3)->next);
	assert_string_equal("M8", call_at(3)->before_message);

	answer(3, messages("M7", 700, NULL), NULL, 0, 200, false);
	assert_ended(0);
	assert_int_equal(3, listed(w));
}

CASE(halves)

static void body_halves_to_an_end(struct world *w)
{
	start(w, 0, 100, 120);
	refuse(0, -EIO, 504);
	assert_int_equal(60, call_at(1)->max);
	refuse(1, -EIO, 504);
	assert_int_equal(SERVER_PAGE_MIN, call_at(2)->max);
	refuse(2, -EIO, 504);
	assert_ended(-EIO);
	assert_int_equal(504, o.status);
}

CASE(halves_to_an_end)

static void body_halves_for_a_minute(struct world *w)
{
	start(w, 0, 100, 1000);
	now_ms += 29000;
	refuse(0, -EIO, 504);
	assert_int_equal(0, o.done);
	now_ms += 2000;
	refuse(1, -EIO, 504);
	assert_ended(-EIO);
	/* Each page has its own minute. */
	start(w, 0, 100, 1000);
	now_ms += 29000;
	answer(2, messages("M9", 90, NULL), "n1", 0, 200, false);
	now_ms += 29000;
	refuse(3, -EIO, 504);
	assert_int_equal(0, o.done);
}

CASE(halves_for_a_minute)

/* Waiting for one's turn is no failure. */
static void body_turns_do_not_count(struct world *w)
{
	start(w, 0, 100, 1000);
	now_ms += 100000;
	answer_held(0, 75000);
	assert_int_equal(0, o.done);
	now_ms += 100000;
	answer_held(1, 94000);
	assert_ended(-EIO);
}

CASE(turns_do_not_count)

/* ---- out of date, cancelled ---- */

static void body_outdated(struct world *w)
{
	start(w, 0, 100, 2);
	answer(0, messages("M9", 90, "M5", 50, NULL), "n1", 0, 200, false);
	o.outdated = 2;
	answer(1, messages("OLD", 40, NULL), NULL, 0, 200, false);
	assert_int_equal(1, o.paged);
	assert_string_equal("n1", call_at(2)->next);
	answer(2, messages("OLD", 40, NULL), NULL, 0, 200, false);
	assert_string_equal("n1", call_at(3)->next);
	answer(3, messages("M4", 40, NULL), NULL, 0, 200, false);
	assert_ended(0);
	assert_int_equal(3, listed(w));
}

CASE(outdated)

static void body_outdated_for_ever(struct world *w)
{
	start(w, 0, 100, 2);
	o.outdated = 100;
	for (guint i = 0; i < 4; i++) {
		assert_int_equal(0, o.done);
		answer(i, messages("M9", 90, NULL), NULL, 0, 200, false);
	}
	assert_ended(0);
	assert_int_equal(1, listed(w));
}

CASE(outdated_for_ever)

static void body_cancel(struct world *w)
{
	start(w, 0, 100, 2);
	page_run_cancel(o.run);
	assert_true(call_at(0)->cancelled);
	/* Too late to be kept from the server, it came all the same. */
	answer(0, messages("M9", 90, NULL), NULL, 0, 200, false);
	assert_int_equal(0, o.paged + o.done);
	assert_int_equal(0, listed(w));
}

CASE(cancel)

static void body_cancel_inside(struct world *w)
{
	start(w, 0, 100, 2);
	o.cancel_after = 1;
	answer(0, messages("M9", 90, "M5", 50, NULL), "n1", 0, 200, false);
	assert_int_equal(0, o.done);
	assert_int_equal(1, calls->len);
	assert_true(knows(w, 50, 100));
}

CASE(cancel_inside)

/* ---- messages that other fetches brought meanwhile ---- */

static void body_skips_known(struct world *w)
{
	start(w, 20, 70, 10);
	answer(0, messages("M6", 60, "M2", 20, NULL), "n1", 0, 200, false);
	assert_true(knows(w, 20, 70));
	start(w, 0, 100, 1);
	answer(1, messages("M9", 90, NULL), "n1", 0, 200, false);
	answer(2, messages("M6", 60, NULL), "n2", 0, 200, false);
	/* (20, 70] is known: on from its low end. */
	assert_int_equal(T0 + 20, page_run_top(o.run));
	assert_null(call_at(3)->next);
	assert_null(call_at(3)->before_message);
	assert_int_equal(T0 + 21, call_at(3)->before_ms);
	answer(3, messages("M2", 20, NULL), "n3", 0, 200, false);
	answer(4, messages("M1", 10, NULL), NULL, 0, 200, false);
	assert_ended(0);
	assert_int_equal(4, listed(w));
}

CASE(skips_known)

static void body_all_known(struct world *w)
{
	start(w, 20, 70, 10);
	answer(0, messages("M6", 60, "M2", 20, NULL), "n1", 0, 200, false);
	start(w, 30, 100, 1);
	answer(1, messages("M9", 90, NULL), "n1", 0, 200, false);
	answer(2, messages("M6", 60, NULL), "n2", 0, 200, false);
	assert_ended(0);
	assert_int_equal(3, calls->len);
}

CASE(all_known)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(down),
		TEST(keeps_what_is_beyond),
		TEST(down_to_the_beginning),
		TEST(nobody_wants_more),
		TEST(set_bottom),
		TEST(head),
		TEST(background),
		TEST(deletes),
		TEST(empty_below_known),
		TEST(partial),
		TEST(only_unusable),
		TEST(partly_unusable),
		TEST(partly_unusable_above),
		TEST(again_of_the_unknown),
		TEST(mentions_again),
		TEST(no_link_keeps_the_past),
		TEST(empty_keeps_the_past),
		TEST(no_link_is_the_beginning),
		TEST(error),
		TEST(store_error),
		TEST(vanished),
		TEST(halves),
		TEST(halves_to_an_end),
		TEST(halves_for_a_minute),
		TEST(turns_do_not_count),
		TEST(outdated),
		TEST(outdated_for_ever),
		TEST(cancel),
		TEST(cancel_inside),
		TEST(skips_known),
		TEST(all_known),
	};

	return cmocka_run_group_tests_name("lane", tests, NULL, NULL);
}
