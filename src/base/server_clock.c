/* SPDX-License-Identifier: MIT */
#include "base/server_clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/timefmt.h"

/* A Date has whole seconds, and an answer takes a moment. */
#define NEAR_MS 5000

/* Server's clock minus ours; 0 if that is less than the grain. */
static _Atomic int64_t skew_ms;

/* Of the thread of http. What the last Dates said; and a doubt: what others say since then. */
static bool is_known, is_doubted;
static int64_t known_ms, doubt_ms, doubted_ms;

static int64_t machine_mono(void *arg)
{
	(void)arg;
	return clock_mono(clock_system());
}

static int64_t server_wall(void *arg)
{
	(void)arg;
	return clock_wall(clock_system()) + atomic_load(&skew_ms);
}

const struct clock *clock_server(void)
{
	static const struct clock server = {machine_mono, server_wall, NULL};

	return &server;
}

static void adopt(int64_t ms)
{
	is_known = true;
	is_doubted = false;
	known_ms = ms;
	atomic_store(&skew_ms, llabs(ms) < SERVER_CLOCK_GRAIN_MS ? 0 : ms);
}

void clock_note_server(int64_t server_wall_ms)
{
	int64_t now_ms = clock_mono(clock_system());
	int64_t ms = server_wall_ms - clock_wall(clock_system());

	if (server_wall_ms < TIME_MIN_MS || server_wall_ms >= TIME_MAX_MS)
		return;
	if (!is_known || llabs(ms - known_ms) <= NEAR_MS) {
		adopt(ms);
	} else if (!is_doubted || llabs(ms - doubt_ms) > NEAR_MS) {
		is_doubted = true;
		doubt_ms = ms;
		doubted_ms = now_ms;
	} else if (now_ms - doubted_ms >= SERVER_CLOCK_AGREE_MS) {
		adopt(ms);
	}
}
