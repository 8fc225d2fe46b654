/* SPDX-License-Identifier: MIT */
/*
 * Pages put the quick way and the long way: two stores are given the same, at random, and have
 * to be the same to the letter, and to have told the same. KIT_SEED=N repeats one run.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "store/internal.h"

#define RUNS 40
#define STEPS 25
#define KNOWN 40     /* messages there are */
#define WINDOW_MS 25 /* the time they are of: several share a millisecond */

static uint32_t seed;

static int64_t now_ms;

static int64_t fake_now(void *arg)
{
	(void)arg;
	return now_ms;
}

static const struct clock fake_clock = {.mono_ms = fake_now, .wall_ms = fake_now};

static unsigned roll(unsigned sides)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % sides;
}

/* Both see the same numbers and the same steps. */
struct pair {
	struct kit quick, lengthy;
	int64_t rooms[2];
};

static const char *const emails[] = {"ann@x", "bob@x", "Ann@x", NULL};

/* The message of that number as it is now told: mostly as before. */
static struct webex_message *tell(unsigned n)
{
	const char *email = emails[n % G_N_ELEMENTS(emails)];
	int64_t ms = T0 + n * 7 % WINDOW_MS;
	struct webex_message *m = kit_message(n, ms, email ? email : "none@x", "text");

	if (n % 11 == 0) {
		g_free(m->id);
		m->id = g_strdup_printf("opaque-%u", n);
	}
	if (!email || roll(40) == 0)
		g_clear_pointer(&m->person_email, g_free);
	if (n % 13 == 0)
		g_clear_pointer(&m->person_id, g_free);
	if (n % 3 == 0)
		m->parent_id = kit_id("MESSAGE", T0 + (n + 1) * 7 % WINDOW_MS, n + 1, n + 1);
	if (n % 5 == 0)
		m->files = kit_strings("https://x/1", n % 2 ? "https://x/22" : NULL, NULL);
	m->markdown = n % 4 ? NULL : g_strdup("**text**");
	m->html = n % 6 ? NULL : g_strdup("<b>text</b>");
	m->mentioned_people = n % 7 ? NULL : g_strdup("[\"a\"]");
	m->extra = n % 8 ? NULL : g_strdup("{\"x\": 1}");
	return m;
}

static void replace(char **field, const char *text)
{
	g_free(*field);
	*field = g_strdup(text);
}

/* What one answer has and another one lacks. */
static void disturb_rest(struct webex_message *m)
{
	switch (roll(30)) {
	case 0:
		replace(&m->extra, roll(2) ? "{\"y\": 1}" : NULL);
		break;
	case 1:
		replace(&m->html, roll(2) ? "<i>text</i>" : NULL);
		break;
	case 2:
		replace(&m->mentioned_people, roll(2) ? "[\"b\"]" : NULL);
		break;
	case 3:
		replace(&m->mentioned_groups, "[\"all\"]");
		break;
	case 4:
		replace(&m->parent_id, roll(2) ? "opaque-parent" : NULL);
		break;
	case 5:
		replace(&m->markdown, roll(2) ? "*text*" : NULL);
		break;
	default:
		break;
	}
}

/* Edits, odd answers, and what must be refused. */
static void disturb(struct webex_message *m)
{
	switch (roll(30)) {
	case 0:
		m->updated_ms = T0 + roll(5);
		g_free(m->text);
		m->text = g_strdup_printf("edit %u", roll(100));
		break;
	case 1:
		m->updated_ms = T0 + roll(3);
		break;
	case 2:
		m->created_ms += 1 + roll(3);
		break;
	case 3:
		m->created_ms = roll(2) ? INT64_MAX : -1;
		break;
	case 4:
		m->room_id = kit_id("ROOM", T0, 9, 9);
		break;
	case 5:
		g_clear_pointer(&m->text, g_free);
		break;
	case 6:
		g_free(m->person_email);
		m->person_email = g_strdup("other@x");
		break;
	case 7:
		g_strfreev(m->files);
		m->files = kit_strings("https://x/1", NULL);
		break;
	case 8:
		m->attachments = g_strdup("[]");
		break;
	case 9:
		m->is_voice_clip = true;
		break;
	default:
		disturb_rest(m);
		break;
	}
}

