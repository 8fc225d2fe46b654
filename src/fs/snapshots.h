/* SPDX-License-Identifier: MIT */
/*
 * The texts of files that are read as they were at open (TREE_READ_SNAPSHOT), for as long as they
 * are open. Opens of a file that find the same text share its bytes. A text counts for the process
 * whose open made it (OPEN_BYTES_MAX in fs/internal.h).
 * Thread rule: any thread. Lock: snapshots.lock, under which the share's is taken.
 */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/share.h"

struct snapshots;
struct fs_snapshot;

/* `share` is borrowed. */
struct snapshots *snapshots_new(struct share *share);
/* All texts were dropped. */
void snapshots_free(struct snapshots **s);
/* The text of `ino` that process `tgid` (0: unknown) opens. 0 and a reference, or -ENFILE. */
int snapshots_take(struct snapshots *s, uint64_t ino, pid_t tgid, const GString *text,
		   struct fs_snapshot **ret_snapshot);
/* Drops a reference and NULLs it. NULL may be dropped. */
void snapshots_drop(struct snapshots *s, struct fs_snapshot **snapshot);
/* Copies up to `len` bytes at `offset`; how many. For who holds a reference. */
size_t fs_snapshot_read(const struct fs_snapshot *snapshot, void *buf, size_t len,
			int64_t offset);
