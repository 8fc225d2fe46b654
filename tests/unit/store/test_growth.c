/* SPDX-License-Identifier: MIT */
/*
 * What grows with the account, counted in steps of SQLite's machine, which are the same each time: a look-up
 * takes as many in a large account as in a small one, and a listing in parts as many more as it has more
 * names.
 */
#include <errno.h>
#include <string.h>

#include "kit.h"
#include "store/internal.h"

#define SMALL 300
#define FACTOR 8

/* An account with `n` of everything, and what is looked up in it. */
struct account {
	struct kit kit;
	unsigned n;
	int64_t room;
	struct store_conn *conn;
	int64_t steps;
};

static int count(void *arg)
{
	++*(int64_t *)arg;
	return 0;
}

static void add_rooms(struct account *a)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(webex_room_free);
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));

	for (unsigned i = 0; i < a->n; i++) {
		g_autofree char *title = g_strdup_printf("room %u", i);
		struct webex_room *room = kit_room(i, title, WEBEX_ROOM_GROUP);

		g_ptr_array_add(list, room);
	}
	assert_int_equal(store_apply_rooms(a->kit.s, list, missing, T0, NULL), 0);
	a->room = kit_number(a->kit.path, "SELECT min(rowid) FROM room");
}

static void add_members(struct account *a)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(webex_membership_free);
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));

	for (unsigned i = 0; i < a->n; i++) {
		g_autofree char *address = g_strdup_printf("p%u@example.com", i);

		g_ptr_array_add(list, kit_membership(i, address));
	}
	assert_int_equal(
		store_apply_members(a->kit.s, a->room, list, missing, T0, a->kit.changes), 0);
}

/* Every message has a file with a name of its own. */
static void add_messages(struct account *a)
{
	GPtrArray *list = g_ptr_array_new();

	for (unsigned i = 0; i < a->n; i++) {
		g_autofree char *address = g_strdup_printf("p%u@example.com", i);
		struct webex_message *m = kit_message(i, T0 + i * 1000, address, "text");
		g_autofree char *url = g_strdup_printf("https://h/v1/contents/%u", i);

		m->files = kit_strings(url, NULL);
		g_ptr_array_add(list, m);
	}
	kit_page(&a->kit, a->room, list, -1, T0 + a->n * INT64_C(1000), STORE_PAGE_HEAD);
}

static void name_files(struct account *a)
{
	struct store_range all = {.room = a->room, .since_ms = -1};
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	struct store_conn *c;

	assert_int_equal(store_read_begin(a->kit.s, &c), 0);
	assert_int_equal(store_content_unnamed(c, &all, 0, rows, (int)a->n), 0);
	store_read_end(c);
	assert_int_equal(rows->len, a->n);
	for (unsigned i = 0; i < a->n; i++) {
		g_autofree char *name = g_strdup_printf("file %u.pdf", i);

		assert_int_equal(store_name_content(a->kit.s, g_array_index(rows, int64_t, i),
						    name, 5, 0, NULL),
				 0);
	}
}

static void add_events(struct account *a)
{
	assert_int_equal(store_event_add(a->kit.s, STORE_EVENT_LINK_DOWN, "."), 0);
	for (unsigned i = 0; i < a->n; i++)
		assert_int_equal(store_event_add(a->kit.s, STORE_EVENT_MESSAGE_CREATED, "x"),
				 0);
}

static void open_account(struct account *a, unsigned n)
{
	*a = (struct account){.n = n};
	kit_setup(&a->kit);
	add_rooms(a);
	add_members(a);
	add_messages(a);
	name_files(a);
	add_events(a);
	assert_int_equal(store_read_begin(a->kit.s, &a->conn), 0);
	sqlite3_progress_handler(sql_handle(a->conn->q), 1, count, &a->steps);
}

static void close_account(struct account *a)
{
	sqlite3_progress_handler(sql_handle(a->conn->q), 0, NULL, NULL);
	store_read_end(a->conn);
	kit_teardown(&a->kit);
}

