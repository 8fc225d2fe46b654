/* SPDX-License-Identifier: MIT */
#include "store/mentions.h"

#include <errno.h>

#include "store/internal.h"

#define META_ALL "mentions.all"

/* ---- which messages are mentions ---- */

static int64_t mask_of(struct sql *q)
{
	return meta_int(q, META_ALL, 0) ? MESSAGE_MENTIONS : MESSAGE_MENTIONS_ME;
}

void mention_write_clear(struct write *w)
{
	g_clear_pointer(&w->me_id, g_free);
}

/* Most messages mention nobody, and cost nothing here. */
int64_t mention_flags(struct write *w, const struct webex_message *m)
{
	if (m->mentioned_people && !w->me_id)
		w->me_id = meta_text(w->q, "me.id");
	return (webex_message_mentions(m, w->me_id) ? MESSAGE_MENTIONS_ME : 0) |
	       (webex_message_mentions_group(m) ? MESSAGE_MENTIONS_ALL : 0);
}

bool mention_is(struct write *w, int64_t flags)
{
	if (!(flags & MESSAGE_MENTIONS))
		return false;
	if (!w->mentions)
		w->mentions = mask_of(w->q);
	return flags & w->mentions;
}

void mention_note(struct write *w, struct store_change *c, int64_t was, int64_t now)
{
	bool was_mention = mention_is(w, was), is_mention = mention_is(w, now);

	c->is_mention = was_mention || is_mention;
	c->is_new_mention = is_mention && !was_mention && !(now & MESSAGE_OWN);
}

static int set_flags(struct sql *q, int64_t rowid, int64_t flags)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "UPDATE message SET flags=flags|?2 WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, flags);
	return sql_run(&st);
}

struct adopted {
	int64_t rowid, flags;
};

int mentions_adopt(struct sql *q)
{
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct adopted));
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		q, "SELECT message, mentioned_people, mentioned_groups FROM body"
		   " WHERE mentioned_people IS NOT NULL OR mentioned_groups IS NOT NULL");
	struct write w = {.q = q};
	int r;

	while ((r = sql_step(&st)) == 1) {
		struct webex_message m = {.mentioned_people = sql_get_text(&st, 1),
					  .mentioned_groups = sql_get_text(&st, 2)};
		struct adopted one = {sql_get_int(&st, 0), mention_flags(&w, &m)};

		if (one.flags)
			g_array_append_val(all, one);
		webex_message_clear(&m);
	}
	mention_write_clear(&w);
	for (guint i = 0; r == 0 && i < all->len; i++)
		r = set_flags(q, g_array_index(all, struct adopted, i).rowid,
			      g_array_index(all, struct adopted, i).flags);
	return r;
}

/* ---- spans ---- */

/*
 * Of messages whose bodies were dropped before there were mentions nobody knows whether they are some:
 * spans of all messages count above room.mentions_after_ms alone.
 */
int store_mention_gaps(struct store_conn *c, int64_t room, int64_t lo, int64_t hi, GArray *gaps)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT lo, hi FROM mention_span WHERE room=?1 AND hi>?2 AND lo<?3"
		      " UNION ALL SELECT max(lo, (SELECT mentions_after_ms FROM room"
		      "  WHERE rowid=?1)), hi FROM span WHERE room=?1 AND hi>?2 AND lo<?3"
		      " ORDER BY 2 DESC");
	int64_t top = hi;
	int r = 1;

	sql_int(&st, 1, room);
	sql_int(&st, 2, lo);
	sql_int(&st, 3, hi);
	while (top > lo && (r = sql_step(&st)) == 1) {
		struct store_span known = {.lo = sql_get_int(&st, 0),
					   .hi = sql_get_int(&st, 1)};
		struct store_span gap = {.lo = MAX(known.hi, lo), .hi = top};

		if (known.lo >= known.hi)
			continue;
		if (gap.lo < gap.hi)
			g_array_append_val(gaps, gap);
		top = MIN(top, known.lo);
	}
	if (top > lo && r == 0) {
		struct store_span gap = {.lo = lo, .hi = top};

		g_array_append_val(gaps, gap);
	}
	return MIN(r, 0);
}

int store_mention_covers(struct store_conn *c, int64_t room, int64_t lo, int64_t hi)
{
	g_autoptr(GArray) gaps = g_array_new(FALSE, FALSE, sizeof(struct store_span));
	int r = store_mention_gaps(c, room, lo, hi, gaps);

	return r < 0 ? r : gaps->len == 0;
}

