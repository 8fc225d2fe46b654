/* SPDX-License-Identifier: MIT */
#include "caches.h"

#include <errno.h>
#include <string.h>

#include "pager/past/months.h"
#include "fake_time.h"
#include "model.h"
#include "report.h"

struct dentry {
	uint64_t dir, ino;
	char *name;
	int64_t until_ms;
};

struct attr {
	uint64_t ino;
	struct stat st;
	int64_t until_ms;
};

struct dir {
	uint64_t ino;
	GHashTable *names; /* name -> ino, of its own */
};

static GHashTable *dentries; /* "dir/name" -> struct dentry */
static GHashTable *attrs;    /* &ino -> struct attr */
static GHashTable *dirs;     /* &ino -> struct dir */

static void dentry_free(void *p)
{
	g_free(((struct dentry *)p)->name);
	g_free(p);
}

static void dir_free(void *p)
{
	g_hash_table_unref(((struct dir *)p)->names);
	g_free(p);
}

void caches_start(void)
{
	dentries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, dentry_free);
	attrs = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
	dirs = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, dir_free);
}

void caches_stop(void)
{
	g_hash_table_unref(dentries);
	g_hash_table_unref(attrs);
	g_hash_table_unref(dirs);
}

void caches_forget_all(void)
{
	g_hash_table_remove_all(dentries);
	g_hash_table_remove_all(attrs);
	g_hash_table_remove_all(dirs);
}

void caches_forget_inode(uint64_t ino)
{
	g_hash_table_remove(attrs, &ino);
	g_hash_table_remove(dirs, &ino);
}

static char *dentry_key(uint64_t dir, const char *name)
{
	return g_strdup_printf("%" G_GUINT64_FORMAT "/%s", dir, name);
}

void caches_forget_name(uint64_t dir, const char *name)
{
	g_autofree char *key = dentry_key(dir, name);

	g_hash_table_remove(dentries, key);
	g_hash_table_remove(dirs, &dir);
}

/* ---- learning ---- */

static int64_t until(double timeout)
{
	return time_mono() + (int64_t)(timeout * 1000);
}

static void learn_attr(uint64_t ino, const struct stat *st, double timeout)
{
	struct attr *a;

	if (timeout <= 0)
		return;
	a = g_new0(struct attr, 1);
	a->ino = ino;
	a->st = *st;
	a->until_ms = until(timeout);
	g_hash_table_replace(attrs, &a->ino, a);
}

static void learn_name(uint64_t dir, const char *name, const struct tree_entry *e)
{
	struct dentry *d;

	if (e->entry_timeout <= 0)
		return;
	d = g_new0(struct dentry, 1);
	d->dir = dir;
	d->ino = e->ino;
	d->name = g_strdup(name);
	d->until_ms = until(e->entry_timeout);
	g_hash_table_replace(dentries, dentry_key(dir, name), d);
	if (e->ino)
		learn_attr(e->ino, &e->attr.st, e->attr.attr_timeout);
}

