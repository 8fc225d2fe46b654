/* SPDX-License-Identifier: MIT */
/* The kernel's references to what has no lasting row (counted.h), as the operations hold them. */
#include "tree/internal.h"
#include "tree/invalidate.h"

int tree_hold(struct tree_ctx *ctx, enum tree_kind kind, const char *key, uint64_t dir,
	      const char *name, int64_t *ret_row)
{
	int r = counted_hold(ctx->tree->counted, kind, key, ret_row);

	if (r)
		return r;
	if (!ctx->holds)
		ctx->holds = g_array_new(FALSE, FALSE, sizeof(int64_t));
	g_array_append_val(ctx->holds, *ret_row);
	counted_name(ctx->tree->counted, *ret_row, dir, name);
	return 0;
}

void tree_drop_names(struct tree *t, const struct tree_invalidate *told)
{
	uint64_t dir;
	char *name;

	while (counted_take_name(t->counted, &dir, &name)) {
		told->drop(told->arg, dir, name);
		g_free(name);
	}
}

void tree_ctx_clear(struct tree_ctx *ctx)
{
	for (guint i = 0; ctx->holds && i < ctx->holds->len; i++)
		counted_drop(ctx->tree->counted, g_array_index(ctx->holds, int64_t, i), 1);
	g_clear_pointer(&ctx->holds, g_array_unref);
	g_clear_pointer(&ctx->why, g_free);
}

static bool is_counted(uint64_t ino)
{
	const struct tree_row *row = tree_row(ino);

	return row && row->flags & ROW_COUNTED;
}

void tree_looked_up(struct tree *t, uint64_t ino)
{
	if (is_counted(ino))
		counted_add(t->counted, tree_ino_row(ino));
}

void tree_forget(struct tree *t, uint64_t ino, uint64_t n)
{
	if (is_counted(ino))
		counted_drop(t->counted, tree_ino_row(ino), n);
}
