/* SPDX-License-Identifier: MIT */
/* From outbox_send to done: delivery, refusal, order, detaching, closing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "outbox_kit.h"

#define SHA_OF_BYTES "277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9"

static void expect_empty(struct kit *k)
{
	char *files = kit_files(k, "outbox");

	assert_string_equal(files, "");
	g_free(files);
	assert_int_equal(outbox_count(k->o), 0);
}

/* ---- delivered ---- */

static void a_text_is_on_disk_until_the_server_has_it(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hello", kit_now());
	struct store_message stored;
	struct store_conn *conn;
	struct fake_call *call;
	struct outcome end;
	char *files, *id = g_strdup(m->id);
	gchar **names;

	kit_send(k, kit_text(k, 1, "hello"), &end);
	call = fake_expect(FAKE_POST);
	assert_string_equal(call->room_id, k->room_id);
	assert_string_equal(call->text, "hello");
	assert_null(call->email);
	assert_null(call->markdown);
	files = kit_files(k, "outbox");
	names = g_strsplit(files, "\n", -1);
	assert_int_equal(g_strv_length(names), 3);
	assert_true(g_str_has_suffix(names[0], ".body"));
	assert_true(g_str_has_suffix(names[1], ".json"));
	g_strfreev(names);
	g_free(files);
	assert_int_equal(outbox_count(k->o), 0);
	assert_false(kit_has_ended(&end));

	fake_answer(call, m);
	kit_expect_end(&end, 0);
	expect_empty(k);
	assert_int_equal(end.room, k->room);
	assert_int_equal(store_read_begin(k->store, &conn), 0);
	assert_int_equal(store_message_get(conn, end.message, &stored), 0);
	store_read_end(conn);
	assert_string_equal(stored.m.id, id);
	assert_false(stored.deleted);
	store_message_clear(&stored);
	kit_drain(k);
	assert_true(k->changes > 0);
	g_free(id);
}

static struct webex_message *edited(const struct kit *k, const char *markdown)
{
	struct webex_message *m = kit_message(k, "new", kit_now());

	g_free(m->id);
	m->id = g_strdup("M");
	m->markdown = g_strdup(markdown);
	return m;
}

static void each_form_has_its_request(void **state)
{
	struct kit *k = *state;
	struct outbox_letter *l = kit_letter(k, LETTER_MARKDOWN, "**x**");
	struct webex_message *reply = kit_message(k, "x", kit_now());
	struct fake_call *call;
	struct outcome end;

	l->to.parent_id = g_strdup("PARENT");
	kit_send(k, l, &end);
	call = fake_expect(FAKE_POST);
	assert_string_equal(call->markdown, "**x**");
	assert_string_equal(call->parent_id, "PARENT");
	assert_null(call->text);
	reply->parent_id = g_strdup("PARENT");
	fake_answer(call, reply);
	kit_expect_end(&end, 0);

	kit_send(k, kit_letter(k, LETTER_JSON, "{\"text\": \"raw\"}"), &end);
	call = fake_expect(FAKE_POST);
	assert_null(call->text);
	assert_non_null(strstr(call->json, "\"raw\""));
	assert_non_null(strstr(call->json, k->room_id));
	fake_answer(call, kit_message(k, "raw", kit_now()));
	kit_expect_end(&end, 0);

	l = kit_edit(k, LETTER_TEXT, "new");
	l->to.message_id = g_strdup("M");
	kit_send(k, l, &end);
	call = fake_expect(FAKE_EDIT);
	assert_string_equal(call->message_id, "M");
	assert_string_equal(call->room_id, k->room_id);
	assert_string_equal(call->text, "new");
	assert_null(call->markdown);
	fake_answer(call, edited(k, NULL));
	kit_expect_end(&end, 0);

	l = kit_edit(k, LETTER_MARKDOWN, "_new_");
	l->to.message_id = g_strdup("M");
	kit_send(k, l, &end);
	call = fake_expect(FAKE_EDIT);
	assert_string_equal(call->markdown, "_new_");
	assert_null(call->text);
	fake_answer(call, edited(k, "_new_"));
	kit_expect_end(&end, 0);
	expect_empty(k);
}

