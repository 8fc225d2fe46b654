/* SPDX-License-Identifier: MIT */
/* What people write into .json files: refused with a reason, or a body that is JSON. */
#include <glib.h>

#include "fuzz.h"
#include "webex/model.h"

static struct webex_room room = {
	.id = (char *)"ROOM",
	.title = (char *)"Title",
	.description = (char *)"About",
	.extra = (char *)"{\"x\":[1]}",
	.last_activity_ms = -1,
	.created_ms = 1741080302040,
};

static struct webex_membership member = {
	.id = (char *)"MEMBER",
	.room_id = (char *)"ROOM",
	.created_ms = 1741080302040,
};

static bool is_json(const char *body)
{
	/* An object with an id in it is a room to the parser, whatever else it has. */
	char *object = g_strconcat("{\"id\":\"X\",", body + 1, NULL);
	GPtrArray *items = NULL;
	int r = webex_parse(WEBEX_KIND_ROOM, object, strlen(object), false, &items, NULL);

	if (items)
		g_ptr_array_unref(items);
	g_free(object);
	return body[0] == '{' && r == 0 && g_utf8_validate(body, -1, NULL);
}

static void check(int r, char *body, char *reason, bool needs_body)
{
	if (r < 0) {
		fuzz_check(!body && reason && !strchr(reason, '\n'));
		fuzz_check(g_utf8_validate(reason, -1, NULL));
	} else {
		fuzz_check(!reason && (body || !needs_body));
	}
	fuzz_check(!body || is_json(body));
	g_free(body);
	g_free(reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *json = (const char *)data;
	char *body = NULL, *reason = NULL;
	int r;

	r = webex_room_edit(&room, json, size, &body, &reason);
	check(r, body, reason, false);
	body = reason = NULL;
	r = webex_membership_edit(&member, json, size, &body, &reason);
	check(r, body, reason, false);
	body = reason = NULL;
	r = webex_post_body(json, size, "ROOM", NULL, "PARENT", &body, &reason);
	if (r == 0) {
		char *to = webex_json_get_string(body, "roomId");
		fuzz_check(to && strcmp(to, "ROOM") == 0);
		g_free(to);
	}
	check(r, body, reason, true);
	body = reason = NULL;
	r = webex_post_body(json, size, NULL, "bob@example.org", NULL, &body, &reason);
	check(r, body, reason, true);
	return 0;
}
