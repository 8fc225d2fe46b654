/* SPDX-License-Identifier: MIT */
/*
 * How each need is fetched: which requests, when enough is known, what is published.
 * API facts: webex-api.md 2 (pages), 5.1 to 5.5, 7.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cache/contents.h"
#include "cache/fetch.h"

/* The service's cap for rooms and messages (webex-api.md 2.2); what is above is lowered there.
 */
#define PAGE_MAX 1000
/* A gateway that fails on large pages gets smaller ones, down to this. */
#define PAGE_MIN 50

static int published(struct fetch *f, int r, GPtrArray *changes)
{
	const struct pager_config *c = pager_get_config(f->pager);

	if (changes->len && c->on_changes)
		c->on_changes(c->arg, changes);
	g_ptr_array_unref(changes);
	return r;
}

/* Moves the answer's items to the fetch's, once each. Every model struct begins with its id. */
static int collect(struct fetch *f, struct webex_reply *reply, GDestroyNotify free_item)
{
	bool is_empty = reply->items->len == 0 && reply->skipped == 0;
	int fresh = 0;

	if (!f->items) {
		f->items = g_ptr_array_new_with_free_func(free_item);
		f->seen = g_hash_table_new(g_str_hash, g_str_equal);
	}
	g_ptr_array_set_free_func(reply->items, NULL);
	for (guint i = 0; i < reply->items->len; i++) {
		void *item = reply->items->pdata[i];
		char *id = *(char **)item;

		if (g_hash_table_contains(f->seen, id)) {
			free_item(item);
			continue;
		}
		g_hash_table_add(f->seen, id);
		g_ptr_array_add(f->items, item);
		fresh++;
	}
	g_ptr_array_set_size(reply->items, 0);
	g_ptr_array_set_free_func(reply->items, free_item);
	f->pages++;
	if (is_empty) {
		f->empty_pages++;
	} else {
		f->empty_pages = 0;
		f->stale_pages = fresh ? 0 : f->stale_pages + 1;
	}
	if (reply->skipped && !f->is_partial)
		log_warning("cache", "a list has items that cannot be used, as the first %d",
			    reply->skipped);
	f->is_partial |= reply->skipped > 0;
	return fresh;
}

enum more { MORE_NONE, MORE_FOLLOW, MORE_LOOPS, MORE_TOO_MANY };

static bool is_too_long(const struct fetch *f, guint max_items)
{
	if (f->pages < FETCH_MAX_PAGES && f->items->len < max_items)
		return false;
	log_warning("cache", "a list does not end after %d pages with %u items", f->pages,
		    f->items->len);
	return true;
}

/* Whether there is a next page worth following (webex-api.md 2.3, oddity 7). Empty pages with a
 * link are followed for long; a link that repeats, or two pages in a row of known items, is a
 * loop. */
static enum more more_pages(struct fetch *f, const struct webex_reply *reply, guint max_items)
{
	if (!reply->next)
		return MORE_NONE;
	if (is_too_long(f, max_items))
		return MORE_TOO_MANY;
	if (f->stale_pages >= 2 || f->empty_pages >= FETCH_MAX_EMPTY ||
	    (f->last_next && strcmp(f->last_next, reply->next) == 0)) {
		log_warning("cache", "a list's next links go round in circles");
		return MORE_LOOPS;
	}
	g_free(f->last_next);
	f->last_next = g_strdup(reply->next);
	return MORE_FOLLOW;
}

/* ---- the list of spaces ---- */

static int rooms_submit(struct fetch *f, const char *next)
{
	struct webex_list l = {.max = f->max, .next = next};

	f->request =
		webex_list_rooms(pager_get_config(f->pager)->client, &l, fetch_answered, f);
	return 0;
}

static int rooms_begin(struct fetch *f)
{
	f->max = PAGE_MAX;
	return rooms_submit(f, NULL);
}

/* A gateway that gave up on a large page: halve it, once the list can begin anew. */
static bool halve_page(struct fetch *f, const struct webex_reply *reply)
{
	if ((reply->status != 502 && reply->status != 504) || f->max <= PAGE_MIN)
		return false;
	f->max /= 2;
	return true;
}

static int rooms_answer(struct fetch *f, struct webex_reply *reply)
{
	const struct pager_config *c = pager_get_config(f->pager);
	GPtrArray *changes;
	enum more more;
	int r;

	if (reply->error && halve_page(f, reply)) {
		/* A cursor of the larger page size cannot be cut; what came is kept. */
		g_clear_pointer(&f->last_next, g_free);
		f->stale_pages = -FETCH_MAX_PAGES;
		return rooms_submit(f, NULL), FETCH_MORE;
	}
	if (reply->error)
		return reply->error;
	collect(f, reply, webex_room_free);
	more = more_pages(f, reply, FETCH_MAX_ITEMS);
	if (more == MORE_FOLLOW)
		return rooms_submit(f, f->last_next), FETCH_MORE;
	/* A part of a list must not look like all of it. */
	if (more != MORE_NONE)
		return -EIO;
	changes = store_changes_new();
	r = store_apply_rooms(c->store, f->items, !f->is_partial, clock_wall(c->clock),
			      changes);
	if (r == 0)
		r = store_meta_set_int(c->store, "rooms.listed", 1);
	return published(f, r, changes);
}

