/* SPDX-License-Identifier: MIT */
#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/wait.h"
#include "fs/caller.h"
#include "fs/rm_guard.h"

struct held {
	uint64_t dir;
	pid_t tgid;
	int count;
	bool is_sure; /* a close was waited for and did not come */
};

/*
 * The release of a directory comes after the process has gone on, so a script that has just
 * listed the directory and deletes now could be taken for a walk. It is waited for so long,
 * once in each walk, which does not burden the workers.
 */
#define CLOSE_MS 100

/* A file that a process reads, or has read. */
struct reading {
	uint64_t ino;
	pid_t tgid;
	int count;	   /* how often it has it open */
	int64_t closed_ms; /* with count 0: the time of the last close */
	GList link;	   /* with count 0: guard.read */
};

/*
 * Who opened a message. Readers and writers of an entry do not wait for each other: `ino` is 0 while
 * the entry is written, and whoever reads it looks at `ino` again afterwards.
 */
struct opening {
	_Atomic uint64_t ino;
	_Atomic uint64_t who; /* the thread's id, above it the second of the mono clock */
};

struct rm_guard {
	struct opening openings[RM_GUARD_MESSAGES]; /* a ring */
	atomic_uint next_opening;
	pthread_mutex_t lock;
	pthread_cond_t closed;
	GHashTable *reading; /* of struct reading, keyed by itself; rm_guard.lock */
	GQueue read;	  /* of struct reading.link, closed ones, oldest first; rm_guard.lock */
	GHashTable *ends; /* of uint64_t: files whose end was asked for; rm_guard.lock */
	bool are_all_ended;		 /* there were too many to remember; rm_guard.lock */
	GHashTable *held;		 /* of struct held, keyed by itself; rm_guard.lock */
	pid_t readers[RM_GUARD_READERS]; /* a ring without duplicates; rm_guard.lock */
	size_t next_reader;		 /* rm_guard.lock */
};

static guint hash_of(uint64_t ino, pid_t tgid)
{
	return g_int64_hash(&(gint64){(gint64)ino}) ^ (guint)tgid * 2654435761u;
}

static guint held_hash(gconstpointer p)
{
	const struct held *h = p;

	return hash_of(h->dir, h->tgid);
}

static gboolean held_equal(gconstpointer a, gconstpointer b)
{
	const struct held *x = a, *y = b;

	return x->dir == y->dir && x->tgid == y->tgid;
}

static guint reading_hash(gconstpointer p)
{
	const struct reading *f = p;

	return hash_of(f->ino, f->tgid);
}

static gboolean reading_equal(gconstpointer a, gconstpointer b)
{
	const struct reading *x = a, *y = b;

	return x->ino == y->ino && x->tgid == y->tgid;
}

struct rm_guard *rm_guard_new(void)
{
	struct rm_guard *g = g_new0(struct rm_guard, 1);

	pthread_mutex_init(&g->lock, NULL);
	wait_init(&g->closed);
	g->held = g_hash_table_new_full(held_hash, held_equal, g_free, NULL);
	g->reading = g_hash_table_new_full(reading_hash, reading_equal, g_free, NULL);
	g->ends = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g_queue_init(&g->read);
	return g;
}

void rm_guard_free(struct rm_guard **g)
{
	if (!*g)
		return;
	g_hash_table_unref((*g)->held);
	g_hash_table_unref((*g)->reading);
	g_hash_table_unref((*g)->ends);
	pthread_cond_destroy(&(*g)->closed);
	pthread_mutex_destroy(&(*g)->lock);
	g_free(*g);
	*g = NULL;
}

static bool is_reader(const struct rm_guard *g, pid_t tgid)
{
	for (size_t i = 0; i < RM_GUARD_READERS; i++)
		if (g->readers[i] == tgid)
			return true;
	return false;
}

static void note_reader(struct rm_guard *g, pid_t tgid)
{
	if (is_reader(g, tgid))
		return;
	g->readers[g->next_reader] = tgid;
	g->next_reader = (g->next_reader + 1) % RM_GUARD_READERS;
}

void rm_guard_opened(struct rm_guard *g, uint64_t dir, pid_t tgid)
{
	struct held key = {.dir = dir, .tgid = tgid}, *h;

	pthread_mutex_lock(&g->lock);
	h = g_hash_table_lookup(g->held, &key);
	if (!h) {
		h = g_new0(struct held, 1);
		*h = key;
		g_hash_table_add(g->held, h);
	}
	h->count++;
	if (tgid)
		note_reader(g, tgid);
	pthread_mutex_unlock(&g->lock);
}

