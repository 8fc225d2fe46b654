/* SPDX-License-Identifier: MIT */
/* Writes the rows of a message; what to write is decided in message_put.c. */
#include "store/internal.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/names.h"
#include "base/timefmt.h"
#include "webex/render.h"

void sizes_of(const struct webex_message *m, const char *stem, struct webex_sizes *ret_sizes)
{
	size_t author_len;

	name_stem_author(stem, &author_len);
	webex_render_sizes(m, author_len, ret_sizes);
}

/* Without what the sizes tell. */
static int64_t flags_of(const struct webex_message *m)
{
	return (m->markdown ? MESSAGE_HAS_MARKDOWN : 0) |
	       (m->files && m->files[0] ? MESSAGE_HAS_FILES : 0) |
	       (m->attachments ? MESSAGE_HAS_CARD : 0) |
	       (m->is_voice_clip ? MESSAGE_VOICE_CLIP : 0);
}

static GString *pack_files(char **files)
{
	GString *packed = g_string_new(NULL);

	for (; *files; files++)
		g_string_append_len(packed, *files, (gssize)strlen(*files) + 1);
	return packed;
}

/* The address to keep with a message: none if it is the author's first address. */
static const char *kept_email(const struct webex_message *m, const char *first_email)
{
	/* If the author has no first address yet, a missing one is kept as "", so that it stays
	 * missing when the author gets one. */
	if (!m->person_email)
		return "";
	return g_strcmp0(m->person_email, first_email) == 0 ? NULL : m->person_email;
}

static int write_body(struct write *w, int64_t rowid, const struct webex_message *m,
		      const char *first_email)
{
	g_autoptr(GString) files = m->files && m->files[0] ? pack_files(m->files) : NULL;
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "INSERT OR REPLACE INTO body(message, email, text, markdown, html, files,"
		      " mentioned_people, mentioned_groups, attachments, extra)"
		      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");

	sql_int(&st, 1, rowid);
	sql_text(&st, 2, kept_email(m, first_email));
	sql_text(&st, 3, m->text);
	sql_text(&st, 4, m->markdown);
	sql_text(&st, 5, m->html);
	if (files)
		sql_bytes(&st, 6, files->str, files->len);
	sql_text(&st, 7, m->mentioned_people);
	sql_text(&st, 8, m->mentioned_groups);
	sql_text(&st, 9, m->attachments);
	sql_text(&st, 10, m->extra);
	return sql_run(&st);
}

/* 1: written; 0: the room has a message with this id or this cookie. */
static int write_row(struct write *w, const struct message_row *row,
		     const struct webex_message *m)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q,
		"INSERT OR IGNORE INTO message(rowid, room, cookie, id, person,"
		" created_ms, updated_ms, txt_size, flags, stem, parent_id, pin_until_ms,"
		" log_size, thread, root_ms, root_author, form) VALUES(?1, ?2, ?3, ?4, ?5,"
		" ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, " SIZES_FORM ")");

	struct webex_sizes sizes;
	struct root root;
	int r = root_find(w->q, row->room, m->parent_id, &root);

	if (r < 0)
		return r;
	sizes_of(m, row->stem, &sizes);
	sql_int(&st, 1, row->rowid);
	sql_int(&st, 2, row->room);
	sql_int(&st, 3, row->cookie);
	sql_id(&st, 4, "MESSAGE", m->id);
	sql_int(&st, 5, row->person);
	sql_int(&st, 6, m->created_ms);
	sql_int(&st, 7, m->updated_ms);
	sql_int(&st, 8, (int64_t)sizes.txt);
	sql_int(&st, 9,
		flags_of(m) | mention_flags(w, m) | (row->is_own ? MESSAGE_OWN : 0) |
			(sizes.is_exact ? 0 : MESSAGE_INEXACT));
	sql_text(&st, 10, row->stem);
	sql_id(&st, 11, "MESSAGE", m->parent_id);
	sql_int(&st, 12, row->pin_ms);
	sql_int(&st, 13, (int64_t)sizes.transcript);
	sql_int(&st, 14, row->thread);
	root_bind(&st, 15, 16, m->parent_id, &root);
	r = sql_run_any(&st);
	root_clear(&root);
	return r;
}

int message_insert(struct write *w, const struct message_row *row,
		   const struct webex_message *m, const char *first_email)
{
	int r = write_row(w, row, m);

	if (r == 0)
		return -EEXIST;
	if (r == 1)
		r = write_body(w, row->rowid, m, first_email);
	if (r == 0 && m->files && m->files[0])
		r = contents_note(w, row->room, row->rowid, m->files);
	if (r == 0)
		body_counts_note(w, row->room, m->created_ms, 1, 0);
	return r;
}

/* The row of a reply keeps what it has of its root, whose own row may be purged. */
static int rewrite_root(struct write *w, const struct store_message *old,
			const struct webex_message *m)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE message SET root_ms=?2, root_author=?3 WHERE rowid=?1");
	struct root root;
	int r;

	if (!m->parent_id || g_strcmp0(old->m.parent_id, m->parent_id) == 0)
		return 0;
	r = root_find(w->q, old->room, m->parent_id, &root);
	if (r < 0)
		return r;
	sql_int(&st, 1, old->rowid);
	root_bind(&st, 2, 3, m->parent_id, &root);
	r = sql_run(&st);
	root_clear(&root);
	return r;
}

