/* SPDX-License-Identifier: MIT */
/* What a person may write into space.json, a membership and post.json. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/model.h"

/* webex-api.md 4.1 */
#define ROOM_ID "Y2lzY29zcGFyazovL3VzL1JPT00vMzFlZDZkNTAtZjhkOS0xMWVmLTlhMmItMDI0MmFjMTEwMDAy"
#define PARENT_ID                                                                              \
	"Y2lzY29zcGFyazovL3VzL01FU1NBR0UvZWI4YTM2MzAtZjhkOS0xMWVmLTlhMmItMDI0MmFjMTEwMDAz"

static struct webex_room room = {
	.id = (char *)"ROOM",
	.title = (char *)"Old \"title\"",
	.is_locked = true,
	.description = (char *)"About",
	.creator_id = (char *)"BOB",
	.last_activity_ms = 1741080302040,
	.created_ms = 1741080031507,
	.extra = (char *)"{\"madePublic\":{\"a\":1}}",
};

static struct webex_membership member = {
	.id = (char *)"MEMBER",
	.room_id = (char *)"ROOM",
	.person_email = (char *)"bob@example.org",
	.created_ms = 1741080031507,
};

static void check_room(const char *json, const char *wanted)
{
	_cleanup_gfree_ char *body = g_strdup("untouched");
	_cleanup_gfree_ char *reason = NULL;
	g_free(steal_ptr(&body));

	assert_int_equal(webex_room_edit(&room, json, strlen(json), &body, &reason), 0);
	assert_null(reason);
	if (wanted)
		assert_string_equal(body, wanted);
	else
		assert_null(body);
}

static void refuse_room(const char *json, const char *wanted_reason)
{
	char *body = (char *)"untouched";
	_cleanup_gfree_ char *reason = NULL;

	assert_int_equal(webex_room_edit(&room, json, strlen(json), &body, &reason), -EINVAL);
	assert_string_equal(body, "untouched");
	assert_string_equal(reason, wanted_reason);
}

/* A team has a name and a description (webex-api.md 5.7), a membership of it no more than a role. */
static void test_team_changes(void **state)
{
	struct webex_room team = {.id = (char *)"TEAM",
				  .title = (char *)"Crew",
				  .type = WEBEX_ROOM_TEAM,
				  .description = (char *)"Quay",
				  .last_activity_ms = -1,
				  .created_ms = 1741080031507};
	struct webex_membership of_team = member;
	static const struct {
		const char *json, *body; /* NULL: it is refused */
	} cases[] = {
		{"{\"name\":\"Port crew\"}", "{\"name\":\"Port crew\"}"},
		{"{\"description\":\"\"}", "{\"name\":\"Crew\",\"description\":\" \"}"},
		{"{\"title\":\"x\"}", NULL},
		{"{\"name\":\"\"}", NULL},
		{"{\"id\":\"x\"}", NULL},
		{"{\"isLocked\":true}", NULL},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		_cleanup_gfree_ char *body = NULL, *reason = NULL;

		assert_int_equal(webex_room_edit(&team, cases[i].json, strlen(cases[i].json),
						 &body, &reason),
				 cases[i].body ? 0 : -EINVAL);
		if (cases[i].body)
			assert_string_equal(body, cases[i].body);
	}
	of_team.room_type = WEBEX_ROOM_TEAM;
	for (int i = 0; i < 2; i++) {
		_cleanup_gfree_ char *body = NULL, *reason = NULL;
		const char *json = i ? "{\"isRoomHidden\":true}" : "{\"isModerator\":true}";

		assert_int_equal(
			webex_membership_edit(&of_team, json, strlen(json), &body, &reason),
			i ? -EINVAL : 0);
	}
}

static void test_room_changes(void **state)
{
	_cleanup_gfree_ char *same = webex_room_json(&room);

	(void)state;
	check_room(same, NULL);
	check_room("{}", NULL);
	check_room("{\"title\": \"New\"}", "{\"title\":\"New\"}");
	check_room("{\"isLocked\": false}",
		   "{\"title\":\"Old \\\"title\\\"\",\"isLocked\":false}");
	check_room("{\"description\": \"\", \"isPublic\": true, \"id\": \"ROOM\"}",
		   "{\"title\":\"Old \\\"title\\\"\",\"isPublic\":true,\"description\":\" \"}");
	check_room("{\"title\": null, \"teamId\": null, \"teamId2\": null, \"ownerId\": \"\"}",
		   NULL);
	check_room("{\"lastActivity\": \"2026-01-01T00:00:00.000Z\"}", NULL);
	check_room("{\"madePublic\": { \"a\" : 1.0 }}", NULL);
	check_room("{\"isReadOnly\": false, \"type\": \"group\"}", NULL);
}

