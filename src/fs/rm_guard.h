/* SPDX-License-Identifier: MIT */
/*
 * What a process does when it removes a name, as far as that shows.
 *
 * Which process holds which directory open: a process that unlinks in a directory it holds open
 * is walking it (rm -r, mv, find -delete, shutil.rmtree), and recursive deletion is refused
 * (design 2.4). Some programs list everything first, close it, and delete then: what they do
 * looks like `xargs rm`, so they are known by name (rm_guard_lists_first).
 *
 * Which process has just read which file: a process that unlinks what it has read to its end moves
 * it elsewhere (mv, shutil.move, gio move, rsync --remove-source-files), and moving out deletes
 * nothing (design 2.4). The kernel answers most reads from its own pages, so what a process reads
 * does not show; that it opens the file does, and so does whether anybody ever asked for the file's
 * end: before that, nobody can have read to it.
 * Thread rule: any thread. Lock: rm_guard.lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct rm_guard;

struct rm_guard *rm_guard_new(void);
void rm_guard_free(struct rm_guard **g);
/*
 * `tgid` 0: a process that is not known, of another pid namespace, or of which /proc says nothing. All of them count
 * as one; and what such a one deletes, any other may have open or have read.
 */
void rm_guard_opened(struct rm_guard *g, uint64_t dir, pid_t tgid);
void rm_guard_closed(struct rm_guard *g, uint64_t dir, pid_t tgid);
/* may_wait: a little, for a close that is on its way. */
bool rm_guard_holds(struct rm_guard *g, uint64_t dir, pid_t tgid, bool may_wait);
/* Has opened a directory here, one of the last RM_GUARD_READERS processes that did. */
#define RM_GUARD_READERS 256
bool rm_guard_has_read(struct rm_guard *g, pid_t tgid);
/* A program that deletes what it has listed before: `git clean`, `rsync --delete`,
 * `rsync --remove-source-files`, `tar --remove-files`. `comm` is its name. */
bool rm_guard_lists_first(const char *comm);

/* So long after its close a file counts as just read: a copy is on its disk by then. */
#define RM_GUARD_READ_MS 10000
/* Files that were closed and are remembered, and ends of files. */
#define RM_GUARD_FILES 8192
#define RM_GUARD_ENDS 65536

/* A process reads the file; as often closed as opened. Times are mono. */
void rm_guard_file_opened(struct rm_guard *g, uint64_t ino, pid_t tgid);
void rm_guard_file_closed(struct rm_guard *g, uint64_t ino, pid_t tgid, int64_t now_ms);
/* Its last bytes were handed to the kernel: from now on whoever opens it may read to its end. */
void rm_guard_file_ended(struct rm_guard *g, uint64_t ino);
/* Has it open, or had it open within RM_GUARD_READ_MS, and may have read it to its end. */
bool rm_guard_has_just_read(struct rm_guard *g, uint64_t ino, pid_t tgid, int64_t now_ms);

/*
 * A program that removes a name because it makes another in its place, or has made one elsewhere: mv, cp, tar x,
 * unzip. `program` as caller_program() gives it.
 */
bool rm_guard_replaces(const char *program);
/* Those, and such as also remove what is nowhere else: rsync, git. */
bool rm_guard_moves(const char *program);
