/* SPDX-License-Identifier: MIT */
/*
 * NEED_ROOTS: the roots of the threads of a range that are not known; NEED_ROOT: that of one thread. A list
 * of messages has replies whose root is older than the list, so each costs a request, some at a time, the
 * newest first. What the server says is kept for ever: the root, or that it cannot be had, as by a bot
 * that it does not mention (webex-api.md 5.20), or after it was deleted.
 *
 *	begin: what lacks a root ---> ask: up to ROOTS_AT_ONCE requests
 *	                                ^              | on_root
 *	                                |              v
 *	                                +--------- take_reply ------- failed: cancel the others
 *	                                               | nothing left,     |
 *	                                               | none under way    |
 *	                                               v                   |
 *	                                         fetch_finished <----------+
 */
#include <errno.h>

#include "pager/fetchers/fetchers.h"
#include "webex/id.h"

/* So many requests are under way at once, as far as the rate gate lets them through. */
#define ROOTS_AT_ONCE 8
/* At most so many roots are asked for in one go. */
#define ROOTS_MAX 100000
/* When to ask again for a root for which the server failed. */
#define RETRY_MS (60 * 1000)
/* If the server gave a good answer so short ago, its failure is one of this root. */
#define GOOD_MS (10 * 1000)

struct roots {
	struct fetch *fetch; /* NULL: cancelled; freed when the last answer has come */
	struct pager *pager;
	GArray *rows;		   /* of int64_t: threads whose root is asked for */
	guint next;		   /* in `rows` */
	struct webex_reply failed; /* the first answer that ends the fetch; owned */
	GPtrArray *asked;	   /* of struct asked: requests under way */
	GArray *unclear;	   /* of int64_t: threads at whose root the server failed */
};

struct asked {
	struct roots *roots;
	int64_t row, room;
	uint64_t call;
	char *id;
};

static void roots_free(struct roots *n)
{
	g_array_unref(n->rows);
	g_ptr_array_unref(n->asked);
	g_array_unref(n->unclear);
	g_free(n->failed.message);
	g_free(n->failed.tracking_id);
	g_free(n->failed.advice);
	g_free(n);
}

static int find_rows(struct fetch *f, GArray *rows)
{
	const struct pager_config *c = pager_get_config(f->pager);
	const struct need *need = &f->need;
	struct store_range range = {
		.room = need->row, .after = need->after, .until = need->until};
	struct store_conn *conn;
	int r;

	if (need->kind == NEED_ROOT) {
		g_array_append_val(rows, need->row);
		return 0;
	}
	r = store_read_begin(c->store, &conn);
	if (r)
		return r;
	if (!need->until)
		r = store_head_range(conn, need->row, c->recent, &range);
	if (r == 0)
		r = store_thread_nameless(conn, &range, clock_wall(c->clock), rows, ROOTS_MAX);
	store_read_end(conn);
	return r;
}

static void on_root(void *arg, struct webex_reply *reply);

static int ask_one(struct roots *n, int64_t row)
{
	const struct pager_config *c = pager_get_config(n->pager);
	struct store_thread t = {0};
	struct store_conn *conn;
	struct asked *a;
	int r = store_read_begin(c->store, &conn);

	if (r)
		return r;
	r = store_thread_get(conn, row, &t);
	store_read_end(conn);
	/* It came meanwhile, or its space is gone. */
	if (r || t.root) {
		store_thread_clear(&t);
		return r == -ENOENT ? 0 : r;
	}
	a = g_new0(struct asked, 1);
	*a = (struct asked){
		.roots = n, .row = t.rowid, .room = t.room, .id = g_steal_pointer(&t.root_id)};
	store_thread_clear(&t);
	g_ptr_array_add(n->asked, a);
	a->call = webex_get_message(c->client, a->id, on_root, a);
	return 0;
}

/* Asks for the next roots. 0, or -errno: nothing more can be asked. */
static int ask(struct roots *n)
{
	int r = 0;

	while (r == 0 && n->asked->len < ROOTS_AT_ONCE && n->next < n->rows->len)
		r = ask_one(n, g_array_index(n->rows, int64_t, n->next++));
	return r;
}

static int lose(struct roots *n, int64_t row, int64_t retry_ms)
{
	GPtrArray *changes = store_changes_new();
	int r = store_thread_lose(pager_get_config(n->pager)->store, row, retry_ms, changes);

	return pager_published(n->pager, r, changes);
}

/* Keeps the root. One that cannot be kept, since it is of another space, or was deleted here, is none. */
static int keep(struct roots *n, const struct asked *a, const struct webex_reply *reply)
{
	const struct webex_message *m = reply->items->len ? reply->items->pdata[0] : NULL;
	GPtrArray *changes;
	int64_t row;
	int r;

	if (!m || !webex_id_is_same(m->id, a->id))
		return lose(n, a->row, 0);
	changes = store_changes_new();
	r = store_apply_message(pager_get_config(n->pager)->store, a->room, m, 0, &row,
				changes);
	r = pager_published(n->pager, r, changes);
	return r == -EINVAL || r == -ENOENT ? lose(n, a->row, 0) : r;
}

