/* SPDX-License-Identifier: MIT */
/*
 * What the kernel is told of changes. To forget a name it takes its directory's lock, which it holds
 * for as long as a look-up, rm or mkdir there waits for our answer. A thread that is caught in
 * that wait cannot be killed, and a daemon that is killed then would leave its mount hanging, since
 * the connection lives as long as the thread: so names of such a directory are told when the
 * answer was given. Thread rule: the cache thread.
 */
#include <string.h>

#include "fs/mirror.h"
#include "fs/namer.h"
#include "fs/op.h"

/* A name that is told later: fs->later. */
struct later {
	uint64_t dir;
	char name[];
};

static bool is_held(const struct fs *fs, uint64_t dir)
{
	for (const GList *l = fs->parked.head; l; l = l->next) {
		const struct op *op = l->data;

		if (op->name && (op->ino == dir || op->newdir == dir))
			return true;
	}
	return false;
}

static void told_inode(void *arg, uint64_t ino)
{
	struct fs *fs = arg;

	notify_inode(fs->notifier, ino);
}

static void told_name(void *arg, uint64_t dir, const char *name)
{
	size_t size = strlen(name) + 1;
	struct fs *fs = arg;
	struct later *later;

	if (!is_held(fs, dir)) {
		notify_name(fs->notifier, dir, name);
		return;
	}
	later = g_malloc(sizeof(*later) + size);
	later->dir = dir;
	memcpy(later->name, name, size);
	g_queue_push_tail(&fs->later, later);
}

void fs_tell_later(struct fs *fs)
{
	guint n = g_queue_get_length(&fs->later);

	while (n-- > 0) {
		struct later *later = g_queue_pop_head(&fs->later);

		if (is_held(fs, later->dir)) {
			g_queue_push_tail(&fs->later, later);
			continue;
		}
		/* At unmount the kernel forgets all by itself. */
		if (!fs->stopping)
			notify_name(fs->notifier, later->dir, later->name);
		g_free(later);
	}
}

void fs_show_names(void *arg, int64_t message)
{
	GPtrArray *changes = store_changes_new();
	struct fs *fs = arg;

	if (!fs->stopping && store_show_names(fs->config.store, message, changes) == 0 &&
	    changes->len)
		fs_on_changes(fs, changes);
	g_ptr_array_unref(changes);
}

/* Somebody has learnt what a file is called: its message may say so. */
static void note_named(struct fs *fs, const struct store_change *c)
{
	struct store_content content = {0};
	struct store_conn *conn;

	if (c->type != STORE_CONTENT_ADDED || store_read_begin(fs->config.store, &conn))
		return;
	store_content_get(conn, c->rowid, &content);
	store_read_end(conn);
	if (content.message)
		namer_named(fs->namer, content.message);
	store_content_clear(&content);
}

void fs_on_changes(struct fs *fs, GPtrArray *changes)
{
	struct tree_told told = {.inode = told_inode, .name = told_name, .arg = fs};

	/* op_fail_all, an item of this thread, comes before the notifier goes. */
	if (!fs->notifier || fs->stopping)
		return;
	tree_on_changes(fs->config.tree, changes, &told);
	if (fs->mirror)
		mirror_changes(fs->mirror, changes);
	for (guint i = 0; i < changes->len; i++)
		note_named(fs, changes->pdata[i]);
}
