/* SPDX-License-Identifier: MIT */
/*
 * The pager: what must be fetched so that the store can answer (design 3, 4). A read-type
 * operation is a function of the store. If the store does not know something, or not freshly
 * enough, the operation names a need, waits for it here, and is run again.
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
 *       |           \ of messages            \ of bodies that were dropped
 *       |            v                        v
 *       |          span waiter              part of a window              past/spans.h, evicted.h
 *       |            | what of it no span     |
 *       |            | of the store has:      |
 *       |            v gaps (past/gaps.c)     v
 *       |          page run        pages, from the top of an interval     past/page_run.h
 *       |            |             down
 *       v            v
 *     a call of webex, then one transaction of the store                  store/store.h
 *       | what came back
 *       v
 *     server          is it there, did it take the token, how long are    server.h
 *                     its pages
 *
 * What begins fetches without being asked: the polls and what is behind them (present/poll.h,
 * present/catchup.h), the sweep of old pages (past/sweep.h), what comes next for a program that saves all
 * spaces (past/ahead.h), the proof that something is gone
 * (proof/proof.h), which hears of what each page lacks.
 *
 *  1. At most one fetch per need is in flight; later askers join it. One that was begun in the
 *     background goes on as theirs then (fetch_raise): it waits for no more than they would.
 *  2. A fetch publishes to the store in one transaction, then its waiters are called, each
 *     exactly once, on the cache thread.
 *  3. A fetch notes the need's generation at its start; pager_touch (a local change of the same
 *     thing) moves it, and a fetch that ends after such a move is begun again instead of being
 *     published: a slow answer never overwrites a newer fact.
 *  4. When the last waiter is withdrawn by an interrupt, the fetch is cancelled; when it merely
 *     stopped waiting, the fetch goes on.
 *  5. A failed fetch is remembered for a short while, so that a thousand askers of a dead
 *     network wait once.
 *  6. If a fetch ends between an operation's look at the store and its check or wait, the
 *     operation neither answers from what it saw nor fetches again: it looks again
 *     (pager_moment).
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
#include "pager/need.h"
#include "store/store.h"
#include "webex/api.h"

/* Kinds of store nodes that a fetch makes; the numbers are those of tree/ino.h. */
enum { NODE_MONTH = 65 };

struct contents;

struct pager_config {
	struct store *store;
	struct webex_client *client;
	struct work_queue *queue; /* the cache thread */
	struct contents *contents;
	const struct clock *clock;
	bool is_bot;
	int recent;	    /* newest messages of a space; 0 = all */
	int64_t max_bodies; /* how many bodies stay in the store; 0 = all */
	int poll_ms;	    /* between two polls (pager/present/poll.h); 0 = off */
	int idle_ms;	    /* polls end after so long without use */
	int list_age_ms;    /* how old a list may be when it is opened; 0 = 3000 */
	int timeout_ms;	    /* how long a page is asked for that keeps failing; 0 = 30 s */
	int teams_age_ms; /* the same for the list of teams, of which no poll tells; 0 = one minute */
	int person_age_ms; /* 0 = one hour */
	int link_down_ms;  /* how long without any answer until the journal says so; 0 = 3000 */
	int soft_wait_ms;  /* how long an open that can be answered waits for news; 0 = 300 */
	/* Cache thread: the changes of a fetch (borrowed). */
	void (*on_changes)(void *arg, GPtrArray *changes);
	void *arg;
};

struct pager;
struct server;

int pager_new(const struct pager_config *config, struct pager **ret_pager);
/* Called when the mount is made: from now on requests may be made that nobody asked for
 * (pager/present/poll.h). Cache thread. */
void pager_start(struct pager *p);
/* Every waiter gets -ESHUTDOWN, every fetch is cancelled, later waits end at once. Cache
 * thread. */
void pager_shutdown(struct pager *p);
/* After the cache queue was stopped. */
void pager_free(struct pager **p);

enum pager_verdict {
	PAGER_USE,     /* answer from the store as it is */
	PAGER_FETCH,   /* wait for a fetch, since there is nothing to answer from */
	PAGER_REFRESH, /* wait for a fetch, but at most pager_soft_wait_ms; then what is known
		        * will do */
	PAGER_OLD,     /* as _REFRESH, but nothing says that something is new: who does not care
		        * for the newest state may use what is known */
	PAGER_VERIFY,  /* answer from the store; and pager_refresh() it for those who care */
	PAGER_FAILED,  /* a fetch failed a moment ago with *ret_error */
};

/* The present moment, which an operation notes before it looks at the store. Never 0. */
uint64_t pager_moment(struct pager *p);
/*
 * What the operation is to do for the need. `have`: the store has a complete, perhaps old,
 * version. `looked`: the moment before the operation looked at the store (0: just now, on the
 * cache thread).
 */
enum pager_verdict pager_check(struct pager *p, const struct need *need, bool have,
			       uint64_t looked, int *ret_error);
/* What last-error says of the last fetch of the need if the server's answer made it fail with `error`;
 * owned, or NULL. Another error is not of that fetch: the server cannot be reached. Any thread. */
char *pager_failed_words(struct pager *p, const struct need *need, int error);
int pager_soft_wait_ms(const struct pager *p);

/*
 * As the error of a waiter: the need is not filled, but something of it came, which may be enough for an
 * operation that wants only that. It looks again, and waits again if it is not; the fetch ends if nobody
 * does. Only of NEED_NAMES and NEED_THREAD_NAMES.
 */
