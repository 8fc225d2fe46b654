/* SPDX-License-Identifier: MIT */
/* Writes the rows of attachments when messages bring them, and their names when the server says
 * them. */
#include "store/internal.h"

#include <errno.h>
#include <string.h>

#include "base/names.h"
#include "store/schema.h"

/* Messages have one file as a rule (webex-api.md 5.4). Only a hostile server sends more than
 * this. */
#define FILES_MAX 64

static bool is_same_content(const char *a, const char *b)
{
	size_t m, n;
	const char *x = webex_content_id(a, &m), *y = webex_content_id(b, &n);

	return m == n && memcmp(x, y, n) == 0;
}

static int insert(struct sql *q, int64_t rowid, int64_t room, int64_t message, const char *url)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		q,
		"INSERT INTO content(rowid, room, message, url, name, size, mtime_ms, cookie)"
		" VALUES(?1, ?2, ?3, ?4, '', -1, 0, (SELECT cookie FROM message WHERE"
		" rowid=?3))");

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, room);
	sql_int(&st, 3, message);
	sql_text(&st, 4, url);
	return sql_run(&st);
}

/* ---- the files of a message ---- */

struct known {
	int64_t rowid;
	char *url;
	bool is_listed;
};

static void known_clear(void *p)
{
	g_free(((struct known *)p)->url);
}

static int read_known(struct sql *q, int64_t message, GArray *known)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT rowid, url FROM content WHERE message=?1 AND gone=0");
	int r;

	sql_int(&st, 1, message);
	while ((r = sql_step(&st)) == 1) {
		struct known k = {.rowid = sql_get_int(&st, 0), .url = sql_get_text(&st, 1)};

		g_array_append_val(known, k);
	}
	return r;
}

static bool mark(GArray *known, const char *url)
{
	for (guint i = 0; i < known->len; i++) {
		struct known *k = &g_array_index(known, struct known, i);

		if (k->url && is_same_content(k->url, url)) {
			k->is_listed = true;
			return true;
		}
	}
	return false;
}

int contents_note(struct write *w, int64_t room, int64_t message, char *const *files)
{
	g_autoptr(GArray) known = g_array_new(FALSE, FALSE, sizeof(struct known));
	int r;

	g_array_set_clear_func(known, known_clear);
	r = read_known(w->q, message, known);
	for (int i = 0; r == 0 && files && files[i] && i < FILES_MAX; i++)
		if (!mark(known, files[i]))
			r = insert(w->q, store_new_rowid(w->s), room, message, files[i]);
	for (guint i = 0; r == 0 && i < known->len; i++) {
		const struct known *k = &g_array_index(known, struct known, i);

		if (k->is_listed)
			continue;
		r = content_set_gone(w, k->rowid);
		if (r == 0)
			r = content_tell(w, k->rowid, STORE_CONTENT_GONE);
	}
	return r;
}

int contents_lack(struct sql *q, int64_t message, char *const *files)
{
	g_autoptr(GArray) known = g_array_new(FALSE, FALSE, sizeof(struct known));
	int r;

	g_array_set_clear_func(known, known_clear);
	r = read_known(q, message, known);
	for (int i = 0; r == 0 && files && files[i] && i < FILES_MAX; i++)
		(void)mark(known, files[i]);
	for (guint i = 0; r == 0 && i < known->len; i++)
		r = !g_array_index(known, struct known, i).is_listed;
	return r;
}

/* ---- rows for a store of an older version ---- */

static int adopt_one(struct sql *q, int64_t *rowid, int64_t room, int64_t message,
		     const char *packed, size_t size)
{
	const char *end = packed + size;
	int r = 0;

	for (int i = 0; r == 0 && packed && packed < end && i < FILES_MAX; i++) {
		_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
			q, "SELECT 1 FROM content WHERE message=?1 AND url=?2 AND gone=0");

		sql_int(&st, 1, message);
		sql_text(&st, 2, packed);
		r = sql_step(&st);
		if (r == 0)
			r = insert(q, ++*rowid, room, message, packed);
		r = MIN(r, 0);
		packed += strlen(packed) + 1;
	}
	return r;
}

/* A file that was sent from here has its name already. */
static int adopt_names(struct sql *q)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT rowid, name FROM content WHERE name<>''");
	int r;

	while ((r = sql_step(&st)) == 1) {
		g_autofree char *key = name_key(sql_peek_text(&st, 1));
		_cleanup_(sql_done) struct sql_stmt set = sql_stmt(
			q, "UPDATE content SET name_key=?2, is_proven=1 WHERE rowid=?1");

		sql_int(&set, 1, sql_get_int(&st, 0));
		sql_text(&set, 2, key);
		r = sql_run(&set);
		if (r < 0)
			return r;
	}
	return r;
}

static int adopt_files(struct sql *q)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT m.rowid, m.room, b.files FROM message m JOIN body b ON"
			    " b.message=m.rowid WHERE b.files IS NOT NULL AND m.deleted=0");
	int64_t rowid;
	int r = schema_max_rowid(q, &rowid);

	while (r == 0 && (r = sql_step(&st)) == 1) {
		size_t size;
		const char *packed = sql_peek_bytes(&st, 2, &size);

		if (!size || packed[size - 1])
			size = 0;
		r = adopt_one(q, &rowid, sql_get_int(&st, 1), sql_get_int(&st, 0), packed,
			      size);
	}
	return r;
}

