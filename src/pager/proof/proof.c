/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "pager/proof/internal.h"
#include "store/doubts.h"

/* So many GETs may be under way at once. */
#define AT_ONCE 4
/* The second list of spaces comes no sooner after the doubt than this, since it must not be of
 * the same moment. */
#define LIST_MS 2000

struct asker {
	proof_told fn;
	void *arg;
};

static const struct pager_config *config_of(const struct proof *p)
{
	return pager_get_config(p->pager);
}

int64_t proof_now(const struct proof *p)
{
	return clock_mono(config_of(p)->clock);
}

static void thing_free(void *data)
{
	struct thing *t = data;

	g_array_unref(t->askers);
	g_free(t->id);
	g_free(t);
}

struct proof *proof_new(struct pager *pager)
{
	struct proof *p = g_new0(struct proof, 1);

	p->pager = pager;
	p->things = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, thing_free);
	for (int i = 0; i < PROOF_TURNS; i++)
		p->turns[i] = INT64_MIN / 2;
	proof_pages_init(p);
	proof_members_init(p);
	return p;
}

void proof_free(struct proof **p)
{
	if (!*p)
		return;
	proof_pages_free(*p);
	proof_members_free(*p);
	g_hash_table_unref((*p)->things);
	g_free(*p);
	*p = NULL;
}

/* ---- verdicts ---- */

void proof_tell(struct thing *t, enum proof_verdict verdict)
{
	g_autoptr(GArray) askers = t->askers;

	t->askers = g_array_new(FALSE, FALSE, sizeof(struct asker));
	for (guint i = 0; i < askers->len; i++) {
		const struct asker *a = &g_array_index(askers, struct asker, i);

		a->fn(a->arg, verdict);
	}
}

void proof_drop(struct thing *t, enum proof_verdict verdict)
{
	struct proof *p = t->proof;

	g_hash_table_steal(p->things, &t->row);
	proof_tell(t, verdict);
	thing_free(t);
}

/* Gives the verdict and keeps the thing; the next doubt of it has to wait. */
void proof_clear(struct thing *t, enum proof_verdict verdict)
{
	t->state = CLEARED;
	t->tried = false;
	t->was_there = verdict == PROOF_THERE;
	proof_rest(t->proof, &t->pace);
	proof_tell(t, verdict);
}

/* The question failed: tries again later. */
static void put_off(struct thing *t)
{
	if (!proof_later(t->proof, &t->pace)) {
		t->state = CLEARED;
		t->pace.tries = 0;
	}
	proof_tell(t, PROOF_OPEN);
}

/* ---- doubts ---- */

static struct thing *find(const struct proof *p, int64_t row)
{
	return g_hash_table_lookup(p->things, &row);
}

bool proof_was_there(const struct proof *p, int64_t row)
{
	const struct thing *t = find(p, row);

	return t && t->was_there && t->state == CLEARED && t->pace.next_ms > proof_now(p);
}

bool proof_is_offline(const struct proof *p, int64_t row)
{
	const struct thing *t = find(p, row);

	return t && t->is_offline;
}

static int64_t created_ms(const struct proof *p, int64_t message)
{
	struct store_conn *conn;
	int64_t ms = -1;

	if (store_read_begin(config_of(p)->store, &conn))
		return -1;
	(void)store_message_created(conn, message, &ms);
	store_read_end(conn);
	return ms;
}

static struct thing *make(struct proof *p, enum proof_kind kind, int64_t row, int64_t room)
{
	struct thing *t = g_new0(struct thing, 1);

	t->proof = p;
	t->kind = kind;
	t->row = row;
	t->room = room;
	t->created_ms = kind == PROOF_MESSAGE ? created_ms(p, row) : -1;
	t->askers = g_array_new(FALSE, FALSE, sizeof(struct asker));
	t->doubted_ms = t->pace.next_ms = proof_now(p);
	g_hash_table_insert(p->things, &t->row, t);
	return t;
}

void proof_doubt(struct proof *p, enum proof_kind kind, int64_t row, int64_t room)
{
	struct thing *t = find(p, row);

	if (p->is_stopped)
		return;
	if (t && t->is_offline && t->state != ASKING) {
		/* Something came, so the network works again. */
		t->pace = (struct proof_pace){.next_ms = proof_now(p)};
		t->is_offline = false;
	}
	if (!t && g_hash_table_size(p->things) < PROOF_MAX) {
		(void)make(p, kind, row, room);
	} else if (t && t->state == CLEARED) {
		/* It is asked for when its time comes. */
		t->state = DOUBTED;
		t->doubted_ms = proof_now(p);
	}
}

