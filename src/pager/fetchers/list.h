/* SPDX-License-Identifier: MIT */
/*
 * What the fetchers of whole lists have in common: pages that are collected until the list is
 * complete (webex-api.md 2). Messages go by page runs (page_run.h), which keep each page at once.
 * Thread rule: cache thread.
 */
#pragma once

#include "pager/fetch.h"

/* Moves the answer's items to the fetch's, once each. Every model struct begins with its id. */
void pages_collect(struct fetch *f, struct webex_reply *reply, GDestroyNotify free_item);

enum pages_more { PAGES_END, PAGES_FOLLOW, PAGES_LOOP, PAGES_TOO_MANY };

/*
 * Whether there is a next page worth following (webex-api.md 2.3, oddity 7): then it is in
 * f->last_next. Empty pages with a link are followed for long; a link that repeats, or two
 * pages in a row of known items, is a loop.
 */
enum pages_more pages_more(struct fetch *f, const struct webex_reply *reply, guint max_items);

/* A gateway that gave up on a large page: halves it; the list can begin anew. */
bool pages_halve(struct fetch *f, const struct webex_reply *reply);
/* What comes next is the list from its beginning; what came is kept. */
void pages_restart(struct fetch *f);

/* ---- the fetchers that have a file of their own ---- */
/* rooms.c: NEED_ROOMS, NEED_NEWS */
int fetcher_rooms_begin(struct fetch *f);
int fetcher_news_begin(struct fetch *f);
int fetcher_rooms_answer(struct fetch *f, struct webex_reply *reply);
/* sweep.c */
int fetcher_sweep_begin(struct fetch *f);
void fetcher_sweep_cancel(struct fetch *f);
