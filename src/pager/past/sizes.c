/* SPDX-License-Identifier: MIT */
#include "pager/past/sizes.h"

#include <glib.h>

#include "pager/internal.h"
#include "store/sizes.h"

/* Messages at once, and the pause after that. */
#define SLICE 200
#define PAUSE_MS 20
/* The disk is full. */
#define RETRY_MS 60000

struct sizes {
	struct pager *pager;
	uint64_t timer; /* 0: none */
};

struct sizes *sizes_new(struct pager *p)
{
	struct sizes *s = g_new0(struct sizes, 1);

	s->pager = p;
	return s;
}

void sizes_free(struct sizes **s)
{
	g_free(*s);
	*s = NULL;
}

static void renew(void *arg)
{
	struct sizes *s = arg;
	const struct pager_config *c = pager_get_config(s->pager);
	int r = store_renew_sizes(c->store, SLICE);

	s->timer = 0;
	if (r)
		s->timer = work_post_at(c->queue,
					clock_mono(c->clock) + (r < 0 ? RETRY_MS : PAUSE_MS),
					renew, s);
}

void sizes_start(struct sizes *s)
{
	if (!s->timer)
		renew(s);
}

void sizes_stop(struct sizes *s)
{
	if (s->timer)
		work_cancel(pager_get_config(s->pager)->queue, s->timer);
	s->timer = 0;
}
