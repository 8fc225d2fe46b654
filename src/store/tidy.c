/* SPDX-License-Identifier: MIT */
#include "store/tidy.h"

#include "store/internal.h"

/* Rows in one transaction. */
#define SLICE 500

int store_tidy(struct store *s)
{
	int r = purge_some(s, SLICE);

	return r < 0 ? r : r > 0 ? 1 : shrink_some(s);
}
