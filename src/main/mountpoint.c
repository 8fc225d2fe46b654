/* SPDX-License-Identifier: MIT */
#include "main/mountpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/statx.h"

#define ANSWER_TIMEOUT_MS 3000
/* Each kill may leave one on top of the others. */
#define DEAD_TRIES 16

/* What stands `n` words behind the word "-" that ends the optional fields; NULL: nothing. */
static const char *behind_dash(char **words, guint n)
{
	guint count = g_strv_length(words);

	for (guint i = 6; i < count; i++) {
		if (strcmp(words[i], "-") == 0)
			return i + n < count ? words[i + n] : NULL;
	}
	return NULL;
}

/* The words of the line of mountinfo about `path`, the last one, which lies on top of the others.
 * NULL: there is none. */
static char **find_line(const char *mountinfo, const char *path)
{
	char **lines = g_strsplit(mountinfo, "\n", -1);
	char **found = NULL;

	for (int i = 0; lines[i]; i++) {
		char **words = g_strsplit(lines[i], " ", -1);
		/* The kernel writes "\\040" for a blank. */
		_cleanup_gfree_ char *at =
			g_strv_length(words) > 6 ? g_strcompress(words[4]) : NULL;

		if (g_strcmp0(at, path) == 0) {
			g_strfreev(found);
			found = words;
		} else {
			g_strfreev(words);
		}
	}
	g_strfreev(lines);
	return found;
}

static bool is_trigger(const char *type)
{
	return type && strcmp(type, "autofs") == 0;
}

int mountpoint_find(const char *mountinfo, const char *path, char **ret_type)
{
	char **words = find_line(mountinfo, path);
	const char *type = words ? behind_dash(words, 1) : NULL;
	int found = words && !is_trigger(type);

	if (ret_type)
		*ret_type = g_strdup(type);
	g_strfreev(words);
	return found;
}

bool mountpoint_is_of(const char *mountinfo, const char *path, uid_t uid)
{
	_cleanup_gfree_ char *owner = g_strdup_printf("user_id=%u", (unsigned)uid);
	char **words = find_line(mountinfo, path);
	const char *options = words ? behind_dash(words, 3) : NULL;
	char **each = g_strsplit(options ? options : "", ",", -1);
	bool is_it = options && g_strcmp0(behind_dash(words, 1), "fuse.sparkfs") == 0 &&
		     g_strv_contains((const char *const *)each, owner);

	g_strfreev(each);
	g_strfreev(words);
	return is_it;
}

int mountpoint_is_mounted(const char *path, char **ret_type)
{
	_cleanup_gfree_ char *text = NULL;

	if (ret_type)
		*ret_type = NULL;
	if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
		return 0;
	return mountpoint_find(text, path, ret_type);
}

static void child_stat(const char *path, int fd)
{
	struct statx st;
	int error;

	/* If it hangs, nobody must wait for the end of our output. */
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	/* Of a mount that is dead the kernel may know the attributes still. */
	error = statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC, STATX_MODE, &st) < 0 ? errno : 0;
	while (write(fd, &error, sizeof(error)) < 0 && errno == EINTR)
		;
	_exit(0);
}

/* Kills and reaps the child; one that hangs in the kernel is left to init. */
static void end_child(pid_t pid)
{
	struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};

	kill(pid, SIGKILL);
	for (int i = 0; i < 20; i++) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		nanosleep(&pause, NULL);
	}
}

int mountpoint_answers(const char *path, int timeout_ms)
{
	struct pollfd poller;
	int fds[2], error = ETIMEDOUT;
	pid_t pid;

	if (pipe(fds) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		error = errno;
		close(fds[0]);
		close(fds[1]);
		return -error;
	}
	if (pid == 0)
		child_stat(path, fds[1]);
	close(fds[1]);
	poller = (struct pollfd){.fd = fds[0], .events = POLLIN};
	if (poll(&poller, 1, timeout_ms) == 1 &&
	    read(fds[0], &error, sizeof(error)) != (ssize_t)sizeof(error))
		error = EIO;
	close(fds[0]);
	end_child(pid);
	return -error;
}

/*
 * The path without symbolic links, its last component unresolved where something is mounted on
 * it: resolving would ask that file system.
 */
