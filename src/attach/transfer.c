/* SPDX-License-Identifier: MIT */
/* The bytes that readers want, and the transfers that bring them. */
#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "attach/internal.h"

/* The length of a content of unknown size that was just found, to be told at once; -1: there is
 * none to tell. */
static int64_t found_length_locked(struct content_entry *e)
{
	if (e->length < 0 || e->promised >= 0 || !e->owner->config.on_length)
		return -1;
	e->length_told = true;
	e->promised = e->length;
	return e->length;
}

/* ---- wants ---- */

static int64_t missing_locked(const struct content_want *w)
{
	return ranges_end(&w->entry->known, w->lo);
}

static bool is_filled_locked(const struct content_want *w)
{
	return content_has_locked(w->entry, w->lo, w->hi);
}

/* True if the transfer will bring that byte soon. */
static bool carries_locked(const struct transfer *t, int64_t at)
{
	if (t->is_cancelled || t->met_known || t->at > at || (t->to && at >= t->to))
		return false;
	return t->entry->no_ranges || at - t->at <= CONTENT_NEAR;
}

static struct transfer *carrier_locked(const struct content_entry *e, int64_t at)
{
	for (guint i = 0; i < e->transfers->len; i++)
		if (carries_locked(e->transfers->pdata[i], at))
			return e->transfers->pdata[i];
	return NULL;
}

bool content_is_wanted_locked(const struct transfer *t)
{
	for (GList *l = t->entry->wants.head; l; l = l->next)
		if (carries_locked(t, missing_locked(l->data)))
			return true;
	return false;
}

/* Moves wants that end to `told`: the fulfilled ones and, with `failed`, those for which no
 * transfer is under way. */
static void take_wants_locked(struct content_entry *e, bool failed, GQueue *told)
{
	GList *next;

	for (GList *l = e->wants.head; l; l = next) {
		struct content_want *w = l->data;

		next = l->next;
		if (is_filled_locked(w) == failed)
			continue;
		if (failed && carrier_locked(e, missing_locked(w)))
			continue;
		g_queue_unlink(&e->wants, l);
		g_queue_push_tail_link(told, l);
	}
}

/* The callbacks may want more. */
static void tell(GQueue *told, int error, const struct webex_reply *reply)
{
	GList *link;

	while ((link = g_queue_pop_head_link(told))) {
		struct content_want *w = link->data;

		w->done(w->arg, error, reply);
		g_free(w);
	}
}

/* An item of the cache thread. */
static void tell_fulfilled(void *arg)
{
	struct content_entry *e = arg;
	struct contents *c = e->owner;
	GQueue told = G_QUEUE_INIT;

	pthread_mutex_lock(&c->lock);
	e->wake_posted = false;
	take_wants_locked(e, false, &told);
	e->busy--;
	content_settle_locked(e);
	pthread_mutex_unlock(&c->lock);
	tell(&told, 0, NULL);
}

/* ---- on the I/O thread: bytes come ---- */

#define PIECE_IS_NEW 2

static int write_piece(struct contents *c, int fd, const struct http_piece *piece)
{
	int r = fd_write_all(fd, piece->data, piece->len, piece->offset);

	if (r != -ENOSPC && r != -EDQUOT)
		return r;
	content_files_evict(c, 0, CONTENT_WINDOW_MAX);
	return fd_write_all(fd, piece->data, piece->len, piece->offset);
}

/* No file can be dropped to make room: the content goes on in memory and is not kept. Only this
 * thread writes, so the set of known bytes does not grow meanwhile. */
static int write_to_memory(struct content_entry *e, const struct http_piece *piece)
{
	struct contents *c = e->owner;
	struct ranges known;
	char *path = NULL;
	int r = -ENOSPC;

	pthread_mutex_lock(&c->lock);
	known = ranges_copy(&e->known);
	/* While the entry is being saved its path is in use; it is tried again. */
	if (!e->is_saving && e->promised <= CONTENT_MEMORY_MAX &&
	    piece->offset <= CONTENT_MEMORY_MAX)
		r = 0;
	pthread_mutex_unlock(&c->lock);
	if (r == 0)
		r = content_file_to_memory(e->fd, &known);
	ranges_clear(&known);
	if (r == 0) {
		pthread_mutex_lock(&c->lock);
		path = g_steal_pointer(&e->path);
		pthread_mutex_unlock(&c->lock);
		r = write_piece(c, e->fd, piece);
	}
	if (path)
		log_warning("cache", "the disk of %s is full: an attachment is not kept", path);
	if (path && unlink(path) < 0)
		log_warning("cache", "%s: %s", path, g_strerror(errno));
	g_free(path);
	return r;
}

