/* SPDX-License-Identifier: MIT */
/*
 * Inside of spans: what is under way in a space, and questions of intervals (gaps.c). Thread rule:
 * cache thread.
 */
#pragma once

#include <glib.h>

#include "pager/past/spans.h"

/* A walker that takes longer for one month reads on by what is known. */
#define WALK_IDLE_MS 2000
/* Two months opened within this are steps of one walk. */
#define WALK_GAP_MS 10000
/* Fillers that are kept for the sake of their walk. */
#define IDLE_MAX 64
/* Pages a page run of a cut interval has, more or less: its last page costs half a page too much. */
#define CHUNK_MIN 3
#define CHUNK_MAX 6

struct span_waiter {
	struct filler *filler;
	struct fetch *fetch;
	int64_t lo, hi;
	GList link; /* filler->waiters */
};

struct walk {
	int64_t lo, hi;	 /* where the walker is */
	int64_t step_ms; /* mono */
	int direction;	 /* -1: to older months, 1: to newer ones, 0: stands */
	int steps;
};

/* What is under way in one space. */
struct filler {
	struct spans *spans;
	int64_t room;
	char *room_id;
	bool is_filtered;
	int64_t created_ms; /* of the space; -1: not known */
	GQueue waiters;	    /* of struct span_waiter.link */
	GPtrArray *runs;    /* of struct page_run */
	int64_t ms, items;  /* of the pages so far: how dense the messages are */
	struct walk walk;
	bool is_filling, fill_again;
};

struct spans {
	struct pager *pager;
	GHashTable *fillers; /* room -> filler */
	int runs;
	bool stopping;
};

/* ---- gaps.c ---- */

/* The first waiter for something of this page run. */
struct span_waiter *gaps_want_of(const struct filler *f, const struct page_run *l);
/* No page run has a part of (lo, hi]. */
void gaps_assert_disjoint(const struct filler *f, int64_t lo, int64_t hi);
/* What of (lo, hi] is neither known nor under way, newest first; of struct store_span. */
int gaps_find(struct filler *f, int64_t lo, int64_t hi, GArray *left);
bool gaps_is_known(struct filler *f, int64_t lo, int64_t hi);
/* The newest time that is worth asking for: what is above is the head's business. */
int64_t gaps_newest_ms(struct filler *f);

/* How dense the messages are: by what is known already, and by the pages that come. */
void gaps_load_density(struct filler *f, struct store_conn *conn);
void gaps_note_page(struct filler *f, struct page_run *l, guint items);
/* How long the time of so many pages is; 0: not known. */
int64_t gaps_ms_of_pages(const struct filler *f, int64_t pages);
/* How much of a gap one page run gets. */
int64_t gaps_chunk_ms(const struct filler *f, const struct store_span *gap);