/* The migration reads "rowid.last" behind this, and so counts these rows. */
int contents_adopt(struct sql *q)
{
	int r = adopt_names(q);

	if (r == 0)
		r = sql_exec(q, "UPDATE content SET cookie=ifnull((SELECT cookie FROM message m"
				" WHERE m.rowid=content.message), 1<<62)");
	return r < 0 ? r : adopt_files(q);
}

/* ---- its name ---- */

/* What a content is called here, and by the server. */
struct naming {
	char *name, *key;
	char *said; /* NULL: the same */
};

static void naming_clear(struct naming *n)
{
	g_free(n->name);
	g_free(n->key);
	g_free(n->said);
}

/* 1 if a file of the room has the key and is another one for the server; 0; -errno. */
static int is_of_other(struct sql *q, int64_t room, int64_t rowid, const char *key,
		       const char *said_key)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT ifnull(said, name) FROM content WHERE room=?1 AND"
			    " name_key=?2 AND gone=0 AND rowid<>?3");
	bool is_other = false;
	int r = 0;

	sql_int(&st, 1, room);
	sql_text(&st, 2, key);
	sql_int(&st, 3, rowid);
	while (!is_other && (r = sql_step(&st)) == 1) {
		g_autofree char *other = name_key(sql_peek_text(&st, 0));

		is_other = strcmp(other, said_key) != 0;
	}
	return r < 0 ? r : is_other;
}

/*
 * A file that is called here as it is called there keeps its name, and others of that name are its
 * versions. Where the name must be changed, and a file that has another name there has the changed
 * name already, it gets digits of what it is called.
 */
static int find_name(struct sql *q, int64_t room, int64_t rowid, const char *said,
		     struct naming *ret_naming)
{
	g_autofree char *said_key = name_key(said), *hash = NULL;
	struct naming n = {.name = name_from_file(said, NAME_MAX_BYTES)};
	int r = 0;

	n.key = name_key(n.name);
	if (strcmp(n.name, said) != 0) {
		n.said = g_strdup(said);
		hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, said_key, -1);
		r = is_of_other(q, room, rowid, n.key, said_key);
	}
	for (size_t digits = 8; r == 1 && digits <= 32; digits *= 2) {
		g_autofree char *base = name_from_file(said, NAME_MAX_BYTES);

		g_free(n.name);
		g_free(n.key);
		n.name = name_file_with_suffix(base, hash, digits);
		n.key = name_key(n.name);
		r = is_of_other(q, room, rowid, n.key, said_key);
	}
	if (r < 0) {
		naming_clear(&n);
		return r;
	}
	*ret_naming = n;
	return 0;
}

static int write_name(struct write *w, int64_t rowid, const struct naming *n, int64_t size,
		      int64_t retry_ms)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "UPDATE content SET name=?2, name_key=?3, retry_ms=?5, said=?6,"
		      " size=CASE WHEN is_proven THEN size ELSE ?4 END WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	sql_text(&st, 2, n->name);
	sql_text(&st, 3, n->key);
	sql_int(&st, 4, size);
	sql_int(&st, 5, retry_ms);
	sql_text(&st, 6, n->said);
	return sql_run(&st);
}

static int name_content(struct write *w, int64_t rowid, const char *name, int64_t size,
			int64_t retry_ms)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "SELECT url, name, message, room FROM content WHERE rowid=?1 AND gone=0");
	g_autofree char *id = NULL, *url = NULL, *old = NULL;
	_cleanup_(naming_clear) struct naming naming = {0};
	int64_t message, room;
	int r;

	sql_int(&st, 1, rowid);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	url = sql_get_text(&st, 0);
	old = sql_get_text(&st, 1);
	message = sql_get_int(&st, 2);
	room = sql_get_int(&st, 3);
	if ((!name || !name[0]) && url) {
		size_t len;
		const char *at = webex_content_id(url, &len);

		id = g_strndup(at, len);
		name = id;
	}
	r = sql_run(&st);
	if (r == 0)
		r = find_name(w->q, room, rowid, name ? name : "", &naming);
	if (r == 0 && old[0] && strcmp(old, naming.name) != 0)
		r = content_tell(w, rowid, STORE_CONTENT_GONE);
	if (r == 0)
		r = write_name(w, rowid, &naming, size, retry_ms);
	if (r == 0)
		r = content_tell(w, rowid, STORE_CONTENT_ADDED);
	return r < 0 ? r : contents_show_names(w, message);
}

int store_name_content(struct store *s, int64_t rowid, const char *name, int64_t size,
		       int64_t retry_wall_ms, GPtrArray *changes)
{
	struct write w;
	int r = write_begin(s, changes, &w);

	return r < 0 ? r : write_end(&w, name_content(&w, rowid, name, size, retry_wall_ms));
}