static bool has_whole_locked(const struct content_entry *e)
{
	for (guint i = 0; i < e->transfers->len; i++) {
		const struct transfer *t = e->transfers->pdata[i];

		if (!t->is_part && !t->is_cancelled && !t->met_known)
			return true;
	}
	return false;
}

/* PIECE_IS_NEW, or the answer that the transfer gets at once. */
static int judge_locked(struct transfer *t, const struct http_piece *piece)
{
	struct content_entry *e = t->entry;
	int64_t hi = piece->offset + (int64_t)piece->len;

	if (t->is_cancelled)
		return -ECANCELED;
	if (piece->is_part) {
		e->has_ranges = true;
	} else if (t->is_part) {
		/* The server sends the whole instead, from its beginning; it is not asked for
		 * parts again. */
		e->no_ranges = true;
		t->met_known = has_whole_locked(e);
		if (t->met_known)
			return -ECANCELED;
		t->is_part = false;
		t->start = t->to = 0;
	}
	if (ranges_end(&e->known, piece->offset) >= hi) {
		/* If the server has ranges, the rest is asked for behind the bytes that are
		 * here. */
		t->met_known = e->has_ranges && !e->no_ranges;
		if (t->met_known)
			return -ECANCELED;
		t->at = hi;
		return HTTP_TAKEN;
	}
	if (piece->offset < t->limit)
		return PIECE_IS_NEW;
	content_set_paused_locked(t, true);
	return HTTP_PAUSE;
}

/* An item of the cache thread. */
static void tell_promised(void *arg)
{
	struct content_entry *e = arg;
	struct contents *c = e->owner;

	c->config.on_length(c->config.arg, e->row, e->promised);
	content_leave(e);
}

/* The length was unknown, and the body cannot be longer than this. Readers are told of it
 * before their wants are fulfilled. */
static void note_total_locked(struct content_entry *e, int64_t total)
{
	if (e->promised >= 0 || total < 0)
		return;
	e->promised = total;
	if (!e->owner->config.on_length)
		return;
	e->busy++;
	work_post(e->owner->config.queue, tell_promised, e);
}

static void note_piece_locked(struct transfer *t, const struct http_piece *piece)
{
	struct content_entry *e = t->entry;
	int64_t hi = piece->offset + (int64_t)piece->len;

	note_total_locked(e, piece->total);
	ranges_add(&e->known, piece->offset, hi);
	e->is_dirty = true;
	t->at = hi;
	t->brought += (int64_t)piece->len;
	for (GList *l = e->wants.head; l && !e->wake_posted; l = l->next) {
		if (!is_filled_locked(l->data))
			continue;
		e->wake_posted = true;
		e->busy++;
		work_post(e->owner->config.queue, tell_fulfilled, e);
	}
}

static int take(void *arg, const struct http_piece *piece)
{
	struct transfer *t = arg;
	struct contents *c = t->entry->owner;
	int verdict, r;

	pthread_mutex_lock(&c->lock);
	verdict = judge_locked(t, piece);
	pthread_mutex_unlock(&c->lock);
	if (verdict != PIECE_IS_NEW)
		return verdict;
	/* The entry and its descriptor exist as long as one of its transfers is under way. */
	r = write_piece(c, t->entry->fd, piece);
	if (r == -ENOSPC || r == -EDQUOT)
		r = write_to_memory(t->entry, piece);
	if (r < 0)
		return r;
	pthread_mutex_lock(&c->lock);
	note_piece_locked(t, piece);
	pthread_mutex_unlock(&c->lock);
	return HTTP_TAKEN;
}

/* ---- transfers ---- */

/* How many bytes a request for a part asks for: twice as many after every fourth one. */
static int64_t part_size_locked(const struct content_entry *e)
{
	return (int64_t)CONTENT_PART_MIN << MIN(e->parts / 4, 12u);
}

/* Where a request for a part from `at` on ends. It asks for nothing that is here or under way.
 * A reader that goes on behind bytes that are here reads sequentially, and gets all the rest, a
 * window at a time. */
static int64_t part_end_locked(const struct content_entry *e, int64_t at, int64_t hi)
{
	bool goes_on = at > 0 && ranges_end(&e->known, at - 1) == at;
	int64_t end = goes_on ? INT64_MAX : MAX(hi, at + part_size_locked(e));

	end = MIN(end, ranges_next(&e->known, at));
	for (guint i = 0; i < e->transfers->len; i++) {
		const struct transfer *t = e->transfers->pdata[i];

		if (!t->is_cancelled && t->at > at)
			end = MIN(end, t->at);
	}
	return end;
}

static struct transfer *new_transfer_locked(struct content_entry *e, int64_t at, int64_t hi)
{
	bool is_whole = e->no_ranges || (at == 0 && ranges_count(&e->known) == 0);
	struct transfer *t = g_new0(struct transfer, 1);

