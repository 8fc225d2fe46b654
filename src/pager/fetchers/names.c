/* SPDX-License-Identifier: MIT */
/*
 * NEED_NAMES: the names of attachments. Only the headers of each have its name (webex-api.md
 * 5.5), so there is one request for each file, some at a time, newest first. Each name is kept
 * as it comes.
 *
 *	begin: what lacks a name ---> ask: up to NAMES_AT_ONCE requests
 *	                                ^              | on_head
 *	                                |              v
 *	                                +---- take_reply ------- failed: cancel the others
 *	                              tell |  nothing left,        |
 *	                                   |  none under way       v
 *	                                   |       +---------> fetch_finished
 *	                                   v
 *	                  the waiters look whether the names so far are enough (fetch_progress);
 *	                  if nobody wants more, names that are on their way are kept, and no more
 *	                  are asked for
 */
#include <errno.h>
#include <stdatomic.h>

#include "base/timefmt.h"
#include "pager/fetchers/fetchers.h"

/* So many requests are under way at once, as far as the rate gate lets them through. */
#define NAMES_AT_ONCE 8
/* The waiters look again at most so often. */
#define TELL_EVERY_MS 100
/* At most so many names are fetched for a directory; older files are in their months. */
#define NAMES_MAX 100000
/* When to ask again for a name that the server could not tell. */
#define SCAN_RETRY_MS (60 * 1000)
#define RETRY_MS (60 * 60 * 1000)

struct names {
	struct fetch *fetch; /* NULL: cancelled; freed when the last answer has come */
	struct pager *pager;
	int64_t room;
	GArray *rows;		   /* of int64_t: rows to ask for */
	guint next;		   /* in `rows` */
	struct webex_reply failed; /* the first answer that ends the fetch; owned */
	GPtrArray *asked;	   /* of struct asked: requests under way */
	GArray *unclear;	   /* of int64_t: rows at which the server failed */
	bool by_get;		   /* the server knows no HEAD */
	bool is_good;		   /* the server told at least one name */
	int done;		   /* so many answers came */
	bool is_enough;		   /* nobody wants more; what is on its way is kept */
	bool is_telling;	   /* the waiters look at what came */
	int64_t told_ms;	   /* mono: when they last did */
	uint64_t timer;		   /* for when they may again; 0: none */
};

struct asked {
	struct names *names;
	int64_t row;
	uint64_t call;
	bool by_get;	  /* a GET of the first byte, since the server knows no HEAD */
	atomic_bool came; /* by_get: an answer began */
};

static void names_free(struct names *n)
{
	g_array_unref(n->rows);
	g_ptr_array_unref(n->asked);
	g_array_unref(n->unclear);
	g_free(n->failed.message);
	g_free(n->failed.tracking_id);
	g_free(n->failed.advice);
	g_free(n);
}

/* The range of the need: what the space itself lists, or the interval. */
static int range_of(struct pager *p, struct store_conn *conn, const struct need *need,
		    struct store_range *ret_range)
{
	struct store_thread t = {0};
	int r;

	if (need->kind == NEED_THREAD_NAMES) {
		r = store_thread_get(conn, need->row, &t);
		*ret_range = (struct store_range){.room = t.room, .thread = t.rowid};
		store_thread_clear(&t);
		return r;
	}
	if (!need->until)
		return store_head_range(conn, need->row, pager_get_config(p)->recent,
					ret_range);
	*ret_range = (struct store_range){
		.room = need->row, .after = need->after, .until = need->until};
	return 0;
}

/* *ret_room: the room that they are in. */
static int find_rows(struct pager *p, const struct need *need, GArray *rows, int64_t *ret_room)
{
	const struct pager_config *c = pager_get_config(p);
	struct store_range range;
	struct store_conn *conn;
	int r = store_read_begin(c->store, &conn);

	if (r < 0)
		return r;
	r = range_of(p, conn, need, &range);
	if (r == 0)
		r = store_content_unnamed(conn, &range, clock_wall(c->clock), rows, NAMES_MAX);
	store_read_end(conn);
	if (r == 0)
		*ret_room = range.room;
	return r;
}

/* *ret_url is owned; NULL: the row needs no name any more. */
static int load_url(struct pager *p, int64_t row, char **ret_url)
{
	struct store_content content = {0};
	struct store_conn *conn;
	int r = store_read_begin(pager_get_config(p)->store, &conn);

	if (r < 0)
		return r;
	r = store_content_get(conn, row, &content);
	if (r == 0 && !content.gone)
		*ret_url = g_steal_pointer(&content.url);
	store_content_clear(&content);
	store_read_end(conn);
	return r == -ENOENT ? 0 : r;
}

static void on_head(void *arg, struct webex_reply *reply);

/* On the I/O thread. Drops the byte that was asked for, or the whole if the server sends that. */
static int take_first(void *arg, const struct http_piece *piece)
{
	struct asked *a = arg;

	atomic_store(&a->came, true);
	return piece->is_part ? HTTP_TAKEN : -ECANCELED;
}

