/* SPDX-License-Identifier: MIT */
/* NEED_TEAMS: the teams that the account is in (webex-api.md 5.7). */
#include <errno.h>

#include "pager/fetchers/fetchers.h"
#include "pager/fetchers/list.h"
#include "pager/fetchers/teams.h"
#include "pager/internal.h"
#include "pager/proof/proof.h"
#include "store/teams.h"

static int submit(struct fetch *f, const char *next)
{
	struct webex_list l = {.max = f->max, .next = next, .background = fetch_is_unwaited(f)};

	f->request =
		webex_list_teams(pager_get_config(f->pager)->client, &l, fetch_answered, f);
	return FETCH_MORE;
}

static int begin(struct fetch *f)
{
	f->max = SERVER_PAGE_MAX;
	return submit(f, NULL);
}

static int publish(struct fetch *f)
{
	const struct pager_config *c = pager_get_config(f->pager);
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));
	GPtrArray *changes = store_changes_new();
	int64_t now_ms = clock_wall(c->clock);
	int r = store_apply_teams(c->store, f->items, f->is_partial ? NULL : missing, now_ms,
				  changes);

	if (r == 0 && !f->is_partial)
		r = store_meta_set_int(c->store, STORE_TEAMS_LISTED, now_ms);
	r = pager_published(f->pager, r, changes);
	if (r == 0 && !f->is_partial)
		proof_rooms_listed(pager_proof(f->pager), PROOF_TEAM, f->started_ms, missing);
	return r;
}

static int answer(struct fetch *f, struct webex_reply *reply)
{
	static const struct pages_list list = {
		.submit = submit, .publish = publish, .free_item = webex_room_free};
	int r = pages_read_list(f, reply, &list);

	/* The directory exists, so its error must not be ENOENT, which rsync takes for an empty
	 * directory. */
	return r == -ENOENT ? -EBUSY : r;
}

/* True if the change is one that a change of a team, or of who is in it, makes. */
static bool tells_of_team(struct store_conn *conn, const struct store_change *c)
{
	struct store_room room = {0};
	bool tells;

	if (!c->is_news || c->room_type != WEBEX_ROOM_GROUP ||
	    (c->type != STORE_ROOM_ADDED && c->type != STORE_ROOM_RENAMED))
		return false;
	tells = store_room_get(conn, c->room, &room) == 0 && room.room.team_id;
	store_room_clear(&room);
	return tells;
}

void teams_spaces_listed(struct pager *p, const GPtrArray *changes)
{
	const struct need teams = {.kind = NEED_TEAMS};
	struct store_conn *conn;
	bool tells = false;

	if (!changes->len || store_read_begin(pager_get_config(p)->store, &conn))
		return;
	/* Who never looked at them is told of none, and costs no request. */
	if (store_meta_get_int(conn, STORE_TEAMS_LISTED, 0) > 0)
		for (guint i = 0; i < changes->len && !tells; i++)
			tells = tells_of_team(conn, changes->pdata[i]);
	store_read_end(conn);
	if (!tells)
		return;
	pager_expire(p, &teams);
	pager_begin(p, &teams);
}

const struct fetcher fetcher_teams = {
	.kind = NEED_TEAMS,
	.words = "the list of teams",
	.age = FETCH_TEAMS_AGE,
	.begin = begin,
	.answer = answer,
};
