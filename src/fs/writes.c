/* SPDX-License-Identifier: MIT */
/*
 * Writing: drafts, and when they are sent (design 2.3; peers.md 3.4).
 *
 *              fs_write             FLUSH or FSYNC by the opener (flush_run)
 *     clean ------------> dirty -------------------------------------------> clean; the close
 *                         | | |                                              waits for it
 *                         | | +-- FLUSH by another process: nothing, it was a child of the
 *                         | |     shell
 *                         | +-- RELEASE (release_dirty): delivered, nobody waits
 *                         |
 *                         +-- FLUSH by a process that is dying of a signal --> tainted
 *                                          RELEASE: to unsent/, not sent <-------+
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "fs/local.h"
#include "fs/mirror.h"
#include "fs/namer.h"
#include "fs/op.h"
#include "fs/writer.h"

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

/* ---- create ---- */

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
	r = tree_plan_invite(&op->ctx, op->ino, op->name, &op->plan);
	op_end(op);
	op->submit = invite_submit;
	return r ? r : OP_SUBMIT;
}

static void note_writer(struct op *op, struct handle *h)
{
	h->append = op->fi.flags & O_APPEND;
	h->opener = writer_tgid(op->pid);
	writer_comm(h->opener, h->comm);
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
	writer_comm(op->pid, comm);
	r = tree_create(&op->ctx, op->ino, op->name, op->mode, &birth, &w);
	op_end(op);
	if (r)
		return r;
	h = handle_new(op->fs, HANDLE_WRITE, w.ino);
	h->write = w;
	note_writer(op, h);
	return give_created(op, w.ino, h);
}

void fs_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi)
{
	bool invites = tree_ino_kind(parent) == TREE_MEMBERS;
	struct op *op;

	if (mirror_answer_create(req, parent, name, fi))
		return;
	op = op_new(req, "create", invites ? invite_run : create_run, parent, name);
	if (!op)
		return;
	op->fi = *fi;
	op->fi.fh = 0;
	op->mode = mode;
	op->umask = fuse_req_ctx(req)->umask;
	op->undo = create_undo;
	op_start(op);
}

/* ---- write ---- */

static int write_run(struct op *op)
{
	struct handle *h = handle_of(&op->fi);
	ssize_t n;

	if (h && h->is_mirror) {
		op->answer = OP_ANSWER_WRITE;
		op->written = op->size;
		return 0;
	}
	if (!h || h->what != HANDLE_WRITE)
		return -EBADF;
	n = draft_write(h->write.draft, op->buf, op->size, op->offset,
			h->append || op->fi.flags & O_APPEND);
	if (n < 0) {
		atomic_store(&h->refused, (int)n);
		return (int)n;
	}
	op->answer = OP_ANSWER_WRITE;
	op->written = (size_t)n;
	return 0;
}

void fs_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	      struct fuse_file_info *fi)
{
	const struct handle *h = handle_of(fi);
	struct op *op;

	if (!(h && h->is_mirror) && mirror_refuses(req))
		return;
	op = op_new(req, "write", write_run, ino, NULL);
	if (!op)
		return;
	op->fi = *fi;
	op->size = size;
	op->offset = off;
	/* Borrowed: write_run never waits. */
	op->buf = (char *)buf;
	op->borrowed_buf = true;
	op_start(op);
}

/* ---- commit ---- */

static void letter_done(void *arg, int error, int64_t room, int64_t message)
{
	struct op *op = arg;

	(void)room;
	(void)message;
	op->waiting.letter = 0;
	op_finish(op, error);
}

static void letter_submit(struct op *op)
{
	struct outbox_letter *letter = steal_ptr(&op->plan.letter);
	const struct fs *fs = op->fs;
	uint64_t id;

	if (tree_letter_is_dropped(fs->config.tree, op->plan.pending)) {
		outbox_letter_free(letter);
		op_finish(op, 0);
		return;
	}
	op_set_deadline(op, clock_mono(fs->config.clock) + fs->config.close_timeout_ms +
				    /* a file gets the time that 64 kB a second takes */
				    (letter->form == OUTBOX_FILE ? letter->size / 64 : 0));
	/* The answer comes as another item of this queue, so the id is in place before it. */
	id = outbox_send(op->fs->config.outbox, letter, letter_done, op);
	op->waiting.letter = id;
}

static void object_done(void *arg, int error, uint64_t ino)
{
	(void)ino;
	op_finish(arg, error);
}

static void object_submit(struct op *op)
{
	tree_submit(op->fs->config.tree, &op->plan, object_done, op);
}

static void sign(struct outbox_letter *l, const struct handle *h)
{
	l->pid = h->opener;
	l->comm = g_strdup(h->comm);
}

static void keep(struct fs *fs, const struct handle *h, struct outbox_letter *letter,
		 const char *reason)
{
	sign(letter, h);
	outbox_keep(fs->config.outbox, letter, reason);
}

