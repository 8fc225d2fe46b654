/* SPDX-License-Identifier: MIT */
/* A post.json that names a file of this machine; and what was written to the .json of an object that
 * itself came from a server. The first line is the object, the rest is what was written. */
#include <glib.h>

#include "fuzz.h"
#include "webex/model.h"

static void check_reason(int r, const char *reason)
{
	fuzz_check(r < 0 ? reason && !strchr(reason, '\n') && g_utf8_validate(reason, -1, NULL)
			 : !reason);
}

static void check_local(const char *json, size_t len, const char *parent_id)
{
	struct webex_local l = {0};
	char *reason = NULL, *body = NULL;
	int r = webex_post_local(json, len, "ROOM", NULL, parent_id, &l, &reason);

	check_reason(r, reason);
	fuzz_check(r == 0 || !l.path);
	fuzz_check(!l.path || l.path[0] == '/');
	fuzz_check(!l.text || !l.markdown);
	g_clear_pointer(&reason, g_free);
	/* What has a local path is never sent as it is. */
	if (r == 0 && l.path)
		fuzz_check(webex_post_body(json, len, "ROOM", NULL, parent_id, &body, &reason) <
			   0);
	g_free(reason);
	g_free(body);
	webex_local_clear(&l);
}

static void check_room(const char *object, size_t object_len, const char *json, size_t len)
{
	GPtrArray *items;
	char *body = NULL, *reason = NULL;
	int r;

	if (webex_parse(WEBEX_KIND_ROOM, object, object_len, false, &items, NULL))
		return;
	r = webex_room_edit(items->pdata[0], json, len, &body, &reason);
	check_reason(r, reason);
	g_clear_pointer(&reason, g_free);
	g_clear_pointer(&body, g_free);
	/* What it says itself changes nothing. */
	g_autofree char *same = webex_room_json(items->pdata[0]);
	r = webex_room_edit(items->pdata[0], same, strlen(same), &body, &reason);
	fuzz_check(r < 0 || !body);
	g_free(reason);
	g_free(body);
	g_ptr_array_unref(items);
}

static void check_membership(const char *object, size_t object_len, const char *json,
			     size_t len)
{
	GPtrArray *items;
	char *body = NULL, *reason = NULL;
	int r;

	if (webex_parse(WEBEX_KIND_MEMBERSHIP, object, object_len, false, &items, NULL))
		return;
	r = webex_membership_edit(items->pdata[0], json, len, &body, &reason);
	check_reason(r, reason);
	g_free(reason);
	g_free(body);
	g_ptr_array_unref(items);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = size ? memchr(text, '\n', size) : NULL;

	check_local(text, size, NULL);
	check_local(text, size, "PARENT");
	if (end) {
		size_t len = (size_t)(end - text);

		check_room(text, len, end + 1, size - len - 1);
		check_membership(text, len, end + 1, size - len - 1);
	}
	return 0;
}
