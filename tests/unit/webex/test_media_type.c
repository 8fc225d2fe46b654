/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "webex/media_type.h"

static const char unknown[] = "application/octet-stream";

static void test_endings(void **state)
{
	(void)state;
	assert_string_equal(webex_media_type("report.pdf"), "application/pdf");
	assert_string_equal(webex_media_type("a.b.PNG"), "image/png");
	assert_string_equal(webex_media_type("notes.txt"), "text/plain");
	assert_string_equal(webex_media_type("x.tar.gz"), "application/gzip");
	assert_string_equal(webex_media_type("x.zst"), "application/zstd");
	assert_string_equal(webex_media_type("x.avif"), "image/avif");
}

static void test_nothing_is_known(void **state)
{
	(void)state;
	assert_string_equal(webex_media_type(NULL), unknown);
	assert_string_equal(webex_media_type(""), unknown);
	assert_string_equal(webex_media_type("pdf"), unknown);
	assert_string_equal(webex_media_type("x."), unknown);
	assert_string_equal(webex_media_type("x.pdfx"), unknown);
	assert_string_equal(webex_media_type("x.pd"), unknown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endings),
		cmocka_unit_test(test_nothing_is_known),
	};

	return cmocka_run_group_tests_name("webex media type", tests, NULL, NULL);
}
