/* SPDX-License-Identifier: MIT */
/* Drafts of text. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draft_kit.h"

static void expect_take(struct draft *d, const char *text)
{
	size_t len = 0;
	char *body = NULL;

	assert_int_equal(draft_take(d, &body, &len, NULL, NULL), 0);
	assert_string_equal(body, text);
	assert_int_equal(len, strlen(text));
	assert_false(draft_is_dirty(d));
	assert_int_equal(draft_size(d), 0);
	g_free(body);
}

/* ---- text ---- */

static void a_text_is_taken_without_its_newlines(void **state)
{
	struct draft *d = new_draft(LETTER_TEXT);

	(void)state;
	assert_false(draft_is_dirty(d));
	assert_int_equal(draft_write(d, "", 0, 0, false), 0);
	assert_false(draft_is_dirty(d));
	put(d, "hello\nworld\n\n", 0);
	assert_true(draft_is_dirty(d));
	assert_int_equal(draft_size(d), 13);
	expect_take(d, "hello\nworld");
	put(d, "\n\n", 0);
	assert_true(draft_is_dirty(d));
	expect_take(d, "");
	draft_unref(&d);
	assert_null(d);
	draft_unref(&d);
}

/* exec 3>post; echo one >&3; echo two >&3 */
static void a_shell_goes_on_at_its_offset(void **state)
{
	struct draft *d = new_draft(LETTER_TEXT);

	(void)state;
	put(d, "one\n", 0);
	expect_take(d, "one");
	put(d, "two\n", 4);
	put(d, "more\n", 8);
	expect_take(d, "two\nmore");
	put(d, "three", 4711);
	expect_take(d, "three");
	draft_unref(&d);
}

static void appending_ignores_the_offset(void **state)
{
	struct draft *d = new_draft(LETTER_MARKDOWN);

	(void)state;
	assert_int_equal(draft_write(d, "a", 1, 500, true), 1);
	assert_int_equal(draft_write(d, "b", 1, 0, true), 1);
	assert_int_equal(draft_write(d, "c", 1, 99999, true), 1);
	expect_take(d, "abc");
	draft_unref(&d);
}

static void writes_may_overlap_and_go_back(void **state)
{
	struct draft *d = new_draft(LETTER_TEXT);

	(void)state;
	put(d, "world", 106);
	put(d, "hello ", 100);
	put(d, "W", 106);
	put(d, "lds!", 109);
	expect_take(d, "hello Worlds!");
	put(d, "b", 10);
	/* Over what is there, and past it. */
	put(d, "abc", 9);
	expect_take(d, "abc");
	draft_unref(&d);
}

static void a_hole_is_refused(void **state)
{
	struct draft *d = new_draft(LETTER_TEXT);

	(void)state;
	put(d, "abc", 10);
	assert_int_equal(draft_write(d, "x", 1, 14, false), -EILSEQ);
	assert_int_equal(draft_write(d, "x", 1, 8, false), -EILSEQ);
	assert_int_equal(draft_write(d, "x", 1, INT64_MAX, false), -EILSEQ);
	assert_int_equal(draft_write(d, "x", 1, -1, false), -EINVAL);
	expect_take(d, "abc");
	draft_unref(&d);
}

static void a_message_has_7439_bytes(void **state)
{
	struct draft *d = new_draft(LETTER_TEXT);
	char *max = fill(DRAFT_MESSAGE_MAX, 'x'), *more = fill(DRAFT_MESSAGE_MAX + 1, 'x');

	(void)state;
	assert_int_equal(draft_write(d, more, DRAFT_MESSAGE_MAX + 1, 0, false), -EFBIG);
	assert_false(draft_is_dirty(d));
	put(d, max, 0);
	put(d, "\n\n\n", DRAFT_MESSAGE_MAX);
	/* Behind the newlines they count. */
	assert_int_equal(draft_write(d, "y", 1, DRAFT_MESSAGE_MAX + 3, false), -EFBIG);
	assert_int_equal(draft_write(d, "y", 1, DRAFT_MESSAGE_MAX, false), -EFBIG);
	expect_take(d, max);
	draft_unref(&d);
	g_free(max);
	g_free(more);
}

static void newlines_end_too(void **state)
{
	struct draft *d = new_draft(LETTER_TEXT);
	char *newlines = fill(DRAFT_TEXT_RAW_MAX, '\n');

	(void)state;
	put(d, newlines, 0);
	assert_int_equal(draft_write(d, "\n", 1, DRAFT_TEXT_RAW_MAX, false), -EFBIG);
	expect_take(d, "");
	draft_unref(&d);
	g_free(newlines);
}

