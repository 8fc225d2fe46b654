/* SPDX-License-Identifier: MIT */
/*
 * The messages of a space that mention us (store/mentions.h): NEED_MENTIONS, what of an interval is not
 * known, by the server's own filter, 100 a page, newest first (webex-api.md 2.2, 5.4); and
 * NEED_MENTIONS_AGAIN, the newest page of them once more, which shows what edits and deletions changed.
 * Not for a bot in a group space, whose lists have nothing but mentions.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "pager/fetchers/fetchers.h"
#include "pager/past/page_run.h"
#include "pager/proof/proof.h"
#include "store/mentions.h"

/* webex-api.md 2.2 */
#define MENTIONS_PAGE 100

static bool all_paged(void *arg, struct page_run *run, guint items)
{
	(void)arg;
	(void)run;
	(void)items;
	return true;
}

static bool one_paged(void *arg, struct page_run *run, guint items)
{
	(void)arg;
	(void)run;
	(void)items;
	return false;
}

static void done(void *arg, struct page_run *run, int error, const struct webex_reply *reply)
{
	struct fetch *f = arg;
	const struct pager_config *c = pager_get_config(f->pager);
	int64_t began_ms = clock_wall(c->clock) - (clock_mono(c->clock) - f->started_ms);

	f->run = NULL;
	if (error && page_run_lost_space(run, reply)) {
		error = proof_room_vanished(pager_proof(f->pager), f->need.row);
		error = error == -EAGAIN ? -EBUSY : error;
	}
	/* The first page began at the newest mention. */
	if (!error && f->verified_hi_ms == f->need.hi_ms)
		(void)store_mentions_verified(c->store, f->need.row, began_ms);
	fetch_finished(f, error, reply);
}

static int begin_run(struct fetch *f, int64_t top,
		     bool (*paged)(void *arg, struct page_run *run, guint items))
{
	struct page_run_config config = {
		.top = top,
		.bottom = f->need.lo_ms,
		.max = MENTIONS_PAGE,
		.has_mentions = true,
		.is_again = f->need.kind == NEED_MENTIONS_AGAIN,
		.paged = paged,
		.done = done,
	};

	/* A part of the time alone says nothing of the newest ones. */
	f->verified_hi_ms = f->need.lo_ms < 0 ? top : INT64_MIN;
	return page_run_begin(f, config);
}

/* Begins at the highest gap; the page run skips what is known below it. */
static int mentions_begin(struct fetch *f)
{
	g_autoptr(GArray) gaps = g_array_new(FALSE, FALSE, sizeof(struct store_span));
	struct store_conn *conn;
	int r = store_read_begin(pager_get_config(f->pager)->store, &conn);

	if (r)
		return r;
	r = store_mention_gaps(conn, f->need.row, f->need.lo_ms, f->need.hi_ms, gaps);
	store_read_end(conn);
	if (r || !gaps->len)
		return r ? r : FETCH_DONE;
	return begin_run(f, g_array_index(gaps, struct store_span, 0).hi, all_paged);
}

static int again_begin(struct fetch *f)
{
	return begin_run(f, f->need.hi_ms, one_paged);
}

static void raise_run(struct fetch *f)
{
	if (f->run)
		page_run_raise(f->run);
}

static void cancel(struct fetch *f)
{
	page_run_cancel(f->run);
}

const struct fetcher fetcher_mentions = {
	.kind = NEED_MENTIONS,
	.words = "the mentions in",
	.is_of_space = true,
	.begin = mentions_begin,
	.raise = raise_run,
	.cancel = cancel,
};

const struct fetcher fetcher_mentions_again = {
	.kind = NEED_MENTIONS_AGAIN,
	.words = "the mentions in",
	.is_of_space = true,
	.begin = again_begin,
	.raise = raise_run,
	.cancel = cancel,
};
