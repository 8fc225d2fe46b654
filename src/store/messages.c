/* SPDX-License-Identifier: MIT */
/* Reads messages. Writing is in message_put.c and pages.c. */
#include "store/internal.h"

#include <errno.h>
#include <string.h>

#include "base/timefmt.h"
#include "store/texts.h"

/* Cookies stay below 2^62, so all times after the year 2139 share the last floor. */
#define COOKIE_PLACE_MAX ((INT64_C(1) << 42) - 1)

#define MESSAGE_COLUMNS                                                                        \
	"m.rowid, m.room, m.cookie, m.person, m.stem, " SIZE_OF(                               \
		"txt_size") ", m.deleted OR r.gone, m.id, r.id, m.parent_id, r.type, b.text, " \
			    "b.markdown, b.html, b.files, p.id, b.email,"                      \
			    " p.first_email, b.mentioned_people, b.mentioned_groups, "         \
			    "b.attachments, m.flags,"                                          \
			    " m.created_ms, m.updated_ms, b.extra, b.message, m.changed_ms, "  \
			    "m.thread, m.root_ms, m.root_author "
#define MESSAGE_FROM                                                                           \
	"FROM message m JOIN room r ON r.rowid=m.room LEFT JOIN body b ON b.message=m.rowid"   \
	" LEFT JOIN person p ON p.rowid=m.person "

int64_t cookie_floor(int64_t created_ms)
{
	int64_t place = CLAMP(created_ms, TIME_MIN_MS, TIME_MAX_MS) - TIME_MIN_MS + 2;

	return MIN(place, COOKIE_PLACE_MAX) * COOKIE_TIES;
}

bool cookie_is_shared(int64_t created_ms)
{
	return cookie_floor(created_ms) >= COOKIE_PLACE_MAX * COOKIE_TIES;
}

int64_t store_cookie_of(int64_t created_ms)
{
	return cookie_floor(created_ms);
}

void store_message_clear(struct store_message *m)
{
	g_clear_pointer(&m->stem, g_free);
	g_clear_pointer(&m->root_author, g_free);
	webex_message_clear(&m->m);
}

/* The column has the URLs one after the other, each with its NUL. */
static char **files_column(struct sql_stmt *st, int column)
{
	g_autoptr(GPtrArray) files = g_ptr_array_new();
	size_t size;
	const char *p = sql_peek_bytes(st, column, &size), *end = p + size;

	if (!p || !size || end[-1])
		return NULL;
	for (; p < end; p += strlen(p) + 1)
		g_ptr_array_add(files, g_strdup(p));
	g_ptr_array_add(files, NULL);
	return (char **)g_ptr_array_steal(files, NULL);
}

/* The column is null for the author's first address, and "" for a message without an address. */
static char *email_column(struct sql_stmt *st)
{
	const char *own = sql_peek_text(st, 16);

	if (!own)
		return sql_get_text(st, 17);
	return own[0] ? g_strdup(own) : NULL;
}

static void message_row(struct sql_stmt *st, struct store_message *ret_message)
{
	int64_t flags = sql_get_int(st, 21);

	*ret_message = (struct store_message){
		.rowid = sql_get_int(st, 0),
		.room = sql_get_int(st, 1),
		.cookie = sql_get_int(st, 2),
		.person = sql_get_int(st, 3),
		.stem = sql_get_text(st, 4),
		.txt_size = sql_get_int(st, 5),
		.flags = flags,
		.deleted = sql_get_int(st, 6),
		.is_evicted = sql_get_int(st, 25) == 0,
		.changed_ms = sql_get_int(st, 26),
		.thread = sql_get_int(st, 27),
		.root_ms = sql_get_int(st, 28),
		.root_author = sql_get_text(st, 29),
		.m =
			{
				.id = sql_get_id(st, 7, "MESSAGE"),
				.room_id = sql_get_id(st, 8, "ROOM"),
				.parent_id = sql_get_id(st, 9, "MESSAGE"),
				.room_type = (enum webex_room_type)sql_get_int(st, 10),
				.text = sql_get_text(st, 11),
				.markdown = sql_get_text(st, 12),
				.html = sql_get_text(st, 13),
				.files = files_column(st, 14),
				.person_id = sql_get_id(st, 15, "PEOPLE"),
				.person_email = email_column(st),
				.mentioned_people = sql_get_text(st, 18),
				.mentioned_groups = sql_get_text(st, 19),
				.attachments = sql_get_text(st, 20),
				.is_voice_clip = flags & MESSAGE_VOICE_CLIP,
				.created_ms = sql_get_int(st, 22),
				.updated_ms = sql_get_int(st, 23),
				.extra = sql_get_text(st, 24),
			},
	};
}

