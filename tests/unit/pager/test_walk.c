/* SPDX-License-Identifier: MIT */
/* Reading ahead of a walker: the states of a walk (spans.h). */
#include <errno.h>
#include <string.h>

#include "span_kit.h"

/* ---- walks ---- */

/* Months of ten messages a day; the walker opens month `i`. */
static void open_month(struct world *w, int i)
{
	int64_t lo = i * 30 * DAY, hi = lo + 30 * DAY;
	struct asker a;

	step(w, lo, hi);
	waiter(w, &a, lo, hi);
	while (!a.calls) {
		guint i_open = calls->len;

		for (guint k = 0; k < calls->len && i_open == calls->len; k++)
			if (!call_at(k)->answered && !call_at(k)->cancelled)
				i_open = k;
		serve(&server, i_open);
	}
	assert_told(&a, 0);
}

static void fill_months(struct world *w, int n)
{
	(void)w;
	server.cap = 100;
	page_server_fill(&server, n * 300, 1000, DAY / 10);
}

static void body_walk_down(struct world *w)
{
	fill_months(w, 24);
	open_month(w, 23);
	assert_int_equal(0, runs(w));
	open_month(w, 22);
	/* Two steps one way: from here on it is read ahead. */
	assert_true(runs(w) > 0);
	for (int i = 21; i >= 0; i--)
		open_month(w, i);
	serve_all(&server);
	assert_int_equal(0, runs(w));
	assert_int_equal(24 * 300, listed(w));
	assert_true(server.requests * 4 <= 72 * 5);
}

CASE(walk_down)

static void body_walk_up(struct world *w)
{
	struct asker a;

	fill_months(w, 24);
	ask(w, &a, NEED_HEAD, w->room);
	serve_all(&server);
	open_month(w, 0);
	assert_int_equal(0, runs(w));
	open_month(w, 1);
	assert_true(runs(w) > 0);
	for (int i = 2; i < 24; i++)
		open_month(w, i);
	serve_all(&server);
	assert_int_equal(0, runs(w));
	assert_true(server.requests <= 24 * 4);
}

CASE(walk_up)

/* Nothing was asked for ahead beyond what is known of the present. */
static void body_walk_up_ends_at_the_head(struct world *w)
{
	struct asker a;
	struct store_span span;

	fill_months(w, 6);
	ask(w, &a, NEED_HEAD, w->room);
	serve_all(&server);
	assert_int_equal(0, head(w, &span));
	for (int i = 0; i < 6; i++)
		open_month(w, i);
	serve_all(&server);
	for (guint i = 0; i < calls->len; i++)
		assert_true(call_at(i)->before_ms <= T0 + 6 * 30 * DAY + 1);
	assert_int_equal(0, runs(w));
}

CASE(walk_up_ends_at_the_head)

static void body_walk_stops_by_time(struct world *w)
{
	int requests;

	fill_months(w, 60);
	open_month(w, 59);
	open_month(w, 58);
	assert_true(runs(w) > 0);
	now_ms += 2001;
	/* The answers under way are kept, and nothing more is asked for. */
	requests = server.requests + page_server_waiting();
	serve_all(&server);
	assert_int_equal(requests, server.requests);
	assert_int_equal(0, runs(w));
	/* A later step is no step of that walk. */
	now_ms += 10001;
	open_month(w, 57);
	assert_int_equal(0, runs(w));
}

CASE(walk_stops_by_time)

static void body_walk_stops_by_interrupt(struct world *w)
{
	struct asker a;

	fill_months(w, 60);
	open_month(w, 59);
	open_month(w, 58);
	assert_true(runs(w) > 0);
	waiter(w, &a, 0, 30 * DAY);
	interrupt(w, &a);
	assert_int_equal(0, runs(w));
	assert_int_equal(0, page_server_waiting());
}

CASE(walk_stops_by_interrupt)

static void body_walk_turns(struct world *w)
{
	fill_months(w, 60);
	open_month(w, 30);
	open_month(w, 29);
	assert_true(runs(w) > 0);
	/* The other way: what was begun down there is let go after the page under way. */
	open_month(w, 40);
	open_month(w, 41);
	serve_all(&server);
	assert_false(knows(w, 0, 10 * 30 * DAY));
	assert_int_equal(0, runs(w));
}

CASE(walk_turns)

static void body_walk_stops_by_error(struct world *w)
{
	fill_months(w, 60);
	open_month(w, 59);
	open_month(w, 58);
	assert_true(runs(w) > 0);
	for (guint i = 0; i < calls->len; i++)
		if (!call_at(i)->answered && !call_at(i)->cancelled)
			refuse(i, -EIO, 500);
	assert_int_equal(0, runs(w));
	assert_int_equal(0, page_server_waiting());
}

CASE(walk_stops_by_error)

static void body_same_month_is_no_step(struct world *w)
{
	fill_months(w, 60);
	for (int i = 0; i < 5; i++)
		open_month(w, 59);
	assert_int_equal(0, runs(w));
}

CASE(same_month_is_no_step)

/* Months here and there cost what they are, however many. */
static void body_jumps_are_no_steps(struct world *w)
{
	fill_months(w, 60);
	for (int i = 59; i > 0; i -= 2)
		open_month(w, i);
	assert_int_equal(0, runs(w));
	assert_int_equal(0, page_server_waiting());
}

CASE(jumps_are_no_steps)

static void body_walk_ahead_is_background(struct world *w)
{
	guint n;

	fill_months(w, 60);
	open_month(w, 59);
	n = calls->len;
	for (guint i = 0; i < n; i++)
		assert_false(call_at(i)->background);
	open_month(w, 58);
	assert_true(page_server_waiting() > 0);
	for (guint i = 0; i < calls->len && n < calls->len; i++) {
		if (call_at(i)->answered)
			continue;
		n = calls->len;
		serve(&server, i);
		break;
	}
	assert_true(calls->len > n);
	assert_true(call_at(calls->len - 1)->background);
}

CASE(walk_ahead_is_background)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPANS_TEST(walk_down),
		SPANS_TEST(walk_up),
		SPANS_TEST(walk_up_ends_at_the_head),
		SPANS_TEST(walk_stops_by_time),
		SPANS_TEST(walk_stops_by_interrupt),
		SPANS_TEST(walk_turns),
		SPANS_TEST(walk_stops_by_error),
		SPANS_TEST(same_month_is_no_step),
		SPANS_TEST(jumps_are_no_steps),
		SPANS_TEST(walk_ahead_is_background),
	};

	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
