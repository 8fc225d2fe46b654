/* SPDX-License-Identifier: MIT */
/* Members that seem to be gone, and who of them is forgotten (pager/proof/proof.h). */
#include <errno.h>
#include <string.h>

#include "poll_kit.h"

/* P<n> and so on, all but those from..to. */
static GPtrArray *people(int n, int from, int to)
{
	GPtrArray *items = g_ptr_array_new_with_free_func(webex_membership_free);

	for (int i = 1; i <= n; i++) {
		struct webex_membership *m = g_new0(struct webex_membership, 1);

		if (i >= from && i <= to) {
			g_free(m);
			continue;
		}
		m->id = g_strdup_printf("MEMBER%d", i);
		m->person_id = g_strdup_printf("P%d", i);
		m->person_email = g_strdup_printf("p%d@example.com", i);
		g_ptr_array_add(items, m);
	}
	return items;
}

static bool count(void *arg, const struct store_member *m)
{
	(void)m;
	++*(int *)arg;
	return true;
}

static int members(struct world *w)
{
	struct store_conn *conn;
	int n = 0;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_member_list(conn, w->room, 0, count, &n));
	store_read_end(conn);
	return n;
}

static void list_members(struct world *w, struct asker *a)
{
	now_ms += 6000;
	ask(w, a, NEED_MEMBERS, w->room);
}

static void body_members(struct world *w)
{
	struct asker a;

	list_members(w, &a);
	answer(0, people(20, 0, 0), NULL, 0, 200, false);
	/* One. */
	list_members(w, &a);
	answer(1, people(20, 3, 3), NULL, 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(20, members(w));
	assert_string_equal("membership", call_at(2)->what);
	not_found(2);
	assert_int_equal(19, members(w));
	/* Many, by an empty list: another one, of another size. */
	list_members(w, &a);
	answer(3, people(0, 0, 0), NULL, 0, 200, false);
	assert_int_equal(19, members(w));
	later(w, PROOF_AGAIN_MS);
	/* One of them is there. */
	assert_string_equal("membership", call_at(4)->what);
	answer(4, people(1, 0, 0), NULL, 0, 200, false);
	later(w, 60000);
	assert_int_equal(5, calls->len);
	assert_int_equal(19, members(w));
	list_members(w, &a);
	answer(5, people(0, 0, 0), NULL, 0, 200, false);
	later(w, 60000);
	assert_string_equal("membership", call_at(6)->what);
	not_found(6);
	assert_string_equal("membership", call_at(7)->what);
	not_found(7);
	assert_int_equal(17, members(w));
	assert_string_equal("memberships", call_at(8)->what);
	assert_true(call_at(8)->max != call_at(5)->max);
	/* It does not agree with the first. */
	answer(8, people(19, 1, 12), NULL, 0, 200, false);
	assert_int_equal(17, members(w));
	later(w, 60000);
	not_found(9);
	not_found(10);
	answer(11, people(19, 1, 12), NULL, 0, 200, false);
	assert_int_equal(7, members(w));
	later(w, 60000);
	assert_int_equal(12, calls->len);
}

CASE(members)

static bool is_boss(void *arg, const struct store_member *m)
{
	*(bool *)arg |= m->m.is_moderator;
	return true;
}

static bool has_moderator(struct world *w)
{
	struct store_conn *conn;
	bool has = false;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_member_list(conn, w->room, 0, is_boss, &has));
	store_read_end(conn);
	return has;
}

/* An answer that was asked for before a change was made here does not undo it. */
static void body_changed_meanwhile(struct world *w)
{
	const struct need need = {.kind = NEED_MEMBERS, .row = w->room};
	GPtrArray *changed = people(3, 1, 2);
	struct asker a;

	list_members(w, &a);
	answer(0, people(3, 0, 0), NULL, 0, 200, false);
	list_members(w, &a);
	answer(1, people(3, 3, 3), NULL, 0, 200, false);
	assert_string_equal("membership", call_at(2)->what);
	((struct webex_membership *)changed->pdata[0])->is_moderator = true;
	assert_int_equal(0, store_apply_members(w->store, w->room, changed, NULL, T0, NULL));
	pager_touch(w->pager, &need);
	answer(2, people(3, 1, 2), NULL, 0, 200, false);
	assert_int_equal(3, members(w));
	assert_true(has_moderator(w));
	g_ptr_array_unref(changed);
}

CASE(changed_meanwhile)

/* A member who was removed and invited again is there, under the same name. */
static void body_again(struct world *w)
{
	GPtrArray *list = people(2, 0, 0);
	struct store_member m = {0};
	struct store_conn *conn;
	struct asker a;

	list_members(w, &a);
	answer(0, people(2, 0, 0), NULL, 0, 200, false);
	g_free(((struct webex_membership *)list->pdata[1])->id);
	((struct webex_membership *)list->pdata[1])->id = g_strdup("OTHER");
	list_members(w, &a);
	answer(1, list, NULL, 0, 200, false);
	assert_int_equal(2, members(w));
	assert_int_equal(2, calls->len);
	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_member_by_name(conn, w->room, "p2@example.com", &m));
	assert_string_equal("OTHER", m.m.id);
	store_member_clear(&m);
	store_read_end(conn);
}

CASE(again)

/* My own membership: then I am out of the space. */
static void body_own(struct world *w)
{
	struct asker a;

	assert_int_equal(0, store_meta_set(w->store, "me.id", "P1"));
	list_members(w, &a);
	answer(0, people(3, 0, 0), NULL, 0, 200, false);
	list_members(w, &a);
	answer(1, people(3, 1, 1), NULL, 0, 200, false);
	not_found(2);
	assert_true(has_room(w));
	prove_gone(w, 3);
	assert_false(has_room(w));
}

CASE(own)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(members),
		TEST(changed_meanwhile),
		TEST(again),
		TEST(own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
