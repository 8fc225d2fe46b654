/* SPDX-License-Identifier: MIT */
/* Rooms: names, lists, pins, tombstones. */
#include <errno.h>
#include <string.h>

#include "base/snapshot.h"
#include "kit.h"

#include "webex/id.h"

static void apply(struct kit *k, GPtrArray *rooms, bool complete, int64_t now)
{
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));

	assert_int_equal(
		store_apply_rooms(k->s, rooms, complete ? missing : NULL, now, k->changes), 0);
	for (guint i = 0; i < missing->len; i++)
		assert_int_equal(
			store_remove_room(k->s, g_array_index(missing, int64_t, i), k->changes),
			0);
	g_ptr_array_set_free_func(rooms, webex_room_free);
	g_ptr_array_unref(rooms);
}

static struct webex_room *group(unsigned n, const char *title)
{
	return kit_room(n, title, WEBEX_ROOM_GROUP);
}

/* "title ~" and the first digits of the room's UUID. */
static char *suffixed(unsigned n, const char *title)
{
	char hex[WEBEX_ID_HEX_SIZE];
	char *id = kit_id("ROOM", T0 + n, 0, n);

	webex_id_hex(id, hex);
	g_free(id);
	return g_strdup_printf("%s ~%.8s", title, hex);
}

static void get_room(struct kit *k, int64_t rowid, struct store_room *ret_room)
{
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_room_get(c, rowid, ret_room), 0);
	store_read_end(c);
}

static void test_all_fields_come_back(void **state)
{
	struct kit *k = *state;
	struct webex_room *in = group(1, "Café / 🎉");
	struct store_room out;
	int64_t rowid;

	in->is_locked = in->is_public = true;
	in->team_id = kit_id("TEAM", T0, 1, 1);
	in->creator_id = kit_person_id(5);
	in->owner_id = g_strdup("bm90IGFuIGlk");
	in->classification_id = g_strdup("x");
	in->description = g_strdup("words");
	in->extra = g_strdup("{\"new\":1}");
	assert_int_equal(store_apply_room(k->s, in, 0, &rowid, k->changes), 0);
	assert_text(kit_changes(k), "room+ Café ∕ 🎉\n");
	kit_reopen(k);
	get_room(k, rowid, &out);
	assert_string_equal(out.name, "Café ∕ 🎉");
	assert_false(out.gone);
	assert_null(out.direct_email);
	assert_int_equal(out.members_wall_ms, -1);
	assert_string_equal(out.room.id, in->id);
	assert_string_equal(out.room.title, in->title);
	assert_true(out.room.is_locked && out.room.is_public);
	assert_false(out.room.is_announcement_only || out.room.is_read_only);
	assert_string_equal(out.room.team_id, in->team_id);
	assert_string_equal(out.room.creator_id, in->creator_id);
	assert_string_equal(out.room.owner_id, in->owner_id);
	assert_string_equal(out.room.classification_id, "x");
	assert_string_equal(out.room.description, "words");
	assert_string_equal(out.room.extra, in->extra);
	assert_int_equal(out.room.created_ms, in->created_ms);
	assert_int_equal(out.room.last_activity_ms, in->last_activity_ms);
	store_room_clear(&out);
	webex_room_free(in);
}

static void test_same_again_is_no_change(void **state)
{
	struct kit *k = *state;
	uint64_t generation;

	apply(k, kit_list(group(1, "A"), group(2, "B"), NULL), true, T0);
	assert_text(kit_changes(k), "room+ A\nroom+ B\n");
	generation = store_generation(k->s);
	apply(k, kit_list(group(2, "B"), group(1, "A"), NULL), true, T0);
	assert_text(kit_changes(k), "");
	assert_int_equal(store_generation(k->s), generation);
}

