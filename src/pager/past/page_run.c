/* SPDX-License-Identifier: MIT */
#include "pager/past/page_run.h"
#include "store/doubts.h"
#include "store/mentions.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

/* After so many pages in a row without anything new the links go round in circles. */
#define STALE_MAX 2
#define RESTARTS_MAX 3
/* After this time without a page, in any size, the page run fails. */
#define PAGE_TIMEOUT_MS 30000

enum page_run_state { PAGE_RUN_ASKING, PAGE_RUN_APPLIED, PAGE_RUN_ENDED, PAGE_RUN_CANCELLED };

struct page_run {
	struct page_run_config config; /* room_id owned */
	enum page_run_state state;
	uint64_t request;
	int64_t top, bottom;
	int64_t known_ms; /* of a head: the top of what was known when it was asked for */
	int max;
	int pages;	 /* all */
	int empty_pages; /* pages in a row without items */
	int stale_pages; /* pages in a row without anything new */
	int restarts;
	int64_t progress_ms; /* mono; when something new came last */
	int64_t page_ms;
	char *next;	 /* link of the page to ask for; NULL: ask by anchor or by time */
	char *anchor;	 /* id of the oldest item of the last page */
	bool by_time;	 /* the request under way asks by time, since a link failed */
	GPtrArray *edge; /* messages of earlier pages with created == top; owned */
	bool is_partial; /* the page has unusable items, or those of an earlier one may be of its time */
	bool was_partial; /* of the page before, for the next one */
	bool is_picked; /* the page is partial, and its part of time is not known: it stays unknown */
};

static void submit(struct page_run *l);

static int64_t mono(const struct page_run *l)
{
	return clock_mono(pager_get_config(l->config.pager)->clock);
}

static void page_run_free(struct page_run *l)
{
	g_ptr_array_unref(l->edge);
	g_free((char *)l->config.room_id);
	g_free(l->next);
	g_free(l->anchor);
	g_free(l);
}

static void end(struct page_run *l, int error, const struct webex_reply *reply)
{
	assert(l->state == PAGE_RUN_ASKING || l->state == PAGE_RUN_APPLIED);
	l->state = PAGE_RUN_ENDED;
	l->config.done(l->config.arg, l, error, reply);
	page_run_free(l);
}

/* ---- asking ---- */

static void on_answer(void *arg, struct webex_reply *reply);

static bool is_head(const struct page_run *l)
{
	return l->top == PAGE_RUN_TOP;
}

/* True if the request under way goes on behind a message. */
static bool is_behind_message(const struct page_run *l)
{
	return l->next || (l->anchor && !l->by_time);
}

/* Notes the top of what is known, since the answer says nothing of messages that come after the
 * request. */
static void note_known(struct page_run *l)
{
	struct store_conn *conn;

	l->known_ms = -1;
	if (store_read_begin(pager_get_config(l->config.pager)->store, &conn))
		return;
	l->known_ms = store_span_top(conn, l->config.room);
	store_read_end(conn);
}

static void submit(struct page_run *l)
{
	const struct pager_config *c = pager_get_config(l->config.pager);
	bool anchored = !l->next && is_behind_message(l);
	struct webex_list list = {
		.room_id = l->config.room_id,
		.max = l->max,
		.mentioned_me = l->config.is_filtered || l->config.has_mentions,
		.next = l->next,
		.before_message = anchored ? l->anchor : NULL,
		.background = l->config.is_background && l->config.is_background(l->config.arg),
	};

	/* Asks for one millisecond more, since it may have messages that we lack, and because
	 * it is unconfirmed whether `before` is exclusive. */
	if (!l->next && !anchored && !is_head(l))
		list.before_ms = l->top + 1;
	/* Later pages belong to the time when the first one was asked for. */
	if (is_head(l) && !l->next)
		note_known(l);
	l->state = PAGE_RUN_ASKING;
	l->request = webex_list_messages(c->client, &list, on_answer, l);
}

static void set_next(struct page_run *l, char *next)
{
	g_free(l->next);
	l->next = next;
}

