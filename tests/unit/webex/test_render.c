/* SPDX-License-Identifier: MIT */
/* Messages as files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "webex/render.h"

static void check_html(const char *html, const char *wanted)
{
	GString *out = g_string_new("before:");

	webex_html_to_text(html, out);
	assert_string_equal(out->str + strlen("before:"), wanted);
	g_string_free(out, TRUE);
}

static void test_html(void **state)
{
	(void)state;
	check_html("", "");
	check_html("<p>See the <strong>draft</strong></p>", "See the draft");
	check_html("<p>one</p><p>two</p>", "one\ntwo");
	check_html("  a \n\t b  ", "a b");
	check_html("a<br>b<BR/>c<br />d", "a\nb\nc\nd");
	check_html("<ul>\n <li>x</li>\n <li>y</li>\n</ul>after", "x\ny\nafter");
	check_html("<pre>a\n  b\n\nc</pre>", "a\n  b\n\nc");
	check_html("<h1>T</h1>text<blockquote>q</blockquote>", "T\ntext\nq");
	check_html("a &lt;b&gt; &amp;amp; &quot;c&#39;&#x1F600;&nbsp;&hellip;",
		   "a <b> &amp; \"c'\xf0\x9f\x98\x80 \xe2\x80\xa6");
	check_html("&unknown; &amp &; &#; &#x; &#xZZ; &#1114112; &#55296;",
		   "&unknown; &amp &; &#; &#x; &#xZZ; \xef\xbf\xbd \xef\xbf\xbd");
	check_html("&#0;&#27;[1m&#10;x", "\xef\xbf\xbd\xef\xbf\xbd[1m x");
	check_html("1 < 2 > 1 <3 <>", "1 < 2 > 1 <3 <>");
	check_html("<spark-mention data-object-type=\"person\" data-object-id=\"X\">Bob"
		   "</spark-mention> hi",
		   "Bob hi");
	check_html("a<!-- <p>no</p> -->b<!DOCTYPE x><?php y?>c", "abc");
	check_html("a<script>x<y</script>b<STYLE>z</STYLE >c", "ab");
	check_html("<a title=\"x > y\" href='>'>link</a>", "link");
	check_html("<a title=\"never closed>text", "text");
	check_html("text <b", "text <b");
	check_html("text <a x=\"<b>c</b>", "text c");
	check_html("<!-- open", "");
	check_html("<pretend>x</pretend><p-q>y</p-q>z", "xyz");
	check_html("\xff"
		   "a",
		   "\xef\xbf\xbd"
		   "a");
}

/* What would be quadratic takes seconds; the sanitizers' own strstr is. */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                           \
	__has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LONG_BYTES (64 * 1024)
#else
#define LONG_BYTES (1024 * 1024)
#endif

static void test_html_is_linear(void **state)
{
	static const char *const parts[] = {"<",  "<a",	  "<a\"",     "<a '\"",
					    "&",  "<!--", "<script>", "<spark-mention",
					    "</", "<p",	  "<pre>"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		GString *html = g_string_new(NULL), *out = g_string_new(NULL);
		while (html->len < LONG_BYTES)
			g_string_append(html, parts[i]);
		clock_t start = clock();
		webex_html_to_text(html->str, out);
		assert_true(out->len <= 3 * html->len);
		struct webex_message m = {.markdown = html->str};
		webex_render_md(&m, out);
		assert_true(clock() - start < 2 * CLOCKS_PER_SEC);
		g_string_free(html, TRUE);
		g_string_free(out, TRUE);
	}
}

typedef void (*render_fn)(const struct webex_message *m, GString *out);

static void check(render_fn render, const struct webex_message *m, const char *wanted)
{
	GString *out = g_string_new("x");

	render(m, out);
	assert_string_equal(out->str + 1, wanted);
	g_string_free(out, TRUE);
}

#define MENTION                                                                                \
	"<spark-mention data-object-type=\"person\" "                                          \
	"data-object-id=\"PID\">Bob</spark-mention>"

