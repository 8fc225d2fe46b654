/* SPDX-License-Identifier: MIT */
/*
 * The generic part of the namespace: what is the same for all rows of the table.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "tree/internal.h"
#include "tree/webhooks.h"
#include "tree/invalidate.h"
#include "tree/write.h"

/* How long a file waits here for its bytes or its name after its last close. */
#define LINGER_MS (10 * 60 * 1000)

int tree_new(const struct tree_config *config, struct tree **ret_tree)
{
	struct tree *t = g_new0(struct tree, 1);

	t->config = *config;
	t->config.state_dir = g_strdup(config->state_dir);
	t->config.base_url = g_strdup(config->base_url);
	t->config.me_id = g_strdup(config->me_id);
	t->config.me_email = g_strdup(config->me_email);
	t->counted = counted_new(config->store, config->clock);
	t->answers = answers_new(config->clock);
	t->askeds = askeds_new();
	t->pendings = pendings_new(config->clock, t->counted);
	t->transcripts = transcripts_new();
	t->replaced = replaced_new(t);
	if (!t->config.linger_ms)
		t->config.linger_ms = LINGER_MS;
	t->started_wall_ms = clock_wall(config->clock);
	*ret_tree = t;
	return 0;
}

void tree_free(struct tree **t)
{
	if (!*t)
		return;
	tree_drop_tellings(*t);
	pendings_free(&(*t)->pendings);
	transcripts_free(&(*t)->transcripts);
	replaced_free(&(*t)->replaced);
	counted_free(&(*t)->counted);
	answers_free(&(*t)->answers);
	askeds_free(&(*t)->askeds);
	g_free((char *)(*t)->config.state_dir);
	g_free((char *)(*t)->config.base_url);
	g_free((char *)(*t)->config.me_id);
	g_free((char *)(*t)->config.me_email);
	g_free(*t);
	*t = NULL;
}

/* ---- needs ---- */

bool tree_has_waited(const struct tree_ctx *ctx, const struct need *need)
{
	for (int i = 0; i < ctx->n_waited; i++)
		if (need_equal(&ctx->waited[i].need, need) && !ctx->waited[i].gave_up)
			return true;
	return false;
}

static bool spares(const struct tree_ctx *ctx, const struct need *need)
{
	return ctx->spares && ctx->spares(ctx->spares_arg, need);
}

int tree_need(struct tree_ctx *ctx, const struct need *need, bool have)
{
	struct pager *pager = ctx->tree->config.pager;
	int error = 0;

	ctx->missing_wait_ms = 0;
	for (int i = 0; i < ctx->n_waited; i++)
		if (need_equal(&ctx->waited[i].need, need) && (have || !ctx->waited[i].gave_up))
			return have ? 0 : tree_refuse_failed(ctx, need, ctx->waited[i].error);
	if (ctx->n_waited == TREE_MAX_WAITS)
		return have ? 0 : -EIO;
	switch (pager_check(pager, need, have, ctx->looked, &error)) {
	case PAGER_USE:
		return 0;
	case PAGER_VERIFY:
		if (!spares(ctx, need))
			pager_refresh(pager, need);
		return 0;
	case PAGER_FAILED:
		return tree_refuse_failed(ctx, need, error);
	case PAGER_FETCH:
		ctx->missing_soft = false;
		break;
	case PAGER_OLD:
		if (spares(ctx, need))
			return 0;
		ctx->missing_soft = true;
		break;
	case PAGER_REFRESH:
		ctx->missing_soft = true;
		break;
	}
	ctx->missing = *need;
	return TREE_WAIT;
}

/* So often the same is fetched for one operation. */
#define KEPT_TRIES 4

int tree_need_kept(struct tree_ctx *ctx, const struct need *need)
{
	int came = 0;

	for (int i = 0; i < ctx->n_waited; i++) {
		const struct tree_waited *w = &ctx->waited[i];

		if (!need_equal(&w->need, need) || w->gave_up)
			continue;
		if (w->error)
			return tree_refuse_failed(ctx, need, w->error);
		came++;
	}
	if (!came || came >= KEPT_TRIES || ctx->n_waited == TREE_MAX_WAITS)
		return tree_need(ctx, need, false);
	ctx->missing = *need;
	ctx->missing_soft = false;
	ctx->missing_wait_ms = 0;
	return TREE_WAIT;
}

int tree_need_anew(struct tree_ctx *ctx, const struct need *need)
{
	if (tree_has_waited(ctx, need) || ctx->n_waited == TREE_MAX_WAITS)
		return tree_need(ctx, need, false);
	ctx->missing = *need;
	ctx->missing_soft = false;
	ctx->missing_anew = true;
	return TREE_WAIT;
}