static void test_room_refused(void **state)
{
	(void)state;
	refuse_room("", "not a JSON object: line 1, column 1 cannot be read");
	refuse_room("[]", "not a JSON object");
	refuse_room("{\"title\": \"New\"",
		    "not a JSON object: line 1, column 16 cannot be read");
	refuse_room("{\"title\": \"New\",\n \"ü\": x}",
		    "not a JSON object: line 2, column 7 cannot be read");
	refuse_room("{}\n}", "not a JSON object: line 2, column 1 cannot be read");
	refuse_room("{\"title\": \"\xff\"}", "not UTF-8");
	refuse_room("{\"id\": \"OTHER\", \"title\": \"New\"}",
		    "field \"id\": names another object");
	refuse_room("{\"title\": \"\"}", "field \"title\": must not be empty");
	refuse_room("{\"title\": 5}", "field \"title\": must be a string");
	refuse_room("{\"isLocked\": \"false\"}", "field \"isLocked\": must be true or false");
	refuse_room("{\"title\": \"a\", \"title\": \"b\"}", "field \"title\": is there twice");
	refuse_room("{\"creatorId\": \"EVE\"}", "field \"creatorId\": cannot be changed");
	refuse_room("{\"type\": \"direct\"}", "field \"type\": cannot be changed");
	refuse_room("{\"tit\\u001ble\": \"x\"}", "field \"tit le\": is unknown");
	refuse_room("{\"madePublic\": {}}", "field \"madePublic\": cannot be changed");
	_cleanup_gfree_ char *many = g_strnfill(4097, 'x');
	_cleanup_gfree_ char *json = g_strdup_printf("{\"title\":\"%s\"}", many);
	refuse_room(json, "field \"title\": is too long");
}

static void test_membership(void **state)
{
	_cleanup_gfree_ char *same = webex_membership_json(&member);
	char *body = NULL;

	(void)state;
	assert_int_equal(webex_membership_edit(&member, same, strlen(same), &body, NULL), 0);
	assert_null(body);
	static const char change[] = "{\"isModerator\": true}";
	assert_int_equal(webex_membership_edit(&member, change, strlen(change), &body, NULL),
			 0);
	assert_string_equal(body, "{\"isModerator\":true}");
	g_free(body);
	static const char both[] = "{\"isRoomHidden\": true, \"isModerator\": true}";
	assert_int_equal(webex_membership_edit(&member, both, strlen(both), &body, NULL), 0);
	assert_string_equal(body, "{\"isModerator\":true,\"isRoomHidden\":true}");
	g_free(body);
	static const char other[] = "{\"personEmail\": \"eve@example.org\"}";
	assert_int_equal(webex_membership_edit(&member, other, strlen(other), &body, NULL),
			 -EINVAL);
	static const char id[] = "{\"id\": \"ELSE\"}";
	assert_int_equal(webex_membership_edit(&member, id, strlen(id), &body, NULL), -EINVAL);
}

/* ---- webhooks ---- */

static char hook_json[] =
	"{\"id\": \"HOOK\", \"name\": \"dock\", \"targetUrl\": \"https://a/\","
	" \"resource\": \"rooms\", \"event\": \"created\", \"secret\": \"s\","
	" \"ownedBy\": \"creator\", \"status\": \"active\"}";
#define KEPT "\"secret\":\"s\",\"ownedBy\":\"creator\""

/* `wanted`: the body, or the reason. */
static void check_hook(const char *json, int error, const char *wanted)
{
	const struct webex_webhook now = {.json = hook_json};
	_cleanup_gfree_ char *body = NULL, *reason = NULL;

	assert_int_equal(webex_webhook_edit(&now, json, strlen(json), &body, &reason), error);
	if (wanted)
		assert_string_equal(error ? reason : body, wanted);
	else
		assert_null(body);
}

