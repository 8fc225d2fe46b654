/* SPDX-License-Identifier: MIT */
#include "base/fd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE 200000

static int new_file(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static off_t size_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_size;
}

static void fill(char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 7 + i / 256);
}

static void test_write_all(void **state)
{
	g_autofree char *bytes = g_malloc(SIZE), *got = g_malloc0(SIZE);
	int fd = new_file(), full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	fill(bytes, SIZE);
	assert_int_equal(fd_write_all(fd, bytes, SIZE, 5), 0);
	assert_int_equal(size_of(fd), SIZE + 5);
	assert_int_equal(pread(fd, got, SIZE, 5), SIZE);
	assert_memory_equal(bytes, got, SIZE);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_int_equal(fd_write_all(fd, bytes, 0, 1 << 20), 0);
	assert_int_equal(size_of(fd), SIZE + 5);
	assert_int_equal(fd_write_all(-1, bytes, 1, 0), -EBADF);
	assert_int_equal(fd_write_all(full, bytes, 1, 0), -ENOSPC);
	close(full);
	close(fd);
}

static void test_copy(void **state)
{
	g_autofree char *bytes = g_malloc(SIZE), *got = g_malloc0(SIZE);
	int from = new_file(), to = new_file(), full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	fill(bytes, SIZE);
	assert_int_equal(fd_write_all(from, bytes, SIZE, 0), 0);
	assert_int_equal(fd_copy(from, to, 70000, 150001), 0);
	assert_int_equal(size_of(to), 150001);
	assert_int_equal(pread(to, got, SIZE, 0), 150001);
	for (int i = 0; i < 70000; i++)
		assert_int_equal(got[i], 0);
	assert_memory_equal(bytes + 70000, got + 70000, 150001 - 70000);
	assert_int_equal(fd_copy(from, to, 0, SIZE), 0);
	assert_int_equal(pread(to, got, SIZE, 0), SIZE);
	assert_memory_equal(bytes, got, SIZE);
	assert_int_equal(fd_copy(from, to, SIZE, SIZE), 0);
	/* It ends before that. */
	assert_int_equal(fd_copy(from, to, SIZE - 10, SIZE + 1), -EIO);
	assert_int_equal(fd_copy(-1, to, 0, 1), -EBADF);
	assert_int_equal(fd_copy(from, full, 0, 1), -ENOSPC);
	close(full);
	close(from);
	close(to);
}

/* The highest descriptor that open() gives, all below it being open. */
static int use_up(void)
{
	int fd, highest = -1;

	while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		highest = fd;
	assert_int_equal(errno, EMFILE);
	return highest;
}

static void test_a_letter_has_the_last_descriptors(void **state)
{
	int dir = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC), highest, kept, copy;
	struct rlimit before, few = {.rlim_cur = 100}, limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(fd_check_left(), 0);
	highest = use_up();
	assert_int_equal(highest, 99);
	assert_true(fd_is_scarce(75));
	assert_false(fd_is_scarce(74));
	assert_int_equal(fd_check_left(), -ENFILE);
	kept = fd_openat_last(dir, "null", O_RDONLY, 0);
	copy = fd_dup_last(lowest);
	assert_true(kept > highest && copy > highest);
	assert_int_equal(fcntl(kept, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(copy, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fd_openat_last(dir, "nothing", O_RDONLY, 0), -ENOENT);
	/* Nobody else has more. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(limit.rlim_cur, 100);
	assert_int_equal(open("/dev/null", O_RDONLY | O_CLOEXEC), -1);
	for (int fd = lowest; fd <= MAX(kept, copy); fd++)
		close(fd);
	close(dir);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void test_the_limit_is_raised_but_for_the_last(void **state)
{
	struct rlimit before, low, raised;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	fd_limit_raise();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &raised), 0);
	assert_true(raised.rlim_cur < before.rlim_max && raised.rlim_cur > before.rlim_max / 2);
	assert_int_equal(fd_limit_before(), 100);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_all),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_a_letter_has_the_last_descriptors),
		cmocka_unit_test(test_the_limit_is_raised_but_for_the_last),
	};

	return cmocka_run_group_tests_name("fd", tests, NULL, NULL);
}
