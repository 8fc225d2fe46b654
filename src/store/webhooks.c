/* SPDX-License-Identifier: MIT */
#include "store/internal.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/names.h"

#define META_LISTED "webhooks.listed_ms"
#define META_CHANGED "webhooks.changed_ms"
/* The file is called so, with ".json" behind it. */
#define STEM_MAX_BYTES (NAME_MAX_BYTES - 5)
/* What unique_name() may add to a name. */
#define SUFFIX_MAX_BYTES 36

#define HOOK_COLUMNS "rowid, name, gone, changed_ms, id, title, json, created_ms "

void store_webhook_clear(struct store_webhook *h)
{
	g_clear_pointer(&h->name, g_free);
	webex_webhook_clear(&h->w);
}

static void hook_row(struct sql_stmt *st, struct store_webhook *ret_hook)
{
	*ret_hook = (struct store_webhook){
		.rowid = sql_get_int(st, 0),
		.name = sql_get_text(st, 1),
		.gone = sql_get_int(st, 2),
		.changed_ms = sql_get_int(st, 3),
		.w =
			{
				.id = sql_get_text(st, 4),
				.name = sql_get_text(st, 5),
				.json = sql_get_text(st, 6),
				.created_ms = sql_get_int(st, 7),
			},
	};
}

static int hook_one(struct sql_stmt *st, struct store_webhook *ret_hook)
{
	int r = sql_step(st);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	hook_row(st, ret_hook);
	return 0;
}

static int hook_load(struct sql *q, int64_t rowid, struct store_webhook *ret_hook)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT " HOOK_COLUMNS "FROM webhook WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	return hook_one(&st, ret_hook);
}

static int hook_by_id(struct sql *q, const char *id, struct store_webhook *ret_hook)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT " HOOK_COLUMNS "FROM webhook WHERE id=?1 AND gone=0");

	sql_text(&st, 1, id);
	return hook_one(&st, ret_hook);
}

int store_webhook_get(struct store_conn *c, int64_t rowid, struct store_webhook *ret_hook)
{
	return hook_load(c->q, rowid, ret_hook);
}

int store_webhook_by_name(struct store_conn *c, const char *name,
			  struct store_webhook *ret_hook)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT " HOOK_COLUMNS "FROM webhook WHERE name=?1 AND gone=0");

	sql_text(&st, 1, name);
	return hook_one(&st, ret_hook);
}

int store_webhook_by_key(struct store_conn *c, const char *name, struct store_webhook *ret_hook)
{
	g_autofree char *key = name_key(name);
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT " HOOK_COLUMNS "FROM webhook WHERE name_key=?1 AND gone=0");

	sql_text(&st, 1, key);
	return hook_one(&st, ret_hook);
}

int store_webhook_list(struct store_conn *c, int64_t after,
		       bool (*fn)(void *arg, const struct store_webhook *hook), void *arg)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT " HOOK_COLUMNS "FROM webhook WHERE rowid>?1 AND gone=0"
			       " ORDER BY rowid");
	bool more = true;
	int r = 0;

	sql_int(&st, 1, after);
	while (more && (r = sql_step(&st)) == 1) {
		struct store_webhook hook;

		hook_row(&st, &hook);
		more = fn(arg, &hook);
		store_webhook_clear(&hook);
	}
	return r < 0 ? r : 0;
}

int64_t store_webhooks_listed_ms(struct store_conn *c)
{
	return meta_int(c->q, META_LISTED, -1);
}

int64_t store_webhooks_changed_ms(struct store_conn *c)
{
	return meta_int(c->q, META_CHANGED, -1);
}

/* ---- writing ---- */

static int set_meta(struct write *w, const char *key, int64_t value)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)");

	sql_text(&st, 1, key);
	sql_int(&st, 2, value);
	return sql_run(&st);
}

