/* SPDX-License-Identifier: MIT */
#include "store/internal.h"

#include <errno.h>

#include "base/names.h"

void store_content_clear(struct store_content *c)
{
	g_clear_pointer(&c->url, g_free);
	g_clear_pointer(&c->name, g_free);
	g_clear_pointer(&c->sha256, g_free);
	g_clear_pointer(&c->key, g_free);
}

void content_row(struct sql_stmt *st, struct store_content *ret_content)
{
	*ret_content = (struct store_content){
		.rowid = sql_get_int(st, 0),
		.room = sql_get_int(st, 1),
		.message = sql_get_int(st, 2),
		.url = sql_get_text(st, 3),
		.name = sql_get_text(st, 4),
		.sha256 = sql_get_text(st, 5),
		.size = sql_get_int(st, 6),
		.mtime_ms = sql_get_int(st, 7),
		.gone = sql_get_int(st, 8),
		.cookie = sql_get_int(st, 9),
		.is_proven = sql_get_int(st, 10),
		.created_ms = sql_get_int(st, 11),
		.key = sql_get_text(st, 12),
		.is_asked_again = sql_get_int(st, 13),
	};
}

static int content_one(struct sql_stmt *st, struct store_content *ret_content)
{
	int r = sql_step(st);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	content_row(st, ret_content);
	return 0;
}

int store_content_get(struct store_conn *c, int64_t rowid, struct store_content *ret_content)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT " CONTENT_COLUMNS CONTENT_FROM "WHERE c.rowid=?1");

	sql_int(&st, 1, rowid);
	return content_one(&st, ret_content);
}

static int content_write(struct write *w, const struct store_content *c, int64_t rowid)
{
	g_autofree char *key = name_key(c->name);
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "INSERT INTO content(rowid, room, message, url, name, sha256, size,"
		      " mtime_ms, name_key, cookie, is_proven) VALUES(?1, ?2, ?3, ?4, ?5, ?6,"
		      " ?7, ?8, ?9, ifnull((SELECT cookie FROM message WHERE rowid=?3), ?10),"
		      " ?11) "
		      "ON CONFLICT(rowid) DO UPDATE SET room=excluded.room,"
		      " message=excluded.message, url=excluded.url, name=excluded.name,"
		      " sha256=excluded.sha256, size=excluded.size,"
		      " mtime_ms=excluded.mtime_ms, name_key=excluded.name_key, said=NULL,"
		      " cookie=excluded.cookie, is_proven=excluded.is_proven, retry_ms=0");

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, c->room);
	sql_int(&st, 3, c->message);
	sql_text(&st, 4, c->url);
	sql_text(&st, 5, c->name);
	sql_text(&st, 6, c->sha256);
	sql_int(&st, 7, c->size);
	sql_int(&st, 8, c->mtime_ms);
	sql_text(&st, 9, key);
	sql_int(&st, 10, CONTENT_NO_PLACE);
	sql_int(&st, 11, c->is_proven);
	return sql_run(&st);
}

/* Removes the row that a listing made of the message before the answer to its upload was read. */
static int drop_doubles(struct write *w, const struct store_content *c, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "SELECT rowid FROM content WHERE message=?1 AND url=?2 AND"
			       " gone=0 AND rowid<>?3");
	int64_t other;
	int r;

	if (!c->message || !c->url)
		return 0;
	sql_int(&st, 1, c->message);
	sql_text(&st, 2, c->url);
	sql_int(&st, 3, rowid);
	r = sql_step(&st);
	if (r <= 0)
		return r;
	other = sql_get_int(&st, 0);
	r = sql_run(&st);
	if (r == 0)
		r = content_set_gone(w, other);
	return r < 0 ? r : content_tell(w, other, STORE_CONTENT_GONE);
}

/*
 * A file that is written again after it was sent keeps its row, because that row is open. What
 * was sent before becomes an older version with a new row.
 */
static int keep_older_version(struct write *w, const struct store_content *c, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "INSERT INTO content(rowid, room, message, url, name, sha256, size,"
		      " mtime_ms, name_key, cookie, is_proven, said) SELECT ?2, room, message,"
		      " url, name, sha256, size, mtime_ms, name_key, cookie, is_proven, said"
		      " FROM content"
		      " WHERE rowid=?1 AND message NOT IN (0, ?3) AND gone=0");

	if (!c->message)
		return 0;
	sql_int(&st, 1, rowid);
	sql_int(&st, 2, store_new_rowid(w->s));
	sql_int(&st, 3, c->message);
	return sql_run(&st);
}

