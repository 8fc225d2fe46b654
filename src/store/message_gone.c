/* SPDX-License-Identifier: MIT */
/* What a 404 of a message proves. Both the outbox and the pager ask. */
#include <errno.h>

#include "store/store.h"

/* A bot gets 404 also for messages that do not mention it (webex-api.md 5.20). */
static int is_filtered(struct store_conn *conn, bool is_bot, int64_t message)
{
	struct store_message m = {0};
	struct store_room room = {0};
	int r = store_message_get(conn, message, &m);

	if (r == 0)
		r = m.deleted ? -ENOENT : store_room_get(conn, m.room, &room);
	if (r == 0)
		r = is_bot && room.room.type == WEBEX_ROOM_GROUP;
	store_room_clear(&room);
	store_message_clear(&m);
	return r;
}

int store_message_answered(struct store *s, bool is_bot, int64_t message, int64_t now_wall_ms,
			   GPtrArray *changes)
{
	struct store_conn *conn;
	int r = store_read_begin(s, &conn);

	if (r)
		return r;
	r = is_filtered(conn, is_bot, message);
	store_read_end(conn);
	if (r < 0)
		return r;
	if (r)
		return -EBUSY;
	/* It was made here a moment ago, and perhaps not every machine of the service knows it
	 * yet. From now on a list without it makes it missing. */
	if (store_message_is_pinned(s, message, now_wall_ms)) {
		store_unpin_message(s, message);
		return -EBUSY;
	}
	return store_remove_message(s, message, changes);
}
