/* SPDX-License-Identifier: MIT */
/* Compares what two answers say of one message. */
#include "store/internal.h"

#include <string.h>

#include "webex/id.h"

static bool is_same_list(char **a, char **b)
{
	static char *none[] = {NULL};

	return g_strv_equal((const char *const *)(a ? a : none),
			    (const char *const *)(b ? b : none));
}

/* A reply stays one: where an answer lacks the parent, it has not all fields (webex-api.md 5.4). */
bool message_is_same_parent(const struct webex_message *m, const struct webex_message *known)
{
	return !m->parent_id || !g_strcmp0(m->parent_id, known->parent_id);
}

/* The same text, but for when it was changed last. `a` is the answer, `b` is known. */
static bool says_same(const struct webex_message *a, const struct webex_message *b)
{
	return a->is_voice_clip == b->is_voice_clip && !g_strcmp0(a->text, b->text) &&
	       !g_strcmp0(a->markdown, b->markdown) && !g_strcmp0(a->html, b->html) &&
	       is_same_list(a->files, b->files) && message_is_same_parent(a, b) &&
	       !g_strcmp0(a->person_email, b->person_email) &&
	       !g_strcmp0(a->mentioned_people, b->mentioned_people) &&
	       !g_strcmp0(a->mentioned_groups, b->mentioned_groups) &&
	       !g_strcmp0(a->attachments, b->attachments) && !g_strcmp0(a->extra, b->extra);
}

bool message_is_same(const struct webex_message *a, const struct webex_message *b)
{
	return a->updated_ms == b->updated_ms && says_same(a, b);
}

static bool is_same_author(const char *a, const char *b)
{
	return !b || (a && webex_id_is_same(a, b));
}

bool message_is_elsewhere(const struct store_message *old, const struct webex_message *m)
{
	return (!m->has_odd_time && m->created_ms != old->m.created_ms) ||
	       !is_same_author(old->m.person_id, m->person_id);
}

bool message_contradicts(const struct store_message *old, const struct webex_message *m)
{
	return message_is_elsewhere(old, m) || (m->updated_ms < old->m.updated_ms &&
						!old->is_evicted && !says_same(m, &old->m));
}
