/* SPDX-License-Identifier: MIT */
/* Who watches a mount, told by a proc of the test's own and by the real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>
#include <glib/gstdio.h>

#include "inotify/marks.h"

#define MINOR 0x31

static atomic_bool is_over;

static char *below(const char *proc, const char *name)
{
	g_autofree char *path = g_build_filename(proc, name, NULL);
	g_autofree char *folder = g_path_get_dirname(path);

	assert_int_equal(g_mkdir_with_parents(folder, 0755), 0);
	return g_steal_pointer(&path);
}

static void put(const char *proc, const char *name, const char *text)
{
	g_autofree char *path = below(proc, name);

	assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void put_fd(const char *proc, const char *pid, const char *link, const char *info)
{
	g_autofree char *name = g_strconcat(pid, "/fd/7", NULL);
	g_autofree char *path = below(proc, name);
	g_autofree char *lines = g_strconcat(pid, "/fdinfo/7", NULL);

	assert_int_equal(symlink(link, path), 0);
	put(proc, lines, info);
}

static bool watches(const struct marks *m, uint64_t ino)
{
	return g_hash_table_contains(m->inodes, &ino);
}

static void test_lines(void **state)
{
	g_autofree char *proc = g_dir_make_tmp("marks-XXXXXX", NULL);
	g_autofree char *remove = g_strconcat("rm -r ", proc, NULL);
	struct marks m = marks_new();

	(void)state;
	put(proc, "self/fdinfo/0", "");
	put_fd(proc, "10", "anon_inode:inotify",
	       "pos:\t0\nmnt_id:\t31\nino:\t31\n"
	       "inotify wd:2 ino:800000000000002a sdev:31 mask:fce ignored_mask:0 "
	       "fhandle-bytes:8\n"
	       "inotify wd:1 ino:2b sdev:800031 mask:fce ignored_mask:0\n"
	       "inotify wd:3 ino:2c sdev:3 mask:fce ignored_mask:0\n");
	put_fd(proc, "11", "anon_inode:[fanotify]",
	       "fanotify flags:10 event-flags:0\n"
	       "fanotify ino:2d sdev:31 mflags:0 mask:3b ignored_mask:40000000\n");
	/* Only what has watches is read. */
	put_fd(proc, "12", "/home/notify", "inotify wd:1 ino:2e sdev:31 mask:fce\n");
	put_fd(proc, "13", "anon_inode:[eventfd]", "inotify wd:1 ino:2f sdev:31 mask:fce\n");
	assert_int_equal(marks_find(proc, MINOR, &is_over, &m), 0);
	assert_true(watches(&m, 0x800000000000002a) && watches(&m, 0x2d));
	assert_int_equal(g_hash_table_size(m.inodes), 2);
	assert_int_equal(g_hash_table_size(m.hidden), 0);
	marks_free(&m);
	assert_int_equal(system(remove), 0);
}

/* A mark on a whole file system, and one on a mount, which each namespace has by another number. */
static void test_whole_mounts(void **state)
{
	static const struct {
		const char *mark;
		bool is_ours;
	} cases[] = {
		{"fanotify sdev:31 mflags:0 mask:3b ignored_mask:0\n", true},
		{"fanotify sdev:32 mflags:0 mask:3b ignored_mask:0\n", false},
		{"fanotify mnt_id:1c mflags:0 mask:3b ignored_mask:0\n", true},
		{"fanotify mnt_id:1d mflags:0 mask:3b ignored_mask:0\n", false},
		{"fanotify mnt_id:49 mflags:0 mask:3b ignored_mask:0\n", false},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *proc = g_dir_make_tmp("marks-XXXXXX", NULL);
		g_autofree char *remove = g_strconcat("rm -r ", proc, NULL);
		struct marks m = marks_new();

		put(proc, "self/fdinfo/0", "");
		put_fd(proc, "10", "anon_inode:[fanotify]", cases[i].mark);
		put(proc, "10/mountinfo",
		    "28 1 0:49 / /mnt rw - fuse.sparkfs sparkfs rw\n"
		    "29 1 8:49 / /mnt rw - ext4 sda rw\n73 1 0:5 / /tmp rw - tmpfs tmpfs rw\n");
		assert_int_equal(marks_find(proc, MINOR, &is_over, &m), 0);
		assert_int_equal(watches(&m, MARKS_ALL), cases[i].is_ours);
		assert_int_equal(g_hash_table_size(m.inodes), cases[i].is_ours);
		marks_free(&m);
		assert_int_equal(system(remove), 0);
	}
}

