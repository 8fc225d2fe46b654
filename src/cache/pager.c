/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cache/contents.h"
#include "cache/fetch.h"
#include "cache/pager.h"

#define LIST_AGE_MS 3000
#define PERSON_AGE_MS (60 * 60 * 1000)
#define SOFT_WAIT_MS 300
#define FAILED_AGE_MS 1500
/* Nobody has that address: worth asking again, but not soon. */
#define ABSENT_AGE_MS 30000
/* How long a failed network is taken to be down without asking again. */
#define DOWN_MS 5000
#define MAX_RESTARTS 3
/* Idle entries are dropped when there are more. */
#define MAX_ENTRIES 65536

struct pager_entry {
	struct need need;
	struct fetch *fetch; /* cache thread; NULL: IDLE */
	GQueue waiters;	     /* of struct pager_waiter.link; cache thread */

	bool fetching;		 /* pager.lock, as all below */
	int64_t started_ms;	 /* mono */
	int64_t fresh_until_ms;	 /* mono */
	int64_t failed_until_ms; /* mono */
	int failed_error;
	uint64_t generation;
};

struct pager {
	struct pager_config config;
	pthread_mutex_t lock;
	GHashTable *entries;	  /* need -> entry; pager.lock */
	struct pager_stats stats; /* pager.lock */
	int64_t net_failed_ms;	  /* mono time of the last network failure; pager.lock */
	int net_error;		  /* pager.lock */
	bool stopping;		  /* cache thread */
};

bool need_equal(const struct need *a, const struct need *b)
{
	return a->kind == b->kind && a->row == b->row && a->lo_ms == b->lo_ms &&
	       a->hi_ms == b->hi_ms && strcmp(a->key, b->key) == 0;
}

static guint need_hash(gconstpointer p)
{
	const struct need *n = p;

	return g_str_hash(n->key) ^ (guint)n->kind * 2654435761u ^ (guint)(n->row * 40503) ^
	       (guint)(n->lo_ms >> 10) * 2246822519u ^ (guint)(n->hi_ms >> 10);
}

static gboolean need_equal_g(gconstpointer a, gconstpointer b)
{
	return need_equal(a, b);
}

int pager_new(const struct pager_config *config, struct pager **ret_pager)
{
	struct pager *p = g_new0(struct pager, 1);

	p->config = *config;
	if (!p->config.list_age_ms)
		p->config.list_age_ms = LIST_AGE_MS;
	if (!p->config.person_age_ms)
		p->config.person_age_ms = PERSON_AGE_MS;
	if (!p->config.soft_wait_ms)
		p->config.soft_wait_ms = SOFT_WAIT_MS;
	p->entries = g_hash_table_new_full(need_hash, need_equal_g, NULL, g_free);
	p->stats.last_good_wall_ms = -1;
	p->stats.offline_since_wall_ms = -1;
	p->net_failed_ms = INT64_MIN / 2;
	pthread_mutex_init(&p->lock, NULL);
	*ret_pager = p;
	return 0;
}

