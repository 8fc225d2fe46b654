/* SPDX-License-Identifier: MIT */
/*
 * Mentions: the messages that mention the account in use (store/mentions.h), under the names and numbers
 * that they have in their spaces.
 *
 *	spaces/X/mentions, direct/Y/mentions   links to .sparkfs/views/<row>/mentions/: of that space, all
 *	mentions                               a link to .sparkfs/mentions/: links to those that are known of all
 *	                                       spaces, newest first; no request but the polls'
 *
 *  1. A listing of a space is complete, however few messages the space itself lists: what is not known of
 *     its past is asked for by the server's filter. What comes later comes with the space's news, as the
 *     pages that are fetched anyway.
 *  2. A bot's lists of a group space have nothing but mentions: what is known of the space is what is
 *     known of them.
 *  3. Nothing is removed here (ROW_SEALED): who puts his mentions in order must not delete what others
 *     wrote. The messages themselves are as writable as in the space.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "base/timefmt.h"
#include "store/mentions.h"
#include "tree/internal.h"

/* ---- what a listing needs ---- */

static bool has_head(struct tree_ctx *ctx, int64_t room, struct store_span *ret_head)
{
	return store_span_head(ctx->conn, room, ret_head) == 0;
}

/* Needs the newest messages of a space whose last activity they do not account for. */
static int need_news(struct tree_ctx *ctx, int64_t room)
{
	const struct need head = {.kind = NEED_HEAD, .row = room};
	struct store_activity activity;
	struct store_span span;
	int r;

	/* Without polls a list of spaces tells it, or the messages themselves. */
	if (pager_polls(ctx->tree->config.pager))
		r = tree_need_poll(ctx);
	else if (has_head(ctx, room, &span))
		return tree_need(ctx, &head, true);
	else
		r = tree_need_row(ctx, NEED_ROOMS, 0, true);
	if (r == 0)
		r = store_room_activity(ctx->conn, room, &activity);
	if (r)
		return r;
	return activity.last_ms != activity.head_ms ? tree_need(ctx, &head, true) : 0;
}

/* The time up to which mentions are listed; what comes later is news. *ret_verified_wall_ms: when the
 * newest were last listed by themselves. */
static int64_t top_of(struct tree_ctx *ctx, const struct store_room *room,
		      int64_t *ret_verified_wall_ms)
{
	int64_t top = store_mention_top(ctx->conn, room->rowid, ret_verified_wall_ms);
	struct store_span head;

	if (has_head(ctx, room->rowid, &head))
		return MAX(top, head.hi);
	if (top >= 0)
		return top;
	return room->room.last_activity_ms >= 0 ? room->room.last_activity_ms
						: clock_wall(ctx->tree->config.clock);
}

/* Needs all mentions with lo < created <= hi. */
static int need_mentions(struct tree_ctx *ctx, const struct store_room *room, int64_t lo_ms,
			 int64_t hi_ms)
{
	struct need need = {
		.kind = NEED_MENTIONS, .row = room->rowid, .lo_ms = lo_ms, .hi_ms = hi_ms};
	int r;

	if (ctx->tree->config.is_bot && room->room.type == WEBEX_ROOM_GROUP)
		return tree_need_interval(ctx, room->rowid, lo_ms, hi_ms);
	r = store_mention_covers(ctx->conn, room->rowid, lo_ms, hi_ms);
	if (r)
		return MIN(r, 0);
	r = tree_need(ctx, &need, false);
	/* They were fetched, and yet some are missing: an error is better than a part. */
	return r ? r : -EIO;
}

/* Needs the newest of them once a day from the server itself, for who copies them each night: what is edited
 * or deleted changes no list of spaces. */
static int need_verified(struct tree_ctx *ctx, const struct store_room *room, int64_t hi_ms,
			 int64_t verified_wall_ms)
{
	struct need need = {
		.kind = NEED_MENTIONS_AGAIN, .row = room->rowid, .lo_ms = -1, .hi_ms = hi_ms};

	return verified_wall_ms < 0
		       ? 0
		       : tree_need_verified(ctx, &need, verified_wall_ms, VERIFY_HEAD_MS);
}

static int need_all(struct tree_ctx *ctx, const struct store_room *room)
{
	int64_t verified_wall_ms, top_ms;
	int r = need_news(ctx, room->rowid);

	if (r)
		return r;
	top_ms = top_of(ctx, room, &verified_wall_ms);
	r = need_mentions(ctx, room, -1, top_ms);
	return r ? r : need_verified(ctx, room, top_ms, verified_wall_ms);
}

