/* SPDX-License-Identifier: MIT */
/* Creating, editing and deleting messages. */
#include "fetch.h"
#include "handlers.h"
#include "markdown.h"
#include "webhooks.h"

#include <string.h>

#define TEXT_MAX 7439
#define CIPHER_MAX 10000
#define FAR_TOO_BIG 100000
#define CARD_MAX 80000
#define EDITS_MAX 10

static const char too_long[] =
	"Unable to post message to room: Message length limited to 7439 characters before "
	"encryption and 10000 characters after encryption.";
static const char too_big[] =
	"Unable to post message to room: \"The request payload is too big\"";

/* The fields of a create, whether they came as JSON or as multipart. */
struct draft {
	const char *room_id, *person_id, *person_email, *parent_id;
	const char *text, *markdown, *file_url;
	const cJSON *cards;
	int n_files;
	struct room *room;
	struct person *to;
	struct message *parent;
};

static const char *not_empty(const char *s)
{
	return s && *s ? s : NULL;
}

static int draft_from_json(struct req *rq, struct draft *d)
{
	cJSON *body = req_json(rq);
	const cJSON *files;

	if (!body)
		return -1;
	d->room_id = not_empty(jr_str(body, "roomId"));
	d->person_id = not_empty(jr_str(body, "toPersonId"));
	d->person_email = not_empty(jr_str(body, "toPersonEmail"));
	d->parent_id = not_empty(jr_str(body, "parentId"));
	d->text = not_empty(jr_str(body, "text"));
	d->markdown = not_empty(jr_str(body, "markdown"));
	files = jr_get(body, "files");
	if (cJSON_IsString(files)) {
		d->file_url = files->valuestring;
		d->n_files = 1;
	} else if (cJSON_IsArray(files)) {
		const cJSON *first = cJSON_GetArrayItem(files, 0);

		d->n_files = cJSON_GetArraySize(files);
		d->file_url = cJSON_IsString(first) ? first->valuestring : NULL;
	}
	d->cards = jr_get(body, "attachments");
	if (cJSON_IsArray(d->cards) && !cJSON_GetArraySize(d->cards))
		d->cards = NULL;
	return 0;
}

static int draft_from_form(struct req *rq, struct draft *d)
{
	if (rq->upload_too_big) {
		req_error(rq, 413,
			  "Unable to post message to room: the file is larger than "
			  "the limit of 100 MB.");
		return -1;
	}
	if (rq->body_too_big) {
		req_error(rq, 400, "%s", too_big);
		return -1;
	}
	if (rq->form_bad || !multipart_complete(rq->form)) {
		req_error(rq, 400, "The multipart body could not be understood.");
		return -1;
	}
	d->room_id = not_empty(upload_field(rq, "roomId"));
	d->person_id = not_empty(upload_field(rq, "toPersonId"));
	d->person_email = not_empty(upload_field(rq, "toPersonEmail"));
	d->parent_id = not_empty(upload_field(rq, "parentId"));
	d->text = not_empty(upload_field(rq, "text"));
	d->markdown = not_empty(upload_field(rq, "markdown"));
	d->file_url = not_empty(upload_field(rq, "files"));
	d->n_files = rq->n_files + (d->file_url != NULL);
	if ((d->text && !g_utf8_validate(d->text, -1, NULL)) ||
	    (d->markdown && !g_utf8_validate(d->markdown, -1, NULL))) {
		req_error(rq, 400, "Invalid UTF-8 in the multipart body.");
		return -1;
	}
	return 0;
}

static int check_length(struct req *rq, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (len <= TEXT_MAX)
		return 0;
	req_error(rq, 400, "%s", len > FAR_TOO_BIG ? too_big : too_long);
	return -1;
}

static int check_cards(struct req *rq, const struct draft *d)
{
	const cJSON *card = cJSON_GetArrayItem(d->cards, 0);
	const char *type = jr_str(card, "contentType");
	char *raw;
	size_t len;

	if (!d->cards)
		return 0;
	if (!cJSON_IsArray(d->cards) || cJSON_GetArraySize(d->cards) != 1 || !type ||
	    strcmp(type, "application/vnd.microsoft.card.adaptive") ||
	    !cJSON_IsObject(jr_get(card, "content"))) {
		req_error(rq, 400,
			  "Unable to post message to room: exactly one attachment with an "
			  "adaptive card is supported.");
		return -1;
	}
	if (d->n_files) {
		req_error(rq, 400,
			  "Unable to post message to room: files and attachments "
			  "cannot be combined.");
		return -1;
	}
	raw = cJSON_PrintUnformatted(d->cards);
	len = strlen(raw);
	cJSON_free(raw);
	if (len > CARD_MAX) {
		req_error(rq, 400, "%s", too_big);
		return -1;
	}
	return 0;
}

