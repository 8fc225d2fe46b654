/* SPDX-License-Identifier: MIT */
/*
 * Proof of many things at once: the list that lacked them is asked for again, some seconds later
 * and in pages of another size (proof.h has the states).
 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "cache/lane.h"
#include "cache/pages.h"
#include "cache/proof_internal.h"

/* Until the next minute has turns. */
#define CUT_MS 10000

/* A message that a page lacked. */
struct suspect {
	int64_t row, created_ms;
};

/* Messages of a space. */
struct relist {
	struct proof *proof;
	int64_t room;
	enum proof_state state; /* DOUBTED, LISTING, CLEARED */
	struct proof_pace pace;
	GArray *suspects; /* of struct suspect, by row */
	int max;	  /* the page size that lacked them */
	struct lane *lane;
	bool is_refuted, is_cut;
};

/* Memberships of a space. */
struct recount {
	enum proof_state state; /* DOUBTED, CLEARED */
	struct proof_pace pace;
	int64_t room, due_ms; /* mono: a list begun before it is no second one */
	GArray *rows;	      /* of int64_t, rising */
};

static const struct pager_config *config_of(const struct proof *p)
{
	return pager_get_config(p->pager);
}

static void relist_free(void *data)
{
	struct relist *r = data;

	g_array_unref(r->suspects);
	g_free(r);
}

static void recount_free(void *data)
{
	struct recount *r = data;

	g_array_unref(r->rows);
	g_free(r);
}

void proof_lists_init(struct proof *p)
{
	p->pages = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, relist_free);
	p->members = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, recount_free);
}

void proof_lists_free(struct proof *p)
{
	g_hash_table_unref(p->pages);
	g_hash_table_unref(p->members);
}

void proof_lists_stop(struct proof *p)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, p->pages);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct relist *r = value;

		if (r->lane)
			lane_cancel(r->lane);
		r->lane = NULL;
	}
}

/* It was refuted, or tried often enough: the next doubt has to wait. */
static void clear(struct proof *p, enum proof_state *state, struct proof_pace *pace)
{
	*state = CLEARED;
	proof_later(p, pace);
	pace->tries = 0;
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

static bool has_row(const GArray *rows, int64_t row)
{
	for (guint i = 0; i < rows->len; i++)
		if (g_array_index(rows, int64_t, i) == row)
			return true;
	return false;
}

static void add_suspects(struct relist *r, const GArray *rows)
{
	guint known = r->suspects->len;
	struct store_conn *conn;

	if (store_read_begin(config_of(r->proof)->store, &conn))
		return;
	for (guint i = 0; i < rows->len; i++) {
		struct suspect s = {.row = g_array_index(rows, int64_t, i)};

		/* What was there is sorted. */
		if (known && bsearch(&s, r->suspects->data, known, sizeof(s), compare_suspects))
			continue;
		if (store_message_created(conn, s.row, &s.created_ms) == 0)
			g_array_append_val(r->suspects, s);
	}
	store_read_end(conn);
	g_array_sort(r->suspects, compare_suspects);
}

static void doubt_many(struct proof *p, const struct proof_page *page)
{
	struct relist *r = g_hash_table_lookup(p->pages, &page->room);
	int64_t now = proof_now(p);

	if (!r) {
		if (g_hash_table_size(p->pages) >= PROOF_MAX)
			return;
		r = g_new0(struct relist, 1);
		r->proof = p;
		r->room = page->room;
		r->state = CLEARED;
		r->pace.next_ms = now;
		r->suspects = g_array_new(FALSE, FALSE, sizeof(struct suspect));
		g_hash_table_insert(p->pages, &r->room, r);
	}
	/* Those of a list that is asked for now are doubted again by the next one. */
	if (r->state == LISTING)
		return;
	if (r->state == CLEARED) {
		g_array_set_size(r->suspects, 0);
		r->pace.next_ms = MAX(r->pace.next_ms, now + PROOF_AGAIN_MS);
	}
	r->state = DOUBTED;
	r->max = page->max;
	add_suspects(r, page->missing);
}

/* What it was doubted for is on its way already. */
static bool is_waited_for(const struct proof *p, int64_t room, int64_t row)
{
	const struct relist *r = g_hash_table_lookup(p->pages, &room);

	return r && (r->state == DOUBTED || r->state == LISTING) && is_suspect(r, row);
}

/* What waits for its turn, and is there after all. */
static void drop_seen(struct proof *p, enum proof_kind kind, const struct proof_page *page)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, p->things);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct thing *t = value;

		if (t->kind == kind && t->room == page->room && t->state == DOUBTED &&
		    !t->askers->len && t->created_ms > page->lo && t->created_ms <= page->hi &&
		    !has_row(page->missing, t->row))
			g_hash_table_iter_remove(&iter);
	}
}

