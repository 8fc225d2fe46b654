/* SPDX-License-Identifier: MIT */
/*
 * Proof of many messages at once: the list that lacked them is fetched again, some seconds
 * later and in pages of another size (proof.h has the states).
 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "pager/past/page_run.h"
#include "pager/proof/internal.h"

/* How long to wait when this minute has no turn left. */
#define CUT_MS 10000

/* A message that a page lacked. */
struct suspect {
	int64_t row, created_ms;
};

/* The doubted messages of a space. */
struct relist {
	struct proof_list head;
	GArray *suspects; /* of struct suspect, by row */
	GArray *others; /* of int64_t: what the second list lacks, if it contradicts the first */
	int max;	/* the page size of the list that lacked them */
	int64_t sample; /* ASKING: the one that is asked for */
	struct page_run *run;
	int found; /* how many samples in a row were there */
	bool is_refuted, is_cut, is_offline;
};

static const struct pager_config *config_of(const struct proof *p)
{
	return pager_get_config(p->pager);
}

static void relist_free(void *data)
{
	struct relist *r = data;

	g_array_unref(r->suspects);
	g_array_unref(r->others);
	g_free(r);
}

void proof_pages_init(struct proof *p)
{
	p->pages = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, relist_free);
}

void proof_pages_free(struct proof *p)
{
	g_hash_table_unref(p->pages);
}

void proof_pages_stop(struct proof *p)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, p->pages);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct relist *r = value;

		if (r->run)
			page_run_cancel(r->run);
		r->run = NULL;
	}
}

/* ---- messages: suspects ---- */

static int compare_suspects(const void *a, const void *b)
{
	const struct suspect *x = a, *y = b;

	return x->row < y->row ? -1 : x->row > y->row;
}

static bool is_suspect(const struct relist *r, int64_t row)
{
	const struct suspect key = {.row = row};

	return r->suspects->len && bsearch(&key, r->suspects->data, r->suspects->len,
					   sizeof(key), compare_suspects);
}

static void add_suspects(struct relist *r, const GArray *rows)
{
	guint known = r->suspects->len;
	struct store_conn *conn;

	if (store_read_begin(config_of(r->head.proof)->store, &conn))
		return;
	for (guint i = 0; i < rows->len; i++) {
		struct suspect s = {.row = g_array_index(rows, int64_t, i)};

		/* The suspects that were there before are sorted. */
		if (known && bsearch(&s, r->suspects->data, known, sizeof(s), compare_suspects))
			continue;
		if (proof_was_there(r->head.proof, s.row))
			continue;
		if (store_message_created(conn, s.row, &s.created_ms) == 0)
			g_array_append_val(r->suspects, s);
	}
	store_read_end(conn);
	g_array_sort(r->suspects, compare_suspects);
}

static void doubt_many(struct proof *p, const struct page_told *page)
{
	struct relist *r = g_hash_table_lookup(p->pages, &page->room);
	int64_t now = proof_now(p);

	if (!r) {
		if (g_hash_table_size(p->pages) >= PROOF_MAX)
			return;
		r = g_new0(struct relist, 1);
		r->head.proof = p;
		r->head.room = page->room;
		r->head.state = CLEARED;
		r->head.pace.next_ms = now;
		r->suspects = g_array_new(FALSE, FALSE, sizeof(struct suspect));
		r->others = g_array_new(FALSE, FALSE, sizeof(int64_t));
		g_hash_table_insert(p->pages, &r->head.room, r);
	}
	/* While the list is being fetched nothing is added; the next list doubts it again. */
	if (r->head.state == LISTING || r->head.state == ASKING)
		return;
	/* A list came, so the network works again. */
	if (r->is_offline)
		r->head.pace = (struct proof_pace){.next_ms = now};
	r->is_offline = false;
	if (r->head.state == CLEARED) {
		r->head.sampled = 0;
		g_array_set_size(r->suspects, 0);
		r->head.pace.next_ms = MAX(r->head.pace.next_ms, now + PROOF_AGAIN_MS);
	}
	r->head.state = DOUBTED;
	r->max = page->max;
	add_suspects(r, page->missing);
}

/* True if a single question about the message is under way already. */
static bool is_waited_for(const struct proof *p, int64_t room, int64_t row)
{
	const struct relist *r = g_hash_table_lookup(p->pages, &room);

	return r && r->head.state != CLEARED && is_suspect(r, row);
}