static void test_equal_titles(void **state)
{
	struct kit *k = *state;
	char *second = suffixed(2, "team"), *third = suffixed(3, "Team");
	char *all = g_strdup_printf("%s\nTEAM\n%s\n", third, second);

	/* Whatever the order of the list, the oldest has the plain name. */
	apply(k, kit_list(group(3, "Team"), group(1, "TEAM"), group(2, "team"), NULL), true,
	      T0);
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), all);
	/* Names outlive the clash and the mount. */
	kit_reopen(k);
	apply(k, kit_list(group(3, "Team"), group(2, "team"), NULL), true, T0);
	g_free(all);
	all = g_strdup_printf("%s\n%s\n", third, second);
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), all);
	kit_reopen(k);
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), all);
	/* A new one of that title finds the plain name free. */
	g_ptr_array_set_size(k->changes, 0);
	apply(k, kit_list(group(4, "team"), NULL), false, T0);
	assert_text(kit_changes(k), "room+ team\n");
	g_free(all);
	g_free(second);
	g_free(third);
}

static void test_first_seen_keeps_the_name(void **state)
{
	struct kit *k = *state;
	char *older = suffixed(1, "X"), *all = g_strdup_printf("X\n%s\n", older);

	kit_add_room(k, 5, "X");
	kit_add_room(k, 1, "X");
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), all);
	g_free(all);
	g_free(older);
}

static void test_kinds_do_not_clash(void **state)
{
	struct kit *k = *state;

	kit_add_room(k, 1, "Bob");
	kit_add_direct(k, 2, "Bob");
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), "Bob\n");
	assert_text(kit_rooms(k, WEBEX_ROOM_DIRECT), "Bob\n");
}

static void test_rename(void **state)
{
	struct kit *k = *state;
	int64_t row = kit_add_room(k, 1, "old");
	struct store_room room;

	g_ptr_array_set_size(k->changes, 0);
	assert_int_equal(kit_add_room(k, 1, "new"), row);
	assert_text(kit_changes(k), "room> old>new\n");
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), "new\n");
	/* Another title that makes the same name. */
	kit_add_room(k, 1, "a/b");
	g_ptr_array_set_size(k->changes, 0);
	kit_add_room(k, 1, "a∕b");
	assert_text(kit_changes(k), "room! a∕b\n");
	get_room(k, row, &room);
	assert_string_equal(room.room.title, "a∕b");
	store_room_clear(&room);
}

static int64_t details_ms(struct kit *k, int64_t row)
{
	struct store_room room;
	int64_t ms;

	get_room(k, row, &room);
	ms = MAX(room.room.last_activity_ms, room.details_ms);
	store_room_clear(&room);
	return ms;
}

/* Applies "x" with another description, or none, and another activity. */
static void describe(struct kit *k, const char *description, int64_t activity_ms, int64_t now)
{
	struct webex_room *room = group(1, "x");

	room->description = g_strdup(description);
	room->last_activity_ms = activity_ms;
	kit_set_clock(k, now);
	apply(k, kit_list(room, NULL), true, now);
}

/* Each content of the details has a later second than the one before, in every case. */
static void test_details_have_a_time(void **state)
{
	struct kit *k = *state;
	int64_t row = kit_add_room(k, 1, "x");

	describe(k, NULL, T0, T0);
	describe(k, "one", T0 + 100, T0 + 7000);
	assert_int_equal(details_ms(k, row), T0 + 7000);
	kit_reopen(k);
	assert_int_equal(details_ms(k, row), T0 + 7000);
	/* Our clock stands, or is ahead of the server's. */
	describe(k, "two", T0 + 100, T0 + 7000);
	assert_int_equal(details_ms(k, row), T0 + 8000);
	describe(k, "two", T0 + 2000, T0 + 7000);
	assert_int_equal(details_ms(k, row), T0 + 9000);
	/* Nothing changed. */
	describe(k, "two", T0 + 2000, T0 + 99000);
	assert_int_equal(details_ms(k, row), T0 + 9000);
	describe(k, "ten", T0 + 20000, T0 + 99000);
	assert_int_equal(details_ms(k, row), T0 + 20000);
	/* The answer to a change that was made here. */
	kit_set_clock(k, T0 + 200000);
	kit_add_room(k, 1, "y");
	assert_int_equal(details_ms(k, row), T0 + 200000);
}