static void test_hidden(void **state)
{
	g_autofree char *proc = g_dir_make_tmp("marks-XXXXXX", NULL);
	g_autofree char *remove = g_strconcat("rm -r ", proc, NULL);
	g_autofree char *fds = g_build_filename(proc, "10", "fd", NULL);
	struct marks m = marks_new();
	pid_t pid;

	(void)state;
	put(proc, "self/fdinfo/0", "");
	put_fd(proc, "10", "anon_inode:inotify", "inotify wd:1 ino:2a sdev:31 mask:fce\n");
	put(proc, "10/status", "Name:\tsh\nTgid:\t10\nVmSize:\t  100 kB\n");
	put(proc, "11/status", "Name:\tsh\nTgid:\t10\nVmSize:\t  100 kB\n");
	put(proc, "12/status", "Name:\tnfsd\nTgid:\t10\nThreads:\t1\n");
	put(proc, "13/status", "Name:\tsh\nTgid:\t13\nVmSize:\t  100 kB\n");
	assert_int_equal(chmod(proc, 0755) | chmod(fds, 0), 0);
	/* Who is root may read all. */
	setfsuid(65534);
	assert_int_equal(marks_find(proc, MINOR, &is_over, &m), 0);
	setfsuid(geteuid());
	assert_int_equal(chmod(fds, 0755), 0);
	assert_int_equal(g_hash_table_size(m.inodes), 0);
	assert_true(marks_is_hidden(&m, proc, 10, &pid) && pid == 10);
	/* A thread of it; one of the kernel; another process; none. */
	assert_true(marks_is_hidden(&m, proc, 11, &pid) && pid == 10);
	assert_false(marks_is_hidden(&m, proc, 12, &pid));
	assert_false(marks_is_hidden(&m, proc, 13, &pid));
	assert_false(marks_is_hidden(&m, proc, 0x3fffffff, &pid));
	marks_free(&m);
	assert_int_equal(system(remove), 0);
}

static void test_no_proc(void **state)
{
	g_autofree char *proc = g_dir_make_tmp("marks-XXXXXX", NULL);
	struct marks m = marks_new();

	(void)state;
	assert_true(marks_find(proc, MINOR, &is_over, &m) < 0);
	assert_int_equal(rmdir(proc), 0);
	assert_true(marks_find(proc, MINOR, &is_over, &m) < 0);
	marks_free(&m);
}

/* The kernel's own lines. */
static void test_real(void **state)
{
	int fd = inotify_init1(IN_CLOEXEC);
	struct marks m = marks_new();
	struct stat st;

	(void)state;
	/* proc itself has a device without a major number, as a mount of FUSE does. */
	assert_int_equal(stat("/proc/self/", &st), 0);
	assert_int_equal(major(st.st_dev), 0);
	assert_true(inotify_add_watch(fd, "/proc/self/", IN_CREATE) > 0);
	assert_int_equal(marks_find("/proc", minor(st.st_dev), &is_over, &m), 0);
	assert_true(watches(&m, st.st_ino));
	marks_free(&m);
	close(fd);
	m = marks_new();
	assert_int_equal(marks_find("/proc", minor(st.st_dev), &is_over, &m), 0);
	assert_false(watches(&m, st.st_ino));
	marks_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),  cmocka_unit_test(test_whole_mounts),
		cmocka_unit_test(test_hidden), cmocka_unit_test(test_no_proc),
		cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests_name("marks", tests, NULL, NULL);
}