int64_t store_mention_top(struct store_conn *c, int64_t room, int64_t *ret_verified_wall_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT hi, (SELECT mentions_wall_ms FROM room WHERE rowid=?1)"
			       " FROM mention_span WHERE room=?1 ORDER BY hi DESC LIMIT 1");
	bool has;

	sql_int(&st, 1, room);
	has = sql_step(&st) == 1;
	*ret_verified_wall_ms = has ? sql_get_int(&st, 1) : -1;
	return has ? sql_get_int(&st, 0) : -1;
}

/* As span_merge() of pages.c. */
static int merge(struct write *w, int64_t room, struct store_span *span)
{
	_cleanup_(sql_done) struct sql_stmt find =
		sql_stmt(w->q, "SELECT min(lo), max(hi) FROM mention_span"
			       " WHERE room=?1 AND hi>=?2 AND lo<=?3");
	_cleanup_(sql_done) struct sql_stmt drop =
		sql_stmt(w->q, "DELETE FROM mention_span WHERE room=?1 AND hi>=?2 AND lo<=?3");
	int r;

	sql_int(&find, 1, room);
	sql_int(&find, 2, span->lo);
	sql_int(&find, 3, span->hi);
	r = sql_step(&find);
	if (r < 0)
		return r;
	if (r == 1 && sql_peek_text(&find, 0)) {
		span->lo = MIN(span->lo, sql_get_int(&find, 0));
		span->hi = MAX(span->hi, sql_get_int(&find, 1));
	}
	sql_int(&drop, 1, room);
	sql_int(&drop, 2, span->lo);
	sql_int(&drop, 3, span->hi);
	return sql_run(&drop);
}

static int add_span(struct write *w, int64_t room, struct store_span span)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "INSERT INTO mention_span(room, lo, hi) VALUES(?1, ?2, ?3)");
	int r;

	if (span.lo >= span.hi)
		return 0;
	r = merge(w, room, &span);
	if (r < 0)
		return r;
	sql_int(&st, 1, room);
	sql_int(&st, 2, span.lo);
	sql_int(&st, 3, span.hi);
	return sql_run(&st);
}

/* ---- pages of the server's filter ---- */

/* True if the page has a message that is in it for nothing but its @all. What we wrote may be in it
 * for another reason. */
static bool counts_all(struct put *p, const GPtrArray *messages)
{
	for (guint i = 0; i < messages->len; i++) {
		const struct webex_message *m = messages->pdata[i];

		if (mention_flags(p->w, m) == MESSAGE_MENTIONS_ALL && m->person_id &&
		    !(p->owner_id && webex_id_is_same(m->person_id, p->owner_id)))
			return true;
	}
	return false;
}

int mentions_learn(struct put *p, const GPtrArray *messages)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		p->w->q, "INSERT OR REPLACE INTO meta(key, value) VALUES('" META_ALL "', '1')");

	if (mention_is(p->w, MESSAGE_MENTIONS_ALL) || !counts_all(p, messages))
		return 0;
	p->w->mentions = MESSAGE_MENTIONS;
	return sql_run(&st);
}

static int apply(struct write *w, int64_t room, GPtrArray *messages,
		 const struct page_part *part, GArray *doubts)
{
	struct store_span span = {.lo = part->lo, .hi = part->hi};
	int64_t newest_ms;
	struct put p;
	int r = put_begin(w, room, &p);

	if (r < 0)
		return r;
	p.is_sparse = true;
	p.keeps_files = true;
	p.doubts = doubts;
	r = mentions_learn(&p, messages);
	if (r == 0)
		r = put_page(&p, messages, part, doubts, &newest_ms);
	if (r == 0)
		r = add_span(w, room, span);
	return put_end(&p, r);
}

int store_apply_mentions(struct store *s, int64_t room, GPtrArray *messages, int64_t lo,
			 int64_t hi, int64_t now_wall_ms, GArray *ret_doubts,
			 GPtrArray *changes)
{
	const struct page_part part = {
		.is_complete = true,
		.has_mentions = true,
		.lo = MAX(lo, -1),
		.hi = hi,
		.sure_hi = hi,
		.now_wall_ms = now_wall_ms,
	};
	struct write w;
	int r;

	if (part.lo > hi)
		return -EINVAL;
	r = write_begin(s, changes, &w);
	return r < 0 ? r : write_end(&w, apply(&w, room, messages, &part, ret_doubts));
}

