/* SPDX-License-Identifier: MIT */
/*
 * Two files for each letter. The body is made first, the .json second, and they are removed in
 * the same order: a body without .json was never submitted (its writer saw no success): it is
 * kept; a .json without body is a letter that was being removed: it goes. For a letter that is
 * sent again the .json is written first, since another letter has its bytes, too.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/private.h"
#include "base/snapshot.h"
#include "base/timefmt.h"
#include "outbox/draft.h"
#include "outbox/internal.h"

#define NOTE_MAX_BYTES (256 * 1024)
#define FILE_NAME_SIZE 40
#define DAMAGED_SUFFIX "json.damaged"
#define PROC_NAME_SIZE 40

static void file_name(int64_t n, const char *suffix, char buf[static FILE_NAME_SIZE])
{
	g_snprintf(buf, FILE_NAME_SIZE, "%" G_GINT64_FORMAT ".%s", n, suffix);
}

/* ---- the folders ---- */

int outbox_files_open(struct outbox *o, const char *state_dir)
{
	/* The path in the form that /proc/self/fd has. */
	char *real = realpath(state_dir, NULL);
	int r;

	if (!real)
		return -errno;
	o->dir = g_build_filename(real, "outbox", NULL);
	o->spool = g_build_filename(real, "spool", NULL);
	free(real);
	r = private_dir(o->dir, NULL);
	if (r == 0)
		r = private_dir(o->spool, NULL);
	if (r < 0)
		return r;
	o->dir_fd = open(o->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return o->dir_fd < 0 ? -errno : 0;
}

int outbox_files_find(struct outbox *o, const char *state_dir)
{
	_cleanup_gfree_ char *dir = g_build_filename(state_dir, "outbox", NULL);

	return access(dir, F_OK) < 0 ? -errno : outbox_files_open(o, state_dir);
}

void outbox_files_close(struct outbox *o)
{
	if (o->dir_fd >= 0)
		close(o->dir_fd);
	o->dir_fd = -1;
	g_free(o->dir);
	g_free(o->spool);
}

/* ---- bodies ---- */

static int create(struct outbox *o, const char *name, int flags, int *ret_fd)
{
	int fd = fd_openat_last(o->dir_fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | flags, 0600);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

static int write_body(struct outbox *o, const char *name, const struct outbox_letter *l,
		      bool is_durable)
{
	_cleanup_close_ int fd = -1;
	int r = create(o, name, O_EXCL, &fd);

	if (r < 0)
		return r;
	if (l->form == LETTER_FILE)
		r = fd_copy(l->fd, fd, 0, l->size);
	else
		r = fd_write_all(fd, l->body, l->body_len, 0);
	if (r == 0 && is_durable && fdatasync(fd) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(o->dir_fd, name, 0);
	return r;
}

/* A hard link is enough, since taken bytes are never written again (draft.h 5). */
static int link_body(struct outbox *o, const char *name, const struct outbox_letter *l,
		     bool is_durable)
{
	char proc[PROC_NAME_SIZE];
	int r = 0;

	g_snprintf(proc, sizeof(proc), "/proc/self/fd/%d", l->fd);
	if (linkat(AT_FDCWD, proc, o->dir_fd, name, AT_SYMLINK_FOLLOW) < 0) {
		if (errno == EEXIST)
			return -EEXIST;
		/* The file has no name left to link, or is on another file system. */
		r = write_body(o, name, l, is_durable);
	} else if (is_durable && fdatasync(l->fd) < 0) {
		r = -errno;
		unlinkat(o->dir_fd, name, 0);
	}
	return r;
}

static int put_body(struct outbox *o, int64_t n, const struct outbox_letter *l, bool is_durable)
{
	char name[FILE_NAME_SIZE];

	file_name(n, "body", name);
	if (l->form == LETTER_FILE)
		return link_body(o, name, l, is_durable);
	return write_body(o, name, l, is_durable);
}

/* Opens a regular file of ours, and nothing whose open could wait. */
static int open_file(struct outbox *o, const char *name, int *ret_fd)
{
	_cleanup_close_ int fd =
		fd_openat_last(o->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int outbox_files_open_body(struct outbox *o, int64_t n, int *ret_fd)
{
	char name[FILE_NAME_SIZE];

	file_name(n, "body", name);
	return open_file(o, name, ret_fd);
}

int outbox_files_sync_body(struct outbox *o, int64_t n)
{
	_cleanup_close_ int fd = -1;
	int r = outbox_files_open_body(o, n, &fd);

	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	return r;
}

static int remove_name(struct outbox *o, int64_t n, const char *suffix)
{
	char name[FILE_NAME_SIZE];

	file_name(n, suffix, name);
	return unlinkat(o->dir_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static void remove_folder(struct outbox *o, int64_t n, const char *suffix)
{
	char name[FILE_NAME_SIZE];

	file_name(n, suffix, name);
	unlinkat(o->dir_fd, name, AT_REMOVEDIR);
}

int outbox_files_remove(struct outbox *o, int64_t n)
{
	int r = remove_name(o, n, "body");

	if (r == 0)
		r = remove_name(o, n, "json");
	/* It may be a folder; one that is not empty belongs to somebody. */
	if (r == 0 && remove_name(o, n, DAMAGED_SUFFIX) == -EISDIR)
		remove_folder(o, n, DAMAGED_SUFFIX);
	return r;
}

void outbox_files_put_aside(struct outbox *o, int64_t n)
{
	char name[FILE_NAME_SIZE], aside[FILE_NAME_SIZE];

	file_name(n, "json", name);
	file_name(n, DAMAGED_SUFFIX, aside);
	if (renameat(o->dir_fd, name, o->dir_fd, aside) == 0)
		log_warning("cache", "%s/%s is damaged; it is now %s", o->dir, name, aside);
}

/* ---- notes ---- */

static int write_note(struct outbox *o, const char *name, const GString *text)
{
	_cleanup_close_ int fd = -1;
	int r = create(o, name, O_TRUNC, &fd);

	if (r == 0)
		r = fd_write_all(fd, text->str, text->len, 0);
	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	return r;
}

int outbox_files_put_note(struct outbox *o, const struct outbox_letter *l,
			  const struct outbox_note *note, int64_t *ret_size)
{
	GString *text = outbox_note_print(l, note);
	char name[FILE_NAME_SIZE], temporary[FILE_NAME_SIZE];
	int64_t size = (int64_t)text->len;
	int r;

	file_name(note->n, "json", name);
	file_name(note->n, "tmp", temporary);
	r = write_note(o, temporary, text);
	g_string_free(text, TRUE);
	if (r == 0 && renameat(o->dir_fd, temporary, o->dir_fd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(o->dir_fd, temporary, 0);
		return r;
	}
	if (fsync(o->dir_fd) < 0)
		return -errno;
	*ret_size = size;
	return 0;
}

/* The letter has the bytes now, so a crash must not make a second letter of the draft's spool
 * file. */
static void forget_spool_name(struct outbox *o, int fd)
{
	_cleanup_gfree_ char *prefix = g_strconcat(o->spool, "/" DRAFT_SPOOL_PREFIX, NULL);
	char proc[PROC_NAME_SIZE], path[PATH_MAX];
	struct stat named, open_file;
	ssize_t len;

	g_snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	len = readlink(proc, path, sizeof(path) - 1);
	if (len < 0)
		return;
	path[len] = '\0';
	if (!g_str_has_prefix(path, prefix))
		return;
	if (lstat(path, &named) == 0 && fstat(fd, &open_file) == 0 &&
	    named.st_ino == open_file.st_ino && named.st_dev == open_file.st_dev)
		unlink(path);
}

/* A number that the store could not skip. */
static bool is_in_use(struct outbox *o, int64_t n)
{
	char name[FILE_NAME_SIZE];
	struct stat st;

	file_name(n, "body", name);
	return fstatat(o->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int64_t outbox_files_new_number(struct outbox *o)
{
	int64_t n;

	do
		n = store_new_rowid(o->store);
	while (is_in_use(o, n));
	return n;
}

int outbox_files_put(struct outbox *o, const struct outbox_letter *l, struct outbox_note *note,
		     bool is_durable, int64_t *ret_why_size)
{
	bool is_again = l->replaces != 0;
	int r = 0;

	snapshot_assert_none();
	note->n = outbox_files_new_number(o);
	/* The bytes of a letter that is sent again are safe, so half of the new one must not
	 * count as a letter. */
	if (is_again)
		r = outbox_files_put_note(o, l, note, ret_why_size);
	if (r == 0)
		r = put_body(o, note->n, l, is_durable);
	if (r == 0 && !is_again)
		r = outbox_files_put_note(o, l, note, ret_why_size);
	if (r < 0)
		outbox_files_remove(o, note->n);
	else if (l->form == LETTER_FILE)
		forget_spool_name(o, l->fd);
	return r;
}

int outbox_files_replace_body(struct outbox *o, int64_t n, const struct outbox_letter *l)
{
	char name[FILE_NAME_SIZE], temporary[FILE_NAME_SIZE];
	int r;

	snapshot_assert_none();
	file_name(n, "body", name);
	file_name(n, "tmp", temporary);
	/* A crash may have left it. */
	unlinkat(o->dir_fd, temporary, 0);
	r = l->form == LETTER_FILE ? link_body(o, temporary, l, true)
				   : write_body(o, temporary, l, true);
	if (r == 0 && renameat(o->dir_fd, temporary, o->dir_fd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(o->dir_fd, temporary, 0);
		return r;
	}
	if (l->form == LETTER_FILE)
		forget_spool_name(o, l->fd);
	return fsync(o->dir_fd) < 0 ? -errno : 0;
}

/* ---- between two outboxes ---- */

static int link_file(const struct outbox *from, int64_t n, const struct outbox *to,
		     int64_t new_n, const char *suffix)
{
	char name[FILE_NAME_SIZE], new_name[FILE_NAME_SIZE];

	file_name(n, suffix, name);
	file_name(new_n, suffix, new_name);
	/* A kill may have left one without a body. */
	if (unlinkat(to->dir_fd, new_name, 0) < 0 && errno != ENOENT)
		return -errno;
	return linkat(from->dir_fd, name, to->dir_fd, new_name, 0) < 0 ? -errno : 0;
}

int outbox_files_link_note(const struct outbox *from, int64_t n, const struct outbox *to,
			   int64_t new_n)
{
	(void)link_file(from, n, to, new_n, DAMAGED_SUFFIX);
	return link_file(from, n, to, new_n, "json");
}

int outbox_files_move_body(const struct outbox *from, int64_t n, const struct outbox *to,
			   int64_t new_n)
{
	char name[FILE_NAME_SIZE], new_name[FILE_NAME_SIZE];

	file_name(n, "body", name);
	file_name(new_n, "body", new_name);
	if (fsync(to->dir_fd) < 0 || renameat(from->dir_fd, name, to->dir_fd, new_name) < 0)
		return -errno;
	if (fsync(to->dir_fd) < 0)
		log_warning("cache", "%s cannot be synced: %s", to->dir, g_strerror(errno));
	return 0;
}

int outbox_files_get_text(struct outbox *o, int64_t n, char **ret_text)
{
	_cleanup_close_ int fd = -1;
	_cleanup_gfree_ char *text = NULL;
	char name[FILE_NAME_SIZE];
	struct stat st;
	ssize_t len;
	int r;

	file_name(n, "json", name);
	r = open_file(o, name, &fd);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size > NOTE_MAX_BYTES)
		return -EFBIG;
	text = g_malloc((gsize)st.st_size + 1);
	len = pread(fd, text, (size_t)st.st_size, 0);
	if (len < 0)
		return -errno;
	text[len] = '\0';
	/* The text is shown as it is, and its length is found by strlen. */
	if (strlen(text) != (size_t)len)
		return -EBADMSG;
	*ret_text = steal_ptr(&text);
	return 0;
}

int outbox_files_get(struct outbox *o, int64_t n, struct outbox_letter **ret_letter,
		     struct outbox_note *ret_note, int64_t *ret_size)
{
	_cleanup_gfree_ char *json = NULL;
	char name[FILE_NAME_SIZE];
	struct stat st;
	int r = outbox_files_get_text(o, n, &json);

	if (r < 0)
		return r;
	assert(json);
	file_name(n, "body", name);
	if (fstatat(o->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	r = outbox_note_parse(json, ret_letter, ret_note);
	if (r < 0)
		return r;
	(*ret_letter)->size = st.st_size;
	ret_note->n = n;
	if (ret_size)
		*ret_size = (int64_t)strlen(json);
	return 0;
}
