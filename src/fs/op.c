/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "outbox/local_file.h"
#include "fs/op.h"
#include "fs/caller.h"
#include "fs/waits.h"

/* How often the pending signals of a caller are checked whose request was interrupted. */
#define SIGNAL_LOOK_MS 100

/* ---- the one reply ---- */

/* A pending timer holds a reference, but never the last one, since the owner of the op has one,
 * too. */
static void cancel_timer(struct op *op, uint64_t *timer)
{
	uint64_t id = *timer;

	*timer = 0;
	if (id && work_cancel(op->fs->config.queue, id))
		atomic_fetch_sub(&op->refs, 1);
}

/* Calls `fn` for the directories that the kernel keeps locked until the answer. */
static void for_each_directory(const struct op *op,
			       void (*fn)(struct notifier *n, uint64_t dir))
{
	if (op->name || op->is_listing)
		fn(op->fs->notifier, op->ino);
	if (op->newdir)
		fn(op->fs->notifier, op->newdir);
}

static bool is_waiting(const struct op *op)
{
	return op->state == OP_PARKED || op->state == OP_LISTENING || op->state == OP_COPYING ||
	       op->state == OP_AWAITING || op->state == OP_SUBMITTED;
}

static void op_reply(struct op *op, int error)
{
	struct fs *fs = op->fs;
	int r;

	assert(op->state != OP_DONE);
	assert(error <= 0);
	if (error == -ESHUTDOWN && op->ends_quietly) {
		error = 0;
		op->answer = OP_ANSWER_BUF;
		op->buf_len = 0;
	}
	error = op_error_to_say(op, error);
	if (is_waiting(op))
		g_queue_unlink(&fs->parked, &op->link);
	op->state = OP_DONE;
	atomic_store(&op->is_answered, true);
	cancel_timer(op, &op->soft_timer);
	cancel_timer(op, &op->deadline_timer);
	cancel_timer(op, &op->signal_timer);
	/* This waits for a callback that is running; after it none runs. */
	fuse_req_interrupt_func(op->req, NULL, NULL);
	if (log_get_level() >= LOG_LEVEL_DEBUG)
		log_debug("fuse", "%s ino=%" G_GUINT64_FORMAT " %s -> %s, %lld ms", op->what,
			  op->ino, op->name ? op->name : "", error ? strerror(-error) : "ok",
			  (long long)(clock_mono(fs->config.clock) - op->started_ms));
	if (error && op->undo)
		op->undo(op);
	if (error == -EINTR && op->fate)
		fate_leave(op->fate, &((struct handle *)(uintptr_t)op->fi.fh)->left);
	if (op->has_waited)
		waits_ended(fs);
	op_say_why(op, error);
	fs_before_reply(fs);
	r = error ? fuse_reply_err(op->req, -error) : op_give_answer(op);
	/* The kernel does not wait any more, so the handle that was given out comes back to us. */
	if (!error && r == -ENOENT && op->undo)
		op->undo(op);
	if (!error)
		op_invalidate_if_overtaken(op);
	for_each_directory(op, notify_release);
	op_unref(op);
}

/* ---- waiting ---- */

static void settle(struct op *op, int r);

static void note_waited(struct op *op, int error, bool gave_up)
{
	struct tree_ctx *ctx = &op->ctx;

	if (ctx->n_waited == TREE_MAX_WAITS)
		return;
	ctx->waited[ctx->n_waited].need = ctx->missing;
	ctx->waited[ctx->n_waited].error = error;
	ctx->waited[ctx->n_waited].gave_up = gave_up;
	ctx->n_waited++;
}

static void run_again(struct op *op)
{
	g_queue_unlink(&op->fs->parked, &op->link);
	cancel_timer(op, &op->soft_timer);
	op->state = OP_RUNNING;
	op->generation = store_generation(op->fs->config.store);
	settle(op, op->run(op));
}

