/* SPDX-License-Identifier: MIT */
/* Messages that mention the owner: which they are, what is known of them, what is told of them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kit.h"
#include "store/mentions.h"
#include "webex/id.h"

#define BOB "bob@example.com"
#define ME "me@example.com"

static int setup(void **state)
{
	struct kit *k = g_new0(struct kit, 1);
	g_autofree char *me = kit_person_id(g_str_hash(ME));

	kit_setup(k);
	assert_int_equal(store_meta_set(k->s, "me.id", me), 0);
	*state = k;
	return 0;
}

/* A message that mentions `whom` (an address; NULL: nobody) and, if `all`, everybody. */
static struct webex_message *mention(unsigned n, int64_t ms, const char *author,
				     const char *whom, bool all)
{
	struct webex_message *m = kit_message(n, ms, author, "hello");
	g_autofree char *id = whom ? kit_person_id(g_str_hash(whom)) : NULL;

	if (whom)
		m->mentioned_people = g_strdup_printf("[\"%s\"]", id);
	if (all)
		m->mentioned_groups = g_strdup("[\"all\"]");
	return m;
}

static bool add_brief(void *arg, const struct store_brief *b)
{
	g_string_append_printf(arg, "%d ", (int)(b->created_ms - T0));
	return true;
}

/* The milliseconds behind T0 of the room's mentions. */
static char *listed(struct kit *k, int64_t room)
{
	const struct store_range range = {.room = room};
	GString *out = g_string_new(NULL);
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_mention_list(c, &range, add_brief, out), 0);
	store_read_end(c);
	return g_string_free(out, FALSE);
}

/* "lo-hi " of each gap in (-1, T0 + hi], behind T0. */
static char *gaps(struct kit *k, int64_t room, int64_t hi)
{
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct store_span));
	GString *out = g_string_new(NULL);
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_mention_gaps(c, room, -1, T0 + hi, all), 0);
	assert_int_equal(store_mention_covers(c, room, -1, T0 + hi), all->len == 0);
	store_read_end(c);
	for (guint i = 0; i < all->len; i++) {
		const struct store_span *s = &g_array_index(all, struct store_span, i);

		g_string_append_printf(out, "%d-%d ", s->lo < 0 ? -1 : (int)(s->lo - T0),
				       (int)(s->hi - T0));
	}
	return g_string_free(out, FALSE);
}

/* A page of the filter; returns how many doubts it raises. */
static guint filtered(struct kit *k, int64_t room, GPtrArray *messages, int64_t lo, int64_t hi)
{
	g_autoptr(GArray) doubts = g_array_new(FALSE, FALSE, sizeof(int64_t));

	assert_int_equal(
		store_apply_mentions(k->s, room, messages, lo, hi, T0, doubts, k->changes), 0);
	g_ptr_array_set_free_func(messages, webex_message_free);
	g_ptr_array_unref(messages);
	return doubts->len;
}

static bool add_event(void *arg, const struct store_event *e)
{
	g_string_append_printf(arg, "%d ", (int)e->what);
	return true;
}

static char *events(struct kit *k, int64_t after)
{
	GString *out = g_string_new(NULL);
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_events_after(c, after, add_event, out), 0);
	store_read_end(c);
	return g_string_free(out, FALSE);
}

static void test_which(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops");
	g_autofree char *mine = kit_person_id(g_str_hash(ME));
	struct webex_message *other = mention(6, T0 + 6, BOB, NULL, false);
	struct webex_message *edited = mention(1, T0 + 1, BOB, NULL, false);
	struct webex_id id;
	g_autofree char *elsewhere = NULL;

	assert_int_equal(webex_id_decode(mine, &id), 0);
	elsewhere = webex_id_encode("urn:TEAM:eu-central-1_k", "PEOPLE", id.rest);
	other->mentioned_people = g_strdup_printf("[\"x\",\"%s\"]", elsewhere);
	kit_put(k, room, mention(1, T0 + 1, BOB, ME, false));
	kit_put(k, room, mention(2, T0 + 2, BOB, BOB, false));
	kit_put(k, room, mention(3, T0 + 3, BOB, NULL, true));
	kit_put(k, room, mention(4, T0 + 4, BOB, NULL, false));
	kit_put(k, room, mention(5, T0 + 5, ME, ME, false));
	kit_put(k, room, other);
	assert_text(listed(k, room), "1 5 6 ");
	/* An edit takes the mention away, and another one adds one. */
	edited->updated_ms = T0 + 500;
	kit_put(k, room, edited);
	assert_text(listed(k, room), "5 6 ");
	edited = mention(4, T0 + 4, BOB, ME, false);
	edited->updated_ms = T0 + 500;
	kit_put(k, room, edited);
	assert_text(listed(k, room), "4 5 6 ");
	kit_reopen(k);
	assert_text(listed(k, room), "4 5 6 ");
}

