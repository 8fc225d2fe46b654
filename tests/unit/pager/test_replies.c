/* SPDX-License-Identifier: MIT */
/* How the roots of threads, and the replies, are asked for. */
#include <errno.h>
#include <string.h>

#include "pager_kit.h"

#define THREADS 12

/* Message `id`, in reply to `parent` (NULL: to none). */
static struct webex_message *reply_to(const char *parent, const char *id, int at)
{
	struct webex_message *m = g_new0(struct webex_message, 1);

	m->id = g_strdup(id);
	m->room_id = g_strdup("ROOM1");
	m->parent_id = g_strdup(parent);
	m->text = g_strdup(id);
	m->person_id = g_strdup("P1");
	m->person_email = g_strdup("a@example.com");
	m->created_ms = T0 + at;
	m->updated_ms = -1;
	return m;
}

static int64_t put(struct world *w, const char *parent, const char *id, int at)
{
	struct webex_message *m = reply_to(parent, id, at);
	int64_t row = 0;

	assert_int_equal(0, store_apply_message(w->store, w->room, m, 0, &row, NULL));
	webex_message_free(m);
	return row;
}

/* "R<n>", at 1000 + n, in reply to "A<n>", which is not known. */
static void put_replies(struct world *w)
{
	for (int i = 0; i < THREADS; i++) {
		g_autofree char *parent = g_strdup_printf("A%d", i);
		g_autofree char *id = g_strdup_printf("R%d", i);

		put(w, parent, id, 1000 + i);
	}
}

static struct need all_of(struct world *w)
{
	return (struct need){.kind = NEED_ROOTS,
			     .row = w->room,
			     .after = store_cookie_of(T0) - 1,
			     .until = store_cookie_of(T0 + 2000)};
}

static guint count(const char *what)
{
	guint n = 0;

	for (guint i = 0; i < calls->len; i++)
		n += strcmp(call_at(i)->what, what) == 0;
	return n;
}

static guint nameless(struct world *w, int64_t now)
{
	struct need need = all_of(w);
	struct store_range range = {.room = w->room, .after = need.after, .until = need.until};
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	struct store_conn *conn;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_thread_nameless(conn, &range, now, rows, 100));
	store_read_end(conn);
	return rows->len;
}

/* Answers the i-th call by the message that it asks for. */
static void give_root(guint i)
{
	GPtrArray *items = g_ptr_array_new_with_free_func(webex_message_free);

	g_ptr_array_add(items, reply_to(NULL, call_at(i)->id, 1));
	answer(i, items, NULL, 0, 200, false);
}

static void body_roots_eight_at_a_time(struct world *w)
{
	struct need need = all_of(w);
	struct asker a;

	put_replies(w);
	ask_need(w, &a, &need);
	assert_int_equal(8, count("message"));
	/* The newest first. */
	assert_string_equal("A11", call_at(0)->id);
	for (guint i = 0; i < THREADS; i++) {
		assert_int_equal(0, a.calls);
		give_root(i);
		assert_int_equal(THREADS - 1 - i, nameless(w, INT64_MAX));
		assert_int_equal(MIN(THREADS, 9 + i), count("message"));
	}
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
	ask_need(w, &a, &need);
	assert_int_equal(THREADS, count("message"));
}

/* Gone, forbidden, of another space, another message: none of them is asked for again. */
static void body_what_cannot_be_had_is_kept(struct world *w)
{
	static const int statuses[] = {404, 403, 400, 410};
	struct need need = all_of(w);
	struct asker a;
	GPtrArray *items;

	put_replies(w);
	ask_need(w, &a, &need);
	for (guint i = 0; i < G_N_ELEMENTS(statuses); i++)
		answer(i, NULL, NULL, -ENOENT, statuses[i], false);
	items = messages("A7", 1, NULL);
	g_free(((struct webex_message *)items->pdata[0])->room_id);
	((struct webex_message *)items->pdata[0])->room_id = g_strdup("ROOM2");
	answer(4, items, NULL, 0, 200, false);
	answer(5, messages("X", 1, NULL), NULL, 0, 200, false);
	for (guint i = 6; i < THREADS; i++)
		give_root(i);
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
	assert_int_equal(0, nameless(w, INT64_MAX));
}

