/* SPDX-License-Identifier: MIT */
/* A file that an older version left: everything in it is there afterwards. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/timefmt.h"
#include "kit.h"
#include "store/schema.h"
#include "store/sizes.h"

/* The schema of version 1, which never changes. */
static const char VERSION_1[] =
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE room(rowid INTEGER PRIMARY KEY, id NOT NULL, type INTEGER NOT NULL,"
	" gone INTEGER NOT NULL DEFAULT 0, name TEXT, name_key TEXT, title TEXT NOT NULL,"
	" flags INTEGER NOT NULL, team_id, creator_id, owner_id TEXT, classification_id TEXT,"
	" description TEXT, last_activity_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
	" extra TEXT, direct_email TEXT, direct_key TEXT,"
	" members_wall_ms INTEGER NOT NULL DEFAULT -1, pin_until_ms INTEGER NOT NULL DEFAULT "
	"0);"
	"CREATE UNIQUE INDEX room_id ON room(id) WHERE gone=0;"
	"CREATE UNIQUE INDEX room_key ON room(type, name_key) WHERE gone=0;"
	"CREATE INDEX room_name ON room(type, name) WHERE gone=0;"
	"CREATE INDEX room_email ON room(direct_key) WHERE gone=0 AND direct_key IS NOT NULL;"
	"CREATE INDEX room_list ON room(type, gone);"
	"CREATE TABLE message(rowid INTEGER PRIMARY KEY, room INTEGER NOT NULL,"
	" cookie INTEGER NOT NULL, deleted INTEGER NOT NULL DEFAULT 0, id NOT NULL,"
	" person INTEGER NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,"
	" txt_size INTEGER NOT NULL, flags INTEGER NOT NULL, stem TEXT NOT NULL, parent_id,"
	" pin_until_ms INTEGER NOT NULL DEFAULT 0);"
	"CREATE UNIQUE INDEX message_list ON message(room, cookie, deleted);"
	"CREATE INDEX message_id ON message(id);"
	"CREATE INDEX message_author ON message(room, person, cookie) WHERE deleted=0;"
	"CREATE INDEX message_gone ON message(deleted) WHERE deleted=1;"
	"CREATE TABLE body(message INTEGER PRIMARY KEY, email TEXT, text TEXT, markdown TEXT,"
	" html TEXT, files BLOB, mentioned_people TEXT, mentioned_groups TEXT, attachments "
	"TEXT,"
	" extra TEXT);"
	"CREATE TABLE span(room INTEGER NOT NULL, hi INTEGER NOT NULL, lo INTEGER NOT NULL,"
	" PRIMARY KEY(room, hi)) WITHOUT ROWID;"
	"CREATE TABLE member(rowid INTEGER PRIMARY KEY, room INTEGER NOT NULL, id NOT NULL,"
	" gone INTEGER NOT NULL DEFAULT 0, name TEXT, name_key TEXT, person_id, email TEXT,"
	" display_name TEXT, org_id, flags INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
	" extra TEXT);"
	"CREATE UNIQUE INDEX member_id ON member(room, id) WHERE gone=0;"
	"CREATE UNIQUE INDEX member_key ON member(room, name_key) WHERE gone=0;"
	"CREATE INDEX member_name ON member(room, name) WHERE gone=0;"
	"CREATE INDEX member_list ON member(room, gone);"
	"CREATE INDEX member_gone ON member(gone) WHERE gone=1;"
	"CREATE TABLE person(rowid INTEGER PRIMARY KEY, id NOT NULL, first_email TEXT,"
	" first_key TEXT, email TEXT, email_key TEXT, display_name TEXT, type INTEGER NOT NULL,"
	" json TEXT, fetched_wall_ms INTEGER NOT NULL DEFAULT -1);"
	"CREATE UNIQUE INDEX person_id ON person(id);"
	"CREATE INDEX person_email ON person(email_key);"
	"CREATE INDEX person_first ON person(first_key);"
	"CREATE INDEX person_fetched ON person(rowid) WHERE fetched_wall_ms>=0;"
	"CREATE TABLE content(rowid INTEGER PRIMARY KEY, room INTEGER NOT NULL,"
	" message INTEGER NOT NULL, url TEXT, name TEXT NOT NULL, sha256 TEXT,"
	" size INTEGER NOT NULL, mtime_ms INTEGER NOT NULL, gone INTEGER NOT NULL DEFAULT 0);"
	"CREATE INDEX content_name ON content(room, name) WHERE gone=0;"
	"CREATE INDEX content_message ON content(message) WHERE gone=0;"
	"CREATE INDEX content_gone ON content(gone) WHERE gone=1;"
	"CREATE TABLE node(rowid INTEGER PRIMARY KEY, kind INTEGER NOT NULL, key TEXT NOT "
	"NULL);"
	"CREATE UNIQUE INDEX node_key ON node(kind, key);";

/* The 16 bytes of kit_id's UUID as version 1 kept them, as SQL. */
static char *blob(int64_t ms, unsigned node)
{
	g_autofree char *id = kit_id("X", ms, 0, node);
	gsize len;
	/* ciscospark://us/X/<uuid> */
	g_autofree char *uri = NULL;
	GString *out = g_string_new("x'");

	g_autofree char *padded = g_strconcat(id, "==", NULL);

	padded[(strlen(id) + 3) / 4 * 4] = '\0';
	uri = (char *)g_base64_decode(padded, &len);
	for (const char *p = uri + strlen("ciscospark://us/X/"); p < uri + len; p++)
		if (*p != '-')
			g_string_append_c(out, *p);
	g_string_append_c(out, '\'');
	return g_string_free(out, FALSE);
}

#define MONTH_MS (INT64_C(31) * 86400 * 1000)

static void add_room(GString *sql, int64_t rowid, unsigned n, const char *name, int gone)
{
	g_autofree char *id = blob(T0 + n, n);

	g_string_append_printf(
		sql,
		"INSERT INTO room(rowid, id, type, gone, name, name_key, title, flags,"
		" last_activity_ms, created_ms) VALUES(%d, %s, 0, %d, '%s', '%s', '%s', 0,"
		" %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ");",
		(int)rowid, id, gone, name, name, name, T0 + 5, T0);
}

