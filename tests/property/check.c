/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "base/names.h"
#include "base/timefmt.h"
#include "pager/fetch.h"
#include "pager/past/months.h"
#include "pager/proof/proof.h"
#include "pager/past/spans.h"
#include "caches.h"
#include "dice.h"
#include "expect.h"
#include "fake_time.h"
#include "journal.h"
#include "listing.h"
#include "model.h"
#include "mount.h"
#include "readers.h"
#include "report.h"
#include "wire.h"

#define FAR_MS (TIME_MAX_MS - 1)
/* Longer than a pin, a failure, and what is fresh. */
#define REST_MS 61000

int64_t checked_lists, checked_messages, checked_spans;

/* ---- node numbers ---- */

static GHashTable *ino_of; /* "room row/message id" -> ino */
static GHashTable *id_of;  /* &ino -> the same */

void check_start(void)
{
	ino_of = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	journal_start();
	id_of = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
}

void check_stop(void)
{
	g_hash_table_unref(ino_of);
	g_hash_table_unref(id_of);
}

void check_store_lost(void)
{
	g_hash_table_remove_all(ino_of);
	journal_lost();
}

void check_ino(int64_t room, const char *id, uint64_t ino)
{
	g_autofree char *key = g_strdup_printf("%" G_GINT64_FORMAT "/%s", room, id);
	const uint64_t *known = g_hash_table_lookup(ino_of, key);
	const char *other = g_hash_table_lookup(id_of, &ino);
	uint64_t *number;

	if (known) {
		if (*known != ino)
			report("message %s was node %" G_GUINT64_FORMAT
			       " and is %" G_GUINT64_FORMAT,
			       key, *known, ino);
		return;
	}
	if (other)
		report("node %" G_GUINT64_FORMAT " was %s and is %s", ino, other, key);
	number = g_new(uint64_t, 1);
	*number = ino;
	g_hash_table_insert(id_of, number, g_strdup(key));
	g_hash_table_insert(ino_of, g_strdup(key), number);
}

void check_room(const char *id, int64_t row)
{
	check_ino(0, id, tree_ino(TREE_SPACE, row));
}

static void learn(struct store_conn *conn, const struct listed *l)
{
	struct store_message m = {0};
	struct store_room room = {0};
	int64_t row = tree_ino_row(l->ino);

	if (tree_ino_kind(l->ino) == TREE_MESSAGE_TXT && store_message_get(conn, row, &m) == 0)
		check_ino(m.room, m.m.id, l->ino);
	if (tree_ino_kind(l->ino) == TREE_SPACE && store_room_get(conn, row, &room) == 0)
		check_room(room.room.id, row);
	store_message_clear(&m);
	store_room_clear(&room);
}

void check_learn(const struct op *op)
{
	struct store_conn *conn;

	if (op->kind != OP_LIST)
		return;
	g_assert(store_read_begin(mount.store, &conn) == 0);
	for (guint i = 0; i < op->list->len; i++)
		learn(conn, op->list->pdata[i]);
	store_read_end(conn);
}

/* ---- known intervals ---- */

struct known {
	const struct model_room *room;
	int64_t row;
	GArray *gaps; /* of struct store_span */
};

static bool is_known(const struct known *k, int64_t ms)
{
	for (guint i = 0; i < k->gaps->len; i++) {
		const struct store_span *g = &g_array_index(k->gaps, struct store_span, i);

		if (ms > g->lo && ms <= g->hi)
			return false;
	}
	return true;
}

static int find_row(struct store_conn *conn, const struct model_room *room, int64_t *ret_row)
{
	struct store_room r = {0};
	int error = store_room_by_id(conn, room->id, &r);

	*ret_row = r.rowid;
	store_room_clear(&r);
	return error;
}

G_GNUC_NORETURN static void report_gap(const struct known *k, const struct truth *t)
{
	for (guint i = 0; i < k->gaps->len; i++) {
		const struct store_span *g = &g_array_index(k->gaps, struct store_span, i);

		trace("(%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT "] is not known", g->lo,
		      g->hi);
	}
	report("message %s of %" G_GINT64_FORMAT " in room %" G_GINT64_FORMAT
	       " is missing in an interval that is said to be known",
	       t->id, t->created_ms, k->row);
}

static void check_spans_of(struct store_conn *conn, const struct model_room *room)
{
	g_autoptr(GArray) gaps = g_array_new(FALSE, FALSE, sizeof(struct store_span));
	struct known k = {.room = room, .gaps = gaps};

	if (find_row(conn, room, &k.row))
		return;
	g_assert(store_span_gaps(conn, k.row, -1, FAR_MS, gaps) == 0);
	checked_spans += gaps->len;
	for (guint i = 0; i < room->messages->len; i++) {
		const struct truth *t = room->messages->pdata[i];
		int64_t row;

		if (!truth_is_live(t) || !is_known(&k, t->created_ms))
			continue;
		if (store_message_by_id(conn, t->id, &row))
			report_gap(&k, t);
	}
}

