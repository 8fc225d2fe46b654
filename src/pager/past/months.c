/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "pager/fetchers/fetchers.h"
#include "pager/past/months.h"

void months_key(int64_t room, int month, char buf[static MONTHS_KEY_SIZE])
{
	char name[TIME_MONTH_SIZE];

	time_format_month(month, name);
	g_snprintf(buf, MONTHS_KEY_SIZE, "%" G_GINT64_FORMAT "/%s", room, name);
}

void months_prefix(int64_t room, char buf[static MONTHS_KEY_SIZE])
{
	g_snprintf(buf, MONTHS_KEY_SIZE, "%" G_GINT64_FORMAT "/", room);
}

int months_parse_key(const char *key, int64_t *ret_room, int *ret_month)
{
	char *end;
	int64_t room = g_ascii_strtoll(key, &end, 10);

	if (room <= 0 || *end != '/')
		return -EINVAL;
	*ret_room = room;
	return time_parse_month(end + 1, ret_month);
}

/* Makes no request, since the store knows which months there are; they only lack rows. */
static int begin(struct fetch *f)
{
	struct store *s = pager_get_config(f->pager)->store;
	g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
	struct store_months months;
	struct store_conn *conn;
	int r = store_read_begin(s, &conn);

	if (r)
		return r;
	r = store_room_months(conn, f->need.row, &months);
	store_read_end(conn);
	if (r)
		return r;
	for (int m = months.first; m <= months.last; m++) {
		char *key = g_malloc(MONTHS_KEY_SIZE);

		months_key(f->need.row, m, key);
		g_ptr_array_add(keys, key);
	}
	return store_nodes_make(s, NODE_MONTH, keys);
}

const struct fetcher fetcher_months = {
	.kind = NEED_MONTHS,
	.words = "the months of",
	.begin = begin,
};
