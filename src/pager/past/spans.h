/* SPDX-License-Identifier: MIT */
/*
 * Fills the gaps in what is known of a space's time (design 4).
 *
 * Somebody wants an interval. The parts that the store knows are not fetched. Each gap gets a
 * page run (page_run.h); a gap that already has one gets no second, whoever asks. A waiter ends
 * when the store knows all of its interval. A point of time in a space is
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
 *  2. Each page run makes one request at a time, and a space has at most SPANS_LANES page runs.
 *  3. Each gap of an interval that somebody waits for gets one page run, so its n messages cost
 *     at most n / page + 1 requests. Only an interval that reaches down to the beginning of
 *     time, and one that is read ahead, is cut into several page runs.
 *  4. When the last waiter of an interval was interrupted, its page run ends and its request is
 *     cut off; what came is kept.
 *
 * Reading ahead: a walker (find, rsync, grep -r) opens one month after the other, down or up; a
 * jump is no step. After two steps in one direction page runs go on beyond the walker, as far
 * ahead as twice the way that it has come, but at most SPANS_AHEAD pages. If no step comes for
 * WALK_IDLE_MS, this ends.
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
/* Ends all page runs. Nobody is told. */
void spans_shutdown(struct spans *s);
void spans_free(struct spans **s);

/*
 * Wants the interval of the fetch's need: `f` ends by fetch_finished when (lo, hi] is known.
 * FETCH_MORE and the waiter, which belongs to the spans; FETCH_DONE if it is known already; -errno.
 */
int spans_want(struct spans *s, struct fetch *f, struct span_waiter **ret_want);
/* Somebody waits for its fetch now. */
void spans_raise(struct span_waiter *waiter);
/* Drops the waiter, because its fetch is cancelled. */
void spans_unwant(struct spans *s, struct span_waiter *waiter);

/* Notes that a walker came to (lo, hi]. */
void spans_step(struct spans *s, int64_t room, int64_t lo, int64_t hi);

/* For tests and status.json. */
int spans_lanes(const struct spans *s);
