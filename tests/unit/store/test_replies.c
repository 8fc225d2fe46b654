/* SPDX-License-Identifier: MIT */
/* Threads: which messages are in which, their names and numbers, and what becomes of them. */
#include <errno.h>
#include <string.h>

#include "kit.h"

/* The id of the message `n`, which was written n ms after T0. */
static char *id_of(unsigned n)
{
	return kit_id("MESSAGE", T0 + n, 0, n);
}

/* Message `n` by "a@x", in reply to `parent` (0: to none). */
static struct webex_message *message(unsigned n, unsigned parent)
{
	struct webex_message *m = kit_message(n, T0 + n, "a@x", "x");

	g_free(m->id);
	m->id = id_of(n);
	m->parent_id = parent ? id_of(parent) : NULL;
	return m;
}

static int64_t put(struct kit *k, int64_t room, unsigned n, unsigned parent)
{
	return kit_put(k, room, message(n, parent));
}

static int64_t thread_of(struct kit *k, int64_t message)
{
	struct store_conn *c;
	int64_t thread = -1;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_message_thread(c, message, &thread), 0);
	store_read_end(c);
	return thread;
}

static bool add_thread(void *arg, const struct store_thread *t)
{
	const char *name = t->stem ? strrchr(t->stem, '.') + 1 : "?";

	g_string_append_printf(arg, "%s:%d ", name,
			       t->newest_ms < 0 ? -1 : (int)(t->newest_ms - T0));
	return true;
}

/* What a listing of the messages since T0 + since has: "<name behind the seconds>:<newest reply> ". */
static char *listed(struct kit *k, int64_t room, int since)
{
	GString *out = g_string_new(NULL);
	struct store_range range = {.room = room, .since_ms = T0 + since};
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_thread_list(c, &range, 0, add_thread, out), 0);
	store_read_end(c);
	return g_string_free(out, FALSE);
}

static bool add_time(void *arg, const struct store_brief *b)
{
	g_string_append_printf(arg, "%d ", (int)(b->created_ms - T0));
	return true;
}

static char *messages_of(struct kit *k, int64_t room, int64_t thread)
{
	GString *out = g_string_new(NULL);
	struct store_range range = {.room = room, .thread = thread};
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_message_list(c, &range, add_time, out), 0);
	store_read_end(c);
	return g_string_free(out, FALSE);
}

static struct store_thread get(struct kit *k, int64_t rowid)
{
	struct store_thread t = {0};
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_thread_get(c, rowid, &t), 0);
	store_read_end(c);
	return t;
}

static int nameless(struct kit *k, int64_t room, int64_t now_ms)
{
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	struct store_range range = {.room = room};
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_thread_nameless(c, &range, now_ms, rows, 100), 0);
	store_read_end(c);
	return (int)rows->len;
}

/* The thread that the change of this type names; 0: there is no such change, or it names none. Forgets the
 * changes. */
static int64_t told(struct kit *k, enum store_change_type type)
{
	int64_t thread = 0;

	for (guint i = 0; i < k->changes->len; i++) {
		const struct store_change *c = k->changes->pdata[i];

		if (c->type == type)
			thread = c->thread;
	}
	g_ptr_array_set_size(k->changes, 0);
	return thread;
}

/* A message is in no thread before somebody replies; a reply is in its root's, and so is the root. */
static void test_root_and_replies(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops"), root, reply, thread;

	root = put(k, room, 10, 0);
	put(k, room, 11, 0);
	assert_int_equal(thread_of(k, root), 0);
	assert_int_equal(told(k, STORE_MESSAGE_ADDED), 0);
	assert_text(listed(k, room, 0), "");
	reply = put(k, room, 20, 10);
	thread = thread_of(k, reply);
	assert_true(thread > 0);
	assert_int_equal(thread_of(k, root), thread);
	assert_int_equal(told(k, STORE_MESSAGE_ADDED), thread);
	put(k, room, 30, 10);
	assert_text(messages_of(k, room, thread), "10 20 30 ");
	assert_text(listed(k, room, 0), "517Z_a@x:30 ");
	/* It is in view by its root, or by a reply. */
	assert_text(listed(k, room, 25), "517Z_a@x:30 ");
	assert_text(listed(k, room, 31), "");
	assert_int_equal(store_remove_message(k->s, reply, k->changes), 0);
	assert_int_equal(told(k, STORE_MESSAGE_GONE), thread);
	assert_text(messages_of(k, room, thread), "10 30 ");
}

