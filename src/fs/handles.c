/* SPDX-License-Identifier: MIT */
#include <glib.h>
#include <pthread.h>
#include <stdbool.h>

#include "fs/handles.h"

struct handles {
	pthread_mutex_t lock;
	GHashTable *set; /* handles.lock */
};

struct handles *handles_new(void)
{
	struct handles *h = g_new0(struct handles, 1);

	pthread_mutex_init(&h->lock, NULL);
	h->set = g_hash_table_new(NULL, NULL);
	return h;
}

void handles_free(struct handles **h)
{
	if (!*h)
		return;
	g_hash_table_unref((*h)->set);
	pthread_mutex_destroy(&(*h)->lock);
	g_free(*h);
	*h = NULL;
}

void handles_add(struct handles *h, void *handle)
{
	pthread_mutex_lock(&h->lock);
	g_hash_table_add(h->set, handle);
	pthread_mutex_unlock(&h->lock);
}

bool handles_take(struct handles *h, void *handle)
{
	bool was;

	pthread_mutex_lock(&h->lock);
	was = g_hash_table_remove(h->set, handle);
	pthread_mutex_unlock(&h->lock);
	return was;
}

void *handles_take_any(struct handles *h)
{
	GHashTableIter iter;
	gpointer key = NULL;

	pthread_mutex_lock(&h->lock);
	g_hash_table_iter_init(&iter, h->set);
	if (g_hash_table_iter_next(&iter, &key, NULL))
		g_hash_table_iter_remove(&iter);
	pthread_mutex_unlock(&h->lock);
	return key;
}
