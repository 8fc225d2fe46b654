/* SPDX-License-Identifier: MIT */
/*
 * Requests about names and attributes.
 */
#include <errno.h>
#include <string.h>

#include "fs/local.h"
#include "fs/op.h"
#include "fs/caller.h"
#include "tree/api.h"

/* A process that waits behind a parked look-up cannot be killed (design 3), so the look-up ends
 * by itself. */
static void set_deadline(struct op *op, int ms)
{
	op->deadline_ms = op->started_ms + ms;
	op->is_looked_at = false;
}

/* ---- lookup, getattr, readlink ---- */

static int lookup_run(struct op *op)
{
	int r = op_begin(op);

	if (r)
		return r;
	op->answer = OP_ANSWER_ENTRY;
	fs_may_spare(op);
	r = tree_lookup(&op->ctx, op->ino, op->name, &op->entry);
	op_end(op);
	if (op->ctx.holds)
		fs_drop_names(op->fs);
	return r;
}

/* Cache thread; outside of run(), so without a snapshot. */
static int lookup_later(struct op *op)
{
	int r = tree_later(&op->ctx, op->ino, op->name, &op->entry);

	if (op->ctx.holds)
		fs_drop_names(op->fs);
	return r;
}

void fs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct op *op = op_new(req, "lookup", lookup_run, parent, name);

	if (!op)
		return;
	op->later = lookup_later;
	set_deadline(op, op->fs->config.lookup_timeout_ms);
	op_start(op);
}

static int getattr_run(struct op *op)
{
	int r = op_begin(op);

	if (r)
		return r;
	op->answer = OP_ANSWER_ATTR;
	/* The kernel asks so instead of by a look-up where it still has the name. */
	fs_may_spare(op);
	r = tree_getattr(&op->ctx, op->ino, &op->attr);
	op_end(op);
	return r;
}

void fs_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op *op = op_new(req, "getattr", getattr_run, ino, NULL);

	if (!op)
		return;
	if (fi)
		op->fi = *fi;
	set_deadline(op, op->fs->config.lookup_timeout_ms);
	op_start(op);
}

static int readlink_run(struct op *op)
{
	int r = op_begin(op);

	if (r)
		return r;
	op->answer = OP_ANSWER_LINK;
	r = tree_readlink(&op->ctx, op->ino, &op->buf);
	op_end(op);
	return r;
}

void fs_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct op *op = op_new(req, "readlink", readlink_run, ino, NULL);

	if (op)
		op_start(op);
}

/* ---- setattr ---- */

static int refuse_cut(struct op *op)
{
	return tree_refuse(
		&op->ctx, -EPERM,
		tree_is_message(op->ino)
			? "truncate: a message is edited by writing its new text; rm "
			  "deletes it"
		: tree_is_post(op->ino)
			? "truncate: a post file is always empty; what is written to it "
			  "is sent"
			: "truncate: this file is changed by writing it anew, as a whole");
}

static int truncate_run(struct op *op)
{
	struct handle *h = (struct handle *)(uintptr_t)op->fi.fh;
	struct pending *p;
	int r = op_check_cut(op);

	if (r)
		return r;
	if (h && h->what == HANDLE_WRITE) {
		r = draft_truncate_by(h->write.draft, &h->write.writer, op->offset);
		if (r)
			return op_refuse_write(op, h, r);
		if (op->offset == 0)
			atomic_store(&h->emptied, HANDLE_EMPTIED_LATER);
		return 0;
	}
	/* truncate(2) by path, of a file that is being written, or of a post file, which is
	 * always empty. */
	p = tree_pending(op->fs->config.tree, op->ino);
	if (p) {
		/* Without an open handle nobody would have the file sent. */
		r = p->is_scratch || draft_is_open(p->draft)
			    ? draft_truncate(p->draft, op->offset)
			    : refuse_cut(op);
		tree_pending_unref(op->fs->config.tree, &p);
		return r;
	}
	/* A file of api/ has nothing that could be cut off. */
	return (tree_is_post(op->ino) || tree_is_asked(op->ino)) && op->offset == 0
		       ? 0
		       : refuse_cut(op);
}

