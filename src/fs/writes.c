/* SPDX-License-Identifier: MIT */
/*
 * Writing: drafts, and when they are sent (design 2.3; platform.md 4).
 *
 * Each open file has this state of its own. The open files of one new file share its draft, and
 * a close of one does not send what another one is still writing.
 *
 *              fs_write, ftruncate of a file
 *     clean ------------------------------> dirty
 *       ^                                    |
 *       |   FLUSH or FSYNC by the opener:    |
 *       +---- no other is dirty -------------+  all of the draft is committed (flush_run), which
 *       |                                    |  makes every one clean; the close waits for it
 *       +---- another one is dirty ----------+  its own close will have this sent, too
 *       |   RELEASE:                         |
 *       +---- no other is dirty -------------+  delivered (release_dirty), nobody waits
 *       +---- another one is dirty ----------+  as above
 *       +---- somebody cuts it off at 0 -----+  nothing is left of what was written
 *                                            |
 *             FLUSH by another process ------+  nothing: it was a child of the shell
 *             FLUSH by a process that is ----+--> the draft is tainted
 *             dying of a signal                     RELEASE: to unsent/, not sent
 *                                                   FLUSH of another dirty one: so too, and EIO
 *
 *     A write through a mapping makes all open files of the draft dirty, so the last close of
 *     them commits. A clean open file commits nothing and taints nothing, whatever the draft
 *     holds.
 */
#include <errno.h>
#include <signal.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "fs/late.h"
#include "fs/local.h"
#include "fs/op.h"
#include "fs/caller.h"
#include "fs/why.h"
#include "tree/api.h"

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
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
	op_set_letter_deadline(op, letter);
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

/* Keeps the letter. This ends the snapshot of `ctx`, because it waits for the disk
 * (base/snapshot.h). */
static void keep(struct fs *fs, struct tree_ctx *ctx, const struct handle *h,
		 struct outbox_letter *letter, const char *reason)
{
	ctx_end(ctx);
	/* The outbox says what became of it. */
	ctx->is_said = true;
	sign(letter, h);
	outbox_keep(fs->config.outbox, letter, reason);
}

/*
 * A write was refused, so the draft has only a beginning, which must not be sent. A text is
 * kept. A file is dropped if nobody else wrote to it: its writer got the error and has the
 * whole.
 */
static void drop_beginning(struct fs *fs, struct tree_ctx *ctx, struct handle *h, int error)
{
	bool is_shared = draft_holds_others(h->write.draft, &h->write.writer);
	struct outbox_letter *letter = NULL;
	const char *words;
	char *reason;

	/* Another open file is still writing; its close decides. */
	if (draft_has_company(h->write.draft, &h->write.writer) ||
	    tree_write_take_raw(ctx, &h->write, &letter) || !letter)
		return;
	if (h->write.what != TREE_WRITE_LETTER && !is_shared) {
		outbox_letter_free(letter);
		return;
	}
	words = why_words(error);
	reason = g_strdup_printf("a part of it could not be written: %s%s%s%s",
				 g_strerror(-error), words ? " (" : "", words ? words : "",
				 words ? ")" : "");
	keep(fs, ctx, h, letter, reason);
	g_free(reason);
}

/* Keeps the letter of a request that ended after the draft was taken and before it was
 * submitted. */
void op_keep_letter(struct op *op)
{
	struct outbox_letter *letter = steal_ptr(&op->plan.letter);

	if (!letter)
		letter = steal_ptr(&op->plan.kept);
	if (letter)
		outbox_keep(op->fs->config.outbox, letter,
			    op->plan.why ? op->plan.why
					 : "the writer was interrupted before it was sent");
}

/* Takes the draft as a letter; one that cannot be sent is kept. 0 without a letter: there is
 * nothing to send. */
static int take(struct fs *fs, struct tree_ctx *ctx, struct handle *h,
		struct outbox_letter **ret_letter)
{
	struct outbox_letter *letter = NULL;
	char *reason = NULL;
	int r;

	if (h->write.what == TREE_WRITE_SCRATCH)
		r = tree_write_take_renamed(ctx, &h->write, &letter, &reason);
	else
		r = tree_write_take(ctx, &h->write, &letter, &reason);
	if (r && letter)
		keep(fs, ctx, h, letter, reason ? reason : g_strerror(-r));
	else if (letter)
		sign(letter, h);
	*ret_letter = r ? NULL : letter;
	g_free(reason);
	return r;
}

