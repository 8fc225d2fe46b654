/* SPDX-License-Identifier: MIT */
#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fuse_lowlevel.h>
#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/work.h"
#include "fs/notify.h"
#include "tree/ino.h"

#define THREADS_MIN 4
/* So many targets can be held back in the kernel before others have to wait. */
#define THREADS_MAX 64
/* If no thread takes a target for so long, one more is started. */
#define WATCH_MS 20

enum state { READY, TELLING, HELD };
enum what { INODES, NAMES };

/* Under notifier.lock. While it is TELLING, only its thread changes `state` and frees it. */
struct target {
	uint64_t ino;
	enum what what;
	enum state state;
	GList link; /* n->ready, while READY */
	/* an inode */
	bool is_due;	  /* there is something to tell that is not being told yet */
	bool with_pages;  /* tell of the pages, too */
	uint64_t seq;	  /* number of its last notice */
	int64_t since_ms; /* time of the first notice that was not told */
	GSList *waits;	  /* of struct wait, the last first: wait for what is being told, */
	GSList *next;	  /* and these for what is due */
	/* a directory's names */
	GQueue names;	    /* of struct name, owned */
	GHashTable *queued; /* the same, by their text */
};

/* What is to be told of a name. */
struct name {
	bool is_to_drop;
	char text[];
};

/* A notify_then that waits for some targets or its deadline. */
struct wait {
	struct notifier *n;
	work_fn fn;
	void *arg;
	guint left;	/* lock: number of targets; the one that takes the last away drops a
			 * reference */
	bool is_over;	/* lock: fn was posted or has run */
	uint64_t timer; /* lock */
	int refs;	/* lock: one for all its targets, one for the timer */
};

struct notifier {
	struct fuse_session *session;
	struct work_queue *queue; /* runs deadlines and the functions of notify_then */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	GHashTable *targets[2]; /* lock: &target->ino -> struct target; by enum what */
	atomic_uint untold;	/* size of targets[INODES]; written under lock */
	GQueue ready;		/* lock: of struct target */
	GArray *threads;	/* lock: of pthread_t */
	guint idle;		/* lock: threads */
	bool is_watched;	/* lock: on_watch will run */
	guint taken, seen;	/* lock: targets taken so far, and that number when on_watch ran
				 * last */
	uint64_t seq;		/* lock: number of notices so far */
	bool ended;		/* lock */
	GArray *held;		/* lock; of uint64_t: the directories of requests under way */
};

/* ---- notices to the kernel ---- */

/*
 * The kernel drops a name that it is told of even if a process is in that directory; then
 * getcwd fails there until somebody looks the name up again. From Linux 6.2 on the name can be
 * expired instead, so that the kernel asks again at the next use.
 */
static int expire_space(struct fuse_session *session, uint64_t dir, const char *name)
{
	enum tree_kind kind = tree_ino_kind(dir);

	if (kind != TREE_SPACES && kind != TREE_DIRECT)
		return -ENOSYS;
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 16)
	return fuse_lowlevel_notify_expire_entry(session, dir, name, strlen(name));
#else
	return fuse_lowlevel_notify_expire_entry(session, dir, name, strlen(name),
						 FUSE_LL_EXPIRE_ONLY);
#endif
}

static int drop(struct fuse_session *session, uint64_t dir, const char *name)
{
	return fuse_lowlevel_notify_inval_entry(session, dir, name, strlen(name));
}

int notify_name_now(struct fuse_session *session, uint64_t dir, const char *name)
{
	int r = expire_space(session, dir, name);

	return r != -ENOSYS ? r : drop(session, dir, name);
}

static void note_result(uint64_t ino, const char *name, int r)
{
	/* -ENOENT says that the kernel does not know it, which is as good. */
	if (r && r != -ENOENT && r != -ENODEV && r != -EBADF)
		log_debug("fuse", "notify of %" G_GUINT64_FORMAT " '%s': %s", ino, name,
			  strerror(-r));
}

/* ---- waiters ---- */

static void wait_unref_locked(struct wait *w)
{
	if (--w->refs == 0)
		g_free(w);
}

static void on_deadline(void *arg)
{
	struct wait *w = arg;
	struct notifier *n = w->n;
	work_fn fn = NULL;
	void *fn_arg = w->arg;

	pthread_mutex_lock(&n->lock);
	if (!w->is_over)
		fn = w->fn;
	w->is_over = true;
	wait_unref_locked(w);
	pthread_mutex_unlock(&n->lock);
	if (fn)
		fn(fn_arg);
}

