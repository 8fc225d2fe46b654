/* SPDX-License-Identifier: MIT */
/* A success that says otherwise: is what was asked for done? */
#include <errno.h>
#include <string.h>

#include "outbox_kit.h"
#include "webex/id.h"

/* The edit of a message that says "old" into `asked`; the message's id is *ret_id. */
static struct outbox_letter *edit(struct kit *k, const char *asked, bool has_base,
				  char **ret_id)
{
	struct outbox_letter *l = kit_edit(k, LETTER_TEXT, asked);
	struct webex_message *m = kit_message(k, "old", kit_now());

	kit_store_message(k, m);
	*ret_id = g_strdup(m->id);
	l->to.message_id = g_strdup(m->id);
	l->base = has_base ? g_strdup("old\n") : NULL;
	webex_message_free(m);
	return l;
}

static struct webex_message *says(const struct kit *k, const char *id, const char *text)
{
	struct webex_message *m = kit_message(k, text, kit_now());

	g_free(m->id);
	m->id = g_strdup(id);
	return m;
}

/* Asked for, and answered with success and that text. With a base it is looked at before. */
static void send_edit(struct kit *k, const char *asked, const char *answer, bool has_base,
		      struct outcome *end, char **ret_id)
{
	kit_send(k, edit(k, asked, has_base, ret_id), end);
	if (has_base)
		fake_answer(fake_expect(FAKE_GET_MESSAGE), says(k, *ret_id, "old"));
	fake_answer(fake_expect(FAKE_EDIT), says(k, *ret_id, answer));
}

static void an_edit_that_changed_nothing_is_kept(void **state)
{
	struct kit *k = *state;

	for (int has_base = 0; has_base < 2; has_base++) {
		struct outbox_item *item;
		struct outcome end;
		char *id;

		send_edit(k, "new", "old", has_base, &end, &id);
		fake_answer(fake_expect(FAKE_GET_MESSAGE), says(k, id, " old\r\n"));
		kit_expect_end(&end, -EIO);
		item = kit_only_item(k);
		kit_expect_item(k, item, "new", "unsent", "as it was");
		assert_int_equal(outbox_remove(k->o, item->n), 0);
		outbox_item_free(item);
		g_free(id);
	}
}

/* Before an edit the message is asked for. */
static void an_edit_that_cannot_be_checked_is_not_refused(void **state)
{
	static const struct {
		int status;
		const char *why;
	} cases[] = {{503, "did not say what it has"}, {403, "refused it"}};
	struct kit *k = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct outbox_item *item;
		struct outcome end;
		char *id;

		kit_send(k, edit(k, "new", true, &id), &end);
		fake_fail(fake_expect(FAKE_GET_MESSAGE), -EIO, cases[i].status, true);
		kit_expect_end(&end, -EIO);
		item = kit_only_item(k);
		kit_expect_item(k, item, "new", "unsent", cases[i].why);
		assert_int_equal(outbox_remove(k->o, item->n), 0);
		outbox_item_free(item);
		g_free(id);
	}
}

/* The edit was done, and becomes visible two seconds later. */
static void an_edit_may_be_slow_to_be_seen(void **state)
{
	static const char *const seen[] = {"new", "NEW, says the server"};
	struct kit *k = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(seen); i++) {
		struct outcome end;
		char *id;

		send_edit(k, "new", "old", true, &end, &id);
		/* A network that fails meanwhile is no answer. */
		fake_fail(fake_expect(FAKE_GET_MESSAGE), -ECONNRESET, 0, false);
		fake_answer(fake_expect(FAKE_GET_MESSAGE), says(k, id, seen[i]));
		kit_expect_delivered(k, &end, id);
		assert_int_equal(outbox_count(k->o), 0);
		g_free(id);
	}
}

/* NFC of what was asked, other ends of lines, other words: servers normalise. */
static void what_the_server_makes_of_an_edit_is_kept(void **state)
{
	static const struct {
		const char *asked, *answer;
	} cases[] = {
		{"cafe\xcc\x81\nx", " caf\xc3\xa9\r\nx "},
		{"a   b", "a b"},
		{"old ", "old"},
	};
	struct kit *k = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct outcome end;
		char *id;

		send_edit(k, cases[i].asked, cases[i].answer, false, &end, &id);
		kit_expect_delivered(k, &end, id);
		g_free(id);
	}
	assert_int_equal(fake_count(FAKE_GET_MESSAGE), 0);
}

static void an_answer_about_another_message_says_nothing(void **state)
{
	struct kit *k = *state;
	struct outcome end;
	char *id;

	kit_send(k, edit(k, "new", false, &id), &end);
	fake_answer(fake_expect(FAKE_EDIT), kit_message(k, "new", kit_now()));
	for (int i = 0; i < 2; i++)
		fake_answer(fake_expect(FAKE_GET_MESSAGE), says(k, id, "old"));
	kit_expect_end(&end, -EIO);
	outbox_item_free(kit_only_item(k));
	g_free(id);
}

