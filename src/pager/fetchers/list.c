/* SPDX-License-Identifier: MIT */
#include "pager/fetchers/list.h"

#include <string.h>

#include "base/log.h"

void pages_collect(struct fetch *f, struct webex_reply *reply, GDestroyNotify free_item)
{
	bool is_empty = reply->items->len == 0 && reply->skipped == 0;
	int fresh = 0;

	if (!f->items) {
		f->items = g_ptr_array_new_with_free_func(free_item);
		f->seen = g_hash_table_new(g_str_hash, g_str_equal);
	}
	g_ptr_array_set_free_func(reply->items, NULL);
	for (guint i = 0; i < reply->items->len; i++) {
		void *item = reply->items->pdata[i];
		char *id = (char *)webex_item_id(item);

		if (g_hash_table_contains(f->seen, id)) {
			free_item(item);
			continue;
		}
		g_hash_table_add(f->seen, id);
		g_ptr_array_add(f->items, item);
		fresh++;
	}
	g_ptr_array_set_size(reply->items, 0);
	g_ptr_array_set_free_func(reply->items, free_item);
	f->pages++;
	if (is_empty) {
		f->empty_pages++;
	} else {
		f->empty_pages = 0;
		f->stale_pages = fresh ? 0 : f->stale_pages + 1;
	}
	if (reply->skipped && !f->is_partial)
		log_warning("cache", "a list has items that cannot be used, as the first %d",
			    reply->skipped);
	f->is_partial |= reply->skipped > 0;
}

static bool is_too_long(const struct fetch *f)
{
	if (f->pages < FETCH_MAX_PAGES && f->items->len < FETCH_MAX_ITEMS)
		return false;
	log_warning("cache", "a list does not end after %d pages with %u items", f->pages,
		    f->items->len);
	return true;
}

enum pages_more pages_more(struct fetch *f, const struct webex_reply *reply)
{
	if (reply->is_cut) {
		log_warning("cache", "a list cannot be followed: %s", reply->message);
		return PAGES_LOOP;
	}
	if (!reply->next)
		return PAGES_END;
	if (is_too_long(f))
		return PAGES_TOO_MANY;
	if (f->stale_pages >= 2 || f->empty_pages >= FETCH_MAX_EMPTY ||
	    (f->last_next && strcmp(f->last_next, reply->next) == 0)) {
		log_warning("cache", "a list's next links go round in circles");
		return PAGES_LOOP;
	}
	g_free(f->last_next);
	f->last_next = g_strdup(reply->next);
	return PAGES_FOLLOW;
}

bool pages_halve(struct fetch *f, const struct webex_reply *reply)
{
	if ((reply->status != 502 && reply->status != 504) || f->max <= SERVER_PAGE_MIN)
		return false;
	f->max /= 2;
	return true;
}

void pages_restart(struct fetch *f)
{
	g_clear_pointer(&f->last_next, g_free);
	g_clear_pointer(&f->seen, g_hash_table_unref);
	g_clear_pointer(&f->items, g_ptr_array_unref);
	f->stale_pages = f->empty_pages = 0;
	f->is_partial = false;
}

int pages_fail(struct webex_reply *reply)
{
	if (!reply->message)
		reply->message =
			g_strdup("the list does not end: its next links go round in circles");
	reply->error = -EIO;
	return reply->error;
}

int pages_read_list(struct fetch *f, struct webex_reply *reply, const struct pages_list *list)
{
	enum pages_more more;
	int r;

	if (reply->error && pages_halve(f, reply)) {
		/* A cursor belongs to its page size, so the list begins anew. */
		pages_restart(f);
		return list->submit(f, NULL);
	}
	if (reply->error)
		return reply->error;
	pages_collect(f, reply, list->free_item);
	more = pages_more(f, reply);
	if (more == PAGES_FOLLOW)
		return list->submit(f, f->last_next);
	if (more != PAGES_END) {
		f->is_partial = true;
		(void)list->publish(f);
		return pages_fail(reply);
	}
	r = list->publish(f);
	return r || !f->is_partial ? r : fetch_spoil_partial(reply);
}
