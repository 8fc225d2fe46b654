/* SPDX-License-Identifier: MIT */
/*
 * The pager's promises, one by one, with a real store in memory and a fake API whose calls are answered by hand: the
 * functions of webex/api.h that the sources use are defined here.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/timefmt.h"
#include "cache/contents.h"
#include "cache/pager.h"

/* ---- the fake API: calls under way, in order ---- */

struct call {
	const char *what;
	char *next;
	char *before_message;
	int64_t before_ms;
	int max;
	bool mentioned_me;
	bool cancelled;
	webex_done done;
	void *arg;
};

static GPtrArray *calls; /* all since the start of the test, never freed before its end */

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
	}
	g_ptr_array_add(calls, c);
	return calls->len;
}

static void call_free(void *p)
{
	struct call *c = p;

	g_free(c->next);
	g_free(c->before_message);
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

uint64_t webex_get_content(struct webex_client *c, const char *url, int fd, webex_done done,
			   void *arg)
{
	(void)c;
	(void)url;
	(void)fd;
	return note("content", NULL, done, arg);
}

void webex_cancel(struct webex_client *c, uint64_t id)
{
	(void)c;
	((struct call *)calls->pdata[id - 1])->cancelled = true;
}

/* ---- the rest of the world ---- */

static int64_t now_ms;

static int64_t fake_now(void *arg)
{
	(void)arg;
	return now_ms;
}

static const struct clock fake_clock = {.mono_ms = fake_now, .wall_ms = fake_now};

struct world {
	struct work_queue *queue;
	struct store *store;
	struct contents *contents;
	struct pager *pager;
	int64_t room;
	int changes;
};

struct job {
	void (*fn)(struct world *w);
	struct world *w;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
};

static void run_job(void *arg)
{
	struct job *j = arg;

	j->fn(j->w);
	pthread_mutex_lock(&j->lock);
	j->done = true;
	pthread_cond_signal(&j->cond);
	pthread_mutex_unlock(&j->lock);
}

/* The body of a test runs as one item of the cache thread. */
static void on_queue(struct world *w, void (*fn)(struct world *w))
{
	struct job j = {.fn = fn, .w = w};

	pthread_mutex_init(&j.lock, NULL);
	pthread_cond_init(&j.cond, NULL);
	work_post(w->queue, run_job, &j);
	pthread_mutex_lock(&j.lock);
	while (!j.done)
		pthread_cond_wait(&j.cond, &j.lock);
	pthread_mutex_unlock(&j.lock);
}

static void on_changes(void *arg, GPtrArray *changes)
{
	struct world *w = arg;

	w->changes += (int)changes->len;
}

#define T0 INT64_C(1760000000000)

static struct webex_room *new_room(const char *id, const char *title)
{
	struct webex_room *r = g_new0(struct webex_room, 1);

	r->id = g_strdup(id);
	r->title = g_strdup(title);
	r->created_ms = r->last_activity_ms = T0;
	return r;
}

static void begin(struct world *w)
{
	GPtrArray *rooms = g_ptr_array_new_with_free_func(webex_room_free);
	GPtrArray *changes = store_changes_new();
	struct store_conn *conn;
	struct store_room room = {0};

	g_ptr_array_add(rooms, new_room("ROOM1", "One"));
	assert_int_equal(0, store_apply_rooms(w->store, rooms, true, T0, changes));
	g_ptr_array_unref(rooms);
	g_ptr_array_unref(changes);
	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_room_by_id(conn, "ROOM1", &room));
	w->room = room.rowid;
	store_room_clear(&room);
	store_read_end(conn);
}

static void make_pager(struct world *w, int recent, bool is_bot)
{
	struct pager_config config = {
		.store = w->store,
		.queue = w->queue,
		.contents = w->contents,
		.clock = &fake_clock,
		.recent = recent,
		.is_bot = is_bot,
		.on_changes = on_changes,
		.arg = w,
	};

	pager_free(&w->pager);
	assert_int_equal(0, pager_new(&config, &w->pager));
}

static int setup(void **state)
{
	struct store_config config = {.holder = "test"};
	struct world *w = g_new0(struct world, 1);

	now_ms = T0;
	calls = g_ptr_array_new_with_free_func(call_free);
	assert_int_equal(0, work_queue_start("test", &w->queue));
	assert_int_equal(0, store_open(&config, &w->store, NULL));
	assert_int_equal(0, contents_new("/tmp", &w->contents));
	make_pager(w, 3, false);
	on_queue(w, begin);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	work_queue_stop(&w->queue);
	pager_free(&w->pager);
	contents_free(&w->contents);
	store_close(&w->store);
	g_ptr_array_unref(calls);
	g_free(w);
	return 0;
}

/* ---- answers ---- */

