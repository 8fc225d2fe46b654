/* SPDX-License-Identifier: MIT */
/*
 * How many transfers are paused: each has a connection to the server, and a program may hold
 * thousands of files open of which it reads nothing.
 */
#include "attach/internal.h"

/* True if nobody waits for bytes of the transfer. */
static bool may_cut_locked(const struct transfer *t)
{
	return t->call && !t->is_cancelled && !content_is_wanted_locked(t);
}

/* The call of the transfer that is to give its connection back; 0: there is none. A server without
 * ranges sends the whole again, so its transfers are cut only where there are no others. */
static uint64_t cut_paused_locked(struct contents *c)
{
	struct transfer *found = NULL;
	guint n = 0;

	for (GList *l = c->paused.head; l; l = l->next) {
		struct transfer *t = l->data;

		if (t->is_cancelled)
			continue;
		n++;
		if (may_cut_locked(t) &&
		    (!found || (found->entry->no_ranges && !t->entry->no_ranges)))
			found = t;
	}
	if (n <= CONTENT_PAUSED_MAX || !found)
		return 0;
	found->is_cancelled = true;
	return found->call;
}

/* An item of the cache thread: only the newest pauses keep their connections. A reader who goes on
 * after his transfer was cut gets a new one, by Range. */
static void cut_paused(void *arg)
{
	struct contents *c = arg;
	uint64_t call;

	do {
		pthread_mutex_lock(&c->lock);
		c->cut_posted = false;
		call = cut_paused_locked(c);
		pthread_mutex_unlock(&c->lock);
		if (call)
			webex_cancel(c->config.client, call);
	} while (call);
}

static void keep_few_locked(struct contents *c)
{
	if (c->paused.length <= CONTENT_PAUSED_MAX || c->cut_posted)
		return;
	c->cut_posted = true;
	work_post(c->config.queue, cut_paused, c);
}

void content_set_paused_locked(struct transfer *t, bool is_paused)
{
	GQueue *paused = &t->entry->owner->paused;

	if (t->is_paused == is_paused)
		return;
	t->is_paused = is_paused;
	t->paused_link.data = t;
	if (!is_paused) {
		g_queue_unlink(paused, &t->paused_link);
		return;
	}
	g_queue_push_tail_link(paused, &t->paused_link);
	keep_few_locked(t->entry->owner);
}