/* A link leads nowhere: goes on by the time of the oldest message that we have. Only once in a
 * row, since the same place would bring the same again. */
static bool go_by_time(struct page_run *l)
{
	if (l->by_time || is_head(l))
		return false;
	l->by_time = true;
	l->stale_pages = 0;
	set_next(l, NULL);
	submit(l);
	return true;
}

struct page_run *page_run_new(const struct page_run_config *config)
{
	struct page_run *l = g_new0(struct page_run, 1);

	l->config = *config;
	l->config.room_id = g_strdup(config->room_id);
	l->top = config->top;
	l->bottom = config->bottom;
	l->max = server_page_max(pager_server(config->pager), config->max);
	l->edge = g_ptr_array_new_with_free_func(webex_message_free);
	l->progress_ms = mono(l);
	submit(l);
	return l;
}

int page_run_begin(struct fetch *f, struct page_run_config config)
{
	int r = pager_load_room(f->pager, f->need.row, &f->room_id, &config.is_filtered);

	if (r)
		return r;
	config.pager = f->pager;
	config.room = f->need.row;
	config.room_id = f->room_id;
	config.is_background = fetch_is_unwaited;
	config.arg = f;
	f->run = page_run_new(&config);
	return FETCH_MORE;
}

void page_run_raise(struct page_run *l)
{
	if (l->state == PAGE_RUN_ASKING && l->request)
		webex_raise(pager_get_config(l->config.pager)->client, l->request);
}

void page_run_cancel(struct page_run *l)
{
	assert(l->state == PAGE_RUN_ASKING || l->state == PAGE_RUN_APPLIED);
	/* Inside of `paged` nothing is under way, and go_on() does the rest. */
	if (l->state == PAGE_RUN_ASKING)
		webex_cancel(pager_get_config(l->config.pager)->client, l->request);
	l->state = PAGE_RUN_CANCELLED;
}

int64_t page_run_top(const struct page_run *l)
{
	return l->top;
}

int64_t page_run_bottom(const struct page_run *l)
{
	return l->bottom;
}

void page_run_set_bottom(struct page_run *l, int64_t bottom)
{
	l->bottom = MAX(l->bottom, bottom);
}

void page_run_widen(struct page_run *l)
{
	int max = server_page_max(pager_server(l->config.pager), SERVER_PAGE_MAX);

	/* A bot's list has pages of one size. A link belongs to its page size. */
	if (l->config.is_filtered || max <= l->max || !l->anchor)
		return;
	l->max = max;
	set_next(l, NULL);
}

bool page_run_can_cut(const struct page_run *l)
{
	return l->config.can_cut;
}

bool page_run_lost_space(const struct page_run *l, const struct webex_reply *reply)
{
	return reply && reply->status == 404 && !is_behind_message(l);
}

int page_run_pages(const struct page_run *l)
{
	return l->pages;
}

int64_t page_run_page_ms(const struct page_run *l)
{
	return l->page_ms;
}

/* ---- a page ---- */

static bool is_at_edge(const struct page_run *l, const struct webex_message *m)
{
	for (guint i = 0; i < l->edge->len; i++)
		if (strcmp(((struct webex_message *)l->edge->pdata[i])->id, m->id) == 0)
			return true;
	return false;
}

/* True if an item is new to this page run: below its top, or of the millisecond in which the
 * last page ended. */
static bool is_fresh(const struct page_run *l, const GPtrArray *items)
{
	for (guint i = 0; i < items->len; i++) {
		const struct webex_message *m = items->pdata[i];

		if (m->created_ms < l->top || (m->created_ms == l->top && !is_at_edge(l, m)))
			return true;
	}
	return false;
}

/* The time of the oldest item; INT64_MAX if there is none. A time that is no more than a place in
 * the list counts only if there is no other. */
static int64_t oldest_of(const GPtrArray *items, const char **ret_id)
{
	int64_t oldest = INT64_MAX;
	bool is_odd = true;

	*ret_id = NULL;
	for (guint i = 0; i < items->len; i++) {
		const struct webex_message *m = items->pdata[i];

		if (m->has_odd_time ? is_odd && m->created_ms <= oldest
				    : is_odd || m->created_ms <= oldest) {
			oldest = m->created_ms;
			*ret_id = m->id;
			is_odd = m->has_odd_time;
		}
	}
	return oldest;
}