static void answer(guint i, GPtrArray *items, const char *next, int error, int status,
		   bool network)
{
	struct call *c = calls->pdata[i];
	struct webex_reply reply = {
		.error = error,
		.status = status,
		.is_network = network,
		.items = error ? NULL : items,
		.next = g_strdup(next),
	};

	c->done(c->arg, &reply);
	g_free(reply.next);
	if (items)
		g_ptr_array_unref(items);
}

static GPtrArray *messages(const char *first, ...)
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

static GPtrArray *rooms(const char *first, ...)
{
	GPtrArray *items = g_ptr_array_new_with_free_func(webex_room_free);
	va_list ap;

	va_start(ap, first);
	for (const char *id = first; id; id = va_arg(ap, const char *))
		g_ptr_array_add(items, new_room(id, id));
	va_end(ap);
	return items;
}

struct asker {
	struct pager_waiter waiter;
	int calls, error;
};

static void woken(struct pager_waiter *waiter, int error)
{
	struct asker *a = (struct asker *)(void *)waiter;

	a->calls++;
	a->error = error;
}

static struct need need_of(enum need_kind kind, int64_t row)
{
	struct need n = {.kind = kind, .row = row};

	return n;
}

static void ask(struct world *w, struct asker *a, enum need_kind kind, int64_t row)
{
	struct need n = need_of(kind, row);

	memset(a, 0, sizeof(*a));
	a->waiter.fn = woken;
	pager_wait(w->pager, &n, &a->waiter);
}

static enum pager_verdict verdict(struct world *w, enum need_kind kind, int64_t row, bool have)
{
	struct need n = need_of(kind, row);
	int error = 0;

	return pager_check(w->pager, &n, have, &error);
}

static bool count_one(void *arg, const struct store_brief *b)
{
	(void)b;
	(*(int *)arg)++;
	return true;
}

static int listed(struct world *w)
{
	struct store_conn *conn;
	int n = 0;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_message_list(conn, w->room, 0, 0, count_one, &n));
	store_read_end(conn);
	return n;
}

static int head(struct world *w, struct store_span *ret)
{
	struct store_conn *conn;
	int r;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	r = store_span_head(conn, w->room, ret);
	store_read_end(conn);
	return r;
}

/* ---- promises ---- */

