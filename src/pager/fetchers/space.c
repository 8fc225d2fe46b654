/* SPDX-License-Identifier: MIT */
/*
 * How each need is fetched: which requests are made, when enough is known, and what is
 * published. Facts of the API: webex-api.md 2 (pages), 5.1 to 5.5, 7.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "pager/past/evicted.h"
#include "attach/attach.h"
#include "pager/fetch.h"
#include "pager/past/page_run.h"
#include "pager/fetchers/list.h"
#include "pager/proof/proof.h"
#include "pager/past/spans.h"

static int published(struct fetch *f, int r, GPtrArray *changes)
{
	return pager_published(f->pager, r, changes);
}

/* ---- one space ---- */

int pager_load_room(struct pager *p, int64_t row, char **ret_id, bool *ret_filtered)
{
	const struct pager_config *c = pager_get_config(p);
	struct store_room room = {0};
	struct store_conn *conn;
	int r;

	r = store_read_begin(c->store, &conn);
	if (r)
		return r;
	r = store_room_get(conn, row, &room);
	if (r == 0 && room.gone)
		r = -ENOENT;
	if (r == 0) {
		*ret_id = g_strdup(room.room.id);
		/* A bot sees what mentions it, in pages of 100 (webex-api.md 5.20). */
		*ret_filtered = c->is_bot && room.room.type == WEBEX_ROOM_GROUP;
	}
	store_room_clear(&room);
	store_read_end(conn);
	return r;
}

static int load_room(struct fetch *f)
{
	bool filtered;

	return pager_load_room(f->pager, f->need.row, &f->room_id, &filtered);
}

int pager_room_vanished(struct pager *p, int64_t room)
{
	const struct pager_config *c = pager_get_config(p);

	if (store_room_is_pinned(c->store, room, clock_wall(c->clock)))
		return -EAGAIN;
	proof_doubt_room(pager_proof(p), room);
	return -EBUSY;
}

static int room_vanished(struct fetch *f)
{
	return pager_room_vanished(f->pager, f->need.row);
}

static int room_begin(struct fetch *f)
{
	int r = load_room(f);

	if (r)
		return r;
	f->request = webex_get_room(pager_get_config(f->pager)->client, f->room_id,
				    fetch_answered, f);
	return 0;
}

static int room_answer(struct fetch *f, struct webex_reply *reply)
{
	_cleanup_gfree_ char *id = NULL;
	GPtrArray *changes;
	bool filtered;

	if (reply->status == 404) {
		int r = room_vanished(f);

		/* The details from the answer to mkdir are enough. */
		return r == -EAGAIN ? 0 : r;
	}
	if (reply->error)
		return reply->error;
	/* It was found to be gone since the request. */
	if (pager_load_room(f->pager, f->need.row, &id, &filtered))
		return -ENOENT;
	changes = store_changes_new();
	return published(f,
			 store_apply_room(pager_get_config(f->pager)->store,
					  reply->items->pdata[0], 0, NULL, changes),
			 changes);
}

/* ---- the newest messages of a space ---- */

#define HEAD_RESTARTS_MAX 3

/* True if the newest `recent` messages, or all that exist, are known. The rest of the past is
 * fetched by intervals of time. */
static bool head_is_enough(struct fetch *f)
{
	const struct pager_config *c = pager_get_config(f->pager);
	struct store_span head;
	struct store_conn *conn;
	bool enough = true;

	if (!c->recent || store_read_begin(c->store, &conn))
		return true;
	if (store_span_head(conn, f->need.row, &head) == 0)
		enough = head.lo < 0 ||
			 store_message_recent(conn, f->need.row, head.lo, c->recent - 1) != 0;
	store_read_end(conn);
	return enough;
}

static bool head_paged(void *arg, struct page_run *run, guint items)
{
	struct fetch *f = arg;

	(void)run;
	(void)items;
	if (head_is_enough(f))
		return false;
	/* Until the rest has come the head does not count as listed; what comes is kept. */
	store_set_head_recent(pager_get_config(f->pager)->store, f->need.row, 0);
	return true;
}

static int head_begin(struct fetch *f);

/* True if another answer brought newer messages meanwhile, so that what lies between is
 * unknown. */
