/* SPDX-License-Identifier: MIT */
/* Tells the kernel of changes. Thread rule: the cache thread. */
#include "fs/mirror.h"
#include "fs/namer.h"
#include "fs/op.h"

static void invalidate_inode(void *arg, uint64_t ino)
{
	struct fs *fs = arg;

	notify_inode(fs->notifier, ino);
}

static void invalidate_name(void *arg, uint64_t dir, const char *name)
{
	struct fs *fs = arg;

	notify_name(fs->notifier, dir, name);
}

struct tree_invalidate fs_told(struct fs *fs)
{
	return (struct tree_invalidate){
		.inode = invalidate_inode, .name = invalidate_name, .arg = fs};
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
	struct tree_invalidate told = fs_told(fs);

	if (fs->stopping)
		return;
	tree_on_changes(fs->config.tree, changes, &told);
	if (fs->mirror)
		mirror_changes(fs->mirror, changes);
	for (guint i = 0; i < changes->len; i++)
		note_named(fs, changes->pdata[i]);
}
