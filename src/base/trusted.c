/* SPDX-License-Identifier: MIT */
#include "base/trusted.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* The records of users and groups; a group that does not fit has other members. */
#define RECORD_BYTES 4096

/* True if it is the user's own group, as many systems make one for each user, with nobody else in it. */
static bool is_own_group(gid_t gid)
{
	char user_text[RECORD_BYTES], group_text[RECORD_BYTES];
	struct passwd user, *found_user = NULL;
	struct group group, *found_group = NULL;

	if (getpwuid_r(geteuid(), &user, user_text, sizeof(user_text), &found_user) != 0 ||
	    !found_user || user.pw_gid != gid ||
	    getgrgid_r(gid, &group, group_text, sizeof(group_text), &found_group) != 0 ||
	    !found_group || strcmp(group.gr_name, user.pw_name) != 0)
		return false;
	for (char **member = group.gr_mem; *member; member++)
		if (strcmp(*member, user.pw_name) != 0)
			return false;
	return true;
}

static bool can_others_write(const struct stat *st, enum trusted_kind kind)
{
	if (st->st_mode & S_IWOTH)
		return true;
	return st->st_mode & S_IWGRP && !(kind == TRUSTED_CONFIG && is_own_group(st->st_gid));
}

/* Owned; NULL: the file may be read. */
static char *refuse_file(const struct stat *st, enum trusted_kind kind)
{
	if (!S_ISREG(st->st_mode))
		return g_strdup("not a regular file");
	if (kind == TRUSTED_SYSTEM && st->st_uid != 0)
		return g_strdup("it is not root's");
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return g_strdup("it belongs to another user");
	if (kind == TRUSTED_SECRET && st->st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH))
		return g_strdup_printf("others can read or change it (mode %04o): chmod 600",
				       st->st_mode & 07777);
	if (can_others_write(st, kind))
		return g_strdup_printf("others can change it (mode %04o): chmod go-w",
				       st->st_mode & 07777);
	return NULL;
}

/* Who may change what is in the folder can put another file there. Owned; NULL: nobody else can. */
static char *refuse_folder(const char *path, enum trusted_kind kind)
{
	_cleanup_gfree_ char *folder = g_path_get_dirname(path);
	struct stat st;

	if (stat(folder, &st) < 0)
		return g_strdup_printf("its folder: %s", g_strerror(errno));
	if (st.st_uid != 0 && (kind == TRUSTED_SYSTEM || st.st_uid != geteuid()))
		return g_strdup_printf("its folder %s belongs to another user", folder);
	if (!(st.st_mode & S_ISVTX) && can_others_write(&st, kind))
		return g_strdup_printf(
			"others can change its folder %s (mode %04o): chmod go-w", folder,
			st.st_mode & 07777);
	return NULL;
}

/* Of a link, both the folder that it is in and that of the file. */
static char *refuse_folders(const char *path, enum trusted_kind kind)
{
	_cleanup_free_ char *real = NULL;
	char *why;

	if (kind == TRUSTED_SECRET)
		return NULL;
	why = refuse_folder(path, kind);
	if (!why && (real = realpath(path, NULL)))
		why = refuse_folder(real, kind);
	return why;
}

static int read_all(int fd, size_t max, char **ret_text, size_t *ret_len)
{
	char *text = g_malloc0(max + 2);
	size_t len = 0;
	ssize_t n = 1;
	int r = 0;

	while (len <= max && r == 0 && n != 0) {
		n = read(fd, text + len, max + 1 - len);
		if (n > 0)
			len += (size_t)n;
		else if (n < 0 && errno != EINTR)
			r = -errno;
	}
	if (r == 0 && len > max)
		r = -EFBIG;
	if (r < 0) {
		explicit_bzero(text, max + 1);
		g_free(text);
		return r;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

static int say(int error, char **ret_why)
{
	*ret_why = g_strdup(error == -EFBIG ? "it is too long" : g_strerror(-error));
	return error;
}

int trusted_read(const char *path, enum trusted_kind kind, size_t max, char **ret_text,
		 size_t *ret_len, char **ret_why)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return say(-errno, ret_why);
	*ret_why = refuse_file(&st, kind);
	if (!*ret_why)
		*ret_why = refuse_folders(path, kind);
	if (*ret_why)
		return -EPERM;
	r = read_all(fd, max, ret_text, ret_len);
	return r < 0 ? say(r, ret_why) : 0;
}
