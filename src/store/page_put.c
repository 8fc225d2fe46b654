/* SPDX-License-Identifier: MIT */
/*
 * Keeps a page of messages with exactly the result of put_message() for each of them. This
 * bounds the speed of a walk over a history, and each poll brings pages that are already known,
 * so the usual cases cost one query for a page instead of five for each message:
 *
 *   SAME known and unchanged: nothing is done NEW alone in its millisecond: its place and name
 *   need no look at others EXACT the rest, by put_message(): edits, several of one millisecond,
 *   evicted bodies, what must be refused. NEW becomes EXACT where the row is known under
 *   another time.
 */
#include "store/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "base/timefmt.h"

/* If more than 4 n rows and these are known around a page of n, they are not read at once. */
#define SCAN_MIN 4096

bool put_page_scans = true;

enum how { HOW_NEW, HOW_SAME, HOW_EXACT };

struct item {
	const struct webex_message *m;
	uint64_t uuid_time;
	enum how how;
	bool is_twice;	   /* the page has another item with this id */
	bool has_bytes;	   /* the id is kept as `bytes`, else as text */
	uint8_t bytes[16]; /* the id as it is kept */
};

struct page {
	struct item *items;
	guint count;
	GArray *absent; /* known rows that the page should have and lacks */
};

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->m->created_ms != y->m->created_ms)
		return x->m->created_ms < y->m->created_ms ? -1 : 1;
	if (x->uuid_time != y->uuid_time)
		return x->uuid_time < y->uuid_time ? -1 : 1;
	return strcmp(x->m->id, y->m->id);
}

/* True for an item that is alone in its millisecond and can have its first cookie. */
static bool is_usual(const struct put *p, const struct webex_message *m)
{
	return m->created_ms >= TIME_MIN_MS && m->created_ms <= TIME_MAX_MS &&
	       !cookie_is_shared(m->created_ms) && m->person_id &&
	       (!m->room_id || strcmp(m->room_id, p->room.id) == 0);
}

static bool is_sorted(const struct page *page)
{
	for (guint i = 1; i < page->count; i++)
		if (compare_items(&page->items[i - 1], &page->items[i]) > 0)
			return false;
	return true;
}

static void note_twins(struct item *a, struct item *b)
{
	if (a->m->created_ms != b->m->created_ms)
		return;
	a->how = b->how = HOW_EXACT;
	if (strcmp(a->m->id, b->m->id) == 0)
		a->is_twice = b->is_twice = true;
}

/* Sorts the oldest first, so that cookies and rowids rise with time. */
static void sort_items(const struct put *p, GPtrArray *messages, struct page *page)
{
	page->count = messages->len;
	page->items = g_new0(struct item, messages->len + 1);
	for (guint i = 0; i < messages->len; i++) {
		/* The service lists the newest first. */
		struct item *item = &page->items[messages->len - 1 - i];

		item->m = g_ptr_array_index(messages, i);
		item->has_bytes = sql_id_bytes("MESSAGE", item->m->id, item->bytes);
		item->uuid_time = item->has_bytes ? sql_id_time(item->bytes)
						  : webex_id_uuid_time(item->m->id);
		item->how = is_usual(p, item->m) ? HOW_NEW : HOW_EXACT;
	}
	if (!is_sorted(page))
		qsort(page->items, page->count, sizeof(struct item), compare_items);
	for (guint i = 1; i < page->count; i++)
		note_twins(&page->items[i - 1], &page->items[i]);
}

/* ---- rows of the page's time ---- */

#define SCAN_COLUMNS                                                                           \
	"m.rowid, m.created_ms, m.id, m.deleted, m.updated_ms, m.flags, m.parent_id,"          \
	" m.pin_until_ms, b.message, b.text, b.markdown, b.html, b.files, b.email,"            \
	" p.first_email, b.mentioned_people, b.mentioned_groups, b.attachments, b.extra "

