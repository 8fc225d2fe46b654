/* SPDX-License-Identifier: MIT */
/*
 * What posix_spawn lacks in some C libraries.
 * Thread rule: any thread.
 */
#pragma once

#include <spawn.h>

/*
 * The program that is started with `actions` gets no descriptor from `first` on; to be called after
 * what makes those below. Our own are closed by exec all the same (O_CLOEXEC): this is for what
 * whoever started us left open.
 */
void spawn_close_from(posix_spawn_file_actions_t *actions, int first);
/* The same where the C library cannot (musl 1.2): names each descriptor that is open now. */
void spawn_close_each_from(posix_spawn_file_actions_t *actions, int first);
