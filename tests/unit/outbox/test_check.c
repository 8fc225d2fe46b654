/* SPDX-License-Identifier: MIT */
/* What becomes of a letter whose answer did not come. */
#include <errno.h>
#include <string.h>

#include "outbox_kit.h"

#define HOUR_MS INT64_C(3600000)

static void answer_nothing(enum fake_kind kind)
{
	fake_answer_list(fake_expect(kind), NULL, NULL);
}

static void a_message_that_is_there_was_delivered(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hello", kit_now());
	char *id = g_strdup(m->id);
	struct fake_call *call;
	struct outcome end;

	kit_send_into_doubt(k, kit_text(k, 1, " hello"), &end);
	call = fake_expect(FAKE_LIST);
	assert_string_equal(call->room_id, k->room_id);
	fake_answer_list(call, NULL, m, NULL);
	kit_expect_delivered(k, &end, id);
	assert_int_equal(outbox_count(k->o), 0);
	g_free(id);
}

static void it_may_turn_up_at_the_second_look(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hello", kit_now());
	char *id = g_strdup(m->id);
	struct outcome end;

	kit_send_into_doubt(k, kit_text(k, 1, "hello"), &end);
	answer_nothing(FAKE_LIST);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, m, NULL);
	kit_expect_delivered(k, &end, id);
	g_free(id);
}

static void not_found_twice_it_did_not_arrive(void **state)
{
	struct kit *k = *state;
	struct outcome end;

	kit_send_into_doubt(k, kit_text(k, 1, "hello"), &end);
	answer_nothing(FAKE_LIST);
	answer_nothing(FAKE_LIST);
	kit_expect_kept(k, &end, "hello", "unsent", "it did not arrive");
	assert_int_equal(fake_count(FAKE_POST), 1);
	assert_int_equal(fake_count(FAKE_LIST), 2);
}

static void an_answer_nobody_can_read_is_looked_for(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hello", kit_now());
	char *id = g_strdup(m->id);
	struct outcome end;

	kit_send(k, kit_text(k, 1, "hello"), &end);
	fake_answer_nothing(fake_expect(FAKE_POST));
	fake_answer_list(fake_expect(FAKE_LIST), NULL, m, NULL);
	kit_expect_delivered(k, &end, id);
	g_free(id);
}

static struct webex_message *with_parent(struct webex_message *m)
{
	m->parent_id = g_strdup("PARENT");
	return m;
}

static struct webex_message *with_file(struct webex_message *m)
{
	m->files = g_new0(char *, 2);
	m->files[0] = g_strconcat("https://webexapis.com/v1/contents/", m->id, NULL);
	return m;
}

/* Asked what the file of the message with that id is called and how large it is. */
static void answer_head(const char *id, const char *name, int64_t size)
{
	struct fake_call *call = fake_expect(FAKE_HEAD);

	assert_true(g_str_has_suffix(call->url, id));
	fake_answer_head(call, name, size);
}

static struct webex_message *by_other(const struct kit *k, struct webex_message *m)
{
	g_free(m->person_id);
	m->person_id = g_strdup(k->other);
	return m;
}

/* A server that was too slow to answer may still do it. */
static void not_found_after_a_time_out_it_is_in_doubt(void **state)
{
	struct kit *k = *state;
	struct outcome end;
	struct outbox_item *item;

	kit_send(k, kit_text(k, 1, "hello"), &end);
	fake_fail(fake_expect(FAKE_POST), -ETIMEDOUT, 0, true);
	answer_nothing(FAKE_LIST);
	answer_nothing(FAKE_LIST);
	kit_expect_end(&end, -ETIMEDOUT);
	item = kit_only_item(k);
	kit_expect_item(k, item, "hello", "in-doubt", "do not tell");
	outbox_item_free(item);
}

