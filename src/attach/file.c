/* SPDX-License-Identifier: MIT */
/*
 * Files of contents: `<hash of the id>.bin`, sparse, and beside it, once it was closed, `.map`,
 * which says which of its bytes are there (attach/map.h).
 *
 * The bytes are on the disk before the map is, and the map is replaced as a whole: after a
 * crash there is an older map or none, and bytes that no map has are fetched again. A daemon
 * that uses a file holds an flock on it; another daemon that wants the content uses a nameless
 * file of its own meanwhile. A file that is held is not removed. The modification time of a
 * file is that of its last use.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/private.h"
#include "attach/internal.h"
#include "attach/map.h"
#include "webex/id.h"

/* Hex digits of a SHA-256. */
#define HASH_DIGITS 64
/* A map with more ranges than any reader makes is not read. */
#define MAP_MAX (1024 * 1024)
/* So often is a file opened again that is damaged or being removed. */
#define OPEN_TRIES 4

static char *hash_of(const char *url)
{
	size_t len;
	const char *id = webex_content_id(url, &len);

	return g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)id, len);
}

bool content_file_is_name(const char *name)
{
	return private_is_hash_name(name, HASH_DIGITS, ".bin") ||
	       private_is_hash_name(name, HASH_DIGITS, ".map");
}

static char *map_path(const char *path)
{
	return g_strdup_printf("%.*s.map", (int)(strlen(path) - strlen(".bin")), path);
}

static int open_nameless(const struct contents *c)
{
	int fd = c->dir ? open(c->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;

	if (fd < 0)
		fd = memfd_create("sparkfs-content", MFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Reads the map. Without a map, or with one that cannot be true, no bytes count as known. */
static void load(struct content_file *f, int64_t size)
{
	_cleanup_gfree_ char *map = map_path(f->path);
	_cleanup_gfree_ char *text = NULL;
	struct stat st;
	bool is_told = fstat(f->fd, &st) == 0;

	f->length = -1;
	if (is_told && st.st_size == 0) {
		/* The file is new; an old map without its file would be wrong for it. */
		unlink(map);
		return;
	}
	if (is_told && private_read(map, MAP_MAX, &text, NULL) == 0 &&
	    content_map_parse(text, st.st_size, &f->length, &f->known) &&
	    (size < 0 || f->length < 0 || f->length == size))
		return;
	ranges_clear(&f->known);
	f->length = -1;
	unlink(map);
	if (ftruncate(f->fd, 0) < 0)
		log_warning("cache", "%s: %s", f->path, strerror(errno));
}

/* Opens a file and takes its flock. -EAGAIN: it was removed meanwhile; -EBUSY: another daemon
 * holds it; -errno. */
static int open_held(const struct contents *c, const char *path, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r = private_file(path, O_RDWR | O_CREAT, &fd);

	if (r == -ENOSPC || r == -EDQUOT) {
		content_files_evict(c, 0, CONTENT_WINDOW_MAX);
		return -EAGAIN;
	}
	if (r < 0)
		return r;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -EBUSY;
	if (fstat(fd, &st) < 0 || st.st_nlink == 0)
		return -EAGAIN;
	futimens(fd, NULL);
	*ret_fd = steal_fd(&fd);
	return 0;
}

int content_file_to_memory(int fd, const struct ranges *known)
{
	_cleanup_close_ int memory = memfd_create("sparkfs-content", MFD_CLOEXEC);
	int r = memory < 0 ? -errno : 0;

	for (guint i = 0; r == 0 && i < ranges_count(known); i++)
		r = fd_copy(fd, memory, ranges_nth(known, i).lo, ranges_nth(known, i).hi);
	/* A read of the old descriptor that is under way reads the same bytes. */
	if (r == 0 && dup3(memory, fd, O_CLOEXEC) < 0)
		r = -errno;
	return r;
}

int content_file_open(const struct contents *c, const char *url, int64_t size,
		      struct content_file *ret_file)
{
	struct content_file f = {.fd = -1, .length = -1};
	int r = fd_check_left();

	if (r < 0)
		return r;
	r = -ENOENT;
	if (c->dir) {
		_cleanup_gfree_ char *hash = hash_of(url);

		f.path = g_strdup_printf("%s/%s.bin", c->dir, hash);
		r = -EAGAIN;
		for (int i = 0; i < OPEN_TRIES && r == -EAGAIN; i++)
			r = open_held(c, f.path, &f.fd);
	}
	if (r == 0) {
		load(&f, size);
	} else {
		/* It can be read, but is not kept. */
		g_clear_pointer(&f.path, g_free);
		f.fd = open_nameless(c);
	}
	*ret_file = f;
	return f.fd < 0 ? f.fd : 0;
}

void content_file_save(int fd, const char *path, int64_t length, const struct ranges *known)
{
	_cleanup_gfree_ char *map = map_path(path);
	g_autoptr(GString) text = content_map_print(length, known);
	g_autoptr(GError) error = NULL;

	futimens(fd, NULL);
	if (fdatasync(fd) < 0 || text->len > MAP_MAX ||
	    !g_file_set_contents_full(map, text->str, (gssize)text->len,
				      G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error)) {
		log_warning("cache", "%s is not kept: %s", path,
			    error ? error->message : strerror(errno));
		unlink(map);
	}
}

/* ---- the least recently used go first ---- */

struct kept {
	char *path;
	int64_t bytes;
	struct timespec used;
};

static void kept_clear(void *p)
{
	g_free(((struct kept *)p)->path);
}

static gint by_age(gconstpointer a, gconstpointer b)
{
	const struct timespec *x = &((const struct kept *)a)->used;
	const struct timespec *y = &((const struct kept *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

static GArray *list_kept(const struct contents *c, int64_t *ret_total)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct kept));
	DIR *dir = opendir(c->dir);
	struct dirent *d;

	g_array_set_clear_func(all, kept_clear);
	*ret_total = 0;
	while (dir && (d = readdir(dir))) {
		struct kept k = {0};
		struct stat st;

		if (!private_is_hash_name(d->d_name, HASH_DIGITS, ".bin") ||
		    fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		k.path = g_strdup_printf("%s/%s", c->dir, d->d_name);
		k.bytes = (int64_t)st.st_blocks * 512;
		k.used = st.st_mtim;
		*ret_total += k.bytes;
		g_array_append_val(all, k);
	}
	if (dir)
		closedir(dir);
	g_array_sort(all, by_age);
	return all;
}

/* Removes a file. Returns its size, 0 if it is in use. */
static int64_t drop(const struct kept *k)
{
	_cleanup_close_ int fd = -1;
	_cleanup_gfree_ char *map = map_path(k->path);

	if (private_file(k->path, O_RDWR, &fd) < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return 0;
	/* The map is removed first, since a map without its file would be wrong for a later
	 * one. */
	unlink(map);
	return unlink(k->path) == 0 ? k->bytes : 0;
}

int64_t content_files_evict(const struct contents *c, int64_t max, int64_t spare)
{
	g_autoptr(GArray) all = NULL;
	int64_t total, freed = 0;

	if (!c->dir)
		return 0;
	all = list_kept(c, &total);
	for (guint i = 0; i < all->len && total - freed > max && freed < spare; i++)
		freed += drop(&g_array_index(all, struct kept, i));
	return total - freed;
}
