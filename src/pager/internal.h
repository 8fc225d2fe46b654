/* SPDX-License-Identifier: MIT */
/*
 * What pager.c (who asks), fetch.c (how a fetch begins and ends) and entries.c (what is known of each
 * need) share. Files of the pager call each other in one direction, but for those of proof/:
 *
 *     need < server < entries < fetch < past/page_run < proof/ < past/sweep < present/ < the rest of past/
 *          < fetchers/ < pager
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "pager/fetch.h"

/* So long a failed fetch is remembered. */
#define FAILED_AGE_MS 1500

struct pager_entry {
	struct need need;
	struct fetch *fetch; /* cache thread; NULL: IDLE */
	GQueue waiters;	     /* of struct pager_waiter.link; cache thread */

	bool fetching;		 /* pager.lock, like all below */
	int64_t started_ms;	 /* mono */
	int64_t fresh_until_ms;	 /* mono */
	int64_t failed_until_ms; /* mono */
	int failed_error;
	char *failed_words; /* owned; the server's, of the last failure; NULL: none */
	int64_t good_ms;    /* mono: when the last good fetch of it ended */
	uint64_t ended;	    /* the moment (pager.h) when the last fetch ended; 0: none did */
	int ended_error;    /* the result of that fetch */
	bool is_expired;    /* the known version is not used, however fresh it seems */
	uint64_t generation;
	uint64_t good_generation; /* its generation at good_ms */
};

/*
 * How fetch.c reaches what stands above it: the table of fetchers, and the parts of the pager that must
 * hear of a fetch and begin fetches themselves. pager.c fills this in. Thread rule: cache thread.
 */
struct pager_parts {
	const struct fetcher *(*fetcher_of)(enum need_kind kind);
	/* Called before the waiters are. -ECANCELED: nobody waits any more. */
	void (*ended)(struct pager *p, struct fetch *f, int error, bool network);
	/* Called when something may have been stored. */
	void (*stored)(struct pager *p);
	/* Called when a page lacks something that is known. */
	void (*lacks)(struct pager *p, const struct page_told *page);
};

/* The names of attachments that one fetch asks for. */
struct names_run {
	const void *who;
	int64_t room, started_ms;
	int done, total;
};

struct pager {
	const struct pager_parts *parts;
	struct pager_config config;
	pthread_mutex_t lock;
	GHashTable *entries; /* need -> entry; pager.lock */
	/* Counts from 1 on how often something was fetched: a moment. The cache thread writes
	 * it, under pager.lock. */
	atomic_uint_fast64_t moment;
	struct spans *spans; /* cache thread */
	struct ahead *ahead; /* cache thread */
	struct poller *poller;
	struct evicted *evicted; /* cache thread */
	struct sizes *sizes;	 /* cache thread */
	struct tidy *tidy;	 /* cache thread */
	struct proof *proof;	 /* cache thread */
	struct pager_entry
		event_waiters; /* in no table, since nothing is fetched; cache thread */
	struct server *server;
	struct pager_stats stats; /* pager.lock; of fetches alone */
	GArray *names;		  /* of struct names_run; pager.lock */
	bool stopping;		  /* cache thread */
};

/* ---- entries.c ---- */

/* Notes the end of a fetch: an operation that looked at the store before looks again. */
void pager_note_ended_locked(struct pager *p, struct pager_entry *e, int error);
void pager_entry_free(void *entry);
/* The entry of `need`; if there is none, it is made if `make`. Called under pager.lock. Only
 * the cache thread drops entries, and only it keeps pointers to them. */
struct pager_entry *pager_entry_locked(struct pager *p, const struct need *need, bool make);
/* The need counts as fresh until that time (mono). */
void pager_set_fresh(struct pager *p, const struct need *need, int64_t until_ms);
/* Changes when something of the need is changed here (pager_touch), so that an answer which was asked for
 * before may be older. */
uint64_t pager_generation(struct pager *p, const struct need *need);
/* When a fetch of the need last succeeded, mono; a time long ago if never in this mount. */
int64_t pager_good_ms(struct pager *p, const struct need *need);

/* ---- fetch.c; cache thread ---- */

/* Begins a fetch that nobody waits for, unless one is under way. */
void pager_begin(struct pager *p, const struct need *need);
/* Raises the fetch of the need that is under way, if there is one: a change waits for it. */
void pager_hurry(struct pager *p, const struct need *need);
/* Begins the fetch of a need that has none under way. */
void fetch_start(struct pager *p, struct pager_entry *e);
/* Somebody waits for the fetch now: what it asked for in the background goes on before the rest. */
void fetch_raise(struct fetch *f);
/* Cancels the fetch; its answer only frees it. */
void fetch_cancel(struct pager *p, struct pager_entry *e);
/* Calls all present waiters. They may wait again from inside, at the tail of the queue. */
void pager_wake(struct pager_entry *e, int error);
