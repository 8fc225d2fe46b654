/* SPDX-License-Identifier: MIT */
/*
 * Keeps a page of messages. This bounds the speed of a walk over a history, and each poll brings
 * pages that are already known, so one query reads what is known of the page's time, and says how
 * each item is kept:
 *
 *   SAME   known, and nothing is to be done
 *   ALONE  the only one of its millisecond: put_message() need not look for others
 *   EXACT  the rest: put_message() looks everything up
 */
#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"

/* If more than 4 n rows and these are known around a page of n, they are not read at once. */
#define SCAN_MIN 4096

bool put_page_scans = true;

enum how { HOW_ALONE, HOW_SAME, HOW_EXACT };

struct item {
	const struct webex_message *m;
	uint64_t uuid_time;
	enum how how;
	bool is_twice; /* the page has another item with this id */
};

struct page {
	struct put *put;
	struct item *items;
	guint count, rows;
	GArray *seen; /* rows of the items */
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
static void sort_items(GPtrArray *messages, struct page *page)
{
	page->count = messages->len;
	page->items = g_new0(struct item, messages->len + 1);
	for (guint i = 0; i < messages->len; i++) {
		/* The service lists the newest first. */
		struct item *item = &page->items[messages->len - 1 - i];

		item->m = g_ptr_array_index(messages, i);
		item->uuid_time = webex_id_uuid_time(item->m->id);
		item->how = put_can_keep(page->put, item->m) &&
					    !cookie_is_shared(item->m->created_ms)
				    ? HOW_ALONE
				    : HOW_EXACT;
	}
	if (!is_sorted(page))
		qsort(page->items, page->count, sizeof(struct item), compare_items);
	for (guint i = 1; i < page->count; i++)
		note_twins(&page->items[i - 1], &page->items[i]);
}

/* ---- rows of the page's time ---- */

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

/* Compares a known row with the items of its millisecond. */
static bool compare_row(void *arg, const struct store_message *row)
{
	struct page *page = arg;

	for (guint i = first_at(page, row->m.created_ms);
	     i < page->count && page->items[i].m->created_ms == row->m.created_ms; i++) {
		struct item *item = &page->items[i];

		if (!item->is_twice && strcmp(item->m->id, row->m.id) == 0 &&
		    put_is_settled(row, item->m)) {
			item->how = HOW_SAME;
			rowset_add(page->seen, row->rowid);
		} else if (item->how == HOW_ALONE) {
			item->how = HOW_EXACT;
		}
	}
	return ++page->rows <= 4 * page->count + SCAN_MIN;
}

static int scan(struct page *page)
{
	int64_t low = G_MAXINT64, high = -1;
	bool is_whole = false;
	int r = 0;

	for (guint i = 0; i < page->count; i++) {
		int64_t created_ms = page->items[i].m->created_ms;

		if (created_ms < TIME_MIN_MS || created_ms > TIME_MAX_MS)
			continue;
		low = MIN(low, cookie_floor(created_ms));
		high = MAX(high, cookie_floor(created_ms) + COOKIE_TIES);
	}
	if (put_page_scans && !page->put->is_sparse)
		r = message_scan(page->put->w->q, page->put->room.rowid, low, high, compare_row,
				 page, &is_whole);
	/* There may be more rows than were read. */
	for (guint i = 0; !is_whole && i < page->count; i++)
		if (page->items[i].how == HOW_ALONE)
			page->items[i].how = HOW_EXACT;
	return r;
}

static int put_items(struct page *page)
{
	int r = 0;

	for (guint i = 0; r == 0 && i < page->count; i++) {
		const struct item *item = &page->items[i];
		int64_t rowid = 0;

		if (item->how == HOW_SAME)
			continue;
		r = put_message(page->put, item->m, item->how == HOW_ALONE, 0, &rowid);
		if (rowid)
			rowset_add(page->seen, rowid);
		if (r == -ENOENT)
			r = 0;
	}
	rowset_sort(page->seen);
	return r;
}

/* No message came since the answer that has a time so far ahead of our clock. */
#define FUTURE_MS (INT64_C(24) * 60 * 60 * 1000)

/* Finds the rows that the page should have and lacks. */
static int find_missing(const struct page *page, const struct page_part *part, GArray *missing)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		page->put->w->q, "SELECT rowid FROM message WHERE room=?1 AND cookie>=?2"
				 " AND cookie<?3 AND deleted=0 AND created_ms>?4"
				 " AND created_ms<=?5 AND pin_until_ms<=?6"
				 " AND (created_ms<=?7 OR pin_until_ms>0 OR created_ms>?8)");
	int r;

	sql_int(&st, 1, page->put->room.rowid);
	sql_int(&st, 2, cookie_floor(part->lo));
	sql_int(&st, 3, cookie_floor(part->hi) + COOKIE_TIES);
	sql_int(&st, 4, part->lo);
	sql_int(&st, 5, part->hi);
	sql_int(&st, 6, part->now_wall_ms);
	sql_int(&st, 7, part->sure_hi);
	sql_int(&st, 8, part->now_wall_ms + FUTURE_MS);
	while ((r = sql_step(&st)) == 1)
		if (!rowset_has(page->seen, sql_get_int(&st, 0)))
			rowset_add(missing, sql_get_int(&st, 0));
	return r;
}

/* The time of the newest item. One that the server did not give says nothing of others. */
static int64_t newest_of(const struct page *page)
{
	for (guint i = page->count; i-- > 0;)
		if (!page->items[i].m->has_odd_time)
			return page->items[i].m->created_ms;
	return page->count ? page->items[page->count - 1].m->created_ms : -1;
}

/* The same of a page that has only messages which mention the owner. */
static int find_missing_mentions(const struct page *page, const struct page_part *part,
				 GArray *missing)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(page->put->w->q, "SELECT rowid, flags FROM message INDEXED BY"
					  " message_mention WHERE room=?1 AND cookie>=?2"
					  " AND cookie<?3 AND " MESSAGE_IS_MENTION
					  " AND deleted=0 AND created_ms>?4 AND created_ms<=?5"
					  " AND pin_until_ms<=?6");
	int r;

	sql_int(&st, 1, page->put->room.rowid);
	sql_int(&st, 2, cookie_floor(part->lo));
	sql_int(&st, 3, cookie_floor(part->hi) + COOKIE_TIES);
	sql_int(&st, 4, part->lo);
	sql_int(&st, 5, part->hi);
	sql_int(&st, 6, part->now_wall_ms);
	while ((r = sql_step(&st)) == 1)
		if (!rowset_has(page->seen, sql_get_int(&st, 0)) &&
		    mention_is(page->put->w, sql_get_int(&st, 1)))
			rowset_add(missing, sql_get_int(&st, 0));
	return r;
}

int put_page(struct put *p, GPtrArray *messages, const struct page_part *part, GArray *missing,
	     int64_t *ret_newest_ms)
{
	g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(int64_t));
	struct page page = {.put = p, .seen = seen};
	int r;

	sort_items(messages, &page);
	r = scan(&page);
	if (r == 0)
		r = put_items(&page);
	if (r == 0 && part->is_complete && missing)
		r = part->has_mentions ? find_missing_mentions(&page, part, missing)
				       : find_missing(&page, part, missing);
	*ret_newest_ms = newest_of(&page);
	g_free(page.items);
	return r;
}