/* The root comes after its replies: the number stays, and the thread gets a name. */
static void test_root_comes_later(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops"), reply = put(k, room, 20, 10), root;
	int64_t thread = thread_of(k, reply);
	struct store_thread t;

	assert_text(listed(k, room, 0), "?:20 ");
	assert_int_equal(nameless(k, room, 0), 1);
	told(k, STORE_THREAD_RENAMED);
	root = put(k, room, 10, 0);
	assert_int_equal(told(k, STORE_THREAD_RENAMED), thread);
	assert_int_equal(thread_of(k, root), thread);
	assert_int_equal(nameless(k, room, 0), 0);
	t = get(k, thread);
	assert_int_equal(t.root, root);
	assert_int_equal(t.root_ms, T0 + 10);
	assert_string_equal(t.stem, "2025-03-04T09-20-31.517Z_a@x");
	store_thread_clear(&t);
}

/* What cannot be had has a name for ever, also after a remount; what the server failed to give, for a while. */
static void test_lost_root(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops"), thread = thread_of(k, put(k, room, 20, 10));
	struct store_thread t;

	assert_int_equal(store_thread_lose(k->s, thread, 5000, k->changes), 0);
	assert_int_equal(told(k, STORE_THREAD_RENAMED), thread);
	assert_int_equal(nameless(k, room, 4999), 0);
	assert_int_equal(nameless(k, room, 5000), 1);
	assert_int_equal(store_thread_lose(k->s, thread, 0, k->changes), 0);
	assert_int_equal(nameless(k, room, INT64_MAX), 0);
	kit_reopen(k);
	t = get(k, thread);
	assert_true(g_str_has_prefix(t.stem, "2025-03-04T09-20-31.517Z_unknown-"));
	assert_int_equal(strlen(t.stem), strlen("2025-03-04T09-20-31.517Z_unknown-01234567"));
	assert_true(t.is_lost);
	assert_int_equal(t.root, 0);
	store_thread_clear(&t);
	/* It comes all the same: from the history, or because a bot was mentioned. */
	put(k, room, 10, 0);
	assert_text(listed(k, room, 0), "517Z_a@x:20 ");
}

/* Two roots of one millisecond, of which neither can be had: two names. */
static void test_lost_twins(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops"), thread[2];
	struct store_thread t[2];

	for (unsigned i = 0; i < 2; i++) {
		struct webex_message *m = message(20 + i, 0);

		m->parent_id = kit_id("MESSAGE", T0 + 10, 0, 100 + i);
		thread[i] = thread_of(k, kit_put(k, room, m));
		assert_int_equal(store_thread_lose(k->s, thread[i], 0, NULL), 0);
		t[i] = get(k, thread[i]);
	}
	assert_string_not_equal(t[0].stem, t[1].stem);
	store_thread_clear(&t[0]);
	store_thread_clear(&t[1]);
}

/* Two roots in one millisecond: when the lower one comes, the other's thread is renamed with it. */
static void test_twin_roots(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops"), thread;
	struct webex_message *high = message(10, 0), *low = message(10, 0), *m = message(20, 0);
	struct store_thread t;

	g_free(high->id);
	high->id = kit_id("MESSAGE", T0 + 10, 7, 1);
	m->parent_id = g_strdup(high->id);
	kit_put(k, room, high);
	thread = thread_of(k, kit_put(k, room, m));
	told(k, STORE_THREAD_RENAMED);
	kit_put(k, room, low);
	assert_int_equal(told(k, STORE_THREAD_RENAMED), thread);
	t = get(k, thread);
	assert_non_null(strchr(t.stem, '~'));
	store_thread_clear(&t);
}

