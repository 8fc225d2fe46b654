/* SPDX-License-Identifier: MIT */
/*
 * webhooks/ (webhooks.c): what the plans of names and the table of objects need of it. Internal to the tree.
 * Thread rule: any thread, as tree.h.
 */
#pragma once

#include "tree/object.h"

extern const struct tree_object webhook_object;

/*
 * 0 if a webhook may be in the file `name`; `self`: the row of the one that is to be renamed, or 0.
 * *ret_title (owned, may be NULL) is what it is called on the server then. -EINVAL: no NAME.json, or a name
 * that would not come back as typed; -EEXIST: another one is called so, or so to a person.
 */
int webhook_check_name(struct tree_ctx *ctx, const char *name, int64_t self, char **ret_title);
/* True if the server has one that is listed under this name in `dir`. */
bool webhook_is_known(struct tree_ctx *ctx, uint64_t dir, const char *name);
int webhook_plan_rename(struct tree_ctx *ctx, uint64_t ino, const char *name, uint64_t newdir,
			const char *newname, struct tree_plan *plan);
int webhook_plan_remove(struct tree_ctx *ctx, int64_t row, struct tree_plan *plan);
