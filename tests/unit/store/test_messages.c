/* SPDX-License-Identifier: MIT */
/* Single messages: fields, names within a millisecond, cookies, edits, deletion. */
#include <errno.h>
#include <string.h>

#include "kit.h"

#include "base/timefmt.h"
#include "store/internal.h"
#include "webex/id.h"
#include "webex/render.h"

static void get(struct kit *k, int64_t rowid, struct store_message *ret_message)
{
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_message_get(c, rowid, ret_message), 0);
	store_read_end(c);
}

/* Compared as what the .json file would say. */
static void assert_same(struct kit *k, int64_t rowid, const struct webex_message *expected)
{
	struct store_message m;
	char *is, *should;

	get(k, rowid, &m);
	is = webex_message_json(&m.m);
	should = webex_message_json(expected);
	assert_string_equal(is, should);
	g_free(is);
	g_free(should);
	store_message_clear(&m);
}

static struct webex_message *full_message(void)
{
	struct webex_message *m = kit_message(1, T0, "a@x.org", "text");

	m->room_id = kit_id("ROOM", T0 + 1, 0, 1);
	m->parent_id = kit_id("MESSAGE", T0 - 5, 0, 9);
	m->markdown = g_strdup("**text**");
	m->html = g_strdup("<b>text</b>");
	m->files = kit_strings("https://h/v1/contents/A", "odd\nurl", "", "z", NULL);
	m->mentioned_people = g_strdup("[\"a\"]");
	m->mentioned_groups = g_strdup("[\"all\"]");
	m->attachments = g_strdup("[{\"contentType\":\"card\"}]");
	m->is_voice_clip = true;
	m->updated_ms = T0 + 7;
	m->extra = g_strdup("{\"new\":[1,null]}");
	return m;
}

static void test_all_fields_come_back(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), rowid;
	struct webex_message *m = full_message();
	GString *txt = g_string_new(NULL);
	struct store_message out;

	assert_int_equal(store_apply_message(k->s, room, m, 0, &rowid, NULL), 0);
	kit_reopen(k);
	assert_same(k, rowid, m);
	get(k, rowid, &out);
	assert_int_equal(g_strv_length(out.m.files), 4);
	assert_string_equal(out.m.files[1], "odd\nurl");
	webex_render_txt(m, txt);
	assert_int_equal(out.txt_size, txt->len);
	assert_true(out.cookie > STORE_COOKIE_MIN && out.cookie < INT64_C(1) << 62);
	assert_int_equal(out.room, room);
	store_message_clear(&out);
	g_string_free(txt, TRUE);
	webex_message_free(m);
}

/* Ids that are not plain UUIDs of this cluster come back to the letter, too. */
static void test_odd_ids(void **state)
{
	static const char *const ids[] = {
		"31ed6d50-f8d9-11ef-9a2b-0242ac110002",
		"31ED6D50-F8D9-11EF-9A2B-0242AC110002",
		"Y2lzY29zcGFyazovL3VzL01FU1NBR0U",
		"_____",
		"AAAA",
	};
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), rowid;

	for (unsigned i = 0; i < G_N_ELEMENTS(ids) + 3; i++) {
		struct webex_message *m = kit_message(1, T0, "a@x.org", "text");
		const char uuid[] = "31ed6d50-f8d9-11ef-9a2b-0242ac110009";

		g_free(m->id);
		if (i < G_N_ELEMENTS(ids))
			m->id = g_strdup(ids[i]);
		else if (i == G_N_ELEMENTS(ids))
			m->id = webex_id_encode("urn:TEAM:us-west-2_r", "MESSAGE", uuid);
		else if (i == G_N_ELEMENTS(ids) + 1)
			m->id = webex_id_encode("us", "ROOM", uuid);
		else
			m->id = webex_id_encode("us", "MESSAGE", "x/y");
		m->room_id = kit_id("ROOM", T0 + 1, 0, 1);
		m->parent_id = g_strdup(m->id);
		g_free(m->person_id);
		m->person_id = g_strdup(m->id);
		assert_int_equal(store_apply_message(k->s, room, m, 0, &rowid, NULL), 0);
		assert_same(k, rowid, m);
		webex_message_free(m);
	}
}

static struct webex_message *tick(unsigned n, unsigned ticks, const char *email)
{
	struct webex_message *m = kit_message(n, T0, email, "x");

	g_free(m->id);
	m->id = kit_id("MESSAGE", T0, ticks, n);
	return m;
}

