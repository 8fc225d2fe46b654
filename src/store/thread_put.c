/* SPDX-License-Identifier: MIT */
/*
 * Keeps which thread a message is in. It is decided where the message is written:
 *
 *	what comes           its thread
 *	a reply              that of its parent; a new one if nobody has named this parent yet
 *	a reply to a reply   that which the parent is in
 *	any other message    one that replies have named before; else none until a reply comes
 *
 * If the root of a thread proves to be a reply itself, its thread becomes a part of the other one. A part
 * has no parts, so there are no circles, whatever a server says.
 */
#include "store/internal.h"

#include <errno.h>
#include <string.h>

#include "base/names.h"
#include "base/timefmt.h"
#include "store/schema.h"
#include "webex/id.h"

/* 0: found; -ENOENT. */
static int find(struct sql *q, int64_t room, const char *root_id, int64_t *ret_rowid,
		int64_t *ret_part_of)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT rowid, part_of FROM thread WHERE root=?1 AND room=?2");
	int r;

	sql_id(&st, 1, "MESSAGE", root_id);
	sql_int(&st, 2, room);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_rowid = sql_get_int(&st, 0);
	*ret_part_of = sql_get_int(&st, 1);
	return 0;
}

static int insert(struct sql *q, int64_t rowid, int64_t room, const char *root_id)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "INSERT INTO thread(rowid, room, root, stem) VALUES(?1, ?2, ?3,"
			    " (SELECT stem FROM message WHERE id=?3 AND room=?2))");
	_cleanup_(sql_done) struct sql_stmt root = sql_stmt(
		q, "UPDATE message SET thread=?1 WHERE id=?3 AND room=?2 AND thread=0");
	int r;

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, room);
	sql_id(&st, 3, "MESSAGE", root_id);
	r = sql_run(&st);
	if (r < 0)
		return r;
	sql_int(&root, 1, rowid);
	sql_int(&root, 2, room);
	sql_id(&root, 3, "MESSAGE", root_id);
	return sql_run(&root);
}

/* The thread that a known message is in as a reply; 0: it is none. */
static int reply_in(struct sql *q, int64_t room, const char *id, int64_t *ret_thread)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT thread FROM message WHERE id=?1 AND room=?2 AND"
			    " parent_id IS NOT NULL");
	int r;

	sql_id(&st, 1, "MESSAGE", id);
	sql_int(&st, 2, room);
	r = sql_step(&st);
	*ret_thread = r == 1 ? sql_get_int(&st, 0) : 0;
	return MIN(r, 0);
}

/* The thread of the replies to this message. */
static int of_parent(struct write *w, int64_t room, const char *parent_id, int64_t *ret_thread)
{
	int64_t rowid, part_of = 0;
	int r = find(w->q, room, parent_id, &rowid, &part_of);

	if (r == 0)
		*ret_thread = part_of ? part_of : rowid;
	if (r != -ENOENT)
		return r;
	r = reply_in(w->q, room, parent_id, ret_thread);
	if (r < 0 || *ret_thread)
		return r;
	*ret_thread = store_new_rowid(w->s);
	return insert(w->q, *ret_thread, room, parent_id);
}

/* ---- names ---- */

static char *stem_of(struct sql *q, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT stem FROM thread WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	return sql_step(&st) == 1 ? sql_get_text(&st, 0) : NULL;
}

/* Another thread of the room with this stem; 0: there is none. */
static int64_t other_with(struct sql *q, int64_t room, int64_t rowid, const char *stem)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT rowid FROM thread WHERE room=?1 AND stem=?2 AND rowid<>?3");

	sql_int(&st, 1, room);
	sql_text(&st, 2, stem);
	sql_int(&st, 3, rowid);
	return sql_step(&st) == 1 ? sql_get_int(&st, 0) : 0;
}

static int write_stem(struct write *w, const struct room_place *room, int64_t rowid,
		      const char *old, const char *stem)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE thread SET stem=?2 WHERE rowid=?1");
	int r;

	sql_int(&st, 1, rowid);
	sql_text(&st, 2, stem);
	r = sql_run(&st);
	if (r == 0) {
		struct store_change *c = changes_add_named(w, STORE_THREAD_RENAMED, room->rowid,
							   room->type, rowid, old, stem);

		c->thread = rowid;
		c->is_news = false;
	}
	return r;
}

