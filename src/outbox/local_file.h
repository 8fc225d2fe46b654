/* SPDX-License-Identifier: MIT */
/*
 * Local files that are sent with a message (post.json with "files": ["/a/path"]). Anybody who
 * may write to the mount can name a path, and it may lead anywhere: into a mount that hangs,
 * into this one, to a file that only others may read. So no thread of ours ever opens it or has
 * a descriptor of it. A child process does that, with the rights of the process that named it,
 * and copies the bytes into a nameless file of our spool, which it inherits:
 *
 *              local_files_read        a child is free            the child's answer
 *     (none) ------------------> waiting ------------> reading -----------------------> done(0)
 *                                   |                     |
 *                                   |  cancelled, no time |  cancelled, no progress, it died,
 *                                   |  left, stopped      |  its answer is an error
 *                                   +---------------------+--> done(-errno); the child is killed
 *
 *  1. `done` is called once for each read, on the cache thread, and does not wait for the end
 *     of the child. A child that hangs in the kernel counts as running until it has ended.
 *  2. There are at most LOCAL_CHILDREN_MAX children and LOCAL_READS_MAX reads, and for one user
 *     LOCAL_USER_CHILDREN_MAX and LOCAL_USER_READS_MAX: files on a file system that hangs delay
 *     nobody else's. More reads are -EBUSY.
 *  3. A read that makes no progress for `idle_ms`, and any read after `whole_ms`, ends with
 *     -ETIMEDOUT.
 *  4. A file that changes while it is read is -EBUSY. Only regular files of a file system that
 *     stores files (not /proc and its like) are read, others are -EINVAL, and folders -EISDIR;
 *     this is checked before anything is opened that could block or act. An empty file is
 *     -ENODATA, one over 100 MB -EFBIG.
 *  5. A daemon that runs as root reads with the user, group and supplementary groups of the
 *     process that named the path. Another daemon has only its own rights, and uses them only
 *     for its own user and for root: else -EACCES.
 *  6. The path is resolved as it is for the process that named it, also in a mount namespace or
 *     root directory of its own, where the same path can be another file than for us.
 * Thread rule: any thread, unless said otherwise. Lock: local_files.lock, for memory only.
 */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/work.h"
#include "outbox/letter.h"

#define LOCAL_CHILDREN_MAX 32
#define LOCAL_READS_MAX 256
#define LOCAL_USER_CHILDREN_MAX 8
#define LOCAL_USER_READS_MAX 64
/* More groups than a user usually has. A user with more is refused, since a group can also deny
 * access. */
#define LOCAL_GROUPS_MAX 16384

/* The process with whose rights a file is read. n_groups < 0: its groups are unknown; then only
 * root reads. */
struct local_caller {
	uid_t uid;
	gid_t gid;
	int n_groups;
	gid_t *groups; /* owned */
	bool has_root; /* paths lead elsewhere for the process than for us */
	int root; /* with has_root: its root directory, owned; -1: it was lost, and nothing is
		   * read */
};
struct local_caller *local_caller_copy(const struct local_caller *c);
void local_caller_free(struct local_caller *c);

/* The local file that a letter of JSON names (outbox_letter.local). Strings are owned. */
struct letter_local {
	char *path;
	char *text, *markdown, *parent_id; /* sent with the file; each may be NULL */
	int idle_ms; /* 0: the usual time; else less, where others wait behind the request */
	struct local_caller *caller; /* owned; NULL: nobody's rights can be used, -EACCES */
};
void letter_local_free(struct letter_local *l);

struct local_files;

struct local_files_config {
	const char *spool_dir; /* borrowed for the call */
	struct work_queue *queue;
	int idle_ms;  /* 0: 20 s */
	int whole_ms; /* 0: 5 min */
};

/* Does not start anything yet. */
struct local_files *local_files_new(const struct local_files_config *config);
/* Posts every `done` that is left (-ESHUTDOWN) before it returns, so it is called before the
 * cache queue stops. No read begins after it. Main thread. */
void local_files_stop(struct local_files *f);
void local_files_free(struct local_files **f);

/* error 0: the letter is now one of that file, under its filename if it had one, else under the
 * file's own name, and names no local file any more. Otherwise the letter is unchanged, and
 * `why` (borrowed) says the reason in words. */
typedef void (*local_done)(void *arg, int error, const char *why);

/* `letter` (with letter->local) is borrowed until `done`. Returns an id for local_files_cancel. */
uint64_t local_files_read(struct local_files *f, struct outbox_letter *letter, local_done done,
			  void *arg);
/* Cache thread. Ends the read with `error` (-EINTR, or -ESHUTDOWN at the end of the mount),
 * unless `done` was called before. */
void local_files_cancel(struct local_files *f, uint64_t id, int error);