/* ---- one space ---- */

/* Notes the room's id for requests; -ENOENT if it is gone. */
static int load_room(struct fetch *f, enum webex_room_type *ret_type)
{
	const struct pager_config *c = pager_get_config(f->pager);
	struct store_room room = {0};
	struct store_conn *conn;
	int r;

	r = store_read_begin(c->store, &conn);
	if (r)
		return r;
	r = store_room_get(conn, f->need.row, &room);
	if (r == 0 && room.gone)
		r = -ENOENT;
	if (r == 0) {
		f->room_id = g_strdup(room.room.id);
		*ret_type = room.room.type;
	}
	store_room_clear(&room);
	store_read_end(conn);
	return r;
}

/*
 * 404 on a room-scoped call: it is gone, or we are out of it (webex-api.md 7.6); or it was made
 * here a moment ago and not every machine of the service knows it yet: -EAGAIN.
 */
static int room_vanished(struct fetch *f)
{
	const struct pager_config *c = pager_get_config(f->pager);
	GPtrArray *changes;

	if (store_room_is_pinned(c->store, f->need.row, clock_wall(c->clock)))
		return -EAGAIN;
	changes = store_changes_new();
	store_remove_room(c->store, f->need.row, changes);
	return published(f, -ENOENT, changes);
}

static int room_begin(struct fetch *f)
{
	enum webex_room_type type;
	int r = load_room(f, &type);

	if (r)
		return r;
	f->request = webex_get_room(pager_get_config(f->pager)->client, f->room_id,
				    fetch_answered, f);
	return 0;
}

static int room_answer(struct fetch *f, struct webex_reply *reply)
{
	GPtrArray *changes;

	if (reply->status == 404) {
		int r = room_vanished(f);

		/* What mkdir was told of it will do. */
		return r == -EAGAIN ? 0 : r;
	}
	if (reply->error)
		return reply->error;
	changes = store_changes_new();
	return published(f,
			 store_apply_room(pager_get_config(f->pager)->store,
					  reply->items->pdata[0], 0, NULL, changes),
			 changes);
}

/* ---- the newest messages of a space ---- */

static int head_submit(struct fetch *f, const char *next)
{
	struct webex_list l = {
		.room_id = f->room_id,
		.max = f->max,
		.mentioned_me = f->is_filtered,
		.next = next,
		.before_ms = f->before_ms,
		.before_message = next || f->before_ms ? NULL : f->oldest_id,
	};

	f->request =
		webex_list_messages(pager_get_config(f->pager)->client, &l, fetch_answered, f);
	return 0;
}

/* Whether the span known from before will do for what is older than this fetch's pages. */
static int head_load_span(struct fetch *f)
{
	const struct pager_config *c = pager_get_config(f->pager);
	struct store_conn *conn;
	int r;

	r = store_read_begin(c->store, &conn);
	if (r)
		return r;
	r = store_span_head(conn, f->need.row, &f->head);
	if (r == 0)
		f->joins_head = f->head.lo < 0 ||
				(c->recent && store_message_recent(conn, f->need.row,
								   f->head.lo, c->recent) != 0);
	store_read_end(conn);
	return r == -ENOENT ? 0 : r;
}

static int head_begin(struct fetch *f)
{
	const struct pager_config *c = pager_get_config(f->pager);
	enum webex_room_type type;
	int r = load_room(f, &type);

	if (r == 0)
		r = head_load_span(f);
	if (r)
		return r;
	f->max = c->recent && c->recent < PAGE_MAX ? c->recent : PAGE_MAX;
	/* A bot sees what mentions it, in pages of 100 (webex-api.md 5.20). */
	f->is_filtered = c->is_bot && type == WEBEX_ROOM_GROUP;
	return head_submit(f, NULL);
}

static void head_note_oldest(struct fetch *f)
{
	for (guint i = 0; i < f->items->len; i++) {
		const struct webex_message *m = f->items->pdata[i];

		if (m->created_ms <= f->oldest_ms) {
			f->oldest_ms = m->created_ms;
			g_free(f->oldest_id);
			f->oldest_id = g_strdup(m->id);
		}
	}
}

