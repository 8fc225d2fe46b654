/* SPDX-License-Identifier: MIT */
#include "http/gate.h"

#define BURST 300.0
/* The lowest rate, however often the server limited us: a request every two seconds. */
#define RATE_MIN 0.5
/* Each success gives back this part of the full rate, so that 50 answers lead from half to
 * full. */
#define RECOVERY (1.0 / 100)

static void refill(struct http_gate *g, int64_t now_ms)
{
	if (now_ms > g->refilled_ms) {
		g->tokens += g->rate * (double)(now_ms - g->refilled_ms) / 1000;
		g->refilled_ms = now_ms;
	}
	if (g->tokens > g->burst)
		g->tokens = g->burst;
}

void http_gate_init(struct http_gate *g, int per_minute, int64_t now_ms)
{
	g->rate_full = per_minute / 60.0;
	g->rate = g->rate_full;
	g->burst = per_minute > 0 && per_minute < BURST ? per_minute : BURST;
	g->tokens = g->burst;
	g->refilled_ms = now_ms;
	g->shut_until_ms = now_ms;
}

int64_t http_gate_take(struct http_gate *g, bool background, int64_t now_ms)
{
	double least = 1 + (background ? g->burst / 10 : 0);

	if (now_ms < g->shut_until_ms)
		return g->shut_until_ms - now_ms;
	if (g->rate_full <= 0)
		return 0;
	refill(g, now_ms);
	if (g->tokens < least)
		return (int64_t)((least - g->tokens) * 1000 / g->rate) + 1;
	g->tokens -= 1;
	return 0;
}

void http_gate_limited(struct http_gate *g, int retry_after_s, int64_t now_ms)
{
	int64_t until_ms = now_ms + (int64_t)retry_after_s * 1000;
	bool was_shut = now_ms < g->shut_until_ms;

	if (until_ms > g->shut_until_ms)
		g->shut_until_ms = until_ms;
	/* Several 429s to requests that were on the wire together halve the rate once. */
	if (was_shut || g->rate_full <= 0)
		return;
	refill(g, now_ms);
	g->rate /= 2;
	if (g->rate < RATE_MIN)
		g->rate = RATE_MIN;
	if (g->rate > g->rate_full)
		g->rate = g->rate_full;
	/* The server allows less than the bucket still held. */
	g->tokens = g->tokens < 1 ? g->tokens : 1;
}

void http_gate_succeeded(struct http_gate *g, int64_t now_ms)
{
	if (g->rate >= g->rate_full)
		return;
	refill(g, now_ms);
	g->rate += g->rate_full * RECOVERY;
	if (g->rate > g->rate_full)
		g->rate = g->rate_full;
}
