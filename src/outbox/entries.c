/* SPDX-License-Identifier: MIT */
/*
 * The table of unsent/: each question of a name, a number, a size or a count is one look-up, since there may
 * be ten thousand letters.
 *
 *     listed --entries_set_gone()--> only its reason is found --GONE_MS, entries_forget()--> dropped
 *
 * Whoever calls a function of this file holds the lock of the outbox.
 */
#include "outbox/entries.h"

#include <string.h>

/* So long after a letter was removed its reason can be removed, too. */
#define GONE_MS 10000

struct outbox_entries {
	GTree *listed;		/* n to struct outbox_entry, owned */
	GTree *sizes;		/* the same entries by (size, n), borrowed */
	GHashTable *names;	/* item.name to the same entries, borrowed */
	int doubts;		/* how many of them are in doubt */
	GHashTable *gone;	/* n to entries that are not listed any more, owned */
	GHashTable *gone_names; /* item.name to the one of these that went last, borrowed */
	GQueue gone_order;	/* of these, borrowed; who went first is at the head */
};

static gint compare(int64_t x, int64_t y)
{
	return x < y ? -1 : x > y;
}

static gint compare_numbers(gconstpointer a, gconstpointer b)
{
	return compare(*(const int64_t *)a, *(const int64_t *)b);
}

static gint compare_sizes(gconstpointer a, gconstpointer b)
{
	const struct outbox_entry *x = a, *y = b;

	return x->item.size != y->item.size ? compare(x->item.size, y->item.size)
					    : compare(x->item.n, y->item.n);
}

static void entry_free(void *entry)
{
	struct outbox_entry *e = entry;

	g_free(e->item.name);
	g_free(e->key);
	g_free(e);
}

struct outbox_entries *entries_new(void)
{
	struct outbox_entries *t = g_new0(struct outbox_entries, 1);

	t->listed = g_tree_new(compare_numbers);
	t->sizes = g_tree_new(compare_sizes);
	t->names = g_hash_table_new(g_str_hash, g_str_equal);
	t->gone = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, entry_free);
	t->gone_names = g_hash_table_new(g_str_hash, g_str_equal);
	g_queue_init(&t->gone_order);
	return t;
}

void entries_free(struct outbox_entries **table)
{
	struct outbox_entries *t = *table;

	/* The links of gone_order are in the entries. */
	g_hash_table_destroy(t->gone_names);
	g_hash_table_destroy(t->gone);
	g_hash_table_destroy(t->names);
	g_tree_unref(t->sizes);
	for (GTreeNode *node = g_tree_node_first(t->listed); node;
	     node = g_tree_node_next(node))
		entry_free(g_tree_node_value(node));
	g_tree_unref(t->listed);
	g_free(t);
	*table = NULL;
}

/* ---- listed ones ---- */

struct outbox_entry *entries_find(const struct outbox_entries *t, int64_t n)
{
	return g_tree_lookup(t->listed, &n);
}

struct outbox_entry *entries_named(const struct outbox_entries *t, const char *name)
{
	return g_hash_table_lookup(t->names, name);
}

int entries_count(const struct outbox_entries *t)
{
	return g_tree_nnodes(t->listed);
}

int entries_count_doubts(const struct outbox_entries *t)
{
	return t->doubts;
}

/* Takes it off the list without freeing it. */
static void unlist(struct outbox_entries *t, struct outbox_entry *e)
{
	t->doubts -= e->is_doubt;
	g_tree_remove(t->sizes, e);
	if (g_hash_table_lookup(t->names, e->item.name) == e)
		g_hash_table_remove(t->names, e->item.name);
	g_tree_remove(t->listed, &e->item.n);
}

void entries_put(struct outbox_entries *t, struct outbox_entry *e)
{
	struct outbox_entry *old = entries_find(t, e->item.n);

	if (old) {
		unlist(t, old);
		entry_free(old);
	}
	t->doubts += e->is_doubt;
	g_tree_insert(t->listed, &e->item.n, e);
	g_tree_insert(t->sizes, e, e);
	/* The key is part of the value, so a new value brings its own. */
	g_hash_table_replace(t->names, e->item.name, e);
}

void entries_drop(struct outbox_entries *t, struct outbox_entry *e)
{
	unlist(t, e);
	entry_free(e);
}

void entries_each(const struct outbox_entries *t, int64_t from,
		  bool (*fn)(void *arg, const struct outbox_entry *e), void *arg)
{
	GTreeNode *node = g_tree_lower_bound(t->listed, &from);

	while (node && fn(arg, g_tree_node_value(node)))
		node = g_tree_node_next(node);
}

void entries_of_size(const struct outbox_entries *t, int64_t size,
		     void (*fn)(void *arg, const struct outbox_entry *e), void *arg)
{
	struct outbox_entry first = {.item.size = size, .item.n = 0};
	GTreeNode *node = g_tree_lower_bound(t->sizes, &first);

	for (; node; node = g_tree_node_next(node)) {
		const struct outbox_entry *e = g_tree_node_value(node);

		if (e->item.size != size)
			return;
		fn(arg, e);
	}
}

/* ---- those whose reasons alone are found ---- */

static void drop_gone(struct outbox_entries *t, struct outbox_entry *e)
{
	if (g_hash_table_lookup(t->gone_names, e->item.name) == e)
		g_hash_table_remove(t->gone_names, e->item.name);
	g_hash_table_remove(t->gone, &e->item.n);
}

static void drop_old(struct outbox_entries *t, int64_t now_ms)
{
	struct outbox_entry *e;

	while ((e = g_queue_peek_head(&t->gone_order)) && now_ms - e->gone_ms > GONE_MS) {
		g_queue_unlink(&t->gone_order, &e->gone_link);
		drop_gone(t, e);
	}
}

void entries_set_gone(struct outbox_entries *t, struct outbox_entry *e, int64_t now_ms)
{
	drop_old(t, now_ms);
	unlist(t, e);
	e->gone_ms = now_ms;
	e->gone_link = (GList){.data = e};
	g_queue_push_tail_link(&t->gone_order, &e->gone_link);
	g_hash_table_insert(t->gone, &e->item.n, e);
	g_hash_table_replace(t->gone_names, e->item.name, e);
}

bool entries_forget(struct outbox_entries *t, int64_t n)
{
	struct outbox_entry *e = g_hash_table_lookup(t->gone, &n);

	if (!e)
		return false;
	g_queue_unlink(&t->gone_order, &e->gone_link);
	drop_gone(t, e);
	return true;
}

int64_t entries_gone_named(struct outbox_entries *t, const char *name, int64_t now_ms)
{
	const struct outbox_entry *e;

	drop_old(t, now_ms);
	e = g_hash_table_lookup(t->gone_names, name);
	return e ? e->item.n : 0;
}