static int head_publish(struct fetch *f, int64_t lo)
{
	const struct pager_config *c = pager_get_config(f->pager);
	GPtrArray *changes = store_changes_new();

	return published(f,
			 store_apply_page(c->store, f->need.row, f->items, lo, 0,
					  f->is_filtered || f->is_partial ? STORE_PAGE_FILTERED
									  : STORE_PAGE_HEAD,
					  clock_wall(c->clock), changes),
			 changes);
}

/* Once in a row: the same place again would bring the same. */
static bool head_can_go_by_time(const struct fetch *f)
{
	return !f->before_ms && f->oldest_ms != INT64_MAX;
}

/* The link leads nowhere: on from the oldest message that we have, by its time. One millisecond
 * more, since that may hold others that we lack. */
static int head_go_by_time(struct fetch *f)
{
	f->before_ms = f->oldest_ms + 1;
	f->stale_pages = 0;
	g_clear_pointer(&f->last_next, g_free);
	return head_submit(f, NULL), FETCH_MORE;
}

static int head_failed(struct fetch *f, struct webex_reply *reply)
{
	if (halve_page(f, reply)) {
		/* Before the oldest that we have, in smaller pages. */
		g_clear_pointer(&f->last_next, g_free);
		return head_submit(f, NULL), FETCH_MORE;
	}
	/* The anchor was deleted meanwhile (webex-api.md 2.3, oddity 4). */
	if (reply->status == 404 && f->pages > 0 && head_can_go_by_time(f))
		return head_go_by_time(f);
	if (reply->status == 404 && f->pages == 0) {
		int r = room_vanished(f);

		/* New: nothing but what was posted from here is in it. */
		return r == -EAGAIN ? 0 : r;
	}
	return reply->error;
}

static int head_answer(struct fetch *f, struct webex_reply *reply)
{
	int recent = pager_get_config(f->pager)->recent;
	int64_t was_oldest_ms;
	enum more more;

	if (reply->error)
		return head_failed(f, reply);
	collect(f, reply, webex_message_free);
	was_oldest_ms = f->oldest_ms;
	head_note_oldest(f);
	if (f->oldest_ms < was_oldest_ms)
		f->before_ms = 0;
	more = more_pages(f, reply, FETCH_MAX_MESSAGES);
	if (more == MORE_NONE)
		return head_publish(f, -1);
	if (more == MORE_TOO_MANY && f->oldest_ms == INT64_MAX)
		return -EIO;
	if (more == MORE_TOO_MANY || (recent && f->items->len >= (guint)recent) ||
	    (f->joins_head && f->oldest_ms <= f->head.hi))
		return head_publish(f, f->oldest_ms);
	if (more == MORE_LOOPS)
		return head_can_go_by_time(f) ? head_go_by_time(f) : -EIO;
	return head_submit(f, f->last_next), FETCH_MORE;
}

/* ---- memberships ---- */

static int members_submit(struct fetch *f, const char *next)
{
	struct webex_list l = {.room_id = f->room_id, .max = f->max, .next = next};

	f->request = webex_list_memberships(pager_get_config(f->pager)->client, &l,
					    fetch_answered, f);
	return 0;
}

static int members_begin(struct fetch *f)
{
	enum webex_room_type type;
	int r = load_room(f, &type);

	if (r)
		return r;
	f->max = PAGE_MAX;
	return members_submit(f, NULL);
}

static int members_answer(struct fetch *f, struct webex_reply *reply)
{
	const struct pager_config *c = pager_get_config(f->pager);
	GPtrArray *changes;
	enum more more;
	int r;

	if (reply->status == 404 && f->pages == 0) {
		r = room_vanished(f);
		return r == -EAGAIN ? -EBUSY : r;
	}
	if (reply->error && halve_page(f, reply)) {
		g_clear_pointer(&f->last_next, g_free);
		f->stale_pages = -FETCH_MAX_PAGES;
		return members_submit(f, NULL), FETCH_MORE;
	}
	if (reply->error)
		return reply->error;
	collect(f, reply, webex_membership_free);
	more = more_pages(f, reply, FETCH_MAX_ITEMS);
	if (more == MORE_FOLLOW)
		return members_submit(f, f->last_next), FETCH_MORE;
	if (more != MORE_NONE)
		return -EIO;
	changes = store_changes_new();
	return published(f,
			 store_apply_members(c->store, f->need.row, f->items, !f->is_partial,
					     clock_wall(c->clock), changes),
			 changes);
}

/* ---- people ---- */

static int person_begin(struct fetch *f)
{
	struct webex_client *client = pager_get_config(f->pager)->client;

	if (strcmp(f->need.key, "me") == 0)
		f->request = webex_get_me(client, fetch_answered, f);
	else
		f->request = webex_find_person(client, f->need.key, fetch_answered, f);
	return 0;
}

