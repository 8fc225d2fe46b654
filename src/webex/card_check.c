/* SPDX-License-Identifier: MIT */
/* Whether an input takes a value: what an app would not let a person send. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/card_parts.h"
#include "webex/text.h"

#define SHOWN_BYTES 80
/* So many choices are named to whoever wrote another one. */
#define CHOICES_SHOWN 8
/* The pattern is the card's. A longer one is not tried, and none takes more steps than this: what
 * cannot be told here is the server's to say. */
#define CARD_PATTERN_MAX 1000
#define PATTERN_LIMITS "(*LIMIT_MATCH=100000)(*LIMIT_DEPTH=1000)"

/* `text` as it can stand in a line, with quotes; owned. */
static char *shown(const char *text)
{
	_cleanup_gfree_ char *line = webex_text_line(text, SHOWN_BYTES);

	return g_strdup_printf("\"%s\"", line);
}

static char *is_wrong(const char *value, const char *what)
{
	_cleanup_gfree_ char *quoted = shown(value);

	return g_strdup_printf("%s %s", quoted, what);
}

/* ---- texts ---- */

static bool matches(const char *pattern, const char *value)
{
	_cleanup_gfree_ char *limited = g_strconcat(PATTERN_LIMITS, pattern, NULL);
	GRegex *regex = g_regex_new(limited, 0, 0, NULL);
	GError *error = NULL;
	bool is_match = true;

	if (!regex)
		return true;
	is_match = g_regex_match_full(regex, value, -1, 0, 0, NULL, &error) || error;
	g_clear_error(&error);
	g_regex_unref(regex);
	return is_match;
}

static char *check_text(const cJSON *element, const char *value)
{
	_cleanup_gfree_ char *most = card_word(element, "maxLength");
	_cleanup_gfree_ char *pattern = card_word(element, "regex");
	gint64 max = most ? g_ascii_strtoll(most, NULL, 10) : 0;

	if (max > 0 && g_utf8_strlen(value, -1) > max)
		return g_strdup_printf("is longer than %" G_GINT64_FORMAT " characters", max);
	if (pattern && strlen(pattern) <= CARD_PATTERN_MAX && !matches(pattern, value)) {
		_cleanup_gfree_ char *quoted = shown(pattern);

		return g_strdup_printf("does not match %s", quoted);
	}
	return NULL;
}

/* ---- numbers, dates, times ---- */

static bool parse_number(const char *text, double *ret)
{
	char *end;
	double number = g_ascii_strtod(text, &end);

	if (end == text || *end || !isfinite(number) || strpbrk(text, "xXnNiI \t\n"))
		return false;
	*ret = number;
	return true;
}

static bool is_digits(const char *text, const char *form)
{
	for (; *form; form++, text++)
		if (*form == '0' ? !g_ascii_isdigit(*text) : *text != *form)
			return false;
	return !*text;
}

static int two(const char *digits)
{
	return (digits[0] - '0') * 10 + digits[1] - '0';
}

static bool is_date(const char *text)
{
	return is_digits(text, "0000-00-00") && two(text) * 100 + two(text + 2) > 0 &&
	       g_date_valid_dmy((GDateDay)two(text + 8), (GDateMonth)two(text + 5),
				(GDateYear)(two(text) * 100 + two(text + 2)));
}

static bool is_time(const char *text)
{
	return is_digits(text, "00:00") && two(text) < 24 && two(text + 3) < 60;
}

static bool is_well_formed(enum card_input_type type, const char *value)
{
	double number;

	return type == CARD_NUMBER ? parse_number(value, &number)
	       : type == CARD_DATE ? is_date(value)
				   : is_time(value);
}

/* < 0: a is below b. Dates and times are well-formed, so their bytes compare as they do. */
static int compare(enum card_input_type type, const char *a, const char *b)
{
	double x = 0, y = 0;

	if (type != CARD_NUMBER)
		return strcmp(a, b);
	parse_number(a, &x);
	parse_number(b, &y);
	return x < y ? -1 : x > y;
}

