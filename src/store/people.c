/* SPDX-License-Identifier: MIT */
#include "store/internal.h"

#include <errno.h>

#include "base/names.h"

#define PERSON_COLUMNS                                                                         \
	"rowid, id, first_email, email, display_name, type, json, fetched_wall_ms "

void store_person_clear(struct store_person *p)
{
	g_clear_pointer(&p->first_email, g_free);
	webex_person_clear(&p->p);
}

static void person_row(struct sql_stmt *st, struct store_person *ret_person)
{
	*ret_person = (struct store_person){
		.rowid = sql_get_int(st, 0),
		.first_email = sql_get_text(st, 2),
		.fetched_wall_ms = sql_get_int(st, 7),
		.p =
			{
				.id = sql_get_id(st, 1, "PEOPLE"),
				.email = sql_get_text(st, 3),
				.display_name = sql_get_text(st, 4),
				.type = (enum webex_person_type)sql_get_int(st, 5),
				.json = sql_get_text(st, 6),
			},
	};
}

static int person_one(struct sql_stmt *st, struct store_person *ret_person)
{
	int r = sql_step(st);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	person_row(st, ret_person);
	return 0;
}

static int person_by_id(struct sql *q, const char *id, struct store_person *ret_person)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT " PERSON_COLUMNS "FROM person WHERE id=?1");

	sql_id(&st, 1, "PEOPLE", id);
	return person_one(&st, ret_person);
}

int store_person_get(struct store_conn *c, int64_t rowid, struct store_person *ret_person)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT " PERSON_COLUMNS "FROM person WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	return person_one(&st, ret_person);
}

int store_person_by_id(struct store_conn *c, const char *id, struct store_person *ret_person)
{
	return person_by_id(c->q, id, ret_person);
}

static int by_first_email(struct sql *q, const char *key, struct store_person *ret_person)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT " PERSON_COLUMNS "FROM person WHERE first_key=?1 "
			    "ORDER BY fetched_wall_ms DESC, rowid DESC");

	sql_text(&st, 1, key);
	return person_one(&st, ret_person);
}

/* An address may pass from one account to another: the person who has it now comes first, then
 * the one who had it. */
int store_person_by_email(struct store_conn *c, const char *email,
			  struct store_person *ret_person)
{
	g_autofree char *key = name_key(email);
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT " PERSON_COLUMNS "FROM person WHERE email_key=?1 "
			       "ORDER BY fetched_wall_ms DESC, rowid DESC");
	int r;

	sql_text(&st, 1, key);
	r = person_one(&st, ret_person);
	return r == -ENOENT ? by_first_email(c->q, key, ret_person) : r;
}

int store_person_list(struct store_conn *c, int64_t after,
		      bool (*fn)(void *arg, const struct store_person *p), void *arg)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT " PERSON_COLUMNS "FROM person WHERE fetched_wall_ms>=0 "
			       "AND rowid>?1 ORDER BY rowid");
	bool more = true;
	int r = 0;

	sql_int(&st, 1, after);
	while (more && (r = sql_step(&st)) == 1) {
		struct store_person person;

		person_row(&st, &person);
		more = fn(arg, &person);
		store_person_clear(&person);
	}
	return r < 0 ? r : 0;
}

static int person_insert(struct write *w, int64_t rowid, const char *id)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "INSERT INTO person(rowid, id, type) VALUES(?1, ?2, 0)");

	sql_int(&st, 1, rowid);
	sql_id(&st, 2, "PEOPLE", id);
	return sql_run(&st);
}

/* Sets the address only if there is none yet, because names of messages are made of the first
 * one. */
static int put_email(struct write *w, int64_t rowid, const char *email)
{
	g_autofree char *key = name_key(email);
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE person SET first_email=ifnull(first_email, ?2),"
			       " first_key=ifnull(first_key, ?3), email=ifnull(email, ?2),"
			       " email_key=ifnull(email_key, ?3) WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	sql_text(&st, 2, email);
	sql_text(&st, 3, key);
	return sql_run(&st);
}

int person_touch(struct write *w, const char *id, const char *email, int64_t *ret_rowid,
		 char **ret_first_email)
{
	struct store_person person = {0};
	int r = person_by_id(w->q, id, &person);

	if (r == -ENOENT) {
		person.rowid = store_new_rowid(w->s);
		r = person_insert(w, person.rowid, id);
	}
	if (r == 0 && !person.first_email && email) {
		r = put_email(w, person.rowid, email);
		person.first_email = g_strdup(email);
	}
	if (r == 0) {
		*ret_rowid = person.rowid;
		*ret_first_email = g_steal_pointer(&person.first_email);
	}
	store_person_clear(&person);
	return r;
}

static int put_fetched(struct write *w, int64_t rowid, const struct webex_person *p,
		       int64_t now_wall_ms)
{
	g_autofree char *key = p->email ? name_key(p->email) : NULL;
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "UPDATE person SET email=?2, email_key=?3, display_name=?4, type=?5,"
		      " json=?6, fetched_wall_ms=?7 WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	sql_text(&st, 2, p->email);
	sql_text(&st, 3, key);
	sql_text(&st, 4, p->display_name);
	sql_int(&st, 5, p->type);
	sql_text(&st, 6, p->json);
	sql_int(&st, 7, now_wall_ms);
	return sql_run(&st);
}

static void tell_change(struct write *w, int64_t rowid, const struct store_person *old,
			const struct webex_person *p)
{
	bool listed = old->fetched_wall_ms >= 0;

	if (listed && !g_strcmp0(old->p.json, p->json) && !g_strcmp0(old->p.email, p->email))
		return;
	changes_add_named(w, STORE_PERSON_CHANGED, 0, WEBEX_ROOM_GROUP, rowid,
			  listed && g_strcmp0(old->p.email, p->email) ? old->p.email : NULL,
			  p->email);
}

static int apply_person(struct write *w, const struct webex_person *p, int64_t now_wall_ms,
			int64_t *ret_rowid)
{
	struct store_person old = {.fetched_wall_ms = -1};
	g_autofree char *first_email = NULL;
	int64_t rowid;
	int r = person_by_id(w->q, p->id, &old);

	if (r == 0 || r == -ENOENT)
		r = person_touch(w, p->id, p->email, &rowid, &first_email);
	if (r == 0)
		r = put_fetched(w, rowid, p, now_wall_ms);
	if (r == 0) {
		tell_change(w, rowid, &old, p);
		*ret_rowid = rowid;
	}
	store_person_clear(&old);
	return r;
}

int store_apply_person(struct store *s, const struct webex_person *p, int64_t now_wall_ms,
		       int64_t *ret_rowid, GPtrArray *changes)
{
	struct write w;
	int64_t rowid = 0;
	int r = write_begin(s, changes, &w);

	if (r < 0)
		return r;
	r = write_end(&w, apply_person(&w, p, now_wall_ms, &rowid));
	if (r == 0 && ret_rowid)
		*ret_rowid = rowid;
	return r;
}