/* The server fails for one: that hides no other thread, and it is asked for again later. */
static void body_a_failure_for_one(struct world *w)
{
	struct need need = all_of(w);
	struct asker a;

	put_replies(w);
	ask_need(w, &a, &need);
	answer(0, NULL, NULL, -EIO, 500, false);
	for (guint i = 1; i < THREADS; i++)
		give_root(i);
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
	assert_int_equal(0, nameless(w, 0));
	assert_int_equal(1, nameless(w, INT64_MAX));
}

/* The network ends it; what came is kept. */
static void body_the_network_fails(struct world *w)
{
	struct need need = all_of(w);
	struct asker a;

	put_replies(w);
	ask_need(w, &a, &need);
	give_root(0);
	answer(1, NULL, NULL, -ENETUNREACH, 0, true);
	for (guint i = 2; i < count("message"); i++) {
		assert_true(call_at(i)->cancelled);
		answer(i, NULL, NULL, -ECANCELED, 0, false);
	}
	assert_int_equal(1, a.calls);
	assert_int_equal(-ENETUNREACH, a.error);
	assert_int_equal(THREADS - 1, nameless(w, INT64_MAX));
}

static void body_an_interrupt_ends_it(struct world *w)
{
	struct need need = all_of(w);
	struct asker a;

	put_replies(w);
	ask_need(w, &a, &need);
	pager_unwait(w->pager, &a.waiter, true);
	for (guint i = 0; i < 8; i++) {
		assert_true(call_at(i)->cancelled);
		answer(i, NULL, NULL, -ECANCELED, 0, false);
	}
	assert_int_equal(0, a.calls);
	assert_int_equal(8, count("message"));
}

/* ---- replies ---- */

static int64_t thread_of(struct world *w, int64_t message)
{
	struct store_conn *conn;
	int64_t thread = 0;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_message_thread(conn, message, &thread));
	store_read_end(conn);
	return thread;
}

static bool add_one(void *arg, const struct store_brief *brief)
{
	(void)brief;
	++*(int *)arg;
	return true;
}

static int known(struct world *w, int64_t thread)
{
	struct store_range range = {.room = w->room, .thread = thread};
	struct store_conn *conn;
	int n = 0;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_message_list(conn, &range, add_one, &n));
	store_read_end(conn);
	return n;
}

static GPtrArray *page_of(const char *id, int at, ...)
{
	GPtrArray *items = g_ptr_array_new_with_free_func(webex_message_free);
	va_list ap;

	va_start(ap, at);
	while (id) {
		g_ptr_array_add(items, reply_to("ROOT", id, at));
		id = va_arg(ap, const char *);
		at = id ? va_arg(ap, int) : 0;
	}
	va_end(ap);
	return items;
}

/* Lists the space: (lo, hi] is known, which has this one message. */
static void put_head(struct world *w, const char *id, int lo, int hi)
{
	GPtrArray *items = messages(id, hi, NULL);

	assert_int_equal(0, store_apply_page(w->store, w->room, items, T0 + lo, T0 + hi,
					     STORE_PAGE_HEAD, T0, NULL, NULL));
	g_ptr_array_unref(items);
}