static char *check_range(const struct card_input *i, const char *value)
{
	static const char *const forms[] = {
		[CARD_NUMBER] = "is no number",
		[CARD_DATE] = "is no date: YYYY-MM-DD",
		[CARD_TIME] = "is no time: HH:MM",
	};
	_cleanup_gfree_ char *min = card_word(i->element, "min");
	_cleanup_gfree_ char *max = card_word(i->element, "max");

	if (!is_well_formed(i->type, value))
		return is_wrong(value, forms[i->type]);
	/* A bound that is none bounds nothing. */
	if (min && is_well_formed(i->type, min) && compare(i->type, value, min) < 0)
		return g_strdup_printf("%s is below %s", value, min);
	if (max && is_well_formed(i->type, max) && compare(i->type, value, max) > 0)
		return g_strdup_printf("%s is above %s", value, max);
	return NULL;
}

/* ---- choices ---- */

static const cJSON *choices_of(const cJSON *element)
{
	const cJSON *choices = json_get(element, "choices");

	return json_is_array(choices) ? choices->child : NULL;
}

static char *is_no_choice(const cJSON *element, const char *value)
{
	_cleanup_gfree_ char *quoted = shown(value);
	GString *out = g_string_new(quoted);
	int n = 0;

	g_string_append(out, " is none of its choices: ");
	for (const cJSON *c = choices_of(element); c; c = c->next) {
		_cleanup_gfree_ char *word = card_word(c, "value");
		_cleanup_gfree_ char *one = word ? shown(word) : NULL;

		if (!one)
			continue;
		if (n++ == CHOICES_SHOWN) {
			g_string_append(out, ", ...");
			break;
		}
		g_string_append_printf(out, "%s%s", n > 1 ? ", " : "", one);
	}
	return g_string_free(out, FALSE);
}

/* The values of the choices; the keys are owned. */
static GHashTable *values_of(const cJSON *element)
{
	GHashTable *values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (const cJSON *c = choices_of(element); c; c = c->next) {
		char *word = card_word(c, "value");

		if (word)
			g_hash_table_add(values, word);
	}
	return values;
}

static char *check_choices(const cJSON *element, const char *value)
{
	GHashTable *values;
	char **each, *wrong = NULL;

	/* The server has the choices, and gives them to apps as somebody types. */
	if (!choices_of(element) || json_get(element, "choices.data"))
		return NULL;
	values = values_of(element);
	/* A value of the card's may have a comma in it. */
	if (g_hash_table_contains(values, value)) {
		g_hash_table_destroy(values);
		return NULL;
	}
	each = card_is_multiple(element) ? g_strsplit(value, ",", -1) : NULL;
	if (!each)
		wrong = is_no_choice(element, value);
	for (char **v = each; v && *v && !wrong; v++)
		if (!g_hash_table_contains(values, *v))
			wrong = is_no_choice(element, *v);
	g_strfreev(each);
	g_hash_table_destroy(values);
	return wrong;
}

static char *check_toggle(const cJSON *element, const char *value)
{
	_cleanup_gfree_ char *on = card_toggle_word(element, true);
	_cleanup_gfree_ char *off = card_toggle_word(element, false);
	_cleanup_gfree_ char *on_shown = shown(on);
	_cleanup_gfree_ char *off_shown = shown(off);
	_cleanup_gfree_ char *what = NULL;

	if (strcmp(value, on) == 0 || strcmp(value, off) == 0)
		return NULL;
	what = g_strdup_printf("is neither %s nor %s", on_shown, off_shown);
	return is_wrong(value, what);
}

static bool is_missing(const struct card_input *i, const char *value)
{
	_cleanup_gfree_ char *on = NULL;

	if (i->type != CARD_TOGGLE)
		return !*value;
	on = card_toggle_word(i->element, true);
	return strcmp(value, on) != 0;
}

char *card_input_check(const struct card_input *i, const char *value)
{
	if (*value) {
		char *wrong = i->type == CARD_TEXT	? check_text(i->element, value)
			      : i->type == CARD_TOGGLE	? check_toggle(i->element, value)
			      : i->type == CARD_CHOICES ? check_choices(i->element, value)
							: check_range(i, value);

		if (wrong)
			return wrong;
	}
	if (card_is_true(i->element, "isRequired") && is_missing(i, value))
		return g_strdup("is required");
	return NULL;
}