static void submit(struct webex_client *client, struct asked *a, const char *url)
{
	struct webex_download d = {.url = url, .to = 1, .take = take_first, .take_arg = a};

	a->call = a->by_get ? webex_get_content(client, &d, on_head, a)
			    : webex_head_content(client, url, on_head, a);
}

/* Treats the answer to a GET as that to a HEAD. */
static void read_get(const struct asked *a, struct webex_reply *reply)
{
	if (reply->error == -ECANCELED && atomic_load(&a->came))
		reply->error = 0;
	reply->content_bytes = reply->content_total;
}

/* Asks for the next names. 0, or -errno: nothing more can be asked. */
static int ask(struct names *n)
{
	struct webex_client *client = pager_get_config(n->pager)->client;

	while (n->asked->len < NAMES_AT_ONCE && n->next < n->rows->len) {
		int64_t row = g_array_index(n->rows, int64_t, n->next++);
		g_autofree char *url = NULL;
		struct asked *a;
		int r = load_url(n->pager, row, &url);

		if (r < 0)
			return r;
		if (!url)
			continue;
		a = g_new0(struct asked, 1);
		a->names = n;
		a->row = row;
		a->by_get = n->by_get;
		g_ptr_array_add(n->asked, a);
		submit(client, a, url);
	}
	return 0;
}

static void cancel_asked(struct names *n)
{
	for (guint i = 0; i < n->asked->len; i++) {
		const struct asked *a = n->asked->pdata[i];

		webex_cancel(pager_get_config(n->pager)->client, a->call);
	}
}

enum verdict {
	OF_FILE,   /* a name, or an answer about this file only */
	OF_SERVER, /* about the network, the account or the server: ends the fetch */
	UNCLEAR,   /* the server failed, perhaps only for this file */
};

static enum verdict judge(const struct webex_reply *reply)
{
	if (!reply->error)
		return OF_FILE;
	if (reply->is_network || reply->status == 401 || reply->status == 408 ||
	    reply->status == 429)
		return OF_SERVER;
	if (reply->status >= 500)
		return UNCLEAR;
	/* A redirect leads nowhere, or the URL is no content of this server and was not
	 * requested. */
	if (reply->status >= 300 || reply->error == -EPERM || reply->error == -EINVAL)
		return OF_FILE;
	return OF_SERVER;
}

/* Keeps the name from the server or, with NULL, a made-up one, since the file must not be left
 * out of the list. */
static int give_name(struct names *n, int64_t row, const char *name, int64_t size,
		     int64_t retry_ms)
{
	GPtrArray *changes = store_changes_new();
	int r = store_name_content(pager_get_config(n->pager)->store, row, name, size, retry_ms,
				   changes);

	return pager_published(n->pager, r == -ENOENT ? 0 : r, changes);
}

static int keep(struct names *n, int64_t row, const struct webex_reply *reply)
{
	const struct pager_config *c = pager_get_config(n->pager);
	int64_t retry_ms = 0;

	if (reply->status == 423)
		retry_ms = clock_wall(c->clock) + SCAN_RETRY_MS;
	else if (reply->error && reply->status != 410)
		retry_ms = clock_wall(c->clock) + RETRY_MS;
	return give_name(n, row, reply->error ? NULL : reply->content_name,
			 reply->error ? -1 : reply->content_bytes, retry_ms);
}

static bool is_unclear(const struct names *n, int64_t row)
{
	for (guint i = 0; i < n->unclear->len; i++)
		if (g_array_index(n->unclear, int64_t, i) == row)
			return true;
	return false;
}

/* Looks for rows that came since the fetch began. */
static int look_again(struct names *n)
{
	int r;

	if (n->asked->len || n->next < n->rows->len)
		return 0;
	g_array_set_size(n->rows, 0);
	n->next = 0;
	r = find_rows(n->pager, &n->fetch->need, n->rows, &n->room);
	for (guint i = n->rows->len; i-- > 0;)
		if (is_unclear(n, g_array_index(n->rows, int64_t, i)))
			g_array_remove_index(n->rows, i);
	return r;
}

/* Ends the fetch with an error and cancels the other requests. */
static void fail(struct names *n, int error, struct webex_reply *reply)
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

/* 0: goes on with the others. One file for which the server fails must not hide all others, but
 * a server that fails for all of them is not asked about each. */
static int take_reply(struct names *n, int64_t row, struct webex_reply *reply)
{
	if (!reply->error) {
		server_heard(pager_server(n->pager), reply);
		n->is_good = true;
	}
	switch (judge(reply)) {
	case OF_FILE:
		return keep(n, row, reply);
	case UNCLEAR:
		g_array_append_val(n->unclear, row);
		return n->is_good || n->unclear->len < NAMES_AT_ONCE ? 0 : reply->error;
	case OF_SERVER:
		break;
	}
	return reply->error;
}

