/* SPDX-License-Identifier: MIT */
/* Requests that create files: uploads, scratch files, and members, who are invited. */
#include <errno.h>
#include <fcntl.h>

#include "fs/op.h"
#include "fs/caller.h"

static void create_undo(struct op *op)
{
	struct handle *h = op->handle;

	op->handle = NULL;
	if (!h)
		return;
	if (h->what == HANDLE_WRITE && h->write.pending)
		tree_pending_discard(op->fs->config.tree, h->write.pending);
	handle_free(op->fs, h);
}

static int give_created(struct op *op, uint64_t ino, struct handle *h)
{
	int r;

	op->handle = h;
	op->fi.fh = (uintptr_t)h;
	op->answer = OP_ANSWER_CREATE;
	r = op_begin(op);
	if (r)
		return r;
	r = tree_make_entry(&op->ctx, ino, &op->entry);
	op_end(op);
	return r;
}

static void invite_done(void *arg, int error, uint64_t ino)
{
	struct op *op = arg;
	struct handle *h;

	if (error == 0 && op->state == OP_SUBMITTED) {
		/* touch opens for writing, writes nothing and closes. */
		h = handle_new(op->fs, HANDLE_READ, ino);
		h->from = TREE_READ_STORE;
		error = give_created(op, ino, h);
	}
	op_finish(op, error);
}

static void invite_submit(struct op *op)
{
	tree_submit(op->fs->config.tree, &op->plan, invite_done, op);
}

static int invite_run(struct op *op)
{
	int r = op_begin(op);

	if (r)
		return r;
	return op_planned(op, tree_plan_invite(&op->ctx, op->ino, op->name, &op->plan),
			  invite_submit);
}

static int create_run(struct op *op)
{
	int flags = op->fi.flags;
	char comm[WRITER_COMM_SIZE];
	struct name_birth birth = {
		.comm = comm,
		.is_exclusive = (flags & O_EXCL) && (flags & O_ACCMODE) == O_RDWR,
		.is_guarded = flags & O_NOFOLLOW,
		.is_private = (op->mode & 0777) == 0600,
		.is_chosen = (0666 & ~op->umask) != 0600,
	};
	struct tree_write w;
	struct handle *h;
	int r = op_begin(op);

	if (r)
		return r;
	caller_comm(op->pid, comm);
	birth.is_move = name_is_meant(op->name) && fs_takes_source(op);
	r = tree_create(&op->ctx, op->ino, op->name, op->mode, &birth, &w);
	op_end(op);
	if (r)
		return r;
	h = handle_new(op->fs, HANDLE_WRITE, w.ino);
	h->write = w;
	handle_join(h, op->pid);
	tree_note_maker(op->fs->config.tree, &h->write, h->opener);
	fs_local_changed(op->fs, op->ino);
	return give_created(op, w.ino, h);
}

void fs_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi)
{
	bool invites = tree_invites(parent);
	struct op *op = op_new(req, "create", invites ? invite_run : create_run, parent, name);

	if (!op)
		return;
	op->fi = *fi;
	op->fi.fh = 0;
	op->mode = mode;
	op->umask = fuse_req_ctx(req)->umask;
	op->undo = create_undo;
	op_start(op);
}
