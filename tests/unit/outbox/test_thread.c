/* SPDX-License-Identifier: MIT */
/* Replies: a message in a thread is another one than the same in the space, or in another thread. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outbox_kit.h"
#include "webex/id.h"

/* A message that the store knows; of others, so that it is no letter of ours. Its id is owned. */
static char *known(struct kit *k, const char *text, const char *parent_id)
{
	struct webex_message *m = kit_message(k, text, kit_now() - 5000);
	char *id = g_strdup(m->id);

	g_free(m->person_id);
	m->person_id = g_strdup(k->other);
	m->parent_id = g_strdup(parent_id);
	kit_store_message(k, m);
	webex_message_free(m);
	return id;
}

static struct webex_message *reply(const struct kit *k, const char *text, const char *parent_id)
{
	struct webex_message *m = kit_message(k, text, kit_now());

	m->parent_id = g_strdup(parent_id);
	return m;
}

static struct outbox_letter *letter(const struct kit *k, pid_t pid, const char *parent_id)
{
	struct outbox_letter *l = kit_text(k, pid, "yes");

	l->to.parent_id = g_strdup(parent_id);
	return l;
}

static void expect_parent(struct kit *k, const struct outcome *end, const char *parent_id)
{
	struct store_message m;
	struct store_conn *conn;

	assert_int_equal(store_read_begin(k->store, &conn), 0);
	assert_int_equal(store_message_get(conn, end->message, &m), 0);
	store_read_end(conn);
	if (parent_id)
		assert_string_equal(m.m.parent_id, parent_id);
	else
		assert_null(m.m.parent_id);
	store_message_clear(&m);
}

static struct fake_call *expect_list(const char *parent_id)
{
	struct fake_call *call = fake_expect(FAKE_LIST);

	if (parent_id)
		assert_string_equal(call->parent_id, parent_id);
	else
		assert_null(call->parent_id);
	return call;
}

/* ---- no answer came ---- */

static void a_reply_is_looked_for_in_its_thread(void **state)
{
	struct kit *k = *state;
	char *root = known(k, "who comes?", NULL);
	struct webex_message *m = reply(k, "yes", root);
	char *id = g_strdup(m->id);
	struct fake_call *call;
	struct outcome end;

	kit_send_into_doubt(k, letter(k, 1, root), &end);
	call = expect_list(root);
	assert_string_equal(call->room_id, k->room_id);
	fake_answer_list(call, NULL, m, NULL);
	kit_expect_delivered(k, &end, id);
	expect_parent(k, &end, root);
	g_free(id);
	g_free(root);
}

static void a_reply_that_is_not_in_its_thread_did_not_arrive(void **state)
{
	struct kit *k = *state;
	char *root = known(k, "who comes?", NULL), *other = known(k, "who pays?", NULL);
	struct outcome end;

	kit_send_into_doubt(k, letter(k, 1, root), &end);
	/* As from a server that lists more than it was asked for. */
	for (int i = 0; i < 2; i++)
		fake_answer_list(expect_list(root), NULL, reply(k, "yes", other),
				 reply(k, "no", root), NULL);
	kit_expect_kept(k, &end, "yes", "unsent", "it did not arrive");
	g_free(root);
	g_free(other);
}

/* A server that does not list threads gives the space's messages, and whether it would tell the thread of
 * a reply nobody knows. */
static void a_list_that_does_not_tell_the_thread_leaves_a_doubt(void **state)
{
	struct kit *k = *state;
	char *root = known(k, "who comes?", NULL);
	struct outcome end;

	kit_send_into_doubt(k, letter(k, 1, root), &end);
	for (int i = 0; i < 2; i++)
		fake_answer_list(expect_list(root), NULL, reply(k, "yes", NULL), NULL);
	kit_expect_kept(k, &end, "yes", "in-doubt", "do not tell");
	g_free(root);
}

