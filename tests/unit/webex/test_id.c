/* SPDX-License-Identifier: MIT */
/* Identifiers, with the vectors of webex-api.md 11. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "webex/id.h"

#define MESSAGE_ID                                                                             \
	"Y2lzY29zcGFyazovL3VzL01FU1NBR0UvZWI4YTM2MzAtZjhkOS0xMWVmLTlhMmItMDI0MmFjMTEwMDAz"
#define CONTENT_ID                                                                             \
	"Y2lzY29zcGFyazovL3VzL0NPTlRFTlQvOGNjYTQ1ODAtZjhkYS0xMWVmLTlhMmItMDI0MmFjMTEwMDAzLzA"
#define REGION_ID                                                                              \
	"Y2lzY29zcGFyazovL3VybjpURUFNOmV1LWNlbnRyYWwtMV9rL1JPT00vMzFlZDZkNTAtZjhkOS0xMWVmLTlh" \
	"M"                                                                                    \
	"mItMDI0MmFjMTEwMDAy"
#define DIRECT_ID "Y2lzY29zcGFyazovL3VzL1JPT00vMTlkZGE3MjctNjdhMS0zNGUyLWJjOWMtYWRmMzVlMmVlMTBi"

static const struct {
	const char *cluster, *type_name, *rest, *text;
	enum webex_type type;
	int64_t ms;
} vectors[] = {
	{"us", "MESSAGE", "eb8a3630-f8d9-11ef-9a2b-0242ac110003", MESSAGE_ID,
	 WEBEX_TYPE_MESSAGE, 1741080031507},
	{"us", "CONTENT", "8cca4580-f8da-11ef-9a2b-0242ac110003/0", CONTENT_ID,
	 WEBEX_TYPE_CONTENT, 1741080302040},
	{"urn:TEAM:eu-central-1_k", "ROOM", "31ed6d50-f8d9-11ef-9a2b-0242ac110002", REGION_ID,
	 WEBEX_TYPE_ROOM, 1741079720101},
	{"us", "ROOM", "19dda727-67a1-34e2-bc9c-adf35e2ee10b", DIRECT_ID, WEBEX_TYPE_ROOM, -1},
};

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++) {
		struct webex_id id;
		_cleanup_gfree_ char *text = webex_id_encode(
			vectors[i].cluster, vectors[i].type_name, vectors[i].rest);

		assert_string_equal(text, vectors[i].text);
		assert_int_equal(webex_id_decode(text, &id), 0);
		assert_string_equal(id.cluster, vectors[i].cluster);
		assert_string_equal(id.rest, vectors[i].rest);
		assert_int_equal(id.type, vectors[i].type);
		assert_string_equal(webex_type_name(id.type), vectors[i].type_name);
		assert_true(id.has_uuid);
		assert_true(webex_id_time_ms(text) == vectors[i].ms);
	}
}

static void test_time_is_what_the_api_says(void **state)
{
	char iso[TIME_ISO_SIZE];

	(void)state;
	time_format_iso(webex_id_time_ms(MESSAGE_ID), iso);
	assert_string_equal(iso, "2025-03-04T09:20:31.507Z");
	time_format_iso(webex_id_time_ms(CONTENT_ID), iso);
	assert_string_equal(iso, "2025-03-04T09:25:02.040Z");
	assert_true(webex_id_uuid_time(MESSAGE_ID) == UINT64_C(0x1eff8d9eb8a3630));
	assert_true(webex_id_uuid_time(DIRECT_ID) == 0);
}

static void test_time_out_of_range(void **state)
{
	(void)state;
	/* Version 1 both, but of 1582 and of the year 5236. */
	assert_true(webex_id_time_ms("00000001-0000-1000-8000-000000000000") == -1);
	assert_true(webex_id_time_ms("ffffffff-ffff-1fff-8000-000000000000") == -1);
	/* A variant that is none of ours. */
	assert_true(webex_id_uuid_time("eb8a3630-f8d9-11ef-1a2b-0242ac110003") == 0);
}

