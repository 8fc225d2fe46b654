/* SPDX-License-Identifier: MIT */
/*
 * -o inotify. The kernel tells those who watch a directory of what is done to its files through
 * the mount, and of nothing else. So a process of ours does to the mount what the change of the
 * server would have taken, and we answer as if it had been done:
 *
 *     cache thread                 mirror's thread            the helper        FUSE workers
 *     mirror_changes: an act
 *       (notifier: kernel told) -> take_told: the oldest
 *                                  expect it; send it ------> openat(O_EXCL) -> LOOKUP: none
 *                                                                               CREATE: here it is
 *                                  forget it <--------------- done
 *
 *  1. Nothing of it reaches the server: whatever the helper asks to have changed is answered here
 *     (mirror_answer_*, mirror_refuses), none of it by the tree's plans. Its path may mean
 *     something else by the time that it follows it: what is not the one expected act, by
 *     operation, node and name, is refused (-EPERM), also when none is expected and when it is
 *     done already.
 *  2. Only the helper gets these answers: by the number of its process (its one thread is the main
 *     one). That is set before the helper gets its first act, and taken back when the helper has
 *     ended and before it is waited for, so that it is nobody else's meanwhile.
 *  3. What somebody does here by himself (rm, mkdir, touch members/x) the kernel has told of.
 *  4. The helper holds nothing open in the mount between two acts. It ends with its socket, and is
 *     started when the first act comes. One that died is started again, not for ever.
 *  5. The thread waits for the helper as long as it takes: who waits for a directory's lock waits
 *     for a request that somebody will answer.
 *  6. Acts are done in the order of the changes, whatever order the notifier ends its waits in.
 *
 * Thread rule: as said at each. Lock: mirror.lock guards what is expected and what is to be done;
 * nothing is called under it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "fs/internal.h"

struct mirror;

/* Main thread. `minor` of the mount's device, as in mountinfo; 0: -ENOSYS. */
int mirror_start(struct fs *fs, const char *mountpoint, struct mirror **ret_mirror);
/* Main thread, once nobody answers requests any more: no act is begun, the helper is told to go. */
void mirror_quit(struct mirror *m);
/* Main thread, after the notifier's end: no thread of ours is left. */
void mirror_join(struct mirror *m);
/* Main thread, when the kernel's connection has ended: nothing can hold the helper. */
void mirror_free(struct mirror **m);

/* Cache thread. */
void mirror_changes(struct mirror *m, GPtrArray *changes);

/* FUSE workers. True: it was a request of the helper, and is answered. Those that change something
 * are answered also where they are not expected: -EPERM. */
bool mirror_answer_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
bool mirror_answer_getattr(fuse_req_t req, fuse_ino_t ino);
bool mirror_answer_open(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *fi);
bool mirror_answer_create(fuse_req_t req, fuse_ino_t parent, const char *name,
			  const struct fuse_file_info *fi);
bool mirror_answer_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name);
/* unlink and rmdir. */
bool mirror_answer_remove(fuse_req_t req, fuse_ino_t parent, const char *name, bool is_dir);
bool mirror_answer_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
			  fuse_ino_t newparent, const char *newname, unsigned flags);
bool mirror_answer_setattr(fuse_req_t req, fuse_ino_t ino, int to_set);
/* A change that is no act: of the helper it is refused, and true. What is refused to everybody
 * (link, symlink, mknod) or not there (fallocate, extended attributes) needs it not. */
bool mirror_refuses(fuse_req_t req);
