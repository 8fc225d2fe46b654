/* SPDX-License-Identifier: MIT */
/*
 * Keeps one message: finds its author, its name (message_names.c) and its place.
 */
#include "store/internal.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/names.h"
#include "base/timefmt.h"
#include "webex/id.h"

/* Answers that are older than a deletion come within this time. */
#define TOMBSTONE_MS 60000
/* With more messages of one millisecond in one room a page fails, because a listing is complete or
 * fails. An import may give thousands of them the same time; only a hostile server sends more. */
guint put_ties_max = 65536;

struct author {
	int64_t rowid; /* 0: a message without author */
	bool is_owner;
	char *first_email;
	char *suffix; /* what follows the time in a stem; NULL: not made yet */
	char hex[WEBEX_ID_HEX_SIZE];
};

static void author_free(void *p)
{
	struct author *a = p;

	g_free(a->first_email);
	g_free(a->suffix);
	g_free(a);
}

static int read_told(struct write *w, int64_t room, int64_t *ret_told_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "SELECT told_ms FROM room WHERE rowid=?1");
	int r;

	sql_int(&st, 1, room);
	r = sql_step(&st);
	if (r == 1)
		*ret_told_ms = sql_get_int(&st, 0);
	return MIN(r, 0);
}

static int read_top(struct write *w, int64_t room, int64_t *ret_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "SELECT created_ms FROM message WHERE room=?1 AND deleted=0"
			       " ORDER BY cookie DESC LIMIT 1");
	int r;

	sql_int(&st, 1, room);
	r = sql_step(&st);
	*ret_ms = r == 1 ? sql_get_int(&st, 0) : -1;
	return MIN(r, 0);
}

/* Hashes the end of an id, where ids differ. This runs once for each message. */
static guint hash_of_end(gconstpointer key)
{
	const char *id = key;
	size_t len = strlen(id);

	return g_str_hash(id + (len > 16 ? len - 16 : 0));
}

int put_begin(struct write *w, int64_t room, struct put *ret_put)
{
	struct put p = {.w = w};
	int r = room_place_get(w->q, room, &p.room);

	if (r == 0)
		r = read_told(w, room, &p.told_ms);
	if (r == 0)
		r = read_top(w, room, &p.top_ms);
	if (r < 0) {
		room_place_clear(&p.room);
		return r;
	}
	p.newest_ms = p.told_ms;
	p.owner_id = meta_text(w->q, "me.id");
	p.authors = g_hash_table_new_full(hash_of_end, g_str_equal, g_free, author_free);
	*ret_put = p;
	return 0;
}

/*
 * The last activity of a space is that of its newest message (webex-api.md 7.3), which the list
 * of spaces will say later. If the message is our own, that activity will be no news, except
 * before the first listing of the space, because unknown messages may stand just before it.
 */
static int note_activity(struct put *p)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(p->w->q, "UPDATE room SET last_activity_ms=?2, head_activity_ms="
				  " CASE WHEN ?3 AND head_wall_ms>=0 AND"
				  "  head_activity_ms=last_activity_ms"
				  " THEN ?2 ELSE head_activity_ms END"
				  " WHERE rowid=?1 AND last_activity_ms<?2");

	sql_int(&st, 1, p->room.rowid);
	sql_int(&st, 2, p->newest_ms);
	sql_int(&st, 3, p->is_pinned);
	return sql_run(&st);
}

int put_end(struct put *p, int r)
{
	if (r == 0 && p->newest_ms > p->told_ms)
		r = note_activity(p);
	if (r == 0)
		r = put_tell_late(p);
	room_place_clear(&p->room);
	g_free(p->owner_id);
	g_clear_pointer(&p->authors, g_hash_table_destroy);
	g_clear_pointer(&p->twins, g_ptr_array_unref);
	return r;
}

/* The author if it is known without a query or a write; else NULL. */
static struct author *known_author(struct put *p, const struct webex_message *m)
{
	struct author *a = g_hash_table_lookup(p->authors, m->person_id ? m->person_id : "");

	return a && (a->first_email || !m->person_email) ? a : NULL;
}