static void test_other_forms(void **state)
{
	struct webex_id id;

	(void)state;
	assert_int_equal(webex_id_decode(MESSAGE_ID "==", &id), 0);
	assert_int_equal(id.type, WEBEX_TYPE_MESSAGE);
	assert_int_equal(webex_id_decode("EB8A3630-f8d9-11ef-9a2b-0242ac110003", &id), 0);
	assert_string_equal(id.cluster, "us");
	assert_int_equal(id.type, WEBEX_TYPE_OTHER);
	assert_null(webex_type_name(id.type));
	assert_true(id.has_uuid);

	_cleanup_gfree_ char *role = webex_id_encode("us", "ROLE", "id_full_admin");
	assert_int_equal(webex_id_decode(role, &id), 0);
	assert_int_equal(id.type, WEBEX_TYPE_OTHER);
	assert_false(id.has_uuid);

	_cleanup_gfree_ char *member = webex_id_encode("us", "MEMBERSHIP",
						       "3f0b6a52-7c1e-4d0a-9b7e-52f4a1c08d11:"
						       "31ed6d50-f8d9-11ef-9a2b-0242ac110002");
	assert_int_equal(webex_id_decode(member, &id), 0);
	assert_int_equal(id.type, WEBEX_TYPE_MEMBERSHIP);
	assert_true(id.has_uuid);
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"=",
		"A",
		"AAAAA",
		"====",
		"Y2lzY29zcGFyaw",
		"Y2lzY29zcGFyazovL3Vz",	       /* ciscospark://us */
		"Y2lzY29zcGFyazovL3VzL1JPT00", /* no rest */
		"Y2lzY29zcGFyazovL3VzL1JPT00v",
		"Y2lzY29zcGFyazovLy9ST09NL3g", /* no cluster */
		"eb8a3630-f8d9-11ef-9a2b-0242ac11000",
		"eb8a3630-f8d9-11ef-9a2b-0242ac11000g",
		"bad id",
		"../../etc",
	};
	struct webex_id id;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		assert_int_equal(webex_id_decode(texts[i], &id), -EINVAL);
	_cleanup_gfree_ char *spaced = webex_id_encode("us", "ROOM", "a b");
	assert_int_equal(webex_id_decode(spaced, &id), -EINVAL);
	_cleanup_gfree_ char *rest = g_strnfill(256, 'x');
	_cleanup_gfree_ char *long_rest = webex_id_encode("us", "ROOM", rest);
	assert_int_equal(webex_id_decode(long_rest, &id), -EINVAL);
	_cleanup_gfree_ char *huge = g_strnfill(100000, 'A');
	assert_int_equal(webex_id_decode(huge, &id), -EINVAL);
}

static void test_sane(void **state)
{
	_cleanup_gfree_ char *longest = g_strnfill(WEBEX_ID_MAX, 'a');
	_cleanup_gfree_ char *longer = g_strnfill(WEBEX_ID_MAX + 1, 'a');

	(void)state;
	assert_true(webex_id_is_sane(MESSAGE_ID));
	assert_true(webex_id_is_sane("a-b_c="));
	assert_true(webex_id_is_sane(
		"3f0b6a52-7c1e-4d0a-9b7e-52f4a1c08d11:31ed6d50-f8d9-11ef-9a2b"));
	assert_true(webex_id_is_sane(longest));
	assert_false(webex_id_is_sane(longer));
	assert_false(webex_id_is_sane(""));
	assert_false(webex_id_is_sane(NULL));
	assert_false(webex_id_is_sane("a/b"));
	assert_false(webex_id_is_sane("a?b"));
	assert_false(webex_id_is_sane("a\n"));
	assert_false(webex_id_is_sane("\xc3\xa4"));
}

