/* SPDX-License-Identifier: MIT */
#include "pager/present/poll.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "pager/present/catchup.h"
#include "pager/internal.h"
#include "pager/past/sweep.h"
#include "pager/present/recent_spaces.h"
#include "store/mentions.h"

/* The longest pause between two polls when polls fail. */
#define BACK_OFF_MAX_MS (5 * 60 * 1000)
/* A list of many pages may use one request in this time of the allowed rate (webex-api.md 3). */
#define PAGE_COST_MS 3000
/* What the next mount needs is written at most so often. */
#define SAVE_MS 60000

static const char META_POLLED[] = "news.polled_wall_ms";
static const char META_LISTED[] = "rooms.listed_wall_ms";
static const char META_ANSWERED[] = "answered_wall_ms";

struct poller {
	struct pager *pager;
	struct recent_spaces *recent;
	struct catchup *catchup;
	uint64_t timer;
	bool is_started, is_stopped;
	int failures;	     /* failed polls in a row */
	int64_t started_ms;  /* mono; when the mount began */
	int64_t polled_ms;   /* mono: when the last good poll began */
	int64_t interval_ms; /* between two polls */
	int64_t listed_ms;   /* mono: when the last complete list began */
	int64_t swept_ms;    /* mono */
	int64_t old_room;    /* whose old lists had their turn last */
	int64_t saved_ms;    /* mono */

	_Atomic(enum fresh_state) state; /* written by the cache thread, like those below */
	atomic_bool is_waking;		 /* a wake is on its way */
	atomic_int holds;
	/* The list of spaces is longer than a page, so a poll is not the whole list. */
	atomic_bool lists_apart;
	atomic_int_fast64_t polled_wall_ms, listed_wall_ms, answered_wall_ms;

	pthread_mutex_t lock;
	char *trouble; /* why the last poll failed, or brought a part; owned; NULL; lock */
};

static const struct pager_config *config_of(const struct poller *f)
{
	return pager_get_config(f->pager);
}

static int64_t now_ms(const struct poller *f)
{
	return clock_mono(config_of(f)->clock);
}

static int64_t now_wall_ms(const struct poller *f)
{
	return clock_wall(config_of(f)->clock);
}

static bool is_off(const struct poller *f)
{
	return config_of(f)->poll_ms == 0;
}

struct poller *poller_new(struct pager *p)
{
	struct poller *f = g_new0(struct poller, 1);

	f->pager = p;
	pthread_mutex_init(&f->lock, NULL);
	f->recent = recent_spaces_new();
	f->catchup = catchup_new(p);
	f->started_ms = f->swept_ms = f->saved_ms = now_ms(f);
	f->polled_ms = f->listed_ms = INT64_MIN / 2;
	f->interval_ms = config_of(f)->poll_ms;
	atomic_init(&f->state, is_off(f) ? FRESH_OFF : FRESH_ASLEEP);
	atomic_init(&f->polled_wall_ms, -1);
	atomic_init(&f->listed_wall_ms, -1);
	atomic_init(&f->answered_wall_ms, -1);
	return f;
}

void poller_free(struct poller **f)
{
	if (!*f)
		return;
	recent_spaces_free(&(*f)->recent);
	catchup_free(&(*f)->catchup);
	pthread_mutex_destroy(&(*f)->lock);
	g_free((*f)->trouble);
	g_free(*f);
	*f = NULL;
}

/* ---- kept across mounts ---- */

/* A wall time as mono time; a time in the future becomes now. */
static int64_t mono_of(const struct poller *f, int64_t wall_ms)
{
	return wall_ms < 0 ? INT64_MIN / 2 : now_ms(f) - MAX(now_wall_ms(f) - wall_ms, 0);
}

