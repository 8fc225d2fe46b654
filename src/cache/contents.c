/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cache/contents.h"

struct content_entry {
	int64_t row;
	int opens;
	int fd; /* -1: not here yet */
};

struct contents {
	pthread_mutex_t lock;
	GHashTable *entries; /* row -> content_entry; contents.lock */
	char *spool_dir;
};

static void entry_free(void *p)
{
	struct content_entry *e = p;

	if (e->fd >= 0)
		close(e->fd);
	g_free(e);
}

int contents_new(const char *spool_dir, struct contents **ret_contents)
{
	struct contents *c = g_new0(struct contents, 1);

	pthread_mutex_init(&c->lock, NULL);
	c->entries = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, entry_free);
	c->spool_dir = g_strdup(spool_dir);
	*ret_contents = c;
	return 0;
}

void contents_free(struct contents **c)
{
	if (!*c)
		return;
	g_hash_table_unref((*c)->entries);
	pthread_mutex_destroy(&(*c)->lock);
	g_free((*c)->spool_dir);
	g_free(*c);
	*c = NULL;
}

int contents_open(struct contents *c, int64_t row, bool *ret_ready)
{
	struct content_entry *e;

	pthread_mutex_lock(&c->lock);
	e = g_hash_table_lookup(c->entries, &row);
	if (!e) {
		e = g_new0(struct content_entry, 1);
		e->row = row;
		e->fd = -1;
		g_hash_table_insert(c->entries, &e->row, e);
	}
	e->opens++;
	*ret_ready = e->fd >= 0;
	pthread_mutex_unlock(&c->lock);
	return 0;
}

void contents_close(struct contents *c, int64_t row)
{
	struct content_entry *e;

	pthread_mutex_lock(&c->lock);
	e = g_hash_table_lookup(c->entries, &row);
	if (e && --e->opens == 0)
		g_hash_table_remove(c->entries, &row);
	pthread_mutex_unlock(&c->lock);
}

bool contents_is_ready(struct contents *c, int64_t row)
{
	struct content_entry *e;
	bool ready;

	pthread_mutex_lock(&c->lock);
	e = g_hash_table_lookup(c->entries, &row);
	ready = e && e->fd >= 0;
	pthread_mutex_unlock(&c->lock);
	return ready;
}

ssize_t contents_read(struct contents *c, int64_t row, void *buf, size_t len, int64_t offset)
{
	_cleanup_close_ int fd = -1;
	struct content_entry *e;
	ssize_t n;

	/* A descriptor of our own, so that no lock is held across the read. */
	pthread_mutex_lock(&c->lock);
	e = g_hash_table_lookup(c->entries, &row);
	if (e && e->fd >= 0)
		fd = fcntl(e->fd, F_DUPFD_CLOEXEC, 0);
	pthread_mutex_unlock(&c->lock);
	if (fd < 0)
		return -EIO;
	n = pread(fd, buf, len, offset);
	return n < 0 ? -errno : n;
}

int contents_make(struct contents *c, int *ret_fd)
{
	int fd = open(c->spool_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0) {
		_cleanup_(cleanup_free) char *path = NULL;

		/* Not every file system has O_TMPFILE. */
		path = g_strdup_printf("%s/content-XXXXXX", c->spool_dir);
		fd = mkostemp(path, O_CLOEXEC);
		if (fd < 0)
			return -errno;
		unlink(path);
	}
	*ret_fd = fd;
	return 0;
}

void contents_publish(struct contents *c, int64_t row, int fd, int64_t size)
{
	struct content_entry *e;

	(void)size;
	pthread_mutex_lock(&c->lock);
	e = g_hash_table_lookup(c->entries, &row);
	if (e && e->fd < 0)
		e->fd = steal_fd(&fd);
	pthread_mutex_unlock(&c->lock);
	if (fd >= 0)
		close(fd);
}
