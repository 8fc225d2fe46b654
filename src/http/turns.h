/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is, among those for whom requests wait (struct http_asker). Of the users the one
 * goes first whose last turn was longest ago, of his sessions the same, and so of what a session
 * asks for: so nobody waits until all is done that somebody else asked for before.
 *
 * Of `places` on the wire none has more than are left for the others: what one session asks of one
 * thing has at most as many as are free, a session three times, a user seven times as many. Who
 * asks for nobody (struct http_asker is zero: the outbox, the polls) is not bound by it.
 * Thread rule: I/O thread.
 */
#pragma once

#include <stdbool.h>

#include "http/loop.h"

struct http_turns;

bool http_asker_is(const struct http_asker *a, const struct http_asker *b);

struct http_turns *http_turns_new(void);
void http_turns_free(struct http_turns **t);
/* True if `a` goes before `b`, who came first. */
bool http_turns_before(const struct http_turns *t, const struct http_asker *a,
		       const struct http_asker *b);
/* `who` has a turn now. */
void http_turns_note(struct http_turns *t, const struct http_asker *who);

/* How many places those have who are as near to an asker. */
struct http_places {
	int all, of_user, of_session, of_topic;
};
/* Counts a place that `other` has. */
void http_places_count(struct http_places *n, const struct http_asker *who,
		       const struct http_asker *other);
/* True if `who` may have one more of `places`. */
bool http_places_left(const struct http_places *n, const struct http_asker *who, int places);