static int check_content(struct req *rq, const struct draft *d)
{
	int destinations = !!d->room_id + !!d->person_id + !!d->person_email;

	if (!destinations && !d->parent_id) {
		req_error(rq, 400,
			  "Message destination could not be determined. Provide only one "
			  "destination in the roomId, toPersonEmail, or toPersonId field");
		return -1;
	}
	if (destinations > 1) {
		req_error(rq, 400,
			  "Exactly one of the destination fields must not be empty (roomId, "
			  "toPersonEmail, toPersonId)");
		return -1;
	}
	if (!d->text && !d->markdown && !d->n_files && !d->cards) {
		req_error(rq, 400, "Both text and file cannot be empty.");
		return -1;
	}
	if (d->n_files > 1) {
		req_error(rq, 400,
			  "Unable to post message to room: only one file per message is "
			  "supported.");
		return -1;
	}
	if (check_length(rq, d->text) || check_length(rq, d->markdown))
		return -1;
	return check_cards(rq, d);
}

static int find_destination(struct req *rq, struct draft *d)
{
	if (d->person_id || d->person_email) {
		d->to = person_found(rq, d->person_id, d->person_email);
		if (!d->to)
			return -1;
		/* The room itself appears with the message, not before. */
		d->room = data_room_find_direct(rq->sim, rq->caller, d->to);
	} else if (d->room_id) {
		d->room = room_for(rq, d->room_id);
		if (!d->room)
			return -1;
	}
	return 0;
}

static int find_parent(struct req *rq, struct draft *d)
{
	struct sim_id id;
	struct uuid u;

	if (!d->parent_id)
		return 0;
	if (req_id(rq, d->parent_id, "MESSAGE", "Unable to get message.", &id, &u))
		return -1;
	d->parent = g_hash_table_lookup(rq->sim->messages_by_uuid, &u);
	if (d->parent && !data_member(d->parent->room, rq->caller))
		d->parent = NULL;
	if (!d->parent || strcmp(d->parent->room->cluster, id.cluster)) {
		req_error(rq, 404, "Unable to get message.");
		return -1;
	}
	if (!d->room_id && !d->to)
		d->room = d->parent->room;
	if (d->parent->room != d->room) {
		req_error(rq, 400,
			  "Unable to post message to room: parentId must be a message "
			  "of the same room.");
		return -1;
	}
	if (d->parent->has_parent) {
		req_error(rq, 400,
			  "Unable to post message to room: parentId must be a root "
			  "message, not a reply.");
		return -1;
	}
	return 0;
}

static int check_permission(struct req *rq, const struct draft *d)
{
	const struct membership *m = d->room ? data_member(d->room, rq->caller) : NULL;

	if (d->room && (d->room->read_only || (d->room->announcement && !m->moderator))) {
		req_forbidden(rq);
		return -1;
	}
	return 0;
}

/* 0 = go on, 1 = the fetch was begun, -1 = refused. */
static int need_file(struct req *rq, const struct draft *d)
{
	const GByteArray *bytes;
	const char *type, *name;

	if (!d->n_files || rq->upload)
		return 0;
	if (!rq->fetch) {
		rq->fetch = d->file_url ? fetch_new(d->file_url) : NULL;
		if (!rq->fetch) {
			req_error(rq, 400,
				  "Unable to post message to room: files must hold one URL, "
				  "and this offline simulator fetches only http URLs of "
				  "loopback addresses.");
			return -1;
		}
		rq->stage = STAGE_FETCH;
		return 1;
	}
	if (!fetch_result(rq->fetch, &bytes, &type, &name)) {
		req_error(rq, 400,
			  "Unable to post message to room: the file could not be "
			  "fetched from its URL.");
		return -1;
	}
	return 0;
}

static void set_mentions(struct message *msg, struct rendered *r)
{
	if (msg->mentioned)
		g_ptr_array_free(msg->mentioned, TRUE);
	msg->mentioned = r->mentioned;
	msg->mention_all = r->mention_all;
}

/* Takes over `r` when there is markdown; text given by the author wins over the rendered. */
static void set_content(struct message *msg, const char *text, bool has_markdown,
			struct rendered *r)
{
	char *new_text = text ? g_strdup(text) : NULL;

	g_free(msg->text);
	g_free(msg->markdown);
	g_free(msg->html);
	msg->markdown = msg->html = NULL;
	set_mentions(msg, r);
	if (has_markdown) {
		msg->markdown = r->markdown;
		msg->html = r->html;
		if (new_text)
			g_free(r->text);
		else
			new_text = r->text;
	}
	msg->text = new_text;
}

static void rendered_free(struct rendered *r)
{
	g_free(r->markdown);
	g_free(r->html);
	g_free(r->text);
	if (r->mentioned)
		g_ptr_array_free(r->mentioned, TRUE);
}

/* -1 after a 400 when the html of the markdown grew too large. */
static int render(struct req *rq, const char *markdown, struct rendered *ret_rendered)
{
	memset(ret_rendered, 0, sizeof(*ret_rendered));
	if (!markdown)
		return 0;
	markdown_render(rq->sim, markdown, ret_rendered);
	if (strlen(ret_rendered->html) <= CIPHER_MAX)
		return 0;
	rendered_free(ret_rendered);
	req_error(rq, 400, "%s", too_long);
	return -1;
}

