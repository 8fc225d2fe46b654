/* SPDX-License-Identifier: MIT */
/*
 * Lets the store put itself in order (store_tidy) behind whatever else is done: a few milliseconds in a
 * hundred, from a moment after something was stored until there is nothing to do.
 *
 * Thread rule: cache thread.
 */
#pragma once

struct pager;
struct tidy;

struct tidy *tidy_new(struct pager *p);
/* Something was stored, or an earlier mount may have left something to do. */
void tidy_check(struct tidy *t);
/* No timer is under way any more. */
void tidy_stop(struct tidy *t);
void tidy_free(struct tidy **t);
