/* SPDX-License-Identifier: MIT */
/* Names and places within one millisecond: messages of one author and millisecond get different names
 * (design 2.1). */
#include "store/internal.h"

#include <string.h>

#include "base/names.h"
#include "webex/id.h"

/* One of the messages of a room and millisecond, in the order of their cookies. */
struct twin {
	int64_t rowid;
	uint64_t uuid_time;
	bool deleted;
	char *id, *stem;
};

static void twin_free(void *p)
{
	struct twin *t = p;

	g_free(t->id);
	g_free(t->stem);
	g_free(t);
}

void put_add_twin(struct put *p, int64_t rowid, bool deleted, char *id, char *stem)
{
	struct twin *t = g_new0(struct twin, 1);

	*t = (struct twin){.rowid = rowid, .deleted = deleted, .id = id, .stem = stem};
	t->uuid_time = id ? webex_id_uuid_time(id) : 0;
	g_ptr_array_add(p->twins, t);
}

int put_load_twins(struct put *p, int64_t floor)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		p->w->q, "SELECT rowid, deleted, id, stem, cookie FROM message"
			 " WHERE room=?1 AND cookie>=?2 AND cookie<?3 ORDER BY cookie");
	int r;

	if (p->twins && p->twins_floor == floor)
		return 0;
	g_clear_pointer(&p->twins, g_ptr_array_unref);
	p->twins = g_ptr_array_new_with_free_func(twin_free);
	p->twins_floor = p->twins_next = floor;
	sql_int(&st, 1, p->room.rowid);
	sql_int(&st, 2, floor);
	sql_int(&st, 3, floor + COOKIE_TIES);
	while ((r = sql_step(&st)) == 1) {
		put_add_twin(p, sql_get_int(&st, 0), sql_get_int(&st, 1),
			     sql_get_id(&st, 2, "MESSAGE"), sql_get_text(&st, 3));
		p->twins_next = sql_get_int(&st, 4) + 1;
	}
	if (r < 0)
		g_clear_pointer(&p->twins, g_ptr_array_unref);
	return r;
}

static bool is_below(const struct twin *t, const char *id, uint64_t uuid_time)
{
	if (t->uuid_time != uuid_time)
		return t->uuid_time < uuid_time;
	return strcmp(t->id, id) < 0;
}

static bool has_stem(GPtrArray *twins, const char *stem)
{
	for (guint i = 0; i < twins->len; i++) {
		const struct twin *t = g_ptr_array_index(twins, i);

		if (!strcmp(t->stem, stem))
			return true;
	}
	return false;
}

/* `base` with so many digits of the id that no twin has that stem. No author contains "~"
 * (names.h). */
static char *stem_with_tie(GPtrArray *twins, const char *base, const char *id)
{
	char hex[WEBEX_ID_HEX_SIZE];
	char *stem = NULL;

	webex_id_hex(id, hex);
	for (int digits = 8; digits <= 32; digits += 4) {
		g_free(stem);
		stem = g_strdup_printf("%s~%.*s", base, digits, hex);
		if (!has_stem(twins, stem))
			return stem;
	}
	for (int i = 0;; i++) {
		g_autofree char *seed = g_strdup_printf("%d %s", i, id);
		g_autofree char *hash =
			g_compute_checksum_for_string(G_CHECKSUM_SHA256, seed, -1);

		g_free(stem);
		stem = g_strdup_printf("%s~%.32s", base, hash);
		if (!has_stem(twins, stem))
			return stem;
	}
}

/* True if the stem is that of this author, with or without digits. Case and normalization do
 * not count. */
static bool is_of_base(const char *stem, const char *base, const char *base_key)
{
	size_t len = strcspn(stem, "~");
	g_autofree char *plain = NULL, *key = NULL;

	if (len == strlen(base) && !memcmp(stem, base, len))
		return true;
	plain = g_strndup(stem, len);
	key = name_key(plain);
	return !strcmp(key, base_key);
}

static int set_stem(struct put *p, struct twin *t, const char *stem)
{
	struct store_change *change;
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(p->w->q, "UPDATE message SET stem=?2 WHERE rowid=?1");
	int r;

	sql_int(&st, 1, t->rowid);
	sql_text(&st, 2, stem);
	r = sql_run(&st);
	if (r == 0 && !t->deleted) {
		change = changes_add_named(p->w, STORE_MESSAGE_RENAMED, p->room.rowid,
					   p->room.type, t->rowid, t->stem, stem);
		change->thread = message_thread(p->w->q, t->rowid);
		change->is_mention = true; /* perhaps */
	}
	if (r == 0)
		r = thread_root_renamed(p->w, &p->room, t->rowid, stem);
	if (r == 0) {
		g_free(t->stem);
		t->stem = g_strdup(stem);
	}
	return r;
}

int put_pick_stem(struct put *p, const char *base, const char *id, char **ret_stem)
{
	GPtrArray *twins = p->twins;
	g_autofree char *base_key = twins->len ? name_key(base) : NULL;
	g_autofree char *moved = NULL;
	struct twin *plain = NULL;
	uint64_t uuid_time = twins->len ? webex_id_uuid_time(id) : 0;
	bool is_lowest = true;
	int r = 0;

	for (guint i = 0; i < twins->len; i++) {
		struct twin *t = g_ptr_array_index(twins, i);

		if (!is_of_base(t->stem, base, base_key))
			continue;
		if (is_below(t, id, uuid_time))
			is_lowest = false;
		if (!strchr(t->stem, '~'))
			plain = t;
	}
	if (!is_lowest) {
		*ret_stem = stem_with_tie(twins, base, id);
		return 0;
	}
	if (plain) {
		moved = stem_with_tie(twins, plain->stem, plain->id);
		r = set_stem(p, plain, moved);
	}
	if (r == 0)
		*ret_stem = g_strdup(base);
	return r;
}
