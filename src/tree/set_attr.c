/* SPDX-License-Identifier: MIT */
/* chmod and utimens. */
#include <errno.h>

#include "tree/internal.h"

struct mtime_job {
	struct tree *tree;
	int64_t row, mtime_ms;
};

static void mtime_run(void *arg)
{
	struct mtime_job *job = arg;

	store_set_content_mtime(job->tree->config.store, job->row, job->mtime_ms);
	g_free(job);
}

static void set_content_mtime(struct tree *t, int64_t row, int64_t mtime_ms)
{
	struct mtime_job *job = g_new0(struct mtime_job, 1);

	job->tree = t;
	job->row = row;
	job->mtime_ms = mtime_ms;
	work_post(t->config.queue, mtime_run, job);
}

/*
 * The file may have been sent already, though its last close is still to come. An upload is
 * never renamed.
 */
static void set_sent_mtime(struct tree_ctx *ctx, struct pending *p, int64_t mtime_ms)
{
	struct store_content content = {0};

	if (p->is_scratch || draft_is_dirty(p->draft))
		return;
	if (upload_find(ctx, p->dir, p->name, &content) == 0)
		set_content_mtime(ctx->tree, content.rowid, mtime_ms);
	store_content_clear(&content);
}

int tree_set_attr(struct tree_ctx *ctx, uint64_t ino, const mode_t *mode,
		  const int64_t *mtime_ms)
{
	struct pendings *pendings = ctx->tree->pendings;
	/* 0 means that no time was set, so times at or before 1970 become 1. */
	int64_t time_ms = mtime_ms ? MAX(*mtime_ms, 1) : 0;
	struct pending *p;
	int r = tree_check_change(ctx, ino, NULL);

	if (r)
		return r;
	if (tree_ino_kind(ino) != TREE_ATTACHMENT)
		/* Accepted without effect, so that tar, cp -p and touch do not warn: the
		 * server's times count. */
		return 0;
	p = upload_held(ctx, tree_ino_row(ino));
	if (!p) {
		if (mtime_ms)
			set_content_mtime(ctx->tree, tree_ino_row(ino), time_ms);
		return 0;
	}
	if (mode)
		pending_set_mode(pendings, p, *mode);
	if (mtime_ms) {
		pending_set_times(pendings, p, time_ms);
		set_sent_mtime(ctx, p, time_ms);
	}
	pending_unref(pendings, &p);
	return 0;
}
