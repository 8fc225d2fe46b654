/* SPDX-License-Identifier: MIT */
/* How many requests the filling of a gap costs, cut or not, and that nothing is missed where it is cut. */
#include <errno.h>
#include <string.h>

#include "span_kit.h"

/* ---- costs ---- */

static void body_cost(struct world *w)
{
	static const int counts[] = {0, 1, 49, 50, 51, 99, 100, 101, 150, 251};
	int64_t from = 0;

	server.cap = 50;
	/* One month after the other, with as many messages as that. */
	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
		page_server_fill(&server, counts[i], (int64_t)i * 30 * DAY + DAY, 1000);
	for (size_t i = G_N_ELEMENTS(counts); i-- > 0;) {
		int before = server.requests, n;
		struct asker a;

		from = (int64_t)i * 30 * DAY;
		waiter(w, &a, from, from + 30 * DAY);
		serve_all(&server);
		assert_told(&a, 0);
		n = server.requests - before;
		assert_true(n <= (counts[i] + server.cap - 1) / server.cap + 1);
	}
	assert_int_equal(server.times->len, listed(w));
}

CASE(cost)

static void body_cost_of_a_millisecond(struct world *w)
{
	struct asker a;

	/* Ten of one millisecond at the lower end of a full page, inclusive `before`. */
	server.cap = 50;
	server.is_inclusive = true;
	page_server_fill(&server, 10, 100, 0);
	page_server_fill(&server, 45, 101, 1);
	waiter(w, &a, 50, 1000);
	serve_all(&server);
	assert_told(&a, 0);
	assert_true(server.requests <= 3);
	assert_int_equal(55, listed(w));
}

CASE(cost_of_a_millisecond)

static void make_dense(struct world *w, int n)
{
	struct asker a;

	make_pager(w, 1000, false);
	page_server_fill(&server, n, 1000, 60000);
	ask(w, &a, NEED_HEAD, w->room);
	serve_all(&server);
	assert_told(&a, 0);
}

/* -o recent=all: what reaches down to the beginning is cut. */
static void body_cut(struct world *w)
{
	int most = 0, ideal;
	struct asker a;
	int64_t newest;

	make_dense(w, 40000);
	newest = g_array_index(server.times, int64_t, server.times->len - 1);
	waiter(w, &a, -1, newest);
	while (!a.calls) {
		most = MAX(most, runs(w));
		assert_true(runs(w) <= SPANS_LANES);
		assert_int_equal(runs(w), page_server_waiting());
		for (guint i = 0, n = calls->len; i < n; i++)
			if (!call_at(i)->answered && !call_at(i)->cancelled)
				serve(&server, i);
	}
	assert_told(&a, 0);
	assert_true(most >= 4);
	assert_int_equal(0, runs(w));
	assert_int_equal(40000, listed(w));
	assert_true(knows(w, -1, newest));
	ideal = 40;
	assert_true(server.requests * 4 <= ideal * 5);
}

CASE(cut)

/* The same with pages in any order. */
static void body_cut_in_disorder(struct world *w)
{
	struct asker a;
	GRand *rand = g_rand_new_with_seed(7);
	int64_t newest;

	make_dense(w, 30000);
	newest = g_array_index(server.times, int64_t, server.times->len - 1);
	waiter(w, &a, -1, newest);
	while (!a.calls) {
		guint i = (guint)g_rand_int_range(rand, 0, (gint)calls->len);

		if (!call_at(i)->answered && !call_at(i)->cancelled)
			serve(&server, i);
	}
	assert_told(&a, 0);
	serve_all(&server);
	assert_int_equal(30000, listed(w));
	assert_true(server.requests <= 40);
	g_rand_free(rand);
}

CASE(cut_in_disorder)

/* A page run that is left with much shares it with those that have none. */
static void body_share(struct world *w)
{
	struct asker a;
	int64_t newest;

	make_dense(w, 20000);
	newest = g_array_index(server.times, int64_t, server.times->len - 1);
	waiter(w, &a, -1, newest);
	/* All but the last page run come to their ends first. */
	while (runs(w) > 1) {
		guint last = 0;

		for (guint i = 0; i < calls->len; i++)
			if (!call_at(i)->answered &&
			    (!last || call_at(i)->before_ms < call_at(last)->before_ms))
				last = i;
		for (guint i = 0, n = calls->len; i < n; i++)
			if (!call_at(i)->answered && i != last)
				serve(&server, i);
		if (page_server_waiting() <= 1)
			break;
	}
	serve_all(&server);
	assert_told(&a, 0);
	assert_int_equal(20000, listed(w));
}

CASE(share)

/* A busy present tells nothing of a sparse past: its page runs are not as short as that. */
static void body_sparse_past(struct world *w)
{
	int64_t newest;
	struct asker a;

	make_pager(w, 1000, false);
	page_server_fill(&server, 30, 1000, 10 * DAY);
	page_server_fill(&server, 1500, 400 * DAY, 1000);
	ask(w, &a, NEED_HEAD, w->room);
	serve_all(&server);
	newest = g_array_index(server.times, int64_t, server.times->len - 1);
	waiter(w, &a, -1, newest);
	serve_all(&server);
	assert_told(&a, 0);
	assert_true(server.requests <= 12);
	assert_int_equal(1530, listed(w));
}

CASE(sparse_past)