static int mentions_opendir(struct tree_ctx *ctx, struct tree_dir *dir)
{
	struct store_room room = {0};
	int r = tree_room(ctx, tree_ino_row(dir->ino), &room);

	if (r)
		return r;
	pager_used(ctx->tree->config.pager, room.rowid);
	dir->range = (struct store_range){.room = room.rowid};
	r = need_all(ctx, &room);
	store_room_clear(&room);
	return r;
}

static int mentions_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
			    tree_emit emit, void *arg)
{
	return messages_emit(ctx, dir, cookie, store_mention_list, emit, arg);
}

/* ---- names ---- */

/* The time that a name begins with; -1: with none. */
static int64_t time_of(const char *name)
{
	char text[TIME_ISO_SIZE];
	int64_t ms;

	g_strlcpy(text, name, sizeof(text));
	return time_parse_name(text, &ms) ? -1 : ms;
}

/* Needs the mentions of one millisecond. */
static int need_moment(struct tree_ctx *ctx, int64_t row, int64_t ms)
{
	struct store_room room = {0};
	int64_t verified_wall_ms;
	int r = tree_room(ctx, row, &room);

	if (r == 0)
		r = need_news(ctx, row);
	if (r == 0 && ms <= top_of(ctx, &room, &verified_wall_ms))
		r = need_mentions(ctx, &room, ms - 1, ms);
	store_room_clear(&room);
	return r;
}

static int mentions_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
			   struct tree_entry *ret_entry)
{
	enum name_twin twin;
	size_t stem_len;
	int64_t row = 0;
	int r;

	if (!name_parse_message(name, &stem_len, &twin)) {
		tree_no_entry(ret_entry, TIMEOUT_LONG);
		return 0;
	}
	r = store_message_by_stem(ctx->conn, tree_ino_row(dir), name, stem_len, &row);
	if (r == 0 && !store_message_is_mention(ctx->conn, row))
		r = -ENOENT;
	if (r == -ENOENT) {
		int wait = need_moment(ctx, tree_ino_row(dir), time_of(name));

		if (wait && wait != -ENOENT)
			return wait;
	}
	return tree_entry_or_none(ctx, r, tree_ino(tree_kind_of_twin(twin), row), TIMEOUT_SHORT,
				  ret_entry);
}

static int link_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	(void)ctx;
	*ret_target = g_strdup_printf("../../.sparkfs/views/%" G_GINT64_FORMAT "/mentions",
				      tree_ino_row(ino));
	return 0;
}

/* ---- of all spaces ---- */

#define ALL_TARGET ".sparkfs/mentions"

static int all_link_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	(void)ctx;
	(void)ino;
	tree_set_size(attr, strlen(ALL_TARGET));
	return 0;
}

static int all_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	(void)ctx;
	(void)ino;
	*ret_target = g_strdup(ALL_TARGET);
	return 0;
}

/* "<stem> in <space>.txt", so that names of equal stems differ, and "<stem> with <name>.txt" in a 1:1 space. A
 * name that is too long is cut, and ends with the message's number. */
char *mention_link_name(const char *stem, enum webex_room_type type, const char *room_name,
			int64_t row)
{
	const char *word = type == WEBEX_ROOM_DIRECT ? "with" : "in";
	g_autofree char *whole = g_strdup_printf("%s %s %s", stem, word, room_name);
	g_autofree char *end = NULL, *cut = NULL;

	if (strlen(whole) + strlen(".txt") <= NAME_MAX_BYTES)
		return g_strconcat(whole, ".txt", NULL);
	end = g_strdup_printf("~%" G_GINT64_FORMAT ".txt", row);
	cut = name_from_title(whole, NAME_MAX_BYTES - strlen(end));
	return g_strconcat(cut, end, NULL);
}

static char *name_of(const struct store_mention *m)
{
	return mention_link_name(m->stem, m->room_type, m->room_name, m->rowid);
}

/* Newer ones come first, and those of one millisecond in the order of store_mentions_each(). */
#define ALL_COOKIE ((INT64_C(1) << 62) + STORE_COOKIE_MIN)

static int64_t cookie_of(const struct store_mention *m)
{
	return ALL_COOKIE - store_cookie_of(m->created_ms) + (m->rowid & STORE_MENTION_TIE);
}

