/* SPDX-License-Identifier: MIT */
/* JSON to structs and back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "base/cleanup.h"
#include "webex/id.h"
#include "webex/model.h"

static GPtrArray *parse(enum webex_kind kind, const char *json, bool is_list, int *ret_skipped)
{
	GPtrArray *items = NULL;

	assert_int_equal(webex_parse(kind, json, strlen(json), is_list, &items, ret_skipped),
			 0);
	return items;
}

static void refuse(enum webex_kind kind, const char *json, bool is_list)
{
	GPtrArray *items = (void *)&items;
	int skipped = 77;

	assert_int_equal(webex_parse(kind, json, strlen(json), is_list, &items, &skipped),
			 -EBADMSG);
	assert_ptr_equal(items, &items);
	assert_int_equal(skipped, 77);
}

static const char full_message[] =
	"{\"id\":\"AAA\",\"roomId\":\"BBB\",\"parentId\":\"CCC\",\"roomType\":\"direct\","
	"\"toPersonEmail\":\"x@y\",\"text\":\"See\\nthe draft\",\"markdown\":\"See **it**\","
	"\"html\":\"<p>See</p>\",\"files\":[\"https://webexapis.com/v1/contents/F\",7,\"a b\"],"
	"\"personId\":\"DDD\",\"personEmail\":\"bob@example.org\",\"mentionedPeople\":[\"DDD\"]"
	","
	"\"mentionedGroups\":[\"all\"],\"attachments\":[{\"contentType\":\"card\",\"content\":"
	"{\"version\":1.5,\"n\":1742288702040,\"deep\":[[],{}]}}],"
	"\"created\":\"2025-03-04T09:25:02.040Z\",\"updated\":\"2025-03-04T09:26:02Z\","
	"\"isVoiceClip\":\"true\",\"future\":{\"a\":[1,null,true]},\"gone\":null}";

static const char full_message_json[] = "{\n"
					"  \"id\": \"AAA\",\n"
					"  \"roomId\": \"BBB\",\n"
					"  \"parentId\": \"CCC\",\n"
					"  \"roomType\": \"direct\",\n"
					"  \"text\": \"See\\nthe draft\",\n"
					"  \"markdown\": \"See **it**\",\n"
					"  \"html\": \"<p>See</p>\",\n"
					"  \"files\": [\n"
					"    \"https://webexapis.com/v1/contents/F\"\n"
					"  ],\n"
					"  \"personId\": \"DDD\",\n"
					"  \"personEmail\": \"bob@example.org\",\n"
					"  \"mentionedPeople\": [\n"
					"    \"DDD\"\n"
					"  ],\n"
					"  \"mentionedGroups\": [\n"
					"    \"all\"\n"
					"  ],\n"
					"  \"attachments\": [\n"
					"    {\n"
					"      \"contentType\": \"card\",\n"
					"      \"content\": {\n"
					"        \"version\": 1.5,\n"
					"        \"n\": 1742288702040,\n"
					"        \"deep\": [\n"
					"          [],\n"
					"          {}\n"
					"        ]\n"
					"      }\n"
					"    }\n"
					"  ],\n"
					"  \"created\": \"2025-03-04T09:25:02.040Z\",\n"
					"  \"updated\": \"2025-03-04T09:26:02.000Z\",\n"
					"  \"isVoiceClip\": true,\n"
					"  \"future\": {\n"
					"    \"a\": [\n"
					"      1,\n"
					"      null,\n"
					"      true\n"
					"    ]\n"
					"  }\n"
					"}\n";

static void test_message(void **state)
{
	GPtrArray *items = parse(WEBEX_KIND_MESSAGE, full_message, false, NULL);
	const struct webex_message *m = items->pdata[0];

	(void)state;
	assert_int_equal(items->len, 1);
	assert_string_equal(m->text, "See\nthe draft");
	assert_int_equal(m->room_type, WEBEX_ROOM_DIRECT);
	assert_string_equal(m->files[0], "https://webexapis.com/v1/contents/F");
	assert_null(m->files[1]);
	assert_string_equal(m->mentioned_people, "[\"DDD\"]");
	assert_true(m->created_ms == 1741080302040);
	assert_true(m->updated_ms == 1741080362000);
	assert_true(m->is_voice_clip);
	assert_string_equal(m->extra, "{\"future\":{\"a\":[1,null,true]}}");
	_cleanup_gfree_ char *json = webex_message_json(m);
	assert_string_equal(json, full_message_json);
	g_ptr_array_unref(items);
}

static void test_message_time(void **state)
{
	static const char list[] =
		"{\"items\":["
		"{\"id\":\"eb8a3630-f8d9-11ef-9a2b-0242ac110003\",\"created\":\"\"},"
		"{\"id\":\"eb8a3630-f8d9-11ef-9a2b-0242ac110003\",\"created\":\"1970-01-01\"},"
		"{\"id\":\"AAA\"},{\"id\":\"a/b\",\"created\":\"2025-03-04T09:25:02.040Z\"},"
		"{\"created\":\"2025-03-04T09:25:02.040Z\"},17,null,[]]}";
	int skipped;
	GPtrArray *items = parse(WEBEX_KIND_MESSAGE, list, true, &skipped);

	(void)state;
	assert_int_equal(items->len, 3);
	assert_int_equal(skipped, 5);
	for (guint i = 0; i < items->len; i++) {
		const struct webex_message *m = items->pdata[i];
		assert_true(m->created_ms == 1741080031507);
		assert_int_equal(m->has_odd_time, i == 2);
		assert_int_equal(m->room_type, WEBEX_ROOM_GROUP);
		assert_null(m->text);
		assert_true(m->updated_ms == -1);
	}
	g_ptr_array_unref(items);
}

/* A message is listed whatever its time: not older than the next, nor newer than the one before. */
static void test_odd_times(void **state)
{
	static const char list[] = "{\"items\":["
				   "{\"id\":\"A\"},"
				   "{\"id\":\"B\",\"created\":\"0001-01-01T00:00:00Z\"},"
				   "{\"id\":\"C\",\"created\":\"2025-03-04T09:20:31.507Z\"},"
				   "{\"id\":\"D\",\"created\":\"9999-12-31T23:59:59Z\"},"
				   "{\"id\":\"E\",\"created\":\"2025-03-04T09:20:31.500Z\"},"
				   "{\"id\":\"F\",\"created\":\"1999-12-31T23:59:59Z\"},"
				   "{\"id\":\"G\",\"created\":7}]}";
	static const char alone[] = "{\"id\":\"A\",\"created\":\"9999-12-31T23:59:59Z\"}";
	const int64_t c = 1741080031507, e = c - 7;
	const int64_t times[] = {c, c, c, c, e, TIME_MIN_MS, e};
	GPtrArray *items = parse(WEBEX_KIND_MESSAGE, list, true, NULL);

	(void)state;
	assert_int_equal(items->len, G_N_ELEMENTS(times));
	for (guint i = 0; i < items->len; i++) {
		const struct webex_message *m = items->pdata[i];

		assert_true(m->created_ms == times[i]);
		assert_int_equal(m->has_odd_time, m->id[0] != 'C' && m->id[0] != 'E');
	}
	g_ptr_array_unref(items);
	items = parse(WEBEX_KIND_MESSAGE, alone, false, NULL);
	assert_true(((struct webex_message *)items->pdata[0])->created_ms == TIME_MAX_MS);
	g_ptr_array_unref(items);
}

