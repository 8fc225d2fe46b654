/* SPDX-License-Identifier: MIT */
/*
 * Preloaded (LD_PRELOAD), an operating system that goes wrong when a test says so:
 *
 *  MEDDLE_KILL=N       The process, or the child that it makes, is killed right before its N-th operation on
 *                      files of a folder "logins" or on sockets.
 *  MEDDLE_COUNT=FILE   Gets a letter for each such operation, before it: open, unlink, rename (m), flock, fsync (s),
 *                      ftruncate, posix_fallocate (a), read, pwrite (w), connect, send (>), recv (<).
 *  MEDDLE_FULL=FILE    While FILE exists, the disk takes nothing of what goes to NAME.new.
 *  MEDDLE_CLOCKS=FILE  Two 64-bit numbers, milliseconds: so much is the wall clock ahead, and so long was
 *                      the machine suspended (CLOCK_BOOTTIME and the wall clock went on meanwhile).
 *
 * Thread rule: all is atomic or constant after the constructor.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int kill_at;
static atomic_int done;
static const char *count_file, *full_file;
static const volatile int64_t *clocks; /* ahead, suspended */

__attribute__((constructor)) static void begin(void)
{
	const char *kill_text = getenv("MEDDLE_KILL"), *path = getenv("MEDDLE_CLOCKS");
	int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;

	kill_at = kill_text ? atoi(kill_text) : 0;
	count_file = getenv("MEDDLE_COUNT");
	full_file = getenv("MEDDLE_FULL");
	if (fd >= 0) {
		void *at = mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);

		clocks = at == MAP_FAILED ? NULL : at;
		syscall(SYS_close, fd);
	}
}

static void *next(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (!function)
		abort();
	return function;
}

static void step(char kind)
{
	int saved = errno, n = atomic_fetch_add(&done, 1) + 1;

	if (count_file) {
		int fd = (int)syscall(SYS_openat, AT_FDCWD, count_file,
				      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

		syscall(SYS_write, fd, &kind, 1);
		syscall(SYS_close, fd);
	}
	if (n == kill_at)
		raise(SIGKILL);
	errno = saved;
}

static int is_login(const char *path)
{
	return path && strstr(path, "/logins/") != NULL;
}

static int path_of(int fd, char path[PATH_MAX])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	path[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static void step_fd(int fd, char kind)
{
	char path[PATH_MAX];
	int saved = errno;

	if ((kill_at || count_file) && path_of(fd, path) &&
	    (is_login(path) || strncmp(path, "socket:", 7) == 0 ||
	     strcmp(path + (strlen(path) > 7 ? strlen(path) - 7 : 0), "/logins") == 0))
		step(kind);
	errno = saved;
}

static int is_full(const char *path)
{
	size_t len = strlen(path);

	return full_file && is_login(path) && len > 4 && strcmp(path + len - 4, ".new") == 0 &&
	       syscall(SYS_faccessat, AT_FDCWD, full_file, F_OK) == 0;
}

static int is_full_fd(int fd)
{
	char path[PATH_MAX];

	return full_file && path_of(fd, path) && is_full(path);
}

/* As the program calls them: with 64-bit offsets. */
int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (flags & (O_CREAT | __O_TMPFILE))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if (is_login(path))
		step('o');
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int unlink(const char *path)
{
	if (is_login(path))
		step('u');
	return ((int (*)(const char *))next("unlink"))(path);
}

int rename(const char *from, const char *to)
{
	if (is_login(from))
		step('m');
	if (is_full(from)) {
		errno = ENOSPC;
		return -1;
	}
	return ((int (*)(const char *, const char *))next("rename"))(from, to);
}

int flock(int fd, int what)
{
	step_fd(fd, 'l');
	return ((int (*)(int, int))next("flock"))(fd, what);
}

int fsync(int fd)
{
	step_fd(fd, 's');
	return ((int (*)(int))next("fsync"))(fd);
}

int ftruncate(int fd, off_t len)
{
	step_fd(fd, 't');
	return ((int (*)(int, off_t))next("ftruncate64"))(fd, len);
}

int posix_fallocate(int fd, off_t at, off_t len)
{
	step_fd(fd, 'a');
	return ((int (*)(int, off_t, off_t))next("posix_fallocate64"))(fd, at, len);
}

ssize_t read(int fd, void *data, size_t len)
{
	step_fd(fd, 'r');
	return ((ssize_t(*)(int, void *, size_t))next("read"))(fd, data, len);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	step_fd(fd, 'w');
	if (is_full_fd(fd)) {
		errno = ENOSPC;
		return -1;
	}
	return ((ssize_t(*)(int, const void *, size_t, off_t))next("pwrite64"))(fd, data, len,
										at);
}

int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	step_fd(fd, 'c');
	return ((int (*)(int, const struct sockaddr *, socklen_t))next("connect"))(fd, to, len);
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
	step_fd(fd, '>');
	return ((ssize_t(*)(int, const void *, size_t, int))next("send"))(fd, data, len, flags);
}

ssize_t recv(int fd, void *data, size_t len, int flags)
{
	step_fd(fd, '<');
	return ((ssize_t(*)(int, void *, size_t, int))next("recv"))(fd, data, len, flags);
}

int clock_gettime(clockid_t id, struct timespec *ret_now)
{
	int r = (int)syscall(SYS_clock_gettime, id, ret_now);
	int64_t ms = 0;

	if (r < 0 || !clocks)
		return r;
	if (id == CLOCK_REALTIME)
		ms = clocks[0] + clocks[1];
	else if (id == CLOCK_BOOTTIME)
		ms = clocks[1];
	ms += ret_now->tv_nsec / 1000000 + ret_now->tv_sec * INT64_C(1000);
	ret_now->tv_sec = ms / 1000;
	ret_now->tv_nsec = ms % 1000 * 1000000 + ret_now->tv_nsec % 1000000;
	return r;
}
