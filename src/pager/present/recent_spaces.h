/* SPDX-License-Identifier: MIT */
/*
 * Notes when the mount was last used and which spaces were used most recently (design 4).
 * Noting is cheap enough for each request: an atomic has the time, and a small table the
 * spaces, whose lock is taken at most once in half a second for the same space. For an opened
 * message only its row is noted; its space is looked up when it is needed. Who goes through many
 * spaces between two polls works in none of them.
 *
 * Thread rule: recent_spaces_note, recent_spaces_last_ms: any thread; all else: cache thread.
 * Lock: recent_spaces.lock, for the table; nothing is called under it.
 */
#pragma once

#include <stdint.h>

#include "store/store.h"

/* How many spaces count as recently used. */
#define USAGE_RECENT 8

struct recent_spaces;

struct recent_spaces *recent_spaces_new(void);
void recent_spaces_free(struct recent_spaces **u);

/* Loads the spaces that earlier mounts noted. This does not count as a use. */
void recent_spaces_load(struct recent_spaces *u, struct store *store, int64_t now_ms,
			int64_t now_wall_ms);
/* Stores for the next mount the times that moved by a minute or more, or all that moved if
 * `all`. */
void recent_spaces_save(struct recent_spaces *u, struct store *store, int64_t now_ms,
			int64_t now_wall_ms, bool all);

/* Notes a use of the space; 0: of something else. */
void recent_spaces_note(struct recent_spaces *u, int64_t room, int64_t now_ms);
void recent_spaces_note_message(struct recent_spaces *u, int64_t message, int64_t now_ms);
/* The time of the last use, mono; a time long ago if there was none. */
int64_t recent_spaces_last_ms(const struct recent_spaces *u);
/* Gives the spaces that were used at or after since_ms, the most recently used first. Returns
 * how many. */
int recent_spaces_recent(struct recent_spaces *u, struct store *store, int64_t since_ms,
			 int64_t ret_rooms[USAGE_RECENT]);
