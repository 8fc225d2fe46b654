/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <string.h>

#include "base/names.h"
#include "tree/counted.h"
#include "tree/pending.h"

struct pendings {
	pthread_mutex_t lock;
	GHashTable *by_row; /* row -> listed entry; pendings.lock */
	GQueue nameless;    /* entries that are open but not listed; pendings.lock */
	const struct clock *clock;
	struct counted *counted;
};

struct pendings *pendings_new(const struct clock *clock, struct counted *counted)
{
	struct pendings *p = g_new0(struct pendings, 1);

	pthread_mutex_init(&p->lock, NULL);
	p->clock = clock;
	p->counted = counted;
	p->by_row = g_hash_table_new(g_int64_hash, g_int64_equal);
	return p;
}

static void unref_locked(struct pendings *p, struct pending *e)
{
	if (--e->refs)
		return;
	g_assert(g_queue_is_empty(&e->changes));
	counted_drop(p->counted, tree_ino_row(e->dir), 1);
	draft_unref(&e->draft);
	g_free(e->told);
	g_free(e->name);
	g_free(e);
}

/* The table holds a reference of its own, and so does the queue. */
static void unlist_locked(struct pendings *p, struct pending *e, bool keep_open)
{
	if (!e->is_listed)
		return;
	e->is_listed = false;
	g_hash_table_remove(p->by_row, &e->row);
	/* It was unlinked, so it does not matter what it had become. */
	if (keep_open)
		e->fate = PENDING_STAYS;
	/* A file that became a text can be found only by its own row. */
	if ((keep_open || e->fate == PENDING_IS_TEXT) && e->opens)
		g_queue_push_head(&p->nameless, e);
	else
		unref_locked(p, e);
}

void pendings_free(struct pendings **p)
{
	GHashTableIter iter;
	gpointer value;

	if (!*p)
		return;
	g_hash_table_iter_init(&iter, (*p)->by_row);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		g_hash_table_iter_remove(&iter);
		unref_locked(*p, value);
	}
	while ((value = g_queue_pop_head(&(*p)->nameless)))
		unref_locked(*p, value);
	g_hash_table_unref((*p)->by_row);
	pthread_mutex_destroy(&(*p)->lock);
	g_free(*p);
	*p = NULL;
}

static struct pending *find_locked(struct pendings *p, uint64_t dir, const char *name)
{
	GHashTableIter iter;
	gpointer value;

	/* There are only a few entries at a time, so there is no index. */
	g_hash_table_iter_init(&iter, p->by_row);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct pending *e = value;

		if (e->dir == dir && strcmp(e->name, name) == 0)
			return e;
	}
	return NULL;
}

int pending_add(struct pendings *p, int64_t row, int64_t content_row, uint64_t dir,
		const char *name, struct draft *draft, bool is_scratch, mode_t mode,
		struct pending **ret_pending)
{
	struct pending *e;
	int r = 0;