/* The newest time that can stand behind the cookie. */
static int64_t time_behind(int64_t cookie)
{
	int64_t low = TIME_MIN_MS, high = TIME_MAX_MS;

	while (low < high) {
		int64_t middle = low + (high - low + 1) / 2;

		if (ALL_COOKIE - store_cookie_of(middle) + STORE_MENTION_TIE >= cookie)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

struct listing {
	struct tree_ctx *ctx;
	int64_t cookie;
	tree_emit emit;
	void *arg;
	int error;
};

static bool emit_link(void *arg, const struct store_mention *m)
{
	struct listing *l = arg;
	g_autofree char *name = NULL;

	if (cookie_of(m) <= l->cookie)
		return true;
	name = name_of(m);
	return tree_emit_ino(l->ctx, l->emit, l->arg, name, tree_ino(TREE_MENTION, m->rowid),
			     cookie_of(m), &l->error);
}

static int all_opendir(struct tree_ctx *ctx, struct tree_dir *dir)
{
	(void)dir;
	return tree_need_poll(ctx);
}

static int all_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		       tree_emit emit, void *arg)
{
	struct listing l = {.ctx = ctx, .cookie = cookie, .emit = emit, .arg = arg};
	int r = store_mentions_each(
		ctx->conn, cookie > STORE_COOKIE_MIN ? time_behind(cookie) : TIME_MAX_MS,
		emit_link, &l);

	(void)dir;
	return r ? r : l.error;
}

struct search {
	const char *name;
	int64_t ms, row;
};

static bool compare_name(void *arg, const struct store_mention *m)
{
	struct search *s = arg;
	g_autofree char *name = NULL;

	if (m->created_ms < s->ms)
		return false;
	name = name_of(m);
	if (strcmp(name, s->name) == 0)
		s->row = m->rowid;
	return !s->row;
}

static int all_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
		      struct tree_entry *ret_entry)
{
	struct search s = {.name = name, .ms = time_of(name)};
	int r = 0;

	(void)dir;
	if (s.ms >= 0)
		r = store_mentions_each(ctx->conn, s.ms, compare_name, &s);
	if (r == 0 && !s.row)
		r = -ENOENT;
	return tree_entry_or_none(ctx, r, tree_ino(TREE_MENTION, s.row), TIMEOUT_SHORT,
				  ret_entry);
}

static int mention_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	struct store_mention m;
	int r = store_mention_get(ctx->conn, tree_ino_row(ino), &m);

	if (r)
		return r;
	*ret_target = g_strdup_printf("../../%s/%s/%s.txt",
				      m.room_type == WEBEX_ROOM_DIRECT ? "direct" : "spaces",
				      m.room_name, m.stem);
	store_mention_clear(&m);
	return 0;
}

static int mention_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	g_autofree char *target = NULL;
	struct store_mention m;
	int r = mention_readlink(ctx, ino, &target);

	if (r == 0)
		r = store_mention_get(ctx->conn, tree_ino_row(ino), &m);
	if (r)
		return r;
	tree_set_size(attr, (int64_t)strlen(target));
	tree_set_times(attr, m.created_ms);
	store_mention_clear(&m);
	return 0;
}

/* clang-format off */
const struct tree_row mentions_rows[] = {
	{ TREE_MENTIONS_LINK, "mentions link", TREE_SPACE, "mentions", LINK, ROW_LISTED,
	  .attr = view_link_attr, .readlink = link_readlink },
	{ TREE_MENTIONS, "mentions", TREE_VIEW, "mentions", DIR_RW, ROW_LISTED | ROW_TOLD | ROW_SEALED, .attr = space_attr,
	  .lookup = mentions_lookup, .opendir = mentions_opendir, .readdir = mentions_readdir },
	{ TREE_ALL_MENTIONS_LINK, "mentions link", TREE_ROOT, "mentions", LINK, ROW_LISTED | ROW_QUIET,
	  .attr = all_link_attr, .readlink = all_readlink },
	{ TREE_ALL_MENTIONS, "mentions of all spaces", TREE_CONTROL, "mentions", DIR_RW, ROW_LISTED | ROW_TOLD | ROW_SEALED,
	  .lookup = all_lookup, .opendir = all_opendir, .readdir = all_readdir },
	{ TREE_MENTION, "mention", TREE_NONE, NULL, LINK, ROW_SEALED, .attr = mention_attr, .readlink = mention_readlink },
	ROWS_END,
};
/* clang-format on */
