/* SPDX-License-Identifier: MIT */
/* Teams: rooms of their own type, apart from spaces. */
#include <errno.h>
#include <string.h>

#include "kit.h"
#include "store/teams.h"

static int64_t add(struct kit *k, unsigned n, const char *name, enum webex_room_type type,
		   const struct webex_room *of_team)
{
	struct webex_room *room = kit_room(n, name, type);
	int64_t rowid = 0;

	if (of_team)
		room->team_id = g_strdup(of_team->id);
	assert_int_equal(store_apply_room(k->s, room, 0, &rowid, k->changes), 0);
	webex_room_free(room);
	return rowid;
}

static bool note(void *arg, const struct store_room *room)
{
	g_string_append_printf(arg, "%s\n", room->name);
	return true;
}

static char *spaces_of(struct kit *k, int64_t team)
{
	GString *out = g_string_new(NULL);
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_team_spaces(c, team, 0, note, out), 0);
	store_read_end(c);
	return g_string_free(out, FALSE);
}

/* A team's id may have the UUID of its General space, and its name is that space's title. */
static void test_a_team_and_its_space(void **state)
{
	struct kit *k = *state;
	struct webex_room *team = kit_room(1, "Crew", WEBEX_ROOM_TEAM);
	struct store_room found = {0};
	struct store_conn *c;
	int64_t row, general, other, of = 0;

	team->description = g_strdup("Quay");
	team->extra = g_strdup("{\"new\":1}");
	assert_int_equal(store_apply_room(k->s, team, 0, &row, k->changes), 0);
	general = add(k, 1, "Crew", WEBEX_ROOM_GROUP, team);
	other = add(k, 2, "Night shift", WEBEX_ROOM_GROUP, team);
	add(k, 3, "Lunch", WEBEX_ROOM_GROUP, NULL);
	assert_true(row != general);
	for (int reopens = 0; reopens < 2; reopens++) {
		assert_text(kit_rooms(k, WEBEX_ROOM_TEAM), "Crew\n");
		assert_text(spaces_of(k, row), "Crew\nNight shift\n");
		assert_int_equal(store_read_begin(k->s, &c), 0);
		assert_int_equal(store_team_by_id(c, team->id, &found), 0);
		assert_int_equal(found.rowid, row);
		assert_int_equal(found.room.type, WEBEX_ROOM_TEAM);
		assert_string_equal(found.room.id, team->id);
		assert_string_equal(found.room.description, "Quay");
		assert_string_equal(found.room.extra, "{\"new\":1}");
		store_room_clear(&found);
		assert_int_equal(store_room_by_id(c, team->id, &found), -ENOENT);
		assert_int_equal(store_team_of(c, other, &of), 0);
		assert_int_equal(of, row);
		assert_int_equal(store_team_of(c, row, &of), -ENOENT);
		store_read_end(c);
		kit_reopen(k);
	}
	assert_int_equal(store_remove_room(k->s, row, k->changes), 0);
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), "Crew\nNight shift\nLunch\n");
	assert_text(spaces_of(k, general), "");
	webex_room_free(team);
}

/* Bare UUIDs do not say what they name. */
static void test_equal_ids(void **state)
{
	struct kit *k = *state;
	struct webex_room *team = kit_room(1, "Crew", WEBEX_ROOM_TEAM);
	struct webex_room *space = kit_room(1, "Crew", WEBEX_ROOM_GROUP);
	int64_t first, second, again;

	g_free(team->id);
	g_free(space->id);
	team->id = g_strdup("31ed6d50-f8d9-11ef-9a2b-0242ac110002");
	space->id = g_strdup(team->id);
	assert_int_equal(store_apply_room(k->s, team, 0, &first, NULL), 0);
	assert_int_equal(store_apply_room(k->s, space, 0, &second, NULL), 0);
	assert_int_equal(store_apply_room(k->s, team, 0, &again, NULL), 0);
	assert_true(first != second && first == again);
	webex_room_free(team);
	webex_room_free(space);
}

/* A list of spaces says nothing of teams, nor one of teams of spaces. */
static void test_lists_are_apart(void **state)
{
	struct kit *k = *state;
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int64_t team = add(k, 1, "Crew", WEBEX_ROOM_TEAM, NULL);
	int64_t space = add(k, 2, "Lunch", WEBEX_ROOM_GROUP, NULL);
	GPtrArray *none = g_ptr_array_new();

	assert_int_equal(store_apply_rooms(k->s, none, missing, T0, k->changes), 0);
	assert_int_equal(missing->len, 1);
	assert_int_equal(g_array_index(missing, int64_t, 0), space);
	g_array_set_size(missing, 0);
	assert_int_equal(store_apply_teams(k->s, none, missing, T0, k->changes), 0);
	assert_int_equal(missing->len, 1);
	assert_int_equal(g_array_index(missing, int64_t, 0), team);
	g_ptr_array_unref(none);
	assert_int_equal(store_room_count(k->s, WEBEX_ROOM_TEAM), 1);
	assert_int_equal(store_room_count(k->s, WEBEX_ROOM_GROUP), 1);
}

static struct webex_membership *in_team(unsigned n, const char *email)
{
	struct webex_membership *m = kit_membership(n, email);

	m->room_type = WEBEX_ROOM_TEAM;
	return m;
}

static void test_members_and_events(void **state)
{
	struct kit *k = *state;
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));
	GPtrArray *list = kit_list(in_team(1, "ann@x"), in_team(2, "bob@x"), NULL);
	struct store_member m = {0};
	struct webex_room *renamed;
	struct store_conn *c;
	int64_t team, row;

	assert_int_equal(store_meta_set_int(k->s, STORE_TEAMS_LISTED, T0), 0);
	team = add(k, 1, "Crew", WEBEX_ROOM_TEAM, NULL);
	g_ptr_array_set_free_func(list, webex_membership_free);
	assert_int_equal(store_apply_members(k->s, team, list, missing, T0, k->changes), 0);
	g_ptr_array_unref(list);
	assert_text(kit_members(k, team), "ann@x\nbob@x\n");
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_member_by_name(c, team, "bob@x", &m), 0);
	store_read_end(c);
	row = m.rowid;
	assert_int_equal(m.m.room_type, WEBEX_ROOM_TEAM);
	store_member_clear(&m);
	assert_int_equal(store_remove_member(k->s, row, k->changes), 0);
	renamed = kit_room(1, "Port crew", WEBEX_ROOM_TEAM);
	assert_int_equal(store_apply_room(k->s, renamed, 0, &row, k->changes), 0);
	assert_int_equal(row, team);
	webex_room_free(renamed);
	assert_int_equal(store_remove_room(k->s, team, k->changes), 0);
	assert_text(kit_rooms(k, WEBEX_ROOM_TEAM), "");
	kit_close(k);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM event WHERE what=42 AND"
					     " path='teams/Crew'"),
			 1);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM event WHERE path="
					     "'teams/Crew/members/bob@x'"),
			 1);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM event WHERE what=43 AND"
					     " path='teams/Port crew'"),
			 1);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM event WHERE what=44 AND"
					     " path='teams/Port crew'"),
			 1);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM event"), 4);
	kit_open(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, kit_test_setup, kit_test_teardown)
		T(test_a_team_and_its_space),
		T(test_equal_ids),
		T(test_lists_are_apart),
		T(test_members_and_events),
	};

	return cmocka_run_group_tests_name("store teams", tests, NULL, NULL);
}