static void test_titles_change_places(void **state)
{
	struct kit *k = *state;

	apply(k, kit_list(group(1, "x"), group(2, "y"), NULL), true, T0);
	g_ptr_array_set_size(k->changes, 0);
	apply(k, kit_list(group(1, "y"), group(2, "x"), NULL), true, T0);
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), "y\nx\n");
	assert_text(kit_changes(k), "room> x>y\nroom> y>x\n");
	/* A room that comes gets the name of one that the same list lacks when that one is
	 * gone. */
	apply(k, kit_list(group(1, "y"), group(3, "x"), NULL), true, T0);
	assert_text(kit_changes(k), "room+ x ~eb8aab60\nroom- x\nroom> x ~eb8aab60>x\n");
	/* Not of one that was there beside it. */
	apply(k, kit_list(group(1, "y"), group(3, "x"), group(4, "x"), NULL), true, T0);
	apply(k, kit_list(group(1, "y"), group(4, "x"), NULL), true, T0);
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), "y\nx ~eb8ad270\n");
}

static void test_type_stays(void **state)
{
	struct kit *k = *state;
	int64_t row = kit_add_room(k, 1, "x");

	assert_int_equal(kit_add_direct(k, 1, "x"), row);
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), "x\n");
	assert_text(kit_rooms(k, WEBEX_ROOM_DIRECT), "");
}

static void test_gone_and_pinned(void **state)
{
	struct kit *k = *state;
	struct webex_room *mine = group(1, "mine");
	int64_t row, other = kit_add_room(k, 2, "other"), again;
	struct store_room room;

	assert_int_equal(store_apply_room(k->s, mine, T0 + 60, &row, NULL), 0);
	g_ptr_array_set_size(k->changes, 0);
	apply(k, g_ptr_array_new(), true, T0 + 59);
	assert_text(kit_changes(k), "room- other\n");
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), "mine\n");
	apply(k, g_ptr_array_new(), false, T0 + 60);
	assert_text(kit_changes(k), "");
	apply(k, g_ptr_array_new(), true, T0 + 60);
	assert_text(kit_changes(k), "room- mine\n");
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), "");
	/* A tombstone says what it was; the room seen again is another row. */
	get_room(k, other, &room);
	assert_true(room.gone);
	assert_string_equal(room.name, "other");
	store_room_clear(&room);
	assert_int_equal(store_remove_room(k->s, other, k->changes), -ENOENT);
	again = kit_add_room(k, 2, "other");
	assert_true(again > other);
	kit_reopen(k);
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), "other\n");
	webex_room_free(mine);
}

static void expect_none(struct kit *k, int64_t rowid)
{
	struct store_room room;
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_room_get(c, rowid, &room), -ENOENT);
	store_read_end(c);
}

static void test_all_of_a_room_goes_with_it(void **state)
{
	struct kit *k = *state;
	int64_t row = kit_add_room(k, 1, "x"), message, back;
	struct store_message m;
	struct store_conn *c;

	message = kit_put(k, row, kit_message(1, T0, "a@x.org", "hi"));
	assert_int_equal(store_remove_room(k->s, row, k->changes), 0);
	assert_text(kit_stems(k, row), "");
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_message_get(c, message, &m), 0);
	assert_true(m.deleted);
	assert_int_equal(store_message_by_id(c, m.m.id, &back), -ENOENT);
	assert_int_equal(store_message_by_stem(c, row, m.stem, strlen(m.stem), &back), -ENOENT);
	assert_int_equal(store_message_last_by(c, row, m.person, &back), -ENOENT);
	store_message_clear(&m);
	store_read_end(c);
	/* Left and joined again: the same messages under new numbers. */
	row = kit_add_room(k, 1, "x");
	back = kit_put(k, row, kit_message(1, T0, "a@x.org", "hi"));
	assert_true(back > message);
	assert_text(kit_stems(k, row), T0_NAME "_a@x.org\n");
	kit_reopen(k);
	assert_text(kit_stems(k, row), T0_NAME "_a@x.org\n");
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_message_get(c, message, &m), -ENOENT);
	store_read_end(c);
	expect_none(k, 1);
}