/* Borrowed from `p`. */
static int find_author(struct put *p, const struct webex_message *m, struct author **ret_author)
{
	const char *id = m->person_id ? m->person_id : "";
	struct author *a = known_author(p, m);
	int r = 0;

	if (a) {
		*ret_author = a;
		return 0;
	}
	a = g_new0(struct author, 1);
	a->is_owner = id[0] && g_strcmp0(id, p->owner_id) == 0;
	webex_id_hex(id, a->hex);
	if (id[0])
		r = person_touch(p->w, id, m->person_email, &a->rowid, &a->first_email);
	else
		memset(a->hex, '0', sizeof(a->hex) - 1);
	if (r < 0) {
		author_free(a);
		return r;
	}
	g_hash_table_insert(p->authors, g_strdup(id), a);
	*ret_author = a;
	return 0;
}

/* The stem of a message that is alone in its millisecond. The author's part is made once, since
 * that takes long. */
static char *plain_stem(struct author *author, const struct webex_message *m)
{
	char stamp[TIME_ISO_SIZE];

	if (!author->rowid)
		return name_message_stem(m->created_ms, m->person_email, author->hex, NULL);
	time_format_name(m->created_ms, stamp);
	if (!author->suffix) {
		g_autofree char *stem = name_message_stem(m->created_ms, author->first_email,
							  author->hex, NULL);

		author->suffix = g_strdup(stem + strlen(stamp));
	}
	return g_strconcat(stamp, author->suffix, NULL);
}

static int name_and_place(struct put *p, const struct webex_message *m, bool is_alone,
			  struct author *author, struct message_row *row, char **ret_stem)
{
	g_autofree char *base = plain_stem(author, m);
	int r;

	row->cookie = cookie_floor(m->created_ms);
	if (is_alone) {
		*ret_stem = g_steal_pointer(&base);
		return 0;
	}
	r = put_load_twins(p, row->cookie);
	if (r < 0)
		return r;
	row->cookie = p->twins_next;
	return put_pick_stem(p, base, m->id, ret_stem);
}

/* Appends the change for a new message. */
static void add_change(struct put *p, const struct webex_message *m,
		       const struct message_row *row)
{
	int64_t flags = mention_flags(p->w, m) | (row->is_own ? MESSAGE_OWN : 0);
	bool is_new = put_is_news(p, m->created_ms), is_mention = mention_is(p->w, flags);
	struct store_change *change;

	if (!m->has_odd_time)
		p->newest_ms = MAX(p->newest_ms, m->created_ms);
	/* Its thread may have been listed before, or the mentions. */
	if (p->is_backfill && !is_new && p->has_told_backfill && !row->thread &&
	    (p->has_told_mention || !is_mention))
		return;
	p->has_told_backfill |= !is_new;
	p->has_told_mention |= !is_new && is_mention;
	change =
		changes_add(p->w, STORE_MESSAGE_ADDED, p->room.rowid, p->room.type, row->rowid);
	change->name = g_strdup(row->stem);
	change->thread = row->thread;
	change->is_news = is_new;
	mention_note(p->w, change, 0, flags);
}

/*
 * Notes the times of a new message. One that comes into a time that was known, or into the second of the
 * newest one, changes a text whose time may be that already. One that comes between others only makes it
 * longer.
 */
static int note_times(struct put *p, const struct webex_message *m, int64_t thread)
{
	int64_t ms = MAX(m->created_ms, m->updated_ms);
	bool is_late = put_is_late(p, m->created_ms);
	bool is_tied = m->created_ms > p->top_ms && m->created_ms / 1000 == p->top_ms / 1000;
	int r;

	body_counts_note_time(p->w, p->room.rowid, m->created_ms, ms, is_late);
	if (!is_late && !is_tied)
		return times_between(p, m->created_ms);
	r = times_text(p->w, p->room.rowid);
	return r < 0 ? r : thread_text_changed(p->w, thread);
}

