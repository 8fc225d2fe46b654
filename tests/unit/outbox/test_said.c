/* SPDX-License-Identifier: MIT */
/* Raw JSON whose answer did not come: what it says is compared, in whatever form it was written. */
#include <errno.h>
#include <string.h>

#include "outbox_kit.h"
#include "webex/id.h"

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

/* A card, a file by its URL, a field of tomorrow, and what is no text. */
static void raw_json_with_more_than_text_cannot_be_compared(void **state)
{
	static const char *const bodies[] = {
		"{\"text\":\"a\",\"attachments\":[{\"content\":{}}]}",
		"{\"text\":\"a\",\"files\":[\"https://example.com/x.pdf\"]}",
		"{\"text\":\"a\",\"colour\":\"red\"}",
		"{\"text\":7}",
	};
	struct kit *k = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
		struct outbox_item *item;
		struct outcome end;

		kit_send_into_doubt(k, kit_letter(k, LETTER_JSON, bodies[i]), &end);
		kit_expect_end(&end, -ECONNRESET);
		item = kit_only_item(k);
		kit_expect_item(k, item, bodies[i], "in-doubt", "raw JSON");
		assert_int_equal(outbox_remove(k->o, item->n), 0);
		outbox_item_free(item);
	}
	assert_int_equal(fake_count(FAKE_LIST), 0);
}

static struct webex_message *marked(struct webex_message *m, const char *markdown)
{
	m->markdown = g_strdup(markdown);
	return m;
}

static void raw_json_of_text_is_compared_like_text(void **state)
{
	static const char *const bodies[] = {
		"{\"text\":\"hello\\n\"}",
		" { \"roomId\": null, \"markdown\": \"**hello**\", \"files\": [] }\n",
		"{\"markdown\":\"**hello**\",\"text\":\"for the plain\"}",
		"{\"text\":\"hello\",\"parentId\":\"PARENT\"}",
	};
	struct kit *k = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
		int64_t now_ms = kit_now();
		struct webex_message *m = kit_message(k, "hello", now_ms);
		char *id = g_strdup(m->id);
		struct outcome end;

		if (strstr(bodies[i], "markdown"))
			m = marked(m, "**hello**");
		if (strstr(bodies[i], "PARENT"))
			m = with_parent(m);
		kit_send_into_doubt(k, kit_letter(k, LETTER_JSON, bodies[i]), &end);
		fake_answer_list(fake_expect(FAKE_LIST), NULL, m, NULL);
		kit_expect_delivered(k, &end, id);
		g_free(id);
	}
	assert_int_equal(outbox_count(k->o), 0);
}

/* Another text, thread, or a message with a file is another message. */
static void raw_json_of_text_that_is_not_there_did_not_arrive(void **state)
{
	static const char body[] = "{\"text\":\"hello\"}";
	struct kit *k = *state;
	struct outcome end;

	kit_send_into_doubt(k, kit_letter(k, LETTER_JSON, body), &end);
	for (int i = 0; i < 2; i++)
		fake_answer_list(fake_expect(FAKE_LIST), NULL,
				 kit_message(k, "hello!", kit_now()),
				 with_parent(kit_message(k, "hello", kit_now())),
				 with_file(kit_message(k, "hello", kit_now())), NULL);
	kit_expect_kept(k, &end, body, "unsent", "it did not arrive");
}

/* Who wrote the JSON may have the id of the thread in another notation. */
static void a_thread_is_the_same_in_any_notation(void **state)
{
	static const char uuid[] = "eb8a3630-f8d9-11ef-9a2b-0242ac110003";
	static const char *const clusters[] = {"us", "urn:TEAM:eu-central-1_k"};
	struct kit *k = *state;

	for (size_t i = 0; i <= G_N_ELEMENTS(clusters); i++) {
		struct webex_message *m = kit_message(k, "hello", kit_now());
		char *written = i < G_N_ELEMENTS(clusters)
					? webex_id_encode(clusters[i], "MESSAGE", uuid)
					: g_strdup(uuid);
		char *body =
			g_strdup_printf("{\"text\":\"hello\",\"parentId\":\"%s\"}", written);
		char *id = g_strdup(m->id);
		struct outcome end;

		m->parent_id = webex_id_encode("us", "MESSAGE", uuid);
		kit_send_into_doubt(k, kit_letter(k, LETTER_JSON, body), &end);
		fake_answer_list(fake_expect(FAKE_LIST), NULL, m, NULL);
		kit_expect_delivered(k, &end, id);
		g_free(written);
		g_free(body);
		g_free(id);
	}
	assert_int_equal(outbox_count(k->o), 0);
}

/* The account's id is that of one answer, the author's that of another. */
static void an_author_is_the_same_in_any_notation(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hello", kit_now());
	char *id = g_strdup(m->id);
	struct webex_id me;
	struct outcome end;

	assert_int_equal(webex_id_decode(k->me, &me), 0);
	g_free(m->person_id);
	m->person_id = webex_id_encode("urn:TEAM:eu-central-1_k", "PEOPLE", me.rest);
	kit_send_into_doubt(k, kit_text(k, 1, "hello"), &end);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, m, NULL);
	kit_expect_delivered(k, &end, id);
	g_free(id);
}

/* `post` and `post.json` with the same text: the message may be that of the other one. */
static void a_rival_may_be_written_in_another_form(void **state)
{
	static const char body[] = "{\"text\":\"hello\"}";
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hello", kit_now());
	struct fake_call *posts[2];
	struct outcome ends[2];
	struct outbox_letter *l = kit_letter(k, LETTER_JSON, body);

	l->pid = 2;
	kit_send(k, kit_text(k, 1, "hello"), &ends[0]);
	posts[0] = fake_expect(FAKE_POST);
	kit_send(k, l, &ends[1]);
	posts[1] = fake_expect(FAKE_POST);
	fake_fail(posts[1], -ECONNRESET, 0, true);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, kit_copy(m), NULL);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, kit_copy(m), NULL);
	assert_false(kit_has_ended(&ends[1]));
	fake_answer(posts[0], kit_copy(m));
	kit_expect_end(&ends[0], 0);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, kit_copy(m), NULL);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, m, NULL);
	kit_expect_kept(k, &ends[1], body, "unsent", "it did not arrive");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kit_test(raw_json_with_more_than_text_cannot_be_compared),
		kit_test(raw_json_of_text_is_compared_like_text),
		kit_test(raw_json_of_text_that_is_not_there_did_not_arrive),
		kit_test(a_thread_is_the_same_in_any_notation),
		kit_test(an_author_is_the_same_in_any_notation),
		kit_test(a_rival_may_be_written_in_another_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