/*
 * A write was refused: what is there is a beginning, which nobody wants sent. Of a text it is
 * kept; of a file the writer, who was told, has the whole.
 */
static void drop_beginning(struct fs *fs, struct tree_ctx *ctx, struct handle *h, int error)
{
	struct outbox_letter *letter = NULL;
	char *reason;

	if (tree_write_take_raw(ctx, &h->write, &letter) || !letter)
		return;
	if (h->write.what != TREE_WRITE_LETTER) {
		outbox_letter_free(letter);
		return;
	}
	reason = g_strdup_printf("a part of it could not be written: %s", g_strerror(-error));
	keep(fs, h, letter, reason);
	g_free(reason);
}

/* The letter was taken, and then the request ended before it was the outbox's. */
static void keep_letter(struct op *op)
{
	struct outbox_letter *letter = steal_ptr(&op->plan.letter);

	if (letter)
		outbox_keep(op->fs->config.outbox, letter,
			    "the writer was interrupted before it was sent");
}

/* Takes what was written; what cannot be sent is kept. 0 and no letter: nothing to send. */
static int take(struct fs *fs, struct tree_ctx *ctx, struct handle *h,
		struct outbox_letter **ret_letter)
{
	struct outbox_letter *letter = NULL;
	char *reason = NULL;
	int r = tree_write_take(ctx, &h->write, &letter, &reason);

	if (r && letter)
		keep(fs, h, letter, reason ? reason : g_strerror(-r));
	else if (letter)
		sign(letter, h);
	*ret_letter = r ? NULL : letter;
	g_free(reason);
	return r;
}

/* Takes what was written and hands it on; 0 if there is nothing to send. */
static int commit(struct op *op, struct handle *h)
{
	struct outbox_letter *letter = NULL;
	int r = op_begin(op);

	if (r)
		return r;
	if (h->write.what == TREE_WRITE_OBJECT) {
		r = tree_plan_object(&op->ctx, &h->write, &op->plan);
		op->submit = object_submit;
	} else {
		r = take(op->fs, &op->ctx, h, &letter);
		op->submit = letter_submit;
		op->undo = keep_letter;
	}
	op_end(op);
	if (r)
		return r;
	if (h->write.what == TREE_WRITE_OBJECT)
		return op->plan.action == TREE_DO_NOTHING ? 0 : OP_SUBMIT;
	if (!letter)
		return 0;
	op->plan.letter = letter;
	op->plan.pending = tree_pending_ref(op->fs->config.tree, h->write.pending);
	local_first(op);
	return OP_SUBMIT;
}

/*
 * A file in which nothing was written yet. A shell's `> name` closes a first descriptor before
 * its command writes to the second: whether the file stays empty is known at the last close.
 */
static bool is_empty_file(const struct handle *h)
{
	return h->write.what == TREE_WRITE_UPLOAD && !atomic_load(&h->refused) &&
	       draft_size(h->write.draft) == 0;
}

static int flush_run(struct op *op)
{
	struct handle *h = handle_of(&op->fi);
	pid_t tgid;
	int r, error;

	if (!h || h->what != HANDLE_WRITE || h->write.what == TREE_WRITE_SCRATCH ||
	    (!draft_is_dirty(h->write.draft) && !atomic_load(&h->refused)))
		return 0;
	if (op->pid && writer_is_dying(op->pid)) {
		draft_taint(h->write.draft);
		return 0;
	}
	if (draft_is_tainted(h->write.draft) || is_empty_file(h))
		return 0;
	tgid = op->pid ? writer_tgid(op->pid) : 0;
	/* A child's close, or a descriptor handed to somebody else: the opener's will come. */
	if (tgid && h->opener && tgid != h->opener)
		return 0;
	error = atomic_exchange(&h->refused, 0);
	if (!error)
		return commit(op, h);
	r = op_begin(op);
	if (r)
		return r;
	drop_beginning(op->fs, &op->ctx, h, error);
	op_end(op);
	return error;
}

void fs_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op *op = op_new(req, "flush", flush_run, ino, NULL);

	if (!op)
		return;
	op->fi = *fi;
	op_start(op);
}

void fs_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct op *op = op_new(req, "fsync", flush_run, ino, NULL);

	(void)datasync;
	if (!op)
		return;
	op->fi = *fi;
	op_start(op);
}

/* ---- release ---- */

static void nobody_waits(void *arg, int error, int64_t room, int64_t message)
{
	/* What went wrong is in unsent/ and last-error. */
	(void)arg;
	(void)error;
	(void)room;
	(void)message;
}

static void object_nobody_waits(void *arg, int error, uint64_t ino)
{
	nobody_waits(arg, error, (int64_t)ino, 0);
}

struct late_plan {
	struct fs *fs;
	struct tree_plan plan;
};

