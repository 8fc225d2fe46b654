/* SPDX-License-Identifier: MIT */
/* Readers that last longer: walkers over a history, and readers of an open transcript. */
#pragma once

#include <stdint.h>

/* find, rsync, grep -r: one month after the other, with or without the files; some give up. */
void readers_walk(int64_t room);
/* tail -f. */
void readers_hold(uint64_t ino);
void readers_release_any(void);
void readers_release_all(void);
/* Checks that a transcript only grows while it is open. Aborts otherwise. */
void readers_check(void);
