/* SPDX-License-Identifier: MIT */
/*
 * Text is checked only up to the end of each write, because a program that writes over an old
 * text in blocks leaves half a character before the part that it has not reached. draft_take
 * checks all of it.
 */
#include "outbox/draft_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/names.h"

/* Of a file name: what the place and the name of the file may take. */
#define LABEL_MAX 224
#define LABEL_PLACE_MAX 100
#define NO_ORIGIN INT64_C(-1)
/* Room for the .json of a letter and the growth of the folder, besides the text. */
#define LETTER_ROOM (32 * 1024)

/* ---- life ---- */

static int spool_create(const char *dir, int *ret_fd, char **ret_path)
{
	uint64_t number = 0;
	int r = fd_check_left();

	if (r < 0)
		return r;
	for (;;) {
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return -EIO;
		_cleanup_gfree_ char *path =
			g_strdup_printf("%s/" DRAFT_SPOOL_PREFIX "%0*" G_GINT64_MODIFIER "x",
					dir, DRAFT_SPOOL_DIGITS, number);
		int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		int error = errno;
		if (fd >= 0) {
			*ret_fd = fd;
			*ret_path = steal_ptr(&path);
			return 0;
		}
		if (error != EEXIST)
			return -error;
	}
}

int draft_new(enum letter_form form, const char *spool_dir, struct draft **ret_draft)
{
	_cleanup_gfree_ char *path = NULL;
	struct draft *d;
	int fd = -1, r;

	/* A text needs a descriptor only as a letter, but a shell does not show an error of close. */
	r = form == LETTER_FILE ? spool_create(spool_dir, &fd, &path) : fd_check_left();
	if (r < 0)
		return r;
	d = g_new0(struct draft, 1);
	d->refs = 1;
	d->form = form;
	pthread_mutex_init(&d->lock, NULL);
	d->origin = NO_ORIGIN;
	d->fd = fd;
	d->path = steal_ptr(&path);
	d->spool_dir = g_strdup(spool_dir);
	if (form == LETTER_FILE) {
		d->is_dirty = true;
	} else {
		d->text = g_string_new(NULL);
	}
	*ret_draft = d;
	return 0;
}

struct draft *draft_ref(struct draft *d)
{
	__atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
	return d;
}

