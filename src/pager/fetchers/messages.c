/* SPDX-License-Identifier: MIT */
/*
 * The messages of a space: NEED_HEAD, the newest ones, NEED_TO_HEAD, those down to a time, and NEED_SPAN,
 * those of an interval of its time (webex-api.md 5.5, 7). All go by page runs, an interval by way of the
 * spans.
 */
#include <errno.h>

#include "pager/fetchers/fetchers.h"
#include "pager/past/ahead.h"
#include "pager/past/page_run.h"
#include "pager/past/spans.h"
#include "pager/proof/proof.h"

/* ---- the newest messages of a space ---- */

#define HEAD_RESTARTS_MAX 3
/* So many of the newest messages are looked at for news. */
#define HEAD_TOLD_MAX 1000

/* True if the newest `recent` messages, or all that exist, are known. The rest of the past is
 * fetched by intervals of time. */
static bool head_is_enough(struct fetch *f)
{
	const struct pager_config *c = pager_get_config(f->pager);
	struct store_span head;
	struct store_conn *conn;
	bool enough = true;

	if (!c->recent || store_read_begin(c->store, &conn))
		return true;
	if (store_span_head(conn, f->need.row, &head) == 0)
		enough = head.lo < 0 ||
			 store_message_recent(conn, f->need.row, head.lo, c->recent - 1) != 0;
	store_read_end(conn);
	return enough;
}

/*
 * True if new messages stand below those that came, after an outage for example. They are fetched
 * so that they are told, however few messages a space lists; but not without end: beyond
 * HEAD_TOLD_MAX the journal says that it lacks some (store_news_settle).
 */
static bool has_untold(struct fetch *f, struct page_run *run, guint items)
{
	struct store_conn *conn;
	bool has;

	f->listed += items;
	if (f->listed >= HEAD_TOLD_MAX ||
	    store_read_begin(pager_get_config(f->pager)->store, &conn))
		return false;
	has = store_news_has_gap(conn, f->need.row);
	store_read_end(conn);
	if (has)
		page_run_widen(run);
	return has;
}

static bool head_paged(void *arg, struct page_run *run, guint items)
{
	struct fetch *f = arg;
	bool is_untold = has_untold(f, run, items);

	if (head_is_enough(f))
		return is_untold;
	/* Until the rest has come the head does not count as listed; what comes is kept. */
	store_set_head_recent(pager_get_config(f->pager)->store, f->need.row, 0);
	return true;
}

static int head_begin(struct fetch *f);

/* True if another answer brought newer messages meanwhile, so that what lies between is
 * unknown. */
static bool head_begins_again(struct fetch *f)
{
	if (f->need.kind != NEED_HEAD || head_is_enough(f) || f->restarts >= HEAD_RESTARTS_MAX)
		return false;
	f->restarts++;
	g_clear_pointer(&f->room_id, g_free);
	return head_begin(f) == FETCH_MORE;
}

static void head_done(void *arg, struct page_run *run, int error,
		      const struct webex_reply *reply)
{
	struct fetch *f = arg;

	f->run = NULL;
	if (!error && head_begins_again(f))
		return;
	if (error && page_run_lost_space(run, reply)) {
		error = proof_room_vanished(pager_proof(f->pager), f->need.row);
		/* The space is new and has only what was posted from here. */
		if (error == -EAGAIN)
			error = 0;
	}
	if (!error && head_is_enough(f))
		error = store_set_head_recent(pager_get_config(f->pager)->store, f->need.row,
					      pager_get_config(f->pager)->recent);
	fetch_finished(f, error, reply);
}

static bool head_is_outdated(void *arg)
{
	return fetch_restarts(arg);
}

