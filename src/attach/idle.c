/* SPDX-License-Identifier: MIT */
/*
 * How many files of contents are open. Each that somebody reads has a descriptor, and a program may
 * hold thousands of files open of which it reads nothing. Beyond CONTENT_FILES_MAX those rest that
 * were not read for longest: the map is saved, the file is closed, and the entry is NEW again, so
 * that the next read opens it as the first one did. A content that is in memory alone does not
 * rest.
 */
#include <unistd.h>

#include "attach/internal.h"

/* How many are looked at for one that can rest. */
#define LOOK_AT 64

static bool is_used_locked(const struct content_entry *e)
{
	return e->busy || e->readers || e->transfers->len || e->wants.head;
}

static void unlink_locked(struct content_entry *e)
{
	if (!e->in_use.data)
		return;
	g_queue_unlink(&e->owner->in_use, &e->in_use);
	e->in_use.data = NULL;
}

static void link_locked(struct content_entry *e)
{
	e->in_use.data = e;
	g_queue_push_tail_link(&e->owner->in_use, &e->in_use);
}

void content_note_used_locked(struct content_entry *e)
{
	unlink_locked(e);
	link_locked(e);
}

void content_note_opened_locked(struct content_entry *e)
{
	GQueue *all = &e->owner->in_use;
	guint left = LOOK_AT;

	content_note_used_locked(e);
	if (all->length <= CONTENT_FILES_MAX)
		return;
	for (GList *l = all->head; l && left; l = l->next, left--) {
		struct content_entry *other = l->data;

		if (!other->path || other->rests || is_used_locked(other))
			continue;
		other->rests = true;
		content_save_locked(other);
		return;
	}
}

void content_note_closed_locked(struct content_entry *e)
{
	unlink_locked(e);
}

void content_rest_locked(struct content_entry *e)
{
	bool may = e->rests && e->path && !e->is_dirty && !is_used_locked(e);

	e->rests = false;
	if (!may)
		return;
	unlink_locked(e);
	/* Under the lock, because who opened the file anew while its flock is still held would get a
	 * nameless file, and fetch all of it. */
	close(e->fd);
	e->fd = -1;
	g_clear_pointer(&e->path, g_free);
	g_clear_pointer(&e->url, g_free);
	ranges_clear(&e->known);
}
