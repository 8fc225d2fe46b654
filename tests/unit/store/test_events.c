/* SPDX-License-Identifier: MIT */
/* The journal: what is news, in whose transaction it is written, how long it is kept. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kit.h"
#include "tree/place.h"

/* The cursor up to which news() has given what came. */
static int64_t seen;

static int setup(void **state)
{
	struct kit *k = g_new0(struct kit, 1);

	kit_setup(k);
	seen = 0;
	*state = k;
	return 0;
}

struct listing {
	GString *text;
	int64_t last;
};

static bool add_line(void *arg, const struct store_event *e)
{
	struct listing *l = arg;

	/* No number is left out: a reader counts what it missed by them. */
	if (l->last)
		assert_int_equal(e->seq, l->last + 1);
	l->last = e->seq;
	assert_true(e->wall_ms > T0);
	g_string_append_printf(l->text, "%d %s\n", (int)e->what, e->path);
	return true;
}

/* "what path" a line; owned. */
static char *events_after(struct kit *k, int64_t seq)
{
	struct listing l = {.text = g_string_new(NULL)};
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_events_after(c, seq, add_line, &l), 0);
	store_read_end(c);
	if (l.last)
		assert_int_equal(l.last, store_event_last(k->s));
	return g_string_free(l.text, FALSE);
}

/* What came since the last call; owned. */
static char *news(struct kit *k)
{
	char *text = events_after(k, seen);

	seen = store_event_last(k->s);
	return text;
}

static int64_t first_of(struct kit *k)
{
	struct store_conn *c;
	int64_t first = 0;
	int r;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	r = store_event_first(c, &first);
	store_read_end(c);
	return r ? r : first;
}

static void list_rooms(struct kit *k, GPtrArray *rooms)
{
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));

	assert_int_equal(store_apply_rooms(k->s, rooms, missing, T0, NULL), 0);
	for (guint i = 0; i < missing->len; i++)
		assert_int_equal(
			store_remove_room(k->s, g_array_index(missing, int64_t, i), NULL), 0);
	assert_int_equal(store_meta_set_int(k->s, "rooms.listed", 1), 0);
	g_ptr_array_set_free_func(rooms, webex_room_free);
	g_ptr_array_unref(rooms);
}

static struct webex_room *group(unsigned n, const char *title)
{
	return kit_room(n, title, WEBEX_ROOM_GROUP);
}

static void test_spaces(void **state)
{
	struct kit *k = *state;
	struct webex_room *busy = group(1, "Ops");
	struct webex_room *locked = group(1, "Ops");

	list_rooms(k, kit_list(group(1, "Ops"), group(2, "Lunch"), NULL));
	assert_text(news(k), "");
	list_rooms(k, kit_list(group(1, "Ops"), group(2, "Dinner"),
			       kit_room(3, "Bob", WEBEX_ROOM_DIRECT), NULL));
	assert_text(news(k), "17 spaces/Lunch\n18 spaces/Dinner\n16 direct/Bob\n");
	busy->last_activity_ms += 1000;
	list_rooms(k, kit_list(busy, group(2, "Dinner"), NULL));
	assert_text(news(k), "20 direct/Bob\n");
	locked->is_locked = true;
	list_rooms(k, kit_list(locked, group(2, "Dinner"), NULL));
	assert_text(news(k), "19 spaces/Ops\n");
}

static void test_messages(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops");
	struct webex_message *same = kit_message(2, T0 + 2, "bob@example.com", "two");
	struct webex_message *edited = kit_message(2, T0 + 2, "bob@example.com", "two!");

	/* What a first listing brings happened before. */
	kit_page(k, room, kit_list(kit_message(1, T0 + 1, "bob@example.com", "one"), NULL), -1,
		 T0 + 1, STORE_PAGE_HEAD);
	assert_text(news(k), "");
	kit_put(k, room, kit_message(2, T0 + 2, "bob@example.com", "two"));
	assert_text(news(k), "1 spaces/Ops/2025-03-04T09-20-31.509Z_bob@example.com.txt\n");
	/* A field that one answer lacked and another has is no edit. */
	same->html = g_strdup("<p>two</p>");
	kit_put(k, room, same);
	assert_text(news(k), "");
	edited->updated_ms = T0 + 500;
	kit_put(k, room, edited);
	assert_text(news(k), "2 spaces/Ops/2025-03-04T09-20-31.509Z_bob@example.com.txt\n");
	kit_page(k, room,
		 kit_list(kit_message(1, T0 + 1, "bob@example.com", "one"),
			  kit_message(3, T0 + 3, "ann@example.com", "three"), NULL),
		 -1, T0 + 3, STORE_PAGE_HEAD);
	assert_text(news(k), "1 spaces/Ops/2025-03-04T09-20-31.510Z_ann@example.com.txt\n"
			     "3 spaces/Ops/2025-03-04T09-20-31.509Z_bob@example.com.txt\n");
}

