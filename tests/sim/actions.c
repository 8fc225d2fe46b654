/* SPDX-License-Identifier: MIT */
/* Attachment actions: the submits of cards (webex-api.md 5.6). */
#include "handlers.h"
#include "webhooks.h"

#include <string.h>

struct action {
	struct uuid uuid;
	struct uuid message;
	struct uuid room_uuid;
	const char *cluster;
	struct person *person, *author;
	char *inputs;
	int64_t created;
};

static void jw_id(GString *out, const char *key, const char *cluster, const char *type,
		  const struct uuid *uuid)
{
	jw_key(out, key);
	g_string_append_c(out, '"');
	ids_append_uuid(out, cluster, type, uuid);
	g_string_append_c(out, '"');
}

static void jw_action(GString *out, const struct action *a)
{
	jw_open(out, NULL, '{');
	jw_id(out, "id", "us", "ATTACHMENT_ACTION", &a->uuid);
	jw_str(out, "type", "submit");
	jw_id(out, "messageId", a->cluster, "MESSAGE", &a->message);
	jw_raw(out, "inputs", a->inputs);
	jw_person_id(out, "personId", a->person);
	jw_id(out, "roomId", a->cluster, "ROOM", &a->room_uuid);
	jw_time(out, "created", a->created);
	jw_close(out, '}');
}

static int check_submit(struct req *rq, const cJSON *body, struct message **ret_msg)
{
	const char *type = jr_str(body, "type"), *id = jr_str(body, "messageId");
	struct message *msg;

	if (!type || strcmp(type, "submit")) {
		req_error(rq, 400, "Unable to post attachment action: \"type must be submit\"");
		return -1;
	}
	if (!id) {
		req_error(rq, 400,
			  "Unable to post attachment action: \"messageId cannot be null\"");
		return -1;
	}
	if (!cJSON_IsObject(jr_get(body, "inputs"))) {
		req_error(rq, 400,
			  "Unable to post attachment action: \"inputs cannot be null\"");
		return -1;
	}
	msg = message_for(rq, id, "Unable to get message.");
	if (!msg)
		return -1;
	if (!msg->attachments) {
		req_error(rq, 400,
			  "Unable to post attachment action: \"MessageId should point to an "
			  "activity with cards\"");
		return -1;
	}
	if (msg->author == rq->caller && !rq->sim->sw.author_submits) {
		req_error(
			rq, 400,
			"Unable to post attachment action: \"Author of a card cannot submit a "
			"cardAction on that card\"");
		return -1;
	}
	*ret_msg = msg;
	return 0;
}

void actions_create(struct req *rq)
{
	cJSON *body = req_json(rq);
	struct message *msg;
	struct action *a;
	GString *out;
	char *raw;
	struct event ev = {"attachmentActions", "created", .actor = rq->caller};

	if (!body || check_submit(rq, body, &msg))
		return;
	a = g_new0(struct action, 1);
	a->uuid = uuid_v1(data_tick(rq->sim), 0x1a2d);
	a->message = msg->uuid;
	a->room_uuid = msg->room->uuid;
	a->cluster = msg->room->cluster;
	a->person = rq->caller;
	a->author = msg->author;
	a->created = uuid_ms(&a->uuid);
	raw = cJSON_PrintUnformatted(jr_get(body, "inputs"));
	a->inputs = g_strdup(raw);
	cJSON_free(raw);
	g_ptr_array_add(rq->sim->actions, a);
	out = req_ok(rq);
	jw_action(out, a);
	ev.room = msg->room;
	ev.msg = msg;
	ev.action_json = out->str;
	hooks_fire(rq, &ev);
}

/* The submitter and the author of the card may read it. */
void actions_get(struct req *rq)
{
	static const char missing[] = "Unable to get attachment action.";
	struct sim_id d;
	struct uuid u;

	if (req_id(rq, rq->arg, "ATTACHMENT_ACTION", missing, &d, &u))
		return;
	for (guint i = 0; i < rq->sim->actions->len; i++) {
		struct action *a = rq->sim->actions->pdata[i];

		if (uuid_equal(&a->uuid, &u) &&
		    (a->person == rq->caller || a->author == rq->caller)) {
			jw_action(req_ok(rq), a);
			return;
		}
	}
	req_error(rq, 404, "%s", missing);
}
