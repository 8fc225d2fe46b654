/* SPDX-License-Identifier: MIT */
#include "events.h"
#include "webhooks.h"

#include "deliver.h"
#include "handlers.h"

#include <string.h>

#define FAILS_MAX 100
#define FAILS_WINDOW_MS (5 * 60 * 1000)

static void jw_hook_fields(GString *out, const struct webhook *w)
{
	GString *org = g_string_new(NULL);
	char text[UUID_TEXT];

	jw_key(out, "id");
	g_string_append_c(out, '"');
	ids_append_uuid(out, "us", "WEBHOOK", &w->uuid);
	g_string_append_c(out, '"');
	jw_str(out, "name", w->name);
	jw_str(out, "targetUrl", w->target);
	jw_str(out, "resource", w->resource);
	jw_str(out, "event", w->event);
	jw_str(out, "filter", w->filter);
	/* base64 of the bare UUID here (section 4.1). */
	uuid_format(&w->owner->org->uuid, text);
	base64_append(org, text, strlen(text));
	jw_str(out, "orgId", org->str);
	jw_person_id(out, "createdBy", w->owner);
	jw_str(out, "appId", "Y2lzY29zcGFyazovL3VzL0FQUExJQ0FUSU9OL0MxMjM0NTY3ODkwYWJjZGVm");
	jw_str(out, "ownedBy", w->org_wide ? "org" : "creator");
	jw_str(out, "status", w->active ? "active" : "inactive");
	jw_time(out, "created", w->created);
	g_string_free(org, TRUE);
}

static void emit_hook(struct req *rq, GString *out, const void *item)
{
	const struct webhook *w = item;

	(void)rq;
	jw_open(out, NULL, '{');
	jw_hook_fields(out, w);
	jw_str(out, "secret", w->secret);
	jw_close(out, '}');
}

void webhooks_list(struct req *rq)
{
	const char *owned = req_param(rq, "ownedBy");
	bool org = owned && !strcmp(owned, "org");
	GPtrArray *items;
	struct page page;

	if (page_begin(rq, 100, 1000, &page))
		return;
	if (org && !is_admin(rq)) {
		req_forbidden(rq);
		return;
	}
	items = g_ptr_array_new();
	for (guint i = 0; i < rq->sim->webhooks->len; i++) {
		struct webhook *w = rq->sim->webhooks->pdata[i];

		if (org ? w->org_wide && w->owner->org == rq->caller->org
			: w->owner == rq->caller)
			g_ptr_array_add(items, w);
	}
	page_emit(rq, &page, items, emit_hook, NULL);
	g_ptr_array_free(items, TRUE);
}

static bool in_list(const char *word, const char *const *list)
{
	for (; *list; list++) {
		if (!strcmp(word, *list))
			return true;
	}
	return false;
}

static const char *const resources[] = {"messages",
					"memberships",
					"rooms",
					"attachmentActions",
					"all",
					"dataSources",
					"meetings",
					"recordings",
					"convergedRecordings",
					"meetingParticipants",
					"meetingTranscripts",
					"telephony_calls",
					"telephony_conference",
					"telephony_mwi",
					"uc_counters",
					"serviceApp",
					"adminBatchJobs",
					NULL};
static const char *const events[] = {
	"created", "updated",	 "deleted",	 "migrated",	  "started", "ended", "joined",
	"left",	   "authorized", "deauthorized", "statusChanged", "all",     NULL};

static const char *const *filters_of(const char *resource)
{
	static const char *const messages[] = {
		"roomId",	   "roomType", "personId",	 "personEmail",
		"mentionedPeople", "hasFiles", "hasAttachments", NULL};
	static const char *const memberships[] = {"roomId", "personId", "personEmail",
						  "isModerator", NULL};
	static const char *const rooms[] = {"type", "isLocked", NULL};
	static const char *const actions[] = {"roomId", "personId", "messageId", NULL};
	static const char *const none[] = {NULL};

	if (!strcmp(resource, "messages"))
		return messages;
	if (!strcmp(resource, "memberships"))
		return memberships;
	if (!strcmp(resource, "rooms"))
		return rooms;
	return !strcmp(resource, "attachmentActions") ? actions : none;
}

