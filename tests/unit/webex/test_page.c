/* SPDX-License-Identifier: MIT */
/* Next links: the oddities of webex-api.md 2.3 and the vectors of 11. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "http/link.h"
#include "webex/page.h"

#define OWN "http://127.0.0.1:8080/v1"
#define PUBLIC "https://webexapis.com/v1"

static const struct {
	const char *asked, *next, *wanted;
} repairs[] = {
	/* As it should be. */
	{OWN "/messages?roomId=R&max=2", OWN "/messages?roomId=R&max=2&beforeMessage=M",
	 OWN "/messages?max=2&beforeMessage=M&roomId=R"},
	/* 1: valueless parameters. */
	{OWN "/people?displayName=Al&max=10",
	 PUBLIC "/people?displayName=Al&max=10&before&after=XYZ",
	 OWN "/people?displayName=Al&max=10&before&after=XYZ"},
	/* 2: max=null. */
	{OWN "/rooms?max=5", PUBLIC "/rooms?max=null&cursor=abc",
	 OWN "/rooms?cursor=abc&max=5"},
	{OWN "/rooms", PUBLIC "/rooms?max=null&cursor=abc", OWN "/rooms?cursor=abc"},
	{OWN "/rooms?max=5", PUBLIC "/rooms?max=&cursor=abc&max",
	 OWN "/rooms?cursor=abc&max=5"},
	/* 3: lost filters, which come back; the place in the list, which does not. */
	{OWN "/messages?roomId=R&parentId=P&mentionedPeople=me&beforeMessage=A&max=100",
	 OWN "/messages?beforeMessage=B",
	 OWN "/messages?beforeMessage=B&max=100&roomId=R&parentId=P&mentionedPeople=me"},
	{OWN "/messages?roomId=R&before=2025-03-04T09%3A20%3A31.507Z", OWN "/messages?cursor=B",
	 OWN "/messages?cursor=B&roomId=R"},
	{OWN "/messages?roomId=R&beforeMessage=A", OWN "/messages?roomId=&beforeMessage=B",
	 OWN "/messages?beforeMessage=B&roomId=R"},
	{OWN "/rooms?type=group&sortBy=created&max=5", OWN "/rooms?cursor=abc",
	 OWN "/rooms?cursor=abc&max=5&type=group&sortBy=created"},
	/* Another room's page is not let in. */
	{OWN "/messages?roomId=R", OWN "/messages?roomId=EVIL&beforeMessage=B&roomId=WORSE",
	 OWN "/messages?beforeMessage=B&roomId=R"},
	/* A server may lower max, and the second page repairs as the first did. */
	{OWN "/messages?max=1000&roomId=R", OWN "/messages?roomId=R&max=200&beforeMessage=B",
	 OWN "/messages?max=200&beforeMessage=B&roomId=R"},
	/* 5: other hosts, public or not, other paths, user info: only the query is taken. */
	{OWN "/rooms?max=5", "https://api.ciscospark.com/v1/rooms?cursor=a",
	 OWN "/rooms?cursor=a&max=5"},
	{OWN "/rooms", "https://user:pw@evil.example/steal?cursor=a#f", OWN "/rooms?cursor=a"},
	{OWN "/rooms", "/v1/rooms?cursor=a", OWN "/rooms?cursor=a"},
	{OWN "/rooms", "?cursor=a&&b=", OWN "/rooms?cursor=a&b="},
};

static void test_repairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(repairs); i++) {
		_cleanup_gfree_ char *url = NULL;
		assert_int_equal(webex_page_next(repairs[i].asked, repairs[i].next, &url), 0);
		assert_string_equal(url, repairs[i].wanted);
	}
}

static void refuse(const char *asked, const char *next, int error)
{
	char *url = (char *)"untouched";

	assert_int_equal(webex_page_next(asked, next, &url), error);
	assert_string_equal(url, "untouched");
}

static void test_refused(void **state)
{
	_cleanup_gfree_ char *many = g_strnfill(WEBEX_PAGE_URL_MAX, 'x');
	_cleanup_gfree_ char *longer = g_strdup_printf("?x=%s", many);
	_cleanup_gfree_ char *longest = g_strndup(longer, WEBEX_PAGE_URL_MAX);

	(void)state;
	refuse(OWN "/rooms", "", -EBADMSG);
	refuse(OWN "/rooms", "?cursor=a b", -EBADMSG);
	refuse(OWN "/rooms", "?cursor=a\r\nX: y", -EBADMSG);
	refuse(OWN "/rooms", "?cursor=\xc3\xa4", -EBADMSG);
	refuse(OWN "/rooms", longer, -EBADMSG);
	refuse(OWN "/rooms", longest, -EBADMSG);
	/* 7: back to the page itself, however it is put. */
	refuse(OWN "/rooms?max=5&cursor=a", OWN "/rooms?cursor=a&max=5", -ELOOP);
	refuse(OWN "/rooms?max=5", PUBLIC "/rooms", -ELOOP);
	refuse(OWN "/messages?roomId=R&max=5", PUBLIC "/messages?max=null", -ELOOP);
}

/* From the field to the URL. */
static void test_field_vectors(void **state)
{
	_cleanup_gfree_ char *people = http_link_next(
		"<https://webexapis.com/v1/people?displayName=Al&max=10&before&after=XYZ>; "
		"rel=\"next\"");
	_cleanup_gfree_ char *rooms = http_link_next(
		"<https://webexapis.com/v1/rooms?max=null&cursor=abc>; rel=\"next\"");
	_cleanup_gfree_ char *url = NULL;

	(void)state;
	assert_string_equal(
		people,
		"https://webexapis.com/v1/people?displayName=Al&max=10&before&after=XYZ");
	assert_int_equal(webex_page_next(PUBLIC "/rooms?max=5", rooms, &url), 0);
	assert_string_equal(url, PUBLIC "/rooms?cursor=abc&max=5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repairs),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_field_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
