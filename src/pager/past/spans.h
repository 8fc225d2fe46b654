/* SPDX-License-Identifier: MIT */
/*
 * How the gaps in what is known of a space's time are filled (design 4).
 *
 * Somebody wants an interval. What of it the store knows is not asked for; each gap gets a page run
 * (page_run.h), and a gap that a page run has already gets no second one, whoever asks. A waiter ends when
 * the store knows all of it. A point of time in a space is
 *
 *	             fill: a page run begins there
 *	   UNKNOWN ---------------------------> IN A PAGE RUN
 *	      ^                                   |     |
 *	      | on_done: error; nobody wants      |     | on_page: the page is in the store
 *	      | it any more; the walk is over     |     v
 *	      +-----------------------------------+   KNOWN
 *	                                                | (the store forgets: the space is gone)
 *	                                                v
 *	                                             UNKNOWN
 *
 *  1. The parts (bottom, top] of page runs are disjoint. Asserted.
 *  2. One request at a time a page run, at most SPANS_LANES page runs a space.
 *  3. A waiter for one interval is filled by one page run a gap: its n messages cost at most
 *     n / page + 1 requests. Only what reaches down to the beginning of time, and what is read
 *     ahead, is cut into several page runs.
 *  4. When the last one who wanted an interval was interrupted, its page run ends with the request
 *     under way cut; what came is kept.
 *
 * Reading ahead. A walker (find, rsync, grep -r) opens one month after the other, down or up;
 * a jump is no step. Two steps in one direction, and page runs go on beyond it, as far ahead as
 * twice the way it has come, at most SPANS_AHEAD pages; a step that does not come for
 * WALK_IDLE_MS ends it.
 *
 *	          spans_step twice, one way          no step for a while, interrupted,
 *	   STANDS -------------------------> WALKS   the other way, an error
 *	      ^                                |
 *	      +--------------------------------+
 *
 * Thread rule: cache thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pager/fetch.h"

#define SPANS_LANES 8
#define SPANS_AHEAD 64

struct spans;
struct span_waiter;

struct spans *spans_new(struct pager *p);
/* All page runs end, nobody is told. */
void spans_shutdown(struct spans *s);
void spans_free(struct spans **s);

/*
 * `f` ends by fetch_finished once (lo, hi] is known. 0 and the waiter (the spans'), FETCH_DONE if it
 * is known already, -errno.
 */
int spans_want(struct spans *s, struct fetch *f, struct span_waiter **ret_want);
/* Its fetch is cancelled. */
void spans_unwant(struct spans *s, struct span_waiter *waiter);

/* A walker came to (lo, hi]. */
void spans_step(struct spans *s, int64_t room, int64_t lo, int64_t hi);

/* For tests and status.json. */
int spans_lanes(const struct spans *s);
