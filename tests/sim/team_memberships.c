/* SPDX-License-Identifier: MIT */
#include "handlers.h"
#include "teams_util.h"
#include "webhooks.h"

#include <string.h>

static void jw_team_member(GString *out, const struct team_member *tm)
{
	char person[UUID_TEXT], team[UUID_TEXT], both[2 * UUID_TEXT];

	uuid_format(&tm->person->uuid, person);
	uuid_format(&tm->team->uuid, team);
	g_snprintf(both, sizeof(both), "%s:%s", person, team);
	jw_open(out, NULL, '{');
	jw_key(out, "id");
	g_string_append_c(out, '"');
	ids_append(out, "us", "TEAM_MEMBERSHIP", both);
	g_string_append_c(out, '"');
	jw_team_id(out, "teamId", tm->team);
	jw_person_id(out, "personId", tm->person);
	jw_str(out, "personEmail", tm->person->email);
	jw_str(out, "personDisplayName", tm->person->display);
	jw_key(out, "personOrgId");
	g_string_append_c(out, '"');
	ids_append_uuid(out, "us", "ORGANIZATION", &tm->person->org->uuid);
	g_string_append_c(out, '"');
	jw_bool(out, "isModerator", tm->moderator);
	jw_time(out, "created", tm->created);
	jw_close(out, '}');
}

static void emit(struct req *rq, GString *out, const void *item)
{
	(void)rq;
	jw_team_member(out, item);
}

void team_memberships_list(struct req *rq)
{
	const char *id = req_param(rq, "teamId");
	struct page page;
	struct team *team;

	if (!id) {
		req_error(rq, 400, "Required String parameter 'teamId' is not present");
		return;
	}
	if (page_begin(rq, 100, 1000, &page))
		return;
	team = team_for(rq, id, NULL);
	if (team)
		page_emit(rq, &page, team->members, emit, NULL);
}

static void fire_member(struct req *rq, const char *what, const struct membership *m)
{
	struct event ev = {"memberships", what, .actor = rq->caller, .room = m->room,
			   .member = m};

	hooks_fire(rq, &ev);
}

void team_memberships_create(struct req *rq)
{
	cJSON *body = req_json(rq);
	struct team_member *own, *tm;
	struct team *team;
	struct person *p;

	if (!body)
		return;
	if (!jr_str(body, "teamId")) {
		req_error(rq, 400, "teamId cannot be null");
		return;
	}
	if (!jr_str(body, "personId") && !jr_str(body, "personEmail")) {
		req_error(rq, 400, "Must specify either personId or personEmail.");
		return;
	}
	team = team_for(rq, jr_str(body, "teamId"), &own);
	if (!team)
		return;
	if (!own->moderator) {
		req_forbidden(rq);
		return;
	}
	p = person_for(rq, jr_str(body, "personId"), jr_str(body, "personEmail"));
	if (!p)
		return;
	if (data_team_member(team, p)) {
		req_error(rq, 409, "Person is already in the team.");
		return;
	}
	tm = data_team_member_add(team, p, jr_bool(body, "isModerator") == 1,
				  data_now(rq->sim));
	jw_team_member(req_ok(rq), tm);
	if (team->general)
		fire_member(rq, "created", data_member(team->general, p));
}

/* The membership named by the route; `ret_own` is the caller's in the same team. */
static struct team_member *member_arg(struct req *rq, struct team_member **ret_own)
{
	struct sim_id d;
	struct uuid person, team;
	struct person *p;
	char *colon;

	if (ids_decode(rq->arg, &d)) {
		req_error(rq, 400, "Expect base64 ID or UUID.");
		return NULL;
	}
	colon = strchr(d.rest, ':');
	if (!colon || strcmp(d.type, "TEAM_MEMBERSHIP"))
		goto missing;
	*colon = 0;
	if (uuid_parse(d.rest, &person) || uuid_parse(colon + 1, &team))
		goto missing;
	p = g_hash_table_lookup(rq->sim->people_by_uuid, &person);
	for (guint i = 0; p && i < p->teams->len; i++) {
		struct team_member *tm = p->teams->pdata[i];

		if (!uuid_equal(&tm->team->uuid, &team))
			continue;
		*ret_own = data_team_member(tm->team, rq->caller);
		if (*ret_own)
			return tm;
	}
missing:
	req_error(rq, 404, "Failed to get team membership");
	return NULL;
}

void team_memberships_get(struct req *rq)
{
	struct team_member *own, *tm = member_arg(rq, &own);

	if (tm)
		jw_team_member(req_ok(rq), tm);
}

static bool last_moderator(const struct team_member *tm)
{
	int n = 0;

	for (guint i = 0; i < tm->team->members->len; i++)
		n += ((struct team_member *)tm->team->members->pdata[i])->moderator;
	return tm->moderator && n == 1;
}

void team_memberships_update(struct req *rq)
{
	struct team_member *own, *tm = member_arg(rq, &own);
	cJSON *body = tm ? req_json(rq) : NULL;
	int moderator;

	if (!body)
		return;
	moderator = jr_bool(body, "isModerator");
	if (moderator < 0) {
		req_error(rq, 400, "isModerator cannot be null");
		return;
	}
	if (!own->moderator) {
		req_forbidden(rq);
		return;
	}
	if (!moderator && last_moderator(tm)) {
		req_error(rq, 400, "The last moderator of a team cannot be removed.");
		return;
	}
	tm->moderator = moderator;
	jw_team_member(req_ok(rq), tm);
}

void team_memberships_delete(struct req *rq)
{
	struct team_member *own, *tm = member_arg(rq, &own);
	struct person *p;

	if (!tm)
		return;
	if (!own->moderator && tm != own) {
		req_forbidden(rq);
		return;
	}
	if (last_moderator(tm)) {
		req_error(rq, 400, "The last moderator of a team cannot be removed.");
		return;
	}
	p = tm->person;
	for (guint i = p->memberships->len; i-- > 0;) {
		struct membership *m = p->memberships->pdata[i];

		if (m->room->team != tm->team)
			continue;
		fire_member(rq, "deleted", m);
		data_member_remove(m);
	}
	data_team_member_remove(tm);
	req_no_content(rq);
}
