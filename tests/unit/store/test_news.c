/* SPDX-License-Identifier: MIT */
/*
 * Rooms with news: what the list of rooms says that the listings of messages do not account for,
 * and which messages were not told before.
 */
#include <errno.h>
#include <stdlib.h>

#include "kit.h"

static struct webex_room *room_at(unsigned n, int activity)
{
	struct webex_room *r = kit_room(n,
					n == 1	 ? "one"
					: n == 2 ? "two"
						 : "three",
					WEBEX_ROOM_GROUP);

	r->created_ms = T0;
	r->last_activity_ms = T0 + activity;
	return r;
}

/* A room whose last activity the server does not tell. */
static struct webex_room *quiet_room(void)
{
	struct webex_room *r = room_at(1, 0);

	r->last_activity_ms = -1;
	return r;
}

/* Takes the rooms. */
static void list_rooms(struct kit *k, GPtrArray *rooms)
{
	assert_int_equal(store_apply_rooms(k->s, rooms, NULL, T0, k->changes), 0);
	assert_int_equal(store_meta_set_int(k->s, "rooms.listed", 1), 0);
	g_ptr_array_set_free_func(rooms, webex_room_free);
	g_ptr_array_unref(rooms);
}

static int64_t row_of(struct kit *k, const char *name)
{
	struct store_room room = {0};
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_room_by_name(c, WEBEX_ROOM_GROUP, name, &room), 0);
	store_room_clear(&room);
	store_read_end(c);
	return room.rowid;
}

/* "name activity" a line; owned. */
static char *news(struct kit *k)
{
	g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(struct store_news));
	GString *text = g_string_new(NULL);
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_news_list(c, 10, list), 0);
	for (guint i = 0; i < list->len; i++) {
		const struct store_news *n = &g_array_index(list, struct store_news, i);
		struct store_room room = {0};

		assert_int_equal(store_room_get(c, n->room, &room), 0);
		g_string_append_printf(text, "%s %d\n", room.name, (int)(n->activity_ms - T0));
		store_room_clear(&room);
	}
	store_read_end(c);
	return g_string_free(text, FALSE);
}

static struct webex_message *at(unsigned ms)
{
	return kit_message(ms, T0 + ms, "a@x", "text");
}

/* The times of new heads since the last call, in order; owned. */
static char *heads(struct kit *k)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < k->changes->len; i++) {
		const struct store_change *c = g_ptr_array_index(k->changes, i);

		/* 2025-03-04T09-20-31.508Z: the milliseconds. */
		if (c->type == STORE_MESSAGE_ADDED && c->is_news)
			g_string_append_printf(text, "%d ", atoi(c->name + 20) - 507);
	}
	g_ptr_array_set_size(k->changes, 0);
	return g_string_free(text, FALSE);
}

static void put_own(struct kit *k, int64_t room, unsigned ms)
{
	struct webex_message *m = at(ms);

	assert_int_equal(store_apply_message(k->s, room, m, T0 + 60000, NULL, k->changes), 0);
	webex_message_free(m);
}

static void settle(struct kit *k, int64_t room, int activity)
{
	assert_int_equal(store_news_settle(k->s, room, T0 + activity), 0);
}

static void test_what_was_never_seen_is_no_news(void **state)
{
	struct kit *k = *state;

	list_rooms(k, kit_list(room_at(1, 10), room_at(2, 20), NULL));
	assert_text(news(k), "");
	/* Compared for inequality: the newest message may have been deleted. */
	list_rooms(k, kit_list(room_at(1, 30), room_at(2, 15), NULL));
	assert_text(news(k), "one 30\ntwo 15\n");
	list_rooms(k, kit_list(room_at(1, 10), room_at(2, 16), NULL));
	assert_text(news(k), "two 16\n");
}

