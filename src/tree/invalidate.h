/* SPDX-License-Identifier: MIT */
/*
 * What the kernel is told, and what time does to files that wait here.
 * Thread rule: cache thread, but where it is said.
 */
#pragma once

#include "tree/tree.h"

struct tree_invalidate {
	/* `inode`: the attributes and data of the inode are stale. `entry`: this name in
	 * directory `ino` is, and the listing of the directory. */
	void (*inode)(void *arg, uint64_t ino);
	void (*name)(void *arg, uint64_t dir, const char *name);
	/* The kernel is to drop the name, and to forget what it stands for. */
	void (*drop)(void *arg, uint64_t dir, const char *name);
	void *arg;
};

/* Cache thread: translates changes of the store into what the kernel must forget, and lets open
 * transcripts grow. */
void tree_on_changes(struct tree *t, GPtrArray *changes, const struct tree_invalidate *told);

/* Lets the kernel drop names without a lasting row when it knows too many (counted.h). After a
 * look-up that gave one; any thread. */
void tree_drop_names(struct tree *t, const struct tree_invalidate *told);

/*
 * Moves files to unsent/ that have waited long enough since their last close for their bytes
 * (empty files) or their name (scratch files), and calls `told`. Returns in how many ms the
 * next one is due; -1: none. Cache thread.
 */
int64_t tree_keep_old(struct tree *t, const struct tree_invalidate *told);
/* Returns only when the next one is due; any thread. */
int64_t tree_next_old_ms(struct tree *t);
/*
 * Moves all such files to unsent/ at unmount, when no file is open any more. A file whose
 * change has begun is already the outbox's. Cache thread.
 */
void tree_keep_scratch(struct tree *t);