static void test_room(void **state)
{
	static const char json[] =
		"\xef\xbb\xbf{\"id\":\"R\",\"title\":null,\"title\":\"second\",\"isLocked\":"
		"\"true\","
		"\"isPublic\":\"false\",\"isReadOnly\":1,\"teamId\":\"\",\"description\":5,"
		"\"lastActivity\":\"2025-03-04T10:25:02.04+01:00\","
		"\"errors\":{\"title\":{\"code\":\"kms_failure\"}}} \n";
	GPtrArray *items = parse(WEBEX_KIND_ROOM, json, false, NULL);
	const struct webex_room *r = items->pdata[0];

	(void)state;
	assert_string_equal(r->title, "");
	assert_true(r->is_locked);
	assert_false(r->is_public);
	assert_false(r->is_read_only);
	assert_null(r->team_id);
	assert_null(r->description);
	assert_true(r->last_activity_ms == 1741080302040);
	assert_true(r->created_ms == -1);
	_cleanup_gfree_ char *out = webex_room_json(r);
	assert_string_equal(out, "{\n"
				 "  \"id\": \"R\",\n"
				 "  \"title\": \"\",\n"
				 "  \"type\": \"group\",\n"
				 "  \"isLocked\": true,\n"
				 "  \"lastActivity\": \"2025-03-04T09:25:02.040Z\",\n"
				 "  \"isAnnouncementOnly\": false,\n"
				 "  \"isReadOnly\": false,\n"
				 "  \"isPublic\": false,\n"
				 "  \"errors\": {\n"
				 "    \"title\": {\n"
				 "      \"code\": \"kms_failure\"\n"
				 "    }\n"
				 "  }\n"
				 "}\n");
	g_ptr_array_unref(items);
}