void check_spans(void)
{
	struct store_conn *conn;

	g_assert(store_read_begin(mount.store, &conn) == 0);
	for (guint i = 0; i < model.rooms->len; i++) {
		const struct model_room *room = model.rooms->pdata[i];

		if (!room->left)
			check_spans_of(conn, room);
	}
	store_read_end(conn);
}

/* ---- a space ---- */

static bool is_doubtful(void)
{
	return !proof_is_quiet(pager_proof(mount.pager));
}

/* Until nothing is doubted any more. After the faults of a while that may take its time. */
static void prove_all(void)
{
	while (wire_waiting())
		time_pass(1);
	for (int i = 0; i < 3600 && is_doubtful(); i++)
		time_pass(1000);
	if (is_doubtful())
		report("what is doubted is neither forgotten nor found within an hour");
	while (wire_waiting())
		time_pass(1);
}

static void list_or_die(uint64_t ino, struct op **ret_op)
{
	int r = op_wait(OP_LIST, ino, NULL, ret_op);

	/* Others go on, and may find in the same moment that something was deleted; and what this list
	 * lacks is only forgotten when that is proven. */
	while (r == 0 && ((*ret_op)->ctx.generation != store_generation(mount.store) ||
			  wire_waiting() || is_doubtful())) {
		prove_all();
		op_free(*ret_op);
		r = op_wait(OP_LIST, ino, NULL, ret_op);
	}
	if (r)
		report("directory %" G_GUINT64_FORMAT " cannot be listed: %s", ino,
		       g_strerror(-r));
}

/* True if one page holds all of the newest `recent` messages, so that each was verified just
 * now. */
static bool is_one_page(void)
{
	return mount.recent && wire.cap >= mount.recent && !model.hidden_percent &&
	       !model.broken_percent;
}

/* Created of the oldest of the newest `n` on the server; -1 if there are fewer. */
static int64_t edge_of(const struct model_room *room, guint n, guint *ret_count)
{
	*ret_count = 0;
	for (guint i = room->messages->len; i-- > 0;) {
		const struct truth *t = room->messages->pdata[i];

		if (truth_is_live(t) && ++*ret_count == n)
			return t->created_ms;
	}
	return -1;
}

/* The newest `recent`, or all; of those of one millisecond at the end any. */
static void check_newest(const struct model_room *room, const GPtrArray *truths)
{
	guint n;
	int64_t edge = edge_of(room, (guint)mount.recent, &n);

	if (truths->len != n)
		report("%u messages are listed, not %u", truths->len, n);
	listing_complete(room, truths, edge, INT64_MAX);
	for (guint i = 0; i < truths->len; i++) {
		const struct truth *t = truths->pdata[i];

		/* In the millisecond in which the page ends there may be others. */
		if (t->created_ms < edge || (t->created_ms > edge && !truth_is_live(t)))
			report("message %s of %" G_GINT64_FORMAT " (deleted %" G_GINT64_FORMAT
			       ") is listed; the oldest should be of %" G_GINT64_FORMAT,
			       t->id, t->created_ms, t->deleted_ms, edge);
	}
}

/* The same where only a part was looked at just now: others of them may be gone by now. */
static void check_newest_known(const struct model_room *room, const GPtrArray *truths)
{
	const struct truth *oldest = truths->len ? truths->pdata[0] : NULL;
	bool is_full = mount.recent && truths->len == (guint)mount.recent;

	if (mount.recent && truths->len > (guint)mount.recent)
		report("%u messages are listed, not %d", truths->len, mount.recent);
	listing_complete(room, truths, is_full ? oldest->created_ms : -1, INT64_MAX);
}

/* As the directory lists it, at a moment at which nothing comes. */
static void check_transcript(uint64_t ino, uint64_t dir, int64_t row)
{
	bool done = false;

	for (int n = 0; n < 5 && !done; n++) {
		GPtrArray *truths;
		struct op *op;

		list_or_die(dir, &op);
		truths = listing_truths(op, row, INT64_MAX);
		done = expect_transcript(ino, truths, op->ctx.generation);
		g_ptr_array_unref(truths);
		op_free(op);
	}
}

