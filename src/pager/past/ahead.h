/* SPDX-License-Identifier: MIT */
/*
 * Reads ahead of a program that saves one space after the other (.sparkfs/archive). In each space it
 * waits for one page after the other, so that the rate which the server allows would not be used up: the
 * pages of the spaces that come next are fetched meanwhile, in the background. Which they are is told by
 * its last step: programs go by name (rsync) or in the order of the listing (cp, tar, find).
 *
 *	         a step to another space                another one, in either order
 *	STANDS -------------------------> HAS STEPPED ------------------------------> GOES ON
 *	   ^                                                                            |
 *	   +---------------- no step for AHEAD_IDLE_MS, or a jump ----------------------+
 *
 * When the program stands, the fetches that were begun for it end after their present page.
 * Thread rule: cache thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pager/pager.h"

/* So many spaces are fetched ahead. */
#define AHEAD_SPACES 4
#define AHEAD_IDLE_MS 10000

struct ahead;

struct ahead *ahead_new(struct pager *p);
void ahead_free(struct ahead **a);

/* Notes that the program is at a part of this space. */
void ahead_step(struct ahead *a, int64_t room);
/* True while it goes on. */
bool ahead_is_on(const struct ahead *a);
