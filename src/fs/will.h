/* SPDX-License-Identifier: MIT */
/*
 * What happens to the mount when sparkfs is killed. As a rule the kernel ends the connection, since
 * nobody has its descriptor any more. But a thread that tells of something (notify.h) may wait in
 * the kernel for a lock that somebody has who waits for us: it cannot be killed, keeps the
 * descriptor, and everybody hangs for ever. So a process of its own, which does nothing else, is
 * told by the kernel when the main thread ends (a pipe or a pidfd would tell of the last thread,
 * which is too late), and aborts the connection.
 *
 *  1. It has no descriptor but that of the connection's abort file (connection.h): one of the
 *     device would keep the connection itself.
 *  2. Its credentials do not change after it has asked for the signal: that would undo it.
 *  3. It has a session of its own and blocks all signals: Ctrl-C, a hang-up and SIGTERM to the
 *     whole group are not meant for it.
 *  4. It serves before the first request does: will_await.
 * Thread rule: the main thread, whose end it waits for.
 */
#pragma once

#include <sys/types.h>

/* How the program is called for it: argv[1]; then the process to outlive. Descriptor 3 is the abort
 * file, standard output takes a byte once it serves. */
#define WILL_ARG "--will"

struct will {
	pid_t pid;    /* 0: none */
	int ready_fd; /* -1: it was awaited */
};

#define WILL_NONE                                                                              \
	{                                                                                      \
		.ready_fd = -1                                                                 \
	}

/* Starts it; it gets a duplicate of `abort_fd`; -1: there is none, -ENOENT. 0 or -errno. */
int will_make(struct will *w, int abort_fd);
/* 0 once it serves; -errno: it does not and is no more. */
int will_await(struct will *w);
/* When the mount has ended. None is fine. */
void will_revoke(struct will *w);

/* Its main(). Returns an exit status. */
int will_main(int argc, char **argv);
