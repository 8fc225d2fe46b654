/* SPDX-License-Identifier: MIT */
/* Memberships, people, contents, nodes and meta. */
#include <errno.h>
#include <string.h>

#include "kit.h"

#include "webex/id.h"

static void members(struct kit *k, int64_t room, GPtrArray *list, bool complete)
{
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));

	assert_int_equal(store_apply_members(k->s, room, list, complete ? missing : NULL, T0,
					     k->changes),
			 0);
	assert_int_equal(store_remove_members(k->s, missing, T0, k->changes), 0);
	g_ptr_array_set_free_func(list, webex_membership_free);
	g_ptr_array_unref(list);
}

static int64_t member_row(struct kit *k, int64_t room, const char *name)
{
	struct store_member m;
	struct store_conn *c;
	int64_t row = 0;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	if (store_member_by_name(c, room, name, &m) == 0) {
		row = m.rowid;
		store_member_clear(&m);
	}
	store_read_end(c);
	return row;
}

/* ---- memberships ---- */

/* Only its numbers can be used. */
static struct store_room times_of(struct kit *k, int64_t row)
{
	struct store_room room;
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_room_get(c, row, &room), 0);
	store_read_end(c);
	store_room_clear(&room);
	return room;
}

static int64_t members_ms(struct kit *k, int64_t row)
{
	return times_of(k, row).members_ms;
}

/* What no time of a membership shows gives the list a later second. */
static void test_members_have_a_time(void **state)
{
	struct kit *k = *state;
	int64_t before, room = kit_add_room(k, 1, "Ops");
	struct webex_membership *boss = kit_membership(1, "ann@example.com");

	kit_set_clock(k, T0);
	members(k, room, kit_list(kit_membership(1, "ann@example.com"), NULL), true);
	members(k, room,
		kit_list(kit_membership(1, "ann@example.com"),
			 kit_membership(2, "bob@example.com"), NULL),
		true);
	assert_int_equal(members_ms(k, room), -1);
	boss->is_moderator = true;
	members(k, room, kit_list(boss, kit_membership(2, "bob@example.com"), NULL), true);
	before = members_ms(k, room);
	assert_true(before >= T0 + 2 + 1000);
	members(k, room, kit_list(kit_membership(1, "ann@example.com"), NULL), true);
	/* Two changes: a flag, and one who left. */
	assert_int_equal(members_ms(k, room), before + 2000);
	members(k, room, kit_list(kit_membership(1, "ann@example.com"), NULL), true);
	assert_int_equal(members_ms(k, room), before + 2000);
}

static void test_a_removal_has_a_time(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops");

	kit_set_clock(k, T0 + 50000);
	members(k, room,
		kit_list(kit_membership(1, "ann@example.com"),
			 kit_membership(2, "bob@example.com"),
			 kit_membership(3, "cy@example.com"), NULL),
		true);
	assert_int_equal(members_ms(k, room), -1);
	/* By rm, and because the server says so. */
	assert_int_equal(
		store_remove_member(k->s, member_row(k, room, "bob@example.com"), k->changes),
		0);
	assert_int_equal(members_ms(k, room), T0 + 50000);
	kit_set_clock(k, T0 + 90000);
	members(k, room, kit_list(kit_membership(1, "ann@example.com"), NULL), true);
	assert_int_equal(members_ms(k, room), T0 + 90000);
}

static int64_t listed_ms(struct kit *k, int64_t row)
{
	return times_of(k, row).members_wall_ms;
}

static void test_a_list_is_made_old(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops"), other = kit_add_room(k, 2, "Never listed");

	members(k, room, kit_list(kit_membership(1, "ann@example.com"), NULL), true);
	assert_int_equal(listed_ms(k, room), T0);
	assert_int_equal(store_age_members(k->s, room), 0);
	assert_int_equal(store_age_members(k->s, other), 0);
	kit_reopen(k);
	assert_int_equal(listed_ms(k, room), 0);
	assert_int_equal(listed_ms(k, other), -1);
	members(k, room, kit_list(kit_membership(1, "ann@example.com"), NULL), true);
	assert_int_equal(listed_ms(k, room), T0);
}

