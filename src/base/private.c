/* SPDX-License-Identifier: MIT */
#include "base/private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* ---- folders ---- */

int private_root(const char *path)
{
	_cleanup_gfree_ char *bare = g_strdup(path);
	struct stat st;

	/* With a trailing slash lstat() would follow a link. */
	for (size_t len = strlen(bare); len > 1 && bare[len - 1] == '/'; len--)
		bare[len - 1] = '\0';
	if (g_mkdir_with_parents(bare, 0700) < 0 || lstat(bare, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return -EPERM;
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return -EPERM;
	return (st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX) ? -EACCES : 0;
}

/* Why the path is no folder: -ELOOP for a link, -ENOTDIR for anything else. */
static int why_no_folder(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode) ? -ELOOP : -ENOTDIR;
}

static bool is_all_ours(int fd, bool (*is_ours)(const char *name))
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	bool all = dir != NULL;

	if (!dir) {
		if (copy >= 0)
			close(copy);
		return false;
	}
	while (all && (entry = readdir(dir)))
		all = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		      is_ours(entry->d_name);
	closedir(dir);
	return all;
}

int private_dir(const char *path, bool (*is_ours)(const char *name))
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOTDIR ? why_no_folder(path) : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid())
		return -EPERM;
	if (!(st.st_mode & 077) || (is_ours && !is_all_ours(fd, is_ours)))
		return 0;
	return fchmod(fd, 0700) < 0 ? -errno : 0;
}

/* ---- files ---- */

int private_file(const char *path, int flags, int *ret_fd)
{
	_cleanup_close_ int fd =
		open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0)
		return errno == ENXIO ? -EBADMSG : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	if (st.st_uid != geteuid())
		return -EPERM;
	if (st.st_nlink > 1)
		return -EMLINK;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int private_read(const char *path, size_t max, char **ret_text, size_t *ret_len)
{
	_cleanup_close_ int fd = -1;
	_cleanup_gfree_ char *text = NULL;
	struct stat st;
	size_t len = 0;
	ssize_t n = 1;
	int r = private_file(path, O_RDONLY, &fd);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size > max)
		return -EBADMSG;
	text = g_malloc((size_t)st.st_size + 1);
	while (n > 0 && len < (size_t)st.st_size) {
		n = read(fd, text + len, (size_t)st.st_size - len);
		if (n < 0 && errno != EINTR)
			return -errno;
		len += n > 0 ? (size_t)n : 0;
		n = n < 0 ? 1 : n;
	}
	text[len] = '\0';
	if (ret_len)
		*ret_len = len;
	*ret_text = steal_ptr(&text);
	return 0;
}

bool private_is_hash_name(const char *name, size_t digits, const char *suffix)
{
	size_t rest;

	if (strspn(name, "0123456789abcdef") < digits || strlen(name) < digits)
		return false;
	name += digits;
	if (strncmp(name, suffix, strlen(suffix)) != 0)
		return false;
	name += strlen(suffix);
	rest = strlen(name);
	/* The ".XXXXXX" that g_file_set_contents() adds. */
	return !rest || (rest == 7 && name[0] == '.' &&
			 strspn(name + 1, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS) == 6);
}