static bool load(struct poller *f)
{
	struct store *store = config_of(f)->store;
	struct store_conn *conn;
	int64_t swept_wall_ms;
	bool is_listed;

	if (store_read_begin(store, &conn))
		return true;
	is_listed = store_meta_get_int(conn, "rooms.listed", 0) != 0;
	atomic_store(&f->lists_apart,
		     store_room_count(store, WEBEX_ROOM_GROUP) +
				     store_room_count(store, WEBEX_ROOM_DIRECT) >
			     server_rooms_page(pager_server(f->pager)));
	atomic_store(&f->polled_wall_ms, store_meta_get_int(conn, META_POLLED, -1));
	atomic_store(&f->listed_wall_ms, store_meta_get_int(conn, META_LISTED, -1));
	atomic_store(&f->answered_wall_ms, store_meta_get_int(conn, META_ANSWERED, -1));
	swept_wall_ms = store_sweep_last(conn);
	store_read_end(conn);
	f->polled_ms = mono_of(f, atomic_load(&f->polled_wall_ms));
	f->listed_ms = mono_of(f, atomic_load(&f->listed_wall_ms));
	/* Where mounts are short, a page that is due comes with the first poll. */
	if (swept_wall_ms >= 0)
		f->swept_ms = mono_of(f, swept_wall_ms);
	return is_listed;
}

static void save_time(struct poller *f, const char *key, int64_t wall_ms)
{
	if (wall_ms >= 0)
		(void)store_meta_set_int(config_of(f)->store, key, wall_ms);
}

static void save(struct poller *f, bool at_end)
{
	int64_t answered_wall_ms = server_good_wall_ms(pager_server(f->pager));

	if (!at_end && now_ms(f) - f->saved_ms < SAVE_MS)
		return;
	f->saved_ms = now_ms(f);
	save_time(f, META_POLLED, atomic_load(&f->polled_wall_ms));
	save_time(f, META_LISTED, atomic_load(&f->listed_wall_ms));
	save_time(f, META_ANSWERED, MAX(answered_wall_ms, atomic_load(&f->answered_wall_ms)));
	recent_spaces_save(f->recent, config_of(f)->store, now_ms(f), now_wall_ms(f), at_end);
}

void poller_save_uses(struct poller *f)
{
	recent_spaces_save(f->recent, config_of(f)->store, now_ms(f), now_wall_ms(f), false);
}

/* ---- use ---- */

static bool is_idle(const struct poller *f)
{
	return atomic_load(&f->holds) == 0 &&
	       now_ms(f) - recent_spaces_last_ms(f->recent) >= config_of(f)->idle_ms;
}

static void set_timer(struct poller *f, int64_t at_ms);

/* If the list of spaces is under way, no poll is needed. */
static void begin_poll(struct poller *f)
{
	const struct need need = {.kind = NEED_NEWS}, rooms = {.kind = NEED_ROOMS};

	if (!pager_is_fetching(f->pager, &rooms))
		pager_begin(f->pager, &need);
}

static void wake(void *arg)
{
	struct poller *f = arg;

	atomic_store(&f->is_waking, false);
	if (f->is_stopped || atomic_load(&f->state) != FRESH_ASLEEP)
		return;
	if (now_ms(f) - f->polled_ms < f->interval_ms) {
		atomic_store(&f->state, FRESH_AWAKE);
		set_timer(f, f->polled_ms + f->interval_ms);
		return;
	}
	atomic_store(&f->state, FRESH_CATCHING_UP);
	f->failures = 0;
	begin_poll(f);
}

static void wake_if_asleep(struct poller *f)
{
	if (atomic_load(&f->state) == FRESH_ASLEEP && !atomic_exchange(&f->is_waking, true))
		work_post(config_of(f)->queue, wake, f);
}

void pager_used(struct pager *p, int64_t room)
{
	struct poller *f = p->poller;

	recent_spaces_note(f->recent, room, now_ms(f));
	wake_if_asleep(f);
}

void pager_used_message(struct pager *p, int64_t message)
{
	struct poller *f = p->poller;

	recent_spaces_note_message(f->recent, message, now_ms(f));
	wake_if_asleep(f);
}

void pager_stay_awake(struct pager *p, int delta)
{
	struct poller *f = p->poller;

	atomic_fetch_add(&f->holds, delta);
	if (delta > 0)
		wake_if_asleep(f);
	else
		/* The mount was in use until now. */
		recent_spaces_note(f->recent, 0, now_ms(f));
}

