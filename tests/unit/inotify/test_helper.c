/* SPDX-License-Identifier: MIT */
/*
 * The helper of -o inotify as a process: what it does, where it refuses, and how it ends. This program is its own helper
 * (/proc/self/exe): the "mount point" says which.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "inotify/helper.h"
#include "inotify/internal.h"

static struct connection up = {.minor = 1};
static bool is_up = true;

bool connection_is_up(const struct connection *c)
{
	assert_ptr_equal(c, &up);
	return is_up;
}

static struct mirror_act act_of(const char *path, const char *newpath)
{
	return (struct mirror_act){.path = (char *)path, .newpath = (char *)newpath};
}

static int try(struct mirror_process *p, enum mirror_what what, const char *path,
	       const char *newpath)
{
	struct mirror_act act = act_of(path, newpath);

	assert_int_equal(mirror_process_ensure(p), 0);
	return mirror_process_do(p, &act, what);
}

static void test_one_that_dies_is_not_started_for_ever(void **state)
{
	struct mirror_process p;
	int starts = 0, r;

	(void)state;
	mirror_process_init(&p, "die", &up);
	while ((r = mirror_process_ensure(&p)) == 0) {
		struct mirror_act act = act_of("x", NULL);

		starts++;
		assert_uint_in_range(starts, 1, 20);
		assert_int_equal(mirror_process_do(&p, &act, MIRROR_CREATE), -EPIPE);
		mirror_process_reap(&p);
	}
	assert_int_equal(r, -ECANCELED);
	assert_int_equal(starts, 5);
	mirror_process_clear(&p);
}

static void *quit_soon(void *arg)
{
	usleep(50000);
	mirror_process_quit(arg);
	return NULL;
}

static void test_who_waits_for_it_can_be_freed(void **state)
{
	struct mirror_process p;
	struct mirror_act act = act_of("x", NULL);
	pthread_t thread;
	pid_t pid;

	(void)state;
	mirror_process_init(&p, "hang", &up);
	assert_int_equal(mirror_process_ensure(&p), 0);
	pid = p.pid;
	assert_int_equal(pthread_create(&thread, NULL, quit_soon, &p), 0);
	assert_int_equal(mirror_process_do(&p, &act, MIRROR_CREATE), -EPIPE);
	assert_true(mirror_process_is_over(&p));
	pthread_join(thread, NULL);
	mirror_process_reap(&p);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(mirror_process_ensure(&p), -ECANCELED);
	mirror_process_reap(&p);
	mirror_process_clear(&p);
}

static void test_acts(void **state)
{
	static const struct {
		enum mirror_what what;
		const char *path, *newpath;
		int result;
	} rows[] = {
		{MIRROR_CREATE, "a", NULL, 0},
		{MIRROR_CREATE, "a", NULL, EEXIST},
		{MIRROR_WRITE, "a", NULL, 0},
		{MIRROR_WRITE, "b", NULL, ENOENT},
		{MIRROR_TOUCH, "a", NULL, 0},
		{MIRROR_TOUCH, "b", NULL, ENOENT},
		{MIRROR_MKDIR, "d", NULL, 0},
		{MIRROR_MKDIR, "d", NULL, EEXIST},
		{MIRROR_MKDIR, "e", NULL, 0},
		{MIRROR_CREATE, "d/x y", NULL, 0},
		{MIRROR_RMDIR, "d", NULL, ENOTEMPTY},
		{MIRROR_UNLINK, "d/x y", NULL, 0},
		{MIRROR_UNLINK, "d/x y", NULL, ENOENT},
		{MIRROR_RENAME, "d", "e", EEXIST},
		{MIRROR_RENAME, "d", "f", 0},
		{MIRROR_RMDIR, "d", NULL, ENOENT},
		{MIRROR_RMDIR, "e", NULL, 0},
		{MIRROR_RMDIR, "f", NULL, 0},
		{MIRROR_UNLINK, "a", NULL, 0},
		/* Never out of the mount. */
		{MIRROR_CREATE, "../x", NULL, EINVAL},
		{MIRROR_CREATE, "..", NULL, EINVAL},
		{MIRROR_CREATE, "d/../x", NULL, EINVAL},
		{MIRROR_CREATE, "/tmp/x", NULL, EINVAL},
		{MIRROR_CREATE, "", NULL, EINVAL},
		{MIRROR_RENAME, "d", "../d", EINVAL},
		{0, "a", NULL, EINVAL},
		{99, "a", NULL, EINVAL},
	};
	/* A device without a major number, as a mount is. */
	char folder[] = "/dev/shm/sparkfs-mirror-XXXXXX";
	struct mirror_process p;
	struct stat st;

	(void)state;
	if (stat("/dev/shm", &st) < 0 || major(st.st_dev))
		skip();
	assert_non_null(mkdtemp(folder));
	up.minor = minor(st.st_dev);
	mirror_process_init(&p, folder, &up);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		assert_int_equal(try(&p, rows[i].what, rows[i].path, rows[i].newpath),
				 rows[i].result);
	mirror_process_reap(&p);
	mirror_process_clear(&p);
	assert_int_equal(rmdir(folder), 0);
}

static void test_what_is_not_ours_is_left_alone(void **state)
{
	char folder[] = "/dev/shm/sparkfs-mirror-XXXXXX";
	struct mirror_process p;
	struct stat st;

	(void)state;
	if (stat("/dev/shm", &st) < 0 || major(st.st_dev))
		skip();
	assert_non_null(mkdtemp(folder));
	/* Our mount has gone, and another has its path and its number. */
	up.minor = minor(st.st_dev);
	is_up = false;
	mirror_process_init(&p, folder, &up);
	assert_int_equal(try(&p, MIRROR_CREATE, "a", NULL), ENOTCONN);
	assert_int_equal(try(&p, MIRROR_MKDIR, "d", NULL), ENOTCONN);
	mirror_process_reap(&p);
	mirror_process_clear(&p);
	/* The real files that a mount had covered. */
	is_up = true;
	up.minor++;
	mirror_process_init(&p, folder, &up);
	assert_int_equal(try(&p, MIRROR_CREATE, "a", NULL), ENOTCONN);
	mirror_process_reap(&p);
	mirror_process_clear(&p);
	assert_int_equal(rmdir(folder), 0);
}

/* A request with the helper's number comes from the helper until it has ended, and may come
 * from any process after the helper was reaped. */
static void test_its_number_is_its_own_until_it_is_reaped(void **state)
{
	struct mirror_process p;
	siginfo_t info = {0};
	pid_t pid;

	(void)state;
	mirror_process_init(&p, "hang", &up);
	assert_int_equal(mirror_process_ensure(&p), 0);
	pid = p.pid;
	mirror_process_end(&p);
	assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG), 0);
	assert_int_equal(info.si_pid, pid);
	mirror_process_reap(&p);
	assert_int_equal(kill(pid, 0), -1);
	mirror_process_clear(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_that_dies_is_not_started_for_ever),
		cmocka_unit_test(test_who_waits_for_it_can_be_freed),
		cmocka_unit_test(test_acts),
		cmocka_unit_test(test_what_is_not_ours_is_left_alone),
		cmocka_unit_test(test_its_number_is_its_own_until_it_is_reaped),
	};

	if (argc > 2 && strcmp(argv[1], MIRROR_HELPER_ARG) == 0) {
		if (strcmp(argv[2], "die") == 0)
			_exit(1);
		while (strcmp(argv[2], "hang") == 0)
			pause();
		return mirror_helper_main(argc, argv);
	}
	log_set_sink(LOG_SINK_NONE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