static void what_is_not_the_same_does_not_count(void **state)
{
	struct kit *k = *state;
	int64_t now_ms = kit_now();
	struct outcome end;

	kit_send_into_doubt(k, kit_text(k, 1, "hello"), &end);
	for (int i = 0; i < 2; i++)
		fake_answer_list(fake_expect(FAKE_LIST), NULL, kit_message(k, "hello!", now_ms),
				 by_other(k, kit_message(k, "hello", now_ms)),
				 with_parent(kit_message(k, "hello", now_ms)),
				 with_file(kit_message(k, "hello", now_ms)),
				 kit_message(k, NULL, now_ms), NULL);
	kit_expect_kept(k, &end, "hello", "unsent", "it did not arrive");
}

static void a_message_known_before_does_not_count(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hello", kit_now());
	struct outcome end;

	kit_store_message(k, m);
	kit_send_into_doubt(k, kit_text(k, 1, "hello"), &end);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, kit_copy(m), NULL);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, m, NULL);
	kit_expect_kept(k, &end, "hello", "unsent", "it did not arrive");
}

/* The poll may have brought it before we looked. */
static void a_message_known_since_counts(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hello", kit_now());
	char *id = g_strdup(m->id);
	struct fake_call *call;
	struct outcome end;

	kit_send(k, kit_text(k, 1, "hello"), &end);
	call = fake_expect(FAKE_POST);
	kit_store_message(k, m);
	fake_fail(call, -ECONNRESET, 0, true);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, m, NULL);
	kit_expect_delivered(k, &end, id);
	g_free(id);
}

static void each_message_is_claimed_once(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hello", kit_now());
	struct webex_message *again = kit_copy(m), *third = kit_copy(m);
	struct fake_call *posts[2], *list;
	struct outcome ends[2];
	int failed;

	kit_send(k, kit_text(k, 1, "hello"), &ends[0]);
	posts[0] = fake_expect(FAKE_POST);
	kit_send(k, kit_text(k, 2, "hello"), &ends[1]);
	posts[1] = fake_expect(FAKE_POST);
	fake_fail(posts[0], -ECONNRESET, 0, true);
	list = fake_expect(FAKE_LIST);
	fake_fail(posts[1], -ECONNRESET, 0, true);
	/* Both ask; both are shown the one message. */
	struct fake_call *second = fake_expect(FAKE_LIST);
	fake_answer_list(list, NULL, m, NULL);
	fake_answer_list(second, NULL, again, NULL);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, third, NULL);
	kit_expect_end(&ends[0], 0);
	kit_expect_end(&ends[1], -ECONNRESET);
	failed = outbox_count(k->o);
	assert_int_equal(failed, 1);
}

static void of_equal_messages_each_letter_gets_one(void **state)
{
	struct kit *k = *state;
	int64_t now_ms = kit_now();
	struct webex_message *newer = kit_message(k, "hello", now_ms + 1);
	struct webex_message *older = kit_message(k, "hello", now_ms);
	char *ids[2] = {g_strdup(older->id), g_strdup(newer->id)};
	struct fake_call *posts[2], *lists[2];
	struct outcome ends[2];

	for (int i = 0; i < 2; i++) {
		kit_send(k, kit_text(k, i + 1, "hello"), &ends[i]);
		posts[i] = fake_expect(FAKE_POST);
	}
	for (int i = 0; i < 2; i++) {
		fake_fail(posts[i], -ECONNRESET, 0, true);
		lists[i] = fake_expect(FAKE_LIST);
	}
	fake_answer_list(lists[0], NULL, kit_copy(newer), kit_copy(older), NULL);
	kit_expect_delivered(k, &ends[0], ids[0]);
	fake_answer_list(lists[1], NULL, newer, older, NULL);
	kit_expect_delivered(k, &ends[1], ids[1]);
	g_free(ids[0]);
	g_free(ids[1]);
}

