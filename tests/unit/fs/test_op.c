/* SPDX-License-Identifier: MIT */
/*
 * One request, one reply: the edges of op.h's diagram, with libfuse's side and the API's side played here. The pager and
 * the queue are real.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/timefmt.h"

#include "op_kit.h"
#include "op_world.h"

/* ---- the world ---- */

static struct fs *world;

static int setup(void **state)
{
	(void)state;
	world = new_world(30, 5000);
	atomic_store(&notices, 0);
	atomic_store(&detached, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end_world(world);
	return 0;
}

static void answer_with(int error)
{
	run_there(world->config.queue, answer_item, &error);
}

static atomic_int runs, undone;
static int run_result;

static int run_once(struct op *op)
{
	(void)op;
	atomic_fetch_add(&runs, 1);
	return run_result;
}

static bool gave_up;

/* Needs the list of spaces; soft if op->flags says so. */
static int run_waiting(struct op *op)
{
	struct need need = {.kind = NEED_ROOMS};

	atomic_fetch_add(&runs, 1);
	for (int i = 0; i < op->ctx.n_waited; i++)
		if (need_equal(&op->ctx.waited[i].need, &need)) {
			gave_up = op->ctx.waited[i].gave_up;
			return op->ctx.waited[i].error;
		}
	op->ctx.missing = need;
	op->ctx.missing_soft = op->flags;
	return TREE_WAIT;
}

static void undo(struct op *op)
{
	(void)op;
	atomic_fetch_add(&undone, 1);
}

static struct op *new_op(struct fuse_req *req, int (*run)(struct op *op))
{
	struct op *op = op_new(req, "test", run, 7, "name");

	atomic_store(&runs, 0);
	atomic_store(&undone, 0);
	op->undo = undo;
	return op;
}

/* ---- the edges ---- */

static void test_answers(void **state)
{
	struct fuse_req *req = new_req(world);

	(void)state;
	run_result = 0;
	op_start(new_op(req, run_once));
	assert_replied(req, 0);
	assert_int_equal(0, atomic_load(&undone));
	free_req(req);
	req = new_req(world);
	run_result = -ENOENT;
	op_start(new_op(req, run_once));
	assert_replied(req, ENOENT);
	assert_int_equal(1, atomic_load(&undone));
	free_req(req);
}

/* Reached by its number: the name that led there is looked up again if it may lead elsewhere now. */
static void test_what_was_renamed_is_stale(void **state)
{
	static const struct {
		enum tree_kind kind;
		const char *name;
		int error;
	} rows[] = {
		{TREE_LETTER, NULL, ESTALE},
		{TREE_ATTACHMENT, NULL, ESTALE},
		{TREE_MESSAGE_TXT, NULL, ENOENT},
		{TREE_UNSENT, "letter", ENOENT},
	};

	(void)state;
	run_result = -ENOENT;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fuse_req *req = new_req(world);

		op_start(
			op_new(req, "test", run_once, tree_ino(rows[i].kind, 5), rows[i].name));
		assert_replied(req, rows[i].error);
		free_req(req);
	}
}

static void test_parks_and_runs_again(void **state)
{
	struct fuse_req *req = new_req(world);

	(void)state;
	op_start(new_op(req, run_waiting));
	wait_for(api_waiting() == 1);
	assert_int_equal(0, atomic_load(&req->replies));
	answer_with(0);
	assert_replied(req, 0);
	assert_int_equal(2, atomic_load(&runs));
	assert_false(gave_up);
	free_req(req);
}

static void test_fetch_fails(void **state)
{
	struct fuse_req *req = new_req(world);

	(void)state;
	op_start(new_op(req, run_waiting));
	wait_for(api_waiting() == 1);
	answer_with(-EACCES);
	assert_replied(req, EACCES);
	free_req(req);
}

static void test_interrupt_before_park(void **state)
{
	struct fuse_req *req = new_req(world);

	(void)state;
	interrupt(req);
	op_start(new_op(req, run_waiting));
	assert_replied(req, EINTR);
	assert_int_equal(0, api_waiting());
	free_req(req);
}

static void test_interrupt_while_parked(void **state)
{
	struct fuse_req *req = new_req(world);

	(void)state;
	op_start(new_op(req, run_waiting));
	wait_for(api_waiting() == 1);
	interrupt(req);
	interrupt(req);
	assert_replied(req, EINTR);
	/* Nobody else waits: the request was cancelled. */
	pthread_mutex_lock(&api_lock);
	assert_true(((struct api_call *)api_calls.head->data)->cancelled);
	pthread_mutex_unlock(&api_lock);
	answer_with(0);
	assert_int_equal(1, atomic_load(&req->replies));
	free_req(req);
}

