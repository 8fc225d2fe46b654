/* SPDX-License-Identifier: MIT */
#include "control_data.h"

#include "handlers.h"
#include "markdown.h"

#include <string.h>

/* Short name (alice), e-mail or public id. */
static struct person *find_person(struct req *rq, const char *who)
{
	struct person *p = NULL;

	if (who && strchr(who, '@'))
		p = data_person_by_email(rq->sim, who);
	else if (who)
		p = data_person_by_id(rq->sim, who);
	for (guint i = 0; who && !p && i < rq->sim->people->len; i++) {
		struct person *q = rq->sim->people->pdata[i];

		if (!strcmp(q->key, who))
			p = q;
	}
	if (!p)
		req_error(rq, 404, "no such person: %s", who ? who : "(none)");
	return p;
}

/* Public id, bare UUID of any cluster, or title (the first that has it). */
static struct room *find_room(struct req *rq, const char *which)
{
	struct sim_id d;
	struct uuid u;
	struct room *room = NULL;

	if (which && !ids_decode(which, &d) && !uuid_parse(d.rest, &u))
		room = g_hash_table_lookup(rq->sim->rooms_by_uuid, &u);
	for (guint i = 0; which && !room && i < rq->sim->rooms->len; i++) {
		struct room *r = rq->sim->rooms->pdata[i];

		if (r->title && !strcmp(r->title, which))
			room = r;
	}
	if (!room)
		req_error(rq, 404, "no such room: %s", which ? which : "(none)");
	return room;
}

static struct message *find_message(struct req *rq, const char *id)
{
	struct sim_id d;
	struct uuid u;
	struct message *msg = NULL;

	if (id && !ids_decode(id, &d)) {
		char *slash = strchr(d.rest, '/');

		if (slash)
			*slash = 0;
		if (!uuid_parse(d.rest, &u))
			msg = g_hash_table_lookup(rq->sim->messages_by_uuid, &u);
	}
	if (!msg)
		req_error(rq, 404, "no such message");
	return msg;
}

void control_scan(struct req *rq)
{
	static const char *const names[] = {"clean", "scanning", "infected", "unscannable"};
	cJSON *body = req_json(rq);
	const char *state, *id;
	struct message *msg;
	double seconds;

	if (!body)
		return;
	id = jr_str(body, "contentId");
	msg = find_message(rq, id ? id : jr_str(body, "messageId"));
	if (!msg)
		return;
	state = jr_str(body, "state");
	seconds = jr_num(body, "seconds", 0);
	for (size_t i = 0; state && i < G_N_ELEMENTS(names); i++) {
		if (strcmp(state, names[i]))
			continue;
		for (guint k = 0; msg->files && k < msg->files->len; k++) {
			struct content *c = msg->files->pdata[k];

			c->scan = (enum scan_state)i;
			c->scan_until = seconds > 0 ? wall_ms() + (int64_t)(seconds * 1000) : 0;
		}
		req_no_content(rq);
		return;
	}
	req_error(rq, 400, "state is clean, scanning, infected or unscannable");
}

void control_tokens(struct req *rq)
{
	cJSON *body = req_json(rq);
	const char *token;
	struct token *tok;
	struct person *p;

	if (!body)
		return;
	token = jr_str(body, "token");
	if (!token || !*token) {
		req_error(rq, 400, "token is missing");
		return;
	}
	tok = g_hash_table_lookup(rq->sim->tokens, token);
	if (tok && !jr_str(body, "person")) {
		tok->valid = jr_bool(body, "valid") != 0;
		req_no_content(rq);
		return;
	}
	p = find_person(rq, jr_str(body, "person"));
	if (!p)
		return;
	tok = data_token_add(rq->sim, token, p, jr_bool(body, "valid") != 0);
	if (jr_num(body, "seconds", 0) > 0)
		tok->expires = tok->created + (int64_t)(jr_num(body, "seconds", 0) * 1000);
	req_no_content(rq);
}

void control_people(struct req *rq)
{
	cJSON *body = req_json(rq);
	const char *email, *name, *token;
	struct uuid u = uuid_random();
	struct person *p;
	GString *out;

	if (!body)
		return;
	email = jr_str(body, "email");
	name = jr_str(body, "name");
	token = jr_str(body, "token");
	p = email ? data_person_by_email(rq->sim, email) : NULL;
	/* Of somebody who is there, only the rights can be set. */
	if (!email || !strchr(email, '@') || (p && (name || token))) {
		req_error(rq, 400, "email is missing or taken");
		return;
	}
	if (!p) {
		p = data_person_add(rq->sim, &u, email, name ? name : email,
				    rq->sim->orgs->pdata[0], data_now(rq->sim));
		p->status = "active";
		if (jr_bool(body, "bot") == 1)
			p->kind = PERSON_BOT;
	}
	p->officer = jr_bool(body, "officer") == 1;
	if (token)
		data_token_add(rq->sim, token, p, true);
	out = req_ok(rq);
	jw_open(out, NULL, '{');
	jw_person_id(out, "id", p);
	jw_close(out, '}');
}