/* The name made of this stem and the digits of the root's id that no other thread has. */
static char *free_stem(struct sql *q, int64_t room, int64_t rowid, const char *base,
		       const char *hex)
{
	char *stem = NULL;

	for (int digits = 8; digits <= 32; digits += 4) {
		g_free(stem);
		stem = g_strdup_printf("%s~%.*s", base, digits, hex);
		if (!other_with(q, room, rowid, stem))
			break;
	}
	return stem;
}

/* A message that is gone leaves its name to its thread, and a later one may get the same. */
static int make_way(struct write *w, const struct room_place *room, int64_t rowid,
		    const char *stem)
{
	int64_t other = other_with(w->q, room->rowid, rowid, stem);
	g_autofree char *moved = NULL, *seed = NULL, *hex = NULL;

	if (!other)
		return 0;
	seed = g_strdup_printf("%" G_GINT64_FORMAT, other);
	hex = g_compute_checksum_for_string(G_CHECKSUM_SHA256, seed, -1);
	moved = free_stem(w->q, room->rowid, other, stem, hex);
	return write_stem(w, room, other, stem, moved);
}

/* The root of the thread is known by this stem. */
static int root_is(struct write *w, const struct room_place *room, int64_t rowid,
		   const char *stem)
{
	g_autofree char *old = stem_of(w->q, rowid);
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE thread SET is_lost=0, retry_ms=0 WHERE rowid=?1 AND"
			       " (is_lost<>0 OR retry_ms<>0)");
	int r;

	sql_int(&st, 1, rowid);
	r = sql_run(&st);
	if (r < 0 || g_strcmp0(old, stem) == 0)
		return r;
	r = make_way(w, room, rowid, stem);
	return r < 0 ? r : write_stem(w, room, rowid, old, stem);
}

int thread_root_renamed(struct write *w, const struct room_place *room, int64_t message,
			const char *stem)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "SELECT t.rowid FROM message m JOIN thread t ON t.root=m.id AND"
			       " t.room=m.room WHERE m.rowid=?1 AND t.part_of=0");
	int r;

	sql_int(&st, 1, message);
	r = sql_step(&st);
	return r <= 0 ? r : root_is(w, room, sql_get_int(&st, 0), stem);
}

/* ---- the place of a message ---- */

/* The root of `from` is a reply in `into`. */
static int become_part(struct write *w, const struct room_place *room, int64_t from,
		       int64_t into)
{
	_cleanup_(sql_done) struct sql_stmt own =
		sql_stmt(w->q, "UPDATE thread SET part_of=?2 WHERE rowid=?1");
	_cleanup_(sql_done) struct sql_stmt parts =
		sql_stmt(w->q, "UPDATE thread SET part_of=?2 WHERE part_of=?1 AND part_of<>0");
	_cleanup_(sql_done) struct sql_stmt replies =
		sql_stmt(w->q, "UPDATE message SET thread=?2 WHERE thread=?1 AND thread>0 AND"
			       " deleted=0");
	g_autofree char *stem = stem_of(w->q, from);
	struct store_change *c;
	int r;

	sql_int(&own, 1, from);
	sql_int(&own, 2, into);
	sql_int(&parts, 1, from);
	sql_int(&parts, 2, into);
	sql_int(&replies, 1, from);
	sql_int(&replies, 2, into);
	r = sql_run(&own);
	if (r == 0)
		r = sql_run(&parts);
	if (r == 0)
		r = sql_run(&replies);
	if (r < 0)
		return r;
	c = changes_add_named(w, STORE_THREAD_RENAMED, room->rowid, room->type, from, stem,
			      NULL);
	c->thread = into;
	c->is_news = false;
	return 0;
}

