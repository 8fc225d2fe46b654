/* SPDX-License-Identifier: MIT */
#include "pager/past/spans.h"

#include <assert.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "pager/past/page_run.h"
#include "pager/past/spans_internal.h"
#include "pager/proof/proof.h"

static void fill(struct filler *f);

struct spans *spans_new(struct pager *p)
{
	struct spans *s = g_new0(struct spans, 1);

	s->pager = p;
	s->fillers = g_hash_table_new(g_int64_hash, g_int64_equal);
	return s;
}

int spans_lanes(const struct spans *s)
{
	return s->runs;
}

static void filler_free(struct filler *f)
{
	assert(f->runs->len == 0 && g_queue_is_empty(&f->waiters));
	g_ptr_array_unref(f->runs);
	g_free(f->room_id);
	g_free(f);
}

static void load_filler(struct filler *f)
{
	struct store_room room = {0};
	struct store_conn *conn;

	f->created_ms = -1;
	if (store_read_begin(pager_get_config(f->spans->pager)->store, &conn))
		return;
	if (store_room_get(conn, f->room, &room) == 0)
		f->created_ms = room.room.created_ms;
	store_room_clear(&room);
	gaps_load_density(f, conn);
	store_read_end(conn);
}

static int64_t mono_now(const struct spans *s)
{
	return clock_mono(pager_get_config(s->pager)->clock);
}

/* True if nothing is under way. */
static bool is_idle(const struct filler *f)
{
	return !f->is_filling && !f->runs->len && g_queue_is_empty((GQueue *)&f->waiters);
}

static gboolean free_if_idle(gpointer key, gpointer value, gpointer data)
{
	(void)key;
	(void)data;
	if (!is_idle(value))
		return FALSE;
	filler_free(value);
	return TRUE;
}

static int filler_get(struct spans *s, int64_t room, struct filler **ret_filler)
{
	struct filler *f = g_hash_table_lookup(s->fillers, &room);
	int error;

	if (f) {
		*ret_filler = f;
		return 0;
	}
	if (g_hash_table_size(s->fillers) > IDLE_MAX)
		g_hash_table_foreach_remove(s->fillers, free_if_idle, NULL);
	f = g_new0(struct filler, 1);
	f->spans = s;
	f->room = room;
	f->runs = g_ptr_array_new();
	g_queue_init(&f->waiters);
	error = pager_load_room(s->pager, room, &f->room_id, &f->is_filtered);
	if (error) {
		filler_free(f);
		return error;
	}
	load_filler(f);
	g_hash_table_insert(s->fillers, &f->room, f);
	*ret_filler = f;
	return 0;
}

static int64_t mono(const struct filler *f)
{
	return mono_now(f->spans);
}

static bool walk_is_on(const struct filler *f)
{
	return f->walk.direction && mono(f) - f->walk.step_ms < WALK_IDLE_MS;
}

/* Drops an idle filler, unless it remembers a walk. */
static void drop_if_idle(struct filler *f)
{
	if (!is_idle(f))
		return;
	if (f->walk.steps && mono(f) - f->walk.step_ms < WALK_GAP_MS)
		return;
	g_hash_table_remove(f->spans->fillers, &f->room);
	filler_free(f);
}

/* ---- page runs ---- */

static bool is_background(void *arg)
{
	struct filler *f = arg;

	/* Requests with waiters are served first. Which page run they wait for is checked in
	 * on_page(). */
	return g_queue_is_empty(&f->waiters);
}

static bool on_page(void *arg, struct page_run *l, guint items)
{
	struct filler *f = arg;

	gaps_note_page(f, l, items);
	fill(f);
	return gaps_want_of(f, l) || walk_is_on(f);
}

/* A waiter that ends may want something again, at the end of the list, so each is looked at
 * once. */
static void end_wants(struct filler *f,
		      bool (*ends)(struct filler *f, struct span_waiter *w, void *arg),
		      void *arg, int error, const struct webex_reply *reply)
{
	for (guint n = g_queue_get_length(&f->waiters); n > 0 && f->waiters.head; n--) {
		struct span_waiter *w = f->waiters.head->data;

		g_queue_unlink(&f->waiters, &w->link);
		if (ends(f, w, arg)) {
			fetch_finished(w->fetch, error, reply);
			g_free(w);
		} else {
			g_queue_push_tail_link(&f->waiters, &w->link);
		}
	}
}

static bool wants_part(struct filler *f, struct span_waiter *w, void *arg)
{
	const struct store_span *part = arg;

	(void)f;
	return w->lo < part->hi && part->lo < w->hi;
}

