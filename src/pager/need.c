/* SPDX-License-Identifier: MIT */
#include "pager/need.h"

#include <string.h>

bool need_has_key(enum need_kind kind)
{
	return kind == NEED_PERSON || kind == NEED_DIRECT;
}

bool need_equal(const struct need *a, const struct need *b)
{
	if (a->kind != b->kind || a->row != b->row)
		return false;
	if (need_has_key(a->kind))
		return strcmp(a->key, b->key) == 0;
	/* Each part with numbers has two of them. */
	return a->lo_ms == b->lo_ms && a->hi_ms == b->hi_ms;
}

guint need_hash(gconstpointer p)
{
	const struct need *n = p;
	guint hash = (guint)n->kind * 2654435761u ^ (guint)(n->row * 40503);

	if (need_has_key(n->kind))
		return hash ^ g_str_hash(n->key);
	return hash ^ (guint)(n->lo_ms >> 10) * 2246822519u ^ (guint)(n->hi_ms >> 10);
}

gboolean need_equal_g(gconstpointer a, gconstpointer b)
{
	return need_equal(a, b);
}

bool need_asks_server(enum need_kind kind)
{
	return kind != NEED_MONTHS && kind != NEED_THREAD_ROW;
}
