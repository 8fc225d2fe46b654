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

/* Asks whether there is a space with the address. That there was none is known, too, also when the
 * server cannot be asked any more. */
static int need_space(struct tree_ctx *ctx, const char *key)
{
	struct need need = {.kind = NEED_DIRECT};

	g_strlcpy(need.key, key, sizeof(need.key));
	return tree_need_for_name(ctx, &need,
				  counted_is_known(ctx->tree->counted, TREE_ADDRESS, key) ||
					  pager_has_answered(ctx->tree->config.pager, &need));
}

/* The address has a number for as long as somebody has one of its files (counted.h): the directory and
 * its post files one, the link another. */
static int address_entry(struct tree_ctx *ctx, const char *name, const char *key,
			 struct tree_entry *ret_entry)
{
	struct store_room room = {0};
	enum tree_kind kind = TREE_ADDRESS_LINK;
	int64_t row = 0;
	int r = store_room_by_email(ctx->conn, key, &room);

	store_room_clear(&room);
	if (r == -ENOENT) {
		kind = TREE_ADDRESS;
		r = need_space(ctx, key);
	}
	if (r == 0)
		r = tree_hold(ctx, kind, key, TREE_DIRECT, name, &row);
	if (r == 0)
		r = tree_make_entry(ctx, tree_ino(kind, row), ret_entry);
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
		return tree_refuse_length(ctx, name);
	return address_entry(ctx, name, key, ret_entry);
}

static int address_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	_cleanup_(cleanup_free) char *key = NULL;

	(void)attr;
	return counted_key(ctx->tree->counted, tree_ino_row(ino), &key);
}

static int address_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	_cleanup_(cleanup_free) char *key = NULL;
	struct store_room room = {0};
	int r = counted_key(ctx->tree->counted, tree_ino_row(ino), &key);

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
	{ TREE_DIRECT, "direct", TREE_ROOT, "direct", DIR_RO, ROW_LISTED | ROW_TOLD | ROW_LIST, .attr = direct_attr,
	  .lookup = direct_lookup, .opendir = spaces_opendir, .readdir = spaces_readdir },
	{ TREE_ADDRESS, "address", TREE_NONE, NULL, DIR_RW, ROW_COUNTED, .attr = address_attr, .lookup = upload_lookup },
	{ TREE_ADDRESS_LINK, "address link", TREE_NONE, NULL, LINK, ROW_COUNTED,
	  .attr = address_link_attr, .readlink = address_readlink },
	{ TREE_ADDRESS_POST, "post", TREE_ADDRESS, "post", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE | ROW_COUNTED, LETTER_TEXT },
	{ TREE_ADDRESS_POST_MD, "post.md", TREE_ADDRESS, "post.md", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE | ROW_COUNTED, LETTER_MARKDOWN },
	{ TREE_ADDRESS_POST_JSON, "post.json", TREE_ADDRESS, "post.json", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE | ROW_COUNTED, LETTER_JSON },
	ROWS_END,
};
/* clang-format on */
