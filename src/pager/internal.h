/* SPDX-License-Identifier: MIT */
/*
 * What pager.c (needs, waiters) and fetch.c (how a fetch begins and ends) share.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "pager/fetch.h"

/* A failed fetch is remembered so long. */
#define FAILED_AGE_MS 1500

struct pager_entry {
	struct need need;
	struct fetch *fetch; /* cache thread; NULL: IDLE */
	GQueue waiters;	     /* of struct pager_waiter.link; cache thread */

	bool fetching;		 /* pager.lock, as all below */
	int64_t started_ms;	 /* mono */
	int64_t fresh_until_ms;	 /* mono */
	int64_t failed_until_ms; /* mono */
	int failed_error;
	int64_t good_ms; /* mono: when the last good fetch of it ended */
	uint64_t ended;	 /* when the last one ended, as a moment (pager.h); 0: none did */
	int ended_error; /* with what */
	bool is_expired; /* what there is must not do, however fresh it seems */
	uint64_t generation;
};

struct pager {
	struct pager_config config;
	pthread_mutex_t lock;
	GHashTable *entries; /* need -> entry; pager.lock */
	/* How often what is known to be fresh has moved, from 1 on: a moment. Written under
	 * pager.lock, by the cache thread. */
	atomic_uint_fast64_t moment;
	struct spans *spans; /* cache thread */
	struct poller *poller;
	struct evicted *evicted;	  /* cache thread */
	struct proof *proof;		  /* cache thread */
	struct pager_entry event_waiters; /* in no table: nothing is fetched; cache thread */
	struct server *server;
	struct pager_stats stats; /* pager.lock; of fetches alone */
	bool stopping;		  /* cache thread */
};

/* What a fetch brought is in the store: whoever looked before this looks again. */
void pager_note_ended_locked(struct pager *p, struct pager_entry *e, int error);
/* The entry of `need`, made if `make`; under pager.lock. Entries are only dropped by the cache
 * thread, which is also the only one that keeps pointers to them. */
struct pager_entry *pager_entry_locked(struct pager *p, const struct need *need, bool make);
/* ---- pager.c; cache thread ---- */

/* Fetches it for nobody in particular, unless it is on its way. */
void pager_begin(struct pager *p, const struct need *need);
bool pager_is_fetching(struct pager *p, const struct need *need);
/* Until that time (mono) it need not be fetched. */
void pager_set_fresh(struct pager *p, const struct need *need, int64_t until_ms);
/* When a fetch of it last ended well, mono; long ago: never in this mount. */
int64_t pager_good_ms(struct pager *p, const struct need *need);
/* What it takes is not all in the store. */
bool pager_asks_server(enum need_kind kind);

/* ---- fetch.c; cache thread ---- */

/* Begins the fetch of a need that has none under way. */
void fetch_start(struct pager *p, struct pager_entry *e);
/* Its answer only frees. */
void fetch_cancel(struct pager *p, struct pager_entry *e);
/* Calls everybody who waits now; they may wait again from inside, at the tail. */
void pager_wake(struct pager_entry *e, int error);
