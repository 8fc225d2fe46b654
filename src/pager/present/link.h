/* SPDX-License-Identifier: MIT */
/*
 * Writes to the journal whether the server can be reached: one event when the link goes down
 * and one when it is back. And whether it takes the token: LOGIN_NEEDED, LOGIN_OK, at once.
 *
 *          failure                  `patience` later, still no answer: LINK_DOWN
 *     UP -----------> DOUBTFUL ----------------------------------------------> DOWN
 *      ^   answer        |                                                      |
 *      +-----------------+              answer: LINK_UP                         |
 *      +------------------------------------------------------------------------+
 *
 * A single failed request among successful ones makes no event. The last state that a mount
 * wrote still holds for the next one: if it was down, the first answer makes a LINK_UP, and if a login
 * was needed, the first one to a token that is accepted makes a LOGIN_OK.
 * Thread rule: the cache thread; free: after the queue was stopped.
 */
#pragma once

#include <stdbool.h>

#include "base/work.h"
#include "store/store.h"

struct server_link;

/* patience_ms 0: 3000. */
struct server_link *server_link_new(struct store *store, struct work_queue *queue,
				    int patience_ms);
/* `changed` is called when the link goes down. */
void server_link_watch(struct server_link *o, void (*changed)(void *arg), void *arg);
void server_link_note(struct server_link *o, bool failed);
/* The token is not accepted, or is. */
void server_link_note_login(struct server_link *o, bool is_needed);
/* No timer runs after it. */
void server_link_stop(struct server_link *o);
void server_link_free(struct server_link **o);
