/* SPDX-License-Identifier: MIT */
/*
 * .sparkfs/archive: every space in a form that rsync, cp, tar and backup programs save whole (design
 * 2.7). spaces/X/archive is a link to that of a space:
 *
 *	archive/spaces/X/  space.json  members.json
 *	archive/spaces/X/<YYYY-MM>/  <message>.txt  <message>.json  transcript.log
 *	archive/spaces/X/<YYYY-MM>/files/  <name>~<time>~<id>.<ending>
 *	archive/direct/Y/  the same
 *
 *  1. There is no link in it, and no two names in it are one file.
 *  2. A name is never that of another file later: a message has the name that it has everywhere; the
 *     name of an attachment depends on nothing but the attachment (store_content_lasting()). Of
 *     messages of one author and millisecond this is so only while the store remembers those that
 *     were deleted (store/message_put.c): a new cache gives the plain name to the first that is left.
 *  3. A file that changes has another time or another size. What is derived of many messages, the
 *     transcript, is by month, so that a past month stays as it is.
 *  4. Nothing in it is written, renamed or removed (ROW_SEALED). The modes are those that a copy is
 *     to have: in a directory without the right to write, a second `cp` could add nothing.
 *  5. The texts of messages that are nothing but files say the files' names; so a month is listed when
 *     these were asked for, and no text changes behind the walker.
 *  6. One attachment that cannot be had fails alone, when it is opened. So does one whose name the
 *     server could not tell: it would be saved under another name the next time.
 *
 * What it needs are the needs of history/ and files/, so that a walk costs what one of those costs.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "tree/internal.h"

/* ---- spaces/X/archive ---- */

static int link_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	struct store_room room = {0};
	int r = tree_room(ctx, tree_ino_row(ino), &room);

	if (r == 0)
		*ret_target = g_strdup_printf(
			"../../.sparkfs/archive/%s/%s",
			room.room.type == WEBEX_ROOM_DIRECT ? "direct" : "spaces", room.name);
	store_room_clear(&room);
	return r;
}

/* ---- members.json ---- */

/* The list is asked for again when something happened in the space since, and after so long in any
 * case: a nightly copy of two thousand quiet spaces asks for none. */
#define MEMBERS_AGE_MS (INT64_C(7) * 24 * 60 * 60 * 1000)

static int need_members(struct tree_ctx *ctx, int64_t row)
{
	struct need need = {.kind = NEED_MEMBERS, .row = row};
	struct store_room room = {0};
	int r = tree_room(ctx, row, &room);
	bool have = r == 0 && room.members_wall_ms >= 0;

	if (have)
		r = tree_need_verified(ctx, &need, room.members_wall_ms, MEMBERS_AGE_MS);
	if (r == 0 && (!have || room.members_wall_ms < room.room.last_activity_ms))
		r = tree_need(ctx, &need, have);
	store_room_clear(&room);
	return r;
}

struct member {
	char *name, *json;
};

static void member_clear(void *p)
{
	struct member *m = p;

	g_free(m->name);
	g_free(m->json);
}

struct members {
	GArray *all; /* of struct member */
	int64_t newest_ms;
};

static bool take_member(void *arg, const struct store_member *m)
{
	struct members *list = arg;
	struct member one = {g_strdup(m->name), webex_membership_json(&m->m)};

	g_array_append_val(list->all, one);
	list->newest_ms = MAX(list->newest_ms, m->m.created_ms);
	return true;
}