static void test_look_ups(void **state)
{
	struct kit *k = *state;
	int64_t row = kit_add_direct(k, 1, "Bob"), other = kit_add_room(k, 2, "Bob");
	struct store_conn *c;
	struct store_room room;

	assert_int_equal(store_set_direct_email(k->s, row, "Bob@X.org"), 0);
	assert_int_equal(store_set_direct_email(k->s, other, "group@x.org"), 0);
	assert_int_equal(store_set_direct_email(k->s, 12345, "a@x.org"), -ENOENT);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_room_by_email(c, "bOB@x.ORG", &room), 0);
	assert_int_equal(room.rowid, row);
	assert_string_equal(room.direct_email, "Bob@X.org");
	assert_int_equal(store_room_by_email(c, "group@x.org", &room), -ENOENT);
	store_room_clear(&room);
	assert_int_equal(store_room_by_name(c, WEBEX_ROOM_DIRECT, "Bob", &room), 0);
	assert_int_equal(room.rowid, row);
	store_room_clear(&room);
	assert_int_equal(store_room_by_name(c, WEBEX_ROOM_DIRECT, "bob", &room), -ENOENT);
	assert_int_equal(store_room_count(k->s, WEBEX_ROOM_DIRECT), 1);
	store_read_end(c);
}

/* The counts are those of the rows, also after a call that failed and in the next mount. */
static void test_counts(void **state)
{
	struct kit *k = *state;
	int64_t one = kit_add_room(k, 1, "one");

	kit_add_room(k, 2, "two");
	kit_add_room(k, 2, "two again");
	kit_add_direct(k, 3, "Bob");
	assert_int_equal(store_room_count(k->s, WEBEX_ROOM_GROUP), 2);
	assert_int_equal(store_remove_room(k->s, one, k->changes), 0);
	assert_int_equal(store_remove_room(k->s, one, k->changes), -ENOENT);
	for (int reopens = 0; reopens < 2; reopens++) {
		assert_int_equal(store_room_count(k->s, WEBEX_ROOM_GROUP), 1);
		assert_int_equal(store_room_count(k->s, WEBEX_ROOM_DIRECT), 1);
		kit_reopen(k);
	}
}

/* Whatever the server sends, names are file names, differ, and titles come back. */
static void test_hostile(void **state)
{
	static const char *const titles[] = {
		"",
		".",
		"..",
		"../../etc/passwd",
		"-rf",
		"'; DROP TABLE room; --",
		"a\nb\x1b[31m",
		("\xe2\x80\xae"
		 "gpj.exe"),
		"x\xef\xbf\xbd",
		"%s%n",
		"  ",
	};
	struct kit *k = *state;
	char long_title[4096];
	GPtrArray *rooms = g_ptr_array_new();
	char **names, *text;

	memset(long_title, 'x', sizeof(long_title) - 1);
	long_title[sizeof(long_title) - 1] = '\0';
	for (unsigned i = 0; i < G_N_ELEMENTS(titles) * 2; i++)
		g_ptr_array_add(rooms, group(i, titles[i % G_N_ELEMENTS(titles)]));
	g_ptr_array_add(rooms, group(100, long_title));
	g_ptr_array_add(rooms, group(101, long_title));
	/* Ids that are none, and twice the same room. */
	for (unsigned i = 0; i < 4; i++) {
		struct webex_room *room = group(200 + i, "id");

		g_free(room->id);
		room->id = g_strdup(i & 1 ? "AAAA" : "'\"; --");
		g_ptr_array_add(rooms, room);
	}
	apply(k, rooms, true, T0);
	text = kit_rooms(k, WEBEX_ROOM_GROUP);
	assert_true(strstr(text, "/") == NULL);
	names = g_strsplit(text, "\n", -1);
	assert_int_equal(g_strv_length(names), G_N_ELEMENTS(titles) * 2 + 2 + 2 + 1);
	for (unsigned i = 0; names[i + 1]; i++) {
		assert_true(names[i][0] && names[i][0] != '.' && names[i][0] != '-');
		assert_true(strlen(names[i]) <= 255);
		assert_true(g_utf8_validate(names[i], -1, NULL));
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
	}
	g_strfreev(names);
	g_free(text);
}

