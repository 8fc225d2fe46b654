/* SPDX-License-Identifier: MIT */
/*
 * What is refused before anything is written: what is only read, and what the server is known to
 * refuse, so that an open says it (a shell shows the error of an open and hides that of a close).
 */
#include <errno.h>

#include "tree/internal.h"
#include "tree/write.h"

static bool is_of_mentions(uint64_t ino)
{
	enum tree_kind kind = tree_ino_kind(ino);

	return kind == TREE_MENTIONS || kind == TREE_ALL_MENTIONS || kind == TREE_MENTION;
}

int tree_check_change(struct tree_ctx *ctx, uint64_t ino, const char *name)
{
	const struct tree_row *row = tree_row(ino);

	if (ctx->tree->config.read_only)
		return tree_refuse_read_only(ctx);
	if (!row || !(row->flags & ROW_SEALED))
		return 0;
	if (is_of_mentions(ino))
		return tree_refuse(
			ctx, -EROFS,
			"%s: mentions/ only shows where you are mentioned: nothing can be "
			"made, moved or deleted there; the message is in its space, where rm "
			"deletes it for everybody",
			name ? name : "a mention");
	return tree_refuse(
		ctx, -EROFS,
		"%s: an archive is only read: nothing in it can be written, moved or "
		"deleted; the same is in spaces/ or direct/, where it can",
		name ? name : "a file of an archive");
}

/* Gets one's own membership: -ENOENT if it is not known, or TREE_WAIT. What is known may be old: a
 * short wait is for the members as they are now. */
static int own_membership(struct tree_ctx *ctx, int64_t room, struct store_member *ret_m)
{
	const struct tree_config *c = &ctx->tree->config;
	int r = c->me_email ? store_member_by_name(ctx->conn, room, c->me_email, ret_m)
			    : -ENOENT;
	bool have = r == 0 && g_strcmp0(ret_m->m.person_id, c->me_id) == 0;

	if (tree_need_row(ctx, NEED_MEMBERS, room, have) == TREE_WAIT)
		r = TREE_WAIT;
	else if (!have)
		r = -ENOENT;
	if (r)
		store_member_clear(ret_m);
	return r;
}

/* For what only moderators may do. */
static int check_moderator(struct tree_ctx *ctx, const struct store_room *room,
			   const char *words)
{
	struct store_member m = {0};
	int r = own_membership(ctx, room->rowid, &m);

	if (r)
		return r == TREE_WAIT ? r : 0;
	if (!m.m.is_moderator)
		r = tree_refuse(ctx, -EACCES, "%s: %s", room->name, words);
	store_member_clear(&m);
	return r;
}

int tree_check_may_change(struct tree_ctx *ctx, int64_t row)
{
	struct store_room room = {0};
	int r = 0;

	if (store_room_get(ctx->conn, row, &room))
		return 0;
	if (room.room.type == WEBEX_ROOM_TEAM)
		r = check_moderator(
			ctx, &room,
			"only a moderator of the team can change it (isModerator in "
			"members/)");
	else if (room.room.is_locked)
		r = check_moderator(ctx, &room,
				    "only moderators can change a locked space (isLocked in "
				    "space.json)");
	store_room_clear(&room);
	return r;
}

static int check_announcements(struct tree_ctx *ctx, int64_t row)
{
	struct store_room room = {0};
	int r = 0;

	if (store_room_get(ctx->conn, row, &room))
		return 0;
	if (room.room.is_announcement_only)
		r = check_moderator(ctx, &room,
				    "only moderators can write in this space "
				    "(isAnnouncementOnly in space.json)");
	store_room_clear(&room);
	return r;
}

int tree_check_may_send(struct tree_ctx *ctx, const struct destination *to)
{
	int r = to->room ? check_announcements(ctx, to->room) : 0;

	if (r)
		return r;
	r = outbox_known_error(ctx->tree->config.outbox, to);
	if (r == -EACCES)
		return tree_refuse(
			ctx, r,
			"%s: a message can be edited ten times, and this one was: rm "
			"it and send it anew",
			to->place);
	if (r)
		return tree_refuse(ctx, r, "%s: the server says that nobody has this address",
				   to->email);
	return 0;
}
