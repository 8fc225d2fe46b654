/* SPDX-License-Identifier: MIT */
#include "state.h"

#include "json_util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- out ---- */

static void put_uuid(GString *out, const char *key, const struct uuid *uuid)
{
	char text[UUID_TEXT];

	uuid_format(uuid, text);
	jw_str(out, key, text);
}

static void put_room(GString *out, const struct room *room)
{
	jw_open(out, NULL, '{');
	put_uuid(out, "room", &room->uuid);
	jw_str(out, "title", room->title);
	jw_str(out, "description", room->description);
	jw_str(out, "cluster", room->cluster);
	jw_str(out, "creator", room->creator->email);
	jw_bool(out, "direct", room->direct);
	jw_bool(out, "locked", room->locked);
	jw_bool(out, "public", room->is_public);
	jw_bool(out, "announcement", room->announcement);
	jw_bool(out, "readOnly", room->read_only);
	jw_int(out, "created", room->created);
	jw_int(out, "activity", room->activity);
	jw_open(out, "members", '[');
	for (guint i = 0; i < room->members->len; i++) {
		const struct membership *m = room->members->pdata[i];

		jw_open(out, NULL, '{');
		jw_str(out, "person", m->person->email);
		jw_bool(out, "moderator", m->moderator);
		jw_bool(out, "hidden", m->hidden);
		jw_int(out, "created", m->created);
		jw_close(out, '}');
	}
	jw_close(out, ']');
	jw_close(out, '}');
}

static int put_blob(GString *out, const struct blob *blob)
{
	char *bytes = blob->mem;
	uint64_t done = 0;
	ssize_t n = 0;

	if (blob->fd >= 0) {
		bytes = g_malloc(blob->size);
		for (; done < blob->size; done += (uint64_t)n) {
			n = pread(blob->fd, bytes + done, blob->size - done, (off_t)done);
			if (n <= 0)
				break;
		}
	}
	jw_key(out, "data");
	g_string_append_c(out, '"');
	base64_append(out, bytes, blob->size);
	g_string_append_c(out, '"');
	if (bytes != blob->mem)
		g_free(bytes);
	return n < 0 ? -errno : blob->fd >= 0 && done < blob->size ? -EIO : 0;
}

static int put_files(GString *out, const struct message *msg)
{
	int rc = 0;

	jw_open(out, "files", '[');
	for (guint i = 0; msg->files && i < msg->files->len && !rc; i++) {
		const struct content *c = msg->files->pdata[i];

		jw_open(out, NULL, '{');
		jw_str(out, "name", c->name);
		jw_str(out, "type", c->type);
		rc = put_blob(out, &c->blob);
		jw_close(out, '}');
	}
	jw_close(out, ']');
	return rc;
}

static int put_message(GString *out, const struct message *msg)
{
	int rc;

	jw_open(out, NULL, '{');
	put_uuid(out, "message", &msg->uuid);
	jw_str(out, "author", msg->author->email);
	jw_str(out, "text", msg->text);
	jw_str(out, "markdown", msg->markdown);
	jw_str(out, "html", msg->html);
	jw_str(out, "attachments", msg->attachments);
	if (msg->has_parent)
		put_uuid(out, "parent", &msg->parent);
	jw_bool(out, "mentionAll", msg->mention_all);
	jw_int(out, "edits", msg->edits);
	jw_int(out, "updated", msg->updated);
	jw_open(out, "mentioned", '[');
	for (guint i = 0; msg->mentioned && i < msg->mentioned->len; i++)
		jw_text(out, ((struct person *)msg->mentioned->pdata[i])->email);
	jw_close(out, ']');
	rc = put_files(out, msg);
	jw_close(out, '}');
	return rc;
}

static int save_room(FILE *f, const struct room *room)
{
	GString *out = g_string_new(NULL);
	int rc = 0;

	put_room(out, room);
	for (guint i = 0; i <= room->messages->len && !rc; i++) {
		g_string_append_c(out, '\n');
		if (fwrite(out->str, 1, out->len, f) != out->len)
			rc = -errno;
		g_string_truncate(out, 0);
		if (i < room->messages->len && !rc)
			rc = put_message(out, room->messages->pdata[i]);
	}
	g_string_free(out, TRUE);
	return rc;
}

int state_save(const struct sim *sim, const char *path)
{
	char *tmp = g_strdup_printf("%s.tmp", path);
	FILE *f = fopen(tmp, "w");
	int rc = f ? 0 : -errno;

	for (guint i = 0; i < sim->rooms->len && !rc; i++) {
		const struct room *room = sim->rooms->pdata[i];

		if (!room->team)
			rc = save_room(f, room);
	}
	if (f && fclose(f) && !rc)
		rc = -errno;
	if (!rc && rename(tmp, path))
		rc = -errno;
	g_free(tmp);
	return rc;
}

/* ---- in ---- */

static struct person *get_person(struct sim *sim, const char *email)
{
	return email ? data_person_by_email(sim, email) : NULL;
}

static char *get_text(const cJSON *line, const char *key)
{
	return g_strdup(jr_str(line, key));
}

