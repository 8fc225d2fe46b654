/* SPDX-License-Identifier: MIT */
/* What is known of the API's paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <glib.h>

#include "tree/api_paths.h"

#define ID "Y2lzY29zcGFyazovL3VzL1JPT00vMzFlZDZkNTAtZjhkOS0xMWVmLTlhMmItMDI0MmFjMTEwMDAy"

static void test_the_numbers_never_change(void **state)
{
	(void)state;
	assert_null(api_shown(0));
	assert_string_equal("people", api_shown(1));
	assert_string_equal("team/memberships", api_shown(7));
	assert_string_equal("contents", api_shown(21));
	assert_int_equal(21, api_shown_number("contents"));
	assert_int_equal(0, api_shown_number("people/" ID));
}

static void test_what_is_made_and_what_is_changed(void **state)
{
	static const char *const collections[] = {
		"people",
		"rooms?x=1",
		"team/memberships",
		"attachment/actions",
		"guests/token",
		"messages/direct",
		"telephony/config/queues",
		"meetings",
		"rooms/" ID "/somethings",
	};
	static const char *const items[] = {
		"people/" ID,
		"people/me",
		"rooms/" ID "?x=1",
		"team/memberships/" ID,
		"webhooks/abc",
		"meetings/" ID,
		"telephony/config/queues/42",
		"locations/3f0b6a52-7c1e-4d0a-9b7e-52f4a1c08d11",
		"mailboxes/a@example.com",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(collections); i++)
		assert_true(api_is_collection(collections[i]));
	for (size_t i = 0; i < G_N_ELEMENTS(items); i++)
		assert_false(api_is_collection(items[i]));
}

static void test_files_without_json(void **state)
{
	(void)state;
	assert_true(api_is_leaf("contents/" ID));
	assert_true(api_is_leaf("people/me"));
	assert_true(api_is_leaf("team/memberships/" ID));
	/* What can have something below it is a directory. */
	assert_false(api_is_leaf("contents"));
	assert_false(api_is_leaf("rooms/" ID));
	assert_false(api_is_leaf("people/" ID));
	assert_false(api_is_leaf("a/b/c"));
}

static void test_page_sizes(void **state)
{
	(void)state;
	assert_int_equal(1000, api_page_size("/people"));
	assert_int_equal(1000, api_page_size("/rooms?type=group"));
	assert_int_equal(0, api_page_size("/people/me"));
	assert_int_equal(0, api_page_size("/roles"));
	assert_int_equal(0, api_page_size("/"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_numbers_never_change),
		cmocka_unit_test(test_what_is_made_and_what_is_changed),
		cmocka_unit_test(test_files_without_json),
		cmocka_unit_test(test_page_sizes),
	};

	return cmocka_run_group_tests_name("api_paths", tests, NULL, NULL);
}
