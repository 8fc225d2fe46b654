/* SPDX-License-Identifier: MIT */
#include "op_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/loop.h"
#include "op_kit.h"

struct fs *new_world(int soft_wait_ms, int lookup_timeout_ms)
{
	struct store_config store = {.holder = "test"};
	struct pager_config pager = {.clock = clock_system(), .soft_wait_ms = soft_wait_ms};
	struct fs *fs = g_new0(struct fs, 1);

	assert_int_equal(0, work_queue_start("test", &fs->config.queue));
	assert_int_equal(0, store_open(&store, &fs->config.store, NULL));
	pager.store = fs->config.store;
	pager.queue = fs->config.queue;
	assert_int_equal(0, pager_new(&pager, &fs->config.pager));
	fs->config.clock = clock_system();
	fs->config.lookup_timeout_ms = lookup_timeout_ms;
	g_queue_init(&fs->parked);
	return fs;
}

void shut_world(void *arg)
{
	struct fs *fs = arg;

	op_fail_all(fs);
	pager_shutdown(fs->config.pager);
	while (answer_one(-ESHUTDOWN))
		;
}

void end_world(struct fs *fs)
{
	work_post(fs->config.queue, shut_world, fs);
	work_queue_stop(&fs->copies);
	work_queue_stop(&fs->config.queue);
	http_loop_stop(&fs->config.loop);
	pager_free(&fs->config.pager);
	store_close(&fs->config.store);
	assert_null(fs->waits_said);
	g_free(fs);
}