enum verdict {
	OF_ROOT,   /* it cannot be had */
	OF_SERVER, /* about the network, the account or the server: ends the fetch */
	UNCLEAR,   /* the server failed, perhaps only for this one */
};

static enum verdict judge(const struct webex_reply *reply)
{
	if (reply->is_network || reply->status == 401 || reply->status == 408 ||
	    reply->status == 429)
		return OF_SERVER;
	if (reply->status >= 500 || reply->status == 423 || reply->status == 200)
		return UNCLEAR;
	return reply->status >= 400 ? OF_ROOT : OF_SERVER;
}

static int take_reply(struct roots *n, const struct asked *a, struct webex_reply *reply)
{
	server_heard(pager_server(n->pager), reply);
	if (!reply->error)
		return keep(n, a, reply);
	switch (judge(reply)) {
	case OF_ROOT:
		return lose(n, a->row, 0);
	case UNCLEAR:
		g_array_append_val(n->unclear, a->row);
		return n->unclear->len < ROOTS_AT_ONCE ? 0 : reply->error;
	case OF_SERVER:
		break;
	}
	return reply->error;
}

/* Called when all were asked for: a thread whose root the server fails to give must not hide the others. It
 * is listed under the name of one that cannot be had, and asked for again soon. */
static int settle(struct roots *n)
{
	int64_t now = clock_wall(pager_get_config(n->pager)->clock);
	int r = 0;

	if (n->asked->len || !n->unclear->len)
		return 0;
	if (now - server_good_wall_ms(pager_server(n->pager)) > GOOD_MS)
		return -EIO;
	for (guint i = 0; r == 0 && i < n->unclear->len; i++)
		r = lose(n, g_array_index(n->unclear, int64_t, i), now + RETRY_MS);
	return r;
}

static void cancel_asked(struct roots *n)
{
	for (guint i = 0; i < n->asked->len; i++) {
		const struct asked *a = n->asked->pdata[i];

		webex_cancel(pager_get_config(n->pager)->client, a->call);
	}
}

/* Ends the fetch with an error and cancels the other requests. */
static void fail(struct roots *n, int error, struct webex_reply *reply)
{
	n->failed.error = error;
	if (reply && reply->error) {
		n->failed.status = reply->status;
		n->failed.is_network = reply->is_network;
		n->failed.message = g_steal_pointer(&reply->message);
		n->failed.tracking_id = g_steal_pointer(&reply->tracking_id);
		n->failed.advice = g_steal_pointer(&reply->advice);
	}
	cancel_asked(n);
}

static void finish(struct roots *n)
{
	struct fetch *f = n->fetch;

	if (f) {
		f->roots = NULL;
		fetch_finished(f, n->failed.error, n->failed.error ? &n->failed : NULL);
	}
	roots_free(n);
}

static void on_root(void *arg, struct webex_reply *reply)
{
	struct asked *a = arg;
	struct roots *n = a->roots;
	int r;

	g_ptr_array_remove_fast(n->asked, a);
	if (n->fetch && !n->failed.error) {
		r = take_reply(n, a, reply);
		if (r == 0)
			r = ask(n);
		if (r == 0)
			r = settle(n);
		if (r)
			fail(n, r, reply);
	}
	g_free(a->id);
	g_free(a);
	if (!n->asked->len)
		finish(n);
}

static int roots_begin(struct fetch *f)
{
	struct roots *n = g_new0(struct roots, 1);
	int r;

	n->fetch = f;
	n->pager = f->pager;
	n->rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	n->asked = g_ptr_array_new();
	n->unclear = g_array_new(FALSE, FALSE, sizeof(int64_t));
	r = find_rows(f, n->rows);
	if (r == 0)
		r = ask(n);
	if (n->asked->len) {
		f->roots = n;
		if (r)
			fail(n, r, NULL);
		return FETCH_MORE;
	}
	roots_free(n);
	return r;
}

static void roots_raise(struct fetch *f)
{
	for (guint i = 0; f->roots && i < f->roots->asked->len; i++) {
		const struct asked *a = f->roots->asked->pdata[i];

		webex_raise(pager_get_config(f->pager)->client, a->call);
	}
}

static void roots_cancel(struct fetch *f)
{
	struct roots *n = g_steal_pointer(&f->roots);

	n->fetch = NULL;
	cancel_asked(n);
}

const struct fetcher fetcher_roots = {
	.kind = NEED_ROOTS,
	.words = "the first messages of threads of",
	.is_of_space = true,
	.begin = roots_begin,
	.raise = roots_raise,
	.cancel = roots_cancel,
};

const struct fetcher fetcher_root = {
	.kind = NEED_ROOT,
	.words = "the first message of a thread of",
	.is_of_thread = true,
	.begin = roots_begin,
	.raise = roots_raise,
	.cancel = roots_cancel,
};
