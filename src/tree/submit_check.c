/* SPDX-License-Identifier: MIT */
/*
 * A change of a space, a team or a membership that changes nothing, as far as is known here: the server
 * is asked whether it has what was written before the change is reported as done.
 *
 *     GET --as it was written--> 0
 *      |
 *      +--something else: it was changed elsewhere, and who wrote has not seen that--> -ESTALE
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "tree/asked.h"
#include "tree/submit.h"

static void publish(struct tree *t, GPtrArray *changes)
{
	if (changes->len && t->config.on_changes)
		t->config.on_changes(t->config.arg, changes);
	g_ptr_array_unref(changes);
}

/* True if something differs from what was written; *ret_r: 0 or -errno. */
static bool differs(struct submission *s, const struct webex_reply *reply, int *ret_r)
{
	const char *json = s->plan.text;
	char *change = NULL, *reason = NULL;
	size_t len = strlen(json);

	if (s->plan.action == TREE_DO_CHECK_ROOM)
		*ret_r = webex_room_edit(reply->items->pdata[0], json, len, &change, &reason);
	else
		*ret_r = webex_membership_edit(reply->items->pdata[0], json, len, &change,
					       &reason);
	g_free(reason);
	g_free(change);
	return *ret_r || change;
}

/* Keeps what was read, so that the next change begins with it. */
static void show(struct submission *s, const struct webex_reply *reply)
{
	GPtrArray *changes = store_changes_new();
	struct tree *t = s->tree;
	int64_t row;

	if (s->plan.action == TREE_DO_CHECK_ROOM)
		store_apply_room(t->config.store, reply->items->pdata[0], 0, &row, changes);
	else
		store_apply_members(t->config.store, s->plan.room, reply->items, false,
				    clock_wall(t->config.clock), changes);
	publish(t, changes);
}

static void checked(void *arg, struct webex_reply *reply)
{
	struct submission *s = arg;
	const char *what =
		s->plan.action == TREE_DO_CHECK_ROOM ? submission_thing(s) : "membership";
	_cleanup_gfree_ char *words = webex_reply_words(reply);
	int r = reply->error;

	if (!r && !reply->items->len)
		r = -EIO;
	if (r)
		s->said =
			g_strdup_printf("change of a %s: %s: %s", what, g_strerror(-r), words);
	else if (differs(s, reply, &r)) {
		show(s, reply);
		r = -ESTALE;
		s->said = g_strdup_printf(
			"the %s was changed elsewhere meanwhile: look at it, and "
			"write again",
			what);
	}
	if (r)
		log_last_error("%s", s->said);
	submission_finish(s, r, s->plan.ino);
}

void object_check(struct submission *s)
{
	const struct webex_place *place = webex_place(s->plan.type);
	struct webex_client *client = s->tree->config.client;

	if (s->plan.action == TREE_DO_CHECK_ROOM)
		place->get(client, s->plan.id, checked, s);
	else
		place->get_member(client, s->plan.id, checked, s);
}

/* ---- requests of api/ ---- */

static void asked_ended(void *arg, int error, const char *words)
{
	struct submission *s = arg;
	struct need news = {.kind = NEED_NEWS};

	if (error && words) {
		s->said = g_strdup(words);
		log_last_error("%s", words);
	} else if (error) {
		s->said = g_strdup("the writer was interrupted before it was sent");
	}
	/* The rest of the tree learns of it when somebody looks. */
	pager_touch(s->tree->config.pager, &news);
	pager_expire(s->tree->config.pager, &news);
	submission_finish(s, error, 0);
}

void ask_begin(struct submission *s)
{
	asked_start(s->plan.asked, asked_ended, s);
}