/* The message may belong to the other letter, whose answer is still to come. */
static void a_rival_on_the_wire_is_waited_for(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hello", kit_now());
	struct fake_call *posts[2];
	struct outcome ends[2];

	for (int i = 0; i < 2; i++) {
		kit_send(k, kit_text(k, i + 1, "hello"), &ends[i]);
		posts[i] = fake_expect(FAKE_POST);
	}
	fake_fail(posts[0], -ECONNRESET, 0, true);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, kit_copy(m), NULL);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, kit_copy(m), NULL);
	assert_false(kit_has_ended(&ends[0]));
	fake_answer(posts[1], kit_copy(m));
	kit_expect_end(&ends[1], 0);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, kit_copy(m), NULL);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, m, NULL);
	kit_expect_kept(k, &ends[0], "hello", "unsent", "it did not arrive");
}

static void a_clock_that_is_wrong_leaves_a_doubt(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hello", kit_now() - HOUR_MS);
	struct outcome end;

	kit_send_into_doubt(k, kit_text(k, 1, "hello"), &end);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, kit_copy(m), NULL);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, m, NULL);
	kit_expect_kept(k, &end, "hello", "in-doubt", "do not tell");
}

static void the_servers_clock_is_learned(void **state)
{
	struct kit *k = *state;
	int64_t server_ms = kit_now() - 5 * HOUR_MS;
	struct webex_message *m = kit_message(k, "hello", server_ms + 50);
	char *id = g_strdup(m->id);
	struct outcome end;

	kit_send(k, kit_text(k, 1, "first"), &end);
	fake_answer(fake_expect(FAKE_POST), kit_message(k, "first", server_ms));
	kit_expect_end(&end, 0);
	kit_send_into_doubt(k, kit_text(k, 1, "hello"), &end);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, m, NULL);
	kit_expect_delivered(k, &end, id);
	g_free(id);
}

static void a_bot_cannot_look_in_a_group(void **state)
{
	struct kit *k = *state;
	struct webex_message *m;
	struct outbox_letter *l;
	struct outcome end;
	char *id;

	k->is_bot = true;
	kit_reopen_outbox(k);
	kit_send_into_doubt(k, kit_text(k, 1, "hello"), &end);
	kit_expect_kept(k, &end, "hello", "in-doubt", "a bot");
	assert_int_equal(fake_count(FAKE_LIST), 0);

	/* In a 1:1 space it can. */
	l = kit_text(k, 1, "hello");
	g_free(l->to.room_id);
	l->to.room_id = g_strdup(k->direct_id);
	l->to.room = k->direct;
	kit_send_into_doubt(k, l, &end);
	m = kit_message(k, "hello", kit_now());
	g_free(m->room_id);
	m->room_id = g_strdup(k->direct_id);
	id = g_strdup(m->id);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, m, NULL);
	kit_expect_delivered(k, &end, id);
	g_free(id);
}

static struct outbox_letter *letter_to_person(const struct kit *k, const char *text)
{
	struct outbox_letter *l = kit_text(k, 1, text);

	g_clear_pointer(&l->to.room_id, g_free);
	l->to.email = g_strdup("carol@example.com");
	l->to.room = 0;
	return l;
}

static void a_first_post_is_looked_for_by_address(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hi", kit_now());
	char *id = g_strdup(m->id);
	struct fake_call *call;
	struct outcome end;

	kit_send_into_doubt(k, letter_to_person(k, "hi"), &end);
	call = fake_expect(FAKE_DIRECT);
	assert_string_equal(call->email, "carol@example.com");
	fake_answer_list(call, NULL, m, NULL);
	kit_expect_delivered(k, &end, id);
	g_free(id);
}

static void without_a_space_a_first_post_did_not_arrive(void **state)
{
	struct kit *k = *state;
	struct outcome end;

	kit_send_into_doubt(k, letter_to_person(k, "hi"), &end);
	fake_fail(fake_expect(FAKE_DIRECT), -ENOENT, 404, false);
	fake_fail(fake_expect(FAKE_DIRECT), -ENOENT, 404, false);
	kit_expect_kept(k, &end, "hi", "unsent", "it did not arrive");
}

static struct webex_message *with_markdown(struct webex_message *m, const char *markdown)
{
	m->markdown = g_strdup(markdown);
	return m;
}

