/* SPDX-License-Identifier: MIT */
#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fuse_lowlevel.h>
#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/log.h"
#include "base/work.h"
#include "fs/notify.h"
#include "tree/ino.h"

/* Queues for names, shared out by directory. */
#define NAME_QUEUES 4

struct notifier {
	struct fuse_session *session;
	struct work_queue *inodes;
	atomic_int untold_inodes; /* queued or being told */
	struct work_queue *names[NAME_QUEUES];
	pthread_mutex_t lock;
	GArray *held; /* lock; of uint64_t: the directories of requests under way */
	GQueue later; /* lock; of struct notice: names there */
};

struct notice {
	struct notifier *notifier;
	uint64_t ino;
	char name[]; /* "": the inode itself */
};

static struct work_queue *name_queue(struct notifier *n, uint64_t dir)
{
	/* >> 8: the kind is the same for all directories of a kind (tree/ino.h). */
	return n->names[(dir >> 8) % NAME_QUEUES];
}

int notifier_start(struct fuse_session *session, struct notifier **ret_notifier)
{
	struct notifier *n = g_new0(struct notifier, 1);
	int r;

	n->session = session;
	pthread_mutex_init(&n->lock, NULL);
	n->held = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	g_queue_init(&n->later);
	r = work_queue_start("notify", &n->inodes);
	for (int i = 0; r == 0 && i < NAME_QUEUES; i++)
		r = work_queue_start("notify-name", &n->names[i]);
	if (r) {
		notifier_stop(&n);
		return r;
	}
	*ret_notifier = n;
	return 0;
}

void notifier_stop(struct notifier **n)
{
	if (!*n)
		return;
	work_queue_stop(&(*n)->inodes);
	for (int i = 0; i < NAME_QUEUES; i++)
		work_queue_stop(&(*n)->names[i]);
	/* At unmount the kernel forgets all by itself. */
	g_queue_clear_full(&(*n)->later, g_free);
	g_array_unref((*n)->held);
	pthread_mutex_destroy(&(*n)->lock);
	g_free(*n);
	*n = NULL;
}

/*
 * The kernel drops a name that it is told of even if a process stands in that directory: getcwd
 * fails there until somebody looks the name up again. From 6.2 on it can be made to ask again
 * at the next use instead.
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

int notify_name_now(struct fuse_session *session, uint64_t dir, const char *name)
{
	int r = expire_space(session, dir, name);

	return r != -ENOSYS
		       ? r
		       : fuse_lowlevel_notify_inval_entry(session, dir, name, strlen(name));
}

static bool find_holder(const struct notifier *n, uint64_t dir, guint *ret_at)
{
	for (*ret_at = 0; *ret_at < n->held->len; (*ret_at)++) {
		if (g_array_index(n->held, uint64_t, *ret_at) == dir)
			return true;
	}
	return false;
}

/* True: it was put aside until the directory is free. */
static bool puts_off(struct notice *notice)
{
	struct notifier *n = notice->notifier;
	bool is_held;
	guint at;

	pthread_mutex_lock(&n->lock);
	is_held = notice->name[0] && find_holder(n, notice->ino, &at);
	if (is_held)
		g_queue_push_tail(&n->later, notice);
	pthread_mutex_unlock(&n->lock);
	return is_held;
}

static void tell(void *arg)
{
	struct notice *notice = arg;
	struct fuse_session *session = notice->notifier->session;
	int r;

	if (puts_off(notice))
		return;
	if (notice->name[0])
		r = notify_name_now(session, notice->ino, notice->name);
	else
		r = fuse_lowlevel_notify_inval_inode(session, notice->ino, 0, 0);
	/* -ENOENT: the kernel does not know it, which is as good. */
	if (r && r != -ENOENT && r != -ENODEV && r != -EBADF)
		log_debug("fuse", "notify of %" G_GUINT64_FORMAT " '%s': %s", notice->ino,
			  notice->name, strerror(-r));
	if (!notice->name[0])
		atomic_fetch_sub(&notice->notifier->untold_inodes, 1);
	g_free(notice);
}

static void post(struct notifier *n, struct work_queue *queue, uint64_t ino, const char *name)
{
	size_t len = strlen(name);
	struct notice *notice = g_malloc0(sizeof(*notice) + len + 1);

	notice->notifier = n;
	notice->ino = ino;
	memcpy(notice->name, name, len + 1);
	work_post(queue, tell, notice);
}

void notify_inode(struct notifier *n, uint64_t ino)
{
	atomic_fetch_add(&n->untold_inodes, 1);
	post(n, n->inodes, ino, "");
}

bool notify_inodes_are_told(struct notifier *n)
{
	return atomic_load(&n->untold_inodes) == 0;
}

void notify_name(struct notifier *n, uint64_t dir, const char *name)
{
	post(n, name_queue(n, dir), dir, name);
}

void notify_hold(struct notifier *n, uint64_t dir)
{
	pthread_mutex_lock(&n->lock);
	g_array_append_val(n->held, dir);
	pthread_mutex_unlock(&n->lock);
}

void notify_release(struct notifier *n, uint64_t dir)
{
	GList *l, *next;
	guint at;

	pthread_mutex_lock(&n->lock);
	if (find_holder(n, dir, &at))
		g_array_remove_index_fast(n->held, at);
	for (l = find_holder(n, dir, &at) ? NULL : n->later.head; l; l = next) {
		struct notice *notice = l->data;

		next = l->next;
		if (notice->ino != dir)
			continue;
		g_queue_delete_link(&n->later, l);
		work_post(name_queue(n, dir), tell, notice);
	}
	pthread_mutex_unlock(&n->lock);
}

void notify_then(struct notifier *n, work_fn fn, void *arg)
{
	work_post(n->inodes, fn, arg);
}
