/* SPDX-License-Identifier: MIT */
#include <glib.h>
#include <pthread.h>

#include "fs/guard.h"

struct held {
	uint64_t dir;
	pid_t tgid;
	int count;
};

struct guard {
	pthread_mutex_t lock;
	GHashTable *held; /* of struct held, keyed by itself; guard.lock */
};

static guint held_hash(gconstpointer p)
{
	const struct held *h = p;

	return g_int64_hash(&(gint64){(gint64)h->dir}) ^ (guint)h->tgid * 2654435761u;
}

static gboolean held_equal(gconstpointer a, gconstpointer b)
{
	const struct held *x = a, *y = b;

	return x->dir == y->dir && x->tgid == y->tgid;
}

struct guard *guard_new(void)
{
	struct guard *g = g_new0(struct guard, 1);

	pthread_mutex_init(&g->lock, NULL);
	g->held = g_hash_table_new_full(held_hash, held_equal, g_free, NULL);
	return g;
}

void guard_free(struct guard **g)
{
	if (!*g)
		return;
	g_hash_table_unref((*g)->held);
	pthread_mutex_destroy(&(*g)->lock);
	g_free(*g);
	*g = NULL;
}

void guard_opened(struct guard *g, uint64_t dir, pid_t tgid)
{
	struct held key = {.dir = dir, .tgid = tgid}, *h;

	if (!tgid)
		return;
	pthread_mutex_lock(&g->lock);
	h = g_hash_table_lookup(g->held, &key);
	if (!h) {
		h = g_new0(struct held, 1);
		*h = key;
		g_hash_table_add(g->held, h);
	}
	h->count++;
	pthread_mutex_unlock(&g->lock);
}

void guard_closed(struct guard *g, uint64_t dir, pid_t tgid)
{
	struct held key = {.dir = dir, .tgid = tgid}, *h;

	pthread_mutex_lock(&g->lock);
	h = g_hash_table_lookup(g->held, &key);
	if (h && --h->count == 0)
		g_hash_table_remove(g->held, &key);
	pthread_mutex_unlock(&g->lock);
}

bool guard_holds(struct guard *g, uint64_t dir, pid_t tgid)
{
	struct held key = {.dir = dir, .tgid = tgid};
	bool holds;

	pthread_mutex_lock(&g->lock);
	holds = g_hash_table_contains(g->held, &key);
	pthread_mutex_unlock(&g->lock);
	return holds;
}
