/* SPDX-License-Identifier: MIT */
/*
 * Attachments by their own names: those being written (pending.h), and those that the store
 * knows.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/names.h"
#include "tree/internal.h"
#include "tree/write.h"

int tree_check_file_name(struct tree_ctx *ctx, const char *name)
{
	_cleanup_gfree_ char *clean = name_from_title(name, NAME_MAX_BYTES);
	enum name_twin twin;
	size_t stem_len;

	if (strcmp(clean, name) != 0)
		return tree_refuse_name(ctx, name);
	if (!name_parse_message(name, &stem_len, &twin))
		return 0;
	return tree_refuse(
		ctx, -EPERM,
		"%s: this is the name of a message, which no file can have. To send "
		"its text again: cat %s > post; to send it as a file give it another "
		"name",
		name, name);
}

uint64_t upload_dir(uint64_t dir)
{
	switch (tree_ino_kind(dir)) {
	case TREE_FILES:
		return tree_ino(TREE_SPACE, tree_ino_row(dir));
	case TREE_THREAD_FILES:
		return tree_ino(TREE_THREAD, tree_ino_row(dir));
	default:
		return dir;
	}
}

uint64_t upload_files(uint64_t home)
{
	switch (tree_ino_kind(home)) {
	case TREE_SPACE:
		return tree_ino(TREE_FILES, tree_ino_row(home));
	case TREE_THREAD:
		return tree_ino(TREE_THREAD_FILES, tree_ino_row(home));
	default:
		return 0;
	}
}

uint64_t tree_home(uint64_t dir, uint64_t *ret_files)
{
	uint64_t home = upload_dir(dir);

	*ret_files = upload_files(home);
	return home;
}

int64_t upload_room(struct tree_ctx *ctx, uint64_t dir)
{
	struct store_thread thread = {0};
	struct tree_month m = {0};
	uint64_t home = upload_dir(dir);

	if (tree_is_month(dir)) {
		tree_month_get(ctx, dir, &m);
		return m.room;
	}
	if (tree_ino_kind(home) != TREE_THREAD)
		return tree_ino_kind(home) == TREE_SPACE ? tree_ino_row(home) : 0;
	if (store_thread_get(ctx->conn, tree_ino_row(home), &thread))
		return 0;
	store_thread_clear(&thread);
	return thread.room;
}

int upload_find(struct tree_ctx *ctx, uint64_t dir, const char *name,
		struct store_content *ret_content)
{
	uint64_t home = upload_dir(dir);
	struct store_range range = {.room = upload_room(ctx, home)};

	if (!upload_files(home) || !range.room)
		return -ENOENT;
	if (tree_ino_kind(home) == TREE_THREAD)
		range.thread = tree_ino_row(home);
	return store_content_newest(ctx->conn, &range, name, ret_content);
}

int64_t upload_thread(struct tree_ctx *ctx, const struct store_content *content)
{
	struct store_message m = {0};
	int64_t thread = 0;

	if (store_message_get(ctx->conn, content->message, &m) == 0 && m.m.parent_id)
		thread = m.thread;
	store_message_clear(&m);
	return thread;
}

int64_t upload_pending(struct tree_ctx *ctx, uint64_t dir, const char *name)
{
	struct pendings *pendings = ctx->tree->pendings;
	struct pending *p = pending_by_name(pendings, upload_dir(dir), name);
	int64_t row = p ? p->row : 0;

	pending_unref(pendings, &p);
	return row;
}

struct pending *upload_held(struct tree_ctx *ctx, int64_t row)
{
	struct pendings *pendings = ctx->tree->pendings;
	struct pending *p = pending_by_row(pendings, row);
	struct store_content content = {0};
	bool is_sent;

	if (p)
		return p;
	is_sent = store_content_get(ctx->conn, row, &content) == 0 && !content.gone;
	store_content_clear(&content);
	return is_sent ? NULL : pending_nameless(pendings, row);
}

bool upload_is_hidden(struct tree_ctx *ctx, uint64_t dir, int64_t row)
{
	return upload_files(upload_dir(dir)) && replaced_is_hidden(ctx->tree->replaced, row);
}

int upload_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
		  struct tree_entry *ret_entry)
{
	struct store_content content = {0};
	int64_t row = upload_pending(ctx, dir, name);
	bool is_hidden = false;
	int r = 0;

	if (!row) {
		r = upload_find(ctx, dir, name, &content);
		row = content.rowid;
		store_content_clear(&content);
		is_hidden = r == 0 && upload_is_hidden(ctx, dir, row);
	}
	/* A new name is made through this mount, or the kernel is told of it (invalidate.c). */
	return tree_entry_or_none(ctx, is_hidden ? -ENOENT : r, tree_ino(TREE_ATTACHMENT, row),
				  is_hidden ? 0 : TIMEOUT_LONG, ret_entry);
}

