/* SPDX-License-Identifier: MIT */
/*
 * Dropped bodies come back: by pages for those who wait, and one by one where a page lacks
 * them. And the bound is kept.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pager/past/evicted.h"
#include "span_kit.h"

#define COUNT 30

static int64_t row_of(struct world *w, int n)
{
	struct store_conn *conn;
	int64_t row = 0;
	char id[16];

	snprintf(id, sizeof(id), "S%d", n);
	assert_int_equal(0, store_read_begin(w->store, &conn));
	if (store_message_by_id(conn, id, &row))
		row = 0;
	store_read_end(conn);
	return row;
}

static bool is_dropped(struct world *w, int n)
{
	struct store_conn *conn;
	bool evicted = false;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_message_is_evicted(conn, row_of(w, n), &evicted));
	store_read_end(conn);
	return evicted;
}

/* All of the space is known, one message every 10 ms, and no body is left. */
static void drop_all(struct world *w)
{
	struct store_evict e = {.limit = 0, .recent = 3, .slice = 1000};
	struct asker a;

	if (!server.times->len)
		page_server_fill(&server, COUNT, 0, 10);
	waiter(w, &a, -1, COUNT * 10);
	serve_all(&server);
	assert_told(&a, 0);
	assert_int_equal(0, store_evict(w->store, &e));
	assert_int_equal(0, store_bodies_count(w->store));
	g_ptr_array_set_size(calls, 0);
	server.requests = 0;
}

static void ask_body(struct world *w, struct asker *a, int n)
{
	ask(w, a, NEED_BODY, row_of(w, n));
}

static void body_page(struct world *w)
{
	struct asker a, b;

	drop_all(w);
	ask_body(w, &a, 12);
	assert_int_equal(1, calls->len);
	serve_all(&server);
	assert_told(&a, 0);
	/* The bodies above and below came with it. */
	assert_int_equal(1, server.requests);
	assert_int_equal(COUNT, store_bodies_count(w->store));
	/* It is there: nothing is asked. */
	ask_body(w, &b, 13);
	assert_told(&b, 0);
	assert_int_equal(1, server.requests);
}

CASE(page)

/* Up and down, a page holds its worth of messages. */
static void body_small_pages(struct world *w)
{
	struct asker a;
	int dropped = 0;

	server.cap = 10;
	drop_all(w);
	for (int n = 0; n < COUNT; n++) {
		ask_body(w, &a, n);
		serve_all(&server);
		assert_told(&a, 0);
	}
	assert_uint_in_range(server.requests, 3, 5);
	assert_int_equal(COUNT, store_bodies_count(w->store));
	drop_all(w);
	for (int n = COUNT; n-- > 0;) {
		dropped += is_dropped(w, n);
		ask_body(w, &a, n);
		serve_all(&server);
		assert_told(&a, 0);
	}
	assert_uint_in_range(server.requests, 3, 5);
	assert_int_equal(server.requests, dropped);
}

CASE(small_pages)

static void body_join(struct world *w)
{
	struct asker some[COUNT];

	drop_all(w);
	for (int n = 0; n < COUNT; n++)
		ask_body(w, &some[n], (n * 7) % COUNT);
	assert_int_equal(1, calls->len);
	serve_all(&server);
	for (int n = 0; n < COUNT; n++)
		assert_told(&some[n], 0);
}

CASE(join)

/* A body that is under way is not fetched again with its neighbour. */
static void body_beside(struct world *w)
{
	struct asker a, b;

	server.cap = 10;
	drop_all(w);
	ask_body(w, &a, 15);
	ask_body(w, &b, 14);
	assert_int_equal(2, calls->len);
	assert_true(call_at(1)->before_ms <= T0 + 150);
	serve_all(&server);
	assert_told(&a, 0);
	assert_told(&b, 0);
	assert_int_equal(2, server.requests);
}

CASE(beside)

static void body_interrupt(struct world *w)
{
	struct asker a, b;

	drop_all(w);
	ask_body(w, &a, 3);
	ask_body(w, &b, 4);
	interrupt(w, &a);
	assert_false(call_at(0)->cancelled);
	interrupt(w, &b);
	assert_true(call_at(0)->cancelled);
	answer(0, NULL, NULL, -ECANCELED, 0, true);
	ask_body(w, &a, 3);
	serve_all(&server);
	assert_told(&a, 0);
	assert_int_equal(0, b.calls);
}

CASE(interrupt)

static void body_errors(struct world *w)
{
	struct asker a, b;

	drop_all(w);
	ask_body(w, &a, 3);
	ask_body(w, &b, 4);
	refuse(0, -EACCES, 403);
	assert_told(&a, -EACCES);
	assert_told(&b, -EACCES);
	assert_true(is_dropped(w, 3));
	/* There is no such message. */
	ask(w, &a, NEED_BODY, 4711);
	assert_told(&a, -ENOENT);
	assert_int_equal(1, calls->len);
	/* The space is gone. */
	ask_body(w, &a, 3);
	refuse(1, -ENOENT, 404);
	assert_told(&a, -EBUSY);
	prove_gone(w, 2);
	assert_int_equal(0, listed(w));
}

CASE(errors)

