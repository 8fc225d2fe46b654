/* SPDX-License-Identifier: MIT */
#include "events.h"
#include "handlers.h"

#include <string.h>

bool is_admin(const struct req *rq)
{
	return rq->caller->kind == PERSON_ADMIN;
}

static void jw_uuid_id(GString *out, const char *key, const char *type, const struct uuid *uuid)
{
	jw_key(out, key);
	g_string_append_c(out, '"');
	ids_append_uuid(out, "us", type, uuid);
	g_string_append_c(out, '"');
}

void jw_person_id(GString *out, const char *key, const struct person *p)
{
	jw_uuid_id(out, key, "PEOPLE", &p->uuid);
}

static const char *const kept_fields[] = {"phoneNumbers", "extension", "locationId", "manager",
					  "managerId",	  "addresses", "siteUrls"};

static void jw_extra(GString *out, const struct person *p, const char *key, bool admin)
{
	const cJSON *v = p->extra ? jr_get(p->extra, key) : NULL;
	char *raw;

	if (!strcmp(key, "siteUrls") && !admin)
		return;
	if (!v) {
		if (!strcmp(key, "phoneNumbers"))
			jw_raw(out, key, "[]");
		return;
	}
	raw = cJSON_PrintUnformatted(v);
	jw_raw(out, key, raw);
	cJSON_free(raw);
}

/* All other fields of a person. What the service does not know it keeps and shows as it was written. */
static const char *const known_fields[] = {
	"id",		"emails",	 "displayName",	 "firstName", "lastName",
	"nickName",	"orgId",	 "userName",	 "avatar",    "roles",
	"licenses",	"department",	 "title",	 "created",   "lastModified",
	"lastActivity", "invitePending", "loginEnabled", "status",    "type",
};

static bool is_unknown(const char *key)
{
	for (size_t i = 0; i < G_N_ELEMENTS(kept_fields); i++)
		if (!strcmp(key, kept_fields[i]))
			return false;
	for (size_t i = 0; i < G_N_ELEMENTS(known_fields); i++)
		if (!strcmp(key, known_fields[i]))
			return false;
	return true;
}

static void jw_unknown(GString *out, const struct person *p)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, p->extra)
	{
		char *raw = is_unknown(v->string) ? cJSON_PrintUnformatted(v) : NULL;

		if (raw)
			jw_raw(out, v->string, raw);
		cJSON_free(raw);
	}
}

static void jw_presence(struct req *rq, GString *out, const struct person *p)
{
	if (p->kind == PERSON_BOT || p->org != rq->caller->org)
		return;
	if (p->pending) {
		jw_str(out, "status", "pending");
		return;
	}
	jw_time(out, "lastActivity", p->activity ? p->activity : p->created);
	jw_str(out, "status", p->status ? p->status : "unknown");
}

static void jw_person(struct req *rq, GString *out, const struct person *p, bool presence)
{
	bool admin = is_admin(rq);

	jw_open(out, NULL, '{');
	jw_person_id(out, "id", p);
	jw_open(out, "emails", '[');
	jw_text(out, p->email);
	jw_close(out, ']');
	for (size_t i = 0; i < G_N_ELEMENTS(kept_fields); i++)
		jw_extra(out, p, kept_fields[i], admin);
	jw_str(out, "displayName", p->display);
	jw_str(out, "nickName", p->nick);
	jw_str(out, "firstName", p->first);
	jw_str(out, "lastName", p->last);
	jw_str(out, "userName", p->email);
	jw_str(out, "avatar", p->avatar);
	jw_uuid_id(out, "orgId", "ORGANIZATION", &p->org->uuid);
	if (admin)
		jw_admin_fields(out, p, rq->sim);
	jw_str(out, "department", p->department);
	jw_str(out, "title", p->title);
	jw_time(out, "created", p->created);
	jw_time(out, "lastModified", p->modified);
	if (presence)
		jw_presence(rq, out, p);
	jw_bool(out, "invitePending", p->pending);
	jw_bool(out, "loginEnabled", !p->no_login);
	jw_str(out, "type", p->kind == PERSON_BOT ? "bot" : p->guest ? "appuser" : "person");
	jw_unknown(out, p);
	jw_close(out, '}');
}

static void emit_person(struct req *rq, GString *out, const void *item)
{
	jw_person(rq, out, item, !req_param(rq, "id") && !req_param_true(rq, "excludeStatus"));
}

static bool visible_person(const struct req *rq, const struct person *p)
{
	return is_admin(rq) || p->org == rq->caller->org || p == rq->caller;
}

