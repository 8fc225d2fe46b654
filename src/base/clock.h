/* SPDX-License-Identifier: MIT */
/*
 * The two clocks that all code asks for the time, so that a test can set it. mono: milliseconds
 * that never go back and count through suspend (CLOCK_BOOTTIME); for deadlines and ages. wall:
 * milliseconds since 1970 UTC. What is compared with the server's times takes clock_server()
 * (server_clock.h), whose wall clock is the server's.
 * Thread rule: any thread.
 */
#pragma once

#include <stdint.h>

struct clock {
	int64_t (*mono_ms)(void *arg);
	int64_t (*wall_ms)(void *arg);
	void *arg;
};

/* Milliseconds that stand still through suspend: for limits on what a process of this machine may take,
 * which stands still then, too. */
int64_t clock_awake(void);

/* The machine's clocks. Never NULL. */
const struct clock *clock_system(void);

static inline int64_t clock_mono(const struct clock *c)
{
	return c->mono_ms(c->arg);
}

static inline int64_t clock_wall(const struct clock *c)
{
	return c->wall_ms(c->arg);
}
