/* SPDX-License-Identifier: MIT */
/* The letters of .sparkfs/unsent/: a table in memory (entries.h), so that a listing reads no files. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/names.h"
#include "base/timefmt.h"
#include "outbox/draft.h"
#include "outbox/entries.h"
#include "outbox/internal.h"

#define PLACE_MAX_BYTES 64
/* What is left for the file name behind "<stamp>_<place>~<tie>_". */
#define FILE_PART_MAX (OUTBOX_ITEM_NAME_MAX - TIME_ISO_SIZE - PLACE_MAX_BYTES - 12)

void outbox_item_free(void *item)
{
	struct outbox_item *i = item;

	if (!i)
		return;
	g_free(i->name);
	g_free(i);
}

bool outbox_item_is_private(const struct outbox_item *item)
{
	static const char place[] = "_" OUTBOX_PLACE_PRIVATE;
	const char *at = strchr(item->name, '_');

	return at && g_str_has_prefix(at, place) &&
	       (at[sizeof(place) - 1] == '_' || at[sizeof(place) - 1] == '~');
}

void outbox_items_init(struct outbox *o)
{
	o->entries = entries_new();
	o->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void outbox_items_done(struct outbox *o)
{
	entries_free(&o->entries);
	g_hash_table_destroy(o->keys);
}

/* ---- names ---- */

static char *file_part(const struct outbox_letter *l)
{
	static const char *const endings[] = {
		[LETTER_TEXT] = "txt", [LETTER_MARKDOWN] = "md", [LETTER_JSON] = "json"};

	if (l->form == LETTER_FILE)
		return name_from_file(l->filename ? l->filename : "file", FILE_PART_MAX);
	if (l->form == LETTER_SUBMIT)
		return g_strdup("submit.json");
	return g_strconcat(l->is_edit	  ? "edit."
			   : l->to.thread ? "reply."
					  : "post.",
			   endings[l->form], NULL);
}

static char *item_name(const struct outbox_letter *l, int64_t began_ms, unsigned tie)
{
	const char *place = l->to.place	  ? l->to.place
			    : l->to.email ? l->to.email
					  : "unknown place";
	_cleanup_gfree_ char *clean = name_from_title(place, PLACE_MAX_BYTES);
	_cleanup_gfree_ char *file = file_part(l);
	char stamp[TIME_ISO_SIZE];

	time_format_name(began_ms, stamp);
	if (tie == 0)
		return g_strdup_printf("%s_%s_%s", stamp, clean, file);
	return g_strdup_printf("%s_%s~%u_%s", stamp, clean, tie, file);
}

bool outbox_name_reserve(struct outbox *o, const char *name)
{
	char *key = name_key(name);
	bool is_new;

	pthread_mutex_lock(&o->lock);
	is_new = !g_hash_table_contains(o->keys, key);
	if (is_new)
		g_hash_table_add(o->keys, steal_ptr(&key));
	pthread_mutex_unlock(&o->lock);
	g_free(key);
	return is_new;
}

void outbox_name_release(struct outbox *o, const char *name)
{
	_cleanup_gfree_ char *key = name_key(name);

	pthread_mutex_lock(&o->lock);
	g_hash_table_remove(o->keys, key);
	pthread_mutex_unlock(&o->lock);
}

char *outbox_name_claim(struct outbox *o, const struct outbox_letter *l, int64_t began_ms)
{
	for (unsigned tie = 0;; tie++) {
		char *name = item_name(l, began_ms, tie);

		if (outbox_name_reserve(o, name))
			return name;
		g_free(name);
	}
}

/* ---- the journal ---- */

struct unsent_news {
	struct outbox *o;
	char *path;
};

static void tell(void *arg)
{
	struct unsent_news *news = arg;
	int r = store_event_add(news->o->store, STORE_EVENT_UNSENT, news->path);

	if (r < 0)
		log_debug("cache", "the journal lacks an unsent letter: %s", g_strerror(-r));
	outbox_one_less(news->o);
	g_free(news->path);
	g_free(news);
}

/* The store has one thread that writes. */
static void tell_locked(struct outbox *o, const char *name)
{
	struct unsent_news *news = g_new(struct unsent_news, 1);

	news->o = o;
	news->path = g_strconcat(".sparkfs/unsent/", name, NULL);
	o->live++;
	work_post(o->cache, tell, news);
}

/* ---- the table ---- */

void outbox_item_put(struct outbox *o, const struct outbox_note *note, int64_t size,
		     int64_t why_size)
{
	struct outbox_entry *e = g_new0(struct outbox_entry, 1);
	const struct outbox_entry *old;

	e->is_doubt = note->state == OUTBOX_IN_DOUBT;
	e->item.n = note->n;
	e->item.name = g_strdup(note->name);
	e->item.size = size;
	e->item.why_size = why_size;
	e->item.mtime_ms = note->began_ms;
	e->key = name_key(note->name);
	pthread_mutex_lock(&o->lock);
	old = entries_find(o->entries, note->n);
	e->is_taken = old && old->is_taken;
	/* What an earlier run left is no news. */
	if (!old && o->io)
		tell_locked(o, note->name);
	entries_put(o->entries, e);
	pthread_mutex_unlock(&o->lock);
}

void outbox_item_drop(struct outbox *o, int64_t n)
{
	struct outbox_entry *e;

	pthread_mutex_lock(&o->lock);
	e = entries_find(o->entries, n);
	if (e) {
		g_hash_table_remove(o->keys, e->key);
		entries_drop(o->entries, e);
	}
	pthread_mutex_unlock(&o->lock);
}

int outbox_item_hold(struct outbox *o, int64_t n)
{
	struct outbox_entry *e;
	int r = 0;

	pthread_mutex_lock(&o->lock);
	e = entries_find(o->entries, n);
	if (!e)
		r = -ENOENT;
	else if (e->is_taken)
		r = -EBUSY;
	else
		e->is_taken = true;
	pthread_mutex_unlock(&o->lock);
	return r;
}

void outbox_item_release(struct outbox *o, int64_t n)
{
	struct outbox_entry *e;

	pthread_mutex_lock(&o->lock);
	e = entries_find(o->entries, n);
	if (e)
		e->is_taken = false;
	pthread_mutex_unlock(&o->lock);
}

static struct outbox_item *item_copy(const struct outbox_entry *e)
{
	struct outbox_item *item = g_new(struct outbox_item, 1);

	*item = e->item;
	item->name = g_strdup(e->item.name);
	return item;
}

char *outbox_item_name(struct outbox *o, int64_t n)
{
	const struct outbox_entry *e;
	char *name;

	pthread_mutex_lock(&o->lock);
	e = entries_find(o->entries, n);
	name = e ? g_strdup(e->item.name) : NULL;
	pthread_mutex_unlock(&o->lock);
	return name;
}

struct wanted_items {
	GPtrArray *items;
	guint most;
};

static bool append_copy(void *arg, const struct outbox_entry *e)
{
	struct wanted_items *w = arg;

	if (w->items->len == w->most)
		return false;
	g_ptr_array_add(w->items, item_copy(e));
	return true;
}

GPtrArray *outbox_list(struct outbox *o, int64_t from, guint most)
{
	struct wanted_items w = {g_ptr_array_new_with_free_func(outbox_item_free), most};

	pthread_mutex_lock(&o->lock);
	entries_each(o->entries, from, append_copy, &w);
	pthread_mutex_unlock(&o->lock);
	return w.items;
}

int outbox_find_named(struct outbox *o, const char *name, int64_t *ret_n)
{
	const struct outbox_entry *e;

	pthread_mutex_lock(&o->lock);
	e = entries_named(o->entries, name);
	*ret_n = e ? e->item.n : 0;
	pthread_mutex_unlock(&o->lock);
	return *ret_n ? 0 : -ENOENT;
}

int outbox_find(struct outbox *o, int64_t n, struct outbox_item **ret_item)
{
	const struct outbox_entry *e;
	int r = -ENOENT;

	pthread_mutex_lock(&o->lock);
	e = entries_find(o->entries, n);
	if (e) {
		*ret_item = item_copy(e);
		r = 0;
	}
	pthread_mutex_unlock(&o->lock);
	return r;
}

int outbox_count(struct outbox *o)
{
	int count;

	pthread_mutex_lock(&o->lock);
	count = entries_count(o->entries);
	pthread_mutex_unlock(&o->lock);
	return count;
}

int outbox_count_doubts(struct outbox *o)
{
	int count;

	pthread_mutex_lock(&o->lock);
	count = entries_count_doubts(o->entries);
	pthread_mutex_unlock(&o->lock);
	return count;
}

struct wanted_size {
	int64_t n;
	GArray *found;
};

static void append_if_free(void *arg, const struct outbox_entry *e)
{
	struct wanted_size *w = arg;

	if (!e->is_taken && !e->is_doubt && e->item.n != w->n)
		g_array_append_val(w->found, e->item.n);
}

GArray *outbox_items_of_size(struct outbox *o, int64_t size, int64_t n)
{
	struct wanted_size w = {.n = n, .found = g_array_new(FALSE, FALSE, sizeof(int64_t))};

	pthread_mutex_lock(&o->lock);
	entries_of_size(o->entries, size, append_if_free, &w);
	pthread_mutex_unlock(&o->lock);
	return w.found;
}

/* ---- reasons of letters that are gone ---- */

int outbox_find_why(struct outbox *o, const char *name, int64_t *ret_n)
{
	const struct outbox_entry *e;

	pthread_mutex_lock(&o->lock);
	/* Another letter may have the name of one that is gone. */
	e = entries_named(o->entries, name);
	*ret_n = e ? e->item.n : entries_gone_named(o->entries, name, clock_mono(o->clock));
	pthread_mutex_unlock(&o->lock);
	return *ret_n ? 0 : -ENOENT;
}

/* Takes a letter that rm removed off the list. */
static void note_gone(struct outbox *o, int64_t n)
{
	struct outbox_entry *e;

	pthread_mutex_lock(&o->lock);
	e = entries_find(o->entries, n);
	if (e) {
		g_hash_table_remove(o->keys, e->key);
		entries_set_gone(o->entries, e, clock_mono(o->clock));
	}
	pthread_mutex_unlock(&o->lock);
}

/* True if the letter was removed, and only its reason could be looked up until now. */
static bool forget_gone(struct outbox *o, int64_t n)
{
	bool is_gone;

	pthread_mutex_lock(&o->lock);
	is_gone = entries_forget(o->entries, n);
	pthread_mutex_unlock(&o->lock);
	return is_gone;
}

static bool is_listed(struct outbox *o, int64_t n)
{
	bool is_there;

	pthread_mutex_lock(&o->lock);
	is_there = entries_find(o->entries, n) != NULL;
	pthread_mutex_unlock(&o->lock);
	return is_there;
}

/* ---- their files ---- */

int outbox_open_body(struct outbox *o, int64_t n, int *ret_fd)
{
	return is_listed(o, n) ? outbox_files_open_body(o, n, ret_fd) : -ENOENT;
}

int outbox_why(struct outbox *o, int64_t n, char **ret_text)
{
	return is_listed(o, n) ? outbox_files_get_text(o, n, ret_text) : -ENOENT;
}

int outbox_remove(struct outbox *o, int64_t n)
{
	int r = outbox_item_hold(o, n);

	if (r == -ENOENT && forget_gone(o, n))
		return 0;
	if (r < 0)
		return r;
	r = outbox_files_remove(o, n);
	if (r < 0)
		outbox_item_release(o, n);
	else
		note_gone(o, n);
	return r;
}

static int read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = pread(fd, buf + len, size - len, (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		len += (size_t)n;
	}
	return 0;
}

static int read_body(int fd, struct outbox_letter *l)
{
	size_t len = (size_t)l->size;
	int r;

	if (l->size > OUTBOX_BODY_MAX)
		return -EFBIG;
	l->body = g_malloc0(len + 1);
	r = read_all(fd, l->body, len);
	if (r == 0 && !g_utf8_validate_len(l->body, len, NULL))
		r = -EILSEQ;
	if (r < 0)
		return r;
	l->body_len = letter_form_is_json(l->form) ? len : draft_trim_text(l->body, len);
	return 0;
}

int outbox_take(struct outbox *o, int64_t n, struct outbox_letter **ret_letter)
{
	struct outbox_letter *l = NULL;
	struct outbox_note note = {0};
	_cleanup_close_ int fd = -1;
	int r = outbox_item_hold(o, n);

	/* Whether the letter is still free is checked again when it is sent. */
	if (r < 0)
		return r;
	outbox_item_release(o, n);
	r = outbox_files_get(o, n, &l, &note, NULL);
	if (r < 0)
		return r;
	outbox_note_clear(&note);
	r = outbox_files_open_body(o, n, &fd);
	if (r == 0 && l->form != LETTER_FILE)
		r = read_body(fd, l);
	if (r < 0) {
		outbox_letter_free(l);
		return r;
	}
	if (l->form == LETTER_FILE)
		l->fd = steal_fd(&fd);
	l->replaces = n;
	*ret_letter = l;
	return 0;
}
