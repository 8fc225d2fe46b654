/* SPDX-License-Identifier: MIT */
#include "outbox/draft_writers.h"

#include <string.h>

static uint64_t this_round(const struct draft_writers *all)
{
	return all->ended + 1;
}

static bool wrote(const struct draft_writers *all, const struct draft_writer *w)
{
	return w->is_open && w->round == this_round(all);
}

void draft_writers_join(struct draft_writers *all, struct draft_writer *w)
{
	*w = (struct draft_writer){.is_open = true};
	all->n_open++;
}

bool draft_writers_leave(struct draft_writers *all, struct draft_writer *w)
{
	bool was_dirty = wrote(all, w);

	if (!w->is_open)
		return false;
	draft_writer_give_up(all, w);
	all->n_open--;
	memset(w, 0, sizeof(*w));
	return !all->n_open || (was_dirty && !draft_writer_has_company(all, w));
}

void draft_writer_wrote(struct draft_writers *all, struct draft_writer *w, bool is_mapped)
{
	if (is_mapped) {
		all->is_mapped = true;
	} else if (w && w->is_open && !wrote(all, w)) {
		w->round = this_round(all);
		all->n_dirty++;
	}
}

void draft_writers_end_round(struct draft_writers *all)
{
	all->ended++;
	all->n_dirty = 0;
	all->is_mapped = all->has_left = false;
}

bool draft_writer_is_dirty(const struct draft_writers *all, const struct draft_writer *w)
{
	return wrote(all, w) || (all->is_mapped && w->is_open && all->n_open == 1);
}

bool draft_writer_has_company(const struct draft_writers *all, const struct draft_writer *w)
{
	return all->n_dirty > (wrote(all, w) ? 1 : 0) ||
	       (all->is_mapped && all->n_open > (w->is_open ? 1 : 0));
}

void draft_writer_give_up(struct draft_writers *all, struct draft_writer *w)
{
	if (wrote(all, w)) {
		all->n_dirty--;
		all->has_left = true;
	}
	w->round = 0;
}
