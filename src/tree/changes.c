/* SPDX-License-Identifier: MIT */
/*
 * What changed in the store, as what the kernel must forget (design 3, 4); and chmod, utimens,
 * unmount.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "tree/internal.h"
#include "tree/write.h"

/* A first listing brings a thousand messages that the kernel has never heard of: beyond this
 * many of a batch, new names are not told one by one. */
#define TELL_ADDED_MAX 64

static const struct {
	enum tree_kind kind;
	const char *suffix;
} twins[] = {
	{TREE_MESSAGE_TXT, ".txt"},
	{TREE_MESSAGE_MD, ".md"},
	{TREE_MESSAGE_HTML, ".html"},
	{TREE_MESSAGE_JSON, ".json"},
};

static uint64_t room_dir(const struct store_change *c)
{
	return tree_ino(c->room_type == WEBEX_ROOM_DIRECT ? TREE_DIRECT : TREE_SPACES, 0);
}

/* direct/<e-mail>, which no listing shows: a directory without a space has become a symlink. */
static void tell_address(struct tree *t, const struct store_change *c,
			 const struct tree_told *told)
{
	struct store_room room = {0};
	struct store_conn *conn;
	char *key;

	if (c->room_type != WEBEX_ROOM_DIRECT || store_read_begin(t->config.store, &conn))
		return;
	if (store_room_get(conn, c->room, &room) == 0 && room.direct_email) {
		told->name(told->arg, TREE_DIRECT, room.direct_email);
		key = g_utf8_strdown(room.direct_email, -1);
		if (strcmp(key, room.direct_email) != 0)
			told->name(told->arg, TREE_DIRECT, key);
		g_free(key);
	}
	store_room_clear(&room);
	store_read_end(conn);
}

static void tell_room(struct tree *t, const struct store_change *c,
		      const struct tree_told *told)
{
	tell_address(t, c, told);
	if (c->old_name)
		told->name(told->arg, room_dir(c), c->old_name);
	/*
	 * A new name is not told: its absence is remembered for a second at most (spaces_lookup), while
	 * before Linux 6.2 the notice would take the directory from under who has just entered it.
	 */
	if (c->name && c->type == STORE_ROOM_GONE)
		told->name(told->arg, room_dir(c), c->name);
	if (c->type != STORE_ROOM_ADDED) {
		told->inode(told->arg, tree_ino(TREE_SPACE, c->room));
		told->inode(told->arg, tree_ino(TREE_SPACE_JSON, c->room));
	}
}

static void tell_names(const struct store_change *c, const char *stem,
		       const struct tree_told *told)
{
	for (size_t i = 0; stem && i < G_N_ELEMENTS(twins); i++) {
		char *name = g_strconcat(stem, twins[i].suffix, NULL);

		told->name(told->arg, tree_ino(TREE_SPACE, c->room), name);
		g_free(name);
	}
}

/* The bytes of a message's files, or of its tombstone. */
static void tell_bodies(const struct store_change *c, const struct tree_told *told)
{
	for (size_t i = 0; i < G_N_ELEMENTS(twins); i++)
		told->inode(told->arg, tree_ino(twins[i].kind, c->rowid));
}

static void grow_transcript(struct tree *t, const struct store_change *c,
			    const struct tree_told *told)
{
	struct store_message m = {0};
	struct store_conn *conn;

	if (!transcript_is_open(t->transcripts, c->room) ||
	    store_read_begin(t->config.store, &conn))
		return;
	if (store_message_get(conn, c->rowid, &m) == 0 &&
	    transcript_append(t->transcripts, c->room, c->type, &m,
			      clock_wall(t->config.clock)))
		told->inode(told->arg, tree_ino(TREE_TRANSCRIPT, c->room));
	store_message_clear(&m);
	store_read_end(conn);
}

static void tell_message(struct tree *t, const struct store_change *c, guint added,
			 const struct tree_told *told)
{
	if (c->type == STORE_MESSAGE_CHANGED)
		tell_bodies(c, told);
	if (c->type == STORE_MESSAGE_ADDED && added <= TELL_ADDED_MAX)
		tell_names(c, c->name, told);
	if (c->type == STORE_MESSAGE_RENAMED) {
		tell_names(c, c->old_name, told);
		tell_names(c, c->name, told);
	}
	if (c->type == STORE_MESSAGE_GONE) {
		tell_names(c, c->name ? c->name : c->old_name, told);
		tell_bodies(c, told);
	}
	if (c->type != STORE_MESSAGE_RENAMED)
		grow_transcript(t, c, told);
}

static void tell_one(struct tree *t, const struct store_change *c, guint added,
		     const struct tree_told *told)
{
	uint64_t members = tree_ino(TREE_MEMBERS, c->room);

	switch (c->type) {
	case STORE_ROOM_ADDED:
	case STORE_ROOM_RENAMED:
	case STORE_ROOM_CHANGED:
	case STORE_ROOM_GONE:
		tell_room(t, c, told);
		break;
	case STORE_MESSAGE_ADDED:
	case STORE_MESSAGE_RENAMED:
	case STORE_MESSAGE_CHANGED:
	case STORE_MESSAGE_GONE:
		tell_message(t, c, added, told);
		break;
	case STORE_MEMBER_ADDED:
	case STORE_MEMBER_CHANGED:
	case STORE_MEMBER_GONE:
		if (c->old_name)
			told->name(told->arg, members, c->old_name);
		if (c->name)
			told->name(told->arg, members, c->name);
		told->inode(told->arg, tree_ino(TREE_MEMBER, c->rowid));
		break;
	case STORE_PERSON_CHANGED:
		told->inode(told->arg, tree_ino(TREE_PERSON, c->rowid));
		if (c->rowid == t->config.me_person)
			told->inode(told->arg, tree_ino(TREE_ME_JSON, 0));
		break;
	case STORE_CONTENT_ADDED:
	case STORE_CONTENT_GONE:
		if (c->name)
			told->name(told->arg, tree_ino(TREE_SPACE, c->room), c->name);
		told->inode(told->arg, tree_ino(TREE_UPLOAD, c->rowid));
		break;
	}
}

