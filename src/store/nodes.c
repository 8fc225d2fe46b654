/* SPDX-License-Identifier: MIT */
#include "store/internal.h"

#include <errno.h>
#include <string.h>

static int node_find(struct sql *q, int kind, const char *key, int64_t *ret_rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT rowid FROM node WHERE kind=?1 AND key=?2");
	int r;

	sql_int(&st, 1, kind);
	sql_text(&st, 2, key);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_rowid = sql_get_int(&st, 0);
	return 0;
}

static int node_insert(struct write *w, int kind, const char *key, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "INSERT INTO node(rowid, kind, key) VALUES(?1, ?2, ?3)");

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, kind);
	sql_text(&st, 3, key);
	return sql_run(&st);
}

static int node_make(struct write *w, int kind, const char *key)
{
	int64_t rowid;
	int r = node_find(w->q, kind, key, &rowid);

	return r == -ENOENT ? node_insert(w, kind, key, store_new_rowid(w->s)) : r;
}

int store_nodes_make(struct store *s, int kind, GPtrArray *keys)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	if (r < 0)
		return r;
	for (guint i = 0; r == 0 && i < keys->len; i++)
		r = node_make(&w, kind, g_ptr_array_index(keys, i));
	return write_end(&w, r);
}

int store_node_find(struct store_conn *c, int kind, const char *key, int64_t *ret_rowid)
{
	return node_find(c->q, kind, key, ret_rowid);
}

int store_node_get(struct store_conn *c, int64_t rowid, int *ret_kind, char **ret_key)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT kind, key FROM node WHERE rowid=?1");
	int r;

	sql_int(&st, 1, rowid);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_kind = (int)sql_get_int(&st, 0);
	*ret_key = sql_get_text(&st, 1);
	return 0;
}

int store_node_list(struct store_conn *c, int kind, const char *prefix,
		    bool (*fn)(void *arg, int64_t rowid, const char *key), void *arg)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT rowid, key FROM node WHERE kind=?1 AND key>=?2"
			       " AND key<?3 ORDER BY key DESC");
	g_autofree char *end = g_strdup(prefix);
	bool more = true;
	int r = 0;

	/* Makes the first string after all those that begin with the prefix. */
	end[strlen(end) - 1]++;
	sql_int(&st, 1, kind);
	sql_text(&st, 2, prefix);
	sql_text(&st, 3, end);
	while (more && (r = sql_step(&st)) == 1)
		more = fn(arg, sql_get_int(&st, 0), sql_peek_text(&st, 1));
	return r < 0 ? r : 0;
}