static void json_has_a_size_of_its_own(void **state)
{
	struct draft *d = new_draft(LETTER_JSON);
	char *max = fill(DRAFT_JSON_MAX, '1');

	(void)state;
	put(d, max, 0);
	assert_int_equal(draft_write(d, "1", 1, DRAFT_JSON_MAX, false), -EFBIG);
	assert_int_equal(draft_write(d, "\0", 1, 0, false), -EILSEQ);
	expect_take(d, max);
	draft_unref(&d);
	g_free(max);
}

static void characters_may_be_cut_between_writes(void **state)
{
	static const char text[] = "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80";
	struct draft *d = new_draft(LETTER_TEXT);
	size_t len = 0;
	char *body = NULL;

	(void)state;
	for (int64_t i = 0; text[i]; i++)
		assert_int_equal(draft_write(d, text + i, 1, i, false), 1);
	expect_take(d, text);
	/* At the end of the text it is refused. */
	put(d, "a\xE2\x82", 0);
	assert_int_equal(draft_take(d, &body, &len, NULL, NULL), -EILSEQ);
	assert_null(body);
	assert_true(draft_is_dirty(d));
	assert_int_equal(draft_write(d, "b", 1, 3, false), -EILSEQ);
	put(d, "\xAC", 3);
	expect_take(d, "a\xE2\x82\xAC");
	draft_unref(&d);
}

static void what_is_no_text_is_refused(void **state)
{
	static const char *const bad[] = {
		"\xFF",
		"\x80",
		"\xC0\x80",
		"a\xC3(",
		"\xED\xA0\x80",
		"\xF5\x80\x80\x80",
		"ok then \xE2(\xA1",
	};
	struct draft *d = new_draft(LETTER_TEXT);

	(void)state;
	put(d, "before ", 0);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		assert_int_equal(draft_write(d, bad[i], strlen(bad[i]), 7, false), -EILSEQ);
	assert_int_equal(draft_write(d, "a\0b", 3, 7, false), -EILSEQ);
	assert_int_equal(draft_write(d, "\0", 1, 7, false), -EILSEQ);
	put(d, "after", 7);
	expect_take(d, "before after");
	draft_unref(&d);
}

/* A program that writes over an old text in blocks which cut a character. */
static void an_old_text_may_be_written_over_in_blocks(void **state)
{
	struct draft *d = new_draft(LETTER_TEXT);
	char *body = NULL;
	size_t len;

	(void)state;
	assert_int_equal(draft_load(d, "abcdefgh\n", 9), 0);
	assert_false(draft_is_dirty(d));
	put(d, "12\xE2\x82", 0);
	assert_int_equal(draft_take(d, &body, &len, NULL, NULL), -EILSEQ);
	put(d, "\xAC", 4);
	expect_take(d, "12\xE2\x82\xAC"
		       "fgh");
	draft_unref(&d);
}

static void a_loaded_text_is_edited_in_place(void **state)
{
	struct draft *d = new_draft(LETTER_TEXT);
	char buf[16] = "";

	(void)state;
	assert_int_equal(draft_load(d, "old text\n", 9), 0);
	assert_int_equal(draft_read(d, buf, 4, 4), 4);
	assert_string_equal(buf, "text");
	assert_int_equal(draft_read(d, buf, 4, 9), 0);
	assert_int_equal(draft_read(d, buf, 4, -1), -EINVAL);
	assert_int_equal(draft_write(d, "more\n", 5, 0, true), 5);
	expect_take(d, "old text\nmore");
	/* vim: cut off, then write. */
	assert_int_equal(draft_load(d, "old text\n", 9), 0);
	assert_int_equal(draft_truncate(d, 0), 0);
	assert_false(draft_is_dirty(d));
	put(d, "new\n", 0);
	expect_take(d, "new");
	char *big = fill(DRAFT_TEXT_RAW_MAX + 1, 'x');
	assert_int_equal(draft_load(d, big, DRAFT_TEXT_RAW_MAX + 1), -EFBIG);
	g_free(big);
	draft_unref(&d);
}