/* The list has the last one first. */
static void end_waits_locked(struct notifier *n, GSList **waits)
{
	*waits = g_slist_reverse(*waits);
	for (GSList *l = *waits; l; l = l->next) {
		struct wait *w = l->data;

		if (--w->left)
			continue;
		if (!w->is_over)
			work_post(n->queue, w->fn, w->arg);
		w->is_over = true;
		if (work_cancel(n->queue, w->timer))
			wait_unref_locked(w);
		wait_unref_locked(w);
	}
	g_slist_free(*waits);
	*waits = NULL;
}

/* ---- targets ---- */

static bool find_holder(const struct notifier *n, uint64_t dir, guint *ret_at)
{
	for (*ret_at = 0; *ret_at < n->held->len; (*ret_at)++) {
		if (g_array_index(n->held, uint64_t, *ret_at) == dir)
			return true;
	}
	return false;
}

static bool has_work(const struct target *t)
{
	return t->what == INODES ? t->is_due : t->names.length > 0;
}

static void target_free_locked(struct notifier *n, struct target *t)
{
	end_waits_locked(n, &t->waits);
	end_waits_locked(n, &t->next);
	g_clear_pointer(&t->queued, g_hash_table_unref);
	g_queue_clear_full(&t->names, g_free);
	g_free(t);
}

static void on_watch(void *arg);

/* Called when a thread takes a target and when a target is added: if targets are left that no
 * thread takes, the watch is set. An idle thread that was woken calls it when it has taken its
 * target. */
static void watch_locked(struct notifier *n)
{
	if (n->is_watched || n->idle || !n->ready.length)
		return;
	n->is_watched = true;
	n->seen = n->taken;
	work_post_at(n->queue, clock_mono(clock_system()) + WATCH_MS, on_watch, n);
}

static void make_ready_locked(struct notifier *n, struct target *t)
{
	t->state = READY;
	g_queue_push_tail_link(&n->ready, &t->link);
	pthread_cond_signal(&n->changed);
	watch_locked(n);
}

static void count_untold_locked(struct notifier *n)
{
	atomic_store(&n->untold, g_hash_table_size(n->targets[INODES]));
}

static struct target *get_target_locked(struct notifier *n, enum what what, uint64_t ino)
{
	struct target *t = g_hash_table_lookup(n->targets[what], &ino);

	if (t)
		return t;
	t = g_new0(struct target, 1);
	t->ino = ino;
	t->what = what;
	t->link.data = t;
	g_queue_init(&t->names);
	if (what == NAMES)
		t->queued = g_hash_table_new(g_str_hash, g_str_equal);
	g_hash_table_insert(n->targets[what], &t->ino, t);
	count_untold_locked(n);
	make_ready_locked(n, t);
	return t;
}

/* ---- the threads ---- */

/* These three are called with the lock, release it meanwhile, and return with it. */
static void tell_inode(struct notifier *n, struct target *t)
{
	off_t from = t->with_pages ? 0 : -1;
	int r;

	t->waits = steal_ptr(&t->next);
	t->is_due = t->with_pages = false;
	pthread_mutex_unlock(&n->lock);
	r = fuse_lowlevel_notify_inval_inode(n->session, t->ino, from, 0);
	note_result(t->ino, "", r);
	pthread_mutex_lock(&n->lock);
	t->since_ms = clock_mono(clock_system());
	end_waits_locked(n, &t->waits);
}

static void tell_name(struct notifier *n, struct target *t)
{
	struct name *name = g_queue_pop_head(&t->names);
	int r;

	g_hash_table_remove(t->queued, name->text);
	pthread_mutex_unlock(&n->lock);
	r = (name->is_to_drop ? drop : notify_name_now)(n->session, t->ino, name->text);
	note_result(t->ino, name->text, r);
	g_free(name);
	pthread_mutex_lock(&n->lock);
}

