/* SPDX-License-Identifier: MIT */
/*
 * To be preloaded: it is another day, by `ANOTHER_DATE` seconds, for the clock and for the times of
 * files. The monotonic clock, and what is waited by it, stay as they are.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <time.h>

static time_t offset(void)
{
	const char *text = getenv("ANOTHER_DATE"); /* NOLINT(concurrency-mt-unsafe) */

	return text ? (time_t)strtoll(text, NULL, 10) : 0;
}

/* The function of the C library that has this name. */
#define REAL(name, symbol) ((__typeof__(&(name)))(uintptr_t)dlsym(RTLD_NEXT, symbol))

/* ---- clocks ---- */

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int r = REAL(clock_gettime, "clock_gettime")(clock, now);

	if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += offset();
	return r;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	now->tv_sec = ts.tv_sec;
	now->tv_usec = (suseconds_t)(ts.tv_nsec / 1000);
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (ret)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}

/* ---- times of files ---- */

/* A device without a number of its own is that of a mount of ours, whose times are moved already. */
static int move(int r, struct stat *st)
{
	if (r == 0 && major(st->st_dev) != 0) {
		st->st_atim.tv_sec += offset();
		st->st_mtim.tv_sec += offset();
		st->st_ctim.tv_sec += offset();
	}
	return r;
}

int stat(const char *restrict path, struct stat *restrict st)
{
	return move(REAL(stat, "stat64")(path, st), st);
}

int lstat(const char *restrict path, struct stat *restrict st)
{
	return move(REAL(lstat, "lstat64")(path, st), st);
}

int fstat(int fd, struct stat *st)
{
	return move(REAL(fstat, "fstat64")(fd, st), st);
}

int fstatat(int dir, const char *restrict path, struct stat *restrict st, int flags)
{
	return move(REAL(fstatat, "fstatat64")(dir, path, st, flags), st);
}

/* Programs that were not compiled for large files call these, which are the same on 64 bits. */
#define SAME(name) __asm__(name) __attribute__((alias(name "64")))
int plain_stat(const char *path, struct stat *st) SAME("stat");
int plain_lstat(const char *path, struct stat *st) SAME("lstat");
int plain_fstat(int fd, struct stat *st) SAME("fstat");
int plain_fstatat(int dir, const char *path, struct stat *st, int flags) SAME("fstatat");

int statx(int dir, const char *restrict path, int flags, unsigned mask,
	  struct statx *restrict st)
{
	int r = REAL(statx, "statx")(dir, path, flags, mask, st);

	if (r == 0 && st->stx_dev_major != 0) {
		st->stx_atime.tv_sec += offset();
		st->stx_mtime.tv_sec += offset();
		st->stx_ctime.tv_sec += offset();
	}
	return r;
}

/* What is set is moved back; the two values that mean now, and as it is, are in the nanoseconds. */
static const struct timespec *back(const struct timespec times[2], struct timespec moved[2])
{
	for (int i = 0; times && i < 2; i++) {
		moved[i] = times[i];
		moved[i].tv_sec -= offset();
	}
	return times ? moved : NULL;
}

int utimensat(int dir, const char *path, const struct timespec times[2], int flags)
{
	struct timespec moved[2];

	return REAL(utimensat, "utimensat")(dir, path, back(times, moved), flags);
}

int futimens(int fd, const struct timespec times[2])
{
	struct timespec moved[2];

	return REAL(futimens, "futimens")(fd, back(times, moved));
}
