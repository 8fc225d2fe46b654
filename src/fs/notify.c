/* SPDX-License-Identifier: MIT */
#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fuse_lowlevel.h>
#include <glib.h>
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
};

struct notice {
	struct notifier *notifier;
	uint64_t ino;
	char name[]; /* "": the inode itself */
};

int notifier_start(struct fuse_session *session, struct notifier **ret_notifier)
{
	struct notifier *n = g_new0(struct notifier, 1);
	int r;

	n->session = session;
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

static void tell(void *arg)
{
	struct notice *notice = arg;
	struct fuse_session *session = notice->notifier->session;
	int r;

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
	/* >> 8: the kind is the same for all directories of a kind (tree/ino.h). */
	post(n, n->names[(dir >> 8) % NAME_QUEUES], dir, name);
}

void notify_then(struct notifier *n, work_fn fn, void *arg)
{
	work_post(n->inodes, fn, arg);
}
