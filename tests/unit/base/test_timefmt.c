/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib.h>
#include <stdlib.h>
#include <time.h>

#include "base/timefmt.h"

#define SAMPLE_MS INT64_C(1741080031507)

static void test_formats(void **state)
{
	char buf[TIME_ISO_SIZE];

	(void)state;
	time_format_iso(SAMPLE_MS, buf);
	assert_string_equal(buf, "2025-03-04T09:20:31.507Z");
	time_format_name(SAMPLE_MS, buf);
	assert_string_equal(buf, "2025-03-04T09-20-31.507Z");
	time_format_iso(TIME_MIN_MS, buf);
	assert_string_equal(buf, "2000-01-01T00:00:00.000Z");
	time_format_iso(TIME_MAX_MS, buf);
	assert_string_equal(buf, "2200-01-01T00:00:00.000Z");
	/* What no server may name is at least not out of bounds. */
	time_format_iso(INT64_MIN, buf);
	assert_string_equal(buf, "1970-01-01T00:00:00.000Z");
	time_format_iso(INT64_MAX, buf);
	assert_string_equal(buf, "9999-12-31T23:59:59.999Z");
}

static void check_local(const char *zone, int64_t ms, const char *expected)
{
	char buf[TIME_LOCAL_SIZE];

	setenv("TZ", zone, 1);
	tzset();
	time_format_local(ms, buf);
	assert_string_equal(buf, expected);
}

static void test_local(void **state)
{
	(void)state;
	check_local("CET-1CEST,M3.5.0,M10.5.0/3", SAMPLE_MS, "2025-03-04 10:20 +0100");
	check_local("CET-1CEST,M3.5.0,M10.5.0/3", INT64_C(1751621431507),
		    "2025-07-04 11:30 +0200");
	check_local("IST-5:30", SAMPLE_MS, "2025-03-04 14:50 +0530");
	check_local("NST3:30", SAMPLE_MS, "2025-03-04 05:50 -0330");
	check_local("UTC0", SAMPLE_MS, "2025-03-04 09:20 +0000");
	check_local("UTC0", INT64_MAX, "9999-12-31 23:59 +0000");
}

static const struct {
	const char *text;
	int64_t ms; /* 0: refused */
} isos[] = {
	{"2025-03-04T09:20:31.507Z", SAMPLE_MS},
	{"2025-03-04T09:20:31.507999999Z", SAMPLE_MS},
	{"2025-03-04T09:20:31.5Z", SAMPLE_MS - 7},
	{"2025-03-04T09:20:31Z", SAMPLE_MS - 507},
	{"2025-03-04T10:20:31.507+01:00", SAMPLE_MS},
	{"2025-03-04T05:50:31.507-0330", SAMPLE_MS},
	{"2025-03-04T10:20:31.507+01", SAMPLE_MS},
	{"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
	{"2000-01-01T00:00:00Z", TIME_MIN_MS},
	{"2200-01-01T00:00:00.000Z", TIME_MAX_MS},
	{"1999-12-31T23:59:59.999Z", 0},
	{"2200-01-01T00:00:00.001Z", 0},
	{"2000-01-01T00:00:00+00:01", 0},
	{"2023-02-29T00:00:00Z", 0},
	{"2025-13-04T09:20:31Z", 0},
	{"2025-00-04T09:20:31Z", 0},
	{"2025-03-32T09:20:31Z", 0},
	{"2025-03-04T24:00:00Z", 0},
	{"2025-03-04T09:60:31Z", 0},
	{"2025-03-04T09:20:60Z", 0},
	{"2025-03-04T09:20:31", 0},
	{"2025-03-04T09:20:31.Z", 0},
	{"2025-03-04T09:20:31.0123456789Z", 0},
	{"2025-03-04 09:20:31Z", 0},
	{"2025-03-04T09:20:31Z ", 0},
	{" 2025-03-04T09:20:31Z", 0},
	{"2025-3-4T09:20:31Z", 0},
	{"2025-03-04T09:20:31+1:00", 0},
	{"2025-03-04T09:20:31+24:00", 0},
	{"2025-03-04T09:20:31+01:", 0},
	{"+025-03-04T09:20:31Z", 0},
	{"2025-03-04", 0},
	{"", 0},
	{"null", 0},
};

static void test_parse_iso(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(isos); i++) {
		int64_t ms = 1;
		int r = time_parse_iso(isos[i].text, &ms);

		if (isos[i].ms ? r != 0 || ms != isos[i].ms : r != -EINVAL || ms != 1)
			fail_msg("%s: %d, %lld", isos[i].text, r, (long long)ms);
	}
}

static void test_parse_name(void **state)
{
	static const char *const bad[] = {
		"2025-03-04T09:20:31.507Z",  "2025-03-04T09-20-31.50Z",
		"2025-03-04T09-20-31.5070Z", "2025-03-04T09-20-31Z",
		"2025-03-04T09-20-31.507",   "2025-03-04T09-20-31.507Z_",
		"1999-03-04T09-20-31.507Z",  "2025-03-04T09-20-31.507+01",
		"2025-02-30T09-20-31.507Z",  "",
	};
	int64_t ms = 1;

	(void)state;
	assert_int_equal(time_parse_name("2025-03-04T09-20-31.507Z", &ms), 0);
	assert_int_equal(ms, SAMPLE_MS);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		assert_int_equal(time_parse_name(bad[i], &ms), -EINVAL);
	assert_int_equal(ms, SAMPLE_MS);
}

static void test_months(void **state)
{
	static const char *const bad[] = {
		"2025-00",  "2025-13", "2025-3",  "25-03",   "2025-03-",
		"2025-03 ", "1999-12", "2200-02", "2025_03", "",
	};
	char text[TIME_MONTH_SIZE];
	int month = 0;

	(void)state;
	/* Each month ends where the next begins: leap years, turns of the year, all of them. */
	for (int m = time_month(TIME_MIN_MS); m < time_month(TIME_MAX_MS); m++) {
		int64_t begin = time_month_begin(m), end = time_month_begin(m + 1);

		assert_int_equal(m, time_month(begin));
		assert_int_equal(m, time_month(end - 1));
		assert_true(end - begin >= INT64_C(28) * 86400000);
		time_format_month(m, text);
		assert_int_equal(0, time_parse_month(text, &month));
		assert_int_equal(m, month);
	}
	assert_int_equal(0, time_parse_month("2024-02", &month));
	assert_int_equal(INT64_C(29) * 86400000,
			 time_month_begin(month + 1) - time_month_begin(month));
	assert_int_equal(2025 * 12 + 2, time_month(SAMPLE_MS));
	assert_int_equal(2000 * 12, time_month(-1));
	assert_int_equal(2200 * 12, time_month(INT64_MAX));
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		assert_int_equal(-EINVAL, time_parse_month(bad[i], &month));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),	  cmocka_unit_test(test_local),
		cmocka_unit_test(test_parse_iso), cmocka_unit_test(test_parse_name),
		cmocka_unit_test(test_months),
	};

	return cmocka_run_group_tests_name("base timefmt", tests, NULL, NULL);
}
