/* SPDX-License-Identifier: MIT */
/* Decides when something is asked for, and which of the lists that lacked many things has its turn
 * (lists.c, members.c). */
#include "pager/proof/internal.h"

bool proof_take_turn(struct proof *p)
{
	int64_t now = proof_now(p);

	if (now - p->turns[p->turn] < PROOF_MINUTE_MS)
		return false;
	p->turns[p->turn] = now;
	p->turn = (p->turn + 1) % PROOF_TURNS;
	return true;
}

bool proof_later(const struct proof *p, struct proof_pace *pace)
{
	pace->wait_ms =
		pace->wait_ms ? MIN(pace->wait_ms * 2, PROOF_WAIT_MAX_MS) : PROOF_WAIT_MS;
	pace->next_ms = proof_now(p) + pace->wait_ms;
	return ++pace->tries < PROOF_TRIES;
}

void proof_rest(const struct proof *p, struct proof_pace *pace)
{
	proof_later(p, pace);
	pace->tries = 0;
}

/* ---- lists ---- */

void proof_list_sampled(struct proof_list *l, enum proof_verdict verdict)
{
	l->state = CLEARED;
	switch (verdict) {
	case PROOF_GONE:
		l->sampled++;
		l->pace = (struct proof_pace){.next_ms = proof_now(l->proof)};
		l->state = DOUBTED;
		break;
	case PROOF_OPEN:
		if (proof_later(l->proof, &l->pace))
			l->state = DOUBTED;
		break;
	case PROOF_THERE:
		proof_rest(l->proof, &l->pace);
		break;
	}
}

struct proof_list *proof_list_due(const struct proof *p, GHashTable *table)
{
	int64_t now = proof_now(p);
	struct proof_list *first = NULL;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, table);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct proof_list *l = value;

		if (l->state == CLEARED && now - l->pace.next_ms > PROOF_FORGET_MS)
			g_hash_table_iter_remove(&iter);
		else if (l->state == DOUBTED && l->pace.next_ms <= now &&
			 (!first || l->pace.next_ms < first->pace.next_ms))
			first = l;
	}
	return first;
}

int64_t proof_list_next_ms(GHashTable *table)
{
	int64_t next_ms = INT64_MAX;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, table);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct proof_list *l = value;

		if (l->state == DOUBTED)
			next_ms = MIN(next_ms, l->pace.next_ms);
	}
	return next_ms;
}

bool proof_list_is_quiet(GHashTable *table)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, table);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((const struct proof_list *)value)->state != CLEARED)
			return false;
	return true;
}
