/* SPDX-License-Identifier: MIT */
#include "fs/snapshots.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

/* What changes in a text of the log stands at its end. */
#define HASHED_BYTES 128

struct fs_snapshot {
	uint64_t ino; /* never changes, like all but `refs` */
	GBytes *text;
	pid_t tgid; /* for whom it counts */
	guint hash;
	int refs; /* snapshots.lock */
};

struct snapshots {
	struct share *share; /* borrowed */
	pthread_mutex_t lock;
	GHashTable *texts; /* lock; of struct fs_snapshot, by file and text */
};

static guint hash_of(uint64_t ino, const char *text, size_t len)
{
	guint hash = (guint)ino * 31 + (guint)len;

	for (size_t i = len > HASHED_BYTES ? len - HASHED_BYTES : 0; i < len; i++)
		hash = hash * 33 + (guchar)text[i];
	return hash;
}

static guint snapshot_hash(gconstpointer snapshot)
{
	return ((const struct fs_snapshot *)snapshot)->hash;
}

static gboolean snapshot_equal(gconstpointer a, gconstpointer b)
{
	const struct fs_snapshot *x = a, *y = b;

	return x->ino == y->ino && g_bytes_equal(x->text, y->text);
}

struct snapshots *snapshots_new(struct share *share)
{
	struct snapshots *s = g_new0(struct snapshots, 1);

	s->share = share;
	pthread_mutex_init(&s->lock, NULL);
	s->texts = g_hash_table_new(snapshot_hash, snapshot_equal);
	return s;
}

void snapshots_free(struct snapshots **s)
{
	if (!*s)
		return;
	assert(g_hash_table_size((*s)->texts) == 0);
	g_hash_table_unref((*s)->texts);
	pthread_mutex_destroy(&(*s)->lock);
	g_free(*s);
	*s = NULL;
}

/* A reference to the text, if somebody has it open; else NULL. */
static struct fs_snapshot *find_locked(struct snapshots *s, const struct fs_snapshot *like)
{
	struct fs_snapshot *found = g_hash_table_lookup(s->texts, like);

	if (found)
		found->refs++;
	return found;
}

static struct fs_snapshot *make_locked(struct snapshots *s, const struct fs_snapshot *like)
{
	struct fs_snapshot *made;
	gsize len;
	const void *bytes = g_bytes_get_data(like->text, &len);

	if (!share_take(s->share, (uint64_t)like->tgid, (int64_t)len))
		return NULL;
	made = g_memdup2(like, sizeof(*like));
	made->text = g_bytes_new(bytes, len);
	made->refs = 1;
	g_hash_table_add(s->texts, made);
	return made;
}

int snapshots_take(struct snapshots *s, uint64_t ino, pid_t tgid, const GString *text,
		   struct fs_snapshot **ret_snapshot)
{
	struct fs_snapshot like = {
		.ino = ino,
		.text = g_bytes_new_static(text->str, text->len),
		.tgid = tgid,
		.hash = hash_of(ino, text->str, text->len),
	};
	struct fs_snapshot *snapshot;

	pthread_mutex_lock(&s->lock);
	snapshot = find_locked(s, &like);
	if (!snapshot)
		snapshot = make_locked(s, &like);
	pthread_mutex_unlock(&s->lock);
	g_bytes_unref(like.text);
	*ret_snapshot = snapshot;
	return snapshot ? 0 : -ENFILE;
}

void snapshots_drop(struct snapshots *s, struct fs_snapshot **snapshot_ptr)
{
	struct fs_snapshot *snapshot = *snapshot_ptr;
	bool is_last;

	*snapshot_ptr = NULL;
	if (!snapshot)
		return;
	pthread_mutex_lock(&s->lock);
	is_last = --snapshot->refs == 0;
	if (is_last)
		g_hash_table_remove(s->texts, snapshot);
	pthread_mutex_unlock(&s->lock);
	if (!is_last)
		return;
	share_give(s->share, (uint64_t)snapshot->tgid,
		   (int64_t)g_bytes_get_size(snapshot->text));
	g_bytes_unref(snapshot->text);
	g_free(snapshot);
}

size_t fs_snapshot_read(const struct fs_snapshot *snapshot, void *buf, size_t len,
			int64_t offset)
{
	gsize all;
	const char *bytes = g_bytes_get_data(snapshot->text, &all);
	size_t n;

	if (offset < 0 || (uint64_t)offset >= all)
		return 0;
	n = MIN(len, all - (size_t)offset);
	memcpy(buf, bytes + offset, n);
	return n;
}
