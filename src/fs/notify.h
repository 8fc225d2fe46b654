/* SPDX-License-Identifier: MIT */
/*
 * The notifier: a thread of its own that tells the kernel what to forget. It holds no lock
 * while it does, since the kernel may wait inside for a request that is still being answered
 * (libfuse, doc/README.notifications). Thread rule: notify_inode, notify_name from any thread.
 * Lock: the work queue's.
 */
#pragma once

#include <stdint.h>

struct fuse_session;
struct notifier;

int notifier_start(struct fuse_session *session, struct notifier **ret_notifier);
/* Tells what is queued, joins. Before the session is destroyed. */
void notifier_stop(struct notifier **n);

/* Attributes and cached pages (of a directory: its cached listing). */
void notify_inode(struct notifier *n, uint64_t ino);
/* A name, also one the kernel knows to be absent. */
void notify_name(struct notifier *n, uint64_t dir, const char *name);
