/* SPDX-License-Identifier: MIT */
/*
 * Two files a letter. They come into being body first, .json second, and go in the same order:
 *   a body without .json was never submitted (its writer saw no success): it is kept;
 *   a .json without body is a letter that was being removed: it goes.
 * But a letter that is sent again is written .json first: its bytes are another letter's, too.
 */
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
#include "base/timefmt.h"
#include "cache/draft.h"
#include "cache/outbox_private.h"

#define NOTE_MAX_BYTES (256 * 1024)
#define FILE_NAME_SIZE 32
#define PROC_NAME_SIZE 40

static const char *const form_words[] = {
	[OUTBOX_TEXT] = "text",		  [OUTBOX_MARKDOWN] = "markdown",
	[OUTBOX_JSON] = "json",		  [OUTBOX_FILE] = "file",
	[OUTBOX_EDIT_TEXT] = "edit-text", [OUTBOX_EDIT_MARKDOWN] = "edit-markdown",
};

static const char *const state_words[] = {
	[OUTBOX_SENDING] = "sending",
	[OUTBOX_UNSENT] = "unsent",
	[OUTBOX_IN_DOUBT] = "in-doubt",
};

void outbox_note_clear(struct outbox_note *note)
{
	g_free(note->name);
	g_free(note->reason);
	g_free(note->words);
	g_free(note->tracking_id);
	memset(note, 0, sizeof(*note));
}

static void file_name(int64_t n, const char *suffix, char buf[static FILE_NAME_SIZE])
{
	g_snprintf(buf, FILE_NAME_SIZE, "%" G_GINT64_FORMAT ".%s", n, suffix);
}

/* ---- the folders ---- */

