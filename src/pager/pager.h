/* SPDX-License-Identifier: MIT */
/*
 * The pager: what must be fetched so that the store can answer (design 3, 4).
 * A read-type operation is a function of the store. Where the store does not know, or not
 * freshly enough, the operation names a need, waits for it here, and is run again.
 *
 * Structure:
 *
 *     need            what an operation lacks: a kind and a row, interval or key
 *       | one each
 *       v
 *     entry           who waits for it, and when it was fetched         struct pager_entry
 *       | at most one
 *       v
 *     fetch           under way from its first request to its end       fetch.h
 *       | by kind
 *       v
 *     fetcher         begins it and reads its answers                   fetchers/, past/, present/
 *       |          \
 *       |           \ of messages
 *       |            v
 *       |          span waiter     the interval that is wanted          past/spans.h
 *       |            | what of it is no span of the store: gaps         past/gaps.c
 *       |            v
 *       |          page run        pages of a gap, from its top down    past/page_run.h
 *       v            v
 *     a call of webex, then one transaction of the store
 *
 * What fetches without being asked: polls and what is behind them (present/), the sweep of old
 * pages (past/sweep.h), the proof that something is gone (proof/proof.h).
 *
 *  1. At most one fetch per need is in flight; later askers join it.
 *  2. A fetch publishes to the store in one transaction, then its waiters are called, each
 *     exactly once, on the cache thread.
 *  3. A fetch notes the need's generation at its start; pager_touch (a local change of the same
 *     thing) moves it, and a fetch that ends after such a move is begun again instead of being
 *     published: a slow answer never overwrites a newer fact.
 *  4. When the last waiter is withdrawn by an interrupt, the fetch is cancelled; when it merely
 *     stopped waiting, the fetch goes on.
 *  5. A failed fetch is remembered for a short while, so that a thousand askers of a dead
 *     network wait once.
 *  6. A fetch that ends between an operation's look at the store and its check or its wait is no
 *     reason to answer from what it saw, and none to fetch again: it looks again (pager_moment).
 *
 *                pager_wait                           fetch_answered: a page,
 *     IDLE ------------------------> FETCHING <---------------+   more to come
 *      ^                               |  |                   |
 *      | fetch_end(0): fresh_until_ms  |  +-------------------+
 *      | fetch_end(-errno):            |  |                   |
 *      |   failed_until_ms             |  +-------------------+
 *      +-------------------------------+      fetch_restarts: the generation moved (at most
 *                                             3 times)
 *
 * Thread rule: pager_moment, pager_check, pager_touch, pager_refresh: any thread. All else: cache thread.
 * Lock: pager.lock guards the entries' public part (state, times, generation); nothing is
 * called under it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/work.h"
#include "store/store.h"
#include "webex/api.h"

enum need_kind {
	NEED_NONE,
	NEED_ROOMS,   /* the complete list of spaces */
	NEED_ROOM,    /* one space's details; row */
	NEED_HEAD,    /* the newest `recent` messages of a space; row */
	NEED_MEMBERS, /* all memberships of a space; row */
	NEED_PERSON,  /* details by address, or "me"; key. Nobody: -ENOENT */
	NEED_DIRECT,  /* the 1:1 space with an address; key. None yet: -ENOENT */
	NEED_CONTENT, /* the bytes [lo_ms, hi_ms) of an attachment, in attach/attach.h; row */
	NEED_SPAN,    /* every message of a space with lo_ms < created <= hi_ms; row */
	NEED_NEWS,    /* which spaces have news: one poll (pager/present/poll.h) */
	NEED_MONTHS,  /* the node rows of a space's months; row; no request */
	NEED_BODY,    /* the evicted body of a message; row (of the message). Or, with hi_ms,
			 all those of a space with lo_ms < created <= hi_ms; row */
	NEED_EVENT,   /* an event with a cursor above row; no request, waits for ever */
	NEED_PROBE,   /* whether the server is there, in a short time */
	NEED_NAMES, /* of all attachments of a space's messages with lo_ms < cookie < hi_ms; both 0:
			 of its newest; row */
	NEED_SWEEP, /* a page of old messages, verified (pager/past/sweep.h); row, lo_ms, hi_ms */
};

#define NEED_KEY_MAX 256
/*
 * From the newest message on, which makes the head known, down to lo_ms (NEED_TO_HEAD - 1: one
 * page): for those who need the present of a space but not as much of it as NEED_HEAD brings.
 */
#define NEED_TO_HEAD INT64_MAX

struct need {
	enum need_kind kind;
	int64_t row;
	int64_t lo_ms, hi_ms;	/* NEED_SPAN (hi_ms may be NEED_TO_HEAD), NEED_SWEEP, NEED_BODY,
			  NEED_CONTENT, NEED_NAMES; else 0 */
	char key[NEED_KEY_MAX]; /* lower case where it is an address */
};

/* Kinds of store nodes that a fetch makes; the numbers are those of tree/ino.h. */
enum { NODE_ADDRESS = 48, NODE_ADDRESS_LINK = 49, NODE_MONTH = 65 };

bool need_equal(const struct need *a, const struct need *b);

struct contents;

