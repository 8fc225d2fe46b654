/* SPDX-License-Identifier: MIT */
#include "attach/ranges.h"

void ranges_clear(struct ranges *r)
{
	g_clear_pointer(&r->all, g_array_unref);
}

struct ranges ranges_copy(const struct ranges *r)
{
	return (struct ranges){.all = r->all ? g_array_copy(r->all) : NULL};
}

guint ranges_count(const struct ranges *r)
{
	return r->all ? r->all->len : 0;
}

struct range ranges_nth(const struct ranges *r, guint i)
{
	return g_array_index(r->all, struct range, i);
}

/* The first range that ends at or behind `at`; the count: none does. */
static guint find(const struct ranges *r, int64_t at)
{
	guint lo = 0, hi = ranges_count(r);

	while (lo < hi) {
		guint mid = lo + (hi - lo) / 2;

		if (ranges_nth(r, mid).hi < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void ranges_add(struct ranges *r, int64_t lo, int64_t hi)
{
	struct range all = {lo, hi};
	guint first, n = 0;

	if (lo >= hi)
		return;
	if (!r->all)
		r->all = g_array_new(FALSE, FALSE, sizeof(struct range));
	first = find(r, lo);
	while (first + n < ranges_count(r) && ranges_nth(r, first + n).lo <= hi) {
		all.lo = MIN(all.lo, ranges_nth(r, first + n).lo);
		all.hi = MAX(all.hi, ranges_nth(r, first + n).hi);
		n++;
	}
	if (n > 0)
		g_array_remove_range(r->all, first, n);
	g_array_insert_val(r->all, first, all);
}

int64_t ranges_end(const struct ranges *r, int64_t at)
{
	guint i = find(r, at);

	return i < ranges_count(r) && ranges_nth(r, i).lo <= at ? ranges_nth(r, i).hi : at;
}

int64_t ranges_next(const struct ranges *r, int64_t at)
{
	guint i = find(r, at + 1);

	return i < ranges_count(r) ? MAX(ranges_nth(r, i).lo, at) : INT64_MAX;
}
