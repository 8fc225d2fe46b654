/* SPDX-License-Identifier: MIT */
/* One fetch under way, from its beginning to its end. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "pager/internal.h"

#define MAX_RESTARTS 3
#define MINUTE_MS (60 * 1000)

const struct pager_config *pager_get_config(const struct pager *p)
{
	return &p->config;
}

static int64_t age_of(const struct pager *p, const struct need *need)
{
	switch (p->parts->fetcher_of(need->kind)->age) {
	case FETCH_NO_AGE:
		break;
	case FETCH_LIST_AGE:
		return p->config.list_age_ms;
	case FETCH_TEAMS_AGE:
		return p->config.teams_age_ms;
	case FETCH_MINUTE_AGE:
		return MINUTE_MS;
	case FETCH_PERSON_AGE:
		return p->config.person_age_ms;
	}
	return 0;
}

static void fetch_free(struct fetch *f)
{
	if (f->seen)
		g_hash_table_unref(f->seen);
	if (f->items)
		g_ptr_array_unref(f->items);
	g_free(f->room_id);
	g_free(f->last_next);
	g_free(f);
}

void pager_wake(struct pager_entry *e, int error)
{
	guint n = g_queue_get_length(&e->waiters);
	GList *link;

	while (n-- > 0 && (link = g_queue_pop_head_link(&e->waiters))) {
		struct pager_waiter *w = link->data;

		w->entry = NULL;
		w->fn(w, error);
	}
}

static int64_t failed_age_of(const struct pager *p, const struct need *need, int error)
{
	const struct fetcher *fetcher = p->parts->fetcher_of(need->kind);

	if (error == -ENOENT && fetcher->absent_ms)
		return fetcher->absent_ms;
	return fetcher->failed_ms ? fetcher->failed_ms : FAILED_AGE_MS;
}

/* Notes that the newest messages came, though not as many as NEED_HEAD brings. */
static void note_head_locked(struct pager *p, const struct need *need)
{
	struct need head = {.kind = NEED_HEAD, .row = need->row};

	int64_t now = clock_mono(p->config.clock);
	struct pager_entry *e;

	if (need->kind != NEED_TO_HEAD)
		return;
	e = pager_entry_locked(p, &head, true);
	e->fresh_until_ms = now + age_of(p, &head);
	e->good_ms = now;
	e->good_generation = e->generation;
	pager_note_ended_locked(p, e, 0);
}

static void note_end_locked(struct pager *p, struct pager_entry *e, int error)
{
	int64_t now = clock_mono(p->config.clock);

	e->fetching = false;
	pager_note_ended_locked(p, e, error);
	if (!error) {
		e->fresh_until_ms = now + age_of(p, &e->need);
		e->failed_until_ms = INT64_MIN / 2;
		note_head_locked(p, &e->need);
		e->good_ms = now;
		e->good_generation = e->generation;
		e->is_expired = false;
	} else {
		e->failed_error = error;
		e->failed_until_ms = now + failed_age_of(p, &e->need, error);
		p->stats.failed++;
		p->stats.last_error = error;
	}
	p->stats.fetching--;
}

/* "the replies of Lunch, in the thread 2026-..._ann@example.com"; owned; NULL if it is gone. */
static char *describe_thread(const struct fetch *f, struct store_conn *conn)
{
	struct store_thread t = {0};
	struct store_room room = {0};
	char *text = NULL;

	if (store_thread_get(conn, f->need.row, &t) == 0 &&
	    store_room_get(conn, t.room, &room) == 0 && room.name)
		text = g_strdup_printf("%s %s%s%s", f->fetcher->words, room.name,
				       t.stem ? ", in the thread " : "", t.stem ? t.stem : "");
	store_room_clear(&room);
	store_thread_clear(&t);
	return text;
}

/* The need in words, "the messages of Lunch"; owned. */
static char *describe(const struct fetch *f)
{
	const struct fetcher *fetcher = f->fetcher;
	struct store_room room = {0};
	struct store_conn *conn;
	char *text = NULL;

	if (need_has_key(f->need.kind))
		return g_strdup_printf("%s %s", fetcher->words, f->need.key);
	if (!f->need.row)
		return g_strdup(fetcher->words);
	if (fetcher->is_of_space && store_read_begin(f->pager->config.store, &conn) == 0) {
		if (store_room_get(conn, f->need.row, &room) == 0 && room.name)
			text = g_strdup_printf("%s %s", fetcher->words, room.name);
		store_room_clear(&room);
		store_read_end(conn);
	}
	if (fetcher->is_of_thread && store_read_begin(f->pager->config.store, &conn) == 0) {
		text = describe_thread(f, conn);
		store_read_end(conn);
	}
	if (!text)
		text = g_strdup_printf("%s %lld", fetcher->words, (long long)f->need.row);
	return text;
}

