/* SPDX-License-Identifier: MIT */
/*
 * The slow sweep: compares old messages, one page at a time, with what the server has now, and
 * so finds edits, deletions and what a retention policy removed (webex-api.md 7.2, 7.6). The
 * space whose turn was longest ago is next and goes on where its last page ended. The newest
 * messages are left out, since their own fetches verify them.
 * Thread rule: cache thread.
 */
#pragma once

#include "pager/pager.h"

/* At most one page in this time. */
#define SWEEP_MS 60000

/* Begins the next page, if there is one; nobody is told of its end. */
void sweep_begin(struct pager *p);
