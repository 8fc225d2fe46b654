/* SPDX-License-Identifier: MIT */
/* What is fetched after a poll: news, and spaces in use (pager/present/catchup.h). */
#include <errno.h>
#include <string.h>

#include "poll_kit.h"

/* ---- news ---- */

static void news(struct world *w)
{
	int64_t two = row_of(w, "ROOM2"), one = row_of(w, "ROOM1");

	now_ms += POLL;
	tick(w);
	answer_ok(1, room_list("ROOM1", 50, "ROOM2", 70, "ROOM3", 0, NULL));
	/* The most recently active first; also of spaces that nobody ever opened. */
	assert_int_equal(4, calls->len);
	assert_string_equal("messages", call_at(2)->what);
	assert_string_equal("ROOM2", call_at(2)->room_id);
	assert_string_equal("ROOM1", call_at(3)->room_id);
	assert_true(call_at(2)->background);
	assert_false(is_fresh(w, NEED_HEAD, two));
	assert_true(is_fresh(w, NEED_HEAD, row_of(w, "ROOM3")));
	answer_ok(3, messages("m50", 50, "m0", 0, NULL));
	assert_true(is_fresh(w, NEED_HEAD, one));
	assert_false(is_fresh(w, NEED_HEAD, two));
	answer(2, NULL, NULL, -EIO, 500, false);
	/* It is put off; whoever opens it tries again. */
	assert_int_equal(4, calls->len);
	now_ms += POLL;
	assert_false(is_fresh(w, NEED_HEAD, two));
	tick(w);
	answer_ok(4, room_list("ROOM1", 50, "ROOM2", 70, "ROOM3", 0, NULL));
	assert_int_equal(6, calls->len);
	assert_string_equal("ROOM2", call_at(5)->room_id);
	answer(5, NULL, NULL, -EIO, 500, false);
	now_ms += POLL;
	tick(w);
	/* Meanwhile something comes in a space whose head was fetched a moment ago. */
	answer_ok(6, room_list("ROOM1", 60, "ROOM2", 70, "ROOM3", 0, NULL));
	assert_false(is_fresh(w, NEED_HEAD, one));
}

static void test_news(void **state)
{
	wake_up(*state);
	on_queue(*state, news);
}

static void at_once(struct world *w)
{
	struct asker a;
	guint first = 2;

	apply_rooms(w, room_list("A", 0, "B", 0, "C", 0, NULL));
	now_ms += POLL;
	tick(w);
	answer_ok(1,
		  room_list("ROOM1", 9, "ROOM2", 8, "ROOM3", 7, "A", 6, "B", 5, "C", 4, NULL));
	assert_int_equal(first + 4, calls->len);
	answer_ok(first + 1, g_ptr_array_new_with_free_func(webex_message_free));
	assert_int_equal(first + 5, calls->len);
	assert_string_equal("B", last_call()->room_id);
	/* The network goes: nothing more is begun. */
	answer(first, NULL, NULL, -ECONNREFUSED, 0, true);
	answer(first + 2, NULL, NULL, -ECONNREFUSED, 0, true);
	answer(first + 3, NULL, NULL, -ECONNREFUSED, 0, true);
	assert_int_equal(first + 5, calls->len);
	/* And comes back: on with the rest. */
	answer_ok(first + 4, g_ptr_array_new_with_free_func(webex_message_free));
	assert_int_equal(first + 9, calls->len);
	/* An asker that joins one of them and is interrupted does not end it. */
	ask(w, &a, NEED_HEAD, row_of(w, "ROOM1"));
	assert_int_equal(first + 9, calls->len);
	pager_unwait(w->pager, &a.waiter, true);
	assert_false(call_at(first + 5)->cancelled);
	/* Asleep: they end, and nothing follows. */
	now_ms += IDLE;
	tick(w);
	answer(first + 5, NULL, NULL, -EIO, 500, false);
	answer_ok(first + 6, g_ptr_array_new_with_free_func(webex_message_free));
	assert_int_equal(first + 9, calls->len);
}

static void test_at_once(void **state)
{
	wake_up(*state);
	on_queue(*state, at_once);
}

/* ---- what it costs ---- */

static int lists;

int __real_store_news_list(struct store_conn *c, int limit, GArray *ret_news);
int __wrap_store_news_list(struct store_conn *c, int limit, GArray *ret_news);

int __wrap_store_news_list(struct store_conn *c, int limit, GArray *ret_news)
{
	lists++;
	return __real_store_news_list(c, limit, ret_news);
}