/* True when the value of an id filter is one; "me" for people. */
static bool filter_value_good(const char *name, const char *value)
{
	struct sim_id d;

	if (!*value)
		return false;
	if (!strcmp(name, "roomId") || !strcmp(name, "messageId"))
		return !ids_decode(value, &d);
	if (!strcmp(name, "personId") || !strcmp(name, "mentionedPeople"))
		return !strcmp(value, "me") || !ids_decode(value, &d);
	return true;
}

static bool filter_good(struct req *rq, const char *resource, const char *filter)
{
	char **parts = g_strsplit(filter ? filter : "", "&", 0);
	bool good = true;

	for (char **p = parts; good && *p; p++) {
		char *eq = strchr(*p, '=');

		if (eq)
			*eq = 0;
		if (!**p)
			continue;
		if (!in_list(*p, filters_of(resource))) {
			req_error(rq, 400, "invalid filter: %s", *p);
			good = false;
		} else if (!eq || !filter_value_good(*p, eq + 1)) {
			req_error(rq, 400, "invalid value for filter: %s", *p);
			good = false;
		}
	}
	g_strfreev(parts);
	return good;
}

/* name and targetUrl, of POST and PUT alike. */
static bool common_good(struct req *rq, const cJSON *body)
{
	const char *name = jr_str(body, "name"), *target = jr_str(body, "targetUrl");

	if (!name || !*name) {
		req_error(rq, 400, "name cannot be empty");
		return false;
	}
	if (!target || !*target) {
		req_error(rq, 400, "targetUrl cannot be null");
		return false;
	}
	if (!g_str_has_prefix(target, "http://") && !g_str_has_prefix(target, "https://")) {
		req_error(rq, 400, "targetUrl must be an http or https URL");
		return false;
	}
	return true;
}

void webhooks_create(struct req *rq)
{
	cJSON *body = req_json(rq);
	const char *resource, *event, *owned;
	struct webhook *w;

	if (!body || !common_good(rq, body))
		return;
	resource = jr_str(body, "resource");
	event = jr_str(body, "event");
	owned = jr_str(body, "ownedBy");
	if (!resource || !in_list(resource, resources)) {
		req_error(rq, 400, resource ? "invalid resource" : "resource cannot be null");
		return;
	}
	if (!event || !in_list(event, events)) {
		req_error(rq, 400, event ? "invalid event" : "event cannot be null");
		return;
	}
	if (!filter_good(rq, resource, jr_str(body, "filter")))
		return;
	if (owned && !strcmp(owned, "org") && !is_admin(rq)) {
		req_forbidden(rq);
		return;
	}
	w = g_new0(struct webhook, 1);
	w->uuid = uuid_random();
	w->owner = rq->caller;
	w->name = g_strdup(jr_str(body, "name"));
	w->target = g_strdup(jr_str(body, "targetUrl"));
	w->resource = g_strdup(resource);
	w->event = g_strdup(event);
	w->filter = g_strdup(jr_str(body, "filter"));
	w->secret = g_strdup(jr_str(body, "secret"));
	w->org_wide = owned && !strcmp(owned, "org");
	w->active = true;
	w->created = data_now(rq->sim);
	g_ptr_array_add(rq->sim->webhooks, w);
	emit_hook(rq, req_ok(rq), w);
}

static struct webhook *find_hook(struct sim *sim, const struct uuid *uuid)
{
	for (guint i = 0; i < sim->webhooks->len; i++) {
		struct webhook *w = sim->webhooks->pdata[i];

		if (uuid_equal(&w->uuid, uuid))
			return w;
	}
	return NULL;
}

static struct webhook *hook_arg(struct req *rq)
{
	static const char missing[] = "The requested resource could not be found.";
	struct sim_id d;
	struct uuid u;
	struct webhook *w;

	if (req_id(rq, rq->arg, "WEBHOOK", missing, &d, &u))
		return NULL;
	w = find_hook(rq->sim, &u);
	if (w && w->owner == rq->caller)
		return w;
	req_error(rq, 404, "%s", missing);
	return NULL;
}

void webhooks_get(struct req *rq)
{
	struct webhook *w = hook_arg(rq);

	if (w)
		emit_hook(rq, req_ok(rq), w);
}

