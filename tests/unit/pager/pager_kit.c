/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "pager_kit.h"
#include "tree/place.h"

/* ---- the fake API: calls under way, in order ---- */

GPtrArray *calls;

static uint64_t note(const char *what, const struct webex_list *l, webex_done done, void *arg)
{
	struct call *c = g_new0(struct call, 1);

	c->what = what;
	c->done = done;
	c->arg = arg;
	if (l) {
		c->next = g_strdup(l->next);
		c->before_message = g_strdup(l->before_message);
		c->before_ms = l->before_ms;
		c->max = l->max;
		c->mentioned_me = l->mentioned_me;
		c->room_id = g_strdup(l->room_id);
		c->parent_id = g_strdup(l->parent_id);
		c->sort_by = g_strdup(l->sort_by);
		c->background = l->background;
	}
	g_ptr_array_add(calls, c);
	return calls->len;
}

static void call_free(void *p)
{
	struct call *c = p;

	g_free(c->next);
	g_free(c->before_message);
	g_free(c->room_id);
	g_free(c->parent_id);
	g_free(c->sort_by);
	g_free(c->id);
	g_free(c);
}

uint64_t webex_list_rooms(struct webex_client *c, const struct webex_list *l, webex_done done,
			  void *arg)
{
	(void)c;
	return note("rooms", l, done, arg);
}

uint64_t webex_list_messages(struct webex_client *c, const struct webex_list *l,
			     webex_done done, void *arg)
{
	(void)c;
	return note("messages", l, done, arg);
}

uint64_t webex_list_memberships(struct webex_client *c, const struct webex_list *l,
				webex_done done, void *arg)
{
	(void)c;
	return note("memberships", l, done, arg);
}

uint64_t webex_get_room(struct webex_client *c, const char *id, webex_done done, void *arg)
{
	(void)c;
	(void)id;
	return note("room", NULL, done, arg);
}

uint64_t webex_get_message(struct webex_client *c, const char *id, webex_done done, void *arg)
{
	(void)c;
	note("message", NULL, done, arg);
	((struct call *)calls->pdata[calls->len - 1])->id = g_strdup(id);
	return calls->len;
}

uint64_t webex_get_membership(struct webex_client *c, const char *id, webex_done done,
			      void *arg)
{
	(void)c;
	(void)id;
	return note("membership", NULL, done, arg);
}

uint64_t webex_list_teams(struct webex_client *c, const struct webex_list *l, webex_done done,
			  void *arg)
{
	(void)c;
	return note("teams", l, done, arg);
}

uint64_t webex_list_team_memberships(struct webex_client *c, const struct webex_list *l,
				     webex_done done, void *arg)
{
	(void)c;
	return note("team memberships", l, done, arg);
}

static uint64_t get_team(struct webex_client *c, const char *id, webex_done done, void *arg)
{
	(void)c;
	(void)id;
	return note("team", NULL, done, arg);
}

static uint64_t get_team_membership(struct webex_client *c, const char *id, webex_done done,
				    void *arg)
{
	(void)c;
	(void)id;
	return note("team membership", NULL, done, arg);
}

const struct webex_place *webex_place(enum webex_room_type type)
{
	static const struct webex_place space = {.get = webex_get_room,
						 .list_members = webex_list_memberships,
						 .get_member = webex_get_membership};
	static const struct webex_place team = {.get = get_team,
						.list_members = webex_list_team_memberships,
						.get_member = get_team_membership};

	return type == WEBEX_ROOM_TEAM ? &team : &space;
}

uint64_t webex_list_webhooks(struct webex_client *c, const struct webex_list *l,
			     webex_done done, void *arg)
{
	(void)c;
	return note(l->owned_by_org ? "webhooks of org" : "webhooks", l, done, arg);
}

uint64_t webex_get_webhook(struct webex_client *c, const char *id, webex_done done, void *arg)
{
	(void)c;
	(void)id;
	return note("webhook", NULL, done, arg);
}

uint64_t webex_probe(struct webex_client *c, int timeout_ms, webex_done done, void *arg)
{
	(void)timeout_ms;
	return webex_get_me(c, done, arg);
}

uint64_t webex_get_me(struct webex_client *c, webex_done done, void *arg)
{
	(void)c;
	return note("me", NULL, done, arg);
}

uint64_t webex_find_person(struct webex_client *c, const char *email, webex_done done,
			   void *arg)
{
	(void)c;
	(void)email;
	return note("person", NULL, done, arg);
}

uint64_t webex_list_direct(struct webex_client *c, const char *email, webex_done done,
			   void *arg)
{
	(void)c;
	(void)email;
	return note("direct", NULL, done, arg);
}