/* Directories whose listing changed, once each however many entries did. */
static void tell_dirs(GPtrArray *changes, const struct tree_told *told)
{
	GHashTable *rooms = g_hash_table_new(g_int64_hash, g_int64_equal);
	bool spaces = false, direct = false;

	for (guint i = 0; i < changes->len; i++) {
		struct store_change *c = changes->pdata[i];

		if (c->type == STORE_ROOM_ADDED || c->type == STORE_ROOM_RENAMED ||
		    c->type == STORE_ROOM_GONE) {
			spaces |= c->room_type == WEBEX_ROOM_GROUP;
			direct |= c->room_type == WEBEX_ROOM_DIRECT;
		} else if (c->room && c->type != STORE_ROOM_CHANGED &&
			   c->type != STORE_MESSAGE_CHANGED) {
			g_hash_table_add(rooms, &c->room);
		}
	}
	if (spaces)
		told->inode(told->arg, TREE_SPACES);
	if (direct)
		told->inode(told->arg, TREE_DIRECT);
	{
		GHashTableIter iter;
		gpointer key;

		g_hash_table_iter_init(&iter, rooms);
		while (g_hash_table_iter_next(&iter, &key, NULL)) {
			int64_t room = *(int64_t *)key;

			told->inode(told->arg, tree_ino(TREE_SPACE, room));
			told->inode(told->arg, tree_ino(TREE_MEMBERS, room));
			told->inode(told->arg, tree_ino(TREE_SPACE_JSON, room));
			told->name(told->arg, tree_ino(TREE_SPACE, room), "last");
		}
	}
	g_hash_table_unref(rooms);
}

void tree_on_changes(struct tree *t, GPtrArray *changes, const struct tree_told *told)
{
	guint added = 0;

	for (guint i = 0; i < changes->len; i++)
		added +=
			((struct store_change *)changes->pdata[i])->type == STORE_MESSAGE_ADDED;
	for (guint i = 0; i < changes->len; i++)
		tell_one(t, changes->pdata[i], added, told);
	tell_dirs(changes, told);
}

/* ---- chmod, utimens ---- */

static void set_content_mtime(struct tree *t, int64_t row, int64_t mtime_ms);

/*
 * It may have been sent already, though its last close is still to come. An upload is never
 * renamed.
 */
static void set_sent_mtime(struct tree_ctx *ctx, struct pending *p, int64_t mtime_ms)
{
	struct store_content content = {0};

	if (p->is_scratch || draft_is_dirty(p->draft))
		return;
	if (store_content_by_name(ctx->conn, tree_ino_row(p->dir), p->name, &content) == 0)
		set_content_mtime(ctx->tree, content.rowid, mtime_ms);
	store_content_clear(&content);
}

int tree_set_attr(struct tree_ctx *ctx, uint64_t ino, const mode_t *mode,
		  const int64_t *mtime_ms)
{
	struct pendings *pendings = ctx->tree->pendings;
	struct pending *p;

	if (ctx->tree->config.read_only)
		return -EROFS;
	if (tree_ino_kind(ino) != TREE_UPLOAD)
		/* tar, cp -p and touch must not warn; what there is to keep is the server's. */
		return 0;
	p = pending_by_row(pendings, tree_ino_row(ino));
	if (!p) {
		if (mtime_ms)
			set_content_mtime(ctx->tree, tree_ino_row(ino), *mtime_ms);
		return 0;
	}
	if (mode)
		pending_set_mode(pendings, p, *mode);
	if (mtime_ms) {
		pending_set_times(pendings, p, *mtime_ms);
		set_sent_mtime(ctx, p, *mtime_ms);
	}
	pending_unref(pendings, &p);
	return 0;
}

struct mtime_job {
	struct tree *tree;
	int64_t row, mtime_ms;
};

static void mtime_run(void *arg)
{
	struct mtime_job *job = arg;

	store_set_content_mtime(job->tree->config.store, job->row, job->mtime_ms);
	g_free(job);
}

static void set_content_mtime(struct tree *t, int64_t row, int64_t mtime_ms)
{
	struct mtime_job *job = g_new0(struct mtime_job, 1);

	job->tree = t;
	job->row = row;
	job->mtime_ms = mtime_ms;
	work_post(t->config.queue, mtime_run, job);
}

/* ---- unmount ---- */

void tree_keep_scratch(struct tree *t)
{
	GPtrArray *all = pending_scratch(t->pendings);

	for (guint i = 0; i < all->len; i++) {
		struct pending *p = all->pdata[i];
		struct outbox_letter *l;

		if (draft_size(p->draft) > 0) {
			l = outbox_letter_new(OUTBOX_FILE);
			l->room = tree_ino_row(p->dir);
			l->place = g_strdup("scratch");
			l->filename = g_strdup(p->name);
			if (draft_take(p->draft, &l->body, &l->body_len, &l->fd, &l->size) == 0)
				outbox_keep(t->config.outbox, l,
					    "a passing file that was never renamed, found at "
					    "unmount");
			else
				outbox_letter_free(l);
		}
		pending_remove(t->pendings, p);
		pending_unref(t->pendings, &p);
	}
	g_ptr_array_unref(all);
}
