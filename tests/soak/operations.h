/* SPDX-License-Identifier: MIT */
/*
 * What a process may do on a mount of sparkfs: reads, writes, changes of names, and calls that
 * most files refuse. None of them judges its result. Dice are the process's own. What is written begins with
 * "P", the process, the time in its seconds and a count, so that no two writes are alike.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

extern uint32_t dice_state; /* what the numbers follow from; a process sets it first */

static inline unsigned dice(void)
{
	dice_state = dice_state * 1664525U + 1013904223U;
	return dice_state >> 8;
}

/* A number below n; 0 where there is none. */
static inline unsigned pick(unsigned n)
{
	return n ? dice() % n : 0;
}

static inline bool one_in(unsigned n)
{
	return pick(n) == 0;
}

#define pick_of(list) ((list)[pick(sizeof(list) / sizeof((list)[0]))])

/* Looks which spaces there are. `path_of_mount` is borrowed for good. With `is_calm` nothing is done to spaces
 * whose names begin with "Kept", and nothing of unsent/ is sent again. */
void operations_begin(const char *path_of_mount, bool is_calm);
/* Which one is next. */
unsigned operations_choose(void);
void operations_run(unsigned which);
const char *operations_name(unsigned which);
