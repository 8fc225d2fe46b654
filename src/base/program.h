/* SPDX-License-Identifier: MIT */
/*
 * What each program gets that we start by posix_spawn().
 * Thread rule: any thread.
 */
#pragma once

#include <spawn.h>

/*
 * Makes `attr`, which the caller destroys: all signals are at their defaults and none is blocked. Our threads
 * block every one (base/thread.h); a program that cannot be interrupted could not be ended by its own
 * time-outs either. `flags`: what else is wanted of POSIX_SPAWN_*.
 */
void spawn_attributes(posix_spawnattr_t *attr, int flags);
/*
 * The program that is started with `actions` gets no descriptors from `first` on. Called after
 * the actions that make those below `first`. Our own descriptors are closed by exec
 * (O_CLOEXEC); this closes the ones that the program which started us left open.
 */
void spawn_close_from(posix_spawn_file_actions_t *actions, int first);
/* The same for a C library that cannot do it (musl 1.2): adds an action for each descriptor
 * that is open now. */
void spawn_close_each_from(posix_spawn_file_actions_t *actions, int first);
