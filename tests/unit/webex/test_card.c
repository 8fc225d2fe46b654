/* SPDX-License-Identifier: MIT */
/* The words of cards, the forms in them, and what may be sent of those. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/card.h"

#define TYPE "\"contentType\":\"application/vnd.microsoft.card.adaptive\""

/* A message's attachments with one card, of which this is the content without its braces. */
static char *card(const char *content)
{
	return g_strdup_printf("[{" TYPE ",\"content\":{\"type\":\"AdaptiveCard\","
			       "\"version\":\"1.3\"%s%s}}]",
			       *content ? "," : "", content);
}

static char *with_body(const char *body)
{
	_cleanup_gfree_ char *content = g_strdup_printf("\"body\":[%s]", body);

	return card(content);
}

/* ---- words ---- */

static void check_text(const char *attachments, const char *beside, const char *wanted)
{
	GString *out = g_string_new("before\n");
	size_t from = out->len;

	g_string_append(out, beside);
	webex_card_text(attachments, from, out);
	assert_string_equal(out->str + from + strlen(beside), wanted);
	g_string_free(out, TRUE);
}

static const struct {
	const char *body, *wanted;
} words[] = {
	{"{\"type\":\"TextBlock\",\"text\":\"Ticket 4711\\nsilent\\n\"}",
	 "Ticket 4711\nsilent\n"},
	{"{\"type\":\"RichTextBlock\",\"inlines\":[\"No \",{\"type\":\"TextRun\","
	 "\"text\":\"report\"},7]}",
	 "No report7\n"},
	{"{\"type\":\"Image\",\"url\":\"https://x.example/a.png\",\"altText\":\"a "
	 "buoy\"},{\"type\":\"Image\",\"url\":\"https://x.example/b.png\"}",
	 "[image: a buoy]\n[image]\n"},
	{"{\"type\":\"ImageSet\",\"images\":[{\"type\":\"Image\",\"altText\":\"one\"},"
	 "{\"type\":\"Image\",\"altText\":\"two\"}]}",
	 "[image: one] [image: two]\n"},
	{"{\"type\":\"Media\",\"altText\":\"a film\"}", "[media: a film]\n"},
	{"{\"type\":\"FactSet\",\"facts\":[{\"title\":\"Buoy:\",\"value\":7},"
	 "{\"title\":\"Where\",\"value\":\"north\"},{\"value\":\"alone\"},"
	 "{\"title\":\"bare\"}]}",
	 "Buoy: 7\nWhere: north\nalone\nbare\n"},
	{"{\"type\":\"ColumnSet\",\"columns\":[{\"type\":\"Column\",\"items\":[{"
	 "\"type\":\"TextBlock\",\"text\":\"left\"}]},{\"type\":\"Column\","
	 "\"items\":[{\"type\":\"TextBlock\",\"text\":\"right\"}]}]}",
	 "left | right\n"},
	{"{\"type\":\"ColumnSet\",\"columns\":[{\"type\":\"Column\",\"items\":[{"
	 "\"type\":\"TextBlock\",\"text\":\"a\"},{\"type\":\"TextBlock\","
	 "\"text\":\"b\"}]},{\"items\":[{\"type\":\"TextBlock\",\"text\":\"c\"}]}]}",
	 "a\nb\nc\n"},
	{"{\"type\":\"Container\",\"selectAction\":{\"type\":\"Action.OpenUrl\","
	 "\"title\":\"Map\",\"url\":\"https://x.example/m\"},\"items\":[{\"type\":"
	 "\"Container\",\"items\":[{\"type\":\"TextBlock\",\"text\":\"inner\"}]}]}",
	 "inner\n[Map: https://x.example/m]\n"},
	{"{\"type\":\"Table\",\"rows\":[{\"type\":\"TableRow\",\"cells\":[{\"items\":["
	 "{\"type\":\"TextBlock\",\"text\":\"1\"}]},{\"items\":[{\"type\":"
	 "\"TextBlock\",\"text\":\"2\"}]}]}]}",
	 "1 | 2\n"},
	{"{\"type\":\"ActionSet\",\"actions\":[{\"type\":\"Action.Submit\",\"title\":"
	 "\"Take it\"},{\"type\":\"Action.Submit\"},{\"type\":\"Action.OpenUrl\","
	 "\"url\":\"https://x.example/\"}]}",
	 "[Take it] [Submit] [https://x.example/]\n"},
	{"{\"type\":\"Hologram\",\"fallback\":{\"type\":\"TextBlock\",\"text\":"
	 "\"instead\"},\"text\":\"not this\"}",
	 "instead\n"},
	{"{\"type\":\"Hologram\",\"fallback\":\"drop\",\"title\":\"T\",\"items\":[{"
	 "\"type\":\"TextBlock\",\"text\":\"deep\"}]}",
	 "T\ndeep\n"},
	{"{\"type\":\"TextBlock\",\"text\":\"   \"},7,\"word\",null,[1]", "word\n"},
	{"{\"type\":\"TextBlock\",\"text\":\"a\\u001b[31m\\u202eb\\rc\"}",
	 "a\xEF\xBF\xBD[31m\xEF\xBF\xBD"
	 "b\xEF\xBF\xBD"
	 "c\n"},
};

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		_cleanup_gfree_ char *attachments = with_body(words[i].body);
		_cleanup_gfree_ char *wanted = g_strconcat("[card]\n", words[i].wanted, NULL);

		check_text(attachments, "", wanted);
	}
}