static int pending_attr(struct tree_ctx *ctx, struct pending *p, struct tree_attr *attr)
{
	struct pendings *pendings = ctx->tree->pendings;
	int64_t mtime_ms;
	mode_t mode;

	pending_stat(pendings, p, &mtime_ms, &mode);
	attr->st.st_mode = S_IFREG | mode;
	tree_set_times(attr, mtime_ms ? mtime_ms : draft_changed_ms(p->draft));
	tree_set_size(attr, draft_size(p->draft));
	if (!pending_is_listed(pendings, p))
		attr->st.st_nlink = 0;
	attr->attr_timeout = 0;
	return 0;
}

static int64_t sent_ms(struct tree_ctx *ctx, int64_t message)
{
	_cleanup_free_ char *stem = NULL;
	struct store_brief brief;
	int64_t room;
	bool deleted;

	if (store_message_brief(ctx->conn, message, &brief, &stem, &room, &deleted))
		return -1;
	return brief.created_ms;
}

static bool is_newest_in(struct tree_ctx *ctx, const struct store_content *content,
			 int64_t thread)
{
	const struct store_range range = {.room = content->room, .thread = thread};
	struct store_content newest = {0};
	bool is = store_content_newest(ctx->conn, &range, content->name, &newest) == 0 &&
		  newest.rowid == content->rowid;

	store_content_clear(&newest);
	return is;
}

bool upload_is_newest(struct tree_ctx *ctx, const struct store_content *content)
{
	int64_t thread;

	if (is_newest_in(ctx, content, 0))
		return true;
	thread = upload_thread(ctx, content);
	return thread && is_newest_in(ctx, content, thread);
}

/*
 * As long as nobody knows how long it is, it is as long as a file can be that is fetched: tar, find
 * -empty and [ -s ] take a size of 0 for the truth and never open the file. Who opens it finds out
 * the true length, and who believes this one without an open meets the end too early, which is an
 * error. A HEAD that says 0 may come from a server that makes no body for it.
 */
void upload_set_size(struct tree_ctx *ctx, struct tree_attr *attr,
		     const struct store_content *content)
{
	if (content->is_proven || content->size > 0) {
		tree_set_size(attr, MAX(content->size, 0));
		return;
	}
	tree_set_size(attr, contents_unknown_max(ctx->tree->config.contents));
	attr->st.st_blocks = 1;
}

static int upload_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	struct pending *p = upload_held(ctx, tree_ino_row(ino));
	struct store_content content = {0};
	int r;

	if (p) {
		r = pending_attr(ctx, p, attr);
		pending_unref(ctx->tree->pendings, &p);
		return r;
	}
	r = store_content_get(ctx->conn, tree_ino_row(ino), &content);
	if (r == 0 && content.gone)
		r = -ENOENT;
	if (r == 0) {
		/* The uploader's own utimens, or when it was sent. */
		tree_set_times(attr, content.mtime_ms > 0 ? content.mtime_ms
							  : sent_ms(ctx, content.message));
		upload_set_size(ctx, attr, &content);
		/* Bytes written to an older version would become a newer one, under another
		 * name. */
		if (!upload_is_newest(ctx, &content))
			attr->st.st_mode &= ~0222u;
		/* nlink stays 1, though a month shows the file, too: with 2, `cp -a` removes
		 * the file before it writes another version. */
		/* An open finds out the length and makes the kernel look again; when a newer
		 * version comes, the change of that one makes the kernel forget this one. */
		attr->attr_timeout = content.is_proven ? TIMEOUT_SHORT : 0;
	}
	store_content_clear(&content);
	return r;
}

