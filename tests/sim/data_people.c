/* SPDX-License-Identifier: MIT */
/* Organizations, people, tokens, teams; rooms and messages are in data.c. */
#include "data.h"

#include <string.h>

struct org *data_org_add(struct sim *sim, const char *uuid, const char *name, int64_t created)
{
	struct org *org = g_new0(struct org, 1);

	uuid_parse(uuid, &org->uuid);
	org->name = g_strdup(name);
	org->created = created;
	g_ptr_array_add(sim->orgs, org);
	return org;
}

void data_person_rename(struct person *p, const char *display)
{
	const char *space = strchr(display, ' ');

	g_free(p->display);
	g_free(p->first);
	g_free(p->last);
	p->display = g_strdup(display);
	p->first = space ? g_strndup(display, (gsize)(space - display)) : g_strdup(display);
	p->last = space ? g_strdup(space + 1) : NULL;
}

void data_person_set_email(struct sim *sim, struct person *p, const char *email)
{
	char *key;

	if (p->email) {
		key = g_ascii_strdown(p->email, -1);
		g_hash_table_remove(sim->people_by_email, key);
		g_free(key);
		g_free(p->email);
		g_free(p->key);
	}
	p->email = g_strdup(email);
	p->key = g_strndup(email, strcspn(email, "@"));
	g_hash_table_replace(sim->people_by_email, g_ascii_strdown(email, -1), p);
}

struct person *data_person_add(struct sim *sim, const struct uuid *uuid, const char *email,
			       const char *display, struct org *org, int64_t created)
{
	struct person *p = g_new0(struct person, 1);

	p->uuid = *uuid;
	p->org = org;
	p->created = p->modified = created;
	p->memberships = g_ptr_array_new();
	p->teams = g_ptr_array_new();
	p->bucket = -1;
	data_person_rename(p, display);
	data_person_set_email(sim, p, email);
	g_ptr_array_add(sim->people, p);
	g_hash_table_insert(sim->people_by_uuid, &p->uuid, p);
	return p;
}

struct person *data_person_by_email(struct sim *sim, const char *email)
{
	char *key = g_ascii_strdown(email, -1);
	struct person *p = g_hash_table_lookup(sim->people_by_email, key);

	g_free(key);
	return p;
}

struct person *data_person_by_id(struct sim *sim, const char *id)
{
	struct sim_id d;
	struct uuid u;

	if (ids_decode(id, &d) || (!d.bare && strcmp(d.type, "PEOPLE")) ||
	    strcmp(d.cluster, "us") || uuid_parse(d.rest, &u))
		return NULL;
	return g_hash_table_lookup(sim->people_by_uuid, &u);
}

void data_person_delete(struct sim *sim, struct person *p)
{
	char *key = g_ascii_strdown(p->email, -1);
	GHashTableIter it;
	struct token *tok;

	g_hash_table_remove(sim->people_by_email, key);
	g_free(key);
	g_hash_table_remove(sim->people_by_uuid, &p->uuid);
	g_ptr_array_remove(sim->people, p);
	g_ptr_array_add(sim->former, p);
	p->deleted = true;
	while (p->memberships->len) {
		struct membership *m = p->memberships->pdata[p->memberships->len - 1];

		/* What the other side goes on to see as the title. */
		if (m->room->direct && !m->room->title)
			m->room->title = g_strdup(p->display);
		data_member_remove(m);
	}
	while (p->teams->len)
		data_team_member_remove(p->teams->pdata[p->teams->len - 1]);
	g_hash_table_iter_init(&it, sim->tokens);
	while (g_hash_table_iter_next(&it, NULL, (gpointer *)&tok)) {
		if (tok->person == p)
			tok->valid = false;
	}
	for (guint i = sim->webhooks->len; i-- > 0;) {
		struct webhook *w = sim->webhooks->pdata[i];

		/* Deliveries stop when the creator is gone (section 5.9). */
		if (w->owner == p)
			w->active = false;
	}
}

struct token *data_token_add(struct sim *sim, const char *token, struct person *p, bool valid)
{
	struct token *t = g_new0(struct token, 1);

	t->person = p;
	t->valid = valid;
	t->created = data_now(sim);
	t->uuid = uuid_random();
	g_hash_table_replace(sim->tokens, g_strdup(token), t);
	return t;
}

struct token *data_token(struct sim *sim, const char *text)
{
	struct token *t = text ? g_hash_table_lookup(sim->tokens, text) : NULL;

	if (!t || !t->valid || t->person->deleted)
		return NULL;
	return t->expires && t->expires <= data_now(sim) ? NULL : t;
}

void token_free(void *token)
{
	struct token *t = token;

	g_free(t->scope);
	g_free(t);
}

struct team *data_team_add(struct sim *sim, struct person *creator, const char *name,
			   const char *description, uint64_t t100)
{
	struct team *team = g_new0(struct team, 1);

	if (!t100)
		t100 = data_tick(sim);
	team->uuid = uuid_v1(t100, 0x1a2c);
	team->created = uuid_ms(&team->uuid);
	team->name = g_strdup(name);
	team->description = g_strdup(description);
	team->creator = creator;
	team->members = g_ptr_array_new();
	g_ptr_array_add(sim->teams, team);
	team->general = data_room_add(sim, creator, name, t100 + 1, NULL);
	team->general->team = team;
	data_team_member_add(team, creator, true, team->created);
	return team;
}

struct team_member *data_team_member(const struct team *team, const struct person *p)
{
	for (guint i = 0; i < p->teams->len; i++) {
		struct team_member *tm = p->teams->pdata[i];

		if (tm->team == team)
			return tm;
	}
	return NULL;
}

struct team_member *data_team_member_add(struct team *team, struct person *p, bool moderator,
					 int64_t created)
{
	struct team_member *tm = data_team_member(team, p);

	if (tm)
		return tm;
	tm = g_new0(struct team_member, 1);
	tm->team = team;
	tm->person = p;
	tm->moderator = moderator;
	tm->created = created;
	g_ptr_array_add(team->members, tm);
	g_ptr_array_add(p->teams, tm);
	if (team->general)
		data_member_add(team->general, p, created);
	return tm;
}

void data_team_member_remove(struct team_member *tm)
{
	g_ptr_array_remove(tm->team->members, tm);
	g_ptr_array_remove(tm->person->teams, tm);
	g_free(tm);
}

void data_team_delete(struct sim *sim, struct team *team)
{
	for (guint i = sim->rooms->len; i-- > 0;) {
		struct room *room = sim->rooms->pdata[i];

		if (room->team == team)
			data_room_delete(sim, room);
	}
	while (team->members->len)
		data_team_member_remove(team->members->pdata[team->members->len - 1]);
	g_ptr_array_remove(sim->teams, team);
	g_ptr_array_free(team->members, TRUE);
	g_free(team->name);
	g_free(team->description);
	g_free(team);
}
