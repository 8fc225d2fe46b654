/* SPDX-License-Identifier: MIT */
/*
 * webhooks/: a file for each webhook (webex-api.md 5.9), which only the mounter may open, because it shows
 * the secret.
 *
 *     a new file NAME.json: it waits here (pending.h) until it is closed with bytes
 *         |
 *         | make_webhook(): POST
 *         v
 *     the webhook's own file --- written: PUT of what differs --- renamed: PUT of the name
 *         |
 *         | removed: DELETE
 *         v
 *     gone
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "tree/internal.h"
#include "tree/webhooks.h"

#define ENDING ".json"
#define ENDING_LEN 5

static int load(struct tree_ctx *ctx, int64_t row, struct store_webhook *ret_hook)
{
	int r = store_webhook_get(ctx->conn, row, ret_hook);

	if (r == 0 && ret_hook->gone) {
		store_webhook_clear(ret_hook);
		return -ENOENT;
	}
	return r;
}

/* ---- names ---- */

/* "NAME.json" -> NAME, owned; NULL for any other name. */
static char *stem_of(const char *name)
{
	size_t len = strlen(name);

	if (len <= ENDING_LEN || strcmp(name + len - ENDING_LEN, ENDING) != 0)
		return NULL;
	return g_strndup(name, len - ENDING_LEN);
}

static char *file_of(const struct store_webhook *hook)
{
	return g_strconcat(hook->name, ENDING, NULL);
}

int webhook_check_name(struct tree_ctx *ctx, const char *name, int64_t self, char **ret_title)
{
	_cleanup_gfree_ char *stem = stem_of(name);
	_cleanup_gfree_ char *title = stem ? name_to_title(stem) : NULL;
	struct store_webhook same = {0};
	int r;

	if (!stem)
		return tree_refuse(ctx, -EINVAL,
				   "%s: a webhook is a file NAME.json: webhooks/NAME.json",
				   name);
	if (!title)
		return tree_refuse_name(ctx, name);
	r = store_webhook_by_key(ctx->conn, stem, &same);
	if (r == 0 && same.rowid != self)
		r = tree_refuse(ctx, -EEXIST,
				"%s: there is a webhook called %s already: write to that, or "
				"take another name",
				name, same.name);
	else if (r == -ENOENT)
		r = 0;
	store_webhook_clear(&same);
	if (r == 0 && ret_title)
		*ret_title = steal_ptr(&title);
	return r;
}

bool webhook_is_known(struct tree_ctx *ctx, uint64_t dir, const char *name)
{
	_cleanup_gfree_ char *stem = stem_of(name);
	struct store_webhook hook = {0};
	bool is = tree_ino_kind(dir) == TREE_WEBHOOKS && stem &&
		  store_webhook_by_name(ctx->conn, stem, &hook) == 0;

	store_webhook_clear(&hook);
	return is;
}

/* ---- reading ---- */

static bool is_known(struct tree_ctx *ctx)
{
	return store_webhooks_listed_ms(ctx->conn) >= 0;
}

static int webhooks_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
			   struct tree_entry *ret_entry)
{
	_cleanup_gfree_ char *stem = stem_of(name);
	const struct need list = {.kind = NEED_WEBHOOKS};
	struct store_webhook hook = {0};
	uint64_t ino = tree_ino(TREE_ATTACHMENT, upload_pending(ctx, dir, name));
	int r = 0;

	if (!tree_ino_row(ino)) {
		r = stem ? store_webhook_by_name(ctx->conn, stem, &hook) : -ENOENT;
		if (r == -ENOENT && stem && name[0] != '.' && !name_is_scratch(name)) {
			int wait = tree_need_for_name(ctx, &list, is_known(ctx));

			if (wait)
				return wait;
		}
		ino = tree_ino(TREE_WEBHOOK, hook.rowid);
		store_webhook_clear(&hook);
	}
	return tree_entry_or_none(ctx, r, ino, TIMEOUT_SHORT, ret_entry);
}