void rm_guard_closed(struct rm_guard *g, uint64_t dir, pid_t tgid)
{
	struct held key = {.dir = dir, .tgid = tgid}, *h;

	pthread_mutex_lock(&g->lock);
	h = g_hash_table_lookup(g->held, &key);
	if (h && --h->count == 0) {
		g_hash_table_remove(g->held, &key);
		pthread_cond_broadcast(&g->closed);
	}
	pthread_mutex_unlock(&g->lock);
}

/* For an unknown process: that of any process. */
static struct held *find_held(struct rm_guard *g, uint64_t dir, pid_t tgid)
{
	struct held key = {.dir = dir, .tgid = tgid}, *h = g_hash_table_lookup(g->held, &key);
	GHashTableIter iter;
	gpointer value;

	if (h || tgid)
		return h;
	g_hash_table_iter_init(&iter, g->held);
	while (!h && g_hash_table_iter_next(&iter, &value, NULL))
		h = ((struct held *)value)->dir == dir ? value : NULL;
	return h;
}

bool rm_guard_holds(struct rm_guard *g, uint64_t dir, pid_t tgid, bool may_wait)
{
	int64_t deadline = wait_deadline(CLOSE_MS);
	bool in_time = true;
	struct held *h;

	pthread_mutex_lock(&g->lock);
	while ((h = find_held(g, dir, tgid)) && may_wait && !h->is_sure && in_time)
		in_time = wait_until(&g->closed, &g->lock, deadline);
	if (h && may_wait)
		h->is_sure = true;
	pthread_mutex_unlock(&g->lock);
	return h != NULL;
}

bool rm_guard_has_read(struct rm_guard *g, pid_t tgid)
{
	bool has;

	if (!tgid)
		return false;
	pthread_mutex_lock(&g->lock);
	has = is_reader(g, tgid);
	pthread_mutex_unlock(&g->lock);
	return has;
}

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

bool rm_guard_lists_first(const char *comm)
{
	static const char *const names[] = {"git",    "rsync",	"tar",
					    "bsdtar", "rclone", "unison"};

	return is_one_of(comm, names, G_N_ELEMENTS(names));
}

/* ---- files ---- */

static void forget_reading(struct rm_guard *g, struct reading *f)
{
	if (!f->count)
		g_queue_unlink(&g->read, &f->link);
	g_hash_table_remove(g->reading, f);
}

/* Forgets files that were closed too long ago, and the oldest of too many. */
static void forget_old(struct rm_guard *g, int64_t now_ms)
{
	struct reading *f;

	while ((f = g_queue_peek_head(&g->read)) &&
	       (g->read.length > RM_GUARD_FILES || now_ms - f->closed_ms > RM_GUARD_READ_MS))
		forget_reading(g, f);
}

void rm_guard_file_opened(struct rm_guard *g, uint64_t ino, pid_t tgid)
{
	struct reading key = {.ino = ino, .tgid = tgid}, *f;

	pthread_mutex_lock(&g->lock);
	f = g_hash_table_lookup(g->reading, &key);
	if (!f) {
		f = g_new0(struct reading, 1);
		*f = key;
		f->link.data = f;
		g_hash_table_add(g->reading, f);
	} else if (!f->count) {
		g_queue_unlink(&g->read, &f->link);
	}
	f->count++;
	pthread_mutex_unlock(&g->lock);
}

void rm_guard_file_closed(struct rm_guard *g, uint64_t ino, pid_t tgid, int64_t now_ms)
{
	struct reading key = {.ino = ino, .tgid = tgid}, *f;

	pthread_mutex_lock(&g->lock);
	f = g_hash_table_lookup(g->reading, &key);
	if (f && f->count && --f->count == 0) {
		f->closed_ms = now_ms;
		g_queue_push_tail_link(&g->read, &f->link);
	}
	forget_old(g, now_ms);
	pthread_mutex_unlock(&g->lock);
}

void rm_guard_file_ended(struct rm_guard *g, uint64_t ino)
{
	pthread_mutex_lock(&g->lock);
	if (g_hash_table_size(g->ends) >= RM_GUARD_ENDS) {
		g->are_all_ended = true;
		g_hash_table_remove_all(g->ends);
	}
	if (!g->are_all_ended && !g_hash_table_contains(g->ends, &ino))
		g_hash_table_add(g->ends, g_memdup2(&ino, sizeof(ino)));
	pthread_mutex_unlock(&g->lock);
}