static void lock(struct kit *k, bool is_locked, const char *title)
{
	struct webex_room *room = kit_room(1, title, WEBEX_ROOM_GROUP);

	room->is_locked = is_locked;
	assert_int_equal(store_apply_room(k->s, room, 0, &(int64_t){0}, k->changes), 0);
	webex_room_free(room);
}

/* Whoever locks or unlocks a space, the roles of its members are others from then on. */
static void test_a_lock_makes_the_list_old(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops");

	for (int is_locked = 1; is_locked >= 0; is_locked--) {
		members(k, room, kit_list(kit_membership(1, "ann@example.com"), NULL), true);
		assert_int_equal(listed_ms(k, room), T0);
		lock(k, is_locked, "Ops");
		assert_int_equal(listed_ms(k, room), 0);
	}
	members(k, room, kit_list(kit_membership(1, "ann@example.com"), NULL), true);
	lock(k, false, "Another name");
	assert_int_equal(listed_ms(k, room), T0);
}

static void test_member_fields(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	struct webex_membership *in = kit_membership(1, "a@x.org");
	GPtrArray *one = kit_list(in, NULL);
	struct store_member out;
	struct store_conn *c;
	char *is, *should;

	in->room_id = kit_id("ROOM", T0 + 1, 0, 1);
	in->person_display_name = g_strdup("A");
	in->person_org_id = g_strdup("b3Jn");
	in->is_moderator = in->is_monitor = true;
	in->extra = g_strdup("{\"new\":1}");
	assert_int_equal(store_apply_members(k->s, room, one, NULL, T0, k->changes), 0);
	kit_reopen(k);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_member_by_name(c, room, "a@x.org", &out), 0);
	is = webex_membership_json(&out.m);
	should = webex_membership_json(in);
	assert_string_equal(is, should);
	assert_int_equal(out.room, room);
	store_member_clear(&out);
	assert_int_equal(store_member_by_name(c, room, "A@x.org", &out), -ENOENT);
	store_read_end(c);
	g_free(is);
	g_free(should);
	g_ptr_array_unref(one);
	webex_membership_free(in);
}

static void test_members_come_and_go(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), a, again;
	struct store_member m;
	struct store_conn *c;

	g_ptr_array_set_size(k->changes, 0);
	members(k, room, kit_list(kit_membership(1, "a@x"), kit_membership(2, "b@x"), NULL),
		true);
	assert_text(kit_changes(k), "mem+ a@x\nmem+ b@x\n");
	a = member_row(k, room, "a@x");
	members(k, room, kit_list(kit_membership(2, "b@x"), NULL), false);
	assert_text(kit_changes(k), "");
	members(k, room, kit_list(kit_membership(2, "b@x"), NULL), true);
	assert_text(kit_changes(k), "mem- a@x\n");
	assert_text(kit_members(k, room), "b@x\n");
	assert_int_equal(store_remove_member(k->s, a, k->changes), -ENOENT);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_member_get(c, a, &m), 0);
	assert_true(m.gone);
	store_member_clear(&m);
	store_read_end(c);
	/* Seen again: another row. */
	members(k, room, kit_list(kit_membership(1, "a@x"), NULL), false);
	again = member_row(k, room, "a@x");
	assert_true(again > a);
	assert_int_equal(store_remove_member(k->s, again, k->changes), 0);
	assert_text(kit_changes(k), "mem+ a@x\nmem- a@x\n");
	kit_reopen(k);
	assert_text(kit_members(k, room), "b@x\n");
	assert_int_equal(store_remove_room(k->s, room, NULL), 0);
	assert_text(kit_members(k, room), "");
	assert_int_equal(store_apply_members(k->s, room, k->changes, NULL, T0, NULL), -ENOENT);
}

