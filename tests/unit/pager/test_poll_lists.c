/* SPDX-License-Identifier: MIT */
/* Lists of spaces of each size, and the sweep of old messages. */
#include <errno.h>
#include <string.h>

#include "poll_kit.h"

/* MANY00001 and so on, the most recently active first. */
static GPtrArray *many(int from, int to)
{
	GPtrArray *items = g_ptr_array_new_with_free_func(webex_room_free);

	for (int i = from; i <= to; i++) {
		g_autofree char *id = g_strdup_printf("MANY%05d", i);
		g_autoptr(GPtrArray) one = room_list(id, 100000 - i, NULL);

		g_ptr_array_add(items, g_ptr_array_steal_index(one, 0));
	}
	return items;
}

/* ---- the list of spaces ---- */

static void one_page(struct world *w)
{
	int64_t two = row_of(w, "ROOM2");
	GPtrArray *renamed = room_list("ROOM3", 0, "ROOM1", 0, "NEW", 0, NULL);
	struct webex_room *room = renamed->pdata[0];

	now_ms += POLL;
	tick(w);
	g_free(room->title);
	room->title = g_strdup("Another");
	answer_ok(1, renamed);
	assert_true(two > 0 && row_of(w, "NEW") > 0);
	assert_true(is_fresh(w, NEED_ROOMS, 0));
	/* That it was not in the list proves nothing, nor does one answer more. */
	assert_int_equal(two, row_of(w, "ROOM2"));
	assert_string_equal("room", call_at(2)->what);
	answer(2, NULL, NULL, -ENOENT, 404, false);
	assert_int_equal(two, row_of(w, "ROOM2"));
	/* And only a list of all of them does. */
	now_ms += POLL;
	tick(w);
	answer(3, room_list("ROOM3", 0, NULL), "next", 0, 200, false);
	assert_true(row_of(w, "NEW") > 0);
	assert_int_equal(two, row_of(w, "ROOM2"));
	now_ms += POLL;
	tick(w);
	answer_ok(4, room_list("ROOM3", 0, "ROOM1", 0, "NEW", 0, NULL));
	assert_int_equal(0, row_of(w, "ROOM2"));
	assert_int_equal(5, calls->len);
}

static void test_list_of_one_page(void **state)
{
	wake_up(*state);
	on_queue(*state, one_page);
}

static void two_thousand(struct world *w)
{
	apply_rooms(w, many(1, 2000));
	assert_int_equal(0, store_meta_set_int(w->store, "rooms.listed_wall_ms", now_ms));
	make_polling_pager(w, POLL, IDLE);
	pager_start(w->pager);
	use_it(w);
}

static void sorted(struct world *w)
{
	GPtrArray *page = many(1, 100);

	assert_int_equal(1, calls->len);
	assert_int_equal(100, call_at(0)->max);
	assert_string_equal("lastactivity", call_at(0)->sort_by);
	answer(0, page, "next", 0, 200, false);
	assert_int_equal(1, calls->len);
	/* A whole page of news: the next one, too. */
	now_ms += POLL;
	tick(w);
	page = many(1, 100);
	for (guint i = 0; i < page->len; i++)
		((struct webex_room *)page->pdata[i])->last_activity_ms += 200000;
	answer(1, page, "next", 0, 200, false);
	assert_int_equal(3, calls->len);
	assert_string_equal("next", call_at(2)->next);
	page = many(101, 200);
	((struct webex_room *)page->pdata[0])->last_activity_ms += 200000;
	answer(2, page, "next2", 0, 200, false);
	/* And then what they have, in order. */
	assert_int_equal(7, calls->len);
	assert_string_equal("MANY00001", call_at(3)->room_id);
	assert_int_equal(101, count_news(w));
	assert_true(row_of(w, "MANY02000") > 0);
}

/* The list itself goes by its age, as a poll does not tell of all. */
static void full_list(struct world *w)
{
	guint n = calls->len;
	struct asker a;

	now_ms += POLL - 10;
	assert_false(is_fresh(w, NEED_ROOMS, 0));
	ask(w, &a, NEED_ROOMS, 0);
	assert_int_equal(n + 1, calls->len);
	assert_null(last_call()->sort_by);
	/* It will tell the news as well. */
	now_ms += 10;
	assert_true(is_fresh(w, NEED_NEWS, 0));
	tick(w);
	assert_int_equal(n + 1, calls->len);
	answer(n, many(1, 1000), "next", 0, 200, false);
	answer_ok(n + 1, many(1001, 2000));
	assert_int_equal(1, a.calls);
	assert_true(is_fresh(w, NEED_ROOMS, 0));
	assert_true(is_fresh(w, NEED_NEWS, 0));
	assert_false(call_at(n)->background);
}