static int person_answer(struct fetch *f, struct webex_reply *reply)
{
	const struct pager_config *c = pager_get_config(f->pager);
	GPtrArray *changes;

	if (reply->error)
		return reply->error;
	if (!reply->items->len)
		return -ENOENT;
	changes = store_changes_new();
	return published(f,
			 store_apply_person(c->store, reply->items->pdata[0],
					    clock_wall(c->clock), NULL, changes),
			 changes);
}

/* ---- the 1:1 space with an address ---- */

/* The numbers of direct/<address>: as a symlink and as a directory without a space yet. */
static int direct_make_nodes(struct fetch *f)
{
	struct store *s = pager_get_config(f->pager)->store;
	int64_t row;
	int r;

	r = store_node_make(s, NODE_ADDRESS, f->need.key, &row);
	if (r == 0)
		r = store_node_make(s, NODE_ADDRESS_LINK, f->need.key, &row);
	return r;
}

/* Whether the store knows the space already: by the address, or by the id if that is known. */
static bool direct_is_known(struct fetch *f, int64_t *ret_room)
{
	struct store_room room = {0};
	struct store_conn *conn;
	int r;

	if (store_read_begin(pager_get_config(f->pager)->store, &conn))
		return false;
	r = f->room_id ? store_room_by_id(conn, f->room_id, &room)
		       : store_room_by_email(conn, f->need.key, &room);
	*ret_room = room.rowid;
	store_room_clear(&room);
	store_read_end(conn);
	return r == 0;
}

static int direct_begin(struct fetch *f)
{
	int64_t room;

	if (direct_is_known(f, &room)) {
		int r = direct_make_nodes(f);

		return r ? r : FETCH_DONE;
	}
	f->request = webex_list_direct(pager_get_config(f->pager)->client, f->need.key,
				       fetch_answered, f);
	return 0;
}

static int direct_found(struct fetch *f, int64_t room)
{
	int r = store_set_direct_email(pager_get_config(f->pager)->store, room, f->need.key);

	return r ? r : direct_make_nodes(f);
}

static int direct_got_room(struct fetch *f, struct webex_reply *reply)
{
	const struct pager_config *c = pager_get_config(f->pager);
	GPtrArray *changes;
	int64_t room = 0;
	int r;

	if (reply->error)
		return reply->error;
	changes = store_changes_new();
	r = store_apply_room(c->store, reply->items->pdata[0], 0, &room, changes);
	r = published(f, r, changes);
	return r ? r : direct_found(f, room);
}

static int direct_answer(struct fetch *f, struct webex_reply *reply)
{
	int64_t room;

	if (f->room_id)
		return direct_got_room(f, reply);
	/* No such space: an empty list, 404 or 400, nobody could confirm which
	 * (webex-api.md 5.4). */
	if (reply->status == 404 || reply->status == 400 ||
	    (!reply->error && !reply->items->len))
		return direct_make_nodes(f);
	if (reply->error)
		return reply->error;
	f->room_id = g_strdup(((struct webex_message *)reply->items->pdata[0])->room_id);
	if (!f->room_id)
		return -EIO;
	if (direct_is_known(f, &room))
		return direct_found(f, room);
	f->request = webex_get_room(pager_get_config(f->pager)->client, f->room_id,
				    fetch_answered, f);
	return FETCH_MORE;
}

/* ---- the bytes of an attachment ---- */

static int content_begin(struct fetch *f)
{
	const struct pager_config *c = pager_get_config(f->pager);
	struct store_content content = {0};
	struct store_conn *conn;
	int r;

	r = store_read_begin(c->store, &conn);
	if (r)
		return r;
	r = store_content_get(conn, f->need.row, &content);
	store_read_end(conn);
	if (r == 0 && (content.gone || !content.url))
		r = -ENOENT;
	if (r == 0)
		r = contents_make(c->contents, &f->fd);
	if (r == 0)
		f->request =
			webex_get_content(c->client, content.url, f->fd, fetch_answered, f);
	store_content_clear(&content);
	return r;
}

static int content_answer(struct fetch *f, struct webex_reply *reply)
{
	if (reply->error)
		return reply->error;
	contents_publish(pager_get_config(f->pager)->contents, f->need.row, steal_fd(&f->fd),
			 reply->content_bytes);
	return 0;
}

static const struct source sources[] = {
	{NEED_ROOMS, rooms_begin, rooms_answer},
	{NEED_ROOM, room_begin, room_answer},
	{NEED_HEAD, head_begin, head_answer},
	{NEED_MEMBERS, members_begin, members_answer},
	{NEED_PERSON, person_begin, person_answer},
	{NEED_DIRECT, direct_begin, direct_answer},
	{NEED_CONTENT, content_begin, content_answer},
};

const struct source *source_find(enum need_kind kind)
{
	for (size_t i = 0; i < G_N_ELEMENTS(sources); i++)
		if (sources[i].kind == kind)
			return &sources[i];
	g_assert_not_reached();
}