/* The same for an object. */
static int plan_object(struct fs *fs, struct tree_ctx *ctx, struct handle *h,
		       struct tree_plan *plan)
{
	int r = tree_plan_object(ctx, &h->write, plan);
	struct outbox_letter *kept;

	if (r == 0 && plan->kept) {
		sign(plan->kept, h);
	} else if (r && plan->kept) {
		kept = steal_ptr(&plan->kept);
		keep(fs, ctx, h, kept, plan->why ? plan->why : g_strerror(-r));
	}
	return r;
}

/* Takes what was written and submits it; 0 if there is nothing to send. */
static int commit(struct op *op, struct handle *h)
{
	struct outbox_letter *letter = NULL;
	bool is_object = tree_write_is_object(op->fs->config.tree, &h->write);
	int r = op_begin(op);

	if (r)
		return r;
	if (is_object) {
		r = plan_object(op->fs, &op->ctx, h, &op->plan);
		op->submit = object_submit;
	} else {
		r = take(op->fs, &op->ctx, h, &letter);
		op->submit = letter_submit;
	}
	op->undo = op_keep_letter;
	op_end(op);
	if (tree_is_asked(h->ino) && (r || op->plan.asked))
		answer_slot_set(&h->answer, r ? NULL : op->plan.asked, r);
	if (r)
		return r;
	if (op->plan.asked)
		answer_is_awaited(op, op->plan.asked);
	if (is_object ? op->plan.action == TREE_DO_NOTHING : !letter)
		return 0;
	op->fate = fate_new();
	if (!letter)
		return OP_SUBMIT;
	op->plan.letter = letter;
	op->plan.pending = tree_pending_ref(op->fs->config.tree, h->write.pending);
	local_first(op);
	return OP_SUBMIT;
}

/*
 * True for a file without bytes. A shell's `> name` closes one descriptor before its command
 * writes to another, so only the last close tells whether the file stays empty.
 */
static bool is_empty_file(const struct handle *h)
{
	return h->write.pending && !atomic_load(&h->refused) && draft_size(h->write.draft) == 0;
}

/* Keeps a draft in which the bytes of the opener stand between those of a process that was
 * killed while it wrote. */
static int keep_tainted(struct op *op, struct handle *h)
{
	struct outbox_letter *letter = NULL;
	int r;

	if (atomic_load(&h->taints) || draft_has_company(h->write.draft, &h->write.writer))
		return 0;
	r = op_begin(op);
	if (r)
		return r;
	r = tree_write_take_raw(&op->ctx, &h->write, &letter);
	op_end(op);
	if (r || !letter)
		return r;
	keep(op->fs, &op->ctx, h, letter,
	     "another program that wrote to it was ended by a signal");
	return -EIO;
}

/* Ends a flush after a refused write, of which nothing can be sent. */
static int flush_refused(struct op *op, struct handle *h, int error)
{
	int r = op_begin(op);

	if (r)
		return r;
	drop_beginning(op->fs, &op->ctx, h, error);
	op_end(op);
	return op_say_refused(op, h, error);
}

/* True for a scratch file that has no real name yet. */
static bool stays_here(struct fs *fs, struct handle *h)
{
	return h->write.what == TREE_WRITE_SCRATCH &&
	       !tree_write_was_renamed(fs->config.tree, &h->write);
}

static bool edits_a_message(const struct handle *h)
{
	return h->write.is_edit && !h->write.rewrites;
}

/* What a close says that sends nothing. */
static int flush_clean(struct op *op, struct handle *h)
{
	if (edits_a_message(h) && h->opener == caller_tgid(op->pid) &&
	    atomic_load(&h->emptied) == HANDLE_EMPTIED_LATER) {
		op->ctx.why = tree_emptied(&h->write);
		return -ENODATA;
	}
	return fate_take(&h->left);
}

int handle_commit(struct op *op, struct handle *h)
{
	int error;

	if (draft_is_tainted(h->write.draft))
		return keep_tainted(op, h);
	error = atomic_exchange(&h->refused, 0);
	return error ? flush_refused(op, h, error) : commit(op, h);
}

