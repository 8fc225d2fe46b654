/* SPDX-License-Identifier: MIT */
/*
 * A work queue: one thread that runs what others post, in order, and timers.
 * sparkfs is built of such threads; a module that says "cache thread" means: every call
 * of mine is made from items of that queue, so I need no lock.
 *
 *  1. Items posted by one thread run in the order of posting.
 *  2. An item is run exactly once. work_queue_stop() runs all that was posted before it
 *     returns, also what those items post meanwhile.
 *  3. A timer that was cancelled (work_cancel returned true) does not run. Timers still
 *     pending at stop are dropped unrun: their owners cancel or outlive them.
 * Thread rule: work_post, work_post_at, work_cancel from any thread, also from items;
 * start and stop from the owner's thread, never from an item.
 * Lock: the queue's own mutex, held only to link and unlink; nothing is called under it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct work_queue;

typedef void (*work_fn)(void *arg);

/* `name` (<= 15 bytes) names the thread. 0, or -errno of pthread_create. Owned. */
int work_queue_start(const char *name, struct work_queue **ret_queue);

/* Runs what is left, joins, frees, sets *queue to NULL. NULL is fine. */
void work_queue_stop(struct work_queue **queue);

void work_post(struct work_queue *q, work_fn fn, void *arg);

/* Runs fn(arg) on the queue's thread and waits for its end. Not from that thread. */
void work_call(struct work_queue *q, work_fn fn, void *arg);

/* Runs `fn` at clock_mono(clock_system()) >= `mono_ms`. Returns an id > 0 for work_cancel. */
uint64_t work_post_at(struct work_queue *q, int64_t mono_ms, work_fn fn, void *arg);

/* True: it has not run and never will. False: it ran, runs, or is unknown. */
bool work_cancel(struct work_queue *q, uint64_t timer_id);

/* True on the queue's own thread; for assertions. */
bool work_on_thread(const struct work_queue *q);
