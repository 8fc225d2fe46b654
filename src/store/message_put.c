/* SPDX-License-Identifier: MIT */
/*
 * One message into the store: who wrote it, what it is called, where it stands. Messages of
 * one author and millisecond are told apart here (design 2.1).
 */
#include "store/internal.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/names.h"
#include "base/timefmt.h"
#include "webex/id.h"
#include "webex/render.h"

/* More of one millisecond in one room are not kept: it would take a hostile server. */
#define TIES_MAX 512

struct author {
	int64_t rowid;
	char *first_email;
	char hex[WEBEX_ID_HEX_SIZE];
};

static void author_free(void *p)
{
	struct author *a = p;

	g_free(a->first_email);
	g_free(a);
}

static int read_told(struct write *w, int64_t room, int64_t *ret_told_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "SELECT told_ms FROM room WHERE rowid=?1");
	int r;

	sql_int(&st, 1, room);
	r = sql_step(&st);
	if (r == 1)
		*ret_told_ms = sql_get_int(&st, 0);
	return MIN(r, 0);
}

int put_begin(struct write *w, int64_t room, struct put *ret_put)
{
	struct put p = {.w = w};
	int r = room_place_get(w->q, room, &p.room);

	if (r == 0)
		r = read_told(w, room, &p.told_ms);
	if (r < 0) {
		room_place_clear(&p.room);
		return r;
	}
	p.authors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, author_free);
	*ret_put = p;
	return 0;
}

void put_clear(struct put *p)
{
	room_place_clear(&p->room);
	g_clear_pointer(&p->authors, g_hash_table_destroy);
}

/* Borrowed from `p`. */
static int author_of(struct put *p, const struct webex_message *m, struct author **ret_author)
{
	const char *id = m->person_id ? m->person_id : "";
	struct author *a = g_hash_table_lookup(p->authors, id);
	int r = 0;

	if (a && (a->first_email || !m->person_email)) {
		*ret_author = a;
		return 0;
	}
	a = g_new0(struct author, 1);
	webex_id_hex(id, a->hex);
	if (id[0])
		r = person_touch(p->w, id, m->person_email, &a->rowid, &a->first_email);
	else
		memset(a->hex, '0', sizeof(a->hex) - 1);
	if (r < 0) {
		author_free(a);
		return r;
	}
	g_hash_table_insert(p->authors, g_strdup(id), a);
	*ret_author = a;
	return 0;
}

/* ---- names within one millisecond ---- */

/* Messages of one room and millisecond, in the order of their cookies. */
struct twin {
	int64_t rowid;
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

static int count_twins(struct put *p, int64_t floor, int64_t *ret_count)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(p->w->q, "SELECT count(*) FROM message WHERE room=?1 AND cookie>=?2"
				  " AND cookie<?3");
	int r;

	sql_int(&st, 1, p->room.rowid);
	sql_int(&st, 2, floor);
	sql_int(&st, 3, floor + COOKIE_TIES);
	r = sql_step(&st);
	if (r == 1)
		*ret_count = sql_get_int(&st, 0);
	return MIN(r, 0);
}

static int read_twins(struct put *p, int64_t floor, GPtrArray *twins, int64_t *ret_cookie)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		p->w->q, "SELECT rowid, deleted, id, stem, cookie FROM message"
			 " WHERE room=?1 AND cookie>=?2 AND cookie<?3 ORDER BY cookie");
	int64_t cookie = floor;
	int r;

	sql_int(&st, 1, p->room.rowid);
	sql_int(&st, 2, floor);
	sql_int(&st, 3, floor + COOKIE_TIES);
	while ((r = sql_step(&st)) == 1) {
		struct twin *t = g_new0(struct twin, 1);

		t->rowid = sql_get_int(&st, 0);
		t->deleted = sql_get_int(&st, 1);
		t->id = sql_get_id(&st, 2, "MESSAGE");
		t->stem = sql_get_text(&st, 3);
		cookie = sql_get_int(&st, 4) + 1;
		g_ptr_array_add(twins, t);
	}
	if (r == 0)
		*ret_cookie = cookie;
	return r;
}