/* webex-api.md 5.7, 5.8 */
static void test_teams(void **state)
{
	GPtrArray *items =
		parse(WEBEX_KIND_TEAM,
		      "{\"items\":[{\"id\":\"T\",\"name\":\"Port crew\",\"description\":"
		      "\"Quay\",\"created\":\"2025-03-01T08:00:00.000Z\",\"new\":[1]},"
		      "{\"id\":\"U\"}]}",
		      true, NULL);
	const struct webex_room *team = items->pdata[0];

	(void)state;
	assert_int_equal(team->type, WEBEX_ROOM_TEAM);
	assert_string_equal(team->title, "Port crew");
	assert_int_equal(team->last_activity_ms, -1);
	_cleanup_gfree_ char *json = webex_room_json(team);
	assert_string_equal(json, "{\n"
				  "  \"id\": \"T\",\n"
				  "  \"name\": \"Port crew\",\n"
				  "  \"description\": \"Quay\",\n"
				  "  \"created\": \"2025-03-01T08:00:00.000Z\",\n"
				  "  \"new\": [\n"
				  "    1\n"
				  "  ]\n"
				  "}\n");
	assert_string_equal(((const struct webex_room *)items->pdata[1])->title, "");
	g_ptr_array_unref(items);

	items = parse(WEBEX_KIND_TEAM_MEMBERSHIP,
		      "{\"id\":\"M\",\"teamId\":\"T\",\"personId\":\"P\",\"personEmail\":"
		      "\"a@b\",\"isModerator\":true,\"roomId\":\"R\"}",
		      false, NULL);
	const struct webex_membership *m = items->pdata[0];
	assert_int_equal(m->room_type, WEBEX_ROOM_TEAM);
	assert_string_equal(m->room_id, "T");
	_cleanup_gfree_ char *member = webex_membership_json(m);
	assert_string_equal(member, "{\n"
				    "  \"id\": \"M\",\n"
				    "  \"teamId\": \"T\",\n"
				    "  \"personId\": \"P\",\n"
				    "  \"personEmail\": \"a@b\",\n"
				    "  \"isModerator\": true,\n"
				    "  \"roomId\": \"R\"\n"
				    "}\n");
	g_ptr_array_unref(items);
	/* A membership of a space is none of a team, nor is a space a team. */
	_cleanup_gfree_ char *space =
		webex_id_encode("us", "ROOM", "31ed6d50-f8d9-11ef-9a2b-0242ac110002");
	_cleanup_gfree_ char *odd = g_strdup_printf("{\"id\":\"%s\"}", space);
	refuse(WEBEX_KIND_TEAM, odd, false);
	refuse(WEBEX_KIND_TEAM_MEMBERSHIP, odd, false);
}

