/* SPDX-License-Identifier: MIT */
/*
 * The notifier: threads of their own that tell the kernel what to forget. They hold no lock
 * while they do, since the kernel may wait inside for a request that is still being answered
 * (libfuse, doc/README.notifications).
 *
 * To forget a name the kernel takes its directory's lock, which it holds for as long as a
 * look-up, a listing, rm, mkdir or mv there waits for our answer. A thread that is caught in that
 * wait cannot be killed, and a daemon that is killed then would leave its mount hanging, since the
 * connection lives as long as the thread. So names of such a directory are told when the answers
 * were given (notify_hold, notify_release). What comes to the directory between our look and the
 * kernel's is waited for in the kernel: names therefore go through several queues by directory, and
 * inodes, which need no such lock, through one of their own. Nothing orders one against another.
 *
 * Thread rule: notify_inode, notify_inodes_are_told, notify_name, notify_hold, notify_release
 * from any thread. Lock: notifier.lock, under which names are posted to the work queues.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/work.h"

struct fuse_session;
struct notifier;

int notifier_start(struct fuse_session *session, struct notifier **ret_notifier);
/* Tells what is queued, joins. Before the session is destroyed. */
void notifier_stop(struct notifier **n);

/* Attributes and cached pages (of a directory: its cached listing). */
void notify_inode(struct notifier *n, uint64_t ino);
/* Whether the kernel has heard of all of those: what it caches is as new as the store. */
bool notify_inodes_are_told(struct notifier *n);
/* A name, also one the kernel knows to be absent. */
void notify_name(struct notifier *n, uint64_t dir, const char *name);

/* A request in that directory, from its arrival until it was answered. */
void notify_hold(struct notifier *n, uint64_t dir);
void notify_release(struct notifier *n, uint64_t dir);

/* A name at once, by a thread that may wait for the kernel: none that answers requests. */
int notify_name_now(struct fuse_session *session, uint64_t dir, const char *name);

/* Runs `fn` once the kernel was told of every inode noticed so far; on the notifier's thread: it must
 * not wait. */
void notify_then(struct notifier *n, work_fn fn, void *arg);
