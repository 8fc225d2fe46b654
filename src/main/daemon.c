/* SPDX-License-Identifier: MIT */
#include "main/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "main/mountpoint.h"
#include "main/service.h"

#define ANSWER_TIMEOUT_MS 20000

static int child_status(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return EXIT_FAILURE;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return WEXITSTATUS(status);
	if (WIFSIGNALED(status))
		fprintf(stderr, "sparkfs: the background process was ended by signal %d (%s)\n",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		fprintf(stderr, "sparkfs: told to end before the mount was ready\n");
	return EXIT_FAILURE;
}

static int parent(pid_t pid, int fd, const char *mountpoint)
{
	ssize_t n;
	char byte;
	int r;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		return child_status(pid);
	r = mountpoint_answers(mountpoint, ANSWER_TIMEOUT_MS);
	if (r == 0) {
		_cleanup_gfree_ char *words = g_strdup_printf("mounted at %s", mountpoint);

		service_ready(pid, words);
		return EXIT_SUCCESS;
	}
	fprintf(stderr,
		"sparkfs: %s: the mount does not answer: %s; remove it: fusermount3 -u %s\n",
		mountpoint, strerror(-r), mountpoint);
	return EXIT_FAILURE;
}

int daemon_fork(struct daemon *d, const char *mountpoint)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		int error = errno;

		close(fds[0]);
		close(fds[1]);
		return -error;
	}
	if (pid > 0) {
		close(fds[1]);
		_exit(parent(pid, fds[0], mountpoint));
	}
	close(fds[0]);
	d->fd = fds[1];
	return 0;
}

int daemon_ready(struct daemon *d)
{
	_cleanup_close_ int fd = steal_fd(&d->fd);
	_cleanup_close_ int null = -1;
	ssize_t n;

	if (fd < 0)
		return 0;
	setsid();
	if (chdir("/") < 0)
		return -errno;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
		if (dup2(null, i) < 0)
			return -errno;
	}
	do {
		n = write(fd, "", 1);
	} while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : -EPIPE;
}