static void test_words_of_inputs(void **state)
{
	_cleanup_gfree_ char *attachments = with_body(
		"{\"type\":\"Input.Text\",\"id\":\"note\",\"placeholder\":\"Note\"},"
		"{\"type\":\"Input.Text\",\"id\":\"name\",\"label\":\"Name\",\"isRequired\":"
		"true,"
		"\"value\":\"Ann\"},"
		"{\"type\":\"Input.Text\",\"id\":\"bare\"},"
		"{\"type\":\"Input.Number\",\"id\":\"n\",\"label\":\"Count\",\"min\":1,\"max\":"
		"9},"
		"{\"type\":\"Input.Date\",\"id\":\"d\",\"label\":\"Day\",\"min\":\"2026-01-"
		"01\","
		"\"value\":\"2026-02-03\"},"
		"{\"type\":\"Input.Time\",\"id\":\"t\",\"label\":\"Hour\",\"max\":\"12:00\"},"
		"{\"type\":\"Input.Toggle\",\"id\":\"ok\",\"title\":\"I "
		"agree\",\"value\":\"true\"},"
		"{\"type\":\"Input.Toggle\",\"id\":\"no\",\"title\":\"Spam "
		"me\",\"valueOn\":\"y\"},"
		"{\"type\":\"Input.ChoiceSet\",\"id\":\"berth\",\"label\":\"Berth\","
		"\"isRequired\":true,\"value\":\"5\",\"choices\":[{\"title\":\"Four\","
		"\"value\":4},{\"title\":\"Five\",\"value\":\"5\"}]},"
		"{\"type\":\"Input.ChoiceSet\",\"id\":\"extras\",\"isMultiSelect\":true,"
		"\"value\":\"a, c\",\"choices\":[{\"title\":\"Anchor\",\"value\":\"a\"},"
		"{\"title\":\"Boat\",\"value\":\"b\"},{\"value\":\"c\"}]}");

	(void)state;
	check_text(attachments, "",
		   "[card]\n"
		   "____ (Note)\n"
		   "Name*: Ann\n"
		   "____ (bare)\n"
		   "Count: ____ (1 to 9)\n"
		   "Day: 2026-02-03 (at least 2026-01-01)\n"
		   "Hour: ____ (at most 12:00)\n"
		   "[x] I agree\n"
		   "[ ] Spam me\n"
		   "Berth*:\n"
		   "  ( ) Four\n"
		   "  (x) Five\n"
		   "extras:\n"
		   "  [x] Anchor\n"
		   "  [ ] Boat\n"
		   "  [x] c\n");
}

