/* SPDX-License-Identifier: MIT */
/*
 * A page run: pages of a space's messages, one request after the other, from a point in time down
 * (webex-api.md 2.3, 2.4). Each page is in the store before the next one is asked for, so that
 * nothing that came is lost, whatever ends the page run.
 *
 *	             page_run_new
 *	                |
 *	                v      answer: 502, 504 (smaller), 404 (by time), a loop (by time),
 *	   +------->  ASKING --------+  outdated (the same page again)
 *	   |            |  ^         |
 *	   |     answer |  +---------+
 *	   |            v
 *	   +-- more - APPLIED: the interval (lo, top] is known; top = lo
 *	                |
 *	                | (bottom, top] is known, `paged` said no, an error
 *	                v
 *	              ENDED: done(arg), once; freed
 *
 *	   ASKING -- page_run_cancel --> CANCELLED: no done; the answer that is still to come frees it
 *
 * What a page says of the time: with a next link, everything between its oldest item and `top`
 * is known; without one, everything below as well. A message of the very millisecond in which
 * a page ends may be on the next page: these are handed in again with it, else they would be
 * missing.
 *
 * Thread rule: cache thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pager/fetch.h"

/* Of a page run that begins at the newest message. */
#define PAGE_RUN_TOP INT64_MAX

struct page_run;
struct proof_page;

struct page_run_config {
	struct pager *pager;
	int64_t room;
	const char *room_id; /* copied */
	bool is_filtered;    /* a bot's list: what it lacks is not missing */
	/* (bottom, top] is to be known. top PAGE_RUN_TOP: from the newest one on, as a head. */
	int64_t top, bottom;
	int max;       /* page size at most */
	bool can_cut;  /* its owner's note: others may take a part of it */
	bool is_again; /* what is known is asked for as well */
	bool verifies; /* and brings back no bodies that were dropped */
	bool believes; /* a second list: a file that a message has no more is gone */
	/* May be NULL: what was asked for is out of date, ask the same again. */
	bool (*is_outdated)(void *arg);
	/* Whether the next request is for nobody in particular. */
	bool (*is_background)(void *arg);
	/* What a page of (lo, hi] lacks; `max`: its size. May be NULL: all of it is a suspicion
	 * (pager/proof/proof.h). */
	void (*missing)(void *arg, const struct proof_page *page);
	/* A page is in the store: true to go on. */
	bool (*paged)(void *arg, struct page_run *run, guint items);
	/* It ended: 0 or -errno; `reply` (borrowed) is what the server said, or NULL. */
	void (*done)(void *arg, struct page_run *run, int error,
		     const struct webex_reply *reply);
	void *arg;
};

/* Submits the first request. `done` is never called inside. */
struct page_run *page_run_new(const struct page_run_config *config);
/* No callback comes any more, the request is cut. */
void page_run_cancel(struct page_run *run);

/* What is still to come is (bottom, top]. */
int64_t page_run_top(const struct page_run *run);
int64_t page_run_bottom(const struct page_run *run);
/* Only upwards: what is below is another's. */
void page_run_set_bottom(struct page_run *run, int64_t bottom);
bool page_run_can_cut(const struct page_run *run);
/* In `done`: the server does not know the space, whatever came before. Of a list that goes on behind
 * a message a 404 may mean the message. */
bool page_run_lost_space(const struct page_run *run, const struct webex_reply *reply);
/* Pages that came. */
int page_run_pages(const struct page_run *run);
/* How many milliseconds the last page went down; for estimates. */
int64_t page_run_page_ms(const struct page_run *run);
