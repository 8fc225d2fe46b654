/* SPDX-License-Identifier: MIT */
/* A file that is removed while it is sent, and one that was sent before. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "outbox_kit.h"

static struct webex_message *with_file(struct webex_message *m)
{
	m->files = g_new0(char *, 2);
	m->files[0] = g_strconcat("https://api.test/v1/contents/", m->id, NULL);
	return m;
}

/* A file to be sent under a row of its own. */
static struct outbox_letter *file(struct kit *k, const char *name, const char *bytes,
				  int64_t *ret_row)
{
	struct draft *draft;
	struct outbox_letter *l = kit_file(k, name, bytes, &draft);

	draft_unref(&draft);
	*ret_row = l->content_rowid = store_new_rowid(k->store);
	return l;
}

struct recalled {
	struct outcome end;
	int n;
	int64_t message;
};

static void on_recalled(void *arg, int error, const GArray *arrived)
{
	struct recalled *r = arg;

	r->n = (int)arrived->len;
	r->message = arrived->len ? g_array_index(arrived, int64_t, 0) : 0;
	kit_done(&r->end, error, 0, r->message);
}

static void recall(struct kit *k, int64_t row, struct recalled *r)
{
	memset(r, 0, sizeof(*r));
	outbox_recall(k->o, row, on_recalled, r);
	kit_drain(k);
}

static void expect_nothing_kept(struct kit *k)
{
	char *files = kit_files(k, "outbox");

	assert_int_equal(outbox_count(k->o), 0);
	assert_string_equal(files, "");
	g_free(files);
}

static void what_has_not_left_is_not_sent(void **state)
{
	struct kit *k = *state;
	struct outcome first = {0}, second = {0};
	struct recalled r;
	struct fake_call *call;
	int64_t row, other;

	kit_send(k, file(k, "a.txt", "a", &other), &first);
	call = fake_expect(FAKE_POST);
	/* It waits behind the first. */
	kit_send(k, file(k, "b.txt", "b", &row), &second);
	recall(k, row, &r);
	kit_expect_end(&second, 0);
	kit_expect_end(&r.end, 0);
	assert_int_equal(r.n, 0);
	fake_answer(call, with_file(kit_message(k, NULL, kit_now())));
	kit_expect_end(&first, 0);
	assert_int_equal(fake_count(FAKE_POST), 1);
	expect_nothing_kept(k);
}

/* The server has all of it, so the answer is waited for and the message reported. */
static void what_arrives_all_the_same_is_told(void **state)
{
	struct kit *k = *state;
	struct outcome end = {0};
	struct recalled r;
	struct fake_call *call;
	int64_t row;

	kit_send(k, file(k, "a.txt", "a", &row), &end);
	call = fake_expect(FAKE_POST);
	recall(k, row, &r);
	assert_false(kit_has_ended(&r.end));
	fake_answer(call, with_file(kit_message(k, NULL, kit_now())));
	kit_expect_end(&end, 0);
	kit_expect_end(&r.end, 0);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.message, end.message);
	expect_nothing_kept(k);
}

/* No server has the whole of a request whose bytes were not all handed over. */
static void what_has_left_in_part_is_cut(void **state)
{
	struct kit *k = *state;
	struct outcome end = {0};
	struct recalled r;
	int64_t row;

	fake_set_takes_all(false);
	kit_send(k, file(k, "a.txt", "bytes", &row), &end);
	fake_expect(FAKE_POST);
	recall(k, row, &r);
	kit_expect_end(&end, 0);
	kit_expect_end(&r.end, 0);
	assert_int_equal(r.n, 0);
	expect_nothing_kept(k);
}

static void of_what_nobody_knows_the_recall_is_told(void **state)
{
	struct kit *k = *state;
	struct outcome end = {0};
	struct recalled r;
	struct fake_call *call;
	int64_t row;

	kit_send(k, file(k, "a.txt", "a", &row), &end);
	call = fake_expect(FAKE_POST);
	recall(k, row, &r);
	fake_fail(call, -ETIMEDOUT, 0, true);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, NULL);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, NULL);
	kit_expect_end(&end, -ETIMEDOUT);
	kit_expect_end(&r.end, -ETIMEDOUT);
	assert_int_equal(outbox_count(k->o), 1);
}

static void a_refusal_is_the_writers(void **state)
{
	struct kit *k = *state;
	struct outcome end = {0};
	struct recalled r;
	struct fake_call *call;
	int64_t row;

	kit_send(k, file(k, "a.txt", "a", &row), &end);
	call = fake_expect(FAKE_POST);
	recall(k, row, &r);
	fake_fail(call, -EACCES, 403, false);
	kit_expect_end(&end, -EACCES);
	kit_expect_end(&r.end, 0);
	assert_int_equal(outbox_count(k->o), 1);
	/* Nothing is under way any more. */
	recall(k, row, &r);
	kit_expect_end(&r.end, 0);
	assert_int_equal(r.n, 0);
}

/* ---- the same file ---- */

static void send_and_answer(struct kit *k, const char *bytes, struct webex_message *m)
{
	struct outcome end = {0};
	int64_t row;

	kit_send(k, file(k, "a.txt", bytes, &row), &end);
	fake_answer(fake_expect(FAKE_POST), m);
	kit_expect_end(&end, 0);
}