/* Whatever the number of spaces with news, they are read and sorted once for each poll. */
static void read_once(struct world *w)
{
	apply_rooms(w, room_list("A", 0, "B", 0, "C", 0, NULL));
	now_ms += POLL;
	tick(w);
	lists = 0;
	answer_ok(1,
		  room_list("ROOM1", 9, "ROOM2", 8, "ROOM3", 7, "A", 6, "B", 5, "C", 4, NULL));
	for (guint i = 2; i < calls->len; i++)
		answer_ok(i, g_ptr_array_new_with_free_func(webex_message_free));
	assert_int_equal(8, calls->len);
	assert_int_equal(0, count_news(w));
	assert_int_equal(1, lists);
}

static void test_read_once(void **state)
{
	wake_up(*state);
	on_queue(*state, read_once);
}

static void overtaken(struct world *w)
{
	now_ms += POLL;
	tick(w);
	answer_ok(1, room_list("ROOM1", 50, "ROOM2", 0, "ROOM3", 0, NULL));
	assert_int_equal(3, calls->len);
	/* A poll that ends while the messages are on their way. */
	now_ms += POLL;
	tick(w);
	answer_ok(3, room_list("ROOM1", 80, "ROOM2", 0, "ROOM3", 0, NULL));
	assert_int_equal(4, calls->len);
	answer_ok(2, messages("m50", 50, NULL));
	assert_int_equal(5, calls->len);
	answer_ok(4, messages("m80", 80, "m50", 50, NULL));
	assert_int_equal(5, calls->len);
	assert_true(is_fresh(w, NEED_HEAD, row_of(w, "ROOM1")));
}

static void test_overtaken(void **state)
{
	wake_up(*state);
	on_queue(*state, overtaken);
}

/* ---- edits and deletions ---- */

static void used_rooms(struct world *w)
{
	int64_t one = row_of(w, "ROOM1"), two = row_of(w, "ROOM2");
	struct asker a;

	pager_used(w->pager, one);
	pager_used(w->pager, two);
	ask(w, &a, NEED_HEAD, one);
	answer_ok(1, messages("m1", 0, NULL));
	now_ms += POLL;
	tick(w);
	answer_poll(w);
	/* Of what was never listed there is nothing to verify. */
	assert_int_equal(4, calls->len);
	assert_string_equal("ROOM1", call_at(3)->room_id);
	answer_ok(3, messages("m1", 0, NULL));
	/* News make it needless. */
	now_ms += POLL;
	tick(w);
	answer_ok(4, room_list("ROOM1", 5, "ROOM2", 0, "ROOM3", 0, NULL));
	assert_int_equal(6, calls->len);
	answer_ok(5, messages("m5", 5, "m1", 0, NULL));
	assert_int_equal(6, calls->len);
	/* Others keep the mount in use, nobody uses that one any more. */
	now_ms += IDLE;
	use_it(w);
	tick(w);
	answer_ok(6, room_list("ROOM1", 5, "ROOM2", 0, "ROOM3", 0, NULL));
	assert_int_equal(7, calls->len);
}

static void test_used_rooms(void **state)
{
	wake_up(*state);
	on_queue(*state, used_rooms);
}

static void eight(struct world *w)
{
	struct asker a;

	for (int i = 1; i <= 12; i++) {
		g_autofree char *id = g_strdup_printf("ROOM%d", i);
		int64_t row;

		apply_rooms(w, room_list(id, 0, NULL));
		row = row_of(w, id);
		ask(w, &a, NEED_HEAD, row);
		answer_ok(calls->len - 1, g_ptr_array_new_with_free_func(webex_message_free));
		pager_used(w->pager, row);
		now_ms += 1000;
	}
	/* A message that is opened is use of its space. */
	ask(w, &a, NEED_HEAD, w->room);
	answer_ok(calls->len - 1, messages("m1", 0, NULL));
	{
		struct store_conn *conn;
		int64_t row = 0;

		assert_int_equal(0, store_read_begin(w->store, &conn));
		assert_int_equal(0, store_message_by_id(conn, "m1", &row));
		store_read_end(conn);
		pager_used_message(w->pager, row);
	}
	now_ms += POLL;
	g_ptr_array_set_size(calls, 0);
	tick(w);
	answer_ok(0, room_list("ROOM1", 0, "ROOM2", 0, "ROOM3", 0, "ROOM4", 0, "ROOM5", 0,
			       "ROOM6", 0, "ROOM7", 0, "ROOM8", 0, "ROOM9", 0, "ROOM10", 0,
			       "ROOM11", 0, "ROOM12", 0, NULL));
	answer_ok(1, messages("m1", 0, NULL));
	for (guint i = 2; i < calls->len; i++)
		answer_ok(i, g_ptr_array_new_with_free_func(webex_message_free));
	assert_int_equal(9, calls->len);
	assert_string_equal("ROOM1", call_at(1)->room_id);
	assert_string_equal("ROOM12", call_at(2)->room_id);
	assert_string_equal("ROOM6", call_at(8)->room_id);
}