/* True if a message older than `ms` is known. Then a list that ends above it counts only for
 * the page run's own part, since a missing link must not delete a whole past. */
static bool knows_older(const struct page_run *l, int64_t ms)
{
	struct store_conn *conn;
	bool knows;

	if (store_read_begin(pager_get_config(l->config.pager)->store, &conn))
		return true;
	knows = store_message_oldest_ms(conn, l->config.room) < ms;
	store_read_end(conn);
	return knows;
}

static int64_t low_end(const struct page_run *l, const struct webex_reply *reply,
		       int64_t oldest)
{
	if (reply->next || reply->is_cut)
		return MIN(oldest, l->top);
	if (is_head(l) || l->bottom < 0 || !knows_older(l, MIN(oldest, l->top)))
		return -1;
	return MIN(l->bottom, oldest);
}

/* Moves the messages of the edge to the page, so that they are handed in again. */
static void hand_in_edge(struct page_run *l, GPtrArray *items)
{
	g_ptr_array_set_free_func(l->edge, NULL);
	for (guint i = 0; i < l->edge->len; i++)
		g_ptr_array_add(items, l->edge->pdata[i]);
	g_ptr_array_set_size(l->edge, 0);
	g_ptr_array_set_free_func(l->edge, webex_message_free);
}

/* Keeps the messages of the page's last millisecond. */
static void take_edge(struct page_run *l, GPtrArray *items)
{
	for (guint i = items->len; i-- > 0;) {
		struct webex_message *m = items->pdata[i];

		if (m->created_ms == l->top && !is_at_edge(l, m))
			g_ptr_array_add(l->edge, g_ptr_array_steal_index_fast(items, i));
	}
}

/* Drops messages above the part that was asked for: if one was just posted, and is deleted
 * before the head is listed again, nobody would notice. */
static void drop_above(const struct page_run *l, GPtrArray *items)
{
	for (guint i = items->len; i-- > 0;)
		if (((struct webex_message *)items->pdata[i])->created_ms > l->top)
			g_ptr_array_remove_index_fast(items, i);
}

static void tell_missing(const struct page_run *l, int64_t lo, const GArray *missing,
			 const GArray *doubts)
{
	const struct page_told page = {
		.room = l->config.room,
		.lo = lo,
		.hi = l->top,
		.max = l->max,
		.missing = missing,
		.doubts = doubts,
	};

	if (l->config.missing)
		l->config.missing(l->config.arg, &page);
	else
		pager_lacks(l->config.pager, &page);
}

/* True if what a page lacks says nothing. */
static bool is_filtered(const struct page_run *l)
{
	return l->config.is_filtered || l->is_partial;
}

static enum store_page mode_of(const struct page_run *l)
{
	enum store_page mode = is_head(l) ? STORE_PAGE_HEAD : STORE_PAGE_INNER;

	if (l->is_picked)
		mode = STORE_PAGE_PICKED;
	else if (is_filtered(l))
		mode = is_head(l) ? STORE_PAGE_FILTERED : STORE_PAGE_INNER_FILTERED;
	return mode | (l->config.verifies ? STORE_PAGE_VERIFIES : 0) |
	       (l->config.believes ? STORE_PAGE_BELIEVES : 0) |
	       (l->config.is_filtered || l->config.has_mentions ? STORE_PAGE_MENTIONS : 0);
}