static char *resolve(const char *typed, int *ret_error)
{
	_cleanup_gfree_ char *absolute = g_canonicalize_filename(typed, NULL);
	_cleanup_gfree_ char *folder = g_path_get_dirname(absolute);
	_cleanup_gfree_ char *base = g_path_get_basename(absolute);
	_cleanup_gfree_ char *type = NULL;
	_cleanup_free_ char *real = realpath(folder, NULL);
	char *path;

	if (!real) {
		*ret_error = errno;
		return NULL;
	}
	path = strcmp(absolute, "/") == 0 ? g_strdup("/") : g_build_filename(real, base, NULL);
	if (mountpoint_is_mounted(path, &type) || is_trigger(type))
		return path;
	g_free(path);
	free(steal_ptr(&real));
	real = realpath(absolute, NULL);
	if (!real) {
		*ret_error = errno;
		return NULL;
	}
	return g_strdup(real);
}

static char *say_error(const char *typed, int error)
{
	switch (error) {
	case ENOENT:
		return g_strdup_printf("%s: no such directory; make it first: mkdir %s", typed,
				       typed);
	case ENOTDIR:
		return g_strdup_printf("%s: not a directory", typed);
	case EACCES:
		return g_strdup_printf("%s: you have no access to this directory", typed);
	case ENOTCONN:
		return g_strdup_printf(
			"%s: a dead mount is in the way; remove it: fusermount3 -u %s", typed,
			typed);
	default:
		return g_strdup_printf("%s: %s", typed, g_strerror(error));
	}
}

static bool is_own(const char *path)
{
	_cleanup_gfree_ char *text = NULL;

	return g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL) &&
	       mountpoint_is_of(text, path, geteuid());
}

/* `type` of what is mounted there. 0: nobody answers any more, and it was sparkfs of this user: it was
 * killed. Else -EBUSY. A mount that hangs is asked once, since each time is a wait. */
static int check_dead(const char *typed, const char *path, const char *type, char **ret_reason)
{
	bool is_fuse = type && g_str_has_prefix(type, "fuse");
	bool is_dead = is_fuse && mountpoint_answers(path, ANSWER_TIMEOUT_MS) == -ENOTCONN;

	if (is_dead && is_own(path))
		return 0;
	*ret_reason =
		is_dead ? say_error(typed, ENOTCONN)
			: g_strdup_printf(
				  "%s: already a mount point (%s); unmount it first: %s %s",
				  typed, type ? type : "?",
				  is_fuse ? "fusermount3 -u" : "umount", typed);
	return -EBUSY;
}

static int check_directory(const char *path)
{
	struct dirent *entry;
	struct stat st;
	int n = 0;
	DIR *dir;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (n <= 2 && (entry = readdir(dir)))
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 ? 3
											 : 0;
	closedir(dir);
	if (n)
		return -ENOTEMPTY;
	/* fusermount3 demands this of everybody except root. */
	return access(path, W_OK | X_OK) < 0 ? -errno : 0;
}

/* `type` of what is mounted there: a trigger or nothing. */
static int check_free(const char *typed, const char *path, const char *type, char **ret_reason)
{
	int r = 0;

	/* Opening the directory would wait for the mount that this is. Root need not, but
	 * fusermount3 enters it. */
	if (is_trigger(type) && geteuid() != 0) {
		*ret_reason = g_strdup_printf(
			"%s: an automount waits here, where only root can mount; in fstab use "
			"x-systemd.automount or setuid=, not both",
			typed);
		return -EBUSY;
	}
	if (!is_trigger(type))
		r = check_directory(path);
	if (r == -ENOTEMPTY)
		*ret_reason = g_strdup_printf(
			"%s: this directory is not empty; mount on an empty one", typed);
	else if (r < 0)
		*ret_reason = say_error(typed, -r);
	return r;
}

int mountpoint_check(const char *typed, char **ret_path, char **ret_reason)
{
	_cleanup_gfree_ char *type = NULL;
	_cleanup_gfree_ char *path = NULL;
	int error = 0, r;

	path = resolve(typed, &error);
	if (!path) {
		*ret_reason = say_error(typed, error);
		return -error;
	}
	r = mountpoint_is_mounted(path, &type) ? check_dead(typed, path, type, ret_reason)
					       : check_free(typed, path, type, ret_reason);
	if (r == 0)
		*ret_path = steal_ptr(&path);
	return r;
}

int mountpoint_free(const char *path, int (*unmount)(const char *path), char **ret_reason)
{
	for (int i = 0;; i++) {
		_cleanup_gfree_ char *type = NULL;
		int r;

		if (!mountpoint_is_mounted(path, &type))
			return i ? check_free(path, path, type, ret_reason) : 0;
		r = check_dead(path, path, type, ret_reason);
		if (r < 0)
			return r;
		r = i < DEAD_TRIES ? unmount(path) : -EBUSY;
		if (r < 0) {
			*ret_reason = say_error(path, ENOTCONN);
			return r;
		}
	}
}
