/* SPDX-License-Identifier: MIT */
/*
 * spaces/, direct/, the lists of teams and of a team's spaces (teams.c), the files of a space's directory
 * itself, and .sparkfs/views.
 */
#include <errno.h>
#include <stdlib.h>

#include "store/teams.h"
#include "tree/internal.h"

static enum webex_room_type type_of(uint64_t dir)
{
	switch (tree_ino_kind(dir)) {
	case TREE_DIRECT:
	case TREE_ARCHIVE_DIRECT:
		return WEBEX_ROOM_DIRECT;
	case TREE_TEAMS:
		return WEBEX_ROOM_TEAM;
	default:
		return WEBEX_ROOM_GROUP;
	}
}

/* The kind of the spaces, or teams, in `dir`. */
static enum tree_kind kind_below(uint64_t dir)
{
	switch (tree_ino_kind(dir)) {
	case TREE_ARCHIVE_SPACES:
	case TREE_ARCHIVE_DIRECT:
		return TREE_ARCHIVE_SPACE;
	case TREE_TEAMS:
		return TREE_TEAM;
	case TREE_TEAM_SPACES:
		return TREE_TEAM_SPACE;
	default:
		return TREE_SPACE;
	}
}

/*
 * Once complete, the list of spaces is never unknown again. To look a name up a poll is enough,
 * because it brings the new spaces.
 */
static int need_rooms(struct tree_ctx *ctx, bool is_listing)
{
	bool have = store_meta_get_int(ctx->conn, "rooms.listed", 0) != 0;
	const struct need rooms = {.kind = NEED_ROOMS};
	int r = 0;

	if (is_listing)
		r = tree_need(ctx, &rooms, have);
	else if (!have || !pager_polls(ctx->tree->config.pager))
		r = tree_need_for_name(ctx, &rooms, have);
	return r ? r : tree_need_poll(ctx);
}

static int need_list(struct tree_ctx *ctx, uint64_t dir, bool is_listing)
{
	return type_of(dir) == WEBEX_ROOM_TEAM ? teams_need(ctx, is_listing)
					       : need_rooms(ctx, is_listing);
}

/* Finds the space, or team, by its name in `dir`. */
static int find_in(struct tree_ctx *ctx, uint64_t dir, const char *name,
		   struct store_room *ret_room)
{
	int r = store_room_by_name(ctx->conn, type_of(dir), name, ret_room);
	int64_t team;

	if (r || tree_ino_kind(dir) != TREE_TEAM_SPACES)
		return r;
	r = store_team_of(ctx->conn, ret_room->rowid, &team);
	return r == 0 && team != tree_ino_row(dir) ? -ENOENT : r;
}

int spaces_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
		  struct tree_entry *ret_entry)
{
	struct store_room room = {0};
	int r;

	/* No space has such a name, since a title with a leading dot gets another name. */
	if (name[0] == '.') {
		tree_no_entry(ret_entry, TIMEOUT_LONG);
		return 0;
	}
	r = find_in(ctx, dir, name, &room);
	if (r == -ENOENT) {
		int wait = need_list(ctx, dir, false);

		if (wait) {
			store_room_clear(&room);
			return wait;
		}
	}
	r = tree_entry_or_none(ctx, r, tree_ino(kind_below(dir), room.rowid), TIMEOUT_SHORT,
			       ret_entry);
	store_room_clear(&room);
	return r;
}

int spaces_opendir(struct tree_ctx *ctx, struct tree_dir *dir)
{
	return need_list(ctx, dir->ino, true);
}

struct listing {
	struct tree_ctx *ctx;
	tree_emit emit;
	void *arg;
	int error;
	enum tree_kind kind; /* of the spaces */
	int64_t cookie_base; /* views: added to the row */
	bool is_full;
};

static bool emit_space(void *arg, const struct store_room *room)
{
	struct listing *l = arg;

	return tree_emit_ino(l->ctx, l->emit, l->arg, room->name,
			     tree_ino(l->kind, room->rowid), STORE_COOKIE_MIN + room->rowid,
			     &l->error);
}

int spaces_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		   tree_emit emit, void *arg)
{
	struct listing l = {.ctx = ctx, .emit = emit, .arg = arg, .kind = kind_below(dir->ino)};
	int64_t after = cookie - STORE_COOKIE_MIN;
	int r = tree_ino_kind(dir->ino) == TREE_TEAM_SPACES
			? store_team_spaces(ctx->conn, tree_ino_row(dir->ino), after,
					    emit_space, &l)
			: store_room_list(ctx->conn, type_of(dir->ino), after, emit_space, &l);

	return r ? r : l.error;
}

/* A team has no messages, and so no views of them. */
static int view_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	struct store_room room = {0};
	int r = tree_room(ctx, tree_ino_row(ino), &room);

	if (r == 0 && room.room.type == WEBEX_ROOM_TEAM)
		r = -ENOENT;
	store_room_clear(&room);
	return r ? r : space_attr(ctx, ino, attr);
}

