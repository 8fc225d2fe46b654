/* SPDX-License-Identifier: MIT */
/* The names of attachments in a listing: the newest of a name has the plain name, the others
 * have their time in it. */
#include "store/internal.h"

#include <errno.h>
#include <string.h>

#include "base/names.h"

static int64_t end_of(const struct store_range *range)
{
	return range->until ? range->until : INT64_MAX;
}

/* True if content c is of the thread ?, or the range of no thread. */
#define OF_THREAD(parameter)                                                                   \
	" (" parameter "=0 OR (SELECT thread FROM message WHERE rowid=c.message)=" parameter   \
	") "

/* Finds the newest content of the key below the end of the range. 1; 0: there is none. */
static int newest_of_key(struct sql *q, const struct store_range *range, const char *key,
			 int64_t *ret_rowid)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		q, "SELECT rowid FROM content c WHERE room=?1 AND name_key=?2 AND gone=0 AND"
		   " cookie<?3 AND" OF_THREAD("?4") "ORDER BY cookie DESC, rowid DESC LIMIT 1");
	int r;

	sql_int(&st, 1, range->room);
	sql_text(&st, 2, key);
	sql_int(&st, 3, end_of(range));
	sql_int(&st, 4, range->thread);
	r = sql_step(&st);
	if (r == 1)
		*ret_rowid = sql_get_int(&st, 0);
	return r;
}

/* 1 if another content than `except` has the same key and millisecond; 0; -errno. */
static int has_twin(struct sql *q, const struct store_content *c, int64_t except)
{
	int64_t floor = cookie_floor(c->created_ms);
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT 1 FROM content WHERE room=?1 AND name_key=?2 AND gone=0 AND"
			    " cookie>=?3 AND cookie<?4 AND rowid NOT IN (?5, ?6) LIMIT 1");

	sql_int(&st, 1, c->room);
	sql_text(&st, 2, c->key);
	sql_int(&st, 3, floor);
	sql_int(&st, 4, floor + COOKIE_TIES);
	sql_int(&st, 5, c->rowid);
	sql_int(&st, 6, except);
	return sql_step(&st);
}

/* The name with digits of the content's id, for two contents of one millisecond and for a file
 * whose own name looks like a version's. */
static char *name_with_tie(const struct store_content *c)
{
	size_t len;
	const char *id = webex_content_id(c->url ? c->url : "", &len);
	g_autofree char *hash =
		g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)id, len);

	hash[8] = '\0';
	return name_version(c->name, c->created_ms, hash);
}

int store_content_shown(struct store_conn *conn, const struct store_range *range,
			const struct store_content *c, char **ret_name)
{
	g_autofree char *name = NULL, *key = NULL;
	int64_t newest = 0, other;
	int r;

	if (!c->key)
		return -ENOENT;
	r = newest_of_key(conn->q, range, c->key, &newest);
	if (r < 0)
		return r;
	if (newest == c->rowid) {
		*ret_name = g_strdup(c->name);
		return 0;
	}
	r = has_twin(conn->q, c, newest);
	if (r == 0) {
		name = name_version(c->name, c->created_ms, NULL);
		key = name_key(name);
		r = newest_of_key(conn->q, range, key, &other);
	}
	if (r < 0)
		return r;
	*ret_name = r ? name_with_tie(c) : g_steal_pointer(&name);
	return 0;
}

/* ---- from the name ---- */

int store_content_newest(struct store_conn *conn, const struct store_range *range,
			 const char *name, struct store_content *ret_content)
{
	g_autofree char *key = name_key(name);
	int64_t rowid = 0;
	int r = newest_of_key(conn->q, range, key, &rowid);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	r = store_content_get(conn, rowid, ret_content);
	if (r == 0 && (ret_content->gone || strcmp(ret_content->name, name) != 0))
		r = -ENOENT;
	if (r)
		store_content_clear(ret_content);
	return r;
}

/* Finds the rows of a millisecond. */
static int rows_of(struct store_conn *conn, int64_t room, int64_t created_ms, GArray *rowids)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(conn->q, "SELECT rowid FROM content WHERE room=?1 AND gone=0 AND"
				  " cookie>=?2 AND cookie<?3 AND name_key IS NOT NULL");
	int r;

	sql_int(&st, 1, room);
	sql_int(&st, 2, cookie_floor(created_ms));
	sql_int(&st, 3, cookie_floor(created_ms) + COOKIE_TIES);
	while ((r = sql_step(&st)) == 1)
		rowset_add(rowids, sql_get_int(&st, 0));
	return r;
}

