/* SPDX-License-Identifier: MIT */
/*
 * Takes over what other daemons of the person left in outboxes of their own (main/account.h 2): after a
 * second mount has ended, or under a name that was chosen once, nobody would see it.
 *
 * A letter moves by one rename, that of its body. Its note is here before and there after that:
 *
 *     there: both --note--> there: both, here: a note --body--> here: both, there: a note --> here: both
 *
 * A note without a body is removed by whoever finds it (recover.c), so a kill at any place leaves the
 * letter in one of the two. Numbers are those of this outbox.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "outbox/draft.h"
#include "outbox/internal.h"

/* What is moved: from the outbox `there`, which nobody uses meanwhile. */
struct gather {
	struct outbox *o, there;
	GHashTable *moved; /* int64_t* of a number there: that of here; owned */
};

static int64_t number_here(const struct gather *g, int64_t there)
{
	const int64_t *n = there ? g_hash_table_lookup(g->moved, &there) : NULL;

	return n ? *n : 0;
}

/* One that is a second version of another letter has the number of that one. */
static int put_note(struct gather *g, int64_t from, int64_t to)
{
	struct outbox_letter *l = NULL;
	struct outbox_note note = {0};
	int64_t size;
	int r = outbox_files_get(&g->there, from, &l, &note, NULL);

	if (r < 0 || !l->replaces) {
		r = outbox_files_link_note(&g->there, from, g->o, to);
	} else {
		l->replaces = number_here(g, l->replaces);
		note.n = to;
		r = outbox_files_put_note(g->o, l, &note, &size);
	}
	outbox_letter_free(l);
	outbox_note_clear(&note);
	/* A letter without a note is a letter, too. */
	return r == -ENOENT ? 0 : r;
}

static int move_letter(struct gather *g, int64_t from, GArray *numbers)
{
	int64_t to = outbox_files_new_number(g->o);
	int r = put_note(g, from, to);

	if (r == 0)
		r = outbox_files_move_body(&g->there, from, g->o, to);
	if (r < 0) {
		(void)outbox_files_remove(g->o, to);
		return r;
	}
	g_array_append_val(numbers, to);
	g_hash_table_insert(g->moved, g_memdup2(&from, sizeof(from)),
			    g_memdup2(&to, sizeof(to)));
	return outbox_files_remove(&g->there, from);
}

/* The names of drafts are random; recover.c makes letters of them. */
static void move_drafts(const struct gather *g)
{
	DIR *dir = opendir(g->there.spool);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		_cleanup_gfree_ char *to = g_build_filename(g->o->spool, entry->d_name, NULL);

		if (g_str_has_prefix(entry->d_name, DRAFT_SPOOL_PREFIX) &&
		    access(to, F_OK) < 0 &&
		    renameat(dirfd(dir), entry->d_name, AT_FDCWD, to) < 0)
			log_warning("cache", "%s stays in %s: %s", entry->d_name,
				    g->there.spool, g_strerror(errno));
	}
	if (dir)
		closedir(dir);
}

void outbox_gather(struct outbox *o, const char *state_dir, GArray *numbers)
{
	struct gather g = {.o = o, .there = {.dir_fd = -1}};
	g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int r = outbox_files_find(&g.there, state_dir);

	if (r == 0)
		r = outbox_scan(&g.there, found);
	g.moved = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	for (guint i = 0; r == 0 && i < found->len; i++)
		r = move_letter(&g, g_array_index(found, int64_t, i), numbers);
	if (r == 0)
		move_drafts(&g);
	if (r < 0 && r != -ENOENT)
		log_warning("cache", "what is unsent in %s stays there: %s", state_dir,
			    g_strerror(-r));
	g_hash_table_unref(g.moved);
	outbox_files_close(&g.there);
}
