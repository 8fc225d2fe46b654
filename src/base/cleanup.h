/* SPDX-License-Identifier: MIT */
/*
 * Scope-bound release of what a function owns: `_cleanup_(cleanup_close) int fd = -1;`.
 * `steal_ptr(&p)` and `steal_fd(&fd)` hand ownership on and disarm the release.
 */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* For what glib allocated. */
static inline void cleanup_gfree(void *p)
{
	g_free(*(void **)p);
}

#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_gfree_ _cleanup_(cleanup_gfree)
#define _cleanup_close_ _cleanup_(cleanup_close)

#define steal_ptr(pp)                                                                          \
	({                                                                                     \
		__typeof__(*(pp)) stolen_ = *(pp);                                             \
		*(pp) = NULL;                                                                  \
		stolen_;                                                                       \
	})

static inline int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
