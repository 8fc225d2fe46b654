/* SPDX-License-Identifier: MIT */
/*
 * The stream of events (design 2): a line of the journal each,
 *
 *     CURSOR TIME WHAT PATH
 *
 * PATH is the last word and goes to the end of the line. `events` in the root is a symlink to
 * .sparkfs/events, which no listing shows, so that no walker (grep -r, cp -r, rsync -a) meets a
 * file that never ends; events@CURSOR in the root is no listed name either.
 * Thread rule: any, one at a time for a reader.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "tree/tree.h"

/* How far a reader has come. */
struct tree_events {
	int64_t cursor;
	bool from_start; /* events@0: whatever is kept */
};

/* Opened as `events`: after the newest there is. As events@N: after N, or as `events` where no
 * event has that cursor yet (it is of another store). */
void tree_events_begin(struct tree *t, uint64_t ino, struct tree_events *ret_events);
/*
 * Appends lines after the cursor, a few KiB at most, and moves the cursor behind them. Where
 * some are no longer kept, the first line is "CURSOR TIME missed HOW-MANY". Nothing: there are
 * none yet. 0 or -errno (nothing was appended then).
 */
int tree_events_next(struct tree_ctx *ctx, struct tree_events *e, GString *out);