static bool head_begins_again(struct fetch *f)
{
	if (f->need.kind != NEED_HEAD || head_is_enough(f) || f->restarts >= HEAD_RESTARTS_MAX)
		return false;
	f->restarts++;
	g_clear_pointer(&f->room_id, g_free);
	return head_begin(f) == 0;
}

static void head_done(void *arg, struct page_run *run, int error,
		      const struct webex_reply *reply)
{
	struct fetch *f = arg;

	f->run = NULL;
	if (!error && head_begins_again(f))
		return;
	if (error && page_run_lost_space(run, reply)) {
		error = room_vanished(f);
		/* The space is new and has only what was posted from here. */
		if (error == -EAGAIN)
			error = 0;
	}
	if (!error && head_is_enough(f))
		error = store_set_head_recent(pager_get_config(f->pager)->store, f->need.row,
					      pager_get_config(f->pager)->recent);
	fetch_finished(f, error, reply);
}

static bool head_is_outdated(void *arg)
{
	return fetch_restarts(arg);
}

/* Begins a page run from the newest message down, as far as `paged` says. */
static int begin_newest(struct fetch *f,
			bool (*paged)(void *arg, struct page_run *run, guint items))
{
	int recent = pager_get_config(f->pager)->recent;
	struct page_run_config config = {
		.pager = f->pager,
		.room = f->need.row,
		.top = PAGE_RUN_TOP,
		.bottom = -1,
		.max = f->need.kind == NEED_HEAD && recent && recent < SERVER_PAGE_MAX
			       ? recent
			       : SERVER_PAGE_MAX,
		.is_outdated = head_is_outdated,
		.is_background = fetch_is_unwaited,
		.paged = paged,
		.done = head_done,
		.arg = f,
	};
	int r = pager_load_room(f->pager, f->need.row, &f->room_id, &config.is_filtered);

	if (r)
		return r;
	config.room_id = f->room_id;
	f->run = page_run_new(&config);
	return 0;
}

static int head_begin(struct fetch *f)
{
	return begin_newest(f, head_paged);
}

static void head_cancel(struct fetch *f)
{
	page_run_cancel(f->run);
}

/* ---- an interval of a space's time ---- */

/* For NEED_TO_HEAD: as for a head, but only so far down. */
static bool to_head_paged(void *arg, struct page_run *run, guint items)
{
	struct fetch *f = arg;
	struct store *s = pager_get_config(f->pager)->store;

	(void)items;
	/* Until as much is known as a head has it does not count as listed. */
	if (!head_is_enough(f))
		store_set_head_recent(s, f->need.row, 0);
	return page_run_top(run) > f->need.lo_ms;
}

static int span_begin(struct fetch *f)
{
	if (f->need.hi_ms == NEED_TO_HEAD)
		return begin_newest(f, to_head_paged);
	return spans_want(pager_spans(f->pager), f, &f->waiter);
}

static void span_cancel(struct fetch *f)
{
	if (f->run)
		page_run_cancel(f->run);
	else
		spans_unwant(pager_spans(f->pager), f->waiter);
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
	int r = load_room(f);

	if (r)
		return r;
	f->max = proof_members_max(pager_proof(f->pager), f->need.row, SERVER_PAGE_MAX);
	return members_submit(f, NULL);
}

static int members_publish(struct fetch *f)
{
	const struct pager_config *c = pager_get_config(f->pager);
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));
	GPtrArray *changes = store_changes_new();
	int r = store_apply_members(c->store, f->need.row, f->items,
				    f->is_partial ? NULL : missing, clock_wall(c->clock),
				    changes);

	r = published(f, r, changes);
	if (r == 0 && !f->is_partial)
		proof_members_listed(pager_proof(f->pager), f->need.row, f->started_ms, f->max,
				     missing);
	return r;
}

