/* SPDX-License-Identifier: MIT */
/*
 * The list of spaces (NEED_ROOMS), and what is new in it (NEED_NEWS); webex-api.md 5.2, 7.3. One
 * poll is one request wherever the server allows that:
 *
 *   known spaces                 a poll asks for
 *   fit one page (1000)          that page, which is the complete list: what was renamed or
 *                                left is seen by each poll
 *   up to NEWS_SORTED_MAX        a short page of the most recently active, and the next one
 *                                while the last space of the page still has news
 *   more                         everything, in any order: above about 3,000 the sorted list
 *                                may lack the most recently active (pager/present/poll.c then polls less
 *                                often where that takes many pages)
 *
 * If one of the two lists does not end, a poll asks for the other one. What came of a list is kept
 * all the same; then the next polls do not stop at a space without news, since what was kept may
 * stand above others that have some.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "pager/fetchers/fetchers.h"
#include "pager/fetchers/list.h"
#include "pager/fetchers/teams.h"
#include "pager/internal.h"
#include "pager/present/poll.h"
#include "pager/proof/proof.h"

#define NEWS_SORTED_MAX 2900
#define NEWS_PAGE 100

static int submit(struct fetch *f, const char *next)
{
	struct webex_list l = {
		.max = f->max,
		.sort_by = f->is_all_pages ? NULL : "lastactivity",
		.next = next,
		.background = fetch_is_unwaited(f),
	};

	f->request =
		webex_list_rooms(pager_get_config(f->pager)->client, &l, fetch_answered, f);
	return FETCH_MORE;
}

static int rooms_begin(struct fetch *f)
{
	f->max = SERVER_PAGE_MAX;
	f->is_all_pages = true;
	return submit(f, NULL);
}

/* How many spaces are known; 0 also if the list was never complete. */
static int64_t count_known(const struct fetch *f)
{
	struct store *store = pager_get_config(f->pager)->store;
	struct store_conn *conn;
	int64_t n = 0;

	if (store_read_begin(store, &conn))
		return 0;
	if (store_meta_get_int(conn, "rooms.listed", 0))
		n = store_room_count(store, WEBEX_ROOM_GROUP) +
		    store_room_count(store, WEBEX_ROOM_DIRECT);
	store_read_end(conn);
	return n;
}

static int list_sorted(struct fetch *f)
{
	f->max = f->known <= server_rooms_page(f->pager->server) ? SERVER_PAGE_MAX : NEWS_PAGE;
	f->is_all_pages = false;
	return submit(f, NULL);
}

static int news_begin(struct fetch *f)
{
	f->known = count_known(f);
	if (!f->known || f->known > NEWS_SORTED_MAX)
		return rooms_begin(f);
	return list_sorted(f);
}

/* ---- pages of a sorted list ---- */

static bool is_sorted(const GPtrArray *rooms)
{
	for (guint i = 1; i < rooms->len; i++) {
		const struct webex_room *a = rooms->pdata[i - 1], *b = rooms->pdata[i];

		if (a->last_activity_ms < b->last_activity_ms)
			return false;
	}
	return true;
}

static bool has_news(const struct fetch *f, const struct webex_room *room)
{
	struct store_room known = {0};
	struct store_conn *conn;
	bool has = true;

	if (store_read_begin(pager_get_config(f->pager)->store, &conn))
		return true;
	if (store_room_by_id(conn, room->id, &known) == 0)
		has = known.room.last_activity_ms != room->last_activity_ms;
	store_room_clear(&known);
	store_read_end(conn);
	return has;
}

enum next_step { STEP_END, STEP_ON, STEP_ALL };

/* Decides what to do after a page with a next link, before it is collected. */
static enum next_step step_after(struct fetch *f, const struct webex_reply *reply)
{
	guint n = reply->items->len;
	int page_max;

	/* The server gives no larger page, and there are more spaces. */
	if (!f->pages && f->max == SERVER_PAGE_MAX && n && reply->next)
		server_note_rooms_page(f->pager->server, (int)n);
	page_max = MIN(server_rooms_page(f->pager->server), SERVER_PAGE_MAX);
	if (!is_sorted(reply->items))
		return STEP_ALL;
	if (n && !server_has_rooms_part(f->pager->server) &&
	    !has_news(f, reply->items->pdata[n - 1]))
		return STEP_END;
	/* So many short pages cost more than the long pages of the whole list. */
	return f->pages > f->known / page_max ? STEP_ALL : STEP_ON;
}

/* ---- publishing ---- */