static void a_file_is_linked_sent_and_remembered(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, NULL, kit_now());
	struct outbox_letter *l;
	struct store_content content;
	struct store_conn *conn;
	struct fake_call *call;
	struct outcome end;
	struct draft *draft;
	char *spool, read[8] = "";

	m->files = g_new0(char *, 2);
	m->files[0] = g_strdup("https://webexapis.com/v1/contents/X");
	l = kit_file(k, "report.txt", "bytes", &draft);
	l->mtime_ms = 12345678;
	kit_send(k, l, &end);
	call = fake_expect(FAKE_POST);
	assert_string_equal(call->file->str, "bytes");
	assert_string_equal(call->filename, "report.txt");
	assert_int_equal(call->timeout_ms, 600000);
	/* The letter's own name is enough now. */
	spool = kit_files(k, "spool");
	assert_string_equal(spool, "");
	g_free(spool);
	fake_answer(call, m);
	kit_expect_end(&end, 0);
	expect_empty(k);

	assert_int_equal(store_read_begin(k->store, &conn), 0);
	assert_int_equal(store_content_by_name(conn, k->room, "report.txt", &content), 0);
	store_read_end(conn);
	assert_int_equal(content.message, end.message);
	assert_int_equal(content.size, 5);
	assert_int_equal(content.mtime_ms, 12345678);
	assert_string_equal(content.url, "https://webexapis.com/v1/contents/X");
	assert_string_equal(content.sha256, SHA_OF_BYTES);
	store_content_clear(&content);

	/* rsync looks at it again, through the draft. */
	assert_int_equal(draft_read(draft, read, sizeof(read), 0), 5);
	assert_string_equal(read, "bytes");
	draft_unref(&draft);
}

static void the_first_post_to_a_person_makes_the_space_known(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hi", kit_now());
	struct webex_room *answer = g_new0(struct webex_room, 1);
	struct outbox_letter *l = kit_text(k, 1, "hi");
	struct store_conn *conn;
	struct store_room room;
	struct fake_call *call;
	struct outcome end;

	g_free(m->room_id);
	m->room_id = g_strdup("NEWROOM");
	m->room_type = WEBEX_ROOM_DIRECT;
	g_clear_pointer(&l->to.room_id, g_free);
	l->to.email = g_strdup("carol@example.com");
	l->to.room = 0;
	kit_send(k, l, &end);
	call = fake_expect(FAKE_POST);
	assert_string_equal(call->email, "carol@example.com");
	assert_null(call->room_id);
	fake_answer(call, m);
	call = fake_expect(FAKE_GET_ROOM);
	assert_string_equal(call->room_id, "NEWROOM");
	answer->id = g_strdup("NEWROOM");
	answer->title = g_strdup("Carol");
	answer->type = WEBEX_ROOM_DIRECT;
	answer->created_ms = answer->last_activity_ms = kit_now();
	fake_answer_room(call, answer);
	kit_expect_end(&end, 0);
	assert_int_equal(store_read_begin(k->store, &conn), 0);
	assert_int_equal(store_room_by_email(conn, "carol@example.com", &room), 0);
	store_read_end(conn);
	assert_int_equal(room.rowid, end.room);
	assert_string_equal(room.name, "Carol");
	assert_true(end.message > 0);
	store_room_clear(&room);
}

static void a_space_that_cannot_be_fetched_is_made_of_the_message(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hi", kit_now());
	struct outbox_letter *l = kit_text(k, 1, "hi");
	struct store_conn *conn;
	struct store_room room;
	struct outcome end;

	g_free(m->room_id);
	m->room_id = g_strdup("NEWROOM");
	m->room_type = WEBEX_ROOM_DIRECT;
	g_clear_pointer(&l->to.room_id, g_free);
	l->to.email = g_strdup("carol@example.com");
	kit_send(k, l, &end);
	fake_answer(fake_expect(FAKE_POST), m);
	fake_fail(fake_expect(FAKE_GET_ROOM), -ETIMEDOUT, 0, false);
	kit_expect_end(&end, 0);
	assert_true(end.message > 0);
	assert_int_equal(store_read_begin(k->store, &conn), 0);
	assert_int_equal(store_room_get(conn, end.room, &room), 0);
	store_read_end(conn);
	assert_string_equal(room.room.id, "NEWROOM");
	store_room_clear(&room);
	expect_empty(k);
}

/* ---- not delivered ---- */

