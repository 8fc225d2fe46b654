/* SPDX-License-Identifier: MIT */
/* Many contents that are open at once: what each of them may hold is bounded. */
#include <string.h>

#include "attach_kit.h"

#define MANY (CONTENT_PAUSED_MAX + 4)

/* Rows from here on, each with a URL of its own. */
#define ROW_MANY 100

static void want_of(struct world *w, int i, int64_t lo, int64_t hi)
{
	g_autofree char *url = g_strdup_printf("https://h/v1/contents/QUJ%c", 'a' + i);
	struct content_source source = {.row = ROW_MANY + i, .url = url, .size = SIZE};

	assert_int_equal(contents_want(w->contents, &source, lo, hi, on_done, w, &w->last), 0);
}

static void want_many(struct world *w)
{
	for (int i = 0; i < MANY; i++)
		want_of(w, i, 0, 128 * KIB);
}

static void want_on(struct world *w)
{
	want_of(w, 0, 256 * KIB, 384 * KIB);
}

static void end_cancelled(struct world *w)
{
	(void)w;
	for (guint i = 0; i < requests->len; i++)
		if (nth(i)->is_cancelled && !nth(i)->is_over)
			end(nth(i), -ECANCELED, 200);
}

static int count_cancelled(void)
{
	int n = 0;

	for (guint i = 0; i < requests->len; i++)
		n += nth(i)->is_cancelled;
	return n;
}

static void test_few_pauses_keep_their_connections(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < MANY; i++)
		contents_open(w->contents, ROW_MANY + i);
	there(w, want_many);
	assert_int_equal(requests->len, MANY);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(send_to(nth((guint)i), SIZE, false, SIZE), HTTP_PAUSE);
		there(w, NULL);
	}
	there(w, NULL);
	/* Those go that have been paused for longest. */
	assert_int_equal(count_cancelled(), MANY - CONTENT_PAUSED_MAX);
	for (int i = 0; i < MANY - CONTENT_PAUSED_MAX; i++)
		assert_true(nth((guint)i)->is_cancelled);
	there(w, end_cancelled);
	/* Who reads on goes on where he was. */
	there(w, want_on);
	assert_int_equal(requests->len, MANY + 1);
	assert_int_equal(nth(MANY)->d.from, 256 * KIB);
	assert_int_equal(nth(MANY)->d.to, 0);
	w->done = 0;
	assert_int_equal(send_to(nth(MANY), 384 * KIB, true, SIZE), HTTP_TAKEN);
	there(w, NULL);
	assert_int_equal(w->done, 1);
	for (int i = 0; i < MANY; i++)
		contents_close(w->contents, ROW_MANY + i);
	there(w, end_cancelled);
	assert_int_equal(count_cancelled(), MANY + 1);
}

#define SMALL (4 * KIB)
#define FILES (CONTENT_FILES_MAX + 8)

static int small_now; /* which of them */

static void want_small(struct world *w)
{
	g_autofree char *url = g_strdup_printf("https://h/v1/contents/%04d", small_now);
	struct content_source source = {.row = ROW_MANY + small_now, .url = url, .size = SMALL};
	int r = contents_want(w->contents, &source, 0, SMALL, on_done, w, &w->last);

	if (r == 1)
		w->done++;
	else
		assert_int_equal(r, 0);
}

static void end_last(struct world *w)
{
	(void)w;
	end(nth(requests->len - 1), 0, 200);
}

static int count_descriptors(void)
{
	GDir *dir = g_dir_open("/proc/self/fd", 0, NULL);
	int n = 0;

	while (g_dir_read_name(dir))
		n++;
	g_dir_close(dir);
	return n;
}

static void read_small(struct world *w, int i)
{
	g_autofree char *buf = g_malloc(SMALL);

	assert_int_equal(contents_read(w->contents, ROW_MANY + i, buf, SMALL, 0), SMALL);
	assert_memory_equal(buf, data, SMALL);
}

/* Opens those from `from` on below `to`, and reads them. */
static void fetch_small(struct world *w, int from, int to)
{
	for (small_now = from; small_now < to; small_now++) {
		contents_open(w->contents, ROW_MANY + small_now);
		there(w, want_small);
		assert_int_equal(requests->len, small_now + 1);
		assert_int_equal(send_to(nth((guint)small_now), SMALL, false, SMALL),
				 HTTP_TAKEN);
		there(w, end_last);
		read_small(w, small_now);
	}
}

/* A file is closed on a thread of its own. */
static void wait_few_descriptors(int before)
{
	for (int i = 0; i < 1000 && count_descriptors() > before + CONTENT_FILES_MAX; i++)
		g_usleep(10000);
	assert_true(count_descriptors() <= before + CONTENT_FILES_MAX);
}

static void test_files_that_nobody_reads_rest(void **state)
{
	struct world *w = *state;
	int before = count_descriptors();

	fetch_small(w, 0, FILES);
	wait_few_descriptors(before);
	/* The first of them reads on, and nothing is asked for again. */
	small_now = 0;
	assert_false(contents_has(w->contents, ROW_MANY, 0, SMALL));
	w->done = 0;
	there(w, want_small);
	assert_int_equal(w->done, 1);
	read_small(w, 0);
	assert_int_equal(requests->len, FILES);
	for (int i = 0; i < FILES; i++)
		contents_close(w->contents, ROW_MANY + i);
}

/* Who wants bytes is about to read them, so his file is not the one that rests. */
static void test_what_is_wanted_does_not_rest(void **state)
{
	struct world *w = *state;
	int before = count_descriptors();

	fetch_small(w, 0, CONTENT_FILES_MAX);
	small_now = 0;
	there(w, want_small);
	fetch_small(w, CONTENT_FILES_MAX, CONTENT_FILES_MAX + 1);
	wait_few_descriptors(before);
	assert_false(contents_has(w->contents, ROW_MANY + 1, 0, SMALL));
	read_small(w, 0);
	for (int i = 0; i <= CONTENT_FILES_MAX; i++)
		contents_close(w->contents, ROW_MANY + i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_few_pauses_keep_their_connections, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_files_that_nobody_reads_rest, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_what_is_wanted_does_not_rest, setup,
						teardown),
	};

	/* Some hundred files are put on the disk, which is nothing of what is tested. */
	if (g_file_test("/dev/shm", G_FILE_TEST_IS_DIR))
		g_setenv("TMPDIR", "/dev/shm", TRUE);
	return cmocka_run_group_tests_name("many contents", tests, NULL, NULL);
}
