/* SPDX-License-Identifier: MIT */
#include "main/mountpoint.h"

#include <dirent.h>
#include <errno.h>
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

#define ANSWER_TIMEOUT_MS 3000

/* The type follows the word "-" that ends the optional fields. */
static char *mount_type(char **words)
{
	for (int i = 6; words[i]; i++) {
		if (strcmp(words[i], "-") == 0 && words[i + 1])
			return g_strdup(words[i + 1]);
	}
	return NULL;
}

/* True if the line of mountinfo is about `path`; gives the type. */
static bool read_line(const char *line, const char *path, char **ret_type)
{
	char **words = g_strsplit(line, " ", -1);
	bool is_it = false;

	if (g_strv_length(words) > 6) {
		/* The kernel writes "\\040" for a blank. */
		_cleanup_gfree_ char *at = g_strcompress(words[4]);

		is_it = strcmp(at, path) == 0;
	}
	if (is_it)
		*ret_type = mount_type(words);
	g_strfreev(words);
	return is_it;
}

static bool is_trigger(const char *type)
{
	return type && strcmp(type, "autofs") == 0;
}

int mountpoint_find(const char *mountinfo, const char *path, char **ret_type)
{
	char **lines = g_strsplit(mountinfo, "\n", -1);
	_cleanup_gfree_ char *last = NULL;
	int found = 0;

	/* The last one lies on top of the others. */
	for (int i = 0; lines[i]; i++) {
		_cleanup_gfree_ char *type = NULL;

		if (!read_line(lines[i], path, &type))
			continue;
		g_free(last);
		last = steal_ptr(&type);
		found = 1;
	}
	g_strfreev(lines);
	if (is_trigger(last))
		found = 0;
	if (ret_type)
		*ret_type = steal_ptr(&last);
	return found;
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
	struct stat st;
	int error;

	/* If it hangs, nobody must wait for the end of our output. */
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	error = stat(path, &st) < 0 ? errno : 0;
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

static char *say_mounted(const char *typed, const char *path, const char *type)
{
	bool is_fuse = type && g_str_has_prefix(type, "fuse");

	if (is_fuse && mountpoint_answers(path, ANSWER_TIMEOUT_MS) == -ENOTCONN)
		return say_error(typed, ENOTCONN);
	return g_strdup_printf("%s: already a mount point (%s); unmount it first: %s %s", typed,
			       type ? type : "?", is_fuse ? "fusermount3 -u" : "umount", typed);
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
	if (mountpoint_is_mounted(path, &type)) {
		*ret_reason = say_mounted(typed, path, type);
		return -EBUSY;
	}
	/* Opening it would wait for the mount that this is. */
	r = is_trigger(type) ? 0 : check_directory(path);
	if (r == -ENOTEMPTY)
		*ret_reason = g_strdup_printf(
			"%s: this directory is not empty; mount on an empty one", typed);
	else if (r < 0)
		*ret_reason = say_error(typed, -r);
	if (r < 0)
		return r;
	*ret_path = steal_ptr(&path);
	return 0;
}
