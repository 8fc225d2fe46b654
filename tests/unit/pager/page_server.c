/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "page_server.h"

void page_server_start(struct page_server *s)
{
	*s = (struct page_server){.times = g_array_new(FALSE, FALSE, sizeof(int64_t)),
				  .cap = 1000};
}

void page_server_stop(struct page_server *s)
{
	g_array_unref(s->times);
}

void page_server_fill(struct page_server *s, int n, int64_t first_ms, int64_t every_ms)
{
	for (int i = 0; i < n; i++) {
		int64_t at = first_ms + i * every_ms;

		g_array_append_val(s->times, at);
	}
}

static struct webex_message *make(const struct page_server *s, int i)
{
	struct webex_message *m = g_new0(struct webex_message, 1);

	m->id = g_strdup_printf("S%d", i);
	m->room_id = g_strdup("ROOM1");
	m->text = g_strdup(m->id);
	m->person_id = g_strdup("P1");
	m->person_email = g_strdup("a@example.com");
	m->created_ms = T0 + g_array_index(s->times, int64_t, i);
	m->updated_ms = -1;
	return m;
}

/* The index below which the page begins. */
static int begin_of(const struct page_server *s, const struct call *c)
{
	int i = (int)s->times->len;

	if (c->next)
		return atoi(c->next + strlen("next"));
	if (c->before_message)
		return atoi(c->before_message + 1);
	while (c->before_ms > 0 && i > 0) {
		int64_t at = T0 + g_array_index(s->times, int64_t, i - 1);

		if (at < c->before_ms || (s->is_inclusive && at == c->before_ms))
			break;
		i--;
	}
	return i;
}

void serve(struct page_server *s, guint i)
{
	const struct call *c = call_at(i);
	GPtrArray *items = g_ptr_array_new_with_free_func(webex_message_free);
	int at = begin_of(s, c), max = MIN(c->max ? c->max : 50, s->cap);
	char *next = NULL;

	while ((int)items->len < max && at > 0)
		g_ptr_array_add(items, make(s, --at));
	if (at > 0)
		next = g_strdup_printf("next%d", at);
	s->requests++;
	s->items += (int)items->len;
	answer(i, items, next, 0, 200, false);
	g_free(next);
}

static bool is_open(guint i)
{
	return !call_at(i)->answered && !call_at(i)->cancelled;
}

int page_server_waiting(void)
{
	int n = 0;

	for (guint i = 0; i < calls->len; i++)
		n += is_open(i);
	return n;
}

void serve_all(struct page_server *s)
{
	for (guint i = 0; i < calls->len; i++)
		if (is_open(i))
			serve(s, i);
}
