/* SPDX-License-Identifier: MIT */
/*
 * Readers of the stream: they wait, are woken, give up, and lose nothing. The pager, the store and the queue are real;
 * libfuse's side is played, and a line is an event's path.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "op_kit.h"
#include "tree/place.h"
#include "tree/events.h"

struct world {
	struct fs fs;
	struct handle h;
};

static struct world *world;

/* ---- fakes of the neighbours of events.c ---- */

void tree_events_begin(struct tree *t, uint64_t ino, struct tree_events *ret_events)
{
	(void)t;
	(void)ino;
	*ret_events = (struct tree_events){.cursor = store_event_last(world->fs.config.store)};
}

struct lines {
	struct tree_events *e;
	GString *out;
};

static bool add_line(void *arg, const struct store_event *event)
{
	struct lines *l = arg;

	l->e->cursor = event->seq;
	g_string_append_printf(l->out, "%s\n", event->path);
	return true;
}

int tree_events_next(struct tree_ctx *ctx, struct tree_events *e, GString *out)
{
	struct lines l = {.e = e, .out = out};

	return store_events_after(ctx->conn, e->cursor, add_line, &l);
}

struct fuse_pollhandle {
	int told;
};

static int polled, destroyed, revents;

int fuse_reply_poll(fuse_req_t req, unsigned r)
{
	revents = (int)r;
	return fuse_reply_err(req, 0);
}

int fuse_lowlevel_notify_poll(struct fuse_pollhandle *ph)
{
	ph->told++;
	polled++;
	return 0;
}

void fuse_pollhandle_destroy(struct fuse_pollhandle *ph)
{
	(void)ph;
	destroyed++;
}

/* ---- the world ---- */

static void on_event(void *arg)
{
	struct world *w = arg;

	fs_on_event(&w->fs);
}

static int setup(void **state)
{
	struct world *w = g_new0(struct world, 1);
	struct store_config store = {
		.holder = "test", .path_of = tree_path_of, .on_event = on_event, .arg = w};
	struct pager_config pager = {.clock = clock_system()};

	world = w;
	polled = destroyed = revents = 0;
	assert_int_equal(0, work_queue_start("test", &w->fs.config.queue));
	assert_int_equal(0, store_open(&store, &w->fs.config.store, NULL));
	pager.store = w->fs.config.store;
	pager.queue = w->fs.config.queue;
	assert_int_equal(0, pager_new(&pager, &w->fs.config.pager));
	w->fs.config.clock = clock_system();
	w->fs.notifier = (void *)w; /* that of the kit asks nothing of it */
	g_queue_init(&w->fs.parked);
	fs_polls_init(&w->fs.polls);
	w->fs.open_bytes = share_new(OPEN_BYTES_MAX);
	w->h.events = events_reader_new(&w->fs, 0, 0);
	*state = w;
	return 0;
}

static void shut(void *arg)
{
	struct fs *fs = arg;

	op_fail_all(fs);
	pager_shutdown(fs->config.pager);
}

static int teardown(void **state)
{
	struct world *w = *state;

	work_post(w->fs.config.queue, shut, &w->fs);
	events_reader_free(&w->fs, w->h.events);
	work_queue_stop(&w->fs.config.queue);
	fs_polls_clear(&w->fs.polls);
	assert_int_equal(share_held(w->fs.open_bytes), 0);
	share_free(&w->fs.open_bytes);
	pager_free(&w->fs.config.pager);
	store_close(&w->fs.config.store);
	g_free(w);
	return 0;
}

/* All that was posted has run, and what that posted: a word goes through the queue three times. */
static void settle(void)
{
	for (int i = 0; i < 4; i++)
		drain(world->fs.config.queue);
}

static void happen_item(void *arg)
{
	assert_int_equal(
		0, store_event_add(world->fs.config.store, STORE_EVENT_MESSAGE_CREATED, arg));
}

static void happen(const char *path)
{
	work_post(world->fs.config.queue, happen_item, (void *)path);
}

/* A READ as fs_read starts it. */
static struct fuse_req *start_read(size_t size, int flags)
{
	struct fuse_req *req = new_req(&world->fs);
	struct op *op;

	op = op_new(req, "read", events_read_run, 1, NULL);
	op->fi.fh = (uintptr_t)&world->h;
	op->fi.flags = flags;
	op->size = size;
	op->buf = g_malloc(size);
	op->undo = events_read_undo;
	op->ends_quietly = true;
	op_start_there(op);
	return req;
}

/* Waits for its answer, which is this text, or this -errno. */
static void end_read(struct fuse_req *req, const char *text, int error)
{
	wait_for(atomic_load(&req->replies));
	settle();
	assert_int_equal(atomic_load(&req->replies), 1);
	assert_int_equal(atomic_load(&req->error), -error);
	if (!error) {
		assert_int_equal(req->size, strlen(text));
		assert_memory_equal(req->data, text, req->size);
	}
	free_req(req);
}

