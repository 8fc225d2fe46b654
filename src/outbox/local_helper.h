/* SPDX-License-Identifier: MIT */
/*
 * The process that reads a file of this machine (local_file.h): what it is told, what it does. One
 * packet in, one out, over a socket of whole packets.
 */
#pragma once

#include <glib.h>
#include <limits.h>
#include <stdint.h>

#include "outbox/local_file.h"

/* How the program is called for it: argv[1]; then the process that calls it. */
#define LOCAL_HELPER_ARG "--file-helper"
#define LOCAL_SOCKET_FD 3
#define LOCAL_SPOOL_FD 4
/* If the request says so: where its path begins. */
#define LOCAL_ROOT_FD 5

/* Followed by the groups, and the path with its NUL. */
struct local_request {
	uint32_t uid, gid;
	uint32_t n_groups;
	uint32_t switches; /* 0: it reads with the rights that it has */
	uint32_t has_root;
};

#define LOCAL_PACKET_MAX                                                                       \
	(sizeof(struct local_request) + LOCAL_GROUPS_MAX * sizeof(gid_t) + PATH_MAX + 1)

/* What more than an errno there is to say. */
enum local_why {
	LOCAL_WHY_NONE,
	LOCAL_WHY_RIGHTS, /* the rights of the caller cannot be taken on */
	LOCAL_WHY_RELATIVE,
	LOCAL_WHY_KIND,	   /* no regular file */
	LOCAL_WHY_MADE_UP, /* of /proc and its like, or by way of it */
	LOCAL_WHY_EMPTY,
	LOCAL_WHY_CHANGED,
	LOCAL_WHY_LARGE,
	LOCAL_WHY_SPOOL, /* what cannot be written is our copy */
	LOCAL_WHY_SLOW,
	LOCAL_WHY_MANY,
	LOCAL_WHY_NOT_YOURS,
	LOCAL_WHY_ENDED, /* the child */
	LOCAL_WHY_ASKED, /* cancelled, or the end of the mount */
};

struct local_answer {
	int32_t error; /* 0 or -errno */
	int32_t why;
	int64_t size;
};

/* Its main(). Returns an exit status. */
int local_helper_main(int argc, char **argv);
/* What it does, once it has the rights: copies `path`, which begins at `root` (-1: ours), to the
 * beginning of `to`. For tests. */
void local_copy(int root, const char *path, int to, struct local_answer *ret_answer);