/* Finds the content that `name_of` gives the name, which has its time. */
static int find_timed(struct store_conn *conn, const struct store_range *range,
		      const char *name,
		      int (*name_of)(struct store_conn *conn, const struct store_range *range,
				     const struct store_content *c, char **ret_name),
		      struct store_content *ret_content)
{
	g_autoptr(GArray) rowids = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int64_t created_ms;
	int r;

	if (!name_parse_version(name, &created_ms))
		return -ENOENT;
	r = rows_of(conn, range->room, created_ms, rowids);
	for (guint i = 0; r == 0 && i < rowids->len; i++) {
		struct store_content c = {0};
		g_autofree char *is = NULL;

		r = store_content_get(conn, g_array_index(rowids, int64_t, i), &c);
		if (r == 0 && !c.gone && c.cookie < end_of(range) &&
		    (!range->thread || message_thread(conn->q, c.message) == range->thread))
			r = name_of(conn, range, &c, &is);
		if (r == 0 && g_strcmp0(is, name) == 0) {
			*ret_content = c;
			return 0;
		}
		store_content_clear(&c);
	}
	return r < 0 ? r : -ENOENT;
}

char *store_content_lasting(const struct store_content *content)
{
	return content->key ? name_with_tie(content) : NULL;
}

static int lasting_of(struct store_conn *conn, const struct store_range *range,
		      const struct store_content *c, char **ret_name)
{
	(void)conn;
	*ret_name = c->cookie > range->after ? store_content_lasting(c) : NULL;
	return 0;
}

int store_content_find_lasting(struct store_conn *conn, const struct store_range *range,
			       const char *name, struct store_content *ret_content)
{
	return find_timed(conn, range, name, lasting_of, ret_content);
}

int store_content_find(struct store_conn *conn, const struct store_range *range,
		       const char *name, struct store_content *ret_content)
{
	int r = store_content_newest(conn, range, name, ret_content);

	return r == -ENOENT ? find_timed(conn, range, name, store_content_shown, ret_content)
			    : r;
}

int store_content_by_name(struct store_conn *c, int64_t room, const char *name,
			  struct store_content *ret_content)
{
	return store_content_newest(c, &(struct store_range){.room = room}, name, ret_content);
}

/* ---- listing ---- */

#define LIST_BY(index)                                                                         \
	"SELECT " CONTENT_COLUMNS CONTENT_FROM_BY(                                             \
		index) "WHERE c.room=?1 AND c.gone=0 AND r.gone=0 AND c.cookie>?2 AND"         \
		       " c.cookie<?3 AND c.rowid>?4 AND c.name_key IS NOT NULL AND"            \
		       " ifnull(m.deleted, 0)=0 ORDER BY c.rowid"
#define LIST_THREAD                                                                            \
	"SELECT " CONTENT_COLUMNS CONTENT_FROM "WHERE +c.room=?1 AND c.gone=0 AND r.gone=0"    \
	" AND c.cookie>?2 AND c.cookie<?3 AND c.rowid>?4 AND c.name_key IS NOT NULL AND"       \
	" c.message IN (SELECT rowid FROM message WHERE thread=?5 AND thread>0 AND deleted=0)" \
	" ORDER BY c.rowid"
/* What is sorted anew for each part of a listing. */
#define SORT_MAX 1000

/* True if the range has more than SORT_MAX contents. */
static bool is_long(struct store_conn *conn, const struct store_range *range)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(conn->q, "SELECT count(*) FROM (SELECT 1 FROM content WHERE room=?1"
				  " AND gone=0 AND cookie>?2 AND cookie<?3 LIMIT ?4)");

	sql_int(&st, 1, range->room);
	sql_int(&st, 2, range->after);
	sql_int(&st, 3, end_of(range));
	sql_int(&st, 4, SORT_MAX + 1);
	return sql_step(&st) == 1 && sql_get_int(&st, 0) > SORT_MAX;
}

/*
 * A directory is read in many parts, each from the row where the one before ended. Where there are few rows,
 * they are found by their place and sorted; sorting many for each part would make the whole as slow as
 * their square. So many are found in the order of their rows: together the parts go over all of the space once.
 */
int store_content_each(struct store_conn *conn, const struct store_range *range, int64_t after,
		       bool (*fn)(void *arg, const struct store_content *content), void *arg)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(conn->q, range->thread		 ? LIST_THREAD
				  : is_long(conn, range) ? LIST_BY("content_list")
							 : LIST_BY("content_place"));
	bool more = true;
	int r = 0;

	sql_int(&st, 1, range->room);
	sql_int(&st, 2, range->after);
	sql_int(&st, 3, end_of(range));
	sql_int(&st, 4, after);
	if (range->thread)
		sql_int(&st, 5, range->thread);
	while (more && (r = sql_step(&st)) == 1) {
		struct store_content c = {0};

		content_row(&st, &c);
		if (c.created_ms >= range->since_ms)
			more = fn(arg, &c);
		store_content_clear(&c);
	}
	return MIN(r, 0);
}

