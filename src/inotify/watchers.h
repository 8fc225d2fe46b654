/* SPDX-License-Identifier: MIT */
/*
 * Keeps the mount in use while somebody watches something in it.
 *
 * To set a watch on a directory that the kernel knows sends no request, and to have one sends none
 * either. So a thread of ours looks every few seconds who watches what (marks.h):
 *
 *	                 watchers_start
 *	                     v
 *	     +-----------> ALONE ------------+
 *	     |               a look: somebody: pager_stay_awake(+1)
 *	     |                               v
 *	     +------------------------- WATCHED    (settle)
 *	       a look: nobody: pager_stay_awake(-1); watchers_free
 *
 *  1. What the mount says of itself (the root, .sparkfs, ...) never changes at the server, so a
 *     watch on that does not count, as a look at it does not.
 *  2. A process whose watches we may not see (another user's, or one that is protected, such as
 *     ssh-agent) counts as a watcher from its first request to the mount until it ends. One that
 *     never sent a request does not count: else the ssh-agent of each desktop would keep each mount
 *     awake.
 *  3. If the watches of nobody can be seen, somebody watches.
 *  4. The looks take at most a hundredth of one processor: the pause after one that took long is
 *     longer, up to WATCHERS_PAUSE_MAX_MS.
 *
 * Thread rule: watchers_note: any thread, cheap; the others: the thread that starts and ends the
 * mount. Lock: watchers.lock, for the callers; nothing is called under it.
 */
#pragma once

#include <sys/types.h>

#include "tree/tree.h"

#define WATCHERS_PAUSE_MS 2000
#define WATCHERS_PAUSE_MAX_MS 30000

struct watchers;

struct watchers_config {
	struct tree *tree;   /* borrowed, with its pager */
	struct pager *pager; /* borrowed */
	unsigned minor;	     /* of the mount's device */
	int pause_ms;	     /* between two looks; 0: WATCHERS_PAUSE_MS */
};

/* Starts the thread. 0 or -errno. */
int watchers_start(const struct watchers_config *config, struct watchers **ret);
/* Notes that a thread of another process sent a request. */
void watchers_note(struct watchers *w, pid_t tid);
/* Ends the thread; nothing is looked at any more. */
void watchers_stop(struct watchers *w);
/* After watchers_stop and the last watchers_note. */
void watchers_free(struct watchers **w);
