/* SPDX-License-Identifier: MIT */
#include "listing.h"

#include <errno.h>

#include "check.h"
#include "dice.h"
#include "expect.h"
#include "report.h"

/* Which message a listed file is. */
static struct truth *truth_of(const struct listed *l, int64_t room)
{
	struct store_message m = {0};
	struct store_conn *conn;
	struct truth *t;

	g_assert(store_read_begin(mount.store, &conn) == 0);
	if (store_message_get(conn, tree_ino_row(l->ino), &m) || m.deleted || m.room != room)
		report("%s is listed and is no message of room %" G_GINT64_FORMAT, l->name,
		       room);
	t = g_hash_table_lookup(model.by_id, m.m.id);
	if (!t)
		report("message %s never was", m.m.id);
	check_ino(room, m.m.id, l->ino);
	store_message_clear(&m);
	store_read_end(conn);
	return t;
}

static bool is_message(const struct listed *l)
{
	return tree_ino_kind(l->ino) == TREE_MESSAGE_TXT;
}

/* The messages of a listing, in its order; each at most once; those above `exact_ms` as they are now. */
GPtrArray *listing_truths(const struct op *op, int64_t room, int64_t exact_ms)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	GPtrArray *truths = g_ptr_array_new();
	const struct truth *last = NULL;

	for (guint i = 0; i < op->list->len; i++) {
		const struct listed *l = op->list->pdata[i];
		struct truth *t;

		if (!is_message(l))
			continue;
		t = truth_of(l, room);
		if (!g_hash_table_add(seen, t))
			report("message %s is listed twice", t->id);
		if (last && last->created_ms > t->created_ms)
			report("message %s is listed behind a later one", t->id);
		last = t;
		expect_listed(t, l, t->created_ms > exact_ms);
		g_ptr_array_add(truths, t);
		checked_messages++;
	}
	checked_lists++;
	return truths;
}

static bool has(const GPtrArray *truths, const struct truth *t)
{
	for (guint i = 0; i < truths->len; i++)
		if (truths->pdata[i] == t)
			return true;
	return false;
}

/* What is there between the two times is listed. */
void listing_complete(const struct model_room *room, const GPtrArray *truths, int64_t lo,
		      int64_t hi)
{
	for (guint i = 0; i < room->messages->len; i++) {
		const struct truth *t = room->messages->pdata[i];

		if (truth_is_live(t) && t->created_ms > lo && t->created_ms <= hi &&
		    !has(truths, t))
			report("message %s of %" G_GINT64_FORMAT " is not listed", t->id,
			       t->created_ms);
	}
}

static bool is_deleted(const struct listed *l)
{
	struct store_message m = {0};
	struct store_conn *conn;
	bool deleted;

	g_assert(store_read_begin(mount.store, &conn) == 0);
	deleted = store_message_get(conn, tree_ino_row(l->ino), &m) == 0 && m.deleted;
	store_message_clear(&m);
	store_read_end(conn);
	return deleted;
}

/* One that was listed can be read. A text that has to come back may bring news of itself. */
static void check_file(const struct op *op, const struct listed *l)
{
	struct op *file;
	int r = op_wait(OP_READ, l->ino, NULL, &file);
	int64_t size = l->st.st_size;

	if ((r == -ENOENT && is_deleted(l)) || (r == -EIO && is_lost(tree_ino_row(l->ino)))) {
		op_free(file);
		return;
	}
	if (r)
		report("%s cannot be read: %s", l->name, g_strerror(-r));
	if (op->ctx.generation != store_generation(mount.store))
		size = file->attr.st.st_size;
	if ((int64_t)file->bytes->len != size)
		report("%s has %zu bytes, not %" G_GINT64_FORMAT, l->name, file->bytes->len,
		       size);
	op_free(file);
}

void listing_files(const struct op *op)
{
	for (int n = 0; n < 3 && op->list->len; n++) {
		const struct listed *l = op->list->pdata[dice(op->list->len)];

		if (is_message(l))
			check_file(op, l);
	}
}