static void test_membership_and_person(void **state)
{
	GPtrArray *items =
		parse(WEBEX_KIND_MEMBERSHIP,
		      "{\"items\":[{\"id\":\"M\",\"isModerator\":true}]}", true, NULL);
	const struct webex_membership *m = items->pdata[0];

	(void)state;
	assert_true(m->is_moderator);
	assert_null(m->person_email);
	g_ptr_array_unref(items);

	items = parse(WEBEX_KIND_PERSON,
		      "{\"id\":\"P\",\"emails\":[null,\"\",\"a@b\",\"c@d\"],\"type\":\"bot\","
		      "\"displayName\":\"A\\u202eB\",\"loginEnabled\":\"true\",\"avatar\":null,"
		      "\"id\":\"Q\"}",
		      false, NULL);
	const struct webex_person *p = items->pdata[0];
	assert_string_equal(p->email, "a@b");
	assert_string_equal(p->id, "P");
	assert_int_equal(p->type, WEBEX_PERSON_BOT);
	assert_string_equal(p->json, "{\n"
				     "  \"id\": \"P\",\n"
				     "  \"emails\": [\n"
				     "    null,\n"
				     "    \"\",\n"
				     "    \"a@b\",\n"
				     "    \"c@d\"\n"
				     "  ],\n"
				     "  \"type\": \"bot\",\n"
				     "  \"displayName\": \"A\\u202eB\",\n"
				     "  \"loginEnabled\": \"true\"\n"
				     "}\n");
	g_ptr_array_unref(items);
	items = parse(WEBEX_KIND_PERSON, "{\"items\":[],\"notFoundIds\":[]}", true, NULL);
	assert_int_equal(items->len, 0);
	g_ptr_array_unref(items);
}

static void test_bad_text_becomes_good(void **state)
{
	static const char json[] =
		"{\"id\":\"AAA\",\"created\":\"2025-03-04T09:25:02.040Z\",\"text\":"
		"\"a\xff\xc3(\\u0000z\\ud800!\\udc00\\ud83d\\ude00\\\\u0000\\ud83d\\n\"}";
	GPtrArray *items = parse(WEBEX_KIND_MESSAGE, json, false, NULL);
	const struct webex_message *m = items->pdata[0];

	(void)state;
	assert_string_equal(m->text, "a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbdz\xef\xbf\xbd!"
				     "\xef\xbf\xbd\xf0\x9f\x98\x80\\u0000\xef\xbf\xbd\n");
	g_ptr_array_unref(items);

	/* NUL itself, inside a string. */
	static const char nul[] = "{\"id\":\"P\",\"displayName\":\"a\0b\"}";
	assert_int_equal(
		webex_parse(WEBEX_KIND_PERSON, nul, sizeof(nul) - 1, false, &items, NULL), 0);
	assert_string_equal(((struct webex_person *)items->pdata[0])->display_name,
			    "a\xef\xbf\xbd"
			    "b");
	g_ptr_array_unref(items);
}

static void test_refused(void **state)
{
	static const char *const objects[] = {
		"",
		"{",
		"[]",
		"null",
		"17",
		"x",
		"{\"id\":1}",
		"{\"id\":\"\"}",
		"{\"id\":\"R\"} x",
		"{\"id\":\"R\"}}",
	};
	static const char *const lists[] = {
		"", "[]", "{}", "{\"items\":null}", "{\"items\":{}}", "{\"items\":[}", "<html>",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(objects); i++)
		refuse(WEBEX_KIND_ROOM, objects[i], false);
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		refuse(WEBEX_KIND_MESSAGE, lists[i], true);
}

static GString *list_of(int n, const char *item)
{
	GString *json = g_string_new("{\"items\":[");

	for (int i = 0; i < n; i++)
		g_string_append_printf(json, "%s%s", i > 0 ? "," : "", item);
	return g_string_append(json, "]}");
}

static void test_caps(void **state)
{
	GString *json = list_of(10000, "{\"id\":\"R\"}");
	GPtrArray *items = parse(WEBEX_KIND_ROOM, json->str, true, NULL);

	(void)state;
	assert_int_equal(items->len, 10000);
	g_ptr_array_unref(items);
	g_string_free(json, TRUE);
	json = list_of(10001, "{\"id\":\"R\"}");
	refuse(WEBEX_KIND_ROOM, json->str, true);

	g_string_assign(json, "{\"id\":\"R\",\"title\":\"");
	for (int i = 0; i < 3000; i++)
		g_string_append(json, "\xc3\xa4");
	g_string_append(json, "\",\"x\":\"");
	for (int i = 0; i < 300 * 1024; i++)
		g_string_append_c(json, 'x');
	g_string_append(json, "\"}");
	items = parse(WEBEX_KIND_ROOM, json->str, false, NULL);
	const struct webex_room *r = items->pdata[0];
	assert_int_equal(strlen(r->title), 4096);
	assert_true(g_utf8_validate(r->title, -1, NULL));
	assert_null(r->extra);
	g_ptr_array_unref(items);

	/* Deeper than cJSON goes. */
	g_string_assign(json, "{\"id\":\"R\",\"x\":");
	for (int i = 0; i < 5000; i++)
		g_string_append_c(json, '[');
	refuse(WEBEX_KIND_ROOM, json->str, false);
	g_string_free(json, TRUE);
}

