/* SPDX-License-Identifier: MIT */
#include "webex/json_text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct scan {
	const char *text;
	size_t len, at;
	int depth;
	const char *why; /* NULL: no fault so far */
};

/* What is called for each member of one object, or item of one array. A key is with its quotes; of an array it
 * is empty. */
typedef void (*found_fn)(void *arg, struct json_span key, struct json_span value);

static bool skip_value(struct scan *s, found_fn found, void *arg);

static bool fail(struct scan *s, const char *why)
{
	if (!s->why)
		s->why = why;
	return false;
}

static int peek(const struct scan *s)
{
	return s->at < s->len ? (unsigned char)s->text[s->at] : -1;
}

static void skip_blank(struct scan *s)
{
	while (s->at < s->len && s->text[s->at] && strchr(" \t\r\n", s->text[s->at]))
		s->at++;
}

static bool skip_word(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if (s->len - s->at < len || memcmp(s->text + s->at, word, len) != 0)
		return fail(s, "a value is missing, or a string lacks its quotes");
	s->at += len;
	return true;
}

static bool skip_digits(struct scan *s)
{
	size_t from = s->at;

	while (g_ascii_isdigit(peek(s)))
		s->at++;
	return s->at > from || fail(s, "a digit is missing");
}

static bool skip_number(struct scan *s)
{
	if (peek(s) == '-')
		s->at++;
	if (peek(s) == '0')
		s->at++;
	else if (!skip_digits(s))
		return false;
	if (g_ascii_isdigit(peek(s)))
		return fail(s, "a number begins with 0");
	if (peek(s) == '.') {
		s->at++;
		if (!skip_digits(s))
			return false;
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		return skip_digits(s);
	}
	return true;
}

/* Behind the backslash. */
static bool skip_escape(struct scan *s)
{
	int c = peek(s);

	if (c <= 0 || !strchr("\"\\/bfnrtu", c))
		return fail(s, "a backslash is followed by one of \"\\/bfnrtu");
	s->at++;
	for (int i = 0; c == 'u' && i < 4; i++) {
		if (!g_ascii_isxdigit(peek(s)))
			return fail(s, "\\u is followed by four hex digits");
		s->at++;
	}
	return true;
}

static bool skip_string(struct scan *s)
{
	size_t from = s->at++;

	for (;;) {
		int c = peek(s);

		if (c < 0) {
			s->at = from;
			return fail(s, "a string does not end");
		}
		if (c < ' ')
			return fail(s, "a string has a control character: \\n stands for a new "
				       "line");
		s->at++;
		if (c == '"')
			return true;
		if (c == '\\' && !skip_escape(s))
			return false;
	}
}

static bool skip_member(struct scan *s, bool is_object, found_fn found, void *arg)
{
	struct json_span key = {.at = s->at}, value;

	if (is_object) {
		if (peek(s) != '"')
			return fail(s, "a key in quotes is missing");
		if (!skip_string(s))
			return false;
		key.len = s->at - key.at;
		skip_blank(s);
		if (peek(s) != ':')
			return fail(s, "a colon is missing");
		s->at++;
		skip_blank(s);
	}
	value.at = s->at;
	if (!skip_value(s, NULL, NULL))
		return false;
	value.len = s->at - value.at;
	if (found)
		found(arg, key, value);
	skip_blank(s);
	return true;
}

static bool skip_nested(struct scan *s, found_fn found, void *arg)
{
	bool is_object = peek(s) == '{';
	int close = is_object ? '}' : ']';

	if (s->depth == JSON_NESTED_MAX)
		return fail(s, "it is nested too deep");
	s->depth++;
	s->at++;
	skip_blank(s);
	if (peek(s) != close) {
		while (skip_member(s, is_object, found, arg) && peek(s) == ',') {
			s->at++;
			skip_blank(s);
		}
	}
	if (s->why || peek(s) != close)
		return fail(s, "a comma or a bracket is missing");
	s->at++;
	s->depth--;
	return true;
}

