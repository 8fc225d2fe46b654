/* SPDX-License-Identifier: MIT */
#include "webex/request_path.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "base/cleanup.h"

/* What a segment and a query can have as they are (RFC 3986), but for ';' and '&': servers split there. */
#define SEGMENT_CHARS "-._~!$'()*+,=:@"
#define QUERY_CHARS "-._~!$'()*+,=:@;&/"

static bool is_plain(unsigned char c, const char *others)
{
	return g_ascii_isalnum(c) || (c && strchr(others, c));
}

static void add_byte(GString *out, unsigned char c, const char *plain)
{
	if (is_plain(c, plain))
		g_string_append_c(out, (char)c);
	else
		g_string_append_printf(out, "%%%02X", c);
}

/* The byte that %XX at `p` stands for; -1: it is none. */
static int escaped(const char *p, size_t left)
{
	int high, low;

	if (left < 3)
		return -1;
	high = g_ascii_xdigit_value(p[1]);
	low = g_ascii_xdigit_value(p[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* True for ".", "..", and for both with parameters, which some servers take off (";x"). */
static bool is_dots(const GString *segment)
{
	size_t len = strcspn(segment->str, ";");

	return (len == 1 || len == 2) && strspn(segment->str, ".") >= len;
}

static const char *decode(const char *p, size_t len, GString *out)
{
	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)p[i];

		if (c == '%') {
			c = escaped(p + i, len - i);
			if (c < 0)
				return "a '%' is followed by two hex digits; for itself write "
				       "%25 "
				       "in the query";
			if (c < ' ' || c == 0x7f || strchr("/\\%", c))
				return "a segment has no '/', '\\', '%' or control character, "
				       "encoded or not";
			i += 2;
		}
		g_string_append_c(out, (char)c);
	}
	return NULL;
}

static const char *add_segment(const char *p, size_t len, GString *path)
{
	g_autoptr(GString) segment = g_string_new(NULL);
	const char *why = decode(p, len, segment);

	if (why)
		return why;
	if (!segment->len)
		return "there is an empty segment in it";
	if (is_dots(segment))
		return "'.' and '..' lead nowhere here";
	if (!g_utf8_validate_len(segment->str, segment->len, NULL))
		return "it is no UTF-8";
	g_string_append_c(path, '/');
	for (size_t i = 0; i < segment->len; i++)
		add_byte(path, (unsigned char)segment->str[i], SEGMENT_CHARS);
	return NULL;
}

static const char *add_query(const char *p, GString *path)
{
	if (!*p)
		return NULL;
	g_string_append_c(path, '?');
	for (; *p; p++) {
		if (*p == '%' && escaped(p, strlen(p)) < 0)
			return "a '%' is followed by two hex digits; for itself write %25";
		if (*p == '%')
			g_string_append_c(path, '%');
		else
			add_byte(path, (unsigned char)*p, QUERY_CHARS);
	}
	return NULL;
}

static const char *check_text(const char *typed)
{
	const char *query = strchr(typed, '?');

	for (const char *p = typed; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return "it has a control character";
	if (strpbrk(typed, "#\\"))
		return "'#' and '\\' cannot stand in it: write %23 or %5C in the query";
	if (query && strchr(query + 1, '?'))
		return "it has more than one '?': write %3F in the query";
	if (!g_utf8_validate(typed, -1, NULL))
		return "it is no UTF-8";
	return NULL;
}

static const char *make(const char *typed, GString *path)
{
	const char *why = check_text(typed);
	size_t len = strcspn(typed, "?");
	const char *p = typed + (*typed == '/'), *end = typed + len;

	while (!why) {
		const char *slash = memchr(p, '/', (size_t)(end - p));

		why = add_segment(p, (size_t)((slash ? slash : end) - p), path);
		if (!slash)
			break;
		p = slash + 1;
	}
	return why ? why : add_query(*end ? end + 1 : end, path);
}

int request_path_make(const char *typed, char **ret_path, const char **ret_why)
{
	g_autoptr(GString) path = g_string_new(NULL);

	if (strnlen(typed, REQUEST_PATH_MAX + 1) > REQUEST_PATH_MAX) {
		*ret_why = "it is longer than 8000 bytes";
		return -ENAMETOOLONG;
	}
	*ret_why = make(typed, path);
	if (*ret_why)
		return -EINVAL;
	if (path->len > REQUEST_PATH_MAX) {
		*ret_why = "it is longer than 8000 bytes as a URL";
		return -ENAMETOOLONG;
	}
	*ret_path = g_string_free(steal_ptr(&path), FALSE);
	return 0;
}

bool request_path_has_key(const char *path, const char *key)
{
	size_t len = strlen(key);
	const char *p = strchr(path, '?');

	while (p) {
		p++;
		if (strncmp(p, key, len) == 0 && (p[len] == '=' || p[len] == '&' || !p[len]))
			return true;
		p = strchr(p, '&');
	}
	return false;
}
