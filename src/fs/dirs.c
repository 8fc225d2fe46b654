/* SPDX-License-Identifier: MIT */
/*
 * Open directories. opendir fetches what a listing needs, because an opendir that waits blocks
 * nobody else; readdir only reads a part of the store.
 */
#include <errno.h>
#include <string.h>

#include "fs/op.h"
#include "fs/caller.h"

/* Asked only where something is known but old, since /proc has to be read for it. */
static bool spares(void *arg, const struct need *need)
{
	struct op *op = arg;

	return walkers_spare(op->fs->walkers, caller_tgid(op->pid), need);
}

void fs_may_spare(struct op *op)
{
	op->ctx.spares = spares;
	op->ctx.spares_arg = op;
}

static struct dir_handle *dir_of(const struct op *op)
{
	return (struct dir_handle *)(uintptr_t)op->fi.fh;
}

static void dir_free(struct fs *fs, struct dir_handle *h)
{
	handles_take(fs->dirs, h);
	rm_guard_closed(fs->rm_guard, h->dir.ino, h->opener);
	g_free(h);
}

void fs_close_dirs(struct fs *fs)
{
	struct dir_handle *h;

	while ((h = handles_take_any(fs->dirs)))
		dir_free(fs, h);
}

static void opendir_undo(struct op *op)
{
	struct dir_handle *h = dir_of(op);

	if (!h)
		return;
	dir_free(op->fs, h);
	op->fi.fh = 0;
}

/* Notes who opened the directory. */
static void note_opener(struct op *op, struct dir_handle *h)
{
	int64_t space = tree_walked(op->ino);

	h->opener = caller_tgid(op->pid);
	rm_guard_opened(op->fs->rm_guard, op->ino, h->opener);
	if (space >= 0)
		walkers_opened(op->fs->walkers, h->opener, space);
}

static int opendir_run(struct op *op)
{
	struct dir_handle *h;
	struct tree_dir dir;
	int r = op_begin(op);

	if (r)
		return r;
	fs_may_spare(op);
	r = op_check_private(op, op->ino);
	if (r == 0)
		r = tree_opendir(&op->ctx, op->ino, &dir);
	op_end(op);
	if (r)
		return r;
	h = g_new0(struct dir_handle, 1);
	handles_add(op->fs->dirs, h);
	h->dir = dir;
	note_opener(op, h);
	op->fi.fh = (uintptr_t)h;
	/*
	 * The kernel may cache a listing if it is told of all changes of it. It does not keep
	 * what it cached before while a notice is still to be given, so that an open behind a
	 * change, or one that waited for news, sees it.
	 */
	op->fi.cache_readdir = tree_dir_is_told(op->ino);
	op->fi.keep_cache = op->fi.cache_readdir && op->ctx.n_waited == 0 &&
			    notify_is_told(op->fs->notifier, op->ino);
	op->answer = OP_ANSWER_OPEN;
	return 0;
}

void fs_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op *op = op_new(req, "opendir", opendir_run, ino, NULL);

	if (!op)
		return;
	op->fi = *fi;
	op->fi.fh = 0;
	op->undo = opendir_undo;
	op_start(op);
}

/* ---- readdir ---- */

struct filling {
	struct op *op;
	bool is_full;
};

static bool add(struct filling *f, const char *name, const struct tree_entry *e, int64_t cookie)
{
	struct op *op = f->op;
	size_t room = op->size - op->buf_len, need;

	if (op->is_plus) {
		struct fuse_entry_param p = fs_entry_param(e);

		need = fuse_add_direntry_plus(op->req, op->buf + op->buf_len, room, name, &p,
					      cookie);
		if (need <= room && e->ino)
			g_array_append_val(op->children, e->ino);
	} else {
		need = fuse_add_direntry(op->req, op->buf + op->buf_len, room, name,
					 &e->attr.st, cookie);
	}
	if (need > room) {
		f->is_full = true;
		return false;
	}
	op->buf_len += need;
	return true;
}

static bool emit(void *arg, const char *name, const struct tree_entry *entry, int64_t cookie)
{
	return add(arg, name, entry, cookie);
}

/* "." and ".." have the cookies 1 and 2. With ino 0 the kernel does not count them as look-ups. */
static bool add_dots(struct filling *f, uint64_t ino)
{
	struct tree_entry e = {.attr.st = {.st_ino = ino, .st_mode = S_IFDIR}};

	if (f->op->offset < 1 && !add(f, ".", &e, 1))
		return false;
	return f->op->offset >= 2 || add(f, "..", &e, 2);
}

static int readdir_run(struct op *op)
{
	struct filling f = {.op = op};
	int r = op_begin(op);

	if (r)
		return r;
	op->answer = OP_ANSWER_BUF;
	op->buf_len = 0;
	if (op->children)
		g_array_set_size(op->children, 0);
	if (add_dots(&f, op->ino))
		r = tree_readdir(&op->ctx, &dir_of(op)->dir, op->offset <= 2 ? 0 : op->offset,
				 emit, &f);
	op_end(op);
	/* Entries in the buffer hold no look-up count here, so an error may drop them. */
	return r;
}

static void start_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			  struct fuse_file_info *fi, bool is_plus)
{
	struct op *op = op_new(req, "readdir", readdir_run, ino, NULL);

	if (!op)
		return;
	op->fi = *fi;
	op->size = size;
	op->offset = off;
	op->is_listing = true;
	op->is_plus = is_plus;
	if (is_plus)
		op->children = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	op->buf = g_malloc(size);
	op_start(op);
}

void fs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		struct fuse_file_info *fi)
{
	start_readdir(req, ino, size, off, fi, false);
}

void fs_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	start_readdir(req, ino, size, off, fi, true);
}

void fs_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fs_after_replies(fs_of(req));
	dir_free(fs_of(req), (struct dir_handle *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}