int proof_room_vanished(struct proof *p, int64_t room)
{
	const struct pager_config *c = config_of(p);

	if (store_room_is_pinned(c->store, room, clock_wall(c->clock)))
		return -EAGAIN;
	proof_doubt_room(p, room);
	proof_pump(p);
	return -EBUSY;
}

void proof_doubt_message(struct proof *p, int64_t room, int64_t message)
{
	proof_doubt(p, PROOF_MESSAGE, message, room);
	proof_pump(p);
}

void proof_ask(struct pager *pager, enum proof_kind kind, int64_t row, bool tried,
	       proof_told fn, void *arg)
{
	struct proof *p = pager_proof(pager);
	struct asker a = {.fn = fn, .arg = arg};
	struct thing *t = find(p, row);

	if (p->is_stopped) {
		fn(arg, PROOF_OPEN);
		return;
	}
	if (!t)
		t = make(p, kind, row, 0);
	t->tried |= tried;
	g_array_append_val(t->askers, a);
	if (t->state != ASKING) {
		t->state = DOUBTED;
		t->pace.next_ms = t->doubted_ms = proof_now(p);
	}
	proof_pump(p);
}

/* ---- asking ---- */

/* Reads what the store has of the thing: its id (owned; NULL: it is gone), its space, and
 * whether the lists there are filtered for us. */
static int load(struct thing *t, char **ret_id, bool *ret_filtered)
{
	const struct pager_config *c = config_of(t->proof);
	struct store_message message = {0};
	struct store_member member = {0};
	struct store_room room = {0};
	struct store_conn *conn;
	int r = store_read_begin(c->store, &conn);

	*ret_filtered = false;
	if (r)
		return r;
	if (t->kind == PROOF_WEBHOOK) {
		store_read_end(conn);
		return proof_load_webhook(t, ret_id);
	}
	if (t->kind == PROOF_MESSAGE && (r = store_message_get(conn, t->row, &message)) == 0) {
		t->room = message.room;
		t->updated_ms = message.m.updated_ms;
		*ret_id = message.deleted ? NULL : g_steal_pointer(&message.m.id);
	} else if (t->kind == PROOF_MEMBER &&
		   (r = store_member_get(conn, t->row, &member)) == 0) {
		t->room = member.room;
		*ret_id = member.gone ? NULL : g_steal_pointer(&member.m.id);
	} else if (proof_is_room(t->kind)) {
		t->room = t->row;
	}
	if (r == 0 && (r = store_room_get(conn, t->room, &room)) == 0) {
		*ret_filtered = t->kind == PROOF_MESSAGE && c->is_bot &&
				room.room.type == WEBEX_ROOM_GROUP;
		t->type = room.room.type;
		if (proof_is_room(t->kind))
			*ret_id = g_steal_pointer(&room.room.id);
		if (room.gone)
			g_clear_pointer(ret_id, g_free);
	}
	store_message_clear(&message);
	store_member_clear(&member);
	store_room_clear(&room);
	store_read_end(conn);
	return r == -ENOENT ? 0 : r;
}

static void on_answer(void *arg, struct webex_reply *reply);

static void submit(struct thing *t, const char *id)
{
	struct webex_client *client = config_of(t->proof)->client;
	const struct webex_place *place = webex_place(t->type);

	t->generation = proof_generation(t);
	t->state = ASKING;
	t->proof->asking++;
	g_free(t->id);
	t->id = g_strdup(id);
	switch (t->kind) {
	case PROOF_ROOM:
	case PROOF_TEAM:
		t->call = place->get(client, id, on_answer, t);
		break;
	case PROOF_MESSAGE:
		t->call = webex_get_message(client, id, on_answer, t);
		break;
	case PROOF_MEMBER:
		t->call = place->get_member(client, id, on_answer, t);
		break;
	case PROOF_WEBHOOK:
		t->call = webex_get_webhook(client, id, on_answer, t);
		break;
	}
}

static void ask(struct thing *t)
{
	_cleanup_gfree_ char *id = NULL;
	bool is_filtered;

	if (load(t, &id, &is_filtered))
		put_off(t);
	else if (!id)
		proof_drop(t, PROOF_GONE);
	else if (is_filtered)
		/* No answer would prove anything. */
		proof_drop(t, PROOF_OPEN);
	else
		submit(t, id);
}