/* A few kilobytes of brackets must not become megabytes of spaces. */
/* Values are far larger than their text: a body of them alone must not be made into objects. */
static void test_bomb(void **state)
{
	GString *json = g_string_new("{\"items\":[{\"id\":\"YQ\",\"title\":\"");
	GPtrArray *items;

	(void)state;
	for (int i = 0; i < 1100000; i++)
		g_string_append(json, ",[");
	g_string_append(json, "\"}]}");
	assert_int_equal(webex_parse(WEBEX_KIND_ROOM, json->str, json->len, true, &items, NULL),
			 0);
	g_ptr_array_unref(items);
	g_string_assign(json, "{\"items\":[0");
	for (int i = 0; i < 1100000; i++)
		g_string_append(json, ",0");
	g_string_append(json, "]}");
	assert_int_equal(webex_parse(WEBEX_KIND_ROOM, json->str, json->len, true, &items, NULL),
			 -EBADMSG);
	g_string_free(json, TRUE);
}

static void test_deep_is_not_blown_up(void **state)
{
	GString *json = g_string_new("{\"id\":\"R\",\"x\":");

	(void)state;
	for (int i = 0; i < 900; i++)
		g_string_append_c(json, '[');
	for (int i = 0; i < 900; i++)
		g_string_append_c(json, ']');
	g_string_append_c(json, '}');
	GPtrArray *items = parse(WEBEX_KIND_ROOM, json->str, false, NULL);
	_cleanup_gfree_ char *out = webex_room_json(items->pdata[0]);
	assert_true(strlen(out) < 30 * json->len);
	g_ptr_array_unref(items);
	g_string_free(json, TRUE);
}

static char *print(enum webex_kind kind, const void *object)
{
	switch (kind) {
	case WEBEX_KIND_ROOM:
	case WEBEX_KIND_TEAM:
		return webex_room_json(object);
	case WEBEX_KIND_MESSAGE:
		return webex_message_json(object);
	case WEBEX_KIND_MEMBERSHIP:
	case WEBEX_KIND_TEAM_MEMBERSHIP:
		return webex_membership_json(object);
	case WEBEX_KIND_PERSON:
		return g_strdup(((const struct webex_person *)object)->json);
	case WEBEX_KIND_ACTION:
		return webex_action_json(object);
	case WEBEX_KIND_WEBHOOK:
		return g_strdup(((const struct webex_webhook *)object)->json);
	}
	return NULL;
}

