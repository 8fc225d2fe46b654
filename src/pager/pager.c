/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <pthread.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "pager/fetchers/fetchers.h"
#include "pager/present/poll.h"
#include "pager/past/ahead.h"
#include "pager/past/evicted.h"
#include "pager/internal.h"
#include "pager/proof/proof.h"
#include "pager/past/sizes.h"
#include "pager/past/tidy.h"
#include "pager/past/spans.h"

#define LIST_AGE_MS 3000
#define TEAMS_AGE_MS (60 * 1000)
#define PERSON_AGE_MS (60 * 60 * 1000)
#define SOFT_WAIT_MS 300
/* If there are more entries, idle ones are dropped. */
#define MAX_ENTRIES 65536

/* ---- the parts ---- */

static void on_ended(struct pager *p, struct fetch *f, int error, bool network)
{
	poller_ended(p->poller, f, error, network);
}

static void on_stored(struct pager *p)
{
	evicted_check(p->evicted);
	tidy_check(p->tidy);
}

static void on_lacks(struct pager *p, const struct page_told *page)
{
	proof_page_listed(p->proof, page);
}

int pager_new(const struct pager_config *config, struct pager **ret_pager)
{
	static const struct pager_parts parts = {
		.fetcher_of = fetchers_find,
		.ended = on_ended,
		.stored = on_stored,
		.lacks = on_lacks,
	};
	struct pager *p = g_new0(struct pager, 1);

	p->parts = &parts;
	p->config = *config;
	if (!p->config.list_age_ms)
		p->config.list_age_ms = LIST_AGE_MS;
	if (!p->config.teams_age_ms)
		p->config.teams_age_ms = TEAMS_AGE_MS;
	if (!p->config.person_age_ms)
		p->config.person_age_ms = PERSON_AGE_MS;
	if (!p->config.soft_wait_ms)
		p->config.soft_wait_ms = SOFT_WAIT_MS;
	p->entries = g_hash_table_new_full(need_hash, need_equal_g, NULL, pager_entry_free);
	atomic_init(&p->moment, 1);
	pthread_mutex_init(&p->lock, NULL);
	p->names = g_array_new(FALSE, FALSE, sizeof(struct names_run));
	p->server =
		server_new(config->store, config->queue, config->clock, config->link_down_ms);
	p->spans = spans_new(p);
	p->ahead = ahead_new(p);
	g_queue_init(&p->event_waiters.waiters);
	p->poller = poller_new(p);
	p->evicted = evicted_new(p);
	p->sizes = sizes_new(p);
	p->tidy = tidy_new(p);
	p->proof = proof_new(p);
	*ret_pager = p;
	return 0;
}

void pager_start(struct pager *p)
{
	assert(work_on_thread(p->config.queue));
	if (p->stopping)
		return;
	poller_start(p->poller);
	evicted_check(p->evicted);
	sizes_start(p->sizes);
	tidy_check(p->tidy);
}

int pager_soft_wait_ms(const struct pager *p)
{
	return p->config.soft_wait_ms;
}

static gboolean entry_is_spent(gpointer key, gpointer value, gpointer now)
{
	const struct pager_entry *e = value;
	int64_t now_ms = *(const int64_t *)now;

	(void)key;
	return !e->fetching && !e->fetch && g_queue_is_empty((GQueue *)&e->waiters) &&
	       e->fresh_until_ms < now_ms && e->failed_until_ms < now_ms;
}

/* True if a fetch has ended since the operation looked at the store. */
static bool has_ended_since(const struct pager_entry *e, uint64_t looked)
{
	return e && looked && e->ended > looked && !e->is_expired;
}

static bool is_expired(struct pager *p, const struct need *need)
{
	struct pager_entry *e;
	bool expired;

	pthread_mutex_lock(&p->lock);
	e = pager_entry_locked(p, need, false);
	expired = e && e->is_expired;
	pthread_mutex_unlock(&p->lock);
	return expired;
}

/* Judges the freshness by what the polls know. */
static enum fresh_verdict check_fresh(struct pager *p, const struct need *need, bool have,
				      int64_t now)
{
	const struct need rooms = {.kind = NEED_ROOMS};

	if (!have || !p->config.poll_ms)
		return need->kind == NEED_NEWS ? FRESH_USE : FRESH_BY_AGE;
	/* The complete list is under way and has the news, too. */
	if (need->kind == NEED_NEWS && pager_is_fetching(p, &rooms))
		return FRESH_USE;
	return is_expired(p, need) ? FRESH_STALE
				   : poller_check(p->poller, need, pager_good_ms(p, need), now);
}

/* What is to be done if no fetch and no failure of the last moment says otherwise. */
static enum pager_verdict verdict_of(const struct pager *p, const struct need *need, bool have,
				     enum fresh_verdict fresh)
{
	if (fresh == FRESH_USE)
		return PAGER_USE;
	if (!have)
		return PAGER_FETCH;
	if (fresh == FRESH_VERIFY)
		return PAGER_VERIFY;
	/* Without polls nothing else tells what is new. The lists of spaces tell it for all of them. */
	if (fresh == FRESH_STALE || !p->config.poll_ms || need->kind == NEED_NEWS ||
	    need->kind == NEED_ROOMS)
		return PAGER_REFRESH;
	return PAGER_OLD;
}