static gint compare_members(gconstpointer a, gconstpointer b)
{
	return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

/* Makes the text: an array, in the order of the names. */
static int members_text(struct tree_ctx *ctx, int64_t room, GString *out, int64_t *ret_newest)
{
	struct members list = {.all = g_array_new(FALSE, FALSE, sizeof(struct member))};
	int r;

	g_array_set_clear_func(list.all, member_clear);
	r = store_member_list(ctx->conn, room, 0, take_member, &list);
	g_array_sort(list.all, compare_members);
	g_string_append(out, "[\n");
	for (guint i = 0; i < list.all->len; i++) {
		g_string_append(out,
				g_strchomp(g_array_index(list.all, struct member, i).json));
		g_string_append(out, i + 1 < list.all->len ? ",\n" : "\n");
	}
	g_string_append(out, "]\n");
	*ret_newest = list.newest_ms;
	g_array_unref(list.all);
	return r;
}

static int members_render(struct tree_ctx *ctx, uint64_t ino, GString *out)
{
	int64_t newest;

	return members_text(ctx, tree_ino_row(ino), out, &newest);
}

static int members_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	g_autoptr(GString) text = g_string_new(NULL);
	struct store_room room = {0};
	int64_t newest = 0;
	int r = need_members(ctx, tree_ino_row(ino));

	if (r == 0)
		r = members_text(ctx, tree_ino_row(ino), text, &newest);
	if (r == 0)
		r = tree_room(ctx, tree_ino_row(ino), &room);
	if (r)
		return r;
	newest = MAX(newest, room.members_ms);
	store_room_clear(&room);
	if (newest > 0)
		tree_set_times(attr, newest);
	tree_set_size(attr, (int64_t)text->len);
	return 0;
}

/* ---- a month ---- */

/* The attachments of what cannot be named are listed by files/ (or fail there): the messages of the month
 * are saved all the same. */
static int month_names(struct tree_ctx *ctx, const struct tree_dir *dir)
{
	return files_need_names(ctx, dir) == TREE_WAIT ? TREE_WAIT : 0;
}

static int archive_month_opendir(struct tree_ctx *ctx, struct tree_dir *dir)
{
	int r = month_opendir(ctx, dir);

	return r ? r : month_names(ctx, dir);
}

static int archive_month_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
				struct tree_entry *ret_entry)
{
	enum name_twin twin = NAME_TXT;
	size_t stem_len;
	int64_t row = 0;
	int r = -ENOENT;

	if (name_parse_message(name, &stem_len, &twin) &&
	    (twin == NAME_TXT || twin == NAME_JSON))
		r = month_find_message(ctx, dir, name, stem_len, &row);
	return tree_entry_or_none(
		ctx, r, tree_ino(twin == NAME_JSON ? TREE_ARCHIVE_JSON : TREE_ARCHIVE_TXT, row),
		TIMEOUT_SHORT, ret_entry);
}

struct listing {
	struct tree_ctx *ctx;
	tree_emit emit;
	void *arg;
	int64_t cookie; /* of the last entry that was given */
	int error;
	GString *name;
};

static bool emit_form(struct listing *l, const struct store_brief *b, enum tree_kind kind,
		      const char *suffix, int64_t cookie)
{
	if (cookie <= l->cookie)
		return true;
	g_string_assign(l->name, b->stem);
	g_string_append(l->name, suffix);
	return tree_emit_ino(l->ctx, l->emit, l->arg, l->name->str, tree_ino(kind, b->rowid),
			     cookie, &l->error);
}

/* A message has two cookies, made of its own, which is below 2^62. */
static bool emit_message(void *arg, const struct store_brief *b)
{
	return emit_form(arg, b, TREE_ARCHIVE_TXT, ".txt", 2 * b->cookie) &&
	       emit_form(arg, b, TREE_ARCHIVE_JSON, ".json", 2 * b->cookie + 1);
}

static int archive_month_readdir(struct tree_ctx *ctx, const struct tree_dir *dir,
				 int64_t cookie, tree_emit emit, void *arg)
{
	g_autoptr(GString) name = g_string_new(NULL);
	struct listing l = {
		.ctx = ctx, .emit = emit, .arg = arg, .cookie = cookie, .name = name};
	struct store_range range = dir->range;
	int r;

	/* Behind a .txt, the message's .json is still to come. */
	range.after = MAX(range.after, (cookie - 1) / 2);
	r = store_message_list(ctx->conn, &range, emit_message, &l);
	return r ? r : l.error;
}

/* ---- transcript.log of a month ---- */