static GPtrArray *make_page(void)
{
	GPtrArray *page = g_ptr_array_new_with_free_func(webex_message_free);
	unsigned share = 1 + roll(4);

	for (unsigned n = 0; n < KNOWN; n++) {
		/* Some come twice; then at one time (the pager's lists have each id once). */
		unsigned times = roll(4) >= share ? 0 : roll(25) ? 1 : 2;

		for (unsigned i = 0; i < times; i++) {
			struct webex_message *m = tell(n);
			int64_t created_ms = m->created_ms;

			disturb(m);
			if (times > 1)
				m->created_ms = created_ms;
			g_ptr_array_insert(page, (gint)roll(page->len + 1), m);
		}
	}
	return page;
}

/* ---- the same in both ---- */

static char *dump(const char *path)
{
	static const char sql[] =
		"SELECT group_concat(quote(x), '\n') FROM (SELECT format('%s', json_array("
		" m.rowid, m.room, m.cookie, m.deleted, hex(m.id), m.person, m.created_ms,"
		" m.updated_ms, m.txt_size, m.log_size, m.flags, m.stem, hex(m.parent_id), "
		"m.pin_until_ms,"
		" b.message, b.email, b.text, b.markdown, b.html, hex(b.files),"
		" b.mentioned_people, b.mentioned_groups, b.attachments, b.extra)) AS x FROM "
		"message m LEFT JOIN"
		" body b ON b.message=m.rowid ORDER BY m.rowid)"
		" UNION ALL SELECT group_concat(json_array(room, lo, hi)) FROM span"
		" UNION ALL SELECT group_concat(json_array(room, month, bodies, evicted))"
		"  FROM month WHERE bodies>0 OR evicted>0"
		" UNION ALL SELECT group_concat(json_array(rowid, hex(id), first_email, email))"
		"  FROM person"
		" UNION ALL SELECT group_concat(json_array(rowid, last_activity_ms)) FROM room"
		" UNION ALL SELECT group_concat(json_array(what, path)) FROM event";
	GString *out = g_string_new(NULL);
	sqlite3_stmt *st;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW)
		g_string_append_printf(out, "%s\n", sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return g_string_free(out, FALSE);
}

/* Counts as the rows are. */
static void assert_counts(const struct kit *k)
{
	static const char lives[] = "SELECT count(*) FROM message m JOIN room r ON "
				    "r.rowid=m.room LEFT JOIN body b ON"
				    " b.message=m.rowid WHERE m.deleted=0 AND r.gone=0";
	int64_t with, without;

	with = kit_number(k->path, "SELECT ifnull(sum(bodies), 0) FROM month");
	without = kit_number(k->path, "SELECT ifnull(sum(evicted), 0) FROM month");
	assert_int_equal(with, store_bodies_count(k->s));
	assert_int_equal(without > 0, store_has_evicted(k->s));
	assert_int_equal(with + without, kit_number(k->path, lives));
	assert_int_equal(
		kit_number(k->path, "SELECT count(*) FROM month WHERE bodies<0 OR evicted<0"),
		0);
	assert_int_equal(with,
			 kit_number(k->path, "SELECT count(*) FROM body b JOIN message m ON"
					     " m.rowid=b.message WHERE m.deleted=0"));
}

/* Takes both. The first line that differs says more than all of them. */
static void assert_same_lines(char *a, char *b)
{
	char **x = g_strsplit(a, "\n", -1), **y = g_strsplit(b, "\n", -1);

	if (strcmp(a, b) && g_getenv("KIT_LOG"))
		fprintf(stderr, "%s\n----\n%s\n", a, b);
	for (int i = 0; x[i] && y[i]; i++)
		assert_string_equal(x[i], y[i]);
	assert_int_equal(g_strv_length(x), g_strv_length(y));
	g_strfreev(x);
	g_strfreev(y);
	g_free(a);
	g_free(b);
}

static void assert_same(struct pair *p)
{
	assert_same_lines(kit_changes(&p->quick), kit_changes(&p->lengthy));
	assert_same_lines(dump(p->quick.path), dump(p->lengthy.path));
	assert_counts(&p->quick);
}