static void take_members(struct sim *sim, const cJSON *line, struct room *room)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, jr_get(line, "members"))
	{
		struct person *p = get_person(sim, jr_str(item, "person"));
		struct membership *m;

		if (!p)
			continue;
		m = data_member_add(room, p, (int64_t)jr_num(item, "created", 0));
		m->moderator = jr_bool(item, "moderator") == 1;
		m->hidden = jr_bool(item, "hidden") == 1;
	}
}

/* The other one of two; or the same, who writes to themselves. */
static struct room *take_direct(struct sim *sim, const cJSON *line)
{
	const cJSON *members = jr_get(line, "members");
	const cJSON *last = cJSON_GetArrayItem(members, cJSON_GetArraySize(members) - 1);
	struct person *a = get_person(sim, jr_str(cJSON_GetArrayItem(members, 0), "person"));
	struct person *b = get_person(sim, jr_str(last, "person"));

	return a && b ? data_room_direct(sim, a, b, (int64_t)jr_num(line, "created", 0)) : NULL;
}

static int take_room(struct sim *sim, const cJSON *line, const struct uuid *uuid,
		     struct room **ret_room)
{
	struct person *creator = get_person(sim, jr_str(line, "creator"));
	struct room *room = NULL;

	*ret_room = NULL;
	if (g_hash_table_contains(sim->rooms_by_uuid, uuid))
		return -EEXIST;
	if (jr_bool(line, "direct") == 1)
		room = take_direct(sim, line);
	else if (creator)
		room = data_room_add(sim, creator, jr_str(line, "title"), uuid_t100(uuid),
				     jr_str(line, "cluster"));
	/* Of people who are not here: with all its messages. */
	if (!room)
		return 0;
	if (!uuid_equal(&room->uuid, uuid))
		return -EBADMSG;
	room->description = get_text(line, "description");
	room->locked = jr_bool(line, "locked") == 1;
	room->is_public = jr_bool(line, "public") == 1;
	room->announcement = jr_bool(line, "announcement") == 1;
	room->read_only = jr_bool(line, "readOnly") == 1;
	room->activity = (int64_t)jr_num(line, "activity", 0);
	take_members(sim, line, room);
	*ret_room = room;
	return 0;
}

static int take_files(const cJSON *line, struct message *msg)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, jr_get(line, "files"))
	{
		const char *data = jr_str(item, "data");
		size_t len = 0;
		char *bytes = data ? base64_decode(data, &len) : NULL;
		struct blob blob = {.mem = bytes, .fd = -1, .size = len};

		if (!bytes)
			return -EBADMSG;
		data_content_add(msg, jr_str(item, "name"), jr_str(item, "type"), blob);
	}
	return 0;
}

static int take_message(struct sim *sim, const cJSON *line, const struct uuid *uuid,
			struct room *room)
{
	struct person *author = get_person(sim, jr_str(line, "author"));
	const char *parent = jr_str(line, "parent");
	int64_t activity = room->activity;
	struct message *msg;
	const cJSON *item;

	if (!author)
		return 0;
	msg = data_message_add(sim, room, author, uuid_t100(uuid));
	room->activity = activity;
	if (!uuid_equal(&msg->uuid, uuid))
		return -EBADMSG;
	msg->text = get_text(line, "text");
	msg->markdown = get_text(line, "markdown");
	msg->html = get_text(line, "html");
	msg->attachments = get_text(line, "attachments");
	msg->has_parent = parent && uuid_parse(parent, &msg->parent) == 0;
	msg->mention_all = jr_bool(line, "mentionAll") == 1;
	msg->edits = (unsigned)jr_num(line, "edits", 0);
	msg->updated = (int64_t)jr_num(line, "updated", 0);
	cJSON_ArrayForEach(item, jr_get(line, "mentioned"))
	{
		struct person *p = get_person(sim, item->valuestring);

		if (!msg->mentioned)
			msg->mentioned = g_ptr_array_new();
		if (p)
			g_ptr_array_add(msg->mentioned, p);
	}
	return take_files(line, msg);
}

static int take_line(struct sim *sim, const char *text, struct room **room)
{
	cJSON *line = cJSON_Parse(text);
	const char *is_room = jr_str(line, "room"), *is_message = jr_str(line, "message");
	struct uuid uuid;
	int rc = -EBADMSG;

	if (is_room && uuid_parse(is_room, &uuid) == 0)
		rc = take_room(sim, line, &uuid, room);
	else if (is_message && uuid_parse(is_message, &uuid) == 0)
		rc = *room ? take_message(sim, line, &uuid, *room) : 0;
	cJSON_Delete(line);
	return rc;
}

int state_load(struct sim *sim, const char *path)
{
	FILE *f = fopen(path, "r");
	struct room *room = NULL;
	char *line = NULL;
	size_t size = 0;
	int rc = 0;

	if (!f)
		return errno == ENOENT ? 0 : -errno;
	while (!rc && getline(&line, &size, f) > 0)
		rc = take_line(sim, line, &room);
	if (!rc && ferror(f))
		rc = -EIO;
	free(line);
	fclose(f);
	return rc;
}