/* Of a picked page no part of time becomes known, since what it lacks may be of any time. */
static int apply(struct page_run *l, struct webex_reply *reply, int64_t lo)
{
	const struct pager_config *c = pager_get_config(l->config.pager);
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));
	g_autoptr(GArray) doubts = g_array_new(FALSE, FALSE, sizeof(int64_t));
	GPtrArray *changes = store_changes_new();
	int64_t hi = is_head(l) ? l->known_ms : l->top;
	int r;

	drop_above(l, reply->items);
	hand_in_edge(l, reply->items);
	if (l->config.has_mentions && !l->is_picked)
		r = store_apply_mentions(c->store, l->config.room, reply->items, lo, l->top,
					 clock_wall(c->clock), doubts, changes);
	else
		r = store_apply_page_apart(c->store, l->config.room, reply->items,
					   l->is_picked ? 0 : lo, l->is_picked ? 0 : hi,
					   mode_of(l), clock_wall(c->clock), missing, doubts,
					   changes);
	r = pager_published(l->config.pager, r, changes);
	/* A list of mentions does not show that other messages are there. */
	if (r == 0 && !is_filtered(l))
		tell_missing(l, l->config.has_mentions ? l->top : lo, missing, doubts);
	return r;
}

/* True if the page is of a part of time that is known, of which nothing becomes less known. That a page run
 * fetches again does not say so: the bodies of messages that came alone are fetched by it, too. */
static bool was_known(const struct page_run *l, const struct webex_reply *reply, int64_t lo)
{
	/* A head covers what was known above its newest item, too, and what is between. */
	int64_t hi = is_head(l) ? l->known_ms : l->top;
	struct store_conn *conn;
	bool is_known;

	for (guint i = 0; is_head(l) && i < reply->items->len; i++)
		hi = MAX(hi, ((struct webex_message *)reply->items->pdata[i])->created_ms);
	if (is_head(l) && (!reply->items->len || l->known_ms < 0))
		return false;
	if (store_read_begin(pager_get_config(l->config.pager)->store, &conn))
		return false;
	is_known =
		(l->config.has_mentions ? store_mention_covers(conn, l->config.room, lo, hi)
					: store_span_covers(conn, l->config.room, lo, hi)) == 1;
	store_read_end(conn);
	return is_known;
}

/* Skips a part below that is known by now. */
static void skip_known(struct page_run *l)
{
	g_autoptr(GArray) gaps = g_array_new(FALSE, FALSE, sizeof(struct store_span));
	struct store_conn *conn;
	const struct store_span *first;

	if (store_read_begin(pager_get_config(l->config.pager)->store, &conn))
		return;
	if ((l->config.has_mentions
		     ? store_mention_gaps(conn, l->config.room, l->bottom, l->top, gaps)
		     : store_span_gaps(conn, l->config.room, l->bottom, l->top, gaps)) == 0) {
		first = gaps->len ? &g_array_index(gaps, struct store_span, 0) : NULL;
		if (!first) {
			l->top = l->bottom;
		} else if (first->hi < l->top) {
			l->top = first->hi;
			g_ptr_array_set_size(l->edge, 0);
			set_next(l, NULL);
			g_clear_pointer(&l->anchor, g_free);
		}
	}
	store_read_end(conn);
}

static void go_on(struct page_run *l, guint items)
{
	bool more;

	l->state = PAGE_RUN_APPLIED;
	more = l->config.paged(l->config.arg, l, items);
	if (l->state == PAGE_RUN_CANCELLED) {
		page_run_free(l);
		return;
	}
	if (!more) {
		end(l, 0, NULL);
		return;
	}
	/* A head goes on to older messages, known or not, until it has enough of them, which
	 * `paged` decides. */
	if (l->config.top != PAGE_RUN_TOP && !l->config.is_again)
		skip_known(l);
	if (l->top <= l->bottom)
		end(l, 0, NULL);
	else
		submit(l);
}