static void test_a_listing_accounts_for_it(void **state)
{
	struct kit *k = *state;
	uint64_t generation;
	int64_t one;

	list_rooms(k, kit_list(room_at(1, 10), room_at(2, 20), NULL));
	list_rooms(k, kit_list(room_at(1, 30), room_at(2, 40), NULL));
	one = row_of(k, "one");
	kit_page(k, one, kit_list(at(30), at(12), at(9), NULL), -1, 0, STORE_PAGE_HEAD);
	/* Of a room that nobody ever opened: what came since it was first seen. */
	assert_text(heads(k), "12 30 ");
	assert_text(news(k), "two 40\none 30\n");
	settle(k, one, 30);
	assert_text(news(k), "two 40\n");
	generation = store_generation(k->s);
	settle(k, one, 30);
	assert_int_equal(store_generation(k->s), generation);
	/* An activity that is no message, and no page that would account for it. */
	list_rooms(k, kit_list(room_at(1, 35), NULL));
	assert_text(news(k), "two 40\none 35\n");
	settle(k, one, 35);
	assert_text(news(k), "two 40\n");
}

static void test_a_fetch_that_was_overtaken(void **state)
{
	struct kit *k = *state;
	int64_t one;

	list_rooms(k, kit_list(room_at(1, 10), NULL));
	list_rooms(k, kit_list(room_at(1, 30), NULL));
	one = row_of(k, "one");
	/* Begun at 30; the list says 40 before its page comes, which lacks it. */
	list_rooms(k, kit_list(room_at(1, 40), NULL));
	kit_page(k, one, kit_list(at(30), NULL), -1, 0, STORE_PAGE_HEAD);
	settle(k, one, 30);
	assert_text(news(k), "one 40\n");
	/* This one has more than the list of rooms told. */
	kit_page(k, one, kit_list(at(50), at(40), at(30), NULL), -1, 0, STORE_PAGE_HEAD);
	settle(k, one, 40);
	assert_text(news(k), "");
	list_rooms(k, kit_list(room_at(1, 50), NULL));
	assert_text(news(k), "");
	assert_text(heads(k), "30 40 50 ");
}

/* The pages of one fetch, newest first. */
static void test_news_of_two_pages(void **state)
{
	struct kit *k = *state;
	int64_t one;

	list_rooms(k, kit_list(room_at(1, 10), NULL));
	one = row_of(k, "one");
	kit_page(k, one, kit_list(at(10), at(9), NULL), T0 + 8, 0, STORE_PAGE_HEAD);
	settle(k, one, 10);
	assert_text(heads(k), "");
	list_rooms(k, kit_list(room_at(1, 40), NULL));
	kit_page(k, one, kit_list(at(40), at(30), NULL), T0 + 30, 0, STORE_PAGE_HEAD);
	kit_page(k, one, kit_list(at(30), at(20), at(10), at(9), at(8), at(7), NULL), T0 + 6,
		 T0 + 30, STORE_PAGE_INNER);
	settle(k, one, 40);
	assert_text(heads(k), "30 40 20 ");
	kit_page(k, one, kit_list(at(6), at(5), NULL), -1, T0 + 6, STORE_PAGE_INNER);
	assert_text(heads(k), "");
}

static void test_own_messages(void **state)
{
	struct kit *k = *state;
	int64_t one, two;

	list_rooms(k, kit_list(room_at(1, 10), room_at(2, 10), NULL));
	one = row_of(k, "one");
	two = row_of(k, "two");
	kit_page(k, one, kit_list(at(10), NULL), -1, 0, STORE_PAGE_HEAD);
	settle(k, one, 10);
	put_own(k, one, 20);
	assert_text(heads(k), "20 ");
	assert_text(news(k), "");
	list_rooms(k, kit_list(room_at(1, 20), NULL));
	assert_text(news(k), "");
	/* What somebody wrote just before it is told when it comes. */
	kit_page(k, one, kit_list(at(20), at(15), at(10), NULL), -1, 0, STORE_PAGE_HEAD);
	assert_text(heads(k), "15 ");
	/* With news of others that are still to come, they stay news. */
	list_rooms(k, kit_list(room_at(1, 30), NULL));
	put_own(k, one, 40);
	assert_text(news(k), "one 40\n");
	/* Nobody knows what came before it in a room that was never listed. */
	settle(k, one, 40);
	put_own(k, two, 50);
	assert_text(news(k), "two 50\n");
}

