/* SPDX-License-Identifier: MIT */
/*
 * Bodies of messages: how many may stay (-o cache_messages=), and how those that were dropped
 * come back.
 *
 * A body comes back with a page of the server's list, never alone: the page that a reader needs
 * brings what stands above the message and was dropped, too (below it, if that is there), so
 * that whoever reads a month, up or down, costs a request a page. Others who need what is on
 * its way join in:
 *
 *	             begin: not on its way                     page: its part is there
 *	   DROPPED ----------------------> IN A WINDOW (page run) -------------------------> KEPT
 *	      ^                                   |                                       |
 *	      |      error, or nobody waits       |                                       |
 *	      +-----------------------------------+                                       |
 *	      +-- dropped: over the bound, its month was not opened for longest, no window |
 *	                  is under way <--------------------------------------------------+
 *
 * Dropping goes in slices of a few milliseconds with pauses between them. Months that were
 * opened a moment ago are spared, so that who has fetched something can read it.
 *
 * Thread rule: cache thread.
 */
#pragma once

#include <stdint.h>

#include "pager/fetch.h"

struct evicted;

struct evicted *evicted_new(struct pager *p);
/* No page run and no timer is under way any more; nobody is told. */
void evicted_stop(struct evicted *b);
void evicted_free(struct evicted **b);

/* Something was stored: are there too many? */
void evicted_check(struct evicted *b);
/* Somebody opened that part of the space's time. */
void evicted_opened(struct evicted *b, int64_t room, int64_t lo_ms, int64_t hi_ms);

/* For tests: as the timer. */
void evicted_tick(struct evicted *b);

/* NEED_BODY */
int fetcher_body_begin(struct fetch *f);
void fetcher_body_cancel(struct fetch *f);
