/* SPDX-License-Identifier: MIT */
/*
 * Keeps up with what others do (design 4). While the mount is in use, one poll in each interval
 * asks for the list of spaces. Behind it the spaces with news are fetched (catchup.h), and the
 * newest messages of the most recently used spaces (recent_spaces.h), for their edits and
 * deletions. If nobody used the mount for a while, nothing is asked.
 *
 *	                    poller_start
 *	                        |
 *	   idle_ms without use  v   use, the last poll is younger than the interval
 *	   (tick)        +--> ASLEEP ------------------------------------------------+
 *	                 |      |  use, and it is older: a poll                      |
 *	                 |      v                                                    v
 *	                 +-- CATCHING_UP ---------- ended(0) ----------------------> AWAKE
 *	                 |   ^  |   ^                                               |  ^ |
 *	                 |   |  +---+ ended(error), then tick: a poll               |  +-+
 *	                 |   |        after a longer and longer pause               | tick: a poll
 *	                 |   +--------------------- ended(error) -------------------+
 *	                 +----------------------------------------------------------+
 *
 * pager_used notes a use; with pager_stay_awake a use lasts from (+1) to (-1). A tick is the timer,
 * which runs in CATCHING_UP and AWAKE. An operation that lists something needs NEED_NEWS first.
 * That need is fresh for one interval from the beginning of a poll, whatever happened to the
 * timer meanwhile (a laptop may have been asleep), and its fetch is a poll in every state. With
 * poll_ms 0 there are no polls: lists are fetched when they are opened.
 *
 * Thread rule: pager_used, pager_stay_awake, poller_check, poller_get_stats, poller_trouble: any thread; all
 * else: cache thread. Lock: poller.lock for the words of the last trouble, those of recent_spaces and
 * catchup; nothing is called under it.
 */
#pragma once

#include "pager/fetch.h"

/* Where a poll is not the full list of spaces, that is fetched in the background at most so
 * often. */
#define FRESH_FULL_MS (10 * 60 * 1000)
/* When a space is opened whose newest messages were verified longer ago than this, they are
 * verified again. */
#define FRESH_VERIFY_MS 60000
/* The newest messages and the members of spaces that nobody looked at for so long are asked for in
 * turn, those of one space behind each poll: who walks through many spaces does not ask for them
 * (fs/walkers.h). */
#define FRESH_OLD_MS (60 * 60 * 1000)
/* After a failed poll a use begins no other one within this time. */
#define FRESH_RETRY_MS 5000

enum fresh_state { FRESH_OFF, FRESH_ASLEEP, FRESH_CATCHING_UP, FRESH_AWAKE };

struct poller;

struct poller *poller_new(struct pager *p);
void poller_free(struct poller **f);
/* Loads what earlier mounts knew; fetches the list of spaces if there never was one. */
void poller_start(struct poller *f);
/* Ends the timer, and keeps for the next mount what that would fetch again. */
void poller_stop(struct poller *f);

/* Stores which spaces are in use, also if there are no polls. */
void poller_save_uses(struct poller *f);

/* How fresh a known version is. */
enum fresh_verdict {
	FRESH_USE,    /* yes */
	FRESH_VERIFY, /* fresh, but it is to be verified in the background */
	FRESH_STALE,  /* it is known to be old */
	FRESH_BY_AGE, /* its age decides */
};
/* good_ms: when a fetch of the need last succeeded, mono. */
enum fresh_verdict poller_check(struct poller *f, const struct need *need, int64_t good_ms,
				int64_t now_ms);

/* ---- from fetch.c ---- */
/* Called before the waiters. error -ECANCELED: nobody wanted the fetch any more. */
void poller_ended(struct poller *f, struct fetch *fetch, int error, bool network);

/* ---- for tests ---- */
void poller_tick(struct poller *f);

/* For status.json. */
struct fresh_stats {
	enum fresh_state state;
	int64_t polled_wall_ms;	  /* last good poll; -1: never */
	int64_t listed_wall_ms;	  /* last complete list of spaces; -1: never */
	int64_t answered_wall_ms; /* last answer in an earlier mount; -1: never */
	int news;		  /* spaces whose newest messages are still to be fetched */
};
/* Why the last poll failed, or brought only a part of what is new, for status.json; owned; NULL: it
 * did not. */
char *poller_trouble(struct poller *f);
void poller_get_stats(struct poller *f, struct fresh_stats *ret_stats);
