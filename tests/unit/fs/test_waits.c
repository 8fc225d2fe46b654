/* SPDX-License-Identifier: MIT */
/* How long requests wait while the gate keeps others from being sent: waits.h. The gate is a real one that never opens. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "http/loop.h"
#include "op_kit.h"
#include "op_world.h"

#define LOOKUP_MS 150

static struct fs *world;
static atomic_int laters;

static void on_response(void *arg, struct http_response *resp)
{
	(void)arg;
	http_response_free(resp);
}

/* Of two requests one is sent, and the other has its turn in a minute. */
static void hold(struct http_loop *loop)
{
	for (int i = 0; i < 2; i++) {
		struct http_request *req = http_request_new(HTTP_GET, "http://127.0.0.1:9/");

		req->timeout_ms = 1000;
		req->done = on_response;
		http_submit(loop, req);
	}
	wait_for(http_loop_held_ms(loop) > 0);
}

static int setup(void **state)
{
	struct http_config http = {.user_agent = "test", .rate_per_minute = 1};

	(void)state;
	world = new_world(0, LOOKUP_MS);
	assert_int_equal(0, http_loop_start(&http, &world->config.loop));
	atomic_store(&laters, 0);
	hold(world->config.loop);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end_world(world);
	return 0;
}

static int run_waiting(struct op *op)
{
	struct need need = {.kind = NEED_ROOMS};

	for (int i = 0; i < op->ctx.n_waited; i++)
		if (need_equal(&op->ctx.waited[i].need, &need))
			return op->ctx.waited[i].error;
	op->ctx.missing = need;
	return TREE_WAIT;
}

static int later(struct op *op)
{
	(void)op;
	atomic_fetch_add(&laters, 1);
	return 0;
}

static bool is_said(const char *words)
{
	GString *text = g_string_new(NULL);
	bool is;

	log_last_error_snapshot(0, text);
	is = strstr(text->str, words) != NULL;
	g_string_free(text, TRUE);
	return is;
}

static void test_look_up_is_answered_in_time(void **state)
{
	struct fuse_req *req = new_req(world);
	struct op *op = op_new(req, "lookup", run_waiting, 7, "name");

	(void)state;
	op->later = later;
	op->deadline_ms = op->started_ms + LOOKUP_MS;
	op_start(op);
	assert_replied(req, 0);
	assert_int_equal(1, atomic_load(&laters));
	free_req(req);
}

/* It has no directory locked, so it waits until a signal comes, and says why. */
static void test_attributes_are_waited_for(void **state)
{
	struct fuse_req *req = new_req(world);
	struct op *op = op_new(req, "getattr", run_waiting, 7, NULL);
	int64_t begun_ms = clock_mono(clock_system());

	(void)state;
	op->deadline_ms = op->started_ms + LOOKUP_MS;
	op_start(op);
	wait_for(clock_mono(clock_system()) > begun_ms + 3 * LOOKUP_MS);
	wait_for(is_said("requests that wait for their turn: "));
	assert_int_equal(0, atomic_load(&req->replies));
	interrupt(req);
	assert_replied(req, EINTR);
	assert_false(is_said("requests that wait"));
	free_req(req);
}

static int run_stream(struct op *op)
{
	op->cursor = 0;
	return OP_WAIT_EVENT;
}

/* Who reads events waits for ever, but not for a turn: it does not keep alive what was said of others. */
static void test_reader_of_events_is_nobody_who_waits(void **state)
{
	struct fuse_req *stream = new_req(world), *req = new_req(world);

	(void)state;
	op_start(op_new(stream, "read", run_stream, 8, NULL));
	drain(world->config.queue);
	op_start(op_new(req, "getattr", run_waiting, 7, NULL));
	wait_for(is_said("requests that wait for their turn: "));
	interrupt(req);
	assert_replied(req, EINTR);
	assert_false(is_said("requests that wait"));
	assert_int_equal(0, atomic_load(&stream->replies));
	work_post(world->config.queue, shut_world, world);
	assert_replied(stream, ESHUTDOWN);
	free_req(stream);
	free_req(req);
}

/* It has no time-out of its own, but a directory locked. */
static void test_change_ends_some_time(void **state)
{
	struct fuse_req *req = new_req(world);
	int64_t begun_ms = clock_mono(clock_system());

	(void)state;
	op_start(op_new(req, "rmdir", run_waiting, 7, "name"));
	assert_replied(req, EBUSY);
	assert_true(clock_mono(clock_system()) >= begun_ms + 6 * LOOKUP_MS);
	assert_true(is_said("rmdir name: requests that wait for their turn: "));
	free_req(req);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(look_up_is_answered_in_time),
		TEST(attributes_are_waited_for),
		TEST(reader_of_events_is_nobody_who_waits),
		TEST(change_ends_some_time),
	};

	return cmocka_run_group_tests_name("waits", tests, NULL, NULL);
}
