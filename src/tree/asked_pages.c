/* SPDX-License-Identifier: MIT */
/*
 * How the answer of a request of api/ comes: in one piece, page by page, or as bytes.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "tree/api_paths.h"
#include "tree/asked_internal.h"
#include "tree/internal.h"
#include "webex/request_path.h"

static void answered(void *arg, struct webex_reply *reply);

/* ---- asking ---- */

static void wake_there(void *arg)
{
	struct asked *a = arg;

	pthread_mutex_lock(&a->lock);
	a->is_woken = false;
	pthread_mutex_unlock(&a->lock);
	asked_wake(a);
	asked_unref(&a);
}

/* Bytes of a file, on the I/O thread. After a break they may begin again with some that are here. */
static int take_bytes(void *arg, const struct http_piece *piece)
{
	struct asked *a = arg;
	int64_t known;
	int r = HTTP_TAKEN;
	bool wakes = false;

	pthread_mutex_lock(&a->lock);
	known = a->position - piece->offset;
	a->total = piece->total;
	if (a->is_left) {
		r = -ECANCELED;
	} else if (known < 0) {
		r = -EIO;
	} else if (a->unread->len - a->taken >= ASKED_AHEAD) {
		a->is_paused = true;
		r = HTTP_PAUSE;
	} else if (known < (int64_t)piece->len) {
		g_string_append_len(a->unread, piece->data + known,
				    (gssize)(piece->len - (size_t)known));
		a->position += (int64_t)piece->len - known;
		wakes = !a->is_woken;
		a->is_woken = true;
	}
	pthread_mutex_unlock(&a->lock);
	if (wakes)
		work_post(a->tree->config.queue, wake_there, asked_ref(a));
	return r;
}

/* The path of the first page, with the largest page of a list whose endpoint is known to have them: a list of
 * thousands is some requests then. Owned. */
static char *first_path(struct asked *a)
{
	size_t len = strcspn(a->path, "?");

	if (a->max && len < strlen(a->path))
		return g_strdup_printf("%s&max=%d", a->path, a->max);
	return a->max ? g_strdup_printf("%s?max=%d", a->path, a->max) : g_strdup(a->path);
}

/* The same page with fewer items. A cursor may count in them, so this is only done for the first page. */
static bool asks_less(struct asked *a, const struct webex_reply *reply)
{
	bool is_gateway = reply->status == 502 || reply->status == 504;

	if (!is_gateway || a->n_pages || a->max <= WEBEX_SMALL_PAGE)
		return false;
	a->max = MAX(a->max / 2, WEBEX_SMALL_PAGE);
	return true;
}

static void request(struct asked *a, const char *path)
{
	struct webex_request r = {
		.method = a->method,
		.path = path,
		.body = a->body ? a->body->str : NULL,
		.body_len = a->body ? a->body->len : 0,
		.asks_much = !a->n_pages && a->max > WEBEX_SMALL_PAGE,
		.take = a->is_bytes ? take_bytes : NULL,
		.take_arg = a,
	};
	uint64_t id = webex_request(a->tree->config.client, &r, answered, asked_ref(a));
	bool resume;

	pthread_mutex_lock(&a->lock);
	a->id = id;
	/* Its reader could not resume it before. */
	resume = a->is_paused && a->unread->len - a->taken < ASKED_AHEAD;
	a->is_paused &= !resume;
	pthread_mutex_unlock(&a->lock);
	if (resume)
		webex_resume(a->tree->config.client, id);
}

static void ask_first(struct asked *a)
{
	_cleanup_gfree_ char *path = first_path(a);

	request(a, path);
}

void asked_ask(struct asked *a)
{
	if (a->method == HTTP_GET && !a->is_bytes && !request_path_has_key(a->path, "max"))
		a->max = api_page_size(a->path);
	ask_first(a);
}

void asked_next_page(struct asked *a)
{
	_cleanup_gfree_ char *next = NULL;
	struct http_asker before;
	bool is_over, is_left;

	pthread_mutex_lock(&a->lock);
	is_over = a->has_ended;
	is_left = a->is_left;
	if (!is_over)
		next = steal_ptr(&a->next);
	pthread_mutex_unlock(&a->lock);
	if (is_over)
		return;
	if (is_left) {
		asked_end(a, -ECANCELED, NULL);
		return;
	}
	before = http_ask_for(a->asker);
	request(a, next);
	http_ask_for(before);
}

/* ---- answers ---- */

static void append(struct asked *a, const char *text, size_t len)
{
	pthread_mutex_lock(&a->lock);
	g_string_append_len(a->unread, text, (gssize)len);
	pthread_mutex_unlock(&a->lock);
}

/* The whole of an answer, as a text that ends with a newline. */
static void append_all(struct asked *a, const struct webex_reply *reply)
{
	if (!reply->body)
		return;
	append(a, reply->body, reply->body_len);
	if (reply->body[reply->body_len - 1] != '\n')
		append(a, "\n", 1);
}