static int apply_content(struct write *w, const struct store_content *c, int64_t rowid)
{
	struct room_place room = {0};
	int r = room_place_get(w->q, c->room, &room);

	if (r == 0)
		r = drop_doubles(w, c, rowid);
	if (r == 0)
		r = keep_older_version(w, c, rowid);
	if (r == 0)
		r = content_write(w, c, rowid);
	if (r == 0)
		changes_add_named(w, STORE_CONTENT_ADDED, c->room, room.type, rowid, NULL,
				  c->name)
			->thread = message_thread(w->q, c->message);
	if (r == 0 && c->message)
		r = contents_show_names(w, c->message);
	room_place_clear(&room);
	return r;
}

int store_apply_content(struct store *s, const struct store_content *content,
			int64_t *ret_rowid, GPtrArray *changes)
{
	struct write w;
	int64_t rowid = content->rowid ? content->rowid : store_new_rowid(s);
	int r = write_begin(s, changes, &w);

	if (r < 0)
		return r;
	r = write_end(&w, apply_content(&w, content, rowid));
	if (r == 0 && ret_rowid)
		*ret_rowid = rowid;
	return r;
}

static int set_sum(struct write *w, int64_t rowid, const char *sha256)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE content SET sha256=?2 WHERE rowid=?1");
	int r;

	sql_int(&st, 1, rowid);
	sql_text(&st, 2, sha256);
	r = sql_run_any(&st);
	return r < 0 ? r : r ? 0 : -ENOENT;
}

int store_set_content_sum(struct store *s, int64_t rowid, const char *sha256)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	return r < 0 ? r : write_end(&w, set_sum(&w, rowid, sha256));
}

static int set_mtime(struct write *w, int64_t rowid, int64_t mtime_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE content SET mtime_ms=?2 WHERE rowid=?1");
	int r;

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, mtime_ms);
	r = sql_run_any(&st);
	return r < 0 ? r : r ? 0 : -ENOENT;
}

int store_set_content_mtime(struct store *s, int64_t rowid, int64_t mtime_ms)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	return r < 0 ? r : write_end(&w, set_mtime(&w, rowid, mtime_ms));
}

int content_set_gone(struct write *w, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE content SET gone=1 WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	return sql_run(&st);
}

int contents_drop_of(struct write *w, const struct room_place *room, int64_t message)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "SELECT rowid, name FROM content WHERE message=?1 AND gone=0");
	g_autoptr(GArray) rowids = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int r;

	sql_int(&st, 1, message);
	while ((r = sql_step(&st)) == 1) {
		rowset_add(rowids, sql_get_int(&st, 0));
		changes_add_named(w, STORE_CONTENT_GONE, room->rowid, room->type,
				  sql_get_int(&st, 0), NULL, sql_peek_text(&st, 1))
			->thread = message_thread(w->q, message);
	}
	for (guint i = 0; r == 0 && i < rowids->len; i++)
		r = content_set_gone(w, g_array_index(rowids, int64_t, i));
	return r;
}

/* Appends the change with the content's room and name. */
int content_tell(struct write *w, int64_t rowid, enum store_change_type type)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "SELECT c.room, c.name, r.type, m.thread FROM content c JOIN room r ON"
		      " r.rowid=c.room LEFT JOIN message m ON m.rowid=c.message"
		      " WHERE c.rowid=?1");
	int r;

	sql_int(&st, 1, rowid);
	r = sql_step(&st);
	if (r == 1)
		changes_add_named(w, type, sql_get_int(&st, 0),
				  (enum webex_room_type)sql_get_int(&st, 2), rowid, NULL,
				  sql_peek_text(&st, 1))
			->thread = sql_get_int(&st, 3);
	return MIN(r, 0);
}

static int set_size(struct write *w, int64_t rowid, int64_t size)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE content SET size=?2, is_proven=1 WHERE rowid=?1");
	int r;

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, size);
	r = sql_run(&st);
	return r < 0 ? r : content_tell(w, rowid, STORE_CONTENT_CHANGED);
}

int store_set_content_size(struct store *s, int64_t rowid, int64_t size, GPtrArray *changes)
{
	struct write w;
	int r = write_begin(s, changes, &w);

	return r < 0 ? r : write_end(&w, set_size(&w, rowid, size));
}