static void on_fetched(struct pager_waiter *w, int error)
{
	struct op *op = container_of(w, struct op, waiter);

	if (error == -ESHUTDOWN) {
		op_reply(op, error);
		return;
	}
	/* Who can answer without the need waits for all of it, or not at all. */
	if (error == PAGER_LOOK_AGAIN && op->ctx.missing_soft) {
		pager_wait(op->fs->config.pager, &op->ctx.missing, w);
		return;
	}
	if (error == PAGER_LOOK_AGAIN)
		waits_progress(op);
	else
		note_waited(op, error, false);
	run_again(op);
}

static void on_soft_timer(void *arg)
{
	struct op *op = arg;

	op->soft_timer = 0;
	if (op->state == OP_PARKED) {
		pager_unwait(op->fs->config.pager, &op->waiter, false);
		note_waited(op, 0, true);
		run_again(op);
	}
	op_unref(op);
}

/* Called when unsent/ lists the letter, or when it has ended and op_finish comes. */
static void letter_was_left(void *arg, int error, bool is_kept)
{
	struct op *op = arg;

	if (is_kept && op->state == OP_SUBMITTED)
		op_reply(op, error);
	op_unref(op);
}

/* The letter is put into unsent/ before the error is given, so that the caller finds it there. */
static void leave_letter(struct op *op, int error)
{
	if (op->is_leaving)
		return;
	op->is_leaving = true;
	op->waiting.is_over = true;
	outbox_detach(op->fs->config.outbox, op->waiting.letter, error, letter_was_left,
		      op_ref(op));
}

static void on_deadline(void *arg);

static void arm_deadline(struct op *op)
{
	if (op->deadline_ms && !op->deadline_timer)
		op->deadline_timer = work_post_at(op->fs->config.queue, op->deadline_ms,
						  on_deadline, op_ref(op));
}

static void on_deadline(void *arg)
{
	enum waits_verdict verdict;
	struct op *op = arg;

	op->deadline_timer = 0;
	verdict = is_waiting(op) ? waits_judge(op) : WAITS_OVER;
	if (verdict == WAITS_ON) {
		arm_deadline(op);
	} else if (op->state == OP_PARKED) {
		pager_unwait(op->fs->config.pager, &op->waiter, false);
		op_reply(op, verdict == WAITS_LOCKED && op->later
				     ? op->later(op)
				     : waits_end(op, verdict == WAITS_LOCKED));
	} else if (op->state == OP_SUBMITTED && op->waiting.letter) {
		leave_letter(op, -ETIMEDOUT);
	} else if (op->state == OP_COPYING || op->state == OP_SUBMITTED) {
		/* A change that has not begun does not begin any more; a request that was sent
		 * goes on. */
		op->waiting.is_over = true;
		if (op->late)
			tree_refuse(&op->ctx, -ETIMEDOUT, "%s %s: %s", op->what,
				    op->name ? op->name : "", op->late);
		op_reply(op, -ETIMEDOUT);
	}
	op_unref(op);
}

void op_set_deadline(struct op *op, int64_t mono_ms)
{
	if (op->state != OP_SUBMITTED)
		return;
	cancel_timer(op, &op->deadline_timer);
	op->deadline_ms = mono_ms;
	op->is_looked_at = false;
	arm_deadline(op);
}

void op_set_letter_deadline(struct op *op, const struct outbox_letter *letter)
{
	const struct fs *fs = op->fs;

	op_set_deadline(op, clock_mono(fs->config.clock) + fs->config.close_timeout_ms +
				    /* a file gets the time that it takes at 64 kB per second */
				    (letter->form == LETTER_FILE ? letter->size / 64 : 0));
}

static void give_up(struct op *op, int error)
{
	if (op->state == OP_PARKED || op->state == OP_LISTENING) {
		pager_unwait(op->fs->config.pager, &op->waiter, true);
		op_reply(op, error);
	} else if (op->state == OP_AWAITING) {
		op->unawait(op);
		op_reply(op, error);
	} else if (op->state == OP_COPYING) {
		/* The submission has a reference of its own. */
		op_reply(op, error);
	} else if (op->state == OP_SUBMITTED && op->waiting.letter && error == -EINTR) {
		leave_letter(op, error);
	} else if (op->state == OP_SUBMITTED) {
		op->waiting.is_over = true;
		if (op->reading)
			local_files_cancel(op->fs->local, op->reading, error);
		else if (op->waiting.letter)
			outbox_detach(op->fs->config.outbox, op->waiting.letter, error, NULL,
				      NULL);
		else if (op->withdraw && error == -EINTR)
			op->withdraw(op);
		op_reply(op, error);
	}
}