int message_rewrite_row(struct write *w, const struct store_message *old,
			const struct webex_message *m)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE message SET updated_ms=?2, txt_size=?3, flags=?4,"
			       " parent_id=ifnull(?5, parent_id), log_size=?6, form=" SIZES_FORM
			       " WHERE rowid=?1");
	int64_t flags = flags_of(m) | mention_flags(w, m) | (old->flags & MESSAGE_OWN);
	struct webex_message named = *m;
	struct webex_sizes sizes;
	int r = 0;

	/* The text names its files as before, or if nobody knows how long it was before. */
	named.file_names = NULL;
	if (old->flags & MESSAGE_SHOWS_NAMES || old->txt_size < 0)
		r = contents_names_of(w->q, old->rowid, &named);
	if (r < 0)
		return r;
	sizes_of(&named, old->stem, &sizes);
	flags |= (r ? MESSAGE_SHOWS_NAMES : 0) | (sizes.is_exact ? 0 : MESSAGE_INEXACT);
	sql_int(&st, 1, old->rowid);
	sql_int(&st, 2, m->updated_ms);
	sql_int(&st, 3, (int64_t)sizes.txt);
	sql_int(&st, 4, flags);
	sql_id(&st, 5, "MESSAGE", m->parent_id);
	sql_int(&st, 6, (int64_t)sizes.transcript);
	g_strfreev(named.file_names);
	r = sql_run(&st);
	return r ? r : rewrite_root(w, old, m);
}

int message_rewrite(struct write *w, const struct store_message *old,
		    const struct webex_message *m, const char *first_email)
{
	int r = message_rewrite_row(w, old, m);

	if (r == 0)
		r = write_body(w, old->rowid, m, first_email);
	if (r == 0 && ((m->files && m->files[0]) || old->flags & MESSAGE_HAS_FILES))
		r = contents_note(w, old->room, old->rowid, m->files);
	if (r == 0 && old->is_evicted)
		body_counts_note(w, old->room, old->m.created_ms, 1, -1);
	return r;
}

bool message_has_row_of(const struct store_message *old, const struct webex_message *m)
{
	int64_t known = old->flags & ~(MESSAGE_OWN | MESSAGE_SHOWS_NAMES | MESSAGE_INEXACT |
				       MESSAGE_MENTIONS);
	struct webex_sizes sizes;

	if (old->m.updated_ms != m->updated_ms || known != flags_of(m) ||
	    !message_is_same_parent(m, &old->m))
		return false;
	if (old->flags & MESSAGE_SHOWS_NAMES || old->txt_size < 0)
		return true;
	sizes_of(m, old->stem, &sizes);
	return old->txt_size == (int64_t)sizes.txt &&
	       !sizes.is_exact == ((old->flags & MESSAGE_INEXACT) != 0);
}

int message_set_pin(struct write *w, int64_t rowid, int64_t pin_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE message SET pin_until_ms=max(pin_until_ms, ?2)"
			       " WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, pin_ms);
	return sql_run(&st);
}

static int has_body(struct write *w, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "SELECT 1 FROM body WHERE message=?1");

	sql_int(&st, 1, rowid);
	return sql_step(&st);
}

/* The body stays until the next open, like the row, but counts no more. In a tombstone the
 * column of the pin holds when it was made. */
int put_deleted(struct write *w, const struct room_place *room, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE message SET deleted=1, pin_until_ms=?2 WHERE rowid=?1"
			       " RETURNING stem, created_ms, thread, flags");
	struct store_change *change;
	int64_t thread;
	int r, body;

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, clock_wall(w->s->clock));
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	thread = sql_get_int(&st, 2);
	change = changes_add_named(w, STORE_MESSAGE_GONE, room->rowid, room->type, rowid, NULL,
				   sql_peek_text(&st, 0));
	change->thread = thread;
	mention_note(w, change, sql_get_int(&st, 3), 0);
	body = has_body(w, rowid);
	if (body >= 0)
		body_counts_note(w, room->rowid, sql_get_int(&st, 1), body ? -1 : 0,
				 body ? 0 : -1);
	body_counts_note_length(w, room->rowid, sql_get_int(&st, 1), false);
	/* The row is written only when the statement ends. */
	r = sql_run(&st);
	if (r == 0)
		r = MIN(body, 0);
	if (r == 0)
		r = times_text(w, room->rowid);
	if (r == 0)
		r = thread_text_changed(w, thread);
	return r < 0 ? r : contents_drop_of(w, room, rowid);
}

int message_make_way(struct write *w, const struct room_place *room, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE message SET id='replaced ' || rowid WHERE rowid=?1");
	int r = put_deleted(w, room, rowid);

	if (r < 0)
		return r;
	sql_int(&st, 1, rowid);
	return sql_run(&st);
}

int message_revive(struct write *w, const struct store_message *old, int64_t until_wall_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE message SET deleted=0, pin_until_ms=0 WHERE rowid=?1"
			       " AND deleted=1 AND pin_until_ms<=?2");
	int r;

	sql_int(&st, 1, old->rowid);
	sql_int(&st, 2, until_wall_ms);
	r = sql_run_any(&st);
	if (r > 0)
		body_counts_note(w, old->room, old->m.created_ms, !old->is_evicted,
				 old->is_evicted);
	return r;
}
