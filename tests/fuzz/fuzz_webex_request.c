/* SPDX-License-Identifier: MIT */
/* The path of a request, its body, and the lists in answers: no path leads out of the API's root. */
#include <glib.h>

#include "fuzz.h"
#include "webex/json_text.h"
#include "webex/request_path.h"

static void check_path(const char *path)
{
	const char *query = strchr(path, '?');
	size_t len = query ? (size_t)(query - path) : strlen(path);
	char *before = g_strndup(path, len);
	char **segments = g_strsplit(before + 1, "/", -1);

	fuzz_check(path[0] == '/' && strlen(path) <= REQUEST_PATH_MAX);
	fuzz_check(!query || !strchr(query + 1, '?'));
	for (const char *p = path; *p; p++)
		fuzz_check((unsigned char)*p > ' ' && (unsigned char)*p < 0x7f &&
			   !strchr("#\\\"<>^`{|}", *p));
	for (char **s = segments; *s; s++) {
		char *plain = g_uri_unescape_string(*s, NULL);

		fuzz_check(plain && *plain && strcmp(plain, ".") != 0 &&
			   strcmp(plain, "..") != 0 && !strpbrk(plain, "/\\%"));
		g_free(plain);
	}
	g_strfreev(segments);
	g_free(before);
}

static void check_list(const char *text, size_t len)
{
	struct json_span list;
	GArray *items = NULL;

	if (json_text_list(text, len, &list, &items))
		return;
	fuzz_check(list.at + list.len < len && text[list.at - 1] == '[' &&
		   text[list.at + list.len] == ']');
	for (guint i = 0; i < items->len; i++) {
		const struct json_item *item = &g_array_index(items, struct json_item, i);

		fuzz_check(item->all.at >= list.at &&
			   item->all.at + item->all.len <= list.at + list.len);
		fuzz_check(!item->id.len ||
			   (item->id.at > item->all.at && text[item->id.at] == '"'));
	}
	g_array_unref(items);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *path = NULL;
	struct json_fault fault = {0};
	const char *why = NULL;

	if (request_path_make(text, &path, &why) == 0)
		check_path(path);
	else
		fuzz_check(why != NULL && !path);
	if (json_text_check((const char *)data, size, &fault))
		fuzz_check(fault.line > 0 && fault.column > 0 && fault.why);
	check_list((const char *)data, size);
	g_free(path);
	free(text);
	return 0;
}
