/* SPDX-License-Identifier: MIT */
/* Organizations, licenses and roles: for the admin only (webex-api.md 5.12 to 5.14). */
#include "handlers.h"

#include <string.h>

static const struct {
	const char *id, *name;
} roles[] = {
	{"id_full_admin", "Full Administrator"},
	{"id_readonly_admin", "Read-only Administrator"},
	{"id_user_admin", "User Administrator"},
	{"id_device_admin", "Device Administrator"},
};

static bool admin_only(struct req *rq)
{
	if (is_admin(rq))
		return true;
	req_forbidden(rq);
	return false;
}

static void jw_id(GString *out, const char *key, const char *type, const char *rest)
{
	jw_key(out, key);
	g_string_append_c(out, '"');
	ids_append(out, "us", type, rest);
	g_string_append_c(out, '"');
}

/* What a create or an update of the person assigned; full replacement (5.1). */
static void jw_assigned(GString *out, const struct person *p, const char *key)
{
	const cJSON *v;

	jw_open(out, key, '[');
	cJSON_ArrayForEach(v, jr_get(p->extra, key))
	{
		if (cJSON_IsString(v))
			jw_text(out, v->valuestring);
	}
	jw_close(out, ']');
}

void jw_admin_fields(GString *out, const struct person *p, const struct sim *sim)
{
	char text[UUID_TEXT];

	if (p->extra) {
		jw_assigned(out, p, "roles");
		jw_assigned(out, p, "licenses");
		return;
	}
	jw_open(out, "roles", '[');
	if (p->kind == PERSON_ADMIN)
		jw_id(out, NULL, "ROLE", roles[0].id);
	jw_close(out, ']');
	jw_open(out, "licenses", '[');
	if (p->kind != PERSON_BOT && p->org == sim->orgs->pdata[0] && sim->licenses->len) {
		uuid_format(&((struct license *)sim->licenses->pdata[0])->uuid, text);
		jw_id(out, NULL, "LICENSE", text);
	}
	jw_close(out, ']');
}

static void emit_org(struct req *rq, GString *out, const void *item)
{
	const struct org *org = item;
	char text[UUID_TEXT];

	(void)rq;
	uuid_format(&org->uuid, text);
	jw_open(out, NULL, '{');
	jw_id(out, "id", "ORGANIZATION", text);
	jw_str(out, "displayName", org->name);
	jw_time(out, "created", org->created);
	jw_close(out, '}');
}

/* These lists are not paginated: everything on one page. */
static void emit_all(struct req *rq, const GPtrArray *items, page_emit_fn emit)
{
	struct page page = {.start = 0, .max = items->len + 1};

	page_emit(rq, &page, items, emit, NULL);
}

void organizations_list(struct req *rq)
{
	GPtrArray *items;

	if (!admin_only(rq))
		return;
	items = g_ptr_array_new();
	g_ptr_array_add(items, rq->caller->org);
	emit_all(rq, items, emit_org);
	g_ptr_array_free(items, TRUE);
}

static bool own_org(struct req *rq, const char *id)
{
	static const char missing[] = "Could not find an organization with provided ID.";
	struct sim_id d;
	struct uuid u;

	if (req_id(rq, id, "ORGANIZATION", missing, &d, &u))
		return false;
	if (uuid_equal(&rq->caller->org->uuid, &u))
		return true;
	req_error(rq, 404, "%s", missing);
	return false;
}

void organizations_get(struct req *rq)
{
	if (admin_only(rq) && own_org(rq, rq->arg))
		emit_org(rq, req_ok(rq), rq->caller->org);
}

void organizations_delete(struct req *rq)
{
	if (admin_only(rq) && own_org(rq, rq->arg))
		req_error(rq, 409,
			  "The organization cannot be deleted: it has more than one "
			  "user.");
}

static void jw_license(GString *out, const struct license *l)
{
	char text[UUID_TEXT];

	uuid_format(&l->uuid, text);
	jw_id(out, "id", "LICENSE", text);
	jw_str(out, "name", l->name);
	jw_int(out, "totalUnits", l->total);
	jw_int(out, "consumedUnits", l->consumed);
	jw_int(out, "consumedByUsers", l->consumed);
	jw_int(out, "consumedByWorkspaces", 0);
}

static void emit_license(struct req *rq, GString *out, const void *item)
{
	(void)rq;
	jw_open(out, NULL, '{');
	jw_license(out, item);
	jw_close(out, '}');
}

void licenses_list(struct req *rq)
{
	if (!admin_only(rq))
		return;
	if (req_param(rq, "orgId") && !own_org(rq, req_param(rq, "orgId")))
		return;
	emit_all(rq, rq->sim->licenses, emit_license);
}

static void jw_license_user(GString *out, const struct person *p)
{
	jw_open(out, NULL, '{');
	jw_person_id(out, "id", p);
	jw_str(out, "type", "INTERNAL");
	jw_str(out, "displayName", p->display);
	jw_str(out, "email", p->email);
	jw_close(out, '}');
}

