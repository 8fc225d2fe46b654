/* SPDX-License-Identifier: MIT */
/*
 * One thread: a directory with its root and its replies (threads.c), and what the links in it lead to. What it
 * needs:
 *
 *	                    is the root known, or known not to be had?
 *	               yes   |                         | no: one request, once for ever
 *	                     v                         v
 *	         are all messages of the space known from the root on?
 *	               yes   |                         | no
 *	                     v                         v
 *	                   done     are all replies known up to some time, and all messages from then on?
 *	                                  yes |        | no: the thread's own list
 *	                                      v        v
 *	                                       done
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "tree/internal.h"

#define LOG ".log"

int tree_thread(struct tree_ctx *ctx, int64_t row, struct store_thread *ret_thread)
{
	return store_thread_get(ctx->conn, row, ret_thread);
}

bool tree_is_of_thread(uint64_t ino)
{
	switch (tree_ino_kind(ino)) {
	case TREE_THREAD:
	case TREE_THREAD_POST:
	case TREE_THREAD_POST_MD:
	case TREE_THREAD_POST_JSON:
	case TREE_THREAD_LAST:
	case TREE_THREAD_TRANSCRIPT_LINK:
	case TREE_THREAD_TRANSCRIPT:
	case TREE_THREAD_FILES_LINK:
	case TREE_THREAD_FILES:
		return true;
	default:
		return false;
	}
}

/* ---- what a thread needs ---- */

/* Needs the root, or that it cannot be had. have: the thread has a name without it. */
int thread_need_root(struct tree_ctx *ctx, const struct store_thread *t)
{
	bool is_due = t->retry_ms && t->retry_ms <= clock_wall(ctx->tree->config.clock);
	int r;

	if (t->stem && !is_due)
		return 0;
	r = tree_need_row(ctx, NEED_ROOT, t->rowid, t->stem != NULL);
	/* It was asked for, and yet the thread has no name. */
	return r || t->stem ? r : -EIO;
}

/* 1 if every reply up to hi_ms is known; 0; -errno. */
static int is_whole(struct tree_ctx *ctx, const struct store_thread *t, int64_t hi_ms)
{
	g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(struct store_thread_part));
	int r = 1;

	/* A reply comes after its root. */
	if (t->root && store_span_covers(ctx->conn, t->room, t->root_ms - 1, hi_ms) == 1)
		return 1;
	if (store_thread_parts(ctx->conn, t->rowid, parts) < 0)
		return -EIO;
	for (guint i = 0; r == 1 && i < parts->len; i++) {
		const struct store_thread_part *part =
			&g_array_index(parts, struct store_thread_part, i);

		r = part->whole_ms < 0
			    ? 0
			    : store_span_covers(ctx->conn, t->room, part->whole_ms, hi_ms);
	}
	return r;
}

static int need_replies(struct tree_ctx *ctx, const struct store_thread *t)
{
	struct tree_dir space = {.ino = tree_ino(TREE_SPACE, t->room)};
	struct store_span head;
	int r = space_opendir(ctx, &space);

	if (r)
		return r;
	r = store_span_head(ctx->conn, t->room, &head);
	if (r)
		return r == -ENOENT ? -EIO : r;
	r = is_whole(ctx, t, head.hi);
	if (r)
		return MIN(r, 0);
	r = tree_need_row(ctx, NEED_THREAD, t->rowid, false);
	/* It was fetched, and yet replies are missing: an error is better than a part of them. */
	return r ? r : -EIO;
}

int thread_opendir(struct tree_ctx *ctx, struct tree_dir *dir)
{
	struct store_thread t = {0};
	int r = tree_thread(ctx, tree_ino_row(dir->ino), &t);

	if (r == 0)
		r = thread_need_root(ctx, &t);
	if (r == 0)
		r = need_replies(ctx, &t);
	dir->range = (struct store_range){.room = t.room, .thread = t.rowid};
	store_thread_clear(&t);
	return r;
}

int thread_need_bodies(struct tree_ctx *ctx, struct store_conn *conn,
		       const struct store_range *range)
{
	struct need need = {.kind = NEED_THREAD_BODIES, .row = range->thread};
	struct store_thread t = {0};
	struct store_span span;
	bool is_evicted = false;
	int r = store_evicted_span(conn, range, &span);

	if (r <= 0)
		return r;
	/* The list of a thread lacks its root. */
	r = store_thread_get(conn, range->thread, &t);
	if (r == 0 && t.root)
		r = store_message_is_evicted(conn, t.root, &is_evicted);
	if (r == 0 && is_evicted)
		need = (struct need){.kind = NEED_BODY, .row = t.root};
	store_thread_clear(&t);
	if (r == 0)
		r = tree_need_kept(ctx, &need);
	return r ? r : -EIO;
}

