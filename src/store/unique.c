/* SPDX-License-Identifier: MIT */
#include "store/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "webex/id.h"

/* Ids of two regions with the same UUID have the same digits at any length; then the digits of
 * a hash are used. */
#define HASHED_TRIES 64

static int try_name(const char *base, const char *hex, size_t digits, unique_taken_fn taken,
		    void *arg, char **ret_name, char **ret_key)
{
	g_autofree char *name = digits ? name_with_suffix(base, hex, digits) : g_strdup(base);
	g_autofree char *key = name_key(name);
	int r = taken(arg, key);

	if (r != 0)
		return r;
	*ret_name = g_steal_pointer(&name);
	*ret_key = g_steal_pointer(&key);
	return 0;
}

int unique_name(const char *base, const char *id, unique_taken_fn taken, void *arg,
		char **ret_name, char **ret_key)
{
	char hex[WEBEX_ID_HEX_SIZE];
	int r = try_name(base, NULL, 0, taken, arg, ret_name, ret_key);

	webex_id_hex(id, hex);
	for (size_t digits = 8; r == 1 && digits <= 32; digits += 4)
		r = try_name(base, hex, digits, taken, arg, ret_name, ret_key);
	for (int i = 0; r == 1 && i < HASHED_TRIES; i++) {
		g_autofree char *seed = g_strdup_printf("%d %s", i, id);
		g_autofree char *hash =
			g_compute_checksum_for_string(G_CHECKSUM_SHA256, seed, -1);

		r = try_name(base, hash, 32, taken, arg, ret_name, ret_key);
	}
	return r == 1 ? -EEXIST : r;
}

static int compare_rowids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

void rowset_add(GArray *set, int64_t rowid)
{
	g_array_append_val(set, rowid);
}

void rowset_sort(GArray *set)
{
	if (set->len)
		qsort(set->data, set->len, sizeof(int64_t), compare_rowids);
}

bool rowset_has(const GArray *set, int64_t rowid)
{
	return set->len &&
	       bsearch(&rowid, set->data, set->len, sizeof(int64_t), compare_rowids);
}
