/* SPDX-License-Identifier: MIT */
#include "events.h"

#include "handlers.h"

#include <string.h>

struct noted {
	struct uuid uuid;
	struct person *actor;
	int64_t created;
	const char *resource, *type; /* of events: static */
	const char *category;	     /* of audits: static */
	char *json;		     /* `data` */
};

static void noted_free(void *data)
{
	struct noted *n = data;

	g_free(n->json);
	g_free(n);
}

static void add(GPtrArray **list, struct noted *n)
{
	if (!*list)
		*list = g_ptr_array_new_with_free_func(noted_free);
	/* Half at a time: taking one off the front moves all others. */
	if ((*list)->len >= EVENTS_MAX)
		g_ptr_array_remove_range(*list, 0, EVENTS_MAX / 2);
	g_ptr_array_add(*list, n);
}

static struct noted *noted_new(struct req *rq, const struct person *actor, GString *json)
{
	struct noted *n = g_new0(struct noted, 1);

	n->uuid = uuid_random();
	n->actor = (struct person *)actor;
	n->created = data_now(rq->sim);
	n->json = g_string_free(json, FALSE);
	return n;
}

void events_note(struct req *rq, const struct event *ev)
{
	GString *json = g_string_new(NULL);
	struct noted *n;

	if (ev->tab_json)
		g_string_append(json, ev->tab_json);
	else if (ev->action_json)
		g_string_append(json, ev->action_json);
	else if (ev->msg)
		jw_message(rq, json, ev->msg);
	else if (ev->member)
		jw_membership(rq, json, ev->member);
	else
		jw_room(rq, json, ev->room);
	n = noted_new(rq, ev->actor, json);
	n->resource = ev->resource;
	n->type = ev->event;
	add(&rq->sim->events, n);
}

static void jw_bare(GString *out, const char *key, const struct uuid *uuid)
{
	char text[UUID_TEXT];
	GString *id = g_string_new(NULL);

	uuid_format(uuid, text);
	base64_append(id, text, strlen(text));
	jw_str(out, key, id->str);
	g_string_free(id, TRUE);
}

static void jw_uuid_as(GString *out, const char *key, const char *type, const struct uuid *uuid)
{
	jw_key(out, key);
	g_string_append_c(out, '"');
	ids_append_uuid(out, "us", type, uuid);
	g_string_append_c(out, '"');
}

static void emit_event(struct req *rq, GString *out, const void *item)
{
	const struct noted *n = item;

	(void)rq;
	jw_open(out, NULL, '{');
	jw_uuid_as(out, "id", "EVENT", &n->uuid);
	jw_str(out, "resource", n->resource);
	jw_str(out, "type", n->type);
	jw_person_id(out, "actorId", n->actor);
	jw_uuid_as(out, "orgId", "ORGANIZATION", &n->actor->org->uuid);
	jw_str(out, "appId", "null");
	jw_time(out, "created", n->created);
	jw_raw(out, "data", n->json);
	jw_close(out, '}');
}

/* ---- the lists, newest first ---- */

struct filter {
	const char *resource, *type, *category;
	const struct person *actor;
	int64_t from, to; /* ms */
};

/* Answers 400 and returns false for a time that is none. */
static bool time_param(struct req *rq, const char *name, int64_t otherwise, int64_t *ret_ms)
{
	const char *text = req_param(rq, name);

	*ret_ms = otherwise;
	if (!text || iso_parse(text, ret_ms) == 0)
		return true;
	req_error(rq, 400, "Invalid value for parameter '%s': %s", name, text);
	return false;
}

static bool actor_param(struct req *rq, struct filter *f)
{
	const char *id = req_param(rq, "actorId");

	f->actor = id ? data_person_by_id(rq->sim, id) : NULL;
	if (!id || f->actor)
		return true;
	req_error(rq, 404, "Person not found");
	return false;
}

static bool is_wanted(const struct noted *n, const struct filter *f)
{
	return n->created >= f->from && n->created <= f->to &&
	       (!f->actor || n->actor == f->actor) &&
	       (!f->resource || !strcmp(f->resource, n->resource)) &&
	       (!f->type || !strcmp(f->type, n->type)) &&
	       (!f->category || strstr(f->category, n->category));
}

static void answer(struct req *rq, const GPtrArray *list, const struct filter *f,
		   const struct page *page, page_emit_fn emit)
{
	GPtrArray *found = g_ptr_array_new();

	for (guint i = list ? list->len : 0; i-- > 0;)
		if (is_wanted(list->pdata[i], f))
			g_ptr_array_add(found, list->pdata[i]);
	page_emit(rq, page, found, emit, NULL);
	g_ptr_array_free(found, TRUE);
}