static void test_eight_most_recently_used(void **state)
{
	wake_up(*state);
	on_queue(*state, eight);
}

/* A walk through a hundred spaces is no use of them, and of those before it none is forgotten. */
static void walked(struct world *w)
{
	GPtrArray *all = room_list("ROOM1", 0, "ROOM2", 0, "ROOM3", 0, NULL);
	g_autoptr(GPtrArray) empty = g_ptr_array_new();
	int64_t one = row_of(w, "ROOM1");
	struct asker a;

	ask(w, &a, NEED_HEAD, one);
	answer_ok(1, messages("m1", 0, NULL));
	pager_used(w->pager, one);
	now_ms += POLL;
	tick(w);
	answer_poll(w);
	assert_int_equal(4, calls->len);
	answer_ok(3, messages("m1", 0, NULL));
	for (int i = 10; i < 110; i++) {
		g_autofree char *id = g_strdup_printf("ROOM%d", i);
		g_autoptr(GPtrArray) listed = room_list(id, 0, NULL);

		apply_rooms(w, room_list(id, 0, NULL));
		assert_int_equal(0, store_apply_page(w->store, row_of(w, id), empty, -1, 0,
						     STORE_PAGE_HEAD, now_ms, NULL, NULL));
		pager_used(w->pager, row_of(w, id));
		g_ptr_array_add(all, g_ptr_array_steal_index(listed, 0));
		now_ms += 10;
	}
	now_ms += POLL;
	g_ptr_array_set_size(calls, 0);
	tick(w);
	answer_ok(0, all);
	assert_int_equal(2, calls->len);
	assert_string_equal("ROOM1", call_at(1)->room_id);
}

static void test_a_walk_is_no_use_of_a_space(void **state)
{
	wake_up(*state);
	on_queue(*state, walked);
}

/* ---- lists that are old ---- */

static void listed_once(struct world *w)
{
	struct asker a;

	ask(w, &a, NEED_HEAD, w->room);
	answer_ok(1, messages("m1", 0, NULL));
	ask(w, &a, NEED_MEMBERS, w->room);
	answer_ok(2, g_ptr_array_new_with_free_func(webex_membership_free));
	/* Who walks may use a list of members that is merely old, but must know the news. */
	assert_int_equal(PAGER_USE, verdict(w, NEED_MEMBERS, w->room, true));
	now_ms += POLL;
	assert_int_equal(PAGER_OLD, verdict(w, NEED_MEMBERS, w->room, true));
	assert_int_equal(PAGER_FETCH, verdict(w, NEED_MEMBERS, w->room, false));
	assert_int_equal(PAGER_REFRESH, verdict(w, NEED_NEWS, 0, true));
	/* The polls bring the details. */
	assert_int_equal(PAGER_USE, verdict(w, NEED_ROOM, w->room, true));
	assert_int_equal(3, calls->len);
}

static void old_lists(struct world *w)
{
	now_ms += FRESH_OLD_MS - 2 * POLL;
	use_it(w);
	tick(w);
	answer_poll(w);
	assert_int_equal(4, calls->len);
	/* Each poll has a turn of one space. */
	now_ms += 2 * POLL;
	tick(w);
	answer_poll(w);
	assert_int_equal(7, calls->len);
	assert_string_equal("messages", call_at(5)->what);
	assert_string_equal("ROOM1", call_at(5)->room_id);
	assert_true(call_at(5)->background);
	assert_string_equal("memberships", call_at(6)->what);
	assert_true(call_at(6)->background);
	answer_ok(5, messages("m1", 0, NULL));
	answer_ok(6, g_ptr_array_new_with_free_func(webex_membership_free));
	now_ms += POLL;
	use_it(w);
	tick(w);
	answer_poll(w);
	assert_int_equal(8, calls->len);
}

static void test_old_lists_have_their_turn(void **state)
{
	wake_up(*state);
	on_queue(*state, listed_once);
	on_queue(*state, old_lists);
}

