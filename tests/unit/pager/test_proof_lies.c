/* SPDX-License-Identifier: MIT */
/* What an answer said wrongly once, and what an honest one says later (pager/proof/proof.h). */
#include <errno.h>
#include <string.h>

#include "poll_kit.h"

static void list_head(struct world *w, GPtrArray *items)
{
	guint n = calls->len;
	struct asker a;

	now_ms += 6000;
	ask(w, &a, NEED_HEAD, w->room);
	answer(n, items, NULL, 0, 200, false);
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

/* The n-th item from the oldest on. */
static struct webex_message *item(GPtrArray *items, guint n)
{
	return items->pdata[items->len - n];
}

static GPtrArray *with_files(GPtrArray *items, guint from, guint to)
{
	static char file[] = "http://127.0.0.1/v1/contents/A";
	char *files[] = {file, NULL};

	for (guint i = from; i <= to; i++)
		item(items, i)->files = g_strdupv(files);
	return items;
}

/* The message with that id; its row, or 0. Clear *ret. */
static int64_t get(struct world *w, const char *id, struct store_message *ret)
{
	struct store_conn *conn;
	int64_t row = 0;

	*ret = (struct store_message){0};
	assert_int_equal(0, store_read_begin(w->store, &conn));
	for (int64_t i = 1; !row && i < 200; i++) {
		if (store_message_get(conn, i, ret) == 0 && !ret->deleted &&
		    !strcmp(ret->m.id, id))
			row = i;
		else
			store_message_clear(ret);
	}
	store_read_end(conn);
	return row;
}

static void assert_at(struct world *w, const char *id, int at, const char *text)
{
	struct store_message m;
	g_autofree char *place = g_strdup_printf(".%03dZ_", at);

	assert_true(get(w, id, &m) > 0);
	assert_int_equal(T0 + at, m.m.created_ms);
	assert_string_equal(text, m.m.text);
	assert_non_null(strstr(m.stem, place));
	store_message_clear(&m);
}

static guint unanswered(void)
{
	for (guint i = 0; i < calls->len; i++)
		if (!call_at(i)->answered)
			return i;
	return calls->len;
}

/* A time that one answer made up: the message's GET decides, now and later. */
static void body_time(struct world *w)
{
	GPtrArray *lie = some(5, 0, 0);

	make_pager(w, 1000, false);
	list_head(w, some(5, 0, 0));
	/* One wrong list moves nothing. */
	item(lie, 3)->created_ms = T0 + 900;
	list_head(w, lie);
	assert_int_equal(3, calls->len);
	assert_string_equal("M3", call_at(2)->id);
	answer(2, messages("M3", 3, NULL), NULL, 0, 200, false);
	assert_at(w, "M3", 3, "M3");
	/* A new one came with a wrong time. The next list is honest. */
	list_head(w, messages("M6", 800, "M5", 5, "M4", 4, "M3", 3, "M2", 2, "M1", 1, NULL));
	assert_at(w, "M6", 800, "M6");
	list_head(w, some(6, 0, 0));
	assert_string_equal("M6", call_at(5)->id);
	answer(5, messages("M6", 6, NULL), NULL, 0, 200, false);
	assert_at(w, "M6", 6, "M6");
	assert_int_equal(6, listed(w));
	/* Now both agree. */
	list_head(w, some(6, 0, 0));
	assert_int_equal(7, calls->len);
	assert_int_equal(6, listed(w));
}

CASE(time)

/* A made-up edit does not outlive what the message says of itself. */
static void body_edit(struct world *w)
{
	GPtrArray *lie = some(3, 0, 0);

	make_pager(w, 1000, false);
	item(lie, 2)->updated_ms = T0 + 100000;
	g_free(item(lie, 2)->text);
	item(lie, 2)->text = g_strdup("made up");
	list_head(w, lie);
	assert_at(w, "M2", 2, "made up");
	list_head(w, some(3, 0, 0));
	assert_string_equal("M2", call_at(2)->id);
	answer(2, messages("M2", 2, NULL), NULL, 0, 200, false);
	assert_at(w, "M2", 2, "M2");
	list_head(w, some(3, 0, 0));
	assert_int_equal(4, calls->len);
}

CASE(edit)

/* An author that one answer made up. */
static void body_author(struct world *w)
{
	GPtrArray *lie = some(3, 0, 0);
	struct store_message m;

	make_pager(w, 1000, false);
	g_free(item(lie, 2)->person_id);
	item(lie, 2)->person_id = g_strdup("P2");
	g_free(item(lie, 2)->person_email);
	item(lie, 2)->person_email = g_strdup("b@example.com");
	list_head(w, lie);
	list_head(w, some(3, 0, 0));
	answer(2, messages("M2", 2, NULL), NULL, 0, 200, false);
	assert_true(get(w, "M2", &m) > 0);
	assert_non_null(strstr(m.stem, "a@example.com"));
	store_message_clear(&m);
	assert_int_equal(3, listed(w));
}

CASE(author)

/* A message whose time is to come is above every list. */
static void body_future(struct world *w)
{
	make_pager(w, 1000, false);
	list_head(w, messages("X", 900000000, "M2", 2, "M1", 1, NULL));
	assert_int_equal(3, listed(w));
	list_head(w, some(2, 0, 0));
	assert_string_equal("X", call_at(2)->id);
	not_found(2);
	assert_int_equal(2, listed(w));
}

CASE(future)

/* Many messages are gone, and many others come without a file: these do not speak for those. */
static void body_files_and_gone(struct world *w)
{
	guint i;

	make_pager(w, 1000, false);
	list_head(w, with_files(some(30, 0, 0), 1, 12));
	list_head(w, some(30, 20, 30));
	/* Each that lost a file is asked for: they have it. */
	for (int n = 0; n < 60 && (i = unanswered()) < calls->len; n++) {
		int number = atoi(call_at(i)->id ? call_at(i)->id + 1 : "0");
		g_autofree char *id = g_strdup_printf("M%d", number);

		if (!strcmp(call_at(i)->what, "messages"))
			answer(i, with_files(some(30, 20, 30), 1, 12), NULL, 0, 200, false);
		else if (number >= 20)
			not_found(i);
		else
			answer(i, with_files(messages(id, number, NULL), 1, 1), NULL, 0, 200,
			       false);
		later(w, 2000);
	}
	assert_int_equal(19, listed(w));
	assert_true(calls->len <= 2 + 12 + 2 + 1);
	assert_true(proof_is_quiet(pager_proof(w->pager)));
}

CASE(files_and_gone)

/* Many are missing, of which some are there: each is asked for, once that is known. */
static void body_mixed(struct world *w)
{
	guint i;

	make_pager(w, 1000, false);
	list_head(w, some(30, 0, 0));
	for (int round = 0; round < 40; round++) {
		if (round % 10 == 0)
			list_head(w, some(30, 1, 12));
		while ((i = unanswered()) < calls->len) {
			int number = atoi(call_at(i)->id ? call_at(i)->id + 1 : "0");
			g_autofree char *id = g_strdup_printf("M%d", number);

			if (!strcmp(call_at(i)->what, "messages"))
				answer(i, some(30, 1, 12), NULL, 0, 200, false);
			else if (number % 2)
				answer(i, messages(id, number, NULL), NULL, 0, 200, false);
			else
				not_found(i);
		}
		later(w, 6000);
	}
	/* M2, M4 ... M12 are gone; M1, M3 ... M11 live. */
	assert_int_equal(24, listed(w));
}

CASE(mixed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(time),   TEST(edit),	    TEST(author),
		TEST(future), TEST(files_and_gone), TEST(mixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