int thread_place(struct put *p, const struct webex_message *m, struct thread_place *ret_place)
{
	int64_t own = 0, part_of = 0, thread = 0;
	int r = find(p->w->q, p->room.rowid, m->id, &own, &part_of);

	if (r == -ENOENT)
		r = 0;
	if (r == 0 && m->parent_id && strcmp(m->parent_id, m->id) != 0)
		r = of_parent(p->w, p->room.rowid, m->parent_id, &thread);
	if (r < 0)
		return r;
	if (own && !part_of && thread && thread != own) {
		r = become_part(p->w, &p->room, own, thread);
		part_of = thread;
	}
	ret_place->thread = thread ? thread : part_of ? part_of : own;
	ret_place->own = part_of ? 0 : own;
	return r;
}

int thread_came(struct put *p, const struct thread_place *place, const char *stem)
{
	return place->own ? root_is(p->w, &p->room, place->own, stem) : 0;
}

int thread_move(struct put *p, const struct store_message *old, const struct webex_message *m)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(p->w->q, "UPDATE message SET thread=?2 WHERE rowid=?1");
	struct webex_message now = *m;
	struct thread_place place = {0};
	int r;

	if (!now.parent_id)
		now.parent_id = old->m.parent_id;
	r = thread_place(p, &now, &place);
	if (r == 0 && place.thread != old->thread) {
		sql_int(&st, 1, old->rowid);
		sql_int(&st, 2, place.thread);
		r = sql_run(&st);
	}
	return r < 0 ? r : thread_came(p, &place, old->stem);
}

int thread_text_changed(struct write *w, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "UPDATE thread SET changed_ms=max(?2, changed_ms+1000, ifnull((SELECT"
		      " created_ms FROM message WHERE thread=?1 AND thread>0 AND deleted=0"
		      " ORDER BY cookie DESC LIMIT 1)+1000, 0)) WHERE rowid=?1");

	if (!rowid)
		return 0;
	sql_int(&st, 1, rowid);
	sql_int(&st, 2, clock_wall(w->s->clock));
	return sql_run(&st);
}

/* ---- what the pager learns ---- */

static int make(struct write *w, int64_t message, int64_t *ret_rowid)
{
	struct store_message m = {0};
	int r = message_load(w->q, message, &m);

	if (r == 0 && m.deleted)
		r = -ENOENT;
	if (r == 0)
		*ret_rowid = m.thread;
	if (r == 0 && !m.thread) {
		*ret_rowid = store_new_rowid(w->s);
		r = insert(w->q, *ret_rowid, m.room, m.m.id);
	}
	store_message_clear(&m);
	return r;
}

int store_thread_make(struct store *s, int64_t message, int64_t *ret_rowid)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	return r < 0 ? r : write_end(&w, make(&w, message, ret_rowid));
}

/* When the oldest message of the thread that is known was written. */
static int64_t oldest_ms(struct sql *q, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT created_ms FROM message WHERE thread=?1 AND thread>0 AND"
			    " deleted=0 ORDER BY cookie LIMIT 1");

	sql_int(&st, 1, rowid);
	return sql_step(&st) == 1 ? sql_get_int(&st, 0) : TIME_MIN_MS;
}

/* "<time in its id>_unknown-<8 hex>" */
static char *lost_stem(struct sql *q, int64_t room, int64_t rowid, const char *root_id)
{
	char hex[WEBEX_ID_HEX_SIZE];
	int64_t ms = webex_id_time_ms(root_id);
	g_autofree char *stem = NULL;

	webex_id_hex(root_id, hex);
	stem = name_message_stem(ms >= 0 ? ms : oldest_ms(q, rowid), NULL, hex, NULL);
	return other_with(q, room, rowid, stem) ? free_stem(q, room, rowid, stem, hex)
						: g_steal_pointer(&stem);
}

static int set_lost(struct write *w, int64_t rowid, int64_t retry_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE thread SET is_lost=1, retry_ms=?2 WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, retry_ms);
	return sql_run(&st);
}