static void test_words_of_what_is_unfolded(void **state)
{
	_cleanup_gfree_ char *attachments = card(
		"\"fallbackText\":\"Answer by phone\",\"body\":[{\"type\":\"TextBlock\","
		"\"text\":\"Who?\"}],\"actions\":[{\"type\":\"Action.ShowCard\",\"title\":"
		"\"More\",\"card\":{\"type\":\"AdaptiveCard\",\"body\":[{\"type\":"
		"\"TextBlock\","
		"\"text\":\"one\\ntwo\"}],\"actions\":[{\"type\":\"Action.Submit\",\"title\":"
		"\"Send\"}]}},{\"type\":\"Action.Submit\",\"title\":\"Me\"}]");

	(void)state;
	check_text(attachments, "",
		   "[card]\nWho?\n[Me]\n[More]\n  one\n  two\n  [Send]\nAnswer by phone\n");
	check_text(attachments, "Answer by phone, please\n",
		   "[card]\nWho?\n[Me]\n[More]\n  one\n  two\n  [Send]\n");
}

static void test_several_cards_and_none(void **state)
{
	static const char two[] = "[{\"content\":{\"body\":[{\"type\":\"TextBlock\",\"text\":"
				  "\"one\"}]}},{" TYPE "},{\"content\":{\"body\":[{\"type\":"
				  "\"TextBlock\",\"text\":\"two\"}]}}]";
	_cleanup_gfree_ char *json = webex_card_json(two);

	(void)state;
	check_text(two, "", "[card]\none\n[card]\n[card]\ntwo\n");
	assert_string_equal(json, "[\n"
				  "  {\n"
				  "    \"body\": [\n"
				  "      {\n"
				  "        \"type\": \"TextBlock\",\n"
				  "        \"text\": \"one\"\n"
				  "      }\n"
				  "    ]\n"
				  "  },\n"
				  "  {\n"
				  "    \"body\": [\n"
				  "      {\n"
				  "        \"type\": \"TextBlock\",\n"
				  "        \"text\": \"two\"\n"
				  "      }\n"
				  "    ]\n"
				  "  }\n"
				  "]\n");
	check_text("[{\"contentType\":\"card\"}]", "", "[card]\n");
	check_text("[1,{\"content\":[]}]", "", "[card]\n[card]\n");
	check_text("no json", "", "[card]\n");
	check_text("{}", "", "[card]\n");
	check_text(NULL, "", "");
	check_text("[{\"contentType\":\"card\"},{\"content\":{\"body\":[]}}]", "said\n", "");
	check_text("no json", "said\n", "");
	assert_false(webex_card_is_any("[{\"contentType\":\"card\"}]"));
	assert_true(webex_card_is_any(two));
	assert_null(webex_card_json("[{\"contentType\":\"card\"}]"));
	assert_null(webex_card_json(NULL));
	assert_null(webex_card_inputs(NULL));
	assert_false(webex_card_is_form(two));
}

static void test_one_card_as_json(void **state)
{
	_cleanup_gfree_ char *attachments = card("\"n\":1");
	_cleanup_gfree_ char *json = webex_card_json(attachments);

	(void)state;
	assert_string_equal(json, "{\n"
				  "  \"type\": \"AdaptiveCard\",\n"
				  "  \"version\": \"1.3\",\n"
				  "  \"n\": 1\n"
				  "}\n");
}

/* ---- hostile cards ---- */

static char *repeated(const char *head, const char *each, int n, const char *between,
		      const char *tail, const char *close)
{
	GString *out = g_string_new(head);

	for (int i = 0; i < n; i++)
		g_string_append_printf(out, "%s%s", i ? between : "", each);
	g_string_append(out, tail);
	for (int i = 0; close && i < n; i++)
		g_string_append(out, close);
	return g_string_free(out, FALSE);
}

