/* SPDX-License-Identifier: MIT */
#include "tree/asked.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "tree/asked_internal.h"
#include "tree/internal.h"

/* ---- those under way ---- */

struct askeds {
	pthread_mutex_t lock;
	GQueue all; /* lock; of struct asked.under_way */
};

struct askeds *askeds_new(void)
{
	struct askeds *all = g_new0(struct askeds, 1);

	pthread_mutex_init(&all->lock, NULL);
	return all;
}

void askeds_free(struct askeds **all)
{
	if (!*all)
		return;
	pthread_mutex_destroy(&(*all)->lock);
	g_free(*all);
	*all = NULL;
}

static void list_asked(struct asked *a, bool is_under_way)
{
	struct askeds *all = a->tree->askeds;

	pthread_mutex_lock(&all->lock);
	if (is_under_way)
		g_queue_push_tail_link(&all->all, &a->under_way);
	else
		g_queue_unlink(&all->all, &a->under_way);
	pthread_mutex_unlock(&all->lock);
}

static void clear_progress(void *p)
{
	g_free(((struct asked_progress *)p)->name);
}

GArray *askeds_list(struct askeds *all)
{
	GArray *list = g_array_new(FALSE, FALSE, sizeof(struct asked_progress));

	g_array_set_clear_func(list, clear_progress);
	pthread_mutex_lock(&all->lock);
	for (const GList *l = all->all.head; l; l = l->next) {
		struct asked *a = l->data;
		struct asked_progress p = {.name = g_strdup(a->name), .is_list = !a->is_bytes};

		pthread_mutex_lock(&a->lock);
		p.done = a->is_bytes ? a->position : a->n_items;
		p.total = a->total;
		p.for_ms = clock_mono(a->tree->config.clock) - a->began_ms;
		pthread_mutex_unlock(&a->lock);
		g_array_append_val(list, p);
	}
	pthread_mutex_unlock(&all->lock);
	return list;
}

/* ---- one ---- */

struct asked *asked_new(struct tree *t, const struct asked_spec *spec)
{
	struct asked *a = g_new0(struct asked, 1);

	atomic_init(&a->refs, 1);
	a->tree = t;
	a->method = spec->method;
	a->path = g_strdup(spec->path);
	a->name = g_strdup(spec->name);
	a->is_bytes = spec->is_bytes;
	a->asker = spec->asker;
	if (spec->body)
		a->body = g_string_new_len(spec->body, (gssize)spec->body_len);
	a->unread = g_string_new(NULL);
	a->total = -1;
	a->under_way.data = a;
	pthread_mutex_init(&a->lock, NULL);
	return a;
}

struct asked *asked_ref(struct asked *a)
{
	atomic_fetch_add(&a->refs, 1);
	return a;
}

void asked_unref(struct asked **p)
{
	struct asked *a = steal_ptr(p);

	if (!a || atomic_fetch_sub(&a->refs, 1) != 1)
		return;
	if (a->body)
		g_string_free(a->body, TRUE);
	g_string_free(a->unread, TRUE);
	if (a->ids)
		g_hash_table_unref(a->ids);
	pthread_mutex_destroy(&a->lock);
	g_free(a->path);
	g_free(a->name);
	g_free(a->next);
	g_free(a->tail);
	g_free(a->words);
	g_free(a);
}

enum http_method asked_method(const struct asked *a)
{
	return a->method;
}

const char *asked_name(const struct asked *a)
{
	return a->name;
}

void asked_set_asker(struct asked *a, struct http_asker asker)
{
	a->asker = asker;
}

/* ---- waiters ---- */

void asked_wait(struct asked *a, struct asked_waiter *w)
{
	w->link = (GList){.data = w};
	w->asked = a;
	g_queue_push_tail_link(&a->waiters, &w->link);
	if (asked_look(a) != ASKED_WAIT)
		asked_wake(a);
}

void asked_unwait(struct asked_waiter *w)
{
	if (!w->asked)
		return;
	g_queue_unlink(&w->asked->waiters, &w->link);
	w->asked = NULL;
}

void asked_wake(struct asked *a)
{
	GQueue waiters = a->waiters;
	GList *link;

	g_queue_init(&a->waiters);
	while ((link = g_queue_pop_head_link(&waiters))) {
		struct asked_waiter *w = link->data;

		w->asked = NULL;
		w->fn(w);
	}
}

