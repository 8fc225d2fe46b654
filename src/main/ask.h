/* SPDX-License-Identifier: MIT */
/*
 * sparkfs api METHOD PATH [MOUNTED PATH]: a request of the API through a mount, which has the token and the rate
 * (tree/api.h). Thread rule: the main thread.
 */
#pragma once

#include <stdbool.h>

/* The exit status of the subcommand; argv[0] is "api". 0: done; 1: refused, or there is no mount; 2: wrong usage. */
int ask_main(int argc, char **argv);
const char *ask_help(void);
