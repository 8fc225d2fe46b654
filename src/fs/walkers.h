/* SPDX-License-Identifier: MIT */
/*
 * Who walks through many spaces, and who looks at one (design 4). A list that is known but old is
 * asked for again when somebody looks at it: the members of a space, its newest messages for their
 * edits, the details of a person. For a program that walks through everything (grep -r, find, du,
 * rsync, tar) that would be requests for each space, and the program does not want to know what
 * changed in the last minute. It gets what is known.
 *
 *  1. A process that opened a list of spaces or people goes on from there. It gets what is known. It
 *     walks if it came to three of them within WALK_MANY_MS. Else it may be a file manager, with one
 *     pane or two, or a shell that completes a name: if it is still there WALK_STAY_MS later, what
 *     it was shown is fetched in the background.
 *  2. All other processes are of people who name what they look at (ls spaces/Ops/members), and wait
 *     for what is new; but if that happens for more than WALK_PEOPLE spaces within WALK_MANY_MS,
 *     somebody walks by many processes (find -exec, a loop of the shell).
 *
 *               walkers_opened: a list                 three spaces within WALK_MANY_MS
 *     PERSON -------------------------> MAY BE A WALK --------------------------------> WALKS
 *       ^                                |  ^     ^                                       |
 *       |  WALK_FORGET_MS without an     |  |     +------- at one space for longer -------+
 *       +--open of a directory ----------+  +-- fire(): still there, so it is fetched
 *
 * The lists that walkers are spared are fetched in the background, the old ones in turn
 * (pager/present/poll.h).
 * Thread rule: any thread. Lock: walkers.lock; nothing is called under it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/work.h"
#include "pager/pager.h"

#define WALK_STAY_MS 2000
#define WALK_MANY_MS 20000
#define WALK_PEOPLE 4
#define WALK_FORGET_MS 60000

struct walkers;

/* The queue is that of the cache thread. */
struct walkers *walkers_new(struct pager *pager, struct work_queue *queue,
			    const struct clock *clock);
/* After the queue was stopped. */
void walkers_free(struct walkers **w);

/* The process (0: unknown, which counts as one) opened a directory: `space` is what it belongs to; 0:
 * it is a list of spaces or people. */
void walkers_opened(struct walkers *w, pid_t tgid, int64_t space);
/* The process asks for something that is known but old. True: what is known will do. */
bool walkers_spare(struct walkers *w, pid_t tgid, const struct need *need);