void brief_row(struct sql_stmt *st, struct store_brief *ret_brief)
{
	int64_t flags = sql_get_int(st, 6);

	*ret_brief = (struct store_brief){
		.rowid = sql_get_int(st, 0),
		.cookie = sql_get_int(st, 1),
		.person = sql_get_int(st, 2),
		.created_ms = sql_get_int(st, 3),
		.updated_ms = sql_get_int(st, 4),
		.txt_size = sql_get_int(st, 5),
		.stem = sql_peek_text(st, 7),
		.changed_ms = sql_get_int(st, 8),
		.has_markdown = flags & MESSAGE_HAS_MARKDOWN,
		.has_files = flags & MESSAGE_HAS_FILES,
		.has_card = flags & MESSAGE_HAS_CARD,
		.is_exact = !(flags & MESSAGE_INEXACT),
	};
}

static int one_rowid(struct sql_stmt *st, int64_t *ret_rowid)
{
	int r = sql_step(st);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_rowid = sql_get_int(st, 0);
	return 0;
}

/* Fills in the names of the files if the sizes of the message are those of a text that names
 * them. */
static int name_files(struct sql *q, struct store_message *m)
{
	int r = m->flags & MESSAGE_SHOWS_NAMES ? contents_names_of(q, m->rowid, &m->m) : 0;

	return MIN(r, 0);
}

int message_load(struct sql *q, int64_t rowid, struct store_message *ret_message)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT " MESSAGE_COLUMNS MESSAGE_FROM "WHERE m.rowid=?1");
	int r;

	sql_int(&st, 1, rowid);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	message_row(&st, ret_message);
	return name_files(q, ret_message);
}

int message_scan(struct sql *q, int64_t room, int64_t low, int64_t high,
		 bool (*fn)(void *arg, const struct store_message *m), void *arg,
		 bool *ret_whole)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		q, "SELECT " MESSAGE_COLUMNS MESSAGE_FROM
		   "WHERE m.room=?1 AND m.cookie>=?2 AND m.cookie<?3 ORDER BY m.cookie");
	bool more = true;
	int r = 0;

	sql_int(&st, 1, room);
	sql_int(&st, 2, low);
	sql_int(&st, 3, high);
	while (more && (r = sql_step(&st)) == 1) {
		struct store_message m;

		message_row(&st, &m);
		more = fn(arg, &m);
		store_message_clear(&m);
	}
	*ret_whole = r == 0;
	return MIN(r, 0);
}

int message_find(struct sql *q, int64_t room, const char *id, int64_t *ret_rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT rowid FROM message WHERE id=?1 AND room=?2");

	sql_id(&st, 1, "MESSAGE", id);
	sql_int(&st, 2, room);
	return one_rowid(&st, ret_rowid);
}

int store_message_get(struct store_conn *c, int64_t rowid, struct store_message *ret_message)
{
	return message_load(c->q, rowid, ret_message);
}

int store_message_brief(struct store_conn *c, int64_t rowid, struct store_brief *ret_brief,
			char **ret_stem, int64_t *ret_room, bool *ret_deleted)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT " BRIEF_COLUMNS ", m.room, m.deleted OR r.gone "
			       "FROM message m JOIN room r ON r.rowid=m.room WHERE m.rowid=?1");
	int r;

	sql_int(&st, 1, rowid);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	brief_row(&st, ret_brief);
	*ret_stem = g_strdup(ret_brief->stem);
	ret_brief->stem = *ret_stem;
	*ret_room = sql_get_int(&st, 9);
	*ret_deleted = sql_get_int(&st, 10);
	return 0;
}

