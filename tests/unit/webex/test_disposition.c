/* SPDX-License-Identifier: MIT */
/* Names of files, as headers tell them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "webex/disposition.h"

static const struct {
	const char *value, *name;
} rows[] = {
	{"attachment; filename=\"draft.pdf\"", "draft.pdf"},
	{"attachment;filename=draft.pdf", "draft.pdf"},
	{"ATTACHMENT ; size=3 ; FileName = \"a b.txt\" ; x", "a b.txt"},
	{"attachment; filename=\"a\\\"b\\\\c\\d.txt\"", "a\"b\\c\\d.txt"},
	{"attachment; filename=\"a;b=c.txt\"; x=y", "a;b=c.txt"},
	{"attachment; filename=\"x.txt\"; filename*=UTF-8''%c3%a4%20b.txt", "\xc3\xa4 b.txt"},
	{"attachment; filename*=ISO-8859-1'en'%e4.txt", "\xc3\xa4.txt"},
	{"attachment; filename*=windows-1252''%80.txt", "\xe2\x82\xac.txt"},
	{"attachment; filename*=../../x''%80.txt; filename=y", "y"},
	{"attachment; filename*=UTF-8''%ff; filename=\"x.txt\"", "x.txt"},
	{"attachment; filename*=UTF-8''; filename=\"x.txt\"", "x.txt"},
	{"attachment; filename*=nonsense; filename=\"x.txt\"", "x.txt"},
	{"attachment; filename=\"\xc3\xa4.txt\"", "\xc3\xa4.txt"},
	{"attachment; filename=\"\xe4.txt\"", "\xc3\xa4.txt"},
	/* Only who escapes all names escapes this one. */
	{"attachment; filename=\"%C3%A4%20b.txt\"", "\xc3\xa4 b.txt"},
	{"attachment; filename=\"%C3%A4 b.txt\"", "%C3%A4 b.txt"},
	{"attachment; filename=\"%C3%A4 100%.txt\"", "%C3%A4 100%.txt"},
	{"attachment; filename=\"a%20b.txt\"", "a%20b.txt"},
	{"attachment; filename=\"100%.txt\"", "100%.txt"},
	{"attachment; filename*=UTF-8''100%25%20.txt", "100% .txt"},
	{"attachment; filename=\"../../etc/x\"", "../../etc/x"},
	{"attachment; filename=\"a\x01\x1b[b.txt\"", "a [b.txt"},
	{"attachment; filename=\"\x01\x02\"", NULL},
	/* Blanks of any kind are letters of a name. */
	{"attachment; filename=\"  a  b .txt \"", "  a  b .txt "},
	{"attachment; filename=\"a\xc2\xa0"
	 "b\xe2\x80\xaf"
	 "c.txt\"",
	 "a\xc2\xa0"
	 "b\xe2\x80\xaf"
	 "c.txt"},
	/* Without quotes. */
	{"attachment; filename=my report.pdf", "my report.pdf"},
	{"attachment; filename=my report.pdf ; size=3", "my report.pdf"},
	{"attachment; filename=a;b.txt; size=3", "a;b.txt"},
	{"attachment; filename=a.txt;", "a.txt"},
	/* Without escapes. */
	{"attachment; filename=\"say \"hi\".txt\"", "say \"hi\".txt"},
	{"attachment; filename=\"say \"hi\".txt\"; size=3", "say \"hi\".txt"},
	{"attachment; filename=\"a\" b; filename*=UTF-8''c", "c"},
	/* RFC 2047 */
	{"attachment; filename=\"=?UTF-8?B?w6QgYi50eHQ=?=\"", "\xc3\xa4 b.txt"},
	{"attachment; filename=\"=?utf-8?q?=C3=A4_b?= =?iso-8859-1?Q?=E4.txt?=\"",
	 "\xc3\xa4 b\xc3\xa4.txt"},
	{"attachment; filename=\"=?nonsense\"", "=?nonsense"},
	{"attachment; filename=\"=?UTF-8?B?w6Q=?= and more\"", "=?UTF-8?B?w6Q=?= and more"},
	{"attachment; filename=\"never closed", "never closed"},
	{"attachment; filename=\"\"", NULL},
	{"attachment; filename=", NULL},
	{"attachment; filename", NULL},
	{"attachment; name=\"x\"", NULL},
	{"attachment", NULL},
	{"", NULL},
	{NULL, NULL},
};

