/* SPDX-License-Identifier: MIT */
/*
 * What may be done between the begin and the end of a snapshot of the store. A snapshot is
 * mostly held by a FUSE worker, of which there are few; in memory mode it also keeps everybody
 * from writing. So nothing that is done under one may wait for what others decide, or take as
 * long as others like:
 *
 *   - no path is opened outside our own folders, except in /proc for what it says of a caller;
 *     no child is started;
 *   - in our own folders a file may be made or opened, and a part of it read or written: as
 *     much as one request of the kernel brings, a text or a note (SNAPSHOT_BYTES_MAX);
 *   - no file is copied, no checksum of a file is made, and no fsync is waited for, except that
 *     of the high-water mark of row numbers, once for a block of numbers (store/rowids.c).
 *
 * The functions that do such things call snapshot_assert_none(), which aborts in a build with
 * assertions if the thread holds a snapshot. Thread rule: any thread; each has its own mark.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>

#define SNAPSHOT_BYTES_MAX (1024 * 1024)

/* Called by the store where a snapshot begins and ends. They nest. */
void snapshot_enter(void);
void snapshot_leave(void);
bool snapshot_is_held(void);

#define snapshot_assert_none() assert(!snapshot_is_held())
