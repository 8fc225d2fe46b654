/* SPDX-License-Identifier: MIT */
/*
 * Fetches in the background after a poll: first the newest messages of spaces with news, the
 * most recently active space first; then those of spaces in use, for their edits and deletions;
 * then lists that are old (poll.h). Each is one background request, and only
 * a few are under way at once, so that requests with waiters are served between them.
 *
 *	            a poll: news in it, or catchup_want
 *	     QUIET ----------------------------------------> WANTED
 *	       ^  ended well and nothing new                   |  catchup_pump, a place is free
 *	       |                                               v
 *	       +------------------------------------------- FETCHING
 *	       ^  due: the next poll after `next_ms`           |  ended with an error
 *	       +------------ PUT OFF <-------------------------+
 *
 * Which spaces have news is read once for each poll, and for each space again when its newest messages
 * came. When the network is down, nothing more is begun until some fetch has succeeded.
 * Thread rule: cache thread; catchup_has_news: any thread. Lock: catchup's own, for the table of
 * spaces with news; nothing is called under it.
 */
#pragma once

#include "pager/fetch.h"

struct catchup;

struct catchup *catchup_new(struct pager *p);
void catchup_free(struct catchup **c);

/* Reads which spaces have news, and goes on with what a failure of the network stopped. */
void catchup_polled(struct catchup *c);
/* Only reads which spaces have news. */
void catchup_publish(struct catchup *c);
/* Fetches under way end, and no more begin before the next poll. */
void catchup_sleep(struct catchup *c);
/* Wants the need fetched once: NEED_HEAD, NEED_MEMBERS. */
void catchup_want(struct catchup *c, const struct need *need);
/* Notes that we wrote in the space: a message that somebody else wrote just before is hidden
 * behind our last activity. So its newest messages are fetched with the next poll. */
void catchup_wrote(struct catchup *c, int64_t room);
/* Begins as many fetches as may run. */
void catchup_pump(struct catchup *c);
/* Notes the end of a fetch of these kinds, whoever began it. */
void catchup_ended(struct catchup *c, const struct need *need, int error, bool network);
/* Notes that the newest messages of the space came in another way. */
void catchup_head_came(struct catchup *c, int64_t room);
/* True if nothing is wanted and nothing under way. */
bool catchup_is_quiet(const struct catchup *c);

/* True if the list of spaces shows activity that the newest known messages of this space do not
 * account for. */
bool catchup_has_news(struct catchup *c, int64_t room);
int catchup_count_news(struct catchup *c);