static void a_refusal_is_told_and_kept(void **state)
{
	struct kit *k = *state;
	GString *error = g_string_new(NULL);
	struct outbox_item *item;
	struct outcome end;
	char *why;

	kit_send(k, kit_text(k, 1, "hello"), &end);
	fake_fail(fake_expect(FAKE_POST), -EACCES, 403, false);
	kit_expect_end(&end, -EACCES);
	item = kit_only_item(k);
	kit_expect_item(k, item, "hello", "unsent", "the server's words");
	assert_true(g_str_has_suffix(item->name, "_Harbour project_post.txt"));
	assert_int_equal(outbox_why(k->o, item->n, &why), 0);
	assert_non_null(strstr(why, "ROUTER_1"));
	assert_non_null(strstr(why, k->room_id));
	assert_non_null(strstr(why, "Permission denied"));
	assert_non_null(strstr(why, "\"writer\": \"bash\""));
	g_free(why);
	log_last_error_snapshot(0, error);
	assert_non_null(strstr(error->str, "Harbour project"));
	assert_non_null(strstr(error->str, "bash (1)"));
	assert_non_null(strstr(error->str, "the server's words"));
	assert_non_null(strstr(error->str, "ROUTER_1"));
	assert_non_null(strstr(error->str, item->name));
	g_string_free(error, TRUE);
	outbox_item_free(item);
	assert_int_equal(fake_count(FAKE_LIST), 0);
}

static void a_file_that_was_refused_is_kept(void **state)
{
	struct kit *k = *state;
	struct outbox_item *item;
	struct outcome end;
	struct draft *draft;
	char *spool;

	kit_send(k, kit_file(k, "a.txt", "bytes", &draft), &end);
	fake_fail(fake_expect(FAKE_POST), -ECONNREFUSED, 0, false);
	kit_expect_end(&end, -ECONNREFUSED);
	/* What is written after that is not in the letter. */
	assert_int_equal(draft_write(draft, "BYTES!", 6, 0, false), 6);
	draft_unref(&draft);
	spool = kit_files(k, "spool");
	assert_string_equal(spool, "");
	g_free(spool);
	item = kit_only_item(k);
	kit_expect_item(k, item, "bytes", "unsent", "it could not be sent");
	assert_true(g_str_has_suffix(item->name, "_Harbour project_a.txt"));
	outbox_item_free(item);
}

static void json_that_is_no_message_is_kept(void **state)
{
	struct kit *k = *state;
	struct outbox_item *item;
	struct outcome end;

	kit_send(k, kit_letter(k, LETTER_JSON, "{\"text\": "), &end);
	kit_expect_end(&end, -EINVAL);
	item = kit_only_item(k);
	kit_expect_item(k, item, "{\"text\": ", "unsent", "JSON");
	outbox_item_free(item);
	assert_int_equal(fake_count(FAKE_POST), 0);
}

static void an_empty_text_is_refused(void **state)
{
	struct kit *k = *state;
	struct outcome end;

	kit_send(k, kit_text(k, 1, ""), &end);
	kit_expect_end(&end, -EINVAL);
	expect_empty(k);
}

static void what_the_outbox_cannot_write_is_not_sent(void **state)
{
	struct kit *k = *state;
	char *dir = g_build_filename(k->dir, "outbox", NULL);
	struct outcome end;

	/* Nothing can be made in a folder that is gone. */
	assert_int_equal(rmdir(dir), 0);
	kit_send(k, kit_text(k, 1, "hello"), &end);
	kit_expect_end(&end, -ENOENT);
	assert_int_equal(fake_count(FAKE_POST), 0);
	assert_int_equal(outbox_count(k->o), 0);
	assert_int_equal(outbox_keep(k->o, kit_text(k, 1, "hello"), "why"), -ENOENT);
	g_free(dir);
}

/* ---- order ---- */

static void letters_of_one_writer_to_one_room_go_in_order(void **state)
{
	struct kit *k = *state;
	struct outcome ends[3];
	struct fake_call *call;

	kit_send(k, kit_text(k, 1, "one"), &ends[0]);
	kit_send(k, kit_text(k, 1, "two"), &ends[1]);
	kit_send(k, kit_text(k, 1, "three"), &ends[2]);
	call = fake_expect(FAKE_POST);
	assert_string_equal(call->text, "one");
	kit_drain(k);
	assert_int_equal(fake_count(FAKE_POST), 1);
	fake_fail(call, -EACCES, 403, false);
	call = fake_expect(FAKE_POST);
	assert_string_equal(call->text, "two");
	assert_true(kit_has_ended(&ends[0]));
	fake_answer(call, kit_message(k, "two", kit_now()));
	call = fake_expect(FAKE_POST);
	assert_string_equal(call->text, "three");
	fake_answer(call, kit_message(k, "three", kit_now()));
	kit_expect_end(&ends[0], -EACCES);
	kit_expect_end(&ends[1], 0);
	kit_expect_end(&ends[2], 0);
	assert_true(ends[1].message < ends[2].message);
}

