/* SPDX-License-Identifier: MIT */
/*
 * The kinds of objects that are written as JSON files (space.json, a membership): one row for each,
 * with what differs between them. What they share, plans and submissions do (write_object.c,
 * submit_look.c, submit_check.c). Internal to the tree.
 * Thread rule: cache thread, but where it is said.
 */
#pragma once

#include "tree/internal.h"
#include "tree/write.h"

struct tree_object {
	enum tree_action update; /* a PUT of what differs */
	enum tree_action check;	 /* nothing differs from what is known here: asks the server */
	enum tree_action create; /* a POST of a new file; TREE_DO_NOTHING: no file makes one */
	const char *what;	 /* for a person: "the <what> was changed elsewhere" */
	const char *file; /* what its file is called in last-error and, if it has no name of its
				  * own, in unsent/ */
	const char *place; /* where it is, if that is no space; else NULL */
	/* The plan of what was written into the object of `row`: id, row, room, text, why. Any thread. 0,
	 * -errno. */
	int (*plan)(struct tree_ctx *ctx, int64_t row, const char *json, size_t len,
		    struct tree_plan *plan);
	/* With `create`: the plan of a new one in the file `name`; and whether a new file may have that
	 * name (self 0). Any thread. */
	int (*make)(struct tree_ctx *ctx, const char *name, const char *json, size_t len,
		    struct tree_plan *plan);
	int (*check_name)(struct tree_ctx *ctx, const char *name, int64_t self,
			  char **ret_title);
	/* The name of its file; owned, NULL: `file`. NULL hook: always `file`. Any thread. */
	char *(*name)(struct tree_ctx *ctx, int64_t row);
	/* The space that it is of; 0: none, or gone. Any thread. */
	int64_t (*room)(struct tree_ctx *ctx, int64_t row);
	/* The object as it is known here, as JSON; owned, NULL: it is not. Any thread. */
	char *(*before)(struct store_conn *conn, int64_t row);
	/* An item of an answer as JSON. Owned. */
	char *(*json)(const void *item);
	/* As webex_room_edit(). */
	int (*edit)(const void *item, const char *json, size_t len, char **ret_body,
		    char **ret_reason);
	uint64_t (*get)(struct webex_client *c, const struct tree_plan *plan, webex_done done,
			void *arg);
	/* Keeps the object that was read, so that the next change begins with it. */
	void (*keep)(struct tree *t, const struct tree_plan *plan,
		     const struct webex_reply *reply, GPtrArray *changes);
};

/* The kind of object that the action is about; NULL: none. Any thread. */
const struct tree_object *tree_object_of(enum tree_action action);
/* The kind of object that is written at a node of this kind; NULL: none. Any thread. */
const struct tree_object *tree_object_at(enum tree_kind kind);
/* The kind of object that a new file in a directory of this kind becomes; NULL: none. Any thread. */
const struct tree_object *tree_object_in(enum tree_kind dir);
/* The plan of a scratch file that is renamed to `newname`: its bytes become a new object. Any thread. */
int tree_plan_moved_object(struct tree_ctx *ctx, struct pending *p, const char *newname,
			   struct tree_plan *plan);