static GHashTable *new_names(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

/* False: the name was there. */
static bool add_name(GHashTable *names, const char *name, uint64_t ino)
{
	return g_hash_table_insert(names, g_strdup(name), g_memdup2(&ino, sizeof(ino)));
}

static struct dir *dir_of(const struct op *op)
{
	struct dir *d = g_new0(struct dir, 1);

	d->ino = op->ino;
	d->names = new_names();
	for (guint i = 0; i < op->list->len; i++) {
		const struct listed *l = op->list->pdata[i];

		if (!add_name(d->names, l->name, l->ino))
			report("the name %s comes twice in directory %" G_GUINT64_FORMAT,
			       l->name, op->ino);
	}
	return d;
}

void caches_learn(const struct op *op)
{
	struct dir *d;

	switch (op->kind) {
	case OP_LOOKUP:
		learn_name(op->ino, op->name, &op->entry);
		break;
	case OP_GETATTR:
		learn_attr(op->ino, &op->attr.st, op->attr.attr_timeout);
		break;
	case OP_READ:
		learn_attr(op->ino, &op->attr.st, op->attr.attr_timeout);
		break;
	case OP_LIST:
		d = dir_of(op);
		if (tree_dir_is_told(op->ino))
			g_hash_table_replace(dirs, &d->ino, d);
		else
			dir_free(d);
		break;
	case OP_HOLD:
		break;
	}
}

/* ---- comparing ---- */

static int64_t room_of_month(struct store_conn *conn, int64_t row)
{
	g_autofree char *key = NULL;
	int64_t room = 0;
	int kind, month;

	if (store_node_get(conn, row, &kind, &key) == 0)
		months_parse_key(key, &room, &month);
	return room;
}

static int64_t room_of(struct store_conn *conn, uint64_t ino)
{
	struct store_message message = {0};
	struct store_member member = {0};
	int64_t row = tree_ino_row(ino);

	switch (tree_ino_kind(ino)) {
	case TREE_MESSAGE_TXT:
	case TREE_MESSAGE_MD:
	case TREE_MESSAGE_HTML:
	case TREE_MESSAGE_JSON:
		row = store_message_get(conn, row, &message) ? 0 : message.room;
		store_message_clear(&message);
		return row;
	case TREE_MEMBER:
		row = store_member_get(conn, row, &member) ? 0 : member.room;
		store_member_clear(&member);
		return row;
	case TREE_MONTH:
	case TREE_MONTH_TRANSCRIPT:
		return room_of_month(conn, row);
	default:
		return row;
	}
}

/* With a space all that is in it is out of reach. */
static bool in_reach(uint64_t ino)
{
	struct store_room room = {0};
	struct store_conn *conn;
	bool reached;

	if (ino == TREE_SPACES || ino == TREE_DIRECT)
		return true;
	g_assert(store_read_begin(mount.store, &conn) == 0);
	reached = store_room_get(conn, room_of(conn, ino), &room) == 0 && !room.gone;
	store_room_clear(&room);
	store_read_end(conn);
	return reached;
}

/* Asks the tree without waiting: for news nobody waits longer, and what it cannot do without does
 * not come. */
static int ask(struct op *op, int (*fn)(struct op *op))
{
	int r;

	op->ctx = (struct tree_ctx){.tree = mount.tree};
	op->ctx.generation = store_generation(mount.store);
	g_assert(store_read_begin(mount.store, &op->ctx.conn) == 0);
	while ((r = fn(op)) == TREE_WAIT && op->ctx.n_waited < TREE_MAX_WAITS)
		op->ctx.waited[op->ctx.n_waited++] = (struct tree_waited){
			.need = op->ctx.missing,
			.error = op->ctx.missing_soft ? 0 : -EAGAIN,
			.gave_up = op->ctx.missing_soft,
		};
	store_read_end(op->ctx.conn);
	/* Nobody is answered. */
	g_clear_pointer(&op->ctx.why, g_free);
	return r;
}

static int look(struct op *op)
{
	return tree_lookup(&op->ctx, op->ino, op->name, &op->entry);
}

static int get(struct op *op)
{
	return tree_getattr(&op->ctx, op->ino, &op->attr);
}

static void check_dentry(const struct dentry *d)
{
	struct op op = {.ino = d->dir, .name = d->name};

	/* A name that is not there is believed for a second only. */
	if (!d->ino || d->until_ms <= time_mono() || !in_reach(d->dir))
		return;
	if (ask(&op, look))
		return;
	/* A month of which all was deleted may be seen empty, or not at all. */
	if (!op.entry.ino && (tree_ino_kind(d->dir) == TREE_HISTORY ||
			      tree_ino_kind(d->dir) == TREE_TRANSCRIPTS))
		return;
	if (op.entry.ino != d->ino)
		report("the kernel was not told that %s in %" G_GUINT64_FORMAT
		       " is %" G_GUINT64_FORMAT ", not %" G_GUINT64_FORMAT,
		       d->name, d->dir, op.entry.ino, d->ino);
}

static bool same_attr(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mode == b->st_mode &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void check_attr(const struct attr *a)
{
	struct op op = {.ino = a->ino};
	int r;

	if (a->until_ms <= time_mono())
		return;
	r = ask(&op, get);
	/* When a space's last activity falls back by months, theirs is told later. */
	if (tree_ino_kind(a->ino) == TREE_MONTH && model.activity_falls)
		return;
	if ((r == -ENOENT && in_reach(a->ino)) || (r == 0 && !same_attr(&a->st, &op.attr.st)))
		report("the kernel was not told of node %" G_GUINT64_FORMAT
		       " (kind %d): it has size %lld, time %lld; the tree %lld, %lld (%d)",
		       a->ino, (int)tree_ino_kind(a->ino), (long long)a->st.st_size,
		       (long long)a->st.st_mtim.tv_sec * 1000 + a->st.st_mtim.tv_nsec / 1000000,
		       (long long)op.attr.st.st_size,
		       (long long)op.attr.st.st_mtim.tv_sec * 1000 +
			       op.attr.st.st_mtim.tv_nsec / 1000000,
		       r);
}

static bool count_name(void *arg, const char *name, const struct tree_entry *e, int64_t cookie)
{
	(void)cookie;
	add_name(arg, name, e->attr.st.st_ino);
	return true;
}

static int list_names(struct op *op)
{
	int r = tree_opendir(&op->ctx, op->ino, &op->dir);

	return r ? r : tree_readdir(&op->ctx, &op->dir, 0, count_name, op->arg);
}

static void check_dir(const struct dir *d)
{
	g_autoptr(GHashTable) now = new_names();
	struct op op = {.ino = d->ino, .arg = now};
	GHashTableIter iter;
	gpointer name, ino;
	const uint64_t *known;

	trace("directory %" G_GUINT64_FORMAT, d->ino);
	/* Where the tree would fail what was listed is better than nothing. */
	if (!in_reach(d->ino) || ask(&op, list_names))
		return;
	g_hash_table_iter_init(&iter, now);
	while (g_hash_table_iter_next(&iter, &name, &ino)) {
		known = g_hash_table_lookup(d->names, name);
		if (!known || *known != *(uint64_t *)ino)
			report("the kernel was not told of %s in directory %" G_GUINT64_FORMAT,
			       (char *)name, d->ino);
	}
	g_hash_table_iter_init(&iter, d->names);
	while (g_hash_table_iter_next(&iter, &name, &ino))
		if (!g_hash_table_contains(now, name))
			report("the kernel was not told that %s left directory "
			       "%" G_GUINT64_FORMAT,
			       (char *)name, d->ino);
}

void caches_check(void)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, dentries);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		check_dentry(value);
	g_hash_table_iter_init(&iter, attrs);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		check_attr(value);
	g_hash_table_iter_init(&iter, dirs);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		check_dir(value);
}