/* A time outside of our range becomes the nearest one inside, as in other file systems. */
#define SECONDS_MAX (INT64_MAX / 1000 - 1)

static int64_t to_ms(const struct timespec *t)
{
	int64_t seconds = CLAMP((int64_t)t->tv_sec, -SECONDS_MAX, SECONDS_MAX);

	return seconds * 1000 + t->tv_nsec / 1000000;
}

static int setattr_run(struct op *op)
{
	mode_t mode = op->mode & 07777;
	/* Where it is to be now, the kernel gives its own time, which is that of other files here. */
	int64_t mtime_ms = to_ms(&op->attr.st.st_mtim);
	bool set_mtime = op->flags & FUSE_SET_ATTR_MTIME;
	int r = tree_check_change(&op->ctx, op->ino, NULL);

	if (r == 0)
		r = op_check_owner(op);
	if (r == 0 && op->flags & FUSE_SET_ATTR_SIZE)
		r = truncate_run(op);
	if (r == 0)
		r = op_begin(op);
	if (r)
		return r;
	op->answer = OP_ANSWER_ATTR;
	r = tree_set_attr(&op->ctx, op->ino, op->flags & FUSE_SET_ATTR_MODE ? &mode : NULL,
			  set_mtime ? &mtime_ms : NULL);
	if (r == 0)
		r = tree_getattr(&op->ctx, op->ino, &op->attr);
	op_end(op);
	/* The time is on its way to the store, which will not tell the kernel. */
	if (r == 0 && set_mtime && tree_ino_kind(op->ino) == TREE_ATTACHMENT) {
		op->attr.st.st_mtim.tv_sec = mtime_ms / 1000;
		op->attr.st.st_mtim.tv_nsec = mtime_ms % 1000 * 1000000;
		op->attr.st.st_atim = op->attr.st.st_ctim = op->attr.st.st_mtim;
	}
	/* This may wait and run again; running it twice has the same effect. */
	return r;
}

void fs_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi)
{
	struct op *op = op_new(req, "setattr", setattr_run, ino, NULL);

	if (!op)
		return;
	if (fi)
		op->fi = *fi;
	op->attr.st = *attr;
	op->mode = attr->st_mode;
	op->offset = attr->st_size;
	op->flags = to_set;
	op_start(op);
}

/* ---- changes: a plan, then its submission ---- */

static void change_done(void *arg, int error, uint64_t ino)
{
	struct op *op = arg;

	(void)ino;
	if (error == 0)
		fs_local_changed(op->fs, op->ino);
	op_finish(op, error);
}

/*
 * A space whose title differs from another's only in case gets another name than was typed, so
 * the kernel must not remember the typed one.
 */
static void mkdir_done(void *arg, int error, uint64_t ino)
{
	struct op *op = arg;
	struct tree_entry typed;
	int r = error;

	if (error == 0 && op->state == OP_SUBMITTED) {
		r = op_begin(op);
		if (r == 0) {
			r = tree_make_entry(&op->ctx, ino, &op->entry);
			if (tree_lookup(&op->ctx, op->ino, op->name, &typed) ||
			    typed.ino != ino)
				op->entry.entry_timeout = 0;
			op_end(op);
		}
	}
	op_finish(op, r);
}

/*
 * The kernel has moved the old node to the new name. If the name stands for another node (a
 * scratch file became an edit, a letter was sent), the kernel must look it up again.
 */
static void rename_done(void *arg, int error, uint64_t ino)
{
	struct op *op = arg;

	(void)ino;
	/* At unmount a letter may arrive after the notifier has ended (op_fail_all came
	 * before). */
	if (error == 0 && !op->fs->stopping)
		notify_name(op->fs->notifier, op->newdir, op->newname);
	if (error == 0)
		fs_local_changed(op->fs, op->ino);
	op_finish(op, error);
}

