/* SPDX-License-Identifier: MIT */
/*
 * files/: the attachments of a space's listed messages, and of a month's, under their own names
 * (design 2.1). Both directories are in the space's view, so that walkers, which do not follow
 * the links, do not cause a request for each name. An open of the directory, and a look-up in
 * it, waits until all names are known.
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
	return is_of_month(ino) ? month_attr(ctx, ino, attr) : space_attr(ctx, ino, attr);
}

/* Makes sure that the messages of the directory are known, and gives their range. */
static int open_messages(struct tree_ctx *ctx, uint64_t ino, struct tree_dir *ret_dir)
{
	*ret_dir = (struct tree_dir){.ino = ino};
	return is_of_month(ino) ? month_opendir(ctx, ret_dir) : space_opendir(ctx, ret_dir);
}

static int need_names(struct tree_ctx *ctx, const struct tree_dir *dir)
{
	struct need need = {.kind = NEED_NAMES, .row = dir->range.room};
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int r = store_content_unnamed(ctx->conn, &dir->range,
				      clock_wall(ctx->tree->config.clock), rows, 1);

	if (r < 0 || !rows->len)
		return r;
	if (is_of_month(dir->ino)) {
		need.after = dir->range.after;
		need.until = dir->range.until;
	}
	/* Attachments that came since are not listed yet. */
	return tree_need(ctx, &need, false);
}

static int files_opendir(struct tree_ctx *ctx, struct tree_dir *dir)
{
	int r = open_messages(ctx, dir->ino, dir);

	return r ? r : need_names(ctx, dir);
}

/* True for the newest attachment of a name while another file is about to get the name. */
static bool is_hidden(struct tree_ctx *ctx, uint64_t dir, const struct store_content *content,
		      const char *shown)
{
	return strcmp(content->name, shown) == 0 && upload_is_hidden(ctx, dir, content->rowid);
}

static int find_content(struct tree_ctx *ctx, uint64_t dir, const struct store_range *range,
			const char *name, int64_t *ret_row)
{
	struct store_content content = {0};
	int r = store_content_find(ctx->conn, range, name, &content);

	if (r == 0 && is_hidden(ctx, dir, &content, name))
		r = -ENOENT;
	*ret_row = content.rowid;
	store_content_clear(&content);
	return r;
}

/* Gives the range as it is known, without any request. */
static int known_range(struct tree_ctx *ctx, uint64_t dir, struct store_range *ret_range)
{
	struct tree_month m;
	int r;

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
	if (wait == 0)
		wait = need_names(ctx, &opened);
	if (wait == TREE_WAIT)
		return wait;
	r = known_range(ctx, dir, &range);
	if (r == 0)
		r = find_content(ctx, dir, &range, name, &row);
	/* An older entry is better than an error, but a "no such file" must not be wrong. */
	if (r == -ENOENT && wait)
		return wait;
	return tree_entry_or_none(ctx, r, tree_ino(TREE_ATTACHMENT, row), 0, ret_entry);
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
	{ TREE_MONTH_FILES_LINK, "files link", TREE_MONTH, "files", LINK, ROW_LISTED,
	  .attr = month_link_attr, .readlink = files_readlink },
	{ TREE_FILES_LINK, "files link", TREE_SPACE, "files", LINK, ROW_LISTED,
	  .attr = view_link_attr, .readlink = files_readlink },
	ROWS_END,
};
/* clang-format on */