static const char odd[] =
	"{\"id\":\"eb8a3630-f8d9-11ef-9a2b-0242ac110003\",\"text\":\"\\u001b["
	"31m\\u0085\\u007f\","
	"\"title\":\"\\\"\\\\\\/\\b\\f\",\"x\":[1e999,-0,0.1,1e-7,1e300,123456789012345678901,"
	"-9007199254740993,{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":[{\"h\":1}]}}}}}}}]"
	","
	"\"y\":1e999,\"z\":\"\",\"x\":2,\"\":3,\"extra\":false,\"json\":{},\"emails\":[],"
	"\"attachments\":[[[[[[[[[[[[[[[1,2],3]]]]]]]]]]]]]],\"files\":\"no\"}";

/* Printed text that is parsed and printed again stays the same. */
static void test_printing_is_stable(void **state)
{
	static const char *const texts[] = {full_message, odd};

	(void)state;
	for (int kind = WEBEX_KIND_ROOM; kind <= WEBEX_KIND_WEBHOOK; kind++) {
		for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
			GPtrArray *first = parse(kind, texts[i], false, NULL);
			_cleanup_gfree_ char *once = print(kind, first->pdata[0]);
			GPtrArray *second = parse(kind, once, false, NULL);
			_cleanup_gfree_ char *twice = print(kind, second->pdata[0]);
			assert_string_equal(once, twice);
			assert_true(g_utf8_validate(once, -1, NULL));
			assert_true(g_str_has_suffix(once, "\n}\n"));
			g_ptr_array_unref(first);
			g_ptr_array_unref(second);
		}
	}
}

static int allocations_left;

static void *failing_malloc(size_t size)
{
	return allocations_left-- > 0 ? malloc(size) : NULL;
}

/* Each allocation of cJSON fails once: an error or the whole, nothing lost, nothing leaked. */
static void test_torture(void **state)
{
	cJSON_Hooks hooks = {.malloc_fn = failing_malloc, .free_fn = free};
	int n, r = -1;

	(void)state;
	for (n = 0; r != 0 && n < 1000; n++) {
		GPtrArray *items;
		allocations_left = n;
		cJSON_InitHooks(&hooks);
		r = webex_parse(WEBEX_KIND_MESSAGE, full_message, strlen(full_message), false,
				&items, NULL);
		cJSON_InitHooks(NULL);
		if (r < 0) {
			assert_int_equal(r, -EBADMSG);
			continue;
		}
		_cleanup_gfree_ char *json = webex_message_json(items->pdata[0]);
		assert_string_equal(json, full_message_json);
		g_ptr_array_unref(items);
	}
	assert_int_equal(r, 0);
	assert_true(n > 20);
}

static void check_error(const char *json, const char *wanted)
{
	_cleanup_gfree_ char *text = webex_error_text(json, strlen(json));

	if (wanted)
		assert_string_equal(text, wanted);
	else
		assert_null(text);
}

static void test_error_text(void **state)
{
	(void)state;
	check_error(
		"{\"message\":\"Not found.\",\"errors\":[{\"description\":\"Not found.\"}]}",
		"Not found.");
	check_error(
		"{\"message\":\"Bad syntax.\",\"errors\":[{\"description\":\"Id is bad\"}]}",
		"Bad syntax.: Id is bad");
	check_error("{\"message\":\"a\",\"errors\":[\"because a\"]}", "because a");
	check_error("{\"errors\":[{\"description\":\"only this\"}]}", "only this");
	check_error("{\"error\":\"invalid_grant\"}", "invalid_grant");
	check_error("{\"error\":\"e\",\"error_description\":\"too\\n\\tlong \\u001b[1m\"}",
		    "too long [1m");
	check_error("{\"message\":\"\",\"errors\":{}}", NULL);
	check_error("{\"message\":\"\\n\\u0001\"}", NULL);
	check_error("{\"message\":17}", NULL);
	check_error("<html><h1>502</h1></html>", NULL);
	check_error("", NULL);

	_cleanup_gfree_ char *many = g_strnfill(100000, 'x');
	_cleanup_gfree_ char *json = g_strdup_printf("{\"message\":\"%s\"}", many);
	_cleanup_gfree_ char *text = webex_error_text(json, strlen(json));
	assert_int_equal(strlen(text), 500);
}

static void test_small_helpers(void **state)
{
	static const char json[] =
		"{\"a\":\"x\\ny\",\"n\":1741080302040,\"f\":1e300,\"e\":\"\"}";
	_cleanup_gfree_ char *quoted = webex_json_quote("a\"\\\n\x01\xff");
	_cleanup_gfree_ char *a = webex_json_get_string(json, "a");
	_cleanup_gfree_ char *e = webex_json_get_string(json, "e");

	(void)state;
	assert_string_equal(quoted, "\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\"");
	assert_string_equal(a, "x\ny");
	assert_string_equal(e, "");
	assert_null(webex_json_get_string(json, "n"));
	assert_null(webex_json_get_string("nonsense", "n"));
	assert_true(webex_json_get_int(json, "n", -1) == 1741080302040);
	assert_true(webex_json_get_int(json, "f", -1) == -1);
	assert_true(webex_json_get_int(json, "a", 5) == 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_odd_times),
		cmocka_unit_test(test_message_time),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_membership_and_person),
		cmocka_unit_test(test_teams),
		cmocka_unit_test(test_bad_text_becomes_good),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_deep_is_not_blown_up),
		cmocka_unit_test(test_printing_is_stable),
		cmocka_unit_test(test_torture),
		cmocka_unit_test(test_error_text),
		cmocka_unit_test(test_small_helpers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