static int publish(struct fetch *f)
{
	const struct pager_config *c = pager_get_config(f->pager);
	GPtrArray *changes = store_changes_new();
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));
	bool is_whole = f->is_complete && !f->is_partial;
	int r = store_apply_rooms(c->store, f->items, is_whole ? missing : NULL,
				  clock_wall(c->clock), changes);

	if (r == 0 && is_whole)
		r = store_meta_set_int(c->store, "rooms.listed", 1);
	if (r == 0)
		teams_spaces_listed(f->pager, changes);
	r = pager_published(f->pager, r, changes);
	if (r == 0 && is_whole)
		proof_rooms_listed(f->pager->proof, PROOF_ROOM, f->started_ms, missing);
	return r;
}

/* Keeps what came of a list that does not come to its end. It says nothing of what it lacks. */
static void keep(struct fetch *f)
{
	if (!f->items || !f->items->len)
		return;
	server_note_rooms_part(f->pager->server, true);
	f->has_kept |= publish(f) == 0;
}

/* Begins the whole list from the first page on. */
static int list_all(struct fetch *f)
{
	keep(f);
	pages_restart(f);
	f->max = MAX(f->max, SERVER_PAGE_MAX / 2);
	f->is_all_pages = true;
	return submit(f, NULL);
}

/*
 * The list cannot be followed to its end: its next links go round in circles, or one of its pages
 * fails. A poll then asks for the other list, from its first page on, and after that makes do with
 * what came; the next poll tries again. A part of a list must not look like the whole, and so who
 * lists the spaces is given the error.
 */
static int cut(struct fetch *f, struct webex_reply *reply)
{
	if (f->need.kind != NEED_NEWS) {
		keep(f);
		return pages_fail(reply);
	}
	f->has_been_all |= f->is_all_pages;
	f->has_been_sorted |= !f->is_all_pages;
	if (!f->has_been_all)
		return list_all(f);
	keep(f);
	if (!f->has_been_sorted) {
		pages_restart(f);
		return list_sorted(f);
	}
	log_last_error(
		"what is new in spaces: the list of spaces does not end (%s); what came of it "
		"is used",
		reply->message ? reply->message : "its next links go round in circles");
	f->is_cut = true;
	return FETCH_DONE;
}

static int failed(struct fetch *f, struct webex_reply *reply)
{
	if (pages_halve(f, reply)) {
		/* A cursor belongs to its page size, so the list begins anew. */
		keep(f);
		pages_restart(f);
		if (f->max >= NEWS_PAGE)
			f->is_all_pages = true;
		return submit(f, NULL);
	}
	/* A page behind the first one. */
	if (!f->is_all_pages && f->items && !reply->is_network &&
	    (reply->status == 400 || reply->status == 404 || reply->status >= 500))
		return list_all(f);
	keep(f);
	/* The directory exists, so its error must not be ENOENT, which rsync takes for an empty
	 * directory. */
	return reply->error == -ENOENT ? -EBUSY : reply->error;
}

static int answer(struct fetch *f, struct webex_reply *reply)
{
	enum next_step step = STEP_ON;
	enum pages_more more;
	int r;

	if (reply->error)
		return failed(f, reply);
	if (!f->is_all_pages && (reply->next || reply->is_cut))
		step = step_after(f, reply);
	pages_collect(f, reply, webex_room_free);
	if (step == STEP_END)
		return publish(f);
	if (step == STEP_ALL && !f->has_been_all)
		return list_all(f);
	more = pages_more(f, reply);
	if (more == PAGES_FOLLOW)
		return submit(f, f->last_next);
	if (more != PAGES_END)
		return cut(f, reply);
	f->is_complete = f->is_all_pages || f->pages == 1;
	r = publish(f);
	if (r == 0)
		server_note_rooms_part(f->pager->server, false);
	/* What is new in those that can be read is told all the same. */
	if (r || !f->is_partial || f->need.kind == NEED_NEWS)
		return r;
	return fetch_spoil_partial(reply);
}

const struct fetcher fetcher_rooms = {
	.kind = NEED_ROOMS,
	.words = "the list of spaces",
	.age = FETCH_LIST_AGE,
	.begin = rooms_begin,
	.answer = answer,
};

const struct fetcher fetcher_news = {
	.kind = NEED_NEWS,
	.words = "what is new in spaces",
	.age = FETCH_LIST_AGE,
	.failed_ms = FRESH_RETRY_MS,
	.begin = news_begin,
	.answer = answer,
};