#define PAGER_LOOK_AGAIN 1

struct pager_waiter {
	/* set by the caller */
	void (*fn)(struct pager_waiter *w, int error);
	uint64_t looked;	 /* as for pager_check; 0: fetch in any case */
	struct http_asker asker; /* for whom, but for the topic, which the pager sets */
	/* the pager's */
	struct pager_entry *entry; /* NULL: not waiting */
	GList link;
};

/* Waits for the need. `w` is linked until fn was called or it was withdrawn. fn may be called
 * from inside, if a fetch cannot begin or has ended since w->looked. */
void pager_wait(struct pager *p, const struct need *need, struct pager_waiter *w);
/* Waits, as long as it takes, until there is an event with a cursor above this one; nothing is fetched. `w`
 * as for pager_wait, without `looked` and `asker`. */
void pager_wait_event(struct pager *p, int64_t cursor, struct pager_waiter *w);
/* Calls the waiters for events, because there is one. */
void pager_wake_events(struct pager *p);
/* Withdraws the waiter; does nothing if it is not waiting. cancel: it was interrupted (4). */
void pager_unwait(struct pager *p, struct pager_waiter *w, bool cancel);

/* True if the server has answered it in this mount, so that the lack of something in the store is known,
 * too. Idle needs are forgotten where there are very many. Any thread. */
bool pager_has_answered(struct pager *p, const struct need *need);

/*
 * How long ago what somebody opens may have been verified; else he waits for it, as long as the server
 * answers (sparkfs-semantics(7)): the newest messages and the members of a space, older months. Below a
 * day, so that who copies once a night gets the former each time.
 */
#define VERIFY_HEAD_MS (INT64_C(20) * 60 * 60 * 1000)
#define VERIFY_MONTH_MS (INT64_C(7) * 24 * 60 * 60 * 1000)

/*
 * True if the server answered the need within PAGER_ABSENT_MS, and nobody changed anything of it here
 * since. A name that the answer lacks is not asked for again so long: else each look-up of a name
 * that nobody has would cost the whole list. Any thread.
 */
#define PAGER_ABSENT_MS 30000
bool pager_lacks_for_now(struct pager *p, const struct need *need);

/* Notes that something of this need was changed here (3). */
void pager_touch(struct pager *p, const struct need *need);
/* Fetches the need in the background unless it is fresh or under way. */
void pager_refresh(struct pager *p, const struct need *need);
/* Forgets that fetches failed with this -errno: whoever looks next asks again. Any thread. */
void pager_retry(struct pager *p, int error);
/* Makes the next check of the need fetch. */
void pager_expire(struct pager *p, const struct need *need);

/*
 * Notes a use of the mount, of the space `room` (0: of something else), or of a message. This
 * keeps the polls awake and remembers which spaces are in use (pager/present/poll.h). Cheap; any
 * thread.
 */
void pager_used(struct pager *p, int64_t room);
void pager_used_message(struct pager *p, int64_t message);
/* Notes what the outbox changed, before anybody is told. Cache thread. */
void pager_own_changes(struct pager *p, const GPtrArray *changes);
/*
 * Counts those who must be told of news as they come (an open `events`, an open transcript) by
 * +1 and -1; while there are any, the mount is in use. Any thread.
 */
void pager_stay_awake(struct pager *p, int delta);
/* True if there are polls, so that nothing else need ask for news. Any thread. */
bool pager_polls(const struct pager *p);
/*
 * Notes that a walker opened the part (lo, hi] of the space's time, known or not. After two
 * parts in a row, what lies in that direction is read ahead (pager/past/spans.h). Any thread.
 */
void pager_step(struct pager *p, int64_t room, int64_t lo_ms, int64_t hi_ms);

/* True if a fetch of the need is under way. Any thread. */
bool pager_is_fetching(struct pager *p, const struct need *need);
/* Notes that a program which saves everything is at the space (pager/past/ahead.h). Any thread. */
void pager_saves(struct pager *p, int64_t room);

/* What is known of the server (pager/server.h). Any thread. */
struct server *pager_server(const struct pager *p);

/* For status.json. */
struct pager_stats {
	uint64_t fetches, joined, failed, restarted;
	int fetching, waiting;
	int64_t last_good_wall_ms; /* last successful fetch, also of an earlier mount; -1: none */
	int64_t offline_since_wall_ms; /* -1: the last request did not fail by the network */
	int last_error;
	/* ---- the polling (pager/present/poll.h) ---- */
	const char *polling;	/* "off", "asleep", "awake" */
	int64_t polled_wall_ms; /* last successful poll, also of an earlier mount; -1: none */
	int64_t listed_wall_ms; /* last complete list of spaces; -1: none */
	int news;		/* spaces whose newest messages are still to be fetched */
};
void pager_get_stats(struct pager *p, struct pager_stats *ret_stats);
/* Why the last poll failed, or brought only a part; owned; NULL: it did not. Any thread. */
char *pager_poll_trouble(struct pager *p);

/* How far it is with the names of a space's attachments, for .sparkfs/transfers. */
struct pager_names {
	int64_t room;
	int done, total;
	int64_t for_ms; /* how long they have been asked for */
};
/* A GArray of those that are being asked for. Owned. Any thread. */
GArray *pager_names(struct pager *p);
