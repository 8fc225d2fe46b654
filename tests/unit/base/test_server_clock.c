/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/server_clock.h"

#define HOUR_MS INT64_C(3600000)
#define T0 INT64_C(1760000000000)

static int64_t mono_ms, wall_ms = T0;

static int64_t mono(void *arg)
{
	(void)arg;
	return mono_ms;
}

static int64_t wall(void *arg)
{
	(void)arg;
	return wall_ms;
}

/* In place of that of base/clock.c. */
const struct clock *clock_system(void)
{
	static const struct clock machine = {mono, wall, NULL};

	return &machine;
}

static void pass(int64_t ms)
{
	mono_ms += ms;
	wall_ms += ms;
}

static void assert_skew(int64_t ms)
{
	assert_int_equal(clock_wall(clock_server()) - wall_ms, ms);
	assert_int_equal(clock_mono(clock_server()), mono_ms);
}

static void test_the_server_s_time(void **state)
{
	(void)state;
	assert_skew(0);
	clock_note_server(0);
	assert_skew(0);
	clock_note_server(wall_ms - 2 * HOUR_MS);
	assert_skew(-2 * HOUR_MS);
	/* It comes late, by whole seconds. */
	pass(1000);
	clock_note_server(wall_ms - 2 * HOUR_MS - 1999);
	assert_skew(-2 * HOUR_MS - 1999);
	/* One lies, or some do, each otherwise, or at once. */
	for (int i = 0; i < 20; i++) {
		pass(SERVER_CLOCK_AGREE_MS);
		clock_note_server(wall_ms + (i + 1) * 24 * HOUR_MS);
		assert_skew(-2 * HOUR_MS - 1999);
	}
	for (int i = 0; i < 20; i++)
		clock_note_server(wall_ms + HOUR_MS);
	assert_skew(-2 * HOUR_MS - 1999);
	clock_note_server(wall_ms - 2 * HOUR_MS);
	pass(SERVER_CLOCK_AGREE_MS);
	clock_note_server(wall_ms + HOUR_MS);
	assert_skew(-2 * HOUR_MS);
	/* A clock that runs at another speed. */
	for (int i = 0; i < 20; i++) {
		pass(SERVER_CLOCK_AGREE_MS / 2);
		clock_note_server(wall_ms + i * SERVER_CLOCK_AGREE_MS);
		assert_skew(-2 * HOUR_MS);
	}
	/* Our clock was set right, to within a few minutes. */
	wall_ms -= 2 * HOUR_MS;
	clock_note_server(wall_ms + 30000);
	assert_skew(-2 * HOUR_MS);
	pass(SERVER_CLOCK_AGREE_MS);
	clock_note_server(wall_ms + 30000);
	assert_skew(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_server_s_time),
	};

	return cmocka_run_group_tests_name("server's clock", tests, NULL, NULL);
}