/* Writes the server's words to last-error, since an errno is not enough for a person. */
static void tell_failure(const struct fetch *f, const struct webex_reply *reply)
{
	_cleanup_gfree_ char *what = describe(f);
	_cleanup_gfree_ char *words = webex_reply_words(reply);
	_cleanup_gfree_ char *line =
		g_strdup_printf("reading %s: %s: %s", what, strerror(-reply->error), words);

	/* If nobody waits, nobody was given an error. Who is given it later, as long as it is
	 * remembered, says it (tree_need). */
	if (g_queue_is_empty(&f->entry->waiters))
		log_warning("cache", "%s", line);
	else
		log_last_error("%s", line);
	pthread_mutex_lock(&f->pager->lock);
	g_free(f->entry->failed_words);
	f->entry->failed_words = g_steal_pointer(&line);
	pthread_mutex_unlock(&f->pager->lock);
}

/* ---- the newest messages of a space ---- */

static bool lists_head(const struct need *need)
{
	return need->kind == NEED_HEAD || need->kind == NEED_TO_HEAD;
}

/* Notes the activity of the space: what comes after it is news again. */
static void note_begin(struct fetch *f)
{
	struct store_activity activity = {.last_ms = -1};
	struct store_conn *conn;

	f->started_ms = clock_mono(f->pager->config.clock);
	f->has_activity = false;
	if (!lists_head(&f->need) || store_read_begin(f->pager->config.store, &conn))
		return;
	f->has_activity = store_room_activity(conn, f->need.row, &activity) == 0;
	f->activity_ms = activity.last_ms;
	store_read_end(conn);
}

/* Notes that the newest messages account for the activity that was known when the fetch began. */
static int settle(const struct fetch *f, int error)
{
	if (error || !lists_head(&f->need))
		return error;
	return f->has_activity
		       ? store_news_settle(f->pager->config.store, f->need.row, f->activity_ms)
		       : -EIO;
}

/* ---- its end ---- */

static void fetch_end(struct fetch *f, int error, bool network)
{
	struct pager *p = f->pager;
	struct pager_entry *e = f->entry;

	assert(e && e->fetch == f);
	e->fetch = NULL;
	pthread_mutex_lock(&p->lock);
	note_end_locked(p, e, error);
	pthread_mutex_unlock(&p->lock);
	if (network)
		server_failed(p->server, error);
	if (error)
		log_debug("cache", "fetch %d of row %lld %s: %s", (int)f->need.kind,
			  (long long)f->need.row, need_has_key(f->need.kind) ? f->need.key : "",
			  strerror(-error));
	p->parts->ended(p, f, settle(f, error), network);
	fetch_free(f);
	pager_wake(e, error);
}

int fetch_spoil(struct webex_reply *reply, const char *words)
{
	reply->error = -EIO;
	g_free(reply->message);
	reply->message = g_strdup(words);
	return -EIO;
}

int fetch_spoil_partial(struct webex_reply *reply)
{
	return fetch_spoil(reply, "the server's list has items that cannot be read or do not "
				  "belong there, so it is not whole");
}

struct server *pager_server(const struct pager *p)
{
	return p->server;
}

struct spans *pager_spans(struct pager *p)
{
	return p->spans;
}

int pager_published(struct pager *p, int r, GPtrArray *changes)
{
	if (changes->len && p->config.on_changes)
		p->config.on_changes(p->config.arg, changes);
	g_ptr_array_unref(changes);
	p->parts->stored(p);
	return r;
}

void pager_lacks(struct pager *p, const struct page_told *page)
{
	p->parts->lacks(p, page);
}

struct ahead *pager_ahead(struct pager *p)
{
	return p->ahead;
}

struct evicted *pager_evicted(struct pager *p)
{
	return p->evicted;
}

struct proof *pager_proof(struct pager *p)
{
	return p->proof;
}

struct poller *pager_poller(struct pager *p)
{
	return p->poller;
}

const struct webex_place *pager_place(struct pager *p, int64_t row)
{
	enum webex_room_type type = WEBEX_ROOM_GROUP;
	struct store_room room = {0};
	struct store_conn *conn;

	if (store_read_begin(pager_get_config(p)->store, &conn) == 0) {
		if (store_room_get(conn, row, &room) == 0)
			type = room.room.type;
		store_room_clear(&room);
		store_read_end(conn);
	}
	return webex_place(type);
}

