/* SPDX-License-Identifier: MIT */
/*
 * Who uses the mount: when anybody last did, and which spaces were used most recently (design 4).
 * Noting it is cheap and may be done for each request: an atomic for the time, and a small
 * table of spaces behind a lock that one thread in half a second takes. Of a message that is
 * opened only its row is noted: which space it is in is looked up when somebody wants to know.
 *
 * Thread rule: recent_spaces_note, recent_spaces_last_ms: any thread; all else: cache thread.
 * Lock: usage's own, for the table; nothing is called under it.
 */
#pragma once

#include <stdint.h>

#include "store/store.h"

/* As many spaces are told. */
#define USAGE_RECENT 8

struct recent_spaces;

struct recent_spaces *recent_spaces_new(void);
void recent_spaces_free(struct recent_spaces **u);

/* What is known from the mounts before; their spaces only, not that anybody uses this one. */
void recent_spaces_load(struct recent_spaces *u, struct store *store, int64_t now_ms,
			int64_t now_wall_ms);
/* So that the next mount knows: what moved by a minute or more, or by anything if `all`. */
void recent_spaces_save(struct recent_spaces *u, struct store *store, int64_t now_ms,
			int64_t now_wall_ms, bool all);

/* `room` > 0: a space; < 0: minus the row of a message; 0: something else. */
void recent_spaces_note(struct recent_spaces *u, int64_t room, int64_t now_ms);
/* The time of the last use of anything, mono; long ago if there was none. */
int64_t recent_spaces_last_ms(const struct recent_spaces *u);
/* Spaces used at or after since_ms, the most recently used first. How many there are. */
int recent_spaces_recent(struct recent_spaces *u, struct store *store, int64_t since_ms,
			 int64_t ret_rooms[USAGE_RECENT]);
