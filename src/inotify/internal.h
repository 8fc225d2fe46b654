/* SPDX-License-Identifier: MIT */
/*
 * What the files of the mirror share (mirror.h): mirror.c runs acts, answer.c answers the
 * helper's requests, process.c has the helper.
 */
#pragma once

#include <sys/types.h>

#include "fs/internal.h"
#include "inotify/acts.h"

/* The helper: a socket to it, and its process. Thread rule: the mirror's thread, but quit. */
struct mirror_process {
	char *mountpoint;
	const struct connection *connection; /* is there until the last act */
	pthread_mutex_t lock;
	int fd;	      /* -1: not running; written under lock */
	bool is_over; /* lock: for good */
	pid_t pid;    /* 0: not running */
	int starts;   /* in a row without an act that was done */
};

struct mirror {
	struct fs *fs;
	struct work_queue *queue; /* the mirror's thread */
	char sink;		  /* its address is the handle of what the helper opens */
	struct mirror_process process;
	atomic_int pid;	   /* of the helper, as FUSE requests have it; 0: none */
	atomic_int queued; /* acts */
	pthread_mutex_t lock;
	const struct mirror_act *expected; /* lock; NULL: none. Owned by the mirror's thread */
	enum mirror_what expected_what;	   /* lock: as what; MIRROR_TOUCH in place of others */
	bool is_done;			   /* lock: the expected one was answered */
	GQueue jobs; /* lock: of struct job, in the order of the changes; until they are run */
};

/* ---- answer.c ---- */

/* The operations that see each request first; `ops` answers all that is not the helper's. Main
 * thread, before the mount. */
const struct fuse_lowlevel_ops *mirror_wrap(const struct fuse_lowlevel_ops *ops);

/* ---- process.c ---- */

void mirror_process_init(struct mirror_process *p, const char *mountpoint,
			 const struct connection *connection);
/* Starts it if it does not run. -ECANCELED: no more; else -errno. */
int mirror_process_ensure(struct mirror_process *p);
/* Does an act. > = 0: what came of it, an errno; -EPIPE: it died; other -errno. */
int mirror_process_do(struct mirror_process *p, const struct mirror_act *act,
		      enum mirror_what what);
/* Kills it. When this returns it asks for nothing any more, and its number is still its own. */
void mirror_process_end(struct mirror_process *p);
/* The same, and waits for it: its number may be another's. */
void mirror_process_reap(struct mirror_process *p);
/* Any thread: whoever waits for it goes on. */
void mirror_process_quit(struct mirror_process *p);
bool mirror_process_is_over(struct mirror_process *p);
void mirror_process_clear(struct mirror_process *p);

/* ---- the protocol: one packet a message ---- */
#define MIRROR_FD 3
#define MIRROR_PACKET_MAX 4096
/*
 * enum mirror_what in one byte, the path and a NUL, for a rename the new one and a NUL. The answer
 * is an int: 0 or an errno. Before it acts the helper says MIRROR_STANDS: it has opened the root of
 * what is at the path and has our number. Both may be another mount's by then, so it is
 * told by a byte, 0 or 1, whether ours is still there: then it was ours that it opened.
 */
#define MIRROR_STANDS (-1)