int pager_load_room(struct pager *p, int64_t row, char **ret_id, bool *ret_filtered)
{
	const struct pager_config *c = pager_get_config(p);
	struct store_room room = {0};
	struct store_conn *conn;
	int r;

	r = store_read_begin(c->store, &conn);
	if (r)
		return r;
	r = store_room_get(conn, row, &room);
	if (r == 0 && room.gone)
		r = -ENOENT;
	if (r == 0) {
		*ret_id = g_strdup(room.room.id);
		/* A bot sees what mentions it, in pages of 100 (webex-api.md 5.20). */
		*ret_filtered = c->is_bot && room.room.type == WEBEX_ROOM_GROUP;
	}
	store_room_clear(&room);
	store_read_end(conn);
	return r;
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

bool fetch_restarts(struct fetch *f)
{
	struct pager *p = f->pager;

	if (!fetch_is_outdated(f))
		return false;
	f->restarts++;
	pthread_mutex_lock(&p->lock);
	f->generation = f->entry->generation;
	p->stats.restarted++;
	pthread_mutex_unlock(&p->lock);
	note_begin(f);
	return true;
}

bool fetch_is_unwaited(void *arg)
{
	struct fetch *f = arg;

	return g_queue_is_empty(&f->entry->waiters);
}

static void fetch_reset(struct fetch *f)
{
	g_clear_pointer(&f->seen, g_hash_table_unref);
	g_clear_pointer(&f->items, g_ptr_array_unref);
	g_clear_pointer(&f->room_id, g_free);
	g_clear_pointer(&f->last_next, g_free);
	f->pages = f->stale_pages = f->empty_pages = f->max = 0;
	f->listed = 0;
	f->is_partial = f->is_all_pages = f->is_complete = f->is_cut = false;
	f->has_been_all = f->has_been_sorted = false;
}

static int fetch_begin(struct fetch *f)
{
	struct pager *p = f->pager;

	fetch_reset(f);
	pthread_mutex_lock(&p->lock);
	f->generation = f->entry->generation;
	pthread_mutex_unlock(&p->lock);
	note_begin(f);
	return f->fetcher->begin(f);
}

/* True if the answer means that the server cannot be reached. Neither the result of a
 * redirected download nor a body that was cut off means that. */
static bool tells_of_network(const struct fetch *f, const struct webex_reply *reply)
{
	return reply->is_network && reply->error != -EIO && !f->fetcher->is_silent;
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
	server_heard(pager_server(f->pager), reply);
	if (!reply->error && fetch_is_outdated(f)) {
		f->restarts++;
		pthread_mutex_lock(&f->pager->lock);
		f->pager->stats.restarted++;
		pthread_mutex_unlock(&f->pager->lock);
		r = fetch_begin(f);
	} else {
		r = f->fetcher->answer(f, reply);
	}
	if (r == FETCH_MORE)
		return;
	if (r < 0 && reply->error)
		tell_failure(f, reply);
	fetch_end(f, r, r < 0 && tells_of_network(f, reply));
}

void fetch_finished(struct fetch *f, int error, const struct webex_reply *reply)
{
	bool network = error && reply && tells_of_network(f, reply);

	if (error && reply && reply->error)
		tell_failure(f, reply);
	fetch_end(f, error, network);
}

void fetch_start(struct pager *p, struct pager_entry *e)
{
	struct fetch *f = g_new0(struct fetch, 1);
	int r;

	f->pager = p;
	f->entry = e;
	f->need = e->need;
	f->fetcher = p->parts->fetcher_of(e->need.kind);
	f->is_for_all = g_queue_is_empty(&e->waiters) || e->need.kind == NEED_NEWS;
	e->fetch = f;
	pthread_mutex_lock(&p->lock);
	e->fetching = true;
	g_clear_pointer(&e->failed_words, g_free);
	e->started_ms = clock_mono(p->config.clock);
	p->stats.fetches++;
	p->stats.fetching++;
	pthread_mutex_unlock(&p->lock);
	r = fetch_begin(f);
	if (r != FETCH_MORE)
		fetch_end(f, r, false);
}

void fetch_raise(struct fetch *f)
{
	if (f->fetcher->raise)
		f->fetcher->raise(f);
	else if (f->request)
		webex_raise(f->pager->config.client, f->request);
}

/* The answer finds that `entry` is NULL and only frees the fetch. */
void fetch_cancel(struct pager *p, struct pager_entry *e)
{
	struct fetch *f = e->fetch;

	e->fetch = NULL;
	f->entry = NULL;
	pthread_mutex_lock(&p->lock);
	e->fetching = false;
	p->stats.fetching--;
	pthread_mutex_unlock(&p->lock);
	p->parts->ended(p, f, -ECANCELED, false);
	if (f->fetcher->cancel) {
		f->fetcher->cancel(f);
		fetch_free(f);
		return;
	}
	webex_cancel(p->config.client, f->request);
}

void fetch_progress(struct fetch *f)
{
	struct pager_entry *e = f->entry;

	if (g_queue_is_empty(&e->waiters))
		return;
	pager_wake(e, PAGER_LOOK_AGAIN);
	if (e->fetch == f && !f->is_for_all && g_queue_is_empty(&e->waiters))
		fetch_cancel(f->pager, e);
}

void pager_hurry(struct pager *p, const struct need *need)
{
	struct pager_entry *e;

	pthread_mutex_lock(&p->lock);
	e = pager_entry_locked(p, need, false);
	pthread_mutex_unlock(&p->lock);
	if (e && e->fetch)
		fetch_raise(e->fetch);
}

void pager_begin(struct pager *p, const struct need *need)
{
	struct pager_entry *e;

	if (p->stopping)
		return;
	pthread_mutex_lock(&p->lock);
	e = pager_entry_locked(p, need, true);
	pthread_mutex_unlock(&p->lock);
	if (!e->fetch)
		fetch_start(p, e);
}