/* ---- one thread ---- */

int thread_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	struct store_room room = {0};
	struct store_thread t = {0};
	int r = tree_thread(ctx, tree_ino_row(ino), &t);

	/* Its messages are gone, all of them. */
	if (r == 0 && !t.root && t.newest_ms < 0)
		r = -ENOENT;
	if (r == 0)
		r = tree_room(ctx, t.room, &room);
	if (r == 0) {
		tree_set_times(attr, t.newest_ms >= 0 ? t.newest_ms : t.root_ms);
		if (room.room.is_read_only)
			attr->st.st_mode &= ~0222u;
	}
	store_room_clear(&room);
	store_thread_clear(&t);
	return r;
}

static int post_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	int64_t began_ms = ctx->tree->started_wall_ms;
	int r = thread_attr(ctx, ino, attr);

	if (r == 0)
		tree_set_times(attr, began_ms);
	return r;
}

static int find_message(struct tree_ctx *ctx, const struct store_thread *t, const char *name,
			size_t stem_len, int64_t *ret_row)
{
	int64_t thread;
	int r = store_message_by_stem(ctx->conn, t->room, name, stem_len, ret_row);

	if (r == 0)
		r = store_message_thread(ctx->conn, *ret_row, &thread);
	if (r == 0 && thread != t->rowid)
		r = -ENOENT;
	return r;
}

static int lookup_message(struct tree_ctx *ctx, const struct store_thread *t, const char *name,
			  size_t stem_len, enum name_twin twin, struct tree_entry *ret_entry)
{
	int64_t row = 0;
	int r = find_message(ctx, t, name, stem_len, &row);

	if (r == -ENOENT) {
		int wait = need_replies(ctx, t);

		if (wait)
			return wait;
	}
	return tree_entry_or_none(ctx, r, tree_ino(tree_kind_of_twin(twin), row), TIMEOUT_SHORT,
				  ret_entry);
}

/* As in a space a look-up falls through to the files that are known. */
static int lookup_file(struct tree_ctx *ctx, uint64_t dir, const struct store_thread *t,
		       const char *name, struct tree_entry *ret_entry)
{
	struct store_range range = {.room = t->room, .thread = t->rowid};
	struct store_content content = {0};
	int64_t row = upload_pending(ctx, dir, name);
	int r = 0;

	if (!row) {
		r = store_content_find(ctx->conn, &range, name, &content);
		row = content.rowid;
		if (r == 0 && strcmp(content.name, name) == 0 &&
		    upload_is_hidden(ctx, dir, row))
			r = -ENOENT;
		store_content_clear(&content);
	}
	return tree_entry_or_none(ctx, r, tree_ino(TREE_ATTACHMENT, row), 0, ret_entry);
}

static int thread_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
			 struct tree_entry *ret_entry)
{
	struct store_thread t = {0};
	enum name_twin twin;
	size_t stem_len;
	int r = tree_thread(ctx, tree_ino_row(dir), &t);

	if (r == 0 && name_parse_message(name, &stem_len, &twin))
		r = lookup_message(ctx, &t, name, stem_len, twin, ret_entry);
	else if (r == 0)
		r = lookup_file(ctx, dir, &t, name, ret_entry);
	store_thread_clear(&t);
	return r;
}

/* ---- last ---- */

static int find_last(struct tree_ctx *ctx, uint64_t ino, int64_t *ret_row)
{
	struct store_thread t = {0};
	int r = tree_thread(ctx, tree_ino_row(ino), &t);

	if (r == 0)
		r = store_thread_last_by(ctx->conn, t.rowid, ctx->tree->config.me_person,
					 ret_row);
	store_thread_clear(&t);
	return r;
}

static int last_exists(struct tree_ctx *ctx, uint64_t ino)
{
	int64_t row;

	return find_last(ctx, ino, &row);
}

static int last_target(struct tree_ctx *ctx, uint64_t ino, char **ret_target,
		       struct store_brief *ret_brief)
{
	_cleanup_(cleanup_free) char *stem = NULL;
	int64_t row, room;
	bool deleted;
	int r = find_last(ctx, ino, &row);

	if (r == 0)
		r = store_message_brief(ctx->conn, row, ret_brief, &stem, &room, &deleted);
	if (r == 0)
		*ret_target = g_strconcat(stem, ".txt", NULL);
	return r;
}

static int last_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	_cleanup_(cleanup_free) char *target = NULL;
	struct store_brief brief;
	int r = last_target(ctx, ino, &target, &brief);

	if (r)
		return r;
	tree_set_size(attr, (int64_t)strlen(target));
	tree_set_times(attr, brief.created_ms);
	return 0;
}

