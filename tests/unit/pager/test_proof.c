/* SPDX-License-Identifier: MIT */
/* Things that seem to be gone, and which of them are forgotten (pager/proof/proof.h). */
#include <errno.h>
#include <string.h>

#include "poll_kit.h"

static void list_spaces(struct world *w, struct asker *a)
{
	now_ms += 6000;
	ask(w, a, NEED_ROOMS, 0);
}

static void list_head(struct world *w, struct asker *a)
{
	now_ms += 6000;
	ask(w, a, NEED_HEAD, w->room);
}

/* M1 to M<n> at T0 + 1 and so on, the newest first; all but those from..to. */
static GPtrArray *some(int n, int from, int to)
{
	GPtrArray *items = g_ptr_array_new_with_free_func(webex_message_free);

	for (int i = n; i > 0; i--) {
		g_autofree char *id = g_strdup_printf("M%d", i);
		g_autoptr(GPtrArray) one = messages(id, i, NULL);

		if (i < from || i > to)
			g_ptr_array_add(items, g_ptr_array_steal_index(one, 0));
	}
	return items;
}

static void know_head(struct world *w, int n)
{
	struct asker a;

	make_pager(w, 1000, false);
	ask(w, &a, NEED_HEAD, w->room);
	answer(0, some(n, 0, 0), NULL, 0, 200, false);
	assert_int_equal(n, listed(w));
}

static int events_of(struct world *w, enum store_event_what what);

/* ---- spaces ---- */

