/* SPDX-License-Identifier: MIT */
#include "fs/caller.h"

#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <signal.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Fields 3 to 52 of /proc/<pid>/stat with the flags and the exit code given. */
#define STAT(comm, flags, code)                                                                \
	"4711 (" comm ") R 1 2 3 4 5 " flags " 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 "  \
	"25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 "       \
	"51 " code "\n"

#define ALIVE "4194304"
#define EXITING "4194308"

static void dying_is_exiting_by_a_signal(void **state)
{
	(void)state;
	assert_int_equal(caller_parse_death(STAT("bash", EXITING, "2")), 2);
	assert_int_equal(caller_parse_death(STAT("bash", EXITING, "9")), 9);
	assert_int_equal(caller_parse_death(STAT("bash", EXITING, "15")), 15);
	/* With a core dump. */
	assert_int_equal(caller_parse_death(STAT("bash", EXITING, "139")), 11);
	assert_int_equal(caller_parse_death(STAT("bash", EXITING, "0")), 0);
	/* exit(3) */
	assert_int_equal(caller_parse_death(STAT("bash", EXITING, "768")), 0);
	/* Stopped by SIGTSTP, or killed but not yet dying. */
	assert_int_equal(caller_parse_death(STAT("bash", ALIVE, "20")), 0);
	assert_int_equal(caller_parse_death(STAT("bash", ALIVE, "0")), 0);
}

static void the_name_may_hold_anything(void **state)
{
	(void)state;
	assert_int_equal(caller_parse_death(STAT("a) R 1 2", EXITING, "2")), 2);
	assert_int_equal(caller_parse_death(STAT(") Z 1 2 3 4 5 4194308 (", ALIVE, "0")), 0);
	assert_int_equal(caller_parse_death(STAT("", EXITING, "2")), 2);
	assert_int_equal(caller_parse_death(STAT("a\nb", EXITING, "2")), 2);
}

static void a_short_stat_says_nothing(void **state)
{
	char text[] = STAT("bash", EXITING, "2");

	(void)state;
	/* Without the last field and its digit. */
	for (size_t len = strlen(text) - 2; len-- > 0;) {
		text[len] = '\0';
		assert_int_equal(caller_parse_death(text), 0);
	}
}

static void tgid_is_found_in_status(void **state)
{
	(void)state;
	assert_int_equal(caller_parse_tgid("Name:\tbash\nUmask:\t0022\nState:\tR (running)\n"
					   "Tgid:\t4711\nNgid:\t0\nPid:\t4712\n"),
			 4711);
	assert_int_equal(caller_parse_tgid("Name:\tTgid:\t1\nTgid:\t2\nPid:\t3\n"), 2);
	assert_int_equal(caller_parse_tgid("Name:\tx\\nTgid:\t1\nTgid:\t2\n"), 2);
	assert_int_equal(caller_parse_tgid(""), 0);
	assert_int_equal(caller_parse_tgid("Name:\tbash\n"), 0);
	assert_int_equal(caller_parse_tgid("Name:\tbash\nTgid:\t47"), 0);
	assert_int_equal(caller_parse_tgid("Name:\tbash\nTgid:\t-1\n"), 0);
	assert_int_equal(caller_parse_tgid("Name:\tbash\nTgid:\t99999999999999999999\n"), 0);
}

/* ---- on living and dying processes ---- */

static void *report_tid(void *arg)
{
	pid_t *pair = arg;

	pair[0] = (pid_t)syscall(SYS_gettid);
	pair[1] = caller_tgid(pair[0]);
	return NULL;
}

static void a_thread_has_its_process(void **state)
{
	pthread_t thread;
	pid_t pair[2];

	(void)state;
	assert_int_equal(caller_tgid(getpid()), getpid());
	assert_int_equal(pthread_create(&thread, NULL, report_tid, pair), 0);
	pthread_join(thread, NULL);
	assert_int_not_equal(pair[0], getpid());
	assert_int_equal(pair[1], getpid());
}

static void nobody_is_unknown(void **state)
{
	char comm[WRITER_COMM_SIZE] = "x";

	(void)state;
	assert_int_equal(caller_tgid(0), 0);
	assert_int_equal(caller_tgid(-1), 0);
	assert_int_equal(caller_tgid(0x7ffffffe), 0);
	assert_int_equal(caller_death(0), 0);
	assert_int_equal(caller_death(0x7ffffffe), 0);
	caller_comm(0, comm);
	assert_string_equal(comm, "");
}

