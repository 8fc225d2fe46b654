/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a condition until a deadline, by a clock that nobody sets.
 * Thread rule: as pthread_cond_wait().
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Makes `cond` one that wait_until() can be used with. The owner destroys it. */
void wait_init(pthread_cond_t *cond);

/* The deadline in `ms` milliseconds, for wait_until(). Below 0: never. */
int64_t wait_deadline(int64_t ms);

/*
 * Waits for a signal. False: the deadline is over. The caller, who holds `lock`, looks again at what
 * it waits for in both cases.
 */
bool wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline);