static int webhooks_opendir(struct tree_ctx *ctx, struct tree_dir *dir)
{
	(void)dir;
	return tree_need_row(ctx, NEED_WEBHOOKS, 0, is_known(ctx));
}

struct listing {
	struct tree_ctx *ctx;
	tree_emit emit;
	void *arg;
	int error;
};

static bool emit_hook(void *arg, const struct store_webhook *hook)
{
	_cleanup_gfree_ char *name = file_of(hook);
	struct listing *l = arg;

	return tree_emit_ino(l->ctx, l->emit, l->arg, name, tree_ino(TREE_WEBHOOK, hook->rowid),
			     STORE_COOKIE_MIN + hook->rowid, &l->error);
}

static int webhooks_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
			    tree_emit emit, void *arg)
{
	struct listing l = {.ctx = ctx, .emit = emit, .arg = arg};
	int r = store_webhook_list(ctx->conn, cookie - STORE_COOKIE_MIN, emit_hook, &l);

	(void)dir;
	return r ? r : l.error;
}

static int webhooks_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	(void)ino;
	tree_set_times(attr, store_webhooks_changed_ms(ctx->conn));
	return 0;
}

static int webhook_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	struct store_webhook hook = {0};
	int r = load(ctx, tree_ino_row(ino), &hook);

	if (r)
		return r;
	tree_set_times(attr, MAX(hook.w.created_ms, hook.changed_ms));
	tree_set_size(attr, hook.w.json ? (int64_t)strlen(hook.w.json) : 0);
	store_webhook_clear(&hook);
	return 0;
}

/* The service makes one inactive by itself that cannot be delivered. */
static int webhook_open(struct tree_ctx *ctx, uint64_t ino)
{
	(void)ino;
	return tree_need_row(ctx, NEED_WEBHOOKS, 0, true);
}

static int webhook_render(struct tree_ctx *ctx, uint64_t ino, GString *out)
{
	struct store_webhook hook = {0};
	int r = load(ctx, tree_ino_row(ino), &hook);

	if (r == 0 && hook.w.json)
		g_string_append(out, hook.w.json);
	store_webhook_clear(&hook);
	return r;
}

/* ---- what is written (object.h) ---- */

static int plan_webhook(struct tree_ctx *ctx, int64_t row, const char *json, size_t len,
			struct tree_plan *plan)
{
	struct store_webhook hook = {0};
	int r = load(ctx, row, &hook);

	if (r == 0)
		r = webex_webhook_edit(&hook.w, json, len, &plan->text, &plan->why);
	if (r == 0) {
		plan->row = row;
		plan->id = g_strdup(hook.w.id);
	}
	store_webhook_clear(&hook);
	return r;
}

static int make_webhook(struct tree_ctx *ctx, const char *name, const char *json, size_t len,
			struct tree_plan *plan)
{
	_cleanup_gfree_ char *title = NULL;
	int r = webhook_check_name(ctx, name, 0, &title);

	if (r == 0)
		r = webex_webhook_new(title, json, len, &plan->text, &plan->why);
	return r;
}

static int64_t no_room(struct tree_ctx *ctx, int64_t row)
{
	(void)ctx;
	(void)row;
	return 0;
}

static char *name_of(struct tree_ctx *ctx, int64_t row)
{
	struct store_webhook hook = {0};
	char *name = load(ctx, row, &hook) == 0 ? file_of(&hook) : NULL;

	store_webhook_clear(&hook);
	return name;
}

static char *webhook_before(struct store_conn *conn, int64_t row)
{
	struct store_webhook hook = {0};
	char *json = NULL;

	if (store_webhook_get(conn, row, &hook) == 0)
		json = g_steal_pointer(&hook.w.json);
	store_webhook_clear(&hook);
	return json;
}

static char *webhook_json(const void *item)
{
	return g_strdup(((const struct webex_webhook *)item)->json);
}

static int webhook_edit(const void *item, const char *json, size_t len, char **ret_body,
			char **ret_reason)
{
	return webex_webhook_edit(item, json, len, ret_body, ret_reason);
}

