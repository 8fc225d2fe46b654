/* SPDX-License-Identifier: MIT */
/*
 * Preloaded (LD_PRELOAD), lets a program's time pass HURRY times as fast: what it waits for by a
 * clock that counts (CLOCK_MONOTONIC, CLOCK_BOOTTIME and their like) comes so much sooner, as well
 * in libcurl as in sparkfs. The constants are those of the program; what differs is their ratio to
 * what others take, so a test gives more time where the machine might be slow (-o timeout=). The
 * wall clock stays as it is, but for HURRY_WALL, with which it hurries, too, and HURRY_WALL_AHEAD, by
 * which seconds it is wrong. Thread rule: all is constant after the constructor.
 */
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS INT64_C(1000000000)
/* Later than any of a clock that counts: time of the wall clock. */
#define WALL (INT64_C(1000000000) * NS)

static int64_t rate = 1, wall_ahead_s;
static int is_wall_hurried;
static int64_t began[CLOCK_BOOTTIME + 1];
static int (*next_poll)(struct pollfd *, nfds_t, int);
static int (*next_nanosleep)(const struct timespec *, struct timespec *);
static int (*next_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

static int64_t to_ns(const struct timespec *t)
{
	return t->tv_sec * NS + t->tv_nsec;
}

static struct timespec from_ns(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / NS, .tv_nsec = ns % NS};
}

static int is_hurried(clockid_t id)
{
	return (id == CLOCK_REALTIME && is_wall_hurried) || id == CLOCK_MONOTONIC ||
	       id == CLOCK_MONOTONIC_RAW || id == CLOCK_BOOTTIME ||
	       id == CLOCK_MONOTONIC_COARSE;
}

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("HURRY"), *ahead = getenv("HURRY_WALL_AHEAD");
	struct timespec now;

	is_wall_hurried = getenv("HURRY_WALL") != NULL;
	if (ahead)
		wall_ahead_s = strtoll(ahead, NULL, 10);
	next_poll = (__typeof__(next_poll))dlsym(RTLD_NEXT, "poll");
	next_nanosleep = (__typeof__(next_nanosleep))dlsym(RTLD_NEXT, "nanosleep");
	/* dlsym would find the one of before glibc 2.3.2, whose conditions are of another form. */
	next_timedwait = (__typeof__(next_timedwait))dlvsym(RTLD_NEXT, "pthread_cond_timedwait",
							    "GLIBC_2.3.2");
	if (!next_timedwait)
		next_timedwait =
			(__typeof__(next_timedwait))dlsym(RTLD_NEXT, "pthread_cond_timedwait");
	for (clockid_t id = 0; id <= CLOCK_BOOTTIME; id++) {
		if (is_hurried(id) && syscall(SYS_clock_gettime, id, &now) == 0)
			began[id] = to_ns(&now);
	}
	if (text && atoi(text) > 1)
		rate = atoi(text);
}

int clock_gettime(clockid_t id, struct timespec *ret_now)
{
	int r = (int)syscall(SYS_clock_gettime, id, ret_now);

	if (r == 0 && is_hurried(id) && rate > 1)
		*ret_now = from_ns(began[id] + (to_ns(ret_now) - began[id]) * rate);
	if (r == 0 && id == CLOCK_REALTIME)
		ret_now->tv_sec += (time_t)wall_ahead_s;
	return r;
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
			   const struct timespec *until)
{
	struct timespec sooner = *until;
	int64_t at = to_ns(until), since = began[CLOCK_MONOTONIC];

	if (at < WALL && at > since)
		sooner = from_ns(since + (at - since) / rate);
	return next_timedwait(cond, mutex, &sooner);
}

int poll(struct pollfd *fds, nfds_t n_fds, int timeout_ms)
{
	/* No sooner than due, for then it would be asked for again and again. */
	return next_poll(fds, n_fds,
			 timeout_ms > 0 ? (int)((timeout_ms + rate - 1) / rate) : timeout_ms);
}

int nanosleep(const struct timespec *pause, struct timespec *ret_left)
{
	struct timespec shorter = from_ns(to_ns(pause) / rate);

	return next_nanosleep(&shorter, ret_left);
}