void webhooks_update(struct req *rq)
{
	struct webhook *w = hook_arg(rq);
	cJSON *body = w ? req_json(rq) : NULL;
	const char *status;

	if (!body || !common_good(rq, body))
		return;
	g_free(w->name);
	g_free(w->target);
	w->name = g_strdup(jr_str(body, "name"));
	w->target = g_strdup(jr_str(body, "targetUrl"));
	if (jr_get(body, "secret")) {
		g_free(w->secret);
		w->secret = g_strdup(jr_str(body, "secret"));
	}
	status = jr_str(body, "status");
	/* Only re-activation; everything else is ignored (5.9). */
	if (status && !strcmp(status, "active") && !w->active) {
		w->active = true;
		w->fails = 0;
	}
	emit_hook(rq, req_ok(rq), w);
}

void webhooks_delete(struct req *rq)
{
	struct sim_id d;
	struct uuid u;
	struct webhook *w;

	if (ids_decode(rq->arg, &d) || uuid_parse(d.rest, &u)) {
		req_error(rq, 400, "Invalid webhookId for Delete Webhook request.");
		return;
	}
	w = find_hook(rq->sim, &u);
	if (!w) {
		req_error(rq, 404, "The requested resource could not be found.");
		return;
	}
	if (w->owner != rq->caller) {
		req_error(rq, 403, "Failed to delete webhook.  You are not the owner of it.");
		return;
	}
	g_ptr_array_remove(rq->sim->webhooks, w);
	g_free(w->name);
	g_free(w->target);
	g_free(w->resource);
	g_free(w->event);
	g_free(w->filter);
	g_free(w->secret);
	g_free(w);
	req_no_content(rq);
}

static struct person *subject(const struct event *ev)
{
	if (ev->action_json)
		return ev->actor;
	if (ev->msg)
		return ev->msg->author;
	return ev->member ? ev->member->person : ev->actor;
}

static bool same_id(const char *value, const struct uuid *uuid)
{
	struct sim_id d;
	struct uuid u;

	return !ids_decode(value, &d) && !uuid_parse(d.rest, &u) && uuid_equal(&u, uuid);
}

static bool person_is(const struct webhook *w, const char *value, const struct person *p)
{
	return !strcmp(value, "me") ? p == w->owner : same_id(value, &p->uuid);
}

static bool is_true(const char *value)
{
	return !g_ascii_strcasecmp(value, "true");
}

static bool mention_matches(const struct webhook *w, const struct event *ev, const char *value)
{
	const GPtrArray *people = ev->msg ? ev->msg->mentioned : NULL;

	for (guint i = 0; people && i < people->len; i++) {
		if (person_is(w, value, people->pdata[i]))
			return true;
	}
	return false;
}

static bool filter_matches(const struct webhook *w, const struct event *ev, const char *name,
			   const char *value)
{
	if (!strcmp(name, "roomId"))
		return same_id(value, &ev->room->uuid);
	if (!strcmp(name, "roomType") || !strcmp(name, "type"))
		return !strcmp(value, ev->room->direct ? "direct" : "group");
	if (!strcmp(name, "isLocked"))
		return is_true(value) == ev->room->locked;
	if (!strcmp(name, "personId"))
		return person_is(w, value, subject(ev));
	if (!strcmp(name, "messageId"))
		return ev->msg && same_id(value, &ev->msg->uuid);
	if (!strcmp(name, "personEmail"))
		return !g_ascii_strcasecmp(value, subject(ev)->email);
	if (!strcmp(name, "isModerator"))
		return ev->member && is_true(value) == ev->member->moderator;
	if (!strcmp(name, "hasFiles"))
		return ev->msg && is_true(value) == (ev->msg->files != NULL);
	if (!strcmp(name, "hasAttachments"))
		return ev->msg && is_true(value) == (ev->msg->attachments != NULL);
	return strcmp(name, "mentionedPeople") || mention_matches(w, ev, value);
}

static bool filters_match(const struct webhook *w, const struct event *ev)
{
	char **parts = g_strsplit(w->filter ? w->filter : "", "&", 0);
	bool match = true;

	for (char **p = parts; match && *p; p++) {
		char *eq = strchr(*p, '=');

		if (!eq)
			continue;
		*eq = 0;
		match = filter_matches(w, ev, *p, eq + 1);
	}
	g_strfreev(parts);
	return match;
}

