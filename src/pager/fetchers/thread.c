/* SPDX-License-Identifier: MIT */
/*
 * NEED_THREAD: all replies of a thread, by its own list (webex-api.md 5.4, 6.5), whose pages are kept as they
 * come. How far it is known is kept with the thread: a list that came has all replies up to the newest
 * message of the space that was known when it was asked for. Later ones come with the space's news.
 *
 *	begin: the first part of the thread that is not whole (store/threads.h)
 *	   |          none: done
 *	   v
 *	ask <------------- a next link -------------+
 *	   |                                        |
 *	   v                                        |
 *	answer: kept ------------------------------>+
 *	   | the end, or messages that were known before
 *	   v
 *	the part is whole; the next one, or done
 *
 * NEED_THREAD_ROW: the row of the thread of a message without replies. It makes no request.
 */
#include <errno.h>
#include <string.h>

#include "pager/fetchers/fetchers.h"
#include "pager/fetchers/list.h"
#include "pager/proof/proof.h"

static bool needs_bodies(const struct fetch *f)
{
	return f->need.kind == NEED_THREAD_BODIES;
}

/* True if all replies of this part are known up to f->replies.hi_ms. */
static bool is_whole(struct store_conn *conn, const struct store_thread_part *part,
		     int64_t room, int64_t hi_ms)
{
	return part->whole_ms >= 0 && store_span_covers(conn, room, part->whole_ms, hi_ms) == 1;
}

/* Goes on to the next part that is to be asked for. FETCH_MORE: f->replies.row is it; FETCH_DONE; -errno. */
static int next_part(struct fetch *f)
{
	g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(struct store_thread_part));
	struct store_span head = {.hi = -1};
	struct store_thread t = {0};
	struct store_conn *conn;
	int64_t after = f->replies.row;
	int r = store_read_begin(pager_get_config(f->pager)->store, &conn);

	if (r)
		return r;
	r = store_thread_get(conn, f->need.row, &t);
	if (r == 0)
		(void)store_span_head(conn, t.room, &head);
	if (r == 0)
		r = store_thread_parts(conn, t.rowid, parts);
	f->replies.hi_ms = head.hi;
	f->replies.room = t.room;
	for (guint i = 0; r == 0 && i < parts->len; i++) {
		const struct store_thread_part *part =
			&g_array_index(parts, struct store_thread_part, i);

		if (part->rowid > after &&
		    (needs_bodies(f) || !is_whole(conn, part, t.room, head.hi))) {
			f->replies.row = part->rowid;
			f->replies.root = part->rowid == t.rowid ? t.root : 0;
			f->replies.whole_ms = needs_bodies(f) ? -1 : part->whole_ms;
			r = FETCH_MORE;
		}
	}
	store_thread_clear(&t);
	store_read_end(conn);
	return r == FETCH_MORE || r < 0 ? r : FETCH_DONE;
}

/* The id of the root of the part. Owned. */
static char *root_of(struct fetch *f)
{
	struct store_conn *conn;
	char *id;

	if (store_read_begin(pager_get_config(f->pager)->store, &conn))
		return NULL;
	id = store_thread_root_id(conn, f->replies.row);
	store_read_end(conn);
	return id;
}

static int submit(struct fetch *f)
{
	g_autofree char *parent_id = root_of(f);
	struct webex_list l = {.room_id = f->room_id,
			       .parent_id = parent_id,
			       .mentioned_me = f->replies.is_filtered,
			       .max = f->max,
			       .next = f->last_next,
			       .background = fetch_is_unwaited(f)};

	if (!parent_id)
		return -ENOENT;
	f->request =
		webex_list_messages(pager_get_config(f->pager)->client, &l, fetch_answered, f);
	return FETCH_MORE;
}

static int begin_part(struct fetch *f)
{
	int r = next_part(f);

	if (r != FETCH_MORE)
		return r;
	pages_restart(f);
	f->pages = 0;
	g_clear_pointer(&f->room_id, g_free);
	r = pager_load_room(f->pager, f->replies.room, &f->room_id, &f->replies.is_filtered);
	if (r)
		return r;
	f->max = server_page_max(pager_server(f->pager), SERVER_PAGE_MAX);
	f->replies.low_ms = INT64_MAX;
	return submit(f);
}

static int begin(struct fetch *f)
{
	f->replies.row = 0;
	return begin_part(f);
}