/* The server shows a message after newer ones. */
static void test_what_comes_late(void **state)
{
	struct kit *k = *state;
	GPtrArray *many = g_ptr_array_new();
	int64_t one;

	list_rooms(k, kit_list(room_at(1, 400), NULL));
	one = row_of(k, "one");
	kit_page(k, one, kit_list(at(400), at(300), NULL), T0 + 250, 0, STORE_PAGE_HEAD);
	settle(k, one, 400);
	g_free(heads(k));
	kit_page(k, one, kit_list(at(400), at(350), at(300), NULL), T0 + 250, 0,
		 STORE_PAGE_HEAD);
	assert_text(heads(k), "350 ");
	/* As an answer of its own, and in the same millisecond as the newest one. */
	kit_put(k, one, at(310));
	kit_put(k, one, kit_message(401, T0 + 400, "b@x", "text"));
	assert_text(heads(k), "310 400 ");
	/* In a list that a bot sees. */
	kit_page(k, one, kit_list(at(320), NULL), T0 + 305, 0, STORE_PAGE_FILTERED);
	assert_text(heads(k), "320 ");
	/* What was never listed is the past. So is a page of it that reaches into what is known. */
	kit_put(k, one, at(240));
	kit_page(k, one, kit_list(at(260), at(250), at(200), NULL), T0 + 190, T0 + 260,
		 STORE_PAGE_INNER);
	assert_text(heads(k), "260 ");
	/* It was told before. */
	assert_int_equal(store_remove_message(k->s,
					      kit_number(k->path, "SELECT rowid FROM message"
								  " LIMIT 1"),
					      NULL),
			 0);
	kit_page(k, one, kit_list(at(400), NULL), T0 + 390, 0, STORE_PAGE_HEAD);
	assert_text(heads(k), "");
	/* So many at once come from an answer that was too short: some events, and one that says so. */
	for (unsigned ms = 402; ms < 552; ms++)
		g_ptr_array_add(many, at(ms));
	kit_page(k, one, kit_list(at(600), NULL), T0 + 401, 0, STORE_PAGE_HEAD);
	settle(k, one, 600);
	g_free(heads(k));
	kit_page(k, one, many, T0 + 401, T0 + 552, STORE_PAGE_INNER);
	assert_int_equal(k->changes->len, 150);
	for (guint i = 0; i < k->changes->len; i++)
		assert_int_equal(((struct store_change *)k->changes->pdata[i])->is_news,
				 i < 100);
}

/* The last activity may be no message, or one that the server does not show yet. */
static void test_an_activity_without_a_message(void **state)
{
	struct kit *k = *state;
	int64_t one;

	list_rooms(k, kit_list(room_at(1, 100), NULL));
	one = row_of(k, "one");
	kit_page(k, one, kit_list(at(10), at(9), NULL), T0 + 8, 0, STORE_PAGE_HEAD);
	assert_text(heads(k), "");
	settle(k, one, 100);
	kit_page(k, one, kit_list(at(60), at(50), NULL), T0 + 50, 0, STORE_PAGE_HEAD);
	assert_text(heads(k), "50 60 ");
}

/* An own message whose answer comes after a newer one was listed. */
static void test_own_messages_are_always_told(void **state)
{
	struct kit *k = *state;
	int64_t one;

	list_rooms(k, kit_list(room_at(1, 10), NULL));
	one = row_of(k, "one");
	kit_page(k, one, kit_list(at(10), NULL), T0 + 5, 0, STORE_PAGE_HEAD);
	settle(k, one, 10);
	g_free(heads(k));
	put_own(k, one, 8);
	put_own(k, one, 3);
	assert_text(heads(k), "8 3 ");
}

static bool count_missed(void *arg, const struct store_event *e)
{
	if (e->what == STORE_EVENT_MISSED) {
		assert_string_equal(e->path, "spaces/one");
		++*(int *)arg;
	}
	return true;
}

static bool has_gap(struct kit *k, int64_t room)
{
	struct store_conn *c;
	bool has;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	has = store_news_has_gap(c, room);
	store_read_end(c);
	return has;
}

static int missed(struct kit *k)
{
	struct store_conn *c;
	int n = 0;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_events_after(c, 0, count_missed, &n), 0);
	store_read_end(c);
	return n;
}

