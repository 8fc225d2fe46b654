/* SPDX-License-Identifier: MIT */
/* Drafts of files: the spool, what was taken, a full disk. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sched.h>
#include <unistd.h>

#include "draft_kit.h"
#include "base/fd.h"
#include "base/snapshot.h"

static char *read_fd(int fd, int64_t size)
{
	char *bytes = g_malloc0((gsize)size + 1);

	assert_int_equal(pread(fd, bytes, (size_t)size, 0), size);
	return bytes;
}

static int take_fd(struct draft *d, int64_t size)
{
	int64_t got = -1;
	int fd = -1;

	assert_int_equal(draft_take(d, NULL, NULL, &fd, &got), 0);
	assert_int_equal(got, size);
	assert_false(draft_is_dirty(d));
	return fd;
}

static int count_files(void)
{
	GDir *d = g_dir_open(draft_dir, 0, NULL);
	int count = 0;

	while (g_dir_read_name(d))
		count++;
	g_dir_close(d);
	return count;
}

static void a_file_is_written_anywhere(void **state)
{
	struct draft *d = new_draft(LETTER_FILE);
	char *bytes, buf[8] = "";

	(void)state;
	assert_true(draft_is_dirty(d));
	put(d, "world", 6);
	put(d, "hello\xFF", 0);
	assert_int_equal(draft_write(d, "!", 1, 0, true), 1);
	assert_int_equal(draft_size(d), 12);
	assert_int_equal(draft_read(d, buf, 7, 6), 6);
	assert_string_equal(buf, "world!");
	int fd = take_fd(d, 12);
	bytes = read_fd(fd, 12);
	assert_string_equal(bytes, "hello\xFFworld!");
	g_free(bytes);
	close(fd);
	draft_unref(&d);
}

static void an_empty_file_is_an_upload(void **state)
{
	struct draft *d = new_draft(LETTER_FILE);

	(void)state;
	assert_true(draft_is_dirty(d));
	close(take_fd(d, 0));
	assert_int_equal(draft_truncate(d, 0), 0);
	assert_false(draft_is_dirty(d));
	draft_unref(&d);
}

static void a_file_has_100_mb(void **state)
{
	struct draft *d = new_draft(LETTER_FILE);

	(void)state;
	assert_int_equal(draft_truncate(d, DRAFT_FILE_MAX + 1), -EFBIG);
	assert_int_equal(draft_truncate(d, DRAFT_FILE_MAX - 1), 0);
	assert_int_equal(draft_write(d, "ab", 2, DRAFT_FILE_MAX - 1, false), -EFBIG);
	assert_int_equal(draft_write(d, "ab", 2, 0, true), -EFBIG);
	assert_int_equal(draft_write(d, "ab", 2, INT64_MAX, false), -EFBIG);
	assert_int_equal(draft_size(d), DRAFT_FILE_MAX - 1);
	put(d, "a", DRAFT_FILE_MAX - 1);
	assert_int_equal(draft_size(d), DRAFT_FILE_MAX);
	draft_unref(&d);
}

static void what_was_taken_stays_as_it_was(void **state)
{
	struct draft *d = new_draft(LETTER_FILE);
	char *bytes, buf[16] = "";
	int first, second, third;

	(void)state;
	put(d, "first version", 0);
	first = take_fd(d, 13);
	put(d, "again", 0);
	assert_true(draft_is_dirty(d));
	second = take_fd(d, 13);
	/* The same bytes: the same file. */
	third = take_fd(d, 13);
	assert_int_equal(draft_truncate(d, 5), 0);
	assert_true(draft_is_dirty(d));
	bytes = read_fd(first, 13);
	assert_string_equal(bytes, "first version");
	g_free(bytes);
	bytes = read_fd(second, 13);
	assert_string_equal(bytes, "again version");
	g_free(bytes);
	bytes = read_fd(third, 13);
	assert_string_equal(bytes, "again version");
	g_free(bytes);
	assert_int_equal(draft_read(d, buf, sizeof(buf), 0), 5);
	assert_string_equal(buf, "again");
	assert_int_equal(count_files(), 1);
	close(first);
	close(second);
	close(third);
	draft_unref(&d);
}