static void on_signal_timer(void *arg);

static void look_after(struct op *op)
{
	struct fs *fs = op->fs;

	if (!op->signal_timer)
		op->signal_timer = work_post_at(fs->config.queue,
						clock_mono(fs->config.clock) + SIGNAL_LOOK_MS,
						on_signal_timer, op_ref(op));
}

/* Called for an op that waits and was interrupted: ends it if a signal asks its caller to stop. */
static void stop_if_asked(struct op *op)
{
	if (caller_is_asked_to_stop(op->pid))
		give_up(op, -EINTR);
	else
		look_after(op);
}

static void on_signal_timer(void *arg)
{
	struct op *op = arg;

	op->signal_timer = 0;
	if (is_waiting(op))
		stop_if_asked(op);
	op_unref(op);
}

/* True if the op ended here, because the mount ends or the caller has given up already. */
static bool ends_before_wait(struct op *op)
{
	if (op->fs->stopping)
		op_reply(op, -ESHUTDOWN);
	else if (atomic_load(&op->interrupted) && caller_is_asked_to_stop(op->pid))
		op_reply(op, -EINTR);
	else
		return false;
	return true;
}

static void note_waiting(struct op *op)
{
	if (op->has_waited)
		return;
	op->has_waited = true;
	op->said_before = log_last_error_count();
}

/* False if the op ended here instead. */
static bool begin_wait(struct op *op, enum op_state state)
{
	if (ends_before_wait(op))
		return false;
	op->state = state;
	g_queue_push_tail_link(&op->fs->parked, &op->link);
	if (atomic_load(&op->interrupted))
		look_after(op);
	return true;
}

static void park(void *arg)
{
	struct op *op = arg;
	struct fs *fs = op->fs;

	if (!begin_wait(op, OP_PARKED))
		return;
	note_waiting(op);
	waits_begin(op);
	arm_deadline(op);
	if (op->ctx.missing_soft)
		op->soft_timer =
			work_post_at(fs->config.queue,
				     clock_mono(fs->config.clock) +
					     (op->ctx.missing_wait_ms
						      ? op->ctx.missing_wait_ms
						      : pager_soft_wait_ms(fs->config.pager)),
				     on_soft_timer, op_ref(op));
	op->waiter.fn = on_fetched;
	op->waiter.looked = op->ctx.looked;
	op->waiter.asker = (struct http_asker){.user = op->uid,
					       .session = (uint32_t)caller_session(op->pid)};
	if (op->ctx.missing_anew)
		pager_expire(fs->config.pager, &op->ctx.missing);
	op->ctx.missing_anew = false;
	/* This may call on_fetched, and so end the op, before it returns. */
	pager_wait(fs->config.pager, &op->ctx.missing, &op->waiter);
}

static void on_event(struct pager_waiter *w, int error)
{
	struct op *op = container_of(w, struct op, waiter);

	if (error)
		op_reply(op, error);
	else
		run_again(op);
}

/* A reader of events waits for nothing that may fail or take too long. */
static void listen_for_event(void *arg)
{
	struct op *op = arg;

	if (!begin_wait(op, OP_LISTENING))
		return;
	op->waiter.fn = on_event;
	pager_wait_event(op->fs->config.pager, op->cursor, &op->waiter);
}

static void await_answer(void *arg)
{
	struct op *op = arg;

	if (!begin_wait(op, OP_AWAITING))
		return;
	note_waiting(op);
	waits_begin(op);
	arm_deadline(op);
	/* This may call op_go_on, and so end the op, before it returns. */
	op->await(op);
}

void op_go_on(struct op *op)
{
	run_again(op);
}

