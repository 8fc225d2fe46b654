/* SPDX-License-Identifier: MIT */
#include "inotify/mirror.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "inotify/internal.h"
#include "fs/op.h"

/* With more acts the queues of the watchers would be full, too (max_queued_events). */
#define QUEUED_MAX 20000

struct job {
	struct mirror *m;
	struct mirror_act act;
	bool is_told; /* m->lock: the kernel knows of the change */
};

static int start(struct fs *fs, const char *mountpoint, void **ret_mirror)
{
	struct watchers_config watchers = {
		.tree = fs->config.tree,
		.pager = fs->config.pager,
		.minor = fs->connection.minor,
	};
	struct mirror *m;
	int r;

	if (!fs->connection.minor)
		return -ENOSYS;
	m = g_new0(struct mirror, 1);
	m->fs = fs;
	mirror_process_init(&m->process, mountpoint, &fs->connection);
	pthread_mutex_init(&m->lock, NULL);
	g_queue_init(&m->jobs);
	r = work_queue_start("mirror", &m->queue);
	if (r == 0)
		r = watchers_start(&watchers, &m->watchers);
	if (r) {
		work_queue_stop(&m->queue);
		pthread_mutex_destroy(&m->lock);
		mirror_process_clear(&m->process);
		g_free(m);
		return r;
	}
	*ret_mirror = m;
	return 0;
}

/* Requests are not answered any more: begins no act, tells the helper to end, and looks for no
 * watchers. */
static void quit(void *above)
{
	struct mirror *m = above;

	mirror_process_quit(&m->process);
	watchers_stop(m->watchers);
}

/* Called after the end of the notifier. Ends our thread. */
static void join(void *above)
{
	struct mirror *m = above;

	work_queue_stop(&m->queue);
}

/* The kernel's connection has ended, so nothing can hold the helper back. */
static void free_mirror(void *above)
{
	struct mirror *m = above;

	mirror_process_reap(&m->process);
	mirror_process_clear(&m->process);
	pthread_mutex_destroy(&m->lock);
	watchers_free(&m->watchers);
	g_free(m);
}

static bool is_own(const void *above, pid_t pid)
{
	const struct mirror *m = above;

	/* pid 0 is a process without a number here. */
	return pid && pid == atomic_load(&m->pid);
}

/* ---- acts, on the mirror's thread ---- */

static void expect(struct mirror *m, const struct mirror_act *act, enum mirror_what what)
{
	pthread_mutex_lock(&m->lock);
	m->expected = act;
	m->expected_what = what;
	m->is_done = false;
	pthread_mutex_unlock(&m->lock);
}

/* >= 0: the errno that the helper got; -errno: it did not answer. */
static int try_act(struct mirror *m, const struct mirror_act *act, enum mirror_what what)
{
	int r = mirror_process_ensure(&m->process);

	if (r)
		return r;
	atomic_store(&m->pid, m->process.pid);
	expect(m, act, what);
	r = mirror_process_do(&m->process, act, what);
	expect(m, NULL, 0);
	if (r == -EPIPE && !mirror_process_is_over(&m->process)) {
		/* Until it has ended its requests are refused as the helper's. When it was
		 * reaped, another process may get its number. */
		mirror_process_end(&m->process);
		atomic_store(&m->pid, 0);
		mirror_process_reap(&m->process);
	}
	return r;
}

static int do_act(struct mirror *m, const struct mirror_act *act, enum mirror_what what)
{
	int r = try_act(m, act, what);

	/* It was killed. */
	return r == -EPIPE ? try_act(m, act, what) : r;
}

/* Shows only that something happened, where the change itself cannot be shown. */
static int do_touch(struct mirror *m, const struct mirror_act *act)
{
	struct mirror_act now = *act;

	if (act->what == MIRROR_UNLINK || act->what == MIRROR_RMDIR)
		return 0;
	if (act->what == MIRROR_RENAME) {
		now.name = act->newname;
		now.path = act->newpath;
	}
	return do_act(m, &now, MIRROR_TOUCH);
}