int upload_check_newest(struct tree_ctx *ctx, const struct store_content *content,
			const char *name)
{
	if (strcmp(content->name, name) == 0 && upload_is_newest(ctx, content))
		return 0;
	return tree_refuse(ctx, -EPERM,
			   "%s: an older version stays as it is; a new one gets the name "
			   "without the time",
			   name);
}

void tree_note_maker(struct tree *t, const struct tree_write *w, pid_t maker)
{
	pending_set_maker(t->pendings, w->pending, maker);
}

bool tree_is_made_beside(struct tree *t, uint64_t dir, pid_t maker)
{
	return pending_is_made_beside(t->pendings, upload_dir(dir), maker);
}

static int need_bytes(struct tree_ctx *ctx, int64_t row, int64_t lo, int64_t hi)
{
	struct need need = {.kind = NEED_CONTENT, .row = row, .from_byte = lo, .to_byte = hi};

	return tree_need(ctx, &need, false);
}

/* What came may be gone again: where many files are read at once, attach/idle.c closes some. */
static int need_kept(struct tree_ctx *ctx, int64_t row, int64_t lo, int64_t hi)
{
	struct need need = {.kind = NEED_CONTENT, .row = row, .from_byte = lo, .to_byte = hi};

	return tree_need_kept(ctx, &need);
}

/*
 * Finds out the length before the file is read: programs believe what stat says (platform.md
 * 3), and what a HEAD says is unreliable (webex-api.md 5.5). The answer with the first bytes
 * has the length; if it has not, all bytes are fetched first, as many as may be kept: a longer
 * one could only be shown with a length that is wrong, and copied in part.
 */
static int need_length(struct tree_ctx *ctx, const struct store_content *content)
{
	struct contents *contents = ctx->tree->config.contents;
	int64_t too_many = contents_unknown_max(contents) + 1;
	int r = need_bytes(ctx, content->rowid, 0, 1);

	if (r)
		return r;
	if (!contents_has(contents, content->rowid, 0, too_many))
		return need_bytes(ctx, content->rowid, 0, too_many);
	return tree_refuse(
		ctx, -EFBIG,
		"%s: the server does not say how long this file is, and it is longer "
		"than what is kept of attachments: -o cache_size= allows more",
		content->name);
}

int upload_open(struct tree_ctx *ctx, uint64_t ino)
{
	struct store_content content = {0};
	int r = store_content_get(ctx->conn, tree_ino_row(ino), &content);

	if (r == 0 && content.gone)
		r = -ENOENT;
	if (r == 0 && !content.is_proven) {
		r = need_length(ctx, &content);
		r = r ? r : -EIO;
	}
	store_content_clear(&content);
	return r;
}

int upload_need_all(struct tree_ctx *ctx, int64_t row, int64_t size)
{
	int r;

	if (contents_has(ctx->tree->config.contents, row, 0, size))
		return 0;
	r = need_kept(ctx, row, 0, size);
	/* It was fetched, and yet is not here. */
	return r ? r : -EIO;
}

int upload_read(struct tree_ctx *ctx, int64_t row, void *buf, size_t len, int64_t offset,
		size_t *ret_n)
{
	ssize_t n = contents_read(ctx->tree->config.contents, row, buf, len, offset);

	*ret_n = n > 0 ? (size_t)n : 0;
	if (n == -EAGAIN) {
		int r = need_kept(ctx, row, offset, offset + (int64_t)len);

		return r ? r : -EIO;
	}
	return n < 0 ? (int)n : 0;
}

/* clang-format off */
const struct tree_row attachment_rows[] = {
	{ TREE_ATTACHMENT, "upload", TREE_NONE, NULL, FILE_RW, ROW_SHIFTS | ROW_WATCHED | ROW_CONTENT, LETTER_FILE, .attr = upload_attr, .open = upload_open },
	ROWS_END,
};
/* clang-format on */
