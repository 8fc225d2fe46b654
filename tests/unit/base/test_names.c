/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"

#define BAD "\xEF\xBF\xBD"
#define SLASH "\xE2\x88\x95"
#define ACUTE "\xCC\x81"
#define CREATED_MS INT64_C(1741080031507)
#define STAMP "2025-03-04T09-20-31.507Z"
#define PERSON "31ed6d50f8d911ef9a2b0242ac110002"

static const struct {
	const char *title;
	const char *name;
} titles[] = {
	{"Project Phoenix", "Project Phoenix"},
	{"Gr\xC3\xBC\xC3\x9F"
	 "e \xF0\x9F\x8E\x89",
	 "Gr\xC3\xBC\xC3\x9F"
	 "e \xF0\x9F\x8E\x89"},
	{"a/b", "a" SLASH "b"},
	{"/", SLASH},
	{"", "_"},
	{".", "_."},
	{"..", "_.."},
	{".bashrc", "_.bashrc"},
	{"...", "_..."},
	{"-rf", "_-rf"},
	{"--", "_--"},
	{" ", "_"},
	{"  \xC2\xA0", "_"},
	{" a ", " a "},
	{"a\nb\tc", "a" BAD "b" BAD "c"},
	{"\x7F\xC2\x85", BAD BAD},
	{"cod\xE2\x80\xAE"
	 "exe.txt",
	 "cod" BAD "exe.txt"},
	{"\xE2\x81\xA6\xE2\x80\x8E\xD8\x9C", BAD BAD BAD},
	{"\xFF"
	 "a\xC3",
	 BAD "a" BAD},
	{"\xED\xA0\x80", BAD BAD BAD},
	{"~a", "~a"},
	{"a:b*c?", "a:b*c?"},
};

static void test_from_title(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(titles); i++) {
		_cleanup_gfree_ char *name = name_from_title(titles[i].title, NAME_MAX_BYTES);

		assert_string_equal(name, titles[i].name);
	}
}

static void check_cut(const char *title, size_t max_bytes, const char *expected)
{
	_cleanup_gfree_ char *name = name_from_title(title, max_bytes);

	assert_string_equal(name, expected);
}

static void test_cut_at_a_character(void **state)
{
	_cleanup_gfree_ char *marks = NULL, *long_title = g_strnfill(1000000, 'x');
	_cleanup_gfree_ char *name = name_from_title(long_title, 100000);
	GString *all = g_string_new("e");

	(void)state;
	assert_int_equal(strlen(name), NAME_MAX_BYTES);
	check_cut("abc", 3, "abc");
	check_cut("abcd", 3, "abc");
	check_cut("ab\xC3\xA9", 3, "ab");
	check_cut("ab\xC3\xA9", 4, "ab\xC3\xA9");
	/* a letter and its accent stay together */
	check_cut("abe" ACUTE, 4, "ab");
	check_cut("abe" ACUTE "x", 5, "abe" ACUTE);
	/* so do joined emoji */
	check_cut("a\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7", 9, "a");
	/* but not at any price */
	for (int i = 0; i < 200; i++)
		g_string_append(all, ACUTE);
	marks = g_string_free(all, FALSE);
	g_free(name);
	name = name_from_title(marks, NAME_MAX_BYTES);
	assert_uint_in_range(strlen(name), NAME_MAX_BYTES - 2, NAME_MAX_BYTES);
	check_cut("    x", 4, "_");
	check_cut(".abc", 3, "_.a");
	check_cut("\xF0\x9F\x91\xA9", 3, "_");
}

static void check_typed(const char *name, const char *expected)
{
	_cleanup_gfree_ char *title = name_to_title(name);

	if (g_strcmp0(title, expected) != 0)
		fail_msg("%s: got %s", name, title ? title : "nothing");
}

static void test_to_title(void **state)
{
	_cleanup_gfree_ char *longest = g_strnfill(255, 'x'), *too_long = g_strnfill(256, 'x');

	(void)state;
	check_typed("Project", "Project");
	check_typed("a" SLASH "b", "a/b");
	check_typed("_.x", "_.x");
	check_typed("_", "_");
	check_typed(longest, longest);
	check_typed(too_long, NULL);
	check_typed(".x", NULL);
	check_typed("-x", NULL);
	check_typed("  ", NULL);
	check_typed("a\nb", NULL);
	check_typed("a\xE2\x80\xAE", NULL);
	check_typed("a\xFF", NULL);
	check_typed("", NULL);
}

