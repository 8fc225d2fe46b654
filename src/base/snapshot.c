/* SPDX-License-Identifier: MIT */
#include "base/snapshot.h"

static _Thread_local unsigned depth;

void snapshot_enter(void)
{
	depth++;
}

void snapshot_leave(void)
{
	assert(depth > 0);
	depth--;
}

bool snapshot_is_held(void)
{
	return depth > 0;
}
