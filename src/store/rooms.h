/* SPDX-License-Identifier: MIT */
/*
 * What rooms.c and room_put.c share.
 * Thread rule: as the connection's.
 */
#pragma once

#include "store/internal.h"

/* room.flags */
#define ROOM_LOCKED 1
#define ROOM_ANNOUNCEMENT 2
#define ROOM_READ_ONLY 4
#define ROOM_PUBLIC 8

/* Loads the room, also a tombstone; -ENOENT. ret_pin_ms may be NULL. */
int room_load(struct sql *q, int64_t rowid, struct store_room *ret_room, int64_t *ret_pin_ms);
/* Finds the live row of the id, among the teams or among the spaces; -ENOENT. */
int room_find(struct sql *q, enum webex_room_type type, const char *id, int64_t *ret_rowid);
