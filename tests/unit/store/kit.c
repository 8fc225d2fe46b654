/* SPDX-License-Identifier: MIT */
#include "kit.h"
#include "tree/place.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/texts.h"
#include "webex/id.h"

void kit_open(struct kit *k)
{
	struct store_config config = {
		.path = k->path,
		.reserve_path = k->reserve,
		.holder = "/mnt/test",
		.clock = k->clock,
		.path_of = tree_path_of,
	};
	char *holder = NULL;

	assert_int_equal(store_open(&config, &k->s, &holder), 0);
	assert_null(holder);
}

void kit_close(struct kit *k)
{
	store_close(&k->s);
	assert_null(k->s);
}

void kit_reopen(struct kit *k)
{
	kit_close(k);
	kit_open(k);
}

static int64_t clock_ms;

static int64_t standing(void *arg)
{
	(void)arg;
	return clock_ms;
}

void kit_set_clock(struct kit *k, int64_t ms)
{
	static const struct clock clock = {.mono_ms = standing, .wall_ms = standing};

	clock_ms = ms;
	if (k->clock == &clock)
		return;
	k->clock = &clock;
	kit_reopen(k);
}

static void setup(struct kit *k, bool on_disk)
{
	char template[] = "/tmp/sparkfs-store-XXXXXX";

	log_set_sink(g_getenv("KIT_LOG") ? LOG_SINK_STDERR : LOG_SINK_NONE);
	memset(k, 0, sizeof(*k));
	assert_non_null(mkdtemp(template));
	k->folder = g_strdup(template);
	k->path = on_disk ? g_build_filename(template, "store.db", NULL) : NULL;
	k->reserve = g_build_filename(template, "rows", NULL);
	k->changes = store_changes_new();
	kit_open(k);
}

void kit_setup(struct kit *k)
{
	setup(k, true);
}

void kit_setup_memory(struct kit *k)
{
	setup(k, false);
}

static void remove_folder(const char *folder)
{
	GDir *dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		char *path = g_build_filename(folder, name, NULL);

		remove(path);
		g_free(path);
	}
	g_clear_pointer(&dir, g_dir_close);
	remove(folder);
}

void kit_teardown(struct kit *k)
{
	store_close(&k->s);
	remove_folder(k->folder);
	g_ptr_array_unref(k->changes);
	g_free(k->folder);
	g_free(k->path);
	g_free(k->reserve);
}

int kit_test_setup(void **state)
{
	struct kit *k = g_new0(struct kit, 1);

	kit_setup(k);
	*state = k;
	return 0;
}

int kit_test_setup_memory(void **state)
{
	struct kit *k = g_new0(struct kit, 1);

	kit_setup_memory(k);
	*state = k;
	return 0;
}

int kit_test_teardown(void **state)
{
	kit_teardown(*state);
	g_free(*state);
	return 0;
}

void kit_sql(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int64_t kit_number(const char *path, const char *sql)
{
	sqlite3_stmt *st;
	sqlite3 *db;
	int64_t number;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	number = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return number;
}

/* Milliseconds from 1582-10-15, where UUIDs begin to count, to 1970. */
#define UUID_EPOCH_MS INT64_C(12219292800000)

char *kit_id(const char *type, int64_t ms, unsigned tick, unsigned node)
{
	uint64_t t = (uint64_t)(ms + UUID_EPOCH_MS) * 10000 + tick;
	char uuid[37];

	g_snprintf(uuid, sizeof(uuid), "%08x-%04x-%04x-9a2b-0242%08x",
		   (unsigned)(t & 0xffffffff), (unsigned)(t >> 32 & 0xffff),
		   (unsigned)(t >> 48 & 0xfff) | 0x1000, node);
	return webex_id_encode("us", type, uuid);
}

char *kit_person_id(unsigned n)
{
	char uuid[37];

	g_snprintf(uuid, sizeof(uuid), "%08x-7c1e-4d0a-9b7e-52f4a1c08d11", n);
	return webex_id_encode("us", "PEOPLE", uuid);
}

struct webex_room *kit_room(unsigned n, const char *title, enum webex_room_type type)
{
	struct webex_room *r = g_new0(struct webex_room, 1);

	r->id = kit_id(type == WEBEX_ROOM_TEAM ? "TEAM" : "ROOM", T0 + n, 0, n);
	r->title = g_strdup(title);
	r->type = type;
	r->created_ms = T0 + n;
	r->last_activity_ms = type == WEBEX_ROOM_TEAM ? -1 : T0 + n;
	return r;
}

/* The author's id is made of the address. */
struct webex_message *kit_message(unsigned n, int64_t ms, const char *email, const char *text)
{
	struct webex_message *m = g_new0(struct webex_message, 1);

	m->id = kit_id("MESSAGE", ms, n, n);
	m->person_id = kit_person_id(g_str_hash(email));
	m->person_email = g_strdup(email);
	m->text = g_strdup(text);
	m->created_ms = ms;
	m->updated_ms = -1;
	return m;
}

struct webex_membership *kit_membership(unsigned n, const char *email)
{
	struct webex_membership *m = g_new0(struct webex_membership, 1);

	m->id = kit_id("MEMBERSHIP", T0 + n, 0, n);
	m->person_id = kit_person_id(n);
	m->person_email = g_strdup(email);
	m->created_ms = T0 + n;
	return m;
}

char **kit_strings(const char *first, ...)
{
	GPtrArray *list = g_ptr_array_new();
	va_list args;

	va_start(args, first);
	for (const char *item = first; item; item = va_arg(args, const char *))
		g_ptr_array_add(list, g_strdup(item));
	va_end(args);
	g_ptr_array_add(list, NULL);
	return (char **)g_ptr_array_free(list, FALSE);
}

GPtrArray *kit_list(void *first, ...)
{
	GPtrArray *list = g_ptr_array_new();
	va_list args;

	va_start(args, first);
	for (void *item = first; item; item = va_arg(args, void *))
		g_ptr_array_add(list, item);
	va_end(args);
	return list;
}

static int64_t add_room(struct kit *k, unsigned n, const char *title, enum webex_room_type type)
{
	struct webex_room *room = kit_room(n, title, type);
	int64_t rowid = 0;

	assert_int_equal(store_apply_room(k->s, room, 0, &rowid, k->changes), 0);
	assert_true(rowid > 0);
	webex_room_free(room);
	return rowid;
}

int64_t kit_add_room(struct kit *k, unsigned n, const char *title)
{
	return add_room(k, n, title, WEBEX_ROOM_GROUP);
}

int64_t kit_add_direct(struct kit *k, unsigned n, const char *title)
{
	return add_room(k, n, title, WEBEX_ROOM_DIRECT);
}

int64_t kit_put(struct kit *k, int64_t room, struct webex_message *m)
{
	int64_t rowid = 0;

	assert_int_equal(store_apply_message(k->s, room, m, 0, &rowid, k->changes), 0);
	assert_true(rowid > 0);
	webex_message_free(m);
	return rowid;
}

void kit_page(struct kit *k, int64_t room, GPtrArray *messages, int64_t lo, int64_t hi,
	      enum store_page mode)
{
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));

	assert_int_equal(store_apply_page(k->s, room, messages, lo, hi,
					  mode | STORE_PAGE_BELIEVES, T0, missing, k->changes),
			 0);
	if (missing->len)
		assert_int_equal(store_remove_messages(k->s, missing, T0, k->changes), 0);
	g_ptr_array_set_free_func(messages, webex_message_free);
	g_ptr_array_unref(messages);
}