static void test_webhook_changes(void **state)
{
	(void)state;
	check_hook(hook_json, 0, NULL);
	check_hook("{\"secret\": null}", 0, NULL);
	check_hook("{\"targetUrl\": \"http://b/\"}", 0,
		   "{\"name\":\"dock\",\"targetUrl\":\"http://b/\"," KEPT "}");
	check_hook("{\"secret\": \"\"}", 0,
		   "{\"name\":\"dock\",\"targetUrl\":\"https://a/\",\"secret\":\"\","
		   "\"ownedBy\":\"creator\"}");
	check_hook("{\"status\": \"inactive\"}", 0,
		   "{\"name\":\"dock\",\"targetUrl\":\"https://a/\"," KEPT
		   ",\"status\":\"inactive\"}");
	check_hook("{\"status\": \"off\"}", -EINVAL,
		   "field \"status\": must be \"active\" or \"inactive\"");
	check_hook("{\"targetUrl\": \"ftp://b/\"}", -EINVAL,
		   "field \"targetUrl\": must be an http or https URL");
	check_hook("{\"targetUrl\": \"https://b/ c\"}", -EINVAL,
		   "field \"targetUrl\": is no URL");
	check_hook("{\"filter\": \"x=y\"}", -EINVAL,
		   "field \"filter\": cannot be changed: rm the file, and write it anew");
	check_hook("{\"id\": \"OTHER\"}", -EINVAL, "field \"id\": names another object");
	check_hook("{\"colour\": \"red\"}", -EINVAL, "field \"colour\": is unknown");
}

static void check_new(const char *json, int error, const char *wanted)
{
	_cleanup_gfree_ char *body = NULL, *reason = NULL;

	assert_int_equal(webex_webhook_new("dock", json, strlen(json), &body, &reason), error);
	assert_string_equal(error ? reason : body, wanted);
}

#define NEEDED "\"targetUrl\":\"https://a/\",\"resource\":\"all\",\"event\":\"all\""

static void test_new_webhook(void **state)
{
	(void)state;
	check_new("{" NEEDED "}", 0, "{\"name\":\"dock\"," NEEDED "}");
	check_new("{\"secret\": \"s\", \"name\": \"dock\", \"filter\": \"\", \"ownedBy\": "
		  "null, " NEEDED "}",
		  0, "{\"name\":\"dock\"," NEEDED ",\"secret\":\"s\"}");
	check_new("{\"name\": \"pier\", " NEEDED "}", -EINVAL,
		  "field \"name\": is another name than that of the file: leave it out");
	check_new("{\"id\": \"HOOK\", " NEEDED "}", -EINVAL,
		  "field \"id\": names another object");
	check_new("{\"targetUrl\":\"https://a/\",\"event\":\"all\"}", -EINVAL,
		  "field \"resource\": is missing");
	check_new("{\"event\": 1}", -EINVAL, "field \"event\": must be a string");
}

struct post_case {
	const char *json, *room_id, *email, *parent_id;
	const char *body; /* NULL: refused */
};

static const struct post_case posts[] = {
	{"{\"text\":\"hi\"}", "R", NULL, NULL, "{\"roomId\":\"R\",\"text\":\"hi\"}"},
	{"{\"text\":\"hi\",\"roomId\":\"R\"}", "R", NULL, NULL,
	 "{\"roomId\":\"R\",\"text\":\"hi\"}"},
	{"{\"roomId\":null,\"toPersonId\":\"\",\"text\":\"hi\"}", "R", NULL, NULL,
	 "{\"roomId\":\"R\",\"text\":\"hi\"}"},
	{"{\"markdown\":\"**x**\"}", NULL, "a@b", NULL,
	 "{\"toPersonEmail\":\"a@b\",\"markdown\":\"**x**\"}"},
	{"{\"toPersonEmail\":\"A@B\",\"text\":\"x\"}", NULL, "a@b", NULL,
	 "{\"toPersonEmail\":\"a@b\",\"text\":\"x\"}"},
	{"{\"text\":\"x\"}", "R", NULL, "P",
	 "{\"roomId\":\"R\",\"parentId\":\"P\",\"text\":\"x\"}"},
	/* Another notation of the same ids. */
	{"{\"roomId\":\"31ed6d50-f8d9-11ef-9a2b-0242ac110002\",\"text\":\"x\","
	 "\"parentId\":\"eb8a3630-f8d9-11ef-9a2b-0242ac110003\"}",
	 ROOM_ID, NULL, PARENT_ID,
	 "{\"roomId\":\"" ROOM_ID "\",\"parentId\":\"" PARENT_ID "\",\"text\":\"x\"}"},
	{"{\"text\":\"x\",\"parentId\":\"P\"}", "R", NULL, "P",
	 "{\"roomId\":\"R\",\"parentId\":\"P\",\"text\":\"x\"}"},
	{"{\"text\":\"x\",\"parentId\":\"Q\"}", "R", NULL, NULL,
	 "{\"roomId\":\"R\",\"text\":\"x\",\"parentId\":\"Q\"}"},
	{"{\"files\":[\"https://example.org/"
	 "a.png\"],\"attachments\":[{\"content\":{\"v\":1.5}}]}",
	 "R", NULL, NULL,
	 "{\"roomId\":\"R\",\"files\":[\"https://example.org/a.png\"],"
	 "\"attachments\":[{\"content\":{\"v\":1.5}}]}"},
	{"{\"roomId\":\"OTHER\",\"text\":\"x\"}", "R", NULL, NULL, NULL},
	{"{\"toPersonEmail\":\"a@b\",\"text\":\"x\"}", "R", NULL, NULL, NULL},
	{"{\"toPersonId\":\"A\",\"text\":\"x\"}", NULL, "a@b", NULL, NULL},
	{"{\"roomId\":\"R\",\"text\":\"x\"}", NULL, "a@b", NULL, NULL},
	{"{\"roomId\":7,\"text\":\"x\"}", "R", NULL, NULL, NULL},
	{"{\"parentId\":\"Q\",\"text\":\"x\"}", "R", NULL, "P", NULL},
	{"{\"files\":[\"/etc/passwd\"]}", "R", NULL, NULL, NULL},
	{"{\"files\":[\"file:///etc/passwd\"]}", "R", NULL, NULL, NULL},
	{"{\"files\":\"https://example.org/\"}", "R", NULL, NULL, NULL},
	{"{\"files\":[7]}", "R", NULL, NULL, NULL},
	{"{\"text\":\"a\",\"text\":\"b\"}", "R", NULL, NULL, NULL},
	{"\"text\"", "R", NULL, NULL, NULL},
	{"", "R", NULL, NULL, NULL},
};