static bool skip_value(struct scan *s, found_fn found, void *arg)
{
	switch (peek(s)) {
	case '{':
	case '[':
		return skip_nested(s, found, arg);
	case '"':
		return skip_string(s);
	case 't':
		return skip_word(s, "true");
	case 'f':
		return skip_word(s, "false");
	case 'n':
		return skip_word(s, "null");
	case -1:
		return fail(s, "it ends before a value");
	default:
		if (peek(s) == '-' || g_ascii_isdigit(peek(s)))
			return skip_number(s);
		return fail(s, "a value is missing, or a string lacks its quotes");
	}
}

/* The whole of a text, calling `found` for what is in its outermost object or array. */
static bool scan_text(struct scan *s, found_fn found, void *arg)
{
	const char *end;

	if (!g_utf8_validate_len(s->text, s->len, &end)) {
		s->at = (size_t)(end - s->text);
		return fail(s, "it is no UTF-8");
	}
	skip_blank(s);
	if (!skip_value(s, found, arg))
		return false;
	skip_blank(s);
	return s->at == s->len || fail(s, "something stands behind the value");
}

/* All before s->at is UTF-8. */
static void tell_place(const struct scan *s, struct json_fault *ret_fault)
{
	const char *begin = s->text;

	*ret_fault = (struct json_fault){.line = 1, .why = s->why};
	for (const char *p = s->text; p < s->text + s->at; p++) {
		if (*p == '\n') {
			ret_fault->line++;
			begin = p + 1;
		}
	}
	ret_fault->column = (int)g_utf8_strlen(begin, s->text + s->at - begin) + 1;
}

int json_text_check(const char *text, size_t len, struct json_fault *ret_fault)
{
	struct scan s = {.text = text, .len = len};

	if (scan_text(&s, NULL, NULL))
		return 0;
	tell_place(&s, ret_fault);
	return -EINVAL;
}

/* ---- lists ---- */

struct search {
	const char *text;
	int n_arrays;
	bool is_named;
	struct json_span array; /* with its brackets */
	GArray *items;
	struct json_item item; /* the one that is being looked through */
};

static bool is_key(const struct search *f, struct json_span key, const char *word)
{
	size_t len = strlen(word);

	return key.len == len + 2 && memcmp(f->text + key.at + 1, word, len) == 0;
}

static void note_array(void *arg, struct json_span key, struct json_span value)
{
	struct search *f = arg;
	bool is_named = is_key(f, key, "items");

	/* Of an array, or an object that no key leads to, there is no list. */
	if (!key.len || f->text[value.at] != '[' || f->is_named)
		return;
	f->n_arrays++;
	f->is_named = is_named;
	f->array = value;
}

static void note_id(void *arg, struct json_span key, struct json_span value)
{
	struct search *f = arg;

	if (!f->item.id.len && is_key(f, key, "id") && f->text[value.at] == '"')
		f->item.id = value;
}

/* What is found is in places of the text that was given, so items are scanned where they stand. */
static void note_item(void *arg, struct json_span key, struct json_span value)
{
	struct search *f = arg;
	struct scan s = {.text = f->text, .len = value.at + value.len, .at = value.at};

	(void)key;
	f->item = (struct json_item){.all = value};
	if (f->text[value.at] == '{')
		skip_value(&s, note_id, f);
	g_array_append_val(f->items, f->item);
}

int json_text_list(const char *text, size_t len, struct json_span *ret_list, GArray **ret_items)
{
	struct search f = {.text = text};
	struct scan s = {.text = text, .len = len}, array;

	if (!scan_text(&s, note_array, &f))
		return -EBADMSG;
	if (!f.is_named && f.n_arrays != 1)
		return -ENOENT;
	f.items = g_array_new(FALSE, FALSE, sizeof(struct json_item));
	array = (struct scan){.text = text, .len = f.array.at + f.array.len, .at = f.array.at};
	skip_value(&array, note_item, &f);
	*ret_list = (struct json_span){.at = f.array.at + 1, .len = f.array.len - 2};
	*ret_items = f.items;
	return 0;
}
