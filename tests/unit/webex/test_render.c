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
#include "base/timefmt.h"
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
	check_html("<ul>\n <li>x</li>\n <li>y</li>\n</ul>after", "- x\n- y\nafter");
	check_html("do<ol start=\"9\"><li>a<ul><li>b</li></ul></li><li>c<br>d</li></ol>",
		   "do\n9. a\n   - b\n10. c\n    d");
	check_html("<pre>a\n  b\n\nc</pre>", "a\n  b\n\nc");
	check_html("<h1>T</h1>text<blockquote>q</blockquote>", "T\ntext\n> q");
	check_html("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
		   "a | b\nc");
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
#define CODE_BYTES LONG_BYTES
#else
/* As long as a text can be (model.h). */
#define LONG_BYTES (256 * 1024)
#define CODE_BYTES (8 * LONG_BYTES)
#endif

static void test_html_is_linear(void **state)
{
	static const char *const parts[] = {"<",
					    "<a",
					    "<a\"",
					    "<a '\"",
					    "&",
					    "<!--",
					    "<script>",
					    "<spark-mention",
					    "</",
					    "<p",
					    "<pre>",
					    "<pre>\n",
					    "\r",
					    "<li>",
					    "<code><p>",
					    "<ul><blockquote>",
					    "<b>x<i>",
					    "<a href='&amp;'>",
					    "<pre>x</pre>\r"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		GString *html = g_string_new(NULL), *out = g_string_new(NULL);
		while (html->len < LONG_BYTES)
			g_string_append(html, parts[i]);
		clock_t start = clock();
		webex_html_to_text(html->str, out);
		assert_true(out->len <= 16 * html->len);
		g_string_truncate(out, 0);
		webex_html_to_markdown(html->str, out);
		assert_true(out->len <= 16 * html->len);
		struct webex_message m = {.markdown = html->str};
		webex_render_md(&m, out);
		m.text = html->str;
		m.html = html->str;
		webex_render_txt(&m, out);
		assert_true(clock() - start < 2 * CLOCKS_PER_SEC);
		g_string_free(html, TRUE);
		g_string_free(out, TRUE);
	}
}

