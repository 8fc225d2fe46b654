/* SPDX-License-Identifier: MIT */
/* Those who read for longer: walkers over a history, and who has a transcript open. */
#pragma once

#include <stdint.h>

/* find, rsync, grep -r: one month after the other, with or without the files; some give up. */
void readers_walk(int64_t room);
/* tail -f. */
void readers_hold(uint64_t ino);
void readers_release_any(void);
void readers_release_all(void);
/* What a transcript said stays so while it is open. Ends the program otherwise. */
void readers_check(void);