static void body_deleted(struct world *w)
{
	struct asker a;

	drop_all(w);
	g_array_remove_index(server.times, 5);
	ask_body(w, &a, 5);
	/* S5 to S28 are one later on the server now: all but one have their ids. */
	answer(0, messages("S4", 40, "S6", 60, NULL), NULL, 0, 200, false);
	assert_int_equal(0, a.calls);
	assert_true(row_of(w, 5) > 0);
	assert_int_equal(2, calls->len);
	refuse(1, -ENOENT, 404);
	assert_told(&a, 0);
	assert_int_equal(0, row_of(w, 5));
	assert_false(is_dropped(w, 4));
}

CASE(deleted)

/* Beside something that nobody could read, absence says nothing: it is asked for alone. */
static void body_alone(struct world *w)
{
	struct asker a;

	drop_all(w);
	ask_body(w, &a, 5);
	answer_skipped(0, messages("S4", 40, "S6", 60, NULL), 1, NULL);
	assert_int_equal(0, a.calls);
	assert_int_equal(2, calls->len);
	assert_string_equal("message", call_at(1)->what);
	answer(1, messages("S5", 50, NULL), NULL, 0, 200, false);
	assert_told(&a, 0);
	assert_false(is_dropped(w, 5));
	/* Gone after all. */
	ask_body(w, &a, 7);
	answer_skipped(2, messages(NULL), 1, NULL);
	refuse(3, -ENOENT, 404);
	assert_told(&a, 0);
	assert_int_equal(0, row_of(w, 7));
	/* Or out of reach. */
	ask_body(w, &a, 8);
	answer_skipped(4, messages(NULL), 1, NULL);
	refuse(5, -EACCES, 403);
	assert_told(&a, -EACCES);
	assert_true(is_dropped(w, 8));
	/* An asker that does not wait any more is not told. */
	ask_body(w, &a, 9);
	answer_skipped(6, messages(NULL), 1, NULL);
	interrupt(w, &a);
	assert_true(call_at(7)->cancelled);
	answer(7, NULL, NULL, -ECANCELED, 0, true);
	assert_int_equal(0, a.calls);
}

CASE(alone)

/* All of an interval, as for a transcript. */
static void body_interval(struct world *w)
{
	struct need need = {.kind = NEED_BODIES, .lo_ms = T0 + 45, .hi_ms = T0 + 245};
	struct asker a, b;

	server.cap = 5;
	drop_all(w);
	need.row = w->room;
	ask_need(w, &a, &need);
	/* An asker for one of them joins, and is told before all are there. */
	ask_body(w, &b, 23);
	serve(&server, 0);
	assert_told(&b, 0);
	assert_int_equal(0, a.calls);
	serve_all(&server);
	assert_told(&a, 0);
	assert_uint_in_range(server.requests, 4, 6);
	for (int n = 5; n <= 24; n++)
		assert_false(is_dropped(w, n));
}

CASE(interval)

static void body_shutdown(struct world *w)
{
	struct asker a, b;

	drop_all(w);
	ask_body(w, &a, 5);
	answer_skipped(0, messages(NULL), 1, NULL);
	ask_body(w, &b, 20);
	pager_shutdown(w->pager);
	assert_told(&a, -ESHUTDOWN);
	assert_told(&b, -ESHUTDOWN);
}

CASE(shutdown)

/* ---- the bound ---- */

static void tick(struct world *w)
{
	/* What was fetched just now is spared. */
	now_ms += 10000;
	evicted_tick(pager_evicted(w->pager));
}

static void body_bound(struct world *w)
{
	struct asker a;

	make_bounded_pager(w, 10);
	page_server_fill(&server, COUNT, 0, 10);
	waiter(w, &a, -1, COUNT * 10);
	serve_all(&server);
	evicted_tick(pager_evicted(w->pager));
	assert_int_equal(COUNT, store_bodies_count(w->store));
	tick(w);
	assert_int_equal(10, store_bodies_count(w->store));
	/* Nothing is dropped while somebody waits for others. */
	ask_body(w, &a, 3);
	w->changes = 0;
	tick(w);
	assert_int_equal(10, store_bodies_count(w->store));
	serve_all(&server);
	assert_told(&a, 0);
	assert_true(store_bodies_count(w->store) > 10);
	/* Nobody saw anything of it. */
	assert_int_equal(0, w->changes);
	tick(w);
	assert_int_equal(10, store_bodies_count(w->store));
}

CASE(bound)

static void body_no_bound(struct world *w)
{
	struct asker a;

	page_server_fill(&server, COUNT, 0, 10);
	waiter(w, &a, -1, COUNT * 10);
	serve_all(&server);
	tick(w);
	assert_int_equal(COUNT, store_bodies_count(w->store));
}

CASE(no_bound)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPANS_TEST(page),     SPANS_TEST(small_pages), SPANS_TEST(join),
		SPANS_TEST(beside),   SPANS_TEST(interrupt),   SPANS_TEST(errors),
		SPANS_TEST(deleted),  SPANS_TEST(alone),       SPANS_TEST(interval),
		SPANS_TEST(shutdown), SPANS_TEST(bound),       SPANS_TEST(no_bound),
	};

	return cmocka_run_group_tests_name("bodies", tests, NULL, NULL);
}
