/* SPDX-License-Identifier: MIT */
/* What .sparkfs/last-answer shows to whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <glib.h>
#include <string.h>

#include "tree/answers.h"

struct kit {
	struct answers *answers;
	struct clock clock;
	int64_t now_ms;
};

static int64_t now(void *arg)
{
	return ((struct kit *)arg)->now_ms;
}

static int setup(void **state)
{
	struct kit *k = g_new0(struct kit, 1);

	k->clock = (struct clock){.mono_ms = now, .wall_ms = now, .arg = k};
	k->now_ms = 100000;
	k->answers = answers_new(&k->clock);
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	struct kit *k = *state;

	answers_free(&k->answers);
	g_free(k);
	return 0;
}

static void put(struct kit *k, pid_t session, const char *text)
{
	answers_put(k->answers, session, text, strlen(text));
}

static void assert_shows(struct kit *k, pid_t session, const char *wanted)
{
	g_autoptr(GString) out = g_string_new(NULL);

	answers_show(k->answers, session, out);
	assert_string_equal(wanted, out->str);
}

static void test_each_session_reads_its_own(void **state)
{
	struct kit *k = *state;

	assert_shows(k, 1, "");
	put(k, 1, "{\"a\":1}");
	put(k, 2, "{\"b\":2}\n");
	assert_shows(k, 1, "{\"a\":1}\n");
	assert_shows(k, 2, "{\"b\":2}\n");
	/* Who was answered nothing, or is not known, reads the newest. */
	assert_shows(k, 3, "{\"b\":2}\n");
	assert_shows(k, 0, "{\"b\":2}\n");
	/* A newer one takes the place of the older one of its session. */
	put(k, 1, "");
	assert_shows(k, 1, "");
	assert_shows(k, 2, "{\"b\":2}\n");
	/* What is everybody's is newer than one's own. */
	put(k, 0, "[]");
	assert_shows(k, 2, "[]\n");
}

static void test_an_old_one_of_its_own_is_no_better_than_the_newest(void **state)
{
	struct kit *k = *state;

	put(k, 1, "1");
	k->now_ms += ANSWER_OWN_MS;
	put(k, 2, "2");
	assert_shows(k, 1, "1\n");
	k->now_ms++;
	assert_shows(k, 1, "2\n");
}

static void test_not_more_than_so_many(void **state)
{
	struct kit *k = *state;

	for (pid_t session = 1; session <= ANSWERS_MAX + 1; session++)
		put(k, session, session == 1 ? "first" : "later");
	assert_shows(k, 1, "later\n");
	assert_shows(k, 2, "later\n");
}

static void test_a_long_one_is_told_of(void **state)
{
	struct kit *k = *state;
	char *text = g_strnfill(ANSWER_MAX_BYTES + 1, ' ');

	answers_put(k->answers, 1, text, ANSWER_MAX_BYTES + 1);
	assert_shows(k, 1,
		     "{\"message\": \"the answer had 1048577 bytes, too many to be kept\"}\n");
	g_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_session_reads_its_own, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			test_an_old_one_of_its_own_is_no_better_than_the_newest, setup,
			teardown),
		cmocka_unit_test_setup_teardown(test_not_more_than_so_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_long_one_is_told_of, setup, teardown),
	};

	return cmocka_run_group_tests_name("answers", tests, NULL, NULL);
}