static void add_message(GString *sql, int64_t rowid, int64_t room, const char *id,
			int64_t created_ms, const char *parent, int deleted)
{
	char when[TIME_ISO_SIZE];

	time_format_name(created_ms, when);
	g_string_append_printf(
		sql,
		"INSERT INTO message(rowid, room, cookie, deleted, id, person, created_ms,"
		" updated_ms, txt_size, flags, stem, parent_id) VALUES(%d, %d,"
		" %" G_GINT64_FORMAT ", %d, %s, 50, %" G_GINT64_FORMAT ", -1, 7, 0,"
		" '%s_a@x', %s);"
		"INSERT INTO body(message, text) VALUES(%d, 'text%d');",
		(int)rowid, (int)room, store_cookie_of(created_ms), deleted, id, created_ms,
		when, parent, (int)rowid, (int)rowid);
}

static char *make_rows(void)
{
	GString *sql = g_string_new(NULL);
	g_autofree char *first = blob(T0 + 1, 1), *second = blob(T0 + 2, 2);
	g_autofree char *later = blob(T0 + MONTH_MS, 3), *gone = blob(T0 + 4, 4);
	g_autofree char *person = blob(T0, 9);

	add_room(sql, 1, 1, "listed", 0);
	add_room(sql, 2, 2, "never", 0);
	add_room(sql, 3, 3, "gone", 1);
	g_string_append_printf(
		sql,
		"INSERT INTO person(rowid, id, first_email, first_key, email,"
		" email_key, type) VALUES(50, %s, 'a@x', 'a@x', 'a@x', 'a@x', 0);",
		person);
	add_message(sql, 60, 1, first, T0 + 1, "NULL", 0);
	add_message(sql, 61, 1, second, T0 + 2, first, 0);
	add_message(sql, 62, 1, later, T0 + MONTH_MS, "'opaque-parent'", 0);
	add_message(sql, 63, 1, gone, T0 + 4, "NULL", 1);
	add_message(sql, 64, 1, "'opaque'", T0 + 5, "NULL", 0);
	add_message(sql, 65, 2, second, T0 + 2, "NULL", 0);
	add_message(sql, 66, 3, second, T0 + 2, "NULL", 0);
	g_string_append_printf(
		sql, "INSERT INTO span(room, lo, hi) VALUES(1, -1, %" G_GINT64_FORMAT ");",
		T0 + MONTH_MS);
	g_string_append(sql, "INSERT INTO meta VALUES('rowid.last', '900');"
			     "PRAGMA application_id=0x73706673; PRAGMA user_version=1;");
	return g_string_free(sql, FALSE);
}