/* True if an item of this id came before. */
static bool is_known(struct asked *a, const char *text, const struct json_span *id)
{
	char *key;

	if (!id->len || g_hash_table_size(a->ids) >= ASKED_IDS_MAX)
		return false;
	key = g_strndup(text + id->at, id->len);
	return !g_hash_table_add(a->ids, key);
}

/* Appends the items that did not come before. Returns how many. */
static int append_items(struct asked *a, const struct webex_reply *reply)
{
	int n = 0;

	for (guint i = 0; i < reply->list_items->len; i++) {
		const struct json_item *item =
			&g_array_index(reply->list_items, struct json_item, i);

		if (is_known(a, reply->body, &item->id))
			continue;
		if (a->has_items)
			append(a, ",", 1);
		append(a, reply->body + item->all.at, item->all.len);
		a->has_items = true;
		n++;
	}
	pthread_mutex_lock(&a->lock);
	a->n_items += n;
	pthread_mutex_unlock(&a->lock);
	return n;
}

/* NULL, or why the list cannot go on so. */
static const char *count_page(struct asked *a, const struct webex_reply *reply, int n)
{
	bool is_empty = reply->list_items->len == 0;

	a->n_pages++;
	a->n_empty = is_empty ? a->n_empty + 1 : 0;
	a->n_known = n || is_empty ? 0 : a->n_known + 1;
	if (!reply->next)
		return NULL;
	if (a->n_pages >= ASKED_PAGES_MAX || a->n_empty >= ASKED_EMPTY_MAX)
		return "the list does not end";
	return a->n_known > 1 ? "the list goes round in a circle" : NULL;
}

static void end_with(struct asked *a, int error, const char *what)
{
	asked_end(a, error, g_strdup_printf("%s: %s", a->name, what));
}

/* The first of several pages: what stands around its items is that of the whole. */
static void begin_list(struct asked *a, const struct webex_reply *reply)
{
	size_t behind = reply->list.at + reply->list.len;
	size_t len = reply->body_len;

	while (len > behind && g_ascii_isspace(reply->body[len - 1]))
		len--;
	append(a, reply->body, reply->list.at);
	a->tail = g_strndup(reply->body + behind, len - behind);
	a->ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

/* Asks for the next page, now or when more of what is here was read. */
static void go_on(struct asked *a, char *next)
{
	bool rests;

	pthread_mutex_lock(&a->lock);
	a->next = next;
	rests = a->unread->len - a->taken >= ASKED_AHEAD;
	a->is_resting = rests;
	pthread_mutex_unlock(&a->lock);
	asked_wake(a);
	if (!rests)
		asked_next_page(a);
}

static void list_page(struct asked *a, struct webex_reply *reply)
{
	const char *why;

	if (!a->tail)
		begin_list(a, reply);
	why = count_page(a, reply, append_items(a, reply));
	if (reply->is_cut)
		why = reply->message;
	if (why) {
		end_with(a, -EIO, why);
	} else if (reply->next) {
		go_on(a, steal_ptr(&reply->next));
	} else {
		append(a, a->tail, strlen(a->tail));
		append(a, "\n", 1);
		asked_end(a, 0, NULL);
	}
}

/* NULL if it was taken back, which its caller knows. */
static char *words_of(const struct asked *a, const struct webex_reply *reply)
{
	_cleanup_gfree_ char *said = webex_reply_words(reply);
	bool is_open = reply->may_have_applied && a->method != HTTP_GET;

	if (reply->error == -ECANCELED && !is_open)
		return NULL;
	return g_strdup_printf("%s: %s%s", a->name, said,
			       is_open ? "; nobody knows whether it was done: look before you "
					 "ask again"
				       : "");
}

/* Keeps the server's answer for last-answer. */
static void keep_answer(struct asked *a, const struct webex_reply *reply)
{
	bool is_told = reply->status && (a->method != HTTP_GET || reply->error);

	if (is_told)
		answers_put(a->tree->answers, (pid_t)a->asker.session, reply->body,
			    reply->body_len);
}

static void take_answer(struct asked *a, struct webex_reply *reply)
{
	bool has_pages = a->tail || (a->method == HTTP_GET && (reply->next || reply->is_cut));

	keep_answer(a, reply);
	if (reply->error) {
		asked_end(a, reply->error, words_of(a, reply));
	} else if (has_pages && reply->list_items) {
		list_page(a, reply);
	} else if (has_pages) {
		end_with(a, -EIO, "a page of the list is no list");
	} else {
		append_all(a, reply);
		asked_end(a, 0, NULL);
	}
}

static void answered(void *arg, struct webex_reply *reply)
{
	struct asked *a = arg;
	bool is_left;

	pthread_mutex_lock(&a->lock);
	a->id = 0;
	is_left = a->is_left;
	pthread_mutex_unlock(&a->lock);
	if (is_left)
		asked_end(a, -ECANCELED, NULL);
	else if (reply->error && asks_less(a, reply))
		ask_first(a);
	else
		take_answer(a, reply);
	asked_unref(&a);
}
