/* SPDX-License-Identifier: MIT */
/* How the names of attachments are asked for. */
#include <errno.h>
#include <string.h>

#include "pager_kit.h"

#define FILES 12

static void put_files(struct world *w)
{
	GPtrArray *changes = store_changes_new();

	for (int i = 0; i < FILES; i++) {
		struct webex_message m = {
			.id = g_strdup_printf("M%d", i),
			.person_id = (char *)(uintptr_t) "P",
			.files = g_new0(char *, 2),
			.created_ms = T0 + i,
			.updated_ms = -1,
		};

		m.files[0] = g_strdup_printf("https://h/v1/contents/C%d", i);
		assert_int_equal(0,
				 store_apply_message(w->store, w->room, &m, 0, NULL, changes));
		g_free(m.id);
		g_strfreev(m.files);
	}
	g_ptr_array_unref(changes);
}

static struct need all_of(struct world *w)
{
	return (struct need){.kind = NEED_NAMES,
			     .row = w->room,
			     .after = store_cookie_of(T0) - 1,
			     .until = store_cookie_of(T0 + FILES)};
}

static guint asked(void)
{
	guint n = 0;

	for (guint i = 0; i < calls->len; i++)
		n += strcmp(call_at(i)->what, "names") == 0;
	return n;
}

/* An answer to the i-th call. */
static void tell_name(guint i, const char *name, int error, int status)
{
	struct call *call = calls->pdata[i];
	struct webex_reply reply = {
		.error = error,
		.status = status,
		.is_network = error && !status,
		.content_bytes = 5,
		.content_name = (char *)(uintptr_t)name,
	};

	call->answered = true;
	call->done(call->arg, &reply);
}

static guint unnamed(struct world *w)
{
	struct need need = all_of(w);
	struct store_range range = {.room = w->room, .after = need.after, .until = need.until};
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	struct store_conn *conn;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_content_unnamed(conn, &range, now_ms, rows, 100));
	store_read_end(conn);
	return rows->len;
}

static void body_all_are_asked_for(struct world *w)
{
	struct need need = all_of(w);
	struct asker a;

	put_files(w);
	ask_need(w, &a, &need);
	/* Some at a time, and no more before one of them is answered. */
	assert_int_equal(8, asked());
	for (guint i = 0; i < FILES; i++) {
		assert_int_equal(0, a.calls);
		tell_name(i, "x.txt", 0, 200);
		assert_int_equal(FILES - 1 - i, unnamed(w));
		assert_int_equal(MIN(FILES, 9 + i), asked());
	}
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
	ask_need(w, &a, &need);
	assert_int_equal(FILES, asked());
	assert_int_equal(1, a.calls);
}

static void body_what_came_is_kept(struct world *w)
{
	struct need need = all_of(w);
	struct asker a;

	put_files(w);
	ask_need(w, &a, &need);
	tell_name(0, "a", 0, 200);
	tell_name(1, "b", 0, 200);
	tell_name(2, NULL, -EIO, 0);
	/* The others are cancelled, and waited for. */
	assert_int_equal(0, a.calls);
	for (guint i = 3; i < asked(); i++) {
		assert_true(call_at(i)->cancelled);
		tell_name(i, NULL, -ECANCELED, 0);
	}
	assert_int_equal(10, asked());
	assert_int_equal(1, a.calls);
	assert_int_equal(-EIO, a.error);
	assert_int_equal(FILES - 2, unnamed(w));
}

static void body_an_interrupt_ends_it(struct world *w)
{
	struct need need = all_of(w);
	struct asker a;

	put_files(w);
	ask_need(w, &a, &need);
	tell_name(0, "a", 0, 200);
	pager_unwait(w->pager, &a.waiter, true);
	for (guint i = 1; i < 9; i++) {
		assert_true(call_at(i)->cancelled);
		tell_name(i, "late", i % 2 ? -ECANCELED : 0, i % 2 ? 0 : 200);
	}
	assert_int_equal(0, a.calls);
	assert_int_equal(9, asked());
	assert_int_equal(FILES - 1, unnamed(w));
}

/* Gone, infected, being scanned, forbidden: about one file, and the rest goes on. */
static void body_answers_about_one_file(struct world *w)
{
	static const int statuses[] = {404, 410, 423, 403, 428};
	struct need need = all_of(w);
	struct asker a;

	put_files(w);
	ask_need(w, &a, &need);
	for (guint i = 0; i < FILES; i++) {
		bool fails = i < G_N_ELEMENTS(statuses);

		tell_name(i, fails ? NULL : "x", fails ? -EACCES : 0,
			  fails ? statuses[i] : 200);
	}
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
	assert_int_equal(0, unnamed(w));
	/* Those that may be told later are asked for again then. */
	now_ms += 2 * 60 * 1000;
	assert_int_equal(1, unnamed(w));
	now_ms += 2 * 60 * 60 * 1000;
	assert_int_equal(4, unnamed(w));
}

/* A URL of another host, a redirect that leads nowhere, and a file at which the server fails. */
static void body_one_bad_file_hides_no_other(struct world *w)
{
	struct webex_reply refused = {.error = -EPERM};
	struct need need = all_of(w);
	struct asker a;

	put_files(w);
	ask_need(w, &a, &need);
	tell_name(0, NULL, -EIO, 500);
	tell_name(1, NULL, -EIO, 302);
	((struct call *)calls->pdata[2])->answered = true;
	call_at(2)->done(call_at(2)->arg, &refused);
	for (guint i = 3; i < FILES; i++)
		tell_name(i, "x", 0, 200);
	assert_int_equal(FILES, asked());
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
	assert_int_equal(0, unnamed(w));
	now_ms += 2 * 60 * 1000;
	assert_int_equal(1, unnamed(w));
}

static void body_a_server_that_fails_is_not_asked_for_all(struct world *w)
{
	struct need need = all_of(w);
	struct asker a;

	put_files(w);
	ask_need(w, &a, &need);
	for (guint i = 0; i < 8; i++)
		tell_name(i, NULL, -EIO, 500);
	assert_true(asked() > 8);
	for (guint i = 8; i < asked(); i++)
		tell_name(i, NULL, -ECANCELED, 0);
	assert_int_equal(1, a.calls);
	assert_int_equal(-EIO, a.error);
	assert_int_equal(FILES, unnamed(w));
}

CASE(all_are_asked_for)
CASE(what_came_is_kept)
CASE(an_interrupt_ends_it)
CASE(answers_about_one_file)
CASE(one_bad_file_hides_no_other)
CASE(a_server_that_fails_is_not_asked_for_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_are_asked_for),
		TEST(what_came_is_kept),
		TEST(an_interrupt_ends_it),
		TEST(answers_about_one_file),
		TEST(one_bad_file_hides_no_other),
		TEST(a_server_that_fails_is_not_asked_for_all),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
