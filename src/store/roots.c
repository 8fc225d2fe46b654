/* SPDX-License-Identifier: MIT */
/*
 * To whom a reply belongs. The row of a reply has what a transcript says of its root: the time and the
 * author, so that neither is looked up for each line, and both stay when the root is deleted and its row
 * purged.
 *
 *     unknown  -- the root's row is written (replies_note) ---->  known
 *     known    -- it is written with another time or author --->  known
 *
 * Both happen in the transaction in which the row of the root is written, and both change the lines of
 * replies that are known already, so that the texts they are in get another version.
 */
#include "store/internal.h"

#include <errno.h>

#include "base/names.h"

void root_clear(struct root *root)
{
	g_clear_pointer(&root->author, g_free);
}

static struct root root_of(int64_t created_ms, const char *stem)
{
	size_t len;
	const char *author = name_stem_author(stem, &len);

	return (struct root){.ms = created_ms, .author = g_strndup(author, len)};
}

/* Also a tombstone: who wrote it is known. */
int root_find(struct sql *q, int64_t room, const char *id, struct root *ret_root)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT created_ms, stem FROM message WHERE id=?1 AND room=?2");
	int r;

	*ret_root = (struct root){.ms = -1};
	if (!id)
		return 0;
	sql_id(&st, 1, "MESSAGE", id);
	sql_int(&st, 2, room);
	r = sql_step(&st);
	if (r == 1)
		*ret_root = root_of(sql_get_int(&st, 0), sql_peek_text(&st, 1));
	else if (r == 0)
		ret_root->ms = webex_id_time_ms(id);
	return MIN(r, 0);
}

void root_bind(struct sql_stmt *st, int ms_at, int author_at, const char *parent_id,
	       const struct root *root)
{
	if (parent_id)
		sql_int(st, ms_at, root->ms);
	sql_text(st, author_at, parent_id ? root->author : NULL);
}

/* A reply whose root has come. */
struct reply {
	int64_t rowid, created_ms, thread;
	bool deleted;
	bool is_longer; /* its line was the same but for the name */
};

static int find_replies(struct sql *q, int64_t room, const char *id, const struct root *root,
			GArray *replies)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		q, "SELECT rowid, created_ms, deleted, root_author IS NULL AND"
		   " root_ms=?3, thread FROM message WHERE parent_id=?1 AND room=?2 AND"
		   " (root_ms<>?3 OR root_author IS NOT ?4)");
	int r;

	sql_id(&st, 1, "MESSAGE", id);
	sql_int(&st, 2, room);
	sql_int(&st, 3, root->ms);
	sql_text(&st, 4, root->author);
	while ((r = sql_step(&st)) == 1) {
		struct reply reply = {.rowid = sql_get_int(&st, 0),
				      .created_ms = sql_get_int(&st, 1),
				      .deleted = sql_get_int(&st, 2),
				      .is_longer = sql_get_int(&st, 3),
				      .thread = sql_get_int(&st, 4)};

		g_array_append_val(replies, reply);
	}
	return r;
}

static int set_root(struct write *w, int64_t rowid, const struct root *root)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE message SET root_ms=?2, root_author=?3 WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, root->ms);
	sql_text(&st, 3, root->author);
	return sql_run(&st);
}

/*
 * A line with a name more is longer, and so its text has another size: it keeps its time, which a new
 * cache tells, too. Any other line may have the length that it had.
 */
static int change_line(struct put *p, const struct reply *reply, const struct root *root)
{
	int64_t room = p->room.rowid;
	int r = set_root(p->w, reply->rowid, root);

	if (r || reply->deleted)
		return r;
	if (reply->is_longer) {
		/* A backup reads no text before all that is older is known. */
		if (!p->is_backfill)
			body_counts_note_length(p->w, room, reply->created_ms, true);
		return times_version(p->w, room);
	}
	body_counts_note_time(p->w, room, reply->created_ms, -1, true);
	r = times_text(p->w, room);
	return r ? r : thread_text_changed(p->w, reply->thread);
}

int replies_note(struct put *p, const struct webex_message *m, const char *stem)
{
	g_autoptr(GArray) replies = g_array_new(FALSE, FALSE, sizeof(struct reply));
	struct root root = root_of(m->created_ms, stem);
	int r = find_replies(p->w->q, p->room.rowid, m->id, &root, replies);

	for (guint i = 0; r == 0 && i < replies->len; i++)
		r = change_line(p, &g_array_index(replies, struct reply, i), &root);
	root_clear(&root);
	return r;
}

/* ---- migration ---- */

int replies_adopt(struct sql *q)
{
	_cleanup_(sql_done) struct sql_stmt find =
		sql_stmt(q, "SELECT rowid, room, parent_id FROM message"
			    " WHERE parent_id IS NOT NULL AND root_ms IS NULL");
	_cleanup_(sql_done) struct sql_stmt set =
		sql_stmt(q, "UPDATE message SET root_ms=?2, root_author=?3 WHERE rowid=?1");
	int r;

	while ((r = sql_step(&find)) == 1) {
		g_autofree char *id = sql_get_id(&find, 2, "MESSAGE");
		struct root root;

		r = root_find(q, sql_get_int(&find, 1), id, &root);
		if (r == 0) {
			sql_int(&set, 1, sql_get_int(&find, 0));
			root_bind(&set, 2, 3, id, &root);
			r = sql_run(&set);
		}
		root_clear(&root);
		if (r < 0)
			return r;
	}
	return r;
}
