/* SPDX-License-Identifier: MIT */
/*
 * What the tests of history/ share: a tree with one room over a store in memory. The pager is real
 * but never fetches: its verdicts are what is tested against. Every helper fails the test that calls
 * it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tree/internal.h"

struct world {
	struct store *store;
	struct pager *pager;
	struct tree *tree;
	struct tree_ctx ctx;
	struct work_queue *queue; /* hangs, so that nothing is read ahead */
	GMutex hangs;
	int64_t room;
	GPtrArray *told; /* "ino N" and "name N x" */
};

/* The time of both clocks, at first 2024-06-15. */
extern int64_t kit_now_ms;

/* The room lives from 2023-11 to 2024-06-10; a snapshot of the store is open in w->ctx. */
int kit_setup(void **state);
int kit_teardown(void **state);
int64_t kit_iso(const char *text);
/* Takes a new snapshot, as for an op that has not waited yet. */
void kit_read_again(struct world *w);
/* Ends the snapshot. */
void kit_begin_writing(struct world *w);
void kit_set_room(struct world *w, const char *created, const char *activity,
		  GPtrArray *changes);
struct webex_message *kit_message(const char *id, int64_t created_ms);
/* Keeps a page with one message (`id` NULL: none) that makes (lo, hi] known. `lo` NULL: all
 * below. */
void kit_page(struct world *w, const char *id, const char *created, const char *lo,
	      const char *hi, enum store_page mode);
/* Does what the pager does for NEED_MONTHS. */
void kit_make_months(struct world *w);
/* Their node ids. */
uint64_t kit_history(const struct world *w);
uint64_t kit_month(struct world *w, const char *name);
