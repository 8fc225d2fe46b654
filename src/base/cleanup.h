/* SPDX-License-Identifier: MIT */
/*
 * Scope-bound release of what a function owns: `_cleanup_(cleanup_close) int fd = -1;`.
 * `steal_ptr(&p)` and `steal_fd(&fd)` hand ownership on and disarm the release.
 */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
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

/* For a text with a secret in it, whose room was made at once: no part of it is left elsewhere. */
static inline void cleanup_secret(GString **text)
{
	if (!*text)
		return;
	explicit_bzero((*text)->str, (*text)->allocated_len);
	g_string_free(*text, TRUE);
}

#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_gfree_ _cleanup_(cleanup_gfree)
#define _cleanup_close_ _cleanup_(cleanup_close)
#define _cleanup_secret_ _cleanup_(cleanup_secret)

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
