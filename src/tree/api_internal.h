/* SPDX-License-Identifier: MIT */
/* What the files of api/ share: api.c has names and reading, api_write.c changes. */
#pragma once

#include "tree/api.h"
#include "tree/change.h"

#define API_PREFIX "api/"

/* "api/rooms.json?max=5": what a person calls the file of a path. Owned. */
char *api_shown_name(enum tree_kind kind, const char *path);
/* request_path_make(), whose refusal has words. */
int api_make_path(struct tree_ctx *ctx, const char *typed, char **ret_path);
/* A request for who asks. `body` NULL: none. */
struct asked *api_asked(struct tree_ctx *ctx, enum http_method method, const char *name,
			const char *path, bool is_bytes, const char *body, size_t len);

/* ---- api_write.c ---- */
/* Makes the draft of an open for writing. */
int api_open_write(struct tree_ctx *ctx, struct tree_write *w);
/* What the written text asks for: plan->asked, and TREE_DO_ASK for a change. Nothing at all if it is blank. With
 * an error plan->why is set, or the refusal has words. */
int api_plan_write(struct tree_ctx *ctx, const struct tree_write *w, const char *text,
		   size_t len, struct tree_plan *plan);
int api_plan_delete(struct tree_ctx *ctx, uint64_t ino, struct tree_plan *plan);
