/* SPDX-License-Identifier: MIT */
/*
 * Filling the gaps of a space's time: the states of a point of time (spans.h), one fetch for
 * each gap whoever asks, and which waiters end when.
 */
#include <errno.h>
#include <string.h>

#include "span_kit.h"

/* ---- UNKNOWN, IN A LANE, KNOWN ---- */

static void body_fill(struct world *w)
{
	struct asker a, b;

	page_server_fill(&server, 10, 0, 10);
	waiter(w, &a, 15, 55);
	assert_int_equal(1, runs(w));
	assert_int_equal(1, calls->len);
	assert_int_equal(0, a.calls);
	serve_all(&server);
	assert_told(&a, 0);
	assert_int_equal(0, runs(w));
	assert_int_equal(1, server.requests);
	/* Known: nothing is asked. */
	waiter(w, &b, 20, 50);
	assert_told(&b, 0);
	assert_int_equal(1, calls->len);
}

CASE(fill)

static void body_small_space_costs_one(struct world *w)
{
	struct asker a, b;

	page_server_fill(&server, 10, 0, 10);
	waiter(w, &a, 75, 100);
	serve_all(&server);
	waiter(w, &b, -1, 75);
	assert_told(&b, 0);
	assert_int_equal(1, server.requests);
	assert_int_equal(10, listed(w));
}

CASE(small_space_costs_one)

static void body_gaps_only(struct world *w)
{
	struct asker a;

	server.cap = 2;
	page_server_fill(&server, 20, 0, 10);
	waiter(w, &a, 75, 95);
	serve_all(&server);
	waiter(w, &a, 35, 55);
	serve_all(&server);
	assert_true(knows(w, 75, 95));
	assert_true(knows(w, 35, 55));
	g_ptr_array_set_size(calls, 0);
	/* Three gaps, three page runs. */
	waiter(w, &a, 5, 125);
	assert_int_equal(3, runs(w));
	assert_int_equal(3, calls->len);
	serve_all(&server);
	assert_told(&a, 0);
	assert_int_equal(0, runs(w));
	assert_true(knows(w, 5, 125));
}

CASE(gaps_only)

static void body_many_gaps(struct world *w)
{
	struct asker a;

	server.cap = 1;
	page_server_fill(&server, 60, 0, 10);
	for (int i = 1; i < 15; i++) {
		waiter(w, &a, i * 40, i * 40 + 5);
		serve_all(&server);
		assert_told(&a, 0);
	}
	/* No more page runs than there may be; the other gaps wait for their turn. */
	waiter(w, &a, 5, 595);
	assert_int_equal(SPANS_LANES, runs(w));
	while (!a.calls) {
		assert_true(runs(w) <= SPANS_LANES);
		assert_true(page_server_waiting() == runs(w));
		for (guint i = 0; i < calls->len; i++)
			if (!call_at(i)->answered)
				serve(&server, i);
	}
	assert_told(&a, 0);
	assert_int_equal(0, runs(w));
	assert_true(knows(w, 5, 595));
}

CASE(many_gaps)

/* ---- one fetch a gap, whoever asks ---- */

static void body_identical(struct world *w)
{
	struct asker a, b;

	page_server_fill(&server, 10, 0, 10);
	waiter(w, &a, 20, 60);
	waiter(w, &b, 20, 60);
	assert_int_equal(1, calls->len);
	serve_all(&server);
	assert_told(&a, 0);
	assert_told(&b, 0);
}

CASE(identical)

static void body_nested(struct world *w)
{
	struct asker a, b, c;

	server.cap = 3;
	page_server_fill(&server, 10, 0, 10);
	waiter(w, &a, 5, 95);
	waiter(w, &b, 35, 65);
	waiter(w, &c, -1, 95);
	/* Of c, only what is below the others. */
	assert_int_equal(2, calls->len);
	assert_int_equal(2, runs(w));
	serve(&server, 0);
	serve(&server, 2);
	/* Down to 40 by now. */
	assert_int_equal(0, b.calls);
	serve(&server, 3);
	assert_told(&b, 0);
	assert_int_equal(0, a.calls);
	serve_all(&server);
	assert_told(&a, 0);
	assert_told(&c, 0);
}

CASE(nested)

static void body_wider(struct world *w)
{
	struct asker a, b;

	server.cap = 2;
	page_server_fill(&server, 10, 0, 10);
	waiter(w, &a, 35, 65);
	/* Both sides of it, and not what is under way. */
	waiter(w, &b, 5, 95);
	assert_int_equal(3, runs(w));
	assert_int_equal(T0 + 66, call_at(0)->before_ms);
	assert_int_equal(T0 + 96, call_at(1)->before_ms);
	assert_int_equal(T0 + 36, call_at(2)->before_ms);
	serve_all(&server);
	assert_told(&a, 0);
	assert_told(&b, 0);
	assert_int_equal(0, runs(w));
}

CASE(wider)

