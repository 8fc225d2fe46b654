/* SPDX-License-Identifier: MIT */
/* For tests of a lane alone: its owner, which counts what it is told. */
#pragma once

#include "pager/past/page_run.h"
#include "pager_kit.h"

/* What a lane told its owner. */
struct owner {
	struct lane *lane;
	int paged, done, error, status;
	guint items;		      /* of the last page */
	int stop_after, cancel_after; /* pages; 0: never */
	int outdated;		      /* so many answers are out of date */
	bool background;
};

extern struct owner o;

/* A lane that wants (T0 + bottom, T0 + top]; -1: from the beginning; LANE_TOP. */
void start(struct world *w, int64_t bottom, int64_t top, int max);
void assert_ended(int error);
void refuse(guint i, int error, int status);
