/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <string.h>

#include "dice.h"
#include "fake_time.h"
#include "webex/id.h"

#define MONTH_MS (INT64_C(30) * 86400000)
/* Ticks of 100 ns from 1582 to 1970. */
#define UUID_EPOCH UINT64_C(0x01b21dd213814000)

struct model model;

static void version_free(void *p)
{
	struct version *v = p;

	g_free(v->text);
	g_free(v->markdown);
	g_free(v);
}

static void truth_free(void *p)
{
	struct truth *t = p;

	g_ptr_array_unref(t->versions);
	g_free(t->id);
	g_free(t->parent_id);
	g_free(t);
}

static void member_free(void *p)
{
	struct model_member *m = p;

	g_free(m->id);
	g_free(m);
}

static void room_free(void *p)
{
	struct model_room *r = p;

	g_ptr_array_unref(r->messages);
	g_ptr_array_unref(r->members);
	g_free(r->id);
	g_free(r->title);
	g_free(r);
}

/* A version 1 UUID of that time. */
static char *new_id(const char *type, int64_t ms, uint64_t tick)
{
	uint64_t t = (uint64_t)ms * 10000 + UUID_EPOCH + tick, node = ++model.ids;
	char *uuid = g_strdup_printf("%08x-%04x-%04x-9a2b-%012" G_GINT64_MODIFIER "x",
				     (guint)(t & 0xffffffff), (guint)(t >> 32 & 0xffff),
				     (guint)(t >> 48 & 0xfff) | 0x1000, node);
	char *id = webex_id_encode("us", type, uuid);

	g_free(uuid);
	return id;
}

void model_start(void)
{
	model = (struct model){
		.rooms = g_ptr_array_new_with_free_func(room_free),
		.by_id = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, truth_free),
		.scrambled = dice_percent(30),
		.activity_falls = dice_percent(50),
		.hidden_percent = dice_percent(30) ? 30 : 0,
		.broken_percent = dice_percent(20) ? 10 : 0,
	};
	model.is_bot = dice_percent(12);
	if (model.is_bot)
		model.hidden_percent = 40;
	for (int i = 0; i < PEOPLE; i++) {
		model.person_ids[i] = new_id("PEOPLE", INT64_C(1600000000000) + i, 0);
		model.emails[i] = g_strdup_printf("p%d@example.com", i);
	}
}

void model_stop(void)
{
	g_hash_table_unref(model.by_id);
	g_ptr_array_unref(model.rooms);
	for (int i = 0; i < PEOPLE; i++) {
		g_free(model.person_ids[i]);
		g_free(model.emails[i]);
	}
}

/* ---- messages ---- */

static void add_version(struct truth *t, int64_t updated_ms, const char *text)
{
	struct version *v = g_new0(struct version, 1);

	v->at_ms = time_server();
	v->updated_ms = updated_ms;
	v->text = g_strdup(text);
	if (t->author == ME ? false : dice_percent(10))
		v->markdown = g_strdup_printf("**%s**", text);
	g_ptr_array_add(t->versions, v);
}