static bool is_fresh(const struct fetch *f, const struct webex_message *m)
{
	return m->created_ms < f->replies.low_ms ||
	       (m->created_ms == f->replies.low_ms &&
		!(f->seen && g_hash_table_contains(f->seen, m->id)));
}

/* Makes the page that of the fetch. A page of a list that goes on stands below the one before. */
static void take(struct fetch *f, struct webex_reply *reply)
{
	bool is_stale = true;

	for (guint i = 0; i < reply->items->len; i++)
		is_stale = is_stale && !is_fresh(f, reply->items->pdata[i]);
	f->pages++;
	f->empty_pages = reply->items->len || reply->skipped ? 0 : f->empty_pages + 1;
	f->stale_pages = !is_stale || f->empty_pages ? 0 : f->stale_pages + 1;
	f->is_partial |= reply->skipped > 0;
	g_clear_pointer(&f->seen, g_hash_table_unref);
	g_clear_pointer(&f->items, g_ptr_array_unref);
	f->items = g_steal_pointer(&reply->items);
	f->seen = g_hash_table_new(g_str_hash, g_str_equal);
	for (guint i = 0; i < f->items->len; i++) {
		const struct webex_message *m = f->items->pdata[i];

		f->replies.low_ms = MIN(f->replies.low_ms, m->created_ms);
		g_hash_table_add(f->seen, m->id);
	}
}

/* True if the page reaches down to what a list before had. */
static bool reaches_known(const struct fetch *f)
{
	return f->replies.low_ms <= f->replies.whole_ms;
}

/* Keeps the messages of the page. */
static int keep(struct fetch *f)
{
	const struct pager_config *c = pager_get_config(f->pager);
	GPtrArray *changes = store_changes_new();
	int r = store_apply_page(c->store, f->replies.room, f->items, 0, 0, STORE_PAGE_PICKED,
				 clock_wall(c->clock), NULL, changes);

	return pager_published(f->pager, r, changes);
}

static int end_part(struct fetch *f, struct webex_reply *reply)
{
	int r;

	if (f->is_partial)
		return fetch_spoil_partial(reply);
	/* Without any list of the space nothing tells what comes later. */
	r = store_thread_set_whole(pager_get_config(f->pager)->store, f->replies.row,
				   MAX(f->replies.hi_ms, 0));
	return r ? r : begin_part(f);
}

/* True if the answer says that there is no such thread, or none for us: its replies are those that came
 * with the space itself. Where the root is there, that answer is wrong, or the root has gone: the proof asks. */
static bool is_refused(const struct fetch *f, const struct webex_reply *reply)
{
	return !f->replies.root && (reply->status == 400 || reply->status == 403 ||
				    reply->status == 404 || reply->status == 410);
}

static int answer(struct fetch *f, struct webex_reply *reply)
{
	enum pages_more more;
	int r;

	if (reply->error && pages_halve(f, reply)) {
		server_note_page_max(pager_server(f->pager), f->max);
		pages_restart(f);
		f->replies.low_ms = INT64_MAX;
		return submit(f);
	}
	if (reply->error && is_refused(f, reply))
		return end_part(f, reply);
	if (reply->status == 404)
		proof_doubt_message(pager_proof(f->pager), f->replies.room, f->replies.root);
	/* Programs take ENOENT of a directory for an empty one. */
	if (reply->error)
		return reply->error == -ENOENT ? -EBUSY : reply->error;
	take(f, reply);
	r = keep(f);
	if (r)
		return r;
	if (reaches_known(f) && !f->is_partial)
		return end_part(f, reply);
	more = pages_more(f, reply);
	if (more == PAGES_FOLLOW)
		return submit(f);
	return more == PAGES_END ? end_part(f, reply) : pages_fail(reply);
}

static int row_begin(struct fetch *f)
{
	int64_t row;

	return store_thread_make(pager_get_config(f->pager)->store, f->need.row, &row);
}

const struct fetcher fetcher_thread = {
	.kind = NEED_THREAD,
	.words = "replies of",
	.is_of_thread = true,
	.begin = begin,
	.answer = answer,
};

const struct fetcher fetcher_thread_bodies = {
	.kind = NEED_THREAD_BODIES,
	.words = "replies of",
	.is_of_thread = true,
	.begin = begin,
	.answer = answer,
};

const struct fetcher fetcher_thread_row = {
	.kind = NEED_THREAD_ROW,
	.words = "the thread of message",
	.begin = row_begin,
};
