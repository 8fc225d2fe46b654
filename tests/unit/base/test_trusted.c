/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/trusted.h"

#define OTHER 65534
#define MAX_BYTES 100

static char *dir;

static char *in_dir(const char *name)
{
	return g_build_filename(dir, name, NULL);
}

static int set_up(void **state)
{
	char *top = g_dir_make_tmp("sparkfs-trusted-XXXXXX", NULL);

	(void)state;
	/* What is in /tmp lies in a folder that others may write to, and is safe there. */
	dir = g_build_filename(top, "config", NULL);
	g_free(top);
	return g_mkdir(dir, 0700);
}

static int tear_down(void **state)
{
	char *top = g_path_get_dirname(dir);
	char *argv[] = {(char *)"rm", (char *)"-rf", top, NULL};

	(void)state;
	g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
	g_free(dir);
	g_free(top);
	return 0;
}

static char *put(const char *name, const char *text, mode_t mode)
{
	char *path = in_dir(name);

	assert_true(g_file_set_contents(path, text, -1, NULL));
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static void check(const char *path, enum trusted_kind kind, int error, const char *says)
{
	char *text = NULL, *why = NULL;
	size_t len = 0;

	assert_int_equal(trusted_read(path, kind, MAX_BYTES, &text, &len, &why), error);
	assert_int_equal(why != NULL, error != 0);
	if (error && !strstr(why, says))
		fail_msg("%s: %s", path, why);
	if (!error)
		assert_int_equal(len, strlen(says));
	if (!error)
		assert_string_equal(text, says);
	g_free(text);
	g_free(why);
}

static void test_modes(void **state)
{
	static const struct {
		mode_t mode;
		bool is_secret, is_config;
	} rows[] = {
		{0600, true, true},   {0400, true, true},  {0640, false, true},
		{0644, false, true},  {0604, false, true}, {0602, false, false},
		{0666, false, false}, {0711, true, true},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		char *path = put("modes", "x\n", rows[i].mode);

		check(path, TRUSTED_SECRET, rows[i].is_secret ? 0 : -EPERM,
		      rows[i].is_secret ? "x\n" : "others can read or change it");
		check(path, TRUSTED_CONFIG, rows[i].is_config ? 0 : -EPERM,
		      rows[i].is_config ? "x\n" : "others can change it");
		g_free(path);
	}
}

static void test_kinds_of_files(void **state)
{
	char *path = put("kinds", "text", 0600), *link = in_dir("link"), *fifo = in_dir("fifo");
	char *most = g_strnfill(MAX_BYTES, 'x'), *more = g_strnfill(MAX_BYTES + 1, 'x');
	char *missing = in_dir("missing"), *long_path = put("long", most, 0600);

	(void)state;
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	check(link, TRUSTED_SECRET, 0, "text");
	check(link, TRUSTED_CONFIG, 0, "text");
	check(fifo, TRUSTED_SECRET, -EPERM, "not a regular file");
	check(dir, TRUSTED_CONFIG, -EPERM, "not a regular file");
	check(missing, TRUSTED_CONFIG, -ENOENT, "No such file");
	check(long_path, TRUSTED_SECRET, 0, most);
	g_free(put("long", more, 0600));
	check(long_path, TRUSTED_SECRET, -EFBIG, "too long");
	g_free(path);
	g_free(link);
	g_free(fifo);
	g_free(most);
	g_free(more);
	g_free(missing);
	g_free(long_path);
}

/* Who can put another file there can change the configuration; a secret that is not there is no secret. */
static void test_folders(void **state)
{
	char *path = put("folder", "x", 0600), *far = in_dir("far"), *target = in_dir("far/x");

	(void)state;
	assert_int_equal(chmod(dir, 0777), 0);
	check(path, TRUSTED_CONFIG, -EPERM, "others can change its folder");
	check(path, TRUSTED_SECRET, 0, "x");
	assert_int_equal(chmod(dir, 01777), 0);
	check(path, TRUSTED_CONFIG, 0, "x");
	assert_int_equal(chmod(dir, 0755), 0);
	/* The folder of what a link leads to counts, too. */
	assert_int_equal(g_mkdir(far, 0700), 0);
	assert_int_equal(g_rename(path, target), 0);
	assert_int_equal(symlink(target, path), 0);
	check(path, TRUSTED_CONFIG, 0, "x");
	assert_int_equal(chmod(far, 0777), 0);
	check(path, TRUSTED_CONFIG, -EPERM, "others can change its folder");
	g_free(path);
	g_free(far);
	g_free(target);
}

static void test_owners(void **state)
{
	char *path = put("owners", "x", 0644);

	(void)state;
	if (geteuid() != 0) {
		check(path, TRUSTED_SYSTEM, -EPERM, "not root's");
		check("/etc/passwd", TRUSTED_SECRET, -EPERM, "others can read");
		g_free(path);
		skip();
	}
	check(path, TRUSTED_SYSTEM, 0, "x");
	/* A group of others may write neither; root's own one only what is not the whole system's. */
	assert_int_equal(chmod(path, 0664), 0);
	check(path, TRUSTED_SYSTEM, -EPERM, "others can change it");
	check(path, TRUSTED_CONFIG, 0, "x");
	assert_int_equal(chown(path, 0, OTHER), 0);
	check(path, TRUSTED_CONFIG, -EPERM, "others can change it");
	assert_int_equal(chmod(path, 0644), 0);
	check(path, TRUSTED_CONFIG, 0, "x");
	assert_int_equal(chown(path, OTHER, OTHER), 0);
	check(path, TRUSTED_CONFIG, -EPERM, "belongs to another user");
	check(path, TRUSTED_SYSTEM, -EPERM, "not root's");
	assert_int_equal(chown(path, 0, 0), 0);
	assert_int_equal(chown(dir, OTHER, 0), 0);
	check(path, TRUSTED_SYSTEM, -EPERM, "its folder");
	check(path, TRUSTED_CONFIG, -EPERM, "its folder");
	assert_int_equal(chown(dir, 0, 0), 0);
	g_free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_kinds_of_files),
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_owners),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
