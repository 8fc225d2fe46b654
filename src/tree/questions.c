/* SPDX-License-Identifier: MIT */
/* What fs asks of a node (tree.h). */
#include "tree/internal.h"

const char *tree_what(uint64_t ino)
{
	const struct tree_row *row = tree_row(ino);

	return row ? row->what : "file";
}

bool tree_is_post(uint64_t ino)
{
	return tree_has(ino, ROW_POST);
}

bool tree_is_message(uint64_t ino)
{
	return tree_has(ino, ROW_MESSAGE);
}

bool tree_is_content(uint64_t ino)
{
	return tree_has(ino, ROW_CONTENT);
}

bool tree_is_watched(uint64_t ino)
{
	return tree_has(ino, ROW_WATCHED);
}

/* A letter, or a file that is being written, is so where its place is. */
bool tree_is_private(struct tree *t, uint64_t ino)
{
	struct outbox_item *item = NULL;
	struct pending *p;
	bool is = tree_has(ino, ROW_PRIVATE);

	if (tree_ino_kind(ino) == TREE_ATTACHMENT && (p = tree_pending(t, ino))) {
		is = tree_has(p->dir, ROW_PRIVATE);
		pending_unref(t->pendings, &p);
	} else if (tree_ino_kind(ino) == TREE_LETTER &&
		   outbox_find(t->config.outbox, tree_ino_row(ino), &item) == 0) {
		is = outbox_item_is_private(item);
	}
	outbox_item_free(item);
	return is;
}

bool tree_invites(uint64_t dir)
{
	return tree_has(dir, ROW_INVITES);
}

bool tree_dir_is_told(uint64_t ino)
{
	return tree_has(ino, ROW_TOLD);
}

bool tree_guards_deletion(uint64_t dir)
{
	return tree_dir_is_told(dir) || tree_ino_kind(dir) == TREE_ADDRESS;
}