static void test_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		_cleanup_gfree_ char *name = webex_disposition_name(rows[i].value);
		if (rows[i].name)
			assert_string_equal(name, rows[i].name);
		else
			assert_null(name);
	}
}

/* ---- a name that was sent comes back ---- */

static char *any_name(GRand *rand)
{
	static const char *const pieces[] = {
		"a",
		"B",
		"7",
		" ",
		"  ",
		"\xc2\xa0",
		"\xe2\x80\xaf",
		"%20",
		"%",
		"%C3",
		";",
		"=",
		"\"",
		"'",
		"\\",
		"&",
		".",
		".pdf",
		"_",
		"-",
		"\xc3\xbc",
		"u\xcc\x88",
		"\xe6\x97\xa5\xe6\x9c\xac",
		"\xf0\x9f\x8e\x89",
		"\xe2\x88\x95",
		"~",
		"filename=",
		"=?",
		"?=",
		"(1)",
		"#",
		",",
	};
	GString *name = g_string_new("n");

	for (int n = g_rand_int_range(rand, 0, 12); n > 0; n--)
		g_string_append(name, pieces[g_rand_int_range(rand, 0, G_N_ELEMENTS(pieces))]);
	return g_string_free(name, FALSE);
}

static char *quoted(const char *name)
{
	GString *out = g_string_new("\"");

	for (; *name; name++) {
		if (*name == '"' || *name == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *name);
	}
	g_string_append_c(out, '"');
	return g_string_free(out, FALSE);
}

static void check_value(const char *value, const char *name)
{
	_cleanup_gfree_ char *header = g_strconcat("attachment; filename", value, NULL);
	_cleanup_gfree_ char *found = webex_disposition_name(header);
	_cleanup_gfree_ char *shown = name_from_file(found ? found : "", NAME_MAX_BYTES);

	assert_string_equal(found, name);
	assert_string_equal(shown, name);
}

static void test_what_was_sent_comes_back(void **state)
{
	GRand *rand = g_rand_new_with_seed(12);

	(void)state;
	for (int i = 0; i < 3000; i++) {
		_cleanup_gfree_ char *name = any_name(rand), *quotes = quoted(name);
		_cleanup_gfree_ char *star = g_uri_escape_string(name, NULL, false);
		_cleanup_gfree_ char *plain = g_strconcat("=", quotes, NULL);
		_cleanup_gfree_ char *both =
			g_strconcat("=\"x\"; filename*=UTF-8''", star, NULL);
		_cleanup_gfree_ char *first = g_strconcat(
			"*=utf-8'de'", star, "; filename=", quotes, "; size=1", NULL);
		check_value(both, name);
		check_value(first, name);
		/* Escapes that make a letter are those of a sender that escapes all. */
		if (!strchr(name, '%'))
			check_value(plain, name);
	}
	g_rand_free(rand);
}

/* However long it is, its ending is there. */
static void test_long_names(void **state)
{
	GRand *rand = g_rand_new_with_seed(13);

	(void)state;
	for (int i = 0; i < 500; i++) {
		_cleanup_gfree_ char *part = any_name(rand);
		GString *value = g_string_new("attachment; filename*=UTF-8''");
		for (int n = g_rand_int_range(rand, 30, 700); n > 0; n--)
			g_string_append_uri_escaped(value, part, NULL, false);
		g_string_append(value, ".xlsx");
		_cleanup_gfree_ char *name = webex_disposition_name(value->str);
		_cleanup_gfree_ char *shown = name_from_file(name, NAME_MAX_BYTES);
		assert_true(g_utf8_validate(name, -1, NULL) && g_str_has_suffix(name, ".xlsx"));
		assert_true(strlen(name) <= 4096 && strlen(shown) <= NAME_MAX_BYTES);
		assert_true(g_str_has_suffix(shown, ".xlsx"));
		g_string_free(value, TRUE);
	}
	g_rand_free(rand);
}

/* Nobody's header costs more than it is long: each quote here is closed by none that counts. */
static void test_many_parameters(void **state)
{
	GString *value = g_string_new("attachment; filename=\"x.txt\"");
	clock_t start = clock();

	(void)state;
	while (value->len < 400 * 1024)
		g_string_append(value, ";a=\"b\"c");
	_cleanup_gfree_ char *name = webex_disposition_name(value->str);
	assert_string_equal(name, "x.txt");
	assert_true(clock() - start < 2 * CLOCKS_PER_SEC);
	g_string_free(value, TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_what_was_sent_comes_back),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_many_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
