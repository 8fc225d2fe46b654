/* SPDX-License-Identifier: MIT */
/* The table of entries: what is known of each need. */
#include "pager/internal.h"

struct pager_entry *pager_entry_locked(struct pager *p, const struct need *need, bool make)
{
	struct pager_entry *e = g_hash_table_lookup(p->entries, need);

	if (e || !make)
		return e;
	e = g_new0(struct pager_entry, 1);
	e->need = *need;
	e->fresh_until_ms = INT64_MIN / 2;
	e->failed_until_ms = INT64_MIN / 2;
	e->good_ms = INT64_MIN / 2;
	g_queue_init(&e->waiters);
	g_hash_table_insert(p->entries, &e->need, e);
	return e;
}

uint64_t pager_moment(struct pager *p)
{
	return atomic_load(&p->moment);
}

void pager_note_ended_locked(struct pager *p, struct pager_entry *e, int error)
{
	e->ended = atomic_fetch_add(&p->moment, 1) + 1;
	e->ended_error = error;
}

int64_t pager_good_ms(struct pager *p, const struct need *need)
{
	struct pager_entry *e;
	int64_t good_ms;

	pthread_mutex_lock(&p->lock);
	e = pager_entry_locked(p, need, false);
	good_ms = e ? e->good_ms : INT64_MIN / 2;
	pthread_mutex_unlock(&p->lock);
	return good_ms;
}

bool pager_has_answered(struct pager *p, const struct need *need)
{
	return pager_good_ms(p, need) > INT64_MIN / 2;
}

void pager_touch(struct pager *p, const struct need *need)
{
	const struct need news = {.kind = NEED_NEWS};

	pthread_mutex_lock(&p->lock);
	pager_entry_locked(p, need, true)->generation++;
	/* A poll brings the list, too. */
	if (need->kind == NEED_ROOMS)
		pager_entry_locked(p, &news, true)->generation++;
	pthread_mutex_unlock(&p->lock);
}

void pager_expire(struct pager *p, const struct need *need)
{
	struct pager_entry *e;

	pthread_mutex_lock(&p->lock);
	e = pager_entry_locked(p, need, false);
	if (e) {
		e->fresh_until_ms = INT64_MIN / 2;
		e->failed_until_ms = INT64_MIN / 2;
		e->is_expired = true;
	}
	pthread_mutex_unlock(&p->lock);
}

void pager_set_fresh(struct pager *p, const struct need *need, int64_t until_ms)
{
	struct pager_entry *e;

	pthread_mutex_lock(&p->lock);
	e = pager_entry_locked(p, need, true);
	e->fresh_until_ms = until_ms;
	pager_note_ended_locked(p, e, 0);
	pthread_mutex_unlock(&p->lock);
}

bool pager_is_fetching(struct pager *p, const struct need *need)
{
	struct pager_entry *e;
	bool is_fetching;

	pthread_mutex_lock(&p->lock);
	e = pager_entry_locked(p, need, false);
	is_fetching = e && e->fetching;
	pthread_mutex_unlock(&p->lock);
	return is_fetching;
}
