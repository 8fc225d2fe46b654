/* SPDX-License-Identifier: MIT */
/*
 * Memory of cJSON documents that live and die in one function: between begin and end everything
 * that cJSON allocates on this thread comes from a few large chunks, and freeing it costs
 * nothing. malloc and free of each value were two fifths of the time of reading a page.
 *
 * Documents made between begin and end must not be used after end; documents made before begin
 * must not be freed before end. Begin and end nest. Any thread; each has its own arena.
 */
#pragma once

/* Before the first call of cJSON; any thread, any number of times. */
void json_arena_setup(void);
void json_arena_begin(void);
void json_arena_end(void);