struct shown {
	struct store_conn *conn;
	const struct store_range *range;
	bool (*fn)(void *arg, const struct store_content *content, const char *shown);
	void *arg;
	int error;
};

static bool show(void *arg, const struct store_content *c)
{
	struct shown *s = arg;
	g_autofree char *name = NULL;

	s->error = store_content_shown(s->conn, s->range, c, &name);
	return s->error == 0 && s->fn(s->arg, c, name);
}

int store_content_list(struct store_conn *conn, const struct store_range *range, int64_t after,
		       bool (*fn)(void *arg, const struct store_content *content,
				  const char *shown),
		       void *arg)
{
	struct shown s = {.conn = conn, .range = range, .fn = fn, .arg = arg};
	int r = store_content_each(conn, range, after, show, &s);

	return r ? r : s.error;
}

int store_content_any(struct store_conn *conn, const struct store_range *range)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(conn->q, "SELECT 1 FROM content c JOIN message m ON m.rowid=c.message"
				  " WHERE c.room=?1 AND c.gone=0 AND c.cookie>?2 AND"
				  " c.cookie<?3 AND m.deleted=0 AND (?4=0 OR m.thread=?4)"
				  " LIMIT 1");

	sql_int(&st, 1, range->room);
	sql_int(&st, 2, range->after);
	sql_int(&st, 3, end_of(range));
	sql_int(&st, 4, range->thread);
	return sql_step(&st);
}

int store_content_unnamed(struct store_conn *conn, const struct store_range *range,
			  int64_t now_wall_ms, GArray *ret_rowids, int limit)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		conn->q,
		"SELECT c.rowid FROM content c JOIN message m ON m.rowid=c.message"
		" WHERE c.room=?1 AND c.gone=0 AND (c.name_key IS NULL OR c.retry_ms>0) AND"
		" (c.name_key IS NULL OR c.retry_ms<=?2) AND c.cookie>?3 AND c.cookie<?4 AND"
		" m.deleted=0 AND m.created_ms>=?5 AND (?7=0 OR m.thread=?7)"
		" ORDER BY c.cookie DESC LIMIT ?6");
	int r;

	sql_int(&st, 1, range->room);
	sql_int(&st, 2, now_wall_ms);
	sql_int(&st, 3, range->after);
	sql_int(&st, 4, end_of(range));
	sql_int(&st, 5, range->since_ms);
	sql_int(&st, 6, limit);
	sql_int(&st, 7, range->thread);
	while ((r = sql_step(&st)) == 1)
		rowset_add(ret_rowids, sql_get_int(&st, 0));
	return r;
}

/* ---- a message says what its files are called, in its text or only in the transcript ---- */

int contents_names_of(struct sql *q, int64_t message, struct webex_message *m)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

	for (char **url = m->files; url && *url; url++) {
		_cleanup_(sql_done) struct sql_stmt st =
			sql_stmt(q, "SELECT name FROM content WHERE message=?1 AND url=?2 AND"
				    " gone=0 AND name_key IS NOT NULL AND retry_ms=0");
		int r;

		sql_int(&st, 1, message);
		sql_text(&st, 2, *url);
		r = sql_step(&st);
		if (r <= 0)
			return r;
		g_ptr_array_add(names, sql_get_text(&st, 0));
	}
	if (!names->len)
		return 0;
	g_ptr_array_add(names, NULL);
	g_strfreev(m->file_names);
	m->file_names = (char **)g_ptr_array_steal(names, NULL);
	return 1;
}

int contents_show_names(struct write *w, int64_t rowid)
{
	struct store_message m = {0};
	struct room_place room = {0};
	int r = message_load(w->q, rowid, &m);

	/* Without the body the text is unknown; the names come into it the next time. */
	if (r == 0 && !m.deleted && !m.is_evicted && !(m.flags & MESSAGE_SHOWS_NAMES)) {
		r = contents_names_of(w->q, rowid, &m.m);
		if (r == 1)
			r = sizes_write(w, &m, m.flags | MESSAGE_SHOWS_NAMES);
		if (r == 0 && m.m.file_names)
			r = room_place_get(w->q, m.room, &room);
		if (r == 0 && m.m.file_names)
			r = times_text(w, m.room);
		if (r == 0 && m.m.file_names) {
			struct store_change *c =
				changes_add_named(w, STORE_MESSAGE_CHANGED, m.room, room.type,
						  rowid, NULL, m.stem);

			c->thread = m.thread;
			c->is_news = false;
		}
	}
	room_place_clear(&room);
	store_message_clear(&m);
	return r == -ENOENT ? 0 : r;
}
