/* SPDX-License-Identifier: MIT */
/* To whom replies belong, and how long their lines are, whatever comes first. */
#include <errno.h>
#include <string.h>

#include "base/names.h"
#include "base/timefmt.h"
#include "kit.h"
#include "store/doubts.h"
#include "store/schema.h"
#include "store/texts.h"
#include "webex/id.h"
#include "webex/render.h"

#define HOUR (60 * 60 * 1000)
#define DAY (24 * HOUR)
#define MONTH (2025 * 12 + 2) /* that of T0 */

static int64_t now_ms;

static int64_t fake_now(void *arg)
{
	(void)arg;
	return now_ms;
}

static const struct clock fake_clock = {.mono_ms = fake_now, .wall_ms = fake_now};

/* At 09:20 on the day of T0, and later. */
static struct webex_message *said(unsigned n, int64_t ms, const char *email, const char *text)
{
	return kit_message(n, T0 + ms, email, text);
}

static struct webex_message *reply(unsigned n, int64_t ms, const char *email, const char *text,
				   const char *parent_id)
{
	struct webex_message *m = said(n, ms, email, text);

	m->parent_id = g_strdup(parent_id);
	return m;
}

static char *id_of(unsigned n, int64_t ms)
{
	return kit_id("MESSAGE", T0 + ms, n, n);
}

/* ---- the transcript, whose sizes are those that the store says ---- */

struct log {
	GString *text;
	GArray *made, *said; /* sizes (int64_t) */
};

static bool add_line(void *arg, const struct store_message *m)
{
	struct log *log = arg;
	struct webex_root root;
	size_t len;
	const char *author = name_stem_author(m->stem, &len);
	int64_t size = -(int64_t)log->text->len;

	webex_render_transcript(&m->m, author, len, store_message_root(m, &root), log->text);
	size += (int64_t)log->text->len;
	g_array_append_val(log->made, size);
	return true;
}

static bool add_size(void *arg, int64_t cookie, int64_t size)
{
	struct log *log = arg;

	(void)cookie;
	g_array_append_val(log->said, size);
	return true;
}

static char *transcript(struct kit *k, int64_t room)
{
	struct store_range range = {.room = room};
	struct log log = {g_string_new(NULL), g_array_new(FALSE, FALSE, sizeof(int64_t)),
			  g_array_new(FALSE, FALSE, sizeof(int64_t))};
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_message_each(c, &range, add_line, &log), 0);
	assert_int_equal(store_transcript_places(c, &range, add_size, &log), 0);
	store_read_end(c);
	assert_int_equal(log.made->len, log.said->len);
	if (log.made->len)
		assert_memory_equal(log.made->data, log.said->data,
				    log.made->len * sizeof(int64_t));
	g_array_unref(log.made);
	g_array_unref(log.said);
	return g_string_free(log.text, FALSE);
}

static int64_t size_said(struct kit *k, int64_t room)
{
	struct store_conn *c;
	int64_t size;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(kit_log_size(c, room, &size), 0);
	store_read_end(c);
	return size;
}

/* ---- what tells that a text is another one ---- */

struct seen {
	struct store_stamp stamp;
	uint64_t version;
	int64_t month_ms, room_ms;
};

static struct seen see(struct kit *k, int64_t room)
{
	struct store_range range = {.room = room, .since_ms = -1};
	struct store_conn *c;
	struct seen s;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_text_version(c, &range, &s.version), 0);
	assert_int_equal(store_text_stamp(c, room, &s.stamp), 0);
	assert_int_equal(store_month_ms(c, room, MONTH, &s.month_ms), 0);
	assert_int_equal(store_room_text_ms(c, room, &s.room_ms), 0);
	store_read_end(c);
	return s;
}

static void assert_another(const struct seen *a, const struct seen *b)
{
	assert_true(a->version != b->version);
	assert_false(store_stamp_is_same(&a->stamp, &b->stamp));
}

static int64_t begin(struct kit *k)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	now_ms = T0 + DAY;
	k->clock = &fake_clock;
	if (k->path)
		kit_reopen(k);
	return kit_add_room(k, 1, "x");
}

