/* SPDX-License-Identifier: MIT */
/*
 * Gives the pages that nothing uses back to the disk: SQLite moves the last pages of the file into free ones,
 * some in each transaction (incremental_vacuum), and a checkpoint makes the file shorter. That works in a file
 * that was made with auto_vacuum; an older one is copied once, before anybody has it.
 *
 *     the copy is written beside it --fsync--> renamed over it
 *
 * A crash before the rename leaves the old file, which is complete, and a copy that the next open removes.
 */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/private.h"
#include "store/schema.h"

/* Pages in one transaction. */
#define SLICE 64
#define SLICE_TEXT "64"
/* Begins above one eighth of the file and this many pages, since pages that are free are also used again,
 * and goes on until few are left. */
#define FREE_SHARE 8
#define FREE_LEAST 256
#define FREE_REST 64
/* An older file is copied if it has up to so many pages, or so large a share is free. */
#define COPY_PAGES 4096
#define COPY_SHARE 4

#define INCREMENTAL 2 /* of PRAGMA auto_vacuum */

struct pages {
	int64_t all, free, mode;
};

static int count_pages(struct sql *q, struct pages *ret_pages)
{
	int r = sql_query_int(q, "PRAGMA page_count", &ret_pages->all);

	if (r == 0)
		r = sql_query_int(q, "PRAGMA freelist_count", &ret_pages->free);
	if (r == 0)
		r = sql_query_int(q, "PRAGMA auto_vacuum", &ret_pages->mode);
	return r;
}

static bool is_wanted(struct store *s, const struct pages *pages)
{
	if (pages->mode != INCREMENTAL)
		return false;
	if (s->is_shrinking)
		return pages->free > FREE_REST;
	return pages->free > FREE_LEAST && pages->free > pages->all / FREE_SHARE;
}

static int vacuum(struct sql *q)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "PRAGMA incremental_vacuum(" SLICE_TEXT ")");
	int r;

	do
		r = sql_step(&st);
	while (r == 1);
	return r;
}

/* Without a checkpoint the file stays as long as it was until the log is full. This one waits for
 * no reader. */
static void checkpoint(struct store *s)
{
	if (!s->in_memory &&
	    sqlite3_wal_checkpoint_v2(sql_handle(s->writer), NULL, SQLITE_CHECKPOINT_PASSIVE,
				      NULL, NULL) != SQLITE_OK)
		log_debug("store", "the file becomes shorter later");
}

int shrink_some(struct store *s)
{
	struct pages pages;
	struct write w;
	bool was = s->is_shrinking;
	int r = write_begin(s, NULL, &w);

	if (r < 0)
		return r;
	w.is_quiet = true;
	r = count_pages(w.q, &pages);
	if (r == 0) {
		s->is_shrinking = is_wanted(s, &pages);
		if (s->is_shrinking)
			r = vacuum(w.q);
	}
	r = write_end(&w, r);
	if (r == 0 && was && !s->is_shrinking)
		checkpoint(s);
	return r < 0 ? r : s->is_shrinking;
}

/* ---- an older file ---- */

static bool is_worth_a_copy(struct sql *q)
{
	struct pages pages;

	return schema_is_ours(q) && count_pages(q, &pages) == 0 && pages.mode != INCREMENTAL &&
	       (pages.all <= COPY_PAGES || pages.free > pages.all / COPY_SHARE);
}

static int copy_to(struct sql *q, const char *path)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(q, "VACUUM INTO ?1");

	sql_text(&st, 1, path);
	return sql_run(&st);
}

static int sync_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int make_copy(struct sql *q, const char *path)
{
	_cleanup_close_ int fd = -1;
	/* An empty file is made first, because SQLite takes it as it is, and it is private. */
	int r = private_file(path, O_RDWR | O_CREAT, &fd);

	if (r == 0)
		r = sql_exec(q, "PRAGMA auto_vacuum=INCREMENTAL");
	if (r == 0)
		r = copy_to(q, path);
	if (r == 0)
		r = sync_file(path);
	return r;
}

/* True if the log still has what the file lacks; the last one who closes the file empties it. */
static bool has_log(struct store *s)
{
	g_autofree char *log = g_strconcat(s->uri, "-wal", NULL);

	return access(log, F_OK) == 0;
}

int shrink_convert(struct store *s, int (*reopen)(struct store *s))
{
	g_autofree char *copy = g_strconcat(s->uri, ".copy", NULL);
	g_autofree char *folder = g_path_get_dirname(s->uri);
	int r;

	if (unlink(copy) < 0 && errno != ENOENT)
		return 0;
	if (!is_worth_a_copy(s->writer))
		return 0;
	r = make_copy(s->writer, copy);
	sql_close(&s->writer);
	if (r == 0 && !has_log(s)) {
		r = rename(copy, s->uri) < 0 ? -errno : sync_file(folder);
		log_info("store", "the cache was copied, and gives space back from now on");
	}
	unlink(copy);
	if (r < 0)
		log_info("store", "the cache gives no space back for now: %s", g_strerror(-r));
	return reopen(s);
}
