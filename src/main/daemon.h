/* SPDX-License-Identifier: MIT */
/*
 * Going to the background: the process that was called waits until the mount answers, or ends
 * with the child's exit status.
 *
 *     parent: daemon_fork -> reads the pipe ......................... -> stat of the mount -> exit 0
 *     child:  daemon_fork -> starts; says on stderr what is wrong -> daemon_ready -> serves
 *
 *  1. The child prints one line about a failure before it ends; the parent prints something
 *     only when the child was killed or the mount does not answer.
 *  2. The parent tells a service manager that the child serves the mount from now on.
 *  3. Until daemon_ready the child is in the caller's session, so that Ctrl-C ends both.
 * Thread rule: the main thread; daemon_fork before there are others.
 */
#pragma once

struct daemon {
	int fd; /* write end of the pipe; -1 in the foreground */
};

/* Returns in the child only: 0, or -errno. The parent stays in here and exits. */
int daemon_fork(struct daemon *d, const char *mountpoint);
/* Leaves the terminal and tells the parent. -EPIPE: the parent is gone, so nobody wants the
 * mount. */
int daemon_ready(struct daemon *d);
