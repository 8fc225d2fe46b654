/* SPDX-License-Identifier: MIT */
/* The folders and locks of an account that this process does not mount. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/private.h"
#include "main/account.h"

/* No cache has deeper folders. */
#define DEPTH_MAX 4

/* True if the folders of that name are the account's: their name says it or, where a person has chosen
 * the name, the owner who is noted there. */
static bool is_key(const struct account_roots *roots, const char *key, const char *base_url,
		   const char *id)
{
	_cleanup_gfree_ char *suffix = account_suffix(base_url, id);
	struct account_owner owner;
	bool is_its;

	if (g_str_has_suffix(key, suffix))
		return true;
	if (account_owner_of(roots, base_url, key, &owner) < 0)
		return false;
	is_its = strcmp(owner.id, id) == 0;
	account_owner_clear(&owner);
	return is_its;
}

/* The key in "<key>.lock" or "<key>~2.lock" (owned); NULL: it is the name of no lock. */
static char *key_of_lock(const char *name)
{
	return g_str_has_suffix(name, ".lock")
		       ? g_strndup(name,
				   MIN(strcspn(name, "~"), strlen(name) - strlen(".lock")))
		       : NULL;
}

/* The path in the lock file, empty if it has none; NULL: nobody holds the lock. */
static char *holder_of(const char *path)
{
	_cleanup_close_ int fd = -1;
	char *holder;

	if (private_file(path, O_RDWR, &fd) < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
		return NULL;
	holder = account_holder(fd);
	return holder ? holder : g_strdup("");
}

char *account_mounted_at(const struct account_roots *roots, const char *base_url,
			 const char *id)
{
	GDir *dir = g_dir_open(roots->state, 0, NULL);
	const char *name;
	char *found = NULL;

	while (dir && !found && (name = g_dir_read_name(dir))) {
		_cleanup_gfree_ char *path = g_build_filename(roots->state, name, NULL);
		_cleanup_gfree_ char *key = key_of_lock(name);

		if (key && is_key(roots, key, base_url, id))
			found = holder_of(path);
	}
	if (dir)
		g_dir_close(dir);
	return found;
}

/* ---- what other mounts of the account left ---- */

/* More are left to the next mount. */
#define LEFT_MAX 64

/* True if the lock of the folder is ours now. */
static bool take_lock(const char *folder, int *ret_fd)
{
	_cleanup_gfree_ char *path = g_strconcat(folder, ".lock", NULL);
	_cleanup_close_ int fd = -1;

	if (private_file(path, O_RDWR | O_CREAT, &fd) < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return false;
	*ret_fd = steal_fd(&fd);
	return true;
}

static bool has_outbox(const char *folder)
{
	_cleanup_gfree_ char *path = g_build_filename(folder, "outbox", NULL);
	struct stat st;

	return lstat(folder, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

void account_left_find(const struct account_roots *roots, const char *base_url, const char *id,
		       struct account_left *ret_left)
{
	GDir *dir = g_dir_open(roots->state, 0, NULL);
	const char *name;

	ret_left->folders = g_ptr_array_new_with_free_func(g_free);
	ret_left->locks = g_array_new(FALSE, FALSE, sizeof(int));
	while (dir && ret_left->locks->len < LEFT_MAX && (name = g_dir_read_name(dir))) {
		_cleanup_gfree_ char *folder = g_build_filename(roots->state, name, NULL);
		_cleanup_gfree_ char *key = g_strndup(name, strcspn(name, "~"));
		int fd;

		/* The lock of our own is ours already, so that it cannot be taken again. */
		if (!has_outbox(folder) || !is_key(roots, key, base_url, id) ||
		    !take_lock(folder, &fd))
			continue;
		g_ptr_array_add(ret_left->folders, steal_ptr(&folder));
		g_array_append_val(ret_left->locks, fd);
	}
	if (dir)
		g_dir_close(dir);
	g_ptr_array_add(ret_left->folders, NULL);
}

void account_left_clear(struct account_left *left)
{
	for (guint i = 0; i < left->locks->len; i++)
		close(g_array_index(left->locks, int, i));
	g_array_unref(left->locks);
	g_ptr_array_unref(left->folders);
}

/* Removes what is in the folder, and follows no link. */
static int empty_folder(int fd, int depth)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *entry;
	int r = 0;

	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(dir))) {
		int sub;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			continue;
		if (errno != EISDIR || depth >= DEPTH_MAX)
			r = -errno;
		else if ((sub = openat(dirfd(dir), entry->d_name,
				       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
			r = -errno;
		else if ((r = empty_folder(sub, depth + 1)) == 0 &&
			 unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR) < 0)
			r = -errno;
	}
	closedir(dir);
	return r;
}

static int purge_folder(const char *path)
{
	struct stat st;
	int r, fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_uid != geteuid()) {
		close(fd);
		return -EPERM;
	}
	r = empty_folder(fd, 0);
	return r == 0 && rmdir(path) < 0 ? -errno : r;
}

int account_purge(const struct account_roots *roots, const char *base_url, const char *id)
{
	GDir *dir = roots->cache ? g_dir_open(roots->cache, 0, NULL) : NULL;
	const char *name;
	int r = 0;

	while (dir && r == 0 && (name = g_dir_read_name(dir))) {
		_cleanup_gfree_ char *path = g_build_filename(roots->cache, name, NULL);

		if (is_key(roots, name, base_url, id))
			r = purge_folder(path);
	}
	if (dir)
		g_dir_close(dir);
	return r;
}