/* ---- which root ---- */

static void test_the_root_is_known(void **state)
{
	struct kit *k = *state;
	int64_t room = begin(k);
	g_autofree char *root = id_of(1, 0);

	kit_page(k, room,
		 kit_list(said(1, 0, "ann@x.org", "where?"),
			  reply(2, HOUR, "bob@x.org", "here", root),
			  reply(3, DAY, "ann@x.org", "I see\nit", root), NULL),
		 -1, 0, STORE_PAGE_HEAD);
	kit_put(k, room, reply(4, DAY + 1, "bob@x.org", "fine", root));
	assert_text(
		transcript(k, room),
		"2025-03-04 09:20 +0000 ann@x.org: where?\n"
		"2025-03-04 10:20 +0000 bob@x.org: \xe2\x86\xb3 (ann 09:20) here\n"
		"2025-03-05 09:20 +0000 ann@x.org: \xe2\x86\xb3 (ann 2025-03-04 09:20) I see\n"
		"  it\n"
		"2025-03-05 09:20 +0000 bob@x.org: \xe2\x86\xb3 (ann 2025-03-04 09:20) fine\n");
	/* The same sizes hold in another zone. */
	setenv("TZ", "XXX-14:30", 1);
	tzset();
	assert_text(
		transcript(k, room),
		"2025-03-04 23:50 +1430 ann@x.org: where?\n"
		"2025-03-05 00:50 +1430 bob@x.org: \xe2\x86\xb3 (ann 2025-03-04 23:50) here\n"
		"2025-03-05 23:50 +1430 ann@x.org: \xe2\x86\xb3 (ann 2025-03-04 23:50) I see\n"
		"  it\n"
		"2025-03-05 23:50 +1430 bob@x.org: \xe2\x86\xb3 (ann 2025-03-04 23:50) fine\n");
}

#define UNKNOWN_LINE "2025-03-04 10:20 +0000 bob@x.org: \xe2\x86\xb3 (09:20) here\n"
#define KNOWN_LINE "2025-03-04 10:20 +0000 bob@x.org: \xe2\x86\xb3 (ann 09:20) here\n"
#define ROOT_LINE "2025-03-04 09:20 +0000 ann@x.org: where?\n"

/* A reply whose root is not known. */
static int64_t fill_with_orphan(struct kit *k)
{
	int64_t room = begin(k);
	g_autofree char *root = id_of(1, 0);

	kit_page(k, room, kit_list(reply(2, HOUR, "bob@x.org", "here", root), NULL), T0, 0,
		 STORE_PAGE_HEAD);
	assert_text(transcript(k, room), UNKNOWN_LINE);
	g_ptr_array_set_size(k->changes, 0);
	return room;
}

/* The line is longer then, which its size tells: the time stays, as a new cache would tell it. */
static void test_the_root_comes_later(void **state)
{
	struct kit *k = *state;
	int64_t room = fill_with_orphan(k);
	struct seen before = see(k, room), after;

	kit_page(k, room, kit_list(said(1, 0, "ann@x.org", "where?"), NULL), -1, T0,
		 STORE_PAGE_INNER);
	assert_text(transcript(k, room), ROOT_LINE KNOWN_LINE);
	after = see(k, room);
	assert_another(&before, &after);
	assert_int_equal(after.month_ms, before.month_ms);
	assert_int_equal(after.room_ms, before.room_ms);
	/* Nothing else of the reply changed. */
	for (guint i = 0; i < k->changes->len; i++) {
		const struct store_change *c = k->changes->pdata[i];

		assert_true(c->type == STORE_MESSAGE_ADDED || c->type == STORE_THREAD_RENAMED);
	}
}

/* A root that comes again, or others that have nothing to do with it, change nothing. */
static void test_nothing_changes_twice(void **state)
{
	struct kit *k = *state;
	int64_t room = fill_with_orphan(k);
	struct seen before, after;

	kit_put(k, room, said(1, 0, "ann@x.org", "where?"));
	before = see(k, room);
	kit_put(k, room, said(1, 0, "ann@x.org", "where?"));
	kit_put(k, kit_add_room(k, 2, "y"), said(1, 0, "eve@x.org", "where?"));
	after = see(k, room);
	assert_int_equal(after.version, before.version);
	assert_text(transcript(k, room), ROOT_LINE KNOWN_LINE);
}

