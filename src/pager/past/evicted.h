/* SPDX-License-Identifier: MIT */
/*
 * The bodies of messages: keeps their number within bounds (-o cache_messages=) and fetches
 * dropped ones again.
 *
 * A body comes back with a page of the server's list. The page is chosen so that it also brings
 * the dropped bodies above the message (or below it, if those above are there). So reading a
 * month, in either direction, costs one request for each page. Readers that need bodies which
 * are under way join:
 *
 *	             begin: not on its way                     page: its part is there
 *	   DROPPED ----------------------> IN A WINDOW (page run) -------------------------> KEPT
 *	      ^                                   |                                       |
 *	      |      error, or nobody waits       |                                       |
 *	      +-----------------------------------+                                       |
 *	      +-- dropped: over the bound, its month was not opened for longest, no window |
 *	                  is under way <--------------------------------------------------+
 *
 * Bodies are dropped in slices of a few milliseconds with pauses between them. Months that were
 * opened a moment ago are spared, so that a reader can read what it fetched.
 *
 * Thread rule: cache thread.
 */
#pragma once

#include <stdint.h>

#include "pager/fetch.h"

struct evicted;

struct evicted *evicted_new(struct pager *p);
/* Ends all page runs and the timer. Nobody is told. */
void evicted_stop(struct evicted *b);
void evicted_free(struct evicted **b);

/* Called when something was stored: begins to drop if there are too many bodies. */
void evicted_check(struct evicted *b);
/* Notes that somebody opened this part of the space's time. */
void evicted_opened(struct evicted *b, int64_t room, int64_t lo_ms, int64_t hi_ms);

/* For tests: does what the timer does. */
void evicted_tick(struct evicted *b);
