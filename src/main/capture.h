/* SPDX-License-Identifier: MIT */
/*
 * Catches what libraries and children write to stderr, instead of showing it on the terminal.
 * Thread rule: the main thread, while no other writes to stderr.
 */
#pragma once

#include <stdbool.h>

struct capture {
	int saved, fd; /* -1: nothing is caught */
};

/* If it is not wanted or not possible, stderr stays as it is. */
void capture_begin(struct capture *c, bool is_wanted);
/* *ret_line is the last line that was caught, without the name of the program that wrote it
 * (owned), or NULL. */
void capture_end(struct capture *c, char **ret_line);