static char *tie(unsigned n, unsigned ticks)
{
	char *id = kit_id("MESSAGE", T0, ticks, n);
	char hex[WEBEX_ID_HEX_SIZE];

	webex_id_hex(id, hex);
	g_free(id);
	return g_strdup_printf(T0_NAME "_a@x.org~%.8s", hex);
}

static char *sorted(char *lines)
{
	char **v = g_strsplit(lines, "\n", -1), *text;

	for (unsigned i = 0; v[i]; i++)
		for (unsigned j = 0; j < i; j++)
			if (strcmp(v[j], v[i]) > 0) {
				char *t = v[i];

				v[i] = v[j];
				v[j] = t;
			}
	text = g_strjoinv("\n", v);
	g_strfreev(v);
	g_free(lines);
	return text;
}

/* The lowest by UUID time has the plain name, whichever came first. */
static void test_one_millisecond(void **state)
{
	struct kit *k = *state;
	int64_t one = kit_add_room(k, 1, "x"), two = kit_add_room(k, 2, "y"), a, b, c;
	char *name2 = tie(2, 20), *name3 = tie(3, 30), *expected, *stems1, *stems2;
	struct store_message m;

	kit_put(k, one, tick(1, 10, "a@x.org"));
	kit_put(k, one, tick(2, 20, "a@x.org"));
	kit_put(k, one, tick(3, 30, "a@x.org"));
	g_ptr_array_set_size(k->changes, 0);
	c = kit_put(k, two, tick(3, 30, "a@x.org"));
	assert_text(kit_changes(k), "msg+ " T0_NAME "_a@x.org\n");
	b = kit_put(k, two, tick(2, 20, "a@x.org"));
	expected = g_strdup_printf("msg> " T0_NAME "_a@x.org>%s\nmsg+ " T0_NAME "_a@x.org\n",
				   name3);
	assert_text(kit_changes(k), expected);
	g_free(expected);
	a = kit_put(k, two, tick(1, 10, "a@x.org"));
	expected = g_strdup_printf("msg> " T0_NAME "_a@x.org>%s\nmsg+ " T0_NAME "_a@x.org\n",
				   name2);
	assert_text(kit_changes(k), expected);
	g_free(expected);
	stems1 = sorted(kit_stems(k, one));
	stems2 = sorted(kit_stems(k, two));
	assert_string_equal(stems1, stems2);
	/* Cookies do not move with the names. */
	get(k, c, &m);
	assert_string_equal(m.stem, name3);
	store_message_clear(&m);
	assert_true(c < b && b < a);
	g_free(stems1);
	g_free(stems2);
	g_free(name2);
	g_free(name3);
}

static void test_other_authors_of_a_millisecond(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");

	kit_put(k, room, tick(1, 10, "a@x.org"));
	kit_put(k, room, tick(2, 20, "b@x.org"));
	assert_text(kit_stems(k, room), T0_NAME "_a@x.org\n" T0_NAME "_b@x.org\n");
	/* Two accounts whose addresses a person would call equal. */
	kit_put(k, room, tick(3, 30, "B@X.org"));
	g_ptr_array_set_size(k->changes, 0);
	kit_put(k, room, tick(4, 5, "B@x.ORG"));
	assert_true(strstr(((struct store_change *)k->changes->pdata[0])->name, "~") != NULL);
	assert_int_equal(k->changes->len, 2);
}

static void test_deleted_twin_keeps_the_name(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), a, b;
	char *name2 = tie(2, 20), *listed = g_strdup_printf("%s\n", name2);

	a = kit_put(k, room, tick(1, 10, "a@x.org"));
	b = kit_put(k, room, tick(2, 20, "a@x.org"));
	assert_int_equal(store_remove_message(k->s, a, k->changes), 0);
	assert_text(kit_stems(k, room), listed);
	kit_reopen(k);
	assert_text(kit_stems(k, room), listed);
	assert_true(b > a);
	g_free(listed);
	g_free(name2);
}

