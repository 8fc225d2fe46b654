/* SPDX-License-Identifier: MIT */
/*
 * The messages that mention the owner of the store (meta "me.id"): those that name him, in whatever
 * notation his id is. @all counts only if the server's own filter gives such messages, which a list of it
 * shows (meta "mentions.all"); nobody could confirm what the service does (webex-api.md 6.3).
 *
 * What is known of them in a space's time is more than what is known of all messages: the spans of
 * store.h, and spans of their own, which lists of the server's filter bring.
 *
 *                        older                                     newer
 *     every message      .....................|=====|..............|=======
 *     mentions alone     ====================================.............
 *     known mentions     ====================================......|=======
 *                                                            a gap
 *
 * Thread rule and errors: as store.h.
 */
#pragma once

#include "store/store.h"

/* 1 if all mentions of (lo, hi] are known; 0; -errno. */
int store_mention_covers(struct store_conn *c, int64_t room, int64_t lo, int64_t hi);
/* Appends the parts of (lo, hi] of which they are not, newest first (of struct store_span). */
int store_mention_gaps(struct store_conn *c, int64_t room, int64_t lo, int64_t hi,
		       GArray *gaps);
/* The upper end of the highest span of mentions alone; -1: there is none. *ret_verified_wall_ms: when the
 * newest page of them was last listed. */
int64_t store_mention_top(struct store_conn *c, int64_t room, int64_t *ret_verified_wall_ms);

/*
 * Keeps a page of the server's filter, complete in (lo, hi]; as store_apply_page() of an inner page. Appended
 * to ret_doubts: what that says, and the known mentions of the interval that the page lacks. None of
 * these is removed: the message may be gone, or may have been edited, which its GET by id tells.
 */
int store_apply_mentions(struct store *s, int64_t room, GPtrArray *messages, int64_t lo,
			 int64_t hi, int64_t now_wall_ms, GArray *ret_doubts,
			 GPtrArray *changes);
/* Notes that the newest page was listed. */
int store_mentions_verified(struct store *s, int64_t room, int64_t wall_ms);

/* True if the live message is a mention. */
bool store_message_is_mention(struct store_conn *c, int64_t rowid);
/* As store_message_list(), of the mentions among the range's messages; its time and thread do not count. */
int store_mention_list(struct store_conn *c, const struct store_range *range,
		       bool (*fn)(void *arg, const struct store_brief *brief), void *arg);

/* One of all spaces; texts are borrowed for the call. */
struct store_mention {
	int64_t rowid, created_ms;
	const char *stem, *room_name;
	enum webex_room_type room_type;
};
/* Two of one millisecond are listed in the order of these bits of their rows, so that a listing can go on
 * behind one of them. */
#define STORE_MENTION_TIE INT64_C(0xfffff)
/* Calls `fn` for the mentions of all live spaces that were created at `until_ms` or before, the newest
 * first, until it returns false. */
int store_mentions_each(struct store_conn *c, int64_t until_ms,
			bool (*fn)(void *arg, const struct store_mention *m), void *arg);
/* One of them. -ENOENT: it is none, or gone. Texts are owned (store_mention_clear). */
int store_mention_get(struct store_conn *c, int64_t rowid, struct store_mention *ret_mention);
void store_mention_clear(struct store_mention *m);