/*
 * Somebody has looked the name up since, so the kernel already knows that it exists or is gone.
 * The kernel is made to forget that, and the act is done again. A directory that a process is
 * in keeps its inode meanwhile.
 */
static int do_again(struct mirror *m, const struct mirror_act *act, int error)
{
	bool is_new = error == EEXIST && act->what == MIRROR_RENAME;
	const char *name = is_new ? act->newname : act->name;

	notify_name_now(m->fs->session, act->dir, name);
	return do_act(m, act, act->what);
}

static void perform(struct mirror *m, const struct mirror_act *act)
{
	int r = do_act(m, act, act->what);

	if (r == EEXIST || r == ENOENT)
		r = do_again(m, act, r);
	if (r > 0) {
		log_debug("fuse", "mirror %d of %s: %s", (int)act->what, act->path,
			  strerror(r));
		r = do_touch(m, act);
	}
	if (r)
		log_debug("fuse", "no mirror of %s: %s", act->path, strerror(abs(r)));
}

static void job_free(struct job *job)
{
	atomic_fetch_sub(&job->m->queued, 1);
	mirror_act_clear(&job->act);
	g_free(job);
}

/* Takes the oldest job if the kernel knows of its change. NULL: there is none, or the kernel
 * does not know yet. */
static struct job *take_told(struct mirror *m)
{
	struct job *job;

	pthread_mutex_lock(&m->lock);
	job = g_queue_peek_head(&m->jobs);
	if (job && job->is_told)
		g_queue_pop_head(&m->jobs);
	else
		job = NULL;
	pthread_mutex_unlock(&m->lock);
	return job;
}

static void run_told(void *arg)
{
	struct mirror *m = arg;
	struct job *job;

	while ((job = take_told(m))) {
		if (!mirror_process_is_over(&m->process))
			perform(m, &job->act);
		job_free(job);
	}
}

/* On a thread of the notifier, so that a watcher which is told of a change sees it. The
 * notifier ends waits in any order, but the watchers see the changes in theirs. */
static void kernel_knows(void *arg)
{
	struct job *job = arg;
	struct mirror *m = job->m;

	pthread_mutex_lock(&m->lock);
	job->is_told = true;
	pthread_mutex_unlock(&m->lock);
	work_post(m->queue, run_told, m);
}

/* ---- changes, on the cache thread ---- */

/* True if a request for this name is being answered here; the kernel tells of that one itself. */
static bool is_done_here(const struct fs *fs, const struct mirror_act *act)
{
	for (const GList *l = fs->parked.head; l; l = l->next) {
		const struct op *op = l->data;

		if (op->state != OP_SUBMITTED)
			continue;
		if (act->what == MIRROR_WRITE
			    ? op->ino == act->ino && op->fi.fh
			    : op->ino == act->dir && g_strcmp0(op->name, act->name) == 0)
			return true;
	}
	return false;
}

/* Adopts the act. */
static void queue_act(struct mirror *m, struct mirror_act *act)
{
	struct job *job;

	if (is_done_here(m->fs, act) || atomic_load(&m->queued) >= QUEUED_MAX) {
		mirror_act_clear(act);
		return;
	}
	job = g_new0(struct job, 1);
	job->m = m;
	job->act = *act;
	atomic_fetch_add(&m->queued, 1);
	pthread_mutex_lock(&m->lock);
	g_queue_push_tail(&m->jobs, job);
	pthread_mutex_unlock(&m->lock);
	notify_then(m->fs->notifier, 0, kernel_knows, job);
}

static void on_changes(void *above, GPtrArray *changes)
{
	g_autoptr(GArray) acts = g_array_new(FALSE, FALSE, sizeof(struct mirror_act));
	struct mirror *m = above;

	for (guint i = 0; i < changes->len; i++)
		mirror_acts_of(m->fs->config.store, changes->pdata[i], acts);
	for (guint i = 0; i < acts->len; i++)
		queue_act(m, &g_array_index(acts, struct mirror_act, i));
}

const struct fs_above mirror_above = {
	.wrap = mirror_wrap,
	.start = start,
	.is_own = is_own,
	.changes = on_changes,
	.quit = quit,
	.join = join,
	.free = free_mirror,
};
