/* SPDX-License-Identifier: MIT */
/* Writing: bytes go into the draft of the open file. What becomes of them: writes.c. */
#include <errno.h>
#include <fcntl.h>

#include "fs/op.h"
#include "fs/why.h"
#include "tree/api.h"

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

/* What comes from the page cache has an offset of its own, whatever the flags of the file are. */
static enum draft_way way_of(const struct op *op)
{
	if (op->fi.writepage)
		return DRAFT_MAPPED;
	/* A file without a position is written on. */
	if (tree_is_asked(op->ino))
		return DRAFT_APPEND;
	return op->fi.flags & O_APPEND ? DRAFT_APPEND : DRAFT_AT;
}

int op_say_refused(struct op *op, const struct handle *h, int error)
{
	const struct tree_write *w = &h->write;
	const char *words = why_words(error);

	return tree_refuse(&op->ctx, error, "%s: %s: nothing of it is sent",
			   w->name	 ? w->name
			   : w->to.place ? w->to.place
					 : tree_what(w->ino),
			   words ? words : g_strerror(-error));
}

int op_refuse_write(struct op *op, struct handle *h, int error)
{
	atomic_store(&h->refused, error);
	return op_say_refused(op, h, error);
}

static int write_run(struct op *op)
{
	struct handle *h = handle_of(&op->fi);
	ssize_t n;

	if (!h || h->what != HANDLE_WRITE)
		return -EBADF;
	n = handle_take_text(op, h);
	if (n < 0)
		return (int)n;
	n = draft_write_by(h->write.draft, &h->write.writer, way_of(op), op->buf, op->size,
			   op->offset);
	if (n < 0)
		return op_refuse_write(op, h, (int)n);
	atomic_store(&h->emptied, HANDLE_HAS_TEXT);
	op->answer = OP_ANSWER_WRITE;
	op->written = (size_t)n;
	return 0;
}

void fs_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	      struct fuse_file_info *fi)
{
	struct op *op = op_new(req, "write", write_run, ino, NULL);

	if (!op)
		return;
	op->fi = *fi;
	op->size = size;
	op->offset = off;
	/* Borrowed, since write_run() never waits. */
	op->buf = (char *)buf;
	op->borrowed_buf = true;
	op_start(op);
}