static void change_submit(struct op *op)
{
	tree_submit(op->fs->config.tree, &op->plan, change_done, op);
}

static void ask_submit(struct op *op)
{
	answer_is_awaited(op, op->plan.asked);
	change_submit(op);
}

static void mkdir_submit(struct op *op)
{
	tree_submit(op->fs->config.tree, &op->plan, mkdir_done, op);
}

static void rename_submit(struct op *op)
{
	bool moved = op->plan.action == TREE_DO_RENAME_ROOM ||
		     op->plan.action == TREE_DO_RENAME_PENDING ||
		     op->plan.action == TREE_DO_NAME ||
		     (op->plan.action == TREE_DO_NOTHING && !op->plan.pending);

	op->plan.waiting = &op->waiting;
	/* It has as much time as a close. */
	if (op->plan.action == TREE_DO_SEND && op->plan.letter)
		op_set_letter_deadline(op, op->plan.letter);
	if (op->plan.action == TREE_DO_SEND)
		op->late = "another change of it is still on its way; it stays here";
	tree_submit(op->fs->config.tree, &op->plan, moved ? change_done : rename_done, op);
}

int op_planned(struct op *op, int r, void (*submit)(struct op *op))
{
	if (r == 0) {
		r = op_check_dirs(op);
		if (r)
			tree_plan_clear(op->fs->config.tree, &op->plan);
	}
	op_end(op);
	if (r)
		return r;
	op->submit = submit;
	return OP_SUBMIT;
}

static int mkdir_run(struct op *op)
{
	int r = op_begin(op);

	if (r)
		return r;
	op->answer = OP_ANSWER_ENTRY;
	return op_planned(op, tree_plan_mkdir(&op->ctx, op->ino, op->name, &op->plan),
			  mkdir_submit);
}

void fs_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct op *op;

	(void)mode;
	op = op_new(req, "mkdir", mkdir_run, parent, name);
	if (op)
		op_start(op);
}

/* True if the process walks the directory while it empties it, or has walked it before (design
 * 2.4). */
static bool is_walk(struct op *op)
{
	struct rm_guard *g = op->fs->rm_guard;
	char comm[WRITER_COMM_SIZE];
	pid_t tgid;

	if (op->fs->config.recursive_delete || !tree_guards_deletion(op->ino))
		return false;
	tgid = caller_tgid(op->pid);
	if (rm_guard_has_read(g, tgid)) {
		caller_comm(tgid, comm);
		if (rm_guard_lists_first(comm))
			return true;
	}
	return rm_guard_holds(g, op->ino, tgid, !work_on_thread(op->fs->config.queue));
}

/* A file manager that has just opened the message has copied it, and moves it. */
static bool manager_moves(struct op *op, uint64_t ino, pid_t tgid, const char *program)
{
	return tree_is_message(ino) && rm_guard_manages_files(program) &&
	       rm_guard_has_opened_message(op->fs->rm_guard, ino, tgid,
					   clock_mono(op->fs->config.clock));
}

static int refuse_walk(struct op *op)
{
	char comm[WRITER_COMM_SIZE];

	caller_comm(op->pid, comm);
	return tree_refuse(
		&op->ctx, -EPERM,
		"%s: it walks the directory and deletes what it finds there (rm -r, "
		"find -delete), which would delete messages for everybody and remove "
		"members: rm what you choose by name, or mount with -o "
		"recursive_delete",
		comm);
}