static void body_replies_page_by_page(struct world *w)
{
	struct asker a;
	int64_t thread;

	put(w, NULL, "ROOT", 1);
	thread = thread_of(w, put(w, "ROOT", "R9", 90));
	put_head(w, "H", 50, 100);
	ask(w, &a, NEED_THREAD, thread);
	assert_string_equal("ROOT", call_at(0)->parent_id);
	assert_null(call_at(0)->next);
	answer(0, page_of("R9", 90, "R8", 80, NULL), "page2", 0, 200, false);
	assert_int_equal(3, known(w, thread));
	assert_int_equal(0, a.calls);
	assert_string_equal("page2", call_at(1)->next);
	answer(1, page_of("R7", 70, NULL), NULL, 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
	assert_int_equal(4, known(w, thread));
	/* It is whole, and what comes later comes with the space. */
	ask(w, &a, NEED_THREAD, thread);
	assert_int_equal(2, calls->len);
	assert_int_equal(1, a.calls);
	put_head(w, "H2", 100, 200);
	ask(w, &a, NEED_THREAD, thread);
	assert_int_equal(2, calls->len);
	/* After a gap in what is known of the space it is asked for down to what it had. */
	put_head(w, "H3", 900, 1000);
	ask(w, &a, NEED_THREAD, thread);
	assert_int_equal(3, calls->len);
	answer(2, page_of("R500", 500, "R9", 90, NULL), "more", 0, 200, false);
	assert_int_equal(3, calls->len);
	assert_int_equal(1, a.calls);
}

/* A gateway fails on a large page; links go round in circles; an answer is not whole; there is no such list. */
static void body_odd_lists(struct world *w)
{
	struct asker a;
	int64_t thread = thread_of(w, put(w, "ROOT", "R9", 90));
	int max;

	put_head(w, "H", 50, 100);
	ask(w, &a, NEED_THREAD, thread);
	max = call_at(0)->max;
	answer(0, NULL, NULL, -EIO, 504, false);
	assert_int_equal(max / 2, call_at(1)->max);
	answer(1, page_of("R8", 80, NULL), "round", 0, 200, false);
	answer(2, page_of("R8", 80, NULL), "and", 0, 200, false);
	answer(3, page_of("R8", 80, NULL), "round", 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(-EIO, a.error);
	now_ms += 5000;
	ask(w, &a, NEED_THREAD, thread);
	answer_skipped(4, page_of("R7", 70, NULL), 1, NULL);
	assert_int_equal(-EIO, a.error);
	assert_int_equal(3, known(w, thread));
	now_ms += 5000;
	ask(w, &a, NEED_THREAD, thread);
	answer(5, NULL, NULL, -ENOENT, 404, false);
	assert_int_equal(0, a.error);
	ask(w, &a, NEED_THREAD, thread);
	assert_int_equal(6, calls->len);
}

/* The root is there, so a list that is not is a wrong answer, and no empty thread. */
static void body_a_wrong_answer(struct world *w)
{
	struct asker a;
	int64_t thread;

	put(w, NULL, "ROOT", 1);
	thread = thread_of(w, put(w, "ROOT", "R9", 90));
	put_head(w, "H", 50, 100);
	ask(w, &a, NEED_THREAD, thread);
	answer(0, NULL, NULL, -ENOENT, 404, false);
	assert_int_equal(-EBUSY, a.error);
	/* Whether the root is gone is asked for. */
	assert_string_equal("ROOT", call_at(1)->id);
	answer(1, messages("ROOT", 1, NULL), NULL, 0, 200, false);
	now_ms += 5000;
	ask(w, &a, NEED_THREAD, thread);
	answer(2, page_of("R9", 90, "R8", 80, NULL), NULL, 0, 200, false);
	assert_int_equal(0, a.error);
	assert_int_equal(3, known(w, thread));
}

static void body_a_row_without_a_request(struct world *w)
{
	int64_t row = put(w, NULL, "ROOT", 1);
	struct asker a;

	ask(w, &a, NEED_THREAD_ROW, row);
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
	assert_int_equal(0, calls->len);
	assert_true(thread_of(w, row) > 0);
}

CASE(roots_eight_at_a_time)
CASE(what_cannot_be_had_is_kept)
CASE(a_failure_for_one)
CASE(the_network_fails)
CASE(an_interrupt_ends_it)
CASE(replies_page_by_page)
CASE(odd_lists)
CASE(a_wrong_answer)
CASE(a_row_without_a_request)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(roots_eight_at_a_time),
		TEST(what_cannot_be_had_is_kept),
		TEST(a_failure_for_one),
		TEST(the_network_fails),
		TEST(an_interrupt_ends_it),
		TEST(replies_page_by_page),
		TEST(odd_lists),
		TEST(a_wrong_answer),
		TEST(a_row_without_a_request),
	};

	return cmocka_run_group_tests_name("pager replies", tests, NULL, NULL);
}
