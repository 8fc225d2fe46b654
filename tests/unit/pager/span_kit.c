/* SPDX-License-Identifier: MIT */
#include "span_kit.h"

struct page_server server;

int setup_server(void **state)
{
	page_server_start(&server);
	return setup(state);
}

int teardown_server(void **state)
{
	int r = teardown(state);

	page_server_stop(&server);
	return r;
}

struct need span_of(struct world *w, int64_t lo, int64_t hi)
{
	return (struct need){.kind = NEED_SPAN,
			     .row = w->room,
			     .lo_ms = lo < 0 ? -1 : T0 + lo,
			     .hi_ms = T0 + hi};
}

void waiter(struct world *w, struct asker *a, int64_t lo, int64_t hi)
{
	struct need n = span_of(w, lo, hi);

	ask_need(w, a, &n);
}

void interrupt(struct world *w, struct asker *a)
{
	pager_unwait(w->pager, &a->waiter, true);
}

int runs(struct world *w)
{
	return spans_lanes(pager_spans(w->pager));
}

void step(struct world *w, int64_t lo, int64_t hi)
{
	spans_step(pager_spans(w->pager), w->room, T0 + lo, T0 + hi);
}

void assert_told(const struct asker *a, int error)
{
	assert_int_equal(1, a->calls);
	assert_int_equal(error, a->error);
}

void refuse(guint i, int error, int status)
{
	answer(i, NULL, NULL, error, status, false);
}
