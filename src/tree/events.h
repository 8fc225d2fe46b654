/* SPDX-License-Identifier: MIT */
/*
 * The stream of events (design 2). Each event of the journal is a line:
 *
 *     CURSOR TIME WHAT PATH
 *
 * PATH is the last word and goes to the end of the line. `events` in the root is a symlink to
 * .sparkfs/events. No listing shows that file, so that no walker (grep -r, cp -r, rsync -a)
 * meets a file that never ends; nor is events@CURSOR of the root listed.
 * Thread rule: any thread, but one at a time for each reader.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "tree/tree.h"

/* The largest cursor that fits into a node id (tree/ino.h). */
#define TREE_CURSOR_MAX ((INT64_C(1) << 45) - 1)

/* N of a name "events@N", in digits without a leading zero; -1 for any other name. Pure, fuzzed. */
int64_t tree_events_cursor(const char *name);

/* About as much as one READ asks for; lines end with the one that comes to it. */
#define TREE_EVENTS_PORTION 16384

/* How far a reader has come. */
struct tree_events {
	int64_t cursor;
	bool from_start; /* events@0: from the oldest event that is kept */
};

/* A reader of `events` begins after the newest event; one of events@N after N, or as `events`
 * if no event has that cursor yet (then it comes from another store). */
void tree_events_begin(struct tree *t, uint64_t ino, struct tree_events *ret_events);
/*
 * Appends lines after the cursor, about TREE_EVENTS_PORTION bytes at most, and moves the cursor behind them. If
 * events after the cursor are no longer kept, the first line is "CURSOR TIME missed HOW-MANY".
 * Appends nothing if there is no event yet. 0 or -errno (then nothing was appended).
 */
int tree_events_next(struct tree_ctx *ctx, struct tree_events *e, GString *out);