static void check_same(const char *a, const char *b, bool same)
{
	_cleanup_gfree_ char *x = name_key(a), *y = name_key(b);

	assert_int_equal(strcmp(x, y) == 0, same);
}

static void test_key(void **state)
{
	(void)state;
	check_same("Phoenix", "PHOENIX", true);
	check_same("caf\xC3\xA9", "cafe" ACUTE, true);
	check_same("CAF\xC3\x89", "cafe" ACUTE, true);
	check_same("stra\xC3\x9F"
		   "e",
		   "STRASSE", true);
	check_same("a", "b", false);
	check_same("e", "\xC3\xA9", false);
	check_same("\xFF", "\xFF", true);
}

static void test_suffix(void **state)
{
	_cleanup_gfree_ char *wide = g_strnfill(300, 'x');
	_cleanup_gfree_ char *plain = name_with_suffix("Team", PERSON, 8);
	_cleanup_gfree_ char *most = name_with_suffix("Team", PERSON, 99);
	_cleanup_gfree_ char *least = name_with_suffix("Team", PERSON, 1);
	_cleanup_gfree_ char *cut = name_with_suffix(wide, PERSON, 32);

	(void)state;
	assert_string_equal(plain, "Team ~31ed6d50");
	assert_string_equal(most, "Team ~" PERSON);
	assert_string_equal(least, "Team ~31ed6d50");
	assert_int_equal(strlen(cut), NAME_MAX_BYTES);
	assert_true(g_str_has_suffix(cut, "x ~" PERSON));
}

static void check_stem(const char *email, const char *person, const char *tie,
		       const char *expected)
{
	_cleanup_gfree_ char *stem = name_message_stem(CREATED_MS, email, person, tie);
	_cleanup_gfree_ char *file = g_strconcat(stem, ".json", NULL);
	enum name_twin twin;
	size_t len;

	assert_string_equal(stem, expected);
	assert_true(name_parse_message(file, &len, &twin));
	assert_int_equal(len, strlen(stem));
	assert_int_equal(twin, NAME_JSON);
}

static void test_message_stem(void **state)
{
	_cleanup_gfree_ char *local = g_strnfill(250, 'a');
	_cleanup_gfree_ char *address = g_strconcat(local, "@b.c", NULL);
	_cleanup_gfree_ char *stem = name_message_stem(CREATED_MS, address, PERSON, PERSON);

	(void)state;
	check_stem("alice@example.com", PERSON, NULL, STAMP "_alice@example.com");
	check_stem("alice@example.com", PERSON, "0a1b", STAMP "_alice@example.com~0a1b");
	check_stem("al~ice@example.com", PERSON, NULL, STAMP "_al_ice@example.com");
	check_stem(NULL, PERSON, NULL, STAMP "_unknown-31ed6d50");
	check_stem("", PERSON, PERSON, STAMP "_unknown-31ed6d50~" PERSON);
	check_stem("../../etc/passwd", PERSON, NULL, STAMP "_unknown-31ed6d50");
	check_stem("a b@c", PERSON, NULL, STAMP "_unknown-31ed6d50");
	check_stem("a\n@b", PERSON, NULL, STAMP "_unknown-31ed6d50");
	check_stem(NULL, "", NULL, STAMP "_unknown-");
	assert_uint_in_range(strlen(stem), 200, NAME_STEM_MAX_BYTES);
}

static void test_parse_message(void **state)
{
	static const char *const bad[] = {
		"post",
		"notes.txt",
		STAMP ".txt",
		STAMP "_.txt",
		STAMP "_a",
		STAMP "_a.txt~",
		STAMP "_a.TXT",
		STAMP "_a.pdf",
		STAMP "_a~.txt",
		STAMP "_a~xyz.txt",
		STAMP "_a~0A.txt",
		STAMP "_a~0a~0b.txt",
		STAMP "_a~0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0.txt",
		STAMP "_a b.txt",
		STAMP "_.a.txt",
		STAMP "_-a.txt",
		STAMP "_a\xFF.txt",
		STAMP "-a.txt",
		"2025-03-04T09:20:31.507Z_a.txt",
		"2025-02-30T09-20-31.507Z_a.txt",
		"",
		".txt",
	};
	_cleanup_gfree_ char *wide = g_strnfill(300, 'a');
	_cleanup_gfree_ char *too_long = g_strconcat(STAMP "_", wide, ".txt", NULL);
	enum name_twin twin;
	size_t len;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		if (name_parse_message(bad[i], &len, &twin))
			fail_msg("taken for a message: %s", bad[i]);
	}
	assert_false(name_parse_message(too_long, &len, &twin));
	assert_true(name_parse_message(STAMP "_a.txt.md", &len, &twin));
	assert_int_equal(twin, NAME_MD);
	assert_int_equal(len, strlen(STAMP "_a.txt"));
}

