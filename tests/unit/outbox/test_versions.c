/* SPDX-License-Identifier: MIT */
/* Versions of one file that are under way at the same time, and when one counts as arrived. */
#include <errno.h>
#include <string.h>

#include "outbox_kit.h"

struct version {
	struct draft *draft;
	struct outcome end;
};

/* Each of a writer of its own. */
static void send_version(struct kit *k, const char *bytes, int64_t row, struct version *v)
{
	struct outbox_letter *l = kit_file(k, "log.txt", bytes, &v->draft);
	static pid_t pid = 4711;

	l->pid = pid++;
	l->content_rowid = row;
	kit_send(k, l, &v->end);
}

static struct fake_call *expect_file(const char *bytes)
{
	struct fake_call *call = fake_expect(FAKE_POST);

	assert_string_equal(call->file->str, bytes);
	return call;
}

static void the_next_one_waits_for_the_one_before(void **state)
{
	struct kit *k = *state;
	struct version one, two, other;
	struct fake_call *call;

	send_version(k, "one", 7, &one);
	call = expect_file("one");
	send_version(k, "one and two", 7, &two);
	/* A file of its own does not wait. */
	send_version(k, "other", 8, &other);
	fake_fail(expect_file("other"), -EACCES, 403, false);
	kit_expect_end(&other.end, -EACCES);
	kit_drain(k);
	assert_int_equal(fake_count(FAKE_POST), 2);
	fake_fail(call, -EACCES, 403, false);
	kit_expect_end(&one.end, -EACCES);
	fake_fail(expect_file("one and two"), -EACCES, 403, false);
	kit_expect_end(&two.end, -EACCES);
	draft_unref(&one.draft);
	draft_unref(&two.draft);
	draft_unref(&other.draft);
}

/* What `arrived` found. */
struct arrival {
	struct outcome end;
	struct store *store;
	const char *id;
	int calls;
	bool is_shown, has_ended;
};

static void look(void *arg)
{
	struct arrival *a = arg;
	struct store_conn *conn;
	int64_t row;

	a->calls++;
	a->has_ended = kit_has_ended(&a->end);
	assert_int_equal(store_read_begin(a->store, &conn), 0);
	a->is_shown = store_message_by_id(conn, a->id, &row) == 0;
	store_read_end(conn);
}

static void it_is_said_when_the_store_shows_it(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hello", kit_now());
	char *id = g_strdup(m->id);
	struct arrival a = {.store = k->store, .id = id};
	struct outbox_letter *l = kit_text(k, 1, "hello");

	l->arrived = look;
	outbox_send(k->o, l, kit_done, &a.end);
	fake_answer(fake_expect(FAKE_POST), m);
	kit_expect_end(&a.end, 0);
	assert_int_equal(a.calls, 1);
	assert_true(a.is_shown);
	assert_false(a.has_ended);
	g_free(id);

	/* Not of one that does not arrive. */
	l = kit_text(k, 1, "hello");
	l->arrived = look;
	a.end.calls = 0;
	outbox_send(k->o, l, kit_done, &a.end);
	fake_fail(fake_expect(FAKE_POST), -EACCES, 403, false);
	kit_expect_end(&a.end, -EACCES);
	assert_int_equal(a.calls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kit_test(it_is_said_when_the_store_shows_it),
		kit_test(the_next_one_waits_for_the_one_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