static void test_it_waits_and_is_woken(void **state)
{
	struct fuse_req *req = start_read(4096, 0);

	(void)state;
	settle();
	assert_int_equal(atomic_load(&req->replies), 0);
	happen("one");
	end_read(req, "one\n", 0);
	/* What happened while nobody waited. */
	happen("two");
	happen("three");
	settle();
	end_read(start_read(4096, 0), "two\nthree\n", 0);
	end_read(start_read(4096, O_NONBLOCK), "", -EAGAIN);
}

static void test_many_wait(void **state)
{
	struct fuse_req *reqs[50];

	(void)state;
	/* As of one descriptor: one of them gets the line, the others go on waiting. */
	for (size_t i = 0; i < G_N_ELEMENTS(reqs); i++)
		reqs[i] = start_read(4096, 0);
	settle();
	for (size_t i = 0; i < G_N_ELEMENTS(reqs); i++) {
		happen("x");
		end_read(reqs[i], "x\n", 0);
	}
}

static void test_whole_lines(void **state)
{
	(void)state;
	happen("one");
	happen("two");
	happen("three");
	settle();
	end_read(start_read(7, 0), "one\n", 0);
	end_read(start_read(1, 0), "t", 0);
	end_read(start_read(1, 0), "w", 0);
	end_read(start_read(3, 0), "o\n", 0);
	end_read(start_read(3, 0), "thr", 0);
	end_read(start_read(3, 0), "ee\n", 0);
	end_read(start_read(3, O_NONBLOCK), "", -EAGAIN);
}

static void test_an_interrupt_loses_nothing(void **state)
{
	struct fuse_req *req = start_read(4096, 0);

	(void)state;
	settle();
	interrupt(req);
	end_read(req, "", -EINTR);
	happen("one");
	end_read(start_read(4096, 0), "one\n", 0);
	/* It comes with the event: either is right, and the line is not lost. */
	for (int i = 0; i < 200; i++) {
		req = start_read(4096, 0);
		happen("two");
		interrupt(req);
		wait_for(atomic_load(&req->replies));
		settle();
		if (atomic_load(&req->error)) {
			end_read(req, "", -EINTR);
			end_read(start_read(4096, 0), "two\n", 0);
		} else {
			end_read(req, "two\n", 0);
		}
	}
}

static void refuse(struct fuse_req *req)
{
	pthread_mutex_lock(&req->lock);
	req->reply_result = -ENOENT;
	pthread_mutex_unlock(&req->lock);
}

static void test_what_the_kernel_did_not_take_is_given_again(void **state)
{
	struct fuse_req *req = start_read(4096, 0);

	(void)state;
	settle();
	refuse(req);
	happen("one");
	end_read(req, "one\n", 0);
	end_read(start_read(4096, O_NONBLOCK), "one\n", 0);
	end_read(start_read(4096, O_NONBLOCK), "", -EAGAIN);
}

static void test_unmount_ends_it(void **state)
{
	struct world *w = *state;
	struct fuse_req *waits = start_read(4096, 0), *comes;

	settle();
	work_post(w->fs.config.queue, shut, &w->fs);
	comes = start_read(4096, 0);
	end_read(waits, "", 0);
	end_read(comes, "", 0);
}

static int poll_now(struct fuse_pollhandle *ph)
{
	struct fuse_file_info fi = {.fh = (uintptr_t)&world->h};
	struct fuse_req req = {.fs = &world->fs};

	fs_poll(&req, 1, &fi, ph);
	return revents;
}

static void test_poll(void **state)
{
	struct fuse_pollhandle a = {0}, b = {0}, c = {0};

	(void)state;
	assert_int_equal(poll_now(NULL), 0);
	assert_int_equal(poll_now(&a), 0);
	assert_int_equal(poll_now(&b), 0);
	assert_int_equal(destroyed, 1);
	happen("one");
	settle();
	assert_int_equal(a.told, 0);
	assert_int_equal(b.told, 1);
	assert_int_equal(destroyed, 2);
	assert_int_equal(poll_now(&c), POLLIN | POLLRDNORM);
	end_read(start_read(2, 0), "on", 0);
	assert_int_equal(poll_now(NULL), POLLIN | POLLRDNORM);
	end_read(start_read(2, 0), "e\n", 0);
	assert_int_equal(poll_now(NULL), 0);
	happen("two");
	settle();
	assert_int_equal(c.told, 1);
	assert_int_equal(destroyed, 3);
	/* Other files are always ready. */
	events_reader_free(&world->fs, world->h.events);
	world->h.events = NULL;
	assert_int_equal(poll_now(&a), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
	assert_int_equal(destroyed, 4);
}

static void test_a_close_forgets_who_polls(void **state)
{
	struct fuse_pollhandle a = {0};

	(void)state;
	assert_int_equal(poll_now(&a), 0);
	events_reader_free(&world->fs, world->h.events);
	world->h.events = NULL;
	assert_int_equal(destroyed, 1);
	happen("one");
	settle();
	assert_int_equal(polled, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_waits_and_is_woken),
		TEST(many_wait),
		TEST(whole_lines),
		TEST(an_interrupt_loses_nothing),
		TEST(what_the_kernel_did_not_take_is_given_again),
		TEST(unmount_ends_it),
		TEST(poll),
		TEST(a_close_forgets_who_polls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
