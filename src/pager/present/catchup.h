/* SPDX-License-Identifier: MIT */
/*
 * What is fetched in the background after a poll: the newest messages of spaces with news, the
 * most recently active first; then those of spaces in use, for their edits and deletions; then
 * the details of spaces that a long list lacked. Each is one request of the background lane,
 * and only some are under way at once, so that whoever waits is served between them.
 *
 *	            a poll: news in it, or catchup_want
 *	     QUIET ----------------------------------------> WANTED
 *	       ^  ended well and nothing new                   |  catchup_pump, a place is free
 *	       |                                               v
 *	       +------------------------------------------- FETCHING
 *	       ^  due: the next poll after `next_ms`           |  ended with an error
 *	       +------------ PUT OFF <-------------------------+
 *
 * When the network is down nothing more is begun until something has ended well.
 * Thread rule: cache thread; catchup_has_news: any thread. Lock: catchup's own, for the table of
 * spaces with news; nothing is called under it.
 */
#pragma once

#include "pager/fetch.h"

struct catchup;

struct catchup *catchup_new(struct pager *p);
void catchup_free(struct catchup **c);

/* Reads which spaces have news, and goes on with what the last failure of the network stopped. */
void catchup_polled(struct catchup *c);
/* Only reads which have news. */
void catchup_publish(struct catchup *c);
/* What is under way ends, nothing more is begun before the next poll. */
void catchup_sleep(struct catchup *c);
/* Wants it fetched once: NEED_HEAD, NEED_ROOM. */
void catchup_want(struct catchup *c, const struct need *need);
/* We wrote in that space: what somebody else wrote just before is behind the same last activity.
 * Its newest messages are wanted with the next poll. */
void catchup_wrote(struct catchup *c, int64_t room);
/* Begins what there is room for. */
void catchup_pump(struct catchup *c);
/* A fetch of these kinds ended, whoever had begun it. */
void catchup_ended(struct catchup *c, const struct need *need, int error, bool network);
/* Nothing is wanted and nothing is under way. */
bool catchup_is_quiet(const struct catchup *c);

/* The list of spaces told of something that the newest messages of this one do not account for. */
bool catchup_has_news(struct catchup *c, int64_t room);
int catchup_count_news(struct catchup *c);
