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
 *	   DROPPED ----------------------> IN A WINDOW (lane) -------------------------> KEPT
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

struct bodies;

struct bodies *bodies_new(struct pager *p);
/* No lane and no timer is under way any more; nobody is told. */
void bodies_stop(struct bodies *b);
void bodies_free(struct bodies **b);

/* Something was stored: are there too many? */
void bodies_check(struct bodies *b);
/* Somebody opened that part of the space's time. */
void bodies_opened(struct bodies *b, int64_t room, int64_t lo_ms, int64_t hi_ms);

/* For tests: as the timer. */
void bodies_tick(struct bodies *b);

/* NEED_BODY */
int source_body_begin(struct fetch *f);
void source_body_cancel(struct fetch *f);
