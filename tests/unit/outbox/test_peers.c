/* SPDX-License-Identifier: MIT */
/* Two daemons of one person: neither takes what the other one sent for its own. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outbox_kit.h"

/* k->o is the one daemon, `peer` the other; both know all messages of the store. */
struct peers {
	struct kit k;
	struct outbox *peer;
};

static void open_one(struct peers *p, const char *name, struct outbox **ret_outbox)
{
	char *dir = g_build_filename(p->k.dir, name, NULL);
	struct outbox_config config = {
		.state_dir = dir,
		.peers_dir = p->k.dir,
		.store = p->k.store,
		.cache_queue = p->k.queue,
		.clock = clock_system(),
		.check_pause_ms = 5,
	};

	assert_int_equal(g_mkdir_with_parents(dir, 0700), 0);
	assert_int_equal(outbox_open(&config, ret_outbox), 0);
	g_free(dir);
}

static int setup(void **state)
{
	struct peers *p = g_new0(struct peers, 1);

	kit_setup(&p->k);
	outbox_close(&p->k.o, 0);
	open_one(p, "me", &p->k.o);
	open_one(p, "me~2", &p->peer);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct peers *p = *state;

	outbox_close(&p->peer, 0);
	kit_teardown(&p->k);
	g_free(p);
	return 0;
}

static void answer_list(const struct webex_message *m)
{
	fake_answer_list(fake_expect(FAKE_LIST), NULL, kit_copy(m), NULL);
}

static void what_another_is_sending_may_be_its(void **state)
{
	struct peers *p = *state;
	struct kit *k = &p->k;
	struct webex_message *m = kit_message(k, "hi", kit_now());
	struct outcome mine = {0}, its = {0};
	struct fake_call *call;

	outbox_send(p->peer, kit_text(k, 8, "hi"), kit_done, &its);
	call = fake_expect(FAKE_POST);
	kit_send_into_doubt(k, kit_text(k, 7, "hi"), &mine);
	answer_list(m);
	answer_list(m);
	assert_false(kit_has_ended(&mine));
	fake_answer(call, kit_copy(m));
	kit_expect_end(&its, 0);
	/* There it is its, and looked for once more, and then twice not found. */
	answer_list(m);
	answer_list(m);
	answer_list(m);
	kit_expect_kept(k, &mine, "hi", "unsent", "did not arrive");
	assert_int_equal(outbox_count(p->peer), 0);
	webex_message_free(m);
}

static void what_another_has_sent_is_its(void **state)
{
	struct peers *p = *state;
	struct kit *k = &p->k;
	struct webex_message *m = kit_message(k, "hi", kit_now());
	struct webex_message *own = kit_message(k, "hi", kit_now());
	struct outcome mine = {0}, its = {0};
	struct fake_call *call;

	kit_send(k, kit_text(k, 7, "hi"), &mine);
	call = fake_expect(FAKE_POST);
	outbox_send(p->peer, kit_text(k, 8, "hi"), kit_done, &its);
	fake_answer(fake_expect(FAKE_POST), kit_copy(m));
	kit_expect_end(&its, 0);
	fake_fail(call, -ECONNRESET, 0, true);
	/* Both are listed: the one that is not claimed is taken, though it is newer. */
	fake_answer_list(fake_expect(FAKE_LIST), NULL, kit_copy(own), kit_copy(m), NULL);
	fake_answer_list(fake_expect(FAKE_LIST), NULL, kit_copy(own), kit_copy(m), NULL);
	kit_expect_delivered(k, &mine, own->id);
	webex_message_free(m);
	webex_message_free(own);
}

/* Another text there, or the same to another room, is no rival. */
static void other_letters_of_others_do_not_matter(void **state)
{
	struct peers *p = *state;
	struct kit *k = &p->k;
	struct webex_message *m = kit_message(k, "hi", kit_now());
	struct outcome mine = {0}, its = {0};
	struct fake_call *call;

	outbox_send(p->peer, kit_text(k, 8, "ho"), kit_done, &its);
	call = fake_expect(FAKE_POST);
	kit_send_into_doubt(k, kit_text(k, 7, "hi"), &mine);
	answer_list(m);
	kit_expect_delivered(k, &mine, m->id);
	fake_answer(call, kit_message(k, "ho", kit_now()));
	kit_expect_end(&its, 0);
	webex_message_free(m);
}

/* However long both run: what they note does not grow without end, and is not forgotten at once. */
static void what_was_sent_is_noted_in_bounds(void **state)
{
	struct peers *p = *state;
	struct kit *k = &p->k;
	struct webex_message *m = kit_message(k, "hi", kit_now());
	char *sent = g_build_filename(k->dir, "sent", NULL);
	char *old = g_build_filename(k->dir, "sent.old", NULL);
	char *lines = g_malloc(700000);
	struct outcome mine = {0}, its = {0};
	struct fake_call *call;
	struct stat st;

	memset(lines, 'x', 700000);
	kit_send(k, kit_text(k, 7, "hi"), &mine);
	call = fake_expect(FAKE_POST);
	outbox_send(p->peer, kit_text(k, 8, "hi"), kit_done, &its);
	assert_true(g_file_set_contents(sent, lines, 700000, NULL));
	fake_answer(fake_expect(FAKE_POST), kit_copy(m));
	kit_expect_end(&its, 0);
	assert_int_equal(stat(sent, &st), 0);
	assert_true(st.st_size < 1000);
	assert_int_equal(stat(old, &st), 0);
	assert_int_equal(st.st_size, 700000);
	/* And it still is the other one's. */
	fake_fail(call, -ECONNRESET, 0, true);
	for (int i = 0; i < 3; i++)
		answer_list(m);
	kit_expect_kept(k, &mine, "hi", "unsent", "did not arrive");
	webex_message_free(m);
	g_free(lines);
	g_free(sent);
	g_free(old);
}

#define check_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		check_test(what_another_is_sending_may_be_its),
		check_test(what_another_has_sent_is_its),
		check_test(other_letters_of_others_do_not_matter),
		check_test(what_was_sent_is_noted_in_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
