/* SPDX-License-Identifier: MIT */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/snapshot.h"

#define COPY_BYTES 65536
/* Descriptors kept for connections, the store and letters. Where the limit is low, a part of it
 * is kept. */
#define RESERVE 128
#define RESERVE_PART 4
/* Descriptors above the limit that is set, for letters. */
#define LAST 16

static rlim_t limit_before;
static pthread_mutex_t last_lock =
	PTHREAD_MUTEX_INITIALIZER; /* the limit, while it is raised */

/* ---- the limit ---- */

void fd_limit_raise(void)
{
	struct rlimit limit;
	rlim_t raised;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	raised = limit.rlim_max - MIN(LAST, limit.rlim_max / RESERVE_PART);
	if (limit.rlim_cur < raised)
		limit_before = limit.rlim_cur;
	limit.rlim_cur = raised;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		limit_before = 0;
}

unsigned long fd_limit_before(void)
{
	return (unsigned long)limit_before;
}

bool fd_is_scarce(int fd)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return false;
	return (rlim_t)fd >= limit.rlim_cur - MIN(RESERVE, limit.rlim_cur / RESERVE_PART);
}

int fd_check_left(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	bool is_scarce = fd < 0 ? errno == EMFILE || errno == ENFILE : fd_is_scarce(fd);

	if (fd >= 0)
		close(fd);
	return is_scarce ? -ENFILE : 0;
}

static int open_or_dup(int dir_fd, const char *name, int flags, mode_t mode)
{
	int fd = name ? openat(dir_fd, name, flags | O_CLOEXEC, mode)
		      : fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

/* Raises the limit for the moment of one call. */
static int open_or_dup_last_locked(int dir_fd, const char *name, int flags, mode_t mode)
{
	struct rlimit limit, more;
	int fd;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -EMFILE;
	more = limit;
	more.rlim_cur += MIN(LAST, limit.rlim_max - limit.rlim_cur);
	if (setrlimit(RLIMIT_NOFILE, &more) < 0)
		return -EMFILE;
	fd = open_or_dup(dir_fd, name, flags, mode);
	setrlimit(RLIMIT_NOFILE, &limit);
	return fd;
}

int fd_openat_last(int dir_fd, const char *name, int flags, mode_t mode)
{
	int fd = open_or_dup(dir_fd, name, flags, mode);

	if (fd != -EMFILE)
		return fd;
	pthread_mutex_lock(&last_lock);
	fd = open_or_dup_last_locked(dir_fd, name, flags, mode);
	pthread_mutex_unlock(&last_lock);
	return fd;
}

int fd_dup_last(int fd)
{
	return fd_openat_last(fd, NULL, 0, 0);
}

/* ---- whole ranges ---- */

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
