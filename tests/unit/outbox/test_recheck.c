/* SPDX-License-Identifier: MIT */
/* Finding out whether a letter arrived with which sparkfs was killed (outbox/recheck.c). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outbox_kit.h"

/* The next letters that are on the wire were written to post.json. */
static bool is_json;

static void send_and_die(char *dir, bool is_again)
{
	struct outbox_letter *l;
	struct outcome end;
	struct kit k;

	kit_setup_in(&k, dir);
	l = is_json ? kit_letter(&k, LETTER_JSON, "{\"text\":\"hello\"}")
		    : kit_text(&k, 1, "hello");
	if (is_again) {
		struct outbox_item *item;

		assert_int_equal(outbox_keep(k.o, l, "why"), 0);
		item = kit_only_item(&k);
		assert_int_equal(outbox_take(k.o, item->n, &l), 0);
		l->to.room_id = l->to.room_id ? l->to.room_id : g_strdup(k.room_id);
		outbox_item_free(item);
	}
	kit_send(&k, l, &end);
	fake_expect(FAKE_POST);
	/* As it is: without closing anything. */
	_exit(0);
}

/* A folder in which a letter is on the wire. Owned. */
static char *killed_dir(bool is_again)
{
	char *dir = kit_new_dir();
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		send_and_die(g_strdup(dir), is_again);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return dir;
}

static void wait_for_count(struct kit *k, int count)
{
	int64_t until = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;

	while (outbox_count(k->o) != count && g_get_monotonic_time() < until)
		kit_drain(k);
	assert_int_equal(outbox_count(k->o), count);
}

static void wait_till_free(struct kit *k, int64_t n)
{
	int64_t until = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
	struct outbox_letter *l = NULL;

	while (outbox_take(k->o, n, &l) == -EBUSY && g_get_monotonic_time() < until)
		kit_drain(k);
	assert_non_null(l);
	outbox_letter_free(l);
}

static void expect_state(struct kit *k, const char *state, const char *why)
{
	struct outbox_item *item = kit_only_item(k);

	wait_till_free(k, item->n);
	outbox_item_free(item);
	item = kit_only_item(k);
	kit_expect_item(k, item, "hello", state, why);
	outbox_item_free(item);
}

static void expect_no_files(struct kit *k)
{
	char *files = kit_files(k, "outbox");

	assert_string_equal(files, "");
	g_free(files);
}

static void one_that_arrived_goes(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct fake_call *call;
		struct kit k;

		is_json = i == 2;
		kit_setup_in(&k, killed_dir(i == 1));
		is_json = false;
		/* Meanwhile the letter is listed with what is known so far. */
		assert_int_equal(outbox_count(k.o), 1);
		call = fake_expect(FAKE_LIST);
		assert_string_equal(call->room_id, k.room_id);
		fake_answer_list(call, NULL, kit_message(&k, "hello", kit_now()), NULL);
		wait_for_count(&k, 0);
		expect_no_files(&k);
		assert_int_equal(fake_count(FAKE_POST), 0);
		kit_teardown(&k);
	}
}

static void age_note(const char *path)
{
	char *text, *at, *aged;

	assert_true(g_file_get_contents(path, &text, NULL, NULL));
	at = strstr(text, "\"writtenMs\": ");
	assert_non_null(at);
	at += strlen("\"writtenMs\": ");
	aged = g_strdup_printf("%.*s%" G_GINT64_FORMAT "%s", (int)(at - text), text,
			       g_ascii_strtoll(at, NULL, 10) - INT64_C(7200000),
			       at + strspn(at, "0123456789"));
	assert_true(g_file_set_contents(path, aged, -1, NULL));
	g_free(aged);
	g_free(text);
}

/* A folder like killed_dir's of two hours ago. Owned. */
static char *old_dir(bool is_again)
{
	char *dir = killed_dir(is_again), *outbox = g_build_filename(dir, "outbox", NULL);
	GDir *folder = g_dir_open(outbox, 0, NULL);
	const char *name;

	assert_non_null(folder);
	while ((name = g_dir_read_name(folder))) {
		char *path = g_build_filename(outbox, name, NULL);

		if (g_str_has_suffix(name, ".json"))
			age_note(path);
		g_free(path);
	}
	g_dir_close(folder);
	g_free(outbox);
	return dir;
}

