/* SPDX-License-Identifier: MIT */
/*
 * teams/ (design 2.6): a team is a room of the store (webex/model.h), so that its name, its members and
 * what is written about it are those of a space (spaces.c, people.c, plan.c). Its spaces are links to
 * spaces/, for those that the account is in: nothing is asked for a space by itself.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/teams.h"
#include "tree/internal.h"

int teams_need(struct tree_ctx *ctx, bool is_listing)
{
	const struct need teams = {.kind = NEED_TEAMS};
	int64_t listed_ms = store_meta_get_int(ctx->conn, STORE_TEAMS_LISTED, 0);
	bool have = listed_ms > 0;
	int r = 0;

	if (!is_listing)
		return tree_need_for_name(ctx, &teams, have);
	if (have)
		r = tree_need_verified(ctx, &teams, listed_ms, VERIFY_HEAD_MS);
	return r ? r : tree_need(ctx, &teams, have);
}

/* The list of teams has the details. */
static int team_json_open(struct tree_ctx *ctx, uint64_t ino)
{
	(void)ino;
	return teams_need(ctx, true);
}

static int team_spaces_opendir(struct tree_ctx *ctx, struct tree_dir *dir)
{
	struct tree_attr attr;
	int r = tree_getattr(ctx, dir->ino, &attr);

	return r ? r : spaces_opendir(ctx, dir);
}

/* ---- teams/T/spaces/X ---- */

static int link_target(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	struct store_room room = {0};
	int r = tree_room(ctx, tree_ino_row(ino), &room);

	if (r == 0)
		*ret_target = g_strconcat("../../../spaces/", room.name, NULL);
	store_room_clear(&room);
	return r;
}

static int link_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	_cleanup_gfree_ char *target = NULL;
	int r = link_target(ctx, ino, &target);

	if (r)
		return r;
	r = space_attr(ctx, ino, attr);
	tree_set_size(attr, (int64_t)strlen(target));
	return r;
}

/* clang-format off */
const struct tree_row teams_rows[] = {
	/* No ROW_LIST: who lists the teams alone looks at them, and asks for what is new. */
	{ TREE_TEAMS, "teams", TREE_ROOT, "teams", DIR_RW, ROW_LISTED | ROW_TOLD,
	  .lookup = spaces_lookup, .opendir = spaces_opendir, .readdir = spaces_readdir },
	{ TREE_TEAM, "team", TREE_NONE, NULL, DIR_RO, 0, .attr = space_attr },
	{ TREE_TEAM_JSON, "team.json", TREE_TEAM, "team.json", FILE_RW, ROW_LISTED, LETTER_JSON,
	  .attr = space_json_attr, .open = team_json_open, .render = space_json_render },
	{ TREE_TEAM_MEMBERS, "members", TREE_TEAM, "members", DIR_RW, ROW_LISTED | ROW_TOLD | ROW_INVITES, .attr = space_attr,
	  .lookup = members_lookup, .opendir = members_opendir, .readdir = members_readdir },
	/* The kernel is told of spaces, and not of their links here. */
	{ TREE_TEAM_SPACES, "spaces of a team", TREE_TEAM, "spaces", DIR_RW, ROW_LISTED | ROW_VOLATILE, .attr = space_attr,
	  .lookup = spaces_lookup, .opendir = team_spaces_opendir, .readdir = spaces_readdir },
	{ TREE_TEAM_SPACE, "space of a team", TREE_NONE, NULL, LINK, ROW_SHIFTS | ROW_VOLATILE,
	  .attr = link_attr, .readlink = link_target },
	ROWS_END,
};
/* clang-format on */