void draft_unref(struct draft **draft)
{
	struct draft *d = steal_ptr(draft);

	if (!d || __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (d->form == LETTER_FILE) {
		unlink(d->path);
		close(d->fd);
	} else {
		g_string_free(d->text, TRUE);
	}
	pthread_mutex_destroy(&d->lock);
	g_free(d->spool_dir);
	g_free(d->path);
	g_free(d);
}

/* The length of the path without the label behind it. */
static size_t plain_path_len(const struct draft *d)
{
	return strlen(d->spool_dir) + strlen("/" DRAFT_SPOOL_PREFIX) + DRAFT_SPOOL_DIGITS;
}

void draft_set_label(struct draft *d, const char *place, const char *filename)
{
	_cleanup_gfree_ char *clean_place =
		name_from_title(place ? place : "", LABEL_PLACE_MAX);
	_cleanup_gfree_ char *clean_name =
		name_from_file(filename, LABEL_MAX - strlen(clean_place));
	_cleanup_gfree_ char *path = NULL;

	if (d->form != LETTER_FILE)
		return;
	pthread_mutex_lock(&d->lock);
	path = g_strdup_printf("%.*s_%s%c%s", (int)plain_path_len(d), d->path, clean_place,
			       DRAFT_SPOOL_SEPARATOR, clean_name);
	if (rename(d->path, path) == 0) {
		g_free(d->path);
		d->path = steal_ptr(&path);
	}
	pthread_mutex_unlock(&d->lock);
}

void draft_set_waiting(struct draft *d)
{
	const char mark[] = {DRAFT_SPOOL_SEPARATOR, '\0'};
	_cleanup_gfree_ char *path = NULL;

	if (d->form != LETTER_FILE)
		return;
	pthread_mutex_lock(&d->lock);
	path = g_strconcat(d->path, mark, NULL);
	if (!g_str_has_suffix(d->path, mark) && rename(d->path, path) == 0) {
		g_free(d->path);
		d->path = steal_ptr(&path);
	}
	pthread_mutex_unlock(&d->lock);
}

enum letter_form draft_get_form(const struct draft *d)
{
	return d->form;
}

/* ---- text ---- */

static int64_t raw_max(const struct draft *d)
{
	return letter_form_is_json(d->form) ? DRAFT_JSON_MAX : DRAFT_TEXT_RAW_MAX;
}

static int check_size_locked(const struct draft *d)
{
	if (letter_form_is_json(d->form))
		return d->text->len > DRAFT_JSON_MAX ? -EFBIG : 0;
	if (d->text->len <= DRAFT_MESSAGE_MAX)
		return 0;
	if (d->text->len > DRAFT_TEXT_RAW_MAX || draft_trimmed_len(d) > DRAFT_MESSAGE_MAX)
		return -EFBIG;
	return 0;
}

/* Checks [0, end), where an incomplete character at `end` is allowed. Moves d->valid. */
static int check_utf8_locked(struct draft *d, size_t end)
{
	const char *bad;
	size_t left;

	if (g_utf8_validate_len(d->text->str + d->valid, end - d->valid, &bad)) {
		d->valid = end;
		return 0;
	}
	d->valid = (size_t)(bad - d->text->str);
	left = end - d->valid;
	if (!*bad || g_utf8_get_char_validated(bad, (gssize)left) != (gunichar)-2)
		return -EILSEQ;
	return 0;
}

static int check_locked(struct draft *d, size_t end)
{
	int r = check_size_locked(d);

	return r ? r : check_utf8_locked(d, end);
}

static int append_locked(struct draft *d, const char *buf, size_t len)
{
	size_t old_len = d->text->len, old_valid = d->valid;
	int r;

	g_string_append_len(d->text, buf, (gssize)len);
	r = check_locked(d, d->text->len);
	if (r < 0) {
		g_string_truncate(d->text, old_len);
		d->valid = old_valid;
	}
	return r;
}

/* The text after a write at `at`, which may lie before it. NULL: there would be a hole. */
static GString *overwrite(const GString *text, const char *buf, size_t len, int64_t at)
{
	int64_t end;
	GString *out;

	if (at > (int64_t)text->len)
		return NULL;
	end = at + (int64_t)len;
	if (end < 0)
		return NULL;
	out = g_string_new_len(text->str, (gssize)MAX(at, 0));
	g_string_append_len(out, buf, (gssize)len);
	if (end < (int64_t)text->len)
		g_string_append_len(out, text->str + end, (gssize)((int64_t)text->len - end));
	return out;
}

static int overwrite_locked(struct draft *d, const char *buf, size_t len, int64_t at)
{
	GString *old = d->text, *text = overwrite(old, buf, len, at);
	size_t old_valid = d->valid;
	int r;

	if (!text)
		return -EILSEQ;
	d->text = text;
	d->valid = 0;
	r = check_locked(d, (size_t)MAX(at, 0) + len);
	if (r < 0) {
		d->text = old;
		d->valid = old_valid;
		g_string_free(text, TRUE);
		return r;
	}
	g_string_free(old, TRUE);
	return 0;
}

/* Checks at each write whether the outbox will have room for the text, because a shell reports
 * errors of write but not of close. This is no promise, since others write to that disk, too. */
static int check_room(const struct draft *d, size_t len)
{
	struct statvfs vfs;
	uint64_t left;

	if (!d->spool_dir || statvfs(d->spool_dir, &vfs) < 0 || vfs.f_blocks == 0)
		return 0;
	left = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	return left < d->text->len + len + LETTER_ROOM ? -ENOSPC : 0;
}

static int write_text_locked(struct draft *d, const char *buf, size_t len, int64_t offset,
			     bool append)
{
	int64_t origin = d->origin == NO_ORIGIN ? offset : d->origin;
	int64_t at = append ? (int64_t)d->text->len : offset - origin;
	int r = check_room(d, len);

	if (r < 0)
		return r;
	if (at == (int64_t)d->text->len)
		r = append_locked(d, buf, len);
	else
		r = overwrite_locked(d, buf, len, at);
	if (r == 0)
		d->origin = at < 0 ? offset : origin;
	return r;
}

static int truncate_text_locked(struct draft *d, int64_t size)
{
	int64_t len;

	/* The draft is empty: the bytes that the size counts were sent already or are still to
	 * come. */
	if (d->origin == NO_ORIGIN)
		return size - d->taken_end > raw_max(d) ? -EFBIG : 0;
	len = size - d->origin;
	if (len > raw_max(d))
		return -EFBIG;
	if (len > (int64_t)d->text->len)
		return -EILSEQ;
	g_string_truncate(d->text, (gsize)MAX(len, 0));
	d->valid = MIN(d->valid, d->text->len);
	/* After a cut inside a character the text is valid only up to that character. */
	if (d->valid == d->text->len)
		d->valid = 0;
	return 0;
}

int draft_load(struct draft *d, const void *buf, size_t len)
{
	g_assert(d->form != LETTER_FILE);
	if ((int64_t)len > raw_max(d))
		return -EFBIG;
	pthread_mutex_lock(&d->lock);
	g_string_truncate(d->text, 0);
	g_string_append_len(d->text, buf, (gssize)len);
	d->origin = 0;
	d->valid = 0;
	d->is_dirty = false;
	pthread_mutex_unlock(&d->lock);
	return 0;
}

/* ---- files ---- */

/* A letter may hold the inode, so goes on with a copy of the first `keep` bytes (draft.h 5). */
static int separate_locked(struct draft *d, int64_t keep)
{
	_cleanup_gfree_ char *path = NULL, *labelled = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	if (!d->is_taken)
		return 0;
	r = spool_create(d->spool_dir, &fd, &path);
	if (r < 0 || !path)
		return r;
	r = fd_copy(d->fd, fd, 0, keep);
	if (r < 0) {
		unlink(path);
		return r;
	}
	/* The copy keeps the label. */
	labelled = g_strconcat(path, d->path + plain_path_len(d), NULL);
	unlink(d->path);
	close(d->fd);
	g_free(d->path);
	d->fd = steal_fd(&fd);
	d->path = rename(path, labelled) == 0 ? steal_ptr(&labelled) : steal_ptr(&path);
	d->size = keep;
	d->is_taken = false;
	return 0;
}

static int write_file_locked(struct draft *d, const char *buf, size_t len, int64_t offset,
			     bool append)
{
	int64_t at = append ? d->size : offset;
	int r;

	if (at > DRAFT_FILE_MAX || (int64_t)len > DRAFT_FILE_MAX - at)
		return -EFBIG;
	r = separate_locked(d, d->size);
	if (r < 0)
		return r;
	r = fd_write_all(d->fd, buf, len, at);
	if (r < 0) {
		/* The part of the write that did fit is removed from the draft, too. */
		if (ftruncate(d->fd, d->size) < 0)
			return -errno;
		return r;
	}
	d->size = MAX(d->size, at + (int64_t)len);
	return 0;
}

static int truncate_file_locked(struct draft *d, struct draft_writer *by, int64_t size)
{
	int r;

	/* Nothing is left of what was written so far, also if it was truncated before. */
	if (!size) {
		d->is_tainted = false;
		draft_writers_end_round(&d->writers);
	}
	if (size == d->size)
		return 0;
	if (size > DRAFT_FILE_MAX)
		return -EFBIG;
	r = separate_locked(d, MIN(size, d->size));
	if (r < 0)
		return r;
	if (ftruncate(d->fd, size) < 0)
		return -errno;
	d->size = size;
	d->is_dirty = true;
	d->changes++;
	draft_writer_wrote(&d->writers, by, false);
	return 0;
}

/* ---- both ---- */

ssize_t draft_write_by(struct draft *d, struct draft_writer *by, enum draft_way way,
		       const void *buf, size_t len, int64_t offset)
{
	bool append = way == DRAFT_APPEND;
	int r;

	if (offset < 0)
		return -EINVAL;
	if (len == 0)
		return 0;
	if (len > DRAFT_FILE_MAX)
		return -EFBIG;
	pthread_mutex_lock(&d->lock);
	if (d->form == LETTER_FILE)
		r = write_file_locked(d, buf, len, offset, append);
	else
		r = write_text_locked(d, buf, len, offset, append);
	if (r == 0) {
		d->is_dirty = true;
		d->changes++;
		draft_writer_wrote(&d->writers, by, way == DRAFT_MAPPED);
	}
	pthread_mutex_unlock(&d->lock);
	return r < 0 ? r : (ssize_t)len;
}

ssize_t draft_write(struct draft *d, const void *buf, size_t len, int64_t offset, bool append)
{
	return draft_write_by(d, NULL, append ? DRAFT_APPEND : DRAFT_AT, buf, len, offset);
}

static ssize_t read_text_locked(const struct draft *d, void *buf, size_t len, int64_t offset)
{
	int64_t at = offset - MAX(d->origin, 0);
	size_t n;

	if (at < 0 || at >= (int64_t)d->text->len)
		return 0;
	n = MIN(len, d->text->len - (size_t)at);
	memcpy(buf, d->text->str + at, n);
	return (ssize_t)n;
}

ssize_t draft_read(struct draft *d, void *buf, size_t len, int64_t offset)
{
	ssize_t n;

	if (offset < 0)
		return -EINVAL;
	pthread_mutex_lock(&d->lock);
	if (d->form != LETTER_FILE) {
		n = read_text_locked(d, buf, len, offset);
	} else {
		do
			n = pread(d->fd, buf, len, offset);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			n = -errno;
	}
	pthread_mutex_unlock(&d->lock);
	return n;
}

int draft_truncate_by(struct draft *d, struct draft_writer *by, int64_t size)
{
	int r;

	if (size < 0)
		return -EINVAL;
	pthread_mutex_lock(&d->lock);
	if (d->form == LETTER_FILE)
		r = truncate_file_locked(d, by, size);
	else
		r = truncate_text_locked(d, size);
	pthread_mutex_unlock(&d->lock);
	return r;
}

int draft_truncate(struct draft *d, int64_t size)
{
	return draft_truncate_by(d, NULL, size);
}

int64_t draft_size(struct draft *d)
{
	int64_t size;

	pthread_mutex_lock(&d->lock);
	size = d->form == LETTER_FILE ? d->size : (int64_t)d->text->len;
	pthread_mutex_unlock(&d->lock);
	return size;
}

int64_t draft_changed_ms(struct draft *d)
{
	struct stat st = {0};

	pthread_mutex_lock(&d->lock);
	(void)fstat(d->fd, &st);
	pthread_mutex_unlock(&d->lock);
	return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

/* ---- taking ---- */

static void take_text_locked(struct draft *d, size_t len, char **ret_body, size_t *ret_len)
{
	if (draft_is_text(d) && len < d->text->len)
		draft_trim_text(d->text->str, d->text->len);
	g_string_truncate(d->text, len);
	*ret_len = len;
	*ret_body = g_string_free(d->text, FALSE);
	d->text = g_string_new(NULL);
	if (d->origin != NO_ORIGIN)
		d->taken_end = d->origin + MIN((int64_t)len, INT64_MAX - d->origin);
	d->origin = NO_ORIGIN;
	d->valid = 0;
}

static int take_file_locked(struct draft *d, int *ret_fd, int64_t *ret_size)
{
	int fd = fd_dup_last(d->fd);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	*ret_size = d->size;
	d->is_taken = true;
	return 0;
}

int draft_take_by(struct draft *d, struct draft_writer *by, char **ret_body, size_t *ret_len,
		  int *ret_fd, int64_t *ret_size)
{
	int r = 0;

	pthread_mutex_lock(&d->lock);
	if (by && draft_writer_has_company(&d->writers, by)) {
		draft_writer_give_up(&d->writers, by);
		r = -EAGAIN;
	} else if (by && d->form == LETTER_FILE && !d->is_dirty) {
		r = -EAGAIN;
	} else if (d->form == LETTER_FILE) {
		r = take_file_locked(d, ret_fd, ret_size);
	} else {
		size_t len = draft_trimmed_len(d);

		if (g_utf8_validate_len(d->text->str, d->text->len, NULL))
			take_text_locked(d, len, ret_body, ret_len);
		else
			r = -EILSEQ;
	}
	if (r == 0)
		draft_set_clean_locked(d);
	pthread_mutex_unlock(&d->lock);
	return r;
}

int draft_take(struct draft *d, char **ret_body, size_t *ret_len, int *ret_fd,
	       int64_t *ret_size)
{
	return draft_take_by(d, NULL, ret_body, ret_len, ret_fd, ret_size);
}

int draft_copy(struct draft *d, int *ret_fd, int64_t *ret_size, uint64_t *ret_state)
{
	int r;

	pthread_mutex_lock(&d->lock);
	r = take_file_locked(d, ret_fd, ret_size);
	*ret_state = d->changes;
	pthread_mutex_unlock(&d->lock);
	return r;
}

int draft_take_raw(struct draft *d, char **ret_body, size_t *ret_len, int *ret_fd,
		   int64_t *ret_size)
{
	int r = 0;

	pthread_mutex_lock(&d->lock);
	if (d->form == LETTER_FILE)
		r = take_file_locked(d, ret_fd, ret_size);
	else
		take_text_locked(d, d->text->len, ret_body, ret_len);
	if (r == 0)
		draft_set_clean_locked(d);
	pthread_mutex_unlock(&d->lock);
	return r;
}
