/* SPDX-License-Identifier: MIT */
/*
 * A small process that aborts the connection when sparkfs is killed. Mostly the kernel ends the
 * connection by itself, since nobody has its descriptor any more. But a thread of the notifier
 * (notify.h) may wait in the kernel for a lock whose holder waits for us: then it cannot be
 * killed and keeps the descriptor, and everybody hangs for ever. So this process asks the
 * kernel for a signal when the main thread ends (a pipe or a pidfd would tell of the last
 * thread, which is too late), and then aborts the connection.
 *
 *  1. Its only descriptor is that of the connection's abort file (connection.h): one of the
 *     device would itself keep the connection.
 *  2. Its credentials do not change after it has asked for the signal, which would cancel the
 *     signal.
 *  3. It has a session of its own and blocks all signals, since Ctrl-C, a hang-up and SIGTERM
 *     to the whole group are not meant for it.
 *  4. It is ready before the first request is served: will_await.
 * Thread rule: the main thread, whose end it waits for.
 */
#pragma once

#include <sys/types.h>

/* argv[1] with which the program is started for it; then comes the process to outlive.
 * Descriptor 3 is the abort file; it writes a byte to standard output when it is ready. */
#define WILL_ARG "--will"

struct will {
	pid_t pid;    /* 0: none */
	int ready_fd; /* -1: will_await was called */
};

#define WILL_NONE                                                                              \
	{                                                                                      \
		.ready_fd = -1                                                                 \
	}

/* Starts it with a duplicate of `abort_fd`. 0 or -errno; -ENOENT if abort_fd is -1. */
int will_make(struct will *w, int abort_fd);
/* Waits until it is ready. 0; -errno: it failed and has ended. */
int will_await(struct will *w);
/* Ends it, when the mount has ended. There may be none. */
void will_revoke(struct will *w);

/* Its main(). Returns an exit status. */
int will_main(int argc, char **argv);
