/* SPDX-License-Identifier: MIT */
#include "store/internal.h"

static void change_free(void *p)
{
	struct store_change *c = p;

	g_free(c->old_name);
	g_free(c->name);
	g_free(c);
}

GPtrArray *store_changes_new(void)
{
	return g_ptr_array_new_with_free_func(change_free);
}

struct store_change *changes_add(struct write *w, enum store_change_type type, int64_t room,
				 enum webex_room_type room_type, int64_t rowid)
{
	struct store_change *c;

	if (!w->changes) {
		w->changes = store_changes_new();
		w->owns_changes = true;
	}
	c = g_new0(struct store_change, 1);
	c->is_news = !w->is_first_listing;
	c->type = type;
	c->room = room;
	c->room_type = room_type;
	c->rowid = rowid;
	g_ptr_array_add(w->changes, c);
	return c;
}

struct store_change *changes_add_named(struct write *w, enum store_change_type type,
				       int64_t room, enum webex_room_type room_type,
				       int64_t rowid, const char *old_name, const char *name)
{
	struct store_change *c = changes_add(w, type, room, room_type, rowid);

	c->old_name = g_strdup(old_name);
	c->name = g_strdup(name);
	return c;
}
