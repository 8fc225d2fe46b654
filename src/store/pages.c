/* SPDX-License-Identifier: MIT */
/* Pages of messages, and the intervals of time that are completely known. */
#include "store/internal.h"
#include "store/doubts.h"

#include <errno.h>

int store_span_head(struct store_conn *c, int64_t room, struct store_span *ret_span)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT lo, hi FROM span WHERE room=?1 AND"
			       " (SELECT head_wall_ms FROM room WHERE rowid=?1)>=0"
			       " ORDER BY hi DESC LIMIT 1");
	int r;

	sql_int(&st, 1, room);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	ret_span->lo = sql_get_int(&st, 0);
	ret_span->hi = sql_get_int(&st, 1);
	return 0;
}

int store_head_range(struct store_conn *c, int64_t room, int64_t recent,
		     struct store_range *ret_range)
{
	struct store_span head = {.lo = -1};
	int r = store_span_head(c, room, &head);

	if (r < 0 && r != -ENOENT)
		return r;
	*ret_range = (struct store_range){.room = room, .since_ms = head.lo};
	if (recent)
		ret_range->after = store_message_recent(c, room, head.lo, recent);
	return r;
}

int64_t span_top(struct sql *q, int64_t room)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT hi FROM span WHERE room=?1 ORDER BY hi DESC LIMIT 1");

	sql_int(&st, 1, room);
	return sql_step(&st) == 1 ? sql_get_int(&st, 0) : -1;
}

int64_t store_span_top(struct store_conn *c, int64_t room)
{
	return span_top(c->q, room);
}

/* Widens the span by the ones it touches: (a,b] and (b,c] become (a,c]. */
static int span_merge(struct write *w, int64_t room, struct store_span *span)
{
	_cleanup_(sql_done) struct sql_stmt find =
		sql_stmt(w->q, "SELECT min(lo), max(hi) FROM span"
			       " WHERE room=?1 AND hi>=?2 AND lo<=?3");
	_cleanup_(sql_done) struct sql_stmt drop =
		sql_stmt(w->q, "DELETE FROM span WHERE room=?1 AND hi>=?2 AND lo<=?3");
	int r;

	sql_int(&find, 1, room);
	sql_int(&find, 2, span->lo);
	sql_int(&find, 3, span->hi);
	r = sql_step(&find);
	if (r < 0)
		return r;
	sql_int(&drop, 1, room);
	sql_int(&drop, 2, span->lo);
	sql_int(&drop, 3, span->hi);
	/* An aggregate query always yields a row, with nulls if no span touches. */
	if (r == 1 && sql_peek_text(&find, 0)) {
		span->lo = MIN(span->lo, sql_get_int(&find, 0));
		span->hi = MAX(span->hi, sql_get_int(&find, 1));
	}
	return sql_run(&drop);
}

bool span_is_known(struct sql *q, int64_t room, const struct store_span *span)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT 1 FROM span WHERE room=?1 AND lo<=?2 AND hi>=?3");

	sql_int(&st, 1, room);
	sql_int(&st, 2, span->lo);
	sql_int(&st, 3, span->hi);
	return sql_step(&st) == 1;
}

int64_t store_head_recent(struct store_conn *c, int64_t room)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT head_recent FROM room WHERE rowid=?1");

	sql_int(&st, 1, room);
	return sql_step(&st) == 1 ? sql_get_int(&st, 0) : 0;
}

static int set_head_recent(struct write *w, int64_t room, int64_t recent)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE room SET head_recent=?2 WHERE rowid=?1"
			       " AND head_recent<>?2");

	sql_int(&st, 1, room);
	sql_int(&st, 2, recent);
	return sql_run(&st);
}

int store_set_head_recent(struct store *s, int64_t room, int64_t recent)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	return r < 0 ? r : write_end(&w, set_head_recent(&w, room, recent));
}

int store_span_gaps(struct store_conn *c, int64_t room, int64_t lo, int64_t hi, GArray *gaps)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q,
		"SELECT lo, hi FROM span WHERE room=?1 AND hi>?2 AND lo<?3 ORDER BY hi DESC");
	int64_t top = hi;
	int r;

	sql_int(&st, 1, room);
	sql_int(&st, 2, lo);
	sql_int(&st, 3, hi);
	while (top > lo && (r = sql_step(&st)) == 1) {
		struct store_span gap = {.lo = sql_get_int(&st, 1), .hi = top};

		if (gap.lo < gap.hi)
			g_array_append_val(gaps, gap);
		top = MIN(top, sql_get_int(&st, 0));
	}
	if (top > lo && r < 0)
		return r;
	if (top > lo) {
		struct store_span gap = {.lo = lo, .hi = top};

		g_array_append_val(gaps, gap);
	}
	return 0;
}

int store_span_covers(struct store_conn *c, int64_t room, int64_t lo, int64_t hi)
{
	struct store_span span = {.lo = lo, .hi = hi};

	return lo >= hi || span_is_known(c->q, room, &span);
}

bool span_has(struct sql *q, int64_t room, int64_t ms)
{
	return span_is_known(q, room, &(struct store_span){.lo = ms - 1, .hi = ms});
}

