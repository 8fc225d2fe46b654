/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <semaphore.h>

#include "fs/namer.h"

static int64_t shown[8];
static int count;

static void show(void *arg, int64_t message)
{
	(void)arg;
	shown[count++] = message;
}

static void open_gate(void *arg)
{
	sem_post(arg);
}

/* What was posted before has run. */
static void wait_for(struct work_queue *queue)
{
	sem_t gate;

	sem_init(&gate, 0, 0);
	work_post(queue, open_gate, &gate);
	sem_wait(&gate);
	sem_destroy(&gate);
}

static void test_waits_for_the_last_close(void **state)
{
	struct work_queue *queue;
	struct namer *n;

	(void)state;
	assert_int_equal(work_queue_start("test", &queue), 0);
	n = namer_new(queue, show, NULL);
	namer_named(n, 1);
	assert_int_equal(count, 1);
	namer_opened(n, 2);
	namer_opened(n, 2);
	namer_named(n, 2);
	namer_named(n, 2);
	namer_closed(n, 2);
	wait_for(queue);
	assert_int_equal(count, 1);
	namer_closed(n, 2);
	wait_for(queue);
	assert_int_equal(count, 2);
	assert_int_equal(shown[1], 2);
	/* Nothing was to be shown. */
	namer_opened(n, 3);
	namer_closed(n, 3);
	work_queue_stop(&queue);
	assert_int_equal(count, 2);
	namer_free(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_waits_for_the_last_close)};

	return cmocka_run_group_tests_name("namer", tests, NULL, NULL);
}
