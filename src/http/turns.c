/* SPDX-License-Identifier: MIT */
#include "http/turns.h"

#include <glib.h>

/* So many turns are remembered. Who is not takes the next one. */
#define TURNS_MAX 4096

enum level { BY_USER, BY_SESSION, BY_TOPIC, N_LEVELS };

struct turn {
	struct http_asker who; /* zero below `level` */
	enum level level;
	uint64_t last;
};

struct http_turns {
	GHashTable *all; /* of struct turn */
	uint64_t now;
};

static guint turn_hash(gconstpointer turn)
{
	const struct turn *t = turn;

	return ((t->who.user * 31 + t->who.session) * 31 + t->who.topic) * 31 + t->level;
}

static bool is_same(const struct http_asker *a, const struct http_asker *b, enum level level)
{
	return a->user == b->user && (level < BY_SESSION || a->session == b->session) &&
	       (level < BY_TOPIC || a->topic == b->topic);
}

bool http_asker_is(const struct http_asker *a, const struct http_asker *b)
{
	return is_same(a, b, BY_TOPIC);
}

static gboolean turn_equal(gconstpointer a, gconstpointer b)
{
	const struct turn *x = a, *y = b;

	return x->level == y->level && http_asker_is(&x->who, &y->who);
}

struct http_turns *http_turns_new(void)
{
	struct http_turns *t = g_new0(struct http_turns, 1);

	t->all = g_hash_table_new_full(turn_hash, turn_equal, g_free, NULL);
	return t;
}

void http_turns_free(struct http_turns **t)
{
	if (!*t)
		return;
	g_hash_table_unref((*t)->all);
	g_free(*t);
	*t = NULL;
}

static struct turn turn_of(const struct http_asker *who, enum level level)
{
	struct turn turn = {.who.user = who->user, .level = level};

	if (level >= BY_SESSION)
		turn.who.session = who->session;
	if (level >= BY_TOPIC)
		turn.who.topic = who->topic;
	return turn;
}

/* 0: it had none. */
static uint64_t last_turn(const struct http_turns *t, const struct http_asker *who,
			  enum level level)
{
	struct turn key = turn_of(who, level);
	const struct turn *found = g_hash_table_lookup(t->all, &key);

	return found ? found->last : 0;
}

bool http_turns_before(const struct http_turns *t, const struct http_asker *a,
		       const struct http_asker *b)
{
	for (enum level level = BY_USER; level < N_LEVELS; level++)
		if (!is_same(a, b, level))
			return last_turn(t, a, level) < last_turn(t, b, level);
	return false;
}

void http_turns_note(struct http_turns *t, const struct http_asker *who)
{
	t->now++;
	if (g_hash_table_size(t->all) > TURNS_MAX)
		g_hash_table_remove_all(t->all);
	for (enum level level = BY_USER; level < N_LEVELS; level++) {
		struct turn turn = turn_of(who, level);

		turn.last = t->now;
		g_hash_table_add(t->all, g_memdup2(&turn, sizeof(turn)));
	}
}

/* ---- places ---- */

void http_places_count(struct http_places *n, const struct http_asker *who,
		       const struct http_asker *other)
{
	n->all++;
	n->of_user += is_same(who, other, BY_USER);
	n->of_session += is_same(who, other, BY_SESSION);
	n->of_topic += is_same(who, other, BY_TOPIC);
}

bool http_places_left(const struct http_places *n, const struct http_asker *who, int places)
{
	int left = places - n->all;

	if (left <= 0 || !who->session)
		return left > 0;
	return n->of_topic < left && n->of_session < 3 * left && n->of_user < 7 * left;
}
