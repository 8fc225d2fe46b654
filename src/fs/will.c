/* SPDX-License-Identifier: MIT */
#include "fs/will.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/program.h"

#define ABORT_FD 3
/* Long enough for programs with sanitizers, which start slowly. */
#define READY_MS 10000

/* ---- in sparkfs ---- */

static int spawn(int abort_fd, int ready_fd, pid_t *ret_pid)
{
	char parent[16];
	char *argv[] = {(char *)"sparkfs", (char *)WILL_ARG, parent, NULL};
	char *env[] = {NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t all;
	int r;

	g_snprintf(parent, sizeof(parent), "%d", (int)getpid());
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, ready_fd, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, abort_fd, ABORT_FD);
	spawn_close_from(&files, ABORT_FD + 1);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &all);
	posix_spawnattr_setsigdefault(&attr, &all);
	r = posix_spawn(ret_pid, "/proc/self/exe", &files, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return -r;
}

int will_make(struct will *w, int abort_fd)
{
	_cleanup_close_ int ours = -1, theirs = -1, file = -1;
	int fds[2], r;

	*w = (struct will)WILL_NONE;
	if (abort_fd < 0)
		return -ENOENT;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	ours = fds[0];
	/* Above the numbers that the descriptors get in the child. */
	theirs = fcntl(fds[1], F_DUPFD_CLOEXEC, ABORT_FD + 1);
	file = fcntl(abort_fd, F_DUPFD_CLOEXEC, ABORT_FD + 1);
	r = theirs < 0 || file < 0 ? -errno : 0;
	close(fds[1]);
	if (r == 0)
		r = spawn(file, theirs, &w->pid);
	if (r) {
		w->pid = 0;
		return r;
	}
	w->ready_fd = steal_fd(&ours);
	return 0;
}

int will_await(struct will *w)
{
	_cleanup_close_ int fd = steal_fd(&w->ready_fd);
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	char byte;
	int n;

	if (!w->pid)
		return -ENOENT;
	do {
		n = poll(&poller, 1, READY_MS);
	} while (n < 0 && errno == EINTR);
	if (n == 1 && read(fd, &byte, 1) == 1)
		return 0;
	will_revoke(w);
	return n == 0 ? -ETIMEDOUT : -EIO;
}

void will_revoke(struct will *w)
{
	if (w->pid > 0) {
		kill(w->pid, SIGKILL);
		while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	cleanup_close(&w->ready_fd);
	*w = (struct will)WILL_NONE;
}

/* ---- the process ---- */

/* A real-time signal: of an ordinary one only the first would be queued, of these all are. */
static int death_signal(void)
{
	return SIGRTMIN;
}

/*
 * Anybody may send that signal; only the one that the death of the parent sends counts. Its
 * sender is missing if the kernel had no memory for it.
 */
static void wait_for_death(pid_t parent)
{
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, death_signal());
	while (getppid() == parent) {
		if (sigwaitinfo(&set, &info) > 0 && (info.si_pid == parent || info.si_pid == 0))
			return;
	}
}

/* If nobody reads it, the parent is ending. */
static void say_ready(void)
{
	_cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	ssize_t n = write(STDOUT_FILENO, "", 1);

	(void)n;
	if (null >= 0)
		dup2(null, STDOUT_FILENO);
}

int will_main(int argc, char **argv)
{
	pid_t parent = argc == 3 ? (pid_t)strtol(argv[2], NULL, 10) : 0;
	sigset_t all;

	if (parent <= 1 || fcntl(ABORT_FD, F_GETFD) < 0) {
		fputs("sparkfs: " WILL_ARG " is for sparkfs itself\n", stderr);
		return EXIT_FAILURE;
	}
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, "sparkfs-will");
	if (prctl(PR_SET_PDEATHSIG, death_signal()) < 0 || chdir("/") < 0)
		return EXIT_FAILURE;
	/* If the parent died before this, getppid() is not its number any more. While its other
	 * threads end, we are the child of one of them, and the kernel tells of its end; none
	 * of them can be held back yet. */
	say_ready();
	wait_for_death(parent);
	/* The file belongs to this connection for ever, even if another one has its number by
	 * now. */
	return write(ABORT_FD, "1", 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
