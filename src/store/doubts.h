/* SPDX-License-Identifier: MIT */
/*
 * What of an answer contradicts what is known. A list's word changes neither time nor author of a message,
 * nor makes it an older one, since either of two answers may be the wrong one: its own GET decides.
 * Thread rule: the cache thread.
 */
#pragma once

#include "store/store.h"

/* As store_apply_page, with the messages that the page has and contradicts in ret_doubts (int64_t; may be
 * NULL). */
int store_apply_page_apart(struct store *s, int64_t room, GPtrArray *messages, int64_t lo,
			   int64_t hi, enum store_page mode, int64_t now_wall_ms,
			   GArray *ret_missing, GArray *ret_doubts, GPtrArray *changes);
/*
 * Keeps what the answer to a GET says of a message that was in doubt: also another time or author (then
 * the message gets a new row, and the old one is gone), or an older text. Errors as store_apply_message.
 */
int store_believe_message(struct store *s, int64_t room, const struct webex_message *m,
			  GPtrArray *changes);
