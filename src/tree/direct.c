/* SPDX-License-Identifier: MIT */
/*
 * direct/<e-mail>: an unlisted symlink to the 1:1 space's own name, or, for an address never
 * written to, a directory with the post files alone; the first post makes the space
 * (design 2.4).
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "tree/internal.h"

/* The rows of an address are made by the fetch that asks the server about it. */
static int address_nodes(struct tree_ctx *ctx, const char *key, int64_t *ret_dir,
			 int64_t *ret_link)
{
	int r = store_node_find(ctx->conn, NODE_ADDRESS, key, ret_dir);

	if (r == 0)
		r = store_node_find(ctx->conn, NODE_ADDRESS_LINK, key, ret_link);
	return r;
}

static int address_entry(struct tree_ctx *ctx, const char *key, struct tree_entry *ret_entry)
{
	struct store_room room = {0};
	int64_t dir = 0, link = 0;
	int r, wait;

	r = address_nodes(ctx, key, &dir, &link);
	if (r && r != -ENOENT)
		return r;
	wait = tree_need_key(ctx, NEED_DIRECT, key, r == 0);
	if (wait)
		return wait;
	if (r)
		return r;
	r = store_room_by_email(ctx->conn, key, &room);
	store_room_clear(&room);
	r = tree_make_entry(
		ctx, r == 0 ? tree_ino(TREE_ADDRESS_LINK, link) : tree_ino(TREE_ADDRESS, dir),
		ret_entry);
	if (r == 0)
		ret_entry->entry_timeout = TIMEOUT_SHORT;
	return r;
}

static int direct_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	(void)ino;
	if (ctx->tree->config.inotify)
		attr->st.st_mode |= S_IWUSR;
	return 0;
}

static int direct_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
			 struct tree_entry *ret_entry)
{
	_cleanup_(cleanup_free) char *key = NULL;
	struct store_room room = {0};
	int r;

	/* A display name that looks like an address is the name of that space all the same. */
	r = store_room_by_name(ctx->conn, WEBEX_ROOM_DIRECT, name, &room);
	store_room_clear(&room);
	if (r != -ENOENT || !name_is_address(name))
		return spaces_lookup(ctx, dir, name, ret_entry);
	key = g_utf8_strdown(name, -1);
	if (strlen(key) >= NEED_KEY_MAX)
		return -ENAMETOOLONG;
	return address_entry(ctx, key, ret_entry);
}

static int address_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	_cleanup_(cleanup_free) char *key = NULL;
	int kind;

	(void)attr;
	return store_node_get(ctx->conn, tree_ino_row(ino), &kind, &key);
}

static int address_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
			  struct tree_entry *ret_entry)
{
	return upload_lookup(ctx, dir, name, ret_entry);
}

static int address_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	_cleanup_(cleanup_free) char *key = NULL;
	struct store_room room = {0};
	int kind, r;

	r = store_node_get(ctx->conn, tree_ino_row(ino), &kind, &key);
	if (r == 0)
		r = store_room_by_email(ctx->conn, key, &room);
	if (r == 0)
		*ret_target = g_strdup(room.name);
	store_room_clear(&room);
	return r;
}

static int address_link_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	_cleanup_(cleanup_free) char *target = NULL;
	int r = address_readlink(ctx, ino, &target);

	if (r == 0)
		tree_set_size(attr, (int64_t)strlen(target));
	return r;
}

/* clang-format off */
const struct tree_row direct_rows[] = {
	{ TREE_DIRECT, "direct", TREE_ROOT, "direct", DIR_RO, ROW_LISTED | ROW_TOLD, .attr = direct_attr,
	  .lookup = direct_lookup, .opendir = spaces_opendir, .readdir = spaces_readdir },
	{ TREE_ADDRESS, "address", TREE_NONE, NULL, DIR_RW, 0, .attr = address_attr, .lookup = address_lookup },
	{ TREE_ADDRESS_LINK, "address link", TREE_NONE, NULL, LINK, 0,
	  .attr = address_link_attr, .readlink = address_readlink },
	{ TREE_ADDRESS_POST, "post", TREE_ADDRESS, "post", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE },
	{ TREE_ADDRESS_POST_MD, "post.md", TREE_ADDRESS, "post.md", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE },
	{ TREE_ADDRESS_POST_JSON, "post.json", TREE_ADDRESS, "post.json", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE },
	ROWS_END,
};
/* clang-format on */