/* Gives the messages of the month that `ino` stands for. */
static int range_of(struct tree_ctx *ctx, uint64_t ino, struct store_range *ret_range)
{
	struct tree_month m;
	int r = tree_month_get(ctx, ino, &m);

	if (r == 0)
		*ret_range = tree_month_range(&m);
	return r;
}

/* A month without messages has none. */
static int has_messages(struct tree_ctx *ctx, uint64_t ino)
{
	struct tree_month m;
	int64_t ms;
	int r = tree_month_get(ctx, ino, &m);

	return r ? r : store_month_ms(ctx->conn, m.room, m.month, &ms);
}

/* ---- files/ of a month ---- */

static int has_files(struct tree_ctx *ctx, uint64_t ino)
{
	struct store_range range;
	int r = range_of(ctx, ino, &range);

	if (r == 0)
		r = store_content_any(ctx->conn, &range);
	return r < 0 ? r : r == 0 ? -ENOENT : 0;
}

static int archive_files_opendir(struct tree_ctx *ctx, struct tree_dir *dir)
{
	int r = month_opendir(ctx, dir);

	return r ? r : files_need_names(ctx, dir);
}

/* Needs the names of one millisecond alone. */
static int need_one(struct tree_ctx *ctx, uint64_t dir, const char *name)
{
	struct tree_dir moment = {.ino = dir};
	struct tree_month m;
	int64_t ms;
	int r = tree_month_get(ctx, dir, &m);

	if (r)
		return r;
	if (!name_parse_version(name, &ms) || ms <= m.lo_ms || ms > m.hi_ms)
		return -ENOENT;
	moment.range = (struct store_range){.room = m.room,
					    .after = store_cookie_of(ms) - 1,
					    .until = store_cookie_of(ms + 1)};
	r = tree_need_interval(ctx, m.room, ms - 1, ms);
	return r ? r : files_need_names(ctx, &moment);
}

static int archive_files_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
				struct tree_entry *ret_entry)
{
	struct store_content content = {0};
	struct store_range range;
	int r = range_of(ctx, dir, &range);

	if (r == 0)
		r = store_content_find_lasting(ctx->conn, &range, name, &content);
	if (r == -ENOENT) {
		int wait = need_one(ctx, dir, name);

		if (wait && wait != -ENOENT)
			return wait;
	}
	r = tree_entry_or_none(ctx, r, tree_ino(TREE_ARCHIVE_FILE, content.rowid), 0,
			       ret_entry);
	store_content_clear(&content);
	return r;
}

static bool emit_file(void *arg, const struct store_content *content)
{
	_cleanup_gfree_ char *name = store_content_lasting(content);
	struct listing *l = arg;

	return tree_emit_ino(l->ctx, l->emit, l->arg, name,
			     tree_ino(TREE_ARCHIVE_FILE, content->rowid),
			     STORE_COOKIE_MIN + content->rowid, &l->error);
}

static int archive_files_readdir(struct tree_ctx *ctx, const struct tree_dir *dir,
				 int64_t cookie, tree_emit emit, void *arg)
{
	struct listing l = {.ctx = ctx, .emit = emit, .arg = arg};
	int r = store_content_each(ctx->conn, &dir->range, cookie - STORE_COOKIE_MIN, emit_file,
				   &l);

	return r ? r : l.error;
}

/* ---- an attachment ---- */

static int get_content(struct tree_ctx *ctx, uint64_t ino, struct store_content *ret_content)
{
	int r = store_content_get(ctx->conn, tree_ino_row(ino), ret_content);

	return r == 0 && (ret_content->gone || !ret_content->message) ? -ENOENT : r;
}

/* The time is when it was sent: what the uploader's own file said is known only where it was sent
 * from, and not in a new cache. */
static int archive_file_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	struct store_content content = {0};
	int r = get_content(ctx, ino, &content);

	if (r == 0) {
		tree_set_times(attr, content.created_ms);
		upload_set_size(ctx, attr, &content);
		attr->attr_timeout = content.is_proven ? TIMEOUT_SHORT : 0;
	}
	store_content_clear(&content);
	return r;
}

