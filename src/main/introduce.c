/* SPDX-License-Identifier: MIT */
#include "main/introduce.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/server_clock.h"

struct introduce {
	struct store *store;
	const struct account_owner *owner;
	const struct webex_person *me;
	int64_t person;
	int error;
};

/* Makes up the owner's person from what is remembered, if there is neither network nor an old
 * store. */
static struct webex_person *person_of_owner(const struct account_owner *o)
{
	_cleanup_gfree_ char *id = webex_json_quote(o->id);
	_cleanup_gfree_ char *email = o->email ? webex_json_quote(o->email) : g_strdup("");
	struct webex_person *p = g_new0(struct webex_person, 1);

	p->id = g_strdup(o->id);
	p->email = g_strdup(o->email);
	p->display_name = g_strdup(o->email);
	p->type = o->is_bot ? WEBEX_PERSON_BOT : WEBEX_PERSON_PERSON;
	p->json = g_strdup_printf("{\n  \"id\": %s,\n  \"emails\": [%s]\n}\n", id, email);
	return p;
}

/* -EEXIST: the store belongs to somebody else. *ret_person stays 0 if the owner has no row yet. */
static int find_owner(struct introduce *i, int64_t *ret_person)
{
	_cleanup_gfree_ char *other = NULL;
	struct store_person person = {0};
	struct store_conn *conn;
	int r = store_read_begin(i->store, &conn);

	if (r < 0)
		return r;
	other = store_meta_get(conn, "me.id");
	*ret_person = 0;
	if (store_person_by_id(conn, i->owner->id, &person) == 0) {
		*ret_person = person.rowid;
		store_person_clear(&person);
	}
	store_read_end(conn);
	return other && strcmp(other, i->owner->id) != 0 ? -EEXIST : 0;
}

static int apply_owner(struct introduce *i)
{
	GPtrArray *changes = store_changes_new();
	struct webex_person *made = i->me ? NULL : person_of_owner(i->owner);
	/* A person that was made up is fetched as soon as somebody looks. */
	int64_t fetched_ms = i->me ? clock_wall(clock_server()) : 0;
	int r = store_apply_person(i->store, i->me ? i->me : made, fetched_ms, &i->person,
				   changes);

	if (made)
		webex_person_free(made);
	g_ptr_array_unref(changes);
	return r;
}

static void introduce(void *arg)
{
	struct introduce *i = arg;
	int r = find_owner(i, &i->person);

	if (r == 0)
		r = store_meta_set(i->store, "me.id", i->owner->id);
	if (r == 0)
		r = store_meta_set(i->store, "me.email",
				   i->owner->email ? i->owner->email : "");
	if (r == 0 && (i->me || !i->person))
		r = apply_owner(i);
	i->error = r;
}

int introduce_owner(struct store *store, struct work_queue *cache_queue,
		    const struct account_owner *owner, const struct webex_person *me,
		    int64_t *ret_person, char **ret_reason)
{
	struct introduce i = {.store = store, .owner = owner, .me = me};

	work_call(cache_queue, introduce, &i);
	if (i.error == -EEXIST)
		*ret_reason = g_strdup_printf(
			"the cache folder of %s holds another person's messages; choose "
			"another -o account=NAME or -o cache=DIR",
			account_owner_name(owner));
	else if (i.error < 0)
		*ret_reason =
			g_strdup_printf("cannot write to the cache: %s", g_strerror(-i.error));
	if (i.error == 0)
		*ret_person = i.person;
	return i.error;
}