int space_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	struct store_room room = {0};
	int r = tree_room(ctx, tree_ino_row(ino), &room);

	if (r)
		return r;
	tree_set_times(attr, room.room.last_activity_ms >= 0 ? room.room.last_activity_ms
							     : room.room.created_ms);
	if (room.room.is_read_only &&
	    (tree_ino_kind(ino) == TREE_SPACE || tree_ino_kind(ino) == TREE_FILES))
		attr->st.st_mode &= ~0222u;
	store_room_clear(&room);
	return 0;
}

static int post_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	struct store_room room = {0};
	int r = tree_room(ctx, tree_ino_row(ino), &room);

	if (r)
		return r;
	if (room.room.is_read_only)
		attr->st.st_mode &= ~0222u;
	store_room_clear(&room);
	return 0;
}

int space_json_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	struct store_room room = {0};
	int r = tree_room(ctx, tree_ino_row(ino), &room);

	if (r)
		return r;
	tree_set_times(attr, MAX(room.room.last_activity_ms >= 0 ? room.room.last_activity_ms
								 : room.room.created_ms,
				 room.details_ms));
	store_room_clear(&room);
	return tree_attr_by_render(ctx, ino, attr);
}

/* The list of spaces has the details; where it comes in parts, they are asked for by id. */
static int space_json_open(struct tree_ctx *ctx, uint64_t ino)
{
	int r = tree_need_row(ctx, NEED_ROOM, tree_ino_row(ino), true);

	return r ? r : tree_need_poll(ctx);
}

int space_json_render(struct tree_ctx *ctx, uint64_t ino, GString *out)
{
	struct store_room room = {0};
	int r = tree_room(ctx, tree_ino_row(ino), &room);

	if (r == 0) {
		char *json = webex_room_json(&room.room);

		g_string_append(out, json);
		g_free(json);
	}
	store_room_clear(&room);
	return r;
}

/* ---- .sparkfs/views/<row>: where the symlinks of a space lead (design 2) ---- */

static int views_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
			struct tree_entry *ret_entry)
{
	char *end = NULL;
	guint64 row = g_ascii_isdigit(name[0]) ? g_ascii_strtoull(name, &end, 10) : 0;

	(void)dir;
	if (!row || *end || name[0] == '0' || row >> 45) {
		tree_no_entry(ret_entry, TIMEOUT_LONG);
		return 0;
	}
	return tree_entry_or_none(ctx, 0, tree_ino(TREE_VIEW, (int64_t)row), TIMEOUT_SHORT,
				  ret_entry);
}

static bool emit_view(void *arg, const struct store_room *room)
{
	struct listing *l = arg;
	char name[24];

	g_snprintf(name, sizeof(name), "%" G_GINT64_FORMAT, room->rowid);
	l->is_full =
		!tree_emit_ino(l->ctx, l->emit, l->arg, name, tree_ino(TREE_VIEW, room->rowid),
			       l->cookie_base + room->rowid, &l->error);
	return !l->is_full;
}

/* The views of group spaces come first, then those of direct ones, whose cookies begin here. */
#define DIRECT_COOKIE (INT64_C(1) << 50)

static int views_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
			 tree_emit emit, void *arg)
{
	struct listing l = {.ctx = ctx, .emit = emit, .arg = arg};
	int r = 0;

	(void)dir;
	if (cookie < DIRECT_COOKIE) {
		l.cookie_base = STORE_COOKIE_MIN;
		r = store_room_list(ctx->conn, WEBEX_ROOM_GROUP, cookie - STORE_COOKIE_MIN,
				    emit_view, &l);
		cookie = DIRECT_COOKIE;
	}
	if (r == 0 && !l.is_full) {
		l.cookie_base = DIRECT_COOKIE;
		r = store_room_list(ctx->conn, WEBEX_ROOM_DIRECT, cookie - DIRECT_COOKIE,
				    emit_view, &l);
	}
	return r ? r : l.error;
}

/* clang-format off */
const struct tree_row spaces_rows[] = {
	{ TREE_SPACES, "spaces", TREE_ROOT, "spaces", DIR_RW, ROW_LISTED | ROW_TOLD | ROW_LIST,
	  .lookup = spaces_lookup, .opendir = spaces_opendir, .readdir = spaces_readdir },
	{ TREE_VIEWS, "views", TREE_CONTROL, "views", DIR_RO, ROW_LISTED | ROW_QUIET | ROW_LIST,
	  .lookup = views_lookup, .opendir = spaces_opendir, .readdir = views_readdir },
	{ TREE_VIEW, "view", TREE_NONE, NULL, DIR_RO, 0, .attr = view_attr },
	{ TREE_POST, "post", TREE_SPACE, "post", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE | ROW_OF_SPACE, LETTER_TEXT, .attr = post_attr },
	{ TREE_POST_MD, "post.md", TREE_SPACE, "post.md", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE | ROW_OF_SPACE, LETTER_MARKDOWN, .attr = post_attr },
	{ TREE_POST_JSON, "post.json", TREE_SPACE, "post.json", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE | ROW_OF_SPACE, LETTER_JSON, .attr = post_attr },
	{ TREE_SPACE_JSON, "space.json", TREE_SPACE, "space.json", FILE_RW, ROW_LISTED, LETTER_JSON,
	  .attr = space_json_attr, .open = space_json_open, .render = space_json_render },
	ROWS_END,
};
/* clang-format on */