/* The first item that is not older; `count` if there is none. */
static guint first_at(const struct page *page, int64_t created_ms)
{
	guint low = 0, high = page->count;

	while (low < high) {
		guint middle = low + (high - low) / 2;

		if (page->items[middle].m->created_ms < created_ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool has_text(struct sql_stmt *st, int column, const char *text)
{
	return g_strcmp0(sql_peek_text(st, column), text) == 0;
}

static bool has_id(struct sql_stmt *st, int column, const uint8_t bytes[static 16])
{
	size_t size;
	const void *known = sql_peek_bytes(st, column, &size);

	return sql_is_bytes(st, column) && size == 16 && memcmp(known, bytes, 16) == 0;
}

static bool has_item_id(struct sql_stmt *st, const struct item *item)
{
	if (item->has_bytes)
		return has_id(st, 2, item->bytes);
	return !sql_is_bytes(st, 2) && has_text(st, 2, item->m->id);
}

static bool has_parent(struct sql_stmt *st, const char *parent_id)
{
	uint8_t bytes[16];

	if (parent_id && sql_id_bytes("MESSAGE", parent_id, bytes))
		return has_id(st, 6, bytes);
	return !sql_is_bytes(st, 6) && has_text(st, 6, parent_id);
}

static bool has_files(struct sql_stmt *st, char **files)
{
	size_t size, at = 0;
	const char *known = sql_peek_bytes(st, 12, &size);

	for (; files && *files; files++) {
		size_t len = strlen(*files) + 1;

		if (len > size - at || memcmp(known + at, *files, len) != 0)
			return false;
		at += len;
	}
	return at == size;
}

/* As email_column() in messages.c. */
static bool has_email(struct sql_stmt *st, const char *email)
{
	const char *own = sql_peek_text(st, 13);

	if (own)
		return own[0] ? g_strcmp0(own, email) == 0 : !email;
	return has_text(st, 14, email);
}

/* As is_same() in message_put.c. */
static bool has_all_of(struct sql_stmt *st, const struct webex_message *m)
{
	return sql_get_int(st, 4) == m->updated_ms &&
	       !(sql_get_int(st, 5) & MESSAGE_VOICE_CLIP) == !m->is_voice_clip &&
	       has_parent(st, m->parent_id) && has_text(st, 9, m->text) &&
	       has_text(st, 10, m->markdown) && has_text(st, 11, m->html) &&
	       has_files(st, m->files) && has_email(st, m->person_email) &&
	       has_text(st, 15, m->mentioned_people) && has_text(st, 16, m->mentioned_groups) &&
	       has_text(st, 17, m->attachments) && has_text(st, 18, m->extra);
}

/* True if nothing is to be done for the item, which is this row. */
static bool is_settled(struct sql_stmt *st, const struct page_part *part,
		       const struct webex_message *m)
{
	if (sql_get_int(st, 3))
		return sql_get_int(st, 7) > part->revived_until_ms;
	return m->updated_ms < sql_get_int(st, 4) || (sql_get_int(st, 8) && has_all_of(st, m));
}

static bool is_in(const struct page_part *part, struct sql_stmt *st)
{
	int64_t created_ms = sql_get_int(st, 1);

	return part->is_complete && !sql_get_int(st, 3) && created_ms > part->lo &&
	       created_ms <= part->hi && sql_get_int(st, 7) <= part->now_wall_ms &&
	       (created_ms <= part->sure_hi || sql_get_int(st, 7) > 0);
}

/* Compares a known row with the items of its millisecond. */
static void compare_row(struct sql_stmt *st, const struct page_part *part, struct page *page)
{
	int64_t created_ms = sql_get_int(st, 1);
	bool is_there = false;

	for (guint i = first_at(page, created_ms);
	     i < page->count && page->items[i].m->created_ms == created_ms; i++) {
		struct item *item = &page->items[i];
		bool is_it = has_item_id(st, item);

		is_there |= is_it;
		if (is_it && !item->is_twice && is_settled(st, part, item->m))
			item->how = HOW_SAME;
		else if (item->how == HOW_NEW)
			item->how = HOW_EXACT;
	}
	if (!is_there && is_in(part, st))
		rowset_add(page->absent, sql_get_int(st, 0));
}

/* Binds the cookies between which the rows of the items and of the part stand, except of items
 * that cannot be kept. */
static void bind_places(struct sql_stmt *st, const struct put *p, const struct page_part *part,
			const struct page *page)
{
	int64_t low = G_MAXINT64, high = -1;

	for (guint i = 0; i < page->count; i++) {
		int64_t created_ms = page->items[i].m->created_ms;

		if (created_ms < TIME_MIN_MS || created_ms > TIME_MAX_MS)
			continue;
		low = MIN(low, cookie_floor(created_ms));
		high = MAX(high, cookie_floor(created_ms));
	}
	if (part->is_complete) {
		low = MIN(low, cookie_floor(part->lo));
		high = MAX(high, cookie_floor(part->hi));
	}
	sql_int(st, 1, p->room.rowid);
	sql_int(st, 2, low);
	sql_int(st, 3, high + COOKIE_TIES);
}

/* 1: all rows were read; 0: there are too many; -errno. */
static int scan(struct put *p, const struct page_part *part, struct page *page)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(p->w->q, "SELECT " SCAN_COLUMNS "FROM message m"
				  " LEFT JOIN body b ON b.message=m.rowid"
				  " LEFT JOIN person p ON p.rowid=m.person"
				  " WHERE m.room=?1 AND m.cookie>=?2 AND m.cookie<?3"
				  " ORDER BY m.cookie");
	guint rows = 0;
	int r;

	bind_places(&st, p, part, page);
	while ((r = sql_step(&st)) == 1) {
		if (++rows > 4 * page->count + SCAN_MIN)
			return 0;
		compare_row(&st, part, page);
	}
	return r < 0 ? r : 1;
}

/* ---- the items ---- */

/* Notes a row of the page that scan() did not see in its place or that was written just now. */
static void note_seen(GArray *seen, int64_t rowid)
{
	if (rowid)
		rowset_add(seen, rowid);
}

static int put_exact(struct put *p, const struct item *item, GArray *seen)
{
	int64_t rowid = 0;
	int r = put_message(p, item->m, 0, &rowid);

	note_seen(seen, rowid);
	return r == -ENOENT ? 0 : r;
}

/* Does what insert() of message_put.c does for a message without twins. */
static int put_new(struct put *p, const struct item *item, GArray *seen)
{
	struct message_row row = {.room = p->room.rowid};
	char stem[TIME_ISO_SIZE + NAME_STEM_MAX_BYTES];
	struct author *author = put_known_author(p, item->m);
	int r;

	/* The first message of each author goes this way, since a new author is noted only for
	 * a new message. */
	if (!author)
		return put_exact(p, item, seen);
	if (!author->suffix) {
		g_autofree char *base =
			name_message_stem(0, author->first_email, author->hex, NULL);

		author->suffix = g_strdup(base + TIME_ISO_SIZE - 1);
	}
	time_format_name(item->m->created_ms, stem);
	g_strlcpy(stem + TIME_ISO_SIZE - 1, author->suffix, NAME_STEM_MAX_BYTES);
	row.rowid = store_new_rowid(p->w->s);
	row.cookie = cookie_floor(item->m->created_ms);
	row.person = author->rowid;
	row.is_own = author->is_owner;
	row.stem = stem;
	row.id = item->has_bytes ? item->bytes : NULL;
	r = message_insert(p->w, &row, item->m, author->first_email);
	/* The message is known under another time. */
	if (r == -EEXIST) {
		rowids_untake(&p->w->s->rowids, row.rowid);
		return put_exact(p, item, seen);
	}
	if (r < 0)
		return r;
	put_added(p, item->m, row.rowid, stem);
	note_seen(seen, row.rowid);
	return 0;
}

static int put_items(struct put *p, const struct page *page, GArray *seen)
{
	int r = 0;

	for (guint i = 0; r == 0 && i < page->count; i++) {
		const struct item *item = &page->items[i];

		if (item->how == HOW_NEW)
			r = put_new(p, item, seen);
		else if (item->how == HOW_EXACT)
			r = put_exact(p, item, seen);
	}
	rowset_sort(seen);
	return r;
}

/* ---- rows that the page lacks ---- */

/* Finds all rows that the part has now, where scan() saw too many. */
static int find_absent(struct put *p, const struct page_part *part, GArray *absent)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(p->w->q, "SELECT rowid FROM message WHERE room=?1 AND cookie>=?2"
				  " AND cookie<?3 AND deleted=0 AND created_ms>?4"
				  " AND created_ms<=?5 AND pin_until_ms<=?6"
				  " AND (created_ms<=?7 OR pin_until_ms>0)");
	int r;

	sql_int(&st, 1, p->room.rowid);
	sql_int(&st, 2, cookie_floor(part->lo));
	sql_int(&st, 3, cookie_floor(part->hi) + COOKIE_TIES);
	sql_int(&st, 4, part->lo);
	sql_int(&st, 5, part->hi);
	sql_int(&st, 6, part->now_wall_ms);
	sql_int(&st, 7, part->sure_hi);
	while ((r = sql_step(&st)) == 1)
		rowset_add(absent, sql_get_int(&st, 0));
	return r;
}

static void tell_missing(const GArray *absent, const GArray *seen, GArray *missing)
{
	for (guint i = 0; missing && i < absent->len; i++) {
		int64_t rowid = g_array_index(absent, int64_t, i);

		if (!rowset_has(seen, rowid))
			rowset_add(missing, rowid);
	}
}

/* Lets all items go through put_message(). */
static void give_up_scan(struct page *page)
{
	for (guint i = 0; i < page->count; i++)
		page->items[i].how = HOW_EXACT;
	g_array_set_size(page->absent, 0);
}

static int put_scanned(struct put *p, const struct page_part *part, struct page *page,
		       GArray *seen, GArray *missing)
{
	int scanned = put_page_scans ? scan(p, part, page) : 0, r;

	if (scanned < 0)
		return scanned;
	if (!scanned)
		give_up_scan(page);
	r = put_items(p, page, seen);
	if (r == 0 && !scanned && part->is_complete)
		r = find_absent(p, part, page->absent);
	if (r >= 0)
		tell_missing(page->absent, seen, missing);
	return MIN(r, 0);
}

int put_page(struct put *p, GPtrArray *messages, const struct page_part *part, GArray *missing,
	     int64_t *ret_newest_ms)
{
	g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(int64_t));
	struct page page = {.absent = g_array_new(FALSE, FALSE, sizeof(int64_t))};
	int r;

	sort_items(p, messages, &page);
	r = put_scanned(p, part, &page, seen, missing);
	*ret_newest_ms = page.count ? page.items[page.count - 1].m->created_ms : -1;
	g_free(page.items);
	g_array_unref(page.absent);
	return r;
}