/* Memberships of another space prove nothing about the members of this one. */
static void test_members_of_another_space(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	struct webex_membership *elsewhere = kit_membership(3, "a@x");
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));
	GPtrArray *list;

	members(k, room, kit_list(kit_membership(1, "a@x"), NULL), true);
	elsewhere->room_id = g_strdup("another");
	list = kit_list(elsewhere, NULL);
	assert_int_equal(store_apply_members(k->s, room, list, missing, T0, NULL), 0);
	assert_text(kit_members(k, room), "a@x\n");
	assert_int_equal(missing->len, 1);
	g_ptr_array_set_free_func(list, webex_membership_free);
	g_ptr_array_unref(list);
}

static void test_member_names(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	struct webex_membership *nameless = kit_membership(7, "");
	char hex[WEBEX_ID_HEX_SIZE], *unknown, *changed;

	g_clear_pointer(&nameless->person_email, g_free);
	webex_id_hex(nameless->person_id, hex);
	unknown = g_strdup_printf("unknown-%.8s\n", hex);
	members(k, room, kit_list(nameless, NULL), true);
	assert_text(kit_members(k, room), unknown);
	g_free(unknown);
	/* The address moves, and so does the name; an unchanged one keeps it. */
	members(k, room, kit_list(kit_membership(1, "a@x"), kit_membership(2, "A@x"), NULL),
		true);
	g_ptr_array_set_size(k->changes, 0);
	members(k, room, kit_list(kit_membership(1, "z@x"), kit_membership(2, "A@x"), NULL),
		true);
	changed = kit_changes(k);
	assert_string_equal(changed, "mem! a@x>z@x\n");
	g_free(changed);
	changed = kit_members(k, room);
	assert_true(g_str_has_prefix(changed, "z@x\nA@x ~"));
	g_free(changed);
	/* Another account with the address of one that went. */
	members(k, room, kit_list(kit_membership(3, "z@x"), NULL), true);
	assert_text(kit_members(k, room), "z@x\n");
	/* Of another room. */
	nameless = kit_membership(8, "w@x");
	nameless->room_id = kit_id("ROOM", T0, 9, 9);
	members(k, room, kit_list(nameless, NULL), false);
	assert_text(kit_members(k, room), "z@x\n");
}

static void test_direct_address(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_direct(k, 1, "Bob"), group = kit_add_room(k, 2, "x");
	struct webex_membership *me = kit_membership(1, "me@x");
	struct store_room r;
	struct store_conn *c;

	members(k, room, kit_list(kit_membership(2, "bob@x"), NULL), true);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_room_by_email(c, "bob@x", &r), -ENOENT);
	store_read_end(c);
	assert_int_equal(store_meta_set(k->s, "me.id", me->person_id), 0);
	g_ptr_array_set_size(k->changes, 0);
	members(k, room, kit_list(kit_membership(1, "me@x"), kit_membership(2, "bob@x"), NULL),
		true);
	assert_text(kit_changes(k), "mem+ me@x\nroom! \n");
	members(k, group, kit_list(me, kit_membership(2, "bob@x"), NULL), true);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_room_by_email(c, "BOB@x", &r), 0);
	assert_int_equal(r.rowid, room);
	assert_int_equal(r.members_wall_ms, T0);
	store_room_clear(&r);
	store_read_end(c);
	assert_int_equal(store_set_direct_email(k->s, room, NULL), 0);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_room_by_email(c, "bob@x", &r), -ENOENT);
	store_read_end(c);
}

/* ---- people ---- */

static struct webex_person *person(unsigned n, const char *email, const char *json)
{
	struct webex_person *p = g_new0(struct webex_person, 1);

	p->id = kit_person_id(n);
	p->email = g_strdup(email);
	p->display_name = g_strdup("Name");
	p->type = WEBEX_PERSON_BOT;
	p->json = g_strdup(json);
	return p;
}

static int64_t apply_person(struct kit *k, struct webex_person *p, int64_t now)
{
	int64_t row = 0;

	assert_int_equal(store_apply_person(k->s, p, now, &row, k->changes), 0);
	webex_person_free(p);
	return row;
}

static int64_t row_by_email(struct kit *k, const char *email)
{
	struct store_person p;
	struct store_conn *c;
	int64_t row = 0;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	if (store_person_by_email(c, email, &p) == 0) {
		row = p.rowid;
		store_person_clear(&p);
	}
	store_read_end(c);
	return row;
}

