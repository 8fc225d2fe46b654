/* SPDX-License-Identifier: MIT */
/* Snapshots for readers, transactions for the writing thread, and the small texts of meta. */
#include "store/internal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/snapshot.h"
#include "store/schema.h"
#include "store/texts.h"

/* At most so many unused connections are kept: enough for the FUSE workers and the writing
 * thread. */
#define POOL_MAX 16
#define READER_CACHE_KIB 1024

/* What this thread holds, because a second snapshot inside the first must not take the lock
 * again. */
static _Thread_local struct {
	struct store *s;
	unsigned depth;
} held;

static void require(bool condition, const char *rule)
{
	if (condition)
		return;
	log_error("store", "broken rule: %s", rule);
	abort();
}

static struct store_conn *pool_take(struct store *s)
{
	struct store_conn *c;

	pthread_mutex_lock(&s->pool_lock);
	c = s->pool;
	if (c) {
		s->pool = c->next;
		s->pooled--;
	}
	s->lent++;
	pthread_mutex_unlock(&s->pool_lock);
	return c;
}

/* Takes a connection back; NULL only corrects the count. */
static void pool_give(struct store *s, struct store_conn *c)
{
	bool keep;

	pthread_mutex_lock(&s->pool_lock);
	s->lent--;
	keep = c && s->pooled < POOL_MAX;
	if (keep) {
		c->next = s->pool;
		s->pool = c;
		s->pooled++;
	}
	pthread_mutex_unlock(&s->pool_lock);
	if (c && !keep) {
		sql_close(&c->q);
		g_free(c);
	}
}

static int conn_open(struct store *s, struct store_conn **ret_conn)
{
	struct store_conn *c = g_new0(struct store_conn, 1);
	int r = sql_open(s->uri, s->broken_mark, &c->q);

	if (r == 0)
		r = schema_tune(c->q, s->in_memory, READER_CACHE_KIB);
	if (r < 0) {
		sql_close(&c->q);
		g_free(c);
		return r;
	}
	c->s = s;
	*ret_conn = c;
	return 0;
}

static void held_enter(struct store *s)
{
	require(!held.depth || held.s == s, "a thread reads one store at a time");
	if (!held.depth && s->in_memory)
		pthread_rwlock_rdlock(&s->memory_lock);
	held.s = s;
	held.depth++;
	snapshot_enter();
}

static void held_leave(struct store *s)
{
	require(held.depth && held.s == s, "a snapshot ends on the thread that began it");
	snapshot_leave();
	if (!--held.depth && s->in_memory)
		pthread_rwlock_unlock(&s->memory_lock);
}

static int begin(struct sql *q)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(q, "BEGIN");

	return sql_run(&st);
}

static int begin_immediate(struct sql *q)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(q, "BEGIN IMMEDIATE");

	return sql_run(&st);
}

static int commit(struct sql *q)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(q, "COMMIT");

	return sql_run(&st);
}

static void roll_back(struct sql *q)
{
	/* SQLite may have rolled back by itself. */
	if (!sqlite3_get_autocommit(sql_handle(q)))
		sqlite3_exec(sql_handle(q), "ROLLBACK", NULL, NULL, NULL);
}

int store_read_begin(struct store *s, struct store_conn **ret_conn)
{
	struct store_conn *c = pool_take(s);
	int r = 0;

	held_enter(s);
	if (!c)
		r = conn_open(s, &c);
	if (r == 0)
		r = begin(c->q);
	if (r < 0) {
		held_leave(s);
		pool_give(s, c);
		return r;
	}
	*ret_conn = c;
	return 0;
}

void store_read_end(struct store_conn *conn)
{
	struct store *s = conn->s;

	if (commit(conn->q) < 0)
		roll_back(conn->q);
	held_leave(s);
	pool_give(s, conn);
}

struct store *store_of(struct store_conn *conn)
{
	return conn->s;
}

bool store_keeps_snapshots(const struct store *s)
{
	return !s->in_memory;
}

uint64_t store_generation(struct store *s)
{
	return atomic_load(&s->generation);
}