/* -EEXIST: the room has the message, or another one in its place. */
static int insert(struct put *p, const struct webex_message *m, bool is_alone, int64_t pin_ms,
		  int64_t *ret_rowid)
{
	struct message_row row = {.room = p->room.rowid, .pin_ms = pin_ms};
	struct thread_place place = {0};
	struct author *author = NULL;
	g_autofree char *stem = NULL;
	int r = find_author(p, m, &author);

	if (r == 0)
		r = name_and_place(p, m, is_alone, author, &row, &stem);
	if (r == 0)
		r = thread_place(p, m, &place);
	if (r < 0)
		return r;
	row.rowid = store_new_rowid(p->w->s);
	row.thread = place.thread;
	row.person = author->rowid;
	row.is_own = author->is_owner;
	row.stem = stem;
	r = message_insert(p->w, &row, m, author->first_email);
	if (r == -EEXIST)
		rowids_untake(&p->w->s->rowids, row.rowid);
	if (r < 0)
		return r;
	*ret_rowid = row.rowid;
	if (p->twins && p->twins_floor == cookie_floor(m->created_ms)) {
		put_add_twin(p, row.rowid, false, g_strdup(m->id), g_strdup(stem));
		p->twins_next = row.cookie + 1;
	}
	add_change(p, m, &row);
	r = thread_came(p, &place, stem);
	if (r == 0)
		r = replies_note(p, m, stem);
	return r < 0 ? r : note_times(p, m, row.thread);
}

/* Appends a change of a message that was known; `m`: as it is now. */
static void tell(struct put *p, enum store_change_type type, const struct store_message *old,
		 const struct webex_message *m, bool is_news)
{
	struct store_change *c = changes_add_named(p->w, type, p->room.rowid, p->room.type,
						   old->rowid, NULL, old->stem);

	c->thread = message_thread(p->w->q, old->rowid);
	c->is_news = is_news;
	mention_note(p->w, c, old->deleted ? 0 : old->flags,
		     mention_flags(p->w, m) | (old->flags & MESSAGE_OWN));
}

/* True if somebody edited the message; false if only one answer of the server has what another
 * one lacks. */
static bool is_edit(const struct store_message *old, const struct webex_message *m)
{
	if (old->m.updated_ms != m->updated_ms || old->is_evicted)
		return old->m.updated_ms != m->updated_ms;
	return g_strcmp0(old->m.text, m->text) != 0 ||
	       g_strcmp0(old->m.markdown, m->markdown) != 0;
}

/* True if only a body comes back, which changes nothing that a person saw. */
static bool is_refill(const struct store_message *old, const struct webex_message *m)
{
	return old->is_evicted && message_has_row_of(old, m);
}

bool put_is_settled(const struct store_message *old, const struct webex_message *m)
{
	/* A slow answer never overwrites a newer fact (design 4). */
	return !old->deleted && !message_contradicts(old, m) &&
	       (m->updated_ms < old->m.updated_ms ||
		(!old->is_evicted && message_is_same(m, &old->m)));
}

/* True if the message mentions the same people of whom the store knows. */
static bool has_mentions_of(const struct put *p, const struct store_message *old,
			    const struct webex_message *m)
{
	return (old->flags & MESSAGE_MENTIONS) == mention_flags(p->w, m);
}

static int update(struct put *p, const struct store_message *old, const struct webex_message *m)
{
	struct author *author = NULL;
	int r;

	if (put_is_settled(old, m))
		return 0;
	if (!p->believes && message_contradicts(old, m)) {
		if (p->doubts)
			rowset_add(p->doubts, old->rowid);
		if (m->updated_ms < old->m.updated_ms || message_is_same(m, &old->m))
			return 0;
	}
	if (p->verifies && is_refill(old, m))
		return old->txt_size < 0 || !has_mentions_of(p, old, m)
			       ? message_rewrite_row(p->w, old, m)
			       : 0;
	if (p->keeps_files && old->flags & MESSAGE_HAS_FILES) {
		r = contents_lack(p->w->q, old->rowid, m->files);
		if (r == 1 && p->doubts)
			rowset_add(p->doubts, old->rowid);
		if (r)
			return MIN(r, 0);
	}
	/* The author stays the one of the first answer. */
	r = find_author(p, &old->m, &author);
	if (r == 0)
		r = message_rewrite(p->w, old, m, author->first_email);
	if (r == 0 && !is_refill(old, m))
		r = times_changed(p->w, old, m);
	if (r == 0 && !message_is_same_parent(m, &old->m))
		r = thread_move(p, old, m);
	if (r == 0 && (!is_refill(old, m) || !has_mentions_of(p, old, m)))
		tell(p, STORE_MESSAGE_CHANGED, old, m, is_edit(old, m));
	return r;
}