static void test_two_thousand(void **state)
{
	on_queue(*state, two_thousand);
	on_queue(*state, sorted);
	on_queue(*state, full_list);
}

static void three_thousand(struct world *w)
{
	apply_rooms(w, many(1, 3000));
	make_polling_pager(w, 1000, IDLE);
	pager_start(w->pager);
	use_it(w);
}

/* The sorted list is not to be trusted with so many. */
static void unsorted(struct world *w)
{
	assert_int_equal(1, calls->len);
	assert_null(call_at(0)->sort_by);
	assert_int_equal(1000, call_at(0)->max);
	answer(0, many(1, 1000), "a", 0, 200, false);
	answer(1, many(1001, 2000), "b", 0, 200, false);
	answer_ok(2, many(2001, 2999));
	/* What several pages lack may only have slipped between two of them. */
	assert_int_equal(5, calls->len);
	assert_string_equal("room", call_at(3)->what);
	assert_string_equal("room", call_at(4)->what);
	assert_true(w->room > 0 && row_of(w, "MANY03000") > 0);
	answer_ok(3, room_list("ROOM1", 0, NULL));
	answer(4, NULL, NULL, -ENOENT, 404, false);
	assert_int_equal(w->room, row_of(w, "ROOM1"));
	assert_true(row_of(w, "MANY03000") > 0);
	/* Three pages are not asked for every second. */
	now_ms += 8999;
	assert_true(is_fresh(w, NEED_NEWS, 0));
	now_ms += 1;
	assert_false(is_fresh(w, NEED_NEWS, 0));
}

static void test_three_thousand(void **state)
{
	on_queue(*state, three_thousand);
	on_queue(*state, unsorted);
}

/* A server that gives less than what was asked for, and does not sort. */
static void odd_server(struct world *w)
{
	assert_int_equal(1, calls->len);
	assert_int_equal(1000, call_at(0)->max);
	answer(0, room_list("ROOM1", 0, "ROOM2", 0, NULL), "a", 0, 200, false);
	assert_int_equal(1, calls->len);
	now_ms += POLL;
	tick(w);
	assert_int_equal(100, call_at(1)->max);
	answer(1, room_list("ROOM1", 0, "ROOM2", 7, NULL), "a", 0, 200, false);
	assert_int_equal(3, calls->len);
	assert_null(call_at(2)->next);
	assert_null(call_at(2)->sort_by);
	answer(2, room_list("ROOM1", 0, "ROOM2", 7, NULL), "b", 0, 200, false);
	answer_ok(3, room_list("ROOM3", 0, NULL));
	assert_int_equal(5, calls->len);
	assert_string_equal("ROOM2", call_at(4)->room_id);
}

static void test_odd_server(void **state)
{
	on_queue(*state, known);
	on_queue(*state, use_it);
	on_queue(*state, odd_server);
}

/* A gateway that gives up on the long page. */
static void halved(struct world *w)
{
	assert_int_equal(1, calls->len);
	answer(0, NULL, NULL, -EIO, 504, false);
	assert_int_equal(500, call_at(1)->max);
	answer_ok(1, room_list("ROOM1", 0, "ROOM2", 0, "ROOM3", 3, NULL));
	assert_int_equal(FRESH_AWAKE, state_of(w));
	assert_int_equal(3, calls->len);
	assert_string_equal("ROOM3", call_at(2)->room_id);
}

static void test_halved(void **state)
{
	on_queue(*state, known);
	on_queue(*state, use_it);
	on_queue(*state, halved);
}

/* ---- the sweep ---- */

static GPtrArray *old_messages(int from, int to)
{
	GPtrArray *items = g_ptr_array_new_with_free_func(webex_message_free);

	for (int i = to; i >= from; i--) {
		g_autofree char *id = g_strdup_printf("m%d", i);
		g_autoptr(GPtrArray) one = messages(id, i, NULL);

		g_ptr_array_add(items, g_ptr_array_steal_index(one, 0));
	}
	return items;
}

