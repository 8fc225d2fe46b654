/* SPDX-License-Identifier: MIT */
/*
 * The kernel's side of the mount: whether it still exists, aborting it, unmounting it. It must
 * never touch the mount of somebody else: the kernel gives the number of a mount that is gone
 * to the next one, and another mount may be at the same path. So the control files are opened
 * once, while our device is connected; after that they belong to our mount for ever and do
 * nothing once it is gone.
 *
 *     UP ---- abort, umount -f, the last descriptor closed ----> DEAD ---- unmounted ----> GONE
 *      '------------------------- unmounted ------------------------------------------------^
 *
 * Thread rule: the main thread opens, unmounts and closes; connection_is_up from any thread in
 * between.
 */
#pragma once

#include <stdbool.h>

struct connection {
	char *mountpoint;
	unsigned minor; /* minor number of the mount's device; 0: unknown */
	int device;	/* our duplicate of the session's descriptor of /dev/fuse */
	int abort_fd;	/* the control files; -1: there are none, or we may not open them */
	int waiting_fd;
};

#define CONNECTION_NONE                                                                        \
	{                                                                                      \
		.device = -1, .abort_fd = -1, .waiting_fd = -1                                 \
	}

/* Right after the mount, with the session's descriptor, which is duplicated. 0 or -errno. */
int connection_open(struct connection *c, const char *mountpoint, int session_fd);
bool connection_is_up(const struct connection *c);
/* Waits a moment, because whoever ended the connection may unmount it, too. True: the mount is
 * still there. */
bool connection_is_left(const struct connection *c);
/* Aborts and unmounts the mount, if it is ours that is at its path. 0; -ENOENT: it is not;
 * -ENOTCONN: a dead mount is there which, without control files, may be somebody else's;
 * -errno. */
int connection_end(const struct connection *c);
/* Unmounts whatever was mounted last at the path. 0 or -errno. Main thread, before there are others. */
int connection_unmount(const char *mountpoint);
void connection_close(struct connection *c);
