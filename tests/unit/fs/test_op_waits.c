/* SPDX-License-Identifier: MIT */
/* Requests that wait for what is done beside the pager: the copy of a long file, the read of a local one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "op_kit.h"
#include "op_world.h"

static struct fs *world;
static atomic_int runs;

static int setup(void **state)
{
	(void)state;
	world = new_world(0, 5000);
	assert_int_equal(0, work_queue_start("copies", &world->copies));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end_world(world);
	return 0;
}

static struct op *new_op(struct fuse_req *req, int (*run)(struct op *op))
{
	atomic_store(&runs, 0);
	return op_new(req, "test", run, 7, "name");
}

static struct op *submitted; /* cache thread, read after run_there */

static void finish_item(void *arg)
{
	op_finish(submitted, *(int *)arg);
}

static void finish_with(int error)
{
	run_there(world->config.queue, finish_item, &error);
}

/* A read of a local file is ended, and nothing is there yet to be detached. */
static void reading_under_way(struct op *op)
{
	submitted = op;
	op->reading = 43;
}

static int run_reading(struct op *op)
{
	op->submit = reading_under_way;
	return OP_SUBMIT;
}

static void test_read_of_a_file_interrupted(void **state)
{
	struct fuse_req *req = new_req(world);

	(void)state;
	atomic_store(&cancelled, 0);
	op_start(new_op(req, run_reading));
	drain(world->config.queue);
	interrupt(req);
	assert_replied(req, EINTR);
	assert_int_equal(1, atomic_load(&cancelled));
	assert_int_equal(0, atomic_load(&detached));
	finish_with(-EINTR);
	assert_int_equal(1, atomic_load(&req->replies));
	free_req(req);
}

static int run_copying(struct op *op)
{
	atomic_fetch_add(&runs, 1);
	return op->ctx.copy.is_done ? 0 : TREE_COPY;
}

static void test_copy(void **state)
{
	struct fuse_req *req = new_req(world);

	(void)state;
	op_start(new_op(req, run_copying));
	assert_replied(req, 0);
	assert_int_equal(2, atomic_load(&runs));
	free_req(req);
}

/* A request that waits for a copy is answered before the copy is made, when it is interrupted
 * or at unmount. */
static void test_copy_given_up(void **state)
{
	struct fuse_req *one = new_req(world), *two = new_req(world);

	(void)state;
	atomic_store(&copies, 0);
	atomic_store(&copy_waits, true);
	op_start(new_op(one, run_copying));
	op_start(new_op(two, run_copying));
	drain(world->config.queue);
	wait_for(atomic_load(&copies));
	interrupt(one);
	assert_replied(one, EINTR);
	assert_int_equal(0, atomic_load(&two->replies));
	work_post(world->config.queue, shut_world, world);
	assert_replied(two, ESHUTDOWN);
	atomic_store(&copy_waits, false);
	work_queue_stop(&world->copies);
	drain(world->config.queue);
	/* A copy that nobody waits for any longer is not begun. */
	assert_int_equal(1, atomic_load(&copies));
	/* Of the second: neither was run again. */
	assert_int_equal(1, atomic_load(&runs));
	assert_int_equal(1, atomic_load(&one->replies));
	free_req(one);
	free_req(two);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(read_of_a_file_interrupted),
		TEST(copy),
		TEST(copy_given_up),
	};

	return cmocka_run_group_tests_name("op_waits", tests, NULL, NULL);
}