static void take_page(struct page_run *l, struct webex_reply *reply)
{
	guint n = reply->items->len;
	const char *oldest_id;
	int64_t oldest = oldest_of(reply->items, &oldest_id), lo;
	int r;

	l->pages++;
	/* A page behind a message may have that message once more. */
	if (reply->next && !is_behind_message(l) && !l->config.has_mentions)
		server_note_page(pager_server(l->config.pager), (int)n + reply->skipped,
				 l->max);
	if (oldest_id) {
		g_free(l->anchor);
		l->anchor = g_strdup(oldest_id);
	}
	l->is_partial = l->was_partial || reply->skipped;
	l->was_partial = l->is_partial;
	if (reply->skipped)
		log_warning("cache", "a list has %d messages that cannot be used",
			    reply->skipped);
	lo = low_end(l, reply, oldest);
	/* An empty page of a list that goes on proves nothing. */
	if (is_head(l) && oldest == INT64_MAX && reply->next) {
		set_next(l, g_steal_pointer(&reply->next));
		submit(l);
		return;
	}
	l->is_picked = l->is_partial && !was_known(l, reply, lo);
	r = apply(l, reply, lo);
	if (r == -EOVERFLOW)
		r = fetch_spoil(reply, "too many messages of one millisecond to be listed");
	/* Who asks again wants what the page has, and needs no time to become known. */
	else if (r == 0 && l->is_picked && !l->config.is_again)
		r = fetch_spoil_partial(reply);
	if (r) {
		end(l, r, r == -EIO && reply->error ? reply : NULL);
		return;
	}
	l->page_ms = is_head(l) ? 0 : l->top - MAX(lo, 0);
	if (lo < l->top)
		l->by_time = false;
	/* An item that cannot be used may be older than the oldest of its page that can. */
	if (lo < l->top && !reply->skipped)
		l->was_partial = false;
	l->top = lo;
	take_edge(l, reply->items);
	set_next(l, g_steal_pointer(&reply->next));
	go_on(l, n);
}

/* ---- answers ---- */

static bool is_circle(struct page_run *l, const struct webex_reply *reply)
{
	/* If none of the items can be used, it is unknown whether they are new. */
	bool is_empty = !reply->items->len;

	if (is_empty) {
		l->empty_pages++;
	} else {
		l->empty_pages = 0;
		l->stale_pages = is_fresh(l, reply->items) ? 0 : l->stale_pages + 1;
	}
	if (!is_empty && !l->stale_pages)
		l->progress_ms = mono(l);
	if (reply->is_cut)
		return is_empty || l->stale_pages;
	if (!reply->next)
		return false;
	return l->stale_pages >= STALE_MAX || l->empty_pages >= FETCH_MAX_EMPTY ||
	       l->pages >= FETCH_MAX_PAGES || (l->next && strcmp(l->next, reply->next) == 0);
}

static void fail(struct page_run *l, const struct webex_reply *reply)
{
	int timeout_ms = pager_get_config(l->config.pager)->timeout_ms;
	bool has_time;

	/* What waited for its turn did not fail meanwhile. */
	l->progress_ms += reply->held_ms;
	has_time = mono(l) - l->progress_ms < (timeout_ms ? timeout_ms : PAGE_TIMEOUT_MS);

	if ((reply->status == 502 || reply->status == 504) && l->max > SERVER_PAGE_MIN &&
	    has_time) {
		l->max = MAX(l->max / 2, SERVER_PAGE_MIN);
		if (!l->config.has_mentions)
			server_note_page_max(pager_server(l->config.pager), l->max);
		set_next(l, NULL);
		submit(l);
		return;
	}
	/* The anchor may have been deleted meanwhile (webex-api.md 2.3, oddity 4). */
	if (reply->status == 404 && is_behind_message(l) && go_by_time(l))
		return;
	end(l, reply->error, reply);
}

static void on_answer(void *arg, struct webex_reply *reply)
{
	struct page_run *l = arg;

	l->request = 0;
	if (l->state == PAGE_RUN_CANCELLED) {
		page_run_free(l);
		return;
	}
	assert(l->state == PAGE_RUN_ASKING);
	server_heard(pager_server(l->config.pager), reply);
	if (reply->error) {
		fail(l, reply);
	} else if (l->restarts < RESTARTS_MAX && l->config.is_outdated &&
		   l->config.is_outdated(l->config.arg)) {
		l->restarts++;
		submit(l);
	} else if (is_circle(l, reply)) {
		log_warning("cache", "a list's next links go round in circles");
		if (!go_by_time(l))
			end(l, fetch_spoil(reply, "the list's next links go round in circles"),
			    reply);
	} else {
		take_page(l, reply);
	}
}
