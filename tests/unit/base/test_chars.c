/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/chars.h"
#include "base/cleanup.h"

static void check_line(const char *text, const char *line)
{
	_cleanup_gfree_ char *got = chars_line(text);

	assert_string_equal(got, line);
}

static void test_line(void **state)
{
	(void)state;
	check_line("", "");
	check_line(" a\xC3\xA4  ", " a\xC3\xA4  ");
	check_line("a\nb\tc\x1b[31m\x7F", "a?b?c?[31m?");
	/* C1, an override, an isolate; a mark that stays; a byte that is no UTF-8. */
	check_line("\xC2\x9B"
		   "1\xE2\x80\xAE"
		   "2\xE2\x81\xA6"
		   "3\xE2\x80\x8F"
		   "4\xFF",
		   "?1?2?3\xE2\x80\x8F"
		   "4\xEF\xBF\xBD");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
	};

	return cmocka_run_group_tests_name("base chars", tests, NULL, NULL);
}
