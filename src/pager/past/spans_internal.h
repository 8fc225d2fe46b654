/* SPDX-License-Identifier: MIT */
/*
 * Inside of spans: what is under way in a space, and computing with intervals (gaps.c).
 * Thread rule: cache thread.
 */
#pragma once

#include <glib.h>

#include "pager/past/spans.h"

/* A walker that takes longer than this for a month gets nothing read ahead any more. */
#define WALK_IDLE_MS 2000
/* Two months that are opened within this time are steps of one walk. */
#define WALK_GAP_MS 10000
/* At most so many idle fillers are kept for their walks. */
#define IDLE_MAX 64
/* About so many pages a page run of a cut interval has at least, since its last page costs half
 * a page too much. */
#define CHUNK_MIN 3
#define CHUNK_MAX 6

struct span_waiter {
	struct filler *filler;
	struct fetch *fetch;
	int64_t lo, hi;
	GList link; /* filler->waiters */
};

struct walk {
	int64_t lo, hi;	 /* where the walker is now */
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
	int64_t created_ms; /* of the space; -1: unknown */
	GQueue waiters;	    /* of struct span_waiter.link */
	GPtrArray *runs;    /* of struct page_run */
	int64_t ms, items;  /* time and messages of the pages so far: the density */
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

/* The first waiter that wants a part of this page run. */
struct span_waiter *gaps_want_of(const struct filler *f, const struct page_run *l);
/* Asserts that no page run has a part of (lo, hi]. */
void gaps_assert_disjoint(const struct filler *f, int64_t lo, int64_t hi);
/* Finds the parts of (lo, hi] that are neither known nor under way, newest first (of struct
 * store_span). */
int gaps_find(struct filler *f, int64_t lo, int64_t hi, GArray *left);
bool gaps_is_known(struct filler *f, int64_t lo, int64_t hi);
/* The newest time that is worth fetching here, since the head's fetch brings what is above. */
int64_t gaps_newest_ms(struct filler *f);

/* Finds the density of messages from what is known already; pages that come correct it. */
void gaps_load_density(struct filler *f, struct store_conn *conn);
void gaps_note_page(struct filler *f, struct page_run *l, guint items);
/* How much time so many pages cover; 0: unknown. */
int64_t gaps_ms_of_pages(const struct filler *f, int64_t pages);
/* How large a part of a gap one page run gets. */
int64_t gaps_chunk_ms(const struct filler *f, const struct store_span *gap);