static void tell(struct notifier *n, struct target *t)
{
	guint at;

	n->taken++;
	t->state = TELLING;
	do {
		if (t->what == NAMES && find_holder(n, t->ino, &at)) {
			t->state = HELD;
			return;
		}
		(t->what == NAMES ? tell_name : tell_inode)(n, t);
	} while (has_work(t) && !n->ended && !n->ready.length);
	if (has_work(t) && !n->ended) {
		/* It goes behind the other targets. */
		make_ready_locked(n, t);
		return;
	}
	g_hash_table_remove(n->targets[t->what], &t->ino);
	count_untold_locked(n);
	target_free_locked(n, t);
}

static void *run(void *arg)
{
	struct notifier *n = arg;
	GList *link;

	pthread_mutex_lock(&n->lock);
	while (!n->ended) {
		link = g_queue_pop_head_link(&n->ready);
		if (link) {
			watch_locked(n);
			tell(n, link->data);
			continue;
		}
		n->idle++;
		pthread_cond_wait(&n->changed, &n->lock);
		n->idle--;
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

static int start_thread_locked(struct notifier *n)
{
	pthread_t thread;
	int r = thread_start("notify", run, n, &thread);

	if (r == 0)
		g_array_append_val(n->threads, thread);
	return r;
}

/* The kernel seems to hold all threads back. */
static void on_watch(void *arg)
{
	struct notifier *n = arg;

	pthread_mutex_lock(&n->lock);
	n->is_watched = false;
	if (n->ready.length && !n->ended) {
		if (n->taken == n->seen && n->threads->len < THREADS_MAX)
			start_thread_locked(n);
		watch_locked(n);
	}
	pthread_mutex_unlock(&n->lock);
}

/* ---- life ---- */

int notifier_start(struct fuse_session *session, struct notifier **ret_notifier)
{
	struct notifier *n = g_new0(struct notifier, 1);
	int r;

	n->session = session;
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->changed, NULL);
	n->targets[INODES] = g_hash_table_new(g_int64_hash, g_int64_equal);
	n->targets[NAMES] = g_hash_table_new(g_int64_hash, g_int64_equal);
	g_queue_init(&n->ready);
	n->threads = g_array_new(FALSE, FALSE, sizeof(pthread_t));
	n->held = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	r = work_queue_start("notified", &n->queue);
	pthread_mutex_lock(&n->lock);
	for (int i = 0; r == 0 && i < THREADS_MIN; i++)
		r = start_thread_locked(n);
	pthread_mutex_unlock(&n->lock);
	if (r)
		notifier_free(&n);
	*ret_notifier = n;
	return r;
}

void notifier_end(struct notifier *n)
{
	GHashTableIter iter;
	gpointer t;

	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	n->ended = true;
	pthread_cond_broadcast(&n->changed);
	pthread_mutex_unlock(&n->lock);
	/* No more threads are started from here on. */
	for (guint i = 0; i < n->threads->len; i++)
		pthread_join(g_array_index(n->threads, pthread_t, i), NULL);
	g_array_set_size(n->threads, 0);
	pthread_mutex_lock(&n->lock);
	for (int what = INODES; what <= NAMES; what++) {
		g_hash_table_iter_init(&iter, n->targets[what]);
		while (g_hash_table_iter_next(&iter, NULL, &t)) {
			g_hash_table_iter_steal(&iter);
			target_free_locked(n, t);
		}
	}
	pthread_mutex_unlock(&n->lock);
	/* The queue calls the functions of those who waited, while they still exist. */
	work_queue_stop(&n->queue);
}

void notifier_free(struct notifier **n)
{
	if (!*n)
		return;
	notifier_end(*n);
	g_hash_table_unref((*n)->targets[INODES]);
	g_hash_table_unref((*n)->targets[NAMES]);
	g_array_unref((*n)->threads);
	g_array_unref((*n)->held);
	pthread_cond_destroy(&(*n)->changed);
	pthread_mutex_destroy(&(*n)->lock);
	g_free(*n);
	*n = NULL;
}

/* ---- notices ---- */

static void notify(struct notifier *n, uint64_t ino, bool with_pages)
{
	struct target *t;

	pthread_mutex_lock(&n->lock);
	if (!n->ended) {
		t = get_target_locked(n, INODES, ino);
		/* A target that the kernel holds back counts as old as the notice that is being
		 * told. */
		if (!t->is_due && t->state != TELLING)
			t->since_ms = clock_mono(clock_system());
		t->is_due = true;
		t->with_pages |= with_pages;
		t->seq = ++n->seq;
	}
	pthread_mutex_unlock(&n->lock);
}

void notify_inode(struct notifier *n, uint64_t ino)
{
	notify(n, ino, tree_ino_kind(ino) != TREE_ATTACHMENT);
}

void notify_written(struct notifier *n, uint64_t ino)
{
	notify(n, ino, true);
}

void notify_attributes(struct notifier *n, uint64_t ino)
{
	notify(n, ino, false);
}

bool notify_is_told(struct notifier *n, uint64_t ino)
{
	bool is_told;

	/* Programs that open ten thousand messages in a row take no lock for each. */
	if (!atomic_load(&n->untold))
		return true;
	pthread_mutex_lock(&n->lock);
	is_told = !g_hash_table_contains(n->targets[INODES], &ino);
	pthread_mutex_unlock(&n->lock);
	return is_told;
}

static struct name *get_name_locked(struct target *t, const char *text)
{
	struct name *name = g_hash_table_lookup(t->queued, text);
	size_t size = strlen(text) + 1;

	if (name)
		return name;
	name = g_malloc0(sizeof(*name) + size);
	memcpy(name->text, text, size);
	g_queue_push_tail(&t->names, name);
	g_hash_table_insert(t->queued, name->text, name);
	return name;
}

static void tell_of_name(struct notifier *n, uint64_t dir, const char *name, bool is_to_drop)
{
	struct target *t;

	pthread_mutex_lock(&n->lock);
	if (!n->ended) {
		t = get_target_locked(n, NAMES, dir);
		get_name_locked(t, name)->is_to_drop |= is_to_drop;
	}
	pthread_mutex_unlock(&n->lock);
}

void notify_name(struct notifier *n, uint64_t dir, const char *name)
{
	tell_of_name(n, dir, name, false);
}

void notify_drop(struct notifier *n, uint64_t dir, const char *name)
{
	tell_of_name(n, dir, name, true);
}

void notify_hold(struct notifier *n, uint64_t dir)
{
	pthread_mutex_lock(&n->lock);
	g_array_append_val(n->held, dir);
	pthread_mutex_unlock(&n->lock);
}

void notify_release(struct notifier *n, uint64_t dir)
{
	struct target *t;
	guint at;

	pthread_mutex_lock(&n->lock);
	if (find_holder(n, dir, &at))
		g_array_remove_index_fast(n->held, at);
	t = g_hash_table_lookup(n->targets[NAMES], &dir);
	if (t && t->state == HELD && !n->ended && !find_holder(n, dir, &at))
		make_ready_locked(n, t);
	pthread_mutex_unlock(&n->lock);
}

uint64_t notify_now(struct notifier *n)
{
	uint64_t seq;

	pthread_mutex_lock(&n->lock);
	seq = n->seq;
	pthread_mutex_unlock(&n->lock);
	return seq;
}

/* True if the target has a notice since `since` and is not held back for so long that nobody
 * waits for it any more. */
static bool is_awaited(const struct target *t, uint64_t since, int64_t now_ms)
{
	return t->seq > since && now_ms - t->since_ms < NOTIFY_BOUND_MS;
}

/* Adds the wait to all targets that it has to wait for. True if there are any. */
static bool add_wait_locked(struct notifier *n, uint64_t since, struct wait *w)
{
	int64_t now_ms = clock_mono(clock_system());
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, n->targets[INODES]);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct target *t = value;
		GSList **list = t->is_due ? &t->next : &t->waits;

		if (!is_awaited(t, since, now_ms))
			continue;
		*list = g_slist_prepend(*list, w);
		w->left++;
	}
	if (w->left)
		w->timer = work_post_at(n->queue, now_ms + NOTIFY_BOUND_MS, on_deadline, w);
	return w->left;
}

void notify_then(struct notifier *n, uint64_t since, work_fn fn, void *arg)
{
	struct wait *w = g_new0(struct wait, 1);
	bool ended;

	*w = (struct wait){.n = n, .fn = fn, .arg = arg, .refs = 2};
	pthread_mutex_lock(&n->lock);
	ended = n->ended;
	if (ended || !add_wait_locked(n, since, w)) {
		g_free(w);
		if (!ended)
			work_post(n->queue, fn, arg);
	}
	pthread_mutex_unlock(&n->lock);
	if (ended)
		fn(arg);
}