static int flush_run(struct op *op)
{
	struct handle *h = handle_of(&op->fi);
	bool is_others;
	int signum;
	pid_t tgid;

	if (!h || h->what != HANDLE_WRITE)
		return 0;
	if (stays_here(op->fs, h)) {
		tree_tell_stays(op->fs->config.tree, h->write.pending);
		return 0;
	}
	if (!draft_is_dirty_by(h->write.draft, &h->write.writer) && !atomic_load(&h->refused))
		return flush_clean(op, h);
	tgid = op->pid ? caller_tgid(op->pid) : 0;
	is_others = tgid && h->opener && tgid != h->opener;
	signum = op->pid ? caller_death(op->pid) : 0;
	/* In `(yes | head) > FILE 2>&1` yes ends as it is to end. */
	if (signum == SIGPIPE && is_others)
		return 0;
	if (signum) {
		atomic_store(&h->taints, true);
		draft_taint(h->write.draft);
		return 0;
	}
	/* A child closes it, or a process that was given the descriptor; the close of the
	 * opener will come. */
	if (is_empty_file(h) || is_others)
		return 0;
	return handle_commit(op, h);
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

#define KILLED "the program that wrote it was ended by a signal"

static void keep_object(struct fs *fs, struct tree_ctx *ctx, struct handle *h, const char *why)
{
	struct outbox_letter *letter = NULL;

	if (tree_keep_object(ctx, &h->write, &letter) == 0 && letter)
		keep(fs, ctx, h, letter, why ? why : KILLED);
}

static void release_object(struct fs *fs, struct tree_ctx *ctx, struct handle *h)
{
	struct tree_plan plan = {0};

	/* It stays here (tree/linger.c). */
	if (is_empty_file(h))
		return;
	if (plan_object(fs, ctx, h, &plan) == 0)
		late_object(fs, h, &plan);
	else
		tree_plan_clear(fs->config.tree, &plan);
}

static void release_letter(struct fs *fs, struct tree_ctx *ctx, struct handle *h,
			   const char *unsent_because)
{
	struct outbox_letter *letter = NULL;
	int error = atomic_load(&h->refused);

	/* It stays here (tree/linger.c), also if its writer was killed or the mount ends. */
	if (is_empty_file(h))
		return;
	if (unsent_because || draft_is_tainted(h->write.draft)) {
		if (tree_write_take_raw(ctx, &h->write, &letter) == 0 && letter)
			keep(fs, ctx, h, letter, unsent_because ? unsent_because : KILLED);
	} else if (error) {
		drop_beginning(fs, ctx, h, error);
	} else if (take(fs, ctx, h, &letter) == 0 && letter) {
		late_letter(fs, h, letter);
	}
}

/* Handles what is still dirty at the last close: delivers it, keeps it for a reason, or leaves
 * it to open files that are still writing. */
static void release_dirty(struct fs *fs, struct handle *h, const char *unsent_because)
{
	struct tree_ctx ctx = {.tree = fs->config.tree, .pid = h->opener};

	if (h->what == HANDLE_WRITE && edits_a_message(h) && atomic_load(&h->emptied))
		tree_say_why(
			&(struct tree_ctx){.pid = h->opener, .why = tree_emptied(&h->write)});
	if (h->what != HANDLE_WRITE || !draft_leave(h->write.draft, &h->write.writer) ||
	    stays_here(fs, h) || store_read_begin(fs->config.store, &ctx.conn))
		return;
	if (!tree_write_is_object(fs->config.tree, &h->write))
		release_letter(fs, &ctx, h, unsent_because);
	else if (unsent_because || draft_is_tainted(h->write.draft))
		keep_object(fs, &ctx, h, unsent_because);
	else
		release_object(fs, &ctx, h);
	ctx_end(&ctx);
	tree_say_why(&ctx);
}

void fs_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	struct fs *fs = fs_of(req);
	bool may_wait;

	/* It was a message opened for reading. */
	if (!h) {
		fuse_reply_err(req, 0);
		return;
	}
	fs_after_replies(fs);
	release_dirty(fs, h, NULL);
	may_wait = h->pending || (h->what == HANDLE_WRITE && h->write.pending);
	if (h->what == HANDLE_WRITE && h->write.pending)
		late_end(fs, ino, &h->write, true);
	handle_free(fs, h);
	if (may_wait)
		fs_linger(fs);
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
