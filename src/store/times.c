/* SPDX-License-Identifier: MIT */
/*
 * The times that files of messages show. Programs that copy what is new (rsync) look at size and
 * time, so a change of the bytes must change one of these. A change that the server's times do not
 * show gets the time when it was learned here, at least a second after the time before.
 */
#include "store/internal.h"

#include <errno.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "store/texts.h"

static int64_t shown_ms(int64_t created_ms, int64_t updated_ms, int64_t changed_ms)
{
	return MAX(updated_ms > 0 ? updated_ms : created_ms, changed_ms);
}

int64_t store_brief_ms(const struct store_brief *b)
{
	return shown_ms(b->created_ms, b->updated_ms, b->changed_ms);
}

static int put_changed(struct write *w, int64_t rowid, int64_t changed_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE message SET changed_ms=?2 WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, changed_ms);
	return sql_run(&st);
}

int times_again(struct write *w, const struct store_message *old)
{
	int64_t ms = shown_ms(old->m.created_ms, old->m.updated_ms, old->changed_ms);

	body_counts_note_time(w, old->room, old->m.created_ms, ms, true);
	return times_text(w, old->room);
}

int times_changed(struct write *w, const struct store_message *old,
		  const struct webex_message *m)
{
	int64_t was_ms = shown_ms(old->m.created_ms, old->m.updated_ms, old->changed_ms);
	int64_t ms = shown_ms(old->m.created_ms, m->updated_ms, old->changed_ms);
	int r = 0;

	if (ms / 1000 <= was_ms / 1000) {
		/* The server's times of two edits differ, but programs compare whole seconds. */
		ms = was_ms + 1000;
		if (m->updated_ms <= old->m.updated_ms)
			ms = MAX(ms, clock_wall(w->s->clock));
		r = put_changed(w, old->rowid, ms);
	}
	body_counts_note_time(w, old->room, old->m.created_ms, ms, true);
	return r ? r : times_text(w, old->room);
}

/* When the newest message that is known was written. */
#define NEWEST_MS                                                                              \
	"(SELECT created_ms FROM message WHERE room=?1 AND deleted=0 ORDER BY cookie DESC "    \
	"LIMIT 1)"

int times_text(struct write *w, int64_t room)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "UPDATE room SET messages_ms=max(?2, messages_ms+1000, ifnull(" NEWEST_MS
		      "+1000, 0)) WHERE rowid=?1");

	if (w->text_room == room)
		return 0;
	w->text_room = room;
	sql_int(&st, 1, room);
	sql_int(&st, 2, clock_wall(w->s->clock));
	return sql_run(&st);
}

int times_version(struct write *w, int64_t room)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE room SET text_version=text_version+1 WHERE rowid=?1");

	if (w->lines_room == room)
		return 0;
	w->lines_room = room;
	sql_int(&st, 1, room);
	return sql_run(&st);
}

static int64_t listed_ms(struct put *p)
{
	if (!p->has_listed)
		p->listed_ms = span_top(p->w->q, p->room.rowid);
	p->has_listed = true;
	return p->listed_ms;
}

int times_between(struct put *p, int64_t created_ms)
{
	if (created_ms > p->top_ms || listed_ms(p) < 0 || created_ms <= listed_ms(p))
		return 0;
	body_counts_note_length(p->w, p->room.rowid, created_ms, true);
	return times_version(p->w, p->room.rowid);
}

int times_head(struct put *p, int64_t lo_ms)
{
	return listed_ms(p) >= 0 && lo_ms > listed_ms(p) ? times_version(p->w, p->room.rowid)
							 : 0;
}

int store_room_text_ms(struct store_conn *c, int64_t room, int64_t *ret_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT max(messages_ms, ifnull(" NEWEST_MS ", -1)) FROM room"
			       " WHERE rowid=?1");
	int r;

	sql_int(&st, 1, room);
	r = sql_step(&st);
	if (r == 1)
		*ret_ms = sql_get_int(&st, 0);
	return r < 0 ? r : r == 1 && *ret_ms >= 0 ? 0 : -ENOENT;
}

static void mix(uint64_t *hash, int64_t value)
{
	/* FNV-1a, by numbers instead of bytes. */
	*hash = (*hash ^ (uint64_t)value) * UINT64_C(0x100000001b3);
	*hash ^= *hash >> 29;
}

/* Older replies come by their thread's own list, which moves nothing of the room. */
static int mix_thread(struct store_conn *c, int64_t thread, uint64_t *hash)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT count(*), max(rowid) FROM message WHERE thread=?1 AND"
			       " thread>0 AND deleted=0");
	int r;

	sql_int(&st, 1, thread);
	r = sql_step(&st);
	if (r < 0)
		return r;
	mix(hash, thread);
	mix(hash, sql_get_int(&st, 0));
	mix(hash, sql_get_int(&st, 1));
	return 0;
}

int store_text_version(struct store_conn *c, const struct store_range *range,
		       uint64_t *ret_version)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT messages_ms, ifnull((SELECT cookie FROM message WHERE room=?1"
		      " AND deleted=0 ORDER BY cookie DESC LIMIT 1), 0), text_version FROM room"
		      " WHERE rowid=?1");
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	int r;

	sql_int(&st, 1, range->room);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	mix(&hash, sql_get_int(&st, 0));
	mix(&hash, sql_get_int(&st, 1));
	mix(&hash, sql_get_int(&st, 2));
	mix(&hash, range->after);
	mix(&hash, range->until);
	mix(&hash, range->since_ms);
	if (range->thread)
		r = mix_thread(c, range->thread, &hash);
	*ret_version = hash ? hash : 1;
	return MIN(r, 0);
}

int store_text_stamp(struct store_conn *c, int64_t room, struct store_stamp *ret_stamp)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT messages_ms, (SELECT sum(evicted) FROM month WHERE room=?1),"
		      " text_version FROM room WHERE rowid=?1 AND gone=0");
	int r;

	sql_int(&st, 1, room);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_stamp = (struct store_stamp){sql_get_int(&st, 0), sql_get_int(&st, 1),
					  sql_get_int(&st, 2)};
	return 0;
}

bool store_stamp_is_same(const struct store_stamp *a, const struct store_stamp *b)
{
	return a->messages_ms == b->messages_ms && a->evicted == b->evicted &&
	       a->version == b->version;
}

/* Only messages that are there count, since a new cache knows no others and must tell the same. */
int store_month_ms(struct store_conn *c, int64_t room, int month, int64_t *ret_ms)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT count(*), max(max(created_ms, updated_ms, changed_ms)),"
		      " (SELECT changed_ms FROM month WHERE room=?1 AND month=?4) FROM message"
		      " WHERE room=?1 AND cookie>=?2 AND cookie<?3 AND deleted=0");
	int r;

	sql_int(&st, 1, room);
	sql_int(&st, 2, cookie_floor(time_month_begin(month)));
	sql_int(&st, 3, cookie_floor(time_month_begin(month + 1)));
	sql_int(&st, 4, month);
	r = sql_step(&st);
	if (r < 0)
		return r;
	*ret_ms = MAX(sql_get_int(&st, 1), sql_get_int(&st, 2));
	return sql_get_int(&st, 0) ? 0 : -ENOENT;
}
