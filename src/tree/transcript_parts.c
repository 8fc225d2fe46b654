/* SPDX-License-Identifier: MIT */
#include "tree/transcript_parts.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/log.h"
#include "base/names.h"
#include "base/thread.h"
#include "webex/render.h"

/* So many messages are made at once while reads may wait. */
#define SLICE 500
/* Each keeper has a thread and a connection. */
#define KEEPERS_MAX 16

int64_t parts_quiet_ms = 3000;

enum state { STARTS, SERVES, MAKES, WHOLE, FAILED };

struct parts {
	struct layout *layout;
	struct store *store;
	struct store_stamp stamp; /* that of the layout's snapshot */
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t changed; /* any of the fields below; on the monotonic clock */
	enum state state;	/* parts.lock */
	bool is_stopping;	/* parts.lock */
	int64_t started_us;	/* keeper */
	int64_t used_us;	/* of the last read; parts.lock */
	struct wish *wishes;	/* parts.lock */
	GString *whole;		/* keeper; whoever read WHOLE under parts.lock may read it */
	guint made;		/* keeper: so many messages are in `whole` */
};

/* A read that waits for the keeper. */
struct wish {
	struct wish *next;
	char *buf;
	size_t len;
	int64_t offset;
	bool is_done;	/* parts.lock */
	ssize_t result; /* parts.lock */
};

static atomic_int_fast64_t rendered;
static atomic_int keepers; /* how many threads run */

int64_t parts_rendered(void)
{
	return atomic_load(&rendered);
}

void transcript_render(GString *out, const struct store_message *m)
{
	struct webex_root root;
	size_t len;
	const char *author = name_stem_author(m->stem, &len);

	atomic_fetch_add_explicit(&rendered, 1, memory_order_relaxed);
	webex_render_transcript(&m->m, author, len, store_message_root(m, &root), out);
}

/* ---- the layout ---- */

static bool add_place(void *arg, int64_t cookie, int64_t size)
{
	struct layout *l = arg;
	int64_t end = layout_size(l) + size;

	g_array_append_val(l->cookies, cookie);
	g_array_append_val(l->ends, end);
	return true;
}

static void layout_clear(void *p)
{
	struct layout *l = p;

	g_array_unref(l->cookies);
	g_array_unref(l->ends);
}

int layout_read(struct store_conn *conn, const struct store_range *range,
		struct layout **ret_layout)
{
	struct layout *l = g_atomic_rc_box_new0(struct layout);
	int r;

	l->range = *range;
	l->cookies = g_array_new(FALSE, FALSE, sizeof(int64_t));
	l->ends = g_array_new(FALSE, FALSE, sizeof(int64_t));
	r = store_transcript_places(conn, range, add_place, l);
	if (r)
		layout_unref(&l);
	else
		*ret_layout = l;
	return r;
}

int64_t layout_size(const struct layout *l)
{
	return l->ends->len ? g_array_index(l->ends, int64_t, l->ends->len - 1) : 0;
}

void layout_unref(struct layout **l)
{
	if (*l)
		g_atomic_rc_box_release_full(*l, layout_clear);
	*l = NULL;
}

static int64_t begin_of(const struct layout *l, guint i)
{
	return i ? g_array_index(l->ends, int64_t, i - 1) : 0;
}

