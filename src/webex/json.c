/* SPDX-License-Identifier: MIT */
#include "webex/json.h"

#include <math.h>
#include <string.h>

#include "base/chars.h"
#include "base/cleanup.h"
#include "webex/arena.h"
#include "webex/model.h"

/* Integers up to here are exact in a double. */
#define EXACT_MAX 9007199254740991.0

/* The value of the four hex digits at `p`, or -1. */
static int hex4(const char *p)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		int digit = g_ascii_xdigit_value(p[i]);
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

static bool is_high(int unit)
{
	return unit >= 0xD800 && unit < 0xDC00;
}

static bool is_low(int unit)
{
	return unit >= 0xDC00 && unit < 0xE000;
}

/*
 * Makes \u0000 and lone surrogates \ufffd, in place: cJSON would end the string at the first
 * and refuse the whole page for the second.
 */
static void fix_escapes(char *json)
{
	static const char replacement[] = {'f', 'f', 'f', 'd'};
	const char *end = json + strlen(json);

	/* Not strchr: with strict_string_checks ASan measures all of the rest at each call. */
	for (char *p = memchr(json, '\\', (size_t)(end - json)); p && p[1];
	     p = memchr(p, '\\', (size_t)(end - p))) {
		int unit = p[1] == 'u' ? hex4(p + 2) : -1;
		if (unit < 0) {
			p += 2;
			continue;
		}
		if (is_high(unit) && p[6] == '\\' && p[7] == 'u' && is_low(hex4(p + 8))) {
			p += 12;
			continue;
		}
		if (unit == 0 || is_high(unit) || is_low(unit))
			memcpy(p + 2, replacement, sizeof(replacement));
		p += 6;
	}
}

/* Each value takes at least 64 bytes in memory, however short its text is, so "[0,0,0..." could
 * exhaust it. */
static bool has_too_many_values(const char *json)
{
	size_t values = 0;
	bool in_string = false;

	for (const char *p = json; *p && values <= JSON_VALUES_MAX; p++) {
		if (*p == '\\' && in_string && p[1])
			p++;
		else if (*p == '"')
			in_string = !in_string;
		else if (!in_string && (*p == ',' || *p == '[' || *p == '{'))
			values++;
	}
	return values > JSON_VALUES_MAX;
}

/* `clean`: a copy of its own of the text, valid UTF-8. */
static cJSON *parse_clean(char *clean, size_t len)
{
	const char *end;

	json_arena_setup();
	/* Each value takes at least a byte of text, so a page of usual size need not be
	 * counted. */
	if (len > JSON_VALUES_MAX && has_too_many_values(clean))
		return NULL;
	fix_escapes(clean);
	cJSON *doc = cJSON_ParseWithLengthOpts(clean, strlen(clean) + 1, &end, false);
	if (!doc)
		return NULL;
	/* cJSON's own check of the end looks past the buffer in some versions. */
	if (end[strspn(end, " \t\r\n")] != '\0') {
		cJSON_Delete(doc);
		return NULL;
	}
	return doc;
}

void json_find_fault(const char *json, size_t len, size_t *ret_line, size_t *ret_column)
{
	_cleanup_gfree_ char *clean = g_utf8_make_valid(json, (gssize)MIN(len, JSON_TEXT_MAX));
	const char *end = clean;

	*ret_line = *ret_column = 1;
	fix_escapes(clean);
	cJSON_Delete(cJSON_ParseWithLengthOpts(clean, strlen(clean) + 1, &end, false));
	end += strspn(end, " \t\r\n");
	for (const char *p = clean; p < end; p = g_utf8_next_char(p)) {
		*ret_column = *p == '\n' ? 1 : *ret_column + 1;
		*ret_line += *p == '\n';
	}
}

cJSON *json_parse(const char *json, size_t len)
{
	if (!json || len > JSON_TEXT_MAX)
		return NULL;
	_cleanup_gfree_ char *clean = g_utf8_make_valid(json, (gssize)len);
	return parse_clean(clean, len);
}

cJSON *json_parse_secret(const char *json, size_t len)
{
	if (!json || len > JSON_TEXT_MAX)
		return NULL;
	/* To mend what is no UTF-8 makes copies, and is done only where it must be. */
	char *clean = g_utf8_validate(json, (gssize)len, NULL)
			      ? g_strndup(json, len)
			      : g_utf8_make_valid(json, (gssize)len);
	cJSON *doc = parse_clean(clean, len);
	explicit_bzero(clean, strlen(clean));
	g_free(clean);
	return doc;
}

/* As deep as cJSON reads, and frees. */
static void wipe_strings(cJSON *item)
{
	for (; item; item = item->next) {
		if (item->valuestring)
			explicit_bzero(item->valuestring, strlen(item->valuestring));
		wipe_strings(item->child);
	}
}

void json_wipe(cJSON *doc)
{
	wipe_strings(doc);
	cJSON_Delete(doc);
}

const cJSON *json_get(const cJSON *object, const char *key)
{
	if (!json_is_object(object))
		return NULL;
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
	return cJSON_IsNull(value) ? NULL : value;
}

const char *json_string(const cJSON *object, const char *key)
{
	const cJSON *value = json_get(object, key);

	return json_is_string(value) && value->valuestring[0] ? value->valuestring : NULL;
}