/* Begins a page run from the newest message down, as far as `paged` says. */
static int begin_newest(struct fetch *f,
			bool (*paged)(void *arg, struct page_run *run, guint items))
{
	int recent = pager_get_config(f->pager)->recent;
	struct page_run_config config = {
		.top = PAGE_RUN_TOP,
		.bottom = -1,
		.max = f->need.kind == NEED_HEAD && recent && recent < SERVER_PAGE_MAX
			       ? recent
			       : SERVER_PAGE_MAX,
		.is_outdated = head_is_outdated,
		.paged = paged,
		.done = head_done,
	};

	return page_run_begin(f, config);
}

static int head_begin(struct fetch *f)
{
	return begin_newest(f, head_paged);
}

static void head_raise(struct fetch *f)
{
	if (f->run)
		page_run_raise(f->run);
}

static void head_cancel(struct fetch *f)
{
	page_run_cancel(f->run);
}

/* ---- down to a time ---- */

/* At most so many pages are fetched in one go, since whoever waits for the oldest gets nothing before. */
#define WHOLE_PAGES 32

/* True if the first page lets expect no more than that. */
static bool is_of_few_pages(const struct fetch *f, int64_t lo_ms, guint items)
{
	struct store_room room = {0};
	struct store_conn *conn;
	int64_t created_ms = -1, last_ms = -1;

	if (store_read_begin(pager_get_config(f->pager)->store, &conn))
		return false;
	if (store_room_get(conn, f->need.row, &room) == 0) {
		created_ms = room.room.created_ms;
		last_ms = room.room.last_activity_ms;
	}
	store_room_clear(&room);
	store_read_end(conn);
	return created_ms < 0 || last_ms <= lo_ms ||
	       (lo_ms - created_ms) / WHOLE_PAGES <= (last_ms - lo_ms) * (items > 0);
}

/* The pages of one list follow each other without a message twice or a page that is not full, so that the
 * whole of a space costs no request too many. */
static bool whole_goes_on(struct fetch *f, const struct page_run *run, guint items)
{
	if (page_run_top(run) < 0 || page_run_pages(run) >= WHOLE_PAGES)
		return false;
	/* Read ahead of a program that stopped. */
	if (fetch_is_unwaited(f) && !ahead_is_on(pager_ahead(f->pager)))
		return false;
	return page_run_pages(run) > 1 || is_of_few_pages(f, page_run_top(run), items);
}

/* As for a head, but only so far down. */
static bool to_head_paged(void *arg, struct page_run *run, guint items)
{
	struct fetch *f = arg;
	struct store *s = pager_get_config(f->pager)->store;
	bool is_untold = has_untold(f, run, items), goes_on;

	/* Until as much is known as a head has it does not count as listed. */
	if (!head_is_enough(f))
		store_set_head_recent(s, f->need.row, 0);
	goes_on = f->need.lo_ms == NEED_WHOLE ? whole_goes_on(f, run, items)
					      : page_run_top(run) > f->need.lo_ms;
	return is_untold || goes_on;
}

static int to_head_begin(struct fetch *f)
{
	return begin_newest(f, to_head_paged);
}

/* ---- an interval of a space's time ---- */

static int span_begin(struct fetch *f)
{
	return spans_want(pager_spans(f->pager), f, &f->waiter);
}

static void span_raise(struct fetch *f)
{
	if (f->waiter)
		spans_raise(f->waiter);
}

static void span_cancel(struct fetch *f)
{
	spans_unwant(pager_spans(f->pager), f->waiter);
}

const struct fetcher fetcher_head = {
	.kind = NEED_HEAD,
	.words = "the messages of",
	.is_of_space = true,
	.age = FETCH_LIST_AGE,
	.begin = head_begin,
	.raise = head_raise,
	.cancel = head_cancel,
};

const struct fetcher fetcher_to_head = {
	.kind = NEED_TO_HEAD,
	.words = "the messages of",
	.is_of_space = true,
	.begin = to_head_begin,
	.raise = head_raise,
	.cancel = head_cancel,
};

const struct fetcher fetcher_span = {
	.kind = NEED_SPAN,
	.words = "older messages of",
	.is_of_space = true,
	.begin = span_begin,
	.raise = span_raise,
	.cancel = span_cancel,
};
