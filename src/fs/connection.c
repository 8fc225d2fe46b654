/* SPDX-License-Identifier: MIT */
#include "fs/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/program.h"
#include "base/statx.h"

#define CONTROL_FILES "/sys/fs/fuse/connections"
/* umount -f aborts the connection first and unmounts so long after that at most. */
#define LEFT_MS 500
#define LEFT_LOOK_MS 20

extern char **environ;

/* ---- finding our mount ---- */

/* The minor number as the kernel tells it from 6.16 on; 0: it does not. */
static unsigned minor_of_device(int device)
{
	_cleanup_gfree_ char *text = NULL;
	char path[64];
	const char *at;

	g_snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", device);
	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	at = strstr(text, "fuse_connection:");
	return at ? (unsigned)g_ascii_strtoull(at + strlen("fuse_connection:"), NULL, 10) : 0;
}

/*
 * Finds the mounts at the path in mountinfo ("36 25 0:41 / /mnt ..."; a blank is \040 there).
 * Returns how many there are; *ret_minor is the minor number of the uppermost.
 */
static int minors_at(const char *mountpoint, unsigned *ret_minor)
{
	_cleanup_gfree_ char *text = NULL;
	char **lines;
	int n = 0;

	*ret_minor = 0;
	if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
		return 0;
	lines = g_strsplit(text, "\n", -1);
	for (char **l = lines; *l; l++) {
		char **f = g_strsplit(*l, " ", 6);
		char *path = g_strv_length(f) == 6 ? g_strcompress(f[4]) : NULL;

		if (path && strcmp(path, mountpoint) == 0 && g_str_has_prefix(f[2], "0:")) {
			*ret_minor = (unsigned)g_ascii_strtoull(f[2] + 2, NULL, 10);
			n++;
		}
		g_free(path);
		g_strfreev(f);
	}
	g_strfreev(lines);
	return n;
}

static unsigned find_minor(const struct connection *c)
{
	unsigned minor = minor_of_device(c->device), seen;

	/* If there are two mounts, somebody else mounted there at the same time. */
	if (!minor && minors_at(c->mountpoint, &seen) == 1)
		minor = seen;
	return minor;
}

static bool is_seen(const struct connection *c)
{
	unsigned seen;

	return c->minor && minors_at(c->mountpoint, &seen) && seen == c->minor;
}

/* ---- the control files ---- */

/* Opens the folder of the control files. If it is not mounted, as in a container, root can open
 * it without mounting it. */
static int open_control_files(void)
{
#ifdef HAVE_FSOPEN
	_cleanup_close_ int context = -1;

	if (geteuid() != 0)
		return -1;
	context = fsopen("fusectl", FSOPEN_CLOEXEC);
	if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(context, FSMOUNT_CLOEXEC, 0);
#else
	return -1;
#endif
}

static void open_files_in(struct connection *c, int dir)
{
	char path[64];

	g_snprintf(path, sizeof(path), "%u/abort", c->minor);
	c->abort_fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
	g_snprintf(path, sizeof(path), "%u/waiting", c->minor);
	c->waiting_fd = openat(dir, path, O_PATH | O_CLOEXEC);
}

static void close_files(struct connection *c)
{
	cleanup_close(&c->abort_fd);
	cleanup_close(&c->waiting_fd);
	c->abort_fd = c->waiting_fd = -1;
}

