/* SPDX-License-Identifier: MIT */
/*
 * The timer for files that wait here for their bytes or their name (tree/linger.c). It is set
 * for the file that is due next.
 */
#include "fs/internal.h"

static void arm(struct fs *fs, int64_t in_ms);

static void sweep(void *arg)
{
	struct fs *fs = arg;
	struct tree_invalidate told = fs_invalidate(fs);

	/* Reset before the check, so that a file which is closed from now on sets the timer
	 * again. */
	atomic_store(&fs->linger_armed, false);
	if (fs->stopping || !fs->notifier)
		return;
	arm(fs, tree_keep_old(fs->config.tree, &told));
}

/* in_ms -1: nothing waits. */
static void arm(struct fs *fs, int64_t in_ms)
{
	if (in_ms >= 0 && !atomic_exchange(&fs->linger_armed, true))
		work_post_at(fs->config.queue, clock_mono(clock_system()) + in_ms, sweep, fs);
}

void fs_linger(struct fs *fs)
{
	if (!atomic_load(&fs->linger_armed))
		arm(fs, tree_next_old_ms(fs->config.tree));
}
