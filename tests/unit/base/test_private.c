/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/private.h"

#define OTHER 65534

static char *dir;

static char *in_dir(const char *name)
{
	return g_build_filename(dir, name, NULL);
}

static int set_up(void **state)
{
	(void)state;
	dir = g_dir_make_tmp("sparkfs-private-XXXXXX", NULL);
	return dir ? 0 : -1;
}

static int tear_down(void **state)
{
	char *argv[] = {(char *)"rm", (char *)"-rf", dir, NULL};

	(void)state;
	g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
	g_free(dir);
	return 0;
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void put(const char *path, const char *text)
{
	assert_true(g_file_set_contents(path, text, -1, NULL));
}

static bool is_a(const char *name)
{
	return name[0] == 'a';
}

static void folders(void **state)
{
	g_autofree char *made = in_dir("made"), *own = in_dir("own"), *link = in_dir("link");
	g_autofree char *file = in_dir("file"), *ours = in_dir("own/a");
	g_autofree char *theirs = in_dir("own/b"), *missing = in_dir("no/such");

	(void)state;
	assert_int_equal(private_dir(made, NULL), 0);
	assert_int_equal(mode_of(made), 0700);
	assert_int_equal(private_dir(missing, NULL), -ENOENT);
	/* What only has what is ours in it becomes private; what has not stays as it is. */
	assert_int_equal(g_mkdir(own, 0700), 0);
	assert_int_equal(chmod(own, 0755), 0);
	put(ours, "x");
	assert_int_equal(private_dir(own, is_a), 0);
	assert_int_equal(mode_of(own), 0700);
	assert_int_equal(chmod(own, 0755), 0);
	put(theirs, "x");
	assert_int_equal(private_dir(own, is_a), 0);
	assert_int_equal(mode_of(own), 0755);
	/* Not through a link. */
	assert_int_equal(symlink(own, link), 0);
	assert_int_equal(private_dir(link, NULL), -ELOOP);
	assert_int_equal(mode_of(own), 0755);
	assert_int_equal(private_root(link), 0);
	put(file, "x");
	assert_int_equal(private_dir(file, NULL), -ENOTDIR);
	assert_int_equal(private_root(file), -ENOTDIR);
}

static void folders_of_others(void **state)
{
	g_autofree char *theirs = in_dir("theirs"), *link = in_dir("link");
	g_autofree char *open_to_all = in_dir("all"), *slashes = g_strconcat(link, "//", NULL);

	(void)state;
	assert_int_equal(g_mkdir(open_to_all, 0700), 0);
	assert_int_equal(chmod(open_to_all, 0777), 0);
	assert_int_equal(private_root(open_to_all), -EACCES);
	assert_int_equal(chmod(open_to_all, 01777), 0);
	assert_int_equal(private_root(open_to_all), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(g_mkdir(theirs, 0755), 0);
	assert_int_equal(chown(theirs, OTHER, OTHER), 0);
	assert_int_equal(private_dir(theirs, NULL), -EPERM);
	assert_int_equal(private_root(theirs), -EPERM);
	assert_int_equal(mode_of(theirs), 0755);
	/* A link of somebody else's to what is ours. */
	assert_int_equal(symlink(open_to_all, link), 0);
	assert_int_equal(lchown(link, OTHER, OTHER), 0);
	assert_int_equal(private_root(link), -EPERM);
	assert_int_equal(private_root(slashes), -EPERM);
}

static void files(void **state)
{
	g_autofree char *file = in_dir("file"), *link = in_dir("link"), *hard = in_dir("hard");
	g_autofree char *fifo = in_dir("fifo"), *text = NULL;
	size_t len;
	int fd;

	(void)state;
	assert_int_equal(private_file(file, O_RDONLY, &fd), -ENOENT);
	assert_int_equal(private_file(file, O_RDWR | O_CREAT, &fd), 0);
	assert_int_equal(write(fd, "hello", 5), 5);
	close(fd);
	assert_int_equal(mode_of(file), 0600);
	assert_int_equal(private_read(file, 5, &text, &len), 0);
	assert_string_equal(text, "hello");
	assert_int_equal(len, 5);
	assert_int_equal(private_read(file, 4, &text, &len), -EBADMSG);
	assert_int_equal(symlink(file, link), 0);
	assert_int_equal(private_file(link, O_RDWR, &fd), -ELOOP);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(private_file(fifo, O_RDONLY, &fd), -EBADMSG);
	assert_int_equal(private_file(fifo, O_WRONLY, &fd), -EBADMSG);
	assert_int_equal(private_file(fifo, O_RDWR, &fd), -EBADMSG);
	assert_int_equal(private_file(dir, O_RDONLY, &fd), -EISDIR);
	assert_int_equal(private_file(dir, O_RDWR, &fd), -EISDIR);
	assert_int_equal(linkat(AT_FDCWD, file, AT_FDCWD, hard, 0), 0);
	assert_int_equal(private_file(hard, O_RDWR, &fd), -EMLINK);
	if (geteuid() != 0)
		return;
	assert_int_equal(unlink(hard), 0);
	assert_int_equal(chown(file, OTHER, OTHER), 0);
	assert_int_equal(private_file(file, O_RDWR, &fd), -EPERM);
}

static void names(void **state)
{
	(void)state;
	assert_true(private_is_hash_name("0123456789abcdef", 16, ""));
	assert_true(private_is_hash_name("0123456789abcdef.A1b2C3", 16, ""));
	assert_true(private_is_hash_name("abcd.bin", 4, ".bin"));
	assert_true(private_is_hash_name("abcd.bin.A1b2C3", 4, ".bin"));
	assert_false(private_is_hash_name("abc.bin", 4, ".bin"));
	assert_false(private_is_hash_name("abcde.bin", 4, ".bin"));
	assert_false(private_is_hash_name("abcd.bin~", 4, ".bin"));
	assert_false(private_is_hash_name("abcd.bin.A1b2C", 4, ".bin"));
	assert_false(private_is_hash_name("ABCD", 4, ""));
	assert_false(private_is_hash_name("thesis.tex", 4, ""));
	assert_false(private_is_hash_name("", 4, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(folders, set_up, tear_down),
		cmocka_unit_test_setup_teardown(folders_of_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(files, set_up, tear_down),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("private", tests, NULL, NULL);
}
