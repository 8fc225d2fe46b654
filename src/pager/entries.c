/* SPDX-License-Identifier: MIT */
/* The table of entries: what is known of each need. */
#include "pager/internal.h"

void pager_entry_free(void *entry)
{
	struct pager_entry *e = entry;

	g_free(e->failed_words);
	g_free(e);
}

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

void pager_note_names(struct pager *p, const void *who, int64_t room, int done, int total)
{
	struct names_run run = {
		.who = who, .room = room, .started_ms = clock_mono(p->config.clock)};
	guint i = 0;

	pthread_mutex_lock(&p->lock);
	while (i < p->names->len && g_array_index(p->names, struct names_run, i).who != who)
		i++;
	if (total && i == p->names->len)
		g_array_append_val(p->names, run);
	if (total) {
		g_array_index(p->names, struct names_run, i).done = done;
		g_array_index(p->names, struct names_run, i).total = total;
	} else if (i < p->names->len) {
		g_array_remove_index(p->names, i);
	}
	pthread_mutex_unlock(&p->lock);
}

GArray *pager_names(struct pager *p)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct pager_names));
	int64_t now = clock_mono(p->config.clock);

	pthread_mutex_lock(&p->lock);
	for (guint i = 0; i < p->names->len; i++) {
		const struct names_run *run = &g_array_index(p->names, struct names_run, i);
		struct pager_names one = {run->room, run->done, run->total,
					  now - run->started_ms};

		g_array_append_val(all, one);
	}
	pthread_mutex_unlock(&p->lock);
	return all;
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

char *pager_failed_words(struct pager *p, const struct need *need, int error)
{
	struct pager_entry *e;
	char *words;

	pthread_mutex_lock(&p->lock);
	e = pager_entry_locked(p, need, false);
	words = e && e->failed_error == error ? g_strdup(e->failed_words) : NULL;
	pthread_mutex_unlock(&p->lock);
	return words;
}

uint64_t pager_generation(struct pager *p, const struct need *need)
{
	struct pager_entry *e;
	uint64_t generation;

	pthread_mutex_lock(&p->lock);
	e = pager_entry_locked(p, need, false);
	generation = e ? e->generation : 0;
	pthread_mutex_unlock(&p->lock);
	return generation;
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

bool pager_lacks_for_now(struct pager *p, const struct need *need)
{
	int64_t since = clock_mono(p->config.clock) - PAGER_ABSENT_MS;
	struct pager_entry *e;
	bool lacks;

	pthread_mutex_lock(&p->lock);
	e = pager_entry_locked(p, need, false);
	lacks = e && e->good_ms > since && !e->is_expired &&
		e->good_generation == e->generation;
	pthread_mutex_unlock(&p->lock);
	return lacks;
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

void pager_retry(struct pager *p, int error)
{
	GHashTableIter iter;
	gpointer value;

	pthread_mutex_lock(&p->lock);
	g_hash_table_iter_init(&iter, p->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct pager_entry *e = value;

		if (e->failed_error == error)
			e->failed_until_ms = INT64_MIN / 2;
	}
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