static void test_history_is_no_news(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 500, "Ops");

	kit_page(k, room, kit_list(kit_message(5, T0 + 500, "bob@example.com", "new"), NULL),
		 T0 + 400, T0 + 500, STORE_PAGE_HEAD);
	kit_page(k, room,
		 kit_list(kit_message(1, T0 + 100, "bob@example.com", "old"),
			  kit_message(2, T0 + 200, "bob@example.com", "old"), NULL),
		 -1, T0 + 400, STORE_PAGE_INNER);
	assert_text(news(k), "");
}

static void apply_members(struct kit *k, int64_t room, bool complete, GPtrArray *members)
{
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));

	assert_int_equal(
		store_apply_members(k->s, room, members, complete ? missing : NULL, T0, NULL),
		0);
	assert_int_equal(store_remove_members(k->s, missing, T0, NULL), 0);
	g_ptr_array_set_free_func(members, webex_membership_free);
	g_ptr_array_unref(members);
}

static void test_members(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops");
	struct webex_membership *boss = kit_membership(1, "ann@example.com");

	apply_members(k, room, true,
		      kit_list(kit_membership(1, "ann@example.com"),
			       kit_membership(2, "bob@example.com"), NULL));
	assert_text(news(k), "");
	boss->is_moderator = true;
	apply_members(k, room, true,
		      kit_list(boss, kit_membership(3, "carol@example.com"), NULL));
	assert_text(news(k), "9 spaces/Ops/members/ann@example.com\n"
			     "8 spaces/Ops/members/carol@example.com\n"
			     "10 spaces/Ops/members/bob@example.com\n");
	/* One of our own making. */
	apply_members(k, room, false, kit_list(kit_membership(4, "dan@example.com"), NULL));
	assert_text(news(k), "8 spaces/Ops/members/dan@example.com\n");
}

static void test_with_its_change_or_not_at_all(void **state)
{
	struct kit *k = *state;
	struct webex_message *elsewhere = kit_message(2, T0 + 2, "bob@example.com", "two");
	int64_t room = kit_add_room(k, 1, "Ops"), last;
	GPtrArray *changes = store_changes_new(), *page = kit_list(elsewhere, NULL);

	kit_put(k, room, kit_message(1, T0 + 1, "bob@example.com", "one"));
	last = store_event_last(k->s);
	/* Put in, and then it turns out that the page cannot be kept. */
	kit_sql(k->path, "CREATE TRIGGER no BEFORE INSERT ON span BEGIN"
			 " SELECT RAISE(ABORT, 'no'); END");
	assert_int_equal(store_apply_page(k->s, room, page, T0 + 1, T0 + 2, STORE_PAGE_HEAD, T0,
					  NULL, changes),
			 -EIO);
	g_ptr_array_set_free_func(page, NULL);
	g_ptr_array_unref(page);
	assert_int_equal(changes->len, 0);
	assert_text(events_after(k, last), "");
	assert_int_equal(store_event_last(k->s), last);
	kit_sql(k->path, "DROP TRIGGER no");
	/* And the other way round: no event, no change. */
	kit_sql(k->path, "CREATE TRIGGER no BEFORE INSERT ON event BEGIN"
			 " SELECT RAISE(ABORT, 'no'); END");
	assert_int_equal(store_apply_message(k->s, room, elsewhere, 0, NULL, changes), -EIO);
	assert_int_equal(changes->len, 0);
	kit_sql(k->path, "DROP TRIGGER no");
	assert_int_equal(store_apply_message(k->s, room, elsewhere, 0, NULL, changes), 0);
	assert_text(events_after(k, last),
		    "1 spaces/Ops/2025-03-04T09-20-31.509Z_bob@example.com.txt\n");
	webex_message_free(elsewhere);
	g_ptr_array_unref(changes);
}