static void test_what_is_known_of_a_root_stays(void **state)
{
	struct kit *k = *state;
	int64_t room = fill_with_orphan(k), row;
	g_autofree char *root = id_of(1, 0);
	struct webex_message *edited = reply(2, HOUR, "bob@x.org", "there", root);

	row = kit_put(k, room, said(1, 0, "ann@x.org", "where?"));
	assert_int_equal(store_remove_message(k->s, row, k->changes), 0);
	assert_text(transcript(k, room), KNOWN_LINE);
	/* The row of the root is purged. */
	kit_reopen(k);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM message"), 1);
	assert_text(transcript(k, room), KNOWN_LINE);
	edited->updated_ms = T0 + 2 * HOUR;
	kit_put(k, room, edited);
	assert_text(transcript(k, room),
		    "2025-03-04 10:20 +0000 bob@x.org: \xe2\x86\xb3 (ann 09:20) there\n");
}

static void test_odd_roots(void **state)
{
	struct kit *k = *state;
	int64_t room = begin(k);
	g_autofree char *own = id_of(1, 0), *second = id_of(2, 1), *elsewhere = id_of(3, 2);

	kit_put(k, kit_add_room(k, 2, "y"), said(3, 2, "eve@x.org", "elsewhere"));
	/* To itself, to a reply, to a message of another space, to one without an address. */
	kit_put(k, room, reply(1, 0, "ann@x.org", "a", own));
	kit_put(k, room, reply(2, 1, "bob@x.org", "b", own));
	kit_put(k, room, reply(4, 3, "cat@x.org", "c", second));
	kit_put(k, room, reply(5, 4, "dan@x.org", "d", elsewhere));
	kit_put(k, room, reply(6, 5, "dan@x.org", "e", "no id at all"));
	assert_text(transcript(k, room),
		    "2025-03-04 09:20 +0000 ann@x.org: \xe2\x86\xb3 (ann 09:20) a\n"
		    "2025-03-04 09:20 +0000 bob@x.org: \xe2\x86\xb3 (ann 09:20) b\n"
		    "2025-03-04 09:20 +0000 cat@x.org: \xe2\x86\xb3 (bob 09:20) c\n"
		    "2025-03-04 09:20 +0000 dan@x.org: \xe2\x86\xb3 (09:20) d\n"
		    "2025-03-04 09:20 +0000 dan@x.org: \xe2\x86\xb3 (unknown-178ebde4) e\n");
}

/* An answer that lacks it, and a later one that has it. */
static void test_an_edit_tells_of_the_root(void **state)
{
	struct kit *k = *state;
	int64_t room = begin(k);
	g_autofree char *root = id_of(1, 0);
	struct seen before, after;

	kit_put(k, room, said(1, 0, "ann@x.org", "where?"));
	kit_put(k, room, said(2, HOUR, "bob@x.org", "here"));
	before = see(k, room);
	kit_put(k, room, reply(2, HOUR, "bob@x.org", "here", root));
	after = see(k, room);
	assert_another(&before, &after);
	assert_true(after.month_ms > before.month_ms);
	assert_text(transcript(k, room), ROOT_LINE KNOWN_LINE);
	/* Answers have not all fields. */
	kit_put(k, room, said(2, HOUR, "bob@x.org", "here"));
	assert_text(transcript(k, room), ROOT_LINE KNOWN_LINE);
}

/* ---- times ---- */

