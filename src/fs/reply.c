/* SPDX-License-Identifier: MIT */
/* What an op answers, and the references of the kernel's that come with an answer. */
#include <errno.h>
#include <linux/fuse.h>
#include <stdarg.h>

#include "base/log.h"
#include "fs/op.h"
#include "fs/why.h"

/* ---- errors ---- */

/* The server's words of a fetch or a change are told to everybody by who made the request, while
 * this op waits: they are better than general ones, and the same as those that are remembered of a
 * fetch. What other sessions were refused meanwhile is not counted. */
static bool was_said(const struct op *op)
{
	return op->ctx.is_said || ((!op->ctx.why || op->ctx.why_of) && op->has_waited &&
				   op->said_before != log_last_error_count());
}

void op_say_why(struct op *op, int error)
{
	const char *words = why_words(error);

	/* The op went on without what could not be fetched, and fails for another reason. */
	if (op->ctx.why_of && op->ctx.why_of != error)
		g_clear_pointer(&op->ctx.why, g_free);
	if (!why_is_told(error) || was_said(op))
		return;
	if (op->ctx.why)
		tree_say_why(&op->ctx);
	else if (words)
		log_last_error_of(op->pid, "%s %s: %s", op->what,
				  op->name ? op->name : tree_what(op->ino), words);
}

void fs_refuse(fuse_req_t req, int error, const char *fmt, ...)
{
	struct tree_ctx ctx = {.pid = fuse_req_ctx(req)->pid};
	va_list args;

	va_start(args, fmt);
	ctx.why = g_strdup_vprintf(fmt, args);
	va_end(args);
	tree_say_why(&ctx);
	fuse_reply_err(req, -error);
}

/* ---- answers ---- */

/* libfuse has no bit for FOPEN_STREAM. A kernel that does not know it only sees
 * FOPEN_NONSEEKABLE. */
static int reply_stream(struct op *op)
{
	struct fuse_open_out out = {
		.fh = op->fi.fh,
		.open_flags = FOPEN_DIRECT_IO | FOPEN_NONSEEKABLE | FOPEN_STREAM |
			      (op->fi.noflush ? FOPEN_NOFLUSH : 0),
	};

	return fuse_reply_buf(op->req, (const char *)&out, sizeof(out));
}

static int reply_answer(struct op *op)
{
	struct fuse_entry_param e;

	switch (op->answer) {
	case OP_ANSWER_ERR:
		return fuse_reply_err(op->req, 0);
	case OP_ANSWER_ENTRY:
		e = fs_entry_param(&op->entry);
		return fuse_reply_entry(op->req, &e);
	case OP_ANSWER_ATTR:
		return fuse_reply_attr(op->req, &op->attr.st, op->attr.attr_timeout);
	case OP_ANSWER_LINK:
		return fuse_reply_readlink(op->req, op->buf);
	case OP_ANSWER_OPEN:
		return fuse_reply_open(op->req, &op->fi);
	case OP_ANSWER_STREAM:
		return reply_stream(op);
	case OP_ANSWER_CREATE:
		e = fs_entry_param(&op->entry);
		return fuse_reply_create(op->req, &e, &op->fi);
	case OP_ANSWER_BUF:
		return fuse_reply_buf(op->req, op->buf, op->buf_len);
	case OP_ANSWER_WRITE:
		return fuse_reply_write(op->req, op->written);
	}
	return fuse_reply_err(op->req, EIO);
}

static void forget_one(struct tree *t, uint64_t ino)
{
	tree_forget(t, ino, 1);
}

/* The nodes to each of which the answer is one more reference of the kernel's. */
static void for_each_reference(const struct op *op, void (*fn)(struct tree *t, uint64_t ino))
{
	struct tree *t = op->fs->config.tree;

	if ((op->answer == OP_ANSWER_ENTRY || op->answer == OP_ANSWER_CREATE) && op->entry.ino)
		fn(t, op->entry.ino);
	for (guint i = 0; op->answer == OP_ANSWER_BUF && op->children && i < op->children->len;
	     i++)
		fn(t, g_array_index(op->children, uint64_t, i));
}

/* They are counted before the kernel can forget them again, and taken back if it did not take the
 * answer (-ENOENT: the caller was killed meanwhile). */
int op_give_answer(struct op *op)
{
	int r;

	for_each_reference(op, tree_looked_up);
	r = reply_answer(op);
	if (r)
		for_each_reference(op, forget_one);
	return r;
}

void op_invalidate_if_overtaken(struct op *op)
{
	struct fs *fs = op->fs;

	if (store_generation(fs->config.store) == op->generation)
		return;
	if (op->answer == OP_ANSWER_BUF)
		notify_inode(fs->notifier, op->ino);
	else if (op->answer == OP_ANSWER_ENTRY && op->entry.ino)
		notify_attributes(fs->notifier, op->entry.ino);
	for (guint i = 0; op->children && i < op->children->len; i++)
		notify_attributes(fs->notifier, g_array_index(op->children, uint64_t, i));
}

int op_error_to_say(const struct op *op, int error)
{
	enum tree_kind kind = tree_ino_kind(op->ino);
	bool is_upload = kind == TREE_ATTACHMENT;

	if (error != -ENOENT || op->name || op->fi.fh || !(is_upload || kind == TREE_LETTER))
		return error;
	return is_upload && tree_upload_is_known(op->fs->config.tree, op->ino) ? error
									       : -ESTALE;
}
