/* SPDX-License-Identifier: MIT */
/* Bytes of attachments against a server that is played here. */
#include <glib/gstdio.h>
#include <string.h>

#include "attach_kit.h"

/* ---- cases; each on the cache thread, but for what is on the I/O thread's part ---- */

static void want_first_block(struct world *w)
{
	want(w, SIZE, 0, 128 * KIB);
}

static void end_first_cancelled(struct world *w)
{
	(void)w;
	end(nth(0), -ECANCELED, 200);
}

static void test_a_block_costs_a_window(void **state)
{
	struct world *w = *state;
	char byte;

	contents_open(w->contents, ROW);
	assert_int_equal(contents_read(w->contents, ROW, &byte, 1, 0), -EAGAIN);
	there(w, want_first_block);
	assert_int_equal(requests->len, 1);
	assert_int_equal(nth(0)->d.from, 0);
	assert_int_equal(send_to(nth(0), SIZE, false, SIZE), HTTP_PAUSE);
	assert_int_equal(nth(0)->at, 256 * KIB);
	there(w, NULL);
	assert_int_equal(w->done, 1);
	assert_int_equal(w->error, 0);
	assert_read(w, 0, 128 * KIB);
	/* Reading on moves the window. */
	assert_int_equal(nth(0)->resumed, 0);
	assert_read(w, 128 * KIB, 128 * KIB);
	assert_int_equal(nth(0)->resumed, 1);
	assert_int_equal(send_to(nth(0), SIZE, false, SIZE), HTTP_PAUSE);
	assert_true(nth(0)->at > 256 * KIB && nth(0)->at < MIB);
	/* The last reader goes, and the transfer with him. */
	contents_close(w->contents, ROW);
	assert_true(nth(0)->is_cancelled);
	assert_int_equal(send_to(nth(0), SIZE, false, SIZE), -ECANCELED);
	there(w, end_first_cancelled);
}

static void want_two(struct world *w)
{
	want(w, SIZE, 0, 128 * KIB);
	want(w, SIZE, 64 * KIB, 192 * KIB);
	want(w, SIZE, SIZE - 10, SIZE);
}

static void end_second(struct world *w)
{
	(void)w;
	end(nth(1), 0, 206);
}

static void end_first(struct world *w)
{
	(void)w;
	end(nth(0), 0, 200);
}

static void test_readers_share_and_jump(void **state)
{
	struct world *w = *state;

	contents_open(w->contents, ROW);
	there(w, want_two);
	/* One for the beginning, one for the end. */
	assert_int_equal(requests->len, 2);
	assert_int_equal(nth(1)->d.from, SIZE - 10);
	assert_int_equal(send_to(nth(1), SIZE, true, SIZE), HTTP_TAKEN);
	there(w, end_second);
	assert_int_equal(w->done, 1);
	assert_read(w, SIZE - 10, 10);
	send_to(nth(0), 200 * KIB, false, SIZE);
	there(w, NULL);
	assert_int_equal(w->done, 3);
	assert_int_equal(requests->len, 2);
	contents_close(w->contents, ROW);
	there(w, end_first_cancelled);
}

static void want_end(struct world *w)
{
	want(w, SIZE, SIZE - 10, SIZE);
}

static void test_a_server_without_ranges_is_asked_for_all_once(void **state)
{
	struct world *w = *state;

	contents_open(w->contents, ROW);
	there(w, want_end);
	assert_int_equal(nth(0)->d.from, SIZE - 10);
	/* The whole comes instead, and is not paused before the reader's place. */
	assert_int_equal(send_to(nth(0), SIZE, false, SIZE), HTTP_TAKEN);
	there(w, end_first);
	assert_int_equal(w->done, 1);
	assert_read(w, SIZE - 10, 10);
	assert_read(w, 0, SIZE);
	assert_int_equal(requests->len, 1);
	contents_close(w->contents, ROW);
}

static void want_unknown(struct world *w)
{
	want(w, -1, 0, 1);
}

static void want_all_unknown(struct world *w)
{
	want(w, -1, 0, INT64_C(1) << 40);
}

/* Its length is told before anybody is given a byte. */
static void test_an_unknown_length(void **state)
{
	struct world *w = *state;

	contents_open(w->contents, ROW);
	there(w, want_unknown);
	send_to(nth(0), 16 * KIB, false, SIZE);
	there(w, NULL);
	assert_int_equal(w->told, SIZE);
	assert_int_equal(w->done, 1);
	contents_close(w->contents, ROW);
	there(w, end_first_cancelled);
}

static void test_a_length_that_nobody_tells(void **state)
{
	struct world *w = *state;

	contents_open(w->contents, ROW);
	there(w, want_unknown);
	send_to(nth(0), 16 * KIB, false, -1);
	there(w, NULL);
	assert_int_equal(w->told, -1);
	assert_int_equal(w->done, 1);
	there(w, want_all_unknown);
	assert_int_equal(requests->len, 1);
	assert_int_equal(send_to(nth(0), 3 * MIB, false, -1), HTTP_TAKEN);
	there(w, end_first);
	assert_int_equal(w->told, 3 * MIB);
	assert_int_equal(w->done, 2);
	assert_read(w, 0, 3 * MIB);
	contents_close(w->contents, ROW);
}