static void other_writers_and_rooms_do_not_wait(void **state)
{
	struct kit *k = *state;
	struct fake_call *calls[3];
	struct outbox_letter *l;
	struct outcome ends[3];

	kit_send(k, kit_text(k, 1, "one"), &ends[0]);
	kit_send(k, kit_text(k, 2, "two"), &ends[1]);
	l = kit_text(k, 1, "three");
	g_free(l->to.room_id);
	l->to.room_id = g_strdup(k->direct_id);
	l->to.room = k->direct;
	kit_send(k, l, &ends[2]);
	for (int i = 0; i < 3; i++)
		calls[i] = fake_expect(FAKE_POST);
	for (int i = 3; i-- > 0;) {
		struct webex_message *m = kit_message(k, "x", kit_now());

		g_free(m->room_id);
		m->room_id = g_strdup(calls[i]->room_id);
		fake_answer(calls[i], m);
	}
	for (int i = 0; i < 3; i++)
		kit_expect_end(&ends[i], 0);
}

/* ---- detaching ---- */

static void detached_before_its_turn_it_is_not_sent(void **state)
{
	struct kit *k = *state;
	struct outcome first, second, third;
	struct outbox_item *item;
	struct fake_call *call;
	uint64_t id;

	kit_send(k, kit_text(k, 1, "one"), &first);
	call = fake_expect(FAKE_POST);
	id = kit_send(k, kit_text(k, 1, "two"), &second);
	kit_send(k, kit_text(k, 1, "three"), &third);
	outbox_detach(k->o, id, -EINTR, NULL, NULL);
	kit_expect_end(&second, -EINTR);
	item = kit_only_item(k);
	kit_expect_item(k, item, "two", "unsent", "interrupted");
	outbox_item_free(item);
	fake_answer(call, kit_message(k, "one", kit_now()));
	kit_expect_end(&first, 0);
	call = fake_expect(FAKE_POST);
	assert_string_equal(call->text, "three");
	fake_answer(call, kit_message(k, "three", kit_now()));
	kit_expect_end(&third, 0);
}

static void detached_at_once_it_is_not_sent(void **state)
{
	struct kit *k = *state;
	struct outbox_item *item;
	struct outcome end;

	fake_set_withdraw(true);
	outbox_detach(k->o, kit_send(k, kit_text(k, 1, "one"), &end), -EINTR, NULL, NULL);
	kit_expect_end(&end, -EINTR);
	item = kit_only_item(k);
	kit_expect_item(k, item, "one", "unsent", "interrupted");
	outbox_item_free(item);
}

static void detached_while_it_waits_to_be_sent_it_is_withdrawn(void **state)
{
	struct kit *k = *state;
	struct outbox_item *item;
	struct outcome end;
	uint64_t id = kit_send(k, kit_text(k, 1, "one"), &end);

	fake_set_withdraw(true);
	fake_expect(FAKE_POST);
	outbox_detach(k->o, id, -EINTR, NULL, NULL);
	kit_expect_end(&end, -EINTR);
	item = kit_only_item(k);
	kit_expect_item(k, item, "one", "unsent", "interrupted");
	outbox_item_free(item);
}

static void detached_on_the_wire_it_is_delivered(void **state)
{
	struct kit *k = *state;
	struct outcome end;
	uint64_t id = kit_send(k, kit_text(k, 1, "one"), &end);
	struct fake_call *call = fake_expect(FAKE_POST);

	outbox_detach(k->o, id, -EINTR, NULL, NULL);
	kit_drain(k);
	assert_false(kit_has_ended(&end));
	fake_answer(call, kit_message(k, "one", kit_now()));
	kit_expect_end(&end, 0);
	assert_true(end.message > 0);
	expect_empty(k);
	/* It has ended, so nothing happens. */
	outbox_detach(k->o, id, -EINTR, NULL, NULL);
	outbox_detach(k->o, 4711, -EINTR, NULL, NULL);
}

/* ---- closing ---- */

static void closing_waits_for_what_is_on_the_wire(void **state)
{
	struct kit *k = *state;
	struct outcome end;

	kit_send(k, kit_text(k, 1, "one"), &end);
	fake_answer(fake_expect(FAKE_POST), kit_message(k, "one", kit_now()));
	outbox_close(&k->o, 10000);
	kit_expect_end(&end, 0);
	kit_open_outbox(k);
	expect_empty(k);
}