/* Fills `items` from the comma separated ids; returns the notFoundIds array as JSON. */
static char *find_ids(struct req *rq, const char *list, GPtrArray *items)
{
	char **ids = g_strsplit(list, ",", 0);
	GString *missing = g_string_new("[");
	char *ret = NULL;

	if (g_strv_length(ids) > 85) {
		req_error(rq, 400, "Too many ids, at most 85 are allowed.");
		items = NULL;
	}
	for (char **id = ids; items && *id; id++) {
		struct person *p = data_person_by_id(rq->sim, g_strstrip(*id));

		if (p)
			g_ptr_array_add(items, p);
		else
			jw_text(missing, *id);
	}
	if (missing->len > 1) {
		g_string_append_c(missing, ']');
		ret = g_strdup(missing->str);
	}
	g_string_free(missing, TRUE);
	g_strfreev(ids);
	return ret;
}

static bool has_role(const struct person *p, const char *roles)
{
	/* The simulated admins have all roles, everybody else none. */
	return p->kind == PERSON_ADMIN && *roles;
}

static bool prefix_folded(const char *text, const char *prefix)
{
	char *a = g_utf8_casefold(text, -1), *b = g_utf8_casefold(prefix, -1);
	bool yes = g_str_has_prefix(a, b);

	g_free(a);
	g_free(b);
	return yes;
}

static bool name_matches(const struct person *p, const char *prefix)
{
	return prefix_folded(p->display, prefix) || (p->last && prefix_folded(p->last, prefix));
}

static void filter_people(struct req *rq, GPtrArray *items)
{
	const char *email = req_param(rq, "email");
	const char *name = req_param(rq, "displayName");
	const char *roles = is_admin(rq) ? req_param(rq, "roles") : NULL;

	for (guint i = 0; i < rq->sim->people->len; i++) {
		struct person *p = rq->sim->people->pdata[i];

		if (!visible_person(rq, p) || (email && g_ascii_strcasecmp(p->email, email)))
			continue;
		if (is_admin(rq) && !email && !name && p->org != rq->caller->org)
			continue;
		if ((name && !name_matches(p, name)) || (roles && !has_role(p, roles)))
			continue;
		g_ptr_array_add(items, p);
	}
}

void people_list(struct req *rq)
{
	const char *ids = req_param(rq, "id");
	GPtrArray *items;
	struct page page;
	char *missing = NULL;
	int cap = 1000;

	if (!ids && !req_param(rq, "email") && !req_param(rq, "displayName") && !is_admin(rq)) {
		req_error(rq, 400, "Email, displayName, or id list should be specified.");
		return;
	}
	if (req_param_true(rq, "callingData"))
		cap = 100;
	if (req_param(rq, "locationId"))
		cap = 50;
	if (page_begin(rq, 100, cap, &page))
		return;
	items = g_ptr_array_new();
	rq->resp.status = 0;
	if (ids)
		missing = find_ids(rq, ids, items);
	else
		filter_people(rq, items);
	if (!rq->resp.status)
		page_emit(rq, &page, items, emit_person, missing);
	g_free(missing);
	g_ptr_array_free(items, TRUE);
}

static struct person *person_arg(struct req *rq)
{
	struct sim_id id;
	struct uuid u;
	struct person *p;

	if (!strcmp(rq->arg, "me"))
		return rq->caller;
	if (req_id(rq, rq->arg, "PEOPLE", "Person not found", &id, &u))
		return NULL;
	p = g_hash_table_lookup(rq->sim->people_by_uuid, &u);
	if (!p || strcmp(id.cluster, "us")) {
		req_error(rq, 404, "Person not found");
		return NULL;
	}
	return p;
}

void people_get(struct req *rq)
{
	struct person *p = person_arg(rq);

	if (p)
		jw_person(rq, req_ok(rq), p, true);
}

static const char *first_email(const cJSON *body)
{
	const cJSON *emails = jr_get(body, "emails");
	const cJSON *e = cJSON_GetArrayItem(emails, 0);

	if (!cJSON_IsArray(emails) || cJSON_GetArraySize(emails) != 1 || !cJSON_IsString(e))
		return NULL;
	return strchr(e->valuestring, '@') ? e->valuestring : NULL;
}

static void set_text(char **field, const cJSON *body, const char *key)
{
	g_free(*field);
	*field = g_strdup(jr_str(body, key));
}

static void keep_assigned(struct person *p, const cJSON *body, const char *key)
{
	const cJSON *v = jr_get(body, key);

	if (cJSON_IsArray(v))
		cJSON_AddItemToObject(p->extra, key, cJSON_Duplicate(v, 1));
}