static void the_name_in_the_spool_tells_what_it_was(void **state)
{
	struct draft *d = new_draft(LETTER_FILE), *again = draft_ref(d);
	GDir *folder;
	const char *name;
	char *path;
	struct stat st;

	(void)state;
	draft_set_label(d, "Harbour/project", "re\x1fport.pdf");
	folder = g_dir_open(draft_dir, 0, NULL);
	name = g_dir_read_name(folder);
	assert_true(g_str_has_prefix(name, DRAFT_SPOOL_PREFIX));
	assert_string_equal(name + strlen(DRAFT_SPOOL_PREFIX) + DRAFT_SPOOL_DIGITS,
			    "_Harbour\xE2\x88\x95project\x1fre\xEF\xBF\xBDport.pdf");
	path = g_build_filename(draft_dir, name, NULL);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	g_dir_close(folder);
	g_free(path);
	/* The same for what is written after that was taken. */
	close(take_fd(d, 0));
	put(d, "more", 0);
	folder = g_dir_open(draft_dir, 0, NULL);
	name = g_dir_read_name(folder);
	assert_true(g_str_has_suffix(name, "project\x1fre\xEF\xBF\xBDport.pdf"));
	assert_null(g_dir_read_name(folder));
	g_dir_close(folder);
	/* Of a place that is gone. */
	draft_set_label(d, NULL, "member.json");
	folder = g_dir_open(draft_dir, 0, NULL);
	assert_true(g_str_has_suffix(g_dir_read_name(folder), "__\x1fmember.json"));
	g_dir_close(folder);
	/* With the longest possible names. */
	char *place = fill(255, 'p'), *file = fill(255, 'f');
	draft_set_label(d, place, file);
	assert_int_equal(count_files(), 1);
	g_free(place);
	g_free(file);
	draft_unref(&d);
	assert_int_equal(count_files(), 1);
	draft_unref(&again);
	assert_int_equal(count_files(), 0);
}

