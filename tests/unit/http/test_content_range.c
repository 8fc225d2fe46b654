/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <glib.h>

#include "http/content_range.h"

static void test_what_it_says(void **state)
{
	static const struct {
		const char *value;
		int64_t first, total;
	} rows[] = {
		{"bytes 0-499/1234", 0, 1234}, {"bytes 734-1233/1234", 734, 1234},
		{"bytes 0-0/1", 0, 1},	       {"bytes 5-9/*", 5, -1},
		{"bytes */1234", -1, 1234},    {"bytes */*", -1, -1},
		{"Bytes 5-9/10 ", 5, 10},      {"bytes=5-9/10", 5, 10},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		int64_t first, total;

		assert_true(http_content_range(rows[i].value, &first, &total));
		assert_int_equal(first, rows[i].first);
		assert_int_equal(total, rows[i].total);
	}
}

static void test_what_cannot_be(void **state)
{
	static const char *const values[] = {
		NULL,		"",
		"bytes",	"bytes 5",
		"bytes 5-",	"bytes 5-9",
		"bytes -5/9",	"bytes 5-4/9",
		"bytes 0-5/3",	"bytes 0-5/5",
		"bytes 0-5/6x", "bytes 0-5/",
		"items 0-5/6",	"bytes 0-9223372036854775806/9223372036854775807",
		"bytes x-5/6",	"bytes 0-99999999999999999999/9",
		"bytes *-5/6",	"bytes 0-*/6",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
		int64_t first, total;

		if (http_content_range(values[i], &first, &total))
			fail_msg("%s", values[i]);
		assert_int_equal(first, -1);
		assert_int_equal(total, -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_it_says),
		cmocka_unit_test(test_what_cannot_be),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
