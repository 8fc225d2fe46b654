/* SPDX-License-Identifier: MIT */
#include "tree/api_paths.h"

#include <glib.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/id.h"

/* New ones come at the end. */
static const struct shown {
	const char *path;
	bool is_list; /* what is one segment below is an item of it */
	bool is_deep; /* an item has paths below it */
	int max;      /* page size (webex-api.md 2.2); 0: it has no pages */
} shown[] = {
	{"people", true, true, 1000},
	{"rooms", true, true, 1000},
	{"memberships", true, false, 500},
	{"messages", true, false, 200},
	{"teams", true, true, 500},
	{"team", false, true, 0},
	{"team/memberships", true, false, 500},
	{"webhooks", true, false, 500},
	{"organizations", true, true, 0},
	{"licenses", true, true, 0},
	{"roles", true, false, 0},
	{"events", true, false, 1000},
	{"adminAudit", false, true, 0},
	{"adminAudit/events", true, false, 200},
	{"attachment", false, true, 0},
	{"attachment/actions", true, false, 0},
	{"guests", true, true, 0},
	{"room", false, true, 0},
	{"room/tabs", true, false, 0},
	{"authorizations", true, false, 0},
	{"contents", true, false, 0},
};

/* Below a collection, but no items of it. */
static const char *const no_items[] = {"guests/token", "messages/direct"};

const char *api_shown(int i)
{
	return i >= 1 && i <= (int)G_N_ELEMENTS(shown) ? shown[i - 1].path : NULL;
}

static const struct shown *find(const char *path, size_t len)
{
	for (size_t i = 0; i < G_N_ELEMENTS(shown); i++)
		if (strlen(shown[i].path) == len && memcmp(shown[i].path, path, len) == 0)
			return &shown[i];
	return NULL;
}

int api_shown_number(const char *path)
{
	const struct shown *s = find(path, strlen(path));

	return s ? (int)(s - shown) + 1 : 0;
}

/* The length of `path` up to its last segment; *ret_last: that. */
static size_t split(const char *path, size_t len, const char **ret_last, size_t *ret_last_len)
{
	const char *slash = g_strrstr_len(path, (gssize)len, "/");

	*ret_last = slash ? slash + 1 : path;
	*ret_last_len = (size_t)(path + len - *ret_last);
	return slash ? (size_t)(slash - path) : 0;
}

bool api_is_leaf(const char *path)
{
	const char *last;
	size_t last_len, len = split(path, strlen(path), &last, &last_len);
	const struct shown *parent = find(path, len);

	return (parent && parent->is_list && !parent->is_deep) ||
	       strcmp(path, "people/me") == 0;
}

/* An id of the API, a number, a UUID: no word of a path has a digit but "v1". */
static bool looks_like_id(const char *text, size_t len)
{
	_cleanup_gfree_ char *copy = g_strndup(text, len);
	struct webex_id id;

	return webex_id_decode(copy, &id) == 0 || strcmp(copy, "me") == 0 ||
	       strchr(copy, '@') || strpbrk(copy, "0123456789") != NULL;
}

bool api_is_collection(const char *path)
{
	size_t len = strcspn(path, "?"), last_len, above;
	const struct shown *parent;
	const char *last;

	if (find(path, len))
		return true;
	for (size_t i = 0; i < G_N_ELEMENTS(no_items); i++)
		if (strlen(no_items[i]) == len && memcmp(no_items[i], path, len) == 0)
			return true;
	above = split(path, len, &last, &last_len);
	parent = find(path, above);
	if (parent && parent->is_list)
		return false;
	return !looks_like_id(last, last_len);
}

int api_page_size(const char *path)
{
	const struct shown *s =
		find(path + (*path == '/'), strcspn(path, "?") - (*path == '/'));

	return s ? s->max : 0;
}
