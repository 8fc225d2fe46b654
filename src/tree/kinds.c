/* SPDX-License-Identifier: MIT */
/*
 * The table of the namespace (design 2). Each file of this folder has the rows of its kinds; a new
 * kind of file is a row there and a number in ino.h.
 */
#include <string.h>

#include "tree/internal.h"

/* In the order in which a directory lists them. */
static const struct tree_row *const parts[] = {
	events_rows,  spaces_rows,    direct_rows, people_rows,	    webhooks_rows,
	control_rows, transfers_rows, readme_rows, history_rows,    transcript_file_rows,
	files_rows,   messages_rows,  cards_rows,  attachment_rows, archive_rows,
	later_rows,   threads_rows,   thread_rows, mentions_rows,   teams_rows,
	api_rows,
};

#define KINDS 256
static const struct tree_row *by_kind[KINDS], *all[KINDS];
static size_t count;

/* Before main(), so that no thread sees it half done. */
__attribute__((constructor)) static void join(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		for (const struct tree_row *row = parts[i]; row->kind != TREE_NONE; row++) {
			by_kind[row->kind] = row;
			all[count++] = row;
		}
	}
}

const struct tree_row *tree_row(uint64_t ino)
{
	return by_kind[tree_ino_kind(ino)];
}

const struct tree_row *tree_fixed_child(enum tree_kind parent, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (all[i]->parent == parent && strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

const struct tree_row *tree_row_at(size_t i)
{
	return i < count ? all[i] : NULL;
}