static bool add_room_name(void *arg, const struct store_room *room)
{
	g_string_append_printf(arg, "%s\n", room->name);
	return true;
}

static bool add_stem(void *arg, const struct store_brief *brief)
{
	g_string_append_printf(arg, "%s\n", brief->stem);
	return true;
}

static bool add_member_name(void *arg, const struct store_member *member)
{
	g_string_append_printf(arg, "%s\n", member->name);
	return true;
}

char *kit_rooms(struct kit *k, enum webex_room_type type)
{
	GString *out = g_string_new(NULL);
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_room_list(c, type, 0, add_room_name, out), 0);
	store_read_end(c);
	return g_string_free(out, FALSE);
}

char *kit_stems(struct kit *k, int64_t room)
{
	GString *out = g_string_new(NULL);
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(
		store_message_list(
			c, &(struct store_range){.room = room, .after = 0, .since_ms = -1},
			add_stem, out),
		0);
	store_read_end(c);
	return g_string_free(out, FALSE);
}

char *kit_members(struct kit *k, int64_t room)
{
	GString *out = g_string_new(NULL);
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_member_list(c, room, 0, add_member_name, out), 0);
	store_read_end(c);
	return g_string_free(out, FALSE);
}

char *kit_changes(struct kit *k)
{
	static const char *const types[] = {
		"room+",   "room>",    "room!",	   "room-",    "msg+",
		"msg>",	   "msg!",     "msg-",	   "mem+",     "mem!",
		"mem-",	   "person!",  "content+", "content-", "content!",
		"thread>", "webhook+", "webhook!", "webhook-",
	};
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < k->changes->len; i++) {
		const struct store_change *c = g_ptr_array_index(k->changes, i);

		g_string_append_printf(out, "%s ", types[c->type]);
		if (c->old_name)
			g_string_append_printf(out, "%s>", c->old_name);
		g_string_append_printf(out, "%s%s\n", c->name ? c->name : "",
				       c->type == STORE_MESSAGE_ADDED && c->is_news ? " head"
										    : "");
	}
	g_ptr_array_set_size(k->changes, 0);
	return g_string_free(out, FALSE);
}

static bool add_log_size(void *arg, int64_t cookie, int64_t size)
{
	(void)cookie;
	*(int64_t *)arg += size;
	return true;
}

int kit_log_size(struct store_conn *c, int64_t room, int64_t *ret_size)
{
	struct store_range range = {.room = room};

	*ret_size = 0;
	return store_transcript_places(c, &range, add_log_size, ret_size);
}

int64_t kit_node(struct kit *k, int kind, const char *key)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new();
	struct store_conn *c;
	int64_t row = 0;

	g_ptr_array_add(keys, (char *)key);
	assert_int_equal(store_nodes_make(k->s, kind, keys), 0);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_node_find(c, kind, key, &row), 0);
	store_read_end(c);
	return row;
}
