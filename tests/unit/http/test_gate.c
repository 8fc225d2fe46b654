/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "http/gate.h"

#define T0 1000000

static int take_all(struct http_gate *g, bool background, int64_t now_ms)
{
	int n = 0;

	while (http_gate_take(g, background, now_ms) == 0 && n < 1000)
		n++;
	return n;
}

static void test_burst_then_rate(void **state)
{
	struct http_gate g;

	(void)state;
	http_gate_init(&g, 300, T0);
	assert_int_equal(take_all(&g, false, T0), 300);
	assert_uint_in_range(http_gate_take(&g, false, T0), 199, 202);
	assert_int_equal(take_all(&g, false, T0 + 1000), 5);
	/* It never holds more than the burst. */
	assert_int_equal(take_all(&g, false, T0 + 10 * 3600 * 1000), 300);
}

static void test_wait_is_long_enough(void **state)
{
	struct http_gate g;
	int64_t now = T0;

	(void)state;
	http_gate_init(&g, 7, now);
	for (int i = 0; i < 50; i++) {
		now += http_gate_take(&g, i % 2, now);
		assert_int_equal(http_gate_take(&g, i % 2, now + 1), 0);
	}
}

static void test_background_leaves_a_tenth(void **state)
{
	struct http_gate g;

	(void)state;
	http_gate_init(&g, 300, T0);
	assert_int_equal(take_all(&g, true, T0), 270);
	assert_int_equal(take_all(&g, false, T0), 30);
}

static void test_limit_shuts_and_halves(void **state)
{
	struct http_gate g;

	(void)state;
	http_gate_init(&g, 300, T0);
	http_gate_limited(&g, 10, T0);
	assert_int_equal(http_gate_take(&g, false, T0), 10000);
	assert_int_equal(http_gate_take(&g, false, T0 + 9999), 1);
	/* Those that were on the wire with it say the same: it counts once. */
	http_gate_limited(&g, 12, T0 + 10);
	assert_true(g.rate == 2.5);
	assert_int_equal(http_gate_take(&g, false, T0 + 12009), 1);
	assert_int_equal(http_gate_take(&g, false, T0 + 12010), 0);
	/* A shorter wait does not open it sooner. */
	http_gate_limited(&g, 60, T0 + 20000);
	http_gate_limited(&g, 1, T0 + 20001);
	assert_true(http_gate_take(&g, false, T0 + 30000) > 0);
}

static void test_rate_recovers_and_has_a_floor(void **state)
{
	struct http_gate g;
	int64_t now = T0;

	(void)state;
	http_gate_init(&g, 300, now);
	for (int i = 0; i < 20; i++, now += 2000)
		http_gate_limited(&g, 1, now);
	assert_true(g.rate >= 0.5);
	for (int i = 0; i < 89; i++)
		http_gate_succeeded(&g, now);
	assert_true(g.rate < 5);
	for (int i = 0; i < 20; i++)
		http_gate_succeeded(&g, now);
	assert_true(g.rate == 5);
}

static void test_off_still_obeys(void **state)
{
	struct http_gate g;

	(void)state;
	http_gate_init(&g, 0, T0);
	assert_int_equal(take_all(&g, true, T0), 1000);
	http_gate_limited(&g, 3, T0);
	assert_int_equal(http_gate_take(&g, false, T0), 3000);
	http_gate_succeeded(&g, T0 + 3000);
	assert_int_equal(take_all(&g, true, T0 + 3000), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_then_rate),
		cmocka_unit_test(test_wait_is_long_enough),
		cmocka_unit_test(test_background_leaves_a_tenth),
		cmocka_unit_test(test_limit_shuts_and_halves),
		cmocka_unit_test(test_rate_recovers_and_has_a_floor),
		cmocka_unit_test(test_off_still_obeys),
	};

	return cmocka_run_group_tests_name("http gate", tests, NULL, NULL);
}
