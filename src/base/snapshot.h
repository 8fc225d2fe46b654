/* SPDX-License-Identifier: MIT */
/*
 * What may be done between the begin and the end of a snapshot of the store. Whoever holds one is,
 * as a rule, a FUSE worker, of which there are few; in memory mode he also keeps everybody from
 * writing. So nothing waits there for what others decide, or is as long as others make it:
 *
 *   - no path is opened that is not below our own folders, but what /proc says of a caller; no
 *     child is started;
 *   - of our own folders, a file may be made, opened, or read and written by a part (what one
 *     request of the kernel brings, a text, a note: SNAPSHOT_BYTES_MAX);
 *   - no file is copied or summed up, and nothing is waited for that a disk has to write (fsync),
 *     but the high-water mark of row numbers, once in a block of them (store/rowids.c).
 *
 * The functions that do such things say so by snapshot_assert_none(), which ends a build with
 * assertions. Thread rule: any thread; each has its own mark.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>

#define SNAPSHOT_BYTES_MAX (1024 * 1024)

/* The store: a snapshot begins and ends; they nest. */
void snapshot_enter(void);
void snapshot_leave(void);
bool snapshot_is_held(void);

#define snapshot_assert_none() assert(!snapshot_is_held())