static bool hook_sees(const struct webhook *w, const struct event *ev)
{
	if (w->org_wide)
		return w->owner->org == ev->room->org;
	if (!data_member(ev->room, w->owner))
		return false;
	/* Bots hear of group messages only when they are mentioned, and of their own. */
	return w->owner->kind != PERSON_BOT || !ev->msg || ev->room->direct ||
	       ev->msg->author == w->owner || message_mentions(ev->msg, w->owner);
}

static void jw_message_data(GString *out, const struct event *ev)
{
	bool deleted = !strcmp(ev->event, "deleted");
	const struct message *msg = ev->msg;

	jw_open(out, "data", '{');
	jw_message_id(out, "id", msg);
	jw_room_id(out, "roomId", msg->room);
	jw_room_type(out, "roomType", msg->room);
	jw_person_id(out, "personId", msg->author);
	jw_str(out, "personEmail", msg->author->email);
	if (!deleted && msg->mentioned) {
		jw_open(out, "mentionedPeople", '[');
		for (guint i = 0; i < msg->mentioned->len; i++)
			jw_person_id(out, NULL, msg->mentioned->pdata[i]);
		jw_close(out, ']');
	}
	if (!deleted)
		jw_time(out, "created", msg->created);
	jw_close(out, '}');
}

static void jw_room_data(GString *out, const struct room *room)
{
	jw_open(out, "data", '{');
	jw_room_id(out, "id", room);
	jw_room_type(out, "type", room);
	jw_bool(out, "isLocked", room->locked);
	jw_person_id(out, "creatorId", room->creator);
	jw_time(out, "lastActivity", room->activity);
	jw_time(out, "created", room->created);
	jw_close(out, '}');
}

static char *payload(const struct webhook *w, const struct event *ev)
{
	GString *out = g_string_new(NULL);

	jw_open(out, NULL, '{');
	jw_hook_fields(out, w);
	jw_person_id(out, "actorId", ev->actor);
	if (ev->action_json) {
		jw_raw(out, "data", ev->action_json);
	} else if (ev->msg) {
		jw_message_data(out, ev);
	} else if (ev->member) {
		jw_key(out, "data");
		jw_membership(NULL, out, ev->member);
	} else {
		jw_room_data(out, ev->room);
	}
	jw_close(out, '}');
	return g_string_free(out, FALSE);
}

/* `all` does not mean attachment actions (5.9). */
static bool hook_is_for(const struct webhook *w, const struct event *ev)
{
	if (ev->tab_json)
		return false;
	if (strcmp(w->resource, "all"))
		return !strcmp(w->resource, ev->resource);
	return strcmp(ev->resource, "attachmentActions");
}

void hooks_fire(struct req *rq, const struct event *ev)
{
	struct sim *sim = rq->sim;

	events_note(rq, ev);
	for (guint i = 0; i < sim->webhooks->len; i++) {
		struct webhook *w = sim->webhooks->pdata[i];
		struct webhook shown;
		char *body;

		if (!w->active || !hook_is_for(w, ev) ||
		    (strcmp(w->event, "all") && strcmp(w->event, ev->event)) ||
		    !hook_sees(w, ev) || !filters_match(w, ev))
			continue;
		shown = *w;
		shown.resource = (char *)ev->resource;
		shown.event = (char *)ev->event;
		body = payload(&shown, ev);
		hooks_push(sim->hooks, &w->uuid, w->target, body, w->secret);
		g_free(body);
	}
}

void hooks_collect(struct sim *sim)
{
	GArray *outcomes = hooks_outcomes(sim->hooks);
	int64_t now = mono_ms();

	for (guint i = 0; outcomes && i < outcomes->len; i++) {
		const struct outcome *o = &g_array_index(outcomes, struct outcome, i);
		struct webhook *w = find_hook(sim, &o->hook);

		if (!w || o->ok)
			continue;
		if (!w->fails || now - w->first_fail > FAILS_WINDOW_MS) {
			w->fails = 0;
			w->first_fail = now;
		}
		if (++w->fails >= FAILS_MAX)
			w->active = false;
	}
	if (outcomes)
		g_array_free(outcomes, TRUE);
}
