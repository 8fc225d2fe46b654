/* SPDX-License-Identifier: MIT */
#include "webex/same.h"

#include <glib.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/json.h"

/* Owned. Bytes that are no UTF-8 stay as they are. */
static char *normalize(const char *text)
{
	_cleanup_gfree_ char *composed = g_utf8_normalize(text, -1, G_NORMALIZE_NFC);
	const char *from = composed ? composed : text;
	GString *out = g_string_sized_new(strlen(from));

	for (; *from; from++) {
		if (from[0] != '\r' || from[1] != '\n')
			g_string_append_c(out, *from);
	}
	return g_strstrip(g_string_free(out, FALSE));
}

bool webex_is_same_text(const char *a, const char *b)
{
	_cleanup_gfree_ char *left = NULL, *right = NULL;

	if (g_strcmp0(a, b) == 0)
		return true;
	left = normalize(a ? a : "");
	right = normalize(b ? b : "");
	return strcmp(left, right) == 0;
}

/* `value` as a text to compare. Owned. */
static char *value_text(const cJSON *value)
{
	if (!value || cJSON_IsNull(value) || cJSON_IsFalse(value))
		return g_strdup("");
	return json_is_string(value) ? g_strdup(value->valuestring) : json_compact(value);
}

static bool is_same_value(const cJSON *a, const cJSON *b)
{
	_cleanup_gfree_ char *left = value_text(a), *right = value_text(b);

	return webex_is_same_text(left, right);
}

char *webex_unchanged_field(const char *body, const char *before, const char *answer)
{
	_cleanup_json_ cJSON *asked = json_parse(body, strlen(body));
	_cleanup_json_ cJSON *old = json_parse(before, strlen(before));
	_cleanup_json_ cJSON *now = json_parse(answer, strlen(answer));

	if (!json_is_object(asked))
		return NULL;
	for (const cJSON *item = asked->child; item; item = item->next) {
		const cJSON *has = json_get(now, item->string);

		/* A server may take a secret and never show it. */
		if (!has && strcmp(item->string, "secret") == 0)
			continue;
		if (is_same_value(has, json_get(old, item->string)) &&
		    !is_same_value(has, item))
			return g_strdup(item->string);
	}
	return NULL;
}
