/* SPDX-License-Identifier: MIT */
#include "http/link.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define TARGET_MAX_BYTES 8192

static void skip_space(const char **at)
{
	while (**at == ' ' || **at == '\t')
		(*at)++;
}

static bool is_token_char(char c)
{
	return c && (g_ascii_isalnum(c) || strchr("!#$%&'*+-.^_`|~", c));
}

/* "<target>"; the target is left unterminated in *ret. */
static bool take_target(const char **at, const char **ret, size_t *ret_len)
{
	const char *start;

	if (**at != '<')
		return false;
	start = ++*at;
	for (; **at && **at != '>'; (*at)++) {
		unsigned char c = (unsigned char)**at;

		if (c <= 0x20 || c == 0x7F || c == '<')
			return false;
	}
	if (**at != '>')
		return false;
	*ret = start;
	*ret_len = (size_t)(*at - start);
	(*at)++;
	return true;
}

/* A token or a quoted string; its text is appended to `text`, backslashes resolved. */
static bool take_value(const char **at, GString *text)
{
	if (**at != '"') {
		/* Servers send unquoted values that are no tokens: rel=http://example.com/x */
		while (**at && !strchr(" \t;,\"<>", **at))
			g_string_append_c(text, *(*at)++);
		return text->len > 0;
	}
	for ((*at)++; **at != '"'; (*at)++) {
		if (**at == '\\')
			(*at)++;
		if (!**at)
			return false;
		g_string_append_c(text, **at);
	}
	(*at)++;
	return true;
}

static bool has_relation(const char *rel, const char *wanted)
{
	size_t len = strlen(wanted);

	while (*rel) {
		size_t word = strcspn(rel, " \t");

		if (word == len && g_ascii_strncasecmp(rel, wanted, len) == 0)
			return true;
		rel += word;
		rel += strspn(rel, " \t");
	}
	return false;
}

/*
 * One ";name=value" (the value may be missing, the whole may be empty). *rel_seen and
 * *is_next are about the first `rel` only, as RFC 8288 3.3 asks.
 */
static bool take_parameter(const char **at, bool *rel_seen, bool *is_next)
{
	const char *name;
	size_t name_len;
	GString *value;
	bool ok = true;

	(*at)++;
	skip_space(at);
	name = *at;
	while (is_token_char(**at))
		(*at)++;
	name_len = (size_t)(*at - name);
	skip_space(at);
	if (**at != '=')
		return true;
	if (name_len == 0)
		return false;

	(*at)++;
	skip_space(at);
	value = g_string_new(NULL);
	ok = take_value(at, value);
	if (ok && !*rel_seen && name_len == 3 && g_ascii_strncasecmp(name, "rel", 3) == 0) {
		*rel_seen = true;
		*is_next = has_relation(value->str, "next");
	}
	g_string_free(value, TRUE);
	skip_space(at);
	return ok;
}

char *http_link_next(const char *value)
{
	const char *found = NULL;
	size_t found_len = 0;

	for (;;) {
		bool rel_seen = false, is_next = false;
		const char *target;
		size_t len;

		while (*value == ',' || *value == ' ' || *value == '\t')
			value++;
		if (!*value)
			break;
		if (!take_target(&value, &target, &len))
			return NULL;
		skip_space(&value);
		while (*value == ';') {
			if (!take_parameter(&value, &rel_seen, &is_next))
				return NULL;
		}
		if (*value && *value != ',')
			return NULL;
		if (is_next && !found) {
			found = target;
			found_len = len;
		}
	}
	if (!found || found_len == 0 || found_len > TARGET_MAX_BYTES)
		return NULL;
	return g_strndup(found, found_len);
}