static int compare_ids(const char *a, const char *b)
{
	uint64_t x = webex_id_uuid_time(a), y = webex_id_uuid_time(b);

	if (x != y)
		return x < y ? -1 : 1;
	return strcmp(a, b);
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

/* `base` with so many digits of the id that no twin has it. "~" is in no author (names.h). */
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

/* Has the stem this author's name, with or without digits? Compared as a person would. */
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

static int set_stem(struct put *p, const struct twin *t, const char *stem)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(p->w->q, "UPDATE message SET stem=?2 WHERE rowid=?1");
	int r;

	sql_int(&st, 1, t->rowid);
	sql_text(&st, 2, stem);
	r = sql_run(&st);
	if (r == 0 && !t->deleted)
		changes_add_named(p->w, STORE_MESSAGE_RENAMED, p->room.rowid, p->room.type,
				  t->rowid, t->stem, stem);
	return r;
}

/*
 * The lowest of the author's messages of the millisecond has the plain name. One that comes
 * below it takes the name over; deleted ones count, so that a name does not pass to another
 * message when its own is removed.
 */
static int pick_stem(struct put *p, GPtrArray *twins, const char *base, const char *id,
		     char **ret_stem)
{
	g_autofree char *base_key = twins->len ? name_key(base) : NULL;
	g_autofree char *moved = NULL;
	struct twin *plain = NULL;
	bool is_lowest = true;
	int r = 0;

	for (guint i = 0; i < twins->len; i++) {
		struct twin *t = g_ptr_array_index(twins, i);

		if (!is_of_base(t->stem, base, base_key))
			continue;
		if (compare_ids(t->id, id) < 0)
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

/* ---- rows ---- */

static int64_t txt_size_of(const struct webex_message *m)
{
	g_autoptr(GString) text = g_string_new(NULL);

	webex_render_txt(m, text);
	return (int64_t)text->len;
}

static int64_t flags_of(const struct webex_message *m)
{
	return (m->markdown ? MESSAGE_HAS_MARKDOWN : 0) |
	       (m->files && m->files[0] ? MESSAGE_HAS_FILES : 0) |
	       (m->attachments ? MESSAGE_HAS_CARD : 0) |
	       (m->is_voice_clip ? MESSAGE_VOICE_CLIP : 0);
}

static GString *pack_files(char **files)
{
	GString *packed = g_string_new(NULL);

	for (; files && *files; files++)
		g_string_append_len(packed, *files, (gssize)strlen(*files) + 1);
	return packed;
}

static int write_body(struct write *w, int64_t rowid, const struct webex_message *m,
		      const char *first_email)
{
	g_autoptr(GString) files = pack_files(m->files);
	const char *email = g_strcmp0(m->person_email, first_email) == 0 ? NULL
			    : m->person_email				 ? m->person_email
									 : "";
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "INSERT OR REPLACE INTO body(message, email, text, markdown, html, files,"
		      " mentioned_people, mentioned_groups, attachments, extra)"
		      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");

	sql_int(&st, 1, rowid);
	/* With no first address yet, none must stay none when one turns up. */
	sql_text(&st, 2, !first_email && !m->person_email ? "" : email);
	sql_text(&st, 3, m->text);
	sql_text(&st, 4, m->markdown);
	sql_text(&st, 5, m->html);
	sql_bytes(&st, 6, files->len ? files->str : NULL, files->len);
	sql_text(&st, 7, m->mentioned_people);
	sql_text(&st, 8, m->mentioned_groups);
	sql_text(&st, 9, m->attachments);
	sql_text(&st, 10, m->extra);
	return sql_run(&st);
}

struct new_row {
	int64_t rowid, cookie, person, pin_ms;
	const char *stem;
};

static int write_new(struct put *p, const struct webex_message *m, const struct new_row *row)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		p->w->q, "INSERT INTO message(rowid, room, cookie, id, person, created_ms,"
			 " updated_ms, txt_size, flags, stem, parent_id, pin_until_ms)"
			 " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");

	sql_int(&st, 1, row->rowid);
	sql_int(&st, 2, p->room.rowid);
	sql_int(&st, 3, row->cookie);
	sql_id(&st, 4, "MESSAGE", m->id);
	sql_int(&st, 5, row->person);
	sql_int(&st, 6, m->created_ms);
	sql_int(&st, 7, m->updated_ms);
	sql_int(&st, 8, txt_size_of(m));
	sql_int(&st, 9, flags_of(m));
	sql_text(&st, 10, row->stem);
	sql_id(&st, 11, "MESSAGE", m->parent_id);
	sql_int(&st, 12, row->pin_ms);
	return sql_run(&st);
}

