/* SPDX-License-Identifier: MIT */
/*
 * Compares old messages with what the server has now, and so finds edits, deletions and what a
 * retention policy removed (webex-api.md 7.2, 7.6).
 *
 *  1. The slow sweep goes on by itself, one page at a time. The space whose turn was longest ago is
 *     next and goes on where its last page ended, in an earlier mount, too. The newest messages are
 *     left out, since their own fetches verify them.
 *  2. NEED_VERIFY is of a month that somebody opens and that was verified longer than
 *     VERIFY_MONTH_MS ago: a program that copies everything in a mount of some minutes each night
 *     gets every edit, though no sweep comes far in it. One page is enough for the months above
 *     that are due, too, and fit in it, because the next step of the walk leads there.
 *
 * Thread rule: cache thread.
 */
#pragma once

#include "pager/pager.h"

/* At most one page in this time. */
#define SWEEP_MS 60000

/* Begins the next page, if there is one; nobody is told of its end. */
void sweep_begin(struct pager *p);
