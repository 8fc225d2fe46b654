/* SPDX-License-Identifier: MIT */
/*
 * Finds what an earlier run left. Nothing is sent here: a letter that is `sending` may have
 * arrived, which recheck.c finds out. Files that cannot be read as a letter are kept as letters
 * all the same, for the sake of their bytes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/timefmt.h"
#include "outbox/draft.h"
#include "outbox/internal.h"

#define NUMBER_DIGITS_MAX 15
/* A body of up to this size is read to find out whether it is a text. */
#define TEXT_PROBE_MAX DRAFT_TEXT_RAW_MAX

bool outbox_parse_name(const char *name, const char *suffix, int64_t *ret_n)
{
	size_t digits = strspn(name, "0123456789");

	if (digits == 0 || digits > NUMBER_DIGITS_MAX || name[digits] != '.' ||
	    strcmp(name + digits + 1, suffix) != 0)
		return false;
	*ret_n = g_ascii_strtoll(name, NULL, 10);
	return *ret_n > 0;
}

static bool stat_body(struct outbox *o, int64_t n, struct stat *ret_st)
{
	char name[NUMBER_DIGITS_MAX + sizeof(".body")];

	g_snprintf(name, sizeof(name), "%" G_GINT64_FORMAT ".body", n);
	return fstatat(o->dir_fd, name, ret_st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_body_there(struct outbox *o, int64_t n, struct stat *ret_st)
{
	return stat_body(o, n, ret_st) && S_ISREG(ret_st->st_mode);
}

/* True if the body is missing. Not if it cannot be looked at or is no file, since only the
 * .json has the destination. */
static bool is_body_gone(struct outbox *o, int64_t n)
{
	struct stat st;

	return !stat_body(o, n, &st) && errno == ENOENT;
}

static gint compare_numbers(gconstpointer a, gconstpointer b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

int outbox_scan(struct outbox *o, GArray *numbers)
{
	DIR *dir = opendir(o->dir);
	const struct dirent *entry;
	struct stat st;
	int64_t n;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (outbox_parse_name(entry->d_name, "tmp", &n))
			unlinkat(o->dir_fd, entry->d_name, 0);
		else if ((outbox_parse_name(entry->d_name, "json", &n) ||
			  outbox_parse_name(entry->d_name, "json.damaged", &n)) &&
			 is_body_gone(o, n))
			unlinkat(o->dir_fd, entry->d_name, 0);
		else if (outbox_parse_name(entry->d_name, "body", &n) &&
			 is_body_there(o, n, &st))
			g_array_append_val(numbers, n);
	}
	closedir(dir);
	g_array_sort(numbers, compare_numbers);
	return 0;
}

/* ---- a letter whose .json is lost or was not yet written ---- */

static bool is_text(int fd, int64_t size)
{
	_cleanup_gfree_ char *bytes = NULL;

	if (size <= 0 || size > TEXT_PROBE_MAX)
		return false;
	bytes = g_malloc((gsize)size);
	return pread(fd, bytes, (size_t)size, 0) == size &&
	       g_utf8_validate_len(bytes, (gsize)size, NULL);
}

static bool is_empty(struct outbox *o, int64_t n)
{
	struct stat st;

	return is_body_there(o, n, &st) && st.st_size == 0;
}

static struct outbox_letter *guess_letter(struct outbox *o, int64_t n)
{
	_cleanup_close_ int fd = -1;
	struct outbox_letter *l;
	struct stat st = {0};

	if (outbox_files_open_body(o, n, &fd) == 0 && fstat(fd, &st) < 0)
		st.st_size = 0;
	l = outbox_letter_new(is_text(fd, st.st_size) ? LETTER_TEXT : LETTER_FILE);
	l->size = st.st_size;
	l->mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	if (l->form == LETTER_FILE)
		l->filename = g_strdup("recovered");
	return l;
}

/* ---- listing letters of an earlier run ---- */

/* why_size: of the note on the disk. */
static void list(struct outbox *o, const struct outbox_letter *l, struct outbox_note *note,
		 int64_t why_size, bool is_new_note)
{
	if (!note->name || !outbox_name_reserve(o, note->name)) {
		g_free(note->name);
		note->name = outbox_name_claim(o, l, note->began_ms);
		is_new_note = true;
	}
	/* What is on the disk stays if the new one cannot be written. */
	if (is_new_note)
		(void)outbox_files_put_note(o, l, note, &why_size);
	outbox_item_put(o, note, l->size, why_size);
}

static void set_reason(struct outbox_note *note, enum outbox_state state, const char *reason)
{
	note->state = state;
	g_free(note->reason);
	note->reason = g_strdup(reason);
}

/* True if both letters have the same bytes: whatever a note says, bytes that are nowhere else
 * are not removed. */
static bool is_same_body(struct outbox *o, int64_t a, int64_t b)
{
	_cleanup_close_ int left = -1;
	_cleanup_close_ int right = -1;

	return outbox_files_open_body(o, a, &left) == 0 &&
	       outbox_files_open_body(o, b, &right) == 0 && fd_is_same(left, right);
}

/* Folds a letter into the one that it was made of, which stays the listed one (outbox.h 7). */
static bool fold(struct outbox *o, const struct outbox_letter *l, struct outbox_note *note)
{
	int64_t n = note->n, why_size;

	if (!l->replaces || !is_same_body(o, n, l->replaces))
		return false;
	g_free(note->name);
	note->name = outbox_item_name(o, l->replaces);
	if (!note->name)
		return false;
	note->n = l->replaces;
	if (outbox_files_put_note(o, l, note, &why_size) == 0)
		outbox_item_put(o, note, l->size, why_size);
	outbox_files_remove(o, n);
	return true;
}

/* What is on the disk of one letter. */
struct found {
	int64_t n, why_size;
	struct outbox_letter *l; /* owned; NULL: its note is lost */
	struct outbox_note note;
};

static void found_clear(void *arg)
{
	struct found *f = arg;

	outbox_letter_free(f->l);
	outbox_note_clear(&f->note);
}

/* A letter without a note that can be read. */
static void recover_unknown(struct outbox *o, struct found *f)
{
	if (is_empty(o, f->n)) {
		outbox_files_remove(o, f->n);
		return;
	}
	outbox_files_put_aside(o, f->n);
	f->l = guess_letter(o, f->n);
	f->note.n = f->n;
	f->note.began_ms = CLAMP(f->l->mtime_ms, TIME_MIN_MS, TIME_MAX_MS);
	set_reason(&f->note, OUTBOX_UNSENT,
		   "sparkfs ended before it was sent; nothing is known of its destination");
	list(o, f->l, &f->note, 0, true);
}

static void recover_sending(struct outbox *o, struct found *f)
{
	_cleanup_gfree_ char *where = destination_name(&f->l->to);

	set_reason(&f->note, OUTBOX_IN_DOUBT,
		   "sparkfs ended while it was being sent: it may have arrived");
	log_warning("cache", "a message to %s may or may not have been sent", where);
	if (!fold(o, f->l, &f->note))
		list(o, f->l, &f->note, f->why_size, true);
	outbox_recheck_add(o, &f->note, f->n);
}

/* Recovers a letter, or appends it to `sending` if it was under way. */
static void recover_letter(struct outbox *o, int64_t n, GArray *sending)
{
	struct found f = {.n = n};

	if (outbox_files_get(o, n, &f.l, &f.note, &f.why_size) < 0) {
		recover_unknown(o, &f);
	} else if (f.note.state == OUTBOX_SENDING) {
		g_array_append_val(sending, f);
		return;
	} else {
		list(o, f.l, &f.note, f.why_size, false);
	}
	found_clear(&f);
}

/* ---- drafts of an earlier run ---- */

static void parse_label(const char *name, struct outbox_letter *l)
{
	const char *label = name + strlen(DRAFT_SPOOL_PREFIX);
	const char *separator = strchr(name, DRAFT_SPOOL_SEPARATOR);
	const char separator_only[] = {DRAFT_SPOOL_SEPARATOR, '\0'};

	if (strlen(label) > DRAFT_SPOOL_DIGITS && separator) {
		label += DRAFT_SPOOL_DIGITS + 1;
		l->to.place = g_utf8_make_valid(label, separator - label);
		/* The name of a file that waited for its bytes has a second separator at its
		 * end. */
		l->filename = g_utf8_make_valid(separator + 1,
						strcspn(separator + 1, separator_only));
	} else {
		l->filename = g_strdup("recovered");
	}
}

static void keep_draft(struct outbox *o, const char *name, int fd, const struct stat *st)
{
	struct outbox_letter *l = outbox_letter_new(LETTER_FILE);
	struct outbox_note note = {0};
	int64_t why_size;
	int r;

	parse_label(name, l);
	l->fd = fd;
	l->size = st->st_size;
	l->mtime_ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
	note.began_ms = CLAMP(l->mtime_ms, TIME_MIN_MS, TIME_MAX_MS);
	set_reason(&note, OUTBOX_UNSENT,
		   st->st_size
			   ? "sparkfs ended while it was being written"
			   : "it is empty, and nothing empty is sent; sparkfs ended while it "
			     "waited for its bytes");
	note.name = outbox_name_claim(o, l, note.began_ms);
	/* This also removes the name in the spool. */
	r = outbox_files_put(o, l, &note, true, &why_size);
	if (r == 0)
		outbox_item_put(o, &note, l->size, why_size);
	else
		log_error("cache", "%s stays in %s: %s", name, o->spool, g_strerror(-r));
	outbox_letter_free(l);
	outbox_note_clear(&note);
}

static void recover_draft(struct outbox *o, int spool_fd, const char *name)
{
	int fd = openat(spool_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return;
	/* A file with a second link belongs to a letter. One without bytes is wanted if it was
	 * closed. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_size > 0 || name[strlen(name) - 1] == DRAFT_SPOOL_SEPARATOR) &&
	    st.st_nlink == 1) {
		keep_draft(o, name, fd, &st);
		return;
	}
	unlinkat(spool_fd, name, 0);
	close(fd);
}

static int recover_spool(struct outbox *o)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	DIR *dir = opendir(o->spool);
	const struct dirent *entry;

	if (!dir) {
		g_ptr_array_unref(names);
		return -errno;
	}
	while ((entry = readdir(dir))) {
		if (g_str_has_prefix(entry->d_name, DRAFT_SPOOL_PREFIX))
			g_ptr_array_add(names, g_strdup(entry->d_name));
	}
	for (guint i = 0; i < names->len; i++)
		recover_draft(o, dirfd(dir), g_ptr_array_index(names, i));
	g_ptr_array_unref(names);
	closedir(dir);
	return 0;
}

/* With a store in memory the numbers begin anew at each mount. None is used again: recheck.c may have it
 * still when its files are gone. */
static void skip_used(struct outbox *o, const GArray *numbers)
{
	for (guint i = 0; i < numbers->len; i++)
		store_skip_rowids(o->store, g_array_index(numbers, int64_t, i));
}

int outbox_recover(struct outbox *o, const char *const *left)
{
	g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(int64_t));
	g_autoptr(GArray) sending = g_array_new(FALSE, FALSE, sizeof(struct found));
	int r = outbox_scan(o, numbers);

	skip_used(o, numbers);
	for (size_t i = 0; left && left[i]; i++)
		outbox_gather(o, left[i], numbers);
	g_array_set_clear_func(sending, found_clear);
	/* Letters that were sent again need the letters that they were made of, so these come
	 * first. */
	for (guint i = 0; i < numbers->len; i++)
		recover_letter(o, g_array_index(numbers, int64_t, i), sending);
	for (guint i = 0; i < sending->len; i++)
		recover_sending(o, &g_array_index(sending, struct found, i));
	return r < 0 ? r : recover_spool(o);
}
