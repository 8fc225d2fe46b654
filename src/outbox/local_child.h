/* SPDX-License-Identifier: MIT */
/* The child of one read (local_file.h). Thread rule: the thread of the reads, which is its parent. */
#pragma once

#include <sys/types.h>

#include "outbox/local_helper.h"

struct local_child {
	pid_t pid;  /* 0: none */
	int socket; /* -1: none; readable when there is an answer, or none will come */
};

/* A nameless file in `dir`, which files.c can give a name; owned. */
int local_spool_open(const char *dir, int *ret_fd);
/* Starts it: it reads `l` into `spool`. `ret_answer` says why not. */
int local_child_start(const struct letter_local *l, int spool, struct local_child *ret_child,
		      struct local_answer *ret_answer);
/* What it said, or that it said nothing. */
void local_child_answer(const struct local_child *c, struct local_answer *ret_answer);
/* Kills it. It may take its time to go. */
void local_child_kill(struct local_child *c);
/* True: it has gone. Does not wait. */
bool local_child_is_gone(struct local_child *c);