enum pager_verdict pager_check(struct pager *p, const struct need *need, bool have,
			       uint64_t looked, int *ret_error)
{
	int64_t now = clock_mono(p->config.clock);
	enum fresh_verdict fresh = check_fresh(p, need, have, now);
	enum pager_verdict verdict = verdict_of(p, need, have, fresh);
	int down = server_failed_within(p->server, FAILED_AGE_MS);
	struct pager_entry *e;

	pthread_mutex_lock(&p->lock);
	e = pager_entry_locked(p, need, false);
	if (has_ended_since(e, looked)) {
		/* The operation has not seen the fresh version: pager_wait makes it look again. */
		verdict = have ? PAGER_REFRESH : PAGER_FETCH;
	} else if (verdict == PAGER_USE || verdict == PAGER_VERIFY) {
		/* The polls say so. */
	} else if (e && e->fresh_until_ms > now && fresh == FRESH_BY_AGE) {
		verdict = PAGER_USE;
	} else if (e && e->failed_until_ms > now) {
		verdict = have ? PAGER_USE : PAGER_FAILED;
		*ret_error = e->failed_error;
	} else if (have && e && e->fetching && now - e->started_ms >= p->config.soft_wait_ms) {
		/* An earlier operation has waited for the whole short time, so the fetch hangs. */
		verdict = PAGER_USE;
	} else if (!need_asks_server(need->kind)) {
		/* This holds whatever the state of the network is. */
	} else if (have && down) {
		verdict = PAGER_USE;
	} else if (server_is_unreachable(down)) {
		/* A walk over an unread past must not wait for that in each directory. */
		verdict = PAGER_FAILED;
		*ret_error = down;
	}
	pthread_mutex_unlock(&p->lock);
	return verdict;
}

/* This runs on the thread that writes events, so none comes between the look and the wait. */
void pager_wait_event(struct pager *p, int64_t cursor, struct pager_waiter *w)
{
	assert(work_on_thread(p->config.queue));
	w->entry = NULL;
	if (p->stopping || store_event_last(p->config.store) > cursor) {
		w->fn(w, p->stopping ? -ESHUTDOWN : 0);
		return;
	}
	w->entry = &p->event_waiters;
	w->link = (GList){.data = w};
	g_queue_push_tail_link(&w->entry->waiters, &w->link);
}

void pager_wake_events(struct pager *p)
{
	pager_wake(&p->event_waiters, 0);
}

/* What is asked for of one space, and all that is asked for by name, takes turns with the rest. */
static uint32_t topic_of(const struct need *need)
{
	return need_has_key(need->kind) ? (uint32_t)need->kind : (uint32_t)(need->row << 8);
}

/* Begins the fetch, or goes on with the one that is under way, for who waits first. */
static void fetch_for(struct pager *p, struct pager_entry *e, struct http_asker asker)
{
	struct http_asker before;

	asker.topic = topic_of(&e->need);
	/* It is for everybody, whoever comes first. */
	if (e->need.kind == NEED_NEWS || e->need.kind == NEED_ROOMS ||
	    e->need.kind == NEED_TEAMS)
		asker = (struct http_asker){.user = 0};
	before = http_ask_for(asker);
	if (e->fetch)
		fetch_raise(e->fetch);
	else
		fetch_start(p, e);
	http_ask_for(before);
}

void pager_wait(struct pager *p, const struct need *need, struct pager_waiter *w)
{
	struct pager_entry *e;
	int64_t now = clock_mono(p->config.clock);
	bool has_ended;
	int error;

	assert(work_on_thread(p->config.queue));
	w->entry = NULL;
	if (p->stopping) {
		w->fn(w, -ESHUTDOWN);
		return;
	}
	pthread_mutex_lock(&p->lock);
	if (g_hash_table_size(p->entries) > MAX_ENTRIES)
		g_hash_table_foreach_remove(p->entries, entry_is_spent, &now);
	e = pager_entry_locked(p, need, true);
	has_ended = !e->fetch && has_ended_since(e, w->looked);
	error = e->ended_error;
	if (e->fetch || has_ended)
		p->stats.joined++;
	pthread_mutex_unlock(&p->lock);

	/* Answers as if the waiter had joined the fetch in time. */
	if (has_ended) {
		w->fn(w, error);
		return;
	}
	w->entry = e;
	w->link = (GList){.data = w};
	g_queue_push_tail_link(&e->waiters, &w->link);
	if (!e->fetch || e->waiters.length == 1)
		fetch_for(p, e, w->asker);
}