static void test_post_body(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(posts); i++) {
		const struct post_case *p = &posts[i];
		_cleanup_gfree_ char *body = NULL, *reason = NULL;
		int r = webex_post_body(p->json, strlen(p->json), p->room_id, p->email,
					p->parent_id, &body, &reason);
		assert_int_equal(r, p->body ? 0 : -EINVAL);
		if (p->body)
			assert_string_equal(body, p->body);
		else
			assert_non_null(reason);
	}
}

static const struct {
	const char *json;
	int r;
	const char *path, *text, *markdown, *parent_id;
} locals[] = {
	{"{\"files\":[\"/a/b.pdf\"]}", 0, "/a/b.pdf", NULL, NULL, NULL},
	{"{\"roomId\":\"R\",\"files\":[\"/a\"],\"text\":\"t\",\"parentId\":\"P\"}", 0, "/a",
	 "t", NULL, "P"},
	{"{\"files\":[\"/a\"],\"markdown\":\"**m**\",\"text\":null}", 0, "/a", NULL, "**m**",
	 NULL},
	{"{\"text\":\"t\"}", 0, NULL, NULL, NULL, NULL},
	{"{\"files\":[\"https://h/a\"]}", 0, NULL, NULL, NULL, NULL},
	{"{\"files\":[]}", 0, NULL, NULL, NULL, NULL},
	{"{\"files\":[\"/a\",\"/b\"]}", -EINVAL, NULL, NULL, NULL, NULL},
	{"{\"files\":[\"/a\",\"https://h/a\"]}", -EINVAL, NULL, NULL, NULL, NULL},
	{"{\"files\":[\"/a\"],\"text\":\"t\",\"markdown\":\"m\"}", -EINVAL, NULL, NULL, NULL,
	 NULL},
	{"{\"files\":[\"/a\"],\"attachments\":[{}]}", -EINVAL, NULL, NULL, NULL, NULL},
	{"{\"files\":[\"/a\"],\"text\":1}", -EINVAL, NULL, NULL, NULL, NULL},
	{"{\"files\":[\"/a\"],\"roomId\":\"other\"}", -EINVAL, NULL, NULL, NULL, NULL},
	{"[]", -EINVAL, NULL, NULL, NULL, NULL},
};

static void assert_field(const char *found, const char *expected)
{
	if (expected)
		assert_string_equal(found, expected);
	else
		assert_null(found);
}

static void test_post_local(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(locals); i++) {
		_cleanup_gfree_ char *reason = NULL;
		struct webex_local l = {0};
		int r = webex_post_local(locals[i].json, strlen(locals[i].json), "R", NULL,
					 NULL, &l, &reason);

		assert_int_equal(r, locals[i].r);
		if (r < 0)
			assert_non_null(reason);
		assert_field(l.path, locals[i].path);
		assert_field(l.text, locals[i].text);
		assert_field(l.markdown, locals[i].markdown);
		assert_field(l.parent_id, locals[i].parent_id);
		webex_local_clear(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_room_changes),	cmocka_unit_test(test_team_changes),
		cmocka_unit_test(test_room_refused),	cmocka_unit_test(test_membership),
		cmocka_unit_test(test_post_body),	cmocka_unit_test(test_post_local),
		cmocka_unit_test(test_webhook_changes), cmocka_unit_test(test_new_webhook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
