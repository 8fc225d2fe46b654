/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib.h>
#include <string.h>

#include "base/cleanup.h"
#include "http/link.h"

static const struct {
	const char *value;
	const char *next;
} rows[] = {
	/* webex-api.md 11 */
	{"<https://webexapis.com/v1/people?displayName=Al&max=10&before&after=XYZ>; "
	 "rel=\"next\"",
	 "https://webexapis.com/v1/people?displayName=Al&max=10&before&after=XYZ"},
	{"<https://webexapis.com/v1/rooms?max=null&cursor=abc>; rel=\"next\"",
	 "https://webexapis.com/v1/rooms?max=null&cursor=abc"},
	/* several, in any order */
	{"<https://a/1>; rel=\"first\", <https://a/2>; rel=\"next\"", "https://a/2"},
	{"<https://a/2>; rel=\"next\", <https://a/1>; rel=\"first\"", "https://a/2"},
	{"<https://a/2>;rel=next,<https://a/3>;rel=next", "https://a/2"},
	{"<https://a/1?x=1,2;3>; rel=\"next\"", "https://a/1?x=1,2;3"},
	/* case, quoting, order and kind of parameters */
	{"<https://a/1>; REL=NEXT", "https://a/1"},
	{"<https://a/1> ; title=\"a, \\\"b\\\"; rel=x\" ; rel = \"next\"", "https://a/1"},
	{"<https://a/1>; rel=\"prev next\"", "https://a/1"},
	{"<https://a/1>; crossorigin; rel=next", "https://a/1"},
	{"<https://a/1>;; rel=next;", "https://a/1"},
	{"<https://a/1>; title*=UTF-8''%e2%82%ac; rel=next", "https://a/1"},
	{" , ,\t<https://a/1>; rel=next, ", "https://a/1"},
	/* none */
	{"", NULL},
	{"<https://a/1>; rel=\"prev\"", NULL},
	{"<https://a/1>", NULL},
	{"<https://a/1>; rel=\"nextpage\"", NULL},
	{"<https://a/1>; rel=\"prev\"; rel=\"next\"", NULL},
	{"<https://a/1>; title=\"rel=next\"", NULL},
	{"<>; rel=next", NULL},
	/* malformed */
	{"https://a/1; rel=next", NULL},
	{"<https://a/1; rel=next", NULL},
	{"<https://a/1>; rel=\"next", NULL},
	{"<https://a/1>; rel=\"next\\", NULL},
	{"<https://a/1>; rel=", NULL},
	{"<https://a/1>; =next", NULL},
	{"<https://a/1> rel=next", NULL},
	{"<https://a/ 1>; rel=next", NULL},
	{"<https://a/\t1>; rel=next", NULL},
	{"<https://a/1\x7F>; rel=next", NULL},
	{"<https://a/1>; rel=next, garbage", NULL},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		_cleanup_gfree_ char *next = http_link_next(rows[i].value);

		if (g_strcmp0(next, rows[i].next) != 0)
			fail_msg("%s: got %s", rows[i].value, next ? next : "nothing");
	}
}

static void test_target_is_capped(void **state)
{
	(void)state;
	for (size_t len = 8191; len <= 8193; len++) {
		_cleanup_gfree_ char *target = g_strnfill(len, 'a');
		_cleanup_gfree_ char *value = g_strdup_printf("<%s>; rel=next", target);
		_cleanup_gfree_ char *next = http_link_next(value);

		assert_int_equal(next != NULL, len <= 8192);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_target_is_capped),
	};

	return cmocka_run_group_tests_name("http link", tests, NULL, NULL);
}
