/* SPDX-License-Identifier: MIT */
/* The vectors of webex-api.md section 11 against the simulator's own code. */
#include "ids.h"
#include "json_util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char message_id[] =
	"Y2lzY29zcGFyazovL3VzL01FU1NBR0UvZWI4YTM2MzAtZjhkOS0xMWVmLTlhMmItMDI0MmFjMTEwMDAz";
static const char content_id[] =
	"Y2lzY29zcGFyazovL3VzL0NPTlRFTlQvOGNjYTQ1ODAtZjhkYS0xMWVmLTlhMm"
	"ItMDI0MmFjMTEwMDAzLzA";
static const char foreign_id[] =
	"Y2lzY29zcGFyazovL3VybjpURUFNOmV1LWNlbnRyYWwtMV9rL1JPT00vMzFlZDZkNTAtZjhkOS0xMWVmLTlh"
	"MmItMDI0MmFjMTEwMDAy";

static void check_both_ways(const char *encoded, const char *cluster, const char *type,
			    const char *rest)
{
	char *text = ids_encode(cluster, type, rest);
	struct sim_id id;

	assert_string_equal(text, encoded);
	assert_int_equal(ids_decode(encoded, &id), 0);
	assert_string_equal(id.cluster, cluster);
	assert_string_equal(id.type, type);
	assert_string_equal(id.rest, rest);
	assert_false(id.bare);
	g_free(text);
}

static void test_vectors(void **state)
{
	(void)state;
	check_both_ways(message_id, "us", "MESSAGE", "eb8a3630-f8d9-11ef-9a2b-0242ac110003");
	check_both_ways(content_id, "us", "CONTENT", "8cca4580-f8da-11ef-9a2b-0242ac110003/0");
	check_both_ways(foreign_id, "urn:TEAM:eu-central-1_k", "ROOM",
			"31ed6d50-f8d9-11ef-9a2b-0242ac110002");
	check_both_ways("Y2lzY29zcGFyazovL3VzL1JPT00vMTlkZGE3MjctNjdhMS0zNGUyLWJjOWMtYWRmMzVlMm"
			"VlMTBi",
			"us", "ROOM", "19dda727-67a1-34e2-bc9c-adf35e2ee10b");
}

static void check_time(const char *uuid, const char *iso)
{
	GString *out = g_string_new(NULL);
	struct uuid u, again;
	int64_t ms;

	assert_int_equal(uuid_parse(uuid, &u), 0);
	iso_append(out, uuid_ms(&u));
	assert_string_equal(out->str, iso);
	assert_int_equal(iso_parse(iso, &ms), 0);
	assert_true(ms == uuid_ms(&u));
	again = uuid_v1(uuid_t100(&u), (uint16_t)(u.b[8] << 8 | u.b[9]));
	assert_true(uuid_t100(&again) == uuid_t100(&u));
	g_string_free(out, TRUE);
}

static void test_uuid_time(void **state)
{
	(void)state;
	check_time("eb8a3630-f8d9-11ef-9a2b-0242ac110003", "2025-03-04T09:20:31.507Z");
	check_time("8cca4580-f8da-11ef-9a2b-0242ac110003", "2025-03-04T09:25:02.040Z");
	check_time("31ed6d50-f8d9-11ef-9a2b-0242ac110002", "2025-03-04T09:15:20.101Z");
}

static void test_lenient_input(void **state)
{
	struct sim_id id;

	(void)state;
	assert_int_equal(ids_decode("eb8a3630-f8d9-11ef-9a2b-0242ac110003", &id), 0);
	assert_true(id.bare);
	assert_string_equal(id.cluster, "us");
	/* Padding is tolerated. */
	assert_int_equal(ids_decode("Y2lzY29zcGFyazovL3VzL1JPTEUvaWRfZnVsbF9hZG1pbg==", &id),
			 0);
	assert_string_equal(id.rest, "id_full_admin");
	assert_int_not_equal(ids_decode("", &id), 0);
	assert_int_not_equal(ids_decode("no id", &id), 0);
	assert_int_not_equal(ids_decode("Zm9v", &id), 0);
	assert_int_not_equal(ids_decode("Y2lzY29zcGFyazovL3Vz", &id), 0);
}

static void test_cursor(void **state)
{
	static const char text[] = "limit=10&startIndex=21";
	GString *out = g_string_new(NULL);
	size_t len;
	char *back;

	(void)state;
	base64_append(out, text, strlen(text));
	assert_string_equal(out->str, "bGltaXQ9MTAmc3RhcnRJbmRleD0yMQ");
	back = base64_decode(out->str, &len);
	assert_string_equal(back, text);
	assert_true(len == strlen(text));
	g_free(back);
	g_string_free(out, TRUE);
}

static void test_signature(void **state)
{
	char *hex;

	(void)state;
	hex = g_compute_hmac_for_string(G_CHECKSUM_SHA1, (const guchar *)"s3cret", 6,
					"{\"hello\":\"webex\"}", -1);
	assert_string_equal(hex, "66616c64ead5b07221fe6505ad6d993cb73fe363");
	g_free(hex);
}

static void test_json_writer(void **state)
{
	GString *out = g_string_new(NULL);
	cJSON *tree;

	(void)state;
	jw_open(out, NULL, '{');
	jw_str(out, "a", "x\"\\\n\x01[{,:");
	jw_str(out, "absent", NULL);
	jw_open(out, "list", '[');
	jw_text(out, "one");
	jw_text(out, "two,");
	jw_close(out, ']');
	jw_time(out, "t", 0);
	jw_bool(out, "b", true);
	jw_close(out, '}');
	assert_string_equal(out->str,
			    "{\"a\":\"x\\\"\\\\\\n\\u0001[{,:\",\"list\":[\"one\",\"two,\"],"
			    "\"t\":\"1970-01-01T00:00:00.000Z\",\"b\":true}");
	tree = cJSON_Parse(out->str);
	assert_non_null(tree);
	assert_null(jr_str(tree, "absent"));
	assert_int_equal(jr_bool(tree, "b"), 1);
	cJSON_Delete(tree);
	g_string_free(out, TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),	      cmocka_unit_test(test_uuid_time),
		cmocka_unit_test(test_lenient_input), cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_signature),     cmocka_unit_test(test_json_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