/* A text that became longer and then shorter may be as long as before. */
static void test_lengths_that_go_both_ways(void **state)
{
	struct kit *k = *state;
	int64_t room = fill_with_orphan(k), row;
	g_autofree char *other = id_of(7, 1);
	struct seen before, after;

	row = kit_put(k, room, said(9, HOUR + 1, "eve@x.org", "bye"));
	kit_put(k, room, reply(8, HOUR + 2, "bob@x.org", "too", other));
	before = see(k, room);
	kit_put(k, room, said(1, 0, "ann@x.org", "where?"));
	after = see(k, room);
	assert_int_equal(before.month_ms, after.month_ms);
	assert_int_equal(store_remove_message(k->s, row, k->changes), 0);
	before = see(k, room);
	assert_true(before.month_ms / 1000 > after.month_ms / 1000);
	/* And the other way. */
	kit_put(k, room, said(7, 1, "dan@x.org", "what?"));
	after = see(k, room);
	assert_true(after.month_ms / 1000 > before.month_ms / 1000);
	/* The same way once more: its size tells. */
	kit_reopen(k);
	before = see(k, room);
	assert_int_equal(before.month_ms, after.month_ms);
}

/* What only an id told was wrong, and the line may be as long as it was. */
static void test_a_root_with_another_time(void **state)
{
	struct kit *k = *state;
	int64_t room = begin(k);
	g_autofree char *root = g_strdup("unknown");
	struct webex_message *m = said(1, 0, "tenletters@x", "where?");
	struct seen before, after;
	int64_t size;

	kit_page(k, room, kit_list(reply(2, HOUR, "bob@x.org", "here", root), NULL), T0, 0,
		 STORE_PAGE_HEAD);
	before = see(k, room);
	size = size_said(k, room);
	g_free(m->id);
	m->id = g_strdup(root);
	kit_page(k, room, kit_list(m, NULL), -1, T0, STORE_PAGE_INNER);
	after = see(k, room);
	/* "(unknown-12345678)" and "(tenletters 09:20)". */
	assert_int_equal(
		size_said(k, room),
		size + (int64_t)strlen("2025-03-04 09:20 +0000 tenletters@x: where?\n"));
	assert_another(&before, &after);
	assert_true(after.month_ms / 1000 > before.month_ms / 1000);
	assert_true(after.room_ms / 1000 > before.room_ms / 1000);
}

/* A wrong answer gave the root another author. */
static void test_a_root_of_another_author(void **state)
{
	struct kit *k = *state;
	int64_t room = fill_with_orphan(k);
	struct webex_message *right = said(1, 0, "bea@x.org", "where?");
	struct seen before, after;

	kit_put(k, room, said(1, 0, "ann@x.org", "where?"));
	before = see(k, room);
	assert_int_equal(store_believe_message(k->s, room, right, k->changes), 0);
	webex_message_free(right);
	after = see(k, room);
	assert_text(transcript(k, room),
		    "2025-03-04 09:20 +0000 bea@x.org: where?\n"
		    "2025-03-04 10:20 +0000 bob@x.org: \xe2\x86\xb3 (bea 09:20) here\n");
	assert_true(after.month_ms / 1000 > before.month_ms / 1000);
}

/* ---- the store ---- */

static void test_a_dropped_text_keeps_its_size(void **state)
{
	struct kit *k = *state;
	int64_t room = fill_with_orphan(k), size;
	struct store_evict all = {.slice = 100};

	assert_int_equal(store_evict(k->s, &all), 0);
	kit_put(k, room, said(1, 0, "ann@x.org", "where?"));
	size = size_said(k, room);
	assert_int_equal(size, strlen(ROOT_LINE KNOWN_LINE));
}