static bool count(void *arg, const struct store_person *p)
{
	assert_non_null(p->p.json);
	++*(int *)arg;
	return true;
}

static int listed(struct kit *k)
{
	struct store_conn *c;
	int n = 0;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_person_list(c, 0, count, &n), 0);
	store_read_end(c);
	return n;
}

static void test_people(void **state)
{
	struct kit *k = *state;
	int64_t row = apply_person(k, person(1, "a@x", "{}"), T0), b;
	struct store_person p;
	struct store_conn *c;
	char *id = kit_person_id(1);

	assert_text(kit_changes(k), "person! a@x\n");
	assert_int_equal(apply_person(k, person(1, "a@x", "{}"), T0 + 5), row);
	assert_text(kit_changes(k), "");
	assert_int_equal(apply_person(k, person(1, "new@x", "{}"), T0 + 6), row);
	assert_text(kit_changes(k), "person! a@x>new@x\n");
	kit_reopen(k);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_person_by_id(c, id, &p), 0);
	assert_string_equal(p.first_email, "a@x");
	assert_string_equal(p.p.email, "new@x");
	assert_string_equal(p.p.display_name, "Name");
	assert_string_equal(p.p.json, "{}");
	assert_int_equal(p.p.type, WEBEX_PERSON_BOT);
	assert_int_equal(p.fetched_wall_ms, T0 + 6);
	store_person_clear(&p);
	assert_int_equal(store_person_get(c, row + 100, &p), -ENOENT);
	store_read_end(c);
	/* The person who has the address now counts first, then the one who had it first. */
	assert_int_equal(row_by_email(k, "NEW@x"), row);
	assert_int_equal(row_by_email(k, "a@x"), row);
	b = apply_person(k, person(2, "A@X", "{}"), T0);
	assert_int_equal(row_by_email(k, "a@x"), b);
	assert_int_equal(row_by_email(k, "nobody@x"), 0);
	assert_int_equal(listed(k), 2);
	g_free(id);
}

static void test_people_of_messages(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), row, found;
	struct store_conn *c;

	kit_put(k, room, kit_message(1, T0, "m@x", "x"));
	row = row_by_email(k, "M@X");
	assert_true(row > 0);
	assert_int_equal(listed(k), 0);
	g_ptr_array_set_size(k->changes, 0);
	assert_int_equal(apply_person(k, person(g_str_hash("m@x"), "m2@x", "{}"), T0), row);
	assert_text(kit_changes(k), "person! m2@x\n");
	assert_int_equal(listed(k), 1);
	kit_put(k, room, kit_message(2, T0 + 1, "m@x", "x"));
	assert_text(kit_stems(k, room), T0_NAME "_m@x\n2025-03-04T09-20-31.508Z_m@x\n");
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_message_last_by(c, room, row, &found), 0);
	store_read_end(c);
}

/* ---- contents ---- */

static int64_t content(struct kit *k, int64_t row, int64_t room, int64_t message, int64_t size)
{
	struct store_content in = {
		.rowid = row,
		.room = room,
		.message = message,
		.url = (char *)(uintptr_t) "https://h/v1/contents/A",
		.name = (char *)(uintptr_t) "r.pdf",
		.sha256 = (char *)(uintptr_t) "00ff",
		.size = size,
		.mtime_ms = T0,
	};
	int64_t ret = 0;

	assert_int_equal(store_apply_content(k->s, &in, &ret, k->changes), 0);
	return ret;
}

static int64_t size_by_name(struct kit *k, int64_t room)
{
	struct store_content out;
	struct store_conn *c;
	int64_t size = -1;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	if (store_content_by_name(c, room, "r.pdf", &out) == 0) {
		size = out.size;
		store_content_clear(&out);
	}
	store_read_end(c);
	return size;
}

