/* SPDX-License-Identifier: MIT */
/*
 * Time and the work queue, both owned by the test: linked instead of base/work.c and base/clock.c, so that everything runs on one
 * thread, in an order that only the seed decides. Time moves only in time_pass.
 */
#pragma once

#include "base/clock.h"
#include "base/work.h"

extern const struct clock fake_clock;
/* By how much the service's clock differs from ours. */
extern int64_t time_skew_ms;

int64_t time_mono(void);
int64_t time_wall(void);
int64_t time_server(void);

/* Sets everything as at the start of the process. */
void time_reset(void);
/* Runs the posted items, and those that they post. */
void time_settle(void);
/* Lets so much time pass, with all timers on the way. */
void time_pass(int64_t ms);
/* When the next timer is due (mono); INT64_MAX: none. */
int64_t time_next(void);
/* Drops timers and items: the process was killed. */
void time_forget(struct work_queue *q);