static void closing_leaves_everything_in_unsent(void **state)
{
	struct kit *k = *state;
	struct outcome wire, turn, fresh;
	GPtrArray *items;
	char *why;

	kit_send(k, kit_text(k, 1, "wire"), &wire);
	fake_expect(FAKE_POST);
	kit_send(k, kit_text(k, 1, "turn"), &turn);
	kit_drain(k);
	kit_send(k, kit_text(k, 1, "fresh"), &fresh);
	outbox_close(&k->o, 0);
	kit_expect_end(&wire, -ECANCELED);
	kit_expect_end(&turn, -ESHUTDOWN);
	kit_expect_end(&fresh, -ESHUTDOWN);
	kit_open_outbox(k);
	items = outbox_list(k->o, 0, G_MAXUINT);
	assert_int_equal(items->len, 3);
	for (guint i = 0; i < items->len; i++) {
		struct outbox_item *item = g_ptr_array_index(items, i);
		bool is_wire = item->size == 4 && i == 0;

		assert_int_equal(outbox_why(k->o, item->n, &why), 0);
		assert_non_null(strstr(why, is_wire ? "\"in-doubt\"" : "\"unsent\""));
		g_free(why);
	}
	g_ptr_array_unref(items);
}

static void closing_withdraws_what_was_not_sent_yet(void **state)
{
	struct kit *k = *state;
	struct outbox_item *item;
	struct outcome end;

	kit_send(k, kit_text(k, 1, "one"), &end);
	fake_expect(FAKE_POST);
	fake_set_withdraw(true);
	outbox_close(&k->o, 0);
	kit_expect_end(&end, -ESHUTDOWN);
	kit_open_outbox(k);
	item = kit_only_item(k);
	kit_expect_item(k, item, "one", "unsent", "ended before it was sent");
	outbox_item_free(item);
}

static void closing_does_not_wait_for_a_check(void **state)
{
	struct kit *k = *state;
	struct outcome asking, pausing;
	GPtrArray *items;

	kit_send(k, kit_text(k, 1, "asking"), &asking);
	fake_fail(fake_expect(FAKE_POST), -ETIMEDOUT, 0, true);
	fake_expect(FAKE_LIST);
	kit_send(k, kit_text(k, 2, "pausing"), &pausing);
	fake_fail(fake_expect(FAKE_POST), -ETIMEDOUT, 0, true);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, NULL);
	outbox_close(&k->o, 0);
	kit_expect_end(&asking, -ETIMEDOUT);
	kit_expect_end(&pausing, -ETIMEDOUT);
	kit_open_outbox(k);
	items = outbox_list(k->o, 0, G_MAXUINT);
	assert_int_equal(items->len, 2);
	for (guint i = 0; i < items->len; i++) {
		const struct outbox_item *item = g_ptr_array_index(items, i);

		kit_expect_item(k, item, item->size == 6 ? "asking" : "pausing", "in-doubt",
				"sparkfs ended");
	}
	g_ptr_array_unref(items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kit_test(a_text_is_on_disk_until_the_server_has_it),
		kit_test(each_form_has_its_request),
		kit_test(a_file_is_linked_sent_and_remembered),
		kit_test(the_first_post_to_a_person_makes_the_space_known),
		kit_test(a_space_that_cannot_be_fetched_is_made_of_the_message),
		kit_test(a_refusal_is_told_and_kept),
		kit_test(a_file_that_was_refused_is_kept),
		kit_test(json_that_is_no_message_is_kept),
		kit_test(an_empty_text_is_refused),
		kit_test(what_the_outbox_cannot_write_is_not_sent),
		kit_test(letters_of_one_writer_to_one_room_go_in_order),
		kit_test(other_writers_and_rooms_do_not_wait),
		kit_test(detached_before_its_turn_it_is_not_sent),
		kit_test(detached_at_once_it_is_not_sent),
		kit_test(detached_while_it_waits_to_be_sent_it_is_withdrawn),
		kit_test(detached_on_the_wire_it_is_delivered),
		kit_test(closing_waits_for_what_is_on_the_wire),
		kit_test(closing_leaves_everything_in_unsent),
		kit_test(closing_withdraws_what_was_not_sent_yet),
		kit_test(closing_does_not_wait_for_a_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