/* Finds out what the caller intends by what it has done and what it is called (rm_guard.h). */
static int find_remover(struct op *op, enum tree_remover *ret_by)
{
	struct rm_guard *g = op->fs->rm_guard;
	char program[WRITER_COMM_SIZE];
	int64_t now_ms = clock_mono(op->fs->config.clock);
	struct tree_entry e;
	bool has_read, moves, replaces;
	pid_t tgid;
	int r = tree_lookup(&op->ctx, op->ino, op->name, &e);

	*ret_by = TREE_REMOVES;
	if (r || !e.ino)
		return r;
	tgid = caller_tgid(op->pid);
	has_read = rm_guard_has_just_read(g, e.ino, tgid, now_ms);
	caller_program(tgid, program);
	moves = rm_guard_moves(program) || manager_moves(op, e.ino, tgid, program);
	replaces = rm_guard_replaces(program);
	/* A file that the program made beside this one is to get the name (zip, 7z, programs
	 * written for systems where rename does not replace). What rsync and git remove may
	 * exist nowhere, exist elsewhere or be replaced, so it says nothing of them. */
	if ((replaces || !moves) && tree_is_made_beside(op->fs->config.tree, op->ino, tgid))
		*ret_by = TREE_REPLACES;
	/* For a message only the name of the program counts; the message may be what it moves
	 * or what it replaces. */
	else if (has_read || (moves && !(replaces && fs_watches_reads(op->fs, e.ino))))
		*ret_by = op->fs->config.recursive_delete ? TREE_REMOVES : TREE_MOVES_OUT;
	else if (replaces)
		*ret_by = TREE_REPLACES;
	/* mv removes what is in its way before it makes its copy, which would be refused. */
	if (*ret_by == TREE_REPLACES && !rm_guard_has_opened(g, e.ino, tgid, now_ms))
		return fs_check_moved_onto(op, e.ino);
	return 0;
}

static int unlink_run(struct op *op)
{
	enum tree_remover by;
	int r = op_begin(op);

	if (r)
		return r;
	r = find_remover(op, &by);
	if (r == 0)
		r = tree_plan_unlink(&op->ctx, op->ino, op->name, by, &op->plan);
	/* Local files may be removed recursively, and a hidden attachment is not removed. */
	if (r == 0 && !op->plan.is_local && op->plan.action != TREE_DO_HIDE && is_walk(op))
		r = refuse_walk(op);
	/* The answer may not come, and the directory is locked meanwhile. */
	if (r == 0 && op->plan.action == TREE_DO_DROP_PENDING) {
		set_deadline(op, op->fs->config.lookup_timeout_ms);
		op->late = "it is being sent, and goes as soon as the server has answered";
	}
	return op_planned(op, r, op->plan.asked ? ask_submit : change_submit);
}

void fs_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct op *op = op_new(req, "unlink", unlink_run, parent, name);

	if (op)
		op_start(op);
}

static int rmdir_run(struct op *op)
{
	int r;

	if (is_walk(op))
		return refuse_walk(op);
	r = op_begin(op);
	if (r)
		return r;
	return op_planned(op, tree_plan_rmdir(&op->ctx, op->ino, op->name, &op->plan),
			  change_submit);
}

void fs_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct op *op = op_new(req, "rmdir", rmdir_run, parent, name);

	if (op)
		op_start(op);
}

static int rename_run(struct op *op)
{
	char comm[WRITER_COMM_SIZE];
	struct name_birth by = {.comm = comm};
	int r = op_begin(op);

	if (r)
		return r;
	caller_comm(op->pid, comm);
	by.is_move = name_is_meant(op->newname) && fs_takes_source(op);
	if (by.is_move)
		by.pid = caller_tgid(op->pid);
	r = op_planned(op,
		       tree_plan_rename(&op->ctx, op->ino, op->name, op->newdir, op->newname,
					(unsigned)op->flags, &by, &op->plan),
		       rename_submit);
	if (r == OP_SUBMIT)
		local_first(op);
	return r;
}

void fs_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
	       const char *newname, unsigned int flags)
{
	struct op *op = op_new(req, "rename", rename_run, parent, name);

	if (!op)
		return;
	op->newdir = newparent;
	op->newname = g_strdup(newname);
	op->flags = (int)flags;
	op_start(op);
}