/* ---- answers ---- */

static int keep_message(const struct thing *t, const struct webex_message *m,
			GPtrArray *changes)
{
	struct store *s = config_of(t->proof)->store;

	return proof_is_untouched(t) ? store_believe_message(s, t->room, m, changes)
				     : store_apply_message(s, t->room, m, 0, NULL, changes);
}

static void is_there(struct thing *t, struct webex_reply *reply)
{
	const struct pager_config *c = config_of(t->proof);
	GPtrArray *changes = store_changes_new();
	int r;

	if (t->kind == PROOF_MESSAGE)
		r = keep_message(t, reply->items->pdata[0], changes);
	else if (!proof_is_untouched(t))
		/* It is there; what the answer says of it may be what it was before. */
		r = 0;
	else if (proof_is_room(t->kind))
		r = store_apply_room(c->store, reply->items->pdata[0], 0, NULL, changes);
	else if (t->kind == PROOF_WEBHOOK)
		r = proof_keep_webhook(t, reply, changes);
	else
		r = store_apply_members(c->store, t->room, reply->items, NULL,
					clock_wall(c->clock), changes);
	pager_published(t->proof->pager, r, changes);
	proof_clear(t, PROOF_THERE);
}

static bool is_live(const struct thing *t)
{
	struct store_message message = {.deleted = true};
	struct store_member member = {.gone = true};
	struct store_conn *conn;
	bool is;

	if (t->kind == PROOF_WEBHOOK)
		return proof_is_webhook_live(t);
	if (store_read_begin(config_of(t->proof)->store, &conn))
		return true;
	if (t->kind == PROOF_MESSAGE)
		(void)store_message_get(conn, t->row, &message);
	else
		(void)store_member_get(conn, t->row, &member);
	is = t->kind == PROOF_MESSAGE ? !message.deleted : !member.gone;
	store_message_clear(&message);
	store_member_clear(&member);
	store_read_end(conn);
	return is;
}

/* It was made here a moment ago, and perhaps not every machine of the service knows it yet.
 * From now on a list without it makes it missing. */
static void unpin(const struct thing *t)
{
	struct store *s = config_of(t->proof)->store;

	if (t->kind == PROOF_MESSAGE)
		store_unpin_message(s, t->row);
	else if (t->kind == PROOF_WEBHOOK)
		proof_unpin_webhook(t);
	else
		store_pin_member(s, t->row, 0);
}

/* Forgets a message or a membership: its GET is the proof, unless it has a pin. */
static void forget(struct thing *t)
{
	const struct pager_config *c = config_of(t->proof);
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int64_t now_wall_ms = t->tried ? G_MAXINT64 : clock_wall(c->clock);
	GPtrArray *changes = store_changes_new();
	int r;

	g_array_append_val(rows, t->row);
	if (t->kind == PROOF_MESSAGE)
		r = store_remove_messages(c->store, rows, now_wall_ms, changes);
	else if (t->kind == PROOF_WEBHOOK)
		r = proof_forget_webhook(t, now_wall_ms, changes);
	else
		r = store_remove_members(c->store, rows, now_wall_ms, changes);
	pager_published(t->proof->pager, r, changes);
	if (r < 0 || is_live(t)) {
		unpin(t);
		t->state = DOUBTED;
		put_off(t);
		return;
	}
	if (t->kind == PROOF_MEMBER)
		proof_member_gone(t->proof, t->room, t->row);
	proof_drop(t, PROOF_GONE);
}

static void is_missing(struct thing *t)
{
	int64_t now = proof_now(t->proof);

	if (!proof_is_room(t->kind)) {
		forget(t);
		return;
	}
	t->state = LISTING;
	t->gone_ms = now;
	t->pace.wait_ms = t->pace.tries = 0;
	t->pace.next_ms = t->askers->len ? now : MAX(now, t->doubted_ms + LIST_MS);
}

static void on_answer(void *arg, struct webex_reply *reply)
{
	struct thing *t = arg;
	struct proof *p = t->proof;

	t->call = 0;
	p->asking--;
	if (p->is_stopped)
		return;
	server_heard(pager_server(p->pager), reply);
	switch (proof_read_answer(t, reply)) {
	case PROOF_GONE:
		is_missing(t);
		break;
	case PROOF_THERE:
		is_there(t, reply);
		break;
	case PROOF_OPEN:
		t->state = DOUBTED;
		t->is_offline = reply->is_network;
		put_off(t);
	}
	proof_pump(p);
}

