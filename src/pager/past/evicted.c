/* SPDX-License-Identifier: MIT */
#include "pager/past/evicted.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "pager/fetchers/fetchers.h"
#include "pager/present/poll.h"
#include "pager/past/page_run.h"
#include "pager/internal.h"
#include "pager/proof/proof.h"

/* So many bodies are dropped at once, with a pause after that: a few milliseconds of work in a
 * hundred. */
#define SLICE 500
#define PAUSE_MS 20
/* A reader that waited for a body reads it within this time. */
#define FRESH_MS 3000
/* When to try again if nothing could be dropped: months were opened just now, or the disk is
 * full. */
#define RETRY_MS FRESH_MS
/* The same for a bot, most of whose bodies must stay. */
#define KEPT_RETRY_MS 60000
/* A window has this part of the messages that a page can hold, since unknown messages may stand
 * between them. */
#define WINDOW_PERCENT 95
/* The service's cap for a bot's lists (webex-api.md 5.20). */
#define BOT_PAGE_MAX 100

/* Bodies that a page did not bring are fetched one by one, at most so many for a need. */
#define SINGLES_MAX 50

struct evicted {
	struct pager *pager;
	GPtrArray *windows; /* of struct window */
	uint64_t timer;	    /* 0: none */
};

/* A part of a space's time whose messages are fetched again. */
struct window {
	struct evicted *evicted;
	int64_t room;
	struct page_run *run; /* NULL: it ended */
	bool is_ending;	      /* parts are being ended: it stays until that is done */
	GPtrArray *parts;     /* of struct part: the waiting fetches */
};

/* The part of a window that one fetch wants. */
struct part {
	struct evicted *evicted;
	struct fetch *fetch; /* NULL: cancelled, freed when the answer comes */
	struct window
		*window; /* NULL: its page came; bodies that it lacked are fetched alone */
	int64_t room;
	struct store_span span;
	/* for bodies that are fetched alone */
	uint64_t request;
	int64_t row, cookie;
	int singles;
};

static const struct pager_config *config_of(const struct evicted *b)
{
	return pager_get_config(b->pager);
}

struct evicted *evicted_new(struct pager *p)
{
	struct evicted *b = g_new0(struct evicted, 1);

	b->pager = p;
	b->windows = g_ptr_array_new();
	return b;
}

void evicted_free(struct evicted **b)
{
	if (!*b)
		return;
	g_ptr_array_unref((*b)->windows);
	g_free(*b);
	*b = NULL;
}

/* ---- the bound ---- */

static void drop(void *arg);

static void arm(struct evicted *b, int64_t delay_ms)
{
	const struct pager_config *c = config_of(b);

	b->timer = work_post_at(c->queue, clock_mono(c->clock) + delay_ms, drop, b);
}

static bool is_over(const struct evicted *b)
{
	const struct pager_config *c = config_of(b);

	return c->max_bodies && store_bodies_count(c->store) > c->max_bodies;
}

static void drop(void *arg)
{
	struct evicted *b = arg;
	const struct pager_config *c = config_of(b);
	struct store_evict e = {
		.limit = c->max_bodies,
		.recent = c->recent,
		.keep_hidden = c->is_bot,
		.fresh_ms = FRESH_MS,
		.slice = SLICE,
	};
	int r;

	b->timer = 0;
	poller_save_uses(pager_poller(b->pager));
	/* Nothing is dropped while a fetch waits for a page, since it may need all of a month
	 * at once. */
	r = b->windows->len || !is_over(b) ? 0 : store_evict(c->store, &e);
	if (is_over(b))
		arm(b, r == 1 ? PAUSE_MS : c->is_bot ? KEPT_RETRY_MS : RETRY_MS);
}

void evicted_tick(struct evicted *b)
{
	if (b->timer)
		work_cancel(config_of(b)->queue, b->timer);
	drop(b);
}

void evicted_check(struct evicted *b)
{
	if (!b->timer && is_over(b))
		arm(b, PAUSE_MS);
}

