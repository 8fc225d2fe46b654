/* SPDX-License-Identifier: MIT */
/*
 * The notifier: threads of its own that tell the kernel what to forget. They hold no lock
 * while they do, since the kernel may wait inside for a request that is still being answered
 * (libfuse, doc/README.notifications). Such a wait cannot be killed, and lasts for as long as
 * somebody else likes:
 *
 *  - To forget a name the kernel takes its directory's lock, which it holds for as long as a
 *    look-up, a listing, rm, mkdir or mv there waits for our answer. So names of such a directory
 *    are told when the answers were given (notify_hold, notify_release).
 *  - To forget the pages of a file it waits for those that are being read. The bytes of an
 *    attachment never change, so the pages of one are left alone.
 *
 * What comes between our look and the kernel's is waited for in the kernel. So each inode, and the names
 * of each directory, are a *target* of their own, which takes one thread at most:
 *
 *              notified                a thread takes it                all was told
 *     (none) ----------> READY ----------------------------> TELLING ----------------> (none)
 *                          ^  ^ released                      |   |
 *                          |  '------------ HELD <------------'   |
 *                          '--------------------------------------' notified meanwhile
 *
 *  1. What is notified of a target that is not told yet is merged with that.
 *  2. There are so many threads as are needed, up to THREADS_MAX (notify.c).
 *  3. Who waits for the kernel's having been told (notify_then) waits for what was notified since
 *     he began, for NOTIFY_BOUND_MS at most, and for nothing that is older than that. Names are
 *     not waited for: they may be told only when the one who waits was answered.
 *  4. Nothing orders one target against another. Those who wait for the same ones go on in the
 *     order in which they began to wait; of those who wait for different ones, any is first.
 *  5. After notifier_end the rest is accepted and forgotten: the kernel forgets all by itself.
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
/* Whoever waits goes on; joins. Before the session is destroyed, once the kernel holds no thread
 * any more. NULL is fine. */
void notifier_end(struct notifier *n);
/* Nobody has it any more. */
void notifier_free(struct notifier **n);

/* Attributes and cached pages (of a directory: its cached listing). */
void notify_inode(struct notifier *n, uint64_t ino);
/* Also the pages of an attachment: what was written to it here is not what it is. */
void notify_written(struct notifier *n, uint64_t ino);
/* Attributes alone. */
void notify_attributes(struct notifier *n, uint64_t ino);
/* Whether the kernel has heard of all that was notified of that one: what it caches is as new as
 * the store. */
bool notify_is_told(struct notifier *n, uint64_t ino);
/* A name, also one the kernel knows to be absent. */
void notify_name(struct notifier *n, uint64_t dir, const char *name);

/* A request in that directory, from its arrival until it was answered. */
void notify_hold(struct notifier *n, uint64_t dir);
void notify_release(struct notifier *n, uint64_t dir);

/* A name at once, by a thread that may wait for the kernel: none that answers requests. */
int notify_name_now(struct fuse_session *session, uint64_t dir, const char *name);

/* A moment, for notify_then. */
uint64_t notify_now(struct notifier *n);
/* Runs `fn` once the kernel was told of every inode notified since then (0: at all), within the bound;
 * on a thread of the notifier: it must not wait. */
void notify_then(struct notifier *n, uint64_t since, work_fn fn, void *arg);
