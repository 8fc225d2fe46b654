/* SPDX-License-Identifier: MIT */
/*
 * Opening and reading files (design 2.2, 2.3).
 * Thread rule: any thread, as tree.h.
 */
#pragma once

#include "tree/pending.h"
#include "tree/tree.h"

enum tree_read_from {
	TREE_READ_STORE,      /* every read renders the current version */
	TREE_READ_SNAPSHOT,   /* reads give the text as it was at open; direct I/O */
	TREE_READ_EMPTY,      /* post */
	TREE_READ_TRANSCRIPT, /* held until tree_release_read */
	TREE_READ_CONTENT,    /* attach/attach.h; the caller has called contents_open */
	TREE_READ_PENDING,    /* the draft of a file being written */
	TREE_READ_EVENTS,     /* a stream; tree/events.h */
};

/* True if the file can be opened for reading without tree_open_read. */
bool tree_opens_freely(struct tree *t, uint64_t ino);
/*
 * Makes sure that everything is known that reading the file needs. For nodes of tree_is_content() the
 * caller has called contents_open before. TREE_READ_TRANSCRIPT and _PENDING are held until
 * tree_release_read.
 */
int tree_open_read(struct tree_ctx *ctx, uint64_t ino, enum tree_read_from *ret_from,
		   struct pending **ret_pending);
/*
 * Reads at `offset` of a file that tree_open_read opened (other than _SNAPSHOT, _EMPTY,
 * _EVENTS). *ret_n is the number of bytes, at most `len`, 0 at the end. 0, TREE_WAIT or -errno.
 */
int tree_read(struct tree_ctx *ctx, uint64_t ino, enum tree_read_from from,
	      struct pending *pending, void *buf, size_t len, int64_t offset, size_t *ret_n);
void tree_release_read(struct tree *t, uint64_t ino, enum tree_read_from from,
		       struct pending **pending);
