/* SPDX-License-Identifier: MIT */
/* Texts of many messages (transcripts), which are read by parts. Thread rule: any thread. */
#pragma once

#include "store/store.h"
#include "webex/render.h"

/* The store that the connection belongs to. */
struct store *store_of(struct store_conn *conn);
/* True if a snapshot may be held for longer than one operation (store.h 2), by a thread that does nothing
 * else: it keeps nobody from writing. It keeps the log from shrinking, so half a minute is the most. */
bool store_keeps_snapshots(const struct store *s);
/* Calls `fn` with the place and the size in bytes (webex_render_transcript) of each message in the range's
 * transcript, rising, until it returns false; also where bodies were dropped. 0; -ENODATA: for some message
 * the size is unknown (store_renew_sizes); -errno. */
int store_transcript_places(struct store_conn *c, const struct store_range *range,
			    bool (*fn)(void *arg, int64_t cookie, int64_t size), void *arg);
/* What a transcript says of the message's root, borrowed from it; NULL if the message is no reply. */
const struct webex_root *store_message_root(const struct store_message *m,
					    struct webex_root *ret_root);
/*
 * While two snapshots have the same stamp of a room, the messages that were in the first one are in the
 * second one, with the same bytes, and none has come between them: only behind the newest.
 */
struct store_stamp {
	int64_t messages_ms, evicted, version;
};
/* -ENOENT: the room is gone. */
int store_text_stamp(struct store_conn *c, int64_t room, struct store_stamp *ret_stamp);
bool store_stamp_is_same(const struct store_stamp *a, const struct store_stamp *b);