struct pager_config {
	struct store *store;
	struct webex_client *client;
	struct work_queue *queue; /* the cache thread */
	struct contents *contents;
	const struct clock *clock;
	bool is_bot;
	int recent;	    /* newest messages of a space; 0 = all */
	int64_t max_bodies; /* messages whose bodies stay in the store; 0 = all */
	int poll_ms;	    /* between two polls for news (pager/present/poll.h); 0 = off */
	int idle_ms;	    /* without use for so long: no polls */
	int list_age_ms;    /* how old a list may be when it is opened; 0 = 3000 */
	int timeout_ms;	    /* a page that keeps failing is asked for so long; 0 = 30 s */
	int person_age_ms;  /* 0 = one hour */
	int link_down_ms;   /* without any answer until the journal says so; 0 = 3000 */
	int soft_wait_ms;   /* how long an opener with something to show waits for news; 0 = 300
			    */
	/* Cache thread: what a fetch changed (borrowed). */
	void (*on_changes)(void *arg, GPtrArray *changes);
	void *arg;
};

struct pager;
struct server;

int pager_new(const struct pager_config *config, struct pager **ret_pager);
/* Mounted: what is to be asked without being asked for may be (pager/present/poll.h). Cache thread. */
void pager_start(struct pager *p);
/* Every waiter gets -ESHUTDOWN, every fetch is cancelled, later waits end at once. Cache
 * thread. */
void pager_shutdown(struct pager *p);
/* After the cache queue was stopped. */
void pager_free(struct pager **p);

enum pager_verdict {
	PAGER_USE,     /* answer from the store as it is */
	PAGER_FETCH,   /* wait for a fetch: there is nothing to answer from */
	PAGER_REFRESH, /* wait for a fetch, but at most pager_soft_wait_ms: what is there will
			  do */
	PAGER_FAILED,  /* it was tried a moment ago: *ret_error */
};

/* A moment: to be noted before the store is looked at. Never 0. */
uint64_t pager_moment(struct pager *p);
/*
 * `have`: the store holds a complete, if old, version; it was looked at after the moment `looked`
 * (0: just now, by the cache thread).
 */
enum pager_verdict pager_check(struct pager *p, const struct need *need, bool have,
			       uint64_t looked, int *ret_error);
int pager_soft_wait_ms(const struct pager *p);

struct pager_waiter {
	/* set by the caller */
	void (*fn)(struct pager_waiter *w, int error);
	uint64_t looked; /* as for pager_check; 0: it is fetched in any case */
	/* the pager's */
	struct pager_entry *entry; /* NULL: not waiting */
	GList link;
};

/* `w` is linked until fn was called or it was withdrawn. fn may be called from inside (a fetch
 * that cannot begin, or that has ended since w->looked). */
void pager_wait(struct pager *p, const struct need *need, struct pager_waiter *w);
/* Calls those who wait for an event: there is one. */
void pager_wake_events(struct pager *p);
/* No effect if it is not waiting. cancel: the waiter was interrupted (promise 4). */
void pager_unwait(struct pager *p, struct pager_waiter *w, bool cancel);

/* Something of this need was changed here (promise 3). */
void pager_touch(struct pager *p, const struct need *need);
/* Asks for news in the background unless it is fresh or on its way. */
void pager_refresh(struct pager *p, const struct need *need);
/* The next check of the need fetches. */
void pager_expire(struct pager *p, const struct need *need);

/*
 * Somebody uses the mount: the space `room`, or if that is negative, the message with the row
 * -room; 0 for something else. Cheap; any thread. Keeps the polling awake and remembers which
 * spaces are in use (pager/present/poll.h).
 */
void pager_used(struct pager *p, int64_t room);
/* What the outbox changed, before anybody is told. Cache thread. */
void pager_own_changes(struct pager *p, const GPtrArray *changes);
/*
 * While somebody is to be told of news as they come (an open `events`, an open transcript), the
 * mount is in use: +1 and -1. Any thread.
 */
void pager_stay_awake(struct pager *p, int delta);
/* News are polled for: nothing else need ask for them. Any thread. */
bool pager_polls(const struct pager *p);
/*
 * A walker has come to the part (lo, hi] of the space's time, known or not: two of them in a
 * row, and what lies in that direction is read ahead (pager/past/spans.h). Any thread.
 */
void pager_step(struct pager *p, int64_t room, int64_t lo_ms, int64_t hi_ms);

/* What is known of the server (pager/server.h). Any thread. */
struct server *pager_server(const struct pager *p);

/* For status.json. */
struct pager_stats {
	uint64_t fetches, joined, failed, restarted;
	int fetching, waiting;
	int64_t last_good_wall_ms; /* last fetch that ended well, in an earlier mount, too; -1 */
	int64_t offline_since_wall_ms; /* -1: the last one did not fail by the network */
	int last_error;
	/* ---- the polling (pager/present/poll.h) ---- */
	const char *polling;	/* "off", "asleep", "awake" */
	int64_t polled_wall_ms; /* last poll that ended well, in an earlier mount, too; -1 */
	int64_t listed_wall_ms; /* last complete list of spaces; -1 */
	int news;		/* spaces whose newest messages are still to be fetched */
};
void pager_get_stats(struct pager *p, struct pager_stats *ret_stats);
