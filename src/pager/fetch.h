/* SPDX-License-Identifier: MIT */
/*
 * Inside of the pager: one fetch under way, and the table of how each need is fetched
 * (fetchers/space.c). Thread rule: cache thread.
 */
#pragma once

#include "pager/pager.h"
#include "pager/server.h"

/* Pages followed in one fetch; a server that goes on past it is looping. */
#define FETCH_MAX_PAGES 5000
/* Pages in a row without any item: the server filters after the fetch (webex-api.md 2.1). */
#define FETCH_MAX_EMPTY 100
/* What is kept in memory until the list is complete. */
#define FETCH_MAX_ITEMS 100000
#define FETCH_MAX_MESSAGES 1000000

struct fetch {
	struct pager *pager;
	struct pager_entry *entry; /* NULL: cancelled, free it when the answer comes */
	const struct fetcher *fetcher;
	struct need need;
	uint64_t generation; /* of the need when it began */
	int restarts;
	bool is_for_all;     /* it goes on when the last one who waits is interrupted */
	uint64_t request;    /* webex id of the call under way; 0: none */
	int64_t started_ms;  /* mono: when it began, or began again */
	int64_t activity_ms; /* NEED_HEAD: the space's last activity then */
	bool has_activity;

	struct page_run *run;	      /* NEED_HEAD */
	struct span_waiter *waiter;   /* NEED_SPAN */
	struct part *part;	      /* NEED_BODY */
	struct content_want *content; /* NEED_CONTENT */
	struct names *names;	      /* NEED_NAMES */

	/* what the fetchers keep between two answers */
	int pages;
	int stale_pages;   /* pages in a row of which nothing was new */
	int empty_pages;   /* pages in a row without items */
	bool is_partial;   /* some items could not be used: what is missing may be among them */
	int max;	   /* page size asked for */
	int64_t known;	   /* NEED_NEWS: spaces there are */
	bool is_all_pages; /* NEED_NEWS, NEED_ROOMS: the whole list, in any order */
	bool is_complete;  /* NEED_NEWS, NEED_ROOMS: it was the whole list */
	GPtrArray *items;  /* owned, of the fetcher's struct */
	GHashTable *seen;  /* ids of items, borrowed from them */
	char *room_id;
	char *last_next;
};

/* Needs as keys of a table. */
guint need_hash(gconstpointer p);
gboolean need_equal_g(gconstpointer a, gconstpointer b);

struct fetcher {
	enum need_kind kind;
	/* Submits the first request: 0; FETCH_DONE: nothing to ask; or -errno. */
	int (*begin)(struct fetch *f);
	/* An answer. FETCH_MORE: another request was submitted; 0: published; -errno. */
	int (*answer)(struct fetch *f, struct webex_reply *reply);
	/* For those that make their requests through others and end by fetch_finished: nobody wants
	 * it any more. The fetch is freed behind it. */
	void (*cancel)(struct fetch *f);
};

#define FETCH_MORE 1
#define FETCH_DONE 2

const struct fetcher *fetcher_find(enum need_kind kind);

/* For the fetchers. */
const struct pager_config *pager_get_config(const struct pager *p);
/* webex_done of every request; arg is the fetch. */
void fetch_answered(void *arg, struct webex_reply *reply);
/* The end of a fetch whose fetcher has no answer(): 0 or -errno; `reply` (may be NULL) is what the
 * server said. The fetch is gone; waiters are called inside. */
void fetch_finished(struct fetch *f, int error, const struct webex_reply *reply);
/* Tells of changes, frees them, gives back `r`. */
int pager_published(struct pager *p, int r, GPtrArray *changes);
/* 404 on a room-scoped call: perhaps it is gone, or we are out of it (webex-api.md 7.6): -EBUSY, and
 * it is found out (pager/proof/proof.h); or it was made here a moment ago and not every machine of the
 * service knows it yet: -EAGAIN. */
int pager_room_vanished(struct pager *p, int64_t room);
/* The parts of a pager. */
struct spans;
struct spans *pager_spans(struct pager *p);
struct evicted *pager_evicted(struct pager *p);
struct poller *pager_poller(struct pager *p);
struct proof;
struct proof *pager_proof(struct pager *p);
/* The room's id (owned) and whether its lists are filtered for us; -ENOENT if it is gone. */
int pager_load_room(struct pager *p, int64_t room, char **ret_id, bool *ret_filtered);
/* For page runs: was it changed here since the fetch began? Then it begins again, at most some times. */
bool fetch_restarts(struct fetch *f);
/* Nobody waits for it (arg: the fetch). */
bool fetch_is_unwaited(void *arg);
/* The need was changed here since the fetch began: what came must not be published. */
bool fetch_is_outdated(const struct fetch *f);

/* ---- fetchers that have a file of their own ---- */
/* months.c */
int fetcher_months_begin(struct fetch *f);
/* fetchers/names.c */
int fetcher_names_begin(struct fetch *f);
void fetcher_names_cancel(struct fetch *f);
