/* SPDX-License-Identifier: MIT */
/*
 * Reading the stream of events: READ waits, without a thread, until something happens.
 *
 *  1. A READ and its reply are one item of the cache thread, so no two threads share the state
 *     of a reader, and lines that the kernel did not take are given again.
 *  2. The kernel opens the file as a stream (FOPEN_STREAM): it has no position, and of two
 *     processes that read one descriptor none waits for the other, a wait that no signal would
 *     end.
 *  3. An event is given to readers when the kernel has forgotten what the change made stale, or
 *     had NOTIFY_BOUND_MS for it (notify.h).
 *  4. At unmount readers get the end of the file.
 * Thread rule: as said at each. Lock: fs_polls.lock, under which nothing is called.
 */
#pragma once

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct fs;
struct fuse_file_info;
struct fuse_pollhandle;
struct events_reader;
struct op;

/* The readers that wait in poll(). */
struct fs_polls {
	pthread_mutex_t lock;
	GHashTable *waiting; /* reader -> struct fuse_pollhandle, owned; lock */
	bool is_telling;     /* cache thread; the readers are about to be told of an event */
};

void fs_polls_init(struct fs_polls *p);
/* Called when the session's loop has ended. */
void fs_polls_clear(struct fs_polls *p);

/* NULL if the open file is no stream. */
struct events_reader *events_reader_of(const struct fuse_file_info *fi);
/* Any thread. `opener` is the process (0: unknown). NULL: it has too many open (OPEN_BYTES_MAX). */
struct events_reader *events_reader_new(struct fs *fs, uint64_t ino, pid_t opener);
void events_reader_free(struct fs *fs, struct events_reader *r);
/* run() and undo() of a READ; cache thread. */
int events_read_run(struct op *op);
void events_read_undo(struct op *op);
