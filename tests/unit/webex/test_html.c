/* SPDX-License-Identifier: MIT */
/* HTML as Markdown (html_write.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/render.h"

static void check_md(const char *html, const char *wanted)
{
	GString *out = g_string_new("before:");

	webex_html_to_markdown(html, out);
	assert_string_equal(out->str + strlen("before:"), wanted);
	g_string_free(out, TRUE);
}

static void test_blocks(void **state)
{
	(void)state;
	check_md("", "");
	check_md("<p>one</p><p>two<br>three<br><br>four</p>", "one\n\ntwo  \nthree\n\nfour");
	check_md("<h1>T</h1>text<h3>U</h3>", "# T\n\ntext\n\n### U");
	check_md("<blockquote>q<br>r<p>s</p></blockquote>t", "> q  \n> r\n>\n> s\n\nt");
	check_md("a<hr>b", "a\n\n---\n\nb");
	check_md("<ul><li>a</li><li><p>b</p></li><li></li></ul>c", "- a\n- b\n\nc");
	check_md("do<ol start='3'><li>a<ul><li>x</li><li>y</li></ul></li><li>b</li></ol>",
		 "do\n\n3. a\n   - x\n   - y\n4. b");
	check_md("<ul><li>a<br>b<pre>c\n\nd</pre></li></ul>",
		 "- a  \n  b\n\n  ```\n  c\n\n  d\n  ```");
	check_md("<blockquote><ul><li>a</li></ul></blockquote>", "> - a");
	check_md("<pre><code class=\"language-c\">if (a &lt; b)\n\tx*y;\n</code></pre>z",
		 "```c\nif (a < b)\n\tx*y;\n```\n\nz");
	check_md("<pre>a\n```\nb</pre>", "````\na\n```\nb\n````");
	check_md("<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>",
		 "a | b  \n1 | 2");
}

static void test_marks(void **state)
{
	(void)state;
	check_md("a <b> bold </b>word <em>e</em><s>x</s>", "a **bold** word *e*~~x~~");
	check_md("<b></b>a<b> </b>b", "a b");
	check_md("<b>a</b><b>b</b>", "**ab**");
	check_md("<b>a<p>b</b>", "**a**\n\nb");
	check_md("<b><i>x</b></i>y", "***x***y");
	check_md("<code>a*b</code> <code>c`d</code>", "`a*b` `` c`d ``");
	check_md("<a href=\"https://h/a?x=1&amp;y=2\" rel=\"nofollow\">see <b>it</b></a>",
		 "[see **it**](https://h/a?x=1&y=2)");
	check_md("<a href='https://h/a b(c)'>t</a>", "[t](https://h/a%20b%28c%29)");
	check_md("<a href=\"https://h/x_y\">https://h/x_y</a>", "https://h/x_y");
	check_md("<a href=\"javascript:alert(1)\">t</a><a>u</a>", "tu");
	check_md("wow!<a href=\"https://h\">t</a>", "wow\\![t](https://h)");
	check_md("<spark-mention data-object-type=\"person\" data-object-id=\"PID\">B|ob "
		 "&amp; co</spark-mention>, hi",
		 "<@personId:PID|Bob & co>, hi");
	check_md("<spark-mention data-object-type=\"groupMention\" data-group-type=\"all\">All"
		 "</spark-mention>!",
		 "<@all>!");
	/* The name has blanks, the text behind it has none. */
	check_md("<spark-mention data-object-type=\"groupMention\" data-group-type=\"all\">All "
		 "of us</spark-mention>, hi",
		 "<@all>, hi");
	check_md("<spark-mention data-object-id=\"a/b\">B</spark-mention>", "B");
}

/* What is a text stays one. */
static void test_escapes(void **state)
{
	(void)state;
	check_md("*a* `b` [c](d) _e_ f_g \\h ~~i~~",
		 "\\*a\\* \\`b\\` \\[c\\](d) \\_e_ f_g \\\\h ~\\~i~\\~");
	check_md("# a<br>1. b<br>- d", "\\# a  \n1\\. b  \n\\- d");
}

static void test_escapes_of_lines(void **state)
{
	(void)state;
	check_md("<p># a</p><p>1. b</p><p>12) c</p><p>- d</p><p>&gt; e</p><p>-5</p><p>2.5</p>",
		 "\\# a\n\n1\\. b\n\n12\\) c\n\n\\- d\n\n\\> e\n\n-5\n\n2\\.5");
	/* Nobody is called who was not. */
	check_md("&lt;@all&gt; a &lt; b &lt;b&gt; R&amp;D &amp;lt;",
		 "&lt;@all> a < b &lt;b> R&D &amp;lt;");
	check_md("<code>&#096;&lt;@all></code>", "`` `<@all> ``");
	check_md("<code>`<i></i>`&lt;@all></code>", "``` ``<@all> ```");
	check_md("<pre>``````````````````\n&lt;@all></pre>",
		 "\\`\\`\\`\\`\\`\\`\\`\\`\\`\\`\\`\\`\\`\\`\\`\\`\\`\\`\n&lt;@all>");
	check_md("a\x1b[1m&#8238;", "a\xef\xbf\xbd\\[1m\xef\xbf\xbd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_escapes_of_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
