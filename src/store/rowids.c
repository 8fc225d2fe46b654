/* SPDX-License-Identifier: MIT */
#include "store/rowids.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/private.h"

/* Node ids are rowid << 8 and stay below 2^53 (store.h 3). A reserve file with a higher number
 * is damaged. */
#define ROWID_END (INT64_C(1) << 45)

static int64_t reserve_read(const char *path)
{
	_cleanup_close_ int fd = -1;
	char buf[32] = "", *end;
	ssize_t n;
	long long value;

	if (private_file(path, O_RDONLY, &fd) == -ENOENT)
		return 0;
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	errno = 0;
	value = n > 0 ? strtoll(buf, &end, 10) : -1;
	if (value < 0 || value >= ROWID_END || errno || *end != '\n') {
		log_warning("store", "%s is damaged; node numbers go on from the cache", path);
		return 0;
	}
	return value;
}

static int sync_folder(const char *path)
{
	g_autofree char *folder = g_path_get_dirname(path);
	_cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int write_file(const char *path, const char *text)
{
	_cleanup_close_ int fd = -1;
	size_t len = strlen(text);
	ssize_t n;

	/* A crash may have left a file here. */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	if (n < 0)
		return -errno;
	if ((size_t)n != len)
		return -ENOSPC;
	return fsync(fd) < 0 ? -errno : 0;
}

static int reserve_write(const char *path, int64_t limit)
{
	g_autofree char *temporary = g_strconcat(path, ".new", NULL);
	char text[32];
	int r;

	snprintf(text, sizeof(text), "%lld\n", (long long)limit);
	r = write_file(temporary, text);
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r == 0)
		return sync_folder(path);
	unlink(temporary);
	return r;
}

/* Called under the lock, once for each block. Nothing else that is done under it can take long. */
static void reserve(struct rowids *r)
{
	int failed;

	r->limit = r->next + r->block;
	r->block = MIN(r->block * 2, ROWIDS_BLOCK_MAX);
	failed = r->path ? reserve_write(r->path, r->limit) : 0;
	if (failed < 0)
		log_error("store", "cannot reserve node numbers in %s: %s", r->path,
			  g_strerror(-failed));
}

void rowids_init(struct rowids *r, const char *path, int64_t used)
{
	int64_t reserved = path ? reserve_read(path) : 0;

	pthread_mutex_init(&r->lock, NULL);
	r->path = g_strdup(path);
	r->block = ROWIDS_BLOCK;
	r->next = MAX(used + 1, MAX(reserved, 1));
	reserve(r);
}

void rowids_clear(struct rowids *r)
{
	if (r->path && reserve_write(r->path, r->next) < 0)
		log_info("store", "%s stays ahead of use", r->path);
	pthread_mutex_destroy(&r->lock);
	g_free(r->path);
	r->path = NULL;
}

int64_t rowids_take(struct rowids *r)
{
	int64_t rowid;

	pthread_mutex_lock(&r->lock);
	if (r->next == r->limit)
		reserve(r);
	rowid = r->next++;
	pthread_mutex_unlock(&r->lock);
	return rowid;
}

void rowids_skip(struct rowids *r, int64_t used)
{
	pthread_mutex_lock(&r->lock);
	if (used < ROWID_END && used >= r->next) {
		r->next = used + 1;
		if (r->next >= r->limit)
			reserve(r);
	}
	pthread_mutex_unlock(&r->lock);
}

void rowids_untake(struct rowids *r, int64_t rowid)
{
	pthread_mutex_lock(&r->lock);
	if (r->next == rowid + 1)
		r->next = rowid;
	pthread_mutex_unlock(&r->lock);
}

int64_t rowids_last(struct rowids *r)
{
	int64_t rowid;

	pthread_mutex_lock(&r->lock);
	rowid = r->next - 1;
	pthread_mutex_unlock(&r->lock);
	return rowid;
}