static void test_author_address(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), rowid;
	struct webex_message *m;

	/* The address first seen names all messages; each keeps its own in its JSON. */
	kit_put(k, room, kit_message(1, T0, "a@x.org", "x"));
	m = kit_message(2, T0 + 1, "a@x.org", "y");
	g_free(m->person_email);
	m->person_email = g_strdup("new@x.org");
	m->room_id = kit_id("ROOM", T0 + 1, 0, 1);
	assert_int_equal(store_apply_message(k->s, room, m, 0, &rowid, NULL), 0);
	assert_same(k, rowid, m);
	webex_message_free(m);
	assert_text(kit_stems(k, room), T0_NAME "_a@x.org\n2025-03-04T09-20-31.508Z_a@x.org\n");
	/* None at first, then one: what was without stays without. */
	m = kit_message(3, T0 + 2, "c@x.org", "z");
	g_clear_pointer(&m->person_email, g_free);
	m->room_id = kit_id("ROOM", T0 + 1, 0, 1);
	assert_int_equal(store_apply_message(k->s, room, m, 0, &rowid, NULL), 0);
	kit_put(k, room, kit_message(4, T0 + 3, "c@x.org", "z"));
	assert_same(k, rowid, m);
	webex_message_free(m);
}

static void test_no_author(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), rowid;
	struct webex_message *m = kit_message(1, T0, "a@x.org", "x");
	struct store_message out;

	m->room_id = kit_id("ROOM", T0 + 1, 0, 1);
	g_clear_pointer(&m->person_id, g_free);
	assert_int_equal(store_apply_message(k->s, room, m, 0, &rowid, NULL), 0);
	assert_same(k, rowid, m);
	g_clear_pointer(&m->person_email, g_free);
	g_free(m->id);
	m->id = kit_id("MESSAGE", T0, 1, 2);
	assert_int_equal(store_apply_message(k->s, room, m, 0, &rowid, NULL), 0);
	assert_same(k, rowid, m);
	get(k, rowid, &out);
	assert_int_equal(out.person, 0);
	store_message_clear(&out);
	assert_text(kit_stems(k, room), T0_NAME "_a@x.org\n" T0_NAME "_unknown-00000000\n");
	webex_message_free(m);
}

static struct webex_message *edited(int64_t updated_ms, const char *text)
{
	struct webex_message *m = kit_message(1, T0, "a@x.org", text);

	m->updated_ms = updated_ms;
	return m;
}

static void assert_message_text(struct kit *k, int64_t rowid, const char *text)
{
	struct store_message m;

	get(k, rowid, &m);
	assert_string_equal(m.m.text, text);
	assert_int_equal(m.txt_size, strlen(text) + 1);
	store_message_clear(&m);
}

static void test_edits(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), rowid;
	uint64_t generation;

	rowid = kit_put(k, room, edited(-1, "one"));
	g_ptr_array_set_size(k->changes, 0);
	assert_int_equal(kit_put(k, room, edited(T0 + 10, "three")), rowid);
	assert_text(kit_changes(k), "msg! " T0_NAME "_a@x.org\n");
	assert_message_text(k, rowid, "three");
	/* Slow answers. */
	generation = store_generation(k->s);
	kit_put(k, room, edited(T0 + 5, "two!"));
	kit_put(k, room, edited(-1, "one"));
	kit_put(k, room, edited(T0 + 10, "three"));
	assert_text(kit_changes(k), "");
	assert_int_equal(store_generation(k->s), generation);
	assert_message_text(k, rowid, "three");
	/* The same stamp and another text: what came last. */
	kit_put(k, room, edited(T0 + 10, "threee"));
	assert_message_text(k, rowid, "threee");
	kit_page(k, room, kit_list(edited(T0 + 9, "two!"), NULL), -1, 0, STORE_PAGE_HEAD);
	assert_message_text(k, rowid, "threee");
}

/* By no answer of the next minute: it may be older than the deletion (test_revive.c). */
static void test_deleted_never_comes_back(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), rowid, out = 0;
	struct webex_message *m = edited(-1, "one");

	rowid = kit_put(k, room, edited(-1, "one"));
	g_ptr_array_set_size(k->changes, 0);
	assert_int_equal(store_remove_message(k->s, rowid, k->changes), 0);
	assert_text(kit_changes(k), "msg- " T0_NAME "_a@x.org\n");
	assert_int_equal(store_remove_message(k->s, rowid, k->changes), -ENOENT);
	assert_int_equal(store_remove_message(k->s, 99999, k->changes), -ENOENT);
	assert_int_equal(store_apply_message(k->s, room, m, T0, &out, k->changes), -ENOENT);
	kit_page(k, room, kit_list(edited(T0 + 5, "two"), NULL), -1, 0, STORE_PAGE_HEAD);
	assert_text(kit_changes(k), "");
	assert_text(kit_stems(k, room), "");
	webex_message_free(m);
}

