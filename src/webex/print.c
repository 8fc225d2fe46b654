/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "webex/fields.h"
#include "webex/json.h"
#include "webex/model.h"

static void append_key(GString *out, const char *key)
{
	g_string_append(out, out->len == 1 ? "\n  " : ",\n  ");
	json_append_string(out, key);
	g_string_append(out, ": ");
}

static void append_text(GString *out, const char *key, const char *value)
{
	if (!value)
		return;
	append_key(out, key);
	json_append_string(out, value);
}

static void append_bool(GString *out, const char *key, bool value)
{
	append_key(out, key);
	g_string_append(out, value ? "true" : "false");
}

static void append_time(GString *out, const char *key, int64_t ms)
{
	char buf[TIME_ISO_SIZE];

	if (ms < TIME_MIN_MS || ms > TIME_MAX_MS)
		return;
	time_format_iso(ms, buf);
	append_text(out, key, buf);
}

static void append_urls(GString *out, const char *key, char **urls)
{
	if (!urls || !*urls)
		return;
	append_key(out, key);
	for (char **url = urls; *url; url++) {
		g_string_append(out, url == urls ? "[\n    " : ",\n    ");
		json_append_string(out, *url);
	}
	g_string_append(out, "\n  ]");
}

static void append_json(GString *out, const char *key, const char *json)
{
	_cleanup_json_ cJSON *value = json ? json_parse(json, strlen(json)) : NULL;

	if (!value)
		return;
	append_key(out, key);
	json_append_pretty(out, value, 1);
}

static void append_field(GString *out, const struct webex_field *f, const void *at)
{
	switch (f->type) {
	case WEBEX_FIELD_STRING:
	case WEBEX_FIELD_TITLE:
	case WEBEX_FIELD_NAME:
	case WEBEX_FIELD_ID:
		append_text(out, f->name, *(char *const *)at);
		break;
	case WEBEX_FIELD_BOOL:
		append_bool(out, f->name, *(const bool *)at);
		break;
	case WEBEX_FIELD_FLAG:
		if (*(const bool *)at)
			append_bool(out, f->name, true);
		break;
	case WEBEX_FIELD_TIME:
		append_time(out, f->name, *(const int64_t *)at);
		break;
	case WEBEX_FIELD_ROOM_TYPE:
		append_text(out, f->name,
			    *(const enum webex_room_type *)at == WEBEX_ROOM_DIRECT ? "direct"
										   : "group");
		break;
	case WEBEX_FIELD_URLS:
		append_urls(out, f->name, *(char **const *)at);
		break;
	case WEBEX_FIELD_ARRAY:
	case WEBEX_FIELD_OBJECT:
		append_json(out, f->name, *(char *const *)at);
		break;
	case WEBEX_FIELD_IGNORED:
		break;
	}
}

static void append_extra(GString *out, const struct webex_field *fields, const char *extra)
{
	_cleanup_json_ cJSON *doc = extra ? json_parse(extra, strlen(extra)) : NULL;

	if (!json_is_object(doc))
		return;
	for (const cJSON *item = doc->child; item; item = item->next) {
		if (webex_field_find(fields, item->string))
			continue;
		append_key(out, item->string);
		json_append_pretty(out, item, 1);
	}
}

char *webex_fields_print(enum webex_kind kind, const void *object)
{
	const struct webex_field *fields = webex_fields(kind);
	GString *out = g_string_new("{");

	for (const struct webex_field *f = fields; f->name; f++)
		append_field(out, f, (const char *)object + f->offset);
	append_extra(out, fields,
		     *(char *const *)((const char *)object + webex_extra_offset(kind)));
	g_string_append(out, "\n}\n");
	return g_string_free(out, FALSE);
}