static void test_address(void **state)
{
	static const char *const good[] = {"a@b", "alice@example.com",
					   "o'neil+x@sub.example.org",
					   "j\xC3\xB6rg@example.com"};
	static const char *const bad[] = {
		"",	 "a",	 "@",	 "a@",	  "@b",	     "a@b@c",	       "a b@c",
		"a@b\n", "-a@b", ".a@b", "a/b@c", "a@b\xFF", "a@\xE2\x80\xAE."};
	_cleanup_gfree_ char *local = g_strnfill(252, 'a');
	_cleanup_gfree_ char *longest = g_strconcat(local, "@b", NULL);
	_cleanup_gfree_ char *too_long = g_strconcat(local, "@bc", NULL);

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
		assert_true(name_is_address(good[i]));
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		assert_false(name_is_address(bad[i]));
	assert_true(name_is_address(longest));
	assert_false(name_is_address(too_long));
}

static void test_scratch(void **state)
{
	static const char *const scratch[] = {"4913",
					      "5036",
					      "5159",
					      ".note.txt.swp",
					      ".note.txt.swx",
					      "note.txt~",
					      "#note.txt#",
					      ".#note.txt",
					      "sedAb12cd",
					      "sed000000",
					      ".a.txt.Ab12cd",
					      ".goutputstream-ABC123",
					      ".fuse_hidden0001",
					      ".nfs0001",
					      "._a.txt",
					      ".DS_Store",
					      "a.pdf.part",
					      "a.crdownload",
					      "lu8231ab.tmp",
					      ".~lock.a.odt#",
					      ".~tmp~",
					      ".a.save",
					      ".git",
					      "Thumbs.db",
					      "desktop.ini",
					      ".hidden"};
	static const char *const real[] = {
		"note.txt",   "sedation", "sedative.txt", "sedalpha_", "sedanlike", "4912",
		"4914",	      "49130",	  "20250304",	  "~",	       "#",	    "##",
		"part",	      "part.txt", "tmp",	  "x.save",    "a~b",	    "#1 issue",
		"crdownload", "a.party",  "thumbs",	  "post",      "sedABCDE",  "9999"};
	static const char *const trash[] = {".Trash", ".Trash-0", ".Trash-1000", ".Trashes"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(scratch); i++) {
		if (!name_is_scratch(scratch[i]) || name_is_trash(scratch[i]))
			fail_msg("not taken for scratch: %s", scratch[i]);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(real); i++) {
		if (name_is_scratch(real[i]) || name_is_trash(real[i]))
			fail_msg("taken for scratch: %s", real[i]);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(trash); i++)
		assert_true(name_is_trash(trash[i]) && !name_is_scratch(trash[i]));
}

static void test_kept_beside(void **state)
{
	static const char *const beside[] = {"a.txt~",	   "#a.txt#", ".#a.txt",
					     ".a.txt.swp", ".swo",    ".~lock.a.odt#"};
	static const char *const renamed[] = {
		"a.tmp", ".a.txt.Xa1b2c", "ziAb12Cd", "a.swp", "~", ".", "", ".a"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(beside); i++)
		assert_true(name_is_kept_beside(beside[i]));
	for (size_t i = 0; i < G_N_ELEMENTS(renamed); i++)
		assert_false(name_is_kept_beside(renamed[i]));
}

static bool is_passing(const char *name, const char *comm, bool is_exclusive, bool is_private)
{
	return name_is_passing(name, &(struct name_birth){.comm = comm,
							  .is_exclusive = is_exclusive,
							  .is_private = is_private});
}

