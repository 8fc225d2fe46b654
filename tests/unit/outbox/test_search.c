/* SPDX-License-Identifier: MIT */
/* How far the newest messages are searched for a letter whose answer did not come. */
#include <errno.h>
#include <string.h>

#include "outbox_kit.h"

#define HOUR_MS INT64_C(3600000)

static void pages_are_followed_back_to_the_beginning(void **state)
{
	struct kit *k = *state;
	int64_t now_ms = kit_now();
	struct webex_message *m = kit_message(k, "hello", now_ms);
	char *id = g_strdup(m->id);
	struct fake_call *call;
	struct outcome end;

	kit_send_into_doubt(k, kit_text(k, 1, "hello"), &end);
	call = fake_expect(FAKE_LIST);
	assert_null(call->next);
	fake_answer_list(call, "page2", kit_message(k, "later", now_ms + 5), NULL);
	call = fake_expect(FAKE_LIST);
	assert_string_equal(call->next, "page2");
	fake_answer_list(call, NULL, m, NULL);
	kit_expect_delivered(k, &end, id);
	g_free(id);
}

static void a_page_that_reaches_back_is_enough(void **state)
{
	struct kit *k = *state;
	struct outcome end;

	kit_send_into_doubt(k, kit_text(k, 1, "hello"), &end);
	for (int i = 0; i < 2; i++)
		fake_answer_list(fake_expect(FAKE_LIST), "more",
				 kit_message(k, "new", kit_now()),
				 kit_message(k, "old", kit_now() - HOUR_MS), NULL);
	kit_expect_kept(k, &end, "hello", "unsent", "it did not arrive");
}

static void more_pages_than_we_read_leave_a_doubt(void **state)
{
	struct kit *k = *state;
	struct outcome end;

	kit_send_into_doubt(k, kit_text(k, 1, "hello"), &end);
	for (int i = 0; i < 8; i++)
		fake_answer_list(fake_expect(FAKE_LIST), "more",
				 kit_message(k, "busy room", kit_now()), NULL);
	kit_expect_kept(k, &end, "hello", "in-doubt", "do not tell");
}

static void a_network_that_fails_is_asked_again(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(k, "hello", kit_now());
	char *id = g_strdup(m->id);
	struct outcome end;

	kit_send_into_doubt(k, kit_text(k, 1, "hello"), &end);
	fake_fail(fake_expect(FAKE_LIST), -ENETUNREACH, 0, false);
	fake_fail(fake_expect(FAKE_LIST), -ENETUNREACH, 0, false);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, m, NULL);
	kit_expect_delivered(k, &end, id);
	g_free(id);
}

static void a_network_that_stays_away_leaves_a_doubt(void **state)
{
	struct kit *k = *state;
	struct outcome end;

	kit_send_into_doubt(k, kit_text(k, 1, "hello"), &end);
	for (int i = 0; i < 5; i++)
		fake_fail(fake_expect(FAKE_LIST), -ENETUNREACH, 0, false);
	kit_expect_kept(k, &end, "hello", "in-doubt", "asking");
}

static void a_refused_question_leaves_a_doubt(void **state)
{
	struct kit *k = *state;
	struct outcome end;

	kit_send_into_doubt(k, kit_text(k, 1, "hello"), &end);
	fake_fail(fake_expect(FAKE_LIST), -ENOENT, 404, false);
	kit_expect_kept(k, &end, "hello", "in-doubt", "asking");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kit_test(pages_are_followed_back_to_the_beginning),
		kit_test(a_page_that_reaches_back_is_enough),
		kit_test(more_pages_than_we_read_leave_a_doubt),
		kit_test(a_network_that_fails_is_asked_again),
		kit_test(a_network_that_stays_away_leaves_a_doubt),
		kit_test(a_refused_question_leaves_a_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