static bool officer_only(struct req *rq)
{
	if (rq->caller->officer)
		return true;
	req_forbidden(rq);
	return false;
}

void events_list(struct req *rq)
{
	struct filter f = {.resource = req_param(rq, "resource"),
			   .type = req_param(rq, "type")};
	struct page page;

	if (!officer_only(rq) || page_begin(rq, 100, 1000, &page) ||
	    !time_param(rq, "from", 0, &f.from) || !time_param(rq, "to", INT64_MAX, &f.to) ||
	    !actor_param(rq, &f))
		return;
	if (req_param(rq, "to") && f.to > data_now(rq->sim)) {
		req_error(rq, 400, "'to' must not be in the future.");
		return;
	}
	answer(rq, rq->sim->events, &f, &page, emit_event);
}

void events_get(struct req *rq)
{
	static const char missing[] = "The requested resource could not be found.";
	const GPtrArray *list = rq->sim->events;
	struct sim_id d;
	struct uuid u;

	if (!officer_only(rq) || req_id(rq, rq->arg, "EVENT", missing, &d, &u))
		return;
	for (guint i = 0; list && i < list->len; i++) {
		const struct noted *n = list->pdata[i];

		if (!uuid_equal(&n->uuid, &u))
			continue;
		emit_event(rq, req_ok(rq), n);
		return;
	}
	req_error(rq, 404, missing);
}

/* ---- audits ---- */

void audit_note(struct req *rq, const char *category, const struct person *actor,
		const struct person *target, const char *what)
{
	GString *out = g_string_new(NULL);
	char *text = g_strdup_printf("%s %s", actor->display, what);
	struct noted *n;

	jw_open(out, NULL, '{');
	jw_str(out, "actorName", actor->display);
	jw_str(out, "actorEmail", actor->email);
	jw_str(out, "actorOrgName", actor->org->name);
	jw_str(out, "actorIp", "127.0.0.1");
	jw_str(out, "eventCategory", category);
	jw_str(out, "eventDescription", what);
	jw_str(out, "actionText", text);
	if (target) {
		jw_bare(out, "targetId", &target->uuid);
		jw_str(out, "targetType", "PERSON");
		jw_str(out, "targetName", target->display);
		jw_bare(out, "targetOrgId", &target->org->uuid);
		jw_str(out, "targetOrgName", target->org->name);
	}
	jw_str(out, "trackingId", rq->tracking);
	jw_close(out, '}');
	n = noted_new(rq, actor, out);
	n->category = category;
	add(&rq->sim->audits, n);
	g_free(text);
}

static void emit_audit(struct req *rq, GString *out, const void *item)
{
	const struct noted *n = item;

	(void)rq;
	jw_open(out, NULL, '{');
	jw_bare(out, "id", &n->uuid);
	jw_bare(out, "actorId", &n->actor->uuid);
	jw_bare(out, "actorOrgId", &n->actor->org->uuid);
	jw_time(out, "created", n->created);
	jw_raw(out, "data", n->json);
	jw_close(out, '}');
}

static const char *const categories[] = {"COMPLIANCE", "DEVICES", "LOGINS", "ORG_SETTINGS",
					 "USERS"};

static void list_audits(struct req *rq, const char *from, const char *to, int cap,
			const char *only)
{
	const int64_t year = 366 * 86400 * INT64_C(1000);
	struct filter f = {.category = only ? only : req_param(rq, "eventCategories")};
	struct page page;

	if (!is_admin(rq)) {
		req_forbidden(rq);
		return;
	}
	if (!req_param(rq, "orgId") || !req_param(rq, from) || !req_param(rq, to)) {
		req_error(rq, 400, "orgId, %s and %s are required.", from, to);
		return;
	}
	if (page_begin(rq, 100, cap, &page) || !time_param(rq, from, 0, &f.from) ||
	    !time_param(rq, to, 0, &f.to) || !actor_param(rq, &f))
		return;
	if (f.to < f.from || f.to - f.from > year) {
		req_error(rq, 400, "%s and %s must be at most a year apart.", from, to);
		return;
	}
	answer(rq, rq->sim->audits, &f, &page, emit_audit);
}

void audit_list(struct req *rq)
{
	list_audits(rq, "from", "to", 200, NULL);
}

void security_list(struct req *rq)
{
	list_audits(rq, "startTime", "endTime", 1000, "LOGINS");
}

void audit_categories(struct req *rq)
{
	GString *out;

	if (!is_admin(rq)) {
		req_forbidden(rq);
		return;
	}
	out = req_ok(rq);
	jw_open(out, NULL, '{');
	jw_open(out, "eventCategories", '[');
	for (size_t i = 0; i < G_N_ELEMENTS(categories); i++)
		jw_text(out, categories[i]);
	jw_close(out, ']');
	jw_close(out, '}');
}
