/* SPDX-License-Identifier: MIT */
/*
 * When messages and members were compared with what the server has, across mounts. Threads and errors as in
 * store.h, which includes this.
 */
#pragma once

#include <stdint.h>

struct store;
struct store_conn;

/*
 * ---- the sweep: messages beyond the newest `depth` of their room, page by page, verified ----
 */
#define STORE_SWEEP_PAGE 1000
struct store_sweep {
	int64_t room;
	int64_t lo_ms,
		hi_ms; /* (lo, hi] holds one page of known messages; lo -1: it holds all */
};
/* The next page to verify, in the room that was swept least recently. -ENOENT: there is none. */
int store_sweep_next(struct store_conn *c, int64_t depth, struct store_sweep *ret_sweep);
/* Notes that a page was verified. The next turn of the room goes on at next_ms (-1: at the
 * top). */
int store_sweep_done(struct store *s, int64_t room, int64_t next_ms, int64_t now_wall_ms);
/* When a page of the sweep was last verified in any room; -1: never. */
int64_t store_sweep_last(struct store_conn *c);

/*
 * ---- months: since when every known message of one is verified ---- A page that has all of a month
 * says so by itself. What becomes known later was fetched later.
 */
/* The newest month of the room that overlaps (lo, hi] and was verified before that time. -ENOENT. */
int store_verify_due(struct store_conn *c, int64_t room, int64_t lo_ms, int64_t hi_ms,
		     int64_t before_wall_ms, int *ret_month);
/* *ret_hi_ms: from where to verify (lo, hi] downwards, the end of a month. It is above hi if one
 * page of `page` messages has room for later months that are due, too. */
int store_verify_top(struct store_conn *c, int64_t room, int64_t lo_ms, int64_t hi_ms, int page,
		     int64_t before_wall_ms, int64_t *ret_hi_ms);
/* Notes it for the months that are whole in (lo, hi]. */
int store_months_verified(struct store *s, int64_t room, int64_t lo_ms, int64_t hi_ms,
			  int64_t wall_ms);

/* ---- members ---- */
/* The list of members is no longer what the server has, though nothing happened in the space: it counts
 * as listed long ago. */
int store_age_members(struct store *s, int64_t room);