/* An empty list, and whatever comes behind it but for both answers, takes nothing away. */
static void body_short_list(struct world *w)
{
	struct asker a;

	list_spaces(w, &a);
	answer(0, rooms(NULL), NULL, 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_true(has_room(w));
	/* Its GET finds it. */
	answer(1, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_true(has_room(w));
	/* Doubted again: not before some seconds are over. */
	list_spaces(w, &a);
	answer(2, rooms(NULL), NULL, 0, 200, false);
	not_found(3);
	assert_true(has_room(w));
	/* A list that was begun behind that has it. */
	later(w, 2000);
	answer(4, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_true(has_room(w));
	assert_int_equal(5, calls->len);
}

CASE(short_list)

/* It really was left: gone some seconds later, by two requests. */
static void body_left(struct world *w)
{
	struct asker a;

	assert_int_equal(0, store_meta_set_int(w->store, "rooms.listed", 1));
	list_spaces(w, &a);
	answer(0, rooms(NULL), NULL, 0, 200, false);
	prove_gone(w, 1);
	assert_false(has_room(w));
	assert_int_equal(3, calls->len);
	assert_int_equal(1, events_of(w, STORE_EVENT_SPACE_REMOVED));
}

CASE(left)

/* A confirmation that fails changes nothing, and is repeated, each time after twice as long. */
static void body_failures(struct world *w)
{
	static const int statuses[] = {500, 403, 429, 0};
	int64_t wait_ms = 5000;
	struct asker a;

	ask(w, &a, NEED_HEAD, w->room);
	not_found(0);
	assert_int_equal(-EBUSY, a.error);
	for (guint i = 0; i < G_N_ELEMENTS(statuses); i++) {
		assert_int_equal(2 + i, calls->len);
		assert_string_equal("room", call_at(1 + i)->what);
		answer(1 + i, NULL, NULL, -EIO, statuses[i], !statuses[i]);
		later(w, wait_ms - 1);
		assert_int_equal(2 + i, calls->len);
		later(w, 1);
		wait_ms *= 2;
	}
	not_found(5);
	/* And the list: a part of it is none, nor is one that fails. */
	later(w, 2000);
	assert_string_equal("rooms", call_at(6)->what);
	answer(6, NULL, NULL, -EIO, 500, false);
	later(w, 5000);
	answer_skipped(7, rooms(NULL), 1, NULL);
	assert_true(has_room(w));
	later(w, 10000);
	answer(8, rooms(NULL), NULL, 0, 200, false);
	assert_false(has_room(w));
}

CASE(failures)

/* A 404 in each place where a space is asked for something is one suspicion. */
static void body_not_found_anywhere(struct world *w)
{
	struct asker head, members, details, span;
	const struct need month = {
		.kind = NEED_SPAN, .row = w->room, .lo_ms = T0, .hi_ms = T0 + 50};

	ask(w, &head, NEED_HEAD, w->room);
	ask(w, &members, NEED_MEMBERS, w->room);
	ask(w, &details, NEED_ROOM, w->room);
	ask_need(w, &span, &month);
	for (guint i = 0; i < 4; i++)
		not_found(i);
	assert_int_equal(-EBUSY, head.error);
	assert_int_equal(-EBUSY, members.error);
	assert_int_equal(-EBUSY, details.error);
	assert_int_equal(-EBUSY, span.error);
	assert_true(has_room(w));
	assert_int_equal(5, calls->len);
	answer(4, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_true(has_room(w));
	later(w, 60000);
	assert_int_equal(5, calls->len);
}

CASE(not_found_anywhere)

/* One that comes back, also after a restart of the mount, brings no news of what was told. */
static void body_comes_back(struct world *w)
{
	GPtrArray *list = rooms("ROOM1", NULL);
	struct asker a;
	int told;

	assert_int_equal(0, store_meta_set_int(w->store, "rooms.listed", 1));
	know_head(w, 30);
	told = events_of(w, STORE_EVENT_MESSAGE_CREATED);
	list_spaces(w, &a);
	answer(1, rooms(NULL), NULL, 0, 200, false);
	prove_gone(w, 2);
	assert_false(has_room(w));
	((struct webex_room *)list->pdata[0])->last_activity_ms = T0 + 30;
	list_spaces(w, &a);
	answer(4, list, NULL, 0, 200, false);
	assert_true(row_of(w, "ROOM1") > w->room);
	w->room = row_of(w, "ROOM1");
	ask(w, &a, NEED_HEAD, w->room);
	answer(5, some(30, 0, 0), NULL, 0, 200, false);
	assert_int_equal(30, listed(w));
	assert_int_equal(told, events_of(w, STORE_EVENT_MESSAGE_CREATED));
}

CASE(comes_back)

/* ---- messages ---- */

static void body_one_message(struct world *w)
{
	struct asker a;

	know_head(w, 5);
	list_head(w, &a);
	answer(1, some(5, 2, 3), NULL, 0, 200, false);
	/* Nobody waits for it. */
	assert_int_equal(1, a.calls);
	assert_int_equal(5, listed(w));
	/* One request each, whoever lists it meanwhile. */
	assert_int_equal(4, calls->len);
	list_head(w, &a);
	answer(4, some(5, 2, 3), NULL, 0, 200, false);
	assert_int_equal(5, calls->len);
	not_found(2);
	assert_int_equal(4, listed(w));
	answer(3, messages("M3", 3, NULL), NULL, 0, 200, false);
	assert_int_equal(4, listed(w));
	later(w, 60000);
	assert_int_equal(5, calls->len);
}

CASE(one_message)

/* What its own GET says: it is in another space, it is another message, or its id is none. */
static void body_answers_about_others(struct world *w)
{
	GPtrArray *moved;
	struct webex_message *m;
	struct asker a;

	know_head(w, 5);
	list_head(w, &a);
	answer(1, some(5, 2, 4), NULL, 0, 200, false);
	assert_int_equal(5, calls->len);
	moved = messages(call_at(2)->id, 2, NULL);
	m = moved->pdata[0];
	g_free(m->room_id);
	m->room_id = g_strdup("ROOM2");
	answer(2, moved, NULL, 0, 200, false);
	assert_int_equal(4, listed(w));
	answer(3, messages("M9", 3, NULL), NULL, 0, 200, false);
	assert_int_equal(4, listed(w));
	answer(4, NULL, NULL, -EINVAL, 400, false);
	assert_int_equal(3, listed(w));
	/* What said nothing is asked again. */
	later(w, 5000);
	assert_string_equal(call_at(3)->id, call_at(5)->id);
	not_found(5);
	assert_int_equal(2, listed(w));
}

CASE(answers_about_others)

/* The n-th call asks for that message, which is gone. */
static void sample_is_gone(guint n, const char *id)
{
	assert_string_equal("message", call_at(n)->what);
	assert_string_equal(id, call_at(n)->id);
	not_found(n);
}

static void body_many_messages(struct world *w)
{
	struct asker a;

	know_head(w, 40);
	/* A list that is short by mistake: the first one that is asked for is there. */
	list_head(w, &a);
	answer(1, some(40, 1, 30), NULL, 0, 200, false);
	assert_int_equal(40, listed(w));
	later(w, PROOF_AGAIN_MS - 1);
	assert_int_equal(2, calls->len);
	later(w, 1);
	assert_string_equal("M1", call_at(2)->id);
	answer(2, messages("M1", 1, NULL), NULL, 0, 200, false);
	later(w, 60000);
	assert_int_equal(3, calls->len);
	assert_int_equal(40, listed(w));
	/* The oldest and the newest of them are gone: the second list has the others. */
	now_ms += 60000;
	list_head(w, &a);
	answer(3, some(40, 1, 30), NULL, 0, 200, false);
	later(w, PROOF_AGAIN_MS);
	sample_is_gone(4, "M1");
	sample_is_gone(5, "M30");
	assert_int_equal(T0 + 31, call_at(6)->before_ms);
	assert_true(call_at(6)->max != call_at(3)->max);
	assert_true(call_at(6)->background);
	answer(6, some(29, 1, 1), NULL, 0, 200, false);
	assert_int_equal(38, listed(w));
	/* It fails, at the sample and at the list. */
	now_ms += 60000;
	list_head(w, &a);
	answer(7, some(40, 1, 30), NULL, 0, 200, false);
	later(w, PROOF_AGAIN_MS);
	answer(8, NULL, NULL, -EIO, 500, false);
	assert_int_equal(9, calls->len);
	later(w, 60000);
	sample_is_gone(9, "M2");
	sample_is_gone(10, "M29");
	answer(11, NULL, NULL, -EIO, 500, false);
	assert_int_equal(36, listed(w));
	/* Later: one that does not agree with the first proves nothing either. */
	later(w, 60000);
	answer(12, some(28, 1, 20), NULL, 0, 200, false);
	assert_int_equal(36, listed(w));
	/* What two lack that agree is gone, at once. */
	later(w, 60000);
	sample_is_gone(13, "M3");
	sample_is_gone(14, "M20");
	assert_int_equal(T0 + 21, call_at(15)->before_ms);
	answer(15, some(20, 1, 20), NULL, 0, 200, false);
	assert_int_equal(18, listed(w));
	assert_int_equal(16, calls->len);
}

CASE(many_messages)

/* No more than so many requests a minute, however many things are missing. */
static void body_turns(struct world *w)
{
	struct asker a;
	int asked = 0;

	know_head(w, 200);
	for (int i = 0; i < 10; i++) {
		/* Eight at a time. */
		ask(w, &a, NEED_HEAD, w->room);
		for (guint k = 0; k < calls->len; k++) {
			const struct call *c = call_at(k);

			if (c->answered)
				continue;
			if (!strcmp(c->what, "message"))
				answer(k, NULL, NULL, -EIO, 500, false);
			else
				answer(k, some(200, 1 + i * 8, 8 + i * 8), NULL, 0, 200, false);
		}
		now_ms += 3100;
	}
	for (guint k = 0; k < calls->len; k++)
		asked += !strcmp(call_at(k)->what, "message");
	assert_int_equal(PROOF_TURNS, asked);
	assert_int_equal(200, listed(w));
}

CASE(turns)

/* A file that a message lacks in one list. */
static void body_file(struct world *w)
{
	static char file[] = "http://127.0.0.1/v1/contents/A";
	char *files[] = {file, NULL};
	GPtrArray *with = messages("M2", 20, NULL), *again = messages("M2", 20, NULL);
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	const struct store_range all = {.room = w->room};
	struct store_conn *conn;
	struct asker a;

	((struct webex_message *)with->pdata[0])->files = g_strdupv(files);
	((struct webex_message *)again->pdata[0])->files = g_strdupv(files);
	ask(w, &a, NEED_HEAD, w->room);
	answer(0, with, NULL, 0, 200, false);
	for (int i = 0; i < 2; i++) {
		list_head(w, &a);
		answer(1 + 2 * i, messages("M2", 20, NULL), NULL, 0, 200, false);
		assert_string_equal("message", call_at(2 + 2 * i)->what);
		answer(2 + 2 * i, i ? messages("M2", 20, NULL) : g_steal_pointer(&again), NULL,
		       0, 200, false);
		g_array_set_size(rows, 0);
		assert_int_equal(0, store_read_begin(w->store, &conn));
		assert_int_equal(0, store_content_unnamed(conn, &all, now_ms, rows, 10));
		store_read_end(conn);
		/* Its own GET is what counts. */
		assert_int_equal(1 - i, rows->len);
	}
}

CASE(file)

/* A filtered list and a GET say nothing of what a bot is not told. */
static void body_bot(struct world *w)
{
	GPtrArray *changes = store_changes_new();
	struct store_conn *conn;
	struct asker a;
	int64_t row;

	make_pager(w, 1000, true);
	ask(w, &a, NEED_HEAD, w->room);
	answer(0, messages("M2", 20, "M1", 10, NULL), NULL, 0, 200, false);
	list_head(w, &a);
	answer(1, messages("M2", 20, NULL), NULL, 0, 200, false);
	assert_int_equal(2, calls->len);
	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_message_by_id(conn, "M1", &row));
	store_read_end(conn);
	assert_int_equal(-EBUSY, store_message_answered(w->store, true, row, now_ms, changes));
	proof_doubt_message(pager_proof(w->pager), w->room, row);
	assert_int_equal(2, calls->len);
	assert_int_equal(2, listed(w));
	/* To a person it would be proof. */
	assert_int_equal(0, store_message_answered(w->store, false, row, now_ms, changes));
	assert_int_equal(1, listed(w));
	g_ptr_array_unref(changes);
}

CASE(bot)

/* ---- urgent questions ---- */

static void told(void *arg, enum proof_verdict verdict)
{
	*(int *)arg = (int)verdict + 1;
}

static int64_t message_row(struct world *w, const char *id)
{
	struct store_conn *conn;
	int64_t row = 0;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_message_by_id(conn, id, &row));
	store_read_end(conn);
	return row;
}

static void body_asked(struct world *w)
{
	int64_t three;
	int verdict = 0;

	know_head(w, 3);
	three = message_row(w, "M3");
	proof_ask(w->pager, PROOF_MESSAGE, three, false, told, &verdict);
	answer(1, messages("M3", 3, NULL), NULL, 0, 200, false);
	assert_int_equal(PROOF_THERE + 1, verdict);
	proof_ask(w->pager, PROOF_MESSAGE, three, false, told, &verdict);
	answer(2, NULL, NULL, -EIO, 500, false);
	assert_int_equal(PROOF_OPEN + 1, verdict);
	assert_int_equal(3, listed(w));
	proof_ask(w->pager, PROOF_MESSAGE, three, false, told, &verdict);
	not_found(3);
	assert_int_equal(PROOF_GONE + 1, verdict);
	assert_int_equal(2, listed(w));
	/* A space: without a pause. */
	proof_ask(w->pager, PROOF_ROOM, w->room, false, told, &verdict);
	verdict = 0;
	not_found(4);
	answer(5, rooms(NULL), NULL, 0, 200, false);
	assert_int_equal(PROOF_GONE + 1, verdict);
	assert_false(has_room(w));
	/* What is gone needs no question. */
	verdict = 0;
	proof_ask(w->pager, PROOF_ROOM, w->room, false, told, &verdict);
	assert_int_equal(PROOF_GONE + 1, verdict);
	assert_int_equal(6, calls->len);
}

CASE(asked)

/* Made here a moment ago: the answer may come of a machine that does not know it yet. */
static void body_pinned(struct world *w)
{
	GPtrArray *one = messages("M9", 90, NULL);
	int verdict = 0;
	int64_t row;

	assert_int_equal(0, store_apply_message(w->store, w->room, one->pdata[0],
						now_ms + 60000, &row, NULL));
	g_ptr_array_unref(one);
	proof_ask(w->pager, PROOF_MESSAGE, row, false, told, &verdict);
	not_found(0);
	assert_int_equal(PROOF_OPEN + 1, verdict);
	assert_int_equal(1, listed(w));
	/* But not if we tried to delete it. */
	proof_ask(w->pager, PROOF_MESSAGE, row, true, told, &verdict);
	not_found(1);
	assert_int_equal(PROOF_GONE + 1, verdict);
	assert_int_equal(0, listed(w));
}

CASE(pinned)

/* The mount ends in the middle: waiters get their verdict, and nothing more is asked. */
static void body_stop(struct world *w)
{
	int verdict = 0;
	guint n;

	know_head(w, 2);
	proof_ask(w->pager, PROOF_MESSAGE, message_row(w, "M1"), false, told, &verdict);
	assert_int_equal(-EBUSY, proof_room_vanished(pager_proof(w->pager), w->room));
	n = calls->len;
	pager_shutdown(w->pager);
	assert_int_equal(PROOF_OPEN + 1, verdict);
	assert_true(call_at(1)->cancelled && call_at(2)->cancelled);
	later(w, 600000);
	assert_int_equal(n, calls->len);
}

CASE(stop)

static bool count_event(void *arg, const struct store_event *event)
{
	int *wanted = arg;

	wanted[1] += (int)event->what == wanted[0];
	return true;
}

static int events_of(struct world *w, enum store_event_what what)
{
	int wanted[2] = {(int)what, 0};
	struct store_conn *conn;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_events_after(conn, 0, count_event, wanted));
	store_read_end(conn);
	return wanted[1];
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(short_list),
		TEST(left),
		TEST(failures),
		TEST(not_found_anywhere),
		TEST(comes_back),
		TEST(one_message),
		TEST(answers_about_others),
		TEST(many_messages),
		TEST(turns),
		TEST(file),
		TEST(bot),
		TEST(asked),
		TEST(pinned),
		TEST(stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