static void check_bounded(const char *attachments)
{
	_cleanup_gfree_ char *inputs = webex_card_inputs(attachments);
	_cleanup_gfree_ char *json = webex_card_json(attachments);
	GString *out = g_string_new(NULL);

	webex_card_text(attachments, 0, out);
	assert_true(out->len <= CARD_TEXT_MAX + 32 * strlen("  "));
	assert_true(strlen(out->str) == out->len && g_utf8_validate(out->str, -1, NULL));
	g_string_free(out, TRUE);
}

static void test_deep_and_long_cards(void **state)
{
	_cleanup_gfree_ char *nested =
		repeated("[{\"content\":{\"body\":[", "{\"items\":[", 450, "", "", "]}");
	_cleanup_gfree_ char *deep = g_strconcat(nested, "]}}]", NULL);
	_cleanup_gfree_ char *unfolding =
		repeated("[{\"content\":{", "\"actions\":[{\"title\":\"m\",\"card\":{", 300, "",
			 "\"body\":[{\"type\":\"Input.Text\",\"id\":\"deep\"}]", "}}]");
	_cleanup_gfree_ char *shown = g_strconcat(unfolding, "}}]", NULL);
	_cleanup_gfree_ char *many = repeated(
		"[{\"content\":{\"body\":[", "{\"type\":\"TextBlock\",\"text\":\"0123456789\"}",
		30000, ",", "]}}]", NULL);
	_cleanup_gfree_ char *cards =
		repeated("[", "{\"content\":{\"fallbackText\":\"aaaaaaaaaaab\"}}", 20000, ",",
			 "]", NULL);
	_cleanup_gfree_ char *inputs = repeated(
		"[{\"content\":{\"body\":[", "{\"type\":\"Input.Text\",\"id\":\"same\"}", 20000,
		",", "],\"actions\":[{\"type\":\"Action.Submit\"}]}}]", NULL);
	_cleanup_gfree_ char *buttons = repeated(
		"[{\"content\":{\"actions\":[",
		"{\"type\":\"Action.Submit\",\"data\":{\"a\":1}}", 20000, ",", "]}}]", NULL);
	char *wrong = NULL;

	(void)state;
	check_bounded(deep);
	check_bounded(shown);
	check_bounded(many);
	check_bounded(cards);
	check_bounded(inputs);
	check_bounded(buttons);
	assert_int_equal(webex_card_submit(shown, "{\"deep\":\"x\"}", 12, NULL, &wrong),
			 -EINVAL);
	g_free(wrong);
}

/* ---- the form ---- */

#define FORM                                                                                   \
	"\"body\":["                                                                           \
	"{\"type\":\"Input.Text\",\"id\":\"note\",\"isRequired\":true,\"maxLength\":5,"        \
	"\"errorMessage\":\"Say it\"},"                                                        \
	"{\"type\":\"Input.Text\",\"id\":\"code\",\"regex\":\"^[A-Z]{2}$\"},"                  \
	"{\"type\":\"Input.Number\",\"id\":\"n\",\"min\":\"1\",\"max\":10,\"value\":3},"       \
	"{\"type\":\"Input.Date\",\"id\":\"day\",\"min\":\"2026-01-01\",\"value\":\"soon\"},"  \
	"{\"type\":\"Input.Time\",\"id\":\"at\",\"max\":\"12:00\"},"                           \
	"{\"type\":\"Container\",\"items\":[{\"type\":\"Input.Toggle\",\"id\":\"ok\","         \
	"\"valueOn\":\"yes\",\"valueOff\":\"no\"}]},"                                          \
	"{\"type\":\"Input.ChoiceSet\",\"id\":\"berth\",\"value\":\"4\",\"choices\":[{"        \
	"\"title\":\"Four\",\"value\":\"4\"},{\"title\":\"Five\",\"value\":\"5\"}]},"          \
	"{\"type\":\"Input.ChoiceSet\",\"id\":\"with\",\"isMultiSelect\":true,\"choices\":[{"  \
	"\"title\":\"A\",\"value\":\"a\"},{\"title\":\"B\",\"value\":\"b\"}]}],"