void proof_page_listed(struct proof *p, const struct proof_page *page)
{
	if (p->is_stopped)
		return;
	drop_seen(p, PROOF_MESSAGE, page);
	if (page->missing->len > PROOF_MANY)
		doubt_many(p, page);
	for (guint i = 0; i < page->missing->len && page->missing->len <= PROOF_MANY; i++) {
		int64_t row = g_array_index(page->missing, int64_t, i);

		if (!is_waited_for(p, page->room, row))
			proof_doubt(p, PROOF_MESSAGE, row, page->room);
	}
	proof_pump(p);
}

/* ---- messages: the second list ---- */

/* Those of the page that it lacks as well; none of its suspects is left in the list of them. */
static GArray *take_gone(struct relist *r, const struct proof_page *page)
{
	g_autoptr(GHashTable) absent = g_hash_table_new(g_int64_hash, g_int64_equal);
	GArray *gone = g_array_new(FALSE, FALSE, sizeof(int64_t));
	guint kept = 0, seen = 0;

	for (guint i = 0; i < page->missing->len; i++)
		g_hash_table_add(absent, &g_array_index(page->missing, int64_t, i));
	for (guint i = 0; i < r->suspects->len; i++) {
		const struct suspect s = g_array_index(r->suspects, struct suspect, i);

		if (g_hash_table_contains(absent, &s.row))
			g_array_append_val(gone, s.row);
		else if (s.created_ms > page->lo && s.created_ms <= page->hi)
			seen++;
		else
			g_array_index(r->suspects, struct suspect, kept++) = s;
	}
	g_array_set_size(r->suspects, kept);
	/* The first list was wrong, and need not be walked through. */
	r->is_refuted = seen && !gone->len;
	return gone;
}

static void on_missing(void *arg, const struct proof_page *page)
{
	struct relist *r = arg;
	const struct pager_config *c = config_of(r->proof);
	g_autoptr(GArray) gone = take_gone(r, page);
	GPtrArray *changes = store_changes_new();
	int e = 0;

	if (gone->len)
		e = store_remove_messages(c->store, gone, clock_wall(c->clock), changes);
	pager_published(r->proof->pager, e, changes);
}

static bool on_page(void *arg, struct lane *lane, guint items)
{
	struct relist *r = arg;

	(void)lane;
	(void)items;
	if (r->is_refuted || !r->suspects->len)
		return false;
	r->is_cut = !proof_take_turn(r->proof);
	return !r->is_cut;
}

static void on_done(void *arg, struct lane *lane, int error, const struct webex_reply *reply)
{
	struct relist *r = arg;
	struct proof *p = r->proof;
	bool lost = error && lane_lost_space(lane, reply);

	r->lane = NULL;
	if (error) {
		r->state = proof_later(p, &r->pace) ? DOUBTED : CLEARED;
	} else if (r->is_refuted) {
		clear(p, &r->state, &r->pace);
	} else if (r->is_cut) {
		r->state = DOUBTED;
		r->pace.next_ms = proof_now(p) + CUT_MS;
	} else {
		g_hash_table_remove(p->pages, &r->room);
		r = NULL;
	}
	if (lost)
		proof_doubt(p, PROOF_ROOM, r->room, r->room);
	proof_pump(p);
}