/* PUT is a full replacement: what is absent is removed. */
static void person_write(struct person *p, const cJSON *body)
{
	const char *display = jr_str(body, "displayName");
	const char *first = jr_str(body, "firstName"), *last = jr_str(body, "lastName");
	char *joined = NULL;
	const cJSON *v;

	if (!display)
		display = joined = g_strstrip(
			g_strconcat(first ? first : "", " ", last ? last : "", NULL));
	data_person_rename(p, display);
	g_free(joined);
	if (first)
		set_text(&p->first, body, "firstName");
	if (last)
		set_text(&p->last, body, "lastName");
	set_text(&p->nick, body, "nickName");
	set_text(&p->avatar, body, "avatar");
	set_text(&p->title, body, "title");
	set_text(&p->department, body, "department");
	if (jr_bool(body, "loginEnabled") >= 0)
		p->no_login = !jr_bool(body, "loginEnabled");
	cJSON_Delete(p->extra);
	p->extra = cJSON_CreateObject();
	for (size_t i = 0; i < G_N_ELEMENTS(kept_fields); i++) {
		v = jr_get(body, kept_fields[i]);
		if (v)
			cJSON_AddItemToObject(p->extra, kept_fields[i], cJSON_Duplicate(v, 1));
	}
	cJSON_ArrayForEach(v, body)
	{
		if (is_unknown(v->string))
			cJSON_AddItemToObject(p->extra, v->string, cJSON_Duplicate(v, 1));
	}
	keep_assigned(p, body, "roles");
	keep_assigned(p, body, "licenses");
}

static bool person_body_good(struct req *rq, const cJSON *body)
{
	if (!first_email(body)) {
		req_error(rq, 400, "Exactly one email address must be specified.");
		return false;
	}
	if (!jr_str(body, "displayName") && !jr_str(body, "firstName") &&
	    !jr_str(body, "lastName")) {
		req_error(rq, 400, "displayName, firstName or lastName must be specified.");
		return false;
	}
	return true;
}

void people_create(struct req *rq)
{
	cJSON *body;
	struct person *p;
	struct uuid u = uuid_random();

	if (!is_admin(rq)) {
		req_forbidden(rq);
		return;
	}
	body = req_json(rq);
	if (!body || !person_body_good(rq, body))
		return;
	if (data_person_by_email(rq->sim, first_email(body))) {
		req_error(rq, 409, "User already exists.");
		return;
	}
	p = data_person_add(rq->sim, &u, first_email(body), "", rq->caller->org,
			    data_now(rq->sim));
	p->pending = true;
	person_write(p, body);
	audit_note(rq, "USERS", rq->caller, p, "added a user");
	jw_person(rq, req_ok(rq), p, true);
}

void people_update(struct req *rq)
{
	struct person *p, *other;
	cJSON *body;

	if (!is_admin(rq)) {
		req_forbidden(rq);
		return;
	}
	p = person_arg(rq);
	body = p ? req_json(rq) : NULL;
	if (!body || !person_body_good(rq, body))
		return;
	other = data_person_by_email(rq->sim, first_email(body));
	if (other && other != p) {
		req_error(rq, 409, "User already exists.");
		return;
	}
	data_person_set_email(rq->sim, p, first_email(body));
	person_write(p, body);
	p->modified = data_now(rq->sim);
	audit_note(rq, "USERS", rq->caller, p, "changed a user");
	if (req_param_true(rq, "minResponse"))
		req_no_content(rq);
	else
		jw_person(rq, req_ok(rq), p, true);
}

void people_delete(struct req *rq)
{
	struct person *p;

	if (!is_admin(rq)) {
		req_forbidden(rq);
		return;
	}
	p = person_arg(rq);
	if (!p)
		return;
	audit_note(rq, "USERS", rq->caller, p, "deleted a user");
	data_person_delete(rq->sim, p);
	req_no_content(rq);
}

struct person *person_found(struct req *rq, const char *id, const char *email)
{
	struct person *p = id ? NULL : data_person_by_email(rq->sim, email);

	if (id)
		return person_for(rq, id, NULL);
	if (!p)
		req_error(rq, 404, "Failed to find user with specified email address.");
	return p;
}

struct person *person_for(struct req *rq, const char *id, const char *email)
{
	struct person *p;

	if (id && !strcmp(id, "me"))
		return rq->caller;
	if (id) {
		struct sim_id d;
		struct uuid u;

		if (req_id(rq, id, "PEOPLE", "Person not found", &d, &u))
			return NULL;
		p = data_person_by_id(rq->sim, id);
		if (!p)
			req_error(rq, 404, "Person not found");
		return p;
	}
	p = data_person_by_email(rq->sim, email);
	if (!p)
		req_error(rq, 404, "%s not found.", email);
	return p;
}