/* Somebody on the way answers the second "ok" with the first one. */
static void a_post_answered_with_an_old_message_is_looked_for(void **state)
{
	struct kit *k = *state;
	struct webex_message *old = kit_message(k, "ok", kit_now());
	struct webex_message *m = kit_message(k, "ok", kit_now());
	char *id = g_strdup(m->id);
	struct outcome end;

	kit_store_message(k, old);
	kit_send(k, kit_text(k, 1, "ok"), &end);
	fake_answer(fake_expect(FAKE_POST), kit_copy(old));
	fake_answer_list(fake_expect(FAKE_LIST), NULL, m, kit_copy(old), NULL);
	kit_expect_delivered(k, &end, id);

	kit_send(k, kit_text(k, 1, "ok"), &end);
	fake_answer(fake_expect(FAKE_POST), kit_copy(old));
	for (int i = 0; i < 2; i++)
		fake_answer_list(fake_expect(FAKE_LIST), NULL, kit_copy(old), NULL);
	kit_expect_end(&end, -EIO);
	outbox_item_free(kit_only_item(k));
	webex_message_free(old);
	g_free(id);
}

/* A list of that room shows whether it is there. */
static void a_post_answered_with_another_rooms_message_is_looked_for(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "ok", kit_now());
	char *id = g_strdup(m->id);
	struct webex_message *other = kit_message(k, "ok", kit_now());
	struct outcome end;

	g_free(other->room_id);
	other->room_id = g_strdup(k->direct_id);
	kit_send(k, kit_text(k, 1, "ok"), &end);
	fake_answer(fake_expect(FAKE_POST), kit_copy(other));
	fake_answer_list(fake_expect(FAKE_LIST), NULL, m, NULL);
	kit_expect_delivered(k, &end, id);
	kit_send(k, kit_text(k, 1, "ok"), &end);
	fake_answer(fake_expect(FAKE_POST), other);
	for (int i = 0; i < 2; i++)
		fake_answer_list(fake_expect(FAKE_LIST), NULL, NULL);
	kit_expect_end(&end, -EIO);
	outbox_item_free(kit_only_item(k));
	g_free(id);
}

/* A proxy's answer to somebody else. */
static void a_post_answered_with_anothers_message_is_looked_for(void **state)
{
	struct kit *k = *state;

	for (int is_there = 0; is_there < 2; is_there++) {
		struct webex_message *other = kit_message(k, "ok", kit_now());
		struct webex_message *m = kit_message(k, "ok", kit_now());
		char *id = g_strdup(m->id);
		struct outcome end;

		g_free(other->person_id);
		other->person_id = g_strdup(k->other);
		kit_send(k, kit_text(k, 1, "ok"), &end);
		fake_answer(fake_expect(FAKE_POST), other);
		if (is_there) {
			fake_answer_list(fake_expect(FAKE_LIST), NULL, m, NULL);
			kit_expect_delivered(k, &end, id);
		} else {
			for (int i = 0; i < 2; i++)
				fake_answer_list(fake_expect(FAKE_LIST), NULL, NULL);
			kit_expect_end(&end, -EIO);
			struct outbox_item *item = kit_only_item(k);

			assert_int_equal(outbox_remove(k->o, item->n), 0);
			outbox_item_free(item);
			webex_message_free(m);
		}
		g_free(id);
	}
}

/* `{"id":"..."}` is asked for; if there is no such message, it says nothing. */
static void a_post_that_is_answered_with_an_id_alone_is_asked_for(void **state)
{
	struct kit *k = *state;

	for (int is_there = 0; is_there < 2; is_there++) {
		struct webex_message *whole = kit_message(k, "ok", kit_now());
		struct webex_message *m = kit_copy(whole);
		struct outcome end;

		g_clear_pointer(&m->room_id, g_free);
		kit_send(k, kit_text(k, 1, "ok"), &end);
		fake_answer_as_is(fake_expect(FAKE_POST), m);
		if (is_there) {
			char *id = g_strdup(whole->id);

			fake_answer(fake_expect(FAKE_GET_MESSAGE), whole);
			kit_expect_delivered(k, &end, id);
			g_free(id);
			continue;
		}
		webex_message_free(whole);
		fake_fail(fake_expect(FAKE_GET_MESSAGE), -ENOENT, 404, false);
		for (int i = 0; i < 2; i++)
			fake_answer_list(fake_expect(FAKE_LIST), NULL, NULL);
		kit_expect_end(&end, -EIO);
		struct outbox_item *item = kit_only_item(k);

		kit_expect_item(k, item, "ok", "in-doubt", "do not tell");
		outbox_item_free(item);
	}
}

