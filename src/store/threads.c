/* SPDX-License-Identifier: MIT */
/* Reads threads. Writing is in thread_put.c. */
#include "store/internal.h"

#include <errno.h>
#include <string.h>

#define COLUMNS                                                                                \
	"t.rowid, t.room, t.root, t.stem, t.is_lost, t.retry_ms, t.whole_ms,"                  \
	" ifnull((SELECT m.created_ms FROM message m WHERE m.thread=t.rowid AND m.thread>0"    \
	"  AND m.deleted=0 AND m.id<>t.root ORDER BY m.cookie DESC LIMIT 1), -1), "            \
	"r.rowid, r.created_ms, r.deleted "
#define FROM "FROM thread t LEFT JOIN message r ON r.id=t.root AND r.room=t.room "

void store_thread_clear(struct store_thread *t)
{
	g_clear_pointer(&t->root_id, g_free);
	g_clear_pointer(&t->stem, g_free);
}

static void thread_row(struct sql_stmt *st, struct store_thread *ret_thread)
{
	bool is_known = sql_get_int(st, 8) > 0;

	*ret_thread = (struct store_thread){
		.rowid = sql_get_int(st, 0),
		.room = sql_get_int(st, 1),
		.root_id = sql_get_id(st, 2, "MESSAGE"),
		.stem = sql_get_text(st, 3),
		.is_lost = sql_get_int(st, 4),
		.retry_ms = sql_get_int(st, 5),
		.whole_ms = sql_get_int(st, 6),
		.newest_ms = sql_get_int(st, 7),
		.root = sql_get_int(st, 10) ? 0 : sql_get_int(st, 8),
		.root_ms = is_known ? sql_get_int(st, 9) : -1,
	};
	/* Of a root that is not here the id tells the time, unless it is of another form. */
	if (!is_known)
		ret_thread->root_ms = webex_id_time_ms(ret_thread->root_id);
}

int store_thread_get(struct store_conn *c, int64_t rowid, struct store_thread *ret_thread)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT " COLUMNS FROM
			       "WHERE t.rowid=(SELECT CASE part_of WHEN 0 THEN rowid"
			       " ELSE part_of END FROM thread WHERE rowid=?1)"
			       " AND (SELECT gone FROM room WHERE rowid=t.room)=0");
	int r;

	sql_int(&st, 1, rowid);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	thread_row(&st, ret_thread);
	return 0;
}

int store_thread_by_stem(struct store_conn *c, int64_t room, const char *stem, size_t stem_len,
			 int64_t *ret_rowid)
{
	g_autofree char *text = g_strndup(stem, stem_len);
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q,
		"SELECT rowid FROM thread WHERE room=?1 AND stem=?2 AND part_of=0 LIMIT 1");
	int r;

	sql_int(&st, 1, room);
	sql_text(&st, 2, text);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_rowid = sql_get_int(&st, 0);
	return 0;
}

int store_thread_by_root(struct store_conn *c, int64_t room, const char *root_id,
			 int64_t *ret_rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT CASE part_of WHEN 0 THEN rowid ELSE part_of END"
			       " FROM thread WHERE root=?1 AND room=?2");
	int r;

	sql_id(&st, 1, "MESSAGE", root_id);
	sql_int(&st, 2, room);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_rowid = sql_get_int(&st, 0);
	return 0;
}

/* The threads of which the range has a message, and of which another one than the root is known. */
#define OF_RANGE                                                                               \
	"(SELECT DISTINCT m.thread FROM message m INDEXED BY message_threaded WHERE m.room=?1" \
	" AND m.cookie>?2 AND m.cookie<?3 AND m.thread>0 AND m.deleted=0)"
#define HAS_REPLY                                                                              \
	"EXISTS(SELECT 1 FROM message m WHERE m.thread=t.rowid AND m.thread>0 AND m.deleted=0" \
	" AND m.id<>t.root)"
#define IS_THERE "(SELECT gone FROM room WHERE rowid=?1)=0"