static void on_done(void *arg, struct page_run *l, int error, const struct webex_reply *reply)
{
	struct filler *f = arg;
	struct store_span part = {.lo = page_run_bottom(l), .hi = page_run_top(l)};
	bool was_filling = f->is_filling;

	g_ptr_array_remove_fast(f->runs, l);
	f->spans->runs--;
	f->is_filling = true;
	if (error && page_run_lost_space(l, reply)) {
		int r = proof_room_vanished(pager_proof(f->spans->pager), f->room);

		error = r == -EAGAIN ? -EBUSY : r;
	}
	if (error) {
		f->walk.direction = 0;
		/* No other page run will fetch it. */
		end_wants(f, wants_part, &part, error, reply);
	}
	f->is_filling = was_filling;
	fill(f);
	drop_if_idle(f);
}

static void start_lane(struct filler *f, int64_t lo, int64_t hi, bool can_cut)
{
	struct page_run_config config = {
		.pager = f->spans->pager,
		.room = f->room,
		.room_id = f->room_id,
		.is_filtered = f->is_filtered,
		.top = hi,
		.bottom = lo,
		.max = SERVER_PAGE_MAX,
		.can_cut = can_cut,
		.is_background = is_background,
		.paged = on_page,
		.done = on_done,
		.arg = f,
	};

	gaps_assert_disjoint(f, lo, hi);
	g_ptr_array_add(f->runs, page_run_new(&config));
	f->spans->runs++;
}

/* Gives page runs to a gap, from its end nearest to the reader on, while there are free ones;
 * none of them begins beyond `limit`. */
static void fill_gap(struct filler *f, struct store_span gap, bool can_cut, bool upwards,
		     int64_t limit)
{
	while (gap.lo < gap.hi && f->runs->len < SPANS_LANES &&
	       (upwards ? gap.lo < limit : gap.hi > limit)) {
		int64_t chunk = can_cut ? gaps_chunk_ms(f, &gap) : 0;
		int64_t lo = MAX(gap.lo, f->created_ms);
		struct store_span piece = gap;

		/* A small rest of the gap does not get a page run of its own. */
		if (chunk > 0 && gap.hi - lo > chunk + chunk / 2) {
			if (upwards)
				piece.hi = lo + chunk;
			else
				piece.lo = gap.hi - chunk;
		}
		start_lane(f, piece.lo, piece.hi, can_cut);
		if (upwards)
			gap.lo = piece.hi;
		else
			gap.hi = piece.lo;
	}
}

static int fill_interval(struct filler *f, struct store_span all, bool can_cut, bool upwards,
			 int64_t limit)
{
	g_autoptr(GArray) gaps = g_array_new(FALSE, FALSE, sizeof(struct store_span));
	int r = gaps_find(f, all.lo, all.hi, gaps);

	for (guint i = 0; r == 0 && i < gaps->len; i++)
		fill_gap(
			f,
			g_array_index(gaps, struct store_span, upwards ? gaps->len - 1 - i : i),
			can_cut, upwards, limit);
	return r;
}

/* ---- waiters and walks ---- */

static bool has_come(struct filler *f, struct span_waiter *w, void *arg)
{
	(void)arg;
	return gaps_is_known(f, w->lo, w->hi);
}

/* The store fails, so the waiters get its error. */
static void fill_wants(struct filler *f)
{
	int r = 0;

	for (GList *i = f->waiters.head; i && r == 0; i = i->next) {
		struct span_waiter *w = i->data;

		r = fill_interval(f, (struct store_span){.lo = w->lo, .hi = w->hi}, w->lo < 0,
				  false, w->lo);
	}
	if (r)
		end_wants(f, wants_part, &(struct store_span){.lo = INT64_MIN, .hi = INT64_MAX},
			  r, NULL);
}

static void fill_ahead(struct filler *f)
{
	const struct walk *w = &f->walk;
	int64_t ahead;

	if (!walk_is_on(f) || !f->items)
		return;
	ahead = gaps_ms_of_pages(f, MIN(SPANS_AHEAD, INT64_C(4) << MIN(w->steps, 10)));
	if (w->direction < 0)
		fill_interval(f, (struct store_span){.lo = -1, .hi = w->lo}, true, false,
			      w->lo - ahead);
	else
		fill_interval(f, (struct store_span){.lo = w->hi, .hi = gaps_newest_ms(f)},
			      true, true, w->hi + ahead);
}

/* Free page runs take half of what the longest one still has to fetch. */
static void share_longest(struct filler *f)
{
	int64_t worth = gaps_ms_of_pages(f, 2 * CHUNK_MIN);
	struct page_run *longest = NULL;
	int64_t most = worth;

	if (worth <= 0 || f->runs->len >= SPANS_LANES)
		return;
	for (guint i = 0; i < f->runs->len; i++) {
		struct page_run *l = f->runs->pdata[i];
		int64_t left = page_run_top(l) - MAX(page_run_bottom(l), f->created_ms);

		if (page_run_can_cut(l) && left > most) {
			longest = l;
			most = left;
		}
	}
	if (!longest)
		return;
	{
		int64_t bottom = page_run_bottom(longest),
			middle = page_run_top(longest) - most / 2;

		page_run_set_bottom(longest, middle);
		start_lane(f, bottom, middle, true);
	}
}