void evicted_opened(struct evicted *b, int64_t room, int64_t lo_ms, int64_t hi_ms)
{
	const struct pager_config *c = config_of(b);

	if (c->max_bodies && store_month_opened(c->store, room, lo_ms, hi_ms) < 0)
		log_debug("cache", "cannot note that a month of %lld was opened",
			  (long long)room);
}

/* ---- one by one ---- */

/* What came is of months that somebody opens now: it stays until those who wait for it have seen it. */
static void finish(struct part *p, int error, const struct webex_reply *reply)
{
	struct fetch *f = p->fetch;

	if (!error)
		evicted_opened(p->evicted, p->room, p->span.lo, p->span.hi);
	g_free(p);
	f->part = NULL;
	fetch_finished(f, error, reply);
}

static int find_lacking(struct part *p, char **ret_id)
{
	struct store_conn *conn;
	int r = store_read_begin(config_of(p->evicted)->store, &conn);

	if (r)
		return r;
	r = store_evicted_next(conn, p->room, &p->span, p->cookie, &p->row, &p->cookie, ret_id);
	store_read_end(conn);
	return r;
}

static void on_single(void *arg, struct webex_reply *reply);

/*
 * Fetches a message by its id. A list may lack a message that exists: one of a bot's own, or
 * one beside an item that could not be read. So its absence does not prove that it is gone.
 */
static void ask_alone(struct part *p)
{
	_cleanup_gfree_ char *id = NULL;
	int r = find_lacking(p, &id);

	if (r <= 0 || p->singles++ == SINGLES_MAX)
		finish(p, MIN(r, 0), NULL);
	else
		p->request = webex_get_message(config_of(p->evicted)->client, id, on_single, p);
}

static int apply_single(struct part *p, struct webex_reply *reply)
{
	const struct pager_config *c = config_of(p->evicted);
	GPtrArray *changes = store_changes_new();
	int r;

	if (reply->status == 404)
		r = store_message_answered(c->store, c->is_bot, p->row, clock_wall(c->clock),
					   changes);
	else
		r = store_apply_message(c->store, p->room, reply->items->pdata[0], 0, NULL,
					changes);
	return pager_published(p->evicted->pager, r, changes);
}

static void on_single(void *arg, struct webex_reply *reply)
{
	struct part *p = arg;

	p->request = 0;
	if (!p->fetch) {
		g_free(p);
		return;
	}
	server_heard(pager_server(p->evicted->pager), reply);
	if (reply->error && reply->status != 404) {
		finish(p, reply->error, reply);
		return;
	}
	/* The result does not matter: a message that still lacks its body now cannot be
	 * fetched. */
	if (apply_single(p, reply) == -EBUSY)
		finish(p, -EBUSY, reply);
	else
		ask_alone(p);
}

/* ---- windows ---- */

static void window_free(struct window *w)
{
	g_ptr_array_remove_fast(w->evicted->windows, w);
	g_ptr_array_unref(w->parts);
	g_free(w);
}

void evicted_stop(struct evicted *b)
{
	if (b->timer)
		work_cancel(config_of(b)->queue, b->timer);
	b->timer = 0;
	while (b->windows->len) {
		struct window *w = g_ptr_array_steal_index_fast(b->windows, 0);

		for (guint i = 0; i < w->parts->len; i++) {
			struct part *p = w->parts->pdata[i];

			p->fetch->part = NULL;
			g_free(p);
		}
		page_run_cancel(w->run);
		window_free(w);
	}
}

/* Ends the fetches whose part has come (error 0: only those down to `lo`). */
static void end_parts(struct window *w, int64_t lo, int error, const struct webex_reply *reply)
{
	g_autoptr(GPtrArray) ended = g_ptr_array_new();

	for (guint i = w->parts->len; i-- > 0;) {
		struct part *p = w->parts->pdata[i];

		if (!error && p->span.lo < lo)
			continue;
		g_ptr_array_remove_index_fast(w->parts, i);
		g_ptr_array_add(ended, p);
		p->window = NULL;
	}
	/* Waiters may wait again from inside, and others may end. */
	w->is_ending = true;
	for (guint i = 0; i < ended->len; i++) {
		if (error)
			finish(ended->pdata[i], error, reply);
		else
			ask_alone(ended->pdata[i]);
	}
	w->is_ending = false;
}

