/* SPDX-License-Identifier: MIT */
/*
 * threads/: the threads of a space, each as a directory with its root and its replies (design 2.6). The link
 * in the space leads into the space's view, so that walkers meet each message once:
 *
 *	spaces/X/threads -> .sparkfs/views/<row>/threads/
 *	threads/<stem of the root>/	the messages, the same files as in the space; post files, last
 *	threads/<stem>/transcript.log	-> ../../by-thread/<stem>.log
 *	threads/<stem>/files		-> ../../by-thread/<stem>/
 *	threads/<stem of a reply>	-> <stem of its root>
 *
 * A listing has the threads of the messages that the space lists; every message has its thread here all the
 * same. What it needs are the roots of its threads, whose names are theirs: a root that is older than what
 * the space lists costs a request, once for ever.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "base/timefmt.h"
#include "tree/internal.h"

/* ---- threads/ ---- */

static bool is_of_month(uint64_t ino)
{
	return tree_ino_kind(ino) == TREE_MONTH_THREADS ||
	       tree_ino_kind(ino) == TREE_MONTH_THREADS_LINK;
}

static int threads_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	char name[TIME_MONTH_SIZE];
	struct tree_month m;
	int r;

	if (!is_of_month(ino)) {
		*ret_target = g_strdup_printf(
			"../../.sparkfs/views/%" G_GINT64_FORMAT "/threads", tree_ino_row(ino));
		return 0;
	}
	r = tree_month_get(ctx, ino, &m);
	if (r)
		return r;
	time_format_month(m.month, name);
	*ret_target = g_strdup_printf("../../threads-by-month/%s", name);
	return 0;
}

static int threads_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	return is_of_month(ino) ? month_attr(ctx, ino, attr) : space_attr(ctx, ino, attr);
}

/* 1 if threads of the range have no name, or one to be asked for again at `now_wall_ms`; 0; -errno. */
static int lacks_roots(struct tree_ctx *ctx, const struct store_range *range,
		       int64_t now_wall_ms)
{
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int r = store_thread_nameless(ctx->conn, range, now_wall_ms, rows, 1);

	return r < 0 ? r : rows->len > 0;
}

static int need_roots(struct tree_ctx *ctx, const struct tree_dir *dir)
{
	struct need need = {.kind = NEED_ROOTS, .row = dir->range.room};
	int r = lacks_roots(ctx, &dir->range, clock_wall(ctx->tree->config.clock));

	if (r <= 0)
		return r;
	if (dir->range.until) {
		need.after = dir->range.after;
		need.until = dir->range.until;
	}
	/* What the server failed to give has a name for now. */
	r = lacks_roots(ctx, &dir->range, 0);
	return r < 0 ? r : tree_need(ctx, &need, r == 0);
}

int threads_opendir(struct tree_ctx *ctx, struct tree_dir *dir)
{
	int r = is_of_month(dir->ino) ? month_opendir(ctx, dir) : space_opendir(ctx, dir);

	return r ? r : need_roots(ctx, dir);
}

struct listing {
	struct tree_ctx *ctx;
	uint64_t dir;
	tree_emit emit;
	void *arg;
	int error;
};

static bool emit_thread(void *arg, const struct store_thread *t)
{
	struct listing *l = arg;

	/* It came since the listing began. */
	if (!t->stem)
		return true;
	return tree_emit_ino(l->ctx, l->emit, l->arg, t->stem, tree_ino(TREE_THREAD, t->rowid),
			     STORE_COOKIE_MIN + t->rowid, &l->error);
}

static int threads_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
			   tree_emit emit, void *arg)
{
	struct listing l = {.ctx = ctx, .dir = dir->ino, .emit = emit, .arg = arg};
	int r = store_thread_list(ctx->conn, &dir->range, cookie - STORE_COOKIE_MIN,
				  emit_thread, &l);

	return r ? r : l.error;
}

/* ---- a name in threads/ ---- */

/* True if the name has the form of a message's stem. */
bool threads_is_stem(const char *name)
{
	g_autofree char *file = g_strconcat(name, ".txt", NULL);
	enum name_twin twin;
	size_t len;

	return name_parse_message(file, &len, &twin) && len == strlen(name);
}

/* The node that a message's stem stands for: the directory of its thread, or, of a reply, a link to that of
 * its root. */
static int node_of_message(struct tree_ctx *ctx, int64_t message, uint64_t *ret_ino)
{
	struct store_thread t = {0};
	int64_t thread;
	int r = store_message_thread(ctx->conn, message, &thread);

	if (r)
		return r;
	if (!thread) {
		r = tree_need_row(ctx, NEED_THREAD_ROW, message, false);
		return r ? r : -EIO;
	}
	r = tree_thread(ctx, thread, &t);
	if (r == 0)
		*ret_ino = t.root == message ? tree_ino(TREE_THREAD, t.rowid)
					     : tree_ino(TREE_THREAD_OF_REPLY, message);
	store_thread_clear(&t);
	return r;
}

