/* SPDX-License-Identifier: MIT */
#include "pager/past/sweep.h"

#include <errno.h>

#include "pager/past/page_run.h"
#include "pager/internal.h"
#include "pager/fetchers/fetchers.h"
#include "pager/proof/proof.h"

/* How many of a space's newest messages are verified by a page of the newest ones. */
static int depth(const struct pager *p)
{
	int recent = pager_get_config(p)->recent;

	return server_page_given(pager_server(p),
				 recent && recent < SERVER_PAGE_MAX ? recent : SERVER_PAGE_MAX);
}

static int next_place(const struct pager *p, struct store_sweep *ret_sweep)
{
	const struct pager_config *c = pager_get_config(p);
	struct store_conn *conn;
	int r = store_read_begin(c->store, &conn);

	if (r)
		return r;
	r = store_sweep_next(conn, depth(p), ret_sweep);
	store_read_end(conn);
	return r;
}

void sweep_begin(struct pager *p)
{
	struct store_sweep place;
	struct need need = {.kind = NEED_SWEEP};

	if (next_place(p, &place))
		return;
	need.row = place.room;
	need.lo_ms = place.lo_ms;
	need.hi_ms = place.hi_ms;
	pager_begin(p, &need);
}

/* Stops behind one page. */
static bool paged(void *arg, struct page_run *run, guint items)
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
	int64_t next_ms = page_run_top(run);

	f->run = NULL;
	if (error && reply && reply->status == 404)
		error = proof_room_vanished(pager_proof(f->pager), f->need.row);
	/* The whole page was of one millisecond: goes on below it. */
	if (next_ms >= f->need.hi_ms)
		next_ms = f->need.hi_ms - 1;
	/* On an error the next space has its turn all the same. */
	(void)store_sweep_done(c->store, f->need.row, next_ms, clock_wall(c->clock));
	fetch_finished(f, error, reply);
}

static int begin(struct fetch *f)
{
	struct page_run_config config = {
		.top = f->need.hi_ms,
		/* With this bottom even a short answer makes no more missing than a page holds. */
		.bottom = f->need.lo_ms,
		.max = SERVER_PAGE_MAX,
		.verifies = true,
		.paged = paged,
		.done = done,
	};

	return page_run_begin(f, config);
}

static void cancel(struct fetch *f)
{
	page_run_cancel(f->run);
}

/* ---- what somebody opens ---- */

static bool verify_paged(void *arg, struct page_run *run, guint items)
{
	(void)arg;
	(void)run;
	(void)items;
	return true;
}

static void verify_done(void *arg, struct page_run *run, int error,
			const struct webex_reply *reply)
{
	struct fetch *f = arg;
	const struct pager_config *c = pager_get_config(f->pager);
	int64_t began_ms = clock_wall(c->clock) - (clock_mono(c->clock) - f->started_ms);

	f->run = NULL;
	if (error && page_run_lost_space(run, reply))
		error = proof_room_vanished(pager_proof(f->pager), f->need.row);
	/* Also a bot's list, of which no page alone says so. */
	if (!error)
		(void)store_months_verified(c->store, f->need.row, f->need.lo_ms,
					    f->verified_hi_ms, began_ms);
	fetch_finished(f, error, reply);
}

/* Finds where a page begins that has the whole need, or its last part, and as much of the months above as
 * is due and fits: not above what is known. */
static int verify_top(struct fetch *f, int64_t *ret_top_ms)
{
	const struct pager_config *c = pager_get_config(f->pager);
	struct store_conn *conn;
	int r = store_read_begin(c->store, &conn);

	if (r)
		return r;
	r = store_verify_top(conn, f->need.row, f->need.lo_ms, f->need.hi_ms,
			     server_page_given(pager_server(f->pager), SERVER_PAGE_MAX),
			     clock_wall(c->clock) - VERIFY_MONTH_MS, &f->verified_hi_ms);
	*ret_top_ms = MIN(f->verified_hi_ms, store_span_top(conn, f->need.row));
	store_read_end(conn);
	return r;
}

static int verify_begin(struct fetch *f)
{
	struct page_run_config config = {
		.bottom = f->need.lo_ms,
		.max = SERVER_PAGE_MAX,
		.is_again = true,
		.verifies = true,
		.paged = verify_paged,
		.done = verify_done,
	};
	int r = verify_top(f, &config.top);

	if (r)
		return r;
	return config.top > config.bottom ? page_run_begin(f, config) : FETCH_DONE;
}

const struct fetcher fetcher_verify = {
	.kind = NEED_VERIFY,
	.words = "older messages of",
	.is_of_space = true,
	.begin = verify_begin,
	.cancel = cancel,
};

const struct fetcher fetcher_sweep = {
	.kind = NEED_SWEEP,
	.words = "old messages of",
	.is_of_space = true,
	.begin = begin,
	.cancel = cancel,
};