static void test_unusable(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), rowid = 7;
	struct webex_message *m = kit_message(1, T0, "a@x.org", "x");

	m->room_id = kit_id("ROOM", T0, 5, 5);
	assert_int_equal(store_apply_message(k->s, room, m, 0, &rowid, NULL), -EINVAL);
	g_clear_pointer(&m->room_id, g_free);
	m->created_ms = -1;
	assert_int_equal(store_apply_message(k->s, room, m, 0, &rowid, NULL), -EINVAL);
	m->created_ms = INT64_MAX;
	assert_int_equal(store_apply_message(k->s, room, m, 0, &rowid, NULL), -EINVAL);
	m->created_ms = T0;
	assert_int_equal(store_apply_message(k->s, room + 1, m, 0, &rowid, NULL), -ENOENT);
	assert_int_equal(rowid, 7);
	assert_text(kit_stems(k, room), "");
	webex_message_free(m);
}

/* At both ends of time, and where the far future shares one place. */
static void test_cookies_at_the_ends(void **state)
{
	static const int64_t times[] = {
		TIME_MIN_MS, TIME_MIN_MS + 1, T0, TIME_MAX_MS - 1, TIME_MAX_MS,
	};
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), last = STORE_COOKIE_MIN, found;
	struct store_conn *c;

	for (unsigned i = 0; i < G_N_ELEMENTS(times); i++) {
		int64_t rowid = kit_put(k, room, kit_message(i, times[i], "a@x.org", "x"));
		struct store_message m;

		get(k, rowid, &m);
		assert_true(m.cookie > last && m.cookie < INT64_C(1) << 62);
		last = m.cookie;
		assert_int_equal(store_read_begin(k->s, &c), 0);
		assert_int_equal(store_message_by_stem(c, room, m.stem, strlen(m.stem), &found),
				 0);
		assert_int_equal(found, rowid);
		store_read_end(c);
		store_message_clear(&m);
	}
}

static void test_by_stem(void **state)
{
	static const char *const wrong[] = {
		"",
		"2025",
		T0_NAME,
		T0_NAME "_",
		T0_NAME "_a@x.or",
		T0_NAME "_a@x.orgg",
		"2025-03-04T09-20-31.508Z_a@x.org",
		"2025-13-04T09-20-31.507Z_a@x.org",
		"2025-03-04T09:20:31.507Z_a@x.org",
		T0_NAME "_A@x.org",
	};
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), rowid, found;
	const char stem[] = T0_NAME "_a@x.org";
	struct store_conn *c;

	rowid = kit_put(k, room, kit_message(1, T0, "a@x.org", "x"));
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(
		store_message_by_stem(c, room, T0_NAME "_a@x.org.txt", strlen(stem), &found),
		0);
	assert_int_equal(found, rowid);
	assert_int_equal(store_message_by_stem(c, room + 1, stem, strlen(stem), &found),
			 -ENOENT);
	for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++)
		assert_int_equal(
			store_message_by_stem(c, room, wrong[i], strlen(wrong[i]), &found),
			-ENOENT);
	store_read_end(c);
}

static bool take_two(void *arg, const struct store_brief *brief)
{
	GString *out = arg;

	g_string_append_printf(out, "%d%s%s%s ", (int)(brief->created_ms - T0),
			       brief->has_markdown ? "m" : "", brief->has_files ? "f" : "",
			       brief->has_card ? "c" : "");
	return strlen(out->str) < 5;
}

static bool take_all(void *arg, const struct store_message *m)
{
	g_string_append_printf(arg, "%s ", m->m.text);
	return true;
}