static void test_contents(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), draft = store_new_rowid(k->s), old, new, row;
	struct store_content out;
	struct store_conn *c;

	new = kit_put(k, room, kit_message(2, T0 + 2, "a@x", "x"));
	old = kit_put(k, room, kit_message(1, T0 + 1, "a@x", "x"));
	g_ptr_array_set_size(k->changes, 0);
	assert_int_equal(content(k, draft, room, new, 1), draft);
	row = content(k, 0, room, old, 2);
	assert_true(row > draft);
	assert_text(kit_changes(k), "content+ r.pdf\ncontent+ r.pdf\n");
	assert_int_equal(size_by_name(k, room), 1);
	assert_int_equal(size_by_name(k, room + 1), -1);
	assert_int_equal(store_set_content_mtime(k->s, draft, T0 + 99), 0);
	assert_int_equal(store_set_content_mtime(k->s, 99999, T0 + 99), -ENOENT);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_content_get(c, draft, &out), 0);
	assert_string_equal(out.url, "https://h/v1/contents/A");
	assert_string_equal(out.sha256, "00ff");
	assert_int_equal(out.mtime_ms, T0 + 99);
	assert_false(out.gone);
	store_content_clear(&out);
	store_read_end(c);
	/* Its message goes, and it with it. */
	assert_int_equal(store_remove_message(k->s, new, k->changes), 0);
	assert_text(kit_changes(k), "msg- 2025-03-04T09-20-31.509Z_a@x\ncontent- r.pdf\n");
	assert_int_equal(size_by_name(k, room), 2);
	assert_true(content(k, 0, room, 0, 3) > row);
	assert_int_equal(size_by_name(k, room), 3);
	assert_int_equal(store_remove_room(k->s, room, NULL), 0);
	assert_int_equal(size_by_name(k, room), -1);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_content_get(c, row, &out), 0);
	assert_true(out.gone);
	store_content_clear(&out);
	store_read_end(c);
	kit_reopen(k);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_content_get(c, row, &out), -ENOENT);
	store_read_end(c);
}

/* ---- nodes and meta ---- */

static void test_nodes(void **state)
{
	struct kit *k = *state;
	int64_t a = kit_node(k, 48, "a@x"), b = kit_node(k, 49, "a@x"), found;
	struct store_conn *c;
	char *key;
	int kind;

	assert_int_equal(a, kit_node(k, 48, "a@x"));
	assert_int_not_equal(a, b);
	kit_reopen(k);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_node_find(c, 49, "a@x", &found), 0);
	assert_int_equal(found, b);
	assert_int_equal(store_node_find(c, 50, "a@x", &found), -ENOENT);
	assert_int_equal(store_node_get(c, a, &kind, &key), 0);
	assert_int_equal(kind, 48);
	assert_string_equal(key, "a@x");
	g_free(key);
	assert_int_equal(store_node_get(c, a + 1000, &kind, &key), -ENOENT);
	store_read_end(c);
}

static void test_meta(void **state)
{
	struct kit *k = *state;
	uint64_t generation = store_generation(k->s);
	struct store_conn *c;

	assert_int_equal(store_meta_set(k->s, "a", "one"), 0);
	assert_int_equal(store_generation(k->s), generation + 1);
	assert_int_equal(store_meta_set(k->s, "a", "one"), 0);
	assert_int_equal(store_generation(k->s), generation + 1);
	assert_int_equal(store_meta_set_int(k->s, "n", INT64_MIN), 0);
	kit_reopen(k);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_text(store_meta_get(c, "a"), "one");
	assert_null(store_meta_get(c, "b"));
	assert_int_equal(store_meta_get_int(c, "n", 7), INT64_MIN);
	assert_int_equal(store_meta_get_int(c, "a", 7), 7);
	assert_int_equal(store_meta_get_int(c, "b", 7), 7);
	store_read_end(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, kit_test_setup, kit_test_teardown)
		T(test_member_fields),
		T(test_members_come_and_go),
		T(test_members_have_a_time),
		T(test_a_removal_has_a_time),
		T(test_a_list_is_made_old),
		T(test_a_lock_makes_the_list_old),
		T(test_member_names),
		T(test_direct_address),
		T(test_people),
		T(test_people_of_messages),
		T(test_contents),
		T(test_nodes),
		T(test_meta),
		T(test_members_of_another_space),
	};

	return cmocka_run_group_tests_name("store people", tests, NULL, NULL);
}