/* Not all new messages came with the pages of a fetch: the journal says so, once. */
static void test_what_is_not_told_is_said(void **state)
{
	struct kit *k = *state;
	int64_t one;

	list_rooms(k, kit_list(room_at(1, 10), NULL));
	one = row_of(k, "one");
	/* Never listed: the past is not missed. */
	kit_page(k, one, kit_list(at(10), at(9), NULL), T0 + 8, 0, STORE_PAGE_HEAD);
	assert_false(has_gap(k, one));
	settle(k, one, 10);
	kit_page(k, one, kit_list(at(40), at(30), NULL), T0 + 30, 0, STORE_PAGE_HEAD);
	assert_true(has_gap(k, one));
	/* A mount that ends here goes on. */
	kit_reopen(k);
	assert_true(has_gap(k, one));
	kit_page(k, one, kit_list(at(30), at(20), at(10), NULL), T0 + 10, T0 + 30,
		 STORE_PAGE_INNER);
	assert_false(has_gap(k, one));
	settle(k, one, 40);
	assert_int_equal(missed(k), 0);
	kit_page(k, one, kit_list(at(90), at(80), NULL), T0 + 80, 0, STORE_PAGE_HEAD);
	settle(k, one, 90);
	assert_int_equal(missed(k), 1);
	assert_false(has_gap(k, one));
	settle(k, one, 90);
	g_free(heads(k));
	/* What was said to be missed makes no event when somebody reads it. */
	kit_page(k, one, kit_list(at(80), at(60), NULL), T0 + 50, T0 + 80, STORE_PAGE_INNER);
	assert_text(heads(k), "");
	assert_int_equal(missed(k), 1);
}

static void test_late_rooms(void **state)
{
	struct kit *k = *state;
	int64_t two;

	list_rooms(k, kit_list(room_at(1, 100), NULL));
	/* Joined: what came in it since the last list is news, its past is not. */
	list_rooms(k, kit_list(room_at(1, 100), room_at(2, 120), room_at(3, 90), NULL));
	assert_text(news(k), "two 120\n");
	two = row_of(k, "two");
	kit_page(k, two, kit_list(at(120), at(110), at(99), at(80), NULL), -1, 0,
		 STORE_PAGE_HEAD);
	settle(k, two, 120);
	assert_text(heads(k), "110 120 ");
	assert_text(news(k), "");
	kit_reopen(k);
	assert_text(news(k), "");
}

static void test_no_activity_known(void **state)
{
	struct kit *k = *state;
	int64_t one;

	list_rooms(k, kit_list(quiet_room(), NULL));
	one = row_of(k, "one");
	kit_put(k, one, at(5));
	kit_page(k, one, kit_list(at(5), at(3), NULL), -1, 0, STORE_PAGE_HEAD);
	assert_text(heads(k), "");
	kit_page(k, one, kit_list(at(6), at(5), at(3), NULL), -1, 0, STORE_PAGE_HEAD);
	assert_text(heads(k), "6 ");
}

static void test_used(void **state)
{
	struct kit *k = *state;
	g_autoptr(GArray) uses = g_array_new(FALSE, FALSE, sizeof(struct store_use));
	g_autoptr(GArray) got = g_array_new(FALSE, FALSE, sizeof(struct store_use));
	struct store_conn *c;
	int64_t rows[3];

	list_rooms(k, kit_list(room_at(1, 1), room_at(2, 2), room_at(3, 3), NULL));
	rows[0] = row_of(k, "one");
	rows[1] = row_of(k, "two");
	rows[2] = row_of(k, "three");
	for (int i = 0; i < 3; i++) {
		struct store_use use = {.room = rows[i], .wall_ms = T0 + (i + 1) % 3};

		g_array_append_val(uses, use);
	}
	assert_int_equal(store_put_used(k->s, uses), 0);
	/* It never goes back. */
	g_array_index(uses, struct store_use, 1).wall_ms = T0 - 5;
	assert_int_equal(store_put_used(k->s, uses), 0);
	kit_reopen(k);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_used_list(c, 2, got), 0);
	store_read_end(c);
	assert_int_equal(got->len, 2);
	assert_int_equal(g_array_index(got, struct store_use, 0).room, rows[1]);
	assert_int_equal(g_array_index(got, struct store_use, 0).wall_ms, T0 + 2);
	assert_int_equal(g_array_index(got, struct store_use, 1).room, rows[0]);
}

