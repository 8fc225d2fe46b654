/* SPDX-License-Identifier: MIT */
/*
 * What is said on stderr meanwhile, by libraries and children, kept from the terminal.
 * Thread rule: the main thread, while no other writes to stderr.
 */
#pragma once

#include <stdbool.h>

struct capture {
	int saved, fd; /* -1: nothing is caught */
};

/* Not `is_wanted`, or not possible: stderr stays as it is. */
void capture_begin(struct capture *c, bool is_wanted);
/* The last line that was caught, without the name of who said it (owned), or NULL. */
void capture_end(struct capture *c, char **ret_line);
