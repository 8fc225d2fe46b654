/* SPDX-License-Identifier: MIT */
#include "pager/need.h"

#include <string.h>

bool need_equal(const struct need *a, const struct need *b)
{
	return a->kind == b->kind && a->row == b->row && a->lo_ms == b->lo_ms &&
	       a->hi_ms == b->hi_ms && strcmp(a->key, b->key) == 0;
}

guint need_hash(gconstpointer p)
{
	const struct need *n = p;

	return g_str_hash(n->key) ^ (guint)n->kind * 2654435761u ^ (guint)(n->row * 40503) ^
	       (guint)(n->lo_ms >> 10) * 2246822519u ^ (guint)(n->hi_ms >> 10);
}

gboolean need_equal_g(gconstpointer a, gconstpointer b)
{
	return need_equal(a, b);
}

bool need_asks_server(enum need_kind kind)
{
	return kind != NEED_MONTHS && kind != NEED_EVENT;
}
