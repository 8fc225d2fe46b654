/* SPDX-License-Identifier: MIT */
#include "fs/answers.h"

#include <errno.h>

#include "base/cleanup.h"
#include "fs/caller.h"
#include "fs/op.h"
#include "tree/api.h"

/* What of the answer is there decides; its error is said as the server did. */
static int settle(struct op *op, int r)
{
	_cleanup_gfree_ char *words = r < 0 ? asked_words(op->asked) : NULL;

	if (r == ASKED_WAIT)
		return OP_WAIT_ANSWER;
	return words ? tree_refuse(&op->ctx, r, "%s", words) : r;
}

/* ---- open ---- */

static int begin(struct op *op)
{
	_cleanup_(asked_unref) struct asked *a = NULL;
	int r = op_begin(op);

	if (r)
		return r;
	r = op_check_open(op);
	if (r == 0)
		r = tree_ask_read(&op->ctx, op->ino, &a);
	op_end(op);
	if (r == 0)
		answer_is_awaited(op, a);
	return r;
}

/* The handle is there before the request is made, so that it counts. */
static int begin_open(struct op *op)
{
	struct handle *h = handle_new(op->fs, HANDLE_READ, op->ino);
	int r;

	op->handle = h;
	h->from = TREE_READ_EMPTY;
	h->opener = caller_tgid(op->pid);
	r = handle_take_answer(op, h);
	if (r == 0)
		r = begin(op);
	if (r == 0)
		answer_slot_set(&h->answer, op->asked, 0);
	return r;
}

int answer_open_run(struct op *op)
{
	int r = op->handle ? 0 : begin_open(op);

	if (r == 0)
		r = settle(op, asked_look(op->asked));
	if (r)
		return r;
	r = op_begin(op);
	if (r == 0)
		handle_watch(op, op->handle);
	op_end(op);
	op->fi.fh = (uintptr_t)op->handle;
	/* A close of it commits nothing. */
	op->fi.noflush = 1;
	op->answer = OP_ANSWER_STREAM;
	return r;
}

void answer_open_undo(struct op *op)
{
	if (op->handle)
		handle_free(op->fs, op->handle);
	op->handle = NULL;
}

/* ---- read ---- */

static struct handle *handle_of(const struct op *op)
{
	return (struct handle *)(uintptr_t)op->fi.fh;
}

/* The answer to a change is here as a whole when the change has ended. */
static void change_ended(void *arg, int error, uint64_t ino)
{
	_cleanup_(asked_unref) struct asked *a = NULL;
	struct op *op = arg;
	int ignored;

	(void)ino;
	if (!error && op->state == OP_SUBMITTED) {
		a = answer_slot_get(&handle_of(op)->answer, &ignored);
		error = a ? asked_read(a, op->buf, op->size, &op->buf_len) : -EIO;
		op->answer = OP_ANSWER_BUF;
	}
	op_finish(op, error);
}

static void change_submit(struct op *op)
{
	tree_submit(op->fs->config.tree, &op->plan, change_ended, op);
}

/* What was written and not closed is asked for now. */
static int commit_first(struct op *op, struct handle *h)
{
	int r;

	if (h->what != HANDLE_WRITE ||
	    (!draft_is_dirty_by(h->write.draft, &h->write.writer) && !atomic_load(&h->refused)))
		return 0;
	r = handle_commit(op, h);
	if (r == OP_SUBMIT)
		op->submit = change_submit;
	op->undo = answer_read_undo;
	return r;
}

/* Finds whose answer is read; the first read of a file that nothing was written to makes the GET. */
static int find(struct op *op, struct handle *h)
{
	_cleanup_(asked_unref) struct asked *a = NULL;
	int error, r = commit_first(op, h);

	if (r)
		return r;
	asked_unref(&op->asked);
	a = answer_slot_get(&h->answer, &error);
	if (a) {
		answer_is_read(op, a);
		return 0;
	}
	/* It was said when it was written. */
	op->ctx.is_said = error != 0;
	if (error)
		return error;
	r = begin(op);
	if (r == 0)
		answer_slot_set(&h->answer, op->asked, 0);
	return r;
}

int answer_read_run(struct op *op)
{
	int r = op->await ? 0 : find(op, handle_of(op));

	if (r == 0)
		r = settle(op, asked_read(op->asked, op->buf, op->size, &op->buf_len));
	if (r == 0)
		op->answer = OP_ANSWER_BUF;
	return r;
}

void answer_read_undo(struct op *op)
{
	op_keep_letter(op);
	if (op->asked && op->buf_len)
		asked_give_back(op->asked, op->buf, op->buf_len);
	op->buf_len = 0;
}
