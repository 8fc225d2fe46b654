/* SPDX-License-Identifier: MIT */
#include "handlers.h"
#include "teams_util.h"

#include <string.h>

static const char no_team[] = "Could not find teams.";

void jw_team_id(GString *out, const char *key, const struct team *team)
{
	jw_key(out, key);
	g_string_append_c(out, '"');
	ids_append_uuid(out, "us", "TEAM", &team->uuid);
	g_string_append_c(out, '"');
}

struct team *team_for(struct req *rq, const char *id, struct team_member **ret_member)
{
	struct sim_id d;
	struct uuid u;

	if (req_id(rq, id, "TEAM", no_team, &d, &u))
		return NULL;
	for (guint i = 0; i < rq->caller->teams->len; i++) {
		struct team_member *tm = rq->caller->teams->pdata[i];

		if (uuid_equal(&tm->team->uuid, &u) && !strcmp(d.cluster, "us")) {
			if (ret_member)
				*ret_member = tm;
			return tm->team;
		}
	}
	req_error(rq, 404, "%s", no_team);
	return NULL;
}

static void jw_team(GString *out, const struct team *team)
{
	jw_open(out, NULL, '{');
	jw_team_id(out, "id", team);
	jw_str(out, "name", team->name);
	jw_str(out, "description", team->description);
	jw_person_id(out, "creatorId", team->creator);
	jw_time(out, "created", team->created);
	jw_close(out, '}');
}

static void emit_team(struct req *rq, GString *out, const void *item)
{
	(void)rq;
	jw_team(out, ((const struct team_member *)item)->team);
}

void teams_list(struct req *rq)
{
	struct page page;

	if (page_begin(rq, 100, 1000, &page))
		return;
	page_emit(rq, &page, rq->caller->teams, emit_team, NULL);
}

static const char *name_of(struct req *rq, const cJSON *body)
{
	const char *name = body ? jr_str(body, "name") : NULL;

	if (body && (!name || !*name)) {
		req_error(rq, 400, "name cannot be empty");
		return NULL;
	}
	return name;
}

void teams_create(struct req *rq)
{
	cJSON *body = req_json(rq);
	const char *name = name_of(rq, body);
	struct team *team;

	if (!name)
		return;
	team = data_team_add(rq->sim, rq->caller, name, jr_str(body, "description"), 0);
	jw_team(req_ok(rq), team);
}

void teams_get(struct req *rq)
{
	struct team *team = team_for(rq, rq->arg, NULL);

	if (team)
		jw_team(req_ok(rq), team);
}

void teams_update(struct req *rq)
{
	struct team_member *own;
	struct team *team = team_for(rq, rq->arg, &own);
	cJSON *body = team ? req_json(rq) : NULL;
	const char *name = name_of(rq, body);

	if (!name)
		return;
	if (!own->moderator) {
		req_forbidden(rq);
		return;
	}
	if (team->general) {
		g_free(team->general->title);
		team->general->title = g_strdup(name);
	}
	g_free(team->name);
	team->name = g_strdup(name);
	if (jr_get(body, "description")) {
		g_free(team->description);
		team->description = g_strdup(jr_str(body, "description"));
	}
	jw_team(req_ok(rq), team);
}

void teams_delete(struct req *rq)
{
	struct team_member *own;
	struct team *team = team_for(rq, rq->arg, &own);

	if (!team)
		return;
	if (!own->moderator) {
		req_forbidden(rq);
		return;
	}
	data_team_delete(rq->sim, team);
	req_no_content(rq);
}
