/* SPDX-License-Identifier: MIT */
/*
 * A page run: pages of a space's messages, one request after the other, from a point in time
 * down (webex-api.md 2.3, 2.4). Each page is kept in the store before the next one is asked
 * for, so that nothing is lost, whatever ends the page run.
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
 * After a page with a next link everything between its oldest item and `top` is known; after
 * one without, everything below as well. Messages of the millisecond in which a page ends may
 * continue on the next page. So those of this page are handed in again with the next one; else
 * they would count as missing.
 *
 * Thread rule: cache thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pager/fetch.h"

/* `top` of a page run that begins at the newest message. */
#define PAGE_RUN_TOP INT64_MAX

struct page_run;

/* What a page of messages says of (lo, hi]; `missing` as store_apply_page gives it. */
struct page_told {
	int64_t room, lo, hi;
	int max; /* the page size that was asked for */
	const GArray *missing;
	const GArray
		*doubts; /* messages of the page that it says something unbelievable of; may be
			       * NULL */
};

struct page_run_config {
	struct pager *pager;
	int64_t room;
	const char *room_id; /* copied */
	bool is_filtered;    /* a bot's list, in which messages may lack that are not gone */
	/* Only of messages that mention us: the interval becomes known of those alone (store/mentions.h), and
	 * what is known of them is skipped. Not with PAGE_RUN_TOP. */
	bool has_mentions;
	/* (bottom, top] is fetched. top PAGE_RUN_TOP: from the newest message on, as a head. */
	int64_t top, bottom;
	int max;       /* page size at most */
	bool can_cut;  /* a note of the owner: others may take a part of it */
	bool is_again; /* known parts are fetched again */
	bool verifies; /* as is_again, but dropped bodies are not kept again */
	bool believes; /* a second list: a file that a message lacks now is removed */
	/* True if the answer is out of date and the same must be asked again. May be NULL. */
	bool (*is_outdated)(void *arg);
	/* True if nobody waits for the next request. */
	bool (*is_background)(void *arg);
	/* Gets what a page of (lo, hi] lacks; page->max is its size. May be NULL: then all of
	 * it goes to the proof (pager/proof/proof.h). */
	void (*missing)(void *arg, const struct page_told *page);
	/* Called when a page is in the store; returns true to go on. */
	bool (*paged)(void *arg, struct page_run *run, guint items);
	/* Called when it ended, with 0 or -errno. `reply` (borrowed) is the server's answer, or
	 * NULL. */
	void (*done)(void *arg, struct page_run *run, int error,
		     const struct webex_reply *reply);
	void *arg;
};

/* Submits the first request. `done` is never called inside. */
struct page_run *page_run_new(const struct page_run_config *config);
/* The same for a fetch of a space: the rest of the config is filled in, and it is kept in f->run.
 * FETCH_MORE, or -ENOENT if the space is gone. */
int page_run_begin(struct fetch *f, struct page_run_config config);
/* Somebody waits for it now: the request under way goes before those of the background. */
void page_run_raise(struct page_run *run);
/* Cuts the request off; no callback comes any more. */
void page_run_cancel(struct page_run *run);

/* The interval that is still to come is (bottom, top]. */
int64_t page_run_top(const struct page_run *run);
int64_t page_run_bottom(const struct page_run *run);
/* The bottom only moves up, when another page run takes what is below. */
void page_run_set_bottom(struct page_run *run, int64_t bottom);
bool page_run_can_cut(const struct page_run *run);
/* For `done`: true if the server does not know the space. The 404 of a list that goes on behind
 * a message may only mean that message. */
bool page_run_lost_space(const struct page_run *run, const struct webex_reply *reply);
/* Asks for the largest pages from now on, behind the last message that came; for `paged`. */
void page_run_widen(struct page_run *run);
/* How many pages came. */
int page_run_pages(const struct page_run *run);
/* How many milliseconds of time the last page covered; for estimates. */
int64_t page_run_page_ms(const struct page_run *run);