static int name_and_place(struct put *p, const struct webex_message *m,
			  const struct author *author, struct new_row *row, char **ret_stem)
{
	g_autoptr(GPtrArray) twins = g_ptr_array_new_with_free_func(twin_free);
	g_autofree char *base = name_message_stem(
		m->created_ms, author->rowid ? author->first_email : m->person_email,
		author->hex, NULL);
	int r = read_twins(p, cookie_floor(m->created_ms), twins, &row->cookie);

	return r < 0 ? r : pick_stem(p, twins, base, m->id, ret_stem);
}

/*
 * A space's last activity is its newest message (webex-api.md 7.3); the list of spaces says so later.
 * If it is our own, that will be no news; before the first listing it is, since nobody knows
 * what came just before it.
 */
static int note_activity(struct put *p, int64_t created_ms, bool is_own)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(p->w->q, "UPDATE room SET last_activity_ms=?2, head_activity_ms="
				  " CASE WHEN ?3 AND head_wall_ms>=0 AND"
				  "  head_activity_ms=last_activity_ms"
				  " THEN ?2 ELSE head_activity_ms END"
				  " WHERE rowid=?1 AND last_activity_ms<?2");

	sql_int(&st, 1, p->room.rowid);
	sql_int(&st, 2, created_ms);
	sql_int(&st, 3, is_own);
	return sql_run(&st);
}

static int insert(struct put *p, const struct webex_message *m, int64_t pin_ms,
		  int64_t *ret_rowid)
{
	struct new_row row = {.pin_ms = pin_ms};
	struct author *author = NULL;
	struct store_change *change;
	g_autofree char *stem = NULL;
	int r = author_of(p, m, &author);

	if (r == 0)
		r = name_and_place(p, m, author, &row, &stem);
	if (r < 0)
		return r;
	row.rowid = store_new_rowid(p->w->s);
	row.person = author->rowid;
	row.stem = stem;
	r = write_new(p, m, &row);
	if (r == 0)
		r = write_body(p->w, row.rowid, m, author->first_email);
	if (r == 0 && m->created_ms > p->told_ms)
		r = note_activity(p, m->created_ms, pin_ms > 0);
	if (r < 0)
		return r;
	*ret_rowid = row.rowid;
	change = changes_add(p->w, STORE_MESSAGE_ADDED, p->room.rowid, p->room.type, row.rowid);
	change->name = g_strdup(stem);
	change->is_new_head = p->told_ms >= 0 && m->created_ms > p->told_ms;
	return 0;
}

static bool is_same_list(char **a, char **b)
{
	static char *none[] = {NULL};

	return g_strv_equal((const char *const *)(a ? a : none),
			    (const char *const *)(b ? b : none));
}

/* Time, author and place of a message never change (webex-api.md 7.1). */
static bool is_same(const struct webex_message *a, const struct webex_message *b)
{
	return a->updated_ms == b->updated_ms && a->is_voice_clip == b->is_voice_clip &&
	       !g_strcmp0(a->text, b->text) && !g_strcmp0(a->markdown, b->markdown) &&
	       !g_strcmp0(a->html, b->html) && is_same_list(a->files, b->files) &&
	       !g_strcmp0(a->parent_id, b->parent_id) &&
	       !g_strcmp0(a->person_email, b->person_email) &&
	       !g_strcmp0(a->mentioned_people, b->mentioned_people) &&
	       !g_strcmp0(a->mentioned_groups, b->mentioned_groups) &&
	       !g_strcmp0(a->attachments, b->attachments) && !g_strcmp0(a->extra, b->extra);
}