int tree_need_row(struct tree_ctx *ctx, enum need_kind kind, int64_t row, bool have)
{
	struct need need = {.kind = kind, .row = row};

	return tree_need(ctx, &need, have);
}

int tree_need_key(struct tree_ctx *ctx, enum need_kind kind, const char *key, bool have)
{
	struct need need = {.kind = kind};

	if (g_strlcpy(need.key, key, sizeof(need.key)) >= sizeof(need.key))
		return -ENAMETOOLONG;
	return tree_need(ctx, &need, have);
}

int tree_need_poll(struct tree_ctx *ctx)
{
	return tree_need_row(ctx, NEED_NEWS, 0, true);
}

bool tree_is_quiet(uint64_t ino)
{
	const struct tree_row *row = tree_row(ino);

	return row && row->flags & ROW_QUIET;
}

void tree_note_use(struct tree *t, uint64_t ino)
{
	const struct tree_row *row = tree_row(ino);
	struct pager *pager = t->config.pager;

	if (!row || tree_is_quiet(ino))
		return;
	if (row->flags & ROW_MESSAGE)
		pager_used_message(pager, tree_ino_row(ino));
	else
		pager_used(pager, row->flags & ROW_OF_SPACE ? tree_ino_row(ino) : 0);
}

int64_t tree_walked(uint64_t dir)
{
	const struct tree_row *row = tree_row(dir);

	if (row && row->flags & ROW_LIST)
		return 0;
	switch (tree_ino_kind(dir)) {
	case TREE_SPACE:
	case TREE_MEMBERS:
	case TREE_TEAM:
	case TREE_TEAM_MEMBERS:
	case TREE_VIEW:
	case TREE_HISTORY:
	case TREE_ARCHIVE_SPACE:
	case TREE_FILES:
	case TREE_MENTIONS:
		return tree_ino_row(dir);
	default:
		return -1;
	}
}

/* ---- attributes ---- */

void tree_set_times(struct tree_attr *attr, int64_t ms)
{
	if (ms < 0)
		return;
	attr->st.st_mtim.tv_sec = ms / 1000;
	attr->st.st_mtim.tv_nsec = ms % 1000 * 1000000;
	attr->st.st_atim = attr->st.st_mtim;
	attr->st.st_ctim = attr->st.st_mtim;
}

void tree_set_size(struct tree_attr *attr, int64_t size)
{
	attr->st.st_size = size;
	attr->st.st_blocks = size / 512 + (size % 512 != 0);
}

int tree_attr_by_render(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	GString *out = g_string_new(NULL);
	int r = tree_row(ino)->render(ctx, ino, out);

	if (r == 0)
		tree_set_size(attr, (int64_t)out->len);
	g_string_free(out, TRUE);
	return r;
}

void tree_plain_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *ret_attr)
{
	const struct tree_config *c = &ctx->tree->config;

	*ret_attr = (struct tree_attr){.attr_timeout = 0};
	ret_attr->st.st_ino = ino;
	ret_attr->st.st_mode = tree_row(ino)->mode;
	ret_attr->st.st_nlink = 1;
	ret_attr->st.st_uid = c->uid;
	ret_attr->st.st_gid = c->gid;
	ret_attr->st.st_blksize = 4096;
	tree_set_times(ret_attr, ctx->tree->started_wall_ms);
}

int tree_getattr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *ret_attr)
{
	const struct tree_row *row = tree_row(ino);
	struct tree_attr attr;
	int r;

	if (!row)
		return -ESTALE;
	tree_plain_attr(ctx, ino, &attr);
	attr.attr_timeout = row->flags & ROW_VOLATILE ? 0 : TIMEOUT_LONG;
	if (row->attr) {
		r = row->attr(ctx, ino, &attr);
		if (r)
			return r;
	}
	if (tree_is_private(ctx->tree, ino))
		attr.st.st_mode &= ~077U;
	else if (!S_ISLNK(attr.st.st_mode))
		attr.st.st_mode &= ~(ctx->tree->config.umask & 0777);
	*ret_attr = attr;
	return 0;
}

/* ---- names ---- */

void tree_no_entry(struct tree_entry *ret_entry, double timeout)
{
	*ret_entry = (struct tree_entry){.entry_timeout = timeout};
}

int tree_make_entry(struct tree_ctx *ctx, uint64_t ino, struct tree_entry *ret_entry)
{
	struct tree_entry entry = {.ino = ino, .entry_timeout = TIMEOUT_LONG};
	int r = tree_getattr(ctx, ino, &entry.attr);

	if (r)
		return r;
	/* Such names change with one's own writing before the kernel is told. */
	if (tree_row(ino)->exists || tree_has(ino, ROW_SHIFTS))
		entry.entry_timeout = 0;
	/* The kernel is not told of the names in an archive. */
	else if (tree_has(ino, ROW_SEALED))
		entry.entry_timeout = TIMEOUT_SHORT;
	*ret_entry = entry;
	return 0;
}

