/* SPDX-License-Identifier: MIT */
/*
 * Opening for reading, and reading.
 */
#include <errno.h>
#include <string.h>

#include "tree/internal.h"
#include "tree/write.h"

static int open_upload(struct tree_ctx *ctx, uint64_t ino, enum tree_read_from *ret_from,
		       struct pending **ret_pending)
{
	struct pendings *pendings = ctx->tree->pendings;
	struct pending *p = upload_held(ctx, tree_ino_row(ino));
	int r;

	if (p) {
		r = pending_opened(pendings, p, false);
		if (r) {
			pending_unref(pendings, &p);
			return r;
		}
		*ret_pending = p;
		*ret_from = TREE_READ_PENDING;
		return 0;
	}
	r = upload_open(ctx, ino);
	if (r == 0)
		*ret_from = TREE_READ_CONTENT;
	return r;
}

bool tree_opens_freely(struct tree *t, uint64_t ino)
{
	/* If a body must be fetched first, the open has to wait for it and report its error. */
	if (store_has_evicted(t->config.store))
		return false;
	return tree_is_message(ino);
}

int tree_open_read(struct tree_ctx *ctx, uint64_t ino, enum tree_read_from *ret_from,
		   struct pending **ret_pending)
{
	const struct tree_row *row = tree_row(ino);
	struct tree_attr attr;
	int r;

	if (!row)
		return -ESTALE;
	if (S_ISDIR(row->mode))
		return -EISDIR;
	*ret_pending = NULL;
	if (row->kind == TREE_ATTACHMENT)
		return open_upload(ctx, ino, ret_from, ret_pending);
	if (row->open) {
		r = row->open(ctx, ino);
		if (r)
			return r;
	}
	if (row->flags & ROW_TRANSCRIPT) {
		*ret_from = TREE_READ_TRANSCRIPT;
		pager_stay_awake(ctx->tree->config.pager, 1);
		return 0;
	}
	if (row->kind == TREE_EVENTS || row->kind == TREE_EVENTS_AT) {
		*ret_from = TREE_READ_EVENTS;
		return 0;
	}
	/* The file may have been removed since the kernel looked it up. */
	r = tree_getattr(ctx, ino, &attr);
	if (r)
		return r;
	*ret_from = row->flags & ROW_POST	 ? TREE_READ_EMPTY
		    : row->flags & ROW_DIRECT_IO ? TREE_READ_SNAPSHOT
		    : row->flags & ROW_CONTENT	 ? TREE_READ_CONTENT
						 : TREE_READ_STORE;
	return 0;
}

static size_t slice(const GString *bytes, void *buf, size_t len, int64_t offset)
{
	size_t n;

	if (offset < 0 || (uint64_t)offset >= bytes->len)
		return 0;
	n = MIN(len, bytes->len - (size_t)offset);
	memcpy(buf, bytes->str + offset, n);
	return n;
}

static int taken(ssize_t n, size_t *ret_n)
{
	*ret_n = n > 0 ? (size_t)n : 0;
	return n < 0 ? (int)n : 0;
}

int tree_read(struct tree_ctx *ctx, uint64_t ino, enum tree_read_from from,
	      struct pending *pending, void *buf, size_t len, int64_t offset, size_t *ret_n)
{
	GString *bytes;
	int r;

	*ret_n = 0;
	switch (from) {
	case TREE_READ_TRANSCRIPT:
		return taken(transcript_read(ctx->tree->transcripts, ino, buf, len, offset),
			     ret_n);
	case TREE_READ_CONTENT:
		return upload_read(ctx, tree_ino_row(ino), buf, len, offset, ret_n);
	case TREE_READ_PENDING:
		return taken(draft_read(pending->draft, buf, len, offset), ret_n);
	case TREE_READ_EMPTY:
	case TREE_READ_EVENTS:
		return 0;
	case TREE_READ_STORE:
	case TREE_READ_SNAPSHOT:
		break;
	}
	bytes = g_string_new(NULL);
	r = tree_render(ctx, ino, bytes);
	if (r == 0)
		*ret_n = slice(bytes, buf, len, offset);
	g_string_free(bytes, TRUE);
	return r;
}

void tree_release_read(struct tree *t, uint64_t ino, enum tree_read_from from,
		       struct pending **pending)
{
	if (from == TREE_READ_TRANSCRIPT) {
		transcript_release(t->transcripts, ino);
		pager_stay_awake(t->config.pager, -1);
	}
	if (from == TREE_READ_PENDING) {
		pending_closed(t->pendings, *pending);
		pending_unref(t->pendings, pending);
	}
}