	t->entry = e;
	t->limit = hi + CONTENT_WINDOW_MIN;
	if (!is_whole) {
		int64_t end = part_end_locked(e, at, hi);

		t->is_part = true;
		t->start = t->at = at;
		t->to = end < content_end_locked(e) ? end : 0;
		t->limit = MAX(t->limit, at + MIN(part_size_locked(e), CONTENT_WINDOW_MAX));
		e->parts++;
	}
	t->is_unscannable = e->is_unscannable;
	t->began_ms = clock_mono(e->owner->config.clock);
	g_ptr_array_add(e->transfers, t);
	return t;
}

/* The call to resume for a want that this transfer will fulfil; 0: none. */
static uint64_t hurry_locked(struct transfer *t, int64_t hi)
{
	int64_t window = CLAMP(hi - t->start, CONTENT_WINDOW_MIN, CONTENT_WINDOW_MAX);

	t->limit = MAX(t->limit, hi + window);
	if (!t->is_paused || t->at >= t->limit)
		return 0;
	content_set_paused_locked(t, false);
	return t->call;
}

/* A transfer that is paused for a reader which went elsewhere makes room: its call, to be
 * cancelled; 0: there is none. */
static uint64_t cut_locked(struct content_entry *e)
{
	for (guint i = 0; i < e->transfers->len; i++) {
		struct transfer *t = e->transfers->pdata[i];

		if (!t->is_paused || !t->call || t->is_cancelled || content_is_wanted_locked(t))
			continue;
		t->is_cancelled = true;
		return t->call;
	}
	return 0;
}

struct step {
	struct transfer *new; /* to be submitted */
	uint64_t resume, cancel;
};

/* Finds what to do next for the wants. False: nothing. */
static bool next_step_locked(struct content_entry *e, struct step *ret_step)
{
	*ret_step = (struct step){.new = NULL};
	for (GList *l = e->wants.head; l; l = l->next) {
		struct content_want *w = l->data;
		int64_t at = missing_locked(w);
		int64_t hi = MIN(w->hi, content_end_locked(e));
		struct transfer *t = carrier_locked(e, at);

		if (is_filled_locked(w))
			continue;
		if (t)
			ret_step->resume = hurry_locked(t, hi);
		else if (e->transfers->len < CONTENT_TRANSFERS_MAX)
			ret_step->new = new_transfer_locked(e, at, hi);
		else
			ret_step->cancel = cut_locked(e);
		if (ret_step->new || ret_step->resume || ret_step->cancel)
			return true;
	}
	return false;
}

static void transfer_done(void *arg, struct webex_reply *reply);

static void submit(struct contents *c, struct transfer *t)
{
	struct webex_download d = {
		.url = t->entry->url,
		.from = t->start,
		.to = t->to,
		.unscannable = t->is_unscannable,
		.scan_ms = c->config.scan_ms,
		.take = take,
		.take_arg = t,
	};
	uint64_t call = webex_get_content(c->config.client, &d, transfer_done, t);
	bool is_cancelled, resumes;

	pthread_mutex_lock(&c->lock);
	t->call = call;
	/* While the id was not known, the call could not be cancelled or resumed. */
	is_cancelled = t->is_cancelled;
	resumes = t->is_paused && t->at < t->limit;
	if (resumes)
		content_set_paused_locked(t, false);
	pthread_mutex_unlock(&c->lock);
	if (is_cancelled)
		webex_cancel(c->config.client, call);
	else if (resumes)
		webex_resume(c->config.client, call);
}

/* Does what the wants need. The caller keeps the entry busy. */
static void plan(struct content_entry *e)
{
	struct contents *c = e->owner;
	struct step step;
	bool any;

	do {
		pthread_mutex_lock(&c->lock);
		any = next_step_locked(e, &step);
		pthread_mutex_unlock(&c->lock);
		if (step.new)
			submit(c, step.new);
		if (step.resume)
			webex_resume(c->config.client, step.resume);
		if (step.cancel)
			webex_cancel(c->config.client, step.cancel);
	} while (any);
}

/* ---- the end of a transfer ---- */

static int note_end_locked(struct transfer *t, const struct webex_reply *reply)
{
	struct content_entry *e = t->entry;
	int64_t end = reply->content_bytes;

	/* The part that was asked for has come, which is not the end of the content. */
	if (t->to && reply->status == 206)
		return t->brought > 0 ? 0 : -EIO;
	if (!reply->content_is_framed && end < e->promised)
		return -EIO;
	if (e->length < 0) {
		e->length = end;
		e->is_dirty = true;
	}
	return 0;
}