static void check_inputs(const char *content, const char *wanted)
{
	_cleanup_gfree_ char *attachments = card(content);
	_cleanup_gfree_ char *inputs = webex_card_inputs(attachments);

	assert_string_equal(inputs, wanted);
	assert_true(webex_card_is_form(attachments) || strcmp(wanted, "{}\n") == 0);
}

static void test_inputs_with_their_defaults(void **state)
{
	(void)state;
	check_inputs(FORM "\"actions\":[{\"type\":\"Action.Submit\",\"data\":{\"ticket\":1}}]",
		     "{\n"
		     "  \"note\": \"\",\n"
		     "  \"code\": \"\",\n"
		     "  \"n\": \"3\",\n"
		     "  \"day\": \"\",\n"
		     "  \"at\": \"\",\n"
		     "  \"ok\": \"no\",\n"
		     "  \"berth\": \"4\",\n"
		     "  \"with\": \"\"\n"
		     "}\n");
	check_inputs("", "{}\n");
	check_inputs("\"body\":[{\"type\":\"Input.Text\"},{\"type\":\"Input.Text\",\"id\":7}]",
		     "{\n  \"7\": \"\"\n}\n");
	check_inputs("\"actions\":[{\"type\":\"Action.Submit\",\"title\":\"A\"},{\"type\":"
		     "\"Action.Submit\",\"title\":\"B\"}]",
		     "{}\n");
	check_inputs(
		"\"actions\":[{\"type\":\"Action.Submit\",\"title\":\"A\",\"data\":{\"a\":1}"
		"},{\"type\":\"Action.Submit\",\"title\":\"B\"}]",
		"{\n  \"@submit\": \"\"\n}\n");
}

static void check_submit(const char *content, const char *written, const char *wanted)
{
	_cleanup_gfree_ char *attachments = card(content);
	_cleanup_gfree_ char *inputs = NULL, *reason = NULL;
	int r = webex_card_submit(attachments, written, strlen(written), &inputs, &reason);

	assert_string_equal(reason ? reason : "", "");
	assert_int_equal(r, 0);
	assert_string_equal(inputs, wanted);
}

static void refuse_submit(const char *content, const char *written, const char *wanted)
{
	_cleanup_gfree_ char *attachments = card(content);
	_cleanup_gfree_ char *inputs = NULL, *reason = NULL;
	int r = webex_card_submit(attachments, written, strlen(written), &inputs, &reason);

	assert_int_equal(r, -EINVAL);
	assert_null(inputs);
	assert_string_equal(reason, wanted);
}

#define ONE FORM "\"actions\":[{\"type\":\"Action.Submit\",\"data\":{\"ticket\":4711,\"n\":1}}]"
#define REST "\"ok\":\"no\",\"berth\":\"4\"}"

static void test_submit(void **state)
{
	(void)state;
	check_submit(ONE, "{\"note\":\"hi\"}",
		     "{\"ticket\":4711,\"note\":\"hi\",\"n\":\"3\"," REST);
	check_submit(ONE,
		     "{\"note\":7,\"n\":4.5,\"ok\":true,\"berth\":5,\"with\":[\"b\",\"a\"]}",
		     "{\"ticket\":4711,\"note\":\"7\",\"n\":\"4.5\",\"ok\":\"yes\","
		     "\"berth\":\"5\",\"with\":\"b,a\"}");
	check_submit(ONE,
		     "{\"note\":\"hi\",\"code\":\"AB\",\"day\":\"2026-02-28\",\"at\":\"09:30\","
		     "\"with\":\"a,b\",\"n\":null,\"ticket\":\"4711\",\"@submit\":\"\"}",
		     "{\"ticket\":4711,\"note\":\"hi\",\"code\":\"AB\",\"n\":\"3\","
		     "\"day\":\"2026-02-28\",\"at\":\"09:30\",\"ok\":\"no\",\"berth\":\"4\","
		     "\"with\":\"a,b\"}");
	/* What is written is sent, also if it is nothing; what is not written and nothing, is not. */
	check_submit(ONE, "{\"note\":\"hi\",\"code\":\"\"}",
		     "{\"ticket\":4711,\"note\":\"hi\",\"code\":\"\",\"n\":\"3\"," REST);
	/* A card without a button: all its inputs. */
	check_submit("\"body\":[{\"type\":\"Input.Text\",\"id\":\"a\"}]", "{\"a\":\"\\u20ac\"}",
		     "{\"a\":\"\xE2\x82\xAC\"}");
	check_submit("\"actions\":[{\"type\":\"Action.Submit\",\"data\":{\"x\":[1]}}]", "{}",
		     "{\"x\":[1]}");
}

