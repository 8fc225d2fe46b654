/* SPDX-License-Identifier: MIT */
#include "pager/past/tidy.h"

#include <glib.h>

#include "pager/internal.h"
#include "store/tidy.h"

/* From a change of the store to the first piece, which is also for what changes meanwhile. */
#define DELAY_MS 3000
/* Between two pieces. */
#define PAUSE_MS 20
/* The disk is full. */
#define RETRY_MS 60000

struct tidy {
	struct pager *pager;
	uint64_t timer; /* 0: none */
};

struct tidy *tidy_new(struct pager *p)
{
	struct tidy *t = g_new0(struct tidy, 1);

	t->pager = p;
	return t;
}

void tidy_free(struct tidy **t)
{
	g_free(*t);
	*t = NULL;
}

static void arm(struct tidy *t, int64_t delay_ms);

static void piece(void *arg)
{
	struct tidy *t = arg;
	int r = store_tidy(pager_get_config(t->pager)->store);

	t->timer = 0;
	if (r)
		arm(t, r < 0 ? RETRY_MS : PAUSE_MS);
}

static void arm(struct tidy *t, int64_t delay_ms)
{
	const struct pager_config *c = pager_get_config(t->pager);

	t->timer = work_post_at(c->queue, clock_mono(c->clock) + delay_ms, piece, t);
}

void tidy_check(struct tidy *t)
{
	if (!t->timer)
		arm(t, DELAY_MS);
}

void tidy_stop(struct tidy *t)
{
	if (t->timer)
		work_cancel(pager_get_config(t->pager)->queue, t->timer);
	t->timer = 0;
}
