/* SPDX-License-Identifier: MIT */
/*
 * Inside of the pager: one fetch under way, and the table of how each need is fetched
 * (sources.c). Thread rule: cache thread.
 */
#pragma once

#include "cache/pager.h"

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
	const struct source *source;
	struct need need;
	uint64_t generation; /* of the need when it began */
	int restarts;
	uint64_t request; /* webex id of the call under way; 0: none */

	/* what the sources keep between two answers */
	int pages;
	int stale_pages;  /* pages in a row of which nothing was new */
	int empty_pages;  /* pages in a row without items */
	bool is_partial;  /* some items could not be used: what is missing may be among them */
	int max;	  /* page size asked for */
	GPtrArray *items; /* owned, of the source's struct */
	GHashTable *seen; /* ids of items, borrowed from them */
	char *room_id;
	char *last_next;
	int64_t oldest_ms; /* of all items; INT64_MAX: none */
	char *oldest_id;
	bool is_filtered; /* a bot's list: what is missing is not gone */
	bool joins_head;  /* the known head span will do for what is older */
	struct store_span head;
	int64_t before_ms; /* go on from here instead of by the link */
	int fd;		   /* contents; -1 */
};

struct source {
	enum need_kind kind;
	/* Submits the first request: 0; FETCH_DONE: nothing to ask; or -errno. */
	int (*begin)(struct fetch *f);
	/* An answer. FETCH_MORE: another request was submitted; 0: published; -errno. */
	int (*answer)(struct fetch *f, struct webex_reply *reply);
};

#define FETCH_MORE 1
#define FETCH_DONE 2

const struct source *source_find(enum need_kind kind);

/* For the sources. */
const struct pager_config *pager_get_config(const struct pager *p);
/* webex_done of every request; arg is the fetch. */
void fetch_answered(void *arg, struct webex_reply *reply);
/* The need was changed here since the fetch began: what came must not be published. */
bool fetch_is_outdated(const struct fetch *f);