/* Only for a head an empty span is worth knowing. */
static int span_add(struct write *w, int64_t room, struct store_span span, bool is_head)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "INSERT INTO span(room, lo, hi) VALUES(?1, ?2, ?3)");
	int r;

	/* A page with nothing new causes no write. */
	if ((!is_head && span.lo >= span.hi) || span_is_known(w->q, room, &span))
		return 0;
	r = span_merge(w, room, &span);
	if (r < 0)
		return r;
	sql_int(&st, 1, room);
	sql_int(&st, 2, span.lo);
	sql_int(&st, 3, span.hi);
	return sql_run(&st);
}

/* Whether anything of (lo, hi] is known. */
static bool span_touches(struct sql *q, int64_t room, int64_t lo, int64_t hi)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT 1 FROM span WHERE room=?1 AND hi>?2 AND lo<?3 LIMIT 1");

	sql_int(&st, 1, room);
	sql_int(&st, 2, lo);
	sql_int(&st, 3, hi);
	return sql_step(&st) == 1;
}

/* ---- one page ---- */

struct page {
	struct store_span span;
	bool is_all; /* every known message above the page is missing */
	enum store_page mode;
	bool verifies, believes, is_of_mentions;
	int64_t now_wall_ms;
	GArray *missing, *doubts; /* may be NULL */
};

/* The time of the listing is kept with this accuracy, so that a page with nothing new causes no
 * write. */
#define HEAD_GRAIN_MS 60000

static int note_head(struct write *w, int64_t room, int64_t now_wall_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE room SET head_wall_ms=?2 WHERE rowid=?1"
			       " AND (head_wall_ms<0 OR head_wall_ms<?3)");

	sql_int(&st, 1, room);
	sql_int(&st, 2, now_wall_ms);
	sql_int(&st, 3, now_wall_ms - HEAD_GRAIN_MS);
	return sql_run(&st);
}

/* For the first listing of a room whose last activity was not known, either. */
static int note_told(struct put *p, int64_t told_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(p->w->q, "UPDATE room SET told_ms=?2 WHERE rowid=?1");

	if (p->told_ms >= 0)
		return 0;
	sql_int(&st, 1, p->room.rowid);
	sql_int(&st, 2, MAX(told_ms, 0));
	return sql_run(&st);
}

static bool is_head(const struct page *page)
{
	return page->mode == STORE_PAGE_HEAD || page->mode == STORE_PAGE_FILTERED;
}

/* Up to this time known messages that the page lacks are missing. */
static int64_t sure_hi(const GPtrArray *messages, const struct page *page)
{
	int64_t hi = page->span.hi;

	for (guint i = 0; is_head(page) && i < messages->len; i++) {
		const struct webex_message *m = messages->pdata[i];

		if (!m->has_odd_time)
			hi = MAX(hi, m->created_ms);
	}
	return page->is_all ? G_MAXINT64 : hi;
}

static int put_items(struct put *p, GPtrArray *messages, struct page *page)
{
	struct page_part part = {
		.is_complete = page->mode == STORE_PAGE_HEAD || page->mode == STORE_PAGE_INNER,
		.lo = page->span.lo,
		.hi = page->mode == STORE_PAGE_HEAD ? G_MAXINT64 : page->span.hi,
		.sure_hi = sure_hi(messages, page),
		.now_wall_ms = page->now_wall_ms,
	};
	int64_t newest_ms = -1;
	int r = put_page(p, messages, &part, page->missing, &newest_ms);

	/* A pinned message above the page proves nothing about the time in between. */
	if (is_head(page))
		page->span.hi = MAX(MAX(page->span.lo, page->span.hi), newest_ms);
	return r;
}

static int apply_page(struct write *w, int64_t room, GPtrArray *messages, struct page *page)
{
	struct put p;
	int r = put_begin(w, room, &p);

	if (r < 0)
		return r;
	p.is_backfill = page->mode != STORE_PAGE_PICKED &&
			!span_touches(w->q, room, page->span.lo,
				      is_head(page) ? G_MAXINT64 : page->span.hi);
	p.verifies = page->verifies;
	p.keeps_files = !page->believes;
	p.doubts = page->doubts;
	r = page->is_of_mentions ? mentions_learn(&p, messages) : 0;
	if (r == 0)
		r = put_items(&p, messages, page);
	if (r == 0 && is_head(page))
		r = times_head(&p, page->span.lo);
	if (r == 0 && page->mode != STORE_PAGE_PICKED)
		r = span_add(w, room, page->span, is_head(page));
	if (r == 0 && (page->mode == STORE_PAGE_HEAD || page->mode == STORE_PAGE_INNER))
		r = months_verified(w, room, page->span.lo,
				    is_head(page) ? G_MAXINT64 : page->span.hi,
				    page->now_wall_ms);
	if (r == 0 && is_head(page))
		r = note_head(w, room, page->now_wall_ms);
	if (r == 0 && is_head(page))
		r = note_told(&p, page->span.hi);
	return put_end(&p, r);
}

