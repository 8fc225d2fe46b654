/* SPDX-License-Identifier: MIT */
/* Computing with intervals: which parts of one are missing, and how much one page run gets. */
#include <assert.h>

#include "base/cleanup.h"
#include "pager/past/page_run.h"
#include "pager/past/spans_internal.h"

/* ---- intervals ---- */

static bool touches(int64_t lo, int64_t hi, const struct page_run *l)
{
	return page_run_bottom(l) < hi && lo < page_run_top(l);
}

/* The first waiter that wants a part of this page run. */
struct span_waiter *gaps_want_of(const struct filler *f, const struct page_run *l)
{
	for (GList *i = f->waiters.head; i; i = i->next) {
		struct span_waiter *w = i->data;

		if (touches(w->lo, w->hi, l))
			return w;
	}
	return NULL;
}

void gaps_assert_disjoint(const struct filler *f, int64_t lo, int64_t hi)
{
	for (guint i = 0; i < f->runs->len; i++)
		assert(!touches(lo, hi, f->runs->pdata[i]));
}

/* Takes the parts of page runs out of a gap and appends what is left, newest first. */
static void without_lanes(const struct filler *f, struct store_span gap, GArray *left)
{
	for (guint i = 0; i < f->runs->len; i++) {
		const struct page_run *l = f->runs->pdata[i];
		struct store_span above = {.lo = page_run_top(l), .hi = gap.hi};
		struct store_span below = {.lo = gap.lo, .hi = page_run_bottom(l)};

		if (!touches(gap.lo, gap.hi, l))
			continue;
		if (above.lo < above.hi)
			without_lanes(f, above, left);
		if (below.lo < below.hi)
			without_lanes(f, below, left);
		return;
	}
	g_array_append_val(left, gap);
}

/* Finds the parts of (lo, hi] that are neither known nor under way, newest first. */
int gaps_find(struct filler *f, int64_t lo, int64_t hi, GArray *left)
{
	g_autoptr(GArray) gaps = g_array_new(FALSE, FALSE, sizeof(struct store_span));
	struct store_conn *conn;
	int r;

	if (lo >= hi)
		return 0;
	r = store_read_begin(pager_get_config(f->spans->pager)->store, &conn);
	if (r)
		return r;
	r = store_span_gaps(conn, f->room, lo, hi, gaps);
	store_read_end(conn);
	for (guint i = 0; r == 0 && i < gaps->len; i++)
		without_lanes(f, g_array_index(gaps, struct store_span, i), left);
	return r;
}

/* ---- density of the messages ---- */

struct density {
	int64_t first_ms, last_ms, items;
};

static bool add_to_density(void *arg, const struct store_brief *b)
{
	struct density *d = arg;

	if (!d->items++)
		d->first_ms = b->created_ms;
	d->last_ms = b->created_ms;
	return true;
}

/* Finds the density of messages from what is known already. */
void gaps_load_density(struct filler *f, struct store_conn *conn)
{
	struct store_range range;
	struct density d = {0};

	if (store_head_range(conn, f->room, SERVER_PAGE_MAX, &range) ||
	    store_message_list(conn, &range, add_to_density, &d) || d.items < 2)
		return;
	f->items = d.items;
	f->ms = d.last_ms - d.first_ms;
}

void gaps_note_page(struct filler *f, struct page_run *l, guint items)
{
	/* Time without messages counts, too; else a quiet time would get page runs as short as
	 * a busy one. */
	if (page_run_page_ms(l) <= 0)
		return;
	/* A space's past may be less busy than its present, so old pages count for less. */
	if (f->items > 20 * SERVER_PAGE_MAX) {
		f->items /= 2;
		f->ms /= 2;
	}
	f->items += items;
	f->ms += page_run_page_ms(l);
}

/* How much time `pages` pages cover, judged by what came so far; 0: unknown. */
int64_t gaps_ms_of_pages(const struct filler *f, int64_t pages)
{
	struct server *s = pager_server(f->spans->pager);
	double page = server_page_given(s, server_page_max(s, SERVER_PAGE_MAX));
	double ms = f->items ? (double)f->ms / (double)f->items * page * (double)pages : 0;

	return ms < 1e15 ? (int64_t)ms : 0;
}

/* How large a part of the gap one page run gets. */
int64_t gaps_chunk_ms(const struct filler *f, const struct store_span *gap)
{
	int64_t page = gaps_ms_of_pages(f, 1), lo = MAX(gap->lo, f->created_ms), pages;

	if (page <= 0)
		return 0;
	pages = (gap->hi - lo) / page / SPANS_LANES;
	return page * CLAMP(pages, CHUNK_MIN, CHUNK_MAX);
}

bool gaps_is_known(struct filler *f, int64_t lo, int64_t hi)
{
	struct store_conn *conn;
	bool known;

	if (store_read_begin(pager_get_config(f->spans->pager)->store, &conn))
		return false;
	known = store_span_covers(conn, f->room, lo, hi) == 1;
	store_read_end(conn);
	return known;
}

/* The newest time that is worth fetching here, since the head's fetch brings what is above. */
int64_t gaps_newest_ms(struct filler *f)
{
	struct store_span head = {.hi = -1};
	struct store_room room = {0};
	struct store_conn *conn;

	if (store_read_begin(pager_get_config(f->spans->pager)->store, &conn))
		return -1;
	if (store_span_head(conn, f->room, &head) != 0 &&
	    store_room_get(conn, f->room, &room) == 0)
		head.hi = room.room.last_activity_ms;
	store_room_clear(&room);
	store_read_end(conn);
	return head.hi;
}
