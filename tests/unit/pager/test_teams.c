/* SPDX-License-Identifier: MIT */
/* The list of teams: when it is asked for, and what makes a team, or a member of one, go. */
#include <errno.h>
#include <string.h>

#include "poll_kit.h"
#include "store/teams.h"

static GPtrArray *teams(const char *first, ...)
{
	GPtrArray *all = g_ptr_array_new_with_free_func(webex_room_free);
	va_list args;

	va_start(args, first);
	for (const char *id = first; id; id = va_arg(args, const char *)) {
		struct webex_room *team = g_new0(struct webex_room, 1);

		team->id = g_strdup(id);
		team->title = g_strconcat("Crew ", id, NULL);
		team->type = WEBEX_ROOM_TEAM;
		team->created_ms = T0;
		team->last_activity_ms = -1;
		g_ptr_array_add(all, team);
	}
	va_end(args);
	return all;
}

static GPtrArray *members(const char *first, ...)
{
	GPtrArray *all = g_ptr_array_new_with_free_func(webex_membership_free);
	va_list args;

	va_start(args, first);
	for (const char *id = first; id; id = va_arg(args, const char *)) {
		struct webex_membership *m = g_new0(struct webex_membership, 1);

		m->id = g_strdup(id);
		m->person_email = g_strconcat(id, "@x", NULL);
		m->room_type = WEBEX_ROOM_TEAM;
		m->created_ms = T0;
		g_ptr_array_add(all, m);
	}
	va_end(args);
	return all;
}

static int64_t row_of_team(struct world *w, const char *id)
{
	struct store_room team = {0};
	struct store_conn *conn;
	int64_t row = 0;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	if (store_team_by_id(conn, id, &team) == 0)
		row = team.rowid;
	store_room_clear(&team);
	store_read_end(conn);
	return row;
}

static bool has_member(struct world *w, int64_t team, const char *name)
{
	struct store_member m = {0};
	struct store_conn *conn;
	int r;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	r = store_member_by_name(conn, team, name, &m);
	store_member_clear(&m);
	store_read_end(conn);
	return r == 0;
}

static void list(struct world *w, struct asker *a, GPtrArray *items)
{
	ask(w, a, NEED_TEAMS, 0);
	assert_string_equal("teams", call_at(calls->len - 1)->what);
	answer(calls->len - 1, items, NULL, 0, 200, false);
}

static void body_a_minute(struct world *w)
{
	struct asker a;

	make_polling_pager(w, 30000, 600000);
	assert_int_equal(PAGER_FETCH, verdict(w, NEED_TEAMS, 0, false));
	list(w, &a, teams("T1", "T2", NULL));
	assert_int_equal(0, a.error);
	assert_true(row_of_team(w, "T1") && row_of_team(w, "T2"));
	now_ms += 59000;
	assert_int_equal(PAGER_USE, verdict(w, NEED_TEAMS, 0, true));
	now_ms += 2000;
	assert_int_equal(PAGER_OLD, verdict(w, NEED_TEAMS, 0, true));
	/* rsync takes ENOENT for the directory's end. */
	ask(w, &a, NEED_TEAMS, 0);
	answer(1, NULL, NULL, -ENOENT, 404, false);
	assert_int_equal(-EBUSY, a.error);
	assert_true(row_of_team(w, "T1"));
}

CASE(a_minute)

static void body_proof(struct world *w)
{
	struct asker a;

	list(w, &a, teams("T1", "T2", NULL));
	now_ms += 4000;
	/* The list lacks both: each is asked for by its id. */
	list(w, &a, teams(NULL));
	assert_int_equal(4, calls->len);
	assert_string_equal("team", call_at(2)->what);
	assert_string_equal("team", call_at(3)->what);
	answer(2, teams("T1", NULL), NULL, 0, 200, false);
	answer(3, NULL, NULL, -ENOENT, 404, false);
	assert_true(row_of_team(w, "T1") && row_of_team(w, "T2"));
	/* And by a second list. */
	later(w, 2000);
	assert_int_equal(5, calls->len);
	assert_string_equal("teams", call_at(4)->what);
	answer(4, teams("T1", NULL), NULL, 0, 200, false);
	assert_true(row_of_team(w, "T1"));
	assert_int_equal(0, row_of_team(w, "T2"));
}

CASE(proof)

static void body_members(struct world *w)
{
	struct asker a;
	int64_t team;

	list(w, &a, teams("T1", NULL));
	team = row_of_team(w, "T1");
	ask(w, &a, NEED_MEMBERS, team);
	assert_string_equal("team memberships", call_at(1)->what);
	assert_string_equal("T1", call_at(1)->room_id);
	answer(1, members("ann", "bob", NULL), NULL, 0, 200, false);
	now_ms += 4000;
	ask(w, &a, NEED_MEMBERS, team);
	answer(2, members("ann", NULL), NULL, 0, 200, false);
	assert_true(has_member(w, team, "bob@x"));
	assert_string_equal("team membership", call_at(3)->what);
	answer(3, NULL, NULL, -ENOENT, 404, false);
	assert_false(has_member(w, team, "bob@x"));
	assert_true(has_member(w, team, "ann@x"));
	/* A team that has none, it is said, is perhaps none of ours any more. */
	now_ms += 4000;
	ask(w, &a, NEED_MEMBERS, team);
	answer(4, NULL, NULL, -ENOENT, 404, false);
	assert_int_equal(-EBUSY, a.error);
	assert_string_equal("team", call_at(5)->what);
	answer(5, teams("T1", NULL), NULL, 0, 200, false);
	assert_true(row_of_team(w, "T1"));
}

CASE(members)

/* Who comes into a team comes into its General space; who never looked at teams asks for none. */
static void body_told_by_a_space(struct world *w)
{
	GPtrArray *found = rooms("ROOM1", "ROOM2", NULL);
	struct asker a;

	assert_int_equal(0, store_meta_set_int(w->store, "rooms.listed", 1));
	((struct webex_room *)found->pdata[1])->team_id = g_strdup("T1");
	ask(w, &a, NEED_ROOMS, 0);
	answer(0, found, NULL, 0, 200, false);
	assert_int_equal(1, calls->len);
	list(w, &a, teams("T1", NULL));
	now_ms += 4000;
	found = rooms("ROOM1", "ROOM2", "ROOM3", NULL);
	((struct webex_room *)found->pdata[1])->team_id = g_strdup("T1");
	((struct webex_room *)found->pdata[2])->team_id = g_strdup("T2");
	ask(w, &a, NEED_ROOMS, 0);
	answer(2, found, NULL, 0, 200, false);
	assert_int_equal(4, calls->len);
	assert_string_equal("teams", call_at(3)->what);
	answer(3, teams("T1", "T2", NULL), NULL, 0, 200, false);
	assert_true(row_of_team(w, "T2"));
}

CASE(told_by_a_space)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_minute),
		TEST(proof),
		TEST(members),
		TEST(told_by_a_space),
	};

	return cmocka_run_group_tests_name("pager teams", tests, NULL, NULL);
}