static void where_a_thread_is_not_listed_the_space_is(void **state)
{
	struct kit *k = *state;
	char *root = known(k, "who comes?", NULL);
	struct webex_message *m = reply(k, "yes", root);
	char *id = g_strdup(m->id);
	struct outcome end;

	kit_send_into_doubt(k, letter(k, 1, root), &end);
	fake_fail(expect_list(root), -ENOENT, 404, false);
	fake_answer_list(expect_list(NULL), NULL, reply(k, "yes", NULL), m, NULL);
	kit_expect_delivered(k, &end, id);
	g_free(id);
	g_free(root);
}

/* Another server puts it under the root. */
static void a_reply_to_a_reply_is_looked_for_under_the_root(void **state)
{
	struct kit *k = *state;
	char *root = known(k, "who comes?", NULL), *first = known(k, "I do", root);
	struct webex_message *m = reply(k, "yes", root);
	char *id = g_strdup(m->id);
	struct outcome end;

	kit_send_into_doubt(k, letter(k, 1, first), &end);
	fake_answer_list(expect_list(root), NULL, m, NULL);
	kit_expect_delivered(k, &end, id);
	g_free(id);
	g_free(root);
	g_free(first);
}

/* The id may be that of a reply. So a message in another thread may be it, or not. */
static void a_reply_to_what_nobody_knows_is_looked_for_in_the_space(void **state)
{
	struct kit *k = *state;
	char *other = known(k, "who pays?", NULL);
	struct webex_message *m = reply(k, "yes", "OPAQUE");
	char *id = g_strdup(m->id);
	struct outcome end;

	kit_send_into_doubt(k, letter(k, 1, "OPAQUE"), &end);
	fake_answer_list(expect_list(NULL), NULL, reply(k, "yes", other), m, NULL);
	kit_expect_delivered(k, &end, id);
	kit_send_into_doubt(k, letter(k, 1, "STRANGE"), &end);
	for (int i = 0; i < 2; i++)
		fake_answer_list(expect_list(NULL), NULL, reply(k, "yes", other), NULL);
	kit_expect_kept(k, &end, "yes", "in-doubt", "do not tell");
	g_free(id);
	g_free(other);
}

/* ---- the same words twice ---- */

/* Neither waits for the other, and each gets its own, whichever is found first. */
static void the_same_in_the_space_and_in_a_thread_are_two(void **state)
{
	struct kit *k = *state;
	char *root = known(k, "who comes?", NULL);

	for (int thread_first = 0; thread_first < 2; thread_first++) {
		struct webex_message *m[2] = {reply(k, "yes", NULL), reply(k, "yes", root)};
		char *ids[2] = {g_strdup(m[0]->id), g_strdup(m[1]->id)};
		struct fake_call *posts[2], *list;
		int first = thread_first, second = !thread_first;
		struct outcome ends[2];

		for (int i = 0; i < 2; i++) {
			kit_send(k, letter(k, i + 1, i ? root : NULL), &ends[i]);
			posts[i] = fake_expect(FAKE_POST);
		}
		/* The other one is still on the wire: it is no rival. */
		fake_fail(posts[first], -ECONNRESET, 0, true);
		list = expect_list(first ? root : NULL);
		fake_answer_list(list, NULL, kit_copy(m[1]), kit_copy(m[0]), NULL);
		kit_expect_delivered(k, &ends[first], ids[first]);
		fake_fail(posts[second], -ECONNRESET, 0, true);
		list = expect_list(second ? root : NULL);
		fake_answer_list(list, NULL, m[1], m[0], NULL);
		kit_expect_delivered(k, &ends[second], ids[second]);
		g_free(ids[0]);
		g_free(ids[1]);
	}
	assert_int_equal(outbox_count(k->o), 0);
	g_free(root);
}

