/* SPDX-License-Identifier: MIT */
#include "base/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void close_fn(posix_spawn_file_actions_t *actions, int first);

/* The exit status of a shell that asks whether it has descriptors 8 and 9, which we leave open. */
static int run(close_fn *close_from, int first)
{
	char *argv[] = {
		(char *)"sh", (char *)"-c",
		(char *)"test -e /proc/self/fd/8 && a=1; test -e /proc/self/fd/9 && b=2; "
			"exit $((a + b))",
		NULL};
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC), status;
	posix_spawn_file_actions_t actions;
	pid_t pid;

	assert_int_equal(dup2(zero, 8), 8);
	assert_int_equal(dup2(zero, 9), 9);
	posix_spawn_file_actions_init(&actions);
	if (close_from)
		close_from(&actions, first);
	assert_int_equal(posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(8);
	close(9);
	close(zero);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_a_program_gets_what_is_left_open(void **state)
{
	(void)state;
	assert_int_equal(run(NULL, 0), 3);
}

static void test_close_from(void **state)
{
	(void)state;
	assert_int_equal(run(spawn_close_from, 9), 1);
	assert_int_equal(run(spawn_close_from, 3), 0);
}

static void test_close_each_from(void **state)
{
	(void)state;
	assert_int_equal(run(spawn_close_each_from, 9), 1);
	assert_int_equal(run(spawn_close_each_from, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_program_gets_what_is_left_open),
		cmocka_unit_test(test_close_from),
		cmocka_unit_test(test_close_each_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