static void assert_sweep(struct kit *k, int64_t room, int hi)
{
	struct store_sweep sweep;
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_sweep_next(c, 2, &sweep), 0);
	store_read_end(c);
	assert_int_equal(sweep.room, room);
	assert_int_equal(sweep.hi_ms, T0 + hi);
	assert_int_equal(sweep.lo_ms, -1);
}

/* Beyond the newest two; each room in its turn, and on from where it was. */
static void test_sweep_goes_round(void **state)
{
	struct kit *k = *state;
	int64_t one, two, messages, bodies;
	struct store_sweep sweep;
	struct store_conn *c;

	list_rooms(k, kit_list(room_at(1, 9), room_at(2, 9), room_at(3, 9), NULL));
	one = row_of(k, "one");
	two = row_of(k, "two");
	kit_page(k, row_of(k, "three"), kit_list(at(1), at(2), NULL), -1, 0, STORE_PAGE_HEAD);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_sweep_next(c, 2, &sweep), -ENOENT);
	store_read_end(c);
	kit_page(k, one, kit_list(at(1), at(2), at(3), at(4), at(5), NULL), -1, 0,
		 STORE_PAGE_HEAD);
	kit_page(k, two, kit_list(at(1), at(2), at(4), at(6), at(8), NULL), -1, 0,
		 STORE_PAGE_HEAD);
	assert_sweep(k, one, 3);
	assert_int_equal(store_sweep_done(k->s, one, T0 + 2, 10), 0);
	assert_sweep(k, two, 4);
	assert_int_equal(store_sweep_done(k->s, two, T0 + 3, 20), 0);
	assert_sweep(k, one, 2);
	kit_reopen(k);
	assert_int_equal(store_sweep_done(k->s, one, -1, 30), 0);
	/* Nothing is known at 3. */
	assert_sweep(k, two, 2);
	assert_int_equal(store_sweep_done(k->s, two, T0, 40), 0);
	assert_sweep(k, one, 3);
	assert_int_equal(store_sweep_done(k->s, one, -1, 50), 0);
	/* And nothing below. */
	assert_sweep(k, two, 4);
	store_count_messages(k->s, &messages, &bodies);
	assert_int_equal(messages, 12);
	assert_int_equal(bodies, 12);
}

#define T(name) cmocka_unit_test_setup_teardown(name, kit_test_setup, kit_test_teardown)

/* A space that was forgotten, also by an earlier mount: what was told of it is told. */
static void test_what_comes_back_is_no_news(void **state)
{
	struct kit *k = *state;

	for (int reopens = 0; reopens < 2; reopens++) {
		unsigned t = 100 * (unsigned)reopens;

		list_rooms(k, kit_list(room_at(1, (int)t + 50), room_at(2, 5), NULL));
		kit_page(k, row_of(k, "one"), kit_list(at(t + 50), at(t + 40), NULL), -1, 0,
			 STORE_PAGE_HEAD);
		settle(k, row_of(k, "one"), (int)t + 50);
		assert_int_equal(store_remove_room(k->s, row_of(k, "one"), k->changes), 0);
		if (reopens)
			kit_reopen(k);
		g_free(heads(k));
		list_rooms(k, kit_list(room_at(1, (int)t + 60), room_at(2, 5), NULL));
		kit_page(k, row_of(k, "one"),
			 kit_list(at(t + 60), at(t + 50), at(t + 40), NULL), -1, 0,
			 STORE_PAGE_HEAD);
		/* What came meanwhile is. */
		assert_text(heads(k), reopens ? "160 " : "60 ");
		assert_int_equal(store_remove_room(k->s, row_of(k, "one"), k->changes), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_what_was_never_seen_is_no_news),
		T(test_a_listing_accounts_for_it),
		T(test_a_fetch_that_was_overtaken),
		T(test_news_of_two_pages),
		T(test_own_messages),
		T(test_what_comes_late),
		T(test_an_activity_without_a_message),
		T(test_own_messages_are_always_told),
		T(test_what_is_not_told_is_said),
		T(test_late_rooms),
		T(test_no_activity_known),
		T(test_used),
		T(test_sweep_goes_round),
		T(test_what_comes_back_is_no_news),
	};

	return cmocka_run_group_tests_name("news", tests, NULL, NULL);
}
