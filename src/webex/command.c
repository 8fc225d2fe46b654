/* SPDX-License-Identifier: MIT */
#include "webex/command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/program.h"
#include "base/snapshot.h"

/* How often the stop flag and the end of the shell are checked while no output comes. */
#define TICK_MS 20

static int make_pipe(int *ret_read, int *ret_write)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	/* Only our end: the command may expect a pipe that blocks. */
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

static int spawn(const char *path, char *const argv[], int in_fd, int out_fd, int err_fd,
		 pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;

	posix_spawn_file_actions_init(&actions);
	spawn_attributes(&attr, POSIX_SPAWN_SETPGROUP);
	if (in_fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, in_fd, STDIN_FILENO);
	else
		posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY,
						 0);
	posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
	spawn_close_from(&actions, STDERR_FILENO + 1);
	int r = posix_spawn(ret_pid, path, &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* Reads what is there. False at the end of the stream. */
static bool drain(int fd, GString *into)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		gsize room = COMMAND_OUTPUT_MAX - MIN(into->len, COMMAND_OUTPUT_MAX);
		g_string_append_len(into, buf, (gssize)MIN(room, (gsize)n));
	}
	explicit_bzero(buf, sizeof(buf));
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* True if `pid` has ended; *ret_result as of command_run. With ECHILD (SIGCHLD is ignored) its output
 * is believed. */
static bool has_exited(pid_t pid, int *ret_result)
{
	int status = 0;
	pid_t r = waitpid(pid, &status, WNOHANG);

	if (r == 0 || (r < 0 && errno == EINTR))
		return false;
	if (r < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		*ret_result = 0;
	else if (WIFEXITED(status) && WEXITSTATUS(status) == EX_TEMPFAIL)
		*ret_result = -EAGAIN;
	else if (WIFEXITED(status) && WEXITSTATUS(status) == EX_NOPERM)
		*ret_result = -ENOKEY;
	else
		*ret_result = -EACCES;
	return true;
}

static int attend(pid_t pid, int64_t deadline, const atomic_bool *stop, int out_fd,
		  GString *out, int err_fd, GString *err)
{
	struct pollfd fds[2] = {{out_fd, POLLIN, 0}, {err_fd, POLLIN, 0}};
	int result;

	for (;;) {
		bool is_over = has_exited(pid, &result);
		if (fds[0].fd >= 0 && !drain(out_fd, out))
			fds[0].fd = -1;
		if (fds[1].fd >= 0 && !drain(err_fd, err))
			fds[1].fd = -1;
		if (is_over)
			return result;
		if (atomic_load(stop) || clock_awake() >= deadline)
			break;
		poll(fds, 2, TICK_MS);
	}
	kill(-pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return atomic_load(stop) ? -ECANCELED : -ETIMEDOUT;
}

/* A pipe with the text in it, whose other end is closed. -EMSGSIZE: the text does not fit without a reader. */
static int make_input(const char *text, int *ret_fd)
{
	_cleanup_close_ int out = -1, in = -1;
	size_t len = strlen(text);
	int r = make_pipe(&in, &out);

	/* A pipe takes that much at once. */
	if (r == 0 && (len > PIPE_BUF || write(out, text, len) != (ssize_t)len))
		r = -EMSGSIZE;
	if (r == 0 && fcntl(in, F_SETFL, 0) < 0)
		r = -errno;
	if (r == 0)
		*ret_fd = steal_fd(&in);
	return r;
}

static int run(const char *path, char *const argv[], const char *input, int timeout_ms,
	       const atomic_bool *stop, GString *out, GString *err)
{
	_cleanup_close_ int in_fd = -1;
	_cleanup_close_ int out_read = -1;
	_cleanup_close_ int out_write = -1;
	_cleanup_close_ int err_read = -1;
	_cleanup_close_ int err_write = -1;
	int64_t deadline = clock_awake() + timeout_ms;
	pid_t pid = 0;

	snapshot_assert_none();
	int r = input ? make_input(input, &in_fd) : 0;
	if (r == 0)
		r = make_pipe(&out_read, &out_write);
	if (r == 0)
		r = make_pipe(&err_read, &err_write);
	if (r == 0)
		r = spawn(path, argv, in_fd, out_write, err_write, &pid);
	if (r < 0)
		return r;
	close(steal_fd(&out_write));
	close(steal_fd(&err_write));
	return attend(pid, deadline, stop, out_read, out, err_read, err);
}

int command_run(const char *command, int timeout_ms, const atomic_bool *stop, GString *out,
		GString *err)
{
	/* Some programs close each descriptor that they might have, up to the limit. */
	_cleanup_gfree_ char *limited =
		fd_limit_before()
			? g_strdup_printf("ulimit -S -n %lu; %s", fd_limit_before(), command)
			: g_strdup(command);
	char *const argv[] = {(char *)"/bin/sh", (char *)"-c", limited, NULL};
	int r = run(argv[0], argv, NULL, timeout_ms, stop, out, err);

	/* Of the person's own command the status says nothing of a keyring. */
	return r == -ENOKEY ? -EACCES : r;
}

int command_run_self(char *const argv[], const char *input, int timeout_ms,
		     const atomic_bool *stop, GString *out, GString *err)
{
	/* Not the path that readlink() gives of it: after an upgrade another program is there, or none. */
	return run("/proc/self/exe", argv, input, timeout_ms, stop, out, err);
}