/* -1 after an error answer; absent gives `otherwise`. */
static int time_field(struct req *rq, const cJSON *body, const char *key, int64_t otherwise,
		      int64_t *ret_ms)
{
	const cJSON *v = jr_get(body, key);

	*ret_ms = otherwise;
	if (cJSON_IsNumber(v)) {
		*ret_ms = (int64_t)v->valuedouble;
	} else if (cJSON_IsString(v) && iso_parse(v->valuestring, ret_ms)) {
		req_error(rq, 400, "%s is no time", key);
		return -1;
	}
	return 0;
}

static int add_members(struct req *rq, struct room *room, const cJSON *list, int64_t created)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		struct person *p = find_person(rq, cJSON_GetStringValue(item));

		if (!p)
			return -1;
		data_member_add(room, p, created);
	}
	return 0;
}

void control_rooms(struct req *rq)
{
	cJSON *body = req_json(rq);
	struct person *p;
	struct room *room;
	const char *title;
	int64_t created;
	GString *out;

	if (!body || time_field(rq, body, "created", data_now(rq->sim), &created))
		return;
	p = find_person(rq, jr_str(body, "person") ? jr_str(body, "person") : "alice");
	if (!p)
		return;
	title = jr_str(body, "title");
	room = data_room_add(rq->sim, p, title ? title : "", t100_from_ms(created),
			     jr_str(body, "cluster"));
	data_member_add(room, p, room->created);
	room->locked = jr_bool(body, "isLocked") == 1;
	room->announcement = jr_bool(body, "isAnnouncementOnly") == 1;
	room->read_only = jr_bool(body, "isReadOnly") == 1;
	room->is_public = jr_bool(body, "isPublic") == 1;
	room->made_public = room->created;
	data_member(room, p)->moderator = room->locked;
	if (add_members(rq, room, jr_get(body, "members"), room->created))
		return;
	out = req_ok(rq);
	jw_open(out, NULL, '{');
	jw_room_id(out, "id", room);
	jw_close(out, '}');
}

/* The message as ordered; `n` numbers it when there are several. */
static struct message *add_message(struct req *rq, const cJSON *body, struct room *room,
				   struct person *p, int64_t created, int n)
{
	struct message *msg = data_message_add(rq->sim, room, p, t100_from_ms(created));
	const char *text = jr_str(body, "text"), *md = jr_str(body, "markdown");
	struct rendered r = {0};

	if (md) {
		markdown_render(rq->sim, md, &r);
		msg->markdown = r.markdown;
		msg->html = r.html;
		msg->mentioned = r.mentioned;
		msg->mention_all = r.mention_all;
	}
	if (jr_str(body, "html")) {
		g_free(msg->html);
		msg->html = g_strdup(jr_str(body, "html"));
	}
	if (text || !md) {
		g_free(r.text);
		if (!text)
			text = "message";
		msg->text = n ? g_strdup_printf("%s %d", text, n) : g_strdup(text);
	} else {
		msg->text = r.text;
	}
	return msg;
}

/* Any cards, also what POST /messages refuses. */
static void add_cards(const cJSON *body, struct message *msg)
{
	const cJSON *cards = jr_get(body, "attachments");
	char *raw = cJSON_IsArray(cards) ? cJSON_PrintUnformatted(cards) : NULL;

	msg->attachments = g_strdup(raw);
	cJSON_free(raw);
}

static void add_file(const cJSON *file, struct message *msg)
{
	const char *content = jr_str(file, "content");

	if (!cJSON_IsObject(file))
		return;
	content = content ? content : "";
	data_content_add(msg, jr_str(file, "name"), jr_str(file, "type"),
			 blob_from(content, strlen(content)));
}

void control_messages(struct req *rq)
{
	cJSON *body = req_json(rq);
	const cJSON *file;
	struct room *room = body ? find_room(rq, jr_str(body, "room")) : NULL;
	struct person *p = room ? find_person(rq, jr_str(body, "person")) : NULL;
	const char *parent = p ? jr_str(body, "parentId") : NULL;
	struct message *root = parent ? find_message(rq, parent) : NULL;
	int64_t created;
	int count, step;
	GString *out;

	if (!p || (parent && !root) ||
	    time_field(rq, body, "created", data_now(rq->sim), &created))
		return;
	count = CLAMP((int)jr_num(body, "count", 1), 1, 1000000);
	step = (int)jr_num(body, "stepMs", 0);
	out = req_ok(rq);
	g_string_append(out, "{\"items\":[");
	for (int i = 0; i < count; i++) {
		struct message *msg = add_message(
			rq, body, room, p, created + (int64_t)i * step, count > 1 ? i + 1 : 0);

		add_file(jr_get(body, "file"), msg);
		cJSON_ArrayForEach(file, jr_get(body, "files")) add_file(file, msg);
		add_cards(body, msg);
		if (root) {
			msg->has_parent = true;
			msg->parent = root->uuid;
		}
		jw_key(out, NULL);
		jw_message(rq, out, msg);
	}
	g_string_append(out, "]}");
}
