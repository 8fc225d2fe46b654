/* SPDX-License-Identifier: MIT */
/*
 * Between the pager and the model: the functions of webex/api.h. A call reaches the server after some time, is answered
 * from what is true then, and the answer takes its time too; so answers come in any order and may be old. All that a
 * server and a network do wrong happens here (webex-api.md 1.7, 2.3, 2.4).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LATENCY_MAX_MS 20000

struct wire {
	/* What the service is like. */
	int cap;   /* items a page at most */
	int large; /* pages of more are too much for the gateway: 502 or 504; 0: none are */
	bool is_inclusive; /* `before` */
	bool repeats;	   /* the anchor comes again on the next page */
	bool ends_empty;   /* a link behind the last message */
	int short_percent; /* pages with fewer than there would be */
	/* What goes wrong now. */
	bool offline;
	int fault_percent, loop_percent;
	int lie_percent; /* lists that lack what there is, or that are said not to be there */
	int latency_ms;	 /* at most, one way */
	bool is_calm;	 /* nothing goes wrong, and at once */
	/* What came. */
	int64_t requests, faults, lies;
	int64_t asked; /* for somebody who waits */
};

extern struct wire wire;

void wire_start(void);
void wire_stop(void);
/* Calls without an answer yet. */
int wire_waiting(void);
/* Nobody is there any more to be told. */
void wire_hang_up(void);
