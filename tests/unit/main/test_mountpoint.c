/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "main/mountpoint.h"

static int set_up(void **state)
{
	char *made = g_dir_make_tmp("sparkfs-mountpoint-XXXXXX", NULL);

	/* The temporary folder itself may be behind a symbolic link. */
	*state = realpath(made, NULL);
	g_free(made);
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"link", "dir", "file"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		char *path = g_build_filename(*state, names[i], NULL);

		(void)remove(path);
		g_free(path);
	}
	(void)rmdir(*state);
	free(*state);
	return 0;
}

static void refuse(const char *path, int error, const char *words)
{
	char *absolute = NULL, *reason = NULL;

	assert_int_equal(mountpoint_check(path, &absolute, &reason), error);
	assert_null(absolute);
	if (!strstr(reason, words))
		fail_msg("%s: no \"%s\"", reason, words);
	assert_null(strchr(reason, '\n'));
	g_free(reason);
}

static void test_good(void **state)
{
	char *link = g_build_filename(*state, "link", NULL);
	char *dir = g_build_filename(*state, "dir", NULL);
	char *dots = g_build_filename(*state, "dir/../dir//.", NULL);
	const char *const names[] = {dir, link, dots};

	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(symlink("dir", link), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		char *path = NULL, *reason = NULL;

		assert_int_equal(mountpoint_check(names[i], &path, &reason), 0);
		assert_string_equal(path, dir);
		g_free(path);
	}
	g_free(link);
	g_free(dir);
	g_free(dots);
}

static void test_bad(void **state)
{
	char *file = g_build_filename(*state, "file", NULL);
	char *none = g_build_filename(*state, "none", NULL);

	refuse(none, -ENOENT, "mkdir");
	assert_true(g_file_set_contents(file, "x", -1, NULL));
	refuse(file, -ENOTDIR, "not a directory");
	refuse(*state, -ENOTEMPTY, "not empty");
	refuse("/proc", -EBUSY, "already a mount point (proc)");
	g_free(file);
	g_free(none);
}

static void test_is_mounted(void **state)
{
	char *type = NULL;

	assert_int_equal(mountpoint_is_mounted("/proc", &type), 1);
	assert_string_equal(type, "proc");
	g_free(type);
	type = NULL;
	assert_int_equal(mountpoint_is_mounted(*state, &type), 0);
	assert_null(type);
}

/* Lines as in /proc/self/mountinfo. */
static void test_find(void **state)
{
	static const char lines[] =
		"25 29 0:23 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
		"60 29 0:51 / /home/a\\040b rw shared:1 master:2 - autofs systemd-1 rw,fd=40\n"
		"61 60 0:52 / /home/a\\040b rw - fuse.sparkfs sparkfs rw\n"
		"62 29 0:53 / /cut rw\n"
		"63 29 0:54 / /no/type rw shared:1\n"
		"64 29 0:55 / /waits rw - autofs systemd-1 rw,fd=40\n"
		"65 29 0:56 / /mine rw - fuse.sparkfs a\\040b rw,user_id=1000,group_id=100\n"
		"66 29 0:57 / /other rw - fuse.sshfs x: rw,user_id=1000,group_id=100\n"
		"67 29 0:58 / /above rw - fuse.sparkfs x rw,user_id=1000,group_id=100\n"
		"68 67 0:59 / /above rw - fuse.sparkfs x rw,user_id=0,group_id=0\n";
	char *type = NULL;

	(void)state;
	assert_true(mountpoint_is_of(lines, "/mine", 1000));
	assert_false(mountpoint_is_of(lines, "/mine", 100));
	assert_false(mountpoint_is_of(lines, "/mine/deeper", 1000));
	assert_false(mountpoint_is_of(lines, "/other", 1000));
	assert_false(mountpoint_is_of(lines, "/above", 1000));
	assert_false(mountpoint_is_of(lines, "/home/a b", 1000));
	assert_false(mountpoint_is_of(lines, "/waits", 0));
	assert_false(mountpoint_is_of(lines, "/cut", 0));
	assert_int_equal(mountpoint_find(lines, "/home/a b", &type), 1);
	assert_string_equal(type, "fuse.sparkfs");
	g_free(type);
	/* It waits for a mount, and is none. */
	assert_int_equal(mountpoint_find(lines, "/waits", &type), 0);
	assert_string_equal(type, "autofs");
	g_free(type);
	assert_int_equal(mountpoint_find(lines, "/no/type", &type), 1);
	assert_null(type);
	assert_int_equal(mountpoint_find(lines, "/cut", NULL), 0);
	assert_int_equal(mountpoint_find(lines, "/home", NULL), 0);
}

static void test_answers(void **state)
{
	char *none = g_build_filename(*state, "none", NULL);

	assert_int_equal(mountpoint_answers(*state, 10000), 0);
	assert_int_equal(mountpoint_answers(none, 10000), -ENOENT);
	g_free(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_is_mounted, set_up, tear_down),
		cmocka_unit_test(test_find),
		cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