static void of_two_replies_alike_each_letter_gets_one(void **state)
{
	struct kit *k = *state;
	char *root = known(k, "who comes?", NULL);
	struct webex_message *older = reply(k, "yes", root), *newer = reply(k, "yes", root);
	char *ids[2] = {g_strdup(older->id), g_strdup(newer->id)};
	struct fake_call *posts[2], *lists[2];
	struct outcome ends[2];

	newer->created_ms = older->created_ms + 1;
	for (int i = 0; i < 2; i++) {
		kit_send(k, letter(k, i + 1, root), &ends[i]);
		posts[i] = fake_expect(FAKE_POST);
	}
	for (int i = 0; i < 2; i++) {
		fake_fail(posts[i], -ECONNRESET, 0, true);
		lists[i] = expect_list(root);
	}
	fake_answer_list(lists[0], NULL, kit_copy(newer), kit_copy(older), NULL);
	kit_expect_delivered(k, &ends[0], ids[0]);
	fake_answer_list(lists[1], NULL, newer, older, NULL);
	kit_expect_delivered(k, &ends[1], ids[1]);
	g_free(ids[0]);
	g_free(ids[1]);
	g_free(root);
}

/* One writes to post in the thread, the other names the thread in post.json: a message may be that of
 * either. */
static void a_rival_may_name_the_thread_in_its_json(void **state)
{
	struct kit *k = *state;
	char *root = known(k, "who comes?", NULL);
	char *json = g_strdup_printf("{\"text\":\"yes\",\"parentId\":\"%s\"}", root);
	struct webex_message *m = reply(k, "yes", root);
	char *id = g_strdup(m->id);
	struct fake_call *posts[2];
	struct outcome ends[2];

	kit_send(k, letter(k, 1, root), &ends[0]);
	posts[0] = fake_expect(FAKE_POST);
	kit_send(k, kit_letter(k, LETTER_JSON, json), &ends[1]);
	posts[1] = fake_expect(FAKE_POST);
	fake_fail(posts[0], -ECONNRESET, 0, true);
	fake_answer_list(expect_list(root), NULL, kit_copy(m), NULL);
	fake_answer_list(expect_list(root), NULL, kit_copy(m), NULL);
	assert_false(kit_has_ended(&ends[0]));
	fake_answer(posts[1], kit_copy(m));
	kit_expect_delivered(k, &ends[1], id);
	fake_answer_list(expect_list(root), NULL, kit_copy(m), NULL);
	fake_answer_list(expect_list(root), NULL, m, NULL);
	kit_expect_kept(k, &ends[0], "yes", "unsent", "it did not arrive");
	g_free(json);
	g_free(id);
	g_free(root);
}

/* ---- the answer ---- */

static struct webex_message *as_untold(const struct webex_message *m)
{
	struct webex_message *copy = kit_copy(m);

	g_clear_pointer(&copy->parent_id, g_free);
	return copy;
}

static void an_answer_without_its_thread_is_completed(void **state)
{
	struct kit *k = *state;
	char *root = known(k, "who comes?", NULL), *first = known(k, "I do", root);
	struct webex_message *m = reply(k, "yes", root);
	struct outcome end;

	kit_send(k, letter(k, 1, root), &end);
	fake_answer(fake_expect(FAKE_POST), as_untold(m));
	fake_answer(fake_expect(FAKE_GET_MESSAGE), kit_copy(m));
	kit_expect_delivered(k, &end, m->id);
	expect_parent(k, &end, root);
	webex_message_free(m);
	/* It cannot be had at once. */
	m = reply(k, "yes", root);
	kit_send(k, letter(k, 1, first), &end);
	fake_answer(fake_expect(FAKE_POST), as_untold(m));
	fake_fail(fake_expect(FAKE_GET_MESSAGE), -ENOENT, 404, false);
	kit_expect_delivered(k, &end, m->id);
	expect_parent(k, &end, root);
	assert_int_equal(outbox_count(k->o), 0);
	webex_message_free(m);
	g_free(root);
	g_free(first);
}

