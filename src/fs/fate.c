/* SPDX-License-Identifier: MIT */
#include "fs/fate.h"

#include <errno.h>
#include <glib.h>

struct fate {
	atomic_int refs;
	atomic_int error; /* -EIO until it is known */
};

struct fate *fate_new(void)
{
	struct fate *f = g_new0(struct fate, 1);

	atomic_init(&f->refs, 1);
	atomic_init(&f->error, -EIO);
	return f;
}

void fate_unref(struct fate **f)
{
	struct fate *old = g_steal_pointer(f);

	if (old && atomic_fetch_sub(&old->refs, 1) == 1)
		g_free(old);
}

void fate_set(struct fate *f, int error)
{
	atomic_store(&f->error, error ? -EIO : 0);
}

void fate_leave(struct fate *f, _Atomic(struct fate *) *place)
{
	struct fate *old;

	atomic_fetch_add(&f->refs, 1);
	old = atomic_exchange(place, f);
	fate_unref(&old);
}

int fate_take(_Atomic(struct fate *) *place)
{
	struct fate *f = atomic_exchange(place, NULL);
	int error = f ? atomic_load(&f->error) : 0;

	fate_unref(&f);
	return error;
}
