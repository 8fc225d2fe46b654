/* SPDX-License-Identifier: MIT */
/*
 * Finds out what a process intends that removes a name, as far as its requests show it.
 *
 * It notes which process has which directory open. A process that unlinks in a directory it has
 * open walks the directory (rm -r, mv, find -delete, shutil.rmtree), and recursive deletion is
 * refused (design 2.4). Some programs list everything first, close the directory and delete
 * then, which looks like `xargs rm`; they are known by name (rm_guard_lists_first).
 *
 * It notes which process has just read which file. A process that unlinks a file which it has
 * read to its end moves the file elsewhere (mv, shutil.move, gio move, rsync
 * --remove-source-files), and moving out deletes nothing (design 2.4). The kernel answers most
 * reads from its own pages, so the reads of a process are not seen. But its open is seen, and
 * so is the first read of the file's end by anybody: before that nobody can have read to the
 * end.
 *
 * A message is different: bots read one and delete it. So its readers count only where the program
 * is a file manager, which deletes as often as it moves and cannot be told by its name alone.
 * Thread rule: any thread. Lock: rm_guard.lock; the ring of messages has none.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct rm_guard;

struct rm_guard *rm_guard_new(void);
void rm_guard_free(struct rm_guard **g);
/*
 * `tgid` 0 is an unknown process: of another pid namespace, or one about which /proc says
 * nothing. All of them count as one process. When such a one deletes something, an open or read
 * by any process counts as its own.
 */
void rm_guard_opened(struct rm_guard *g, uint64_t dir, pid_t tgid);
void rm_guard_closed(struct rm_guard *g, uint64_t dir, pid_t tgid);
/* True if the process has the directory open. may_wait: it may wait a little for a close that
 * is on its way. */
bool rm_guard_holds(struct rm_guard *g, uint64_t dir, pid_t tgid, bool may_wait);
/* True if the process is one of the last RM_GUARD_READERS that opened a directory here. */
#define RM_GUARD_READERS 256
bool rm_guard_has_read(struct rm_guard *g, pid_t tgid);
/* True for a program that deletes what it has listed before: `git clean`, `rsync --delete`,
 * `rsync --remove-source-files`, `tar --remove-files`, `rclone move`, `unison`. `comm` is its
 * name. */
bool rm_guard_lists_first(const char *comm);

/* For so long after its close a file counts as just read; by then the program has written its
 * copy. */
#define RM_GUARD_READ_MS 10000
/* So many closed files, and so many files whose end was read, are remembered. */
#define RM_GUARD_FILES 8192
#define RM_GUARD_ENDS 65536

/* A process opens the file for reading, and closes it as often. Times are mono. */
void rm_guard_file_opened(struct rm_guard *g, uint64_t ino, pid_t tgid);
void rm_guard_file_closed(struct rm_guard *g, uint64_t ino, pid_t tgid, int64_t now_ms);
/* The file's last bytes were given to the kernel: from now on any process that opens the file
 * may read to its end. */
void rm_guard_file_ended(struct rm_guard *g, uint64_t ino);
/* True if the process has the file open, or had it open within RM_GUARD_READ_MS; and, for
 * rm_guard_has_just_read, may have read it to its end. */
bool rm_guard_has_opened(struct rm_guard *g, uint64_t ino, pid_t tgid, int64_t now_ms);
bool rm_guard_has_just_read(struct rm_guard *g, uint64_t ino, pid_t tgid, int64_t now_ms);

/*
 * A thread (`tid`) opens a message for reading. The last RM_GUARD_MESSAGES of these are kept, without
 * a lock and without asking whose thread it is, because every `cat` comes here.
 */
#define RM_GUARD_MESSAGES 4096
void rm_guard_message_opened(struct rm_guard *g, uint64_t ino, pid_t tid, int64_t now_ms);
/* True if a thread that the process still has opened the message within RM_GUARD_READ_MS. */
bool rm_guard_has_opened_message(struct rm_guard *g, uint64_t ino, pid_t tgid, int64_t now_ms);

/* True for file managers that move by copying and removing themselves: mc, ranger, lf, those of
 * desktops. */
bool rm_guard_manages_files(const char *program);
/*
 * True for programs that remove a name to make another file in its place, or because they made
 * one elsewhere: mv, cp, tar x, unzip. `program` as caller_program() gives it.
 */
bool rm_guard_replaces(const char *program);
/* True for those and for programs that also remove files which exist nowhere else: rsync, git,
 * rclone, unison. */
bool rm_guard_moves(const char *program);
/* True for programs that remove a file once they have a copy of it in the mount. */
bool rm_guard_takes_source(const char *program);
