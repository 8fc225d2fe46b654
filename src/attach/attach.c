/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/private.h"
#include "attach/internal.h"

static void entry_free(void *p)
{
	struct content_entry *e = p;

	assert(e->transfers->len == 0 && g_queue_is_empty(&e->wants));
	if (e->fd >= 0)
		close(e->fd);
	ranges_clear(&e->known);
	g_ptr_array_unref(e->transfers);
	g_free(e->url);
	g_free(e->path);
	g_free(e);
}

int contents_new(const struct contents_config *config, struct contents **ret_contents)
{
	struct contents *c = g_new0(struct contents, 1);
	int r;

	c->config = *config;
	c->dir = g_strdup(config->dir);
	c->kept = INT64_MIN / 2; /* not counted */
	r = work_queue_start("sparkfs-files", &c->files);
	if (r == 0 && c->dir)
		r = private_dir(c->dir, content_file_is_name);
	if (r < 0) {
		work_queue_stop(&c->files);
		g_free(c->dir);
		g_free(c);
		return r;
	}
	pthread_mutex_init(&c->lock, NULL);
	c->entries = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, entry_free);
	*ret_contents = c;
	return 0;
}

void contents_free(struct contents **c_ptr)
{
	struct contents *c = *c_ptr;
	GHashTableIter iter;
	gpointer value;

	if (!c)
		return;
	work_queue_stop(&c->files);
	/* These were open when the mount ended. */
	g_hash_table_iter_init(&iter, c->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct content_entry *e = value;

		if (e->path && e->is_dirty)
			content_file_save(e->fd, e->path, e->length, &e->known);
	}
	g_hash_table_unref(c->entries);
	pthread_mutex_destroy(&c->lock);
	g_free(c->dir);
	g_free(c);
	*c_ptr = NULL;
}

int64_t contents_unknown_max(const struct contents *c)
{
	return c->dir ? MAX(c->config.max_bytes, CONTENT_WINDOW_MAX) : CONTENT_MEMORY_MAX;
}

int64_t content_end_locked(const struct content_entry *e)
{
	if (e->length >= 0)
		return e->length;
	return e->promised >= 0 ? e->promised : INT64_MAX;
}

bool content_has_locked(const struct content_entry *e, int64_t lo, int64_t hi)
{
	hi = MIN(hi, content_end_locked(e));
	return e->fd >= 0 && (lo >= hi || ranges_end(&e->known, lo) >= hi);
}

/* ---- the end of an entry ---- */

static bool is_idle_locked(const struct content_entry *e)
{
	return e->opens == 0 && e->busy == 0 && e->transfers->len == 0 && !e->wants.head;
}

/* Keeps the bound of the folder without listing the folder for each file. */
static void keep_bound(struct contents *c, int64_t added)
{
	c->kept += added;
	if (c->kept >= 0 && c->kept <= c->config.max_bytes && ++c->saves < CONTENT_SAVES_MAX)
		return;
	c->kept = content_files_evict(c, c->config.max_bytes, INT64_MAX);
	c->saves = 0;
}

static int64_t bytes_on_disk(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : (int64_t)st.st_blocks * 512;
}

/* Saves the map if it changed. How many bytes the file has on the disk then; 0: it was saved
 * before. */
static int64_t save_map(struct content_entry *e)
{
	struct contents *c = e->owner;
	struct ranges known;
	bool was_dirty;
	int64_t length;

	pthread_mutex_lock(&c->lock);
	known = ranges_copy(&e->known);
	length = e->length;
	was_dirty = e->is_dirty;
	e->is_dirty = false;
	pthread_mutex_unlock(&c->lock);
	/* If somebody writes to it now, they have it open, and it is saved once more later. */
	if (was_dirty)
		content_file_save(e->fd, e->path, length, &known);
	ranges_clear(&known);
	return was_dirty ? bytes_on_disk(e->fd) : 0;
}

/* On the thread of files. */
static void save(void *arg)
{
	struct content_entry *e = arg;
	struct contents *c = e->owner;
	int64_t added = save_map(e);

	pthread_mutex_lock(&c->lock);
	e->is_saving = false;
	e->busy--;
	content_rest_locked(e);
	content_settle_locked(e);
	pthread_mutex_unlock(&c->lock);
	keep_bound(c, added);
}

void content_save_locked(struct content_entry *e)
{
	e->is_saving = true;
	e->busy++;
	work_post(e->owner->files, save, e);
}

void content_leave(struct content_entry *e)
{
	struct contents *c = e->owner;

	pthread_mutex_lock(&c->lock);
	e->busy--;
	content_settle_locked(e);
	pthread_mutex_unlock(&c->lock);
}

/* An item of the cache thread. */
static void tell_length(void *arg)
{
	struct content_entry *e = arg;
	struct contents *c = e->owner;

	if (c->config.on_length)
		c->config.on_length(c->config.arg, e->row, e->length);
	content_leave(e);
}

void content_settle_locked(struct content_entry *e)
{
	/* Readers that have it open were told that it is longer: they must get an error, not an
	 * early end. */
	if (e->length >= 0 && e->length != e->promised && !e->length_told &&
	    (e->length > e->promised || is_idle_locked(e))) {
		e->length_told = true;
		e->busy++;
		work_post(e->owner->config.queue, tell_length, e);
	}
	if (!is_idle_locked(e))
		return;
	if (e->path && e->is_dirty) {
		content_save_locked(e);
		return;
	}
	content_note_closed_locked(e);
	g_hash_table_remove(e->owner->entries, &e->row);
}

/* ---- readers ---- */

