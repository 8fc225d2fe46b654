/* SPDX-License-Identifier: MIT */
/*
 * Translates a change into what somebody would have done to the files of this mount to make it.
 * The kernel tells those who watch directories by inotify of nothing else (inotify/mirror.h).
 *
 * Thread rule: the cache thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

enum mirror_what {
	MIRROR_CREATE = 1, /* a file that is there now */
	MIRROR_WRITE,	   /* the bytes of a file changed */
	MIRROR_UNLINK,	   /* a file that is gone */
	MIRROR_MKDIR,
	MIRROR_RENAME, /* of a directory, in its directory */
	MIRROR_RMDIR,
	MIRROR_TOUCH, /* attributes changed: where none of the others can be shown */
};

struct mirror_act {
	enum mirror_what what;
	uint64_t dir, ino;    /* the directory of the entry, and its node */
	char *name, *newname; /* in that directory */
	/* If `dir` is inside a space or team: that is `room`, called `room_name` in `top`. */
	uint64_t top, room;
	char *room_name;
	char *path, *newpath; /* from the mount point */
};

/* Appends what shows the change (struct mirror_act, whose contents are the caller's): in the space, and for a
 * message of a thread, or one that mentions us, there, too. Nothing if it shows in no directory or is no news. */
void mirror_acts_of(struct store *s, const struct store_change *c, GArray *ret_acts);
void mirror_act_clear(struct mirror_act *a);