int tree_entry_or_none(struct tree_ctx *ctx, int r, uint64_t ino, double none_timeout,
		       struct tree_entry *ret_entry)
{
	if (r == 0)
		r = tree_make_entry(ctx, ino, ret_entry);
	if (r == -ENOENT) {
		tree_no_entry(ret_entry, none_timeout);
		return 0;
	}
	return r;
}

/* A name that is always there is so before anything is known of the file. */
static int fixed_entry(struct tree_ctx *ctx, const struct tree_row *child, uint64_t ino,
		       struct tree_entry *ret_entry)
{
	int r = child->exists ? child->exists(ctx, ino) : 0;

	r = tree_entry_or_none(ctx, r, ino, child->exists ? 0 : TIMEOUT_SHORT, ret_entry);
	if (r != TREE_WAIT || child->exists || ctx->missing_soft)
		return r;
	*ret_entry = (struct tree_entry){.ino = ino, .entry_timeout = TIMEOUT_LONG};
	tree_plain_attr(ctx, ino, &ret_entry->attr);
	return 0;
}

int tree_lookup(struct tree_ctx *ctx, uint64_t parent, const char *name,
		struct tree_entry *ret_entry)
{
	const struct tree_row *dir = tree_row(parent);
	const struct tree_row *child;

	if (!dir)
		return -ESTALE;
	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	if (strlen(name) > NAME_MAX_BYTES)
		return tree_refuse_length(ctx, name);
	child = tree_fixed_child(dir->kind, name);
	if (child)
		return fixed_entry(ctx, child, tree_ino(child->kind, tree_ino_row(parent)),
				   ret_entry);
	if (dir->lookup)
		return dir->lookup(ctx, parent, name, ret_entry);
	tree_no_entry(ret_entry, TIMEOUT_LONG);
	return 0;
}

int tree_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	const struct tree_row *row = tree_row(ino);

	if (!row)
		return -ESTALE;
	return row->readlink ? row->readlink(ctx, ino, ret_target) : -EINVAL;
}

/* ---- listings ---- */

int tree_opendir(struct tree_ctx *ctx, uint64_t ino, struct tree_dir *ret_dir)
{
	const struct tree_row *row = tree_row(ino);
	struct tree_dir dir = {.ino = ino};
	struct tree_attr attr;
	int r;

	if (!row)
		return -ESTALE;
	if (!S_ISDIR(row->mode))
		return -ENOTDIR;
	r = row->opendir ? row->opendir(ctx, &dir) : tree_getattr(ctx, ino, &attr);
	if (r == 0)
		*ret_dir = dir;
	return r;
}

bool tree_emit_name(tree_emit emit, void *arg, const char *name, uint64_t ino, int64_t cookie)
{
	struct tree_entry e = {
		.attr.st = {.st_ino = ino, .st_mode = tree_row(ino)->mode & S_IFMT}};

	return emit(arg, name, &e, cookie);
}

bool tree_emit_ino(struct tree_ctx *ctx, tree_emit emit, void *arg, const char *name,
		   uint64_t ino, int64_t cookie, int *ret_error)
{
	struct tree_entry entry;
	int r = tree_make_entry(ctx, ino, &entry);

	/* The file was removed since the listing began, which is no error of the directory. */
	if (r == -ENOENT)
		return true;
	if (r == TREE_WAIT)
		return tree_emit_name(emit, arg, name, ino, cookie);
	if (r < 0) {
		*ret_error = r;
		return false;
	}
	return emit(arg, name, &entry, cookie);
}

/* Cookies 1 and 2 are the caller's "." and ".."; a fixed name's is this and its kind. */
#define FIXED_COOKIE 16

/* Emits the fixed names. True if all of them fitted. */
static bool list_fixed(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		       tree_emit emit, void *arg, int *ret_error)
{
	int64_t number = tree_ino_row(dir->ino);
	const struct tree_row *row;

	for (size_t i = 0; (row = tree_row_at(i)); i++) {
		uint64_t ino = tree_ino(row->kind, number);
		int64_t own = FIXED_COOKIE + (int64_t)i;

		if (row->parent != tree_ino_kind(dir->ino) || !(row->flags & ROW_LISTED) ||
		    own <= cookie)
			continue;
		*ret_error = row->exists   ? row->exists(ctx, ino)
			     : row->listed ? row->listed(ctx, ino)
					   : 0;
		if (*ret_error == -ENOENT) {
			*ret_error = 0;
			continue;
		}
		/* A listing must be complete or fail. */
		if (*ret_error)
			return false;
		if (row->flags & ROW_NAMED
			    ? !tree_emit_name(emit, arg, row->name, ino, own)
			    : !tree_emit_ino(ctx, emit, arg, row->name, ino, own, ret_error))
			return false;
	}
	return true;
}