static void test_submit_is_refused(void **state)
{
	(void)state;
	refuse_submit(ONE, "{\"note\":\"hi\",\n \"code\":}", "line 2, column 9: no JSON");
	refuse_submit(ONE, "", "line 1, column 1: no JSON");
	refuse_submit(ONE, "[]", "not a JSON object of the card's inputs");
	refuse_submit(ONE, "{\"note\":\"\xff\"}", "not UTF-8");
	refuse_submit(ONE, "{}", "\"note\": is required; the card says: Say it");
	refuse_submit(ONE, "{\"note\":\"\"}", "\"note\": is required; the card says: Say it");
	refuse_submit(ONE, "{\"note\":\"toolong\"}",
		      "\"note\": is longer than 5 characters; the card says: Say it");
	refuse_submit(ONE, "{\"note\":[]}", "\"note\": must be a text");
	refuse_submit(ONE, "{\"note\":\"a\",\"note\":\"b\"}", "\"note\": is there twice");
	refuse_submit(ONE, "{\"note\":\"a\",\"node\":\"b\"}",
		      "\"node\": the card has no such input, but \"note\", \"code\", \"n\", "
		      "\"day\", \"at\", \"ok\", \"berth\", \"with\"");
	refuse_submit(ONE, "{\"note\":\"a\",\"code\":\"abc\"}",
		      "\"code\": does not match \"^[A-Z]{2}$\"");
	refuse_submit(ONE, "{\"note\":\"a\",\"n\":\"x\"}", "\"n\": \"x\" is no number");
	refuse_submit(ONE, "{\"note\":\"a\",\"n\":0}", "\"n\": 0 is below 1");
	refuse_submit(ONE, "{\"note\":\"a\",\"n\":\"11\"}", "\"n\": 11 is above 10");
	refuse_submit(ONE, "{\"note\":\"a\",\"day\":\"2026-02-30\"}",
		      "\"day\": \"2026-02-30\" is no date: YYYY-MM-DD");
	refuse_submit(ONE, "{\"note\":\"a\",\"day\":\"2025-12-31\"}",
		      "\"day\": 2025-12-31 is below 2026-01-01");
	refuse_submit(ONE, "{\"note\":\"a\",\"at\":\"24:00\"}",
		      "\"at\": \"24:00\" is no time: HH:MM");
	refuse_submit(ONE, "{\"note\":\"a\",\"ok\":\"maybe\"}",
		      "\"ok\": \"maybe\" is neither \"yes\" nor \"no\"");
	refuse_submit(ONE, "{\"note\":\"a\",\"berth\":\"6\"}",
		      "\"berth\": \"6\" is none of its choices: \"4\", \"5\"");
	refuse_submit(ONE, "{\"note\":\"a\",\"with\":\"a,c\"}",
		      "\"with\": \"c\" is none of its choices: \"a\", \"b\"");
	refuse_submit(
		ONE, "{\"note\":\"a\",\"ticket\":1}",
		"\"@submit\": no button sends all that is written; the card has \"Submit\"");
	refuse_submit(
		"\"body\":[{\"type\":\"Input.Toggle\",\"id\":\"t\",\"isRequired\":\"true\"}]",
		"{}", "\"t\": is required");
}

