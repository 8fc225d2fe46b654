/* SPDX-License-Identifier: MIT */
/*
 * The subcommands: sparkfs login, logout, accounts, help. A first word that is one of these is
 * never a mount point; "./login" is one.
 * Thread rule: the main thread, before there are others.
 */
#pragma once

#include <stdbool.h>

/* True if the first argument is a subcommand: *ret_status is the program's exit status. */
bool logins_main(int argc, char **argv, int *ret_status);