static int compare_rows(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

bool proof_has_row(const GArray *rows, int64_t row)
{
	return rows->len &&
	       bsearch(&row, rows->data, rows->len, sizeof(row), compare_rows) != NULL;
}

void proof_drop_seen(struct proof *p, enum proof_kind kind, const struct page_told *page)
{
	g_autoptr(GArray) missing = g_array_copy((GArray *)page->missing);
	GHashTableIter iter;
	gpointer value;

	if (page->doubts)
		g_array_append_vals(missing, page->doubts->data, page->doubts->len);
	g_array_sort(missing, compare_rows);
	g_hash_table_iter_init(&iter, p->things);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct thing *t = value;

		if (t->kind == kind && t->room == page->room && t->state == DOUBTED &&
		    !t->askers->len && t->created_ms > page->lo && t->created_ms <= page->hi &&
		    !proof_has_row(missing, t->row))
			g_hash_table_iter_remove(&iter);
	}
}

void proof_page_listed(struct proof *p, const struct page_told *page)
{
	if (p->is_stopped)
		return;
	proof_drop_seen(p, PROOF_MESSAGE, page);
	if (page->missing->len > PROOF_MANY)
		doubt_many(p, page);
	/* The list has these, so another list would say no more. */
	for (guint i = 0; page->doubts && i < page->doubts->len; i++)
		proof_doubt(p, PROOF_MESSAGE, g_array_index(page->doubts, int64_t, i),
			    page->room);
	for (guint i = 0; i < page->missing->len && page->missing->len <= PROOF_MANY; i++) {
		int64_t row = g_array_index(page->missing, int64_t, i);

		if (!is_waited_for(p, page->room, row))
			proof_doubt(p, PROOF_MESSAGE, row, page->room);
	}
	proof_pump(p);
}

/* ---- messages: the second list ---- */

/* True if it was not removed in another way meanwhile. */
static bool is_known(const struct proof *p, int64_t message)
{
	struct store_conn *conn;
	int64_t ms;
	bool is;

	if (store_read_begin(config_of(p)->store, &conn))
		return true;
	is = store_message_created(conn, message, &ms) == 0;
	store_read_end(conn);
	return is;
}

/*
 * Takes the suspects of the page's interval out of the list, and returns those that the page
 * lacks, too. If the page has one of them, the first list was wrong: then nothing is missing
 * twice, and what this page lacks is a new suspicion.
 */
static GArray *take_gone(struct relist *r, const struct page_told *page)
{
	g_autoptr(GHashTable) absent = g_hash_table_new(g_int64_hash, g_int64_equal);
	GArray *gone = g_array_new(FALSE, FALSE, sizeof(int64_t));
	guint kept = 0;

	for (guint i = 0; i < page->missing->len; i++)
		g_hash_table_add(absent, &g_array_index(page->missing, int64_t, i));
	for (guint i = 0; i < r->suspects->len; i++) {
		const struct suspect s = g_array_index(r->suspects, struct suspect, i);

		if (g_hash_table_contains(absent, &s.row))
			g_array_append_val(gone, s.row);
		else if (s.created_ms > page->lo && s.created_ms <= page->hi)
			r->is_refuted |= is_known(r->head.proof, s.row);
		else
			g_array_index(r->suspects, struct suspect, kept++) = s;
	}
	g_array_set_size(r->suspects, kept);
	if (r->is_refuted) {
		g_array_set_size(gone, 0);
		g_array_set_size(r->others, 0);
		g_array_append_vals(r->others, page->missing->data, page->missing->len);
	}
	return gone;
}

/* Some of what the lists lack is gone, and some is not: they say nothing of a single message. */
static bool is_mixed(const struct relist *r)
{
	return r->found > 1;
}

static void on_missing(void *arg, const struct page_told *page)
{
	struct relist *r = arg;
	const struct pager_config *c = config_of(r->head.proof);
	g_autoptr(GArray) gone = take_gone(r, page);
	GPtrArray *changes = store_changes_new();
	int e = 0;

	for (guint i = 0; is_mixed(r) && i < gone->len; i++)
		proof_doubt(r->head.proof, PROOF_MESSAGE, g_array_index(gone, int64_t, i),
			    r->head.room);
	if (gone->len && !is_mixed(r))
		e = store_remove_messages(c->store, gone, clock_wall(c->clock), changes);
	pager_published(r->head.proof->pager, e, changes);
}

static bool on_page(void *arg, struct page_run *run, guint items)
{
	struct relist *r = arg;

	(void)run;
	(void)items;
	if (r->is_refuted || !r->suspects->len)
		return false;
	r->is_cut = !proof_take_turn(r->head.proof);
	return !r->is_cut;
}

