/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/cleanup.h"
#include "dice.h"
#include "fake_time.h"
#include "mount.h"
#include "report.h"
#include "tree/read.h"

/* As fs does for a lookup: longer than that nobody waits (fs/inodes.c). */
#define DEADLINE_MS 5000

static void listed_free(void *p)
{
	struct listed *l = p;

	g_free(l->name);
	g_free(l);
}

void op_free(struct op *op)
{
	g_free(op->name);
	g_free(op->ctx.why);
	if (op->list)
		g_ptr_array_unref(op->list);
	if (op->bytes)
		g_string_free(op->bytes, TRUE);
	g_free(op);
}

/* ---- one run ---- */

static bool emit(void *arg, const char *name, const struct tree_entry *e, int64_t cookie)
{
	struct op *op = arg;
	struct listed *l = g_new0(struct listed, 1);

	(void)cookie;
	l->ino = e->attr.st.st_ino;
	l->name = g_strdup(name);
	l->st = e->attr.st;
	g_ptr_array_add(op->list, l);
	return true;
}

static int list(struct op *op)
{
	int r = tree_opendir(&op->ctx, op->ino, &op->dir);

	if (r)
		return r;
	op->list = g_ptr_array_new_with_free_func(listed_free);
	return tree_readdir(&op->ctx, &op->dir, 0, emit, op);
}

/* The file and what stat says of it, in one snapshot. */
static int read_file(struct op *op)
{
	int r = tree_getattr(&op->ctx, op->ino, &op->attr);

	if (r)
		return r;
	op->bytes = g_string_new(NULL);
	return tree_render(&op->ctx, op->ino, op->bytes);
}

/* A transcript: opened, and not closed yet. */
static int hold(struct op *op)
{
	enum tree_read_from from;
	struct pending *pending;

	return tree_open_read(&op->ctx, op->ino, &from, &pending);
}

static int run_kind(struct op *op)
{
	switch (op->kind) {
	case OP_LOOKUP:
		return tree_lookup(&op->ctx, op->ino, op->name, &op->entry);
	case OP_GETATTR:
		return tree_getattr(&op->ctx, op->ino, &op->attr);
	case OP_LIST:
		return list(op);
	case OP_READ:
		return read_file(op);
	case OP_HOLD:
		return hold(op);
	}
	g_assert_not_reached();
}

static int run(struct op *op)
{
	int r;

	op->ctx.generation = store_generation(mount.store);
	op->ctx.looked = pager_moment(mount.pager);
	g_assert(store_read_begin(mount.store, &op->ctx.conn) == 0);
	r = run_kind(op);
	store_read_end(op->ctx.conn);
	op->ctx.conn = NULL;
	if (r == TREE_WAIT) {
		g_clear_pointer(&op->list, g_ptr_array_unref);
		if (op->bytes)
			g_string_free(g_steal_pointer(&op->bytes), TRUE);
	}
	return r;
}

/* ---- waiting ---- */

static void settle(struct op *op, int r);

static void leave(struct op *op)
{
	g_queue_unlink(&mount.parked, &op->link);
	work_cancel(mount.queue, op->soft_timer);
	op->soft_timer = 0;
}

static void finish(struct op *op, int error)
{
	work_cancel(mount.queue, op->deadline_timer);
	mount.operations++;
	mount.errors += error != 0;
	op->done(op, error, op->arg);
}

static void note_waited(struct op *op, int error, bool gave_up)
{
	g_assert(op->ctx.n_waited < TREE_MAX_WAITS);
	op->ctx.waited[op->ctx.n_waited].need = op->ctx.missing;
	op->ctx.waited[op->ctx.n_waited].gave_up = gave_up;
	op->ctx.waited[op->ctx.n_waited++].error = error;
}

static void on_fetched(struct pager_waiter *w, int error)
{
	struct op *op = container_of(w, struct op, waiter);

	leave(op);
	if (error == -ESHUTDOWN) {
		finish(op, error);
		return;
	}
	note_waited(op, error, false);
	settle(op, run(op));
}

static void on_soft(void *arg)
{
	struct op *op = arg;

	op->soft_timer = 0;
	leave(op);
	pager_unwait(mount.pager, &op->waiter, false);
	note_waited(op, 0, true);
	settle(op, run(op));
}

static void on_deadline(void *arg)
{
	struct op *op = arg;

	op->deadline_timer = 0;
	leave(op);
	pager_unwait(mount.pager, &op->waiter, false);
	finish(op, -ETIMEDOUT);
}

static void settle(struct op *op, int r)
{
	if (r != TREE_WAIT) {
		finish(op, r);
		return;
	}
	op->link = (GList){.data = op};
	g_queue_push_tail_link(&mount.parked, &op->link);
	if (op->kind == OP_LOOKUP && !op->deadline_timer && !op->is_patient)
		op->deadline_timer =
			work_post_at(mount.queue, time_mono() + DEADLINE_MS, on_deadline, op);
	if (op->ctx.missing_soft && !op->is_patient)
		op->soft_timer =
			work_post_at(mount.queue, time_mono() + pager_soft_wait_ms(mount.pager),
				     on_soft, op);
	op->waiter.fn = on_fetched;
	op->waiter.looked = op->ctx.looked;
	if (op->ctx.missing_anew)
		pager_expire(mount.pager, &op->ctx.missing);
	op->ctx.missing_anew = false;
	pager_wait(mount.pager, &op->ctx.missing, &op->waiter);
}

void op_start(enum op_kind kind, uint64_t ino, const char *name, bool is_patient,
	      void (*done)(struct op *op, int error, void *arg), void *arg)
{
	struct op *op = g_new0(struct op, 1);

	op->kind = kind;
	op->ino = ino;
	op->name = g_strdup(name);
	op->is_patient = is_patient;
	op->done = done;
	op->arg = arg;
	op->ctx.tree = mount.tree;
	settle(op, run(op));
}

static void interrupt(struct op *op, int error)
{
	leave(op);
	pager_unwait(mount.pager, &op->waiter, true);
	finish(op, error);
}

void op_interrupt_any(void)
{
	guint n = g_queue_get_length(&mount.parked);

	if (n)
		interrupt(g_queue_peek_nth(&mount.parked, (guint)dice(n)), -EINTR);
}

void op_fail_all(int error)
{
	while (!g_queue_is_empty(&mount.parked))
		interrupt(g_queue_peek_head(&mount.parked), error);
}

/* ---- at a quiet point ---- */

struct outcome {
	struct op *op;
	int error;
};

static void keep(struct op *op, int error, void *arg)
{
	struct outcome *o = arg;

	o->op = op;
	o->error = error;
}

int op_wait(enum op_kind kind, uint64_t ino, const char *name, struct op **ret_op)
{
	struct outcome o = {0};

	op_start(kind, ino, name, true, keep, &o);
	for (int i = 0; !o.op && i < 100000; i++)
		time_pass(1);
	if (!o.op)
		report("an operation hangs: kind %d, node %" G_GUINT64_FORMAT, (int)kind, ino);
	*ret_op = o.op;
	return o.error;
}
