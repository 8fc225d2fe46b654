/* SPDX-License-Identifier: MIT */
/* The child process of one read (local_file.h). Thread rule: the thread of the reads, which is
 * its parent. */
#pragma once

#include <sys/types.h>

#include "outbox/local_helper.h"

struct local_child {
	pid_t pid;  /* 0: none */
	uid_t uid;  /* whose read it is; set by local_file.c */
	int socket; /* -1: none; readable when an answer has come or none will come */
};

/* Opens a nameless file in `dir`, to which files.c can give a name; owned. */
int local_spool_open(const char *dir, int *ret_fd);
/* Starts the child, which reads `l` into `spool`. If it cannot start, *ret_answer says why. */
int local_child_start(const struct letter_local *l, int spool, struct local_child *ret_child,
		      struct local_answer *ret_answer);
/* Reads its answer, or notes that none came. */
void local_child_answer(const struct local_child *c, struct local_answer *ret_answer);
/* Kills it; it may take some time to end. */
void local_child_kill(struct local_child *c);
/* True if it has ended. Does not wait. */
bool local_child_is_gone(struct local_child *c);