static void a_text_is_cut_by_a_truncation(void **state)
{
	struct draft *d = new_draft(LETTER_TEXT);

	(void)state;
	assert_int_equal(draft_truncate(d, 100), 0);
	assert_int_equal(draft_truncate(d, -1), -EINVAL);
	put(d, "one\n", 0);
	expect_take(d, "one");
	put(d, "caf\xC3\xA9!", 4);
	assert_int_equal(draft_truncate(d, 11), -EILSEQ);
	assert_int_equal(draft_truncate(d, 10), 0);
	/* Inside the character, which the next write completes. */
	assert_int_equal(draft_truncate(d, 8), 0);
	assert_int_equal(draft_write(d, "x", 1, 8, false), -EILSEQ);
	put(d, "\xA9", 8);
	assert_int_equal(draft_truncate(d, 9), 0);
	expect_take(d, "caf\xC3\xA9");
	draft_unref(&d);
}

/* Offsets count from the first byte of a text, which may be anywhere. */
static void sizes_that_nothing_has_are_refused(void **state)
{
	static const enum letter_form forms[] = {LETTER_TEXT, LETTER_JSON, LETTER_FILE};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
		struct draft *d = new_draft(forms[i]);

		assert_int_equal(draft_truncate(d, INT64_MAX), -EFBIG);
		assert_int_equal(draft_truncate(d, INT64_MIN), -EINVAL);
		assert_int_equal(draft_write(d, "ab", 2, INT64_MIN, false), -EINVAL);
		put(d, "{}", 0);
		assert_int_equal(draft_truncate(d, INT64_MAX), -EFBIG);
		assert_int_equal(draft_write(d, "ab", 2, INT64_MAX, false),
				 forms[i] == LETTER_FILE ? -EFBIG : -EILSEQ);
		assert_int_equal(draft_size(d), 2);
		draft_unref(&d);
	}
}

static void a_text_may_begin_anywhere(void **state)
{
	struct draft *d = new_draft(LETTER_TEXT);
	char buf[8];

	(void)state;
	put(d, "far", INT64_MAX);
	expect_take(d, "far");
	assert_int_equal(draft_truncate(d, INT64_MAX), 0);
	put(d, "far", INT64_MAX - 3);
	assert_int_equal(draft_truncate(d, INT64_MAX), 0);
	assert_int_equal(draft_truncate(d, INT64_MAX - 1), 0);
	assert_int_equal(draft_write(d, "near", 4, 0, false), -EILSEQ);
	assert_int_equal(draft_read(d, buf, sizeof(buf), 0), 0);
	assert_int_equal(draft_read(d, buf, sizeof(buf), INT64_MAX), 0);
	expect_take(d, "fa");
	/* The size may count bytes that were sent. */
	assert_int_equal(draft_truncate(d, INT64_MAX - 1), 0);
	put(d, "b", 1);
	assert_int_equal(draft_truncate(d, 0), 0);
	assert_int_equal(draft_size(d), 0);
	draft_unref(&d);
}

static void what_a_dying_writer_left_is_taken_raw(void **state)
{
	struct draft *d = new_draft(LETTER_TEXT);
	char *body = NULL;
	size_t len = 0;

	(void)state;
	put(d, "half \xE2", 0);
	assert_false(draft_is_tainted(d));
	draft_taint(d);
	assert_true(draft_is_tainted(d));
	assert_int_equal(draft_take_raw(d, &body, &len, NULL, NULL), 0);
	assert_string_equal(body, "half \xE2");
	assert_int_equal(len, 6);
	assert_false(draft_is_tainted(d));
	assert_false(draft_is_dirty(d));
	g_free(body);
	put(d, "next\n\n", 6);
	assert_int_equal(draft_take_raw(d, &body, &len, NULL, NULL), 0);
	assert_string_equal(body, "next\n\n");
	g_free(body);
	draft_unref(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		draft_test(a_text_is_taken_without_its_newlines),
		draft_test(a_shell_goes_on_at_its_offset),
		draft_test(appending_ignores_the_offset),
		draft_test(writes_may_overlap_and_go_back),
		draft_test(a_hole_is_refused),
		draft_test(a_message_has_7439_bytes),
		draft_test(newlines_end_too),
		draft_test(json_has_a_size_of_its_own),
		draft_test(characters_may_be_cut_between_writes),
		draft_test(what_is_no_text_is_refused),
		draft_test(an_old_text_may_be_written_over_in_blocks),
		draft_test(a_loaded_text_is_edited_in_place),
		draft_test(a_text_is_cut_by_a_truncation),
		draft_test(sizes_that_nothing_has_are_refused),
		draft_test(a_text_may_begin_anywhere),
		draft_test(what_a_dying_writer_left_is_taken_raw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
