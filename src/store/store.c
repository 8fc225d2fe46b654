/* SPDX-License-Identifier: MIT */
/* Opens the store: takes the lock, checks that the file is ours and intact, and finds the first
 * free rowid. */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/private.h"
#include "base/timefmt.h"
#include "store/schema.h"

#define WRITER_CACHE_KIB 8192
#define HOLDER_MAX 4096

static char *read_holder(int fd)
{
	char buf[HOLDER_MAX];
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	g_strchomp(buf);
	return buf[0] ? g_utf8_make_valid(buf, -1) : g_strdup("another process");
}

/* Takes the lock of the store. Its text tells a person who is refused where the store is in
 * use. */
static int take_lock(struct store *s, const struct store_config *config, char **ret_holder)
{
	g_autofree char *path = g_strconcat(config->path, ".lock", NULL);
	_cleanup_close_ int fd = -1;
	int r = private_file(path, O_RDWR | O_CREAT, &fd);

	if (r < 0)
		return r;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return -errno;
		*ret_holder = read_holder(fd);
		return -EBUSY;
	}
	/* On a full disk the text may be missing, but the lock holds. */
	if (ftruncate(fd, 0) < 0 ||
	    dprintf(fd, "%s\n", config->holder ? config->holder : "") < 0)
		log_info("store", "%s has no text: %s", path, g_strerror(errno));
	s->lock_fd = steal_fd(&fd);
	return 0;
}

static void rename_part(const char *path, const char *aside, const char *suffix)
{
	g_autofree char *from = g_strconcat(path, suffix, NULL);
	g_autofree char *to = g_strconcat(aside, suffix, NULL);

	if (rename(from, to) < 0 && errno != ENOENT) {
		log_warning("store", "cannot set %s aside: %s", from, g_strerror(errno));
		unlink(from);
	}
}

static char *aside_name(const char *path)
{
	char when[TIME_ISO_SIZE];
	char *aside;

	time_format_name(clock_wall(clock_system()), when);
	aside = g_strconcat(path, ".aside-", when, NULL);
	for (int i = 1; access(aside, F_OK) == 0; i++) {
		g_free(aside);
		aside = g_strdup_printf("%s.aside-%s.%d", path, when, i);
	}
	return aside;
}

static int set_aside(struct store *s)
{
	g_autofree char *aside = aside_name(s->uri);

	if (rename(s->uri, aside) < 0 && errno != ENOENT)
		return -errno;
	rename_part(s->uri, aside, "-wal");
	rename_part(s->uri, aside, "-journal");
	rename_part(s->uri, aside, "-shm");
	unlink(s->broken_mark);
	log_warning("store", "the cache cannot be used and was set aside as %s", aside);
	return 0;
}

/*
 * SQLite gives its -wal and -shm files the mode of the database and does not open links for
 * them. A database that is no file of ours alone is set aside like a broken one, since the file
 * behind it is not ours to write to.
 */
static int make_private(const char *path)
{
	_cleanup_close_ int fd = -1;
	int r = private_file(path, O_RDWR | O_CREAT, &fd);

	if (r == -ELOOP || r == -EISDIR || r == -EBADMSG || r == -EMLINK || r == -EPERM)
		return -EUCLEAN;
	return r < 0 ? r : fchmod(fd, 0600) < 0 ? -errno : 0;
}

static int open_writer(struct store *s)
{
	int r = sql_open(s->uri, s->broken_mark, &s->writer);

	return r < 0 ? r : schema_tune(s->writer, s->in_memory, WRITER_CACHE_KIB);
}

static int open_database(struct store *s, int64_t *ret_used)
{
	int r;

	if (!s->in_memory && access(s->broken_mark, F_OK) == 0)
		return -EUCLEAN;
	r = s->in_memory ? 0 : make_private(s->uri);
	if (r == 0)
		r = open_writer(s);
	if (r == 0 && !s->in_memory)
		r = shrink_convert(s, open_writer);
	if (r == 0 && !s->in_memory && access(s->broken_mark, F_OK) == 0)
		r = -EUCLEAN;
	if (r == 0)
		r = schema_migrate(s->writer, s->in_memory);
	if (r == 0)
		r = schema_max_rowid(s->writer, ret_used);
	if (r < 0) {
		sql_close(&s->writer);
		if (!s->in_memory && access(s->broken_mark, F_OK) == 0)
			r = -EUCLEAN;
	}
	return r;
}