/* True if the message belongs to a part, which fetches it alone as soon as the window ends. */
static bool is_lacking(const struct window *w, struct store_conn *conn, int64_t row)
{
	bool is_evicted = false;
	int64_t ms;

	if (store_message_created(conn, row, &ms) ||
	    store_message_is_evicted(conn, row, &is_evicted) || !is_evicted)
		return false;
	for (guint i = 0; i < w->parts->len; i++) {
		const struct part *p = w->parts->pdata[i];

		if (ms > p->span.lo && ms <= p->span.hi)
			return true;
	}
	return false;
}

/* Leaves out messages that a part will fetch alone, since one request for each is enough. */
static void on_missing(void *arg, const struct page_told *page)
{
	const struct window *w = arg;
	g_autoptr(GArray) others = g_array_new(FALSE, FALSE, sizeof(int64_t));
	struct page_told rest = *page;
	struct store_conn *conn;

	if (store_read_begin(config_of(w->evicted)->store, &conn))
		return;
	for (guint i = 0; i < page->missing->len; i++) {
		int64_t row = g_array_index(page->missing, int64_t, i);

		if (!is_lacking(w, conn, row))
			g_array_append_val(others, row);
	}
	store_read_end(conn);
	rest.missing = others;
	proof_page_listed(pager_proof(w->evicted->pager), &rest);
}

static bool on_page(void *arg, struct page_run *run, guint items)
{
	struct window *w = arg;

	(void)items;
	end_parts(w, page_run_top(run), 0, NULL);
	return w->parts->len > 0;
}

static void on_done(void *arg, struct page_run *run, int error, const struct webex_reply *reply)
{
	struct window *w = arg;

	w->run = NULL;
	if (error && page_run_lost_space(run, reply)) {
		int r = proof_room_vanished(pager_proof(w->evicted->pager), w->room);

		error = r == -EAGAIN ? -EBUSY : r;
	}
	end_parts(w, INT64_MIN, error, reply);
	window_free(w);
}

static bool is_background(void *arg)
{
	const struct window *w = arg;

	for (guint i = 0; i < w->parts->len; i++)
		if (!fetch_is_unwaited(((struct part *)w->parts->pdata[i])->fetch))
			return false;
	return true;
}

static int window_open(struct evicted *b, int64_t room, const struct store_span *span,
		       struct window **ret_window)
{
	struct window *w;
	_cleanup_gfree_ char *room_id = NULL;
	struct page_run_config config = {
		.pager = b->pager,
		.room = room,
		.top = span->hi,
		.bottom = span->lo,
		.max = SERVER_PAGE_MAX,
		.is_again = true,
		.is_background = is_background,
		.missing = on_missing,
		.paged = on_page,
		.done = on_done,
	};
	int r = pager_load_room(b->pager, room, &room_id, &config.is_filtered);

	if (r)
		return r;
	w = g_new0(struct window, 1);
	w->evicted = b;
	w->room = room;
	w->parts = g_ptr_array_new();
	g_ptr_array_add(b->windows, w);
	config.room_id = room_id;
	config.arg = w;
	w->run = page_run_new(&config);
	*ret_window = w;
	return 0;
}

/* Finds a window that is still to bring the whole part. */
static struct window *window_find(struct evicted *b, int64_t room,
				  const struct store_span *part)
{
	for (guint i = 0; i < b->windows->len; i++) {
		struct window *w = b->windows->pdata[i];

		if (w->room == room && w->run && page_run_bottom(w->run) <= part->lo &&
		    page_run_top(w->run) >= part->hi)
			return w;
	}
	return NULL;
}

/* ---- the need ---- */

/* How many messages one request may bring. */
static int page_size(const struct evicted *b)
{
	struct server *s = pager_server(b->pager);
	int most = config_of(b)->is_bot ? BOT_PAGE_MAX : SERVER_PAGE_MAX;

	most = server_page_given(s, server_page_max(s, most));
	return MAX(1, most * WINDOW_PERCENT / 100);
}