/* sparkfs(1) lists them; tests/e2e/test_passing.py compares. */
static void test_meant(void **state)
{
	static const char *const meant[] = {".bashrc",	    ".env",	 ".notes.backup",
					    "report~",	    "data.tmp",	 "movie.part",
					    "a.crdownload", "Thumbs.db", ".x.tmp",
					    "desktop.ini",  "lu.tmp",	 "lunch2.tmp"};
	static const char *const quiet[] = {"4913",
					    ".a.swp",
					    ".post.swpx",
					    ".#a",
					    "#a#",
					    ".~lock.a.odt#",
					    "sedAb12cd",
					    ".a.Xy12Zw",
					    ".DS_Store",
					    "._a",
					    "lu8231ab.tmp",
					    ".a.kate-swp",
					    ".nfs01",
					    ".goutputstream-AB12CD",
					    ".unison.a.bin.0123456789abcdef.unison.tmp",
					    "report.pdf",
					    ".Trash"};

	(void)state;
	/* Its random end may look like a word. */
	assert_true(name_is_made_for(".data.tmp.JZULS0", "data.tmp"));
	assert_true(name_is_made_for(".gitignore.fzqydh", ".gitignore"));
	assert_false(name_is_made_for(".gitignore.backups", ".gitignore"));
	assert_false(name_is_made_for(".data.tmp.JZULS0", "data"));
	for (size_t i = 0; i < G_N_ELEMENTS(meant); i++) {
		if (!name_is_meant(meant[i]))
			fail_msg("not told: %s", meant[i]);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(quiet); i++) {
		if (name_is_meant(quiet[i]))
			fail_msg("told: %s", quiet[i]);
	}
	assert_true(name_is_lock(".#a") && name_is_lock(".~lock.a.odt#"));
	assert_false(name_is_lock(".a") || name_is_lock("#a#"));
}

/* The program's own passing files may look like a word. */
static void test_scratch_of(void **state)
{
	const struct name_birth sqlite = {.comm = "any", .is_guarded = true};

	(void)state;
	assert_true(is_passing("sedtmcdqd", "sed", true, true));
	assert_true(is_passing("sedAb12cd", "sed", false, false));
	assert_true(is_passing("ziP8gqfi", "zip", false, false));
	assert_true(is_passing("f.txt.ovFku9B", "patch", false, false));
	assert_true(is_passing("f.txt.rcosmic", "patch", false, false));
	assert_true(is_passing("f.txt.orig", "patch", false, false));
	assert_true(is_passing("f.txt.rej", "patch", false, false));
	assert_true(name_is_passing("x.db-journal", &sqlite));
	assert_true(name_is_passing("x.db-wal", &sqlite));
	assert_false(name_is_passing("x.db", &sqlite));
	assert_false(name_is_passing("-wal", &sqlite));
	assert_false(is_passing("my-journal", "vim", false, false));
	assert_false(is_passing("f.txt.rej", "cp", false, false));
	assert_false(is_passing("f.txt", "patch", false, false));
	assert_false(is_passing("zimbabwe", "cp", false, false));
	assert_false(is_passing("z.zip", "zip", false, false));
	assert_false(is_passing("sedtmcdqd", "bash", false, false));
	assert_false(is_passing("sedation", "sed", false, false));
	assert_false(is_passing("sedative.", "sed", false, false));
	assert_false(is_passing("note.txt1", "sed", false, false));
	assert_false(is_passing("", "sed", true, true));
}

/* What mkstemp and its like make, as strace showed it; and names that only look alike. */
static const char *const temporary[] = {"XX3YMjpu",
					"XXlsnfyt",
					"d2utmp6g5KYj",
					"d2utmpabcdef",
					"f.txt.gawk.5gFqVN",
					"f.txt.gawk.abcdef",
					"ziVGxS0t",
					"sedvUpG4s",
					"stOyBU7S",
					"stabcdef",
					"vYSFivtr6c",
					"out.nDK2sp",
					"tmp.mIwmlGlXPl",
					"tmp.abcdefghij",
					"tmpkvadajyt",
					"tmp3fk2ab_9.txt",
					"report-x7k2mq1b.pdf",
					"f.txtAb1CdE",
					"name.Xy12Zw.html",
					"data1234567890",
					"upload-987654321.bin"};