/* Two regions, one UUID: no number of its digits tells them apart. */
static void test_equal_digits(void **state)
{
	static const char uuid[] = "31ed6d50-f8d9-11ef-9a2b-0242ac110002";
	static const char *const clusters[] = {"us", "urn:TEAM:us-west-2_r", "urn:TEAM:eu_k"};
	struct kit *k = *state;
	char **names, *text;

	for (unsigned i = 0; i < 3; i++) {
		struct webex_room *room = group(i, "X");
		int64_t rowid;

		g_free(room->id);
		room->id = webex_id_encode(clusters[i], "ROOM", uuid);
		assert_int_equal(store_apply_room(k->s, room, 0, &rowid, NULL), 0);
		webex_room_free(room);
	}
	text = kit_rooms(k, WEBEX_ROOM_GROUP);
	names = g_strsplit(text, "\n", -1);
	assert_int_equal(g_strv_length(names), 4);
	assert_string_equal(names[0], "X");
	assert_string_equal(names[1], "X ~31ed6d50");
	assert_string_equal(names[2], "X ~31ed6d50f8d9");
	g_strfreev(names);
	g_free(text);
}

static bool list_nested(void *arg, const struct store_room *room)
{
	struct store_conn *c = arg;
	struct store_room same;

	/* The very statement that is running. */
	assert_int_equal(store_room_get(c, room->rowid, &same), 0);
	assert_string_equal(same.name, room->name);
	store_room_clear(&same);
	return false;
}

static bool list_once(void *arg, const struct store_room *room)
{
	struct store_conn *c = *(struct store_conn **)arg;

	assert_non_null(room->name);
	assert_int_equal(store_room_list(c, WEBEX_ROOM_GROUP, 0, list_nested, c), 0);
	return true;
}

static void test_callbacks_may_read(void **state)
{
	struct kit *k = *state;
	struct store_conn *c, *inner;

	for (unsigned i = 0; i < 5; i++)
		kit_add_room(k, i, "x");
	assert_int_equal(store_read_begin(k->s, &c), 0);
	/* Code that must not wait under a snapshot can see that there is one. */
	assert_int_equal(store_read_begin(k->s, &inner), 0);
	assert_true(snapshot_is_held());
	assert_int_equal(store_room_list(c, WEBEX_ROOM_GROUP, 0, list_once, &c), 0);
	store_read_end(inner);
	assert_true(snapshot_is_held());
	store_read_end(c);
	assert_false(snapshot_is_held());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, kit_test_setup, kit_test_teardown)
		T(test_all_fields_come_back),
		T(test_same_again_is_no_change),
		T(test_equal_titles),
		T(test_first_seen_keeps_the_name),
		T(test_kinds_do_not_clash),
		T(test_rename),
		T(test_details_have_a_time),
		T(test_titles_change_places),
		T(test_type_stays),
		T(test_gone_and_pinned),
		T(test_all_of_a_room_goes_with_it),
		T(test_look_ups),
		T(test_counts),
		T(test_hostile),
		T(test_equal_digits),
		T(test_callbacks_may_read),
	};

	return cmocka_run_group_tests_name("store rooms", tests, NULL, NULL);
}
