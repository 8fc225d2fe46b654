/* SPDX-License-Identifier: MIT */
/* For tests of a page run alone: its owner, which counts what it is told. */
#pragma once

#include "pager/past/page_run.h"
#include "pager_kit.h"

/* Notes what a page run told its owner. */
struct owner {
	struct page_run *run;
	int paged, done, error, status;
	guint items;		      /* of the last page */
	int stop_after, cancel_after; /* pages; 0: never */
	int outdated;		      /* how many answers are out of date */
	bool background;
};

extern struct owner o;

/* Begins a page run for (T0 + bottom, T0 + top]; bottom -1: from the beginning; top may be
 * PAGE_RUN_TOP. */
void start(struct world *w, int64_t bottom, int64_t top, int max);
/* The same for what is fetched again, known or not. */
void start_again(struct world *w, int64_t bottom, int64_t top, bool has_mentions);
void assert_ended(int error);
void refuse(guint i, int error, int status);
