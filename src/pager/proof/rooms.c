/* SPDX-License-Identifier: MIT */
/* The second list of spaces, or of teams (proof.h has the states). */
#include <errno.h>

#include "pager/proof/internal.h"

/* When to look again while another list is under way. */
#define LOOK_MS 1000
/* proof_ask waits no longer than this for a list. */
#define ASKER_MS 5000

static const struct pager_config *config_of(const struct proof *p)
{
	return pager_get_config(p->pager);
}

/* The list that has all things of the kind. */
static struct need list_of(enum proof_kind kind)
{
	return (struct need){.kind = kind == PROOF_TEAM ? NEED_TEAMS : NEED_ROOMS};
}

void proof_doubt_room(struct proof *p, int64_t room)
{
	bool is_team = pager_place(p->pager, room) == webex_place(WEBEX_ROOM_TEAM);

	proof_doubt(p, is_team ? PROOF_TEAM : PROOF_ROOM, room, room);
}

static void forget_room(struct thing *t)
{
	const struct pager_config *c = config_of(t->proof);
	const struct need rooms = list_of(t->kind);
	GPtrArray *changes = store_changes_new();
	int r;

	/* A list under way may still have it, so it must not be published. */
	pager_touch(t->proof->pager, &rooms);
	r = store_remove_room(c->store, t->row, changes);
	pager_published(t->proof->pager, r, changes);
	proof_drop(t, PROOF_GONE);
}

/* The things of a kind (of struct thing), each borrowed until it is dropped. */
static GPtrArray *things_of(const struct proof *p, enum proof_kind kind)
{
	GPtrArray *all = g_ptr_array_new();
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, p->things);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((struct thing *)value)->kind == kind)
			g_ptr_array_add(all, value);
	return all;
}

/* Begins one list for all things of the kind that wait for one. */
static void pump(struct proof *p, enum proof_kind kind)
{
	const struct need need = list_of(kind);
	g_autoptr(GPtrArray) rooms = things_of(p, kind);
	int64_t now = proof_now(p);
	bool is_again = p->again_ms[kind] && p->again_ms[kind] <= now;
	bool is_urgent = false, begins;
	guint due = 0;

	for (guint i = 0; i < rooms->len; i++) {
		struct thing *t = rooms->pdata[i];

		if (t->state != LISTING || t->pace.next_ms > now)
			continue;
		if (now - t->doubted_ms >= ASKER_MS)
			proof_tell(t, PROOF_OPEN);
		is_urgent |= t->askers->len > 0;
		rooms->pdata[due++] = t;
	}
	begins = (due || is_again) && !pager_is_fetching(p->pager, &need) &&
		 (is_urgent || proof_take_turn(p));
	if (is_again)
		p->again_ms[kind] = begins ? 0 : now + LOOK_MS;
	for (guint i = 0; i < due; i++) {
		struct thing *t = rooms->pdata[i];

		if (!begins)
			t->pace.next_ms = now + LOOK_MS;
		else if (!proof_later(p, &t->pace))
			t->state = CLEARED;
	}
	if (begins)
		pager_begin(p->pager, &need);
	if (is_urgent)
		pager_hurry(p->pager, &need);
}

void proof_rooms_pump(struct proof *p)
{
	pump(p, PROOF_ROOM);
	pump(p, PROOF_TEAM);
}

int64_t proof_rooms_next_ms(const struct proof *p)
{
	int64_t next_ms = INT64_MAX;

	for (int kind = 0; kind < PROOF_KINDS; kind++)
		if (p->again_ms[kind])
			next_ms = MIN(next_ms, p->again_ms[kind]);
	return next_ms;
}

/* If very many are missing, the list itself is doubted: it is fetched again before any of them
 * is asked for. */
static void list_first(struct proof *p, enum proof_kind kind, const GArray *missing)
{
	g_autoptr(GPtrArray) rooms = things_of(p, kind);
	int64_t now = proof_now(p);

	p->again_ms[kind] = 0;
	for (guint i = 0; missing->len > PROOF_MANY && i < rooms->len; i++) {
		struct thing *t = rooms->pdata[i];

		if (t->state != DOUBTED || t->doubted_ms != now || t->pace.next_ms != now)
			continue;
		t->pace.next_ms = now + 2 * PROOF_AGAIN_MS;
		p->again_ms[kind] = now + PROOF_AGAIN_MS;
	}
}

void proof_rooms_listed(struct proof *p, enum proof_kind kind, int64_t began_ms,
			const GArray *missing)
{
	g_autoptr(GPtrArray) rooms = things_of(p, kind);

	if (p->is_stopped)
		return;
	for (guint i = 0; i < rooms->len; i++) {
		struct thing *t = rooms->pdata[i];

		if (!proof_has_row(missing, t->row)) {
			/* A whole list decides, except for things whose GET is still to be
			 * answered. */
			if (t->state == LISTING)
				proof_clear(t, PROOF_THERE);
			else if (t->state == DOUBTED)
				proof_drop(t, PROOF_THERE);
		} else if (t->state == LISTING && began_ms >= t->gone_ms) {
			forget_room(t);
		}
	}
	for (guint i = 0; i < missing->len; i++) {
		int64_t row = g_array_index(missing, int64_t, i);

		proof_doubt(p, kind, row, row);
	}
	list_first(p, kind, missing);
	proof_pump(p);
}
