/* SPDX-License-Identifier: MIT */
/*
 * The messages of one space, as the service lists them (webex-api.md 2.1, 2.2): newest first, in pages, with a link to
 * the next page. Answers the calls of pager_kit.h when it is told to.
 */
#pragma once

#include "pager_kit.h"

struct page_server {
	GArray *times; /* int64_t: ms after T0 of each message, rising; its id is "S<index>" */
	int cap;       /* what `max` is lowered to */
	bool is_inclusive; /* `before` means: or of that very time */
	int requests;	   /* answered */
	int items;	   /* listed */
};

void page_server_start(struct page_server *s);
void page_server_stop(struct page_server *s);
/* `n` messages, one every `every_ms`, the first at `first_ms`. */
void page_server_fill(struct page_server *s, int n, int64_t first_ms, int64_t every_ms);
/* Answers the i-th call, if nobody did. */
void serve(struct page_server *s, guint i);
/* Answers whatever is asked until nothing is, the oldest question first. */
void serve_all(struct page_server *s);
/* Calls that wait for an answer. */
int page_server_waiting(void);
