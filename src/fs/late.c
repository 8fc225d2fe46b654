/* SPDX-License-Identifier: MIT */
#include "fs/late.h"

#include <string.h>

#include "base/cleanup.h"
#include "fs/local.h"
#include "fs/op.h"

static void nobody_waits(void *arg, int error, int64_t room, int64_t message)
{
	/* An error needs no handling here: unsent/ has the letter and last-error the reason. */
	(void)arg;
	(void)error;
	(void)room;
	(void)message;
}

/* The kernel must forget what was written, since the server's version replaces it, or nothing
 * does. */
void late_end(struct fs *fs, uint64_t ino, struct tree_write *w, bool tell)
{
	_cleanup_free_ char *name = g_strdup(w->name);
	bool is_new = w->ino == tree_ino(TREE_ATTACHMENT, w->content_row);
	uint64_t dir = w->dir;

	tree_write_close(fs->config.tree, w);
	if (!tell)
		return;
	/* It may be listed from now on, or no longer. */
	fs_local_changed(fs, dir);
	notify_written(fs->notifier, ino);
	if (!is_new || !tree_upload_is_known(fs->config.tree, ino))
		notify_name(fs->notifier, dir, name);
}

/* An object that is written after its last close; a new one keeps the name of its file meanwhile. */
struct late_plan {
	struct fs *fs;
	struct tree_plan plan;
	uint64_t ino;
	struct tree_write write; /* of a new one; else zeroed */
};

static void late_plan_done(void *arg, int error, uint64_t ino)
{
	struct late_plan *late = arg;

	nobody_waits(NULL, error, (int64_t)ino, 0);
	if (late->write.pending)
		late_end(late->fs, late->ino, &late->write, !late->fs->stopping);
	g_free(late);
}

static void late_submit(void *arg)
{
	struct late_plan *late = arg;

	tree_submit(late->fs->config.tree, &late->plan, late_plan_done, late);
}

void late_object(struct fs *fs, struct handle *h, struct tree_plan *plan)
{
	struct late_plan *late = g_new0(struct late_plan, 1);

	late->fs = fs;
	late->ino = h->ino;
	late->plan = *plan;
	memset(plan, 0, sizeof(*plan));
	if (h->write.pending) {
		late->write = h->write;
		memset(&h->write, 0, sizeof(h->write));
	}
	work_post(fs->config.queue, late_submit, late);
}

/* A file that is delivered after its last close keeps its name meanwhile. */
struct late_upload {
	struct fs *fs;
	uint64_t ino;
	struct tree_write write;
	struct outbox_letter *letter;
};

static void late_upload_done(void *arg, int error, int64_t room, int64_t message)
{
	struct late_upload *late = arg;

	nobody_waits(NULL, error, room, message);
	late_end(late->fs, late->ino, &late->write, !late->fs->stopping);
	g_free(late);
}

/* Runs on the cache thread like an rm of the file, so that nothing is sent after an rm. */
static void late_upload_send(void *arg)
{
	struct late_upload *late = arg;
	struct outbox_letter *letter = steal_ptr(&late->letter);

	if (tree_letter_is_dropped(late->fs->config.tree, late->write.pending)) {
		outbox_letter_free(letter);
		late_upload_done(late, 0, 0, 0);
	} else {
		outbox_send(late->fs->config.outbox, letter, late_upload_done, late);
	}
}

void late_letter(struct fs *fs, struct handle *h, struct outbox_letter *letter)
{
	struct late_upload *late;

	if (letter->local) {
		local_send_late(fs, letter);
		return;
	}
	if (!h->write.pending) {
		outbox_send(fs->config.outbox, letter, nobody_waits, NULL);
		return;
	}
	late = g_new0(struct late_upload, 1);
	late->fs = fs;
	late->ino = h->ino;
	late->write = h->write;
	late->letter = letter;
	memset(&h->write, 0, sizeof(h->write));
	work_post(fs->config.queue, late_upload_send, late);
}