static void the_same_file_is_asked_for(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = with_file(kit_message(k, NULL, kit_now()));
	struct webex_message *there = with_file(kit_copy(m));
	struct webex_message *bare = kit_copy(m);
	struct outcome end = {0};
	int64_t row;

	bare->files = NULL;
	send_and_answer(k, "bytes", m);
	kit_send(k, file(k, "a.txt", "bytes", &row), &end);
	fake_answer(fake_expect(FAKE_GET_MESSAGE), there);
	kit_expect_end(&end, 0);
	assert_int_equal(fake_count(FAKE_POST), 1);
	expect_nothing_kept(k);
	/* The message is there, and has lost its file. */
	memset(&end, 0, sizeof(end));
	kit_send(k, file(k, "a.txt", "bytes", &row), &end);
	fake_answer(fake_expect(FAKE_GET_MESSAGE), bare);
	fake_answer(fake_expect(FAKE_POST), with_file(kit_message(k, NULL, kit_now())));
	kit_expect_end(&end, 0);
	/* A file of the same length with other bytes. */
	send_and_answer(k, "BYTES", with_file(kit_message(k, NULL, kit_now())));
	assert_int_equal(fake_count(FAKE_GET_MESSAGE), 2);
}

static void the_same_file_is_sent_when_it_is_gone(void **state)
{
	struct kit *k = *state;
	struct outcome end = {0};
	int64_t row;

	send_and_answer(k, "bytes", with_file(kit_message(k, NULL, kit_now())));
	kit_send(k, file(k, "a.txt", "bytes", &row), &end);
	fake_fail(fake_expect(FAKE_GET_MESSAGE), -ENOENT, 404, false);
	fake_answer(fake_expect(FAKE_POST), with_file(kit_message(k, NULL, kit_now())));
	kit_expect_end(&end, 0);
	/* No answer, and a question that took effect is none: not sent, not lost. */
	memset(&end, 0, sizeof(end));
	kit_send(k, file(k, "a.txt", "bytes", &row), &end);
	fake_fail(fake_expect(FAKE_GET_MESSAGE), -ECONNRESET, 0, true);
	kit_expect_kept(k, &end, "bytes", "unsent", "could not be sent");
	assert_int_equal(fake_count(FAKE_POST), 2);
}

static void a_recall_ends_the_question(void **state)
{
	struct kit *k = *state;
	struct outcome end = {0};
	struct recalled r;
	int64_t row;

	send_and_answer(k, "bytes", with_file(kit_message(k, NULL, kit_now())));
	fake_set_withdraw(true);
	kit_send(k, file(k, "a.txt", "bytes", &row), &end);
	fake_expect(FAKE_GET_MESSAGE);
	recall(k, row, &r);
	kit_expect_end(&end, 0);
	kit_expect_end(&r.end, 0);
	assert_int_equal(r.n, 0);
	assert_int_equal(fake_count(FAKE_POST), 1);
	expect_nothing_kept(k);
}

/* It was removed before the answer to the question was looked at: then it is not sent. */
static void a_recall_at_the_answer_to_the_question_is_in_time(void **state)
{
	struct kit *k = *state;
	struct outcome end = {0};
	struct fake_call *call;
	struct recalled r = {0};
	int64_t row;

	send_and_answer(k, "bytes", with_file(kit_message(k, NULL, kit_now())));
	kit_send(k, file(k, "a.txt", "bytes", &row), &end);
	call = fake_expect(FAKE_GET_MESSAGE);
	outbox_recall(k->o, row, on_recalled, &r);
	fake_fail(call, -ENOENT, 404, false);
	kit_expect_end(&end, 0);
	kit_expect_end(&r.end, 0);
	assert_int_equal(r.n, 0);
	assert_int_equal(fake_count(FAKE_POST), 1);
	expect_nothing_kept(k);
}

/* If a read is answered with something else, nothing was sent; and the same content may have
 * another address. */
static void an_answer_to_the_question_may_be_odd(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = with_file(kit_message(k, NULL, kit_now()));
	struct webex_message *there = with_file(kit_copy(m));
	struct outcome end = {0};
	int64_t row;

	g_free(there->files[0]);
	there->files[0] = g_strconcat("https://other.test/contents/", m->id, "?x=1", NULL);
	send_and_answer(k, "bytes", m);
	kit_send(k, file(k, "a.txt", "bytes", &row), &end);
	fake_answer(fake_expect(FAKE_GET_MESSAGE), there);
	kit_expect_end(&end, 0);
	expect_nothing_kept(k);
	memset(&end, 0, sizeof(end));
	kit_send(k, file(k, "a.txt", "bytes", &row), &end);
	fake_answer_nothing(fake_expect(FAKE_GET_MESSAGE));
	kit_expect_end(&end, -EBADMSG);
	struct outbox_item *item = kit_only_item(k);
	kit_expect_item(k, item, "bytes", "unsent", "could not be sent");
	outbox_item_free(item);
	assert_int_equal(fake_count(FAKE_LIST), 0);
	assert_int_equal(fake_count(FAKE_POST), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kit_test(what_has_not_left_is_not_sent),
		kit_test(what_arrives_all_the_same_is_told),
		kit_test(what_has_left_in_part_is_cut),
		kit_test(of_what_nobody_knows_the_recall_is_told),
		kit_test(a_refusal_is_the_writers),
		kit_test(the_same_file_is_asked_for),
		kit_test(the_same_file_is_sent_when_it_is_gone),
		kit_test(a_recall_ends_the_question),
		kit_test(a_recall_at_the_answer_to_the_question_is_in_time),
		kit_test(an_answer_to_the_question_may_be_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