static void body_single_flight(struct world *w)
{
	struct asker a, b;

	assert_int_equal(PAGER_FETCH, verdict(w, NEED_ROOMS, 0, false));
	assert_int_equal(PAGER_REFRESH, verdict(w, NEED_ROOMS, 0, true));
	ask(w, &a, NEED_ROOMS, 0);
	ask(w, &b, NEED_ROOMS, 0);
	assert_int_equal(1, calls->len);
	answer(0, rooms("ROOM1", "ROOM2", NULL), NULL, 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(1, b.calls);
	assert_int_equal(0, a.error);
	assert_int_equal(PAGER_USE, verdict(w, NEED_ROOMS, 0, true));
	now_ms += 2999;
	assert_int_equal(PAGER_USE, verdict(w, NEED_ROOMS, 0, false));
	now_ms += 2;
	assert_int_equal(PAGER_REFRESH, verdict(w, NEED_ROOMS, 0, true));
	assert_true(w->changes > 0);
}

static void body_interrupt(struct world *w)
{
	struct asker a, b, c;

	ask(w, &a, NEED_ROOMS, 0);
	ask(w, &b, NEED_ROOMS, 0);
	pager_unwait(w->pager, &a.waiter, true);
	assert_false(((struct call *)calls->pdata[0])->cancelled);
	pager_unwait(w->pager, &b.waiter, true);
	assert_true(((struct call *)calls->pdata[0])->cancelled);
	/* A new asker before the old answer: a fetch of its own. */
	ask(w, &c, NEED_ROOMS, 0);
	assert_int_equal(2, calls->len);
	answer(0, NULL, NULL, -ECANCELED, 0, true);
	assert_int_equal(0, c.calls);
	answer(1, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_int_equal(1, c.calls);
	assert_int_equal(0, a.calls + b.calls);
}

static void body_soft(struct world *w)
{
	struct asker a;

	ask(w, &a, NEED_ROOMS, 0);
	pager_unwait(w->pager, &a.waiter, false);
	assert_false(((struct call *)calls->pdata[0])->cancelled);
	/* Whoever has something to show does not wait a second time for what hangs. */
	now_ms += 300;
	assert_int_equal(PAGER_USE, verdict(w, NEED_ROOMS, 0, true));
	assert_int_equal(PAGER_FETCH, verdict(w, NEED_ROOMS, 0, false));
	answer(0, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_int_equal(0, a.calls);
	assert_int_equal(PAGER_USE, verdict(w, NEED_ROOMS, 0, false));
}

static void body_failure(struct world *w)
{
	struct pager_stats stats;
	struct asker a;

	ask(w, &a, NEED_ROOMS, 0);
	answer(0, NULL, NULL, -ECONNREFUSED, 0, true);
	assert_int_equal(-ECONNREFUSED, a.error);
	assert_int_equal(PAGER_FAILED, verdict(w, NEED_ROOMS, 0, false));
	assert_int_equal(PAGER_USE, verdict(w, NEED_ROOMS, 0, true));
	assert_int_equal(-ECONNREFUSED, pager_network_error(w->pager));
	/* Another list that has something to show does not try the dead network either. */
	assert_int_equal(PAGER_USE, verdict(w, NEED_HEAD, w->room, true));
	pager_get_stats(w->pager, &stats);
	assert_int_equal(T0, stats.offline_since_wall_ms);
	now_ms += 1501;
	assert_int_equal(PAGER_FETCH, verdict(w, NEED_ROOMS, 0, false));
	ask(w, &a, NEED_ROOMS, 0);
	answer(1, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_int_equal(0, pager_network_error(w->pager));
	pager_get_stats(w->pager, &stats);
	assert_int_equal(-1, stats.offline_since_wall_ms);
}

static void body_touch(struct world *w)
{
	struct need n = need_of(NEED_ROOMS, 0);
	struct store_room room = {0};
	struct store_conn *conn;
	struct asker a;

	ask(w, &a, NEED_ROOMS, 0);
	pager_touch(w->pager, &n);
	answer(0, rooms("STALE", NULL), NULL, 0, 200, false);
	/* Begun again instead of published. */
	assert_int_equal(0, a.calls);
	assert_int_equal(2, calls->len);
	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(-ENOENT, store_room_by_id(conn, "STALE", &room));
	store_read_end(conn);
	answer(1, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
}

static void body_shutdown(struct world *w)
{
	struct asker a, b;

	ask(w, &a, NEED_ROOMS, 0);
	pager_shutdown(w->pager);
	assert_int_equal(-ESHUTDOWN, a.error);
	ask(w, &b, NEED_HEAD, w->room);
	assert_int_equal(-ESHUTDOWN, b.error);
	/* The answer of the cancelled call only frees. */
	answer(0, NULL, NULL, -ECANCELED, 0, true);
	assert_int_equal(1, a.calls);
}

/* ---- pages ---- */

static void body_head_complete(struct world *w)
{
	struct store_span span;
	struct asker a;

	ask(w, &a, NEED_HEAD, w->room);
	assert_int_equal(3, ((struct call *)calls->pdata[0])->max);
	answer(0, messages("M2", 20, "M1", 10, NULL), NULL, 0, 200, false);
	assert_int_equal(0, a.error);
	assert_int_equal(2, listed(w));
	assert_int_equal(0, head(w, &span));
	assert_int_equal(-1, span.lo);
	assert_int_equal(T0 + 20, span.hi);
}

static void body_head_recent(struct world *w)
{
	struct store_span span;
	struct asker a;

	/* Three are enough, though there are more. */
	ask(w, &a, NEED_HEAD, w->room);
	answer(0, messages("M4", 40, "M3", 30, "M2", 20, NULL), "n1", 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(0, head(w, &span));
	assert_int_equal(T0 + 20, span.lo);
	assert_int_equal(3, listed(w));
}

static void body_head_pages(struct world *w)
{
	struct asker a;

	/* An empty page with a link, a page that repeats an item, then the end. */
	ask(w, &a, NEED_HEAD, w->room);
	answer(0, messages("M3", 30, NULL), "n1", 0, 200, false);
	assert_string_equal("n1", ((struct call *)calls->pdata[1])->next);
	answer(1, messages(NULL), "n2", 0, 200, false);
	answer(2, messages("M3", 30, "M2", 20, NULL), NULL, 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
	assert_int_equal(2, listed(w));
}

static void body_head_loop(struct world *w)
{
	struct store_span span;
	struct asker a;

	ask(w, &a, NEED_HEAD, w->room);
	answer(0, messages("M3", 30, NULL), "n1", 0, 200, false);
	answer(1, messages("M3", 30, NULL), "n1", 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
	/* Not taken for the beginning of time. */
	assert_int_equal(0, head(w, &span));
	assert_int_equal(T0 + 30, span.lo);
}

static void body_head_anchor(struct world *w)
{
	struct call *c;
	struct asker a;

	ask(w, &a, NEED_HEAD, w->room);
	answer(0, messages("M3", 30, NULL), "n1", 0, 200, false);
	answer(1, NULL, NULL, -ENOENT, 404, false);
	c = calls->pdata[2];
	assert_int_equal(T0 + 31, c->before_ms);
	answer(2, messages("M3B", 30, "M2", 20, NULL), NULL, 0, 200, false);
	assert_int_equal(0, a.error);
	assert_int_equal(3, listed(w));
}

static void body_head_halves(struct world *w)
{
	struct call *c;
	struct asker a;

	make_pager(w, 0, false);
	ask(w, &a, NEED_HEAD, w->room);
	assert_int_equal(1000, ((struct call *)calls->pdata[0])->max);
	answer(0, messages("M3", 30, NULL), "n1", 0, 200, false);
	answer(1, NULL, NULL, -EIO, 504, false);
	c = calls->pdata[2];
	assert_int_equal(500, c->max);
	assert_null(c->next);
	assert_string_equal("M3", c->before_message);
	answer(2, messages("M2", 20, NULL), NULL, 0, 200, false);
	assert_int_equal(0, a.error);
	assert_int_equal(2, listed(w));
}

static void body_head_joins(struct world *w)
{
	struct asker a;

	ask(w, &a, NEED_HEAD, w->room);
	answer(0, messages("M3", 30, "M2", 20, "M1", 10, NULL), NULL, 0, 200, false);
	now_ms += 6000;
	/* The first page reaches what is known: the rest is not asked for. M2 was deleted there, M1 is below the page. */
	ask(w, &a, NEED_HEAD, w->room);
	answer(1, messages("M4", 40, "M3", 30, NULL), "n1", 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(2, calls->len);
	assert_int_equal(4, listed(w));
	now_ms += 6000;
	ask(w, &a, NEED_HEAD, w->room);
	answer(2, messages("M4", 40, "M1", 10, NULL), NULL, 0, 200, false);
	assert_int_equal(2, listed(w));
}

static void body_head_fails_whole(struct world *w)
{
	struct store_span span;
	struct asker a;

	ask(w, &a, NEED_HEAD, w->room);
	answer(0, messages("M3", 30, NULL), "n1", 0, 200, false);
	answer(1, NULL, NULL, -EIO, 500, false);
	assert_int_equal(-EIO, a.error);
	/* Nothing that a listing could take for the whole. */
	assert_int_equal(-ENOENT, head(w, &span));
}

static void body_room_gone(struct world *w)
{
	struct store_room room = {0};
	struct store_conn *conn;
	struct asker a;

	ask(w, &a, NEED_HEAD, w->room);
	answer(0, NULL, NULL, -ENOENT, 404, false);
	assert_int_equal(-ENOENT, a.error);
	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(-ENOENT, store_room_by_id(conn, "ROOM1", &room));
	store_read_end(conn);
	ask(w, &a, NEED_MEMBERS, w->room);
	assert_int_equal(-ENOENT, a.error);
	assert_int_equal(1, calls->len);
}

static void body_bot(struct world *w)
{
	struct asker a;

	make_pager(w, 1000, true);
	ask(w, &a, NEED_HEAD, w->room);
	assert_true(((struct call *)calls->pdata[0])->mentioned_me);
	answer(0, messages("M3", 30, "M2", 20, NULL), NULL, 0, 200, false);
	now_ms += 6000;
	/* What a filtered list lacks is not gone. */
	ask(w, &a, NEED_HEAD, w->room);
	answer(1, messages("M3", 30, NULL), NULL, 0, 200, false);
	assert_int_equal(0, a.error);
	assert_int_equal(2, listed(w));
}

static void body_direct_none(struct world *w)
{
	struct need n = {.kind = NEED_DIRECT, .key = "x@example.com"};
	struct store_conn *conn;
	struct asker a = {.waiter.fn = woken};
	int64_t row;

	pager_wait(w->pager, &n, &a.waiter);
	answer(0, NULL, NULL, -ENOENT, 404, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_node_find(conn, NODE_ADDRESS, "x@example.com", &row));
	store_read_end(conn);
}

#define CASE(name)                                                                             \
	static void test_##name(void **state)                                                  \
	{                                                                                      \
		on_queue(*state, body_##name);                                                 \
	}

CASE(single_flight)
CASE(interrupt)
CASE(soft)
CASE(failure)
CASE(touch)
CASE(shutdown)
CASE(head_complete)
CASE(head_recent)
CASE(head_pages)
CASE(head_loop)
CASE(head_anchor)
CASE(head_halves)
CASE(head_joins)
CASE(head_fails_whole)
CASE(room_gone)
CASE(bot)
CASE(direct_none)

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(single_flight), TEST(interrupt),
		TEST(soft),	     TEST(failure),
		TEST(touch),	     TEST(shutdown),
		TEST(head_complete), TEST(head_recent),
		TEST(head_pages),    TEST(head_loop),
		TEST(head_anchor),   TEST(head_halves),
		TEST(head_joins),    TEST(head_fails_whole),
		TEST(room_gone),     TEST(bot),
		TEST(direct_none),
	};

	return cmocka_run_group_tests_name("pager", tests, NULL, NULL);
}
