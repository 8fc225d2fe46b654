/* SPDX-License-Identifier: MIT */
/* The table of design 2.5, row by row. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "webex/status.h"

static const struct {
	int status, error;
} rows[] = {
	{200, 0},	   {201, 0},	   {202, 0},	      {204, 0},	      {206, 0},
	{400, -EINVAL},	   {401, -EACCES}, {403, -EACCES},    {404, -ENOENT}, {405, -EIO},
	{408, -ETIMEDOUT}, {409, -EEXIST}, {410, -EACCES},    {413, -EFBIG},  {415, -EIO},
	{423, -EBUSY},	   {428, -EACCES}, {429, -EBUSY},     {451, -EIO},    {500, -EIO},
	{502, -EIO},	   {503, -EBUSY},  {504, -ETIMEDOUT}, {0, -EIO},      {100, -EIO},
	{199, -EIO},	   {300, -EIO},	   {302, -EIO},	      {418, -EIO},    {999, -EIO},
	{-1, -EIO},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(webex_status_errno(HTTP_POST, rows[i].status, NULL),
				 rows[i].error);
		assert_int_equal(webex_status_errno(HTTP_POST, rows[i].status, "text"),
				 rows[i].error);
	}
}

static void test_what_was_asked_counts(void **state)
{
	(void)state;
	assert_int_equal(webex_status_errno(HTTP_DELETE, 409, NULL), -EBUSY);
	assert_int_equal(webex_status_errno(HTTP_PUT, 409, NULL), -EBUSY);
	assert_int_equal(webex_status_errno(HTTP_GET, 409, NULL), -EBUSY);
	assert_int_equal(webex_status_errno(HTTP_DELETE, 410, NULL), -ENOENT);
	assert_int_equal(webex_status_errno(HTTP_GET, 410, NULL), -EACCES);
	assert_int_equal(webex_status_errno(HTTP_DELETE, 404, NULL), -ENOENT);
}

static void test_too_long(void **state)
{
	static const char long_text[] =
		"Unable to post message to room: Message length limited to 7439 characters "
		"before encryption and 10000 characters after encryption.";
	static const char big[] =
		"Unable to post message to room: \"The request payload is too big\"";

	(void)state;
	assert_int_equal(webex_status_errno(HTTP_POST, 400, long_text), -EFBIG);
	assert_int_equal(webex_status_errno(HTTP_POST, 400, big), -EFBIG);
	assert_int_equal(webex_status_errno(HTTP_POST, 403, big), -EACCES);
	assert_int_equal(webex_status_errno(HTTP_POST, 200, big), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_what_was_asked_counts),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
