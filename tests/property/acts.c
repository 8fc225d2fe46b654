/* SPDX-License-Identifier: MIT */
#include "acts.h"

#include <errno.h>

#include "base/names.h"
#include "base/timefmt.h"
#include "caches.h"
#include "check.h"
#include "dice.h"
#include "fake_time.h"
#include "model.h"
#include "mount.h"
#include "readers.h"
#include "report.h"
#include "webex/id.h"
#include "wire.h"

#define PIN_MS 60000

static int texts;

static char *any_text(void)
{
	return g_strdup_printf("text %d%s", ++texts,
			       dice_percent(20) ? ", and more of it" : "");
}

/* ---- reading ---- */

static void on_answer(struct op *op, int error, void *arg)
{
	(void)arg;
	trace("%s %" G_GUINT64_FORMAT " %s: %d", "answer", op->ino, op->name ? op->name : "",
	      error);
	if (!error) {
		caches_learn(op);
		check_learn(op);
	}
	if (!error && op->kind == OP_READ && op->bytes->len != (gsize)op->attr.st.st_size)
		report("node %" G_GUINT64_FORMAT " has %zu bytes and says %lld", op->ino,
		       op->bytes->len, (long long)op->attr.st.st_size);
	op_free(op);
}

static void start(enum op_kind kind, uint64_t ino, const char *name)
{
	op_start(kind, ino, name, false, on_answer, NULL);
}

/* The row of a space, 0 if it is not known here. */
static int64_t row_of(const struct model_room *room)
{
	struct store_room r = {0};
	struct store_conn *conn;
	int64_t row = 0;

	if (!room)
		return 0;
	g_assert(store_read_begin(mount.store, &conn) == 0);
	if (store_room_by_id(conn, room->id, &r) == 0)
		row = r.rowid;
	store_room_clear(&r);
	store_read_end(conn);
	return row;
}

/* 0 if it is not known here. */
static int64_t row_of_message(const struct truth *t)
{
	struct store_conn *conn;
	int64_t row = 0;

	g_assert(store_read_begin(mount.store, &conn) == 0);
	if (store_message_by_id(conn, t->id, &row))
		row = 0;
	store_read_end(conn);
	return row;
}

static int64_t row_of_month(int64_t room, int64_t ms)
{
	char name[TIME_MONTH_SIZE];
	g_autofree char *key = NULL;
	struct store_conn *conn;
	int64_t row = 0;

	time_format_month(time_month(ms), name);
	key = g_strdup_printf("%" G_GINT64_FORMAT "/%s", room, name);
	g_assert(store_read_begin(mount.store, &conn) == 0);
	if (store_node_find(conn, NODE_MONTH, key, &row))
		row = 0;
	store_read_end(conn);
	return row;
}

/* Any message that there ever was, or might have been. */
static char *any_name(const struct model_room *room, int64_t *ret_ms)
{
	const struct truth *t;
	char hex[WEBEX_ID_HEX_SIZE];
	g_autofree char *stem = NULL;
	int author = (int)dice(PEOPLE);

	*ret_ms = time_server() - dice(INT64_C(86400000) * 90);
	if (room->messages->len && dice_percent(80)) {
		t = room->messages->pdata[dice(room->messages->len)];
		*ret_ms = t->created_ms;
		author = t->author;
	}
	webex_id_hex(model.person_ids[author], hex);
	stem = name_message_stem(*ret_ms, model.emails[author], hex, NULL);
	return g_strconcat(stem, dice_percent(80) ? ".txt" : ".json", NULL);
}

static void look_up(const struct model_room *room, int64_t row)
{
	int64_t ms;
	g_autofree char *name = any_name(room, &ms);
	int64_t month = row_of_month(row, ms);

	if (month && dice_percent(50))
		start(OP_LOOKUP, tree_ino(TREE_MONTH, month), name);
	else
		start(OP_LOOKUP, tree_ino(TREE_SPACE, row), name);
}