static void bind_range(struct sql_stmt *st, const struct store_range *range)
{
	sql_int(st, 1, range->room);
	sql_int(st, 2, MAX(range->after, cookie_floor(range->since_ms) - 1));
	sql_int(st, 3, range->until > 0 ? range->until : G_MAXINT64);
}

int store_thread_list(struct store_conn *c, const struct store_range *range, int64_t after,
		      bool (*fn)(void *arg, const struct store_thread *t), void *arg)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT " COLUMNS FROM "WHERE t.rowid IN " OF_RANGE
		      " AND t.rowid>?4 AND " HAS_REPLY " AND " IS_THERE " ORDER BY t.rowid");
	bool more = true;
	int r = 0;

	bind_range(&st, range);
	sql_int(&st, 4, after);
	while (more && (r = sql_step(&st)) == 1) {
		struct store_thread t;

		thread_row(&st, &t);
		more = fn(arg, &t);
		store_thread_clear(&t);
	}
	return MIN(r, 0);
}

int store_thread_nameless(struct store_conn *c, const struct store_range *range,
			  int64_t now_wall_ms, GArray *ret_rowids, int limit)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q,
		"SELECT t.rowid FROM thread t WHERE t.rowid IN " OF_RANGE
		" AND (t.stem IS NULL OR (t.retry_ms>0 AND t.retry_ms<=?4)) AND " HAS_REPLY
		" AND " IS_THERE " ORDER BY t.rowid DESC LIMIT ?5");
	int r;

	bind_range(&st, range);
	sql_int(&st, 4, now_wall_ms);
	sql_int(&st, 5, limit);
	while ((r = sql_step(&st)) == 1)
		rowset_add(ret_rowids, sql_get_int(&st, 0));
	return r;
}

int store_thread_parts(struct store_conn *c, int64_t rowid, GArray *ret_parts)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q,
		"SELECT rowid, whole_ms FROM thread WHERE rowid=?1 UNION ALL SELECT rowid,"
		" whole_ms FROM thread WHERE part_of=?1 AND part_of<>0 ORDER BY 1");
	int r;

	sql_int(&st, 1, rowid);
	while ((r = sql_step(&st)) == 1) {
		struct store_thread_part part = {sql_get_int(&st, 0), sql_get_int(&st, 1)};

		g_array_append_val(ret_parts, part);
	}
	return r;
}

char *store_thread_root_id(struct store_conn *c, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT root FROM thread WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	return sql_step(&st) == 1 ? sql_get_id(&st, 0, "MESSAGE") : NULL;
}

int store_thread_text_ms(struct store_conn *c, int64_t rowid, int64_t *ret_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT count(*), max(max(created_ms, updated_ms, changed_ms)),"
			       " (SELECT changed_ms FROM thread WHERE rowid=?1) FROM message"
			       " WHERE thread=?1 AND thread>0 AND deleted=0");
	int r;

	sql_int(&st, 1, rowid);
	r = sql_step(&st);
	if (r < 0)
		return r;
	*ret_ms = MAX(sql_get_int(&st, 1), sql_get_int(&st, 2));
	return sql_get_int(&st, 0) ? 0 : -ENOENT;
}

int store_thread_last_by(struct store_conn *c, int64_t rowid, int64_t person, int64_t *ret_row)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT rowid FROM message WHERE thread=?1 AND thread>0 AND deleted=0 AND"
		      " +person=?2 ORDER BY cookie DESC LIMIT 1");
	int r;

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, person);
	r = sql_step(&st);
	if (r == 1)
		*ret_row = sql_get_int(&st, 0);
	return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

int store_message_thread(struct store_conn *c, int64_t message, int64_t *ret_thread)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT thread FROM message WHERE rowid=?1 AND deleted=0");
	int r;

	sql_int(&st, 1, message);
	r = sql_step(&st);
	if (r == 1)
		*ret_thread = sql_get_int(&st, 0);
	return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

int64_t message_thread(struct sql *q, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT thread FROM message WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	return sql_step(&st) == 1 ? sql_get_int(&st, 0) : 0;
}
