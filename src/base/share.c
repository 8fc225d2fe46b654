/* SPDX-License-Identifier: MIT */
#include "base/share.h"

#include <assert.h>
#include <glib.h>
#include <pthread.h>

struct held {
	uint64_t who;
	int64_t n;
};

struct share {
	int64_t all; /* never changes */
	pthread_mutex_t lock;
	int64_t left;	  /* lock */
	GHashTable *held; /* lock; &held->who to struct held, of those who hold something */
};

struct share *share_new(int64_t all)
{
	struct share *s = g_new0(struct share, 1);

	s->all = s->left = all;
	pthread_mutex_init(&s->lock, NULL);
	s->held = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
	return s;
}

void share_free(struct share **s)
{
	if (!*s)
		return;
	g_hash_table_unref((*s)->held);
	pthread_mutex_destroy(&(*s)->lock);
	g_free(*s);
	*s = NULL;
}

static void take_locked(struct share *s, struct held *h, uint64_t who, int64_t n)
{
	if (!h) {
		h = g_new0(struct held, 1);
		h->who = who;
		g_hash_table_insert(s->held, &h->who, h);
	}
	h->n += n;
	s->left -= n;
}

bool share_take(struct share *s, uint64_t who, int64_t n)
{
	struct held *h;
	bool may;

	assert(n >= 0);
	/* Who holds nothing has no row, which could go with what else he holds. */
	if (n == 0)
		return true;
	pthread_mutex_lock(&s->lock);
	h = g_hash_table_lookup(s->held, &who);
	may = n <= s->left && (h ? h->n : 0) + n <= s->left - n;
	if (may)
		take_locked(s, h, who, n);
	pthread_mutex_unlock(&s->lock);
	return may;
}

void share_give(struct share *s, uint64_t who, int64_t n)
{
	struct held *h;

	if (n == 0)
		return;
	pthread_mutex_lock(&s->lock);
	h = g_hash_table_lookup(s->held, &who);
	assert(h && h->n >= n);
	h->n -= n;
	s->left += n;
	if (!h->n)
		g_hash_table_remove(s->held, &who);
	pthread_mutex_unlock(&s->lock);
}

int64_t share_held(struct share *s)
{
	int64_t held;

	pthread_mutex_lock(&s->lock);
	held = s->all - s->left;
	pthread_mutex_unlock(&s->lock);
	return held;
}