/* The same ids in capital letters, as UUIDs, of another cluster: one message, one space. */
static void an_id_may_be_written_in_other_ways(void **state)
{
	static const char uuid[] = "7b2f1c60-5a7e-11ee-8c99-0242ac120002";
	static const char capital[] = "7B2F1C60-5A7E-11EE-8C99-0242AC120002";
	struct kit *k = *state;
	char *usual = webex_id_encode("us", "MESSAGE", uuid);
	char *other[] = {webex_id_encode("us", "MESSAGE", capital),
			 webex_id_encode("urn:TEAM:us-west-2_r", "MESSAGE", uuid),
			 g_strdup(uuid)};
	char *no[] = {webex_id_encode("us", "ROOM", uuid), g_strdup(k->room_id),
		      g_strdup("7b2f1c60-5a7e-11ee-8c99-0242ac120003")};

	for (size_t i = 0; i < G_N_ELEMENTS(other); i++) {
		struct outbox_letter *l = kit_edit(k, LETTER_TEXT, "new");
		struct outcome end;

		assert_true(webex_id_is_same(usual, other[i]));
		assert_false(webex_id_is_same(no[i], other[i]));
		l->to.message_id = g_strdup(usual);
		l->base = g_strdup("old\n");
		kit_send(k, l, &end);
		fake_answer(fake_expect(FAKE_GET_MESSAGE), says(k, other[i], "old"));
		fake_answer(fake_expect(FAKE_EDIT), says(k, other[i], "new"));
		kit_expect_delivered(k, &end, usual);
		g_free(other[i]);
		g_free(no[i]);
	}
	g_free(usual);
}

/* A success without a message that can be read: what there is afterwards tells. */
static void a_success_that_cannot_be_read_is_one(void **state)
{
	struct kit *k = *state;
	struct outcome end;
	char *id;

	kit_send(k, edit(k, "a   b", true, &id), &end);
	fake_answer(fake_expect(FAKE_GET_MESSAGE), says(k, id, "old"));
	fake_answer_nothing(fake_expect(FAKE_EDIT));
	fake_answer(fake_expect(FAKE_GET_MESSAGE), says(k, id, "a b"));
	kit_expect_delivered(k, &end, id);
	g_free(id);
	/* A post has no message to look at; it may become listed late. */
	for (int is_file = 0; is_file < 2; is_file++) {
		struct draft *draft = NULL;
		struct outbox_item *item;

		kit_send(k, is_file ? kit_file(k, "a.txt", "hi", &draft) : kit_text(k, 1, "hi"),
			 &end);
		fake_answer_nothing(fake_expect(FAKE_POST));
		for (int i = 0; i < 2; i++)
			fake_answer_list(fake_expect(FAKE_LIST), NULL, NULL);
		kit_expect_end(&end, -EBADMSG);
		item = kit_only_item(k);
		kit_expect_item(k, item, "hi", is_file ? "in-doubt" : "unsent",
				is_file ? "do not tell" : "did not arrive");
		assert_int_equal(outbox_remove(k->o, item->n), 0);
		outbox_item_free(item);
		draft_unref(&draft);
	}
	/* For a request that only read it is no answer. */
	kit_send(k, edit(k, "new", true, &id), &end);
	fake_answer(fake_expect(FAKE_GET_MESSAGE), kit_message(k, "new", kit_now()));
	kit_expect_end(&end, -EIO);
	outbox_item_free(kit_only_item(k));
	assert_int_equal(fake_count(FAKE_EDIT), 1);
	g_free(id);
}

/* An answer need not name the file; the message that has none is not what was sent. */
static void a_file_is_to_be_in_its_message(void **state)
{
	struct kit *k = *state;

	for (int has_it = 0; has_it < 2; has_it++) {
		struct draft *draft;
		struct outbox_letter *l = kit_file(k, "a.txt", "bytes", &draft);
		struct webex_message *m = kit_message(k, NULL, kit_now());
		struct webex_message *whole = kit_copy(m);
		struct outbox_item *item;
		struct fake_call *call;
		struct outcome end;

		draft_unref(&draft);
		kit_send(k, l, &end);
		fake_answer_as_is(fake_expect(FAKE_POST), m);
		call = fake_expect(FAKE_GET_MESSAGE);
		assert_string_equal(call->message_id, whole->id);
		if (has_it)
			whole->files = g_strsplit("https://api.test/v1/contents/F", " ", 0);
		fake_answer(call, whole);
		kit_expect_end(&end, has_it ? 0 : -EIO);
		assert_int_equal(outbox_count(k->o), has_it ? 0 : 1);
		if (has_it)
			continue;
		item = kit_only_item(k);
		kit_expect_item(k, item, "bytes", "in-doubt", "the file is not in that");
		assert_int_equal(outbox_remove(k->o, item->n), 0);
		outbox_item_free(item);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kit_test(an_edit_that_changed_nothing_is_kept),
		kit_test(an_edit_that_cannot_be_checked_is_not_refused),
		kit_test(an_edit_may_be_slow_to_be_seen),
		kit_test(what_the_server_makes_of_an_edit_is_kept),
		kit_test(an_answer_about_another_message_says_nothing),
		kit_test(a_post_answered_with_an_old_message_is_looked_for),
		kit_test(a_post_answered_with_another_rooms_message_is_looked_for),
		kit_test(a_post_answered_with_anothers_message_is_looked_for),
		kit_test(a_post_that_is_answered_with_an_id_alone_is_asked_for),
		kit_test(an_id_may_be_written_in_other_ways),
		kit_test(a_success_that_cannot_be_read_is_one),
		kit_test(a_file_is_to_be_in_its_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
