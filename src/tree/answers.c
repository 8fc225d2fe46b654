/* SPDX-License-Identifier: MIT */
#include "tree/answers.h"

#include <pthread.h>

struct answer {
	pid_t session; /* 0: it is everybody's */
	int64_t mono_ms;
	GString *text; /* owned */
};

struct answers {
	const struct clock *clock;
	pthread_mutex_t lock;
	GQueue all; /* lock; of struct answer, newest first; one for each session */
};

static void answer_free(void *p)
{
	struct answer *answer = p;

	g_string_free(answer->text, TRUE);
	g_free(answer);
}

struct answers *answers_new(const struct clock *clock)
{
	struct answers *a = g_new0(struct answers, 1);

	a->clock = clock;
	pthread_mutex_init(&a->lock, NULL);
	return a;
}

void answers_free(struct answers **a)
{
	if (!*a)
		return;
	g_queue_clear_full(&(*a)->all, answer_free);
	pthread_mutex_destroy(&(*a)->lock);
	g_free(*a);
	*a = NULL;
}

static GString *text_of(const char *text, size_t len)
{
	GString *out = g_string_new(NULL);

	if (len > ANSWER_MAX_BYTES)
		g_string_printf(
			out, "{\"message\": \"the answer had %zu bytes, too many to be kept\"}",
			len);
	else if (len)
		g_string_append_len(out, text, (gssize)len);
	if (out->len && out->str[out->len - 1] != '\n')
		g_string_append_c(out, '\n');
	return out;
}

/* The link of the session's answer; NULL: it has none. */
static GList *find_locked(const struct answers *a, pid_t session)
{
	for (GList *l = a->all.head; l; l = l->next)
		if (((const struct answer *)l->data)->session == session)
			return l;
	return NULL;
}

void answers_put(struct answers *a, pid_t session, const char *text, size_t len)
{
	struct answer *new = g_new(struct answer, 1), *old = NULL;
	GList *link;

	*new = (struct answer){.session = session,
			       .mono_ms = clock_mono(a->clock),
			       .text = text_of(text, len)};
	pthread_mutex_lock(&a->lock);
	link = find_locked(a, session);
	if (!link && a->all.length == ANSWERS_MAX)
		link = a->all.tail;
	if (link) {
		old = link->data;
		g_queue_delete_link(&a->all, link);
	}
	g_queue_push_head(&a->all, new);
	pthread_mutex_unlock(&a->lock);
	g_clear_pointer(&old, answer_free);
}

/* The newest of its own and of what is everybody's, if it was answered a short time ago; else the newest. */
static const struct answer *choose_locked(const struct answers *a, pid_t session)
{
	int64_t since = clock_mono(a->clock) - ANSWER_OWN_MS;
	GList *own = session ? find_locked(a, session) : NULL;
	const struct answer *mine = own ? own->data : NULL;

	if (!mine || mine->mono_ms < since)
		return g_queue_peek_head((GQueue *)&a->all);
	for (const GList *l = a->all.head; l != own; l = l->next)
		if (((const struct answer *)l->data)->session == 0)
			return l->data;
	return mine;
}

void answers_show(struct answers *a, pid_t session, GString *out)
{
	const struct answer *answer;

	pthread_mutex_lock(&a->lock);
	answer = choose_locked(a, session);
	if (answer)
		g_string_append_len(out, answer->text->str, (gssize)answer->text->len);
	pthread_mutex_unlock(&a->lock);
}
