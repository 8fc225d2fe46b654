/* SPDX-License-Identifier: MIT */
/* A writer that waits no longer: when it gets its error, its bytes can be found. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "outbox_kit.h"

/* How a writer was told; as an outcome, so that it can be waited for. */
static void told(void *arg, int error, bool is_kept)
{
	kit_done(arg, is_kept ? error : 0, is_kept, 0);
}

/* Leaves it, and is told that it is kept as that. */
static struct outbox_item *leave(struct kit *k, uint64_t id, int error, const char *body)
{
	struct outbox_item *item;
	struct outcome left = {0};

	outbox_detach(k->o, id, error, told, &left);
	kit_expect_end(&left, error);
	assert_int_equal(left.room, true);
	item = kit_only_item(k);
	kit_expect_item(k, item, body, "in-doubt", "still on the wire");
	return item;
}

static void expect_busy(struct kit *k, int64_t n)
{
	struct outbox_letter *l = NULL;

	assert_int_equal(outbox_remove(k->o, n), -EBUSY);
	assert_int_equal(outbox_take(k->o, n, &l), -EBUSY);
}

static void on_the_wire_it_is_in_doubt_until_it_is_delivered(void **state)
{
	struct kit *k = *state;

	for (int i = 0; i < 2; i++) {
		struct webex_message *m = kit_message(k, "hello", kit_now());
		struct draft *draft = NULL;
		struct outbox_letter *l =
			i ? kit_file(k, "a.txt", "hello", &draft) : kit_text(k, 1, "hello");
		struct outcome end;
		uint64_t id = kit_send(k, l, &end);
		struct fake_call *call = fake_expect(FAKE_POST);
		struct outbox_item *item = leave(k, id, -ETIMEDOUT, "hello");
		char *message = g_strdup(m->id), *files;

		assert_false(kit_has_ended(&end));
		expect_busy(k, item->n);
		fake_answer(call, m);
		kit_expect_delivered(k, &end, message);
		assert_int_equal(outbox_count(k->o), 0);
		files = kit_files(k, "outbox");
		assert_string_equal(files, "");
		draft_unref(&draft);
		outbox_item_free(item);
		g_free(files);
		g_free(message);
	}
	assert_int_equal(fake_count(FAKE_POST), 2);
}

static void on_the_wire_and_refused_it_stays_under_its_name(void **state)
{
	struct kit *k = *state;
	struct outcome end;
	uint64_t id = kit_send(k, kit_text(k, 1, "hello"), &end);
	struct fake_call *call = fake_expect(FAKE_POST);
	struct outbox_item *item = leave(k, id, -EINTR, "hello"), *after;

	fake_fail(call, -EACCES, 403, false);
	kit_expect_end(&end, -EACCES);
	after = kit_only_item(k);
	assert_string_equal(after->name, item->name);
	kit_expect_item(k, after, "hello", "unsent", "refused");
	assert_int_equal(outbox_remove(k->o, after->n), 0);
	outbox_item_free(after);
	outbox_item_free(item);
}

static void while_it_is_looked_for_it_is_in_doubt(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hello", kit_now());
	char *message = g_strdup(m->id);
	struct outcome end;
	struct fake_call *call;
	uint64_t id = kit_send(k, kit_text(k, 1, "hello"), &end);

	fake_fail(fake_expect(FAKE_POST), -ECONNRESET, 0, true);
	call = fake_expect(FAKE_LIST);
	outbox_item_free(leave(k, id, -ETIMEDOUT, "hello"));
	fake_answer_list(call, NULL, m, NULL);
	kit_expect_delivered(k, &end, message);
	assert_int_equal(outbox_count(k->o), 0);
	g_free(message);
}

static void sent_again_it_is_the_letter_that_it_was(void **state)
{
	struct kit *k = *state;
	struct outbox_item *item, *left;
	struct outbox_letter *l;
	struct fake_call *call;
	struct outcome end;
	uint64_t id;

	assert_int_equal(outbox_keep(k->o, kit_text(k, 1, "hello"), "so"), 0);
	item = kit_only_item(k);
	assert_int_equal(outbox_take(k->o, item->n, &l), 0);
	id = kit_send(k, l, &end);
	call = fake_expect(FAKE_POST);
	left = leave(k, id, -EINTR, "hello");
	assert_int_equal(left->n, item->n);
	assert_string_equal(left->name, item->name);
	expect_busy(k, item->n);
	fake_answer(call, kit_message(k, "hello", kit_now()));
	kit_expect_end(&end, 0);
	assert_int_equal(outbox_count(k->o), 0);
	outbox_item_free(item);
	outbox_item_free(left);
}

