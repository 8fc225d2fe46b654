/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/thread.h"
#include "base/wait.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static bool is_raised; /* lock */

static int64_t now_ms(void)
{
	return clock_mono(clock_system());
}

static void *raise_it(void *arg)
{
	pthread_mutex_lock(&lock);
	is_raised = true;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
	return arg;
}

/* True if it was raised in time. */
static bool wait_raised(int64_t ms)
{
	int64_t deadline = wait_deadline(ms);
	bool in_time = true;

	pthread_mutex_lock(&lock);
	while (!is_raised && in_time)
		in_time = wait_until(&changed, &lock, deadline);
	in_time = is_raised;
	pthread_mutex_unlock(&lock);
	return in_time;
}

static int setup(void **state)
{
	(void)state;
	is_raised = false;
	wait_init(&changed);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return pthread_cond_destroy(&changed);
}

static void test_a_deadline_is_over_when_its_time_has_come(void **state)
{
	int64_t began = now_ms();

	(void)state;
	assert_false(wait_raised(0));
	assert_false(wait_raised(30));
	/* Nearly always in the next second. */
	assert_false(wait_raised(999));
	assert_true(now_ms() - began >= 1029);
}

static void test_a_signal_ends_a_wait(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(thread_start("raise", raise_it, NULL, &thread), 0);
	assert_true(wait_raised(60000));
	pthread_join(thread, NULL);
}

static void test_a_wait_may_have_no_deadline(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(thread_start("raise", raise_it, NULL, &thread), 0);
	assert_true(wait_raised(-1));
	pthread_join(thread, NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_deadline_is_over_when_its_time_has_come),
		T(test_a_signal_ends_a_wait),
		T(test_a_wait_may_have_no_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