static int is_name_taken(void *arg, const char *key)
{
	const struct write *w = arg;
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "SELECT 1 FROM webhook WHERE name_key=?1 AND gone=0");

	sql_text(&st, 1, key);
	return sql_step(&st);
}

static int make_name(struct write *w, const struct webex_webhook *hook, char **ret_name,
		     char **ret_key)
{
	const char *title = hook->name ? hook->name : "";
	g_autofree char *base = name_from_title(title, STEM_MAX_BYTES);
	int r = unique_name(base, hook->id, is_name_taken, w, ret_name, ret_key);

	/* The suffix took the room of the ending. */
	if (r < 0 || strlen(*ret_name) <= STEM_MAX_BYTES)
		return r;
	g_free(base);
	base = name_from_title(title, STEM_MAX_BYTES - SUFFIX_MAX_BYTES);
	g_clear_pointer(ret_name, g_free);
	g_clear_pointer(ret_key, g_free);
	return unique_name(base, hook->id, is_name_taken, w, ret_name, ret_key);
}

static int insert(struct write *w, const struct webex_webhook *hook)
{
	g_autofree char *name = NULL, *key = NULL;
	int64_t rowid = store_new_rowid(w->s);
	int r = make_name(w, hook, &name, &key);
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "INSERT INTO webhook(rowid, id, name, name_key, title, json, created_ms)"
		      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");

	if (r < 0)
		return r;
	sql_int(&st, 1, rowid);
	sql_text(&st, 2, hook->id);
	sql_text(&st, 3, name);
	sql_text(&st, 4, key);
	sql_text(&st, 5, hook->name);
	sql_text(&st, 6, hook->json);
	sql_int(&st, 7, hook->created_ms);
	r = sql_run(&st);
	if (r == 0)
		changes_add_named(w, STORE_WEBHOOK_ADDED, 0, WEBEX_ROOM_GROUP, rowid, NULL,
				  name);
	return r;
}

/* Copies are compared by seconds, so that a file whose bytes change gets a later one. */
static int64_t later(struct write *w, const struct store_webhook *old)
{
	return MAX(clock_wall(w->s->clock), MAX(old->w.created_ms, old->changed_ms) + 1000);
}

static int update(struct write *w, const struct store_webhook *old,
		  const struct webex_webhook *hook)
{
	g_autofree char *name = NULL, *key = NULL;
	bool is_renamed = g_strcmp0(old->w.name, hook->name) != 0;
	_cleanup_(sql_done) struct sql_stmt free_key =
		sql_stmt(w->q, "UPDATE webhook SET name_key=NULL WHERE rowid=?1");
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE webhook SET name=?2, name_key=?3, title=?4, json=?5,"
			       " created_ms=?6, changed_ms=?7 WHERE rowid=?1");
	int r = 0;

	/* Its own name is no other's. */
	sql_int(&free_key, 1, old->rowid);
	if (is_renamed)
		r = sql_run(&free_key);
	if (r == 0 && is_renamed)
		r = make_name(w, hook, &name, &key);
	if (r < 0)
		return r;
	if (!is_renamed) {
		name = g_strdup(old->name);
		key = name_key(name);
	}
	sql_int(&st, 1, old->rowid);
	sql_text(&st, 2, name);
	sql_text(&st, 3, key);
	sql_text(&st, 4, hook->name);
	sql_text(&st, 5, hook->json);
	sql_int(&st, 6, hook->created_ms);
	sql_int(&st, 7, later(w, old));
	r = sql_run(&st);
	if (r == 0)
		changes_add_named(w, STORE_WEBHOOK_CHANGED, 0, WEBEX_ROOM_GROUP, old->rowid,
				  g_strcmp0(name, old->name) ? old->name : NULL, name);
	return r;
}