static void comm_is_cleaned(void **state)
{
	char old[16], comm[WRITER_COMM_SIZE];

	(void)state;
	prctl(PR_GET_NAME, old);
	prctl(PR_SET_NAME, "a\n\x1b[b\xff");
	caller_comm(getpid(), comm);
	prctl(PR_SET_NAME, old);
	assert_string_equal(comm, "a??[b\xEF\xBF\xBD");
	prctl(PR_SET_NAME, "fifteen bytes..");
	caller_comm(getpid(), comm);
	prctl(PR_SET_NAME, old);
	assert_string_equal(comm, "fifteen bytes..");
}

enum end { END_EXIT, END_SIGNAL };

/*
 * A child that ended and was not reaped shows what one shows that is closing its files: the
 * flag and the code are set before the files are closed and stay.
 */
static pid_t end_child(enum end end, int value)
{
	siginfo_t info;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (end == END_EXIT)
			_exit(value);
		for (;;)
			pause();
	}
	if (end == END_SIGNAL)
		assert_int_equal(kill(pid, value), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	return pid;
}

static bool end_is_dying(enum end end, int value)
{
	pid_t pid = end_child(end, value);
	bool is_dying = caller_death(pid) != 0;

	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return is_dying;
}

static void a_killed_child_is_dying(void **state)
{
	(void)state;
	assert_true(end_is_dying(END_SIGNAL, SIGINT));
	assert_true(end_is_dying(END_SIGNAL, SIGTERM));
	assert_true(end_is_dying(END_SIGNAL, SIGKILL));
}

static void a_child_that_exits_is_not(void **state)
{
	(void)state;
	assert_false(end_is_dying(END_EXIT, 0));
	assert_false(end_is_dying(END_EXIT, 3));
	assert_false(end_is_dying(END_EXIT, 130));
}

