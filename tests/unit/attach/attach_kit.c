/* SPDX-License-Identifier: MIT */
#include "attach_kit.h"

#include <glib/gstdio.h>
#include <semaphore.h>
#include <string.h>

/* ---- the server ---- */

GPtrArray *requests;
char *data;

uint64_t webex_get_content(struct webex_client *c, const struct webex_download *d,
			   webex_done done, void *arg)
{
	struct request *r = g_new0(struct request, 1);

	(void)c;
	r->d = *d;
	r->done = done;
	r->arg = arg;
	g_ptr_array_add(requests, r);
	return requests->len;
}

void webex_cancel(struct webex_client *c, uint64_t id)
{
	(void)c;
	((struct request *)requests->pdata[id - 1])->is_cancelled = true;
}

void webex_resume(struct webex_client *c, uint64_t id)
{
	(void)c;
	((struct request *)requests->pdata[id - 1])->resumed++;
}

struct request *nth(guint i)
{
	assert_true(i < requests->len);
	return requests->pdata[i];
}

int send_to(struct request *r, int64_t hi, bool is_part, int64_t total)
{
	if (is_part && r->at < r->d.from)
		r->at = r->d.from;
	while (r->at < hi) {
		struct http_piece piece = {
			.offset = r->at,
			.total = total,
			.data = data + r->at,
			.len = (size_t)MIN(hi - r->at, 16 * KIB),
			.is_part = is_part,
		};
		int verdict = r->d.take(r->d.take_arg, &piece);

		if (verdict != HTTP_TAKEN)
			return verdict;
		r->at += (int64_t)piece.len;
	}
	return HTTP_TAKEN;
}

void end(struct request *r, int error, int status)
{
	struct webex_reply reply = {
		.error = error,
		.status = status,
		.content_bytes = r->at,
		.content_total = -1,
		.content_is_framed = true,
	};

	assert_false(r->is_over);
	r->is_over = true;
	r->done(r->arg, &reply);
}

/* ---- readers ---- */

int64_t now_ms;

static int64_t fake_now(void *arg)
{
	(void)arg;
	return now_ms;
}

static const struct clock fake_clock = {.mono_ms = fake_now, .wall_ms = fake_now};

static void on_length(void *arg, int64_t row, int64_t length)
{
	assert_int_equal(row, ROW);
	((struct world *)arg)->told = length;
}

void on_done(void *arg, int error, const struct webex_reply *reply)
{
	struct world *w = arg;

	(void)reply;
	w->done++;
	w->error = error;
}

struct item {
	struct world *w;
	void (*fn)(struct world *w);
	sem_t over;
};

static void run_item(void *arg)
{
	struct item *item = arg;

	if (item->fn)
		item->fn(item->w);
	sem_post(&item->over);
}

void there(struct world *w, void (*fn)(struct world *w))
{
	struct item item = {.w = w, .fn = fn};

	sem_init(&item.over, 0, 0);
	work_post(w->queue, run_item, &item);
	sem_wait(&item.over);
	sem_destroy(&item.over);
}

void make(struct world *w)
{
	struct contents_config config = {
		.dir = w->dir,
		.max_bytes = w->max_bytes,
		.queue = w->queue,
		.clock = &fake_clock,
		.on_length = on_length,
		.arg = w,
	};

	assert_int_equal(contents_new(&config, &w->contents), 0);
}

int setup(void **state)
{
	struct world *w = g_new0(struct world, 1);

	requests = g_ptr_array_new_with_free_func(g_free);
	data = g_malloc(SIZE);
	for (int i = 0; i < SIZE; i++)
		data[i] = (char)(i * 7 + i / 251);
	assert_int_equal(work_queue_start("test", &w->queue), 0);
	w->dir = g_dir_make_tmp("contents-XXXXXX", NULL);
	w->max_bytes = 64 * MIB;
	w->told = -1;
	now_ms = 1000000;
	make(w);
	*state = w;
	return 0;
}

static void remove_all(const char *path)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, name, NULL);

		g_unlink(file);
	}
	g_dir_close(dir);
	g_rmdir(path);
}

int teardown(void **state)
{
	struct world *w = *state;

	work_queue_stop(&w->queue);
	contents_free(&w->contents);
	remove_all(w->dir);
	g_free(w->dir);
	g_free(w);
	g_free(data);
	g_ptr_array_unref(requests);
	return 0;
}

void want(struct world *w, int64_t size, int64_t lo, int64_t hi)
{
	struct content_source source = {
		.row = ROW, .url = "https://h/v1/contents/QUJD", .size = size};
	int r = contents_want(w->contents, &source, lo, hi, on_done, w, &w->last);

	if (r == 1)
		w->done++;
	else
		assert_int_equal(r, 0);
}

void assert_read(struct world *w, int64_t at, size_t len)
{
	g_autofree char *buf = g_malloc(len);

	assert_int_equal(contents_read(w->contents, ROW, buf, len, at), len);
	assert_memory_equal(buf, data + at, len);
}