/* Who may not list the members is not asked for them with each poll. */
static void refused_members(struct world *w)
{
	int refused = 0;

	now_ms += FRESH_OLD_MS;
	for (int i = 0; i < 40; i++) {
		guint n = calls->len;

		use_it(w);
		now_ms += POLL;
		tick(w);
		for (; n < calls->len; n++) {
			const char *what = call_at(n)->what;

			if (strcmp(what, "memberships") == 0) {
				answer(n, NULL, NULL, -EACCES, 403, false);
				refused++;
			} else if (strcmp(what, "messages") == 0) {
				answer_ok(n, messages("m1", 0, NULL));
			} else {
				answer_ok(n,
					  room_list("ROOM1", 0, "ROOM2", 0, "ROOM3", 0, NULL));
			}
		}
	}
	assert_in_range(refused, 1, 10);
}

static void test_refused_lists_are_put_off(void **state)
{
	wake_up(*state);
	on_queue(*state, listed_once);
	on_queue(*state, refused_members);
}

static void opened_elsewhere(struct world *w)
{
	struct asker a;

	ask(w, &a, NEED_HEAD, w->room);
	answer_ok(1, messages("m1", 0, NULL));
	now_ms += MINUTE - 1;
	assert_int_equal(PAGER_USE, verdict(w, NEED_HEAD, w->room, true));
	assert_int_equal(2, calls->len);
	now_ms += 1;
	assert_int_equal(PAGER_USE, verdict(w, NEED_HEAD, w->room, true));
}

static void is_verified(struct world *w)
{
	assert_int_equal(3, calls->len);
	assert_string_equal("messages", call_at(2)->what);
	assert_true(call_at(2)->background);
	answer_ok(2, messages("m1", 0, NULL));
	assert_int_equal(PAGER_USE, verdict(w, NEED_HEAD, w->room, true));
	/* A change made here that could not be read back is fetched whatever the polls say. */
	{
		struct need need = need_of(NEED_HEAD, w->room);

		pager_expire(w->pager, &need);
	}
	assert_int_equal(PAGER_REFRESH, verdict(w, NEED_HEAD, w->room, true));
}

static void and_not_again(struct world *w)
{
	(void)w;
	assert_int_equal(3, calls->len);
}

static void test_verified_at_an_open(void **state)
{
	wake_up(*state);
	on_queue(*state, opened_elsewhere);
	on_queue(*state, is_verified);
	on_queue(*state, and_not_again);
}

/* Our own message hides what somebody wrote just before it: the space is looked at once. */
static void wrote(struct world *w)
{
	int64_t two = row_of(w, "ROOM2");
	GPtrArray *changes = store_changes_new();
	g_autoptr(GPtrArray) own = messages("own", 90, NULL);
	struct webex_message *m = own->pdata[0];
	struct asker a;

	ask(w, &a, NEED_HEAD, two);
	answer_ok(1, g_ptr_array_new_with_free_func(webex_message_free));
	g_free(m->room_id);
	m->room_id = g_strdup("ROOM2");
	assert_int_equal(0,
			 store_apply_message(w->store, two, m, now_ms + 60000, NULL, changes));
	pager_own_changes(w->pager, changes);
	g_ptr_array_unref(changes);
	assert_true(is_fresh(w, NEED_HEAD, two));
	now_ms += POLL;
	tick(w);
	answer_ok(2, room_list("ROOM1", 0, "ROOM2", 90, "ROOM3", 0, NULL));
	assert_int_equal(4, calls->len);
	assert_string_equal("ROOM2", call_at(3)->room_id);
	answer_ok(3, g_ptr_array_new_with_free_func(webex_message_free));
	now_ms += POLL;
	tick(w);
	answer_ok(4, room_list("ROOM1", 0, "ROOM2", 90, "ROOM3", 0, NULL));
	assert_int_equal(5, calls->len);
}

static void test_wrote(void **state)
{
	wake_up(*state);
	on_queue(*state, wrote);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(news),
		TEST(wrote),
		TEST(at_once),
		TEST(read_once),
		TEST(overtaken),
		TEST(used_rooms),
		TEST(eight_most_recently_used),
		TEST(a_walk_is_no_use_of_a_space),
		TEST(old_lists_have_their_turn),
		TEST(refused_lists_are_put_off),
		TEST(verified_at_an_open),
	};

	return cmocka_run_group_tests_name("fresh news", tests, NULL, NULL);
}