/* *ret_changed: something of it can be seen. */
static int apply_one(struct write *w, const struct webex_webhook *hook, bool *ret_changed)
{
	struct store_webhook old = {0};
	int r = hook_by_id(w->q, hook->id, &old);
	bool is_new = r == -ENOENT;

	if (is_new)
		r = insert(w, hook);
	else if (r == 0 && g_strcmp0(old.w.json, hook->json) != 0)
		r = update(w, &old, hook);
	else if (r == 0)
		is_new = false;
	*ret_changed |= r == 0 && (is_new || g_strcmp0(old.w.json, hook->json) != 0);
	store_webhook_clear(&old);
	return r;
}

/* Of the live ones that have no pin: those that are not in `hooks`. */
static int find_missing(struct write *w, const GPtrArray *hooks, int64_t now_wall_ms,
			GArray *missing)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "SELECT rowid, id FROM webhook WHERE gone=0 AND"
			       " pin_until_ms<=?1 ORDER BY rowid");
	g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);
	int r;

	for (guint i = 0; i < hooks->len; i++)
		g_hash_table_add(ids, ((struct webex_webhook *)hooks->pdata[i])->id);
	sql_int(&st, 1, now_wall_ms);
	while ((r = sql_step(&st)) == 1)
		if (!g_hash_table_contains(ids, sql_peek_text(&st, 1)))
			rowset_add(missing, sql_get_int(&st, 0));
	return r;
}

static int apply(struct write *w, GPtrArray *hooks, GArray *missing, int64_t now_wall_ms)
{
	bool has_changed = false;
	int r = 0;

	w->is_first_listing = meta_int(w->q, META_LISTED, -1) < 0;
	if (missing)
		r = find_missing(w, hooks, now_wall_ms, missing);
	for (guint i = 0; r == 0 && i < hooks->len; i++)
		r = apply_one(w, hooks->pdata[i], &has_changed);
	if (r == 0 && missing)
		r = set_meta(w, META_LISTED, now_wall_ms);
	if (r == 0 && has_changed)
		r = set_meta(w, META_CHANGED, clock_wall(w->s->clock));
	return r;
}

int store_apply_webhooks(struct store *s, GPtrArray *hooks, GArray *ret_missing,
			 int64_t now_wall_ms, GPtrArray *changes)
{
	struct write w;
	int r = write_begin(s, changes, &w);

	if (r < 0)
		return r;
	return write_end(&w, apply(&w, hooks, ret_missing, now_wall_ms));
}

int store_pin_webhook(struct store *s, int64_t rowid, int64_t until_wall_ms)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	if (r < 0)
		return r;
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w.q, "UPDATE webhook SET pin_until_ms=?2 WHERE rowid=?1");

	w.is_quiet = true;
	sql_int(&st, 1, rowid);
	sql_int(&st, 2, until_wall_ms);
	r = sql_run(&st);
	sql_done(&st);
	return write_end(&w, r);
}

static int remove_one(struct write *w, int64_t rowid, int64_t now_wall_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE webhook SET gone=1, json=NULL WHERE rowid=?1 AND gone=0"
			       " AND pin_until_ms<=?2");
	struct store_webhook hook = {0};
	int r = hook_load(w->q, rowid, &hook);

	if (r == 0 && hook.gone)
		r = -ENOENT;
	if (r == 0) {
		sql_int(&st, 1, rowid);
		sql_int(&st, 2, now_wall_ms);
		r = sql_run_any(&st);
	}
	if (r > 0) {
		changes_add_named(w, STORE_WEBHOOK_GONE, 0, WEBEX_ROOM_GROUP, rowid, NULL,
				  hook.name);
		r = set_meta(w, META_CHANGED, clock_wall(w->s->clock));
	}
	store_webhook_clear(&hook);
	return r;
}

int store_remove_webhook(struct store *s, int64_t rowid, int64_t now_wall_ms,
			 GPtrArray *changes)
{
	struct write w;
	int r = write_begin(s, changes, &w);

	return r < 0 ? r : write_end(&w, remove_one(&w, rowid, now_wall_ms));
}