static const char *const plain[] = {"h.txt",
				    "report.txt",
				    "Report",
				    "REPORT.TXT",
				    "report-final2.pdf",
				    "notes.sqlite",
				    "quarterly.txt",
				    "IMG_1234.jpg",
				    "DSC01234.JPG",
				    "backup-20261129.tar",
				    "a",
				    "",
				    "Screenshot2026.png",
				    "minutes 2026-11-29.txt",
				    "XX",
				    "tmp"};

static void test_passing_by_birth(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(temporary); i++) {
		if (!is_passing(temporary[i], "any", true, true))
			fail_msg("not taken for a temporary file: %s", temporary[i]);
		/* cp, mv, tar, install -m 600: for writing only. */
		if (is_passing(temporary[i], "any", false, true) !=
		    name_is_scratch(temporary[i]))
			fail_msg("cp's taken for a temporary file: %s", temporary[i]);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
		if (is_passing(plain[i], "any", true, true))
			fail_msg("taken for a temporary file: %s", plain[i]);
	}
}

static void test_passing_that_looks_like_a_word(void **state)
{
	struct name_birth birth = {.comm = "python3",
				   .is_exclusive = true,
				   .is_private = true,
				   .is_guarded = true};

	(void)state;
	/* Python's, whose eight characters look like a word. */
	assert_true(name_is_passing("report-kvadajyt.txt", &birth));
	assert_false(name_is_passing("report.txt", &birth));
	/* If the program asked for the mode, the tail is random, though it looks like a word. */
	birth = (struct name_birth){
		.comm = "mktemp", .is_exclusive = true, .is_private = true, .is_chosen = true};
	assert_true(name_is_passing("out.tuqjeq", &birth));
	assert_true(name_is_passing("f.txtabcdef", &birth));
	assert_false(name_is_passing("report.txt", &birth));
	/* GLib's has the mode of the file, git's lock too. */
	assert_true(is_passing("settings.ini.X7aBc9", "any", true, false));
	assert_true(is_passing("config.lock", "git", true, false));
	assert_false(is_passing("yarn.lock", "cp", false, false));
	assert_false(is_passing("IMG.Final", "any", true, false));
	assert_false(is_passing("out.nDK2sp", "any", false, false));
}

static void expect_version(const char *name, const char *hex, const char *version)
{
	g_autofree char *made = name_version(name, CREATED_MS, hex);
	int64_t created_ms;

	assert_string_equal(made, version);
	assert_true(name_parse_version(made, &created_ms));
	assert_int_equal(created_ms, CREATED_MS);
}

static void test_version(void **state)
{
	g_autofree char *ex = g_strnfill(250, 'x');
	g_autofree char *name = g_strconcat(ex, ".pdf", NULL);
	g_autofree char *long_version = name_version(name, CREATED_MS, NULL);
	int64_t ms;

	(void)state;
	expect_version("report.pdf", NULL, "report~" STAMP ".pdf");
	expect_version("a.tar.gz", "0123abcd", "a.tar~" STAMP "~0123abcd.gz");
	expect_version("README", NULL, "README~" STAMP);
	expect_version("x.", NULL, "x.~" STAMP);
	expect_version("x.not an ending", NULL, "x.not an ending~" STAMP);
	expect_version("a~b.txt", NULL, "a~b~" STAMP ".txt");
	/* A version that was saved and sent again. */
	expect_version("a~2020-01-02T03-04-05.678Z.txt", NULL,
		       "a~2020-01-02T03-04-05.678Z~" STAMP ".txt");
	assert_int_equal(strlen(long_version), NAME_MAX_BYTES);
	assert_true(g_str_has_suffix(long_version, "x~" STAMP ".pdf"));
	assert_false(name_parse_version("report.pdf", &ms));
	assert_false(name_parse_version("report~2025.pdf", &ms));
	assert_false(name_parse_version("~", &ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_title),
		cmocka_unit_test(test_cut_at_a_character),
		cmocka_unit_test(test_to_title),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_suffix),
		cmocka_unit_test(test_message_stem),
		cmocka_unit_test(test_parse_message),
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_scratch),
		cmocka_unit_test(test_meant),
		cmocka_unit_test(test_kept_beside),
		cmocka_unit_test(test_scratch_of),
		cmocka_unit_test(test_passing_by_birth),
		cmocka_unit_test(test_passing_that_looks_like_a_word),
		cmocka_unit_test(test_version),
	};

	return cmocka_run_group_tests_name("base names", tests, NULL, NULL);
}