#define TWO                                                                                    \
	"\"body\":[{\"type\":\"Input.Text\",\"id\":\"why\"}],\"actions\":["                    \
	"{\"type\":\"Action.Submit\",\"title\":\"Yes\",\"id\":\"y\",\"data\":{\"do\":\"ok\"}}" \
	","                                                                                    \
	"{\"type\":\"Action.Submit\",\"title\":\"No\",\"data\":{\"do\":\"no\"}},"              \
	"{\"type\":\"Action.ShowCard\",\"title\":\"Later\",\"card\":{\"body\":["               \
	"{\"type\":\"Input.Date\",\"id\":\"when\",\"isRequired\":true}],\"actions\":["         \
	"{\"type\":\"Action.Submit\",\"title\":\"Put off\"},"                                  \
	"{\"type\":\"Action.Submit\",\"title\":\"Forget\",\"associatedInputs\":\"none\"}]}}]"

static void test_several_buttons(void **state)
{
	(void)state;
	check_inputs(TWO, "{\n  \"why\": \"\",\n  \"when\": \"\",\n  \"@submit\": \"\"\n}\n");
	check_submit(TWO, "{\"@submit\":\"Yes\",\"why\":\"x\"}",
		     "{\"do\":\"ok\",\"why\":\"x\"}");
	check_submit(TWO, "{\"@submit\":\"y\"}", "{\"do\":\"ok\"}");
	/* A part of its data names the button, too, and so do the inputs of what is unfolded. */
	check_submit(TWO, "{\"do\":\"no\",\"when\":\"\"}", "{\"do\":\"no\"}");
	check_submit(TWO, "{\"when\":\"2026-03-04\",\"why\":\"w\"}",
		     "{\"why\":\"w\",\"when\":\"2026-03-04\"}");
	check_submit(TWO, "{\"@submit\":\"Forget\"}", "{}");
	refuse_submit(TWO, "{\"@submit\":\"Put off\"}", "\"when\": is required");
	refuse_submit(
		TWO, "{\"why\":\"x\"}",
		"\"@submit\": must say which button is meant: \"Yes\", \"No\", \"Put off\", "
		"\"Forget\"");
	refuse_submit(TWO, "{\"@submit\":\"Maybe\"}",
		      "\"@submit\": the card has no such button, but \"Yes\", \"No\", "
		      "\"Put off\", \"Forget\"");
	refuse_submit(TWO, "{\"@submit\":1}", "\"@submit\": must be the name of a button");
	refuse_submit(TWO, "{\"@submit\":\"Yes\",\"when\":\"2026-03-04\"}",
		      "\"@submit\": no button sends all that is written; the card has \"Yes\", "
		      "\"No\", \"Put off\", \"Forget\"");
	/* Buttons that send the same need no choice. */
	check_submit("\"actions\":[{\"type\":\"Action.Submit\",\"title\":\"A\"},{\"type\":"
		     "\"Action.Submit\",\"title\":\"B\"}]",
		     "{}", "{}");
}

/* The pattern is the card's, and takes no more time than it is given. */
static void test_a_hostile_pattern(void **state)
{
	_cleanup_gfree_ char *value = g_strnfill(5000, 'a');
	_cleanup_gfree_ char *written = g_strdup_printf("{\"a\":\"%s!\"}", value);
	_cleanup_gfree_ char *wanted = g_strdup_printf("{\"a\":\"%s!\"}", value);

	(void)state;
	check_submit("\"body\":[{\"type\":\"Input.Text\",\"id\":\"a\",\"regex\":\"^(a+)+$\"}]",
		     written, wanted);
	check_submit("\"body\":[{\"type\":\"Input.Text\",\"id\":\"a\",\"regex\":\"(((\"}]",
		     "{\"a\":\"b\"}", "{\"a\":\"b\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_words_of_inputs),
		cmocka_unit_test(test_words_of_what_is_unfolded),
		cmocka_unit_test(test_several_cards_and_none),
		cmocka_unit_test(test_one_card_as_json),
		cmocka_unit_test(test_deep_and_long_cards),
		cmocka_unit_test(test_inputs_with_their_defaults),
		cmocka_unit_test(test_submit),
		cmocka_unit_test(test_submit_is_refused),
		cmocka_unit_test(test_several_buttons),
		cmocka_unit_test(test_a_hostile_pattern),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