/* A message with an upload of one's own and another file. */
static char *make_files(void)
{
	GString *sql = g_string_new(NULL);

	add_message(sql, 67, 1, "'with-files'", T0 + 6, "NULL", 0);
	g_string_append(sql,
			"UPDATE message SET flags=2 WHERE rowid=67;"
			"UPDATE body SET text=NULL, files=CAST('https://h/v1/contents/A' AS"
			" BLOB)||x'00'||CAST('https://h/v1/contents/B' AS BLOB)||x'00'"
			" WHERE message=67;"
			"INSERT INTO content VALUES(68, 1, 67, 'https://h/v1/contents/A',"
			" 'R.pdf', 'ff', 7, 0, 0);");
	return g_string_free(sql, FALSE);
}

static void open_version_1_and(struct kit *k, const char *more)
{
	g_autofree char *rows = make_rows();

	kit_close(k);
	assert_int_equal(unlink(k->path), 0);
	unlink(k->reserve);
	kit_sql(k->path, VERSION_1);
	kit_sql(k->path, rows);
	kit_sql(k->path, more);
	kit_open(k);
}

static void open_version_1(struct kit *k)
{
	open_version_1_and(k, "");
}

static void assert_message(struct store_conn *c, char *id, int64_t rowid, const char *parent)
{
	struct store_message m = {0};
	g_autofree char *text = g_strdup_printf("text%d", (int)rowid);
	int64_t found = 0;

	assert_int_equal(store_message_by_id(c, id, &found), 0);
	assert_int_equal(found, rowid);
	assert_int_equal(store_message_get(c, rowid, &m), 0);
	assert_string_equal(m.m.id, id);
	assert_string_equal(m.m.text, text);
	assert_string_equal(m.m.person_email, "a@x");
	if (parent)
		assert_string_equal(m.m.parent_id, parent);
	else
		assert_null(m.m.parent_id);
	store_message_clear(&m);
	g_free(id);
}

static void test_nothing_is_lost(void **state)
{
	struct kit *k = *state;
	g_autofree char *first = kit_id("MESSAGE", T0 + 1, 0, 1);
	struct store_conn *c;

	open_version_1(k);
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), "listed\nnever\n");
	assert_text(kit_stems(k, 1), "2025-03-04T09-20-31.508Z_a@x\n"
				     "2025-03-04T09-20-31.509Z_a@x\n"
				     "2025-03-04T09-20-31.512Z_a@x\n"
				     "2025-04-04T09-20-31.507Z_a@x\n");
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_message(c, g_strdup(first), 60, NULL);
	assert_message(c, kit_id("MESSAGE", T0 + 2, 0, 2), 61, first);
	assert_message(c, kit_id("MESSAGE", T0 + MONTH_MS, 0, 3), 62, "opaque-parent");
	assert_message(c, g_strdup("opaque"), 64, NULL);
	store_read_end(c);
	assert_true(store_new_rowid(k->s) > 900);
}

/* The newest were listed where there is a span, long ago; what came since is news. */
static void test_heads(void **state)
{
	struct kit *k = *state;
	struct store_span span;
	struct store_conn *c;

	open_version_1(k);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_span_head(c, 1, &span), 0);
	assert_int_equal(span.lo, -1);
	assert_int_equal(span.hi, T0 + MONTH_MS);
	assert_int_equal(store_span_head(c, 2, &span), -ENOENT);
	store_read_end(c);
	assert_int_equal(kit_number(k->path, "SELECT head_wall_ms FROM room WHERE rowid=1"), 0);
	assert_int_equal(kit_number(k->path, "SELECT head_wall_ms FROM room WHERE rowid=2"),
			 -1);
}

static void test_months_are_counted(void **state)
{
	struct kit *k = *state;

	open_version_1(k);
	assert_int_equal(kit_number(k->path, "SELECT sum(bodies) FROM month"), 5);
	assert_int_equal(kit_number(k->path, "SELECT bodies FROM month WHERE room=1 AND"
					     " month=2025*12+2"),
			 3);
	assert_int_equal(kit_number(k->path, "SELECT bodies FROM month WHERE room=1 AND"
					     " month=2025*12+3"),
			 1);
	assert_int_equal(kit_number(k->path, "SELECT bodies FROM month WHERE room=2"), 1);
}

