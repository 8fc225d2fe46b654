/* SPDX-License-Identifier: MIT */
/*
 * Between the pager and the model: the functions of webex/api.h. A call reaches the server
 * after some time, is answered from the truth of that moment, and the answer takes some time,
 * too. So answers come in any order and may be old. All faults of servers and networks happen
 * here (webex-api.md 1.7, 2.3, 2.4).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LATENCY_MAX_MS 20000

struct wire {
	/* What the service is like. */
	int cap;   /* items a page at most */
	int large; /* larger pages are too much for the gateway: 502 or 504; 0: no limit */
	bool is_inclusive; /* `before` */
	bool repeats;	   /* the anchor comes again on the next page */
	bool ends_empty;   /* a link behind the last message */
	int short_percent; /* pages with fewer than there would be */
	/* What goes wrong now. */
	bool offline;
	int fault_percent, loop_percent;
	int lie_percent; /* lists that lack what exists, or that are answered 404 */
	int latency_ms;	 /* at most, one way */
	bool is_calm;	 /* answers come at once, without faults */
	/* What came. */
	int64_t requests, faults, lies;
	int64_t asked; /* for somebody who waits */
};

extern struct wire wire;

void wire_start(void);
void wire_stop(void);
/* Calls without an answer yet. */
int wire_waiting(void);
/* Drops all calls, since nobody is left to be told. */
void wire_hang_up(void);