static void submit(void *arg)
{
	struct op *op = arg;

	if (!begin_wait(op, OP_SUBMITTED))
		return;
	note_waiting(op);
	op->invalidated_since = notify_now(op->fs->notifier);
	waits_begin(op);
	arm_deadline(op);
	op_ref(op);
	op->submit(op);
}

/* ---- copies ---- */

static void copied(void *arg)
{
	struct op *op = arg;

	if (op->state == OP_COPYING)
		run_again(op);
	op_unref(op);
}

/* On the thread of the copies. */
static void copy_now(void *arg)
{
	struct op *op = arg;

	if (!atomic_load(&op->is_answered))
		tree_copy_run(op->fs->config.tree, &op->ctx.copy);
	work_post(op->fs->config.queue, copied, op);
}

static void copy(void *arg)
{
	struct op *op = arg;

	if (!begin_wait(op, OP_COPYING))
		return;
	arm_deadline(op);
	work_post(op->fs->copies, copy_now, op_ref(op));
}

static void finish_run(void *arg)
{
	struct op *op = arg;

	if (op->state == OP_SUBMITTED)
		op_reply(op, 0);
	op_unref(op);
}

/* On the notifier's thread. */
static void kernel_knows(void *arg)
{
	struct op *op = arg;

	work_post(op->fs->config.queue, finish_run, op);
}

void op_finish(struct op *op, int error)
{
	if (op->fate)
		fate_set(op->fate, error);
	/* The caller of a change must find it done, not the old size, so it waits for the
	 * notices since its request, but not for older ones. */
	if (op->state == OP_SUBMITTED && !error && !op->fs->stopping) {
		notify_then(op->fs->notifier, op->invalidated_since, kernel_knows, op);
		return;
	}
	if (op->state == OP_SUBMITTED)
		op_reply(op, error);
	op_unref(op);
}

static void interrupt_run(void *arg)
{
	struct op *op = arg;

	/* If it does not wait yet, it checks this itself when it begins to wait. */
	if (is_waiting(op))
		stop_if_asked(op);
	op_unref(op);
}

/* Runs under libfuse's request lock. A reply from here would be a use after free in 3.14.0. */
static void on_interrupt(fuse_req_t req, void *arg)
{
	struct op *op = arg;

	(void)req;
	if (!atomic_exchange(&op->interrupted, true))
		work_post(op->fs->config.queue, interrupt_run, op_ref(op));
}

static work_fn way_of(int r)
{
	static const work_fn ways[] = {
		[TREE_WAIT] = park,
		[TREE_COPY] = copy,
		[OP_SUBMIT] = submit,
		[OP_WAIT_EVENT] = listen_for_event,
		[OP_WAIT_ANSWER] = await_answer,
	};

	return r > 0 ? ways[r] : NULL;
}

static void settle(struct op *op, int r)
{
	struct work_queue *queue = op->fs->config.queue;
	bool here = work_on_thread(queue);
	work_fn way = way_of(r);

	if (!way) {
		op_reply(op, r);
		return;
	}
	if (!here)
		fuse_req_interrupt_func(op->req, on_interrupt, op);
	/* From here on the op belongs to the cache thread. */
	if (here)
		way(op);
	else
		work_post(queue, way, op);
}

static void note_use(const struct op *op)
{
	const struct fs *fs = op->fs;

	if (!fs->above || !fs->config.above->is_own(fs->above, op->pid))
		tree_note_use(fs->config.tree, op->ino);
}

void op_start(struct op *op)
{
	note_use(op);
	for_each_directory(op, notify_hold);
	op->generation = store_generation(op->fs->config.store);
	settle(op, op->run(op));
}

static void start_here(void *arg)
{
	op_start(arg);
}

void op_start_there(struct op *op)
{
	/* Set before the request can be answered, since libfuse's lock must not be taken for a
	 * request that is freed. */
	fuse_req_interrupt_func(op->req, on_interrupt, op);
	work_post(op->fs->config.queue, start_here, op);
}

void op_fail_all(struct fs *fs)
{
	GList *link;

	fs->stopping = true;
	while ((link = g_queue_peek_head_link(&fs->parked)))
		give_up(link->data, -ESHUTDOWN);
}