static void attach_file(struct req *rq, struct message *msg)
{
	struct content *c;

	if (rq->upload) {
		c = data_content_add(msg, not_empty(rq->upload->filename), rq->upload->type,
				     upload_take(rq->upload));
	} else {
		const GByteArray *bytes;
		const char *type, *name;

		if (!rq->fetch || !fetch_result(rq->fetch, &bytes, &type, &name))
			return;
		c = data_content_add(msg, name, type, blob_from(bytes->data, bytes->len));
	}
	if (rq->sim->sw.scan_seconds > 0) {
		c->scan = SCAN_BUSY;
		c->scan_until = wall_ms() + rq->sim->sw.scan_seconds * 1000LL;
	}
}

static struct message *store(struct req *rq, struct draft *d, struct rendered *r)
{
	struct message *msg;
	char *raw;

	if (!d->room)
		d->room = data_room_direct(rq->sim, rq->caller, d->to, data_now(rq->sim));
	msg = data_message_add(rq->sim, d->room, rq->caller, 0);
	set_content(msg, d->text, d->markdown != NULL, r);
	if (d->parent) {
		msg->has_parent = true;
		msg->parent = d->parent->uuid;
	}
	if (d->n_files)
		attach_file(rq, msg);
	if (d->cards) {
		raw = cJSON_PrintUnformatted(d->cards);
		msg->attachments = g_strdup(raw);
		cJSON_free(raw);
	}
	rq->caller->activity = msg->created;
	return msg;
}

static void fire(struct req *rq, const char *what, const struct message *msg)
{
	struct event ev = {"messages", what, .actor = rq->caller, .room = msg->room,
			   .msg = msg};

	hooks_fire(rq, &ev);
}

void messages_create(struct req *rq)
{
	struct draft d = {0};
	struct rendered r;
	struct message *msg;
	GString *out;

	if (rq->multipart ? draft_from_form(rq, &d) : draft_from_json(rq, &d))
		return;
	if (check_content(rq, &d) || find_destination(rq, &d) || find_parent(rq, &d) ||
	    check_permission(rq, &d) || need_file(rq, &d) || render(rq, d.markdown, &r))
		return;
	msg = store(rq, &d, &r);
	out = req_ok(rq);
	jw_message(rq, out, msg);
	if (d.person_id || d.person_email) {
		g_string_truncate(out, out->len - 1);
		if (d.person_id)
			jw_person_id(out, "toPersonId", d.to);
		jw_str(out, "toPersonEmail", d.person_email);
		jw_close(out, '}');
	}
	fire(rq, "created", msg);
}

static int check_edit(struct req *rq, const struct message *msg, const cJSON *body)
{
	const char *room_id = jr_str(body, "roomId");
	const struct membership *m = data_member(msg->room, rq->caller);
	struct room *room;

	if (!room_id || !*room_id) {
		req_error(rq, 400, "roomId cannot be null");
		return -1;
	}
	room = room_for(rq, room_id);
	if (!room)
		return -1;
	if (room != msg->room) {
		req_error(rq, 404, "Unable to get message.");
		return -1;
	}
	if (msg->author != rq->caller || room->read_only ||
	    (room->announcement && !m->moderator)) {
		req_forbidden(rq);
		return -1;
	}
	if (jr_str(body, "html") && jr_str(body, "markdown")) {
		req_error(rq, 400, "html and markdown cannot be combined.");
		return -1;
	}
	if (msg->files || msg->attachments || jr_get(body, "files") ||
	    jr_get(body, "attachments")) {
		req_error(rq, 400, "Messages with files or attachments cannot be edited.");
		return -1;
	}
	if (msg->edits >= EDITS_MAX) {
		req_error(rq, 400, "The message has been edited the maximum number of times.");
		return -1;
	}
	return 0;
}

void messages_update(struct req *rq)
{
	struct message *msg = message_for(rq, rq->arg, "Unable to get message.");
	cJSON *body = msg ? req_json(rq) : NULL;
	const char *text, *markdown;
	struct rendered r;

	if (!body || check_edit(rq, msg, body))
		return;
	text = not_empty(jr_str(body, "text"));
	markdown = not_empty(jr_str(body, "markdown"));
	if (!text && !markdown) {
		req_error(rq, 400, "Both text and file cannot be empty.");
		return;
	}
	if (check_length(rq, text) || check_length(rq, markdown) || render(rq, markdown, &r))
		return;
	set_content(msg, text, markdown != NULL, &r);
	msg->updated = MAX(data_now(rq->sim), msg->created + 1);
	msg->edits++;
	if (rq->sim->sw.activity_on_edit && msg->updated > msg->room->activity)
		msg->room->activity = msg->updated;
	jw_message(rq, req_ok(rq), msg);
	fire(rq, "updated", msg);
}

void messages_delete(struct req *rq)
{
	struct message *msg = message_for(rq, rq->arg, "Unable to delete message.");
	const struct membership *m;

	if (!msg)
		return;
	m = data_member(msg->room, rq->caller);
	if (msg->author != rq->caller && !is_admin(rq) && !rq->caller->officer &&
	    !(msg->room->locked && m && m->moderator)) {
		req_forbidden(rq);
		return;
	}
	fire(rq, "deleted", msg);
	data_message_delete(rq->sim, msg);
	req_no_content(rq);
}