const struct pager_config *pager_get_config(const struct pager *p)
{
	return &p->config;
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

/* The entry of `need`, made if `make`. Entries are only dropped by the cache thread, which
 * is also the only one that keeps pointers to them. */
static struct pager_entry *entry_get_locked(struct pager *p, const struct need *need, bool make)
{
	struct pager_entry *e = g_hash_table_lookup(p->entries, need);

	if (e || !make)
		return e;
	e = g_new0(struct pager_entry, 1);
	e->need = *need;
	e->fresh_until_ms = INT64_MIN / 2;
	e->failed_until_ms = INT64_MIN / 2;
	g_queue_init(&e->waiters);
	g_hash_table_insert(p->entries, &e->need, e);
	return e;
}

/* No way to the server at all: true of every other request as well. */
static bool is_unreachable(int error)
{
	return error == -ECONNREFUSED || error == -ENETUNREACH || error == -EHOSTUNREACH;
}

enum pager_verdict pager_check(struct pager *p, const struct need *need, bool have,
			       int *ret_error)
{
	int64_t now = clock_mono(p->config.clock);
	enum pager_verdict verdict = have ? PAGER_REFRESH : PAGER_FETCH;
	struct pager_entry *e;

	pthread_mutex_lock(&p->lock);
	e = entry_get_locked(p, need, false);
	if (e && e->fresh_until_ms > now) {
		verdict = PAGER_USE;
	} else if (e && e->failed_until_ms > now) {
		verdict = have ? PAGER_USE : PAGER_FAILED;
		*ret_error = e->failed_error;
	} else if (have && e && e->fetching && now - e->started_ms >= p->config.soft_wait_ms) {
		/* Somebody has waited the short wait out already: it hangs. */
		verdict = PAGER_USE;
	} else if (have && now - p->net_failed_ms < FAILED_AGE_MS) {
		verdict = PAGER_USE;
	} else if (now - p->net_failed_ms < FAILED_AGE_MS && is_unreachable(p->net_error)) {
		/* A walk over what was never read must not find that out at each directory. */
		verdict = PAGER_FAILED;
		*ret_error = p->net_error;
	}
	pthread_mutex_unlock(&p->lock);
	return verdict;
}

static int64_t age_of(const struct pager *p, enum need_kind kind)
{
	switch (kind) {
	case NEED_PERSON:
		return p->config.person_age_ms;
	case NEED_CONTENT:
		return 0; /* contents.h knows whether the bytes are here */
	case NEED_SPAN:
	case NEED_MONTHS:
	case NEED_BODY:
	case NEED_EVENT:
		return 0; /* the store knows */
	case NEED_NEWS:
	case NEED_NONE:
	case NEED_ROOMS:
	case NEED_ROOM:
	case NEED_HEAD:
	case NEED_MEMBERS:
	case NEED_DIRECT:
		break;
	}
	return p->config.list_age_ms;
}

static void fetch_free(struct fetch *f)
{
	if (f->seen)
		g_hash_table_unref(f->seen);
	if (f->items)
		g_ptr_array_unref(f->items);
	if (f->fd >= 0)
		close(f->fd);
	g_free(f->room_id);
	g_free(f->last_next);
	g_free(f->oldest_id);
	g_free(f);
}

/* Calls everybody who waits now; they may wait again from inside, at the tail. */
static void wake(struct pager_entry *e, int error)
{
	guint n = g_queue_get_length(&e->waiters);
	GList *link;

	while (n-- > 0 && (link = g_queue_pop_head_link(&e->waiters))) {
		struct pager_waiter *w = link->data;

		w->entry = NULL;
		w->fn(w, error);
	}
}

static void note_end_locked(struct pager *p, struct pager_entry *e, int error, bool network)
{
	int64_t now = clock_mono(p->config.clock);
	bool absent = error == -ENOENT && e->need.kind == NEED_PERSON;

	e->fetching = false;
	if (!error) {
		e->fresh_until_ms = now + age_of(p, e->need.kind);
		e->failed_until_ms = INT64_MIN / 2;
	} else {
		e->failed_error = error;
		e->failed_until_ms = now + (absent ? ABSENT_AGE_MS : FAILED_AGE_MS);
		p->stats.failed++;
		p->stats.last_error = error;
	}
	if (network) {
		p->net_failed_ms = now;
		p->net_error = error;
		if (p->stats.offline_since_wall_ms < 0)
			p->stats.offline_since_wall_ms = clock_wall(p->config.clock);
	} else if (!error || e->need.kind != NEED_CONTENT) {
		/* The server spoke, whatever it said. */
		p->net_failed_ms = INT64_MIN / 2;
		p->stats.offline_since_wall_ms = -1;
		if (!error)
			p->stats.last_good_wall_ms = clock_wall(p->config.clock);
	}
	p->stats.fetching--;
}

/* "the messages of Lunch"; owned. */
static char *describe(const struct fetch *f)
{
	static const char *const words[] = {
		[NEED_ROOMS] = "the list of spaces",
		[NEED_ROOM] = "the details of",
		[NEED_HEAD] = "the messages of",
		[NEED_MEMBERS] = "the members of",
		[NEED_PERSON] = "the details of",
		[NEED_DIRECT] = "the 1:1 space with",
		[NEED_CONTENT] = "the attachment with number",
		[NEED_SPAN] = "older messages of",
		[NEED_NEWS] = "what is new in spaces",
		[NEED_MONTHS] = "the months of",
		[NEED_BODY] = "the message with number",
		[NEED_EVENT] = "events",
	};
	struct store_room room = {0};
	struct store_conn *conn;
	char *text = NULL;

	if ((f->need.kind == NEED_ROOM || f->need.kind == NEED_HEAD ||
	     f->need.kind == NEED_MEMBERS || f->need.kind == NEED_SPAN) &&
	    store_read_begin(f->pager->config.store, &conn) == 0) {
		if (store_room_get(conn, f->need.row, &room) == 0 && room.name)
			text = g_strdup_printf("%s %s", words[f->need.kind], room.name);
		store_room_clear(&room);
		store_read_end(conn);
	} else if (f->need.kind == NEED_ROOMS) {
		text = g_strdup(words[f->need.kind]);
	} else if (f->need.key[0]) {
		text = g_strdup_printf("%s %s", words[f->need.kind], f->need.key);
	}
	if (!text)
		text = g_strdup_printf("%s %lld", words[f->need.kind], (long long)f->need.row);
	return text;
}

/* errno is never enough: what the server said goes where a person can read it. */
static void tell_failure(const struct fetch *f, const struct webex_reply *reply)
{
	_cleanup_gfree_ char *what = describe(f);
	_cleanup_gfree_ char *line =
		g_strdup_printf("reading %s: %s: %s%s%s", what, strerror(-reply->error),
				reply->message ? reply->message : "no answer",
				reply->tracking_id ? ", tracking id " : "",
				reply->tracking_id ? reply->tracking_id : "");

	/* With nobody waiting it is no error that anybody was given. */
	if (g_queue_is_empty(&f->entry->waiters))
		log_warning("cache", "%s", line);
	else
		log_last_error("%s", line);
}

static void fetch_end(struct fetch *f, int error, bool network)
{
	struct pager *p = f->pager;
	struct pager_entry *e = f->entry;

	assert(e && e->fetch == f);
	e->fetch = NULL;
	pthread_mutex_lock(&p->lock);
	note_end_locked(p, e, error, network);
	pthread_mutex_unlock(&p->lock);
	if (error)
		log_debug("cache", "fetch %d of row %lld %s: %s", (int)f->need.kind,
			  (long long)f->need.row, f->need.key, strerror(-error));
	fetch_free(f);
	wake(e, error);
}

bool fetch_is_outdated(const struct fetch *f)
{
	bool moved;

	if (f->restarts >= MAX_RESTARTS)
		return false;
	pthread_mutex_lock(&f->pager->lock);
	moved = f->entry->generation != f->generation;
	pthread_mutex_unlock(&f->pager->lock);
	return moved;
}

static void fetch_reset(struct fetch *f)
{
	g_clear_pointer(&f->seen, g_hash_table_unref);
	g_clear_pointer(&f->items, g_ptr_array_unref);
	g_clear_pointer(&f->room_id, g_free);
	g_clear_pointer(&f->last_next, g_free);
	g_clear_pointer(&f->oldest_id, g_free);
	if (f->fd >= 0)
		close(steal_fd(&f->fd));
	f->pages = f->stale_pages = f->empty_pages = f->max = 0;
	f->is_partial = false;
	f->oldest_ms = INT64_MAX;
	f->before_ms = 0;
	f->is_filtered = f->joins_head = false;
}

static int fetch_begin(struct fetch *f)
{
	struct pager *p = f->pager;

	fetch_reset(f);
	pthread_mutex_lock(&p->lock);
	f->generation = f->entry->generation;
	pthread_mutex_unlock(&p->lock);
	return f->source->begin(f);
}

/* Whether there is no way to the server: not what a redirect of a download came to, nor a body
 * that was cut, of which the beginning came. */
static bool tells_of_network(const struct fetch *f, const struct webex_reply *reply)
{
	return reply->is_network && reply->error != -EIO && f->need.kind != NEED_CONTENT;
}

void fetch_answered(void *arg, struct webex_reply *reply)
{
	struct fetch *f = arg;
	int r;

	f->request = 0;
	if (!f->entry) {
		fetch_free(f);
		return;
	}
	if (!reply->error && fetch_is_outdated(f)) {
		f->restarts++;
		pthread_mutex_lock(&f->pager->lock);
		f->pager->stats.restarted++;
		pthread_mutex_unlock(&f->pager->lock);
		r = fetch_begin(f);
		if (r == 0)
			return;
	} else {
		r = f->source->answer(f, reply);
		if (r == FETCH_MORE)
			return;
	}
	if (r < 0 && reply->error)
		tell_failure(f, reply);
	fetch_end(f, r == FETCH_DONE ? 0 : r, r < 0 && tells_of_network(f, reply));
}

static void fetch_start(struct pager *p, struct pager_entry *e)
{
	struct fetch *f = g_new0(struct fetch, 1);
	int r;

	f->pager = p;
	f->entry = e;
	f->need = e->need;
	f->source = source_find(e->need.kind);
	f->fd = -1;
	e->fetch = f;
	pthread_mutex_lock(&p->lock);
	e->fetching = true;
	e->started_ms = clock_mono(p->config.clock);
	p->stats.fetches++;
	p->stats.fetching++;
	pthread_mutex_unlock(&p->lock);
	r = fetch_begin(f);
	if (r)
		fetch_end(f, r == FETCH_DONE ? 0 : r, false);
}

/* The answer finds entry NULL and only frees. */
static void fetch_cancel(struct pager *p, struct pager_entry *e)
{
	struct fetch *f = e->fetch;

	e->fetch = NULL;
	f->entry = NULL;
	pthread_mutex_lock(&p->lock);
	e->fetching = false;
	p->stats.fetching--;
	pthread_mutex_unlock(&p->lock);
	webex_cancel(p->config.client, f->request);
}

void pager_wait(struct pager *p, const struct need *need, struct pager_waiter *w)
{
	struct pager_entry *e;
	int64_t now = clock_mono(p->config.clock);

	assert(work_on_thread(p->config.queue));
	w->entry = NULL;
	if (p->stopping) {
		w->fn(w, -ESHUTDOWN);
		return;
	}
	pthread_mutex_lock(&p->lock);
	if (g_hash_table_size(p->entries) > MAX_ENTRIES)
		g_hash_table_foreach_remove(p->entries, entry_is_spent, &now);
	e = entry_get_locked(p, need, true);
	if (e->fetch)
		p->stats.joined++;
	pthread_mutex_unlock(&p->lock);

	w->entry = e;
	w->link = (GList){.data = w};
	g_queue_push_tail_link(&e->waiters, &w->link);
	if (!e->fetch)
		fetch_start(p, e);
}

void pager_unwait(struct pager *p, struct pager_waiter *w, bool cancel)
{
	struct pager_entry *e = w->entry;

	if (!e)
		return;
	w->entry = NULL;
	g_queue_unlink(&e->waiters, &w->link);
	if (cancel && e->fetch && g_queue_is_empty(&e->waiters))
		fetch_cancel(p, e);
}

void pager_touch(struct pager *p, const struct need *need)
{
	pthread_mutex_lock(&p->lock);
	entry_get_locked(p, need, true)->generation++;
	pthread_mutex_unlock(&p->lock);
}

void pager_expire(struct pager *p, const struct need *need)
{
	struct pager_entry *e;

	pthread_mutex_lock(&p->lock);
	e = entry_get_locked(p, need, false);
	if (e) {
		e->fresh_until_ms = INT64_MIN / 2;
		e->failed_until_ms = INT64_MIN / 2;
	}
	pthread_mutex_unlock(&p->lock);
}

struct refresh {
	struct pager *pager;
	struct need need;
};

static void refresh_run(void *arg)
{
	struct refresh *r = arg;
	struct pager *p = r->pager;
	struct pager_entry *e;

	if (!p->stopping) {
		pthread_mutex_lock(&p->lock);
		e = entry_get_locked(p, &r->need, true);
		pthread_mutex_unlock(&p->lock);
		if (!e->fetch)
			fetch_start(p, e);
	}
	g_free(r);
}

void pager_refresh(struct pager *p, const struct need *need)
{
	int64_t now = clock_mono(p->config.clock);
	struct pager_entry *e;
	struct refresh *r;
	bool wanted;

	pthread_mutex_lock(&p->lock);
	e = entry_get_locked(p, need, false);
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
	/* Waiters may come back for another need, so nothing is called while iterating. */
	pthread_mutex_lock(&p->lock);
	g_hash_table_iter_init(&iter, p->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		g_ptr_array_add(all, value);
	pthread_mutex_unlock(&p->lock);
	for (guint i = 0; i < all->len; i++) {
		struct pager_entry *e = all->pdata[i];

		if (e->fetch)
			fetch_cancel(p, e);
		wake(e, -ESHUTDOWN);
	}
	g_ptr_array_unref(all);
}

void pager_free(struct pager **p)
{
	if (!*p)
		return;
	g_hash_table_unref((*p)->entries);
	pthread_mutex_destroy(&(*p)->lock);
	g_free(*p);
	*p = NULL;
}

void pager_used(struct pager *p, int64_t room)
{
	(void)p;
	(void)room;
}

void pager_step(struct pager *p, int64_t room, int64_t lo_ms, int64_t hi_ms)
{
	(void)p;
	(void)room;
	(void)lo_ms;
	(void)hi_ms;
}

int pager_network_error(struct pager *p)
{
	int64_t now = clock_mono(p->config.clock);
	int error;

	pthread_mutex_lock(&p->lock);
	error = now - p->net_failed_ms < DOWN_MS ? p->net_error : 0;
	pthread_mutex_unlock(&p->lock);
	return error;
}

void pager_get_stats(struct pager *p, struct pager_stats *ret_stats)
{
	pthread_mutex_lock(&p->lock);
	*ret_stats = p->stats;
	pthread_mutex_unlock(&p->lock);
}