/* Ends waiters whose interval is known, and begins page runs for the others. May be called from
 * inside itself, since a waiter that ends may want the next interval. */
static void fill(struct filler *f)
{
	if (f->is_filling) {
		f->fill_again = true;
		return;
	}
	f->is_filling = true;
	do {
		f->fill_again = false;
		end_wants(f, has_come, NULL, 0, NULL);
		fill_wants(f);
		fill_ahead(f);
		share_longest(f);
	} while (f->fill_again && !f->spans->stopping);
	f->is_filling = false;
}

/* No waiter ends in this call. */
static void begin_lanes(struct filler *f)
{
	if (f->is_filling) {
		f->fill_again = true;
		return;
	}
	f->is_filling = true;
	fill_wants(f);
	f->is_filling = false;
}

/* What was read ahead is waited for now. */
static void raise_runs(struct filler *f)
{
	for (guint i = 0; i < f->runs->len; i++)
		if (gaps_want_of(f, f->runs->pdata[i]))
			page_run_raise(f->runs->pdata[i]);
}

void spans_raise(struct span_waiter *w)
{
	raise_runs(w->filler);
}

int spans_want(struct spans *s, struct fetch *fetch, struct span_waiter **ret_want)
{
	struct filler *f;
	struct span_waiter *w;
	int r = filler_get(s, fetch->need.row, &f);

	if (r)
		return r;
	if (gaps_is_known(f, fetch->need.lo_ms, fetch->need.hi_ms)) {
		drop_if_idle(f);
		return FETCH_DONE;
	}
	w = g_new0(struct span_waiter, 1);
	w->filler = f;
	w->fetch = fetch;
	w->lo = fetch->need.lo_ms;
	w->hi = fetch->need.hi_ms;
	w->link.data = w;
	g_queue_push_tail_link(&f->waiters, &w->link);
	*ret_want = w;
	raise_runs(f);
	begin_lanes(f);
	return FETCH_MORE;
}

static void cancel_lane(struct filler *f, guint i)
{
	page_run_cancel(f->runs->pdata[i]);
	g_ptr_array_remove_index_fast(f->runs, i);
	f->spans->runs--;
}

void spans_unwant(struct spans *s, struct span_waiter *w)
{
	struct filler *f = w->filler;

	(void)s;
	g_queue_unlink(&f->waiters, &w->link);
	g_free(w);
	/* The walker was interrupted. */
	f->walk.direction = 0;
	f->walk.steps = 0;
	for (guint i = f->runs->len; i-- > 0;)
		if (!gaps_want_of(f, f->runs->pdata[i]))
			cancel_lane(f, i);
	/* Others may wait for a free page run. */
	begin_lanes(f);
	drop_if_idle(f);
}

void spans_step(struct spans *s, int64_t room, int64_t lo, int64_t hi)
{
	struct filler *f;
	struct walk *w;
	int64_t now;
	int direction;

	if (s->stopping || filler_get(s, room, &f))
		return;
	w = &f->walk;
	now = mono(f);
	if (w->steps && lo == w->lo && hi == w->hi) {
		w->step_ms = now;
		return;
	}
	/* Months that do not adjoin are no walk. */
	direction = hi == w->lo ? -1 : lo == w->hi ? 1 : 0;
	if (!w->steps || now - w->step_ms > WALK_GAP_MS || !direction) {
		*w = (struct walk){.lo = lo, .hi = hi, .step_ms = now, .steps = 1};
		return;
	}
	w->steps = w->direction == direction || !w->direction ? w->steps + 1 : 2;
	w->direction = direction;
	w->lo = lo;
	w->hi = hi;
	w->step_ms = now;
	fill(f);
	drop_if_idle(f);
}

void spans_shutdown(struct spans *s)
{
	GHashTableIter iter;
	gpointer value;

	s->stopping = true;
	g_hash_table_iter_init(&iter, s->fillers);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct filler *f = value;

		while (f->runs->len)
			cancel_lane(f, f->runs->len - 1);
	}
}

void spans_free(struct spans **s)
{
	GHashTableIter iter;
	gpointer value;

	if (!*s)
		return;
	g_hash_table_iter_init(&iter, (*s)->fillers);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct filler *f = value;

		while (f->runs->len)
			cancel_lane(f, f->runs->len - 1);
		assert(g_queue_is_empty(&f->waiters));
		filler_free(f);
	}
	g_hash_table_unref((*s)->fillers);
	g_free(*s);
	*s = NULL;
}
