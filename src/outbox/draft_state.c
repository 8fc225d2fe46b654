/* SPDX-License-Identifier: MIT */
/* Which open files wrote the bytes of a draft, and whether they are to be sent. */
#include "outbox/draft_internal.h"

void draft_set_clean_locked(struct draft *d)
{
	d->is_dirty = d->is_tainted = false;
	draft_writers_end_round(&d->writers);
}

void draft_set_clean(struct draft *d)
{
	pthread_mutex_lock(&d->lock);
	draft_set_clean_locked(d);
	pthread_mutex_unlock(&d->lock);
}

bool draft_is_at(struct draft *d, uint64_t state)
{
	bool is_at;

	pthread_mutex_lock(&d->lock);
	is_at = d->changes == state;
	pthread_mutex_unlock(&d->lock);
	return is_at;
}

void draft_set_sent(struct draft *d, uint64_t state)
{
	pthread_mutex_lock(&d->lock);
	if (d->changes == state)
		draft_set_clean_locked(d);
	pthread_mutex_unlock(&d->lock);
}

bool draft_is_dirty(struct draft *d)
{
	bool is_dirty;

	pthread_mutex_lock(&d->lock);
	is_dirty = d->is_dirty;
	pthread_mutex_unlock(&d->lock);
	return is_dirty;
}

void draft_join(struct draft *d, struct draft_writer *w)
{
	pthread_mutex_lock(&d->lock);
	draft_writers_join(&d->writers, w);
	pthread_mutex_unlock(&d->lock);
}

bool draft_leave(struct draft *d, struct draft_writer *w)
{
	bool is_left;

	pthread_mutex_lock(&d->lock);
	is_left = draft_writers_leave(&d->writers, w) && d->is_dirty;
	pthread_mutex_unlock(&d->lock);
	return is_left;
}

bool draft_is_dirty_by(struct draft *d, const struct draft_writer *w)
{
	bool is_dirty;

	pthread_mutex_lock(&d->lock);
	is_dirty = draft_writer_is_dirty(&d->writers, w);
	pthread_mutex_unlock(&d->lock);
	return is_dirty;
}

bool draft_has_company(struct draft *d, const struct draft_writer *w)
{
	bool has;

	pthread_mutex_lock(&d->lock);
	has = draft_writer_has_company(&d->writers, w);
	pthread_mutex_unlock(&d->lock);
	return has;
}

bool draft_holds_others(struct draft *d, const struct draft_writer *w)
{
	bool holds;

	pthread_mutex_lock(&d->lock);
	holds = d->writers.has_left || draft_writer_has_company(&d->writers, w);
	pthread_mutex_unlock(&d->lock);
	return holds;
}

bool draft_is_open(struct draft *d)
{
	bool is_open;

	pthread_mutex_lock(&d->lock);
	is_open = d->writers.n_open > 0;
	pthread_mutex_unlock(&d->lock);
	return is_open;
}

void draft_taint(struct draft *d)
{
	pthread_mutex_lock(&d->lock);
	d->is_tainted = true;
	pthread_mutex_unlock(&d->lock);
}

bool draft_is_tainted(struct draft *d)
{
	bool is_tainted;

	pthread_mutex_lock(&d->lock);
	is_tainted = d->is_tainted;
	pthread_mutex_unlock(&d->lock);
	return is_tainted;
}