/* The n-th call and the one behind it ask for one of the missing each, which is gone. */
static void samples_are_gone(struct world *w, guint n)
{
	now_ms += PROOF_AGAIN_MS;
	proof_tick(pager_proof(w->pager));
	for (guint i = n; i < n + 2; i++) {
		assert_string_equal("message", call_at(i)->what);
		answer(i, NULL, NULL, -ENOENT, 404, false);
	}
}

static void sweep(struct world *w)
{
	GPtrArray *all = old_messages(1, 2500);
	struct webex_message *m;

	assert_int_equal(0, store_apply_page(w->store, w->room, all, -1, 0, STORE_PAGE_HEAD,
					     now_ms, NULL, NULL));
	assert_int_equal(0, store_news_settle(w->store, w->room, T0 + 2500));
	g_ptr_array_unref(all);
	now_ms += MINUTE;
	tick(w);
	answer_ok(1, room_list("ROOM1", 2500, "ROOM2", 0, "ROOM3", 0, NULL));
	/* From the newest message beyond the newest thousand. */
	assert_int_equal(3, calls->len);
	assert_string_equal("messages", call_at(2)->what);
	assert_true(call_at(2)->background);
	assert_int_equal(T0 + 1501, call_at(2)->before_ms);
	/* One deleted, one edited; and the page ends. */
	all = old_messages(500, 1500);
	g_ptr_array_remove_index(all, 10);
	m = all->pdata[20];
	m->updated_ms = now_ms;
	m->text = (g_free(m->text), g_strdup("edited"));
	w->changes = 0;
	answer(2, all, "next", 0, 200, false);
	assert_int_equal(1, w->changes);
	assert_int_equal(4, calls->len);
	answer(3, NULL, NULL, -ENOENT, 404, false);
	assert_int_equal(2, w->changes);
	assert_int_equal(2499, listed(w));
	/* Not before a minute is over; then on from there. */
	now_ms += MINUTE - 1;
	tick(w);
	answer_ok(4, room_list("ROOM1", 2500, "ROOM2", 0, "ROOM3", 0, NULL));
	assert_int_equal(5, calls->len);
	now_ms += 1;
	tick(w);
	answer_ok(5, room_list("ROOM1", 2500, "ROOM2", 0, "ROOM3", 0, NULL));
	assert_int_equal(T0 + 501, call_at(6)->before_ms);
	/* Retention has taken the rest but for some: a second list has to say so. */
	answer_ok(6, old_messages(451, 500));
	assert_int_equal(2499, listed(w));
	samples_are_gone(w, 7);
	assert_int_equal(T0 + 451, call_at(9)->before_ms);
	assert_int_equal(501, call_at(9)->max);
	answer_ok(9, old_messages(1, 0));
	assert_int_equal(2499 - 450, listed(w));
	/* And from the top again. */
	now_ms += MINUTE;
	tick(w);
	answer_ok(10, room_list("ROOM1", 2500, "ROOM2", 0, "ROOM3", 0, NULL));
	assert_int_equal(T0 + 1501, call_at(11)->before_ms);
	/* However short the answer: no more goes than a page holds. */
	answer_ok(11, old_messages(1, 0));
	samples_are_gone(w, 12);
	answer_ok(14, old_messages(1, 0));
	assert_int_equal(2499 - 450 - 1000, listed(w));
}

static void test_sweep(void **state)
{
	wake_up(*state);
	on_queue(*state, sweep);
}

/* The service gives a hundred where a thousand are asked for: what the newest page verifies is less. */
static void sweep_capped(struct world *w)
{
	GPtrArray *all = old_messages(1, 300);

	assert_int_equal(0, store_apply_page(w->store, w->room, all, -1, 0, STORE_PAGE_HEAD,
					     now_ms, NULL, NULL));
	assert_int_equal(0, store_news_settle(w->store, w->room, T0 + 300));
	g_ptr_array_unref(all);
	server_note_page(pager_server(w->pager), 100, 1000);
	now_ms += MINUTE;
	tick(w);
	answer_ok(1, room_list("ROOM1", 300, "ROOM2", 0, "ROOM3", 0, NULL));
	assert_int_equal(3, calls->len);
	assert_int_equal(T0 + 201, call_at(2)->before_ms);
}

static void test_sweep_capped(void **state)
{
	wake_up(*state);
	on_queue(*state, sweep_capped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(list_of_one_page), TEST(two_thousand), TEST(three_thousand),
		TEST(odd_server),	TEST(halved),	    TEST(sweep),
		TEST(sweep_capped),
	};

	return cmocka_run_group_tests_name("fresh lists", tests, NULL, NULL);
}
