/* SPDX-License-Identifier: MIT */
#include "base/fd.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/snapshot.h"

#define COPY_BYTES 65536
/* Descriptors kept for connections, the store and letters. Where the limit is low, a part of it
 * is kept. */
#define RESERVE 128
#define RESERVE_PART 4

bool fd_is_scarce(int fd)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return false;
	return (rlim_t)fd >= limit.rlim_cur - MIN(RESERVE, limit.rlim_cur / RESERVE_PART);
}

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

	if (hi - lo > SNAPSHOT_BYTES_MAX)
		snapshot_assert_none();
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

/* 0: all of it is there. */
static int read_all(int fd, char *buf, size_t len, int64_t offset)
{
	while (len > 0) {
		ssize_t n = pread(fd, buf, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		buf += n;
		len -= (size_t)n;
		offset += n;
	}
	return 0;
}

bool fd_is_same(int a, int b)
{
	char left[COPY_BYTES], right[COPY_BYTES];
	struct stat sa, sb;

	if (fstat(a, &sa) < 0 || fstat(b, &sb) < 0 || sa.st_size != sb.st_size)
		return false;
	if (sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino)
		return true;
	for (int64_t at = 0; at < sa.st_size; at += COPY_BYTES) {
		size_t len = (size_t)MIN(COPY_BYTES, sa.st_size - at);

		if (read_all(a, left, len, at) < 0 || read_all(b, right, len, at) < 0 ||
		    memcmp(left, right, len) != 0)
			return false;
	}
	return true;
}