/* Cuts the span so that it does not overlap windows under way above and below. */
static void cut_by_windows(const struct evicted *b, int64_t room, const struct store_span *part,
			   struct store_span *span)
{
	for (guint i = 0; i < b->windows->len; i++) {
		const struct window *w = b->windows->pdata[i];

		if (w->room != room || !w->run)
			continue;
		if (page_run_bottom(w->run) >= part->hi)
			span->hi = MIN(span->hi, page_run_bottom(w->run));
		if (page_run_top(w->run) <= part->lo)
			span->lo = MAX(span->lo, page_run_top(w->run));
	}
}

/* Finds what is needed, and what is worth fetching with it: FETCH_MORE; FETCH_DONE: nothing is
 * missing. */
static int look_up(struct fetch *f, int64_t *ret_room, struct store_span *ret_part,
		   struct store_span *ret_window)
{
	const struct evicted *b = pager_evicted(f->pager);
	const struct pager_config *c = config_of(b);
	struct store_message m = {0};
	struct store_conn *conn;
	int r = store_read_begin(c->store, &conn);

	if (r)
		return r;
	r = store_message_get(conn, f->need.row, &m);
	if (r == 0 && m.deleted)
		r = -ENOENT;
	*ret_part = (struct store_span){m.m.created_ms - 1, m.m.created_ms};
	*ret_window = (struct store_span){-1, INT64_MAX};
	if (r == 0 && m.is_evicted) {
		cut_by_windows(b, m.room, ret_part, ret_window);
		r = store_evicted_around(conn, f->need.row, page_size(b), ret_room, ret_window);
		r = r ? r : FETCH_MORE;
	}
	store_read_end(conn);
	store_message_clear(&m);
	return r;
}

/* Bodies that are fetched alone are never asked for in the background. */
static void part_raise(struct fetch *f)
{
	if (f->part && f->part->window && f->part->window->run)
		page_run_raise(f->part->window->run);
}

/* Waits for a part, with a window that is under way or one that is opened for `span`. */
static int part_begin(struct fetch *f, int64_t room, const struct store_span *part,
		      const struct store_span *span)
{
	struct evicted *b = pager_evicted(f->pager);
	struct window *w = window_find(b, room, part);
	int r;

	if (!w && (r = window_open(b, room, span, &w)))
		return r;
	f->part = g_new0(struct part, 1);
	*f->part = (struct part){
		.evicted = b, .fetch = f, .window = w, .room = room, .span = *part};
	g_ptr_array_add(w->parts, f->part);
	if (!fetch_is_unwaited(f))
		part_raise(f);
	return FETCH_MORE;
}

static int body_begin(struct fetch *f)
{
	struct store_span part, span;
	int64_t room = 0;
	int r = look_up(f, &room, &part, &span);

	return r == FETCH_MORE ? part_begin(f, room, &part, &span) : r;
}

static int bodies_begin(struct fetch *f)
{
	struct store_span part = {f->need.lo_ms, f->need.hi_ms};

	return part_begin(f, f->need.row, &part, &part);
}

static void part_cancel(struct fetch *f)
{
	struct part *p = f->part;
	struct window *w = p ? p->window : NULL;

	if (!p)
		return;
	p->fetch = NULL;
	if (!w) {
		/* The answer frees the part. */
		webex_cancel(config_of(p->evicted)->client, p->request);
		return;
	}
	g_ptr_array_remove_fast(w->parts, p);
	g_free(p);
	if (w->parts->len || !w->run || w->is_ending)
		return;
	page_run_cancel(w->run);
	window_free(w);
}

const struct fetcher fetcher_body = {
	.kind = NEED_BODY,
	.words = "the message with number",
	.begin = body_begin,
	.raise = part_raise,
	.cancel = part_cancel,
};

const struct fetcher fetcher_bodies = {
	.kind = NEED_BODIES,
	.words = "older messages of",
	.is_of_space = true,
	.begin = bodies_begin,
	.raise = part_raise,
	.cancel = part_cancel,
};