static void late_submit(void *arg)
{
	struct late_plan *late = arg;

	tree_submit(late->fs->config.tree, &late->plan, object_nobody_waits, NULL);
	g_free(late);
}

static void release_object(struct fs *fs, struct tree_ctx *ctx, struct handle *h)
{
	struct late_plan *late = g_new0(struct late_plan, 1);

	late->fs = fs;
	if (tree_plan_object(ctx, &h->write, &late->plan) == 0)
		work_post(fs->config.queue, late_submit, late);
	else
		g_free(late);
}

/* The kernel forgets what was written: the server's version takes over, or nothing does. */
static void end_upload(struct fs *fs, uint64_t ino, struct tree_write *w, bool tell)
{
	_cleanup_free_ char *name = g_strdup(w->name);
	bool is_new = w->ino == tree_ino(TREE_UPLOAD, w->content_row);
	uint64_t dir = w->dir;

	tree_write_close(fs->config.tree, w);
	if (!tell)
		return;
	notify_inode(fs->notifier, ino);
	if (!is_new || !tree_upload_is_known(fs->config.tree, ino))
		notify_name(fs->notifier, dir, name);
}

/* A file that is delivered after its last close keeps its name meanwhile. */
struct late_upload {
	struct fs *fs;
	uint64_t ino;
	struct tree_write write;
	struct outbox_letter *letter;
};

static void late_upload_done(void *arg, int error, int64_t room, int64_t message)
{
	struct late_upload *late = arg;

	nobody_waits(NULL, error, room, message);
	end_upload(late->fs, late->ino, &late->write, !late->fs->stopping);
	g_free(late);
}

/* On the cache thread, as an rm of the file is: it is not sent after that. */
static void late_upload_send(void *arg)
{
	struct late_upload *late = arg;
	struct outbox_letter *letter = steal_ptr(&late->letter);

	if (tree_letter_is_dropped(late->fs->config.tree, late->write.pending)) {
		outbox_letter_free(letter);
		late_upload_done(late, 0, 0, 0);
	} else {
		outbox_send(late->fs->config.outbox, letter, late_upload_done, late);
	}
}

static void send_late(struct fs *fs, struct handle *h, struct outbox_letter *letter)
{
	struct late_upload *late;

	if (letter->local) {
		local_send_late(fs, letter);
		return;
	}
	if (!h->write.pending) {
		outbox_send(fs->config.outbox, letter, nobody_waits, NULL);
		return;
	}
	late = g_new0(struct late_upload, 1);
	late->fs = fs;
	late->ino = h->ino;
	late->write = h->write;
	late->letter = letter;
	memset(&h->write, 0, sizeof(h->write));
	work_post(fs->config.queue, late_upload_send, late);
}

static void release_letter(struct fs *fs, struct tree_ctx *ctx, struct handle *h,
			   const char *unsent_because)
{
	struct outbox_letter *letter = NULL;
	int error = atomic_load(&h->refused);

	if (unsent_because || draft_is_tainted(h->write.draft)) {
		if (tree_write_take_raw(ctx, &h->write, &letter) == 0 && letter)
			keep(fs, h, letter,
			     unsent_because
				     ? unsent_because
				     : "the program that wrote it was ended by a signal");
	} else if (error) {
		drop_beginning(fs, ctx, h, error);
	} else if (take(fs, ctx, h, &letter) == 0 && letter) {
		send_late(fs, h, letter);
	}
}

/* What is still dirty when the last descriptor goes: delivered, or kept for a reason. */
static void release_dirty(struct fs *fs, struct handle *h, const char *unsent_because)
{
	struct tree_ctx ctx = {.tree = fs->config.tree};

	if (h->what != HANDLE_WRITE || h->write.what == TREE_WRITE_SCRATCH ||
	    !draft_is_dirty(h->write.draft) || store_read_begin(fs->config.store, &ctx.conn))
		return;
	if (h->write.what != TREE_WRITE_OBJECT)
		release_letter(fs, &ctx, h, unsent_because);
	else if (!unsent_because && !draft_is_tainted(h->write.draft))
		release_object(fs, &ctx, h);
	store_read_end(ctx.conn);
}

void fs_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	struct fs *fs = fs_of(req);

	/* A message that was opened for reading; the mirror's. */
	if (!h || h->is_mirror) {
		if (!h && tree_is_message(ino))
			namer_closed(fs->namer, tree_ino_row(ino));
		fuse_reply_err(req, 0);
		return;
	}
	fs_after_replies(fs);
	release_dirty(fs, h, NULL);
	if (h->what == HANDLE_WRITE && h->write.pending)
		end_upload(fs, ino, &h->write, true);
	handle_free(fs, h);
	fuse_reply_err(req, 0);
}

void fs_keep_open_drafts(struct fs *fs)
{
	struct handle *h;

	while ((h = handles_take_any(fs->files))) {
		release_dirty(fs, h,
			      "the file system was unmounted while it was being written");
		handle_free(fs, h);
	}
}
