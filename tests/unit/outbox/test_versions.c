/* SPDX-License-Identifier: MIT */
/* Versions of one file that are under way at the same time. */
#include <errno.h>
#include <string.h>

#include "outbox_kit.h"

struct version {
	struct draft *draft;
	struct outcome end;
};

/* Each of a writer of its own. */
static void send_version(struct kit *k, const char *bytes, int64_t row, struct version *v)
{
	struct outbox_letter *l = kit_file(k, "log.txt", bytes, &v->draft);
	static pid_t pid = 4711;

	l->pid = pid++;
	l->content_rowid = row;
	kit_send(k, l, &v->end);
}

static struct fake_call *expect_file(const char *bytes)
{
	struct fake_call *call = fake_expect(FAKE_POST);

	assert_string_equal(call->file->str, bytes);
	return call;
}

static void the_next_one_waits_for_the_one_before(void **state)
{
	struct kit *k = *state;
	struct version one, two, other;
	struct fake_call *call;

	send_version(k, "one", 7, &one);
	call = expect_file("one");
	send_version(k, "one and two", 7, &two);
	/* A file of its own does not wait. */
	send_version(k, "other", 8, &other);
	fake_fail(expect_file("other"), -EACCES, 403, false);
	kit_expect_end(&other.end, -EACCES);
	kit_drain(k);
	assert_int_equal(fake_count(FAKE_POST), 2);
	fake_fail(call, -EACCES, 403, false);
	kit_expect_end(&one.end, -EACCES);
	fake_fail(expect_file("one and two"), -EACCES, 403, false);
	kit_expect_end(&two.end, -EACCES);
	draft_unref(&one.draft);
	draft_unref(&two.draft);
	draft_unref(&other.draft);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kit_test(the_next_one_waits_for_the_one_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