static int archive_file_open(struct tree_ctx *ctx, uint64_t ino)
{
	struct store_content content = {0};
	int r = get_content(ctx, ino, &content);

	if (r == 0 && content.is_asked_again)
		r = tree_refuse(
			ctx, -EBUSY,
			"%s: the server could not tell the name of this attachment; it is "
			"asked again, and what is saved now would have another name then",
			content.name);
	store_content_clear(&content);
	return r ? r : upload_open(ctx, ino);
}

/* clang-format off */
const struct tree_row archive_rows[] = {
	{ TREE_ARCHIVE, "archive", TREE_CONTROL, "archive", DIR_RW, ROW_LISTED | ROW_SEALED },
	{ TREE_ARCHIVE_SPACES, "archive of spaces", TREE_ARCHIVE, "spaces", DIR_RW, ROW_LISTED | ROW_LIST | ROW_SEALED,
	  .lookup = spaces_lookup, .opendir = spaces_opendir, .readdir = spaces_readdir },
	{ TREE_ARCHIVE_DIRECT, "archive of direct", TREE_ARCHIVE, "direct", DIR_RW, ROW_LISTED | ROW_LIST | ROW_SEALED,
	  .lookup = spaces_lookup, .opendir = spaces_opendir, .readdir = spaces_readdir },
	{ TREE_ARCHIVE_LINK, "archive link", TREE_SPACE, "archive", LINK, ROW_LISTED | ROW_VOLATILE,
	  .attr = view_link_attr, .readlink = link_readlink },
	{ TREE_ARCHIVE_SPACE, "archive of a space", TREE_NONE, NULL, DIR_RW, ROW_VOLATILE | ROW_SEALED, .attr = space_attr,
	  .lookup = history_lookup, .opendir = history_opendir, .readdir = history_readdir },
	{ TREE_ARCHIVE_SPACE_JSON, "archived space.json", TREE_ARCHIVE_SPACE, "space.json", FILE_RW, ROW_LISTED | ROW_SEALED,
	  .attr = space_json_attr, .render = space_json_render },
	{ TREE_ARCHIVE_MEMBERS_JSON, "members.json", TREE_ARCHIVE_SPACE, "members.json", FILE_RW,
	  ROW_LISTED | ROW_SEALED | ROW_NAMED | ROW_VOLATILE, .attr = members_attr, .render = members_render },
	{ TREE_ARCHIVE_MONTH, "archived month", TREE_NONE, NULL, DIR_RW, ROW_VOLATILE | ROW_SEALED, .attr = month_attr,
	  .lookup = archive_month_lookup, .opendir = archive_month_opendir, .readdir = archive_month_readdir },
	{ TREE_ARCHIVE_TRANSCRIPT, "archived transcript", TREE_ARCHIVE_MONTH, "transcript.log", FILE_RW,
	  ROW_LISTED | ROW_VOLATILE | ROW_SEALED | ROW_NAMED | ROW_TRANSCRIPT,
	  .listed = has_messages, .attr = transcript_attr, .open = transcript_open },
	{ TREE_ARCHIVE_FILES, "archived files", TREE_ARCHIVE_MONTH, "files", DIR_RW, ROW_LISTED | ROW_VOLATILE | ROW_SEALED,
	  .listed = has_files, .attr = month_attr,
	  .lookup = archive_files_lookup, .opendir = archive_files_opendir, .readdir = archive_files_readdir },
	{ TREE_ARCHIVE_TXT, "archived message", TREE_NONE, NULL, FILE_RW, ROW_MESSAGE | ROW_SEALED,
	  .attr = message_attr, .open = message_open, .render = message_render },
	{ TREE_ARCHIVE_JSON, "archived message.json", TREE_NONE, NULL, FILE_RW, ROW_MESSAGE | ROW_SEALED,
	  .attr = message_attr, .open = message_open, .render = message_render },
	{ TREE_ARCHIVE_FILE, "archived attachment", TREE_NONE, NULL, FILE_RW, ROW_SHIFTS | ROW_SEALED | ROW_CONTENT,
	  .attr = archive_file_attr, .open = archive_file_open },
	ROWS_END,
};
/* clang-format on */
