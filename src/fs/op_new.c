/* SPDX-License-Identifier: MIT */
/* How an op begins, is held and freed. */
#include "fs/op.h"

struct op *op_new(fuse_req_t req, const char *what, int (*run)(struct op *op), uint64_t ino,
		  const char *name)
{
	struct op *op = g_try_new0(struct op, 1);

	if (!op) {
		fuse_reply_err(req, ENOMEM);
		return NULL;
	}
	op->fs = fs_of(req);
	op->req = req;
	op->what = what;
	op->run = run;
	op->ino = ino;
	op->name = g_strdup(name);
	op->pid = fuse_req_ctx(req)->pid;
	op->uid = fuse_req_ctx(req)->uid;
	op->ctx.tree = op->fs->config.tree;
	op->ctx.pid = op->pid;
	op->started_ms = clock_mono(op->fs->config.clock);
	op->link.data = op;
	atomic_init(&op->refs, 1);
	return op;
}

struct op *op_ref(struct op *op)
{
	atomic_fetch_add(&op->refs, 1);
	return op;
}

void op_unref(struct op *op)
{
	if (atomic_fetch_sub(&op->refs, 1) != 1)
		return;
	tree_plan_clear(op->fs->config.tree, &op->plan);
	tree_copy_clear(&op->ctx.copy);
	fate_unref(&op->fate);
	asked_unref(&op->asked);
	tree_ctx_clear(&op->ctx);
	g_free(op->name);
	g_free(op->newname);
	if (!op->borrowed_buf)
		g_free(op->buf);
	if (op->children)
		g_array_unref(op->children);
	g_free(op);
}

int op_begin(struct op *op)
{
	op->ctx.generation = store_generation(op->fs->config.store);
	op->ctx.looked = pager_moment(op->fs->config.pager);
	g_clear_pointer(&op->ctx.why, g_free);
	op->ctx.why_of = 0;
	op->ctx.is_said = false;
	return store_read_begin(op->fs->config.store, &op->ctx.conn);
}

void ctx_end(struct tree_ctx *ctx)
{
	if (ctx->conn)
		store_read_end(ctx->conn);
	ctx->conn = NULL;
}

void op_end(struct op *op)
{
	ctx_end(&op->ctx);
}
