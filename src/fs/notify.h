/* SPDX-License-Identifier: MIT */
/*
 * The notifier has threads that tell the kernel what to forget. They hold no lock meanwhile,
 * since the kernel may wait inside the call for a request that is not answered yet (libfuse,
 * doc/README.notifications). Such a wait cannot be killed, and others decide how long it lasts:
 *
 *  - To forget a name the kernel takes the lock of its directory, which a look-up, a listing,
 *    rm, mkdir or mv there holds until we answer. So names of such a directory are told after
 *    these answers (notify_hold, notify_release).
 *  - To forget the pages of a file the kernel waits for the pages that are being read. The
 *    bytes of an attachment never change, so its pages are left alone.
 *
 * A request that comes after our check can still make a thread wait in the kernel. So each
 * inode, and the names of each directory, are a *target* of their own, which occupies one
 * thread at most:
 *
 *              notified                a thread takes it                all was told
 *     (none) ----------> READY ----------------------------> TELLING ----------------> (none)
 *                          ^  ^ released                      |   |
 *                          |  '------------ HELD <------------'   |
 *                          '--------------------------------------' notified meanwhile
 *
 *  1. A notice for a target that is not told yet is merged with the earlier one.
 *  2. There are as many threads as are needed, up to THREADS_MAX (notify.c).
 *  3. notify_then waits until the kernel was told of the notices since a moment, for at most
 *     NOTIFY_BOUND_MS, and not for notices that are older than that. It does not wait for
 *     names, since these may be told only after the waiting request was answered.
 *  4. The order between targets is undefined. Those who wait for the same ones go on in the
 *     order in which they began to wait; of those who wait for different ones, any is first.
 *  5. Notices after notifier_end are dropped, since the kernel then forgets everything by
 *     itself.
 *
 * Thread rule: notifier_start, _end, _free: the main thread; all others from any thread. Lock:
 * notifier.lock, under which threads are started and items are posted to the work queue.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/work.h"

#define NOTIFY_BOUND_MS 1000

struct fuse_session;
struct notifier;

int notifier_start(struct fuse_session *session, struct notifier **ret_notifier);
/* Ends all waits of notify_then and joins the threads. Called before libfuse closes the session's
 * descriptor, which the threads write to, and when the kernel holds no thread back for ever: the
 * connection was aborted, or somebody answers its requests (shut.h). NULL is fine. */
void notifier_end(struct notifier *n);
/* Called when nobody uses it any more. */
void notifier_free(struct notifier **n);

/* The attributes and cached pages of the inode changed (of a directory: its listing). */
void notify_inode(struct notifier *n, uint64_t ino);
/* The same, also for the pages of an attachment: the kernel has cached what was written to the
 * file here, which is not what it contains now. */
void notify_written(struct notifier *n, uint64_t ino);
/* Only the attributes changed. */
void notify_attributes(struct notifier *n, uint64_t ino);
/* True if the kernel was told of all notices for the inode, so that what it caches is as new as
 * the store. */
bool notify_is_told(struct notifier *n, uint64_t ino);
/* The name changed; also for a name that the kernel knows to be absent. */
void notify_name(struct notifier *n, uint64_t dir, const char *name);

/* The kernel drops the name, so that it forgets the inode if nobody uses it. For a process whose
 * directory that is, getcwd fails until somebody looks the name up again. */
void notify_drop(struct notifier *n, uint64_t dir, const char *name);

/* Holds the names of the directory back from the arrival of a request in it until the answer. */
void notify_hold(struct notifier *n, uint64_t dir);
void notify_release(struct notifier *n, uint64_t dir);

/* Tells of a name at once, on a thread that may wait for the kernel, so on none that answers
 * requests. */
int notify_name_now(struct fuse_session *session, uint64_t dir, const char *name);

/* The present moment, for notify_then. */
uint64_t notify_now(struct notifier *n);
/* Runs `fn` when the kernel was told of every inode that was notified since `since` (0: ever),
 * or when the bound is over. It runs on a thread of the notifier and must not wait. */
void notify_then(struct notifier *n, uint64_t since, work_fn fn, void *arg);
