/* SPDX-License-Identifier: MIT */
#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fuse_lowlevel.h>
#include <glib.h>
#include <string.h>

#include "base/log.h"
#include "base/work.h"
#include "fs/notify.h"

struct notifier {
	struct fuse_session *session;
	struct work_queue *queue;
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
	r = work_queue_start("sparkfs-notify", &n->queue);
	if (r) {
		g_free(n);
		return r;
	}
	*ret_notifier = n;
	return 0;
}

void notifier_stop(struct notifier **n)
{
	if (!*n)
		return;
	work_queue_stop(&(*n)->queue);
	g_free(*n);
	*n = NULL;
}

static void tell(void *arg)
{
	struct notice *notice = arg;
	struct fuse_session *session = notice->notifier->session;
	int r;

	if (notice->name[0])
		r = fuse_lowlevel_notify_inval_entry(session, notice->ino, notice->name,
						     strlen(notice->name));
	else
		r = fuse_lowlevel_notify_inval_inode(session, notice->ino, 0, 0);
	/* -ENOENT: the kernel does not know it, which is as good. */
	if (r && r != -ENOENT && r != -ENODEV && r != -EBADF)
		log_debug("fuse", "notify of %" G_GUINT64_FORMAT " '%s': %s", notice->ino,
			  notice->name, strerror(-r));
	g_free(notice);
}

static void post(struct notifier *n, uint64_t ino, const char *name)
{
	size_t len = strlen(name);
	struct notice *notice = g_malloc0(sizeof(*notice) + len + 1);

	notice->notifier = n;
	notice->ino = ino;
	memcpy(notice->name, name, len + 1);
	work_post(n->queue, tell, notice);
}

void notify_inode(struct notifier *n, uint64_t ino)
{
	post(n, ino, "");
}

void notify_name(struct notifier *n, uint64_t dir, const char *name)
{
	post(n, dir, name);
}