static void open_month(const struct model_room *room, int64_t row)
{
	int64_t ms = time_server() - dice(time_server() - room->created_ms + 1);
	int64_t month = row_of_month(row, ms);
	char name[TIME_MONTH_SIZE];

	time_format_month(time_month(ms), name);
	if (!month)
		start(OP_LOOKUP, tree_ino(TREE_HISTORY, row), name);
	else if (dice_percent(80))
		start(OP_LIST, tree_ino(TREE_MONTH, month), NULL);
	else
		readers_hold(tree_ino(TREE_MONTH_TRANSCRIPT, month));
}

static void read_message(struct model_room *room)
{
	const struct truth *t = model_any_message(room);
	int64_t row = t ? row_of_message(t) : 0;

	if (row)
		start(OP_READ,
		      tree_ino(dice_percent(80) ? TREE_MESSAGE_TXT : TREE_MESSAGE_JSON, row),
		      NULL);
}

static void read_something(void)
{
	struct model_room *room = model_any_room();
	int64_t row = row_of(room);
	struct need head = {.kind = NEED_HEAD, .row = row};

	if (!row || dice_percent(5)) {
		start(OP_LIST, dice_percent(80) ? TREE_SPACES : TREE_DIRECT, NULL);
		return;
	}
	switch (dice(13)) {
	case 0:
	case 1:
	case 2:
		start(OP_LIST, tree_ino(TREE_SPACE, row), NULL);
		break;
	case 3:
	case 4:
		open_month(room, row);
		break;
	case 5:
		start(OP_LIST, tree_ino(TREE_HISTORY, row), NULL);
		break;
	case 6:
		look_up(room, row);
		break;
	case 7:
		read_message(room);
		break;
	case 8:
		start(OP_LIST, tree_ino(TREE_MEMBERS, row), NULL);
		break;
	case 9:
		start(OP_READ, tree_ino(TREE_SPACE_JSON, row), NULL);
		break;
	case 10:
		readers_walk(row);
		break;
	case 11:
		readers_hold(tree_ino(TREE_TRANSCRIPT, row));
		break;
	default:
		pager_refresh(mount.pager, &head);
	}
}

/* ---- elsewhere ---- */

static void post(struct model_room *room)
{
	for (int n = (int)dice_between(1, dice_percent(20) ? 12 : 2); n > 0; n--) {
		g_autofree char *text = any_text();

		model_post(room, (int)dice_between(1, PEOPLE - 1), text);
	}
}

static void elsewhere(void)
{
	struct model_room *room = model_any_room();
	struct truth *t = room ? model_any_message(room) : NULL;
	g_autofree char *text = any_text();

	switch (room ? dice(20) : 19) {
	case 0:
	case 1:
	case 2:
	case 3:
		if (t)
			model_edit(t, text);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		if (t)
			model_delete(t);
		break;
	case 8:
		model_rename(room);
		break;
	case 9:
		model_invite(room);
		break;
	case 10:
		model_expel(room);
		break;
	case 11:
		if (dice_percent(20))
			model_leave(room);
		break;
	case 19:
		if (model.rooms->len < 6 && dice_percent(30))
			model_add_room(WEBEX_ROOM_GROUP, (int)dice(10), (int)dice(3));
		break;
	default:
		post(room);
	}
}

/* ---- here ---- */

/* A change of ours: made on the server, told to the store by its answer some time later. */
struct own {
	int64_t mount;
	struct truth *truth;
	struct webex_message *message; /* NULL: it was deleted */
};

