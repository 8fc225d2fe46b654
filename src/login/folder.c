/* SPDX-License-Identifier: MIT */
#include "login/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/private.h"
#include "base/state.h"
#include "webex/token.h"

/* Two tokens, and what else a record has. */
#define RECORD_MAX 65536

char *login_folder(void)
{
	_cleanup_gfree_ char *state = state_root();

	return g_build_filename(state, "logins", NULL);
}

static char *path_of(const char *name, const char *ending)
{
	_cleanup_gfree_ char *folder = login_folder();
	_cleanup_gfree_ char *file = g_strconcat(name, ending, NULL);

	return g_build_filename(folder, file, NULL);
}

static int make_folder(void)
{
	_cleanup_gfree_ char *state = state_root(), *folder = login_folder();
	int r = private_root(state);

	return r < 0 ? r : private_dir(folder, NULL);
}

int login_load(const char *name, struct login *ret_login)
{
	_cleanup_gfree_ char *path = path_of(name, ".json");
	struct login l;
	char *text;
	size_t len;
	int r = private_read(path, RECORD_MAX, &text, &len);

	if (r < 0)
		return r;
	r = login_parse(text, len, &l);
	webex_token_wipe(text);
	if (r < 0)
		return r;
	l.name = g_strdup(name);
	*ret_login = l;
	return 0;
}

static gint compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *login_names(void)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	_cleanup_gfree_ char *folder = login_folder();
	GDir *dir = g_dir_open(folder, 0, NULL);
	const char *file;

	while (dir && (file = g_dir_read_name(dir))) {
		_cleanup_gfree_ char *name =
			g_strndup(file, strlen(file) > 5 ? strlen(file) - 5 : 0);

		if (g_str_has_suffix(file, ".json") && state_name_is_good(name))
			g_ptr_array_add(names, steal_ptr(&name));
	}
	if (dir)
		g_dir_close(dir);
	g_ptr_array_sort(names, compare);
	return names;
}

/* True if the file is the one that has the path: whoever forgets the login removes its lock. */
static bool is_at(int fd, const char *path)
{
	struct stat mine, there;

	return fstat(fd, &mine) == 0 && lstat(path, &there) == 0 &&
	       mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

static int sync_folder(void)
{
	_cleanup_gfree_ char *folder = login_folder();
	_cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int open_new(const char *name, int *ret_fd)
{
	_cleanup_gfree_ char *path = path_of(name, ".new");

	return private_file(path, O_RDWR, ret_fd);
}

/* Overwrites a file that had tokens and has no name any more, as far as the disk writes where it wrote before. */
static void scrub(int fd)
{
	static const char zeros[RECORD_MAX];
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_size <= RECORD_MAX &&
	    fd_write_all(fd, zeros, (size_t)st.st_size, 0) == 0)
		(void)fdatasync(fd);
}

static int open_kept(const char *name)
{
	_cleanup_gfree_ char *path = path_of(name, ".json");
	int fd;

	return private_file(path, O_RDWR, &fd) < 0 ? -1 : fd;
}

/* Makes what `fd` has the login that is kept. */
static int put_in_place(const char *name, int fd, size_t len)
{
	_cleanup_gfree_ char *new = path_of(name, ".new");
	_cleanup_gfree_ char *path = path_of(name, ".json");

	if (ftruncate(fd, (off_t)len) < 0 || fsync(fd) < 0 || rename(new, path) < 0)
		return -errno;
	return sync_folder();
}

/* Who was killed behind the last byte of the text has left a login that is whole, and zeros. Its
 * tokens may be the only ones that the service still takes. */
static void finish_change(const char *name)
{
	_cleanup_gfree_ char *path = path_of(name, ".new");
	_cleanup_close_ int fd = -1;
	struct login l;
	size_t len;
	char *text;

	if (open_new(name, &fd) < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ||
	    private_read(path, RECORD_MAX, &text, &len) < 0)
		return;
	len = strnlen(text, len);
	if (login_parse(text, len, &l) == 0) {
		login_clear(&l);
		(void)put_in_place(name, fd, len);
	}
	webex_token_wipe(text);
}

bool login_is_held(const char *name)
{
	_cleanup_close_ int fd = -1;

	return open_new(name, &fd) == 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 &&
	       errno == EWOULDBLOCK;
}

int login_lock(const char *name, int *ret_fd)
{
	_cleanup_gfree_ char *path = path_of(name, ".lock");
	int fd, r = make_folder();

	while (r == 0) {
		r = private_file(path, O_RDWR | O_CREAT, &fd);
		if (r < 0)
			break;
		while ((r = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
			;
		r = r < 0 ? -errno : 0;
		if (r == 0 && is_at(fd, path)) {
			*ret_fd = fd;
			finish_change(name);
			return 0;
		}
		close(fd);
	}
	return r;
}

int login_reserve(const char *name, int *ret_fd)
{
	_cleanup_gfree_ char *path = path_of(name, ".new");
	_cleanup_close_ int fd = -1;
	int r = unlink(path) < 0 && errno != ENOENT ? -errno : 0;

	if (r == 0)
		r = private_file(path, O_RDWR | O_CREAT | O_EXCL, &fd);
	if (r < 0)
		return r;
	r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : -posix_fallocate(fd, 0, RECORD_MAX);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r < 0) {
		unlink(path);
		return r;
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

void login_release(const char *name)
{
	_cleanup_gfree_ char *path = path_of(name, ".new");

	(void)unlink(path);
}

bool login_is_reserved(const char *name, int fd)
{
	_cleanup_gfree_ char *path = path_of(name, ".new");

	return is_at(fd, path);
}

int login_save(const struct login *l, int fd)
{
	bool has_tokens = l->place == LOGIN_IN_FILE || l->waits;
	_cleanup_close_ int old = has_tokens ? -1 : open_kept(l->name);
	char *text = login_print(l, has_tokens);
	size_t len = strlen(text);
	int r = fd_write_all(fd, text, len, 0);

	webex_token_wipe(text);
	if (r == 0)
		r = put_in_place(l->name, fd, len);
	if (r == 0 && old >= 0)
		scrub(old);
	return r;
}

int login_remove(const char *name)
{
	_cleanup_gfree_ char *path = path_of(name, ".json");
	_cleanup_gfree_ char *lock = path_of(name, ".lock");
	_cleanup_close_ int old = open_kept(name);
	int r;

	/* First what could otherwise be taken for a change to be finished. */
	login_release(name);
	r = unlink(path) < 0 ? -errno : 0;
	if (r < 0 && r != -ENOENT)
		return r;
	if (old >= 0)
		scrub(old);
	(void)unlink(lock);
	return r;
}