static void body_overlapping(struct world *w)
{
	struct asker a, b;

	page_server_fill(&server, 10, 0, 10);
	waiter(w, &a, 35, 65);
	waiter(w, &b, 45, 85);
	assert_int_equal(2, runs(w));
	assert_int_equal(T0 + 86, call_at(1)->before_ms);
	/* The upper one's page has the other's part, too: all is known. */
	serve(&server, 1);
	assert_told(&a, 0);
	assert_told(&b, 0);
	serve_all(&server);
	assert_int_equal(0, runs(w));
}

CASE(overlapping)

static void body_adjacent(struct world *w)
{
	struct asker a, b;

	server.cap = 3;
	page_server_fill(&server, 10, 0, 10);
	waiter(w, &a, 40, 60);
	waiter(w, &b, 20, 40);
	assert_int_equal(2, runs(w));
	serve_all(&server);
	assert_told(&a, 0);
	assert_told(&b, 0);
	assert_true(knows(w, 20, 60));
}

CASE(adjacent)

/* ---- errors ---- */

static void body_error_reaches_those(struct world *w)
{
	struct asker low, high, both;

	server.cap = 2;
	page_server_fill(&server, 10, 0, 10);
	waiter(w, &high, 55, 95);
	waiter(w, &low, 5, 35);
	waiter(w, &both, 5, 95);
	assert_int_equal(3, calls->len);
	refuse(1, -EACCES, 403);
	assert_told(&low, -EACCES);
	assert_told(&both, -EACCES);
	assert_int_equal(0, high.calls);
	serve_all(&server);
	assert_told(&high, 0);
	/* The part between them has no page run any more. */
	assert_int_equal(0, runs(w));
}

CASE(error_reaches_those)

static void body_error_below(struct world *w)
{
	struct asker a, b;

	server.cap = 2;
	page_server_fill(&server, 10, 0, 10);
	waiter(w, &a, 85, 95);
	waiter(w, &b, 5, 95);
	serve(&server, 0);
	assert_told(&a, 0);
	refuse(1, -EIO, 500);
	assert_told(&b, -EIO);
	/* The next asker asks for what is missing only. */
	now_ms += 2000;
	waiter(w, &b, 5, 95);
	assert_int_equal(1, runs(w));
	serve_all(&server);
	assert_told(&b, 0);
}

CASE(error_below)

struct again {
	struct asker asker; /* first */
	struct world *w;
	int times;
};

static void ask_again(struct pager_waiter *waiter, int error)
{
	struct again *a = (struct again *)(void *)waiter;
	struct need n = span_of(a->w, 5, 95);

	woken(waiter, error);
	if (error && a->times-- > 0)
		pager_wait(a->w->pager, &n, waiter);
}

/* An asker that asks again when it gets an error gets a new try, not the old error. */
static void body_again_inside(struct world *w)
{
	struct again a = {.asker.waiter.fn = ask_again, .w = w, .times = 1000000};
	struct need n = span_of(w, 5, 95);

	page_server_fill(&server, 10, 0, 10);
	pager_wait(w->pager, &n, &a.asker.waiter);
	refuse(0, -EIO, 500);
	assert_int_equal(1, a.asker.calls);
	assert_int_equal(2, calls->len);
	serve_all(&server);
	assert_int_equal(2, a.asker.calls);
	assert_int_equal(0, a.asker.error);
}

CASE(again_inside)

/* An asker whose part has just come asks for another part. */
static void next_part(struct pager_waiter *waiter, int error)
{
	struct again *a = (struct again *)(void *)waiter;
	struct need n = span_of(a->w, a->times * 10, a->times * 10 + 10);

	woken(waiter, error);
	if (a->times-- > 0)
		pager_wait(a->w->pager, &n, waiter);
}

static void body_next_inside(struct world *w)
{
	struct again a = {.asker.waiter.fn = next_part, .w = w, .times = 8};
	struct need n = span_of(w, 90, 100);

	server.cap = 1;
	page_server_fill(&server, 10, 5, 10);
	pager_wait(w->pager, &n, &a.asker.waiter);
	serve_all(&server);
	assert_int_equal(9, a.asker.calls);
	assert_int_equal(0, a.asker.error);
	assert_true(knows(w, 10, 100));
	assert_int_equal(0, runs(w));
}

CASE(next_inside)

static bool room_is_gone(struct world *w)
{
	struct store_room room = {0};
	struct store_conn *conn;
	bool gone;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	gone = store_room_by_id(conn, "ROOM1", &room) == -ENOENT;
	store_room_clear(&room);
	store_read_end(conn);
	return gone;
}

static void body_vanished(struct world *w)
{
	struct asker a, b;

	waiter(w, &a, 0, 50);
	waiter(w, &b, 60, 90);
	refuse(0, -ENOENT, 404);
	assert_told(&a, -EBUSY);
	refuse(1, -ENOENT, 404);
	assert_told(&b, -EBUSY);
	assert_int_equal(0, runs(w));
	/* Both are one suspicion. */
	assert_false(room_is_gone(w));
	prove_gone(w, 2);
	assert_true(room_is_gone(w));
}