/* A signal that asks nobody to stop: the next may, and the kernel will not tell. */
static void test_told_while_parked(void **state)
{
	struct fuse_req *req = new_req(world);

	(void)state;
	atomic_store(&only_told, true);
	op_start(new_op(req, run_waiting));
	wait_for(api_waiting() == 1);
	interrupt(req);
	drain(world->config.queue);
	assert_int_equal(0, atomic_load(&req->replies));
	assert_int_equal(1, api_waiting());
	atomic_store(&only_told, false);
	assert_replied(req, EINTR);
	answer_with(0);
	assert_int_equal(1, atomic_load(&req->replies));
	free_req(req);
}

static void test_told_before_park(void **state)
{
	struct fuse_req *req = new_req(world);

	(void)state;
	atomic_store(&only_told, true);
	interrupt(req);
	op_start(new_op(req, run_waiting));
	wait_for(api_waiting() == 1);
	answer_with(0);
	assert_replied(req, 0);
	free_req(req);
	req = new_req(world);
	interrupt(req);
	op_start(new_op(req, run_waiting));
	wait_for(api_waiting() == 1);
	atomic_store(&only_told, false);
	assert_replied(req, EINTR);
	answer_with(0);
	free_req(req);
}

static void test_soft_wait_ends(void **state)
{
	struct fuse_req *req = new_req(world);
	struct op *op = new_op(req, run_waiting);

	(void)state;
	op->flags = 1;
	op_start(op);
	/* No answer comes, so what is known is shown. */
	assert_replied(req, 0);
	assert_int_equal(2, atomic_load(&runs));
	assert_true(gave_up);
	assert_int_equal(1, api_waiting());
	answer_with(0);
	free_req(req);
}

static void test_deadline(void **state)
{
	struct fuse_req *req = new_req(world);
	struct op *op = new_op(req, run_waiting);

	(void)state;
	op->deadline_ms = clock_mono(clock_system()) + 20;
	op_start(op);
	assert_replied(req, ETIMEDOUT);
	answer_with(0);
	assert_int_equal(1, atomic_load(&req->replies));
	free_req(req);
}

static void assert_last_error(pid_t reader, const char *text)
{
	GString *out = g_string_new(NULL);

	log_last_error_snapshot(reader, out);
	assert_string_equal(out->str + TIME_ISO_SIZE, text);
	g_string_free(out, TRUE);
}

static int run_failing_later(struct op *op)
{
	int r = run_waiting(op);

	return r ? r : -EIO;
}

/* `told` is told something while it waits; 0: everybody is. */
static void assert_says(pid_t told, const char *last_error)
{
	struct fuse_req *req = new_req(world);

	req->ctx.pid = getpid();
	op_start(new_op(req, run_failing_later));
	wait_for(api_waiting());
	if (told)
		log_last_error_of(told, "what they were refused");
	else
		log_last_error("the server's words");
	answer_with(0);
	assert_replied(req, EIO);
	assert_last_error(getpid(), last_error);
	free_req(req);
}

static void test_says_why(void **state)
{
	int end[2], status;
	pid_t other;

	(void)state;
	assert_int_equal(0, pipe(end));
	other = fork();
	if (other == 0) {
		close(end[1]);
		setsid();
		_exit(read(end[0], &status, 1) == 0 ? 0 : 1);
	}
	close(end[0]);
	wait_for(getsid(other) == other);
	assert_says(other, "test name: it failed; .sparkfs/log may say more\n");
	assert_says(0, "the server's words\n");
	close(end[1]);
	assert_int_equal(other, waitpid(other, &status, 0));
	assert_int_equal(0, status);
}

static void test_unmount(void **state)
{
	struct fuse_req *req = new_req(world), *late = new_req(world);

	(void)state;
	op_start(new_op(req, run_waiting));
	wait_for(api_waiting() == 1);
	work_post(world->config.queue, shut_world, world);
	assert_replied(req, ESHUTDOWN);
	op_start(new_op(late, run_waiting));
	assert_replied(late, ESHUTDOWN);
	free_req(req);
	free_req(late);
}

/* ---- changes ---- */

static struct op *submitted; /* cache thread, read after run_there */

static void finish_item(void *arg)
{
	op_finish(submitted, *(int *)arg);
}

static void finish_with(int error)
{
	run_there(world->config.queue, finish_item, &error);
}

static void submit_later(struct op *op)
{
	submitted = op;
}

static int run_submit(struct op *op)
{
	op->submit = submit_later;
	return OP_SUBMIT;
}

static void test_change(void **state)
{
	struct fuse_req *req = new_req(world);

	(void)state;
	op_start(new_op(req, run_submit));
	drain(world->config.queue);
	assert_int_equal(0, atomic_load(&req->replies));
	finish_with(-EEXIST);
	assert_replied(req, EEXIST);
	free_req(req);
}

static void letter_under_way(struct op *op)
{
	submitted = op;
	op->waiting.letter = 42;
}

static int run_letter(struct op *op)
{
	op->submit = letter_under_way;
	return OP_SUBMIT;
}

static void test_change_interrupted(void **state)
{
	struct fuse_req *req = new_req(world);

	(void)state;
	op_start(new_op(req, run_letter));
	drain(world->config.queue);
	interrupt(req);
	assert_replied(req, EINTR);
	assert_int_equal(1, atomic_load(&detached));
	/* The change goes on and ends: no second reply. */
	finish_with(0);
	assert_int_equal(1, atomic_load(&req->replies));
	free_req(req);
}