/* The same where the oldest messages are known, and are gone from the server since. */
static void body_forgotten_past(struct world *w)
{
	GPtrArray *old = messages("OLD", 1000, NULL);
	int64_t newest;
	struct asker a;

	assert_int_equal(0, store_apply_page(w->store, w->room, old, T0, T0 + 2000,
					     STORE_PAGE_INNER, now_ms, NULL, NULL));
	g_ptr_array_unref(old);
	make_pager(w, 1000, false);
	page_server_fill(&server, 1500, 2000 * DAY, 1000);
	ask(w, &a, NEED_HEAD, w->room);
	serve_all(&server);
	newest = g_array_index(server.times, int64_t, server.times->len - 1);
	waiter(w, &a, -1, newest);
	serve_all(&server);
	assert_told(&a, 0);
	assert_true(server.requests <= 60);
}

CASE(forgotten_past)

/* Several messages of the millisecond in which a page run's part ends. */
static void body_page_run_edges(struct world *w)
{
	struct asker a;
	int64_t newest;

	make_pager(w, 50, false);
	server.cap = 50;
	for (int i = 0; i < 400; i++)
		page_server_fill(&server, 7, i * 10, 0);
	ask(w, &a, NEED_HEAD, w->room);
	serve_all(&server);
	newest = g_array_index(server.times, int64_t, server.times->len - 1);
	waiter(w, &a, -1, newest);
	serve_all(&server);
	assert_told(&a, 0);
	assert_int_equal(2800, listed(w));
	/* The same page runs again over what is known by now delete nothing. */
	waiter(w, &a, 0, newest);
	assert_told(&a, 0);
}

CASE(page_run_edges)

/* The service gives less than what was asked for. */
static void body_capped(struct world *w)
{
	struct asker a;

	server.cap = 100;
	page_server_fill(&server, 950, 1000, 1000);
	waiter(w, &a, 0, 950 * 1000);
	assert_int_equal(1000, call_at(0)->max);
	serve_all(&server);
	assert_told(&a, 0);
	assert_int_equal(10, server.requests);
	assert_int_equal(950, listed(w));
}

CASE(capped)

/* One page run finds out how large a page may be: the next one knows. */
static void body_smaller_pages(struct world *w)
{
	struct asker a, b;

	page_server_fill(&server, 3000, 1000, 1000);
	waiter(w, &a, 2000 * 1000, 3000 * 1000);
	refuse(0, -EIO, 504);
	assert_int_equal(500, call_at(1)->max);
	serve_all(&server);
	assert_told(&a, 0);
	waiter(w, &b, 500 * 1000, 1000 * 1000);
	assert_int_equal(500, call_at(calls->len - 1)->max);
	serve_all(&server);
	assert_told(&b, 0);
}

CASE(smaller_pages)

/* And what one found out the others do not forget. */
static void body_smaller_pages_stay(struct world *w)
{
	struct asker a, b, c;

	page_server_fill(&server, 3000, 1000, 1000);
	waiter(w, &a, 2500 * 1000, 3000 * 1000);
	waiter(w, &b, 500 * 1000, 1000 * 1000);
	refuse(0, -EIO, 504);
	serve(&server, 2);
	serve(&server, 1);
	waiter(w, &c, 1200 * 1000, 1300 * 1000);
	assert_int_equal(500, call_at(calls->len - 1)->max);
	serve_all(&server);
	assert_told(&a, 0);
	assert_told(&b, 0);
	assert_told(&c, 0);
}

CASE(smaller_pages_stay)

/* Larger ones are tried again, seldom where that fails. */
static void body_larger_again(struct world *w)
{
	struct pager *p = w->pager;

	server_note_page_max(pager_server(p), 500);
	now_ms += 59999;
	assert_int_equal(500, server_page_max(pager_server(p), 1000));
	assert_int_equal(300, server_page_max(pager_server(p), 300));
	now_ms += 1;
	assert_int_equal(1000, server_page_max(pager_server(p), 1000));
	server_note_page_max(pager_server(p), 500);
	now_ms += 119999;
	assert_int_equal(500, server_page_max(pager_server(p), 1000));
	now_ms += 1;
	assert_int_equal(1000, server_page_max(pager_server(p), 1000));
	/* One outage, however far down. */
	server_note_page_max(pager_server(p), 500);
	server_note_page_max(pager_server(p), 250);
	server_note_page_max(pager_server(p), 125);
	now_ms += 240000;
	assert_int_equal(250, server_page_max(pager_server(p), 1000));
	/* That worked: on as at first. */
	now_ms += 240000;
	assert_int_equal(500, server_page_max(pager_server(p), 1000));
	now_ms += 60000;
	assert_int_equal(1000, server_page_max(pager_server(p), 1000));
}

CASE(larger_again)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPANS_TEST(cost),
		SPANS_TEST(cost_of_a_millisecond),
		SPANS_TEST(cut),
		SPANS_TEST(cut_in_disorder),
		SPANS_TEST(share),
		SPANS_TEST(sparse_past),
		SPANS_TEST(forgotten_past),
		SPANS_TEST(page_run_edges),
		SPANS_TEST(capped),
		SPANS_TEST(smaller_pages),
		SPANS_TEST(smaller_pages_stay),
		SPANS_TEST(larger_again),
	};

	return cmocka_run_group_tests_name("spans_cost", tests, NULL, NULL);
}