static void check_space(const struct model_room *room, int64_t row)
{
	GPtrArray *truths;
	struct op *op;
	guint n;

	list_or_die(tree_ino(TREE_SPACE, row), &op);
	truths = listing_truths(
		op, row, is_one_page() ? edge_of(room, (guint)mount.recent, &n) : INT64_MAX);
	if (is_one_page())
		check_newest(room, truths);
	else
		check_newest_known(room, truths);
	listing_files(op);
	check_transcript(tree_ino(TREE_TRANSCRIPT, row), op->ino, row);
	g_ptr_array_unref(truths);
	op_free(op);
}

static void check_members(const struct model_room *room, int64_t row)
{
	struct op *op;

	list_or_die(tree_ino(TREE_MEMBERS, row), &op);
	if (op->list->len != room->members->len)
		report("%u members are listed, not %u", op->list->len, room->members->len);
	for (guint i = 0; i < op->list->len; i++) {
		const struct listed *l = op->list->pdata[i];
		bool found = false;

		for (guint k = 0; k < room->members->len; k++) {
			const struct model_member *m = room->members->pdata[k];

			found |= strcmp(l->name, model.emails[m->person]) == 0;
		}
		if (!found)
			report("%s is no member", l->name);
	}
	op_free(op);
}

/* ---- months ---- */

static bool month_is_known(int64_t row, int month)
{
	struct store_conn *conn;
	struct store_span head = {.hi = -1};
	int r;

	g_assert(store_read_begin(mount.store, &conn) == 0);
	g_assert(store_span_head(conn, row, &head) == 0);
	r = store_span_covers(conn, row, time_month_begin(month) - 1,
			      MIN(time_month_begin(month + 1) - 1, head.hi));
	store_read_end(conn);
	return r == 1;
}

/* All that is known was looked at again by the sweep. */
static bool is_swept;

/* What was found to be gone, and nothing else, is not listed. */
static void check_exact(const GPtrArray *truths)
{
	for (guint i = 0; i < truths->len; i++)
		if (!truth_is_live(truths->pdata[i]))
			report("message %s is listed and was deleted",
			       ((const struct truth *)truths->pdata[i])->id);
}

static void check_month(const struct model_room *room, int64_t row, const struct listed *l,
			bool all)
{
	int64_t asked = wire.asked;
	GPtrArray *truths;
	struct op *op;
	bool known;
	int month;

	if (time_parse_month(l->name, &month))
		report("%s is no month", l->name);
	known = month_is_known(row, month);
	if (!known && !all)
		return;
	list_or_die(l->ino, &op);
	/* The space was listed just now: even of the present nothing is asked for again. */
	if (known && wire.asked != asked)
		report("%s is known and was asked for", l->name);
	truths = listing_truths(op, row, is_swept ? -1 : INT64_MAX);
	if (is_swept)
		check_exact(truths);
	listing_complete(room, truths, time_month_begin(month) - 1,
			 time_month_begin(month + 1) - 1);
	check_transcript(tree_ino(TREE_MONTH_TRANSCRIPT, tree_ino_row(l->ino)), l->ino, row);
	listing_files(op);
	g_ptr_array_unref(truths);
	op_free(op);
}

/* All that ever was is in one of them. */
static void check_all_months(const struct model_room *room, const struct op *history)
{
	for (guint i = 0; i < room->messages->len; i++) {
		const struct truth *t = room->messages->pdata[i];
		char name[TIME_MONTH_SIZE];
		bool found = false;

		time_format_month(time_month(t->created_ms), name);
		for (guint k = 0; k < history->list->len; k++) {
			const struct listed *l = history->list->pdata[k];

			found |= strcmp(l->name, name) == 0;
		}
		if (truth_is_live(t) && !found)
			report("the month %s is not listed", name);
	}
}

static void check_history(const struct model_room *room, int64_t row)
{
	bool all = dice_percent(30);
	struct op *op;

	list_or_die(tree_ino(TREE_HISTORY, row), &op);
	check_all_months(room, op);
	for (guint i = 0; i < op->list->len; i++) {
		const struct listed *l = op->list->pdata[i];
		const struct listed *above = i ? op->list->pdata[i - 1] : NULL;

		if (above && strcmp(above->name, l->name) <= 0)
			report("%s stands behind %s", l->name, above->name);
		check_month(room, row, l, all);
	}
	op_free(op);
}

/* ---- all ---- */

static const struct model_room *room_of(int64_t row)
{
	struct store_room r = {0};
	struct store_conn *conn;
	const struct model_room *room;

	g_assert(store_read_begin(mount.store, &conn) == 0);
	if (store_room_get(conn, row, &r))
		report("room %" G_GINT64_FORMAT " is listed and not known", row);
	room = model_room_by_id(r.room.id);
	store_room_clear(&r);
	store_read_end(conn);
	return room;
}