/* A stem begins with the time of the message, so it is looked for at that place of the list. */
int store_message_by_stem(struct store_conn *c, int64_t room, const char *stem, size_t stem_len,
			  int64_t *ret_rowid)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT m.rowid, m.stem "
		      "FROM message m JOIN room r ON r.rowid=m.room WHERE m.room=?1"
		      " AND m.cookie>=?2 AND m.cookie<?3 AND m.deleted=0 AND r.gone=0");
	char when[TIME_ISO_SIZE];
	int64_t created_ms;
	int r;

	if (stem_len < sizeof(when) - 1)
		return -ENOENT;
	memcpy(when, stem, sizeof(when) - 1);
	when[sizeof(when) - 1] = '\0';
	if (time_parse_name(when, &created_ms) < 0)
		return -ENOENT;
	sql_int(&st, 1, room);
	sql_int(&st, 2, cookie_floor(created_ms));
	sql_int(&st, 3, cookie_floor(created_ms) + COOKIE_TIES);
	while ((r = sql_step(&st)) == 1) {
		const char *known = sql_peek_text(&st, 1);

		if (strlen(known) == stem_len && !memcmp(known, stem, stem_len)) {
			*ret_rowid = sql_get_int(&st, 0);
			return 0;
		}
	}
	return r < 0 ? r : -ENOENT;
}

int store_message_by_id(struct store_conn *c, const char *id, int64_t *ret_rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT m.rowid FROM message m JOIN room r ON r.rowid=m.room "
			       "WHERE m.id=?1 AND m.deleted=0 AND r.gone=0 ORDER BY m.rowid");

	sql_id(&st, 1, "MESSAGE", id);
	return one_rowid(&st, ret_rowid);
}

static void bind_listing(struct sql_stmt *st, const struct store_range *range)
{
	sql_int(st, 1, range->room);
	sql_int(st, 2, MAX(range->after, cookie_floor(range->since_ms) - 1));
	sql_int(st, 3, range->since_ms);
	sql_int(st, 4, range->until > 0 ? range->until : G_MAXINT64);
	if (range->thread)
		sql_int(st, 5, range->thread);
}

#define LISTING_OF(room)                                                                       \
	room "=?1 AND m.cookie>?2 AND m.cookie<?4 AND m.deleted=0"                             \
	     " AND m.created_ms>=?3 AND (SELECT gone FROM room WHERE rowid=?1)=0"              \
	     " ORDER BY m.cookie"
#define LISTING_WHERE "WHERE " LISTING_OF("m.room")
/* The "+" keeps SQLite from going through all of the room. */
#define THREAD_WHERE "WHERE m.thread=?5 AND m.thread>0 AND " LISTING_OF("+m.room")
/* A statement that lists the range. */
#define LIST(q, range, what)                                                                   \
	sql_stmt(q, (range)->thread ? what THREAD_WHERE : what LISTING_WHERE)

int store_message_list(struct store_conn *c, const struct store_range *range,
		       bool (*fn)(void *arg, const struct store_brief *brief), void *arg)
{
	_cleanup_(sql_done) struct sql_stmt st =
		LIST(c->q, range, "SELECT " BRIEF_COLUMNS "FROM message m ");
	bool more = true;
	int r = 0;

	bind_listing(&st, range);
	while (more && (r = sql_step(&st)) == 1) {
		struct store_brief brief;

		brief_row(&st, &brief);
		more = fn(arg, &brief);
	}
	return r < 0 ? r : 0;
}

int store_message_each(struct store_conn *c, const struct store_range *range,
		       bool (*fn)(void *arg, const struct store_message *m), void *arg)
{
	_cleanup_(sql_done) struct sql_stmt st =
		LIST(c->q, range, "SELECT " MESSAGE_COLUMNS MESSAGE_FROM);
	bool more = true;
	int r = 0;

	bind_listing(&st, range);
	while (more && (r = sql_step(&st)) == 1) {
		struct store_message message;

		message_row(&st, &message);
		r = name_files(c->q, &message);
		more = r == 0 && fn(arg, &message);
		store_message_clear(&message);
	}
	return r < 0 ? r : 0;
}

const struct webex_root *store_message_root(const struct store_message *m,
					    struct webex_root *ret_root)
{
	*ret_root = (struct webex_root){
		.author = m->root_author,
		.author_len = m->root_author ? strlen(m->root_author) : 0,
		.created_ms = m->root_ms,
	};
	return m->m.parent_id ? ret_root : NULL;
}