static void test_hex(void **state)
{
	char hex[WEBEX_ID_HEX_SIZE];

	(void)state;
	webex_id_hex(MESSAGE_ID, hex);
	assert_string_equal(hex, "eb8a3630f8d911ef9a2b0242ac110003");
	webex_id_hex("abc", hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223");
}

static void assert_content_id(const char *url, const char *id)
{
	size_t len;
	const char *at = webex_content_id(url, &len);

	assert_true(at >= url && at + len <= url + strlen(url));
	assert_int_equal(len, strlen(id));
	assert_memory_equal(at, id, len);
}

static void test_content_id(void **state)
{
	(void)state;
	assert_content_id("https://webexapis.com/v1/contents/Y2lz-_=", "Y2lz-_=");
	assert_content_id("http://127.0.0.1:8080/contents/abc?sig=a/b#c/d", "abc");
	assert_content_id("https://h/contents/abc#d?e/f", "abc");
	assert_content_id("https://h/contents/", "");
	assert_content_id("https://h/contents/?a=/b", "");
	assert_content_id("abc", "abc");
	assert_content_id("?a/b", "");
	assert_content_id("", "");
}

/* What webex_id_to_uuid promises, said with the general functions. */
static bool is_usual(const char *text, const char *type, uint8_t ret_uuid[static 16])
{
	char hex[WEBEX_ID_HEX_SIZE], uuid[37];
	struct webex_id id;

	if (webex_id_decode(text, &id) < 0 || !id.has_uuid)
		return false;
	webex_id_hex(text, hex);
	snprintf(uuid, sizeof(uuid), "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
		 hex + 16, hex + 20);
	memcpy(ret_uuid, id.uuid, 16);
	_cleanup_gfree_ char *again = webex_id_encode("us", type, uuid);
	return strcmp(again, text) == 0;
}

static void assert_usual(const char *text, const char *type)
{
	uint8_t uuid[16] = {0}, expected[16] = {0};
	char again[WEBEX_ID_USUAL_SIZE];
	bool usual = is_usual(text, type, expected);

	assert_int_equal(webex_id_to_uuid(text, type, uuid), usual);
	if (!usual)
		return;
	assert_memory_equal(uuid, expected, 16);
	webex_id_from_uuid(uuid, type, again);
	assert_string_equal(again, text);
	assert_true(webex_uuid_time(uuid) == webex_id_uuid_time(text));
}

static void test_usual_form(void **state)
{
	static const char *const types[] = {"ROOM", "PEOPLE", "MESSAGE", "MEMBERSHIP", "TEAM"};
	static const char others[] = "AZaz09+/-_=.B\x80";

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++)
		for (size_t t = 0; t < G_N_ELEMENTS(types); t++)
			assert_usual(vectors[i].text, types[t]);
	for (size_t t = 0; t < G_N_ELEMENTS(types); t++) {
		_cleanup_gfree_ char *text =
			webex_id_encode("us", types[t], "eb8a3630-f8d9-11ef-9a2b-0242ac110003");
		_cleanup_gfree_ char *upper =
			webex_id_encode("us", types[t], "eb8a3630-f8d9-11EF-9a2b-0242ac110003");
		_cleanup_gfree_ char *longer = g_strconcat(text, "A", NULL);
		uint8_t uuid[16];
		size_t len = strlen(text);

		assert_true(webex_id_to_uuid(text, types[t], uuid));
		assert_usual(upper, types[t]);
		assert_usual(longer, types[t]);
		/* Every place with every kind of wrong letter, and cut short there. */
		for (size_t at = 0; at < len; at++) {
			char was = text[at];

			for (size_t o = 0; o < sizeof(others); o++) {
				text[at] = others[o];
				assert_usual(text, types[t]);
			}
			text[at] = was;
		}
	}
	assert_usual("", "ROOM");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_time_is_what_the_api_says),
		cmocka_unit_test(test_time_out_of_range),
		cmocka_unit_test(test_other_forms),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_sane),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_content_id),
		cmocka_unit_test(test_usual_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
