/* SPDX-License-Identifier: MIT */
/* The sizes of messages' texts: finds rows with the sizes of an older form, and gives them new
 * ones. */
#include "store/sizes.h"

#include "store/internal.h"
#include "webex/render.h"

int sizes_write(struct write *w, const struct store_message *m, int64_t flags)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE message SET txt_size=?2, log_size=?3, flags=?4,"
			       " form=" SIZES_FORM " WHERE rowid=?1");

	struct webex_sizes sizes;

	sizes_of(&m->m, m->stem, &sizes);
	flags = (flags & ~MESSAGE_INEXACT) | (sizes.is_exact ? 0 : MESSAGE_INEXACT);
	sql_int(&st, 1, m->rowid);
	sql_int(&st, 2, (int64_t)sizes.txt);
	sql_int(&st, 3, (int64_t)sizes.transcript);
	sql_int(&st, 4, flags);
	return sql_run(&st);
}

void sizes_load(struct store *s)
{
	s->has_old_sizes = meta_int(s->writer, SIZES_META_FORM, 0) != WEBEX_TEXT_FORM;
}

/* Does nothing for a message without its body. Nobody was told an unknown size, so the text may name
 * files that another form of it did not. */
static int renew(struct write *w, int64_t rowid)
{
	struct store_message m = {0};
	int r = message_load(w->q, rowid, &m);

	if (r == 0 && m.txt_size < 0 && !m.is_evicted) {
		r = contents_names_of(w->q, rowid, &m.m);
		if (r >= 0)
			r = sizes_write(w, &m, r ? m.flags | MESSAGE_SHOWS_NAMES : m.flags);
	}
	store_message_clear(&m);
	return r;
}

int sizes_before_drop(struct write *w, int64_t rowid)
{
	return w->s->has_old_sizes ? renew(w, rowid) : 0;
}

/* Looks at the next rows by number. That costs little for a row of the current form, so there
 * is no index for it, since it happens only once for each form. *ret_last: the last row that
 * was looked at; `after` if there was none. */
static int find_old(struct write *w, int64_t after, int slice, GArray *rows, int64_t *ret_last)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "SELECT rowid, form<>" SIZES_FORM " FROM message"
			       " WHERE rowid>?1 ORDER BY rowid LIMIT ?2");
	int r;

	*ret_last = after;
	sql_int(&st, 1, after);
	sql_int(&st, 2, slice);
	while ((r = sql_step(&st)) == 1) {
		*ret_last = sql_get_int(&st, 0);
		if (sql_get_int(&st, 1))
			rowset_add(rows, *ret_last);
	}
	return r;
}

static int renew_next(struct write *w, int slice, int64_t *ret_last)
{
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int r = find_old(w, w->s->sized_rowid, slice, rows, ret_last);

	for (guint i = 0; r == 0 && i < rows->len; i++)
		r = renew(w, g_array_index(rows, int64_t, i));
	return r;
}

int store_renew_sizes(struct store *s, int slice)
{
	struct write w;
	int64_t last = 0;
	int r;

	if (!s->has_old_sizes)
		return 0;
	r = write_begin(s, NULL, &w);
	if (r < 0)
		return r;
	/* Nobody was told an unknown size, so nobody sees a change. */
	w.is_quiet = true;
	r = write_end(&w, renew_next(&w, slice, &last));
	if (r < 0)
		return r;
	if (last > s->sized_rowid) {
		s->sized_rowid = last;
		return 1;
	}
	s->has_old_sizes = false;
	return store_meta_set_int(s, SIZES_META_FORM, WEBEX_TEXT_FORM);
}