/* What somebody changed, not what one answer of the server has and another one lacks. */
static bool is_edit(const struct webex_message *old, const struct webex_message *m)
{
	return old->updated_ms != m->updated_ms || g_strcmp0(old->text, m->text) != 0 ||
	       g_strcmp0(old->markdown, m->markdown) != 0;
}

static int write_fields(struct write *w, int64_t rowid, const struct webex_message *m)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE message SET updated_ms=?2, txt_size=?3, flags=?4,"
			       " parent_id=?5 WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, m->updated_ms);
	sql_int(&st, 3, txt_size_of(m));
	sql_int(&st, 4, flags_of(m));
	sql_id(&st, 5, "MESSAGE", m->parent_id);
	return sql_run(&st);
}

static int set_pin(struct write *w, int64_t rowid, int64_t pin_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE message SET pin_until_ms=max(pin_until_ms, ?2)"
			       " WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, pin_ms);
	return sql_run(&st);
}

static int update(struct put *p, const struct store_message *old, const struct webex_message *m)
{
	struct author *author = NULL;
	int r;

	/* A slow answer never overwrites a newer fact (design 4). */
	if (m->updated_ms < old->m.updated_ms || is_same(m, &old->m))
		return 0;
	/* By the author as first told. */
	r = author_of(p, &old->m, &author);
	if (r == 0)
		r = write_fields(p->w, old->rowid, m);
	if (r == 0)
		r = write_body(p->w, old->rowid, m, author->first_email);
	if (r == 0)
		changes_add_named(p->w, STORE_MESSAGE_CHANGED, p->room.rowid, p->room.type,
				  old->rowid, NULL, old->stem)
			->is_news = is_edit(&old->m, m);
	return r;
}

/* 1, 0, -errno. */
static int can_keep(struct put *p, const struct webex_message *m)
{
	int64_t twins = 0;
	int r;

	if (m->created_ms < TIME_MIN_MS || m->created_ms > TIME_MAX_MS ||
	    (m->room_id && strcmp(m->room_id, p->room.id) != 0))
		return 0;
	r = count_twins(p, cookie_floor(m->created_ms), &twins);
	if (r < 0)
		return r;
	if (twins < TIES_MAX)
		return 1;
	if (!p->has_told_flood)
		log_error("store", "more than %d messages of one millisecond in %s", TIES_MAX,
			  p->room.id);
	p->has_told_flood = true;
	return 0;
}

int put_message(struct put *p, const struct webex_message *m, int64_t pin_until_ms,
		int64_t *ret_rowid)
{
	struct store_message old = {0};
	int r = message_find(p->w->q, p->room.rowid, m->id, ret_rowid);

	if (r == -ENOENT) {
		*ret_rowid = 0;
		r = can_keep(p, m);
		return r == 1 ? insert(p, m, pin_until_ms, ret_rowid) : r;
	}
	if (r == 0)
		r = message_load(p->w->q, *ret_rowid, &old);
	if (r < 0)
		return r;
	r = old.deleted ? -ENOENT : update(p, &old, m);
	if (r == 0 && pin_until_ms > 0)
		r = set_pin(p->w, old.rowid, pin_until_ms);
	store_message_clear(&old);
	return r;
}

int put_deleted(struct write *w, const struct room_place *room, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE message SET deleted=1 WHERE rowid=?1 RETURNING stem");
	int r;

	sql_int(&st, 1, rowid);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	changes_add_named(w, STORE_MESSAGE_GONE, room->rowid, room->type, rowid, NULL,
			  sql_peek_text(&st, 0));
	/* The row is written when the statement has come to its end. */
	r = sql_run(&st);
	return r < 0 ? r : contents_drop_of(w, room, rowid);
}