bool put_can_keep(const struct put *p, const struct webex_message *m)
{
	return m->created_ms >= TIME_MIN_MS && m->created_ms <= TIME_MAX_MS &&
	       (!m->room_id || webex_id_is_same(m->room_id, p->room.id));
}

/* 1 if the message can be kept; 0; -errno. */
static int can_keep(struct put *p, const struct webex_message *m)
{
	int r;

	if (!put_can_keep(p, m))
		return 0;
	r = put_load_twins(p, cookie_floor(m->created_ms));
	if (r < 0)
		return r;
	if (p->twins->len < put_ties_max)
		return 1;
	log_error("store", "more than %u messages of one millisecond in %s", put_ties_max,
		  p->room.id);
	return -EOVERFLOW;
}

/* The message was taken for gone, and the server still lists it long after that: it comes back
 * as the same row. That is no news, because the message was told before. */
static int revive(struct put *p, const struct store_message *old, const struct webex_message *m)
{
	struct author *author = NULL;
	int r = message_revive(p->w, old, clock_wall(p->w->s->clock) - TOMBSTONE_MS);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	r = find_author(p, &old->m, &author);
	if (r == 0)
		r = message_rewrite(p->w, old, m, author->first_email);
	if (r == 0)
		r = is_refill(old, m) || message_is_same(m, &old->m)
			    ? times_again(p->w, old)
			    : times_changed(p->w, old, m);
	/* Replies may have named it meanwhile. */
	if (r == 0)
		r = thread_move(p, old, m);
	if (r == 0)
		tell(p, STORE_MESSAGE_ADDED, old, m, false);
	return r;
}

static int put_new(struct put *p, const struct webex_message *m, int64_t pin_until_ms,
		   int64_t *ret_rowid)
{
	int r = can_keep(p, m);

	*ret_rowid = 0;
	if (r == 1)
		r = insert(p, m, false, pin_until_ms, ret_rowid);
	return r == -EEXIST ? -EIO : r;
}

/*
 * The message has another time or author than an answer once said: the row makes way, and the message
 * comes as a new one, since its name and its place hang on both.
 */
static int replace(struct put *p, const struct store_message *old,
		   const struct webex_message *m, int64_t *ret_rowid)
{
	int r;

	if (!put_can_keep(p, m))
		return 0;
	r = message_make_way(p->w, &p->room, old->rowid);
	g_clear_pointer(&p->twins, g_ptr_array_unref);
	return r < 0 ? r : put_new(p, m, 0, ret_rowid);
}

int put_message(struct put *p, const struct webex_message *m, bool is_alone,
		int64_t pin_until_ms, int64_t *ret_rowid)
{
	struct store_message old = {0};
	int r;

	p->is_pinned = pin_until_ms > 0;
	/* An author is noted only for a new message, and so the first one of each is looked up. */
	if (is_alone && known_author(p, m)) {
		r = insert(p, m, true, pin_until_ms, ret_rowid);
		/* It is known under another time. */
		if (r != -EEXIST)
			return r;
	}
	r = message_find(p->w->q, p->room.rowid, m->id, ret_rowid);
	if (r == -ENOENT)
		return put_new(p, m, pin_until_ms, ret_rowid);
	if (r == 0)
		r = message_load(p->w->q, *ret_rowid, &old);
	if (r < 0)
		return r;
	if (!old.deleted && p->believes && message_is_elsewhere(&old, m))
		r = replace(p, &old, m, ret_rowid);
	else
		r = old.deleted ? revive(p, &old, m) : update(p, &old, m);
	if (r == 0 && pin_until_ms > 0)
		r = message_set_pin(p->w, *ret_rowid, pin_until_ms);
	store_message_clear(&old);
	return r;
}
