/* SPDX-License-Identifier: MIT */
/* Which rooms have news, how far their news were told, and which rooms are in use. */
#include "store/internal.h"

#include <errno.h>

int store_news_list(struct store_conn *c, int limit, GArray *ret_news)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT rowid, last_activity_ms FROM room WHERE gone=0"
			       " AND head_activity_ms<>last_activity_ms"
			       " ORDER BY last_activity_ms DESC LIMIT ?1");
	int r;

	sql_int(&st, 1, limit);
	while ((r = sql_step(&st)) == 1) {
		struct store_news news = {.room = sql_get_int(&st, 0),
					  .activity_ms = sql_get_int(&st, 1)};

		g_array_append_val(ret_news, news);
	}
	return r;
}

int store_room_activity(struct store_conn *c, int64_t room, struct store_activity *ret_activity)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT last_activity_ms, head_activity_ms, head_wall_ms"
			       " FROM room WHERE rowid=?1 AND gone=0");
	int r;

	sql_int(&st, 1, room);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_activity = (struct store_activity){
		.last_ms = sql_get_int(&st, 0),
		.head_ms = sql_get_int(&st, 1),
		.head_wall_ms = sql_get_int(&st, 2),
	};
	return 0;
}

/* The newest time that the listings of the room reach; -1: it was never listed. */
static int newest_listed(struct sql *q, int64_t room, int64_t *ret_hi)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT hi FROM span WHERE room=?1 ORDER BY hi DESC LIMIT 1");
	int r;

	sql_int(&st, 1, room);
	r = sql_step(&st);
	*ret_hi = r == 1 ? sql_get_int(&st, 0) : -1;
	return MIN(r, 0);
}

/*
 * Own messages are accounted for when they are stored, so what is accounted for never moves
 * back. Messages that came after the fetch began and are in its list are accounted for, too. Told
 * is what was listed, also where the last activity was later: that may be one without a message.
 */
static int settle(struct write *w, int64_t room, int64_t activity_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE room SET told_ms=?3, head_activity_ms="
			       " CASE WHEN head_activity_ms=last_activity_ms OR"
			       "  last_activity_ms<=?3 THEN last_activity_ms ELSE ?2 END"
			       " WHERE rowid=?1 AND (told_ms<>?3 OR (head_activity_ms<>?2"
			       "  AND head_activity_ms<>last_activity_ms))");
	int64_t hi;
	int r = newest_listed(w->q, room, &hi);

	if (r < 0)
		return r;
	sql_int(&st, 1, room);
	sql_int(&st, 2, activity_ms);
	sql_int(&st, 3, MAX(hi, 0));
	return sql_run(&st);
}

/* 1 if new messages may stand between those that were told and the newest ones that are known; 0;
 * -errno. */
static int has_gap(struct sql *q, int64_t room, enum webex_room_type *ret_type)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT told_ms, type FROM room WHERE rowid=?1 AND gone=0");
	struct store_span news;
	int r;

	sql_int(&st, 1, room);
	r = sql_step(&st);
	if (r <= 0)
		return r;
	news.lo = sql_get_int(&st, 0);
	*ret_type = (enum webex_room_type)sql_get_int(&st, 1);
	r = newest_listed(q, room, &news.hi);
	if (r < 0)
		return r;
	return news.lo >= 0 && news.lo < news.hi && !span_is_known(q, room, &news);
}

bool store_news_has_gap(struct store_conn *c, int64_t room)
{
	enum webex_room_type type;

	return has_gap(c->q, room, &type) == 1;
}

static int tell_gap(struct write *w, int64_t room)
{
	enum webex_room_type type;
	int r = has_gap(w->q, room, &type);

	return r == 1 ? events_missed(w, room, type) : r;
}

int store_news_settle(struct store *s, int64_t room, int64_t activity_ms)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	if (r < 0)
		return r;
	r = tell_gap(&w, room);
	return write_end(&w, r < 0 ? r : settle(&w, room, activity_ms));
}

static int put_used(struct write *w, const GArray *uses)
{
	for (guint i = 0; i < uses->len; i++) {
		const struct store_use *use = &g_array_index(uses, struct store_use, i);
		_cleanup_(sql_done) struct sql_stmt st =
			sql_stmt(w->q, "UPDATE room SET used_wall_ms=?2 WHERE rowid=?1"
				       " AND used_wall_ms<?2");
		int r;

		sql_int(&st, 1, use->room);
		sql_int(&st, 2, use->wall_ms);
		r = sql_run(&st);
		if (r < 0)
			return r;
	}
	return 0;
}

int store_put_used(struct store *s, const GArray *uses)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	if (r < 0)
		return r;
	w.is_quiet = true;
	return write_end(&w, put_used(&w, uses));
}

int store_used_list(struct store_conn *c, int limit, GArray *ret_uses)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT rowid, used_wall_ms FROM room WHERE gone=0"
			       " AND used_wall_ms>=0 ORDER BY used_wall_ms DESC LIMIT ?1");
	int r;

	sql_int(&st, 1, limit);
	while ((r = sql_step(&st)) == 1) {
		struct store_use use = {.room = sql_get_int(&st, 0),
					.wall_ms = sql_get_int(&st, 1)};

		g_array_append_val(ret_uses, use);
	}
	return r;
}

int store_old_next(struct store_conn *c, int64_t after, int64_t before_wall_ms,
		   struct store_old *ret_old)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT rowid, head_wall_ms BETWEEN 0 AND ?2,"
		      " members_wall_ms BETWEEN 0 AND ?2 FROM room WHERE gone=0 AND rowid>?1"
		      " AND (head_wall_ms BETWEEN 0 AND ?2 OR members_wall_ms BETWEEN 0 AND ?2)"
		      " ORDER BY rowid LIMIT 1");
	int r;

	sql_int(&st, 1, after);
	sql_int(&st, 2, before_wall_ms - 1);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_old = (struct store_old){
		.room = sql_get_int(&st, 0),
		.is_head = sql_get_int(&st, 1),
		.are_members = sql_get_int(&st, 2),
	};
	return 0;
}

/* ---- which messages are news ---- */

/* So many messages that come late with one page make an event each. More of them were hidden by an
 * answer that was too short, or were brought from elsewhere. */
#define LATE_MAX 100

bool put_is_late(const struct put *p, int64_t created_ms)
{
	return !p->is_backfill && span_has(p->w->q, p->room.rowid, created_ms);
}

bool put_is_news(struct put *p, int64_t created_ms)
{
	if (p->is_pinned || (p->told_ms >= 0 && created_ms > p->told_ms))
		return true;
	return put_is_late(p, created_ms) && ++p->late <= LATE_MAX;
}

int put_tell_late(const struct put *p)
{
	return p->late > LATE_MAX ? events_missed(p->w, p->room.rowid, p->room.type) : 0;
}
