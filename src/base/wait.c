/* SPDX-License-Identifier: MIT */
/* A deadline is in nanoseconds of CLOCK_MONOTONIC: no condition can wait on CLOCK_BOOTTIME. */
#include "base/wait.h"

#include <time.h>

#define NEVER INT64_MAX
#define NS_PER_S INT64_C(1000000000)

void wait_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

int64_t wait_deadline(int64_t ms)
{
	struct timespec now;

	if (ms < 0)
		return NEVER;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec + ms * (NS_PER_S / 1000);
}

bool wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline)
{
	struct timespec end = {.tv_sec = deadline / NS_PER_S, .tv_nsec = deadline % NS_PER_S};

	if (deadline == NEVER)
		return pthread_cond_wait(cond, lock) == 0;
	return pthread_cond_timedwait(cond, lock, &end) == 0;
}
