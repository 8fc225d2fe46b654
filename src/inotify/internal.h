/* SPDX-License-Identifier: MIT */
/*
 * What the files of the mirror share (mirror.h): mirror.c runs acts, answer.c answers the
 * helper's requests, process.c has the helper.
 */
#pragma once

#include <sys/types.h>

#include "fs/internal.h"
#include "inotify/acts.h"
#include "inotify/watchers.h"

/* The helper: a socket to it, and its process. Thread rule: the mirror's thread, except
 * mirror_process_quit. */
struct mirror_process {
	char *mountpoint;
	const struct connection *connection; /* exists until the last act */
	pthread_mutex_t lock;
	int fd;	      /* -1: not running; written under lock */
	bool is_over; /* lock: it must not be started again */
	pid_t pid;    /* 0: not running */
	int starts;   /* starts in a row without a successful act */
};

struct mirror {
	struct fs *fs;
	struct work_queue *queue; /* the mirror's thread */
	struct watchers *watchers;
	char sink; /* its address is the handle of the files that the helper
				   * opens */
	struct mirror_process process;
	atomic_int pid;	   /* of the helper, as FUSE requests show it; 0: none */
	atomic_int queued; /* acts */
	pthread_mutex_t lock;
	const struct mirror_act *expected; /* lock; NULL: none. Owned by the mirror's thread */
	enum mirror_what expected_what;	   /* lock: its kind; MIRROR_TOUCH if that is done
					    * instead */
	bool is_done;			   /* lock: the expected act was answered */
	GQueue jobs; /* lock: of struct job, in the order of the changes; until they are run */
};

/* ---- answer.c ---- */

/* The operations that get each request first; `ops` answers all requests of other processes.
 * Main thread, before the mount. */
const struct fuse_lowlevel_ops *mirror_wrap(const struct fuse_lowlevel_ops *ops);

/* ---- process.c ---- */

void mirror_process_init(struct mirror_process *p, const char *mountpoint,
			 const struct connection *connection);
/* Starts the helper if it does not run. 0; -ECANCELED: it must not be started any more; -errno. */
int mirror_process_ensure(struct mirror_process *p);
/* Lets the helper do an act. >= 0: the errno that the helper got, 0 for success; -EPIPE: it
 * died; other -errno. */
int mirror_process_do(struct mirror_process *p, const struct mirror_act *act,
		      enum mirror_what what);
/* Kills it. When this returns it makes no more requests, and no other process has its number
 * yet. */
void mirror_process_end(struct mirror_process *p);
/* The same, and reaps it: after that another process may get its number. */
void mirror_process_reap(struct mirror_process *p);
/* Any thread: ends the wait for an act. */
void mirror_process_quit(struct mirror_process *p);
bool mirror_process_is_over(struct mirror_process *p);
void mirror_process_clear(struct mirror_process *p);

/* ---- the protocol: one packet a message ---- */
#define MIRROR_FD 3
#define MIRROR_PACKET_MAX 4096
/*
 * A request is enum mirror_what in one byte, the path and a NUL, and for a rename the new path
 * and a NUL. The answer is an int: 0 or an errno. Before it acts the helper says MIRROR_STANDS:
 * it has opened the root of the mount at the path that has our device number. Path and number
 * may belong to another mount by then. So we answer by a byte, 0 or 1, whether our mount still
 * exists; if it does, the helper opened ours.
 */
#define MIRROR_STANDS (-1)
