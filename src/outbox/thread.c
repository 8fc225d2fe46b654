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

void thread_of(const struct outbox *o, const struct outbox_letter *l, struct thread *ret_thread)
{
	struct store_message m = {0};
	struct store_conn *conn;
	int64_t row;

	*ret_thread = (struct thread){.id = named_by(l)};
	ret_thread->root = g_strdup(ret_thread->id);
	if (!ret_thread->id || store_read_begin(o->store, &conn) < 0)
		return;
	if (store_message_by_id(conn, ret_thread->id, &row) == 0 &&
	    store_message_get(conn, row, &m) == 0) {
		ret_thread->is_certain = true;
		if (m.m.parent_id) {
			g_free(ret_thread->root);
			ret_thread->root = g_strdup(m.m.parent_id);
		}
		store_message_clear(&m);
	}
	store_read_end(conn);
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