/* An edit is first asked about. */
static void before_anything_was_sent_it_is_not(void **state)
{
	struct kit *k = *state;
	struct outbox_letter *l = kit_edit(k, LETTER_TEXT, "new");
	struct outcome end, left = {0};
	struct outbox_item *item;
	uint64_t id;

	l->to.message_id = g_strdup("M");
	l->base = g_strdup("old\n");
	id = kit_send(k, l, &end);
	fake_expect(FAKE_GET_MESSAGE);
	outbox_detach(k->o, id, -ETIMEDOUT, told, &left);
	kit_expect_end(&end, -ETIMEDOUT);
	kit_expect_end(&left, 0);
	item = kit_only_item(k);
	kit_expect_item(k, item, "new", "unsent", "not sent within the time");
	assert_int_equal(fake_count(FAKE_EDIT), 0);
	outbox_item_free(item);
}

/* Its answer and the end of patience at one time: then it is too late for the edit, too. */
static void what_was_asked_in_time_is_not_sent_late(void **state)
{
	struct kit *k = *state;
	struct outbox_letter *l = kit_edit(k, LETTER_TEXT, "new");
	struct webex_message *m = kit_message(k, "old", kit_now());
	struct outcome end, left = {0};
	struct outbox_item *item;
	struct fake_call *call;
	uint64_t id;

	l->to.message_id = g_strdup(m->id);
	l->base = g_strdup("old\n");
	id = kit_send(k, l, &end);
	call = fake_expect(FAKE_GET_MESSAGE);
	kit_block(k);
	outbox_detach(k->o, id, -ETIMEDOUT, told, &left);
	fake_answer(call, m);
	kit_unblock();
	kit_expect_end(&end, -ETIMEDOUT);
	kit_expect_end(&left, 0);
	item = kit_only_item(k);
	kit_expect_item(k, item, "new", "unsent", "not sent within the time");
	assert_int_equal(fake_count(FAKE_EDIT), 0);
	outbox_item_free(item);
}

/* The answer and the end of patience at one time: one of them, and nothing is left over. */
static void it_may_be_over_at_that_moment(void **state)
{
	struct kit *k = *state;

	for (int i = 0; i < 20; i++) {
		struct outcome end, left = {0};
		uint64_t id = kit_send(k, kit_text(k, 1, "hello"), &end);
		struct fake_call *call = fake_expect(FAKE_POST);

		if (i % 2)
			outbox_detach(k->o, id, -EINTR, told, &left);
		fake_answer(call, kit_message(k, "hello", kit_now()));
		if (i % 2 == 0)
			outbox_detach(k->o, id, -EINTR, told, &left);
		kit_expect_end(&end, 0);
		kit_drain(k);
		kit_expect_end(&left, left.error);
		assert_int_equal(outbox_count(k->o), 0);
	}
}

/* sparkfs ended before it was over: what was on the wire is looked for. */
static void found_at_the_start_it_was_under_way(void **state)
{
	struct kit *k = *state;
	char *path = g_build_filename(k->dir, "outbox", NULL), *json, *file;
	struct outcome end;
	uint64_t id = kit_send(k, kit_text(k, 1, "hello"), &end);
	struct fake_call *call = fake_expect(FAKE_POST);
	struct outbox_item *item = leave(k, id, -ETIMEDOUT, "hello");

	assert_int_equal(outbox_why(k->o, item->n, &json), 0);
	fake_answer(call, kit_message(k, "hello", kit_now()));
	kit_expect_end(&end, 0);
	outbox_close(&k->o, 0);
	file = g_build_filename(path, "1000001.json", NULL);
	assert_true(g_file_set_contents(file, json, -1, NULL));
	g_free(file);
	file = g_build_filename(path, "1000001.body", NULL);
	assert_true(g_file_set_contents(file, "hello", -1, NULL));
	kit_open_outbox(k);
	call = fake_expect(FAKE_LIST);
	outbox_item_free(kit_only_item(k));
	fake_answer_list(call, NULL, NULL);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, NULL);
	g_free(file);
	g_free(json);
	g_free(path);
	outbox_item_free(item);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kit_test(on_the_wire_it_is_in_doubt_until_it_is_delivered),
		kit_test(on_the_wire_and_refused_it_stays_under_its_name),
		kit_test(while_it_is_looked_for_it_is_in_doubt),
		kit_test(sent_again_it_is_the_letter_that_it_was),
		kit_test(before_anything_was_sent_it_is_not),
		kit_test(what_was_asked_in_time_is_not_sent_late),
		kit_test(it_may_be_over_at_that_moment),
		kit_test(found_at_the_start_it_was_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