uint64_t webex_get_content(struct webex_client *c, const struct webex_download *d,
			   webex_done done, void *arg)
{
	(void)c;
	(void)d;
	return note("content", NULL, done, arg);
}

uint64_t webex_head_content(struct webex_client *c, const char *url, webex_done done, void *arg)
{
	(void)c;
	(void)url;
	return note("names", NULL, done, arg);
}

void webex_resume(struct webex_client *c, uint64_t id)
{
	(void)c;
	(void)id;
}

void webex_cancel(struct webex_client *c, uint64_t id)
{
	(void)c;
	((struct call *)calls->pdata[id - 1])->cancelled = true;
}

void webex_raise(struct webex_client *c, uint64_t id)
{
	(void)c;
	((struct call *)calls->pdata[id - 1])->background = false;
}

/* ---- the rest of the world ---- */

int64_t now_ms;

static int64_t fake_now(void *arg)
{
	(void)arg;
	return now_ms;
}

static const struct clock fake_clock = {.mono_ms = fake_now, .wall_ms = fake_now};

struct job {
	void (*fn)(struct world *w);
	struct world *w;
};

static void run_job(void *arg)
{
	struct job *j = arg;

	j->fn(j->w);
}

/* The body of a test runs as one item of the cache thread. */
void on_queue(struct world *w, void (*fn)(struct world *w))
{
	struct job j = {.fn = fn, .w = w};

	work_call(w->queue, run_job, &j);
}

static void on_changes(void *arg, GPtrArray *changes)
{
	struct world *w = arg;

	w->changes += (int)changes->len;
}

int room_activity;

static struct webex_room *new_room(const char *id, const char *title)
{
	struct webex_room *r = g_new0(struct webex_room, 1);

	r->id = g_strdup(id);
	r->title = g_strdup(title);
	r->created_ms = T0;
	r->last_activity_ms = T0 + room_activity;
	return r;
}

static void begin(struct world *w)
{
	GPtrArray *rooms = g_ptr_array_new_with_free_func(webex_room_free);
	GPtrArray *changes = store_changes_new();
	struct store_conn *conn;
	struct store_room room = {0};

	g_ptr_array_add(rooms, new_room("ROOM1", "One"));
	assert_int_equal(0, store_apply_rooms(w->store, rooms, NULL, T0, changes));
	g_ptr_array_unref(rooms);
	g_ptr_array_unref(changes);
	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_room_by_id(conn, "ROOM1", &room));
	w->room = room.rowid;
	store_room_clear(&room);
	store_read_end(conn);
}

static void make(struct world *w, struct pager_config config)
{
	config.store = w->store;
	config.queue = w->queue;
	config.contents = w->contents;
	config.clock = &fake_clock;
	config.on_changes = on_changes;
	config.arg = w;
	pager_free(&w->pager);
	assert_int_equal(0, pager_new(&config, &w->pager));
}

void make_polling_pager(struct world *w, int poll_ms, int idle_ms)
{
	make(w, (struct pager_config){.recent = 1000, .poll_ms = poll_ms, .idle_ms = idle_ms});
}

void make_pager(struct world *w, int recent, bool is_bot)
{
	make(w, (struct pager_config){.recent = recent, .is_bot = is_bot});
}

void make_bounded_pager(struct world *w, int64_t max_bodies)
{
	make(w, (struct pager_config){.recent = 3, .max_bodies = max_bodies});
}

int setup(void **state)
{
	struct store_config config = {
		.holder = "test", .clock = &fake_clock, .path_of = tree_path_of};
	struct world *w = g_new0(struct world, 1);

	now_ms = T0;
	calls = g_ptr_array_new_with_free_func(call_free);
	assert_int_equal(0, work_queue_start("test", &w->queue));
	assert_int_equal(0, store_open(&config, &w->store, NULL));
	struct contents_config contents = {.queue = w->queue, .clock = &fake_clock};

	assert_int_equal(0, contents_new(&contents, &w->contents));
	make_pager(w, 3, false);
	on_queue(w, begin);
	*state = w;
	return 0;
}

/* Cuts off what is under way, as an unmount does. */
static void hang_up(struct world *w)
{
	pager_shutdown(w->pager);
	for (guint i = 0; i < calls->len; i++)
		if (!call_at(i)->answered)
			answer(i, NULL, NULL, -ECANCELED, 0, true);
}

int teardown(void **state)
{
	struct world *w = *state;

	on_queue(w, hang_up);
	work_queue_stop(&w->queue);
	pager_free(&w->pager);
	contents_free(&w->contents);
	store_close(&w->store);
	g_ptr_array_unref(calls);
	g_free(w);
	return 0;
}

/* ---- answers ---- */