	pthread_mutex_lock(&p->lock);
	if (find_locked(p, dir, name) || g_hash_table_contains(p->by_row, &row)) {
		r = -EEXIST;
		draft_unref(&draft);
	} else {
		e = g_new0(struct pending, 1);
		e->row = row;
		e->content_row = content_row;
		e->dir = dir;
		counted_add(p->counted, tree_ino_row(dir));
		e->draft = draft;
		e->is_scratch = is_scratch;
		e->name = g_strdup(name);
		e->mode = mode;
		e->opens = 1;
		e->is_listed = true;
		e->refs = 2;
		g_queue_init(&e->changes);
		g_hash_table_insert(p->by_row, &e->row, e);
		*ret_pending = e;
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

struct pending *pending_by_name(struct pendings *p, uint64_t dir, const char *name)
{
	struct pending *e;

	pthread_mutex_lock(&p->lock);
	e = find_locked(p, dir, name);
	if (e)
		e->refs++;
	pthread_mutex_unlock(&p->lock);
	return e;
}

bool pending_is_any_in(struct pendings *p, uint64_t dir)
{
	GHashTableIter iter;
	gpointer value;
	bool is = false;

	pthread_mutex_lock(&p->lock);
	g_hash_table_iter_init(&iter, p->by_row);
	while (!is && g_hash_table_iter_next(&iter, NULL, &value))
		is = ((struct pending *)value)->dir == dir;
	pthread_mutex_unlock(&p->lock);
	return is;
}

struct pending *pending_by_row(struct pendings *p, int64_t row)
{
	struct pending *e;

	pthread_mutex_lock(&p->lock);
	e = g_hash_table_lookup(p->by_row, &row);
	if (e)
		e->refs++;
	pthread_mutex_unlock(&p->lock);
	return e;
}

struct pending *pending_ref(struct pendings *p, struct pending *e)
{
	pthread_mutex_lock(&p->lock);
	e->refs++;
	pthread_mutex_unlock(&p->lock);
	return e;
}

struct pending *pending_nameless(struct pendings *p, int64_t row)
{
	struct pending *found = NULL;

	pthread_mutex_lock(&p->lock);
	for (GList *l = p->nameless.head; l && !found; l = l->next) {
		struct pending *e = l->data;

		if (e->row == row) {
			e->refs++;
			found = e;
		}
	}
	pthread_mutex_unlock(&p->lock);
	return found;
}

void pending_unref(struct pendings *p, struct pending **pending)
{
	if (!*pending)
		return;
	pthread_mutex_lock(&p->lock);
	unref_locked(p, *pending);
	pthread_mutex_unlock(&p->lock);
	*pending = NULL;
}

int pending_opened(struct pendings *p, struct pending *e, bool for_writing)
{
	int r = 0;

	pthread_mutex_lock(&p->lock);
	if (e->is_listed || e->opens) {
		e->opens++;
		if (for_writing)
			e->waits_ms = 0;
	} else {
		r = -ESTALE;
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

/* True if it waits at its last close: an upload for its bytes, a scratch file for its name. */
static bool is_to_wait(const struct pending *e)
{
	return e->is_scratch || (draft_is_dirty(e->draft) && draft_size(e->draft) == 0);
}

enum pending_end pending_closed(struct pendings *p, struct pending *e)
{
	enum pending_end end = PENDING_OPEN;

	pthread_mutex_lock(&p->lock);
	if (--e->opens == 0 && e->is_listed) {
		if (!is_to_wait(e)) {
			end = PENDING_LEFT;
			unlist_locked(p, e, false);
		} else {
			end = e->is_scratch ? PENDING_OPEN : PENDING_WAITS;
			if (!e->waits_ms)
				e->waits_ms = clock_mono(p->clock);
		}
	} else if (!e->opens && g_queue_remove(&p->nameless, e)) {
		unref_locked(p, e);
	}
	pthread_mutex_unlock(&p->lock);
	return end;
}

static bool waits_locked(const struct pending *e)
{
	return e->waits_ms && !e->opens && !e->is_scratch;
}

bool pending_waits(struct pendings *p, struct pending *e)
{
	bool waits;

	pthread_mutex_lock(&p->lock);
	waits = waits_locked(e);
	pthread_mutex_unlock(&p->lock);
	return waits;
}

void pending_remove(struct pendings *p, struct pending *e)
{
	pthread_mutex_lock(&p->lock);
	unlist_locked(p, e, true);
	pthread_mutex_unlock(&p->lock);
}

void pending_sent(struct pendings *p, struct pending *e, const char *name)
{
	pthread_mutex_lock(&p->lock);
	if (!e->is_listed) {
		pthread_mutex_unlock(&p->lock);
		return;
	}
	e->fate = name ? PENDING_IS_FILE : PENDING_IS_TEXT;
	if (name) {
		g_free(e->name);
		e->name = g_strdup(name);
	}
	unlist_locked(p, e, false);
	pthread_mutex_unlock(&p->lock);
}

enum pending_fate pending_get_fate(struct pendings *p, struct pending *e, char **ret_name)
{
	enum pending_fate fate;

	pthread_mutex_lock(&p->lock);
	fate = e->fate;
	*ret_name = g_strdup(e->name);
	pthread_mutex_unlock(&p->lock);
	return fate;
}

static void rename_locked(struct pendings *p, struct pending *e, const char *name)
{
	struct pending *other = find_locked(p, e->dir, name);

	if (other && other != e)
		unlist_locked(p, other, true);
	g_free(e->name);
	e->name = g_strdup(name);
}

void pending_rename(struct pendings *p, struct pending *e, const char *name)
{
	pthread_mutex_lock(&p->lock);
	rename_locked(p, e, name);
	e->is_scratch = true;
	e->is_told = false;
	e->fate = PENDING_STAYS;
	pthread_mutex_unlock(&p->lock);
}

void pending_name(struct pendings *p, struct pending *e, const char *name)
{
	pthread_mutex_lock(&p->lock);
	rename_locked(p, e, name);
	e->is_scratch = false;
	e->fate = PENDING_IS_FILE;
	pthread_mutex_unlock(&p->lock);
}

void pending_replaced(struct pendings *p, uint64_t dir, const char *name,
		      const struct pending *by)
{
	struct pending *e;

	pthread_mutex_lock(&p->lock);
	e = find_locked(p, dir, name);
	if (e && e != by && waits_locked(e))
		unlist_locked(p, e, false);
	pthread_mutex_unlock(&p->lock);
}

void pending_set_times(struct pendings *p, struct pending *e, int64_t mtime_ms)
{
	pthread_mutex_lock(&p->lock);
	e->mtime_ms = mtime_ms;
	pthread_mutex_unlock(&p->lock);
}

void pending_set_mode(struct pendings *p, struct pending *e, mode_t mode)
{
	pthread_mutex_lock(&p->lock);
	e->mode = mode & 0777;
	pthread_mutex_unlock(&p->lock);
}

void pending_set_maker(struct pendings *p, struct pending *e, pid_t maker)
{
	pthread_mutex_lock(&p->lock);
	e->maker = maker;
	pthread_mutex_unlock(&p->lock);
}

bool pending_is_made_by(struct pendings *p, struct pending *e, pid_t maker)
{
	bool is;

	pthread_mutex_lock(&p->lock);
	is = e->maker == maker;
	pthread_mutex_unlock(&p->lock);
	return is;
}

bool pending_is_made_beside(struct pendings *p, uint64_t dir, pid_t maker)
{
	GHashTableIter iter;
	gpointer value;
	bool is = false;

	pthread_mutex_lock(&p->lock);
	g_hash_table_iter_init(&iter, p->by_row);
	while (!is && g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct pending *e = value;

		is = e->is_scratch && e->dir == dir && e->maker == maker &&
		     draft_size(e->draft) > 0 && !name_is_kept_beside(e->name);
	}
	pthread_mutex_unlock(&p->lock);
	return is;
}

bool pending_begin_telling(struct pendings *p, struct pending *e)
{
	bool begins;

	pthread_mutex_lock(&p->lock);
	begins = e->is_scratch && e->is_listed && !e->is_told;
	e->is_told |= begins;
	pthread_mutex_unlock(&p->lock);
	return begins;
}

void pending_set_told(struct pendings *p, struct pending *e, const char *line)
{
	pthread_mutex_lock(&p->lock);
	g_free(e->told);
	e->told = g_strdup(line);
	pthread_mutex_unlock(&p->lock);
}

char *pending_take_untrue(struct pendings *p, struct pending *e)
{
	char *line = NULL;

	pthread_mutex_lock(&p->lock);
	if (!e->is_scratch || !e->is_listed)
		line = g_steal_pointer(&e->told);
	pthread_mutex_unlock(&p->lock);
	return line;
}

void pending_set_backup(struct pendings *p, struct pending *e, uint64_t state)
{
	pthread_mutex_lock(&p->lock);
	e->backup_state = state;
	pthread_mutex_unlock(&p->lock);
}

bool pending_is_backup(struct pendings *p, struct pending *e)
{
	uint64_t state;

	pthread_mutex_lock(&p->lock);
	state = e->backup_state;
	pthread_mutex_unlock(&p->lock);
	return state && draft_is_at(e->draft, state);
}

bool pending_is_listed(struct pendings *p, struct pending *e)
{
	bool is_listed;

	pthread_mutex_lock(&p->lock);
	is_listed = e->is_listed;
	pthread_mutex_unlock(&p->lock);
	return is_listed;
}

bool pending_is_unlinked(struct pendings *p, struct pending *e)
{
	bool is_unlinked;

	pthread_mutex_lock(&p->lock);
	is_unlinked = !e->is_listed && e->fate == PENDING_STAYS;
	pthread_mutex_unlock(&p->lock);
	return is_unlinked;
}

char *pending_dup_name(struct pendings *p, struct pending *e)
{
	char *name;

	pthread_mutex_lock(&p->lock);
	name = g_strdup(e->name);
	pthread_mutex_unlock(&p->lock);
	return name;
}

void pending_stat(struct pendings *p, struct pending *e, int64_t *ret_mtime_ms,
		  mode_t *ret_mode)
{
	pthread_mutex_lock(&p->lock);
	*ret_mtime_ms = e->mtime_ms;
	*ret_mode = e->mode;
	pthread_mutex_unlock(&p->lock);
}

/* In how many ms it will have waited for `age_ms`; -1: it does not wait. */
static int64_t due_in_locked(const struct pendings *p, const struct pending *e, int64_t age_ms)
{
	if (e->opens || !e->waits_ms)
		return -1;
	return MAX(e->waits_ms + age_ms - clock_mono(p->clock), 0);
}

GPtrArray *pending_take_old(struct pendings *p, int64_t age_ms, int64_t *ret_next_ms)
{
	GPtrArray *all = g_ptr_array_new();
	GHashTableIter iter;
	gpointer value;

	*ret_next_ms = -1;
	pthread_mutex_lock(&p->lock);
	g_hash_table_iter_init(&iter, p->by_row);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct pending *e = value;
		int64_t due = due_in_locked(p, e, age_ms);

		if (age_ms < 0)
			due = is_to_wait(e) ? 0 : -1;
		if (due == 0) {
			e->refs++;
			e->opens++;
			e->waits_ms = 0;
			g_ptr_array_add(all, e);
		} else if (due > 0 && (*ret_next_ms < 0 || due < *ret_next_ms)) {
			*ret_next_ms = due;
		}
	}
	pthread_mutex_unlock(&p->lock);
	return all;
}

bool pending_let_go(struct pendings *p, struct pending *e, bool is_kept)
{
	bool goes;

	pthread_mutex_lock(&p->lock);
	goes = --e->opens == 0 && is_kept && e->is_listed;
	if (goes)
		unlist_locked(p, e, false);
	else if (!e->opens && g_queue_remove(&p->nameless, e))
		unref_locked(p, e);
	else if (!e->opens)
		e->waits_ms = clock_mono(p->clock);
	pthread_mutex_unlock(&p->lock);
	return goes;
}

int64_t pending_next_ms(struct pendings *p, int64_t age_ms)
{
	int64_t next = -1;
	GHashTableIter iter;
	gpointer value;

	pthread_mutex_lock(&p->lock);
	g_hash_table_iter_init(&iter, p->by_row);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		int64_t due = due_in_locked(p, value, age_ms);

		if (due >= 0 && (next < 0 || due < next))
			next = due;
	}
	pthread_mutex_unlock(&p->lock);
	return next;
}

static gint compare_rows(gconstpointer a, gconstpointer b)
{
	const struct pending_item *x = a, *y = b;

	return x->row < y->row ? -1 : x->row > y->row;
}

static void item_clear(void *item)
{
	g_free(((struct pending_item *)item)->name);
}

GArray *pending_local(struct pendings *p, uint64_t dir)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct pending_item));
	GHashTableIter iter;
	gpointer value;

	g_array_set_clear_func(all, item_clear);
	pthread_mutex_lock(&p->lock);
	g_hash_table_iter_init(&iter, p->by_row);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct pending *e = value;
		struct pending_item item = {.row = e->row};

		if (e->dir != dir || !(e->is_scratch || waits_locked(e)))
			continue;
		item.name = g_strdup(e->name);
		g_array_append_val(all, item);
	}
	pthread_mutex_unlock(&p->lock);
	g_array_sort(all, compare_rows);
	return all;
}
