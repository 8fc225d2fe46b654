/* SPDX-License-Identifier: MIT */
/*
 * A change of an object that changes nothing, as far as is known here: the server
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
#include "tree/object.h"
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

	*ret_r = tree_object_of(s->plan.action)
			 ->edit(reply->items->pdata[0], json, strlen(json), &change, &reason);
	g_free(reason);
	g_free(change);
	return *ret_r || change;
}

/* Keeps what was read, so that the next change begins with it. */
static void show(struct submission *s, const struct webex_reply *reply)
{
	GPtrArray *changes = store_changes_new();

	tree_object_of(s->plan.action)->keep(s->tree, &s->plan, reply, changes);
	publish(s->tree, changes);
}

static void checked(void *arg, struct webex_reply *reply)
{
	struct submission *s = arg;
	const char *what = s->plan.action == TREE_DO_CHECK_ROOM
				   ? submission_thing(s)
				   : tree_object_of(s->plan.action)->what;
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

static void object_check(struct submission *s)
{
	tree_object_of(s->plan.action)->get(s->tree->config.client, &s->plan, checked, s);
}

bool object_begin(struct submission *s)
{
	const struct tree_object *object = tree_object_of(s->plan.action);

	if (object && s->plan.action == object->check)
		object_check(s);
	else if (s->plan.action == TREE_DO_DELETE_WEBHOOK ||
		 (object && object->create != TREE_DO_NOTHING))
		webhook_submit(s);
	else
		return false;
	return true;
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
