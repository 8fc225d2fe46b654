/* SPDX-License-Identifier: MIT */
/*
 * For the fetchers of whole lists, which collect pages until the list is complete (webex-api.md
 * 2). Messages are fetched by page runs (page_run.h) instead, which keep each page at once.
 * Thread rule: cache thread.
 */
#pragma once

#include "pager/fetch.h"

/* Moves the items of the answer to those of the fetch, each id once. Every struct of
 * webex/model.h begins with its id. */
void pages_collect(struct fetch *f, struct webex_reply *reply, GDestroyNotify free_item);

enum pages_more { PAGES_END, PAGES_FOLLOW, PAGES_LOOP, PAGES_TOO_MANY };

/*
 * Decides whether there is a next page to follow (webex-api.md 2.3, oddity 7), which is then in
 * f->last_next. Many empty pages with a link are followed; a link that repeats, or two pages in
 * a row with only known items, is a loop.
 */
enum pages_more pages_more(struct fetch *f, const struct webex_reply *reply);

/* Halves the page size after a gateway gave up on a large page. True: the list can begin anew. */
bool pages_halve(struct fetch *f, const struct webex_reply *reply);
/* Begins the list anew, from its first page on: the items that came are dropped. */
void pages_restart(struct fetch *f);

/* How a list is asked for that is kept when it is complete, or as a part if it does not end (is_partial). */
struct pages_list {
	int (*submit)(struct fetch *f, const char *next);
	int (*publish)(struct fetch *f); /* 0 or -errno */
	GDestroyNotify free_item;
};
/* The answer() of a fetcher of such a list. */
int pages_read_list(struct fetch *f, struct webex_reply *reply, const struct pages_list *list);

/* The error of a list that does not end (PAGES_LOOP, PAGES_TOO_MANY): -EIO, with words in the reply. */
int pages_fail(struct webex_reply *reply);
