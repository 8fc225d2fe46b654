/* SPDX-License-Identifier: MIT */
/* How pages become what the store knows, whatever the server does. */
#include <errno.h>
#include <string.h>

#include "pager_kit.h"

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
	/* It does not count as the beginning of time: the list goes on by the time of the
	 * oldest message, once. */
	assert_int_equal(0, a.calls);
	assert_int_equal(T0 + 31, ((struct call *)calls->pdata[2])->before_ms);
	answer(2, messages("M3", 30, NULL), "n1", 0, 200, false);
	answer(3, messages("M3", 30, NULL), "n1", 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(-EIO, a.error);
	/* What came is kept; it goes down to the last message only. */
	assert_int_equal(0, head(w, &span));
	assert_int_equal(T0 + 30, span.lo);
}

static void body_head_empty_pages(struct world *w)
{
	char next[8];
	struct asker a;
	int i;

	ask(w, &a, NEED_HEAD, w->room);
	for (i = 0; i < 50; i++) {
		g_snprintf(next, sizeof(next), "n%d", i);
		answer(i, messages(NULL), next, 0, 200, false);
	}
	answer(i, messages("M2", 20, NULL), NULL, 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
	assert_int_equal(1, listed(w));
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

	make_pager(w, 800, false);
	ask(w, &a, NEED_HEAD, w->room);
	assert_int_equal(800, ((struct call *)calls->pdata[0])->max);
	answer(0, messages("M3", 30, NULL), "n1", 0, 200, false);
	answer(1, NULL, NULL, -EIO, 504, false);
	c = calls->pdata[2];
	assert_int_equal(400, c->max);
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
	/* Nobody waits for the proof. */
	assert_int_equal(1, a.calls);
	assert_int_equal(4, listed(w));
	assert_int_equal(5, calls->len);
	answer(3, NULL, NULL, -ENOENT, 404, false);
	answer(4, NULL, NULL, -ENOENT, 404, false);
	assert_int_equal(2, listed(w));
}

/* Of two answers the later one comes first; the earlier one lacks what it brought. */
static void body_head_slow(struct world *w)
{
	struct need to_head = {.kind = NEED_TO_HEAD, .row = w->room, .lo_ms = T0 + 5};
	struct asker a, b;

	ask(w, &a, NEED_HEAD, w->room);
	answer(0, messages("M1", 10, NULL), NULL, 0, 200, false);
	now_ms += 6000;
	ask(w, &a, NEED_HEAD, w->room);
	ask_need(w, &b, &to_head);
	answer(2, messages("M2", 20, "M1", 10, NULL), NULL, 0, 200, false);
	answer(1, messages("M1", 10, NULL), NULL, 0, 200, false);
	assert_int_equal(2, listed(w));
	now_ms += 6000;
	ask(w, &a, NEED_HEAD, w->room);
	answer(3, messages("M1", 10, NULL), NULL, 0, 200, false);
	assert_string_equal("message", call_at(4)->what);
	answer(4, NULL, NULL, -ENOENT, 404, false);
	assert_int_equal(1, listed(w));
}

/* The first page is empty, and while the next one is on its way another answer tells of newer ones. */
static void body_head_again(struct world *w)
{
	struct need to_head = {.kind = NEED_TO_HEAD, .row = w->room, .lo_ms = T0 + 85};
	struct asker a, b;

	ask(w, &a, NEED_HEAD, w->room);
	answer(0, messages(NULL), "n1", 0, 200, false);
	ask_need(w, &b, &to_head);
	answer(2, messages("M9", 90, "M8", 80, NULL), "n2", 0, 200, false);
	assert_int_equal(1, b.calls);
	answer(1, messages("M2", 20, "M1", 10, NULL), NULL, 0, 200, false);
	/* Four are known, but not what is between them. */
	assert_int_equal(0, a.calls);
	assert_null(call_at(3)->next);
	answer(3, messages("M9", 90, "M8", 80, "M5", 50, NULL), "n3", 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
}

/* All that was listed is gone, and more than that. */
static void body_head_deleted(struct world *w)
{
	struct store_span span;
	struct asker a;

	ask(w, &a, NEED_HEAD, w->room);
	answer(0, messages("M9", 90, "M8", 80, "M7", 70, NULL), "n1", 0, 200, false);
	now_ms += 6000;
	ask(w, &a, NEED_HEAD, w->room);
	answer(1, messages("M3", 30, "M2", 20, "M1", 10, NULL), "n1", 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(6, listed(w));
	assert_int_equal(5, calls->len);
	for (guint i = 2; i < 5; i++)
		answer(i, NULL, NULL, -ENOENT, 404, false);
	assert_int_equal(3, listed(w));
	assert_int_equal(0, head(w, &span));
	assert_int_equal(T0 + 10, span.lo);
	assert_int_equal(T0 + 90, span.hi);
}

static void body_head_fails(struct world *w)
{
	struct store_span span;
	struct asker a;

	ask(w, &a, NEED_HEAD, w->room);
	answer(0, messages("M3", 30, NULL), "n1", 0, 200, false);
	answer(1, NULL, NULL, -EIO, 500, false);
	assert_int_equal(-EIO, a.error);
	/* Nothing that a listing could take for the whole: fewer than three, and not down to the
	 * beginning. */
	assert_int_equal(0, head(w, &span));
	assert_int_equal(T0 + 30, span.lo);
	assert_int_equal(1, listed(w));
}

static void body_room_gone(struct world *w)
{
	struct store_room room = {0};
	struct store_conn *conn;
	struct asker a;

	ask(w, &a, NEED_HEAD, w->room);
	answer(0, NULL, NULL, -ENOENT, 404, false);
	/* rsync takes ENOENT for the directory's end, and deletes what it had of it. */
	assert_int_equal(-EBUSY, a.error);
	prove_gone(w, 1);
	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(-ENOENT, store_room_by_id(conn, "ROOM1", &room));
	store_read_end(conn);
	ask(w, &a, NEED_MEMBERS, w->room);
	assert_int_equal(-ENOENT, a.error);
	assert_int_equal(3, calls->len);
}

/* An answer to a request from before a space was found to be gone does not bring it back. */
static void body_room_gone_for_slow_answers(struct world *w)
{
	struct store_room room = {0};
	struct store_conn *conn;
	struct asker list, details, head, news;

	ask(w, &list, NEED_ROOMS, 0);
	ask(w, &details, NEED_ROOM, w->room);
	ask(w, &head, NEED_HEAD, w->room);
	ask(w, &news, NEED_NEWS, 0);
	answer(2, NULL, NULL, -ENOENT, 404, false);
	now_ms++;
	answer(4, NULL, NULL, -ENOENT, 404, false);
	now_ms += 2000;
	/* Begun before the proof was, it is none; the other list brings it. */
	answer(0, rooms(NULL), NULL, 0, 200, false);
	assert_int_equal(1, list.calls);
	now_ms += 1000;
	proof_tick(pager_proof(w->pager));
	answer(5, rooms(NULL), NULL, 0, 200, false);
	answer(1, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_int_equal(-ENOENT, details.error);
	answer(3, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_int_equal(0, news.calls);
	answer(6, rooms(NULL), NULL, 0, 200, false);
	assert_int_equal(1, news.calls);
	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(-ENOENT, store_room_by_id(conn, "ROOM1", &room));
	store_read_end(conn);
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
	struct asker a = {.waiter.fn = woken};
	uint64_t generation = store_generation(w->store);

	pager_wait(w->pager, &n, &a.waiter);
	answer(0, NULL, NULL, -ENOENT, 404, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
	/* Whoever looks names up leaves nothing behind. */
	assert_true(store_generation(w->store) == generation);
}

/* The messages by which the space is found are kept, but say nothing of those between them. */
static void body_direct_keeps(struct world *w)
{
	struct need n = {.kind = NEED_DIRECT, .key = "x@example.com"};
	struct asker a = {.waiter.fn = woken};
	GPtrArray *items = messages("M3", 30, "M1", 10, NULL), *room = rooms("DIRECT", NULL);
	struct store_room direct;
	struct store_conn *conn;
	int64_t row;

	for (guint i = 0; i < items->len; i++) {
		struct webex_message *m = items->pdata[i];

		g_free(m->room_id);
		m->room_id = g_strdup("DIRECT");
	}
	((struct webex_room *)room->pdata[0])->type = WEBEX_ROOM_DIRECT;
	pager_wait(w->pager, &n, &a.waiter);
	answer(0, items, NULL, 0, 200, false);
	assert_int_equal(0, a.calls);
	answer(1, room, NULL, 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_message_by_id(conn, "M3", &row));
	assert_int_equal(0, store_message_by_id(conn, "M1", &row));
	assert_int_equal(0, store_room_by_email(conn, n.key, &direct));
	assert_int_equal(-1, store_span_top(conn, direct.rowid));
	store_room_clear(&direct);
	store_read_end(conn);
	assert_int_equal(2, calls->len);
}

CASE(head_complete)
CASE(head_recent)
CASE(head_pages)
CASE(head_loop)
CASE(head_empty_pages)
CASE(head_anchor)
CASE(head_halves)
CASE(head_joins)
CASE(head_slow)
CASE(head_again)
CASE(head_deleted)
CASE(head_fails)
CASE(room_gone)
CASE(room_gone_for_slow_answers)
CASE(bot)
CASE(direct_none)
CASE(direct_keeps)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(head_complete),
		TEST(head_recent),
		TEST(head_pages),
		TEST(head_loop),
		TEST(head_empty_pages),
		TEST(head_anchor),
		TEST(head_halves),
		TEST(head_joins),
		TEST(head_slow),
		TEST(head_again),
		TEST(head_deleted),
		TEST(head_fails),
		TEST(room_gone),
		TEST(room_gone_for_slow_answers),
		TEST(bot),
		TEST(direct_none),
		TEST(direct_keeps),
	};

	room_activity = 1000;
	return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}