/* A store of version 11 knew whose replies they are, and had their sizes without the root. */
static void test_an_older_store(void **state)
{
	struct kit *k = *state;
	int64_t room = begin(k), known;
	g_autofree char *root = id_of(1, 0), *absent = id_of(5, 7);

	kit_put(k, room, said(1, 0, "ann@x.org", "where?"));
	kit_put(k, room, reply(2, HOUR, "bob@x.org", "here", root));
	kit_put(k, room, reply(3, 2 * HOUR, "bob@x.org", "gone", absent));
	kit_put(k, room, reply(4, 3 * HOUR, "bob@x.org", "odd", "no id at all"));
	known = size_said(k, room);
	kit_close(k);
	kit_sql(k->path, "DROP TABLE webhook;"
			 "DROP INDEX message_parent;"
			 "ALTER TABLE message DROP COLUMN root_ms;"
			 "ALTER TABLE message DROP COLUMN root_author;"
			 "ALTER TABLE room DROP COLUMN text_version;"
			 "ALTER TABLE month DROP COLUMN longer;"
			 "PRAGMA user_version=11");
	kit_open(k);
	assert_int_equal(kit_number(k->path, "PRAGMA user_version"), SCHEMA_VERSION);
	assert_int_equal(size_said(k, room), known);
	assert_text(transcript(k, room), ROOT_LINE KNOWN_LINE
		    "2025-03-04 11:20 +0000 bob@x.org: \xe2\x86\xb3 (09:20) gone\n"
		    "2025-03-04 12:20 +0000 bob@x.org: \xe2\x86\xb3 (unknown-178ebde4) odd\n");
	/* A root that comes now is noted, too. */
	kit_put(k, room, said(5, 7, "dan@x.org", "it"));
	assert_int_equal(size_said(k, room),
			 known + (int64_t)strlen("2025-03-04 09:20 +0000 dan@x.org: it\n"
						 "dan "));
}

/* ---- whatever comes first ---- */

#define MANY 60

static struct webex_message *any_message(unsigned n)
{
	/* A third are roots, whose replies are above them. */
	unsigned parent = n / 3 * 2 % (n + 1);
	int64_t ms = (int64_t)n * 7 * HOUR;
	g_autofree char *id = id_of(parent, (int64_t)parent * 7 * HOUR);

	return n % 3 ? reply(n, ms, n % 5 ? "ann@x.org" : "o@x.org", "text", id)
		     : said(n, ms, n % 2 ? "ann@x.org" : "bob@x.org", "text");
}

static void test_every_order_gives_the_same(void **state)
{
	struct kit *k = *state;
	int64_t room = begin(k);
	g_autofree char *wanted = NULL;
	unsigned order[MANY];

	now_ms = T0 + 100 * (int64_t)DAY;
	for (unsigned n = 0; n < MANY; n++)
		kit_put(k, room, any_message(n));
	wanted = transcript(k, room);
	for (unsigned turn = 2; turn < 8; turn++) {
		g_autoptr(GRand) rand = g_rand_new_with_seed(turn);

		room = kit_add_room(k, turn, "x");
		for (unsigned n = 0; n < MANY; n++)
			order[n] = n;
		for (unsigned n = MANY - 1; n > 0; n--) {
			unsigned at = (unsigned)g_rand_int_range(rand, 0, (gint)n + 1);
			unsigned swapped = order[n];

			order[n] = order[at];
			order[at] = swapped;
		}
		for (unsigned n = 0; n < MANY; n++) {
			int64_t row = kit_put(k, room, any_message(order[n]));

			g_free(transcript(k, room));
			/* A few come, go and come again. */
			if (order[n] % 11 == turn) {
				assert_int_equal(store_remove_message(k->s, row, k->changes),
						 0);
				g_free(transcript(k, room));
				now_ms += 2 * 60 * 1000;
				kit_put(k, room, any_message(order[n]));
			}
		}
		assert_text(transcript(k, room), wanted);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, kit_test_setup, kit_test_teardown)
#define M(name) cmocka_unit_test_setup_teardown(name, kit_test_setup_memory, kit_test_teardown)
	const struct CMUnitTest tests[] = {
		T(test_the_root_is_known),
		T(test_the_root_comes_later),
		T(test_nothing_changes_twice),
		T(test_what_is_known_of_a_root_stays),
		T(test_odd_roots),
		T(test_an_edit_tells_of_the_root),
		T(test_lengths_that_go_both_ways),
		T(test_a_root_with_another_time),
		T(test_a_root_of_another_author),
		T(test_a_dropped_text_keeps_its_size),
		T(test_an_older_store),
		T(test_every_order_gives_the_same),
		M(test_the_root_is_known),
		M(test_the_root_comes_later),
	};

	return cmocka_run_group_tests_name("store roots", tests, NULL, NULL);
}