/* 0: go on with the wants; -errno for those that waited for it. */
static int judge_end_locked(struct transfer *t, const struct webex_reply *reply)
{
	struct content_entry *e = t->entry;

	if (t->is_cancelled || t->met_known)
		return 0;
	if (!reply->error)
		return note_end_locked(t, reply);
	/* Some servers answer every Range so. */
	if (reply->status == 416 && t->is_part && !e->no_ranges) {
		e->no_ranges = true;
		return 0;
	}
	if (reply->status == 428 && e->owner->config.unscannable && !t->is_unscannable) {
		e->is_unscannable = true;
		return 0;
	}
	return reply->error;
}

static void transfer_done(void *arg, struct webex_reply *reply)
{
	struct transfer *t = arg;
	struct content_entry *e = t->entry;
	struct contents *c = e->owner;
	GQueue filled = G_QUEUE_INIT, failed = G_QUEUE_INIT;
	int64_t length;
	int error;

	pthread_mutex_lock(&c->lock);
	g_ptr_array_remove_fast(e->transfers, t);
	content_set_paused_locked(t, false);
	e->busy++;
	error = judge_end_locked(t, reply);
	if (error) {
		e->failed = error;
		e->failed_at = t->at;
		e->failed_until_ms = clock_mono(c->config.clock) + CONTENT_FAILED_MS;
	}
	take_wants_locked(e, false, &filled);
	if (error)
		take_wants_locked(e, true, &failed);
	length = found_length_locked(e);
	pthread_mutex_unlock(&c->lock);
	g_free(t);

	if (length >= 0)
		c->config.on_length(c->config.arg, e->row, length);
	tell(&filled, 0, error ? NULL : reply);
	tell(&failed, error, reply);
	plan(e);
	content_leave(e);
}

/* ---- for the sources ---- */

static int open_file(struct content_entry *e, const struct content_source *source)
{
	struct contents *c = e->owner;
	struct content_file file;
	int64_t length;
	int r;

	if (e->fd >= 0)
		return 0;
	r = content_file_open(c, source->url, source->size, &file);
	if (r < 0)
		return r;
	pthread_mutex_lock(&c->lock);
	e->fd = file.fd;
	e->path = file.path;
	e->length = file.length;
	e->known = file.known;
	e->url = g_strdup(source->url);
	e->promised = source->size;
	length = found_length_locked(e);
	content_note_opened_locked(e);
	pthread_mutex_unlock(&c->lock);
	if (length >= 0)
		c->config.on_length(c->config.arg, e->row, length);
	return 0;
}

/* 1: the bytes are here; 0: `w` waits; -errno. */
static int enter_locked(struct content_entry *e, struct content_want *w)
{
	bool failed = e->failed && clock_mono(e->owner->config.clock) < e->failed_until_ms;

	/* Who wants bytes reads them when they are here. */
	content_note_used_locked(e);
	if (is_filled_locked(w))
		return 1;
	if (failed && missing_locked(w) >= e->failed_at)
		return e->failed;
	g_queue_push_tail_link(&e->wants, &w->link);
	return 0;
}

void contents_retry(struct contents *c, int error)
{
	GHashTableIter iter;
	gpointer value;

	pthread_mutex_lock(&c->lock);
	g_hash_table_iter_init(&iter, c->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct content_entry *e = value;

		if (e->failed == error)
			e->failed_until_ms = INT64_MIN / 2;
	}
	pthread_mutex_unlock(&c->lock);
}

int contents_want(struct contents *c, const struct content_source *source, int64_t lo,
		  int64_t hi, content_done done, void *arg, struct content_want **ret_want)
{
	struct content_want *w = g_new0(struct content_want, 1);
	struct content_entry *e;
	int r = -ESTALE;

	pthread_mutex_lock(&c->lock);
	e = g_hash_table_lookup(c->entries, &source->row);
	if (e)
		e->busy++;
	pthread_mutex_unlock(&c->lock);
	if (e)
		r = open_file(e, source);
	*w = (struct content_want){.entry = e, .lo = lo, .hi = hi, .done = done, .arg = arg};
	w->link.data = w;
	if (r == 0) {
		pthread_mutex_lock(&c->lock);
		r = enter_locked(e, w);
		pthread_mutex_unlock(&c->lock);
	}
	if (r == 0)
		*ret_want = w;
	else
		g_free(w);
	if (!e)
		return r;
	plan(e);
	content_leave(e);
	return r;
}

void contents_unwant(struct contents *c, struct content_want *w)
{
	struct content_entry *e = w->entry;

	pthread_mutex_lock(&c->lock);
	g_queue_unlink(&e->wants, &w->link);
	content_settle_locked(e);
	pthread_mutex_unlock(&c->lock);
	g_free(w);
}