static uint64_t get_webhook(struct webex_client *c, const struct tree_plan *plan,
			    webex_done done, void *arg)
{
	return webex_get_webhook(c, plan->id, done, arg);
}

static void keep_webhook(struct tree *t, const struct tree_plan *plan,
			 const struct webex_reply *reply, GPtrArray *changes)
{
	(void)plan;
	store_apply_webhooks(t->config.store, reply->items, NULL, clock_wall(t->config.clock),
			     changes);
}

const struct tree_object webhook_object = {
	.update = TREE_DO_UPDATE_WEBHOOK,
	.check = TREE_DO_CHECK_WEBHOOK,
	.create = TREE_DO_MAKE_WEBHOOK,
	.what = "webhook",
	.file = "webhook.json",
	.place = OUTBOX_PLACE_PRIVATE,
	.plan = plan_webhook,
	.make = make_webhook,
	.check_name = webhook_check_name,
	.room = no_room,
	.name = name_of,
	.before = webhook_before,
	.json = webhook_json,
	.edit = webhook_edit,
	.get = get_webhook,
	.keep = keep_webhook,
};

/* ---- mv, rm ---- */

int webhook_plan_rename(struct tree_ctx *ctx, uint64_t ino, const char *name, uint64_t newdir,
			const char *newname, struct tree_plan *plan)
{
	_cleanup_gfree_ char *title = NULL, *body = NULL;
	struct store_webhook hook = {0};
	int r;

	if (tree_ino_kind(newdir) != TREE_WEBHOOKS || name_is_scratch(newname))
		return tree_refuse(
			ctx, -EPERM,
			"mv %s: a webhook stays in webhooks/: mv only gives it another name, "
			"as in mv OLD.json NEW.json; cp copies it",
			name);
	/* A file of this name that has no bytes yet would be hidden. */
	if (upload_pending(ctx, newdir, newname))
		return tree_refuse(ctx, -EEXIST, "mv %s: %s is being written: rm it first",
				   name, newname);
	r = webhook_check_name(ctx, newname, tree_ino_row(ino), &title);
	if (r == 0)
		r = load(ctx, tree_ino_row(ino), &hook);
	if (r)
		return r;
	body = webex_webhook_name_body(title);
	r = webex_webhook_edit(&hook.w, body, strlen(body), &plan->text, &plan->why);
	if (r == 0 && !plan->text)
		r = tree_refuse(ctx, -EEXIST,
				"mv %s: it is called so already, and had to be told from "
				"another of that name: give that one another name",
				name);
	if (r == 0) {
		plan->action = TREE_DO_UPDATE_WEBHOOK;
		plan->row = hook.rowid;
		plan->id = g_strdup(hook.w.id);
		plan->ino = ino;
	}
	store_webhook_clear(&hook);
	return r;
}

int webhook_plan_remove(struct tree_ctx *ctx, int64_t row, struct tree_plan *plan)
{
	struct store_webhook hook = {0};
	int r = load(ctx, row, &hook);

	if (r == 0) {
		plan->action = TREE_DO_DELETE_WEBHOOK;
		plan->row = row;
		plan->id = g_strdup(hook.w.id);
	}
	store_webhook_clear(&hook);
	return r;
}

/* clang-format off */
const struct tree_row webhooks_rows[] = {
	{ TREE_WEBHOOKS, "webhooks", TREE_ROOT, "webhooks", DIR_RW, ROW_LISTED | ROW_TOLD | ROW_PRIVATE,
	  .attr = webhooks_attr, .lookup = webhooks_lookup, .opendir = webhooks_opendir, .readdir = webhooks_readdir },
	{ TREE_WEBHOOK, "webhook", TREE_NONE, NULL, FILE_RW, ROW_PRIVATE, LETTER_JSON,
	  .attr = webhook_attr, .open = webhook_open, .render = webhook_render },
	ROWS_END,
};
/* clang-format on */