/* Called when all were asked for: the unclear ones are listed, too, and asked for again soon. */
static int settle(struct names *n)
{
	int64_t retry_ms = clock_wall(pager_get_config(n->pager)->clock) + SCAN_RETRY_MS;
	int r = 0;

	if (n->asked->len || !n->unclear->len)
		return 0;
	if (!n->is_good)
		return -EIO;
	for (guint i = 0; r == 0 && i < n->unclear->len; i++)
		r = give_name(n, g_array_index(n->unclear, int64_t, i), NULL, -1, retry_ms);
	return r;
}

/* True if it asks again by GET, so that the answer is still to come. */
static bool asks_by_get(struct names *n, const struct asked *a, const struct webex_reply *reply)
{
	if (a->by_get || (reply->status != 405 && reply->status != 501))
		return false;
	n->by_get = true;
	g_array_insert_val(n->rows, n->next, a->row);
	return true;
}

static void go_on(struct names *n, const struct asked *a, struct webex_reply *reply)
{
	int r = asks_by_get(n, a, reply) ? 0 : take_reply(n, a->row, reply);

	if (r == 0)
		r = look_again(n);
	if (r == 0)
		r = ask(n);
	if (r == 0)
		r = settle(n);
	if (r)
		fail(n, r, reply);
}

/* Notes how far it is, for .sparkfs/transfers. */
static void note_progress(struct names *n)
{
	int left = (int)(n->rows->len - n->next + n->asked->len);

	pager_note_names(n->pager, n, n->room, n->done, n->done + left);
}

/* Lets those who wait for one name see whether it came. This may free the fetch. */
static void tell_now(struct names *n)
{
	n->told_ms = clock_mono(pager_get_config(n->pager)->clock);
	n->is_telling = true;
	fetch_progress(n->fetch);
	n->is_telling = false;
}

static bool is_going_on(const struct names *n)
{
	return n->fetch && !n->failed.error && n->asked->len;
}

static void on_timer(void *arg)
{
	struct names *n = arg;

	n->timer = 0;
	if (is_going_on(n))
		tell_now(n);
}

static void tell(struct names *n)
{
	const struct pager_config *c = pager_get_config(n->pager);

	if (!is_going_on(n) || n->timer)
		return;
	if (n->told_ms && clock_mono(c->clock) < n->told_ms + TELL_EVERY_MS)
		n->timer = work_post_at(c->queue, n->told_ms + TELL_EVERY_MS, on_timer, n);
	else
		tell_now(n);
}

static void finish(struct names *n)
{
	struct fetch *f = n->fetch;

	pager_note_names(n->pager, n, n->room, 0, 0);
	if (n->timer)
		work_cancel(pager_get_config(n->pager)->queue, n->timer);
	if (f) {
		f->names = NULL;
		fetch_finished(f, n->failed.error, n->failed.error ? &n->failed : NULL);
	}
	names_free(n);
}

static void on_head(void *arg, struct webex_reply *reply)
{
	struct asked *a = arg;
	struct names *n = a->names;

	g_ptr_array_remove_fast(n->asked, a);
	n->done++;
	if (a->by_get)
		read_get(a, reply);
	if (n->fetch && !n->failed.error)
		go_on(n, a, reply);
	else if (!n->fetch && n->is_enough && !reply->error)
		(void)keep(n, a->row, reply);
	g_free(a);
	if (n->fetch)
		note_progress(n);
	tell(n);
	if (!n->asked->len)
		finish(n);
}

static int names_begin(struct fetch *f)
{
	struct names *n = g_new0(struct names, 1);
	int r;

	n->fetch = f;
	n->pager = f->pager;
	n->rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	n->asked = g_ptr_array_new();
	n->unclear = g_array_new(FALSE, FALSE, sizeof(int64_t));
	r = find_rows(f->pager, &f->need, n->rows, &n->room);
	if (r == 0)
		r = ask(n);
	if (n->asked->len) {
		f->names = n;
		note_progress(n);
		if (r)
			fail(n, r, NULL);
		return FETCH_MORE;
	}
	names_free(n);
	return r;
}

static void names_cancel(struct fetch *f)
{
	struct names *n = g_steal_pointer(&f->names);

	n->fetch = NULL;
	pager_note_names(n->pager, n, n->room, 0, 0);
	n->is_enough = n->is_telling;
	if (!n->is_enough)
		cancel_asked(n);
}

const struct fetcher fetcher_thread_names = {
	.kind = NEED_THREAD_NAMES,
	.words = "the names of files of",
	.is_of_thread = true,
	.begin = names_begin,
	.cancel = names_cancel,
};

const struct fetcher fetcher_names = {
	.kind = NEED_NAMES,
	.words = "the names of files of",
	.is_of_space = true,
	.begin = names_begin,
	.cancel = names_cancel,
};
