/* SPDX-License-Identifier: MIT */
#include "tree/replaced.h"

#include <glib.h>
#include <pthread.h>
#include <string.h>

#include "tree/internal.h"

/* An entry for each hidden file. It lives until its timer ends, so that the timer is never
 * cancelled. */
struct entry {
	struct replaced *table;
	int64_t row, room;
	char *name;
	uint64_t home;	  /* replaced.lock */
	int64_t until_ms; /* mono; replaced.lock */
	bool is_hidden;	  /* replaced.lock */
};

struct replaced {
	struct tree *tree;
	pthread_mutex_t lock;
	GHashTable *by_row; /* row -> entry, owned; replaced.lock */
};

static void entry_free(void *p)
{
	struct entry *e = p;

	g_free(e->name);
	g_free(e);
}

struct replaced *replaced_new(struct tree *t)
{
	struct replaced *r = g_new0(struct replaced, 1);

	r->tree = t;
	pthread_mutex_init(&r->lock, NULL);
	r->by_row = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, entry_free);
	return r;
}

void replaced_free(struct replaced **r)
{
	if (!*r)
		return;
	g_hash_table_unref((*r)->by_row);
	pthread_mutex_destroy(&(*r)->lock);
	g_free(*r);
	*r = NULL;
}

/* The thread whose files/ shows the content, too; 0: none. */
static int64_t thread_of(struct store *store, int64_t row)
{
	struct store_content content = {0};
	struct store_conn *conn;
	int64_t thread = 0;

	if (!store || store_read_begin(store, &conn))
		return 0;
	if (store_content_get(conn, row, &content) == 0)
		(void)store_message_thread(conn, content.message, &thread);
	store_content_clear(&content);
	store_read_end(conn);
	return thread;
}

/* Lets the kernel forget the content; with STORE_CONTENT_ADDED its names, too. */
static void tell(struct tree *t, enum store_change_type type, int64_t row, int64_t room,
		 const char *name)
{
	GPtrArray *changes = store_changes_new();
	struct store_change *c = g_new0(struct store_change, 1);

	c->type = type;
	c->room = room;
	c->rowid = row;
	c->thread = thread_of(t->config.store, row);
	c->name = g_strdup(name);
	g_ptr_array_add(changes, c);
	if (t->config.on_changes)
		t->config.on_changes(t->config.arg, changes);
	g_ptr_array_unref(changes);
}

static bool is_being_written(struct tree *t, uint64_t home, const char *name)
{
	struct pending *p = pending_by_name(t->pendings, home, name);
	bool is = p != NULL;

	pending_unref(t->pendings, &p);
	return is;
}

static void on_timer(void *arg)
{
	struct entry *e = arg;
	struct replaced *r = e->table;
	struct tree *t = r->tree;
	int64_t now = clock_mono(t->config.clock);
	bool waits = is_being_written(t, e->home, e->name), was_hidden;

	pthread_mutex_lock(&r->lock);
	waits = e->is_hidden && (waits || e->until_ms > now);
	was_hidden = e->is_hidden;
	if (!waits)
		g_hash_table_steal(r->by_row, &e->row);
	pthread_mutex_unlock(&r->lock);
	if (waits) {
		work_post_at(t->config.queue, now + REPLACED_HIDE_MS, on_timer, e);
		return;
	}
	if (was_hidden)
		tell(t, STORE_CONTENT_ADDED, e->row, e->room, e->name);
	entry_free(e);
}

void replaced_hide(struct replaced *r, int64_t row, int64_t room, uint64_t home,
		   const char *name)
{
	struct tree *t = r->tree;
	int64_t until = clock_mono(t->config.clock) + REPLACED_HIDE_MS;
	struct entry *e;
	bool is_new;

	pthread_mutex_lock(&r->lock);
	e = g_hash_table_lookup(r->by_row, &row);
	is_new = !e;
	if (is_new) {
		e = g_new0(struct entry, 1);
		e->table = r;
		e->row = row;
		e->room = room;
		e->name = g_strdup(name);
		g_hash_table_insert(r->by_row, &e->row, e);
	}
	e->home = home;
	e->until_ms = until;
	e->is_hidden = true;
	pthread_mutex_unlock(&r->lock);
	if (is_new && t->config.queue)
		work_post_at(t->config.queue, until, on_timer, e);
	tell(t, STORE_CONTENT_CHANGED, row, room, NULL);
}

struct showing {
	struct tree *tree;
	int64_t row, room;
	char *name;
};

static void show_run(void *arg)
{
	struct showing *s = arg;

	tell(s->tree, STORE_CONTENT_ADDED, s->row, s->room, s->name);
	g_free(s->name);
	g_free(s);
}

void replaced_show(struct replaced *r, uint64_t home, const char *name)
{
	struct showing *s = NULL;
	GHashTableIter iter;
	gpointer value;

	pthread_mutex_lock(&r->lock);
	/* The table is mostly empty. */
	g_hash_table_iter_init(&iter, r->by_row);
	while (!s && g_hash_table_iter_next(&iter, NULL, &value)) {
		struct entry *e = value;

		if (!e->is_hidden || e->home != home || strcmp(e->name, name) != 0)
			continue;
		e->is_hidden = false;
		s = g_new0(struct showing, 1);
		s->tree = r->tree;
		s->row = e->row;
		s->room = e->room;
		s->name = g_strdup(name);
	}
	pthread_mutex_unlock(&r->lock);
	if (s)
		work_post(r->tree->config.queue, show_run, s);
}

bool replaced_is_hidden(struct replaced *r, int64_t row)
{
	struct entry *e;
	bool is;

	pthread_mutex_lock(&r->lock);
	e = g_hash_table_lookup(r->by_row, &row);
	is = e && e->is_hidden;
	pthread_mutex_unlock(&r->lock);
	return is;
}
