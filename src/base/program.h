/* SPDX-License-Identifier: MIT */
/*
 * A function of posix_spawn that some C libraries lack.
 * Thread rule: any thread.
 */
#pragma once

#include <spawn.h>

/*
 * The program that is started with `actions` gets no descriptors from `first` on. Called after
 * the actions that make those below `first`. Our own descriptors are closed by exec
 * (O_CLOEXEC); this closes the ones that the program which started us left open.
 */
void spawn_close_from(posix_spawn_file_actions_t *actions, int first);
/* The same for a C library that cannot do it (musl 1.2): adds an action for each descriptor
 * that is open now. */
void spawn_close_each_from(posix_spawn_file_actions_t *actions, int first);