/* @all counts as soon as the server's own filter gives it. */
static void test_all(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops");

	kit_put(k, room, mention(1, T0 + 1, BOB, NULL, true));
	assert_text(listed(k, room), "");
	/* Our own may be in it for another reason. */
	filtered(k, room, kit_list(mention(2, T0 + 2, ME, NULL, true), NULL), -1, T0 + 2);
	assert_text(listed(k, room), "");
	filtered(k, room, kit_list(mention(3, T0 + 3, BOB, NULL, true), NULL), T0 + 2, T0 + 3);
	assert_text(listed(k, room), "1 2 3 ");
	kit_page(k, room, kit_list(mention(9, T0 + 9, BOB, NULL, true), NULL), T0 + 8, T0 + 9,
		 STORE_PAGE_INNER);
	assert_text(listed(k, room), "1 2 3 9 ");
}

static void test_spans(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops"), verified_ms;
	struct store_conn *c;

	assert_text(gaps(k, room, 100), "-1-100 ");
	filtered(k, room, kit_list(mention(1, T0 + 50, BOB, ME, false), NULL), T0 + 40,
		 T0 + 60);
	assert_text(gaps(k, room, 100), "60-100 -1-40 ");
	/* Whatever is known of all messages is known of mentions, too. */
	kit_page(k, room, kit_list(mention(2, T0 + 90, BOB, ME, false), NULL), T0 + 80,
		 T0 + 100, STORE_PAGE_INNER);
	assert_text(gaps(k, room, 100), "60-80 -1-40 ");
	kit_page(k, room, kit_list(mention(3, T0 + 70, BOB, NULL, false), NULL), T0 + 55,
		 T0 + 85, STORE_PAGE_INNER);
	assert_text(gaps(k, room, 100), "-1-40 ");
	filtered(k, room, g_ptr_array_new(), -1, T0 + 45);
	assert_text(gaps(k, room, 100), "");
	assert_text(listed(k, room), "50 90 ");
	/* The spans of all messages know nothing of it. */
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM span"), 1);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM mention_span"), 1);
	assert_int_equal(store_mentions_verified(k->s, room, T0 + 7), 0);
	kit_reopen(k);
	assert_text(gaps(k, room, 100), "");
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_mention_top(c, room, &verified_ms), T0 + 60);
	assert_int_equal(verified_ms, T0 + 7);
	store_read_end(c);
}

/* What a page of the filter lacks is doubted, and stays. */
static void test_doubts(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops");

	kit_put(k, room, mention(1, T0 + 1, BOB, ME, false));
	kit_put(k, room, mention(2, T0 + 2, BOB, NULL, false));
	kit_put(k, room, mention(3, T0 + 3, BOB, ME, false));
	assert_int_equal(filtered(k, room, kit_list(mention(3, T0 + 3, BOB, ME, false), NULL),
				  -1, T0 + 3),
			 1);
	assert_text(listed(k, room), "1 3 ");
}

static void test_events(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops"), cursor;
	struct webex_message *edited = mention(5, T0 + 5, BOB, ME, false);

	kit_page(k, room, kit_list(mention(1, T0 + 1, BOB, ME, false), NULL), T0 - 10, T0 + 1,
		 STORE_PAGE_HEAD);
	cursor = store_event_last(k->s);
	/* News, our own, somebody else's, late. */
	kit_put(k, room, mention(3, T0 + 30, BOB, ME, false));
	assert_text(events(k, cursor), "1 41 ");
	cursor = store_event_last(k->s);
	kit_put(k, room, mention(4, T0 + 40, ME, ME, false));
	kit_put(k, room, mention(5, T0 + 50, BOB, BOB, false));
	assert_text(events(k, cursor), "1 1 ");
	cursor = store_event_last(k->s);
	kit_put(k, room, mention(6, T0, BOB, ME, false));
	assert_text(events(k, cursor), "1 41 ");
	cursor = store_event_last(k->s);
	/* An edit that mentions us, and one that goes on to. */
	edited->created_ms = T0 + 50;
	g_free(edited->id);
	edited->id = kit_id("MESSAGE", T0 + 50, 5, 5);
	edited->updated_ms = T0 + 500;
	kit_put(k, room, edited);
	assert_text(events(k, cursor), "2 41 ");
	cursor = store_event_last(k->s);
	edited = mention(5, T0 + 50, BOB, ME, false);
	edited->updated_ms = T0 + 600;
	kit_put(k, room, edited);
	assert_text(events(k, cursor), "2 ");
	/* What is found in the past is no news. */
	cursor = store_event_last(k->s);
	filtered(k, room, kit_list(mention(7, T0 - 100, BOB, ME, false), NULL), T0 - 200,
		 T0 - 50);
	assert_text(events(k, cursor), "");
}

