/* SPDX-License-Identifier: MIT */
/* Where what is written in a directory goes. */
#include <errno.h>

#include "tree/internal.h"
#include "tree/write.h"

int tree_aim_at_room(struct tree_ctx *ctx, int64_t row, struct destination *ret)
{
	struct store_room room = {0};
	int r = tree_room(ctx, row, &room);

	if (r == -ENOENT)
		tree_refuse(ctx, r, "this space is gone: it was deleted, or left");
	if (r == 0 && room.room.is_read_only)
		r = tree_refuse(ctx, -EACCES,
				"%s: the account can only read this space (isReadOnly in "
				"space.json)",
				room.name);
	if (r == 0) {
		ret->room = row;
		ret->room_id = g_strdup(room.room.id);
		ret->place = g_strdup(room.name);
	}
	store_room_clear(&room);
	return r;
}

static int aim_at_address(struct tree_ctx *ctx, int64_t row, struct destination *ret)
{
	struct store_room room = {0};
	char *key = NULL;
	int r = counted_key(ctx->tree->counted, row, &key);

	if (r)
		return r;
	/* The space may exist by now; then this is a post like any other. */
	if (store_room_by_email(ctx->conn, key, &room) == 0) {
		ret->room = room.rowid;
		ret->room_id = g_strdup(room.room.id);
		ret->place = g_strdup(room.name);
		g_free(key);
	} else {
		ret->place = g_strdup(key);
		ret->email = key;
	}
	store_room_clear(&room);
	return 0;
}

static int aim_at_thread(struct tree_ctx *ctx, int64_t row, struct destination *ret)
{
	struct store_thread thread = {0};
	int r = store_thread_get(ctx->conn, row, &thread);

	if (r == -ENOENT)
		return tree_refuse(ctx, r, "this thread is gone with its space");
	if (r == 0)
		r = tree_aim_at_room(ctx, thread.room, ret);
	if (r == 0) {
		ret->parent_id = g_strdup(thread.root_id);
		ret->thread = g_strdup(thread.stem ? thread.stem : thread.root_id);
	}
	store_thread_clear(&thread);
	return r;
}

int tree_destination(struct tree_ctx *ctx, uint64_t dir, struct destination *ret)
{
	uint64_t home = upload_dir(dir);

	if (tree_ino_kind(home) == TREE_SPACE)
		return tree_aim_at_room(ctx, tree_ino_row(dir), ret);
	if (tree_ino_kind(home) == TREE_THREAD)
		return aim_at_thread(ctx, tree_ino_row(dir), ret);
	if (tree_ino_kind(dir) == TREE_ADDRESS)
		return aim_at_address(ctx, tree_ino_row(dir), ret);
	if (tree_ino_kind(dir) == TREE_WEBHOOKS)
		return tree_refuse(
			ctx, -EPERM,
			"a letter cannot be moved there: cat it > webhooks/NAME.json");
	if (tree_is_private(ctx->tree, dir))
		return tree_refuse_api(ctx);
	return tree_refuse(
		ctx, -EPERM,
		"no file can be made there: one that is to be sent goes into a space, "
		"spaces/NAME/ or direct/NAME/, or into a thread, threads/MESSAGE/ in it");
}