/* Listed under its title, or that and some digits. */
static void check_title(const struct model_room *room, const struct listed *l)
{
	g_autofree char *name = name_from_title(room->title, NAME_MAX_BYTES);

	if (!g_str_has_prefix(l->name, name) ||
	    (strcmp(l->name, name) != 0 && !g_str_has_prefix(l->name + strlen(name), " ~")))
		report("the space \"%s\" is listed as \"%s\"", room->title, l->name);
}

static guint check_spaces(uint64_t dir)
{
	struct op *op;
	guint n;

	list_or_die(dir, &op);
	n = op->list->len;
	for (guint i = 0; i < op->list->len; i++) {
		const struct listed *l = op->list->pdata[i];
		int64_t row = tree_ino_row(l->ino);
		const struct model_room *room = room_of(row);

		if (!room || room->left)
			report("%s is listed, but was left", l->name);
		check_room(room->id, row);
		check_title(room, l);
		check_space(room, row);
		check_members(room, row);
		check_history(room, row);
	}
	op_free(op);
	return n;
}

/* Nothing wrong any more, and everything that is under way comes to its end. */
static void calm_down(void)
{
	wire.is_calm = true;
	for (int i = 0; i < 1000 && (wire_waiting() || !g_queue_is_empty(&mount.parked)); i++)
		time_pass(1000);
	if (wire_waiting() || !g_queue_is_empty(&mount.parked))
		report("%d requests and %u operations do not come to an end", wire_waiting(),
		       g_queue_get_length(&mount.parked));
	readers_release_all();
	/* The answers to what was changed here, with pins of their own. */
	time_pass(LATENCY_MAX_MS);
	time_pass(REST_MS);
}

static void check_nothing_is_left(void)
{
	struct pager_stats stats;

	/* A poll. */
	for (int i = 0; wire_waiting() && i < 1000; i++)
		time_pass(1);
	pager_get_stats(mount.pager, &stats);
	if (spans_lanes(pager_spans(mount.pager)) || stats.fetching || wire_waiting())
		report("%d lanes, %d fetches, %d requests are left",
		       spans_lanes(pager_spans(mount.pager)), stats.fetching, wire_waiting());
}

static void use_spaces(uint64_t dir)
{
	struct op *spaces, *op;

	list_or_die(dir, &spaces);
	for (guint i = 0; i < spaces->list->len; i++) {
		const struct listed *l = spaces->list->pdata[i];
		int r = op_wait(OP_LIST, l->ino, NULL, &op);

		/* One that was left is listed until that is proven. */
		if (r && r != -ENOENT && r != -EBUSY)
			report("%s cannot be listed: %s", l->name, g_strerror(-r));
		op_free(op);
	}
	op_free(spaces);
}

/* Checks that spaces in use are as on the server some polls later, without being opened. */
static void use_all(void)
{
	use_spaces(TREE_SPACES);
	use_spaces(TREE_DIRECT);
	time_pass(2 * mount.poll_ms + 5000);
	prove_all();
}

/* Somebody reads for so long that every page was looked at. */
static void sweep_all(void)
{
	int64_t most = 0, minutes;

	for (guint i = 0; i < model.rooms->len; i++) {
		const struct model_room *room = model.rooms->pdata[i];

		most = MAX(most, room->messages->len);
	}
	/* The spaces take turns, and a page begins where the last one ended. */
	minutes = 2 * model.rooms->len * (most / MAX(wire.cap - 1, 1) + 2);
	for (; minutes > 0; minutes--) {
		use_spaces(TREE_SPACES);
		use_spaces(TREE_DIRECT);
		time_pass(61000);
	}
	prove_all();
	is_swept = true;
}

void check_quiet(void)
{
	guint n = 0;

	calm_down();
	check_spans();
	check_nothing_is_left();
	caches_check();
	is_swept = false;
	if (mount.poll_ms)
		use_all();
	/* A page of nothing but one millisecond, and not all of it, proves nothing. */
	if (mount.poll_ms && dice_percent(10) && !model.hidden_percent &&
	    !model.broken_percent && model.ties_max * (wire.is_inclusive ? 2 : 1) < wire.cap)
		sweep_all();
	for (guint i = 0; i < model.rooms->len; i++)
		n += !((struct model_room *)model.rooms->pdata[i])->left;
	if (check_spaces(TREE_SPACES) + check_spaces(TREE_DIRECT) != n)
		report("not all of %u spaces are listed", n);
	/* What is read ahead. */
	time_pass(REST_MS);
	check_spans();
	caches_check();
	check_nothing_is_left();
	journal_check();
	wire.is_calm = false;
}