static void one_that_did_not_stays(void **state)
{
	(void)state;
	for (int is_again = 0; is_again < 2; is_again++) {
		struct outbox_item *item;
		struct outbox_letter *l;
		struct kit k;

		kit_setup_in(&k, old_dir(is_again));
		item = kit_only_item(&k);
		assert_int_equal(outbox_take(k.o, item->n, &l), -EBUSY);
		outbox_item_free(item);
		fake_answer_list(fake_expect(FAKE_LIST), NULL, NULL);
		fake_answer_list(fake_expect(FAKE_LIST), NULL, NULL);
		expect_state(&k, "unsent", "it did not arrive");
		assert_int_equal(fake_count(FAKE_POST), 0);
		kit_reopen_outbox(&k);
		expect_state(&k, "unsent", "it did not arrive");
		kit_teardown(&k);
	}
}

/* The server may still be working on it. */
static void one_that_may_be_late_is_in_doubt(void **state)
{
	struct kit k;

	(void)state;
	kit_setup_in(&k, killed_dir(false));
	fake_answer_list(fake_expect(FAKE_LIST), NULL, NULL);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, NULL);
	expect_state(&k, "in-doubt", "do not tell");
	kit_teardown(&k);
}

static void nobody_can_be_asked(void **state)
{
	struct kit k;

	(void)state;
	kit_setup_in(&k, killed_dir(false));
	for (int i = 0; i < 5; i++)
		fake_fail(fake_expect(FAKE_LIST), -ENETUNREACH, 0, false);
	expect_state(&k, "in-doubt", "asking whether it arrived failed too");
	kit_teardown(&k);
}

/* The outbox ends before the result is known. */
static void the_check_is_cut_short(void **state)
{
	struct kit k;

	(void)state;
	kit_setup_in(&k, killed_dir(false));
	fake_expect(FAKE_LIST);
	kit_reopen_outbox(&k);
	expect_state(&k, "in-doubt", "before it was known");
	kit_teardown(&k);
}

static void move_files(const char *from_dir, const char *to_dir)
{
	char *folder = g_build_filename(from_dir, "outbox", NULL);
	GDir *dir = g_dir_open(folder, 0, NULL);
	const char *name;

	assert_non_null(dir);
	while ((name = g_dir_read_name(dir))) {
		char *from = g_build_filename(folder, name, NULL);
		char *to = g_build_filename(to_dir, "outbox", name, NULL);

		assert_int_equal(rename(from, to), 0);
		g_free(from);
		g_free(to);
	}
	g_dir_close(dir);
	rmdir(folder);
	g_free(folder);
	folder = g_build_filename(from_dir, "spool", NULL);
	rmdir(folder);
	g_free(folder);
	rmdir(from_dir);
}

/* The run before may have been told that it is another letter's. */
static void what_was_known_is_no_proof(void **state)
{
	char *dir = old_dir(false);
	struct webex_message *m;
	struct kit k;

	(void)state;
	kit_setup(&k);
	for (int i = 0; i < 50; i++)
		store_new_rowid(k.store);
	m = kit_message(&k, "hello", kit_now());
	kit_store_message(&k, m);
	move_files(dir, k.dir);
	g_free(dir);
	kit_reopen_outbox(&k);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, kit_copy(m), NULL);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, kit_copy(m), NULL);
	expect_state(&k, "in-doubt", "do not tell");
	webex_message_free(m);
	kit_teardown(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_arrived_goes),
		cmocka_unit_test(one_that_did_not_stays),
		cmocka_unit_test(one_that_may_be_late_is_in_doubt),
		cmocka_unit_test(nobody_can_be_asked),
		cmocka_unit_test(the_check_is_cut_short),
		cmocka_unit_test(what_was_known_is_no_proof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
