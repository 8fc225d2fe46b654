/* SPDX-License-Identifier: MIT */
/*
 * Sessions of processes (setsid(2)): a terminal, a service. What several are told at once, each finds its
 * own of (base/log.h, tree/answers.h).
 * Thread rule: any thread.
 */
#pragma once

#include <sys/types.h>
#include <unistd.h>

/* The session of a process or thread; 0: unknown. */
static inline pid_t session_of(pid_t pid)
{
	pid_t session = pid > 0 ? getsid(pid) : 0;

	return session > 0 ? session : 0;
}