static void test_only_the_newest_are_kept(void **state)
{
	struct kit *k = *state;
	const int n = STORE_EVENTS_KEPT + 1000;
	int64_t first;

	assert_int_equal(first_of(k), -ENOENT);
	for (int i = 0; i < n; i++)
		assert_int_equal(
			store_event_add(k->s, STORE_EVENT_LINK_UP, ".sparkfs/status.json"), 0);
	assert_int_equal(store_event_last(k->s), n);
	first = first_of(k);
	assert_uint_in_range(first, n - STORE_EVENTS_KEPT - 256, n - STORE_EVENTS_KEPT + 1);
	g_free(events_after(k, 0));
}

static void test_cursors_only_rise(void **state)
{
	struct kit *k = *state;
	int64_t last;

	for (int i = 0; i < 30; i++)
		assert_int_equal(store_event_add(k->s, STORE_EVENT_LINK_UP, "x"), 0);
	last = store_event_last(k->s);
	kit_reopen(k);
	assert_int_equal(store_event_last(k->s), last);
	assert_int_equal(store_event_add(k->s, STORE_EVENT_LINK_UP, "y"), 0);
	assert_int_equal(store_event_last(k->s), ++last);
	/* Nothing is left of it but the numbers that were given out. */
	kit_close(k);
	assert_int_equal(remove(k->path), 0);
	kit_open(k);
	assert_true(store_event_last(k->s) >= last);
	last = store_event_last(k->s);
	assert_int_equal(store_event_add(k->s, STORE_EVENT_LINK_UP, "z"), 0);
	assert_int_equal(first_of(k), last + 1);
}

static void test_the_link(void **state)
{
	static const struct {
		enum store_event_what what;
		bool is_down;
	} rows[] = {
		{STORE_EVENT_LINK_DOWN, true},
		{STORE_EVENT_SPACE_ADDED, true},
		{STORE_EVENT_LINK_UP, false},
		{STORE_EVENT_SPACE_ADDED, false},
	};
	struct kit *k = *state;
	struct store_conn *c;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		assert_int_equal(store_event_add(k->s, rows[i].what, "x"), 0);
		kit_reopen(k);
		assert_int_equal(store_read_begin(k->s, &c), 0);
		assert_int_equal(store_event_link_is_down(c), rows[i].is_down);
		store_read_end(c);
	}
}

static void count(void *arg)
{
	++*(int *)arg;
}

static void test_the_writer_is_told(void **state)
{
	int told = 0;
	struct store_config config = {.path_of = tree_path_of, .on_event = count, .arg = &told};
	char *holder = NULL;
	struct store *s;

	(void)state;
	assert_int_equal(store_open(&config, &s, &holder), 0);
	assert_int_equal(store_meta_set(s, "a", "b"), 0);
	assert_int_equal(told, 0);
	assert_int_equal(store_event_add(s, STORE_EVENT_LINK_UP, "x"), 0);
	assert_int_equal(told, 1);
	store_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_spaces, setup, kit_test_teardown),
		cmocka_unit_test_setup_teardown(test_messages, setup, kit_test_teardown),
		cmocka_unit_test_setup_teardown(test_history_is_no_news, setup,
						kit_test_teardown),
		cmocka_unit_test_setup_teardown(test_members, setup, kit_test_teardown),
		cmocka_unit_test_setup_teardown(test_with_its_change_or_not_at_all, setup,
						kit_test_teardown),
		cmocka_unit_test_setup_teardown(test_only_the_newest_are_kept, setup,
						kit_test_teardown),
		cmocka_unit_test_setup_teardown(test_cursors_only_rise, setup,
						kit_test_teardown),
		cmocka_unit_test_setup_teardown(test_the_link, setup, kit_test_teardown),
		cmocka_unit_test(test_the_writer_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