int connection_open(struct connection *c, const char *mountpoint, int session_fd)
{
	_cleanup_close_ int dir = -1, own = -1;

	*c = (struct connection)CONNECTION_NONE;
	c->mountpoint = g_strdup(mountpoint);
	c->device = fcntl(session_fd, F_DUPFD_CLOEXEC, 0);
	if (c->device < 0)
		return -errno;
	c->minor = find_minor(c);
	if (!c->minor)
		return 0;
	dir = open(CONTROL_FILES, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		open_files_in(c, dir);
	if (c->abort_fd < 0) {
		close_files(c);
		own = open_control_files();
		if (own >= 0)
			open_files_in(c, own);
	}
	/* If the connection is still up, the number was ours all the time, and what was opened
	 * belongs to our mount for ever. */
	if (!connection_is_up(c)) {
		close_files(c);
		c->minor = 0;
	}
	return 0;
}

void connection_close(struct connection *c)
{
	close_files(c);
	cleanup_close(&c->device);
	g_free(c->mountpoint);
	*c = (struct connection)CONNECTION_NONE;
}

/* ---- the state of the connection ---- */

enum connection_state {
	CONNECTION_UP,
	CONNECTION_DEAD, /* requests to the mount get ENOTCONN */
	CONNECTION_GONE,
	CONNECTION_UNKNOWN, /* dead or gone: without control files nobody can tell */
};

bool connection_is_up(const struct connection *c)
{
	struct pollfd end = {.fd = c->device};

	return c->device >= 0 && poll(&end, 1, 0) == 0;
}

/* True if the mount exists: the file tells how many requests wait, and cannot be read when the
 * mount is gone. */
static bool is_there(const struct connection *c)
{
	_cleanup_close_ int fd = -1;
	char path[64];

	/* It can be read once per open. */
	g_snprintf(path, sizeof(path), "/proc/self/fd/%d", c->waiting_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, path, sizeof(path)) > 0;
}

static enum connection_state state_of(const struct connection *c)
{
	if (connection_is_up(c))
		return CONNECTION_UP;
	if (c->waiting_fd < 0)
		return CONNECTION_UNKNOWN;
	return is_there(c) ? CONNECTION_DEAD : CONNECTION_GONE;
}

bool connection_is_left(const struct connection *c)
{
	const struct timespec pause = {.tv_nsec = LEFT_LOOK_MS * 1000 * 1000};

	for (int ms = 0; ms < LEFT_MS; ms += LEFT_LOOK_MS) {
		/* Without control files only the path can be checked. */
		if (!is_seen(c) || state_of(c) == CONNECTION_GONE)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* ---- the end of the connection ---- */

/* Aborts the connection, which ends all requests that nobody answers any more. */
static void abort_it(const struct connection *c)
{
	if (c->abort_fd >= 0 && write(c->abort_fd, "1", 1) != 1)
		log_debug("fuse", "abort: %s", strerror(errno));
}

/* Opens the root of our mount without a request to it, since perhaps nobody would answer. A
 * descriptor or -errno. */
static int open_root(const struct connection *c)
{
	_cleanup_close_ int fd = -1;
	struct statx st;

	if (!is_seen(c))
		return -ENOENT;
	fd = open(c->mountpoint, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st) < 0)
		return -errno;
	/* The order matters: the connection was up after the number was read, so the number was
	 * ours. */
	if (st.stx_dev_major != 0 || st.stx_dev_minor != c->minor)
		return -ENOENT;
	switch (state_of(c)) {
	case CONNECTION_GONE:
		return -ENOENT;
	case CONNECTION_UNKNOWN:
		return -ENOTCONN;
	case CONNECTION_UP:
	case CONNECTION_DEAD:
		break;
	}
	return steal_fd(&fd);
}

/* fusermount takes a path and unmounts only what the caller has mounted. */
static int run_fusermount(const char *mountpoint)
{
	char *argv[] = {(char *)"fusermount3", (char *)"-u",	   (char *)"-q", (char *)"-z",
			(char *)"--",	       (char *)mountpoint, NULL};
	posix_spawn_file_actions_t files;
	int status = 0, r;
	pid_t pid;

	posix_spawn_file_actions_init(&files);
	spawn_close_from(&files, STDERR_FILENO + 1);
	r = posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	if (r)
		return -r;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

int connection_unmount(const char *mountpoint)
{
	if (umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		return 0;
	return errno == EPERM ? run_fusermount(mountpoint) : -errno;
}

int connection_end(const struct connection *c)
{
	_cleanup_close_ int root = open_root(c);
	char path[64];

	/* This comes first: otherwise the kernel might wait for us with pages to write, and we
	 * for the kernel. */
	abort_it(c);
	if (root < 0)
		return root;
	g_snprintf(path, sizeof(path), "/proc/self/fd/%d", root);
	/* MNT_FORCE aborts it, too. */
	if (umount2(path, MNT_DETACH | (c->abort_fd < 0 ? MNT_FORCE : 0)) == 0)
		return 0;
	if (errno != EPERM)
		return -errno;
	close(steal_fd(&root));
	return run_fusermount(c->mountpoint);
}