/* ---- reading ---- */

static size_t unread_locked(const struct asked *a)
{
	return a->unread->len - a->taken;
}

static int look_locked(const struct asked *a)
{
	if (unread_locked(a))
		return 0;
	return a->has_ended ? a->error : ASKED_WAIT;
}

int asked_look(struct asked *a)
{
	int r;

	pthread_mutex_lock(&a->lock);
	r = look_locked(a);
	pthread_mutex_unlock(&a->lock);
	return r;
}

static void take_locked(struct asked *a, void *buf, size_t size, size_t *ret_n)
{
	*ret_n = MIN(size, unread_locked(a));
	memcpy(buf, a->unread->str + a->taken, *ret_n);
	a->taken += *ret_n;
	if (a->taken < ASKED_AHEAD && unread_locked(a))
		return;
	g_string_erase(a->unread, 0, (gssize)a->taken);
	a->taken = 0;
}

/* An item of the cache queue. */
static void go_on(void *arg)
{
	struct asked *a = arg;

	asked_next_page(a);
	asked_unref(&a);
}

int asked_read(struct asked *a, void *buf, size_t size, size_t *ret_n)
{
	bool next = false, resume = false;
	uint64_t id;
	int r;

	*ret_n = 0;
	pthread_mutex_lock(&a->lock);
	r = look_locked(a);
	if (r == 0)
		take_locked(a, buf, size, ret_n);
	if (unread_locked(a) < ASKED_AHEAD) {
		next = a->is_resting;
		resume = a->is_paused && a->id;
		a->is_resting = false;
		if (resume)
			a->is_paused = false;
	}
	id = a->id;
	pthread_mutex_unlock(&a->lock);
	if (next)
		work_post(a->tree->config.queue, go_on, asked_ref(a));
	if (resume)
		webex_resume(a->tree->config.client, id);
	return r;
}

void asked_give_back(struct asked *a, const void *buf, size_t n)
{
	pthread_mutex_lock(&a->lock);
	g_string_erase(a->unread, 0, (gssize)a->taken);
	a->taken = 0;
	g_string_insert_len(a->unread, 0, buf, (gssize)n);
	pthread_mutex_unlock(&a->lock);
}

char *asked_words(struct asked *a)
{
	char *words;

	pthread_mutex_lock(&a->lock);
	words = g_strdup(a->words);
	pthread_mutex_unlock(&a->lock);
	return words;
}

/* ---- its course ---- */

void asked_start(struct asked *a, asked_done done, void *arg)
{
	struct http_asker before;

	if (a->is_started)
		return;
	a->is_started = true;
	a->done = done;
	a->done_arg = arg;
	a->began_ms = clock_mono(a->tree->config.clock);
	if (a->method == HTTP_GET)
		list_asked(a, true);
	before = http_ask_for(a->asker);
	asked_ask(a);
	http_ask_for(before);
}

void asked_end(struct asked *a, int error, char *words)
{
	if (a->method == HTTP_GET)
		list_asked(a, false);
	pthread_mutex_lock(&a->lock);
	a->has_ended = true;
	a->error = error;
	g_free(a->words);
	a->words = words;
	pthread_mutex_unlock(&a->lock);
	asked_wake(a);
	if (a->done)
		a->done(a->done_arg, error, words);
}

static uint64_t id_of(struct asked *a)
{
	uint64_t id;

	pthread_mutex_lock(&a->lock);
	id = a->id;
	pthread_mutex_unlock(&a->lock);
	return id;
}

void asked_withdraw(struct asked *a)
{
	uint64_t id = id_of(a);

	if (id)
		webex_withdraw(a->tree->config.client, id);
}

/* An item of the cache queue. */
static void end_left(void *arg)
{
	struct asked *a = arg;
	uint64_t id = id_of(a);

	/* Between two pages there is no request to be cancelled. */
	if (id)
		webex_cancel(a->tree->config.client, id);
	else if (a->is_started && !a->has_ended)
		asked_end(a, -ECANCELED, NULL);
	asked_unref(&a);
}

void asked_leave(struct asked *a)
{
	if (a->method != HTTP_GET)
		return;
	pthread_mutex_lock(&a->lock);
	a->is_left = true;
	pthread_mutex_unlock(&a->lock);
	work_post(a->tree->config.queue, end_left, asked_ref(a));
}