/* For an unknown process: that of any process. */
static bool is_reading(struct rm_guard *g, uint64_t ino, pid_t tgid)
{
	struct reading key = {.ino = ino, .tgid = tgid};
	GHashTableIter iter;
	gpointer value;
	bool is = g_hash_table_contains(g->reading, &key);

	if (is || tgid)
		return is;
	g_hash_table_iter_init(&iter, g->reading);
	while (!is && g_hash_table_iter_next(&iter, &value, NULL))
		is = ((struct reading *)value)->ino == ino;
	return is;
}

bool rm_guard_has_opened(struct rm_guard *g, uint64_t ino, pid_t tgid, int64_t now_ms)
{
	bool has;

	pthread_mutex_lock(&g->lock);
	forget_old(g, now_ms);
	has = is_reading(g, ino, tgid);
	pthread_mutex_unlock(&g->lock);
	return has;
}

bool rm_guard_has_just_read(struct rm_guard *g, uint64_t ino, pid_t tgid, int64_t now_ms)
{
	bool has;

	pthread_mutex_lock(&g->lock);
	forget_old(g, now_ms);
	has = is_reading(g, ino, tgid) &&
	      (g->are_all_ended || g_hash_table_contains(g->ends, &ino));
	pthread_mutex_unlock(&g->lock);
	return has;
}

/* ---- messages ---- */

#define SECOND_SHIFT 32

void rm_guard_message_opened(struct rm_guard *g, uint64_t ino, pid_t tid, int64_t now_ms)
{
	unsigned int i = atomic_fetch_add(&g->next_opening, 1);
	struct opening *o = &g->openings[i % RM_GUARD_MESSAGES];

	atomic_store(&o->ino, 0);
	atomic_store(&o->who, (uint64_t)(now_ms / 1000) << SECOND_SHIFT | (uint32_t)tid);
	atomic_store(&o->ino, ino);
}

bool rm_guard_has_opened_message(struct rm_guard *g, uint64_t ino, pid_t tgid, int64_t now_ms)
{
	for (size_t i = 0; i < RM_GUARD_MESSAGES; i++) {
		struct opening *o = &g->openings[i];
		uint64_t who;

		if (atomic_load(&o->ino) != ino)
			continue;
		who = atomic_load(&o->who);
		/* The second is rounded down, so one more belongs to the time. */
		if (atomic_load(&o->ino) == ino &&
		    now_ms / 1000 - (int64_t)(who >> SECOND_SHIFT) <= RM_GUARD_READ_MS / 1000 &&
		    caller_tgid((pid_t)(uint32_t)who) == tgid)
			return true;
	}
	return false;
}

bool rm_guard_manages_files(const char *program)
{
	static const char *const names[] = {
		"mc",	     "ranger",	  "lf",	       "vifm",	   "nnn",     "yazi",
		"far2l",     "krusader",  "doublecmd", "dolphin",  "pcmanfm", "pcmanfm-qt",
		"thunar",    "Thunar",	  "nautilus",  "nemo",	   "caja",    "konqueror",
		"kioworker", "kioslave5", "kio_file",  "kdeinit5",
	};

	return is_one_of(program, names, G_N_ELEMENTS(names));
}

bool rm_guard_replaces(const char *program)
{
	static const char *const names[] = {
		"mv",	  "cp",	  "install", "ginstall", "gio move", "gio copy", "tar",
		"bsdtar", "cpio", "bsdcpio", "pax",	 "unzip",    "zip",	 "7z",
		"7za",	  "7zr",  "7zz",     "gzip",	 "bzip2",    "xz",	 "zstd",
	};

	return is_one_of(program, names, G_N_ELEMENTS(names));
}

bool rm_guard_takes_source(const char *program)
{
	static const char *const names[] = {
		"mv",	    "gio move",	  "mc",	       "rsync",	 "rclone", "unison",
		"nautilus", "nemo",	  "caja",      "thunar", "Thunar", "dolphin",
		"pcmanfm",  "pcmanfm-qt", "kioworker", "ranger", "vifm",   "nnn",
	};

	return is_one_of(program, names, G_N_ELEMENTS(names));
}

bool rm_guard_moves(const char *program)
{
	static const char *const names[] = {"rsync", "git", "rclone", "unison"};

	return rm_guard_replaces(program) || is_one_of(program, names, G_N_ELEMENTS(names));
}