/* ---- look-ups: each finds what is in the middle, or that it is not there ---- */

static void room_by_name(struct account *a)
{
	g_autofree char *name = g_strdup_printf("room %u", a->n / 2);
	struct store_room room = {0};

	assert_int_equal(store_room_by_name(a->conn, WEBEX_ROOM_GROUP, name, &room), 0);
	store_room_clear(&room);
	assert_int_equal(store_room_by_name(a->conn, WEBEX_ROOM_GROUP, "none", &room), -ENOENT);
	assert_int_equal(store_room_by_email(a->conn, "none@x", &room), -ENOENT);
}

static void room_by_id(struct account *a)
{
	g_autofree char *id = kit_id("ROOM", T0 + a->n / 2, 0, a->n / 2);
	struct store_room room = {0};

	assert_int_equal(store_room_by_id(a->conn, id, &room), 0);
	store_room_clear(&room);
}

static void member_by_name(struct account *a)
{
	g_autofree char *name = g_strdup_printf("p%u@example.com", a->n / 2);
	struct store_member member = {0};

	assert_int_equal(store_member_by_name(a->conn, a->room, name, &member), 0);
	store_member_clear(&member);
	assert_int_equal(store_member_by_name(a->conn, a->room, "none", &member), -ENOENT);
}

static void person_by_email(struct account *a)
{
	g_autofree char *name = g_strdup_printf("p%u@example.com", a->n / 2);
	struct store_person person = {0};

	assert_int_equal(store_person_by_email(a->conn, name, &person), 0);
	store_person_clear(&person);
	assert_int_equal(store_person_by_email(a->conn, "none", &person), -ENOENT);
}

static void message_by_stem(struct account *a)
{
	static const char none[] = T0_NAME "_none@example.com";
	g_autofree char *id =
		kit_id("MESSAGE", T0 + a->n / 2 * INT64_C(1000), a->n / 2, a->n / 2);
	g_autofree char *stem = NULL;
	struct store_brief brief;
	int64_t row = 0, found = 0, room;
	bool gone;

	assert_int_equal(store_message_by_id(a->conn, id, &row), 0);
	assert_int_equal(store_message_brief(a->conn, row, &brief, &stem, &room, &gone), 0);
	assert_int_equal(store_message_by_stem(a->conn, a->room, stem, strlen(stem), &found),
			 0);
	assert_int_equal(found, row);
	assert_int_equal(store_message_by_stem(a->conn, a->room, none, strlen(none), &found),
			 -ENOENT);
}

static void content_by_name(struct account *a)
{
	struct store_range all = {.room = a->room, .since_ms = -1};
	g_autofree char *name = g_strdup_printf("file %u.pdf", a->n / 2);
	struct store_content content = {0};

	assert_int_equal(store_content_find(a->conn, &all, name, &content), 0);
	store_content_clear(&content);
	assert_int_equal(store_content_find(a->conn, &all, "none", &content), -ENOENT);
	assert_int_equal(store_content_any(a->conn, &all), 1);
}

/* What a poll asks when nothing is new, and status.json. */
static void poll_questions(struct account *a)
{
	g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(struct store_news));
	struct store_activity activity;
	struct store_span span;
	int64_t seq;

	assert_true(store_event_link_is_down(a->conn));
	assert_int_equal(store_event_first(a->conn, &seq), 0);
	assert_int_equal(store_news_list(a->conn, 10, list), 0);
	assert_int_equal(store_room_activity(a->conn, a->room, &activity), 0);
	assert_int_equal(store_span_head(a->conn, a->room, &span), 0);
	assert_true(store_message_oldest_ms(a->conn, a->room) > 0);
}

/* ---- listings, in parts of PART names as a directory is read ---- */

#define PART 50

struct part {
	int64_t last; /* row, or cookie of a message */
	int left;
	unsigned *total;
};

