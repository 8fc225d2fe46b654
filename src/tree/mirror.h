/* SPDX-License-Identifier: MIT */
/*
 * Changes as what a person would have had to do to the files of this mount to make them: for
 * those who watch its directories by inotify, which the kernel tells of nothing else
 * (fs/mirror.h). Thread rule: the cache thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct tree;

enum mirror_what {
	MIRROR_CREATE = 1, /* a file that is there now */
	MIRROR_WRITE,	   /* what a file holds has changed */
	MIRROR_UNLINK,	   /* a file that is gone */
	MIRROR_MKDIR,
	MIRROR_RENAME, /* of a directory, in its directory */
	MIRROR_RMDIR,
	MIRROR_TOUCH, /* where none of the others can be shown: attributes changed */
};

struct mirror_act {
	enum mirror_what what;
	uint64_t dir, ino;    /* the entry's directory; what it is or was the name of */
	char *name, *newname; /* in that directory */
	/* The space on the way to it, if it is in one: `room_name` in `top` is `room`. */
	uint64_t top, room;
	char *room_name;
	char *path, *newpath; /* from the mount point */
};

/* False: nothing that shows in a directory, or no news. */
bool tree_mirror(struct tree *t, const struct store_change *c, struct mirror_act *ret_act);
void mirror_act_clear(struct mirror_act *a);