int64_t store_new_rowid(struct store *s)
{
	return rowids_take(&s->rowids);
}

void store_skip_rowids(struct store *s, int64_t used)
{
	rowids_skip(&s->rowids, used);
}

int write_begin(struct store *s, GPtrArray *changes, struct write *ret_write)
{
	int r;

	if (!s->has_writing) {
		s->writing = pthread_self();
		s->has_writing = true;
	}
	require(pthread_equal(s->writing, pthread_self()), "one thread writes");
	require(!held.depth, "nobody writes inside a snapshot of their own");
	if (s->in_memory)
		pthread_rwlock_wrlock(&s->memory_lock);
	r = begin_immediate(s->writer);
	if (r < 0) {
		if (s->in_memory)
			pthread_rwlock_unlock(&s->memory_lock);
		return r;
	}
	*ret_write = (struct write){
		.s = s,
		.q = s->writer,
		.changes = changes,
		.changes_mark = changes ? changes->len : 0,
		.rows_mark = sqlite3_total_changes64(sql_handle(s->writer)),
	};
	return 0;
}

static int put_meta(struct sql *q, const char *key, const char *value)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "INSERT INTO meta(key, value) VALUES(?1, ?2) ON CONFLICT(key) DO "
			    "UPDATE SET value=excluded.value WHERE value<>excluded.value");

	sql_text(&st, 1, key);
	sql_text(&st, 2, value);
	return sql_run(&st);
}

/* Keeps the highest rowid in the database as well, in case the reserve file is lost. */
static int put_last_rowid(struct write *w, int64_t last)
{
	char text[24];

	if (last == w->s->stored_rowid)
		return 0;
	g_snprintf(text, sizeof(text), "%" G_GINT64_FORMAT, last);
	return put_meta(w->q, "rowid.last", text);
}

int write_end(struct write *w, int r)
{
	struct store *s = w->s;
	int64_t last;
	bool changed;

	if (r == 0)
		r = events_append(w);
	if (r == 0)
		r = body_counts_flush(w);
	last = rowids_last(&s->rowids);
	changed = sqlite3_total_changes64(sql_handle(w->q)) != w->rows_mark;
	if (r == 0 && changed)
		r = put_last_rowid(w, last);
	if (r == 0)
		r = commit(w->q);
	if (r < 0)
		roll_back(w->q);
	if (w->owns_changes)
		g_ptr_array_unref(w->changes);
	else if (r < 0 && w->changes)
		g_ptr_array_set_size(w->changes, (gint)w->changes_mark);
	body_counts_end(w, r == 0);
	mention_write_clear(w);
	if (r == 0 && changed) {
		room_counts_end(w);
		s->stored_rowid = last;
		atomic_fetch_add(&s->event_last, w->events);
		atomic_fetch_add(&s->generation, w->is_quiet ? 0 : 1);
	}
	if (s->in_memory)
		pthread_rwlock_unlock(&s->memory_lock);
	if (r == 0 && w->events && s->on_event)
		s->on_event(s->on_event_arg);
	return r;
}

char *meta_text(struct sql *q, const char *key)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT value FROM meta WHERE key=?1");

	sql_text(&st, 1, key);
	return sql_step(&st) == 1 ? sql_get_text(&st, 0) : NULL;
}

char *store_meta_get(struct store_conn *c, const char *key)
{
	return meta_text(c->q, key);
}

int store_meta_set(struct store *s, const char *key, const char *value)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	return r < 0 ? r : write_end(&w, put_meta(w.q, key, value));
}

int64_t meta_int(struct sql *q, const char *key, int64_t fallback)
{
	g_autofree char *text = meta_text(q, key);
	gint64 value;

	return text && g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &value, NULL)
		       ? value
		       : fallback;
}

int64_t store_meta_get_int(struct store_conn *c, const char *key, int64_t fallback)
{
	return meta_int(c->q, key, fallback);
}

int store_meta_set_int(struct store *s, const char *key, int64_t value)
{
	char text[24];

	g_snprintf(text, sizeof(text), "%" G_GINT64_FORMAT, value);
	return store_meta_set(s, key, text);
}
