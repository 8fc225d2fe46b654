/* SPDX-License-Identifier: MIT */
#include "data.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static void tab_free(void *data)
{
	struct tab *tab = data;

	g_free(tab->name);
	g_free(tab->url);
	g_free(tab);
}

void data_init(struct sim *sim)
{
	sim->orgs = g_ptr_array_new();
	sim->licenses = g_ptr_array_new();
	sim->people = g_ptr_array_new();
	sim->former = g_ptr_array_new();
	sim->people_by_uuid = g_hash_table_new(uuid_hash, uuid_equal);
	sim->people_by_email = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	sim->tokens = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, token_free);
	sim->rooms = g_ptr_array_new();
	sim->rooms_by_uuid = g_hash_table_new(uuid_hash, uuid_equal);
	sim->messages_by_uuid = g_hash_table_new(uuid_hash, uuid_equal);
	sim->teams = g_ptr_array_new();
	sim->webhooks = g_ptr_array_new();
	sim->tabs = g_ptr_array_new_with_free_func(tab_free);
	sim->actions = g_ptr_array_new();
	sim->sw.range = true;
	sim->sw.author_submits = true;
	g_strlcpy(sim->sw.disposition, "star", sizeof(sim->sw.disposition));
}

static uint64_t clock_t100(struct sim *sim)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return t100_from_ms(sim->clock_offset + ts.tv_sec * 1000LL) +
	       (uint64_t)ts.tv_nsec / 100;
}

int64_t data_now(struct sim *sim)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return sim->clock_offset + ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

uint64_t data_tick(struct sim *sim)
{
	uint64_t t = clock_t100(sim);

	if (t <= sim->last_t100)
		t = sim->last_t100 + 1;
	sim->last_t100 = t;
	return t;
}

static struct room *room_new(struct sim *sim, const struct uuid *uuid, struct person *creator,
			     int64_t created, const char *cluster)
{
	struct room *room = g_new0(struct room, 1);

	room->uuid = *uuid;
	room->cluster = cluster ? g_intern_string(cluster) : "us";
	room->creator = creator;
	room->org = creator->org;
	room->created = room->activity = created;
	room->members = g_ptr_array_new();
	room->messages = g_ptr_array_new();
	room->by_person = g_hash_table_new(NULL, NULL);
	g_ptr_array_add(sim->rooms, room);
	g_hash_table_insert(sim->rooms_by_uuid, &room->uuid, room);
	return room;
}

struct room *data_room_add(struct sim *sim, struct person *creator, const char *title,
			   uint64_t t100, const char *cluster)
{
	struct uuid u;
	struct room *room;

	if (!t100)
		t100 = data_tick(sim);
	u = uuid_v1(t100, 0x1a2b);
	while (g_hash_table_contains(sim->rooms_by_uuid, &u))
		u = uuid_v1(++t100, 0x1a2b);
	room = room_new(sim, &u, creator, uuid_ms(&u), cluster);
	room->title = g_strdup(title);
	return room;
}

static struct uuid direct_uuid(struct person *a, struct person *b)
{
	char ta[UUID_TEXT], tb[UUID_TEXT], *name;
	struct uuid u;

	uuid_format(&a->uuid, ta);
	uuid_format(&b->uuid, tb);
	name = strcmp(ta, tb) < 0 ? g_strconcat(ta, ":", tb, NULL)
				  : g_strconcat(tb, ":", ta, NULL);
	u = uuid_v3(name);
	g_free(name);
	return u;
}

struct room *data_room_find_direct(struct sim *sim, struct person *a, struct person *b)
{
	struct uuid u = direct_uuid(a, b);

	return g_hash_table_lookup(sim->rooms_by_uuid, &u);
}

struct room *data_room_direct(struct sim *sim, struct person *a, struct person *b,
			      int64_t created)
{
	struct uuid u = direct_uuid(a, b);
	struct room *room = g_hash_table_lookup(sim->rooms_by_uuid, &u);

	if (room)
		return room;
	room = room_new(sim, &u, a, created, NULL);
	room->direct = true;
	data_member_add(room, a, created);
	if (a != b)
		data_member_add(room, b, created);
	return room;
}

struct person *data_room_other(const struct room *room, const struct person *me)
{
	for (guint i = 0; i < room->members->len; i++) {
		struct membership *m = room->members->pdata[i];

		if (m->person != me)
			return m->person;
	}
	return NULL;
}

struct membership *data_member(const struct room *room, const struct person *p)
{
	return g_hash_table_lookup(room->by_person, p);
}

struct membership *data_member_add(struct room *room, struct person *p, int64_t created)
{
	struct membership *m = data_member(room, p);

	if (m)
		return m;
	m = g_new0(struct membership, 1);
	m->room = room;
	m->person = p;
	m->created = created;
	g_ptr_array_add(room->members, m);
	g_ptr_array_add(p->memberships, m);
	g_hash_table_insert(room->by_person, p, m);
	return m;
}

void data_member_remove(struct membership *m)
{
	g_ptr_array_remove(m->room->members, m);
	g_ptr_array_remove(m->person->memberships, m);
	g_hash_table_remove(m->room->by_person, m->person);
	g_free(m);
}

