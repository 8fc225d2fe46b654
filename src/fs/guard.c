/* SPDX-License-Identifier: MIT */
#include <glib.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "fs/guard.h"

struct held {
	uint64_t dir;
	pid_t tgid;
	int count;
	bool is_sure; /* it was waited for */
};

/*
 * A close of a directory comes after the process has gone on: a script that has just listed it
 * and deletes now is not to be taken for a walk. Once a walk, so it is no burden on the workers.
 */
#define CLOSE_MS 100

struct guard {
	pthread_mutex_t lock;
	pthread_cond_t closed;
	GHashTable *held;	      /* of struct held, keyed by itself; guard.lock */
	pid_t readers[GUARD_READERS]; /* a ring, each once; guard.lock */
	size_t next_reader;	      /* guard.lock */
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

	pthread_condattr_t attr;

	pthread_mutex_init(&g->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&g->closed, &attr);
	pthread_condattr_destroy(&attr);
	g->held = g_hash_table_new_full(held_hash, held_equal, g_free, NULL);
	return g;
}

void guard_free(struct guard **g)
{
	if (!*g)
		return;
	g_hash_table_unref((*g)->held);
	pthread_cond_destroy(&(*g)->closed);
	pthread_mutex_destroy(&(*g)->lock);
	g_free(*g);
	*g = NULL;
}

static bool is_reader(const struct guard *g, pid_t tgid)
{
	for (size_t i = 0; i < GUARD_READERS; i++)
		if (g->readers[i] == tgid)
			return true;
	return false;
}

static void note_reader(struct guard *g, pid_t tgid)
{
	if (is_reader(g, tgid))
		return;
	g->readers[g->next_reader] = tgid;
	g->next_reader = (g->next_reader + 1) % GUARD_READERS;
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
	note_reader(g, tgid);
	pthread_mutex_unlock(&g->lock);
}

void guard_closed(struct guard *g, uint64_t dir, pid_t tgid)
{
	struct held key = {.dir = dir, .tgid = tgid}, *h;

	pthread_mutex_lock(&g->lock);
	h = g_hash_table_lookup(g->held, &key);
	if (h && --h->count == 0) {
		g_hash_table_remove(g->held, &key);
		pthread_cond_broadcast(&g->closed);
	}
	pthread_mutex_unlock(&g->lock);
}

bool guard_holds(struct guard *g, uint64_t dir, pid_t tgid, bool may_wait)
{
	struct held key = {.dir = dir, .tgid = tgid}, *h;
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += CLOSE_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_mutex_lock(&g->lock);
	while ((h = g_hash_table_lookup(g->held, &key)) && may_wait && !h->is_sure && r == 0)
		r = pthread_cond_timedwait(&g->closed, &g->lock, &until);
	if (h && may_wait)
		h->is_sure = true;
	pthread_mutex_unlock(&g->lock);
	return h != NULL;
}

bool guard_has_read(struct guard *g, pid_t tgid)
{
	bool has;

	if (!tgid)
		return false;
	pthread_mutex_lock(&g->lock);
	has = is_reader(g, tgid);
	pthread_mutex_unlock(&g->lock);
	return has;
}

bool guard_lists_first(const char *comm)
{
	static const char *const names[] = {"git", "rsync", "tar", "bsdtar"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (strcmp(comm, names[i]) == 0)
			return true;
	return false;
}