bool json_is_true(const cJSON *value, bool *ret_ok)
{
	const char *text = json_is_string(value) ? value->valuestring : "";
	bool is_true = cJSON_IsTrue(value) || strcmp(text, "true") == 0;

	if (ret_ok)
		*ret_ok = is_true || cJSON_IsFalse(value) || strcmp(text, "false") == 0;
	return is_true;
}

/* JSON demands that C0 is escaped. The other characters that make a terminal act are escaped
 * because people cat these files. */
static void append_char(GString *out, const char *at, gunichar c)
{
	switch (c) {
	case '"':
	case '\\':
		g_string_append_c(out, '\\');
		g_string_append_c(out, (char)c);
		return;
	case '\n':
		g_string_append(out, "\\n");
		return;
	case '\r':
		g_string_append(out, "\\r");
		return;
	case '\t':
		g_string_append(out, "\\t");
		return;
	default:
		break;
	}
	if (char_is_unsafe(c))
		g_string_append_printf(out, "\\u%04x", c);
	else
		g_string_append_len(out, at, g_utf8_next_char(at) - at);
}

void json_append_string(GString *out, const char *text)
{
	_cleanup_gfree_ char *valid = NULL;

	if (!g_utf8_validate(text, -1, NULL)) {
		valid = g_utf8_make_valid(text, -1);
		text = valid;
	}
	g_string_append_c(out, '"');
	for (const char *p = text; *p; p = g_utf8_next_char(p))
		append_char(out, p, g_utf8_get_char(p));
	g_string_append_c(out, '"');
}

void json_append_member(GString *out, const char *key, const char *value)
{
	if (!value)
		return;
	if (out->len > 0 && out->str[out->len - 1] != '{')
		g_string_append_c(out, ',');
	json_append_string(out, key);
	g_string_append_c(out, ':');
	json_append_string(out, value);
}

/* The shorter of the two forms that read back as the same double, independent of the locale. */
static void append_number(GString *out, double number)
{
	char buf[G_ASCII_DTOSTR_BUF_SIZE];

	if (!isfinite(number)) {
		g_string_append(out, "null");
		return;
	}
	if (fabs(number) <= EXACT_MAX && trunc(number) == number) {
		g_string_append_printf(out, "%" G_GINT64_FORMAT, (gint64)number);
		return;
	}
	g_ascii_formatd(buf, sizeof(buf), "%.15g", number);
	if (g_ascii_strtod(buf, NULL) != number)
		g_ascii_formatd(buf, sizeof(buf), "%.17g", number);
	g_string_append(out, buf);
}

static void append_indent(GString *out, int depth)
{
	if (depth < 0)
		return;
	g_string_append_printf(out, "\n%*s", 2 * depth, "");
}

static void append_value(GString *out, const cJSON *value, int depth);

static void append_container(GString *out, const cJSON *value, int depth)
{
	bool is_object = json_is_object(value);
	int inner = depth >= 0 && depth < JSON_INDENT_MAX ? depth + 1 : -1;

	g_string_append_c(out, is_object ? '{' : '[');
	for (const cJSON *item = value->child; item; item = item->next) {
		append_indent(out, inner);
		if (is_object) {
			json_append_string(out, item->string);
			g_string_append(out, inner < 0 ? ":" : ": ");
		}
		append_value(out, item, inner);
		if (item->next)
			g_string_append_c(out, ',');
	}
	if (value->child && inner >= 0)
		append_indent(out, depth);
	g_string_append_c(out, is_object ? '}' : ']');
}

/* `depth` < 0: on one line. Recursion is bounded by cJSON's nesting limit. */
static void append_value(GString *out, const cJSON *value, int depth)
{
	if (json_is_string(value))
		json_append_string(out, value->valuestring);
	else if (cJSON_IsNumber(value))
		append_number(out, value->valuedouble);
	else if (cJSON_IsTrue(value))
		g_string_append(out, "true");
	else if (cJSON_IsFalse(value))
		g_string_append(out, "false");
	else if (json_is_object(value) || json_is_array(value))
		append_container(out, value, depth);
	else
		g_string_append(out, "null");
}

void json_append_pretty(GString *out, const cJSON *value, int depth)
{
	append_value(out, value, depth);
}

char *json_compact(const cJSON *value)
{
	GString *out = g_string_new(NULL);

	append_value(out, value, -1);
	return g_string_free(out, FALSE);
}

char *webex_json_quote(const char *text)
{
	GString *out = g_string_new(NULL);

	json_append_string(out, text);
	return g_string_free(out, FALSE);
}

char *webex_json_get_string(const char *json, const char *key)
{
	_cleanup_json_ cJSON *doc = json_parse(json, strlen(json));
	const cJSON *value = json_get(doc, key);

	return json_is_string(value) ? g_strdup(value->valuestring) : NULL;
}

int64_t webex_json_get_int(const char *json, const char *key, int64_t fallback)
{
	_cleanup_json_ cJSON *doc = json_parse(json, strlen(json));
	const cJSON *value = json_get(doc, key);

	if (!cJSON_IsNumber(value) || !(fabs(value->valuedouble) <= EXACT_MAX))
		return fallback;
	return (int64_t)value->valuedouble;
}
