/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib.h>

#include "webex/same.h"

static void texts_are_the_same_in_another_form(void **state)
{
	(void)state;
	assert_true(webex_is_same_text(NULL, " \r\n"));
	assert_true(webex_is_same_text("a\r\nb\n", "a\nb"));
	assert_true(webex_is_same_text("e\xcc\x81", "\xc3\xa9"));
	assert_true(webex_is_same_text("\xff", "\xff "));
	assert_false(webex_is_same_text("a\rb", "a\nb"));
	assert_false(webex_is_same_text("a", "A"));
	assert_false(webex_is_same_text("a  b", "a b"));
}

static void expect(const char *body, const char *answer, const char *field)
{
	static const char before[] =
		"{\"title\":\"Old\",\"isLocked\":false,\"isModerator\":true,\"n\":3}";
	char *got = webex_unchanged_field(body, before, answer);

	if (field)
		assert_string_equal(got, field);
	else
		assert_null(got);
	g_free(got);
}

static void a_field_that_stayed_is_named(void **state)
{
	(void)state;
	expect("{\"title\":\"New\"}", "{\"title\":\"Old\"}", "title");
	expect("{\"title\":\"New\"}", "{\"title\":\" New\"}", NULL);
	expect("{\"title\":\"New\"}", "{\"title\":\"NEW!\"}", NULL);
	expect("{\"title\":\"Old\",\"isLocked\":true}", "{\"title\":\"Old\"}", "isLocked");
	expect("{\"title\":\"Old\",\"isLocked\":true}", "{\"title\":\"Old\",\"isLocked\":true}",
	       NULL);
	expect("{\"isModerator\":false}", "{\"isModerator\":true}", "isModerator");
	expect("{\"isModerator\":false}", "{}", NULL);
	expect("{\"description\":\"x\"}", "{\"title\":\"Old\"}", "description");
	expect("{\"description\":\" \"}", "{}", NULL);
	expect("{\"n\":4}", "{\"n\":3}", "n");
	expect("{\"secret\":\"x\"}", "{}", NULL);
	expect("{\"secret\":\"x\"}", "{\"secret\":\"y\"}", NULL);
	expect("no JSON", "{}", NULL);
	expect("{\"title\":\"New\"}", "no JSON", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_the_same_in_another_form),
		cmocka_unit_test(a_field_that_stayed_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
