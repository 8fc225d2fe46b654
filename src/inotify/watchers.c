/* SPDX-License-Identifier: MIT */
#include "inotify/watchers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/log.h"
#include "base/work.h"
#include "inotify/marks.h"
#include "pager/pager.h"

/* If this many things or fewer are watched, each is used as if it was looked at all the time, so that
 * others' edits in it are seen. More would take the places of those that the user works in. */
#define USED_MAX 4
/* The callers that are remembered until the next look. */
#define CALLERS_MAX 4096
/* A look takes at most one part in so many of a processor's time. */
#define PARTS 100

static const char PROC[] = "/proc";

struct watchers {
	struct watchers_config config;
	struct work_queue *queue; /* our thread */
	atomic_bool is_over;
	bool is_watched; /* our thread, or after its end */
	pthread_mutex_t lock;
	GHashTable *callers; /* lock: a set of pid_t */
};

static void note_pid(struct watchers *w, pid_t pid)
{
	pthread_mutex_lock(&w->lock);
	if (g_hash_table_size(w->callers) < CALLERS_MAX)
		g_hash_table_add(w->callers, GINT_TO_POINTER(pid));
	pthread_mutex_unlock(&w->lock);
}

void watchers_note(struct watchers *w, pid_t tid)
{
	/* A walk sends many requests in a row. */
	static _Thread_local pid_t last;

	/* 0: the caller has no number here, so nobody could see when it ends. */
	if (!tid || tid == last)
		return;
	last = tid;
	note_pid(w, tid);
}

/* ---- a look, on our thread ---- */

static GHashTable *take_callers(struct watchers *w)
{
	GHashTable *callers, *none = g_hash_table_new(NULL, NULL);

	pthread_mutex_lock(&w->lock);
	callers = w->callers;
	w->callers = none;
	pthread_mutex_unlock(&w->lock);
	return callers;
}

/* True if some of the callers are hidden. Only those are remembered; all of them if nobody could be
 * seen (`marks` is NULL). */
static bool is_any_hidden(struct watchers *w, GHashTable *callers, const struct marks *marks)
{
	GHashTableIter iter;
	bool is_any = false;
	gpointer key;

	g_hash_table_iter_init(&iter, callers);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		pid_t pid = GPOINTER_TO_INT(key);

		if (marks && !marks_is_hidden(marks, PROC, pid, &pid))
			continue;
		note_pid(w, pid);
		is_any = true;
	}
	return is_any;
}

static bool counts(uint64_t ino)
{
	return ino == MARKS_ALL || !tree_is_quiet(ino);
}

/* How many things are watched that may change. A few of them are used by that. */
static guint count_watched(struct watchers *w, GHashTable *inodes)
{
	GHashTableIter iter;
	gpointer key;
	guint n = 0;

	g_hash_table_iter_init(&iter, inodes);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		n += counts(*(uint64_t *)key);
	g_hash_table_iter_init(&iter, inodes);
	while (n <= USED_MAX && g_hash_table_iter_next(&iter, &key, NULL))
		if (*(uint64_t *)key != MARKS_ALL)
			tree_note_use(w->config.tree, *(uint64_t *)key);
	return n;
}

static void settle(struct watchers *w, bool is_watched)
{
	if (w->is_watched == is_watched)
		return;
	w->is_watched = is_watched;
	pager_stay_awake(w->config.pager, is_watched ? 1 : -1);
}

static int64_t cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void look(void *arg)
{
	struct watchers *w = arg;
	/* A caller who is noted before the look is still looked for in it. */
	g_autoptr(GHashTable) callers = take_callers(w);
	struct marks marks = marks_new();
	int64_t began_ms = cpu_ms(), pause_ms;
	bool is_unknown, is_watched;
	guint n;

	is_unknown = marks_find(PROC, w->config.minor, &w->is_over, &marks) < 0;
	n = count_watched(w, marks.inodes);
	is_unknown |= is_any_hidden(w, callers, is_unknown ? NULL : &marks);
	is_watched = n || is_unknown;
	marks_free(&marks);
	if (atomic_load(&w->is_over))
		return;
	if (w->is_watched != is_watched)
		log_debug("fuse", "%u watched%s", n, is_unknown ? ", perhaps more" : "");
	settle(w, is_watched);
	pause_ms = w->config.pause_ms ? w->config.pause_ms : WATCHERS_PAUSE_MS;
	pause_ms = CLAMP((cpu_ms() - began_ms) * PARTS, pause_ms, WATCHERS_PAUSE_MAX_MS);
	work_post_at(w->queue, clock_mono(clock_system()) + pause_ms, look, w);
}

/* ---- start and stop ---- */

int watchers_start(const struct watchers_config *config, struct watchers **ret)
{
	struct watchers *w = g_new0(struct watchers, 1);
	int r;

	w->config = *config;
	pthread_mutex_init(&w->lock, NULL);
	w->callers = g_hash_table_new(NULL, NULL);
	r = work_queue_start("watchers", &w->queue);
	if (r) {
		watchers_free(&w);
		return r;
	}
	work_post(w->queue, look, w);
	*ret = w;
	return 0;
}

void watchers_stop(struct watchers *w)
{
	atomic_store(&w->is_over, true);
	work_queue_stop(&w->queue);
}

void watchers_free(struct watchers **w)
{
	if (!*w)
		return;
	settle(*w, false);
	g_hash_table_destroy((*w)->callers);
	pthread_mutex_destroy(&(*w)->lock);
	g_free(*w);
	*w = NULL;
}
