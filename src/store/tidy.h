/* SPDX-License-Identifier: MIT */
/*
 * What the store puts in order when nothing else is to be done: it deletes the rows of what is gone (purge.c)
 * and gives the pages that nothing uses back to the disk (shrink.c), in pieces of a few milliseconds, each in a
 * transaction of its own. So readers do not wait, the write-ahead log stays short, and a crash loses nothing.
 *
 * Thread rule: cache thread.
 */
#pragma once

struct store;

/* Does one piece. 1: there is more to do; 0: there is nothing; -errno. */
int store_tidy(struct store *s);
