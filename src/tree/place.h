/* SPDX-License-Identifier: MIT */
/*
 * Where a change of the store shows in the tree. The kernel (invalidate.c), the journal
 * (store_config.path_of) and whoever repeats changes for watchers (inotify/acts.h) ask here; the
 * store knows rows and names, and no directories.
 *
 * Thread rule: any thread; nothing is kept.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct tree_place {
	uint64_t top;  /* spaces/, direct/ or teams/ */
	uint64_t room; /* the space or the team */
	uint64_t dir;  /* the directory that has the entry */
	uint64_t ino;  /* the entry: the space or team, the member, the .txt of the message */
	const char *
		below; /* between the space or team and the name, "members/"; NULL: it is the space */
	const char *suffix; /* of the file's name behind the name of the change */
};

/* False: nothing in a directory is about it (a person, the bytes of an attachment). */
bool tree_place_of(const struct store_change *c, struct tree_place *ret);
/* The path from the mount point; `name` as of the change, `room_name` the space's (not used if it
 * is the space itself). Owned. */
char *tree_place_path(const struct tree_place *p, const char *room_name, const char *name);
/* Both: the path_of of the store. NULL: it has no place. */
char *tree_path_of(const struct store_change *c, const char *room_name, const char *name);