static bool is_background(void *arg)
{
	(void)arg;
	return true;
}

/* Not as it was listed. */
static int other_size(int max)
{
	return max > 2 * LANE_PAGE_MIN ? max / 2 + 1 : max * 2;
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

/* 0, or it cannot be asked for. */
static int list_again(struct relist *r)
{
	struct store_span span = bounds(r);
	_cleanup_gfree_ char *id = NULL;
	struct lane_config config = {
		.pager = r->proof->pager,
		.room = r->room,
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
	int e = pager_load_room(r->proof->pager, r->room, &id, &config.is_filtered);

	if (e || config.is_filtered || !r->suspects->len)
		return e ? e : -ENOENT;
	config.room_id = id;
	r->is_refuted = r->is_cut = false;
	r->state = LISTING;
	r->lane = lane_new(&config);
	return 0;
}

/* ---- memberships ---- */

static int compare_rows(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static struct recount *recount_of(const struct proof *p, int64_t room)
{
	return g_hash_table_lookup(p->members, &room);
}

static bool is_second(const struct proof *p, const struct recount *r)
{
	return r && r->state == DOUBTED && proof_now(p) >= r->due_ms;
}

int proof_members_max(const struct proof *p, int64_t room, int max)
{
	return is_second(p, recount_of(p, room)) ? max / 2 + 1 : max;
}

static void recount_many(struct proof *p, int64_t room, const GArray *missing)
{
	struct recount *r = recount_of(p, room);
	int64_t now = proof_now(p);

	if (!r) {
		if (g_hash_table_size(p->members) >= PROOF_MAX)
			return;
		r = g_new0(struct recount, 1);
		r->room = room;
		r->state = CLEARED;
		r->pace.next_ms = now;
		r->rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
		g_hash_table_insert(p->members, &r->room, r);
	}
	if (r->state == DOUBTED)
		return;
	r->state = DOUBTED;
	r->due_ms = r->pace.next_ms = MAX(r->pace.next_ms, now + PROOF_AGAIN_MS);
	g_array_set_size(r->rows, 0);
	g_array_append_vals(r->rows, missing->data, missing->len);
}

static bool is_counted(const struct recount *r, int64_t row)
{
	return r && r->rows->len &&
	       bsearch(&row, r->rows->data, r->rows->len, sizeof(row), compare_rows);
}

/* Those that the second list lacks as well are forgotten; the others it lacks stay in the array. */
static void settle_recount(struct proof *p, struct recount *r, GArray *missing)
{
	const struct pager_config *c = config_of(p);
	g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(int64_t));
	GPtrArray *changes = store_changes_new();
	guint kept = 0;
	int e = 0;

	for (guint i = 0; i < missing->len; i++) {
		int64_t row = g_array_index(missing, int64_t, i);

		if (is_counted(r, row))
			g_array_append_val(gone, row);
		else
			g_array_index(missing, int64_t, kept++) = row;
	}
	g_array_set_size(missing, kept);
	if (gone->len)
		e = store_remove_members(c->store, gone, clock_wall(c->clock), changes);
	pager_published(p->pager, e, changes);
	for (guint i = 0; i < gone->len; i++)
		proof_member_gone(p, r->room, g_array_index(gone, int64_t, i));
	if (gone->len)
		g_hash_table_remove(p->members, &r->room);
	else
		clear(p, &r->state, &r->pace);
}

void proof_members_listed(struct proof *p, int64_t room, int64_t began_ms, int max,
			  const GArray *missing)
{
	struct recount *r = recount_of(p, room);
	g_autoptr(GArray) left = g_array_new(FALSE, FALSE, sizeof(int64_t));
	const struct proof_page all = {
		.room = room, .lo = INT64_MIN, .hi = INT64_MAX, .missing = missing};

	if (p->is_stopped)
		return;
	drop_seen(p, PROOF_MEMBER, &all);
	g_array_append_vals(left, missing->data, missing->len);
	if (is_second(p, r) && began_ms >= r->due_ms && max != PAGE_MAX)
		settle_recount(p, r, left);
	r = recount_of(p, room);
	if (left->len > PROOF_MANY)
		recount_many(p, room, left);
	for (guint i = 0; i < left->len && left->len <= PROOF_MANY; i++) {
		int64_t row = g_array_index(left, int64_t, i);

		if (!r || r->state != DOUBTED || !is_counted(r, row))
			proof_doubt(p, PROOF_MEMBER, row, room);
	}
	proof_pump(p);
}

/* ---- the pump ---- */

static bool is_forgotten(const struct proof *p, enum proof_state state,
			 const struct proof_pace *pace)
{
	return state == CLEARED && proof_now(p) - pace->next_ms > PROOF_FORGET_MS;
}

/* Copies of the rooms: what is done about one may drop others. */
static GArray *rooms_due(struct proof *p, GHashTable *table)
{
	GArray *rooms = g_array_new(FALSE, FALSE, sizeof(int64_t));
	bool is_pages = table == p->pages;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, table);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct relist *r = value;
		const struct recount *m = value;
		enum proof_state state = is_pages ? r->state : m->state;
		const struct proof_pace *pace = is_pages ? &r->pace : &m->pace;
		int64_t room = is_pages ? r->room : m->room;

		if (is_forgotten(p, state, pace))
			g_hash_table_iter_remove(&iter);
		else if (state == DOUBTED && pace->next_ms <= proof_now(p))
			g_array_append_val(rooms, room);
	}
	return rooms;
}

