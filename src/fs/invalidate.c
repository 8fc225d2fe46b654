/* SPDX-License-Identifier: MIT */
/*
 * Tells the kernel of changes. Thread rule: the cache thread, but for fs_drop_names() and
 * fs_local_changed().
 */
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

static void drop_name(void *arg, uint64_t dir, const char *name)
{
	struct fs *fs = arg;

	notify_drop(fs->notifier, dir, name);
}

struct tree_invalidate fs_invalidate(struct fs *fs)
{
	return (struct tree_invalidate){.inode = invalidate_inode,
					.name = invalidate_name,
					.drop = drop_name,
					.arg = fs};
}

void fs_drop_names(struct fs *fs)
{
	struct tree_invalidate told = fs_invalidate(fs);

	tree_drop_names(fs->config.tree, &told);
}

void fs_local_changed(struct fs *fs, uint64_t dir)
{
	uint64_t files, home = tree_home(dir, &files);

	if (!files || fs->stopping)
		return;
	notify_inode(fs->notifier, files);
	notify_inode(fs->notifier, home);
}

void fs_on_changes(struct fs *fs, GPtrArray *changes)
{
	struct tree_invalidate told = fs_invalidate(fs);

	if (fs->stopping)
		return;
	tree_on_changes(fs->config.tree, changes, &told);
	if (fs->above)
		fs->config.above->changes(fs->above, changes);
}
