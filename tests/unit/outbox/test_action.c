/* SPDX-License-Identifier: MIT */
/* Answers to cards: they become no message, and nobody can look whether one arrived. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outbox_kit.h"

static struct outbox_letter *letter(const struct kit *k)
{
	struct outbox_letter *l = kit_letter(k, LETTER_SUBMIT, "{\"note\": \"mine\"}");

	l->to.message_id = g_strdup("CARD");
	l->inputs = g_strdup("{\"note\":\"mine\",\"ticket\":1}");
	return l;
}

static struct fake_call *expect_submit(void)
{
	struct fake_call *call = fake_expect(FAKE_SUBMIT);

	assert_string_equal(call->message_id, "CARD");
	assert_string_equal(call->json, "{\"note\":\"mine\",\"ticket\":1}");
	return call;
}

static void test_it_arrives_and_is_no_message(void **state)
{
	struct kit *k = *state;
	struct outcome end;

	/* With the words of the answer, and without any (202). */
	for (int i = 0; i < 2; i++) {
		kit_send(k, letter(k), &end);
		fake_answer_submit(expect_submit(), i ? NULL : "CARD");
		kit_expect_end(&end, 0);
		assert_int_equal(end.message, 0);
	}
	assert_int_equal(outbox_count(k->o), 0);
	assert_int_equal(k->changes, 0);
}

static void test_a_refused_one_is_kept_as_it_was_written(void **state)
{
	struct kit *k = *state;
	struct outbox_item *item;
	struct outbox_letter *again = NULL;
	int asked = fake_count(FAKE_SUBMIT);
	struct outcome end;

	kit_send(k, letter(k), &end);
	fake_fail(expect_submit(), -EINVAL, 400, false);
	kit_expect_end(&end, -EINVAL);
	item = kit_only_item(k);
	assert_true(g_str_has_suffix(item->name, "_submit.json"));
	kit_expect_item(k, item, "{\"note\": \"mine\"}", "unsent", "the server refused it");
	/* It says which card it answered, and cannot be sent without that card's check. */
	assert_int_equal(outbox_take(k->o, item->n, &again), 0);
	assert_int_equal(again->form, LETTER_SUBMIT);
	assert_string_equal(again->to.message_id, "CARD");
	assert_null(again->inputs);
	kit_send(k, again, &end);
	kit_expect_end(&end, -EINVAL);
	assert_int_equal(fake_count(FAKE_SUBMIT), asked + 1);
	outbox_item_free(item);
}

static void test_one_of_unknown_fate_is_in_doubt(void **state)
{
	struct kit *k = *state;
	int asked = fake_count(FAKE_LIST) + fake_count(FAKE_GET_MESSAGE);
	struct outcome end;

	kit_send(k, letter(k), &end);
	fake_fail(expect_submit(), -ECONNRESET, 0, true);
	kit_expect_end(&end, -ECONNRESET);
	kit_expect_kept(k, &end, "{\"note\": \"mine\"}", "in-doubt", "nobody but the author");
	assert_int_equal(fake_count(FAKE_LIST) + fake_count(FAKE_GET_MESSAGE), asked);
}

static void test_the_answer_of_another_card_says_nothing(void **state)
{
	struct kit *k = *state;
	struct outbox_item *item;
	struct outcome end;

	kit_send(k, letter(k), &end);
	fake_answer_submit(expect_submit(), "OTHER");
	kit_expect_end(&end, -EIO);
	item = kit_only_item(k);
	kit_expect_item(k, item, "{\"note\": \"mine\"}", "in-doubt", "another");
	outbox_item_free(item);
}

static void test_a_killed_daemon_leaves_it_in_doubt(void **state)
{
	char *dir = kit_new_dir();
	struct outbox_item *item;
	struct kit k;
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct outcome end;

		kit_setup_in(&k, g_strdup(dir));
		kit_send(&k, letter(&k), &end);
		expect_submit();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	kit_setup_in(&k, dir);
	kit_drain(&k);
	item = kit_only_item(&k);
	kit_expect_item(&k, item, "{\"note\": \"mine\"}", "in-doubt", "may have arrived");
	assert_int_equal(fake_count(FAKE_SUBMIT) + fake_count(FAKE_LIST), 0);
	outbox_item_free(item);
	kit_teardown(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kit_test(test_it_arrives_and_is_no_message),
		kit_test(test_a_refused_one_is_kept_as_it_was_written),
		kit_test(test_one_of_unknown_fate_is_in_doubt),
		kit_test(test_the_answer_of_another_card_says_nothing),
		cmocka_unit_test(test_a_killed_daemon_leaves_it_in_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