/* The thread of a deleted root keeps its name while there are replies, also after the next open. */
static void test_root_deleted(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops"), root = put(k, room, 10, 0);
	int64_t reply = put(k, room, 20, 10), thread = thread_of(k, reply);
	struct store_thread t;

	assert_int_equal(store_remove_message(k->s, root, k->changes), 0);
	assert_text(listed(k, room, 0), "517Z_a@x:20 ");
	kit_reopen(k);
	assert_text(listed(k, room, 0), "517Z_a@x:20 ");
	t = get(k, thread);
	assert_int_equal(t.root, 0);
	store_thread_clear(&t);
	assert_int_equal(put(k, room, 30, 10) > 0, 1);
	assert_text(messages_of(k, room, thread), "20 30 ");
	assert_int_equal(nameless(k, room, INT64_MAX), 0);
}

/* A reply to a reply is in the thread of the root, whichever comes first. */
static void test_reply_to_reply(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops"), inner, outer;

	put(k, room, 10, 0);
	outer = thread_of(k, put(k, room, 20, 10));
	assert_int_equal(thread_of(k, put(k, room, 30, 20)), outer);
	assert_text(messages_of(k, room, outer), "10 20 30 ");
	/* 60 replies to 50, which proves to be a reply to 40. */
	inner = thread_of(k, put(k, room, 60, 50));
	outer = thread_of(k, put(k, room, 50, 40));
	assert_int_not_equal(inner, outer);
	assert_text(messages_of(k, room, outer), "50 60 ");
	assert_text(messages_of(k, room, inner), "");
	/* The kernel may still have the number of the inner one. */
	struct store_thread t = get(k, inner);
	assert_int_equal(t.rowid, outer);
	store_thread_clear(&t);
	assert_int_equal(thread_of(k, put(k, room, 70, 50)), outer);
}

/* A server that says that messages are replies to each other, or to themselves. */
static void test_circles(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops"), thread;

	put(k, room, 5, 5);
	thread = thread_of(k, put(k, room, 10, 20));
	put(k, room, 20, 10);
	assert_text(messages_of(k, room, thread), "10 20 ");
	thread = thread_of(k, put(k, room, 30, 40));
	put(k, room, 40, 50);
	put(k, room, 50, 30);
	struct store_thread t = get(k, thread);
	assert_text(messages_of(k, room, t.rowid), "30 40 50 ");
	store_thread_clear(&t);
	kit_reopen(k);
}

/* An answer that lacks the parent changes nothing; one that has it at last does. */
static void test_parent_is_kept(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops"), reply = put(k, room, 20, 10);
	int64_t thread = thread_of(k, reply);

	g_ptr_array_set_size(k->changes, 0);
	put(k, room, 20, 0);
	assert_int_equal(k->changes->len, 0);
	assert_int_equal(thread_of(k, reply), thread);
	reply = put(k, room, 30, 0);
	assert_int_equal(thread_of(k, reply), 0);
	put(k, room, 30, 10);
	assert_int_equal(thread_of(k, reply), thread);
	assert_int_equal(told(k, STORE_MESSAGE_CHANGED), thread);
}

/* The thread of a message without replies has a number as soon as somebody looks for it. */
static void test_made(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops"), root = put(k, room, 10, 0), thread, again;

	assert_int_equal(store_thread_make(k->s, root, &thread), 0);
	assert_int_equal(store_thread_make(k->s, root, &again), 0);
	assert_int_equal(again, thread);
	assert_text(listed(k, room, 0), "");
	assert_int_equal(thread_of(k, put(k, room, 20, 10)), thread);
	assert_text(listed(k, room, 0), "517Z_a@x:20 ");
	assert_int_equal(store_remove_message(k->s, root, NULL), 0);
	assert_int_equal(store_thread_make(k->s, root, &again), -ENOENT);
}

/* With its space a thread is gone, and its rows at the next open. */
static void test_space_gone(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops"), thread = thread_of(k, put(k, room, 20, 10));
	struct store_thread t = {0};
	struct store_conn *c;

	assert_int_equal(store_remove_room(k->s, room, NULL), 0);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_thread_get(c, thread, &t), -ENOENT);
	store_read_end(c);
	kit_reopen(k);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM thread"), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, kit_test_setup, kit_test_teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_root_and_replies), CASE(test_root_comes_later),
		CASE(test_lost_root),	     CASE(test_lost_twins),
		CASE(test_twin_roots),	     CASE(test_root_deleted),
		CASE(test_reply_to_reply),   CASE(test_circles),
		CASE(test_parent_is_kept),   CASE(test_made),
		CASE(test_space_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