/* Passes entries on, and notes whether there is no room for more. */
struct filling {
	tree_emit emit;
	void *arg;
	bool is_full;
};

static bool emit_filling(void *arg, const char *name, const struct tree_entry *entry,
			 int64_t cookie)
{
	struct filling *f = arg;

	f->is_full = !f->emit(f->arg, name, entry, cookie);
	return !f->is_full;
}

/* Behind all that the store has in a directory where files can be made. */
#define LOCAL_COOKIE (INT64_C(1) << 62)

/* True if the name is one of the server's: then it is listed already. */
static bool is_of_server(struct tree_ctx *ctx, uint64_t home, const char *name)
{
	struct store_content content = {0};
	bool is = upload_files(home) && upload_find(ctx, home, name, &content) == 0;

	store_content_clear(&content);
	return is || webhook_is_known(ctx, home, name);
}

/* Lists what is only here: scratch files, and those that wait for their bytes (pending.h). */
static int list_local(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		      tree_emit emit, void *arg)
{
	uint64_t home = upload_dir(dir->ino);
	g_autoptr(GArray) all = pending_local(ctx->tree->pendings, home);
	bool more = true;
	int error = 0;

	for (guint i = 0; i < all->len && more; i++) {
		const struct pending_item *item = &g_array_index(all, struct pending_item, i);
		int64_t own = LOCAL_COOKIE + item->row;

		if (own > cookie && !is_of_server(ctx, home, item->name))
			more = tree_emit_ino(ctx, emit, arg, item->name,
					     tree_ino(TREE_ATTACHMENT, item->row), own, &error);
	}
	return error;
}

int tree_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		 tree_emit emit, void *arg)
{
	const struct tree_row *row = tree_row(dir->ino);
	struct filling filling = {.emit = emit, .arg = arg};
	bool has_local = row->mode & S_IWUSR && !(row->flags & ROW_SEALED);
	int error = 0;

	if (cookie < STORE_COOKIE_MIN && !list_fixed(ctx, dir, cookie, emit, arg, &error))
		return error;
	if (row->readdir && (cookie < LOCAL_COOKIE || !has_local))
		error = row->readdir(ctx, dir, MAX(cookie, STORE_COOKIE_MIN), emit_filling,
				     &filling);
	if (error || filling.is_full || !has_local)
		return error;
	return list_local(ctx, dir, cookie, emit, arg);
}

int tree_render(struct tree_ctx *ctx, uint64_t ino, GString *out)
{
	const struct tree_row *row = tree_row(ino);

	if (!row)
		return -ESTALE;
	return row->render ? row->render(ctx, ino, out) : -EINVAL;
}

int tree_room(struct tree_ctx *ctx, int64_t row, struct store_room *ret_room)
{
	int r = store_room_get(ctx->conn, row, ret_room);

	if (r == 0 && ret_room->gone) {
		store_room_clear(ret_room);
		return -ENOENT;
	}
	return r;
}

/* ---- what is written at a node ---- */

struct pending *tree_pending(struct tree *t, uint64_t ino)
{
	struct pending *p;

	if (tree_ino_kind(ino) != TREE_ATTACHMENT)
		return NULL;
	p = pending_by_row(t->pendings, tree_ino_row(ino));
	return p ? p : pending_nameless(t->pendings, tree_ino_row(ino));
}

struct pending *tree_pending_ref(struct tree *t, struct pending *p)
{
	return p ? pending_ref(t->pendings, p) : NULL;
}

bool tree_letter_is_dropped(struct tree *t, struct pending *p)
{
	return p && pending_is_unlinked(t->pendings, p);
}

void tree_pending_unref(struct tree *t, struct pending **p)
{
	pending_unref(t->pendings, p);
}

void tree_pending_discard(struct tree *t, struct pending *p)
{
	pending_remove(t->pendings, p);
}

bool tree_upload_is_known(struct tree *t, uint64_t ino)
{
	struct store_content content = {0};
	struct store_conn *conn;
	bool known = false;

	if (store_read_begin(t->config.store, &conn))
		return false;
	if (store_content_get(conn, tree_ino_row(ino), &content) == 0)
		known = !content.gone && content.message;
	store_content_clear(&content);
	store_read_end(conn);
	return known;
}