static void message_free(struct message *msg)
{
	g_free(msg->text);
	g_free(msg->markdown);
	g_free(msg->html);
	g_free(msg->attachments);
	if (msg->mentioned)
		g_ptr_array_free(msg->mentioned, TRUE);
	if (msg->files) {
		for (guint i = 0; i < msg->files->len; i++) {
			struct content *c = msg->files->pdata[i];

			blob_free(&c->blob);
			g_free(c->name);
			g_free(c->type);
			g_free(c);
		}
		g_ptr_array_free(msg->files, TRUE);
	}
	g_free(msg);
}

void data_room_delete(struct sim *sim, struct room *room)
{
	while (room->members->len)
		data_member_remove(room->members->pdata[room->members->len - 1]);
	for (guint i = 0; i < room->messages->len; i++) {
		struct message *msg = room->messages->pdata[i];

		g_hash_table_remove(sim->messages_by_uuid, &msg->uuid);
		message_free(msg);
	}
	for (guint i = sim->tabs->len; i-- > 0;)
		if (((struct tab *)sim->tabs->pdata[i])->room == room)
			g_ptr_array_remove_index(sim->tabs, i);
	g_hash_table_remove(sim->rooms_by_uuid, &room->uuid);
	g_ptr_array_remove(sim->rooms, room);
	for (guint i = 0; i < sim->teams->len; i++) {
		struct team *team = sim->teams->pdata[i];

		if (team->general == room)
			team->general = NULL;
	}
	g_ptr_array_free(room->members, TRUE);
	g_ptr_array_free(room->messages, TRUE);
	g_hash_table_destroy(room->by_person);
	g_free(room->title);
	g_free(room->description);
	g_free(room->classification);
	g_free(room);
}

static int message_cmp(const struct message *msg, uint64_t t100, const struct uuid *uuid)
{
	uint64_t t = uuid_t100(&msg->uuid);

	if (t != t100)
		return t < t100 ? -1 : 1;
	return uuid ? memcmp(&msg->uuid, uuid, sizeof(*uuid)) : 1;
}

guint data_message_lower(const struct room *room, uint64_t t100, const struct uuid *uuid)
{
	guint lo = 0, hi = room->messages->len;

	while (lo < hi) {
		guint mid = lo + (hi - lo) / 2;

		if (message_cmp(room->messages->pdata[mid], t100, uuid) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A version 1 UUID nobody has, in the millisecond of `t100`: see design of many per ms. */
static struct uuid message_uuid(struct sim *sim, uint64_t t100)
{
	static uint64_t last, next;
	uint64_t ms = t100 / 10000;
	uint16_t seq = 0x1a2b;
	struct uuid u;

	/* A run in one millisecond starts behind the previous one instead of probing. */
	if (ms == last && next > t100)
		t100 = next;
	for (;;) {
		if (t100 / 10000 != ms) {
			t100 = ms * 10000;
			seq++;
		}
		u = uuid_v1(t100, seq);
		if (!g_hash_table_contains(sim->messages_by_uuid, &u))
			break;
		t100++;
	}
	last = ms;
	next = t100 + 1;
	if (next / 10000 != ms)
		next = ms * 10000;
	return u;
}

struct message *data_message_add(struct sim *sim, struct room *room, struct person *author,
				 uint64_t t100)
{
	struct message *msg = g_new0(struct message, 1);
	guint at;

	if (!t100) {
		t100 = data_tick(sim);
		/* Back-dated data may lie in the future; new messages are later still. */
		if (t100 <= room->last_t100)
			t100 = room->last_t100 + 1;
	}
	msg->uuid = message_uuid(sim, t100);
	t100 = uuid_t100(&msg->uuid);
	msg->room = room;
	msg->author = author;
	msg->created = uuid_ms(&msg->uuid);
	at = data_message_lower(room, t100, &msg->uuid);
	g_ptr_array_insert(room->messages, (gint)at, msg);
	g_hash_table_insert(sim->messages_by_uuid, &msg->uuid, msg);
	if (t100 > room->last_t100)
		room->last_t100 = t100;
	if (msg->created > room->activity)
		room->activity = msg->created;
	for (guint i = 0; room->direct && i < room->members->len; i++)
		((struct membership *)room->members->pdata[i])->hidden = false;
	return msg;
}

void data_message_delete(struct sim *sim, struct message *msg)
{
	struct room *room = msg->room;
	guint at = data_message_lower(room, uuid_t100(&msg->uuid), &msg->uuid);

	g_ptr_array_remove_index(room->messages, at);
	g_hash_table_remove(sim->messages_by_uuid, &msg->uuid);
	if (!sim->sw.activity_keep_on_delete && room->activity == msg->created) {
		guint n = room->messages->len;

		room->activity = n ? ((struct message *)room->messages->pdata[n - 1])->created
				   : room->created;
	}
	message_free(msg);
}

struct content *data_content_add(struct message *msg, const char *name, const char *type,
				 struct blob blob)
{
	struct content *c = g_new0(struct content, 1);

	c->blob = blob;
	c->name = g_strdup(name);
	c->type = g_strdup(type && *type ? type : "application/octet-stream");
	if (!msg->files)
		msg->files = g_ptr_array_new();
	g_ptr_array_add(msg->files, c);
	return c;
}

struct blob blob_from(const void *bytes, size_t len)
{
	struct blob blob = {.mem = g_memdup2(bytes, len), .fd = -1, .size = len};

	return blob;
}

void blob_free(struct blob *blob)
{
	g_free(blob->mem);
	blob->mem = NULL;
	if (blob->fd >= 0)
		close(blob->fd);
	blob->fd = -1;
}
