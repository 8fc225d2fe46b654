/* SPDX-License-Identifier: MIT */
/*
 * Files of this machine that go with a message (post.json with "files": ["/a/path"]). Whoever may
 * write to the mount names the path, and it may lead anywhere: into a mount that hangs, into this
 * one, to a file that only others may read. So no thread of ours ever opens it or has a descriptor
 * of it. A child process does that, with the rights of who named it, and copies the bytes into a
 * nameless file of our spool, which it inherits:
 *
 *              local_files_read        a child is free            the child's answer
 *     (none) ------------------> waiting ------------> reading -----------------------> done(0)
 *                                   |                     |
 *                                   |  cancelled, no time |  cancelled, no progress, it died,
 *                                   |  left, stopped      |  its answer is an error
 *                                   +---------------------+--> done(-errno); the child is killed
 *
 *  1. `done` is called once for each, on the cache thread, and never waits for the child's end: one
 *     that hangs in the kernel counts as running until it has gone.
 *  2. At most LOCAL_CHILDREN_MAX children, LOCAL_READS_MAX reads: beyond that -EBUSY.
 *  3. A read that makes no progress for `idle_ms` ends, and any after `whole_ms`: -ETIMEDOUT.
 *  4. What is sent is what the file was: if it changes while it is read, -EBUSY. Regular files
 *     only, of a file system that keeps files (not /proc and its like): else -EINVAL, -EISDIR for
 *     a folder; they are told apart before anything is opened that could block or act. Nothing
 *     empty (-ENODATA), nothing over 100 MB (-EFBIG).
 *  5. A daemon of root's reads as who named the path: user, group, supplementary groups. Another
 *     daemon has only its own rights, and lends them only to its own user and to root: else
 *     -EACCES.
 *  6. The path leads where it leads for who named it, also out of a mount namespace or a root
 *     directory of his own: the same path can be another file for us.
 * Thread rule: any thread, but where said. Lock: local_files.lock, for memory only.
 */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/work.h"
#include "outbox/outbox.h"

#define LOCAL_CHILDREN_MAX 8
#define LOCAL_READS_MAX 64
/* More than anybody is in, as a rule. Who is in more is refused: a group can also deny. */
#define LOCAL_GROUPS_MAX 16384

/* With whose rights. n_groups < 0: the groups are not known (then nothing is read, but for root). */
struct local_caller {
	uid_t uid;
	gid_t gid;
	int n_groups;
	gid_t *groups; /* owned */
	bool has_root; /* paths lead elsewhere from who named it than from us: */
	int root; /* then: his root directory, owned; -1: it was lost, and nothing is read */
};
struct local_caller *local_caller_copy(const struct local_caller *c);
void local_caller_free(struct local_caller *c);

/* What a letter of JSON names (outbox_letter.local). Strings owned. */
struct letter_local {
	char *path;
	char *text, *markdown, *parent_id; /* what goes with the file; each may be NULL */
	int idle_ms; /* 0: as all; else less, where others wait for who waits for it */
	struct local_caller *caller; /* owned; NULL: nobody may be answered for, -EACCES */
};
void letter_local_free(struct letter_local *l);

struct local_files;

struct local_files_config {
	const char *spool_dir; /* borrowed for the call */
	struct work_queue *queue;
	int idle_ms;  /* 0: 20 s */
	int whole_ms; /* 0: 5 min */
};

/* Starts nothing yet. */
struct local_files *local_files_new(const struct local_files_config *config);
/* Every `done` is posted before it returns (-ESHUTDOWN): before the cache queue stops. No read
 * begins after it. Main thread. */
void local_files_stop(struct local_files *f);
void local_files_free(struct local_files **f);

/* error 0: the letter is one of that file now, by its filename if it had one, else by the file's own,
 * and names none any more. Else it is as it was, and
 * `why` (borrowed) says so in words. */
typedef void (*local_done)(void *arg, int error, const char *why);

/* `letter` (with letter->local) is borrowed until `done`. Returns an id for local_files_cancel. */
uint64_t local_files_read(struct local_files *f, struct outbox_letter *letter, local_done done,
			  void *arg);
/* Cache thread. It ends with `error` (-EINTR, or -ESHUTDOWN at the end of the mount), unless `done` was
 * called before. */
void local_files_cancel(struct local_files *f, uint64_t id, int error);
