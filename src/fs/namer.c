/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "fs/namer.h"

struct namer {
	struct work_queue *queue;
	void (*show)(void *arg, int64_t message);
	void *arg;
	pthread_mutex_t lock;
	GHashTable *opens;   /* namer.lock; of message to its count */
	GHashTable *waiting; /* namer.lock; of messages that are open and have names to show */
};

struct item {
	struct namer *namer;
	int64_t message;
};

struct namer *namer_new(struct work_queue *queue, void (*show)(void *arg, int64_t message),
			void *arg)
{
	struct namer *n = g_new0(struct namer, 1);

	n->queue = queue;
	n->show = show;
	n->arg = arg;
	pthread_mutex_init(&n->lock, NULL);
	n->opens = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	n->waiting = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	return n;
}

void namer_free(struct namer **n)
{
	if (!*n)
		return;
	g_hash_table_unref((*n)->opens);
	g_hash_table_unref((*n)->waiting);
	pthread_mutex_destroy(&(*n)->lock);
	g_free(*n);
	*n = NULL;
}

void namer_opened(struct namer *n, int64_t message)
{
	gpointer count;

	pthread_mutex_lock(&n->lock);
	count = g_hash_table_lookup(n->opens, &message);
	g_hash_table_insert(n->opens, g_memdup2(&message, sizeof(message)),
			    GINT_TO_POINTER(GPOINTER_TO_INT(count) + 1));
	pthread_mutex_unlock(&n->lock);
}

static void show_later(void *arg)
{
	struct item *item = arg;

	namer_named(item->namer, item->message);
	g_free(item);
}

void namer_closed(struct namer *n, int64_t message)
{
	bool was_waiting = false;
	struct item *item;
	int count;

	pthread_mutex_lock(&n->lock);
	count = GPOINTER_TO_INT(g_hash_table_lookup(n->opens, &message));
	if (count > 1)
		g_hash_table_insert(n->opens, g_memdup2(&message, sizeof(message)),
				    GINT_TO_POINTER(count - 1));
	else
		g_hash_table_remove(n->opens, &message);
	if (count == 1)
		was_waiting = g_hash_table_remove(n->waiting, &message);
	pthread_mutex_unlock(&n->lock);
	if (!was_waiting)
		return;
	item = g_new0(struct item, 1);
	item->namer = n;
	item->message = message;
	work_post(n->queue, show_later, item);
}

void namer_named(struct namer *n, int64_t message)
{
	bool is_open;

	pthread_mutex_lock(&n->lock);
	is_open = g_hash_table_contains(n->opens, &message);
	if (is_open)
		g_hash_table_add(n->waiting, g_memdup2(&message, sizeof(message)));
	pthread_mutex_unlock(&n->lock);
	if (!is_open)
		n->show(n->arg, message);
}
