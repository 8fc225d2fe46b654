/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "webex/media_type.h"

static const char unknown[] = "application/octet-stream";

static void expect(const char *name, int fd, const char *type)
{
	g_autofree char *found = webex_media_type(name, fd);

	assert_string_equal(found, type);
}

static void test_endings(void **state)
{
	(void)state;
	expect("report.pdf", -1, "application/pdf");
	expect("a.b.PNG", -1, "image/png");
	expect("notes.txt", -1, "text/plain");
	expect("notes.md", -1, "text/markdown");
	expect("x.zst", -1, "application/zstd");
	expect("x.docx", -1,
	       "application/vnd.openxmlformats-officedocument.wordprocessingml.document");
}

static void test_unknown(void **state)
{
	(void)state;
	expect(NULL, -1, unknown);
	expect("", -1, unknown);
	expect("x.", -1, unknown);
	expect("x/", -1, unknown);
	expect("x.pdfx", -1, unknown);
}

/* Where the name says nothing, its first bytes do. */
static void test_bytes(void **state)
{
	static const char pdf[] = "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n";
	FILE *f = tmpfile();

	(void)state;
	assert_non_null(f);
	expect("x", fileno(f), unknown);
	assert_int_equal(fwrite(pdf, 1, sizeof(pdf) - 1, f), sizeof(pdf) - 1);
	assert_int_equal(fflush(f), 0);
	expect("scan", fileno(f), "application/pdf");
	expect(NULL, fileno(f), "application/pdf");
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endings),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests_name("media type", tests, NULL, NULL);
}