static bool add_mention(void *arg, const struct store_mention *m)
{
	g_string_append_printf(arg, "%s:%d ", m->room_name, (int)(m->created_ms - T0));
	return true;
}

static void test_of_all_spaces(void **state)
{
	struct kit *k = *state;
	int64_t ops = kit_add_room(k, 1, "Ops"), lunch = kit_add_room(k, 2, "Lunch");
	struct store_mention one;
	g_autoptr(GString) out = g_string_new(NULL);
	struct store_conn *c;
	int64_t row;

	kit_put(k, ops, mention(1, T0 + 1, BOB, ME, false));
	row = kit_put(k, lunch, mention(2, T0 + 2, BOB, ME, false));
	kit_put(k, lunch, mention(3, T0 + 3, BOB, NULL, false));
	kit_put(k, ops, mention(4, T0 + 4, BOB, ME, false));
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_mentions_each(c, G_MAXINT64, add_mention, out), 0);
	assert_string_equal(out->str, "Ops:4 Lunch:2 Ops:1 ");
	g_string_truncate(out, 0);
	assert_int_equal(store_mentions_each(c, T0 + 3, add_mention, out), 0);
	assert_string_equal(out->str, "Lunch:2 Ops:1 ");
	assert_int_equal(store_mention_get(c, row, &one), 0);
	assert_string_equal(one.room_name, "Lunch");
	store_mention_clear(&one);
	store_read_end(c);
	assert_int_equal(store_remove_room(k->s, lunch, NULL), 0);
	g_string_truncate(out, 0);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_mentions_each(c, G_MAXINT64, add_mention, out), 0);
	assert_string_equal(out->str, "Ops:4 Ops:1 ");
	assert_int_equal(store_mention_get(c, row, &one), -ENOENT);
	store_read_end(c);
}

/* The body may be dropped: it is still known that the message is a mention. */
static void test_dropped_bodies(void **state)
{
	const struct store_evict e = {.limit = 0, .recent = 1, .slice = 100};
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops");

	kit_page(k, room, kit_list(mention(1, T0 + 1, BOB, ME, false), NULL), -1, T0 + 1,
		 STORE_PAGE_HEAD);
	while (store_evict(k->s, &e) == 1)
		;
	assert_int_equal(store_bodies_count(k->s), 0);
	assert_text(listed(k, room), "1 ");
	assert_text(gaps(k, room, 1), "");
	kit_put(k, room, mention(1, T0 + 1, BOB, ME, false));
	assert_text(listed(k, room), "1 ");
}

/* The sweep does not fetch what is between mentions that came alone, and begins again above them. */
static void test_sweep(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "Ops");
	struct store_sweep s;
	struct store_conn *c;

	kit_page(k, room,
		 kit_list(mention(1, T0 + 150, BOB, NULL, false),
			  mention(2, T0 + 160, BOB, NULL, false),
			  mention(3, T0 + 170, BOB, NULL, false), NULL),
		 T0 + 100, T0 + 170, STORE_PAGE_HEAD);
	filtered(k, room, kit_list(mention(4, T0 + 10, BOB, ME, false), NULL), -1, T0 + 100);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(store_read_begin(k->s, &c), 0);
		assert_int_equal(store_sweep_next(c, 1, &s), 0);
		store_read_end(c);
		assert_int_equal(s.hi_ms, T0 + 160);
		assert_int_equal(s.lo_ms, T0 + 100);
		assert_int_equal(store_sweep_done(k->s, room, s.lo_ms, T0 + 1000 + i), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, kit_test_teardown)
		T(test_which),	T(test_all),	       T(test_spans),	       T(test_doubts),
		T(test_events), T(test_of_all_spaces), T(test_dropped_bodies), T(test_sweep),
	};

	return cmocka_run_group_tests_name("store mentions", tests, NULL, NULL);
}
