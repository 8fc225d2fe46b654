/* SPDX-License-Identifier: MIT */
/*
 * How long an op may wait, and what a person is told of it. An op gets some seconds or as long as what it
 * waits for goes on (op.c). Time in which the gate keeps requests from being sent, because of our own rate
 * or because the server said when it takes some again, counts for neither: the server is well, and a
 * signal ends the wait. But an op that names something in a directory (a look-up, a change) keeps that
 * directory locked in the kernel: others stand behind it, and no signal reaches those. So it ends in time
 * all the same: a look-up by a name that is told later (tree/later.c), a change by EBUSY.
 *
 * Thread rule: cache thread.
 */
#pragma once

#include "fs/op.h"

/* What the time-out of an op that still waits means. */
enum waits_verdict {
	WAITS_OVER,   /* it is over */
	WAITS_ON,     /* it goes on until op->deadline_ms, which was moved */
	WAITS_LOCKED, /* it could go on, but for the directory that it keeps locked */
};

/* The op begins to wait. From now on it has a deadline, at which waits_judge() is called. */
void waits_begin(struct op *op);
/* Something of what it waits for came. */
void waits_progress(struct op *op);
enum waits_verdict waits_judge(struct op *op);
/* Gives an op the words for its end: that it is over, or (`is_locked`) why it does not wait any longer. The
 * error. */
int waits_end(struct op *op, bool is_locked);
/* An op ended. When none waits any more, but for readers of events, what was said of their waits is
 * taken back. */
void waits_ended(struct fs *fs);
