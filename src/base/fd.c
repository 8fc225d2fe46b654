/* SPDX-License-Identifier: MIT */
#include "base/fd.h"

#include <errno.h>
#include <glib.h>
#include <unistd.h>

#define COPY_BYTES 65536

int fd_write_all(int fd, const void *buf, size_t len, int64_t offset)
{
	const char *at = buf;

	while (len > 0) {
		ssize_t n = pwrite(fd, at, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
		offset += n;
	}
	return 0;
}

int fd_copy(int from, int to, int64_t lo, int64_t hi)
{
	char block[COPY_BYTES];

	while (lo < hi) {
		ssize_t n = pread(from, block, (size_t)MIN(COPY_BYTES, hi - lo), lo);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		int r = fd_write_all(to, block, (size_t)n, lo);
		if (r < 0)
			return r;
		lo += n;
	}
	return 0;
}