void contents_open(struct contents *c, int64_t row)
{
	struct content_entry *e;

	pthread_mutex_lock(&c->lock);
	e = g_hash_table_lookup(c->entries, &row);
	if (!e) {
		e = g_new0(struct content_entry, 1);
		e->row = row;
		e->owner = c;
		e->fd = -1;
		e->promised = e->length = -1;
		e->transfers = g_ptr_array_new();
		g_queue_init(&e->wants);
		g_hash_table_insert(c->entries, &e->row, e);
	}
	e->opens++;
	pthread_mutex_unlock(&c->lock);
}

/* Calls to make after the lock is released. */
struct calls {
	uint64_t ids[CONTENT_TRANSFERS_MAX];
	int n;
};

static void note_call(struct calls *calls, const struct transfer *t)
{
	if (t->call && calls->n < CONTENT_TRANSFERS_MAX)
		calls->ids[calls->n++] = t->call;
}

void contents_close(struct contents *c, int64_t row)
{
	struct calls cancel = {.n = 0};
	struct content_entry *e;

	pthread_mutex_lock(&c->lock);
	e = g_hash_table_lookup(c->entries, &row);
	if (e && --e->opens == 0) {
		for (guint i = 0; i < e->transfers->len; i++) {
			struct transfer *t = e->transfers->pdata[i];

			if (!t->is_cancelled)
				note_call(&cancel, t);
			t->is_cancelled = true;
		}
		content_settle_locked(e);
	}
	pthread_mutex_unlock(&c->lock);
	for (int i = 0; i < cancel.n; i++)
		webex_cancel(c->config.client, cancel.ids[i]);
}

/* Lets the transfers go on that were paused for a reader which has come to `at`. */
static void read_ahead_locked(struct content_entry *e, int64_t at, struct calls *resume)
{
	for (guint i = 0; i < e->transfers->len; i++) {
		struct transfer *t = e->transfers->pdata[i];
		int64_t window = CLAMP(at - t->start, CONTENT_WINDOW_MIN, CONTENT_WINDOW_MAX);

		if (at < t->start || at > t->at || at + window <= t->limit)
			continue;
		t->limit = at + window;
		if (!t->is_paused || t->limit - t->at < window / 2)
			continue;
		content_set_paused_locked(t, false);
		note_call(resume, t);
	}
}

static void transfer_clear(void *p)
{
	struct content_transfer *t = p;

	g_free(t->name);
	g_free(t->place);
}

GArray *content_transfers_new(void)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct content_transfer));

	g_array_set_clear_func(all, transfer_clear);
	return all;
}

static int64_t here_locked(const struct content_entry *e)
{
	int64_t n = 0;

	for (guint i = 0; i < ranges_count(&e->known); i++)
		n += ranges_nth(&e->known, i).hi - ranges_nth(&e->known, i).lo;
	return n;
}

/* Adds the transfers of a content as one; its time is that of the oldest. */
static void add_transfer_locked(const struct content_entry *e, int64_t now_ms, GArray *ret)
{
	int64_t end = content_end_locked(e);
	struct content_transfer sum = {
		.row = e->row, .done = here_locked(e), .total = end == INT64_MAX ? -1 : end};
	bool any = false;

	for (guint i = 0; i < e->transfers->len; i++) {
		const struct transfer *t = e->transfers->pdata[i];

		if (t->is_cancelled)
			continue;
		any = true;
		sum.moved += t->brought;
		sum.for_ms = MAX(sum.for_ms, now_ms - t->began_ms);
	}
	if (any)
		g_array_append_val(ret, sum);
}

void contents_transfers(struct contents *c, GArray *ret)
{
	int64_t now_ms = clock_mono(c->config.clock);
	GHashTableIter iter;
	gpointer value;

	pthread_mutex_lock(&c->lock);
	g_hash_table_iter_init(&iter, c->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		add_transfer_locked(value, now_ms, ret);
	pthread_mutex_unlock(&c->lock);
}

bool contents_has(struct contents *c, int64_t row, int64_t lo, int64_t hi)
{
	struct content_entry *e;
	bool has;

	pthread_mutex_lock(&c->lock);
	e = g_hash_table_lookup(c->entries, &row);
	has = e && content_has_locked(e, lo, hi);
	pthread_mutex_unlock(&c->lock);
	return has;
}

ssize_t contents_read(struct contents *c, int64_t row, void *buf, size_t len, int64_t offset)
{
	struct calls resume = {.n = 0};
	int64_t hi = offset + (int64_t)len;
	struct content_entry *e;
	ssize_t n = -EAGAIN;
	int fd = -1;

	pthread_mutex_lock(&c->lock);
	e = g_hash_table_lookup(c->entries, &row);
	if (!e) {
		n = -EIO;
	} else if (e->length >= 0 && e->length < MIN(hi, e->promised)) {
		/* A file must not end before the size that its readers were told. */
		n = -EIO;
	} else if (content_has_locked(e, offset, hi)) {
		fd = e->fd;
		e->readers++;
		content_note_used_locked(e);
		hi = MIN(hi, content_end_locked(e));
		read_ahead_locked(e, hi, &resume);
	}
	pthread_mutex_unlock(&c->lock);
	for (int i = 0; i < resume.n; i++)
		webex_resume(c->config.client, resume.ids[i]);
	if (fd < 0)
		return n;
	/* The caller has it open, and counts as a reader, so the descriptor is not closed
	 * meanwhile. */
	n = offset < hi ? pread(fd, buf, (size_t)(hi - offset), offset) : 0;
	if (n < 0)
		n = -errno;
	pthread_mutex_lock(&c->lock);
	e->readers--;
	pthread_mutex_unlock(&c->lock);
	return n;
}
