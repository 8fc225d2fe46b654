/* SPDX-License-Identifier: MIT */
#include "outbox/thread.h"

#include "base/cleanup.h"
#include "outbox/internal.h"
#include "webex/id.h"

/* The id that the letter names; owned. Raw JSON is read even if it says something that nobody can
 * compare. */
static char *named_by(const struct outbox_letter *l)
{
	_cleanup_gfree_ char *id = NULL;

	if (l->to.parent_id)
		return g_strdup(l->to.parent_id);
	if (l->form != LETTER_JSON || !l->body)
		return NULL;
	id = webex_json_get_string(l->body, "parentId");
	return id && id[0] ? steal_ptr(&id) : NULL;
}

/* The row of the space that the letter is for; 0: it is not known. */
static int64_t room_of(struct store_conn *conn, const struct outbox_letter *l)
{
	struct store_room room = {0};
	int64_t row = 0;

	if (l->to.room_id && store_room_by_id(conn, l->to.room_id, &room) == 0) {
		row = room.rowid;
		store_room_clear(&room);
	}
	return row;
}

/* The root of what is called `id`; owned. NULL: it is neither a known message nor the root of a known
 * reply. */
static char *find_root(struct store_conn *conn, const struct outbox_letter *l, const char *id,
		       int64_t *ret_row)
{
	struct store_message m = {0};
	struct store_thread t = {0};
	int64_t room = room_of(conn, l), row;
	char *root = NULL;

	*ret_row = 0;
	if (store_message_by_id(conn, id, &row) == 0 && store_message_get(conn, row, &m) == 0) {
		root = g_strdup(m.m.parent_id ? m.m.parent_id : id);
		*ret_row = m.thread;
		store_message_clear(&m);
	} else if (room && store_thread_by_root(conn, room, id, &row) == 0 &&
		   store_thread_get(conn, row, &t) == 0) {
		root = steal_ptr(&t.root_id);
		*ret_row = t.rowid;
		store_thread_clear(&t);
	}
	return root;
}

void thread_of(const struct outbox *o, const struct outbox_letter *l, struct thread *ret_thread)
{
	struct store_conn *conn;

	*ret_thread = (struct thread){.id = named_by(l)};
	if (ret_thread->id && store_read_begin(o->store, &conn) == 0) {
		ret_thread->root = find_root(conn, l, ret_thread->id, &ret_thread->row);
		store_read_end(conn);
	}
	ret_thread->is_certain = ret_thread->root != NULL;
	if (!ret_thread->is_certain)
		ret_thread->root = g_strdup(ret_thread->id);
}

void thread_clear(struct thread *t)
{
	g_clear_pointer(&t->id, g_free);
	g_clear_pointer(&t->root, g_free);
}

enum thread_fit thread_fits(const struct thread *t, const char *parent_id)
{
	if (!t->id || !parent_id)
		return !t->id == !parent_id ? THREAD_FITS : THREAD_IS_ANOTHER;
	if (webex_id_is_same(parent_id, t->root) || webex_id_is_same(parent_id, t->id))
		return THREAD_FITS;
	return t->is_certain ? THREAD_IS_ANOTHER : THREAD_IS_UNSURE;
}

bool thread_may_be_same(const struct outbox *o, const struct outbox_letter *a,
			const struct outbox_letter *b)
{
	struct thread left, right;
	bool may;

	thread_of(o, a, &left);
	thread_of(o, b, &right);
	may = thread_fits(&left, right.root) != THREAD_IS_ANOTHER ||
	      thread_fits(&right, left.root) != THREAD_IS_ANOTHER;
	thread_clear(&left);
	thread_clear(&right);
	return may;
}
