/* SPDX-License-Identifier: MIT */
/*
 * The process that reads a local file (local_file.h): its request and what it does. It gets one
 * packet and sends one, over a socket of whole packets.
 */
#pragma once

#include <glib.h>
#include <limits.h>
#include <stdint.h>

#include "outbox/local_file.h"

/* argv[1] with which the program is started for it; then comes the process that starts it. */
#define LOCAL_HELPER_ARG "--file-helper"
#define LOCAL_SOCKET_FD 3
#define LOCAL_SPOOL_FD 4
/* If the request says so: the directory where its path begins. */
#define LOCAL_ROOT_FD 5

/* Followed by the groups and the path with its NUL. */
struct local_request {
	uint32_t uid, gid;
	uint32_t n_groups;
	uint32_t switches; /* 0: it reads with its present rights */
	uint32_t has_root;
};

#define LOCAL_PACKET_MAX                                                                       \
	(sizeof(struct local_request) + LOCAL_GROUPS_MAX * sizeof(gid_t) + PATH_MAX + 1)

/* The reason behind an errno. */
enum local_why {
	LOCAL_WHY_NONE,
	LOCAL_WHY_RIGHTS, /* it cannot take on the rights of the caller */
	LOCAL_WHY_RELATIVE,
	LOCAL_WHY_KIND,	   /* no regular file */
	LOCAL_WHY_MADE_UP, /* in /proc or its like, or reached through it */
	LOCAL_WHY_EMPTY,
	LOCAL_WHY_CHANGED,
	LOCAL_WHY_LARGE,
	LOCAL_WHY_SPOOL, /* our copy cannot be written */
	LOCAL_WHY_SLOW,
	LOCAL_WHY_MANY,
	LOCAL_WHY_NOT_YOURS,
	LOCAL_WHY_ENDED, /* the child has ended */
	LOCAL_WHY_ASKED, /* cancelled, or the mount ends */
};

struct local_answer {
	int32_t error; /* 0 or -errno */
	int32_t why;
	int64_t size;
};

/* Its main(). Returns an exit status. */
int local_helper_main(int argc, char **argv);
/* What it does when it has the rights: copies `path`, which begins at `root` (-1: ours), to the
 * beginning of `to`. Public for tests. */
void local_copy(int root, const char *path, int to, struct local_answer *ret_answer);
