/* SPDX-License-Identifier: MIT */
#include "outbox/known.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"

#define HTTP_BAD_REQUEST 400
#define HTTP_NOT_FOUND 404

struct known {
	const struct clock *clock;
	pthread_mutex_t lock;
	GHashTable *edits;  /* lock; id of a message to the number of its edits */
	GHashTable *nobody; /* lock; address in lower case to int64_t, until when (mono) */
};

struct known *known_new(const struct clock *clock)
{
	struct known *k = g_new0(struct known, 1);

	k->clock = clock;
	pthread_mutex_init(&k->lock, NULL);
	k->edits = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	k->nobody = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return k;
}

void known_free(struct known **k)
{
	if (!*k)
		return;
	g_hash_table_unref((*k)->edits);
	g_hash_table_unref((*k)->nobody);
	pthread_mutex_destroy(&(*k)->lock);
	g_free(*k);
	*k = NULL;
}

/* Makes room for one more. */
static GHashTable *bounded(GHashTable *table)
{
	if (g_hash_table_size(table) >= KNOWN_MAX)
		g_hash_table_remove_all(table);
	return table;
}

static void set_edits_locked(struct known *k, const char *id, int n)
{
	g_hash_table_insert(bounded(k->edits), g_strdup(id), GINT_TO_POINTER(n));
}

static int edits_locked(struct known *k, const char *id)
{
	return GPOINTER_TO_INT(g_hash_table_lookup(k->edits, id));
}

void known_delivered(struct known *k, const struct outbox_letter *l)
{
	_cleanup_gfree_ char *email = l->to.email ? g_utf8_strdown(l->to.email, -1) : NULL;

	pthread_mutex_lock(&k->lock);
	if (l->is_edit && l->to.message_id)
		set_edits_locked(k, l->to.message_id, edits_locked(k, l->to.message_id) + 1);
	if (email)
		g_hash_table_remove(k->nobody, email);
	pthread_mutex_unlock(&k->lock);
}

/* The service's own words for the limit are not documented: any that speak of a number of edits. */
static bool is_about_limit(const char *words)
{
	_cleanup_gfree_ char *low = words ? g_utf8_strdown(words, -1) : NULL;

	return low && strstr(low, "edit") &&
	       (strstr(low, "maximum") || strstr(low, "limit") || strstr(low, "times"));
}

void known_refused(struct known *k, const struct outbox_letter *l, int status,
		   const char *words)
{
	bool is_limit = l->is_edit && l->to.message_id && status == HTTP_BAD_REQUEST &&
			is_about_limit(words);
	bool is_nobody = l->to.email && !l->to.room && status == HTTP_NOT_FOUND;
	int64_t until_ms = clock_mono(k->clock) + KNOWN_NOBODY_MS;

	pthread_mutex_lock(&k->lock);
	if (is_limit)
		set_edits_locked(k, l->to.message_id, KNOWN_EDITS_MAX);
	if (is_nobody)
		g_hash_table_insert(bounded(k->nobody), g_utf8_strdown(l->to.email, -1),
				    g_memdup2(&until_ms, sizeof(until_ms)));
	pthread_mutex_unlock(&k->lock);
}

int known_error(struct known *k, const char *message_id, const char *email)
{
	_cleanup_gfree_ char *low = email ? g_utf8_strdown(email, -1) : NULL;
	int64_t now_ms = clock_mono(k->clock);
	const int64_t *until_ms;
	int r = 0;

	pthread_mutex_lock(&k->lock);
	if (message_id && edits_locked(k, message_id) >= KNOWN_EDITS_MAX)
		r = -EACCES;
	until_ms = low ? g_hash_table_lookup(k->nobody, low) : NULL;
	if (until_ms && now_ms < *until_ms)
		r = -ENOENT;
	pthread_mutex_unlock(&k->lock);
	return r;
}
