/* SPDX-License-Identifier: MIT */
#include "json_util.h"

#include "ids.h"

#include <string.h>

static void comma(GString *out)
{
	if (out->len && !strchr("{[:,", out->str[out->len - 1]))
		g_string_append_c(out, ',');
}

static void quoted(GString *out, const char *text)
{
	const char *run = text;
	const char *p;

	g_string_append_c(out, '"');
	for (p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;
		const char *esc = NULL;

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		g_string_append_len(out, run, p - run);
		run = p + 1;
		if (c == '"')
			esc = "\\\"";
		else if (c == '\\')
			esc = "\\\\";
		else if (c == '\n')
			esc = "\\n";
		else if (c == '\r')
			esc = "\\r";
		else if (c == '\t')
			esc = "\\t";
		if (esc)
			g_string_append(out, esc);
		else
			g_string_append_printf(out, "\\u%04x", c);
	}
	g_string_append_len(out, run, p - run);
	g_string_append_c(out, '"');
}

void jw_text(GString *out, const char *text)
{
	comma(out);
	quoted(out, text);
}

void jw_key(GString *out, const char *key)
{
	comma(out);
	if (!key)
		return;
	g_string_append_c(out, '"');
	g_string_append(out, key);
	g_string_append(out, "\":");
}

void jw_str(GString *out, const char *key, const char *value)
{
	if (!value)
		return;
	jw_key(out, key);
	quoted(out, value);
}

void jw_bool(GString *out, const char *key, bool value)
{
	jw_key(out, key);
	g_string_append(out, value ? "true" : "false");
}

void jw_int(GString *out, const char *key, int64_t value)
{
	jw_key(out, key);
	g_string_append_printf(out, "%" G_GINT64_FORMAT, value);
}

void jw_time(GString *out, const char *key, int64_t ms)
{
	jw_key(out, key);
	g_string_append_c(out, '"');
	iso_append(out, ms);
	g_string_append_c(out, '"');
}

void jw_raw(GString *out, const char *key, const char *raw)
{
	if (!raw)
		return;
	jw_key(out, key);
	g_string_append(out, raw);
}

void jw_strv(GString *out, const char *key, const GPtrArray *values)
{
	if (!values || !values->len)
		return;
	jw_open(out, key, '[');
	for (guint i = 0; i < values->len; i++)
		jw_text(out, values->pdata[i]);
	jw_close(out, ']');
}

void jw_open(GString *out, const char *key, char bracket)
{
	jw_key(out, key);
	g_string_append_c(out, bracket);
}

void jw_close(GString *out, char bracket)
{
	g_string_append_c(out, bracket);
}

const cJSON *jr_get(const cJSON *obj, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(obj, key);

	return cJSON_IsNull(item) ? NULL : item;
}

const char *jr_str(const cJSON *obj, const char *key)
{
	const cJSON *item = jr_get(obj, key);

	return cJSON_IsString(item) ? item->valuestring : NULL;
}

int jr_bool(const cJSON *obj, const char *key)
{
	const cJSON *item = jr_get(obj, key);

	if (cJSON_IsBool(item))
		return cJSON_IsTrue(item);
	if (cJSON_IsString(item)) {
		if (!strcmp(item->valuestring, "true"))
			return 1;
		if (!strcmp(item->valuestring, "false"))
			return 0;
	}
	return -1;
}

double jr_num(const cJSON *obj, const char *key, double otherwise)
{
	const cJSON *item = jr_get(obj, key);

	return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}