static bool take(struct part *p, int64_t last)
{
	p->last = last;
	++*p->total;
	return --p->left > 0;
}

static bool take_room(void *arg, const struct store_room *room)
{
	return take(arg, room->rowid);
}

static bool take_member(void *arg, const struct store_member *member)
{
	return take(arg, member->rowid);
}

static bool take_content(void *arg, const struct store_content *content, const char *shown)
{
	assert_non_null(shown);
	return take(arg, content->rowid);
}

static bool take_message(void *arg, const struct store_brief *brief)
{
	return take(arg, brief->cookie);
}

static bool take_event(void *arg, const struct store_event *event)
{
	return take(arg, event->seq);
}

static int part_of_rooms(struct account *a, struct part *p)
{
	return store_room_list(a->conn, WEBEX_ROOM_GROUP, p->last, take_room, p);
}

static int part_of_members(struct account *a, struct part *p)
{
	return store_member_list(a->conn, a->room, p->last, take_member, p);
}

static int part_of_contents(struct account *a, struct part *p)
{
	struct store_range all = {.room = a->room, .since_ms = -1};

	return store_content_list(a->conn, &all, p->last, take_content, p);
}

static int part_of_messages(struct account *a, struct part *p)
{
	struct store_range range = {.room = a->room, .after = p->last, .since_ms = -1};

	return store_message_list(a->conn, &range, take_message, p);
}

static int part_of_events(struct account *a, struct part *p)
{
	return store_events_after(a->conn, p->last, take_event, p);
}

static void list(struct account *a, int (*part_of)(struct account *a, struct part *p))
{
	unsigned total = 0, before;
	int64_t last = 0;

	do {
		struct part p = {.last = last, .left = PART, .total = &total};

		before = total;
		assert_int_equal(part_of(a, &p), 0);
		last = p.last;
	} while (total > before);
	assert_true(total >= a->n);
}

static void list_rooms(struct account *a)
{
	list(a, part_of_rooms);
}

static void list_members(struct account *a)
{
	list(a, part_of_members);
}

static void list_contents(struct account *a)
{
	list(a, part_of_contents);
}

static void list_messages(struct account *a)
{
	list(a, part_of_messages);
}

static void list_events(struct account *a)
{
	list(a, part_of_events);
}

/* ---- how each grows ---- */

static const struct question {
	const char *name;
	void (*fn)(struct account *a);
	bool is_list;
} questions[] = {
	{"room by name", room_by_name, false},
	{"room by id", room_by_id, false},
	{"member by name", member_by_name, false},
	{"person by address", person_by_email, false},
	{"message", message_by_stem, false},
	{"content by name", content_by_name, false},
	{"poll", poll_questions, false},
	{"rooms", list_rooms, true},
	{"members", list_members, true},
	{"contents", list_contents, true},
	{"messages", list_messages, true},
	{"events", list_events, true},
};

static void measure(unsigned n, int64_t *steps)
{
	struct account a;

	open_account(&a, n);
	for (size_t i = 0; i < G_N_ELEMENTS(questions); i++) {
		a.steps = 0;
		questions[i].fn(&a);
		steps[i] = a.steps;
		assert_true(steps[i] > 0);
	}
	close_account(&a);
}

static void test_steps(void **state)
{
	int64_t small[G_N_ELEMENTS(questions)], large[G_N_ELEMENTS(questions)];

	(void)state;
	measure(SMALL, small);
	measure(SMALL * FACTOR, large);
	for (size_t i = 0; i < G_N_ELEMENTS(questions); i++) {
		int64_t most = questions[i].is_list ? small[i] * FACTOR : small[i];

		print_message("# %s: %" G_GINT64_FORMAT " steps, %" G_GINT64_FORMAT "\n",
			      questions[i].name, small[i], large[i]);
		assert_true(large[i] <= most + most / 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
	};

	return cmocka_run_group_tests_name("store growth", tests, NULL, NULL);
}