void pager_own_changes(struct pager *p, const GPtrArray *changes)
{
	struct poller *f = p->poller;

	for (guint i = 0; !is_off(f) && i < changes->len; i++) {
		const struct store_change *c = changes->pdata[i];

		if (c->type == STORE_MESSAGE_ADDED)
			catchup_wrote(f->catchup, c->room);
	}
}

static void fall_asleep(struct poller *f)
{
	atomic_store(&f->state, FRESH_ASLEEP);
	catchup_sleep(f->catchup);
	save(f, true);
	/* A use between the check and this found the state awake and did nothing. */
	if (!is_idle(f))
		wake_if_asleep(f);
}

/* ---- the timer ---- */

static void on_timer(void *arg)
{
	struct poller *f = arg;

	f->timer = 0;
	poller_tick(f);
}

static void set_timer(struct poller *f, int64_t at_ms)
{
	if (f->timer)
		work_cancel(config_of(f)->queue, f->timer);
	f->timer = f->is_stopped ? 0 : work_post_at(config_of(f)->queue, at_ms, on_timer, f);
}

void poller_tick(struct poller *f)
{
	enum fresh_state state = atomic_load(&f->state);

	if (f->is_stopped || state == FRESH_OFF || state == FRESH_ASLEEP)
		return;
	if (is_idle(f))
		fall_asleep(f);
	else
		begin_poll(f);
}

/* ---- polls ---- */

/* When the newest messages of a space were last verified, as far as this mount knows. */
static int64_t verified_ms(const struct poller *f, int64_t good_ms)
{
	return MAX(good_ms, f->started_ms);
}

/* What keeps a space in use fresh: its newest messages; where these were never listed, the newest of its
 * mentions, if those were. False: nothing. */
static bool freshener(struct poller *f, int64_t room, struct need *ret_need)
{
	struct store_activity activity = {.head_wall_ms = -1};
	int64_t top_ms, verified_wall_ms;
	struct store_conn *conn;

	if (store_read_begin(config_of(f)->store, &conn))
		return false;
	(void)store_room_activity(conn, room, &activity);
	top_ms = store_mention_top(conn, room, &verified_wall_ms);
	store_read_end(conn);
	*ret_need = (struct need){.kind = NEED_HEAD, .row = room};
	if (activity.head_wall_ms >= 0)
		return true;
	*ret_need = (struct need){
		.kind = NEED_MENTIONS_AGAIN, .row = room, .lo_ms = -1, .hi_ms = top_ms};
	return top_ms >= 0;
}

/*
 * Wants the newest messages of the spaces in use. A space is in use if it was used within the idle time,
 * or at any time while somebody must be told of news. What an earlier mount verified holds for
 * one interval of this mount.
 */
static void want_used(struct poller *f)
{
	int64_t rooms[USAGE_RECENT], now = now_ms(f);
	int64_t since =
		atomic_load(&f->holds) > 0 ? INT64_MIN / 2 : now - config_of(f)->idle_ms;
	int n = recent_spaces_recent(f->recent, config_of(f)->store, since, rooms);

	for (int i = 0; i < n; i++) {
		struct need need;
		int64_t good_ms, least_ms;

		if (!freshener(f, rooms[i], &need))
			continue;
		good_ms = pager_good_ms(f->pager, &need);
		least_ms = good_ms < f->started_ms ? f->interval_ms : f->interval_ms / 10;
		if (now - verified_ms(f, good_ms) >= least_ms)
			catchup_want(f->catchup, &need);
	}
}

static int next_old(const struct poller *f, int64_t after, struct store_old *ret_old)
{
	struct store_conn *conn;
	int r = store_read_begin(config_of(f)->store, &conn);

	if (r)
		return r;
	r = store_old_next(conn, after, now_wall_ms(f) - FRESH_OLD_MS, ret_old);
	store_read_end(conn);
	return r;
}