/* A page size that differs from that of the first list. */
static int other_size(int max)
{
	return max > 2 * SERVER_PAGE_MIN ? max / 2 + 1 : max * 2;
}

/* The first list was wrong, so the second one ends here. */
static void refuted(struct relist *r)
{
	const struct page_told page = {.room = r->head.room,
				       .lo = 0,
				       .hi = 0,
				       .max = other_size(r->max),
				       .missing = r->others};

	r->head.state = CLEARED;
	proof_rest(r->head.proof, &r->head.pace);
	if (r->others->len)
		proof_page_listed(r->head.proof, &page);
}

static void on_done(void *arg, struct page_run *run, int error, const struct webex_reply *reply)
{
	struct relist *r = arg;
	struct proof *p = r->head.proof;
	bool lost = error && page_run_lost_space(run, reply);

	r->run = NULL;
	r->is_offline = error && reply && reply->is_network;
	if (error) {
		r->head.state = proof_later(p, &r->head.pace) ? DOUBTED : CLEARED;
	} else if (r->is_refuted) {
		refuted(r);
	} else if (r->is_cut) {
		r->head.state = DOUBTED;
		r->head.pace.next_ms = proof_now(p) + CUT_MS;
	} else {
		g_hash_table_remove(p->pages, &r->head.room);
		r = NULL;
	}
	if (lost)
		proof_doubt_room(p, r->head.room);
	proof_pump(p);
}

static bool is_background(void *arg)
{
	(void)arg;
	return true;
}

static struct store_span bounds(const struct relist *r)
{
	struct store_span span = {.lo = INT64_MAX, .hi = -1};

	for (guint i = 0; i < r->suspects->len; i++) {
		const struct suspect *s = &g_array_index(r->suspects, struct suspect, i);

		span.lo = MIN(span.lo, s->created_ms - 1);
		span.hi = MAX(span.hi, s->created_ms);
	}
	return span;
}

/* Begins the second list. 0, or -errno if it cannot be fetched. */
static int list_again(struct relist *r)
{
	struct store_span span = bounds(r);
	_cleanup_gfree_ char *id = NULL;
	struct page_run_config config = {
		.pager = r->head.proof->pager,
		.room = r->head.room,
		.top = span.hi,
		.bottom = MAX(span.lo, -1),
		.max = other_size(r->max),
		.is_again = true,
		.verifies = true,
		.believes = true,
		.is_background = is_background,
		.missing = on_missing,
		.paged = on_page,
		.done = on_done,
		.arg = r,
	};
	int e = pager_load_room(r->head.proof->pager, r->head.room, &id, &config.is_filtered);

	if (e || config.is_filtered || !r->suspects->len)
		return e ? e : -ENOENT;
	config.room_id = id;
	r->is_refuted = r->is_cut = false;
	r->head.state = LISTING;
	r->run = page_run_new(&config);
	return 0;
}

/* ---- messages: the samples ---- */

static void on_sample(void *arg, enum proof_verdict verdict)
{
	struct relist *r = arg;
	struct proof *p = r->head.proof;

	if (p->is_stopped)
		return;
	r->is_offline = verdict == PROOF_OPEN && proof_is_offline(p, r->sample);
	proof_list_sampled(&r->head, verdict);
	if (verdict == PROOF_THERE && ++r->found > 1) {
		r->head.state = DOUBTED;
		r->head.sampled = PROOF_SAMPLES;
		r->head.pace = (struct proof_pace){.next_ms = proof_now(p)};
	}
	proof_pump(p);
}

/* Two lists may agree and be wrong, so the oldest and the newest suspect are asked for by id. */
static void ask_sample(struct relist *r)
{
	guint at = r->head.sampled ? r->suspects->len - 1 : 0;

	r->head.state = ASKING;
	r->sample = g_array_index(r->suspects, struct suspect, at).row;
	proof_ask(r->head.proof->pager, PROOF_MESSAGE, r->sample, false, on_sample, r);
}

/* ---- the pump ---- */

bool proof_pages_pump(struct proof *p)
{
	struct relist *r = (struct relist *)proof_list_due(p, p->pages);

	if (!r || !proof_take_turn(p))
		return false;
	if (r->suspects->len && r->head.sampled < PROOF_SAMPLES)
		ask_sample(r);
	else if (list_again(r))
		g_hash_table_remove(p->pages, &r->head.room);
	return true;
}