static int members_answer(struct fetch *f, struct webex_reply *reply)
{
	enum pages_more more;

	if (reply->status == 404) {
		(void)room_vanished(f);
		return -EBUSY;
	}
	if (reply->error && pages_halve(f, reply)) {
		g_clear_pointer(&f->last_next, g_free);
		f->stale_pages = -FETCH_MAX_PAGES;
		return members_submit(f, NULL), FETCH_MORE;
	}
	if (reply->error)
		return reply->error;
	pages_collect(f, reply, webex_membership_free);
	more = pages_more(f, reply, FETCH_MAX_ITEMS);
	if (more == PAGES_FOLLOW)
		return members_submit(f, f->last_next), FETCH_MORE;
	if (more != PAGES_END)
		return -EIO;
	return members_publish(f);
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

/* Makes the rows of direct/<address>: as a symlink, and as a directory that has no space yet. */
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

/* True if the store already knows the space, by the address, or by the id if that is known. */
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
	/* There is no such space. It is unconfirmed which answer says so: an empty list, 404 or
	 * 400 (webex-api.md 5.4). */
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

/* ---- is the server there? ---- */

/* Short, because an open waits for it. */
#define PROBE_MS 3000

static int probe_begin(struct fetch *f)
{
	f->request =
		webex_probe(pager_get_config(f->pager)->client, PROBE_MS, fetch_answered, f);
	return 0;
}

static int probe_answer(struct fetch *f, struct webex_reply *reply)
{
	(void)f;
	return reply->error;
}

/* ---- the bytes of an attachment ---- */

/* A content exists as long as its message has it, so the message may be gone. */
static void doubt_message_of(struct fetch *f)
{
	struct store_content content = {0};
	struct store_conn *conn;

	if (store_read_begin(pager_get_config(f->pager)->store, &conn))
		return;
	(void)store_content_get(conn, f->need.row, &content);
	store_read_end(conn);
	if (content.message)
		proof_doubt_message(pager_proof(f->pager), content.room, content.message);
	store_content_clear(&content);
}

static void content_ended(void *arg, int error, const struct webex_reply *reply)
{
	struct fetch *f = arg;

	f->content = NULL;
	if (reply && !reply->error)
		server_heard(pager_server(f->pager), reply);
	if (reply && reply->status == 404) {
		doubt_message_of(f);
		error = -ENOENT;
	}
	fetch_finished(f, error, reply);
}

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
	if (r == 0) {
		struct content_source source = {
			.row = content.rowid,
			.url = content.url,
			/* A size from a header is not reliable. */
			.size = content.is_proven ? content.size : -1,
		};

		r = contents_want(c->contents, &source, f->need.lo_ms, f->need.hi_ms,
				  content_ended, f, &f->content);
	}
	store_content_clear(&content);
	return r > 0 ? FETCH_DONE : r;
}

static void content_cancel(struct fetch *f)
{
	contents_unwant(pager_get_config(f->pager)->contents, f->content);
}

static const struct fetcher fetchers[] = {
	{.kind = NEED_ROOMS, .begin = fetcher_rooms_begin, .answer = fetcher_rooms_answer},
	{.kind = NEED_NEWS, .begin = fetcher_news_begin, .answer = fetcher_rooms_answer},
	{.kind = NEED_ROOM, .begin = room_begin, .answer = room_answer},
	{.kind = NEED_HEAD, .begin = head_begin, .cancel = head_cancel},
	{.kind = NEED_MEMBERS, .begin = members_begin, .answer = members_answer},
	{.kind = NEED_PERSON, .begin = person_begin, .answer = person_answer},
	{.kind = NEED_DIRECT, .begin = direct_begin, .answer = direct_answer},
	{.kind = NEED_PROBE, .begin = probe_begin, .answer = probe_answer},
	{.kind = NEED_CONTENT, .begin = content_begin, .cancel = content_cancel},
	{.kind = NEED_SPAN, .begin = span_begin, .cancel = span_cancel},
	{.kind = NEED_MONTHS, .begin = fetcher_months_begin},
	{.kind = NEED_BODY, .begin = fetcher_body_begin, .cancel = fetcher_body_cancel},
	{.kind = NEED_NAMES, .begin = fetcher_names_begin, .cancel = fetcher_names_cancel},
	{.kind = NEED_SWEEP, .begin = fetcher_sweep_begin, .cancel = fetcher_sweep_cancel},
};

const struct fetcher *fetcher_find(enum need_kind kind)
{
	for (size_t i = 0; i < G_N_ELEMENTS(fetchers); i++)
		if (fetchers[i].kind == kind)
			return &fetchers[i];
	g_assert_not_reached();
}