static int note_verified(struct write *w, int64_t room, int64_t wall_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE room SET mentions_wall_ms=?2 WHERE rowid=?1");

	sql_int(&st, 1, room);
	sql_int(&st, 2, wall_ms);
	return sql_run(&st);
}

int store_mentions_verified(struct store *s, int64_t room, int64_t wall_ms)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	if (r < 0)
		return r;
	w.is_quiet = true;
	return write_end(&w, note_verified(&w, room, wall_ms));
}

/* ---- listings ---- */

bool store_message_is_mention(struct store_conn *c, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT flags FROM message WHERE rowid=?1 AND deleted=0");

	sql_int(&st, 1, rowid);
	return sql_step(&st) == 1 && sql_get_int(&st, 0) & mask_of(c->q);
}

int store_mention_list(struct store_conn *c, const struct store_range *range,
		       bool (*fn)(void *arg, const struct store_brief *brief), void *arg)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT " BRIEF_COLUMNS "FROM message m INDEXED BY message_mention"
		      " WHERE m.room=?1 AND m.cookie>?2 AND m.cookie<?4"
		      " AND m." MESSAGE_IS_MENTION " AND m.deleted=0 AND m.flags&?3"
		      " AND (SELECT gone FROM room WHERE rowid=?1)=0 ORDER BY m.cookie");
	bool more = true;
	int r = 0;

	sql_int(&st, 1, range->room);
	sql_int(&st, 2, range->after);
	sql_int(&st, 3, mask_of(c->q));
	sql_int(&st, 4, range->until > 0 ? range->until : G_MAXINT64);
	while (more && (r = sql_step(&st)) == 1) {
		struct store_brief brief;

		brief_row(&st, &brief);
		more = fn(arg, &brief);
	}
	return MIN(r, 0);
}

#define MENTION_COLUMNS "m.rowid, m.created_ms, m.stem, r.name, r.type "

/* The texts are borrowed until the next step. */
static void mention_row(struct sql_stmt *st, struct store_mention *ret_mention)
{
	*ret_mention = (struct store_mention){
		.rowid = sql_get_int(st, 0),
		.created_ms = sql_get_int(st, 1),
		.stem = sql_peek_text(st, 2),
		.room_name = sql_peek_text(st, 3),
		.room_type = (enum webex_room_type)sql_get_int(st, 4),
	};
}

int store_mentions_each(struct store_conn *c, int64_t until_ms,
			bool (*fn)(void *arg, const struct store_mention *m), void *arg)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q,
		"SELECT " MENTION_COLUMNS "FROM message m INDEXED BY message_mentions"
		" JOIN room r ON r.rowid=m.room WHERE m.created_ms<=?1"
		" AND m." MESSAGE_IS_MENTION " AND m.deleted=0 AND m.flags&?2 AND r.gone=0"
		" AND r.name IS NOT NULL ORDER BY m.created_ms DESC, m.rowid&1048575");
	bool more = true;
	int r = 0;

	G_STATIC_ASSERT(STORE_MENTION_TIE == 1048575);
	sql_int(&st, 1, until_ms);
	sql_int(&st, 2, mask_of(c->q));
	while (more && (r = sql_step(&st)) == 1) {
		struct store_mention m;

		mention_row(&st, &m);
		more = fn(arg, &m);
	}
	return MIN(r, 0);
}

int store_mention_get(struct store_conn *c, int64_t rowid, struct store_mention *ret_mention)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT " MENTION_COLUMNS "FROM message m JOIN room r ON"
			       " r.rowid=m.room WHERE m.rowid=?1 AND m.deleted=0 AND m.flags&?2"
			       " AND r.gone=0 AND r.name IS NOT NULL");
	int r;

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, mask_of(c->q));
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	mention_row(&st, ret_mention);
	ret_mention->stem = g_strdup(ret_mention->stem);
	ret_mention->room_name = g_strdup(ret_mention->room_name);
	return 0;
}

void store_mention_clear(struct store_mention *m)
{
	g_free((char *)m->stem);
	g_free((char *)m->room_name);
	*m = (struct store_mention){0};
}