static void living_and_stopped_are_not(void **state)
{
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		for (;;)
			pause();
	}
	assert_int_equal(caller_death(getpid()), 0);
	assert_int_equal(caller_death(pid), 0);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
	assert_int_equal(caller_death(pid), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/*
 * One that is really in the middle of a close: a pipe end closed by exit wakes its reader, and
 * the reader looks at once. The file table is let go after the flag and the code are set, so
 * the reader cannot see too little.
 */
static void a_child_is_dying_while_it_closes(void **state)
{
	int ends[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		for (;;)
			pause();
	}
	close(ends[1]);
	assert_int_equal(kill(pid, SIGINT), 0);
	/* End of file: the child's end was closed. */
	assert_int_equal(read(ends[0], &byte, 1), 0);
	assert_true(caller_death(pid));
	close(ends[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

#define PENDING(thread, process, blocked)                                                      \
	"Name:\tbash\nTgid:\t1\nGroups:\t0 \nSigQ:\t0/1\nSigPnd:\t00000000000" thread          \
	"\nShdPnd:\t00000000000" process "\nSigBlk:\t00000000000" blocked                      \
	"\nSigIgn:\t0000000000000000\n"

static void a_signal_that_only_tells_stops_nobody(void **state)
{
	(void)state;
	/* SIGCHLD is 17, SIGCONT 18, SIGURG 23, SIGWINCH 28. */
	assert_false(caller_parse_stop(PENDING("00000", "00000", "00000")));
	assert_false(caller_parse_stop(PENDING("00000", "10000", "00000")));
	assert_false(caller_parse_stop(PENDING("20000", "10000", "00000")));
	assert_true(caller_parse_stop(PENDING("00000", "10002", "00000")));
	assert_true(caller_parse_stop(PENDING("00100", "10000", "00000")));
	assert_false(caller_parse_stop(PENDING("00000", "10002", "00002")));
	/* Unknown. */
	assert_true(caller_parse_stop(""));
	assert_true(caller_parse_stop("Name:\tbash\nSigPnd:\t0\nShdPnd:\t0\n"));
	assert_true(caller_parse_stop("Name:\tbash\nSigPnd:\t0\nShdPnd:\t0\nSigBlk:\tx\n"));
	assert_true(caller_is_asked_to_stop(0));
	assert_true(caller_is_asked_to_stop(0x7ffffffe));
	assert_false(caller_is_asked_to_stop(getpid()));
}

static void groups_are_found(void **state)
{
	static const struct {
		const char *status;
		int n;
	} rows[] = {
		{"Name:\tx\nGroups:\t4 24 1000 \nNStgid:\t1\n", 3},
		{"Name:\tx\nGroups:\t \nNStgid:\t1\n", 0},
		{"Name:\tx\nGroups:\t4294967294\n", 1},
		/* A name is not the line; half a line and none are no groups. */
		{"Name:\tGroups:\t4\n", -ESRCH},
		{"Name:\tx\nGroups:\t4 2", -ESRCH},
		{"Name:\tx\nGroups:\t4 -x\n", -ESRCH},
		{"", -ESRCH},
	};
	gid_t *groups = NULL, own[NGROUPS_MAX];
	int n;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		groups = NULL;
		assert_int_equal(caller_parse_groups(rows[i].status, &groups), rows[i].n);
		if (i == 0)
			assert_int_equal(groups[2], 1000);
		g_free(groups);
	}
	n = caller_groups(getpid(), &groups);
	assert_int_equal(n, getgroups(NGROUPS_MAX, own));
	for (int i = 0; i < n; i++)
		assert_int_equal(groups[i], own[i]);
	g_free(groups);
	assert_int_equal(caller_groups(0, &groups), -ESRCH);
	assert_int_equal(caller_groups(0x7ffffffe, &groups), -ESRCH);
}

static void nothing(int signum)
{
	(void)signum;
}

/* What is sent to a stopped process stays pending. */
static void pending_signals_are_seen(void **state)
{
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGCHLD, nothing);
		signal(SIGUSR1, nothing);
		raise(SIGSTOP);
		for (;;)
			pause();
	}
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
	assert_int_equal(kill(pid, SIGCHLD), 0);
	assert_false(caller_is_asked_to_stop(pid));
	assert_int_equal(kill(pid, SIGUSR1), 0);
	assert_true(caller_is_asked_to_stop(pid));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void the_program_is_named(void **state)
{
	static const struct {
		const char *comm, *cmdline;
		size_t len;
		const char *program;
	} cases[] = {
		{"mv", "/usr/bin/mv\0a\0b", 16, "mv"},
		{"busybox", "busybox\0mv\0a", 13, "mv"},
		{"busybox", "/bin/mv\0a\0b", 12, "mv"},
		{"busybox", "/bin/busybox", 13, "busybox"},
		{"busybox", "busybox\0mv", 10, "mv"}, /* cut short */
		{"busybox", "", 0, "busybox"},
		{"coreutils", "/bin/coreutils\0cp\0x", 20, "cp"},
		{"gio", "gio\0move\0a", 11, "gio move"},
		{"gio", "gio", 4, "gio"},
		{"mv\n", "", 0, "mv\n"},
		{"", "", 0, ""},
	};
	char buf[WRITER_COMM_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		caller_parse_program(cases[i].comm, cases[i].cmdline, cases[i].len, buf);
		assert_string_equal(buf, cases[i].program);
	}
	caller_program(getpid(), buf);
	assert_string_equal(buf, "test_caller");
}

/* A child that stands in another root directory, until it is killed. */
static pid_t start_in(const char *root)
{
	int fds[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		if (chroot(root) < 0 || write(fds[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	return pid;
}

static void only_another_root_is_told(void **state)
{
	struct stat a, b;
	pid_t pid;
	int fd;

	(void)state;
	assert_int_equal(caller_root(getpid()), -1);
	assert_int_equal(caller_root(0), -1);
	if (geteuid() != 0)
		skip();
	pid = start_in("/");
	assert_int_equal(caller_root(pid), -1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	pid = start_in("/usr");
	fd = caller_root(pid);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(stat("/usr", &b), 0);
	assert_true(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	close(fd);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(caller_root(pid), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_program_is_named),
		cmocka_unit_test(dying_is_exiting_by_a_signal),
		cmocka_unit_test(the_name_may_hold_anything),
		cmocka_unit_test(a_short_stat_says_nothing),
		cmocka_unit_test(tgid_is_found_in_status),
		cmocka_unit_test(a_thread_has_its_process),
		cmocka_unit_test(nobody_is_unknown),
		cmocka_unit_test(comm_is_cleaned),
		cmocka_unit_test(a_killed_child_is_dying),
		cmocka_unit_test(a_child_that_exits_is_not),
		cmocka_unit_test(living_and_stopped_are_not),
		cmocka_unit_test(a_child_is_dying_while_it_closes),
		cmocka_unit_test(a_signal_that_only_tells_stops_nobody),
		cmocka_unit_test(pending_signals_are_seen),
		cmocka_unit_test(groups_are_found),
		cmocka_unit_test(only_another_root_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
