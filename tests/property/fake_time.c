/* SPDX-License-Identifier: MIT */
#include <glib.h>

#include "fake_time.h"

struct item {
	int64_t at_ms; /* timers */
	uint64_t id;
	struct work_queue *queue;
	work_fn fn;
	void *arg;
};

struct work_queue {
	char name[16];
};

static GQueue items = G_QUEUE_INIT;
static GQueue timers = G_QUEUE_INIT; /* rising by time, then by id */
static uint64_t last_id;
static int64_t mono_ms;
int64_t time_skew_ms;

#define MONO_START INT64_C(5000000)
/* Of the wall clock's before ours: 2025-11-24. */
#define WALL_OFFSET INT64_C(1763942400000)

static int64_t mono_now(void *arg)
{
	(void)arg;
	return mono_ms;
}

static int64_t wall_now(void *arg)
{
	(void)arg;
	return mono_ms + WALL_OFFSET;
}

const struct clock fake_clock = {.mono_ms = mono_now, .wall_ms = wall_now};

/* base/clock.h: there is no other clock. */
const struct clock *clock_system(void)
{
	return &fake_clock;
}

int64_t clock_awake(void)
{
	return mono_ms;
}

int64_t time_mono(void)
{
	return mono_ms;
}

int64_t time_wall(void)
{
	return wall_now(NULL);
}

int64_t time_server(void)
{
	return wall_now(NULL) + time_skew_ms;
}

/* ---- base/work.h ---- */

int work_queue_start(const char *name, struct work_queue **ret_queue)
{
	*ret_queue = g_new0(struct work_queue, 1);
	g_strlcpy((*ret_queue)->name, name, sizeof((*ret_queue)->name));
	return 0;
}

void work_queue_stop(struct work_queue **queue)
{
	if (!*queue)
		return;
	time_settle();
	time_forget(*queue);
	g_free(*queue);
	*queue = NULL;
}

static struct item *item_new(struct work_queue *q, work_fn fn, void *arg)
{
	struct item *i = g_new0(struct item, 1);

	i->queue = q;
	i->id = ++last_id;
	i->fn = fn;
	i->arg = arg;
	return i;
}

void work_post(struct work_queue *q, work_fn fn, void *arg)
{
	g_queue_push_tail(&items, item_new(q, fn, arg));
}

static gint compare(gconstpointer a, gconstpointer b, gpointer data)
{
	const struct item *x = a, *y = b;

	(void)data;
	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

uint64_t work_post_at(struct work_queue *q, int64_t at_ms, work_fn fn, void *arg)
{
	struct item *i = item_new(q, fn, arg);

	i->at_ms = at_ms;
	g_queue_insert_sorted(&timers, i, compare, NULL);
	return i->id;
}

bool work_cancel(struct work_queue *q, uint64_t id)
{
	(void)q;
	for (GList *l = timers.head; l; l = l->next) {
		struct item *i = l->data;

		if (i->id != id)
			continue;
		g_queue_delete_link(&timers, l);
		g_free(i);
		return true;
	}
	return false;
}

bool work_on_thread(const struct work_queue *q)
{
	(void)q;
	return true;
}

/* ---- the test's ---- */

void time_reset(void)
{
	g_assert(g_queue_is_empty(&items) && g_queue_is_empty(&timers));
	mono_ms = MONO_START;
	last_id = 0;
}

static void run(struct item *i)
{
	i->fn(i->arg);
	g_free(i);
}

void time_settle(void)
{
	struct item *i;

	while ((i = g_queue_pop_head(&items)))
		run(i);
}

int64_t time_next(void)
{
	const struct item *i = g_queue_peek_head(&timers);

	return i ? i->at_ms : INT64_MAX;
}

void time_pass(int64_t ms)
{
	int64_t until = mono_ms + ms;

	time_settle();
	while (time_next() <= until) {
		struct item *i = g_queue_pop_head(&timers);

		mono_ms = MAX(mono_ms, i->at_ms);
		run(i);
		time_settle();
	}
	mono_ms = until;
}

static void forget(GQueue *queue, struct work_queue *q)
{
	GList *next;

	for (GList *l = queue->head; l; l = next) {
		struct item *i = l->data;

		next = l->next;
		if (i->queue != q)
			continue;
		g_queue_delete_link(queue, l);
		g_free(i);
	}
}

void time_forget(struct work_queue *q)
{
	forget(&items, q);
	forget(&timers, q);
}
