/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include <signal.h>
#include <stdio.h>

int thread_start(const char *name, void *(*fn)(void *arg), void *arg, pthread_t *ret_thread)
{
	char short_name[16];
	sigset_t all, old;
	pthread_t thread;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&thread, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		return -r;

	snprintf(short_name, sizeof(short_name), "%.15s", name);
	pthread_setname_np(thread, short_name);
	*ret_thread = thread;
	return 0;
}