static void test_txt(void **state)
{
	char *one[] = {(char *)"https://h/v1/contents/AAA?allow=x", NULL};
	char *two[] = {(char *)"https://h/v1/contents/AAA", (char *)"BBB", NULL};

	(void)state;
	check(webex_render_txt, &(struct webex_message){.text = (char *)"hi"}, "hi\n");
	check(webex_render_txt,
	      &(struct webex_message){.text = (char *)"hi\n\n", .markdown = (char *)"no"},
	      "hi\n\n");
	check(webex_render_txt,
	      &(struct webex_message){.markdown = (char *)"*m* " MENTION, .html = (char *)"no"},
	      "*m* <@personId:PID|Bob>\n");
	check(webex_render_txt, &(struct webex_message){.html = (char *)"<p>a</p><p>b</p>"},
	      "a\nb\n");
	check(webex_render_txt, &(struct webex_message){.files = one}, "[file: AAA]\n");
	check(webex_render_txt, &(struct webex_message){.files = two},
	      "[file: AAA]\n[file: BBB]\n");
	check(webex_render_txt, &(struct webex_message){.attachments = (char *)"[{}]"},
	      "[card]\n");
	check(webex_render_txt, &(struct webex_message){.html = (char *)"<p></p>"},
	      "[empty message]\n");
}

static void test_md(void **state)
{
	(void)state;
	check(webex_render_md, &(struct webex_message){.text = (char *)"hi"}, "hi\n");
	check(webex_render_md, &(struct webex_message){.markdown = (char *)"a " MENTION " b\n"},
	      "a <@personId:PID|Bob> b\n");
	check(webex_render_md,
	      &(struct webex_message){
		      .markdown = (char *)"<spark-mention data-object-type=\"groupMention\" "
					  "data-group-type=\"all\">All</spark-mention>!"},
	      "<@all>!\n");
	check(webex_render_md,
	      &(struct webex_message){.markdown = (char *)"<spark-mention "
							  "data-object-type=\"groupMention\">"
							  "All</spark-mention>"},
	      "<@all>\n");
	/* What is not of the form stays as it is. */
	check(webex_render_md,
	      &(struct webex_message){.markdown =
					      (char *)"<spark-mention data-object-id=\"a/b\">"
						      "B</spark-mention>" MENTION},
	      "<spark-mention data-object-id=\"a/b\">B</spark-mention><@personId:PID|Bob>\n");
	check(webex_render_md,
	      &(struct webex_message){.markdown = (char *)"<spark-mention <spark-mention x>"},
	      "<spark-mention <spark-mention x>\n");
}

static void test_html_file(void **state)
{
	(void)state;
	check(webex_render_html, &(struct webex_message){.html = (char *)"<p>a</p>"},
	      "<p>a</p>\n");
	check(webex_render_html, &(struct webex_message){.text = (char *)"a<b>\n&c"},
	      "<p>a&lt;b&gt;<br/>&amp;c</p>\n");
	check(webex_render_html, &(struct webex_message){.attachments = (char *)"[{}]"},
	      "<p>[card]</p>\n");
}

static void test_transcript(void **state)
{
	struct webex_message m = {
		.text = (char *)"one\r\ntwo\x1b[2J\n\tthree\xe2\x80\xae\n\n",
		.person_email = (char *)"bob@example.org\nEve: lie",
		.created_ms = 1741080302040,
	};

	(void)state;
	setenv("TZ", "CET-1", 1);
	tzset();
	check(webex_render_transcript, &m,
	      "2025-03-04 10:25 +0100 bob@example.org Eve: lie: one\n"
	      "  two\xef\xbf\xbd[2J\n  \tthree\xef\xbf\xbd\n");
	m.parent_id = (char *)"P";
	m.person_email = NULL;
	m.text = (char *)"x";
	check(webex_render_transcript, &m, "2025-03-04 10:25 +0100 unknown: \xe2\x86\xb3 x\n");
}

