/* SPDX-License-Identifier: MIT */
/* The folder of contents holds what is not ours: links, FIFOs, somebody's own files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach/internal.h"

#define URL "https://example.com/v1/contents/C1"
#define WORK "years of work"

struct world {
	struct contents c; /* of which only the folder is looked at */
	char *own;	   /* a file that is called as one might be, and is none */
};

static int set_up(void **state)
{
	struct world *w = g_new0(struct world, 1);

	w->c.dir = g_dir_make_tmp("sparkfs-contents-XXXXXX", NULL);
	assert_non_null(w->c.dir);
	w->own = g_build_filename(w->c.dir, "model.bin", NULL);
	assert_true(g_file_set_contents(w->own, WORK, -1, NULL));
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char *argv[] = {(char *)"rm", (char *)"-rf", w->c.dir, NULL};
	g_autofree char *text = NULL;

	assert_true(g_file_get_contents(w->own, &text, NULL, NULL));
	assert_string_equal(text, WORK);
	g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
	g_free(w->c.dir);
	g_free(w->own);
	g_free(w);
	return 0;
}

/* A file of ours with five bytes; returns its path. */
static char *keep(struct world *w)
{
	struct content_file f;
	char *path;

	assert_int_equal(content_file_open(&w->c, URL, 5, &f), 0);
	assert_non_null(f.path);
	assert_int_equal(pwrite(f.fd, "hello", 5, 0), 5);
	ranges_add(&f.known, 0, 5);
	content_file_save(f.fd, f.path, 5, &f.known);
	close(f.fd);
	ranges_clear(&f.known);
	path = f.path;
	return path;
}

static void put_in_the_way(const char *path, const char *other, int how)
{
	unlink(path);
	if (how == 0)
		assert_int_equal(symlink(other, path), 0);
	else if (how == 1)
		assert_int_equal(link(other, path), 0);
	else
		assert_int_equal(mkfifo(path, 0600), 0);
}

static void in_place_of_the_bytes(void **state)
{
	struct world *w = *state;
	g_autofree char *path = keep(w);

	for (int how = 0; how < 3; how++) {
		struct content_file f;

		put_in_the_way(path, w->own, how);
		/* It is read all the same, and not kept. */
		assert_int_equal(content_file_open(&w->c, URL, 5, &f), 0);
		assert_null(f.path);
		assert_int_equal(pwrite(f.fd, "hello", 5, 0), 5);
		close(f.fd);
		content_files_evict(&w->c, 0, INT64_MAX);
	}
}

static void in_place_of_the_map(void **state)
{
	struct world *w = *state;

	for (int how = 0; how < 3; how++) {
		g_autofree char *path = keep(w);
		g_autofree char *map =
			g_strdup_printf("%.*s.map", (int)(strlen(path) - 4), path);
		struct content_file f;

		put_in_the_way(map, w->own, how);
		assert_int_equal(content_file_open(&w->c, URL, 5, &f), 0);
		assert_int_equal(ranges_count(&f.known), 0);
		assert_int_equal(f.length, -1);
		close(f.fd);
		g_free(f.path);
	}
}

/* Nothing is believed of a map that cannot be true for the file beside it. */
static void a_map_that_cannot_be_true(void **state)
{
	static const char *const maps[] = {
		"sparkfs-content 1\nlength 9223372036854775807\nknown 0 5\n",
		"sparkfs-content 1\nlength 99999999999999999999\nknown 0 5\n",
		"sparkfs-content 1\nlength 6\nknown 0 5\n",
		"sparkfs-content 1\nlength -2\nknown 0 5\n",
		"sparkfs-content 1\nlength -1\nknown 0 6\n",
		"sparkfs-content 1\nlength 4\nknown 0 5\n",
		"sparkfs-content 1\nlength 5\nknown 3 3\n",
		"sparkfs-content 1\nlength 5\nknown 0 5\nkno",
		"sparkfs-content 2\nlength 5\nknown 0 5\n",
	};
	struct world *w = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(maps); i++) {
		g_autofree char *path = keep(w);
		g_autofree char *map =
			g_strdup_printf("%.*s.map", (int)(strlen(path) - 4), path);
		struct content_file f;

		assert_true(g_file_set_contents(map, maps[i], -1, NULL));
		/* The size is not known, so that nothing but the file can contradict. */
		assert_int_equal(content_file_open(&w->c, URL, -1, &f), 0);
		assert_int_equal(ranges_count(&f.known), 0);
		assert_int_equal(f.length, -1);
		close(f.fd);
		g_free(f.path);
	}
}

static void only_ours_are_dropped(void **state)
{
	struct world *w = *state;
	g_autofree char *path = keep(w);

	assert_int_equal(content_files_evict(&w->c, 0, INT64_MAX), 0);
	assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_place_of_the_bytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(in_place_of_the_map, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_map_that_cannot_be_true, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_ours_are_dropped, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("content_file", tests, NULL, NULL);
}