static void markdown_is_compared_with_its_mentions(void **state)
{
	static const char sent[] = "hi <@personId:PID|Bob>";
	static const char got[] = "hi <spark-mention data-object-type=\"person\" "
				  "data-object-id=\"PID\">Bob</spark-mention>";
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hi Bob", kit_now());
	char *id = g_strdup(m->id);
	struct outcome end;

	kit_send_into_doubt(k, kit_letter(k, LETTER_MARKDOWN, sent), &end);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, with_markdown(m, got), NULL);
	kit_expect_delivered(k, &end, id);
	g_free(id);

	m = kit_message(k, "bold", kit_now());
	id = g_strdup(m->id);
	kit_send_into_doubt(k, kit_letter(k, LETTER_MARKDOWN, "**bold**"), &end);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, with_markdown(m, "**bold**"), NULL);
	kit_expect_delivered(k, &end, id);
	g_free(id);
}

static void a_mention_that_is_not_found_leaves_a_doubt(void **state)
{
	static const char sent[] = "hi <@personEmail:bob@example.com|Bob>";
	struct kit *k = *state;
	struct outcome end;

	kit_send_into_doubt(k, kit_letter(k, LETTER_MARKDOWN, sent), &end);
	for (int i = 0; i < 2; i++)
		fake_answer_list(fake_expect(FAKE_LIST), NULL,
				 kit_message(k, "hi Bob", kit_now()), NULL);
	kit_expect_kept(k, &end, sent, "in-doubt", "do not tell");
}

static void a_file_is_looked_for(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = with_file(kit_message(k, NULL, kit_now()));
	char *id = g_strdup(m->id);
	struct store_content content;
	struct store_conn *conn;
	struct outcome end;
	struct draft *draft;

	kit_send_into_doubt(k, kit_file(k, "a.txt", "bytes", &draft), &end);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, kit_message(k, "no file", kit_now()), m,
			 NULL);
	answer_head(id, "a.txt", 5);
	kit_expect_delivered(k, &end, id);
	assert_int_equal(store_read_begin(k->store, &conn), 0);
	assert_int_equal(store_content_by_name(conn, k->room, "a.txt", &content), 0);
	store_read_end(conn);
	store_content_clear(&content);
	draft_unref(&draft);
	g_free(id);

	kit_send_into_doubt(k, kit_file(k, "a.txt", "other", &draft), &end);
	answer_nothing(FAKE_LIST);
	answer_nothing(FAKE_LIST);
	kit_expect_kept(k, &end, "other", "in-doubt", "do not tell");
	draft_unref(&draft);
}

/* Two uploads get no answer. Only the second arrived: it is not to be taken for the first. */
static void another_file_is_not_it(void **state)
{
	struct kit *k = *state;
	struct webex_message *b = with_file(kit_message(k, NULL, kit_now()));
	struct webex_message *c = with_file(kit_message(k, NULL, kit_now()));
	struct webex_message *again[] = {kit_copy(b), kit_copy(c), kit_copy(b), kit_copy(c)};
	char *id_b = g_strdup(b->id), *id_c = g_strdup(c->id);
	struct outcome first, second;
	struct draft *drafts[2];
	struct outbox_item *item;

	for (int i = 0; i < 4; i++)
		with_file(again[i]);
	kit_send_into_doubt(k, kit_file(k, "a.txt", "bytes", &drafts[0]), &first);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, b, c, NULL);
	answer_head(id_c, "a.txt", 4);
	answer_head(id_b, "b.txt", 5);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, again[0], again[1], NULL);
	answer_head(id_c, "a.txt", 4);
	answer_head(id_b, NULL, -1);
	kit_expect_end(&first, -ECONNRESET);
	item = kit_only_item(k);
	kit_expect_item(k, item, "bytes", "in-doubt", "do not tell");
	outbox_item_free(item);

	kit_send_into_doubt(k, kit_file(k, "b.txt", "other", &drafts[1]), &second);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, again[2], again[3], NULL);
	answer_head(id_c, "a.txt", 4);
	answer_head(id_b, "b.txt", -1);
	kit_expect_delivered(k, &second, id_b);
	draft_unref(&drafts[0]);
	draft_unref(&drafts[1]);
	g_free(id_b);
	g_free(id_c);
}