/* It has arrived: sending it again would double it. */
static void a_reply_that_the_server_put_elsewhere_has_arrived(void **state)
{
	struct kit *k = *state;
	char *root = known(k, "who comes?", NULL), *other = known(k, "who pays?", NULL);
	const char *const put[] = {NULL, other};

	for (size_t i = 0; i < G_N_ELEMENTS(put); i++) {
		struct webex_message *m = reply(k, "yes", put[i]);
		struct outcome end;

		kit_send(k, letter(k, 1, root), &end);
		fake_answer(fake_expect(FAKE_POST), kit_copy(m));
		fake_answer(fake_expect(FAKE_GET_MESSAGE), kit_copy(m));
		kit_expect_delivered(k, &end, m->id);
		expect_parent(k, &end, put[i]);
		webex_message_free(m);
	}
	assert_int_equal(outbox_count(k->o), 0);
	g_free(root);
	g_free(other);
}

/* A proxy answers with what it answered to another. */
static void an_answer_of_another_thread_and_text_is_none(void **state)
{
	struct kit *k = *state;
	char *root = known(k, "who comes?", NULL), *other = known(k, "who pays?", NULL);
	const char *const asked[] = {root, NULL}, *const answered[] = {NULL, other};

	for (size_t i = 0; i < G_N_ELEMENTS(asked); i++) {
		struct webex_message *wrong = reply(k, "no", answered[i]);
		struct webex_message *m = reply(k, "yes", asked[i]);
		struct outcome end;

		kit_send(k, letter(k, 1, asked[i]), &end);
		fake_answer(fake_expect(FAKE_POST), kit_copy(wrong));
		fake_answer(fake_expect(FAKE_GET_MESSAGE), wrong);
		fake_answer_list(expect_list(asked[i]), NULL, kit_copy(m), NULL);
		kit_expect_delivered(k, &end, m->id);
		webex_message_free(m);
	}
	g_free(root);
	g_free(other);
}

/* ---- a refusal ---- */

static void expect_refused(struct kit *k, struct outcome *end, int error, const char *why)
{
	struct outbox_item *item;

	kit_expect_end(end, error);
	item = kit_only_item(k);
	kit_expect_item(k, item, "yes", "unsent", why);
	assert_int_equal(outbox_remove(k->o, item->n), 0);
	outbox_item_free(item);
}

static bool is_deleted(struct kit *k, const char *id)
{
	struct store_conn *conn;
	int64_t row;
	int r;

	assert_int_equal(store_read_begin(k->store, &conn), 0);
	r = store_message_by_id(conn, id, &row);
	store_read_end(conn);
	return r == -ENOENT;
}

static void a_reply_to_what_is_gone_says_so(void **state)
{
	static const int statuses[] = {404, 400};
	struct kit *k = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
		char *root = known(k, "who comes?", NULL);
		struct fake_call *call;
		struct outcome end;

		kit_send(k, letter(k, 1, root), &end);
		fake_fail(fake_expect(FAKE_POST), -EINVAL, statuses[i], false);
		call = fake_expect(FAKE_GET_MESSAGE);
		assert_string_equal(call->message_id, root);
		fake_fail(call, -ENOENT, 404, false);
		expect_refused(k, &end, -ENOENT, "not there any more");
		assert_true(is_deleted(k, root));
		g_free(root);
	}
}

static void a_refused_reply_to_what_is_there_is_refused(void **state)
{
	struct kit *k = *state;
	char *root = known(k, "who comes?", NULL);
	struct webex_message *m = kit_message(k, "who comes?", kit_now());
	struct outcome end;

	kit_send(k, letter(k, 1, root), &end);
	fake_fail(fake_expect(FAKE_POST), -EINVAL, 400, false);
	fake_answer(fake_expect(FAKE_GET_MESSAGE), m);
	expect_refused(k, &end, -EINVAL, "the server refused it");
	kit_send(k, letter(k, 1, root), &end);
	fake_fail(fake_expect(FAKE_POST), -ENOENT, 404, false);
	fake_fail(fake_expect(FAKE_GET_MESSAGE), -EIO, 502, false);
	expect_refused(k, &end, -ENOENT, "the server refused it");
	kit_send(k, letter(k, 1, root), &end);
	fake_fail(fake_expect(FAKE_POST), -EACCES, 403, false);
	expect_refused(k, &end, -EACCES, "the server refused it");
	assert_false(is_deleted(k, root));
	g_free(root);
}

