/* SPDX-License-Identifier: MIT */
/*
 * files/: the attachments of a space's listed messages, of a month's, and of a thread's, under their own names
 * (design 2.1). These directories are in the space's view, so that walkers, which do not follow
 * the links, do not cause a request for each name. An open of the directory waits until all names
 * are known. A look-up waits until what it found cannot become another file: names are asked for
 * newest first, so that the newest file of a name is known as soon as all newer ones are. That a
 * name is not there is known when all are.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "tree/internal.h"

static bool is_of_month(uint64_t ino)
{
	return tree_ino_kind(ino) == TREE_MONTH_FILES ||
	       tree_ino_kind(ino) == TREE_MONTH_FILES_LINK;
}

static int files_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	char name[TIME_MONTH_SIZE];
	struct tree_month m;
	int r;

	if (!is_of_month(ino)) {
		*ret_target = g_strdup_printf("../../.sparkfs/views/%" G_GINT64_FORMAT "/files",
					      tree_ino_row(ino));
		return 0;
	}
	r = tree_month_get(ctx, ino, &m);
	if (r)
		return r;
	time_format_month(m.month, name);
	*ret_target = g_strdup_printf("../../files-by-month/%s", name);
	return 0;
}

static int files_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	if (tree_is_of_thread(ino))
		return thread_attr(ctx, ino, attr);
	return is_of_month(ino) ? month_attr(ctx, ino, attr) : space_attr(ctx, ino, attr);
}

/* Makes sure that the messages of the directory are known, and gives their range. */
static int open_messages(struct tree_ctx *ctx, uint64_t ino, struct tree_dir *ret_dir)
{
	*ret_dir = (struct tree_dir){.ino = ino};
	if (tree_is_of_thread(ino))
		return thread_opendir(ctx, ret_dir);
	return is_of_month(ino) ? month_opendir(ctx, ret_dir) : space_opendir(ctx, ret_dir);
}

/* 1 if the range has attachments whose names are to be asked for at `now_wall_ms` (0: that have none at
 * all); 0; -errno. */
static int lacks_names(struct tree_ctx *ctx, const struct store_range *range,
		       int64_t now_wall_ms)
{
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int r = store_content_unnamed(ctx->conn, range, now_wall_ms, rows, 1);

	return r < 0 ? r : rows->len > 0;
}

int files_need_names(struct tree_ctx *ctx, const struct tree_dir *dir)
{
	struct need need = {.kind = NEED_NAMES, .row = dir->range.room};
	int r = lacks_names(ctx, &dir->range, clock_wall(ctx->tree->config.clock));

	if (r <= 0)
		return r;
	if (dir->range.thread) {
		need = (struct need){.kind = NEED_THREAD_NAMES, .row = dir->range.thread};
	} else if (dir->range.until) {
		need.after = dir->range.after;
		need.until = dir->range.until;
	}
	/* A file has a name for now where the server could not tell it. Attachments that came since
	 * are not listed yet. */
	r = lacks_names(ctx, &dir->range, 0);
	return r < 0 ? r : tree_need(ctx, &need, r == 0);
}

static int files_opendir(struct tree_ctx *ctx, struct tree_dir *dir)
{
	int r = open_messages(ctx, dir->ino, dir);

	return r ? r : files_need_names(ctx, dir);
}

/* True for the newest attachment of a name while another file is about to get the name. */
static bool is_hidden(struct tree_ctx *ctx, uint64_t dir, const struct store_content *content,
		      const char *shown)
{
	return strcmp(content->name, shown) == 0 && upload_is_hidden(ctx, dir, content->rowid);
}

static int find_content(struct tree_ctx *ctx, uint64_t dir, const struct store_range *range,
			const char *name, struct store_content *ret_content)
{
	int r = store_content_find(ctx->conn, range, name, ret_content);

	return r == 0 && is_hidden(ctx, dir, ret_content, name) ? -ENOENT : r;
}

/*
 * True if no name that is still to come gives `name` to another file: as a plain name it is that of the
 * newest, as a version's it is that of one millisecond.
 */
static bool is_certain(struct tree_ctx *ctx, const struct store_range *range, const char *name,
		       const struct store_content *content)
{
	struct store_range rest = *range;

	if (strcmp(content->name, name) == 0) {
		rest.after = MAX(rest.after, content->cookie);
	} else {
		rest.after = store_cookie_of(content->created_ms) - 1;
		rest.until = store_cookie_of(content->created_ms + 1);
	}
	return lacks_names(ctx, &rest, clock_wall(ctx->tree->config.clock)) == 0;
}