static uint32_t rolled = 1;

static unsigned roll(unsigned sides)
{
	rolled = rolled * 1664525 + 1013904223;
	return (rolled >> 8) % sides;
}

/* Owned; NULL at times. */
static char *any_text(unsigned odd)
{
	static const char *const pieces[] = {
		"a",
		"b c",
		"\n",
		"\n\n",
		"\xc3\xbc",
		"\xe2\x80\x99",
		"\xf0\x9f\x8e\xa8",
		"\xc2\xa0",
		"\t",
		"\r\n",
		"\r",
		"\x1b",
		"\x7f",
		"\xc2\x85",
		"\xe2\x80\xaa",
		"\xe2\x80\xaf",
		"\xe2\x81\xa5",
		"\xe2\x81\xa9",
		"\xff",
		"\xe2\x80",
		"\xd8\x9c",
		"\xe2\x80\x8e",
		"<b>",
	};
	GString *out = g_string_new(NULL);

	if (roll(8) == 0)
		return g_string_free(out, TRUE);
	for (unsigned n = roll(8); n > 0; n--)
		g_string_append(out, pieces[roll(roll(odd) ? 8 : G_N_ELEMENTS(pieces))]);
	return g_string_free(out, FALSE);
}

static char *contents[] = {(char *)"https://x/contents/1", NULL};

/* The same ones in the same order wherever it runs: one roll after the other. */
static void any_message(struct webex_message *ret_message)
{
	*ret_message = (struct webex_message){.created_ms = 1741080302040};
	ret_message->text = any_text(6);
	ret_message->markdown = roll(3) ? NULL : any_text(6);
	ret_message->html = roll(3) ? NULL : any_text(6);
	ret_message->files = roll(6) ? NULL : contents;
	ret_message->person_email = roll(4) ? g_strdup("bob@example.com") : any_text(4);
	ret_message->parent_id = roll(3) ? NULL : contents[0];
}

static void any_message_free(struct webex_message *m)
{
	g_free(m->text);
	g_free(m->markdown);
	g_free(m->html);
	g_free(m->person_email);
}

/* What is said of a message without making its bytes. */
static void test_sizes(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		GString *out = g_string_new(NULL);
		struct webex_message m;

		any_message(&m);
		webex_render_transcript(&m, out);
		assert_int_equal(webex_render_transcript_size(&m), out->len);
		g_string_truncate(out, 0);
		webex_render_txt(&m, out);
		assert_int_equal(webex_render_txt_size(&m), out->len);
		g_string_free(out, TRUE);
		any_message_free(&m);
	}
}

/*
 * Stores keep sizes of these forms. If this fails, a byte of them has changed: WEBEX_TEXT_FORM goes up
 * by one, and the digest here is that of the new form.
 */
#define FORM_DIGEST "166f04b4c053ec418a79b1ef82c743369deddbf0d5263eb60d2076f370a1a5e5"

static void test_a_form_that_changes_has_another_version(void **state)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

	(void)state;
	setenv("TZ", "CET-1", 1);
	tzset();
	rolled = 1;
	for (int i = 0; i < 2000; i++) {
		GString *out = g_string_new(NULL);
		struct webex_message m;

		any_message(&m);
		webex_render_txt(&m, out);
		webex_render_transcript(&m, out);
		g_checksum_update(sum, (const guchar *)out->str, (gssize)out->len);
		g_string_free(out, TRUE);
		any_message_free(&m);
	}
	assert_int_equal(WEBEX_TEXT_FORM, 1);
	assert_string_equal(g_checksum_get_string(sum), FORM_DIGEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_html),
		cmocka_unit_test(test_html_is_linear),
		cmocka_unit_test(test_txt),
		cmocka_unit_test(test_md),
		cmocka_unit_test(test_html_file),
		cmocka_unit_test(test_transcript),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_a_form_that_changes_has_another_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