/* A thread's name, also of one whose root is not known; 0, -ENOENT, TREE_WAIT or -errno. */
int threads_find(struct tree_ctx *ctx, int64_t room, const char *stem, size_t len,
		 uint64_t *ret_ino)
{
	char when[TIME_ISO_SIZE];
	int64_t row, ms;
	int r = store_message_by_stem(ctx->conn, room, stem, len, &row);

	if (r == 0)
		return node_of_message(ctx, row, ret_ino);
	if (r == -ENOENT)
		r = store_thread_by_stem(ctx->conn, room, stem, len, &row);
	if (r == 0)
		*ret_ino = tree_ino(TREE_THREAD, row);
	if (r != -ENOENT)
		return r;
	g_strlcpy(when, stem, sizeof(when));
	if (time_parse_name(when, &ms))
		return -ENOENT;
	/* The message's own millisecond is enough: one page, which says for ever that there is none. */
	r = tree_need_interval(ctx, room, ms - 1, ms);
	return r ? r : -ENOENT;
}

static int room_of_threads(struct tree_ctx *ctx, uint64_t dir, int64_t *ret_room)
{
	struct tree_month m;
	int r;

	*ret_room = tree_ino_row(dir);
	if (!is_of_month(dir))
		return 0;
	r = tree_month_get(ctx, dir, &m);
	*ret_room = m.room;
	return r;
}

static int threads_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
			  struct tree_entry *ret_entry)
{
	struct store_room gone = {0};
	int64_t room;
	uint64_t ino = 0;
	int r;

	if (!threads_is_stem(name)) {
		tree_no_entry(ret_entry, TIMEOUT_LONG);
		return 0;
	}
	r = room_of_threads(ctx, dir, &room);
	if (r == 0)
		r = tree_room(ctx, room, &gone);
	store_room_clear(&gone);
	if (r == 0)
		r = threads_find(ctx, room, name, strlen(name), &ino);
	return tree_entry_or_none(ctx, r, ino, TIMEOUT_SHORT, ret_entry);
}

static int reply_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	struct store_thread t = {0};
	int64_t thread = 0;
	int r = store_message_thread(ctx->conn, tree_ino_row(ino), &thread);

	if (r == 0 && !thread)
		r = -ENOENT;
	if (r == 0)
		r = tree_thread(ctx, thread, &t);
	if (r == 0)
		r = thread_need_root(ctx, &t);
	if (r == 0)
		*ret_target = g_steal_pointer(&t.stem);
	store_thread_clear(&t);
	return r;
}

static int reply_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	_cleanup_(cleanup_free) char *target = NULL;
	int64_t ms;
	int r = store_message_created(ctx->conn, tree_ino_row(ino), &ms);

	if (r == 0)
		r = reply_readlink(ctx, ino, &target);
	if (r)
		return r;
	tree_set_size(attr, (int64_t)strlen(target));
	tree_set_times(attr, ms);
	return 0;
}

/* clang-format off */
const struct tree_row threads_rows[] = {
	{ TREE_THREADS, "threads", TREE_VIEW, "threads", DIR_RO, ROW_LISTED | ROW_TOLD, .attr = threads_attr,
	  .lookup = threads_lookup, .opendir = threads_opendir, .readdir = threads_readdir },
	{ TREE_THREAD_OF_REPLY, "thread of a reply", TREE_NONE, NULL, LINK, ROW_VOLATILE,
	  .attr = reply_attr, .readlink = reply_readlink },
	{ TREE_MONTH_THREADS, "month's threads", TREE_NONE, NULL, DIR_RO, ROW_TOLD, .attr = threads_attr,
	  .lookup = threads_lookup, .opendir = threads_opendir, .readdir = threads_readdir },
	{ TREE_THREADS_MONTHS, "threads-by-month", TREE_VIEW, "threads-by-month", DIR_RO, ROW_LISTED,
	  .attr = space_attr, .lookup = history_lookup, .opendir = history_opendir, .readdir = history_readdir },
	{ TREE_MONTH_THREADS_LINK, "threads link", TREE_MONTH, "threads", LINK, 0,
	  .attr = month_link_attr, .readlink = threads_readlink },
	{ TREE_THREADS_LINK, "threads link", TREE_SPACE, "threads", LINK, ROW_LISTED,
	  .attr = view_link_attr, .readlink = threads_readlink },
	ROWS_END,
};
/* clang-format on */