static int make_dir(const char *path)
{
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int outbox_files_open(struct outbox *o, const char *state_dir)
{
	/* As /proc/self/fd will name it. */
	char *real = realpath(state_dir, NULL);
	int r;

	if (!real)
		return -errno;
	o->dir = g_build_filename(real, "outbox", NULL);
	o->spool = g_build_filename(real, "spool", NULL);
	free(real);
	r = make_dir(o->dir);
	if (r == 0)
		r = make_dir(o->spool);
	if (r < 0)
		return r;
	o->dir_fd = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return o->dir_fd < 0 ? -errno : 0;
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
	int fd = openat(o->dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags,
			0600);

	if (fd < 0)
		return -errno;
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
	if (l->form == OUTBOX_FILE)
		r = fd_copy(l->fd, fd, 0, l->size);
	else
		r = fd_write_all(fd, l->body, l->body_len, 0);
	if (r == 0 && is_durable && fdatasync(fd) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(o->dir_fd, name, 0);
	return r;
}

/* A link is enough: nobody writes to what was taken (draft.h, promise 5). */
static int link_body(struct outbox *o, const char *name, const struct outbox_letter *l,
		     bool is_durable)
{
	char proc[PROC_NAME_SIZE];
	int r = 0;

	g_snprintf(proc, sizeof(proc), "/proc/self/fd/%d", l->fd);
	if (linkat(AT_FDCWD, proc, o->dir_fd, name, AT_SYMLINK_FOLLOW) < 0) {
		if (errno == EEXIST)
			return -EEXIST;
		/* No name left to link, or another file system. */
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
	if (l->form == OUTBOX_FILE)
		return link_body(o, name, l, is_durable);
	return write_body(o, name, l, is_durable);
}

int outbox_files_open_body(struct outbox *o, int64_t n, int *ret_fd)
{
	char name[FILE_NAME_SIZE];
	int fd;

	file_name(n, "body", name);
	fd = openat(o->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
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

int outbox_files_remove(struct outbox *o, int64_t n)
{
	int r = remove_name(o, n, "body");

	return r ? r : remove_name(o, n, "json");
}

/* ---- notes ---- */

static void put_string(GString *out, const char *key, const char *value)
{
	_cleanup_gfree_ char *quoted = value ? webex_json_quote(value) : NULL;

	if (quoted)
		g_string_append_printf(out, ",\n  \"%s\": %s", key, quoted);
}

static void put_int(GString *out, const char *key, int64_t value)
{
	if (value)
		g_string_append_printf(out, ",\n  \"%s\": %" G_GINT64_FORMAT, key, value);
}

static GString *print_note(const struct outbox_letter *l, const struct outbox_note *note)
{
	GString *out = g_string_new(NULL);
	char written[TIME_ISO_SIZE];

	time_format_iso(note->began_ms, written);
	g_string_append_printf(out, "{\n  \"state\": \"%s\"", state_words[note->state]);
	put_string(out, "reason", note->reason);
	put_string(out, "error", note->error ? g_strerror(-note->error) : NULL);
	put_string(out, "server", note->words);
	put_string(out, "trackingId", note->tracking_id);
	put_string(out, "place", l->place);
	put_string(out, "written", written);
	put_string(out, "writer", l->comm);
	put_int(out, "writerPid", l->pid);
	put_string(out, "form", form_words[l->form]);
	put_string(out, "roomId", l->room_id);
	put_string(out, "toPersonEmail", l->email);
	put_string(out, "parentId", l->parent_id);
	put_string(out, "messageId", l->message_id);
	put_string(out, "fileName", l->filename);
	put_string(out, "contentType", l->content_type);
	put_string(out, "text", l->text);
	put_string(out, "markdown", l->markdown);
	put_int(out, "modifiedMs", l->mtime_ms);
	put_int(out, "writtenMs", note->began_ms);
	put_int(out, "errno", -note->error);
	put_string(out, "name", note->name);
	put_int(out, "replaces", note->state == OUTBOX_SENDING ? l->replaces : 0);
	g_string_append(out, "\n}\n");
	return out;
}

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
	GString *text = print_note(l, note);
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

/* The letter has the bytes now: a crash must not make a second letter of the draft's own name.
 */
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

/* A store in memory begins to count anew at each mount. */
static bool is_in_use(struct outbox *o, int64_t n)
{
	char name[FILE_NAME_SIZE];
	struct stat st;

	file_name(n, "body", name);
	return fstatat(o->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int outbox_files_put(struct outbox *o, const struct outbox_letter *l, struct outbox_note *note,
		     bool is_durable, int64_t *ret_why_size)
{
	bool is_again = l->replaces != 0;
	int r = 0;

	do
		note->n = store_new_rowid(o->store);
	while (is_in_use(o, note->n));
	/* The bytes of one that is sent again are safe: half of it must not count as a letter. */
	if (is_again)
		r = outbox_files_put_note(o, l, note, ret_why_size);
	if (r == 0)
		r = put_body(o, note->n, l, is_durable);
	if (r == 0 && !is_again)
		r = outbox_files_put_note(o, l, note, ret_why_size);
	if (r < 0)
		outbox_files_remove(o, note->n);
	else if (l->form == OUTBOX_FILE)
		forget_spool_name(o, l->fd);
	return r;
}

int outbox_files_replace_body(struct outbox *o, int64_t n, const struct outbox_letter *l)
{
	char name[FILE_NAME_SIZE], temporary[FILE_NAME_SIZE];
	int r;

	file_name(n, "body", name);
	file_name(n, "tmp", temporary);
	/* What a crash left. */
	unlinkat(o->dir_fd, temporary, 0);
	r = l->form == OUTBOX_FILE ? link_body(o, temporary, l, true)
				   : write_body(o, temporary, l, true);
	if (r == 0 && renameat(o->dir_fd, temporary, o->dir_fd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(o->dir_fd, temporary, 0);
		return r;
	}
	if (l->form == OUTBOX_FILE)
		forget_spool_name(o, l->fd);
	return fsync(o->dir_fd) < 0 ? -errno : 0;
}

int outbox_files_get_text(struct outbox *o, int64_t n, char **ret_text)
{
	_cleanup_close_ int fd = -1;
	_cleanup_gfree_ char *text = NULL;
	char name[FILE_NAME_SIZE];
	struct stat st;
	ssize_t len;

	file_name(n, "json", name);
	fd = openat(o->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size > NOTE_MAX_BYTES)
		return -EFBIG;
	text = g_malloc((gsize)st.st_size + 1);
	len = pread(fd, text, (size_t)st.st_size, 0);
	if (len < 0)
		return -errno;
	text[len] = '\0';
	*ret_text = steal_ptr(&text);
	return 0;
}

static int find_word(const char *const *words, size_t n_words, const char *json,
		     const char *key)
{
	_cleanup_gfree_ char *word = webex_json_get_string(json, key);

	for (size_t i = 0; word && i < n_words; i++) {
		if (strcmp(words[i], word) == 0)
			return (int)i;
	}
	return -EBADMSG;
}

static void parse_letter(const char *json, struct outbox_letter *l)
{
	l->room_id = webex_json_get_string(json, "roomId");
	l->email = webex_json_get_string(json, "toPersonEmail");
	l->parent_id = webex_json_get_string(json, "parentId");
	l->message_id = webex_json_get_string(json, "messageId");
	l->place = webex_json_get_string(json, "place");
	l->filename = webex_json_get_string(json, "fileName");
	l->content_type = webex_json_get_string(json, "contentType");
	l->text = webex_json_get_string(json, "text");
	l->markdown = webex_json_get_string(json, "markdown");
	l->mtime_ms = webex_json_get_int(json, "modifiedMs", 0);
	l->comm = webex_json_get_string(json, "writer");
	l->pid = (pid_t)webex_json_get_int(json, "writerPid", 0);
	l->replaces = webex_json_get_int(json, "replaces", 0);
}

static void parse_note(const char *json, struct outbox_note *note)
{
	note->name = webex_json_get_string(json, "name");
	note->reason = webex_json_get_string(json, "reason");
	note->words = webex_json_get_string(json, "server");
	note->tracking_id = webex_json_get_string(json, "trackingId");
	note->began_ms =
		CLAMP(webex_json_get_int(json, "writtenMs", 0), TIME_MIN_MS, TIME_MAX_MS);
	note->error = (int)-CLAMP(webex_json_get_int(json, "errno", 0), 0, 4095);
}

int outbox_files_get(struct outbox *o, int64_t n, struct outbox_letter **ret_letter,
		     struct outbox_note *ret_note)
{
	_cleanup_gfree_ char *json = NULL;
	char name[FILE_NAME_SIZE];
	struct stat st;
	int r = outbox_files_get_text(o, n, &json);
	int form, state;

	if (r < 0)
		return r;
	file_name(n, "body", name);
	if (fstatat(o->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	form = find_word(form_words, G_N_ELEMENTS(form_words), json, "form");
	state = find_word(state_words, G_N_ELEMENTS(state_words), json, "state");
	if (form < 0 || state < 0)
		return -EBADMSG;
	*ret_letter = outbox_letter_new((enum outbox_form)form);
	parse_letter(json, *ret_letter);
	(*ret_letter)->size = st.st_size;
	memset(ret_note, 0, sizeof(*ret_note));
	ret_note->n = n;
	ret_note->state = (enum outbox_state)state;
	parse_note(json, ret_note);
	return 0;
}