/* A page of the users of the first license; paged by `limit` and `next`. */
static void license_users(struct req *rq, GString *out)
{
	const char *limit_text = req_param(rq, "limit"), *next = req_param(rq, "next");
	char *decoded = next ? base64_decode(next, NULL) : NULL;
	guint limit = limit_text ? (guint)g_ascii_strtoull(limit_text, NULL, 10) : 300;
	guint start = decoded ? (guint)g_ascii_strtoull(decoded, NULL, 10) : 0, n = 0;

	g_free(decoded);
	limit = CLAMP(limit, 1, 300);
	jw_open(out, "users", '[');
	for (guint i = 0; i < rq->sim->people->len; i++) {
		const struct person *p = rq->sim->people->pdata[i];

		if (p->org != rq->caller->org || p->kind == PERSON_BOT)
			continue;
		if (n >= start && n < start + limit)
			jw_license_user(out, p);
		n++;
	}
	jw_close(out, ']');
	if (n > start + limit) {
		GString *cursor = g_string_new(NULL), *url = g_string_new(NULL);
		char text[16];

		g_snprintf(text, sizeof(text), "%u", start + limit);
		base64_append(cursor, text, strlen(text));
		g_string_printf(url,
				"<%s%s?includeAssignedTo=user&limit=%u&next=%s>; rel=\"next\"",
				rq->origin, rq->path, limit, cursor->str);
		req_header(rq, "Link", url->str);
		g_string_free(cursor, TRUE);
		g_string_free(url, TRUE);
	}
}

static struct license *license_arg(struct req *rq, const char *id)
{
	static const char missing[] = "Could not find a license with provided ID.";
	struct sim_id d;
	struct uuid u;

	if (req_id(rq, id, "LICENSE", missing, &d, &u))
		return NULL;
	for (guint i = 0; i < rq->sim->licenses->len; i++) {
		struct license *l = rq->sim->licenses->pdata[i];

		if (uuid_equal(&l->uuid, &u))
			return l;
	}
	req_error(rq, 404, "%s", missing);
	return NULL;
}

void licenses_get(struct req *rq)
{
	const char *include = req_param(rq, "includeAssignedTo");
	struct license *l;
	GString *out;

	if (!admin_only(rq))
		return;
	l = license_arg(rq, rq->arg);
	if (!l)
		return;
	out = req_ok(rq);
	jw_open(out, NULL, '{');
	jw_license(out, l);
	if (include && !strcmp(include, "user"))
		license_users(rq, out);
	jw_close(out, '}');
}

/* Accepted and echoed, not stored: nothing here depends on who has which license. */
void licenses_patch(struct req *rq)
{
	cJSON *body;
	struct person *p;
	GString *out;
	const cJSON *item;

	if (!admin_only(rq))
		return;
	body = req_json(rq);
	if (!body)
		return;
	if (!jr_str(body, "personId") && !jr_str(body, "email")) {
		req_error(rq, 400, "Must specify either personId or email.");
		return;
	}
	p = person_for(rq, jr_str(body, "personId"), jr_str(body, "email"));
	if (!p)
		return;
	out = req_ok(rq);
	jw_open(out, NULL, '{');
	jw_person_id(out, "personId", p);
	jw_str(out, "email", p->email);
	jw_open(out, "licenses", '[');
	cJSON_ArrayForEach(item, jr_get(body, "licenses"))
	{
		const char *op = jr_str(item, "operation");

		if (!op || strcmp(op, "remove"))
			jw_str(out, NULL, jr_str(item, "id"));
	}
	jw_close(out, ']');
	jw_raw(out, "siteUrls", "[]");
	jw_raw(out, "pendingLicenses", "[]");
	jw_raw(out, "pendingSiteUrls", "[]");
	jw_close(out, '}');
}

static void jw_role(GString *out, size_t i)
{
	jw_open(out, NULL, '{');
	jw_id(out, "id", "ROLE", roles[i].id);
	jw_str(out, "name", roles[i].name);
	jw_close(out, '}');
}

void roles_list(struct req *rq)
{
	GString *out;

	if (!admin_only(rq))
		return;
	out = req_ok(rq);
	jw_open(out, NULL, '{');
	jw_open(out, "items", '[');
	for (size_t i = 0; i < G_N_ELEMENTS(roles); i++)
		jw_role(out, i);
	jw_close(out, ']');
	jw_close(out, '}');
}

void roles_get(struct req *rq)
{
	struct sim_id d;

	if (!admin_only(rq))
		return;
	if (ids_decode(rq->arg, &d)) {
		req_error(rq, 400, "Expect base64 ID or UUID.");
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(roles); i++) {
		if (!strcmp(d.type, "ROLE") && !strcmp(d.rest, roles[i].id)) {
			jw_role(req_ok(rq), i);
			return;
		}
	}
	req_error(rq, 404, "Could not find a role with provided ID.");
}
