/* SPDX-License-Identifier: MIT */
/*
 * statx(2), also where the C library lacks it or the number of the mount (musl before 1.2.5).
 * Thread rule: any thread.
 */
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#ifndef HAVE_STATX
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int statx(int dir_fd, const char *path, int flags, unsigned mask,
			struct statx *ret_st)
{
	return (int)syscall(SYS_statx, dir_fd, path, flags, mask, ret_st);
}
#endif