static gint compare(gconstpointer a, gconstpointer b)
{
	const struct truth *x = *(const struct truth *const *)a;
	const struct truth *y = *(const struct truth *const *)b;

	if (x->created_ms != y->created_ms)
		return x->created_ms < y->created_ms ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static struct truth *add(struct model_room *room, int author, int64_t created_ms,
			 const char *text)
{
	struct truth *t = g_new0(struct truth, 1);
	uint64_t tick = (uint64_t)dice(9999);

	t->room = room;
	t->author = author;
	t->created_ms = created_ms;
	t->id = new_id("MESSAGE", created_ms, tick);
	t->order = model.scrambled ? (uint64_t)dice(1 << 20) : tick << 20 | model.ids;
	t->versions = g_ptr_array_new_with_free_func(version_free);
	t->deleted_ms = -1;
	t->hidden = dice_percent(model.hidden_percent);
	t->broken = !t->hidden && dice_percent(model.broken_percent);
	add_version(t, -1, text);
	g_ptr_array_add(room->messages, t);
	g_hash_table_insert(model.by_id, t->id, t);
	return t;
}

/* A third of them are replies, to the message before them or some other one. No dice: what a seed does
 * does not depend on it. */
static void choose_root(struct truth *t, guint place)
{
	guint any = (guint)(t->created_ms % 1009), back = any % 2 ? 1 : any % (place + 1);
	const struct truth *root;

	if (any % 3 || !back || back > place)
		return;
	root = t->room->messages->pdata[place - back];
	t->parent_id = g_strdup(root->parent_id ? root->parent_id : root->id);
}

/* The past: in bursts, some of them within one millisecond. */
static void add_past(struct model_room *room, int messages)
{
	int64_t span = time_server() - 1000 - room->created_ms;

	for (int n = 0; n < messages;) {
		int64_t at = room->created_ms + 1 + dice(span);
		int ties = 0;

		for (int burst = (int)dice_between(1, 6); burst > 0 && n < messages;
		     burst--, n++) {
			char *text = g_strdup_printf("past %d", n);

			add(room, (int)dice(PEOPLE), MIN(at, time_server() - 1), text);
			g_free(text);
			ties++;
			if (ties >= model.ties_max || dice_percent(60)) {
				at += dice_between(1, 60000);
				ties = 0;
			}
		}
	}
	g_ptr_array_sort(room->messages, compare);
	for (guint i = 0; i < room->messages->len; i++)
		choose_root(room->messages->pdata[i], i);
}

static int ties_of(const struct model_room *room, int64_t at)
{
	int n = 0;

	for (guint i = room->messages->len; i-- > 0;) {
		const struct truth *t = room->messages->pdata[i];

		if (t->created_ms != at)
			break;
		n++;
	}
	return n;
}

struct truth *model_post(struct model_room *room, int author, const char *text)
{
	struct truth *t;
	int64_t at = MAX(time_server(), room->listed_ms + 1);
	const struct truth *last =
		room->messages->len ? room->messages->pdata[room->messages->len - 1] : NULL;

	if (last)
		at = MAX(at, last->created_ms);
	if (ties_of(room, at) >= model.ties_max)
		at++;
	t = add(room, author, at, text);
	if (author != ME)
		choose_root(t, room->messages->len - 1);
	g_ptr_array_sort(room->messages, compare);
	/* What is told in the answer to a post is told. */
	if (author == ME) {
		t->hidden = model.is_bot && room->type == WEBEX_ROOM_GROUP;
		t->broken = false;
		room->listed_ms = MAX(room->listed_ms, at);
	}
	return t;
}

void model_edit(struct truth *t, const char *text)
{
	add_version(t, MAX(time_server(), MAX(t->created_ms, truth_now(t)->updated_ms) + 1),
		    text);
}

void model_delete(struct truth *t)
{
	t->deleted_ms = time_server();
}

bool truth_is_live(const struct truth *t)
{
	return t->deleted_ms < 0 && !t->hidden;
}

const struct version *truth_now(const struct truth *t)
{
	return t->versions->pdata[t->versions->len - 1];
}

struct webex_message *truth_message_of(const struct truth *t, const struct version *v)
{
	struct webex_message *m = g_new0(struct webex_message, 1);

	m->id = g_strdup(t->id);
	m->room_id = g_strdup(t->room->id);
	m->room_type = t->room->type;
	m->parent_id = g_strdup(t->parent_id);
	m->text = g_strdup(v->text);
	m->markdown = g_strdup(v->markdown);
	m->person_id = g_strdup(model.person_ids[t->author]);
	m->person_email = g_strdup(model.emails[t->author]);
	m->created_ms = t->created_ms;
	m->updated_ms = v->updated_ms;
	return m;
}

struct webex_message *truth_message(const struct truth *t)
{
	return truth_message_of(t, truth_now(t));
}

struct truth *model_any_message(struct model_room *room)
{
	for (int tries = 0; room->messages->len && tries < 20; tries++) {
		/* The newer the likelier. */
		guint from = room->messages->len;
		guint back = (guint)dice((int64_t)(dice_percent(50) ? MIN(from, 5u) : from));
		struct truth *t = room->messages->pdata[from - 1 - back];

		if (truth_is_live(t))
			return t;
	}
	return NULL;
}

/* ---- spaces ---- */

static char *any_title(void)
{
	static const char *const titles[] = {"Ops",   "ops", "A/B",	".hidden",  "",
					     "Lunch", "-x",  "Lunch  ", "Caf\u00e9"};

	return g_strdup(titles[dice(G_N_ELEMENTS(titles))]);
}

static void add_member(struct model_room *room, int person)
{
	struct model_member *m = g_new0(struct model_member, 1);

	m->id = new_id("MEMBERSHIP", time_server(), (uint64_t)person);
	m->person = person;
	m->created_ms = time_server();
	g_ptr_array_add(room->members, m);
}

struct model_room *model_add_room(enum webex_room_type type, int messages, int months)
{
	struct model_room *r = g_new0(struct model_room, 1);

	r->type = type;
	r->created_ms = time_server() - months * MONTH_MS - dice(MONTH_MS) - 2000;
	r->id = new_id("ROOM", r->created_ms, 0);
	r->title = any_title();
	r->messages = g_ptr_array_new();
	r->members = g_ptr_array_new_with_free_func(member_free);
	add_member(r, ME);
	add_member(r, 1);
	add_past(r, messages);
	g_ptr_array_add(model.rooms, r);
	return r;
}

void model_rename(struct model_room *room)
{
	g_free(room->title);
	room->title = any_title();
}

void model_leave(struct model_room *room)
{
	room->left = true;
}

void model_invite(struct model_room *room)
{
	for (int i = 0; i < PEOPLE; i++) {
		bool found = false;

		for (guint k = 0; k < room->members->len; k++)
			found |= ((struct model_member *)room->members->pdata[k])->person == i;
		if (!found) {
			add_member(room, i);
			return;
		}
	}
}

void model_expel(struct model_room *room)
{
	if (room->members->len > 1)
		g_ptr_array_remove_index(room->members,
					 (guint)dice_between(1, room->members->len - 1));
}

struct model_room *model_any_room(void)
{
	for (int tries = 0; model.rooms->len && tries < 20; tries++) {
		struct model_room *r = model.rooms->pdata[dice(model.rooms->len)];

		if (!r->left)
			return r;
	}
	return NULL;
}

struct model_room *model_room_by_id(const char *id)
{
	for (guint i = 0; i < model.rooms->len; i++) {
		struct model_room *r = model.rooms->pdata[i];

		if (strcmp(r->id, id) == 0)
			return r;
	}
	return NULL;
}

int64_t model_activity(const struct model_room *room)
{
	for (guint i = room->messages->len; i-- > 0;) {
		const struct truth *t = room->messages->pdata[i];

		if (t->deleted_ms < 0 || !model.activity_falls)
			return t->created_ms;
	}
	return room->created_ms;
}

struct webex_room *model_webex_room(const struct model_room *room)
{
	struct webex_room *r = g_new0(struct webex_room, 1);

	r->id = g_strdup(room->id);
	r->title = g_strdup(room->title);
	r->type = room->type;
	r->created_ms = room->created_ms;
	r->last_activity_ms = model_activity(room);
	return r;
}

struct webex_membership *model_webex_member(const struct model_room *room,
					    const struct model_member *m)
{
	struct webex_membership *w = g_new0(struct webex_membership, 1);

	w->id = g_strdup(m->id);
	w->room_id = g_strdup(room->id);
	w->person_id = g_strdup(model.person_ids[m->person]);
	w->person_email = g_strdup(model.emails[m->person]);
	w->person_display_name = g_strdup_printf("Person %d", m->person);
	w->is_moderator = m->is_moderator;
	w->room_type = room->type;
	w->created_ms = m->created_ms;
	return w;
}
