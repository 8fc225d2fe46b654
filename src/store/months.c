/* SPDX-License-Identifier: MIT */
/* How many bodies there are in each month of each space, and which of them go first. */
#include "store/internal.h"

bool store_has_evicted(struct store *s)
{
	return atomic_load_explicit(&s->evicted, memory_order_relaxed) > 0;
}

int months_load(struct store *s)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(s->writer, "SELECT sum(bodies), sum(evicted) FROM month");
	int r = sql_step(&st);

	if (r < 0)
		return r;
	s->bodies = sql_get_int(&st, 0);
	atomic_store(&s->evicted, sql_get_int(&st, 1));
	return 0;
}
