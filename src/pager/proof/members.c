/* SPDX-License-Identifier: MIT */
/* Proof of many members at once: the whole list of them is fetched again (proof.h has the
 * states). */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "pager/past/page_run.h"
#include "pager/proof/internal.h"

/* The doubted memberships of a space. */
struct recount {
	struct proof_list head;
	int64_t due_ms; /* mono; a list that begins before this is no second one */
	GArray *rows;	/* of int64_t, rising */
};

static const struct pager_config *config_of(const struct proof *p)
{
	return pager_get_config(p->pager);
}

static void recount_free(void *data)
{
	struct recount *r = data;

	g_array_unref(r->rows);
	g_free(r);
}

void proof_members_init(struct proof *p)
{
	p->members = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, recount_free);
}

void proof_members_free(struct proof *p)
{
	g_hash_table_unref(p->members);
}

static bool is_me(const struct proof *p, int64_t member)
{
	struct store_member m = {0};
	struct store_conn *conn;
	bool is_me = false;

	if (store_read_begin(config_of(p)->store, &conn))
		return false;
	if (store_member_get(conn, member, &m) == 0 && m.m.person_id) {
		_cleanup_gfree_ char *me = store_meta_get(conn, "me.id");

		is_me = g_strcmp0(me, m.m.person_id) == 0;
	}
	store_member_clear(&m);
	store_read_end(conn);
	return is_me;
}

void proof_member_gone(struct proof *p, int64_t room, int64_t member)
{
	const struct need members = {.kind = NEED_MEMBERS, .row = room};

	/* A list under way may still have it, so it must not be published. */
	pager_touch(p->pager, &members);
	if (is_me(p, member))
		proof_doubt_room(p, room);
}

static struct recount *recount_of(const struct proof *p, int64_t room)
{
	return g_hash_table_lookup(p->members, &room);
}

static bool is_second(const struct proof *p, const struct recount *r)
{
	return r && r->head.state == DOUBTED && r->head.sampled == PROOF_SAMPLES &&
	       proof_now(p) >= r->due_ms;
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
		r->head.proof = p;
		r->head.room = room;
		r->head.state = CLEARED;
		r->head.pace.next_ms = now;
		r->rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
		g_hash_table_insert(p->members, &r->head.room, r);
	}
	if (r->head.state != CLEARED)
		return;
	r->head.state = DOUBTED;
	r->head.sampled = 0;
	r->due_ms = r->head.pace.next_ms = MAX(r->head.pace.next_ms, now + PROOF_AGAIN_MS);
	g_array_set_size(r->rows, 0);
	g_array_append_vals(r->rows, missing->data, missing->len);
}

/* True if the second list has somebody that the first one lacked: the first list was wrong, and
 * nobody is missing twice. */
static bool is_recount_refuted(const struct proof *p, const struct recount *r,
			       const GArray *missing)
{
	struct store_member m = {.gone = true};
	struct store_conn *conn;
	bool is = false;

	if (store_read_begin(config_of(p)->store, &conn))
		return true;
	for (guint i = 0; i < r->rows->len && !is; i++) {
		int64_t row = g_array_index(r->rows, int64_t, i);

		if (proof_has_row(missing, row))
			continue;
		/* They may have been removed in another way meanwhile. */
		is = store_member_get(conn, row, &m) == 0 && !m.gone;
		store_member_clear(&m);
	}
	store_read_end(conn);
	return is;
}

/* Forgets the members that the second list lacks, too; others that it lacks stay in the array. */
static void settle_recount(struct proof *p, struct recount *r, GArray *missing)
{
	const struct pager_config *c = config_of(p);
	g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(int64_t));
	GPtrArray *changes;
	guint kept = 0;
	int e = 0;

	if (is_recount_refuted(p, r, missing)) {
		r->head.state = CLEARED;
		proof_rest(p, &r->head.pace);
		return;
	}
	for (guint i = 0; i < missing->len; i++) {
		int64_t row = g_array_index(missing, int64_t, i);

		if (proof_has_row(r->rows, row))
			g_array_append_val(gone, row);
		else
			g_array_index(missing, int64_t, kept++) = row;
	}
	g_array_set_size(missing, kept);
	changes = store_changes_new();
	if (gone->len)
		e = store_remove_members(c->store, gone, clock_wall(c->clock), changes);
	pager_published(p->pager, e, changes);
	for (guint i = 0; i < gone->len; i++)
		proof_member_gone(p, r->head.room, g_array_index(gone, int64_t, i));
	g_hash_table_remove(p->members, &r->head.room);
}

void proof_members_listed(struct proof *p, int64_t room, int64_t began_ms, int max,
			  const GArray *missing)
{
	struct recount *r = recount_of(p, room);
	g_autoptr(GArray) left = g_array_new(FALSE, FALSE, sizeof(int64_t));
	const struct page_told all = {
		.room = room, .lo = INT64_MIN, .hi = INT64_MAX, .missing = missing};

	if (p->is_stopped)
		return;
	proof_drop_seen(p, PROOF_MEMBER, &all);
	g_array_append_vals(left, missing->data, missing->len);
	if (is_second(p, r) && began_ms >= r->due_ms && max != SERVER_PAGE_MAX)
		settle_recount(p, r, left);
	r = recount_of(p, room);
	if (left->len > PROOF_MANY)
		recount_many(p, room, left);
	for (guint i = 0; i < left->len && left->len <= PROOF_MANY; i++) {
		int64_t row = g_array_index(left, int64_t, i);

		if (!r || r->head.state == CLEARED || !proof_has_row(r->rows, row))
			proof_doubt(p, PROOF_MEMBER, row, room);
	}
	proof_pump(p);
}

/* ---- the pump ---- */

static void on_sample(void *arg, enum proof_verdict verdict)
{
	struct recount *r = arg;
	struct proof *p = r->head.proof;

	if (p->is_stopped)
		return;
	proof_list_sampled(&r->head, verdict);
	proof_pump(p);
}

/* As for messages (lists.c). */
static void ask_sample(struct recount *r)
{
	guint at = r->head.sampled ? r->rows->len - 1 : 0;

	r->head.state = ASKING;
	proof_ask(r->head.proof->pager, PROOF_MEMBER, g_array_index(r->rows, int64_t, at),
		  false, on_sample, r);
}

bool proof_members_pump(struct proof *p)
{
	struct recount *r = (struct recount *)proof_list_due(p, p->members);
	struct need need = {.kind = NEED_MEMBERS};

	if (!r || !proof_take_turn(p))
		return false;
	if (r->head.sampled < PROOF_SAMPLES) {
		ask_sample(r);
		return true;
	}
	/* No list came since it was requested. */
	if (!proof_later(p, &r->head.pace))
		r->head.state = CLEARED;
	need.row = r->head.room;
	pager_begin(p->pager, &need);
	return true;
}
