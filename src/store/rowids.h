/* SPDX-License-Identifier: MIT */
/*
 * The one counter all rowids come from. A block of numbers is reserved in a small file outside
 * the cache before the first of them is given out, so that no number comes twice, whatever
 * happens to the database or to this process. Errors: a reserve file that cannot be written is
 * logged and costs only that promise. Thread rule: rowids_take(), rowids_untake() any thread; the rest the
 * owner's.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>

/*
 * What a crash may skip: at first the one, and the other once that many were used up. A walk
 * of a long history would wait for the disk every four pages.
 */
#define ROWIDS_BLOCK 4096
#define ROWIDS_BLOCK_MAX 65536

struct rowids {
	pthread_mutex_t lock;
	char *path;    /* NULL: nothing is reserved */
	int64_t next;  /* lock */
	int64_t limit; /* lock: numbers below are reserved */
	int64_t block; /* lock: how many are reserved next */
};

/* Goes on above `used` and above what the file says. */
void rowids_init(struct rowids *r, const char *path, int64_t used);
/* Gives back what of the block was not used. */
void rowids_clear(struct rowids *r);
int64_t rowids_take(struct rowids *r);
/* What was just taken and will never be used; no effect if another one was taken since. */
void rowids_untake(struct rowids *r, int64_t rowid);
/* The highest number given out, 0 if none. */
int64_t rowids_last(struct rowids *r);