/* Columns 2, 3 and 4: created_ms, root_ms, root_author. */
static int64_t root_size(struct sql_stmt *st)
{
	struct webex_root root = {.author = sql_peek_text(st, 4)};

	if (sql_is_null(st, 3))
		return 0;
	root.author_len = root.author ? strlen(root.author) : 0;
	root.created_ms = sql_get_int(st, 3);
	return (int64_t)webex_render_root_size(sql_get_int(st, 2), &root);
}

int store_transcript_places(struct store_conn *c, const struct store_range *range,
			    bool (*fn)(void *arg, int64_t cookie, int64_t size), void *arg)
{
	_cleanup_(sql_done) struct sql_stmt st =
		LIST(c->q, range,
		     "SELECT m.cookie, " SIZE_OF(
			     "log_size") ", m.created_ms,"
					 " m.root_ms, m.root_author FROM message m ");
	bool more = true;
	int r = 0;

	bind_listing(&st, range);
	while (more && (r = sql_step(&st)) == 1) {
		int64_t size = sql_get_int(&st, 1);

		if (size < 0)
			return -ENODATA;
		more = fn(arg, sql_get_int(&st, 0), size + root_size(&st));
	}
	return MIN(r, 0);
}

int64_t store_message_recent(struct store_conn *c, int64_t room, int64_t since_ms,
			     int64_t recent)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT cookie FROM message WHERE room=?1 AND cookie>=?2"
			       " AND deleted=0 ORDER BY cookie DESC LIMIT 1 OFFSET ?3");

	sql_int(&st, 1, room);
	sql_int(&st, 2, cookie_floor(since_ms));
	sql_int(&st, 3, MAX(recent, 0));
	return sql_step(&st) == 1 ? sql_get_int(&st, 0) : 0;
}

int64_t store_message_oldest_ms(struct store_conn *c, int64_t room)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT created_ms FROM message WHERE room=?1 AND deleted=0"
			       " ORDER BY cookie LIMIT 1");

	sql_int(&st, 1, room);
	return sql_step(&st) == 1 ? sql_get_int(&st, 0) : INT64_MAX;
}

int64_t store_message_count(struct store_conn *c, int64_t room, int64_t since_ms, int64_t limit)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT count(*) FROM (SELECT 1 FROM message WHERE room=?1"
			       " AND cookie>=?2 AND deleted=0 LIMIT ?3)");

	sql_int(&st, 1, room);
	sql_int(&st, 2, cookie_floor(since_ms));
	sql_int(&st, 3, limit);
	return sql_step(&st) == 1 ? sql_get_int(&st, 0) : 0;
}

/* There is an index of the few messages that are the owner's. */
static int last_own(struct store_conn *c, int64_t room, int64_t person, int64_t *ret_rowid)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT rowid FROM message WHERE room=?1 AND person=?2 AND deleted=0"
		      " AND " MESSAGE_IS_OWN " AND (SELECT gone FROM room WHERE rowid=?1)=0"
		      " ORDER BY cookie DESC LIMIT 1");

	sql_int(&st, 1, room);
	sql_int(&st, 2, person);
	return one_rowid(&st, ret_rowid);
}

static bool is_owner(struct store_conn *c, int64_t person)
{
	g_autofree char *me = store_meta_get(c, "me.id");
	struct store_person p = {0};
	bool is = me && store_person_by_id(c, me, &p) == 0 && p.rowid == person;

	store_person_clear(&p);
	return is;
}

int store_message_last_by(struct store_conn *c, int64_t room, int64_t person,
			  int64_t *ret_rowid)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT rowid FROM message WHERE room=?1 AND person=?2 AND deleted=0"
		      " AND (SELECT gone FROM room WHERE rowid=?1)=0"
		      " ORDER BY cookie DESC LIMIT 1");
	int r = last_own(c, room, person, ret_rowid);

	if (r != -ENOENT || is_owner(c, person))
		return r;
	sql_int(&st, 1, room);
	sql_int(&st, 2, person);
	return one_rowid(&st, ret_rowid);
}