static int open_or_rebuild(struct store *s, int64_t *ret_used)
{
	int r = open_database(s, ret_used);

	if (r == -EUCLEAN && !s->in_memory) {
		r = set_aside(s);
		if (r == 0)
			r = open_database(s, ret_used);
	}
	return r == -EUCLEAN ? -EIO : r;
}

static struct store *store_alloc(const char *path)
{
	static atomic_uint instances;
	struct store *s = g_new0(struct store, 1);
	pthread_rwlockattr_t attr;

	s->lock_fd = -1;
	s->in_memory = !path;
	s->member_pins = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	s->purge = purge_new();
	s->heirs = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	if (path) {
		s->uri = g_canonicalize_filename(path, NULL);
		s->broken_mark = g_strconcat(s->uri, ".broken", NULL);
	} else {
		s->uri = g_strdup_printf("file:/sparkfs-%u?vfs=memdb",
					 atomic_fetch_add(&instances, 1));
	}
	pthread_mutex_init(&s->pool_lock, NULL);
	pthread_rwlockattr_init(&attr);
#ifdef HAVE_RWLOCK_KIND
	/* Without this, readers that follow each other without a gap would starve the writer. */
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
	pthread_rwlock_init(&s->memory_lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	return s;
}

static void store_free(struct store *s)
{
	struct store_conn *c;

	while ((c = s->pool)) {
		s->pool = c->next;
		sql_close(&c->q);
		g_free(c);
	}
	sql_close(&s->writer);
	if (s->lock_fd >= 0) {
		if (ftruncate(s->lock_fd, 0) < 0)
			log_debug("store", "the lock keeps its text: %s", g_strerror(errno));
		close(s->lock_fd);
	}
	pthread_rwlock_destroy(&s->memory_lock);
	pthread_mutex_destroy(&s->pool_lock);
	g_hash_table_destroy(s->member_pins);
	g_hash_table_destroy(s->heirs);
	purge_free(s->purge);
	g_free(s->uri);
	g_free(s->broken_mark);
	g_free(s);
}

/* Rows that are deleted before anybody waits; what is left is for store_tidy(). */
#define PURGE_AT_OPEN 2000

static void purge_at_open(struct store *s)
{
	int r = purge_load(s), left = PURGE_AT_OPEN;

	while (r >= 0 && left > 0 && !purge_is_empty(s)) {
		r = purge_some(s, left);
		left -= r;
	}
	/* Tombstones that cannot be purged now stay until they can. */
	if (r < 0)
		log_warning("store", "deleted rows stay in the cache for now");
	/* Whoever uses the store writes to it. */
	s->has_writing = false;
}

int store_open(const struct store_config *config, struct store **ret_store, char **ret_holder)
{
	struct store *s = store_alloc(config->path);
	int64_t used = 0;
	int r = 0;

	if (config->path)
		r = take_lock(s, config, ret_holder);
	if (r == 0)
		r = open_or_rebuild(s, &used);
	if (r < 0) {
		store_free(s);
		return r;
	}
	rowids_init(&s->rowids, config->reserve_path, used);
	s->stored_rowid = -1;
	s->clock = config->clock ? config->clock : clock_system();
	s->path_of = config->path_of;
	s->on_event = config->on_event;
	s->on_event_arg = config->arg;
	events_init(s);
	purge_at_open(s);
	sizes_load(s);
	if (room_counts_load(s) < 0)
		log_warning("store", "the spaces in the cache are not counted");
	if (body_counts_load(s) < 0)
		log_warning("store", "the bodies in the cache are not counted");
	*ret_store = s;
	return 0;
}

void store_close(struct store **store)
{
	struct store *s = *store;

	if (!s)
		return;
	if (s->lent) {
		log_error("store", "broken rule: %d snapshots outlive the store", s->lent);
		abort();
	}
	rowids_clear(&s->rowids);
	store_free(s);
	*store = NULL;
}