/* The answer comes when the letter is where it can be found. */
static void test_change_takes_too_long(void **state)
{
	struct fuse_req *req = new_req(world);
	struct op *op = new_op(req, run_letter);

	(void)state;
	op->deadline_ms = 1;
	op_start(op);
	assert_replied(req, ETIMEDOUT);
	assert_int_equal(1, atomic_load(&detached));
	finish_with(0);
	assert_int_equal(1, atomic_load(&req->replies));
	free_req(req);
}

static void test_caller_is_gone(void **state)
{
	struct fuse_req *req = new_req(world);

	(void)state;
	req->reply_result = -ENOENT;
	run_result = 0;
	op_start(new_op(req, run_once));
	assert_replied(req, 0);
	/* The handle that nobody took comes back. */
	assert_int_equal(1, atomic_load(&undone));
	free_req(req);
}

static int run_read(struct op *op)
{
	op->answer = OP_ANSWER_BUF;
	if (atomic_fetch_add(&runs, 1) == 0) {
		/* The store moves on between the read and its reply. */
		op->generation--;
	}
	return 0;
}

static void test_read_is_told_again(void **state)
{
	struct fuse_req *req = new_req(world);

	(void)state;
	op_start(new_op(req, run_read));
	assert_replied(req, 0);
	assert_int_equal(1, atomic_load(&notices));
	free_req(req);
}

/* A name with its attributes; a page of a listing with those of two children. */
static int run_overtaken(struct op *op)
{
	uint64_t children[] = {7, 8};

	op->answer = op->is_plus ? OP_ANSWER_BUF : OP_ANSWER_ENTRY;
	op->entry.ino = 7;
	if (op->is_plus) {
		op->children = g_array_new(FALSE, FALSE, sizeof(uint64_t));
		g_array_append_vals(op->children, children, G_N_ELEMENTS(children));
	}
	op->generation--;
	return 0;
}

static void test_attributes_are_told_again(void **state)
{
	struct fuse_req *req = new_req(world), *plus = new_req(world);
	struct op *op;

	(void)state;
	op_start(new_op(req, run_overtaken));
	assert_replied(req, 0);
	assert_int_equal(1, atomic_load(&notices));
	op = new_op(plus, run_overtaken);
	op->is_plus = true;
	op_start(op);
	assert_replied(plus, 0);
	assert_int_equal(1 + 3, atomic_load(&notices));
	free_req(req);
	free_req(plus);
}

/* ---- everything at once ---- */

#define STORM_THREADS 4
#define STORM_OPS 300

static void *storm(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	struct fuse_req *reqs[STORM_OPS];

	for (int i = 0; i < STORM_OPS; i++) {
		struct op *op;

		reqs[i] = new_req(world);
		if (rand_r(&seed) % 8 == 0)
			interrupt(reqs[i]);
		op = op_new(reqs[i], "storm", run_waiting, 7, "name");
		op->flags = rand_r(&seed) % 2;
		op->deadline_ms = clock_mono(clock_system()) + rand_r(&seed) % 40;
		op_start(op);
		if (rand_r(&seed) % 2)
			interrupt(reqs[i]);
		if (rand_r(&seed) % 4 == 0) {
			static int error;

			work_post(world->config.queue, answer_item, &error);
		}
	}
	for (int i = 0; i < STORM_OPS; i++) {
		int64_t until = clock_mono(clock_system()) + DEADLINE_MS;

		while (!atomic_load(&reqs[i]->replies) && clock_mono(clock_system()) < until)
			g_usleep(200);
	}
	drain(world->config.queue);
	for (int i = 0; i < STORM_OPS; i++) {
		if (atomic_load(&reqs[i]->replies) != 1)
			abort();
		free_req(reqs[i]);
	}
	return NULL;
}

static void test_storm(void **state)
{
	pthread_t threads[STORM_THREADS];

	(void)state;
	for (int i = 0; i < STORM_THREADS; i++)
		assert_int_equal(0, pthread_create(&threads[i], NULL, storm,
						   (void *)(uintptr_t)(i + 1)));
	for (int i = 0; i < STORM_THREADS; i++)
		pthread_join(threads[i], NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers),
		TEST(what_was_renamed_is_stale),
		TEST(parks_and_runs_again),
		TEST(fetch_fails),
		TEST(interrupt_before_park),
		TEST(interrupt_while_parked),
		TEST(told_while_parked),
		TEST(told_before_park),
		TEST(soft_wait_ends),
		TEST(deadline),
		TEST(says_why),
		TEST(unmount),
		TEST(change),
		TEST(change_interrupted),
		TEST(change_takes_too_long),
		TEST(caller_is_gone),
		TEST(read_is_told_again),
		TEST(attributes_are_told_again),
		TEST(storm),
	};

	return cmocka_run_group_tests_name("op", tests, NULL, NULL);
}