static void test_listing(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), rows[5], room_of, last;
	GString *out = g_string_new(NULL);
	struct store_brief brief;
	struct store_message m;
	struct store_conn *c;
	bool deleted;
	char *stem;

	for (int i = 4; i >= 0; i--) {
		char text[2] = {(char)('0' + i), '\0'};
		struct webex_message *msg = kit_message(1, T0 + i, i & 1 ? "a@x" : "b@x", text);

		if (i == 1) {
			msg->markdown = g_strdup("x");
			msg->files = kit_strings("u", NULL);
			msg->attachments = g_strdup("[]");
		}
		rows[i] = kit_put(k, room, msg);
	}
	get(k, rows[0], &m);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(
		store_message_list(
			c,
			&(struct store_range){.room = room, .after = m.cookie, .since_ms = -1},
			take_two, out),
		0);
	assert_string_equal(out->str, "1mfc ");
	g_string_truncate(out, 0);
	assert_int_equal(
		store_message_each(
			c, &(struct store_range){.room = room, .after = 0, .since_ms = T0 + 2},
			take_all, out),
		0);
	assert_string_equal(out->str, "2 3 4 ");
	/* The newest two of all, of those since a time, and more than there are. */
	assert_int_equal(store_message_brief(c, rows[2], &brief, &stem, &room_of, &deleted), 0);
	assert_int_equal(store_message_recent(c, room, -1, 2), brief.cookie);
	assert_int_equal(store_message_recent(c, room, T0 + 3, 2), 0);
	assert_int_equal(store_message_recent(c, room, -1, 5), 0);
	assert_ptr_equal(brief.stem, stem);
	assert_int_equal(room_of, room);
	assert_false(deleted);
	assert_int_equal(store_message_last_by(c, room, m.person, &last), 0);
	assert_int_equal(last, rows[4]);
	assert_int_equal(store_message_last_by(c, room, 4711, &last), -ENOENT);
	assert_int_equal(store_message_by_id(c, m.m.id, &last), 0);
	assert_int_equal(last, rows[0]);
	store_read_end(c);
	g_free(stem);
	store_message_clear(&m);
	g_string_free(out, TRUE);
}

static void test_hostile(void **state)
{
	static const char *const emails[] = {
		"../../x", "'; --", "a~b@x", "a\nb", "\xe2\x80\xae", "-rf", "", "~", "a b",
	};
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	char **names, *text;

	for (unsigned i = 0; i < G_N_ELEMENTS(emails) * 2; i++)
		kit_put(k, room, kit_message(i, T0, emails[i % G_N_ELEMENTS(emails)], "x"));
	text = kit_stems(k, room);
	assert_true(strstr(text, "/") == NULL);
	names = g_strsplit(text, "\n", -1);
	assert_int_equal(g_strv_length(names), G_N_ELEMENTS(emails) * 2 + 1);
	for (unsigned i = 0; names[i + 1]; i++)
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
	g_strfreev(names);
	g_free(text);
}

static int put_flood(struct kit *k, int64_t room, unsigned from, unsigned to)
{
	GPtrArray *page = g_ptr_array_new_with_free_func(webex_message_free);
	GPtrArray *changes = store_changes_new();
	int r;

	for (unsigned i = from; i < to; i++)
		g_ptr_array_add(page, tick(i, i, i % 2 ? "a@x.org" : "b@x.org"));
	g_ptr_array_add(page, kit_message(1, T0 + 1, "a@x.org", "after"));
	r = store_apply_page(k->s, room, page, -1, 0, STORE_PAGE_HEAD, T0, NULL, changes);
	g_ptr_array_unref(changes);
	g_ptr_array_unref(page);
	return r;
}

static guint count_stems(struct kit *k, int64_t room)
{
	char *text = kit_stems(k, room);
	char **names = g_strsplit(text, "\n", -1);
	GHashTable *seen = g_hash_table_new(g_str_hash, g_str_equal);
	guint n;

	for (char **name = names; **name; name++)
		assert_true(g_hash_table_add(seen, *name));
	n = g_hash_table_size(seen);
	g_hash_table_unref(seen);
	g_strfreev(names);
	g_free(text);
	return n;
}

/* An import gives thousands of messages one time: each is listed, and costs little. Beyond a bound, which
 * only a hostile server meets, the page fails as a whole. */
static void test_flood_of_one_millisecond(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");

	assert_int_equal(put_flood(k, room, 0, 3000), 0);
	assert_int_equal(count_stems(k, room), 3001);
	assert_int_equal(put_flood(k, room, 1500, 4500), 0);
	assert_int_equal(count_stems(k, room), 4501);
	put_ties_max = 4500;
	assert_int_equal(put_flood(k, room, 4000, 4501), -EOVERFLOW);
	put_ties_max = 65536;
	assert_int_equal(count_stems(k, room), 4501);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, kit_test_setup, kit_test_teardown)
		T(test_all_fields_come_back),
		T(test_odd_ids),
		T(test_one_millisecond),
		T(test_other_authors_of_a_millisecond),
		T(test_deleted_twin_keeps_the_name),
		T(test_author_address),
		T(test_no_author),
		T(test_edits),
		T(test_deleted_never_comes_back),
		T(test_unusable),
		T(test_cookies_at_the_ends),
		T(test_by_stem),
		T(test_listing),
		T(test_hostile),
		T(test_flood_of_one_millisecond),
	};

	return cmocka_run_group_tests_name("store messages", tests, NULL, NULL);
}
