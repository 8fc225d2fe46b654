/* SPDX-License-Identifier: MIT */
#include "tree/counted.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <string.h>

#include "base/log.h"

#define IDLE_MS 10000

/* The kernel knows an entry by it. */
struct name {
	struct entry *entry;
	uint64_t dir;
	char *text; /* owned */
	GList link; /* in entry.names */
};

struct entry {
	int64_t row;
	enum tree_kind kind;
	char *key; /* owned */
	uint64_t count;
	int64_t idle_ms; /* mono; when the count fell to 0 */
	GList link;	 /* in counted.idle while the count is 0 */
	GQueue names;	 /* of struct name */
	GList used_link; /* in counted.used while it has names */
};

struct counted {
	struct store *store;
	const struct clock *clock;
	pthread_mutex_t lock;
	GHashTable *by_row;  /* lock; int64_t -> entry, owned */
	GHashTable *by_what; /* lock; entry -> itself, by kind and key */
	GQueue idle;	     /* lock; the longest idle first */
	GHashTable *by_name; /* lock; name -> itself, owned */
	GQueue used;	     /* lock; entries with names, the longest not used first */
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

static guint name_hash(gconstpointer p)
{
	const struct name *name = p;

	return g_str_hash(name->text) ^ g_int64_hash(&name->dir);
}

static gboolean name_equal(gconstpointer a, gconstpointer b)
{
	const struct name *x = a, *y = b;

	return x->dir == y->dir && strcmp(x->text, y->text) == 0;
}

static void name_free(void *p)
{
	struct name *name = p;

	g_free(name->text);
	g_free(name);
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
	c->by_name = g_hash_table_new_full(name_hash, name_equal, NULL, name_free);
	return c;
}

void counted_free(struct counted **c)
{
	if (!*c)
		return;
	g_hash_table_unref((*c)->by_name);
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

/* ---- names ---- */

static void drop_name_locked(struct counted *c, struct name *name)
{
	struct entry *e = name->entry;

	g_queue_unlink(&e->names, &name->link);
	if (g_queue_is_empty(&e->names))
		g_queue_unlink(&c->used, &e->used_link);
	g_hash_table_remove(c->by_name, name);
}

static void add_name_locked(struct counted *c, struct entry *e, uint64_t dir, const char *text)
{
	struct name what = {.dir = dir, .text = (char *)text};
	struct name *name = g_hash_table_lookup(c->by_name, &what);

	if (name && name->entry == e)
		return;
	/* The name was another file's. */
	if (name)
		drop_name_locked(c, name);
	name = g_new0(struct name, 1);
	*name = (struct name){.entry = e, .dir = dir, .text = g_strdup(text)};
	name->link.data = name;
	g_hash_table_add(c->by_name, name);
	if (g_queue_is_empty(&e->names))
		g_queue_push_tail_link(&c->used, &e->used_link);
	g_queue_push_tail_link(&e->names, &name->link);
}

static void note_use_locked(struct counted *c, struct entry *e)
{
	if (g_queue_is_empty(&e->names))
		return;
	g_queue_unlink(&c->used, &e->used_link);
	g_queue_push_tail_link(&c->used, &e->used_link);
}

void counted_name(struct counted *c, int64_t row, uint64_t dir, const char *name)
{
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = g_hash_table_lookup(c->by_row, &row);
	if (e)
		add_name_locked(c, e, dir, name);
	pthread_mutex_unlock(&c->lock);
}

bool counted_take_name(struct counted *c, uint64_t *ret_dir, char **ret_name)
{
	bool are_many;

	pthread_mutex_lock(&c->lock);
	are_many = g_hash_table_size(c->by_name) > COUNTED_NAMES_MAX;
	if (are_many) {
		struct entry *e = g_queue_peek_head(&c->used);
		struct name *name = g_queue_peek_head(&e->names);

		*ret_dir = name->dir;
		*ret_name = g_strdup(name->text);
		drop_name_locked(c, name);
	}
	pthread_mutex_unlock(&c->lock);
	return are_many;
}

/* ---- numbers ---- */

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
	note_use_locked(c, e);
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
	e->link.data = e->used_link.data = e;
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
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = g_hash_table_lookup(c->by_row, &row);
	if (e) {
		*ret_key = g_strdup(e->key);
		note_use_locked(c, e);
	}
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
			/* The kernel knows none of them any more. */
			while (!g_queue_is_empty(&e->names))
				drop_name_locked(c, g_queue_peek_head(&e->names));
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
