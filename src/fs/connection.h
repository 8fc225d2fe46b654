/* SPDX-License-Identifier: MIT */
/*
 * The kernel's side of the mount: whether it is still there, its end by force, its unmounting. Never
 * anybody else's: the kernel gives the number of a mount that has gone to the next one, and
 * another may be at the same path. So the control files are opened once, while our device is
 * connected, and stay those of our mount for ever: the kernel lets them do nothing once it has gone.
 *
 *     UP ---- abort, umount -f, the last descriptor closed ----> DEAD ---- unmounted ----> GONE
 *      '------------------------- unmounted ------------------------------------------------^
 *
 * Thread rule: the main thread opens, unmounts and closes; connection_is_up from any thread in
 * between.
 */
#pragma once

#include <stdbool.h>

enum connection_state {
	CONNECTION_UP,
	CONNECTION_DEAD, /* whoever touches the mount is told ENOTCONN */
	CONNECTION_GONE, /* or not known: there are no control files */
};

struct connection {
	char *mountpoint;
	unsigned minor; /* of the mount's device; 0: not known */
	int device;	/* our duplicate of the session's descriptor */
	int abort_fd;	/* the control files; -1: there are none, or not for us */
	int waiting_fd;
};

#define CONNECTION_NONE                                                                        \
	{                                                                                      \
		.device = -1, .abort_fd = -1, .waiting_fd = -1                                 \
	}

/* Right after the mount, with the session's descriptor, which is duplicated. 0 or -errno. */
int connection_open(struct connection *c, const char *mountpoint, int session_fd);
enum connection_state connection_state(const struct connection *c);
bool connection_is_up(const struct connection *c);
/* Waits a moment for whoever ended it to unmount it as well. True: nobody does, it is still seen. */
bool connection_is_left(const struct connection *c);
/* Ends every request that nobody will answer any more. */
void connection_abort(const struct connection *c);
/* Aborts and unmounts it, if that is what is seen at its path. 0; -ENOENT: it is not; -ENOTCONN: it seems
 * so, but it is dead, and without control files may be another's; -errno. */
int connection_end(const struct connection *c);
void connection_close(struct connection *c);