/* The same message again is the one that is there. */
static void test_goes_on(void **state)
{
	struct kit *k = *state;
	struct webex_message *m = kit_message(1, T0 + 1, "a@x", "text60");

	open_version_1(k);
	g_free(m->id);
	m->id = kit_id("MESSAGE", T0 + 1, 0, 1);
	assert_int_equal(kit_put(k, 1, m), 60);
	assert_int_equal(k->changes->len, 0);
	kit_reopen(k);
	assert_int_equal(kit_number(k->path, "PRAGMA user_version"), SCHEMA_VERSION);
}

/* The threads of messages that were known before there were threads are there. */
static void test_threads(void **state)
{
	struct kit *k = *state;
	struct store_thread t = {0};
	struct store_conn *c;
	int64_t thread = 0;

	open_version_1(k);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_message_thread(c, 61, &thread), 0);
	assert_true(thread > 900);
	assert_int_equal(store_thread_get(c, thread, &t), 0);
	assert_int_equal(t.root, 60);
	assert_string_equal(t.stem, "2025-03-04T09-20-31.508Z_a@x");
	store_thread_clear(&t);
	assert_int_equal(store_message_thread(c, 60, &thread), 0);
	assert_true(thread > 900);
	/* The root is not known, and its id has no time. */
	assert_int_equal(store_message_thread(c, 62, &thread), 0);
	assert_int_equal(store_thread_get(c, thread, &t), 0);
	assert_string_equal(t.root_id, "opaque-parent");
	assert_null(t.stem);
	store_thread_clear(&t);
	assert_int_equal(store_message_thread(c, 64, &thread), 0);
	assert_int_equal(thread, 0);
	store_read_end(c);
	assert_true(store_new_rowid(k->s) > thread);
}

/* A migrated store has the tables and indexes of a new one. */
static void test_same_schema(void **state)
{
	static const char parts[] =
		"SELECT count(*)*1000000+sum(length(sql)) FROM sqlite_schema";
	struct kit *k = *state;
	int64_t fresh = kit_number(k->path, parts);

	open_version_1(k);
	assert_int_equal(kit_number(k->path, parts), fresh);
	assert_int_equal(
		kit_number(k->path, "SELECT count(*) FROM pragma_index_info('room_name')"), 3);
}

/* Version 1 did not note what a transcript has of a message; of a version that did, the sizes stay. */
static void test_sizes_are_found_again(void **state)
{
	struct kit *k = *state;

	open_version_1(k);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM message WHERE form=0"), 5);
	while (store_renew_sizes(k->s, 2) == 1)
		;
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM message WHERE form=0"), 0);
	assert_int_equal(kit_number(k->path, "SELECT min(log_size) FROM message"),
			 strlen("2025-03-04 09:20 +0000 a@x: text60\n"));
}

/* Every attachment has a row, and what was known of it stays. */
static void test_attachments(void **state)
{
	struct kit *k = *state;
	g_autofree char *files = make_files();
	struct store_content content = {0};
	struct store_conn *c;

	open_version_1_and(k, files);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM content"), 2);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM content WHERE message=67 AND"
					     " url LIKE '%/B' AND name_key IS NULL"),
			 1);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_content_by_name(c, 1, "R.pdf", &content), 0);
	assert_int_equal(content.rowid, 68);
	assert_int_equal(content.size, 7);
	assert_true(content.is_proven);
	assert_int_equal(content.cookie, store_cookie_of(T0 + 6));
	store_content_clear(&content);
	store_read_end(c);
	/* Both are of the space that was listed; nothing is asked again. */
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM span WHERE room=1"), 1);
}

/* The files of a message whose body was dropped are unknown, so its space is listed anew. */
static void test_attachments_of_dropped_bodies(void **state)
{
	struct kit *k = *state;
	g_autofree char *files = make_files();
	g_autofree char *more = g_strconcat(files, "DELETE FROM body WHERE message=67;", NULL);

	open_version_1_and(k, more);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM span WHERE room=1"), 0);
	assert_int_equal(kit_number(k->path, "SELECT head_wall_ms FROM room WHERE rowid=1"),
			 -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, kit_test_setup, kit_test_teardown)
		T(test_nothing_is_lost),
		T(test_heads),
		T(test_months_are_counted),
		T(test_goes_on),
		T(test_same_schema),
		T(test_sizes_are_found_again),
		T(test_attachments),
		T(test_attachments_of_dropped_bodies),
		T(test_threads),
	};

	return cmocka_run_group_tests_name("store migrate", tests, NULL, NULL);
}
