/* SPDX-License-Identifier: MIT */
/*
 * A look-up that is answered before it is known what the name stands for. A look-up keeps its
 * directory locked in the kernel, so it cannot wait for as long as requests wait for their turn
 * (fs/waits.h). Then it says that the name is a symlink, of a kind of its own. Who looks at the
 * link (stat), or goes through it (open, a path that leads on), waits at the link, with nothing
 * locked and until a signal comes. When it is known what the name stands for, the answer is ESTALE,
 * upon which the kernel looks the whole path up once more and forgets the link. So no program sees
 * the link, but for one: who makes a file by O_EXCL, and did not look for it before, gets EEXIST.
 *
 *     LOOKUP --5 s--> a link --READLINK, GETATTR wait--> ESTALE --> LOOKUP: what it is, or ENOENT
 *                                            \--> the error of the request
 *
 * The kernel asks for the name every time, so a look-up that comes when all is known gets what it is.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "tree/internal.h"

int tree_later(struct tree_ctx *ctx, uint64_t dir, const char *name,
	       struct tree_entry *ret_entry)
{
	_cleanup_gfree_ char *key = g_strdup_printf("%" G_GINT64_MODIFIER "x/%s", dir, name);
	int64_t row;
	int r = tree_hold(ctx, TREE_LATER, key, dir, name, &row);

	if (r)
		return r;
	*ret_entry = (struct tree_entry){.ino = tree_ino(TREE_LATER, row)};
	tree_plain_attr(ctx, ret_entry->ino, &ret_entry->attr);
	return 0;
}

/* Looks the name up, whatever that needs. */
static int find_out(struct tree_ctx *ctx, uint64_t ino)
{
	_cleanup_gfree_ char *key = NULL;
	struct tree_entry entry;
	char *name;
	uint64_t dir;
	int r = counted_key(ctx->tree->counted, tree_ino_row(ino), &key);

	if (r)
		return r;
	dir = g_ascii_strtoull(key, &name, 16);
	r = tree_lookup(ctx, dir, name + 1, &entry);
	return r ? r : -ESTALE;
}

static int later_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	(void)attr;
	return find_out(ctx, ino);
}

static int later_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	(void)ret_target;
	return find_out(ctx, ino);
}

/* clang-format off */
const struct tree_row later_rows[] = {
	{ TREE_LATER, "name", TREE_NONE, NULL, LINK, ROW_COUNTED | ROW_VOLATILE,
	  .attr = later_attr, .readlink = later_readlink },
	ROWS_END,
};
/* clang-format on */
