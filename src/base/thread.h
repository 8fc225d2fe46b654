/* SPDX-License-Identifier: MIT */
/*
 * Threads of our own. All signals are blocked in them: SIGTERM and friends must interrupt
 * libfuse's own read in the main thread, not a thread that cannot end the session.
 * Thread rule: any thread.
 */
#pragma once

#include <pthread.h>

/* `name` is cut to 15 bytes. 0, or -errno of pthread_create. Joinable. */
int thread_start(const char *name, void *(*fn)(void *arg), void *arg, pthread_t *ret_thread);
