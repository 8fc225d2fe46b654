/* SPDX-License-Identifier: MIT */
/*
 * The slow sweep: old messages, one page at a time, compared with what the server has now, for
 * edits, deletions and what a retention policy took (webex-api.md 7.2, 7.6). The space whose turn
 * was longest ago is next, and goes on where its last page ended. What the newest messages'
 * own fetches verify is left out.
 * Thread rule: cache thread.
 */
#pragma once

#include "pager/pager.h"

/* At most a page in so long. */
#define SWEEP_MS 60000

/* Begins the next page, if there is any; nobody is told of its end. */
void sweep_begin(struct pager *p);
