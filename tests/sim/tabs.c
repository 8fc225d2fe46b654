/* SPDX-License-Identifier: MIT */
/* Room tabs (webex-api.md 5.11). */
#include "handlers.h"
#include "webhooks.h"

#include <string.h>

static void jw_tab(GString *out, const struct tab *tab)
{
	jw_open(out, NULL, '{');
	jw_key(out, "id");
	g_string_append_c(out, '"');
	ids_append_uuid(out, tab->room->cluster, "TABS", &tab->uuid);
	g_string_append_c(out, '"');
	jw_room_id(out, "roomId", tab->room);
	jw_room_type(out, "roomType", tab->room);
	jw_str(out, "displayName", tab->name);
	jw_str(out, "contentUrl", tab->url);
	jw_person_id(out, "creatorId", tab->creator);
	jw_time(out, "created", tab->created);
	jw_close(out, '}');
}

static void emit(struct req *rq, GString *out, const void *item)
{
	(void)rq;
	jw_tab(out, item);
}

static void fire(struct req *rq, const char *what, const struct tab *tab)
{
	GString *json = g_string_new(NULL);
	struct event ev = {"tabs", what, .actor = rq->caller, .room = tab->room};

	jw_tab(json, tab);
	ev.tab_json = json->str;
	hooks_fire(rq, &ev);
	g_string_free(json, TRUE);
}

static struct tab *tab_arg(struct req *rq)
{
	static const char missing[] = "Could not find a tab with provided ID.";
	struct sim_id d;
	struct uuid u;

	if (req_id(rq, rq->arg, "TABS", missing, &d, &u))
		return NULL;
	for (guint i = 0; i < rq->sim->tabs->len; i++) {
		struct tab *tab = rq->sim->tabs->pdata[i];

		if (uuid_equal(&tab->uuid, &u) && data_member(tab->room, rq->caller))
			return tab;
	}
	req_error(rq, 404, "%s", missing);
	return NULL;
}

void tabs_list(struct req *rq)
{
	const char *id = req_param(rq, "roomId");
	struct page page;
	struct room *room;
	GPtrArray *items;

	if (!id) {
		req_error(rq, 400, "Required String parameter 'roomId' is not present");
		return;
	}
	room = room_for(rq, id);
	if (!room || page_begin(rq, 100, 1000, &page))
		return;
	items = g_ptr_array_new();
	for (guint i = 0; i < rq->sim->tabs->len; i++) {
		struct tab *tab = rq->sim->tabs->pdata[i];

		if (tab->room == room)
			g_ptr_array_add(items, tab);
	}
	page_emit(rq, &page, items, emit, NULL);
	g_ptr_array_free(items, TRUE);
}

void tabs_get(struct req *rq)
{
	const struct tab *tab = tab_arg(rq);

	if (tab)
		jw_tab(req_ok(rq), tab);
}

/* The room of the body if all three fields are good and the caller may write there. */
static struct room *writable(struct req *rq, const cJSON *body)
{
	const char *id = jr_str(body, "roomId"), *url = jr_str(body, "contentUrl");
	const char *name = jr_str(body, "displayName");
	struct room *room;

	if (!id || !url || !name || !*name) {
		req_error(rq, 400, "roomId, contentUrl and displayName are required.");
		return NULL;
	}
	if (strncmp(url, "https://", 8)) {
		req_error(rq, 400, "contentUrl must use https.");
		return NULL;
	}
	room = room_for(rq, id);
	if (!room || room_may_moderate(rq, room))
		return room;
	req_forbidden(rq);
	return NULL;
}

static void write_tab(struct tab *tab, const cJSON *body)
{
	g_free(tab->name);
	g_free(tab->url);
	tab->name = g_strdup(jr_str(body, "displayName"));
	tab->url = g_strdup(jr_str(body, "contentUrl"));
}

void tabs_create(struct req *rq)
{
	cJSON *body = req_json(rq);
	struct room *room = body ? writable(rq, body) : NULL;
	struct tab *tab;

	if (!room)
		return;
	tab = g_new0(struct tab, 1);
	tab->uuid = uuid_v1(data_tick(rq->sim), 0x1a2e);
	tab->created = uuid_ms(&tab->uuid);
	tab->room = room;
	tab->creator = rq->caller;
	write_tab(tab, body);
	g_ptr_array_add(rq->sim->tabs, tab);
	jw_tab(req_ok(rq), tab);
	fire(rq, "created", tab);
}

void tabs_update(struct req *rq)
{
	struct tab *tab = tab_arg(rq);
	cJSON *body = tab ? req_json(rq) : NULL;
	struct room *room = body ? writable(rq, body) : NULL;

	if (!room)
		return;
	if (room != tab->room) {
		req_error(rq, 400, "A tab stays in its room.");
		return;
	}
	write_tab(tab, body);
	jw_tab(req_ok(rq), tab);
	fire(rq, "updated", tab);
}

void tabs_delete(struct req *rq)
{
	struct tab *tab = tab_arg(rq);

	if (!tab)
		return;
	if (!room_may_moderate(rq, tab->room)) {
		req_forbidden(rq);
		return;
	}
	fire(rq, "deleted", tab);
	g_ptr_array_remove(rq->sim->tabs, tab);
	req_no_content(rq);
}
