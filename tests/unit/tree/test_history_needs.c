/* SPDX-License-Identifier: MIT */
/* What must be known before a month, or the newest messages of a space, are shown. */
#include <errno.h>

#include "history_kit.h"

/* What opening that month waits for; NULL: nothing. */
static const struct need *need_of(struct world *w, const char *name)
{
	uint64_t ino = kit_month(w, name);
	struct tree_dir dir;
	int r;

	w->ctx.n_waited = 0;
	r = tree_opendir(&w->ctx, ino, &dir);
	if (r == 0)
		return NULL;
	assert_int_equal(TREE_WAIT, r);
	return &w->ctx.missing;
}

static void assert_span(const struct need *need, const char *lo, const char *hi)
{
	assert_non_null(need);
	assert_int_equal(hi ? NEED_SPAN : NEED_TO_HEAD, need->kind);
	assert_int_equal(kit_iso(lo), need->lo_ms);
	assert_int_equal(hi ? kit_iso(hi) : 0, need->hi_ms);
}

static void waited(struct world *w)
{
	w->ctx.waited[w->ctx.n_waited].need = w->ctx.missing;
	w->ctx.waited[w->ctx.n_waited++].error = 0;
}

/* ---- needs of the past ---- */

static void assert_newest_page(const struct need *need)
{
	assert_non_null(need);
	assert_int_equal(NEED_TO_HEAD, need->kind);
	assert_int_equal(INT64_MAX, need->lo_ms);
}

static void test_needs_without_a_head(void **state)
{
	struct world *w = *state;
	struct tree_dir dir;

	kit_make_months(w);
	/* The past: first the newest page, which may be all there is; then what is missing. */
	assert_newest_page(need_of(w, "2024-02"));
	waited(w);
	assert_int_equal(TREE_WAIT, tree_opendir(&w->ctx, kit_month(w, "2024-02"), &dir));
	assert_span(&w->ctx.missing, "2024-01-31T23:59:59.999Z", "2024-02-29T23:59:59.999Z");
	/* It came, but not all of it. */
	waited(w);
	assert_int_equal(-EIO, tree_opendir(&w->ctx, kit_month(w, "2024-02"), &dir));
	/* The present: what is newest is asked for, down to the month. */
	assert_span(need_of(w, "2024-06"), "2024-05-31T23:59:59.999Z", NULL);
	/* It failed: no listing at all. */
	w->ctx.waited[0] = (struct tree_waited){.need = w->ctx.missing, .error = -ENETUNREACH};
	w->ctx.n_waited = 1;
	assert_int_equal(-ENETUNREACH, tree_opendir(&w->ctx, kit_month(w, "2024-06"), &dir));
	/* A month that ended just now may get messages yet, by the server's clock. */
	kit_now_ms = kit_iso("2024-06-01T00:30:00Z");
	assert_span(need_of(w, "2024-05"), "2024-04-30T23:59:59.999Z", NULL);
	kit_now_ms = kit_iso("2024-06-01T01:30:00Z");
	assert_newest_page(need_of(w, "2024-05"));
}

static void test_a_known_month_without_a_head(void **state)
{
	struct world *w = *state;

	kit_begin_writing(w);
	kit_page(w, "M1", "2024-04-05T00:00:00Z", "2024-03-31T23:59:59.999Z",
		 "2024-04-30T23:59:59.999Z", STORE_PAGE_INNER);
	kit_read_again(w);
	kit_make_months(w);
	assert_null(need_of(w, "2024-04"));
	assert_newest_page(need_of(w, "2024-03"));
}

static void test_needs_below_a_head(void **state)
{
	struct world *w = *state;
	const struct need *need;
	struct tree_dir dir;

	kit_begin_writing(w);
	kit_page(w, "M1", "2024-05-20T00:00:00Z", "2024-03-15T00:00:00Z", NULL,
		 STORE_PAGE_HEAD);
	kit_read_again(w);
	kit_make_months(w);
	/* Known and past: nothing, not even news. */
	assert_null(need_of(w, "2024-04"));
	/* Partly known. */
	assert_span(need_of(w, "2024-03"), "2024-02-29T23:59:59.999Z",
		    "2024-03-31T23:59:59.999Z");
	/* Above the head there may be news, and what is known is shown if they do not come. */
	need = need_of(w, "2024-05");
	assert_int_equal(NEED_HEAD, need->kind);
	assert_true(w->ctx.missing_soft);
	waited(w);
	assert_int_equal(0, tree_opendir(&w->ctx, kit_month(w, "2024-05"), &dir));
	/* All of the month is: above the newest message there is nothing. */
	need = need_of(w, "2024-06");
	assert_int_equal(NEED_HEAD, need->kind);
	waited(w);
	assert_int_equal(0, tree_opendir(&w->ctx, kit_month(w, "2024-06"), &dir));
}

/* ---- recent ---- */

static void test_a_head_that_is_too_short(void **state)
{
	struct world *w = *state;
	struct tree_dir dir;

	/* Of a month's opening: a part of what the space lists. */
	kit_begin_writing(w);
	kit_page(w, "M1", "2024-06-10T00:00:00Z", "2024-06-09T00:00:00Z", NULL,
		 STORE_PAGE_HEAD);
	kit_read_again(w);
	assert_int_equal(TREE_WAIT, tree_opendir(&w->ctx, tree_ino(TREE_SPACE, w->room), &dir));
	assert_int_equal(NEED_HEAD, w->ctx.missing.kind);
	/* What is missing is waited for as long as it takes. */
	assert_false(w->ctx.missing_soft);
	w->ctx.waited[0] = (struct tree_waited){.need = w->ctx.missing, .error = -ENETUNREACH};
	w->ctx.n_waited = 1;
	assert_int_equal(-ENETUNREACH,
			 tree_opendir(&w->ctx, tree_ino(TREE_SPACE, w->room), &dir));
	/* The whole space is shorter than that. */
	kit_begin_writing(w);
	kit_page(w, "M1", "2024-06-10T00:00:00Z", NULL, NULL, STORE_PAGE_HEAD);
	kit_read_again(w);
	w->ctx.waited[0] = (struct tree_waited){.need = {.kind = NEED_HEAD, .row = w->room},
						.error = -ENETUNREACH};
	w->ctx.n_waited = 1;
	assert_int_equal(0, tree_opendir(&w->ctx, tree_ino(TREE_SPACE, w->room), &dir));
}

static void test_recent_all(void **state)
{
	struct world *w = *state;
	struct tree_dir dir;

	w->tree->config.recent = 0;
	kit_begin_writing(w);
	kit_page(w, "M1", "2024-06-10T00:00:00Z", "2024-06-09T00:00:00Z", NULL,
		 STORE_PAGE_HEAD);
	kit_read_again(w);
	w->ctx.waited[0].need = (struct need){.kind = NEED_HEAD, .row = w->room};
	w->ctx.n_waited = 1;
	assert_int_equal(TREE_WAIT, tree_opendir(&w->ctx, tree_ino(TREE_SPACE, w->room), &dir));
	assert_false(w->ctx.missing_soft);
	assert_int_equal(NEED_SPAN, w->ctx.missing.kind);
	assert_int_equal(-1, w->ctx.missing.lo_ms);
	assert_int_equal(kit_iso("2024-06-10T00:00:00Z"), w->ctx.missing.hi_ms);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(needs_without_a_head), TEST(a_known_month_without_a_head),
		TEST(needs_below_a_head),   TEST(a_head_that_is_too_short),
		TEST(recent_all),
	};

	return cmocka_run_group_tests_name("history needs", tests, NULL, NULL);
}