/* Wants the old lists of the space whose turn it is. */
static void want_old(struct poller *f)
{
	struct need head = {.kind = NEED_HEAD}, members = {.kind = NEED_MEMBERS};
	struct store_old old;
	int r = next_old(f, f->old_room, &old);

	if (r == -ENOENT && f->old_room)
		r = next_old(f, 0, &old);
	f->old_room = r ? 0 : old.room;
	head.row = members.row = f->old_room;
	if (r == 0 && old.is_head)
		catchup_want(f->catchup, &head);
	if (r == 0 && old.are_members)
		catchup_want(f->catchup, &members);
}

/* A list that takes many requests is fetched less often. */
static int64_t interval_of(const struct poller *f, const struct fetch *fetch)
{
	bool is_poll = fetch->need.kind == NEED_NEWS;
	int64_t cost_ms =
		is_poll && fetch->is_all_pages ? (int64_t)fetch->pages * PAGE_COST_MS : 0;

	return MAX(config_of(f)->poll_ms, cost_ms);
}

static void note_poll(struct poller *f, const struct fetch *fetch)
{
	const struct need news = {.kind = NEED_NEWS}, rooms = {.kind = NEED_ROOMS};
	int64_t elapsed_ms = now_ms(f) - fetch->started_ms;
	int64_t wall_ms = now_wall_ms(f) - elapsed_ms;

	f->failures = 0;
	f->interval_ms = interval_of(f, fetch);
	f->polled_ms = fetch->started_ms;
	atomic_store(&f->polled_wall_ms, wall_ms);
	pager_set_fresh(f->pager, &news, f->polled_ms + f->interval_ms);
	if (fetch->is_complete) {
		f->listed_ms = fetch->started_ms;
		atomic_store(&f->listed_wall_ms, wall_ms);
		pager_set_fresh(f->pager, &rooms, f->polled_ms + f->interval_ms);
	}
	atomic_store(&f->lists_apart, !fetch->is_complete || fetch->pages > 1);
}

/* Fetches the whole list if it is due, where polls bring only a part: it shows spaces that were
 * renamed or left. */
static void list_if_due(struct poller *f)
{
	struct need need = {.kind = NEED_ROOMS};

	if (atomic_load(&f->lists_apart) && now_ms(f) - f->listed_ms >= FRESH_FULL_MS)
		pager_begin(f->pager, &need);
}

static void sweep_if_due(struct poller *f)
{
	if (now_ms(f) - f->swept_ms < SWEEP_MS || !catchup_is_quiet(f->catchup))
		return;
	f->swept_ms = now_ms(f);
	sweep_begin(f->pager);
}

static void poll_is_good(struct poller *f, const struct fetch *fetch)
{
	enum fresh_state state = atomic_load(&f->state);

	note_poll(f, fetch);
	save(f, false);
	if (state == FRESH_CATCHING_UP)
		atomic_store(&f->state, FRESH_AWAKE);
	if (state != FRESH_ASLEEP) {
		sweep_if_due(f);
		want_used(f);
		want_old(f);
		set_timer(f, f->polled_ms + f->interval_ms);
		list_if_due(f);
		catchup_polled(f->catchup);
	} else {
		catchup_publish(f->catchup);
	}
}

static void poll_failed(struct poller *f, const struct fetch *fetch, bool network)
{
	int64_t pause_ms = f->interval_ms;

	for (int i = 0; i < f->failures && pause_ms < BACK_OFF_MAX_MS; i++)
		pause_ms *= 2;
	f->failures++;
	if (atomic_load(&f->state) == FRESH_ASLEEP)
		return;
	atomic_store(&f->state, FRESH_CATCHING_UP);
	set_timer(f, now_ms(f) + MIN(pause_ms, MAX(BACK_OFF_MAX_MS, f->interval_ms)));
	/* What came before it failed may be news. */
	if (fetch->has_kept && !network)
		catchup_polled(f->catchup);
}