void pager_unwait(struct pager *p, struct pager_waiter *w, bool cancel)
{
	struct pager_entry *e = w->entry;

	if (!e)
		return;
	w->entry = NULL;
	g_queue_unlink(&e->waiters, &w->link);
	if (cancel && e->fetch && !e->fetch->is_for_all && g_queue_is_empty(&e->waiters))
		fetch_cancel(p, e);
}

struct refresh {
	struct pager *pager;
	struct need need;
};

static void refresh_run(void *arg)
{
	struct refresh *r = arg;

	pager_begin(r->pager, &r->need);
	g_free(r);
}

void pager_refresh(struct pager *p, const struct need *need)
{
	int64_t now = clock_mono(p->config.clock);
	struct pager_entry *e;
	struct refresh *r;
	bool wanted;

	pthread_mutex_lock(&p->lock);
	e = pager_entry_locked(p, need, false);
	wanted = !e || (!e->fetching && e->fresh_until_ms <= now && e->failed_until_ms <= now);
	pthread_mutex_unlock(&p->lock);
	if (!wanted)
		return;
	r = g_new0(struct refresh, 1);
	r->pager = p;
	r->need = *need;
	work_post(p->config.queue, refresh_run, r);
}

void pager_shutdown(struct pager *p)
{
	GHashTableIter iter;
	gpointer value;
	GPtrArray *all = g_ptr_array_new();

	p->stopping = true;
	poller_stop(p->poller);
	spans_shutdown(p->spans);
	evicted_stop(p->evicted);
	sizes_stop(p->sizes);
	tidy_stop(p->tidy);
	proof_stop(p->proof);
	/* Waiters may wait for another need from inside, so nothing is called while iterating. */
	pthread_mutex_lock(&p->lock);
	g_hash_table_iter_init(&iter, p->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		g_ptr_array_add(all, value);
	pthread_mutex_unlock(&p->lock);
	for (guint i = 0; i < all->len; i++) {
		struct pager_entry *e = all->pdata[i];

		if (e->fetch)
			fetch_cancel(p, e);
		pager_wake(e, -ESHUTDOWN);
	}
	g_ptr_array_unref(all);
	pager_wake(&p->event_waiters, -ESHUTDOWN);
	server_stop(p->server);
}

void pager_free(struct pager **p)
{
	if (!*p)
		return;
	spans_free(&(*p)->spans);
	ahead_free(&(*p)->ahead);
	evicted_free(&(*p)->evicted);
	sizes_free(&(*p)->sizes);
	tidy_free(&(*p)->tidy);
	proof_free(&(*p)->proof);
	poller_free(&(*p)->poller);
	g_hash_table_unref((*p)->entries);
	g_array_unref((*p)->names);
	pthread_mutex_destroy(&(*p)->lock);
	server_free(&(*p)->server);
	g_free(*p);
	*p = NULL;
}

bool pager_polls(const struct pager *p)
{
	return p->config.poll_ms != 0;
}

struct step {
	struct pager *pager;
	int64_t room, lo_ms, hi_ms;
};

static void step_run(void *arg)
{
	struct step *s = arg;

	if (!s->pager->stopping) {
		evicted_opened(s->pager->evicted, s->room, s->lo_ms, s->hi_ms);
		spans_step(s->pager->spans, s->room, s->lo_ms, s->hi_ms);
	}
	g_free(s);
}

void pager_step(struct pager *p, int64_t room, int64_t lo_ms, int64_t hi_ms)
{
	struct step *s = g_new0(struct step, 1);

	s->pager = p;
	s->room = room;
	s->lo_ms = lo_ms;
	s->hi_ms = hi_ms;
	work_post(p->config.queue, step_run, s);
}

static void saves_run(void *arg)
{
	struct step *s = arg;

	if (!s->pager->stopping)
		ahead_step(s->pager->ahead, s->room);
	g_free(s);
}

void pager_saves(struct pager *p, int64_t room)
{
	struct step *s = g_new0(struct step, 1);

	s->pager = p;
	s->room = room;
	work_post(p->config.queue, saves_run, s);
}

void pager_get_stats(struct pager *p, struct pager_stats *ret_stats)
{
	static const char *const words[] = {
		[FRESH_OFF] = "off",
		[FRESH_ASLEEP] = "asleep",
		[FRESH_CATCHING_UP] = "awake",
		[FRESH_AWAKE] = "awake",
	};
	struct fresh_stats fresh;

	poller_get_stats(p->poller, &fresh);
	pthread_mutex_lock(&p->lock);
	*ret_stats = p->stats;
	pthread_mutex_unlock(&p->lock);
	ret_stats->last_good_wall_ms =
		MAX(server_good_wall_ms(p->server), fresh.answered_wall_ms);
	ret_stats->offline_since_wall_ms = server_offline_since_wall_ms(p->server);
	ret_stats->polling = words[fresh.state];
	ret_stats->polled_wall_ms = fresh.polled_wall_ms;
	ret_stats->listed_wall_ms = fresh.listed_wall_ms;
	ret_stats->news = fresh.news;
}

char *pager_poll_trouble(struct pager *p)
{
	return poller_trouble(p->poller);
}