static int last_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	struct store_brief brief;

	return last_target(ctx, ino, ret_target, &brief);
}

/* ---- by-thread/: what the links in a thread lead to ---- */

static int thread_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	bool is_files = tree_ino_kind(ino) == TREE_THREAD_FILES_LINK;
	struct store_thread t = {0};
	int r = tree_thread(ctx, tree_ino_row(ino), &t);

	if (r == 0)
		r = thread_need_root(ctx, &t);
	if (r == 0)
		*ret_target =
			g_strconcat("../../by-thread/", t.stem, is_files ? NULL : LOG, NULL);
	store_thread_clear(&t);
	return r;
}

static int thread_link_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	_cleanup_(cleanup_free) char *target = NULL;
	int r = thread_attr(ctx, ino, attr);

	if (r == 0)
		r = thread_readlink(ctx, ino, &target);
	if (r == 0)
		tree_set_size(attr, (int64_t)strlen(target));
	return r;
}

static int views_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
			struct tree_entry *ret_entry)
{
	bool is_log = g_str_has_suffix(name, LOG);
	g_autofree char *stem = g_strndup(name, strlen(name) - (is_log ? strlen(LOG) : 0));
	uint64_t ino = 0;
	int r;

	if (!threads_is_stem(stem)) {
		tree_no_entry(ret_entry, TIMEOUT_LONG);
		return 0;
	}
	r = threads_find(ctx, tree_ino_row(dir), stem, strlen(stem), &ino);
	if (r == 0 && tree_ino_kind(ino) != TREE_THREAD)
		r = -ENOENT;
	ino = tree_ino(is_log ? TREE_THREAD_TRANSCRIPT : TREE_THREAD_FILES, tree_ino_row(ino));
	return tree_entry_or_none(ctx, r, ino, TIMEOUT_SHORT, ret_entry);
}

struct listing {
	int64_t cookie; /* what is listed is above it */
	tree_emit emit;
	void *arg;
};

/* Emits only names, since the attributes of a transcript need all replies of its thread. */
static bool emit_views(void *arg, const struct store_thread *t)
{
	struct listing *l = arg;
	int64_t own = STORE_COOKIE_MIN + 2 * t->rowid;
	g_autofree char *log = NULL;

	if (!t->stem)
		return true;
	if (own > l->cookie && !tree_emit_name(l->emit, l->arg, t->stem,
					       tree_ino(TREE_THREAD_FILES, t->rowid), own))
		return false;
	log = g_strconcat(t->stem, LOG, NULL);
	return own + 1 <= l->cookie ||
	       tree_emit_name(l->emit, l->arg, log, tree_ino(TREE_THREAD_TRANSCRIPT, t->rowid),
			      own + 1);
}

static int views_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
			 tree_emit emit, void *arg)
{
	struct listing l = {.cookie = cookie, .emit = emit, .arg = arg};

	return store_thread_list(ctx->conn, &dir->range, (cookie - STORE_COOKIE_MIN) / 2 - 1,
				 emit_views, &l);
}

/* clang-format off */
const struct tree_row thread_rows[] = {
	{ TREE_THREAD, "thread", TREE_NONE, NULL, DIR_RW, ROW_TOLD, .attr = thread_attr,
	  .lookup = thread_lookup, .opendir = thread_opendir, .readdir = messages_readdir },
	{ TREE_THREAD_POST, "post", TREE_THREAD, "post", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE, LETTER_TEXT, .attr = post_attr },
	{ TREE_THREAD_POST_MD, "post.md", TREE_THREAD, "post.md", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE, LETTER_MARKDOWN, .attr = post_attr },
	{ TREE_THREAD_POST_JSON, "post.json", TREE_THREAD, "post.json", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE, LETTER_JSON, .attr = post_attr },
	{ TREE_THREAD_LAST, "last", TREE_THREAD, "last", LINK, ROW_LISTED | ROW_VOLATILE,
	  .exists = last_exists, .attr = last_attr, .readlink = last_readlink },
	{ TREE_THREAD_TRANSCRIPT_LINK, "transcript link", TREE_THREAD, "transcript.log", LINK, ROW_LISTED,
	  .attr = thread_link_attr, .readlink = thread_readlink },
	{ TREE_THREAD_FILES_LINK, "files link", TREE_THREAD, "files", LINK, ROW_LISTED,
	  .attr = thread_link_attr, .readlink = thread_readlink },
	{ TREE_THREAD_VIEWS, "by-thread", TREE_VIEW, "by-thread", DIR_RO, ROW_LISTED, .attr = space_attr,
	  .lookup = views_lookup, .opendir = threads_opendir, .readdir = views_readdir },
	ROWS_END,
};
/* clang-format on */