static void finish(guint i, struct webex_reply *reply)
{
	struct call *c = calls->pdata[i];

	assert_false(c->answered);
	c->answered = true;
	c->done(c->arg, reply);
	g_free(reply->next);
	/* Who found it not whole has put words there. */
	g_free(reply->message);
	if (reply->items)
		g_ptr_array_unref(reply->items);
}

void answer(guint i, GPtrArray *items, const char *next, int error, int status, bool network)
{
	struct webex_reply reply = {
		.error = error,
		.status = status,
		.is_network = network,
		.items = items,
		.next = g_strdup(next),
	};

	finish(i, &reply);
}

void answer_held(guint i, int64_t held_ms)
{
	struct webex_reply reply = {.error = -EIO, .status = 504, .held_ms = held_ms};

	finish(i, &reply);
}

void answer_skipped(guint i, GPtrArray *items, int skipped, const char *next)
{
	struct webex_reply reply = {
		.status = 200,
		.items = items,
		.skipped = skipped,
		.next = g_strdup(next),
	};

	finish(i, &reply);
}

const struct call *call_at(guint i)
{
	assert_true(i < calls->len);
	return calls->pdata[i];
}

GPtrArray *messages(const char *first, ...)
{
	GPtrArray *items = g_ptr_array_new_with_free_func(webex_message_free);
	const char *id = first;
	va_list ap;

	va_start(ap, first);
	while (id) {
		struct webex_message *m = g_new0(struct webex_message, 1);

		m->id = g_strdup(id);
		m->room_id = g_strdup("ROOM1");
		m->text = g_strdup(id);
		m->person_id = g_strdup("P1");
		m->person_email = g_strdup("a@example.com");
		m->created_ms = T0 + va_arg(ap, int);
		m->updated_ms = -1;
		g_ptr_array_add(items, m);
		id = va_arg(ap, const char *);
	}
	va_end(ap);
	return items;
}

GPtrArray *rooms(const char *first, ...)
{
	GPtrArray *items = g_ptr_array_new_with_free_func(webex_room_free);
	va_list ap;

	va_start(ap, first);
	for (const char *id = first; id; id = va_arg(ap, const char *))
		g_ptr_array_add(items, new_room(id, id));
	va_end(ap);
	return items;
}

void woken(struct pager_waiter *waiter, int error)
{
	struct asker *a = (struct asker *)(void *)waiter;

	if (error == PAGER_LOOK_AGAIN) {
		pager_wait(a->w->pager, &a->need, waiter);
		return;
	}
	a->calls++;
	a->error = error;
}

struct need need_of(enum need_kind kind, int64_t row)
{
	struct need n = {.kind = kind, .row = row};

	return n;
}

void ask_need(struct world *w, struct asker *a, const struct need *need)
{
	memset(a, 0, sizeof(*a));
	a->waiter.fn = woken;
	a->w = w;
	a->need = *need;
	pager_wait(w->pager, need, &a->waiter);
}

void ask(struct world *w, struct asker *a, enum need_kind kind, int64_t row)
{
	struct need n = need_of(kind, row);

	ask_need(w, a, &n);
}

enum pager_verdict verdict(struct world *w, enum need_kind kind, int64_t row, bool have)
{
	struct need n = need_of(kind, row);
	int error = 0;
	enum pager_verdict v = pager_check(w->pager, &n, have, 0, &error);

	if (v != PAGER_VERIFY)
		return v;
	/* As the tree does. */
	pager_refresh(w->pager, &n);
	return PAGER_USE;
}

static bool count_one(void *arg, const struct store_brief *b)
{
	(void)b;
	(*(int *)arg)++;
	return true;
}

int listed(struct world *w)
{
	struct store_conn *conn;
	int n = 0;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(
		0,
		store_message_list(
			conn, &(struct store_range){.room = w->room, .after = 0, .since_ms = 0},
			count_one, &n));
	store_read_end(conn);
	return n;
}

bool knows(struct world *w, int64_t lo, int64_t hi)
{
	struct store_conn *conn;
	bool known;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	known = store_span_covers(conn, w->room, lo < 0 ? -1 : T0 + lo, T0 + hi) == 1;
	store_read_end(conn);
	return known;
}

int head(struct world *w, struct store_span *ret)
{
	struct store_conn *conn;
	int r;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	r = store_span_head(conn, w->room, ret);
	store_read_end(conn);
	return r;
}

void prove_gone(struct world *w, guint i)
{
	assert_string_equal("room", call_at(i)->what);
	answer(i, NULL, NULL, -ENOENT, 404, false);
	now_ms += 2000;
	proof_tick(pager_proof(w->pager));
	assert_int_equal(i + 2, calls->len);
	assert_string_equal("rooms", call_at(i + 1)->what);
	answer(i + 1, rooms(NULL), NULL, 0, 200, false);
}