static void an_edit_is_looked_at(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "new", kit_now() - HOUR_MS);
	struct outbox_letter *l = kit_edit(k, LETTER_TEXT, "new");
	char *id = g_strdup(m->id);
	struct fake_call *call;
	struct outcome end;

	l->to.message_id = g_strdup(id);
	kit_send(k, l, &end);
	fake_fail(fake_expect(FAKE_EDIT), -ECONNRESET, 0, true);
	call = fake_expect(FAKE_GET_MESSAGE);
	assert_string_equal(call->message_id, id);
	fake_answer(call, m);
	kit_expect_delivered(k, &end, id);

	l = kit_edit(k, LETTER_TEXT, "newer");
	l->to.message_id = g_strdup(id);
	kit_send(k, l, &end);
	fake_fail(fake_expect(FAKE_EDIT), -ECONNRESET, 0, true);
	for (int i = 0; i < 2; i++)
		fake_answer(fake_expect(FAKE_GET_MESSAGE), kit_message(k, "new", kit_now()));
	kit_expect_kept(k, &end, "newer", "unsent", "it did not arrive");
	g_free(id);
}

/* The next letter of the writer goes when it is known what became of this one. */
static void the_line_waits_for_the_check(void **state)
{
	struct kit *k = *state;
	struct outcome first, second;
	struct fake_call *call;

	kit_send(k, kit_text(k, 1, "one"), &first);
	kit_send(k, kit_text(k, 1, "two"), &second);
	fake_fail(fake_expect(FAKE_POST), -ECONNRESET, 0, true);
	answer_nothing(FAKE_LIST);
	answer_nothing(FAKE_LIST);
	call = fake_expect(FAKE_POST);
	assert_string_equal(call->text, "two");
	kit_expect_kept(k, &first, "one", "unsent", "it did not arrive");
	fake_answer(call, kit_message(k, "two", kit_now()));
	kit_expect_end(&second, 0);
}

/* Detaching does not stop the search. */
static void a_detached_letter_is_still_looked_for(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "one", kit_now());
	char *id = g_strdup(m->id);
	struct fake_call *call;
	struct outcome end;
	uint64_t letter = kit_send(k, kit_text(k, 1, "one"), &end);

	fake_fail(fake_expect(FAKE_POST), -ECONNRESET, 0, true);
	call = fake_expect(FAKE_LIST);
	outbox_detach(k->o, letter, -EINTR, NULL, NULL);
	fake_answer_list(call, NULL, m, NULL);
	kit_expect_delivered(k, &end, id);
	g_free(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kit_test(a_message_that_is_there_was_delivered),
		kit_test(it_may_turn_up_at_the_second_look),
		kit_test(not_found_twice_it_did_not_arrive),
		kit_test(an_answer_nobody_can_read_is_looked_for),
		kit_test(not_found_after_a_time_out_it_is_in_doubt),
		kit_test(what_is_not_the_same_does_not_count),
		kit_test(a_message_known_before_does_not_count),
		kit_test(a_message_known_since_counts),
		kit_test(each_message_is_claimed_once),
		kit_test(of_equal_messages_each_letter_gets_one),
		kit_test(a_rival_on_the_wire_is_waited_for),
		kit_test(a_clock_that_is_wrong_leaves_a_doubt),
		kit_test(the_servers_clock_is_learned),
		kit_test(a_bot_cannot_look_in_a_group),
		kit_test(a_first_post_is_looked_for_by_address),
		kit_test(without_a_space_a_first_post_did_not_arrive),
		kit_test(markdown_is_compared_with_its_mentions),
		kit_test(a_mention_that_is_not_found_leaves_a_doubt),
		kit_test(a_file_is_looked_for),
		kit_test(another_file_is_not_it),
		kit_test(an_edit_is_looked_at),
		kit_test(the_line_waits_for_the_check),
		kit_test(a_detached_letter_is_still_looked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
