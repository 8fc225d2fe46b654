/* SPDX-License-Identifier: MIT */
/* Inside of a request of api/: asked.c has how it is read, asked_pages.c how its answer comes. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "tree/asked.h"

struct asked {
	atomic_int refs;
	struct tree *tree;
	/* These do not change after asked_start(). */
	enum http_method method;
	char *path, *name; /* owned */
	bool is_bytes;
	GString *body; /* owned; NULL: none */
	struct http_asker asker;
	GList under_way; /* in askeds.all */

	/* cache thread */
	bool is_started;
	asked_done done;
	void *done_arg;
	GQueue waiters; /* of struct asked_waiter.link */
	int max;	/* the page size that we chose; 0: none */
	char *tail; /* what stands behind the list of the first page; NULL: none came. Owned */
	bool has_items;
	int n_pages, n_empty,
		n_known; /* in all; without items, and with none but known ones, in a row */
	GHashTable *ids; /* of the items that came; owned; NULL: there was one page */

	pthread_mutex_t lock;
	/* lock */
	uint64_t id;	 /* of the request under way; 0: none */
	GString *unread; /* owned; from `taken` on */
	size_t taken;
	char *next;	 /* the page to ask for; owned; NULL: the first */
	bool is_resting; /* the next page is asked for when more is read */
	bool is_paused;	 /* the transfer is */
	bool is_woken;	 /* an item that wakes the waiters is on its way */
	bool is_left;
	bool has_ended;
	int error;
	char *words; /* owned */
	int64_t began_ms, position, total, n_items;
};

/* asked_pages.c; cache thread: the first request, and that of the next page. */
void asked_ask(struct asked *a);
void asked_next_page(struct asked *a);
/* asked.c; cache thread. */
void asked_wake(struct asked *a);
/* Adopts `words`, which may be NULL. */
void asked_end(struct asked *a, int error, char *words);
