/* SPDX-License-Identifier: MIT */
/*
 * Freshness: how the mount keeps up with what others do (design 4). While it is in use, one
 * poll an interval asks for the list of spaces; what has news is fetched behind it (catchup.h),
 * and with it the newest messages of the spaces most recently used (recent_spaces.h), for their edits
 * and deletions. Nobody used it for a while: nothing is asked at all.
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
 * A use is noted by poller_used, or lasts from poller_hold(+1) to (-1). A tick is the timer, which
 * there is in CATCHING_UP and AWAKE. Whoever lists something wants the need NEED_NEWS first,
 * which is fresh for an interval from the beginning of a poll, whatever happened to the timer
 * meanwhile (a laptop that was asleep); it begins a poll in each state. With poll_ms 0 there is
 * nothing of all this: lists are asked for when they are opened.
 *
 * Thread rule: poller_used, poller_hold, poller_check, poller_get_stats: any thread; all else: cache
 * thread. Lock: none but those of recent_spaces and catchup.
 */
#pragma once

#include "pager/fetch.h"

/* A full list of spaces, where a poll is none, at most so often in the background. */
#define FRESH_FULL_MS (10 * 60 * 1000)
/* The newest messages of a space in use elsewhere are verified at an open when older than this. */
#define FRESH_VERIFY_MS 60000
/* A poll that failed is not tried again by a use within this. */
#define FRESH_RETRY_MS 5000

enum fresh_state { FRESH_OFF, FRESH_ASLEEP, FRESH_CATCHING_UP, FRESH_AWAKE };

struct poller;

struct poller *poller_new(struct pager *p);
void poller_free(struct poller **f);
/* What earlier mounts knew; the list of spaces, if there never was one. */
void poller_start(struct poller *f);
/* No timer runs after it; keeps for the next mount what it would ask for again. */
void poller_stop(struct poller *f);

/* Puts into the store which spaces are in use, whether there are polls or not. */
void poller_save_uses(struct poller *f);
/* As recent_spaces_note. */
void poller_used(struct poller *f, int64_t room);
void poller_hold(struct poller *f, int delta);

/* What the outbox changed. Cache thread. */
void poller_own_changes(struct poller *f, const GPtrArray *changes);

/* Something is there to answer from: is it as fresh as can be? */
enum fresh_verdict {
	FRESH_USE,    /* yes */
	FRESH_VERIFY, /* yes, but it is to be looked at again in the background */
	FRESH_STALE,  /* it is known to be old */
	FRESH_BY_AGE, /* its age tells */
};
/* good_ms: when a fetch of it last ended well, mono. */
enum fresh_verdict poller_check(struct poller *f, const struct need *need, int64_t good_ms,
				int64_t now_ms);

/* ---- from fetch.c ---- */
void poller_begins(struct poller *f, struct fetch *fetch);
/* Before the waiters are called. error -ECANCELED: nobody wanted it any more. */
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
void poller_get_stats(struct poller *f, struct fresh_stats *ret_stats);