/* Never a short file where a longer one was told of. */
static void test_a_body_that_is_too_short(void **state)
{
	struct world *w = *state;
	char buf[16];

	contents_open(w->contents, ROW);
	there(w, want_end);
	nth(0)->at = 0;
	send_to(nth(0), MIB, false, MIB);
	there(w, end_first);
	assert_int_equal(w->done, 1);
	assert_int_equal(contents_read(w->contents, ROW, buf, 16, SIZE - 16), -EIO);
	assert_int_equal(contents_read(w->contents, ROW, buf, 16, MIB - 16), 16);
	assert_int_equal(w->told, -1);
	contents_close(w->contents, ROW);
	there(w, NULL);
	/* Those who were told another size have closed it. */
	assert_int_equal(w->told, MIB);
}

static void unwant_last(struct world *w)
{
	contents_unwant(w->contents, w->last);
}

static void end_last_cancelled(struct world *w)
{
	(void)w;
	end(nth(requests->len - 1), -ECANCELED, 200);
}

static void fail_first(struct world *w)
{
	(void)w;
	end(nth(0), -ECONNRESET, 0);
}

static void test_a_failure_is_remembered_for_a_moment(void **state)
{
	struct world *w = *state;
	struct content_source source = {
		.row = ROW, .url = "https://h/v1/contents/A", .size = SIZE};
	struct content_want *none;

	contents_open(w->contents, ROW);
	there(w, want_first_block);
	there(w, fail_first);
	assert_int_equal(w->done, 1);
	assert_int_equal(w->error, -ECONNRESET);
	assert_int_equal(contents_want(w->contents, &source, 0, 10, on_done, w, &none),
			 -ECONNRESET);
	now_ms += 5000;
	there(w, want_first_block);
	assert_int_equal(requests->len, 2);
	there(w, unwant_last);
	contents_close(w->contents, ROW);
	assert_true(nth(1)->is_cancelled);
	there(w, end_last_cancelled);
}

/* ---- on disk ---- */

static void reopen(struct world *w)
{
	work_queue_stop(&w->queue);
	contents_free(&w->contents);
	assert_int_equal(work_queue_start("test", &w->queue), 0);
	make(w);
}

static void read_part(struct world *w)
{
	contents_open(w->contents, ROW);
	there(w, want_first_block);
	send_to(nth(requests->len - 1), 200 * KIB, false, SIZE);
	there(w, NULL);
	contents_close(w->contents, ROW);
}

static void test_a_part_is_kept(void **state)
{
	struct world *w = *state;

	read_part(w);
	there(w, end_last_cancelled);
	reopen(w);
	contents_open(w->contents, ROW);
	there(w, want_first_block);
	assert_int_equal(requests->len, 1);
	assert_read(w, 0, 200 * KIB);
	there(w, want_end);
	assert_int_equal(requests->len, 2);
	there(w, unwant_last);
	contents_close(w->contents, ROW);
	there(w, end_last_cancelled);
}

/* Overwrites each file of that ending. */
static int spoil(struct world *w, const char *ending, const char *text)
{
	GDir *dir = g_dir_open(w->dir, 0, NULL);
	const char *name;
	int n = 0;

	while ((name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(w->dir, name, NULL);

		if (!g_str_has_suffix(name, ending))
			continue;
		n++;
		if (text)
			assert_true(g_file_set_contents(path, text, -1, NULL));
		else
			assert_int_equal(g_unlink(path), 0);
	}
	g_dir_close(dir);
	return n;
}

static void test_maps_that_cannot_be_true(void **state)
{
	static const char *const maps[] = {
		"",
		"junk",
		"sparkfs-content 1\nlength 99\nknown 0 100\n",
		"sparkfs-content 1\nlength -1\nknown 0 99999999999\n",
		"sparkfs-content 1\nlength -1\nknown 100 50\n",
		"sparkfs-content 2\nlength -1\nknown 0 100\n",
		"sparkfs-content 1\nlength 5\n"};
	struct world *w = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(maps); i++) {
		read_part(w);
		there(w, end_last_cancelled);
		reopen(w);
		assert_int_equal(spoil(w, ".map", maps[i]), 1);
		contents_open(w->contents, ROW);
		there(w, want_first_block);
		/* Nothing of it is believed. */
		assert_int_equal(requests->len, 2 * i + 2);
		there(w, unwant_last);
		contents_close(w->contents, ROW);
		there(w, end_last_cancelled);
	}
}

/* A map that outlived its file tells of no byte of the next. */
static void test_a_map_without_its_file(void **state)
{
	struct world *w = *state;
	char byte;

	read_part(w);
	there(w, end_last_cancelled);
	reopen(w);
	assert_int_equal(spoil(w, ".bin", NULL), 1);
	contents_open(w->contents, ROW);
	there(w, want_first_block);
	assert_int_equal(requests->len, 2);
	assert_int_equal(contents_read(w->contents, ROW, &byte, 1, 0), -EAGAIN);
	there(w, unwant_last);
	contents_close(w->contents, ROW);
	there(w, end_last_cancelled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_a_block_costs_a_window),
		T(test_readers_share_and_jump),
		T(test_a_server_without_ranges_is_asked_for_all_once),
		T(test_an_unknown_length),
		T(test_a_length_that_nobody_tells),
		T(test_a_body_that_is_too_short),
		T(test_a_failure_is_remembered_for_a_moment),
		T(test_a_part_is_kept),
		T(test_maps_that_cannot_be_true),
		T(test_a_map_without_its_file),
	};

	return cmocka_run_group_tests_name("contents", tests, NULL, NULL);
}