/* Gives the range as it is known, without any request. */
static int known_range(struct tree_ctx *ctx, uint64_t dir, struct store_range *ret_range)
{
	struct store_thread t = {0};
	struct tree_month m;
	int r;

	if (tree_is_of_thread(dir)) {
		r = tree_thread(ctx, tree_ino_row(dir), &t);
		*ret_range = (struct store_range){.room = t.room, .thread = t.rowid};
		store_thread_clear(&t);
		return r;
	}
	*ret_range = (struct store_range){.room = tree_ino_row(dir)};
	if (!is_of_month(dir))
		return 0;
	r = tree_month_get(ctx, dir, &m);
	if (r == 0)
		*ret_range = (struct store_range){.room = m.room,
						  .until = store_cookie_of(m.hi_ms + 1)};
	return r;
}

static int files_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
			struct tree_entry *ret_entry)
{
	struct store_content content = {0};
	struct store_range range;
	struct tree_dir opened;
	int64_t row = upload_pending(ctx, dir, name);
	int wait, r;

	/* No attachment's name begins with a dot; only scratch files of editors and rsync have
	 * such names. */
	if (row || name[0] == '.')
		return tree_entry_or_none(ctx, row ? 0 : -ENOENT,
					  tree_ino(TREE_ATTACHMENT, row), 0, ret_entry);
	wait = open_messages(ctx, dir, &opened);
	if (wait == TREE_WAIT)
		return wait;
	r = known_range(ctx, dir, &range);
	if (r == 0)
		r = find_content(ctx, dir, &range, name, &content);
	if (wait == 0 && (r || !is_certain(ctx, &opened.range, name, &content)))
		wait = files_need_names(ctx, &opened);
	/* An older entry is better than an error, but a "no such file" must not be wrong. */
	if (wait == TREE_WAIT || (r == -ENOENT && wait)) {
		store_content_clear(&content);
		return wait;
	}
	r = tree_entry_or_none(ctx, r, tree_ino(TREE_ATTACHMENT, content.rowid), 0, ret_entry);
	store_content_clear(&content);
	return r;
}

struct listing {
	struct tree_ctx *ctx;
	uint64_t dir;
	tree_emit emit;
	void *arg;
	int error;
	bool is_full;
};

static bool emit_row(struct listing *l, const char *shown, int64_t row, int64_t cookie)
{
	l->is_full = !tree_emit_ino(l->ctx, l->emit, l->arg, shown,
				    tree_ino(TREE_ATTACHMENT, row), cookie, &l->error);
	return !l->is_full;
}

static bool emit_file(void *arg, const struct store_content *content, const char *shown)
{
	struct listing *l = arg;

	return is_hidden(l->ctx, l->dir, content, shown) ||
	       emit_row(l, shown, content->rowid, STORE_COOKIE_MIN + content->rowid);
}

static int files_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
			 tree_emit emit, void *arg)
{
	struct listing l = {.ctx = ctx, .dir = dir->ino, .emit = emit, .arg = arg};
	int r = store_content_list(ctx->conn, &dir->range, cookie - STORE_COOKIE_MIN, emit_file,
				   &l);

	return r ? r : l.error;
}

/* clang-format off */
const struct tree_row files_rows[] = {
	{ TREE_FILES, "files", TREE_VIEW, "files", DIR_RW, ROW_LISTED | ROW_TOLD, .attr = files_attr,
	  .lookup = files_lookup, .opendir = files_opendir, .readdir = files_readdir },
	{ TREE_MONTH_FILES, "month's files", TREE_NONE, NULL, DIR_RW, ROW_TOLD, .attr = files_attr,
	  .lookup = files_lookup, .opendir = files_opendir, .readdir = files_readdir },
	{ TREE_THREAD_FILES, "thread's files", TREE_NONE, NULL, DIR_RW, ROW_TOLD, .attr = files_attr,
	  .lookup = files_lookup, .opendir = files_opendir, .readdir = files_readdir },
	{ TREE_MONTH_FILES_LINK, "files link", TREE_MONTH, "files", LINK, ROW_LISTED,
	  .attr = month_link_attr, .readlink = files_readlink },
	{ TREE_FILES_LINK, "files link", TREE_SPACE, "files", LINK, ROW_LISTED,
	  .attr = view_link_attr, .readlink = files_readlink },
	ROWS_END,
};
/* clang-format on */