/* Code whose end is far away, or looked for each time. */
static void test_code_is_linear(void **state)
{
	static const char *const parts[] = {"<code>", "<code>`<p>", "<pre>x</pre>"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		GString *html = g_string_new(NULL), *out = g_string_new(NULL);
		clock_t start = clock();

		while (html->len < CODE_BYTES)
			g_string_append(html, parts[i]);
		webex_html_to_text(html->str, out);
		webex_html_to_markdown(html->str, out);
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
	char *names[] = {(char *)"x.pdf", (char *)"y", NULL};

	(void)state;
	check(webex_render_txt, &(struct webex_message){.text = (char *)"hi"}, "hi\n");
	check(webex_render_txt,
	      &(struct webex_message){.text = (char *)"hi\n\n", .markdown = (char *)"no"},
	      "hi\n\n");
	check(webex_render_txt,
	      &(struct webex_message){.markdown = (char *)"*m* " MENTION, .html = (char *)"no"},
	      "*m* Bob\n");
	check(webex_render_txt, &(struct webex_message){.html = (char *)"<p>a</p><p>b</p>"},
	      "a\nb\n");
	check(webex_render_txt, &(struct webex_message){.files = one}, "[a file]\n");
	check(webex_render_txt, &(struct webex_message){.files = two}, "[a file]\n[a file]\n");
	check(webex_render_txt, &(struct webex_message){.files = two, .file_names = names},
	      "[file: x.pdf]\n[file: y]\n");
	check(webex_render_txt, &(struct webex_message){.attachments = (char *)"[{}]"},
	      "[card]\n");
	check(webex_render_txt, &(struct webex_message){.html = (char *)"<p></p>"},
	      "[empty message]\n");
}

#define CARD "[{\"content\":{\"body\":[{\"type\":\"TextBlock\",\"text\":\"b\"}]}}]"

/* Its words stand below the text, in whatever form that is. */
static void test_cards(void **state)
{
	static char *one[] = {(char *)"https://x/contents/1", NULL};

	(void)state;
	check(webex_render_txt, &(struct webex_message){.attachments = (char *)CARD},
	      "[card]\nb\n");
	check(webex_render_txt,
	      &(struct webex_message){.attachments = (char *)CARD, .text = (char *)"a"},
	      "a\n[card]\nb\n");
	check(webex_render_txt,
	      &(struct webex_message){.attachments = (char *)CARD, .files = one},
	      "[a file]\n[card]\nb\n");
	check(webex_render_md,
	      &(struct webex_message){.attachments = (char *)CARD, .markdown = (char *)"*a*"},
	      "*a*\n[card]\nb\n");
	check(webex_render_md, &(struct webex_message){.attachments = (char *)CARD},
	      "[card]\nb\n");
}

#define TIDE_MD "# Tide\n\n- **low** 04:10\n- high " MENTION "\n"

/* The server puts lists and lines into one line of text; shown is what says more. */
static void test_lists_and_lines(void **state)
{
	struct webex_message m = {.markdown = (char *)TIDE_MD,
				  .text = (char *)"Tide low 04:10 high Bob"};

	(void)state;
	check(webex_render_txt, &m, "# Tide\n\n- **low** 04:10\n- high Bob\n");
	check(webex_render_md, &m, "# Tide\n\n- **low** 04:10\n- high <@personId:PID|Bob>\n");
	/* Its author's own text for those who read none. */
	m.text = (char *)"Times of the tide";
	check(webex_render_txt, &m, "Times of the tide\n");
	m = (struct webex_message){.markdown = (char *)"**bold** word",
				   .text = (char *)"bold word"};
	check(webex_render_txt, &m, "bold word\n");
	/* As an app writes it. */
	m = (struct webex_message){.html = (char *)"<p>Do:</p><ol><li>a</li><li>b</li></ol>",
				   .text = (char *)"Do: a b"};
	check(webex_render_txt, &m, "Do:\n1. a\n2. b\n");
	check(webex_render_md, &m, "Do:\n\n1. a\n2. b\n");
	m.text = (char *)"Do:\na\nb";
	check(webex_render_txt, &m, "Do:\na\nb\n");
}

static void check_clean(const char *text, const char *wanted, bool is_exact)
{
	_cleanup_gfree_ char *line = g_strconcat(wanted, "\n", NULL);
	struct webex_message m = {.text = (char *)(uintptr_t)text};
	struct webex_sizes sizes;

	check(webex_render_txt, &m, line);
	check(webex_render_md, &m, line);
	assert_int_equal(webex_render_is_exact(&m), is_exact);
	webex_render_sizes(&m, 0, &sizes);
	assert_int_equal(sizes.is_exact, is_exact);
	assert_int_equal(sizes.txt, strlen(line));
	m = (struct webex_message){.text = (char *)"x", .markdown = m.text};
	check(webex_render_md, &m, line);
	assert_int_equal(webex_render_is_exact(&m), is_exact);
}

#define CUT "\xef\xbf\xbd"

/* What a terminal would obey. */
static void test_clean(void **state)
{
	struct webex_message m = {.text = (char *)"a\x1b]0;x\x07\xe2\x80\xae<\r\nb\xc2\x9b"};

	(void)state;
	check_clean("a\tb \xe2\x80\x99\xc2\xa0\xe2\x80\x8f\xd8\x9c",
		    "a\tb \xe2\x80\x99\xc2\xa0\xe2\x80\x8f\xd8\x9c", true);
	check_clean("a\x1b]52;c;eA==\x07"
		    "b",
		    "a" CUT "]52;c;eA==" CUT "b", false);
	check_clean("a\xc2\x9b"
		    "31m\x7f",
		    "a" CUT "31m" CUT, false);
	check_clean("\xe2\x80\xaa\xe2\x80\xae\xe2\x81\xa6\xe2\x81\xa9.", CUT CUT CUT CUT ".",
		    false);
	/* A file of DOS has other line ends, which is no matter to its reader. */
	check_clean("one\r\ntwo\r\r\n\r\nthree", "one\ntwo\n\nthree", true);
	check_clean("loading\rdone\r\r!", "loading" CUT "done" CUT CUT "!", false);
	/* A browser reads what a terminal does not. */
	check(webex_render_html, &m, "<p>a&#27;]0;x&#7;&#8238;&lt;<br/>b" CUT "</p>\n");
	m = (struct webex_message){.html = (char *)"<p>\x1b[1m</p>"};
	check(webex_render_html, &m, "<p>\x1b[1m</p>\n");
	check(webex_render_md, &m, CUT "\\[1m\n");
	assert_false(webex_render_is_exact(&m));
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
	check(webex_render_html,
	      &(struct webex_message){.attachments = (char *)CARD, .text = (char *)"a"},
	      "<p>a<br/>[card]<br/>b</p>\n");
	check(webex_render_html,
	      &(struct webex_message){.attachments = (char *)CARD, .html = (char *)"<p>a</p>"},
	      "<p>a</p>\n");
}

static void render_transcript(const struct webex_message *m, GString *out)
{
	webex_render_transcript(m, "bob@example.org~", strlen("bob@example.org"), NULL, out);
}

static struct webex_root root;

static void render_reply(const struct webex_message *m, GString *out)
{
	webex_render_transcript(m, "bob@example.org~", strlen("bob@example.org"), &root, out);
}

#define LINE "2025-03-04 10:25 +0100 bob@example.org: "
#define MARK "\xe2\x86\xb3 "
#define ROOT_ID "6e6a2f7c-1111-4111-8111-111111111111" /* tells no time */
#define HOUR INT64_C(3600000)

/* Says to whom a reply belongs; `size` is that of the place alone. */
static void check_root(const struct webex_message *m, const char *author, int64_t created_ms,
		       const char *expected)
{
	g_autofree char *line = g_strconcat(LINE MARK, expected, " x\n", NULL);

	root = (struct webex_root){author, author ? strlen(author) : 0, created_ms};
	check(render_reply, m, line);
	assert_int_equal(webex_render_root_size(m->created_ms, &root), strlen(expected) + 1);
}

static void test_a_reply_says_whose_it_is(void **state)
{
	struct webex_message m = {
		.text = (char *)"x",
		.parent_id = (char *)ROOT_ID,
		.created_ms = 1741080302040, /* 09:25 UTC */
	};
	int64_t ms = m.created_ms;

	(void)state;
	setenv("TZ", "CET-1", 1);
	tzset();
	check_root(&m, "alice@example.com", ms - HOUR, "(alice 09:25)");
	/* Midnight is that of the zone. */
	check_root(&m, "alice@example.com", ms - 10 * HOUR, "(alice 00:25)");
	check_root(&m, "alice@example.com", ms - 11 * HOUR, "(alice 2025-03-03 23:25)");
	check_root(&m, "alice@example.com", ms - 9000 * HOUR, "(alice 2024-02-23 10:25)");
	/* A clock that went wrong. */
	check_root(&m, "alice@example.com", ms + 24 * HOUR, "(alice 2025-03-05 10:25)");
	check_root(&m, "\xc3\xa9mile@x", ms, "(\xc3\xa9mile 10:25)");
	check_root(&m, "a@b@c", ms, "(a@b 10:25)");
	check_root(&m, "@c", ms, "(@c 10:25)");
	check_root(&m, "unknown-1234abcd", ms, "(unknown-1234abcd 10:25)");
	/* Nothing is known but the id. */
	check_root(&m, NULL, ms, "(10:25)");
	check_root(&m, NULL, ms - 24 * HOUR, "(2025-03-03 10:25)");
	check_root(&m, NULL, -1, "(unknown-6e6a2f7c)");
	/* A message of several lines has it once, and one with files before them. */
	m.text = (char *)"x\ny";
	m.files = (char *[]){(char *)"https://h/1", (char *)"https://h/2", NULL};
	m.file_names = (char *[]){(char *)"a b.pdf", (char *)"c.txt", NULL};
	root = (struct webex_root){"a@b", 3, ms};
	check(render_reply, &m,
	      LINE MARK "(a 10:25) x\n  y\n  [file: a b.pdf]\n  [file: c.txt]\n");
	m.text = NULL;
	check(render_reply, &m, LINE MARK "(a 10:25) [file: a b.pdf]\n  [file: c.txt]\n");
	/* Only a reply has it. */
	m.parent_id = NULL;
	check(render_reply, &m, LINE "[file: a b.pdf]\n  [file: c.txt]\n");
	/* A day may have 25 hours. */
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	assert_true(time_is_same_day(1761429600000, 1761429600000 + 25 * HOUR - 1));
	assert_false(time_is_same_day(1761429600000, 1761429600000 + 25 * HOUR));
	assert_false(time_is_same_day(1761429600000 - 1, 1761429600000));
}

static void test_transcript(void **state)
{
	char *files[] = {(char *)"https://h/v1/contents/AAA", NULL};
	char *names[] = {(char *)"x.pdf", NULL};
	struct webex_message m = {
		.text = (char *)"one\r\ntwo\x1b[2J\n\tthree\xe2\x80\xae\n\n",
		.created_ms = 1741080302040,
	};

	(void)state;
	setenv("TZ", "CET-1", 1);
	tzset();
	check(render_transcript, &m,
	      "2025-03-04 10:25 +0100 bob@example.org: one\n"
	      "  two\xef\xbf\xbd[2J\n  \tthree\xef\xbf\xbd\n");
	m.parent_id = (char *)"P";
	m.text = (char *)"x\n";
	check(render_transcript, &m,
	      "2025-03-04 10:25 +0100 bob@example.org: \xe2\x86\xb3 x\n");
	/* A text does not hide its file. */
	m.files = files;
	check(render_transcript, &m,
	      "2025-03-04 10:25 +0100 bob@example.org: \xe2\x86\xb3 x\n  [a file]\n");
	m.file_names = names;
	check(render_transcript, &m,
	      "2025-03-04 10:25 +0100 bob@example.org: \xe2\x86\xb3 x\n  [file: x.pdf]\n");
	m.text = NULL;
	check(render_transcript, &m,
	      "2025-03-04 10:25 +0100 bob@example.org: \xe2\x86\xb3 [file: x.pdf]\n");
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

/* Of each kind of element one: a byte that another form gives it is another digest. */
static char any_card[] =
	"[{\"content\":{\"fallbackText\":\"F\",\"body\":[{\"type\":\"TextBlock\",\"text\":"
	"\"a\\nb\"},"
	"{\"type\":\"RichTextBlock\",\"inlines\":[\"c\"]},{\"type\":\"Image\",\"altText\":"
	"\"d\"},"
	"{\"type\":\"ImageSet\",\"images\":[{}]},{\"type\":\"Media\"},{\"type\":\"FactSet\","
	"\"facts\":[{\"title\":\"e\",\"value\":1}]},{\"type\":\"ColumnSet\",\"columns\":[{"
	"\"items\":["
	"{\"type\":\"TextBlock\",\"text\":\"f\"}]},{\"items\":[{\"type\":\"TextBlock\","
	"\"text\":"
	"\"g\"}]}]},{\"type\":\"Table\",\"rows\":[{\"cells\":[{\"items\":[{\"type\":"
	"\"TextBlock\","
	"\"text\":\"h\"}]}]}]},{\"type\":\"New\",\"title\":\"i\"},{\"type\":\"Input.Text\","
	"\"id\":"
	"\"j\"},{\"type\":\"Input.Number\",\"label\":\"k\",\"min\":1,\"max\":2,\"value\":1},{"
	"\"type\":"
	"\"Input.Toggle\",\"title\":\"l\"},{\"type\":\"Input.ChoiceSet\",\"isRequired\":true,"
	"\"label\":"
	"\"m\",\"value\":\"n\",\"choices\":[{\"title\":\"o\",\"value\":\"n\"},{\"value\":\"p\"}"
	"]},"
	"{\"type\":\"Container\",\"items\":[{\"type\":\"TextBlock\",\"text\":\"q\\u001b\"}]}],"
	"\"actions\":[{\"type\":\"Action.Submit\",\"title\":\"r\"},{\"type\":\"Action."
	"ShowCard\","
	"\"title\":\"s\",\"card\":{\"body\":[{\"type\":\"TextBlock\",\"text\":\"t\\nu\"}]}}]}}"
	"]";

/* The same ones in the same order wherever it runs: one roll after the other. */
static void any_message(struct webex_message *ret_message)
{
	*ret_message = (struct webex_message){.created_ms = 1741080302040};
	ret_message->text = any_text(6);
	ret_message->markdown = roll(3) ? NULL : any_text(6);
	ret_message->html = roll(3) ? NULL : any_text(6);
	ret_message->files = roll(6) ? NULL : contents;
	ret_message->parent_id = roll(3) ? NULL : contents[0];
	ret_message->attachments = roll(6) ? NULL : any_card;
}

static void any_message_free(struct webex_message *m)
{
	g_free(m->text);
	g_free(m->markdown);
	g_free(m->html);
}

/* What is said of a message without making its bytes. */
static void test_sizes(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		GString *out = g_string_new(NULL);
		struct webex_message m;
		struct webex_sizes sizes;

		any_message(&m);
		webex_render_sizes(&m, strlen("bob@example.org"), &sizes);
		render_transcript(&m, out);
		assert_int_equal(sizes.transcript, out->len);
		g_string_truncate(out, 0);
		root = (struct webex_root){roll(4) ? "a@b" : NULL, 3,
					   roll(5) ? m.created_ms - roll(100) * HOUR : -1};
		if (!root.author)
			root.author_len = 0;
		render_reply(&m, out);
		assert_int_equal(out->len,
				 sizes.transcript + (m.parent_id ? webex_render_root_size(
									   m.created_ms, &root)
								 : 0));
		g_string_truncate(out, 0);
		webex_render_txt(&m, out);
		assert_int_equal(sizes.txt, out->len);
		assert_int_equal(sizes.is_exact, webex_render_is_exact(&m));
		g_string_free(out, TRUE);
		any_message_free(&m);
	}
}

/*
 * Stores keep sizes of these forms. If this fails, a byte of them has changed: WEBEX_TEXT_FORM goes up
 * by one, and the digest here is that of the new form.
 */
#define FORM_DIGEST "1608d08c0caffe748bf9631344f840c074e56dd22617bac1ddbdce0eb7d5e364"

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
		render_transcript(&m, out);
		g_checksum_update(sum, (const guchar *)out->str, (gssize)out->len);
		g_string_free(out, TRUE);
		any_message_free(&m);
	}
	assert_int_equal(WEBEX_TEXT_FORM, 3);
	assert_string_equal(g_checksum_get_string(sum), FORM_DIGEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_html),
		cmocka_unit_test(test_html_is_linear),
		cmocka_unit_test(test_code_is_linear),
		cmocka_unit_test(test_txt),
		cmocka_unit_test(test_cards),
		cmocka_unit_test(test_lists_and_lines),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_md),
		cmocka_unit_test(test_html_file),
		cmocka_unit_test(test_a_reply_says_whose_it_is),
		cmocka_unit_test(test_transcript),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_a_form_that_changes_has_another_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