int store_apply_page(struct store *s, int64_t room, GPtrArray *messages, int64_t lo, int64_t hi,
		     enum store_page mode, int64_t now_wall_ms, GArray *ret_missing,
		     GPtrArray *changes)
{
	return store_apply_page_apart(s, room, messages, lo, hi, mode, now_wall_ms, ret_missing,
				      ret_missing, changes);
}

int store_apply_page_apart(struct store *s, int64_t room, GPtrArray *messages, int64_t lo,
			   int64_t hi, enum store_page mode, int64_t now_wall_ms,
			   GArray *ret_missing, GArray *ret_doubts, GPtrArray *changes)
{
	struct page page = {
		.span = {.lo = MAX(lo, -1), .hi = hi},
		.mode = mode &
			~(STORE_PAGE_VERIFIES | STORE_PAGE_BELIEVES | STORE_PAGE_MENTIONS),
		.verifies = mode & STORE_PAGE_VERIFIES,
		.believes = mode & STORE_PAGE_BELIEVES,
		.is_of_mentions = mode & STORE_PAGE_MENTIONS,
		.now_wall_ms = now_wall_ms,
		.missing = ret_missing,
		.doubts = ret_doubts,
	};
	struct write w;
	int r;

	if (!is_head(&page) && page.span.lo > hi)
		return -EINVAL;
	page.is_all = is_head(&page) && !hi;
	if (page.is_all)
		page.span.hi = -1;
	r = write_begin(s, changes, &w);
	return r < 0 ? r : write_end(&w, apply_page(&w, room, messages, &page));
}

static int apply_message(struct write *w, int64_t room, const struct webex_message *m,
			 bool believes, int64_t pin_until_ms, int64_t *ret_rowid)
{
	struct put p;
	int r = put_begin(w, room, &p);

	if (r < 0)
		return r;
	p.believes = believes;
	r = put_end(&p, put_message(&p, m, false, pin_until_ms, ret_rowid));
	return r == 0 && *ret_rowid == 0 ? -EINVAL : r;
}

int store_apply_message(struct store *s, int64_t room, const struct webex_message *m,
			int64_t pin_until_wall_ms, int64_t *ret_rowid, GPtrArray *changes)
{
	struct write w;
	int64_t rowid = 0;
	int r = write_begin(s, changes, &w);

	if (r < 0)
		return r;
	r = write_end(&w, apply_message(&w, room, m, false, pin_until_wall_ms, &rowid));
	if (r == 0 && ret_rowid)
		*ret_rowid = rowid;
	return r;
}

int store_believe_message(struct store *s, int64_t room, const struct webex_message *m,
			  GPtrArray *changes)
{
	struct write w;
	int64_t rowid;
	int r = write_begin(s, changes, &w);

	return r < 0 ? r : write_end(&w, apply_message(&w, room, m, true, 0, &rowid));
}

static int remove_message(struct write *w, int64_t rowid)
{
	struct room_place room = {0};
	struct store_message m;
	int r = message_load(w->q, rowid, &m);

	if (r < 0)
		return r;
	r = m.deleted ? -ENOENT : room_place_get(w->q, m.room, &room);
	if (r == 0)
		r = put_deleted(w, &room, rowid);
	room_place_clear(&room);
	store_message_clear(&m);
	return r;
}

/* The pin is set to have run out but is kept, since it tells our own messages from those that
 * another answer brought. */
static int unpin(struct write *w, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE message SET pin_until_ms=1"
			       " WHERE rowid=?1 AND pin_until_ms>1 AND deleted=0");

	sql_int(&st, 1, rowid);
	return sql_run(&st);
}

int store_unpin_message(struct store *s, int64_t rowid)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	return r < 0 ? r : write_end(&w, unpin(&w, rowid));
}

int store_remove_message(struct store *s, int64_t rowid, GPtrArray *changes)
{
	struct write w;
	int r = write_begin(s, changes, &w);

	return r < 0 ? r : write_end(&w, remove_message(&w, rowid));
}

int store_message_created(struct store_conn *c, int64_t rowid, int64_t *ret_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT created_ms FROM message WHERE rowid=?1 AND deleted=0");
	int r;

	sql_int(&st, 1, rowid);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_ms = sql_get_int(&st, 0);
	return 0;
}

static bool is_pinned(struct sql *q, int64_t rowid, int64_t now_wall_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT 1 FROM message WHERE rowid=?1 AND pin_until_ms>?2");

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, now_wall_ms);
	return sql_step(&st) == 1;
}

bool store_message_is_pinned(struct store *s, int64_t rowid, int64_t now_wall_ms)
{
	return is_pinned(s->writer, rowid, now_wall_ms);
}

int store_remove_messages(struct store *s, const GArray *rows, int64_t now_wall_ms,
			  GPtrArray *changes)
{
	struct write w;
	int r = write_begin(s, changes, &w);

	if (r < 0)
		return r;
	for (guint i = 0; r == 0 && i < rows->len; i++) {
		int64_t rowid = g_array_index(rows, int64_t, i);

		if (!is_pinned(w.q, rowid, now_wall_ms))
			r = remove_message(&w, rowid);
		if (r == -ENOENT)
			r = 0;
	}
	return write_end(&w, r);
}