/* The message that the byte belongs to. */
static guint find_message(const struct layout *l, int64_t offset)
{
	guint low = 0, high = l->ends->len;

	while (low < high) {
		guint middle = low + (high - low) / 2;

		if (g_array_index(l->ends, int64_t, middle) <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ---- the keeper ---- */

struct making {
	const struct layout *layout;
	GString *out;
	guint next, until;
	int64_t base; /* where `out` begins in the text */
	bool is_odd;  /* what the snapshot has is not what the layout says */
};

static bool make_one(void *arg, const struct store_message *m)
{
	struct making *k = arg;

	if (k->next >= k->until || m->is_evicted ||
	    m->cookie != g_array_index(k->layout->cookies, int64_t, k->next)) {
		k->is_odd = true;
		return false;
	}
	transcript_render(k->out, m);
	k->is_odd = k->base + (int64_t)k->out->len !=
		    g_array_index(k->layout->ends, int64_t, k->next);
	k->next++;
	return !k->is_odd;
}

/* Appends the messages [from, until) to `out`, which begins at `base` of the text. */
static int make_part(struct store_conn *conn, const struct layout *l, guint from, guint until,
		     int64_t base, GString *out)
{
	struct making k = {l, out, from, until, base, false};
	struct store_range range = l->range;
	int r;

	if (from >= until)
		return 0;
	range.after = g_array_index(l->cookies, int64_t, from) - 1;
	range.until = g_array_index(l->cookies, int64_t, until - 1) + 1;
	r = store_message_each(conn, &range, make_one, &k);
	if (r == 0 && (k.is_odd || k.next != until)) {
		log_error("tree", "the sizes of a transcript's messages are not theirs");
		r = -EIO;
	}
	return r;
}

static ssize_t serve(struct parts *p, struct store_conn *conn, const struct wish *w)
{
	const struct layout *l = p->layout;
	guint from = find_message(l, w->offset);
	guint until = find_message(l, w->offset + (int64_t)w->len - 1) + 1;
	int64_t base = begin_of(l, from);
	g_autoptr(GString) out = g_string_sized_new(w->len + 4096);
	int r = make_part(conn, l, from, MIN(until, l->ends->len), base, out);
	size_t skip = (size_t)(w->offset - base), n;

	if (r)
		return r;
	n = MIN(w->len, out->len - skip);
	memcpy(w->buf, out->str + skip, n);
	return (ssize_t)n;
}

static int make_slice(struct parts *p, struct store_conn *conn)
{
	guint until = MIN(p->made + SLICE, p->layout->ends->len);
	int r;

	if (!p->whole)
		p->whole = g_string_sized_new((gsize)layout_size(p->layout) + 1);
	r = make_part(conn, p->layout, p->made, until, 0, p->whole);

	p->made = until;
	return r;
}

static void set_state_locked(struct parts *p, enum state state)
{
	p->state = state;
	pthread_cond_broadcast(&p->changed);
}

static void serve_locked(struct parts *p, struct store_conn *conn)
{
	struct wish *w = p->wishes;
	ssize_t n;

	p->wishes = w->next;
	pthread_mutex_unlock(&p->lock);
	n = serve(p, conn, w);
	pthread_mutex_lock(&p->lock);
	w->result = n;
	w->is_done = true;
	pthread_cond_broadcast(&p->changed);
}

static void make_locked(struct parts *p, struct store_conn *conn)
{
	int r;

	pthread_mutex_unlock(&p->lock);
	r = make_slice(p, conn);
	pthread_mutex_lock(&p->lock);
	if (r)
		set_state_locked(p, FAILED);
	else if (p->made == p->layout->ends->len)
		set_state_locked(p, WHOLE);
}

/* Waits for something to do; the whole is begun when nobody reads any more. */
static void wait_locked(struct parts *p)
{
	int64_t due = MIN(p->used_us + parts_quiet_ms * INT64_C(1000),
			  p->started_us + PARTS_HELD_MS * INT64_C(1000));
	struct timespec until = {due / G_USEC_PER_SEC, due % G_USEC_PER_SEC * 1000};

	if (g_get_monotonic_time() >= due)
		set_state_locked(p, MAKES);
	else
		pthread_cond_timedwait(&p->changed, &p->lock, &until);
}

static void keep_locked(struct parts *p, struct store_conn *conn)
{
	while (!p->is_stopping && (p->state == SERVES || p->state == MAKES)) {
		if (p->wishes)
			serve_locked(p, conn);
		else if (p->state == MAKES)
			make_locked(p, conn);
		else
			wait_locked(p);
	}
}

/* 0 if `conn` has the messages that the layout has. */
static int check(struct parts *p, struct store_conn *conn)
{
	struct store_stamp now;
	int r = store_text_stamp(conn, p->layout->range.room, &now);

	return r ? r : store_stamp_is_same(&now, &p->stamp) ? 0 : -ESTALE;
}

static void *run(void *arg)
{
	struct parts *p = arg;
	struct store_conn *conn;
	int r = store_read_begin(p->store, &conn);
	bool has = r == 0;

	if (r == 0)
		r = check(p, conn);
	pthread_mutex_lock(&p->lock);
	set_state_locked(p, r ? FAILED : SERVES);
	if (r == 0)
		keep_locked(p, conn);
	pthread_mutex_unlock(&p->lock);
	if (has)
		store_read_end(conn);
	atomic_fetch_sub(&keepers, 1);
	return NULL;
}

static void parts_free(struct parts *p)
{
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	if (p->whole)
		g_string_free(p->whole, TRUE);
	layout_unref(&p->layout);
	g_free(p);
}

static struct parts *parts_alloc(struct store_conn *conn, struct layout *l)
{
	struct parts *p = g_new0(struct parts, 1);
	pthread_condattr_t attr;

	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->changed, &attr);
	pthread_condattr_destroy(&attr);
	p->layout = g_atomic_rc_box_acquire(l);
	p->store = store_of(conn);
	p->started_us = p->used_us = g_get_monotonic_time();
	return p;
}

int parts_start(struct store_conn *conn, struct layout *l, struct parts **ret_parts)
{
	struct parts *p;
	int r;

	if (!store_keeps_snapshots(store_of(conn)))
		return -ESTALE;
	if (atomic_fetch_add(&keepers, 1) >= KEEPERS_MAX) {
		atomic_fetch_sub(&keepers, 1);
		return -ESTALE;
	}
	p = parts_alloc(conn, l);
	r = store_text_stamp(conn, l->range.room, &p->stamp);
	if (r == 0)
		r = thread_start("transcript", run, p, &p->thread);
	if (r) {
		atomic_fetch_sub(&keepers, 1);
		parts_free(p);
		return r;
	}
	pthread_mutex_lock(&p->lock);
	while (p->state == STARTS)
		pthread_cond_wait(&p->changed, &p->lock);
	if (p->state == FAILED)
		r = -ESTALE;
	pthread_mutex_unlock(&p->lock);
	if (r)
		parts_stop(&p);
	else
		*ret_parts = p;
	return r;
}

void parts_stop(struct parts **parts)
{
	struct parts *p = *parts;

	*parts = NULL;
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->is_stopping = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	parts_free(p);
}

static void unlink_locked(struct parts *p, const struct wish *w)
{
	for (struct wish **at = &p->wishes; *at; at = &(*at)->next) {
		if (*at == w) {
			*at = w->next;
			return;
		}
	}
}

/* Asks the keeper, until it has answered or has the whole. It answers what it has taken off the list
 * before it does anything else. */
static ssize_t ask_locked(struct parts *p, struct wish *w)
{
	w->next = p->wishes;
	p->wishes = w;
	pthread_cond_broadcast(&p->changed);
	while (!w->is_done && (p->state == SERVES || p->state == MAKES))
		pthread_cond_wait(&p->changed, &p->lock);
	p->used_us = g_get_monotonic_time();
	if (w->is_done)
		return w->result;
	unlink_locked(p, w);
	if (p->state != WHOLE)
		return -EIO;
	memcpy(w->buf, p->whole->str + w->offset, w->len);
	return (ssize_t)w->len;
}

ssize_t parts_read(struct parts *p, void *buf, size_t len, int64_t offset)
{
	struct wish w = {.buf = buf, .offset = offset};
	int64_t size = layout_size(p->layout);
	ssize_t n;

	if (offset < 0 || offset >= size || !len)
		return 0;
	w.len = (size_t)MIN((int64_t)len, size - offset);
	pthread_mutex_lock(&p->lock);
	n = ask_locked(p, &w);
	pthread_mutex_unlock(&p->lock);
	return n;
}