/* ---- the pump ---- */

static void on_timer(void *arg)
{
	struct proof *p = arg;

	p->timer = 0;
	proof_pump(p);
}

static void set_timer(struct proof *p, int64_t at_ms)
{
	if (p->timer)
		work_cancel(config_of(p)->queue, p->timer);
	p->timer =
		at_ms == INT64_MAX ? 0 : work_post_at(config_of(p)->queue, at_ms, on_timer, p);
}

/* All spaces and teams are one group, and the things of each space are one. */
static int64_t group_of(const struct thing *t)
{
	return proof_is_room(t->kind) ? 0 : t->room;
}

/* Orders by group, so that a group with many things does not hold up the others, and within a
 * group by waiting time. */
static bool is_before(const struct proof *p, const struct thing *a, const struct thing *b)
{
	int64_t x = group_of(a), y = group_of(b);

	if (!a->askers->len != !b->askers->len)
		return a->askers->len > 0;
	if (x == y)
		return a->doubted_ms < b->doubted_ms;
	if ((x <= p->group) != (y <= p->group))
		return y <= p->group;
	return x < y;
}

/* The thing whose turn it is; NULL: none is due. */
static struct thing *next_due(struct proof *p)
{
	int64_t now = proof_now(p);
	struct thing *first = NULL;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, p->things);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct thing *t = value;

		if (t->state == CLEARED && now - t->pace.next_ms > PROOF_FORGET_MS)
			g_hash_table_iter_remove(&iter);
		else if (t->state == DOUBTED && t->pace.next_ms <= now &&
			 (!first || is_before(p, t, first)))
			first = t;
	}
	return first;
}

/* When there is something to do next, mono. */
static int64_t next_time(const struct proof *p)
{
	int64_t turn_ms = p->turns[p->turn] + PROOF_MINUTE_MS;
	int64_t next_ms = MIN(proof_list_next_ms(p->pages), proof_list_next_ms(p->members));
	GHashTableIter iter;
	gpointer value;

	next_ms = MIN(next_ms, proof_rooms_next_ms(p));
	g_hash_table_iter_init(&iter, p->things);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct thing *t = value;

		if (t->state == LISTING || (t->state == DOUBTED && p->asking < AT_ONCE))
			next_ms = MIN(next_ms, t->pace.next_ms);
	}
	return next_ms == INT64_MAX ? next_ms : MAX(next_ms, turn_ms);
}

static bool ask_next(struct proof *p)
{
	struct thing *t = next_due(p);

	if (!t || (!t->askers->len && (p->asking >= AT_ONCE || !proof_take_turn(p))))
		return false;
	if (!t->askers->len)
		p->group = group_of(t);
	ask(t);
	return true;
}

/* Makes one request. The kinds take turns, so that none waits until all of another kind are
 * done. */
static bool step(struct proof *p)
{
	static bool (*const kinds[])(struct proof * p) = {proof_pages_pump, proof_members_pump,
							  ask_next};

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		size_t kind = ((size_t)p->kind + i) % G_N_ELEMENTS(kinds);

		if (!kinds[kind](p))
			continue;
		p->kind = (int)kind + 1;
		return true;
	}
	return false;
}

void proof_pump(struct proof *p)
{
	if (p->is_stopped || p->is_pumping)
		return;
	p->is_pumping = true;
	proof_rooms_pump(p);
	while (step(p))
		;
	set_timer(p, next_time(p));
	p->is_pumping = false;
}

void proof_tick(struct proof *p)
{
	proof_pump(p);
}

bool proof_is_quiet(const struct proof *p)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, p->things);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((struct thing *)value)->state != CLEARED)
			return false;
	return proof_list_is_quiet(p->pages) && proof_list_is_quiet(p->members);
}

void proof_stop(struct proof *p)
{
	GHashTableIter iter;
	gpointer value;

	p->is_stopped = true;
	if (p->timer)
		work_cancel(config_of(p)->queue, p->timer);
	p->timer = 0;
	proof_pages_stop(p);
	g_hash_table_iter_init(&iter, p->things);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct thing *t = value;

		if (t->call)
			webex_cancel(config_of(p)->client, t->call);
		/* Nothing is asked any more. */
		proof_tell(t, PROOF_OPEN);
	}
}
