/* SPDX-License-Identifier: MIT */
/*
 * The rate gate of one token: a bucket of `burst` requests refilled at `rate` a second (300
 * and 5: about 300 a minute, webex-api.md 3). A 429 halves the rate and shuts the gate until
 * its Retry-After is over; success lets the rate grow back slowly. Background requests leave a
 * tenth of the bucket alone; the caller asks for interactive ones first.
 * Thread rule: the I/O thread. Time is passed in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct http_gate {
	double rate;	  /* requests a second now */
	double rate_full; /* configured; 0 = no limit */
	double burst;
	double tokens;
	int64_t refilled_ms; /* mono time of the last refill */
	int64_t shut_until_ms;
};

/* `per_minute` 0 switches the limit off (Retry-After is still obeyed). */
void http_gate_init(struct http_gate *g, int per_minute, int64_t now_ms);
/* Takes one if there is one: 0; otherwise the milliseconds until it is worth asking again. */
int64_t http_gate_take(struct http_gate *g, bool background, int64_t now_ms);
void http_gate_limited(struct http_gate *g, int retry_after_s, int64_t now_ms);
void http_gate_succeeded(struct http_gate *g, int64_t now_ms);