CASE(vanished)

/* In the middle of a page run a 404 may be about an anchor; by the time it is about the space. */
static void body_vanished_in_the_middle(struct world *w)
{
	struct asker a;

	server.cap = 2;
	page_server_fill(&server, 10, 0, 10);
	waiter(w, &a, 5, 95);
	serve(&server, 0);
	refuse(1, -ENOENT, 404);
	assert_int_equal(0, a.calls);
	refuse(2, -ENOENT, 404);
	assert_told(&a, -EBUSY);
	prove_gone(w, 3);
	assert_true(room_is_gone(w));
}

CASE(vanished_in_the_middle)

static void body_gone_before(struct world *w)
{
	struct asker a;

	assert_int_equal(0, store_remove_room(w->store, w->room, NULL));
	waiter(w, &a, 0, 50);
	assert_told(&a, -ENOENT);
	assert_int_equal(0, calls->len);
	step(w, 0, 50);
}

CASE(gone_before)

/* ---- interrupts ---- */

static void body_interrupt_keeps(struct world *w)
{
	struct asker a;

	server.cap = 2;
	page_server_fill(&server, 10, 0, 10);
	waiter(w, &a, 5, 95);
	serve(&server, 0);
	interrupt(w, &a);
	assert_true(call_at(1)->cancelled);
	assert_int_equal(0, runs(w));
	refuse(1, -ECANCELED, 0);
	assert_int_equal(0, a.calls);
	assert_int_equal(2, listed(w));
	waiter(w, &a, 5, 95);
	assert_int_equal(T0 + 81, call_at(2)->before_ms);
	serve_all(&server);
	assert_told(&a, 0);
}

CASE(interrupt_keeps)

static void body_interrupt_one_of_two(struct world *w)
{
	struct asker a, b;

	server.cap = 2;
	page_server_fill(&server, 10, 0, 10);
	waiter(w, &a, 5, 95);
	waiter(w, &b, 55, 95);
	interrupt(w, &a);
	/* The page run goes on for b, and no further than b needs. */
	assert_int_equal(1, runs(w));
	assert_false(call_at(0)->cancelled);
	serve_all(&server);
	assert_told(&b, 0);
	assert_int_equal(0, a.calls);
	assert_int_equal(0, runs(w));
	assert_true(server.requests <= 3);
}

CASE(interrupt_one_of_two)

static void interrupt_other(struct pager_waiter *waiter, int error)
{
	struct again *a = (struct again *)(void *)waiter;

	woken(waiter, error);
	pager_unwait(a->w->pager, &a[1].asker.waiter, true);
}

/* In the very page that tells the one, the other one goes. */
static void body_interrupt_inside(struct world *w)
{
	struct again a[2] = {{.asker.waiter.fn = interrupt_other, .w = w},
			     {.asker.waiter.fn = woken}};
	struct need high = span_of(w, 75, 95), all = span_of(w, 5, 95);

	server.cap = 2;
	page_server_fill(&server, 10, 0, 10);
	pager_wait(w->pager, &all, &a[1].asker.waiter);
	pager_wait(w->pager, &high, &a[0].asker.waiter);
	serve(&server, 0);
	serve(&server, 1);
	assert_told(&a[0].asker, 0);
	assert_int_equal(0, a[1].asker.calls);
	assert_int_equal(0, runs(w));
	assert_int_equal(0, page_server_waiting());
}

CASE(interrupt_inside)

/* ---- the end ---- */

static void body_shutdown(struct world *w)
{
	struct asker a, b;

	server.cap = 2;
	page_server_fill(&server, 10, 0, 10);
	waiter(w, &a, 5, 45);
	waiter(w, &b, 55, 95);
	pager_shutdown(w->pager);
	assert_told(&a, -ESHUTDOWN);
	assert_told(&b, -ESHUTDOWN);
	assert_int_equal(0, runs(w));
	assert_int_equal(0, page_server_waiting());
	step(w, 0, 5);
}

CASE(shutdown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPANS_TEST(fill),
		SPANS_TEST(small_space_costs_one),
		SPANS_TEST(gaps_only),
		SPANS_TEST(many_gaps),
		SPANS_TEST(identical),
		SPANS_TEST(nested),
		SPANS_TEST(wider),
		SPANS_TEST(overlapping),
		SPANS_TEST(adjacent),
		SPANS_TEST(error_reaches_those),
		SPANS_TEST(error_below),
		SPANS_TEST(again_inside),
		SPANS_TEST(next_inside),
		SPANS_TEST(vanished),
		SPANS_TEST(vanished_in_the_middle),
		SPANS_TEST(gone_before),
		SPANS_TEST(interrupt_keeps),
		SPANS_TEST(interrupt_one_of_two),
		SPANS_TEST(interrupt_inside),
		SPANS_TEST(shutdown),
	};

	return cmocka_run_group_tests_name("spans", tests, NULL, NULL);
}
