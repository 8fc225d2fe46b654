/* SPDX-License-Identifier: MIT */
#include "tree/counted.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <string.h>

#include "base/log.h"

#define IDLE_MS 10000

struct entry {
	int64_t row;
	enum tree_kind kind;
	char *key; /* owned */
	uint64_t count;
	int64_t idle_ms; /* mono; when the count fell to 0 */
	GList link;	 /* in counted.idle while the count is 0 */
};

struct counted {
	struct store *store;
	const struct clock *clock;
	pthread_mutex_t lock;
	GHashTable *by_row;  /* lock; int64_t -> entry, owned */
	GHashTable *by_what; /* lock; entry -> itself, by kind and key */
	GQueue idle;	     /* lock; the longest idle first */
};

static guint what_hash(gconstpointer p)
{
	const struct entry *e = p;

	return g_str_hash(e->key) ^ (guint)e->kind;
}

static gboolean what_equal(gconstpointer a, gconstpointer b)
{
	const struct entry *x = a, *y = b;

	return x->kind == y->kind && strcmp(x->key, y->key) == 0;
}

static void entry_free(void *p)
{
	struct entry *e = p;

	g_free(e->key);
	g_free(e);
}

struct counted *counted_new(struct store *store, const struct clock *clock)
{
	struct counted *c = g_new0(struct counted, 1);

	c->store = store;
	c->clock = clock;
	pthread_mutex_init(&c->lock, NULL);
	c->by_row = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, entry_free);
	c->by_what = g_hash_table_new(what_hash, what_equal);
	return c;
}

void counted_free(struct counted **c)
{
	if (!*c)
		return;
	g_hash_table_unref((*c)->by_what);
	g_hash_table_unref((*c)->by_row);
	pthread_mutex_destroy(&(*c)->lock);
	g_free(*c);
	*c = NULL;
}

static struct entry *find_locked(struct counted *c, enum tree_kind kind, const char *key)
{
	struct entry what = {.kind = kind, .key = (char *)key};

	return g_hash_table_lookup(c->by_what, &what);
}

static void purge_locked(struct counted *c)
{
	int64_t since_ms = clock_mono(c->clock) - IDLE_MS;
	struct entry *e;

	while ((e = g_queue_peek_head(&c->idle)) &&
	       (e->idle_ms <= since_ms || g_hash_table_size(c->by_row) >= COUNTED_MAX)) {
		g_queue_unlink(&c->idle, &e->link);
		g_hash_table_remove(c->by_what, e);
		g_hash_table_remove(c->by_row, &e->row);
	}
}

static void add_locked(struct counted *c, struct entry *e)
{
	if (!e->count++)
		g_queue_unlink(&c->idle, &e->link);
}

/* NULL: there are too many. */
static struct entry *make_locked(struct counted *c, enum tree_kind kind, const char *key)
{
	struct entry *e;

	purge_locked(c);
	if (g_hash_table_size(c->by_row) >= COUNTED_MAX)
		return NULL;
	e = g_new0(struct entry, 1);
	e->row = store_new_rowid(c->store);
	e->kind = kind;
	e->key = g_strdup(key);
	e->count = 1;
	e->link.data = e;
	g_hash_table_insert(c->by_row, &e->row, e);
	g_hash_table_add(c->by_what, e);
	return e;
}

int counted_hold(struct counted *c, enum tree_kind kind, const char *key, int64_t *ret_row)
{
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = find_locked(c, kind, key);
	if (e)
		add_locked(c, e);
	else
		e = make_locked(c, kind, key);
	if (e)
		*ret_row = e->row;
	pthread_mutex_unlock(&c->lock);
	return e ? 0 : -ENFILE;
}

bool counted_is_known(struct counted *c, enum tree_kind kind, const char *key)
{
	bool is;

	pthread_mutex_lock(&c->lock);
	is = find_locked(c, kind, key) != NULL;
	pthread_mutex_unlock(&c->lock);
	return is;
}

int counted_key(struct counted *c, int64_t row, char **ret_key)
{
	const struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = g_hash_table_lookup(c->by_row, &row);
	if (e)
		*ret_key = g_strdup(e->key);
	pthread_mutex_unlock(&c->lock);
	return e ? 0 : -ESTALE;
}

void counted_add(struct counted *c, int64_t row)
{
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = g_hash_table_lookup(c->by_row, &row);
	if (e)
		add_locked(c, e);
	pthread_mutex_unlock(&c->lock);
}

void counted_drop(struct counted *c, int64_t row, uint64_t n)
{
	struct entry *e;
	bool is_wrong = false;
	char *key = NULL; /* of one that has become idle, for the log */

	pthread_mutex_lock(&c->lock);
	e = g_hash_table_lookup(c->by_row, &row);
	if (e && e->count) {
		is_wrong = n > e->count;
		e->count -= MIN(n, e->count);
		if (!e->count) {
			e->idle_ms = clock_mono(c->clock);
			g_queue_push_tail_link(&c->idle, &e->link);
			key = g_strdup(e->key);
		}
	}
	pthread_mutex_unlock(&c->lock);
	if (key)
		log_debug("tree", "row %lld (%s) is not referred to any more", (long long)row,
			  key);
	g_free(key);
	if (is_wrong)
		log_warning("tree", "more references to node row %lld were dropped than taken",
			    (long long)row);
}