static void sha256_is_of_all_bytes(void **state)
{
	struct draft *d = new_draft(LETTER_FILE);
	char *hex = NULL;

	(void)state;
	int fd = take_fd(d, 0);
	assert_int_equal(draft_sha256(fd, &hex), 0);
	assert_string_equal(hex,
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	g_free(hex);
	close(fd);
	put(d, "abc", 0);
	fd = take_fd(d, 3);
	assert_int_equal(draft_sha256(fd, &hex), 0);
	assert_string_equal(hex,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	g_free(hex);
	close(fd);
	assert_int_equal(draft_sha256(-1, &hex), -EBADF);
	draft_unref(&d);
}

static void without_a_spool_there_is_no_draft(void **state)
{
	struct draft *d = NULL;

	(void)state;
	assert_int_equal(draft_new(LETTER_FILE, "/nonexistent", &d), -ENOENT);
	assert_null(d);
	/* Texts need none. */
	assert_int_equal(draft_new(LETTER_TEXT, "/nonexistent", &d), 0);
	draft_unref(&d);
}

/* So many passing files that nothing else could be done: a letter could not be kept. */
static void the_last_descriptors_are_for_others(void **state)
{
	struct rlimit before, few = {.rlim_cur = 64};
	struct draft *all[64] = {0}, *text;
	int r = 0, n = 0, fd;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (r == 0 && n < 64)
		r = draft_new(LETTER_FILE, draft_dir, &all[n++]);
	assert_int_equal(r, -ENFILE);
	assert_int_equal(draft_new(LETTER_TEXT, draft_dir, &text), -ENFILE);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fd, 48);
	close(fd);
	while (n--)
		draft_unref(&all[n]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* ---- a full disk ---- */

#define DISK "size=256k"
#define BLOCK 65536

/* What a child found; its asserts would run the parent's tests on. */
static int fill_the_disk(void)
{
	char *block = fill(BLOCK, 'x'), buf[4];
	struct draft *d = NULL, *second = NULL;
	int64_t size = 0;
	ssize_t n;
	int fd;

	if (mount("none", draft_dir, "tmpfs", 0, DISK) < 0)
		return 77;
	if (draft_new(LETTER_FILE, draft_dir, &d) || draft_new(LETTER_FILE, draft_dir, &second))
		return 1;
	/* Not whole blocks, so that a part of the last write fits. */
	for (;;) {
		n = draft_write(d, block, BLOCK - 1000, size, false);
		if (n < 0)
			break;
		size += n;
	}
	if (n != -ENOSPC || size == 0 || draft_size(d) != size)
		return 2;
	if (draft_read(d, buf, 1, size) != 0 || draft_read(d, buf, 1, size - 1) != 1)
		return 3;
	/* The copy after a take does not fit: nothing changes. */
	if (draft_take(d, NULL, NULL, &fd, &size))
		return 4;
	if (draft_write(d, "y", 1, 0, false) != -ENOSPC || draft_is_dirty(d))
		return 5;
	if (draft_read(d, buf, 1, 0) != 1 || buf[0] != 'x')
		return 6;
	close(fd);
	draft_unref(&d);
	/* There is room again. */
	if (draft_write(second, block, BLOCK, 0, false) != BLOCK)
		return 7;
	draft_unref(&second);
	g_free(block);
	return 0;
}

static void a_full_disk_refuses_the_write(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
			_exit(77);
		if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(77);
		_exit(fill_the_disk());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static ssize_t read_draft(void *arg, void *buf, size_t len, int64_t offset)
{
	/* What comes in small pieces is whole as well. */
	return draft_read(arg, buf, MIN(len, 1000), offset);
}

static ssize_t read_and_fail(void *arg, void *buf, size_t len, int64_t offset)
{
	(void)arg;
	memset(buf, 'f', len);
	return offset ? -ENETDOWN : (ssize_t)len;
}

static void a_draft_is_filled_from_what_there_is(void **state)
{
	struct draft *from = new_draft(LETTER_FILE), *to = new_draft(LETTER_FILE);
	g_autofree char *bytes = fill(200000, 'b'), *got = NULL, *again = NULL;
	int fd, other;

	(void)state;
	put(from, bytes, 0);
	assert_int_equal(draft_fill(to, read_draft, from), 0);
	fd = take_fd(to, 200000);
	got = read_fd(fd, 200000);
	assert_string_equal(got, bytes);
	draft_unref(&to);
	to = new_draft(LETTER_FILE);
	assert_int_equal(draft_fill_fd(to, fd), 0);
	assert_true(draft_is_dirty(to));
	other = take_fd(to, 200000);
	again = read_fd(other, 200000);
	assert_string_equal(again, bytes);
	draft_unref(&to);
	/* The errors of the source, and those of the draft. */
	to = new_draft(LETTER_FILE);
	assert_int_equal(draft_fill(to, read_and_fail, NULL), -ENETDOWN);
	assert_int_equal(draft_fill_fd(to, -1), -EBADF);
	draft_unref(&to);
	to = new_draft(LETTER_TEXT);
	assert_int_equal(draft_fill_fd(to, fd), -EFBIG);
	close(fd);
	close(other);
	draft_unref(&to);
	draft_unref(&from);
}

#ifndef NDEBUG
/* Ends by the assertion. */
static bool aborts(int (*fn)(struct draft *d, int fd), struct draft *d, int fd)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		(void)!freopen("/dev/null", "w", stderr);
		snapshot_enter();
		fn(d, fd);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static int sum(struct draft *d, int fd)
{
	char *hex = NULL;
	int r = draft_sha256(fd, &hex);

	(void)d;
	g_free(hex);
	return r;
}

static int write_a_part(struct draft *d, int fd)
{
	(void)fd;
	return draft_write(d, "x", 1, 0, false) == 1 ? 0 : -EIO;
}

static int copy_much(struct draft *d, int fd)
{
	(void)d;
	return fd_copy(fd, STDERR_FILENO, 0, SNAPSHOT_BYTES_MAX + 1);
}

static void test_no_file_is_copied_under_a_snapshot(void **state)
{
	struct draft *d = new_draft(LETTER_FILE);
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(aborts(draft_fill_fd, d, fd));
	assert_true(aborts(sum, d, fd));
	assert_true(aborts(copy_much, d, fd));
	assert_false(aborts(write_a_part, d, fd));
	assert_false(snapshot_is_held());
	close(fd);
	draft_unref(&d);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		draft_test(a_file_is_written_anywhere),
		draft_test(an_empty_file_is_an_upload),
		draft_test(a_file_has_100_mb),
		draft_test(what_was_taken_stays_as_it_was),
		draft_test(the_name_in_the_spool_tells_what_it_was),
		draft_test(sha256_is_of_all_bytes),
		draft_test(a_draft_is_filled_from_what_there_is),
		draft_test(without_a_spool_there_is_no_draft),
		draft_test(the_last_descriptors_are_for_others),
		draft_test(a_full_disk_refuses_the_write),
#ifndef NDEBUG
		draft_test(test_no_file_is_copied_under_a_snapshot),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
