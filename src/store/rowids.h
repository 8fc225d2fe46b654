/* SPDX-License-Identifier: MIT */
/*
 * The one counter from which all rowids come. A small file outside the cache reserves a block
 * of numbers before the first of them is given out, so that no number comes twice, whatever
 * happens to the database or to this process. Errors: if the reserve file cannot be written,
 * that is logged and only this promise is lost. Thread rule: rowids_take(), rowids_skip(), rowids_untake():
 * any thread; all else: the owner's.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>

/*
 * How many numbers are reserved at a time, and so may be skipped by a crash: ROWIDS_BLOCK at
 * first, ROWIDS_BLOCK_MAX once that many were used up. With small blocks a walk of a long
 * history would wait for the disk every four pages.
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

/* Begins above `used` and above what the file says. */
void rowids_init(struct rowids *r, const char *path, int64_t used);
/* Gives the unused part of the block back. */
void rowids_clear(struct rowids *r);
int64_t rowids_take(struct rowids *r);
/* Goes on above `used`, which is in use elsewhere, unless it is no number that could ever be taken. */
void rowids_skip(struct rowids *r, int64_t used);
/* Gives back the number that was taken last and will not be used; does nothing if another one
 * was taken since. */
void rowids_untake(struct rowids *r, int64_t rowid);
/* The highest number given out, 0 if none. */
int64_t rowids_last(struct rowids *r);