static int lose(struct write *w, int64_t rowid, int64_t retry_ms)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "SELECT room, root, stem FROM thread WHERE rowid=?1 AND NOT EXISTS("
		      "SELECT 1 FROM message m WHERE m.id=root AND m.room=thread.room AND"
		      " m.deleted=0)");
	g_autofree char *root_id = NULL, *stem = NULL;
	struct room_place room = {0};
	int r;

	sql_int(&st, 1, rowid);
	r = sql_step(&st);
	if (r <= 0)
		return r;
	r = set_lost(w, rowid, retry_ms);
	/* It has the name of a root that is gone, or the one that it got here before. */
	if (r < 0 || sql_peek_text(&st, 2))
		return r;
	root_id = sql_get_id(&st, 1, "MESSAGE");
	r = room_place_get(w->q, sql_get_int(&st, 0), &room);
	if (r < 0)
		return r;
	stem = lost_stem(w->q, room.rowid, rowid, root_id);
	r = write_stem(w, &room, rowid, NULL, stem);
	room_place_clear(&room);
	return r;
}

int store_thread_lose(struct store *s, int64_t rowid, int64_t retry_wall_ms, GPtrArray *changes)
{
	struct write w;
	int r = write_begin(s, changes, &w);

	return r < 0 ? r : write_end(&w, lose(&w, rowid, retry_wall_ms));
}

static int set_whole(struct write *w, int64_t rowid, int64_t wall_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE thread SET whole_ms=max(whole_ms, ?2) WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, wall_ms);
	return sql_run(&st);
}

int store_thread_set_whole(struct store *s, int64_t rowid, int64_t wall_ms)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	return r < 0 ? r : write_end(&w, set_whole(&w, rowid, wall_ms));
}

/* ---- a store of an older version ---- */

/* Makes a row for each parent that a message names. */
static int adopt_parents(struct sql *q)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT DISTINCT room, parent_id FROM message WHERE"
			    " parent_id IS NOT NULL");
	int64_t rowid;
	int r = schema_max_rowid(q, &rowid);

	while (r == 0 && (r = sql_step(&st)) == 1) {
		g_autofree char *id = sql_get_id(&st, 1, "MESSAGE");

		r = id ? insert(q, ++rowid, sql_get_int(&st, 0), id) : 0;
	}
	return r;
}

/*
 * A thread whose root is a reply is a part of that one's; not of one that is a part already, so that there
 * are no circles.
 */
static int adopt_parts(struct sql *q)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		q, "SELECT t.rowid, m.thread FROM thread t JOIN message m ON m.id=t.root AND"
		   " m.room=t.room WHERE m.parent_id IS NOT NULL AND m.thread<>t.rowid");
	int r;

	while ((r = sql_step(&st)) == 1) {
		_cleanup_(sql_done) struct sql_stmt set = sql_stmt(
			q, "UPDATE thread SET part_of=(SELECT CASE part_of WHEN 0 THEN rowid"
			   " ELSE part_of END FROM thread WHERE rowid=?2) WHERE rowid=?1 AND"
			   " part_of=0 AND NOT EXISTS(SELECT 1 FROM thread WHERE part_of=?1"
			   " AND part_of<>0)"
			   " AND ?1<>(SELECT CASE part_of WHEN 0 THEN rowid ELSE part_of END"
			   " FROM thread WHERE rowid=?2)");

		sql_int(&set, 1, sql_get_int(&st, 0));
		sql_int(&set, 2, sql_get_int(&st, 1));
		r = sql_run(&set);
		if (r < 0)
			return r;
	}
	return r;
}

int threads_adopt(struct sql *q)
{
	int r = adopt_parents(q);

	if (r == 0)
		r = sql_exec(q, "UPDATE message SET thread=ifnull((SELECT t.rowid FROM thread t"
				" WHERE t.root=message.parent_id AND t.room=message.room), 0)"
				" WHERE parent_id IS NOT NULL");
	if (r == 0)
		r = adopt_parts(q);
	return r < 0 ? r
		     : sql_exec(q, "UPDATE message SET thread=(SELECT part_of FROM thread t"
				   " WHERE t.rowid=message.thread) WHERE thread IN (SELECT"
				   " rowid FROM thread WHERE part_of<>0)");
}