static gint compare_rows(gconstpointer a, gconstpointer b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Both lack the same; mostly that is taken for gone. */
static void forget(struct pair *p, GArray *missing, GArray *other, int64_t now)
{
	g_array_sort(missing, compare_rows);
	g_array_sort(other, compare_rows);
	assert_int_equal(missing->len, other->len);
	assert_memory_equal(missing->data, other->data, missing->len * sizeof(int64_t));
	if (roll(4) == 0)
		return;
	assert_int_equal(store_remove_messages(p->quick.s, missing, now, p->quick.changes), 0);
	assert_int_equal(store_remove_messages(p->lengthy.s, other, now, p->lengthy.changes),
			 0);
}

static void step_page(struct pair *p)
{
	GPtrArray *page = make_page();
	int64_t room = p->rooms[roll(2)], lo = T0 - 2 + roll(WINDOW_MS), hi = lo + roll(10);
	enum store_page mode = (enum store_page)(roll(4) | (roll(5) ? 0 : STORE_PAGE_VERIFIES));
	int64_t now = T0 + roll(10);
	GArray *missing = NULL, *other = NULL;
	int a, b;

	if (roll(3) == 0)
		lo = -1;
	if (roll(2))
		mode |= STORE_PAGE_BELIEVES;
	missing = g_array_new(FALSE, FALSE, sizeof(int64_t));
	other = g_array_new(FALSE, FALSE, sizeof(int64_t));
	put_page_scans = true;
	a = store_apply_page(p->quick.s, room, page, lo, hi, mode, now, missing,
			     p->quick.changes);
	put_page_scans = false;
	b = store_apply_page(p->lengthy.s, room, page, lo, hi, mode, now, other,
			     p->lengthy.changes);
	put_page_scans = true;
	assert_int_equal(a, b);
	forget(p, missing, other, now);
	g_array_unref(missing);
	g_array_unref(other);
	g_ptr_array_unref(page);
}

static void step_message(struct pair *p)
{
	struct webex_message *m = tell(roll(KNOWN));
	int64_t room = p->rooms[roll(2)], pin = roll(2) ? T0 + roll(10) : 0;
	int64_t rowid = 0, other = 0;
	int a, b;

	disturb(m);
	a = store_apply_message(p->quick.s, room, m, pin, &rowid, p->quick.changes);
	b = store_apply_message(p->lengthy.s, room, m, pin, &other, p->lengthy.changes);
	assert_int_equal(a, b);
	assert_int_equal(rowid, other);
	if (a == 0 && roll(3) == 0) {
		assert_int_equal(store_remove_message(p->quick.s, rowid, p->quick.changes), 0);
		assert_int_equal(store_remove_message(p->lengthy.s, rowid, p->lengthy.changes),
				 0);
	}
	webex_message_free(m);
}

/* A day goes by, so that nothing hangs on what a millisecond of ours does. */
static void step_evict(struct pair *p)
{
	struct store_evict e = {.limit = roll(60),
				.recent = (int)roll(5),
				.keep_hidden = roll(2),
				.slice = 1 + (int)roll(20)};

	now_ms += 86400000;
	assert_int_equal(store_evict(p->quick.s, &e), store_evict(p->lengthy.s, &e));
}

static void step(struct pair *p)
{
	switch (roll(6)) {
	case 0:
		step_message(p);
		break;
	case 1:
		step_evict(p);
		break;
	default:
		step_page(p);
		break;
	}
	assert_same(p);
}

static void one_run(void)
{
	struct pair p = {0};
	g_autofree char *me = kit_person_id(g_str_hash("ann@x"));

	now_ms = T0;
	kit_setup(&p.quick);
	kit_setup(&p.lengthy);
	p.quick.clock = p.lengthy.clock = &fake_clock;
	kit_reopen(&p.quick);
	kit_reopen(&p.lengthy);
	for (int i = 0; i < 2; i++) {
		p.rooms[i] = kit_add_room(&p.quick, (unsigned)i, "x");
		assert_int_equal(kit_add_room(&p.lengthy, (unsigned)i, "x"), p.rooms[i]);
	}
	assert_int_equal(store_meta_set(p.quick.s, "me.id", me), 0);
	assert_int_equal(store_meta_set(p.lengthy.s, "me.id", me), 0);
	for (int i = 0; i < STEPS; i++)
		step(&p);
	kit_teardown(&p.quick);
	kit_teardown(&p.lengthy);
}

static void test_quick_is_the_same(void **state)
{
	const char *given = g_getenv("KIT_SEED");

	(void)state;
	for (uint32_t run = 0; run < (given ? 1 : RUNS); run++) {
		seed = given ? (uint32_t)atoi(given) : run;
		print_message("# KIT_SEED=%u\n", seed);
		one_run();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_quick_is_the_same)};

	return cmocka_run_group_tests_name("store put", tests, NULL, NULL);
}