/* ---- what is kept ---- */

static void an_unsent_reply_says_where_it_goes(void **state)
{
	struct kit *k = *state;
	struct outbox_letter *l = letter(k, 1, "PARENT");
	struct outbox_item *item;

	l->to.thread = g_strdup("2026-11-22T10-15-00.123Z_ann@example.com");
	assert_int_equal(outbox_keep(k->o, l, "why"), 0);
	kit_reopen_outbox(k);
	item = kit_only_item(k);
	assert_true(g_str_has_suffix(item->name, "_Harbour project_reply.txt"));
	kit_expect_item(k, item, "yes", "unsent",
			"\"thread\": \"2026-11-22T10-15-00.123Z_ann@example.com\"");
	assert_int_equal(outbox_take(k->o, item->n, &l), 0);
	assert_string_equal(l->to.parent_id, "PARENT");
	assert_string_equal(l->to.thread, "2026-11-22T10-15-00.123Z_ann@example.com");
	outbox_letter_free(l);
	outbox_item_free(item);
}

/* The same file, which failed to reach a thread, and then was sent to the space. */
static void a_file_for_a_thread_is_none_for_the_space(void **state)
{
	struct kit *k = *state;
	char *root = known(k, "who comes?", NULL);
	struct webex_message *m = kit_message(k, NULL, kit_now());
	struct outbox_letter *l;
	struct draft *draft;
	struct outcome end;

	l = kit_file(k, "plan.txt", "bytes", &draft);
	l->to.parent_id = g_strdup(root);
	assert_int_equal(outbox_keep(k->o, l, "why"), 0);
	draft_unref(&draft);
	kit_send(k, kit_file(k, "plan.txt", "bytes", &draft), &end);
	m->files = g_new0(char *, 2);
	m->files[0] = g_strconcat("https://webexapis.com/v1/contents/", m->id, NULL);
	fake_answer(fake_expect(FAKE_POST), m);
	kit_expect_end(&end, 0);
	assert_int_equal(outbox_count(k->o), 1);
	draft_unref(&draft);
	g_free(root);
}

/* Sends the file to the thread, as one that was not there; returns its message. */
static struct webex_message *deliver_file(struct kit *k, const char *root)
{
	struct webex_message *m = reply(k, NULL, root), *copy;
	struct outbox_letter *l;
	struct draft *draft;
	struct outcome end;

	l = kit_file(k, "plan.txt", "bytes", &draft);
	l->to.parent_id = g_strdup(root);
	m->files = g_new0(char *, 2);
	m->files[0] = g_strconcat("https://webexapis.com/v1/contents/", m->id, NULL);
	copy = kit_copy(m);
	copy->files = g_strdupv(m->files);
	kit_send(k, l, &end);
	fake_answer(fake_expect(FAKE_POST), copy);
	kit_expect_delivered(k, &end, m->id);
	draft_unref(&draft);
	return m;
}

static void expect_not_sent(struct kit *k, const char *root, struct webex_message *there)
{
	int posts = fake_count(FAKE_POST);
	struct outbox_letter *l;
	struct fake_call *call;
	struct draft *draft;
	struct outcome end;

	l = kit_file(k, "plan.txt", "bytes", &draft);
	l->to.parent_id = g_strdup(root);
	kit_send(k, l, &end);
	call = fake_expect(FAKE_GET_MESSAGE);
	assert_string_equal(call->message_id, there->id);
	fake_answer_as_is(call, there);
	kit_expect_end(&end, 0);
	assert_int_equal(fake_count(FAKE_POST), posts);
	draft_unref(&draft);
}