/* Keeps for status.json what was wrong with the last poll. */
static void note_trouble(struct poller *f, const struct fetch *fetch, int error)
{
	const char *words = fetch->entry ? fetch->entry->failed_words : NULL;
	char *trouble = NULL;

	if (fetch->is_cut)
		trouble = g_strdup("the list of spaces does not end; what came of it is used");
	else if (error)
		trouble = g_strdup(words ? words : g_strerror(-error));
	pthread_mutex_lock(&f->lock);
	g_free(f->trouble);
	f->trouble = trouble;
	pthread_mutex_unlock(&f->lock);
}

char *poller_trouble(struct poller *f)
{
	char *trouble;

	pthread_mutex_lock(&f->lock);
	trouble = g_strdup(f->trouble);
	pthread_mutex_unlock(&f->lock);
	return trouble;
}

/* ---- fetches ---- */

void poller_ended(struct poller *f, struct fetch *fetch, int error, bool network)
{
	enum need_kind kind = fetch->need.kind;

	if (is_off(f) || f->is_stopped)
		return;
	switch (kind) {
	case NEED_HEAD:
	case NEED_MEMBERS:
	case NEED_MENTIONS_AGAIN:
		catchup_ended(f->catchup, &fetch->need, error, network);
		break;
	case NEED_NEWS:
	case NEED_ROOMS:
		if (error != -ECANCELED && (kind == NEED_NEWS || !error))
			note_trouble(f, fetch, error);
		if (!error)
			poll_is_good(f, fetch);
		else if (kind == NEED_NEWS || !f->timer)
			poll_failed(f, fetch, network);
		return;
	case NEED_TO_HEAD:
		if (!error)
			catchup_head_came(f->catchup, fetch->need.row);
		break;
	default:
		break;
	}
	/* The server is reachable again, so what was missed is fetched at once. */
	if (!error && f->failures && need_asks_server(kind) &&
	    atomic_load(&f->state) == FRESH_CATCHING_UP) {
		f->failures = 0;
		set_timer(f, now_ms(f));
	}
}

enum fresh_verdict poller_check(struct poller *f, const struct need *need, int64_t good_ms,
				int64_t now)
{
	if (is_off(f))
		return need->kind == NEED_NEWS ? FRESH_USE : FRESH_BY_AGE;
	/* A list of spaces has the details of each. */
	if (need->kind == NEED_ROOMS || need->kind == NEED_ROOM)
		return atomic_load(&f->lists_apart) ? FRESH_BY_AGE : FRESH_USE;
	if (need->kind != NEED_HEAD)
		return FRESH_BY_AGE;
	if (catchup_has_news(f->catchup, need->row))
		return FRESH_STALE;
	return now - verified_ms(f, good_ms) >= FRESH_VERIFY_MS ? FRESH_VERIFY : FRESH_USE;
}

/* ---- start and stop ---- */

void poller_start(struct poller *f)
{
	struct need need = {.kind = NEED_ROOMS}, news = {.kind = NEED_NEWS};
	bool is_listed = load(f);

	f->is_started = true;
	if (is_off(f))
		return;
	recent_spaces_load(f->recent, config_of(f)->store, now_ms(f), now_wall_ms(f));
	pager_set_fresh(f->pager, &news, f->polled_ms + f->interval_ms);
	if (!is_listed)
		pager_begin(f->pager, &need);
	else
		catchup_publish(f->catchup);
}

void poller_stop(struct poller *f)
{
	if (f->timer)
		work_cancel(config_of(f)->queue, f->timer);
	f->timer = 0;
	f->is_stopped = true;
	if (f->is_started)
		save(f, true);
}

void poller_get_stats(struct poller *f, struct fresh_stats *ret_stats)
{
	enum fresh_state state = atomic_load(&f->state);

	/* It becomes asleep with the next tick. */
	if (state != FRESH_OFF && state != FRESH_ASLEEP && is_idle(f))
		state = FRESH_ASLEEP;
	*ret_stats = (struct fresh_stats){
		.state = state,
		.polled_wall_ms = atomic_load(&f->polled_wall_ms),
		.listed_wall_ms = atomic_load(&f->listed_wall_ms),
		.answered_wall_ms = atomic_load(&f->answered_wall_ms),
		.news = catchup_count_news(f->catchup),
	};
}