/* As outbox/job.c and tree/submit.c do. */
static void own_answered(void *arg)
{
	struct own *o = arg;
	int64_t room = row_of(o->truth->room), row = row_of_message(o->truth);
	struct need head = {.kind = NEED_HEAD, .row = room};

	if (o->mount == mount.opens && room) {
		GPtrArray *changes = store_changes_new();
		int r;

		pager_touch(mount.pager, &head);
		if (o->message)
			r = store_apply_message(mount.store, room, o->message,
						time_wall() + PIN_MS, NULL, changes);
		else
			r = row ? store_remove_message(mount.store, row, changes) : 0;
		if (r && r != -ENOENT)
			report("a change of ours was not stored: %d", r);
		mount_on_changes(changes);
		g_ptr_array_unref(changes);
	}
	if (o->message)
		webex_message_free(o->message);
	g_free(o);
}

/* mkdir: as tree/submit.c does. */
struct own_room {
	int64_t mount;
	struct webex_room *room;
};

static void own_room_answered(void *arg)
{
	struct need rooms = {.kind = NEED_ROOMS};
	struct own_room *o = arg;
	int64_t row;

	if (o->mount == mount.opens) {
		GPtrArray *changes = store_changes_new();

		g_assert(store_apply_room(mount.store, o->room, time_wall() + PIN_MS, &row,
					  changes) == 0);
		pager_touch(mount.pager, &rooms);
		mount_on_changes(changes);
		g_ptr_array_unref(changes);
		check_room(o->room->id, row);
	}
	webex_room_free(o->room);
	g_free(o);
}

static void make_room(void)
{
	struct own_room *o;

	if (model.rooms->len >= 6)
		return;
	o = g_new0(struct own_room, 1);
	o->mount = mount.opens;
	o->room = model_webex_room(model_add_room(WEBEX_ROOM_GROUP, 0, 0));
	work_post_at(NULL, time_mono() + dice_between(1, wire.latency_ms), own_room_answered,
		     o);
}

static void here(void)
{
	struct model_room *room = model_any_room();
	struct truth *t = room ? model_any_message(room) : NULL;
	struct own *o;
	g_autofree char *text = any_text();
	bool deletes = t && dice_percent(20);

	if (dice_percent(5))
		make_room();
	if (!row_of(room))
		return;
	if (deletes)
		model_delete(t);
	else if (t && t->author == ME && dice_percent(30))
		model_edit(t, text);
	else
		t = model_post(room, ME, text);
	o = g_new0(struct own, 1);
	o->mount = mount.opens;
	o->truth = t;
	o->message = deletes ? NULL : truth_message(t);
	work_post_at(NULL, time_mono() + dice_between(1, wire.latency_ms), own_answered, o);
}

/* ---- the world ---- */

static void let_time_pass(void)
{
	static const int64_t times[] = {0, 1, 10, 100, 100, 300, 300, 1000, 3000, 10000, 70000};
	int64_t next = time_next();

	if (dice_percent(40) && next != INT64_MAX)
		time_pass(MAX(next - time_mono(), 0));
	else
		time_pass(dice(times[dice(G_N_ELEMENTS(times))] + 1));
}

static void world(void)
{
	switch (dice(24)) {
	case 0:
		wire.offline = true;
		break;
	case 1:
	case 2:
		wire.offline = false;
		break;
	case 3:
		wire.fault_percent = dice_percent(50) ? 0 : (int)dice(40);
		break;
	case 4:
		wire.latency_ms = dice_percent(20) ? LATENCY_MAX_MS : 200;
		break;
	case 5:
		trace("mount again");
		mount_again();
		break;
	case 6:
		trace("kill");
		mount_kill();
		break;
	case 7:
		if (dice_percent(20)) {
			trace("lose");
			mount_lose();
			check_store_lost();
		}
		break;
	case 8:
	case 9:
	case 10:
		readers_release_any();
		break;
	case 11:
	case 12:
		mount_evict();
		break;
	default:
		op_interrupt_any();
	}
}

void acts_start(void)
{
	texts = 0;
}

void act(void)
{
	int64_t n = dice(100);

	if (n < 35)
		read_something();
	else if (n < 70)
		let_time_pass();
	else if (n < 85)
		elsewhere();
	else if (n < 92)
		here();
	else
		world();
	time_settle();
}
