/* SPDX-License-Identifier: MIT */
/*
 * Threads of our own. All signals are blocked in them: SIGTERM and its like must interrupt
 * libfuse's read in the main thread, since no other thread can end the session.
 * Thread rule: any thread.
 */
#pragma once

#include <pthread.h>

/* `name` is cut to 15 bytes. 0, or -errno of pthread_create. Joinable. */
int thread_start(const char *name, void *(*fn)(void *arg), void *arg, pthread_t *ret_thread);