/* cron's cp into a thread. */
static void the_same_file_is_sent_once_to_each_thread(void **state)
{
	struct kit *k = *state;
	char *roots[2] = {known(k, "who comes?", NULL), known(k, "who pays?", NULL)};
	struct webex_message *there[2];

	for (int i = 0; i < 2; i++)
		there[i] = deliver_file(k, roots[i]);
	for (int i = 0; i < 2; i++)
		expect_not_sent(k, roots[i], there[i]);
	for (int i = 0; i < 2; i++)
		g_free(roots[i]);
}

/* Nobody knows the root itself, but a reply to it. */
static void a_root_that_replies_name_is_known_as_one(void **state)
{
	struct kit *k = *state;
	char *root = g_strdup("FAR"), *first = known(k, "I do", root);
	struct webex_message *m = reply(k, "yes", root);
	char *id = g_strdup(m->id);
	struct outcome end;

	kit_send_into_doubt(k, letter(k, 1, root), &end);
	fake_answer_list(expect_list(root), NULL, m, NULL);
	kit_expect_delivered(k, &end, id);
	g_free(id);
	g_free(first);
	g_free(root);
}

/* ---- a kill ---- */

static void send_and_die(char *dir)
{
	struct outcome end;
	struct kit k;

	kit_setup_in(&k, dir);
	kit_send(&k, letter(&k, 1, "PARENT"), &end);
	fake_expect(FAKE_POST);
	/* As it is: without closing anything. */
	_exit(0);
}

static void after_a_kill_it_is_still_a_reply(void **state)
{
	char *dir = kit_new_dir();
	struct outbox_item *item;
	struct outbox_letter *l;
	pid_t pid = fork();
	struct kit k;
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		send_and_die(g_strdup(dir));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	kit_setup_in(&k, dir);
	/* The same words in the space are another message. */
	for (int i = 0; i < 2; i++)
		fake_answer_list(fake_expect(FAKE_LIST), NULL, reply(&k, "yes", NULL), NULL);
	item = kit_only_item(&k);
	while (outbox_take(k.o, item->n, &l) == -EBUSY)
		kit_drain(&k);
	assert_string_equal(l->to.parent_id, "PARENT");
	outbox_letter_free(l);
	outbox_item_free(item);
	kit_teardown(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kit_test(a_reply_is_looked_for_in_its_thread),
		kit_test(a_reply_that_is_not_in_its_thread_did_not_arrive),
		kit_test(a_list_that_does_not_tell_the_thread_leaves_a_doubt),
		kit_test(where_a_thread_is_not_listed_the_space_is),
		kit_test(a_reply_to_a_reply_is_looked_for_under_the_root),
		kit_test(a_reply_to_what_nobody_knows_is_looked_for_in_the_space),
		kit_test(the_same_in_the_space_and_in_a_thread_are_two),
		kit_test(of_two_replies_alike_each_letter_gets_one),
		kit_test(a_rival_may_name_the_thread_in_its_json),
		kit_test(an_answer_without_its_thread_is_completed),
		kit_test(a_reply_that_the_server_put_elsewhere_has_arrived),
		kit_test(an_answer_of_another_thread_and_text_is_none),
		kit_test(a_reply_to_what_is_gone_says_so),
		kit_test(a_refused_reply_to_what_is_there_is_refused),
		kit_test(an_unsent_reply_says_where_it_goes),
		kit_test(a_file_for_a_thread_is_none_for_the_space),
		kit_test(the_same_file_is_sent_once_to_each_thread),
		kit_test(a_root_that_replies_name_is_known_as_one),
		cmocka_unit_test(after_a_kill_it_is_still_a_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