static void pump_pages(struct proof *p)
{
	g_autoptr(GArray) rooms = rooms_due(p, p->pages);

	for (guint i = 0; i < rooms->len; i++) {
		int64_t room = g_array_index(rooms, int64_t, i);

		if (!proof_take_turn(p))
			return;
		if (list_again(g_hash_table_lookup(p->pages, &room)))
			g_hash_table_remove(p->pages, &room);
	}
}

static void pump_members(struct proof *p)
{
	g_autoptr(GArray) rooms = rooms_due(p, p->members);

	for (guint i = 0; i < rooms->len; i++) {
		struct need need = {.kind = NEED_MEMBERS,
				    .row = g_array_index(rooms, int64_t, i)};
		struct recount *r = recount_of(p, need.row);

		if (!r || !proof_take_turn(p))
			return;
		/* No list came since it was asked for. */
		if (!proof_later(p, &r->pace))
			r->state = CLEARED;
		pager_begin(p->pager, &need);
	}
}

bool proof_lists_are_quiet(const struct proof *p)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, p->pages);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((struct relist *)value)->state != CLEARED)
			return false;
	g_hash_table_iter_init(&iter, p->members);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((struct recount *)value)->state != CLEARED)
			return false;
	return true;
}

int64_t proof_lists_pump(struct proof *p)
{
	int64_t turn_ms = p->turns[p->turn] + 60000, next_ms = INT64_MAX;
	GHashTableIter iter;
	gpointer value;

	pump_pages(p);
	pump_members(p);
	g_hash_table_iter_init(&iter, p->pages);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((struct relist *)value)->state == DOUBTED)
			next_ms = MIN(next_ms,
				      MAX(((struct relist *)value)->pace.next_ms, turn_ms));
	g_hash_table_iter_init(&iter, p->members);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((struct recount *)value)->state == DOUBTED)
			next_ms = MIN(next_ms,
				      MAX(((struct recount *)value)->pace.next_ms, turn_ms));
	return next_ms;
}
