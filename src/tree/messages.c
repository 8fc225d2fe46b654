/* SPDX-License-Identifier: MIT */
/*
 * The messages of a space: the newest ones as a listing, each as .txt, .md, .html and .json;
 * `last`.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "tree/internal.h"
#include "webex/render.h"

enum tree_kind tree_kind_of_twin(enum name_twin twin)
{
	switch (twin) {
	case NAME_TXT:
		return TREE_MESSAGE_TXT;
	case NAME_MD:
		return TREE_MESSAGE_MD;
	case NAME_HTML:
		return TREE_MESSAGE_HTML;
	case NAME_JSON:
		return TREE_MESSAGE_JSON;
	case NAME_CARD_JSON:
		return TREE_MESSAGE_CARD;
	case NAME_SUBMIT_JSON:
		return TREE_MESSAGE_SUBMIT;
	}
	return TREE_MESSAGE_TXT;
}

/* True if the newest messages of the room are known. */
static bool head_known(struct tree_ctx *ctx, int64_t room)
{
	int recent = ctx->tree->config.recent;
	struct store_span span;

	/* A list that came only in part does not count, since a directory lists completely or
	 * fails. */
	return store_span_head(ctx->conn, room, &span) == 0 &&
	       (span.lo < 0 || !recent || store_head_recent(ctx->conn, room) >= recent);
}

int tree_need_news(struct tree_ctx *ctx, int64_t room, bool have)
{
	struct need need = {.kind = NEED_HEAD, .row = room};
	struct store_span head;

	int r = have ? tree_need_poll(ctx) : 0;

	if (r)
		return r;
	/* A fetch of a moment ago does not help an operation that needs more messages than it
	 * brought. */
	if (!have && store_span_head(ctx->conn, room, &head) == 0)
		return tree_need_anew(ctx, &need);
	return tree_need(ctx, &need, have);
}

/*
 * True if so many of the listed messages were deleted since that more must be fetched.
 */
static bool is_short(struct tree_ctx *ctx, int64_t room)
{
	int64_t recent = ctx->tree->config.recent;
	struct store_span head;

	return recent && store_span_head(ctx->conn, room, &head) == 0 && head.lo >= 0 &&
	       store_message_count(ctx->conn, room, head.lo, recent) < recent - recent / 20;
}

static int need_verified_head(struct tree_ctx *ctx, int64_t row)
{
	struct need need = {.kind = NEED_HEAD, .row = row};
	struct store_room room = {0};
	int r = tree_room(ctx, row, &room);

	if (r == 0)
		r = tree_need_verified(ctx, &need, room.head_wall_ms, VERIFY_HEAD_MS);
	store_room_clear(&room);
	return r;
}

/* Needs all messages that the space itself lists. */
static int need_head(struct tree_ctx *ctx, int64_t room)
{
	bool have = head_known(ctx, room) && !is_short(ctx, room);
	int r = have ? need_verified_head(ctx, room) : 0;
	struct store_span head;

	if (r == 0)
		r = tree_need_news(ctx, room, have);
	if (r || store_span_head(ctx->conn, room, &head))
		return r;
	/* It was fetched, and yet is not there: an error is better than a part. */
	if (!head_known(ctx, room))
		return -EIO;
	if (ctx->tree->config.recent)
		return 0;
	/* -o recent=all */
	r = tree_need_interval(ctx, room, -1, head.hi);
	return r ? r : tree_verify_interval(ctx, room, -1, head.hi);
}

/* ---- names ---- */

static int space_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
			struct tree_entry *ret_entry)
{
	int64_t room = tree_ino_row(dir), row = 0;
	enum name_twin twin;
	size_t stem_len;
	int r;

	if (!name_parse_message(name, &stem_len, &twin))
		return upload_lookup(ctx, dir, name, ret_entry);
	r = store_message_by_stem(ctx->conn, room, name, stem_len, &row);
	if (r == -ENOENT) {
		int wait = need_head(ctx, room);

		if (wait && wait != -ENOENT)
			return wait;
	}
	if (r == -ENOENT) {
		r = upload_lookup(ctx, dir, name, ret_entry);
		/* The kernel is not told each name of a large page (invalidate.c). */
		if (r == 0 && !ret_entry->ino)
			ret_entry->entry_timeout = TIMEOUT_SHORT;
		return r;
	}
	return tree_entry_or_none(ctx, r, tree_ino(tree_kind_of_twin(twin), row), TIMEOUT_SHORT,
				  ret_entry);
}

int space_opendir(struct tree_ctx *ctx, struct tree_dir *dir)
{
	int64_t room = tree_ino_row(dir->ino);
	struct store_room gone = {0};
	int r = tree_room(ctx, room, &gone);

	store_room_clear(&gone);
	if (r)
		return r;
	pager_used(ctx->tree->config.pager, room);
	r = need_head(ctx, room);
	if (r)
		return r;
	r = store_head_range(ctx->conn, room, ctx->tree->config.recent, &dir->range);
	return r == -ENOENT ? 0 : r;
}

struct listing {
	struct tree_ctx *ctx;
	tree_emit emit;
	void *arg;
	GString *name;
};

static bool brief_is_own(const struct tree *t, const struct store_brief *b)
{
	return b->person != 0 && b->person == t->config.me_person;
}

/* A message can be edited if it is one's own, has no file and no card, only in the form that it was
 * written in (design 2.3), and only where that shows all of it: an editor would write back what was
 * cleaned. */
static bool is_editable(const struct tree *t, enum tree_kind kind, const struct store_brief *b)
{
	return brief_is_own(t, b) && !b->has_files && !b->has_card && b->is_exact &&
	       ((kind == TREE_MESSAGE_TXT && !b->has_markdown) ||
		(kind == TREE_MESSAGE_MD && b->has_markdown));
}

/* The form of the message, whether in a space or in an archive. */
static enum tree_kind form_of(uint64_t ino)
{
	enum tree_kind kind = tree_ino_kind(ino);

	return kind == TREE_ARCHIVE_TXT	   ? TREE_MESSAGE_TXT
	       : kind == TREE_ARCHIVE_JSON ? TREE_MESSAGE_JSON
					   : kind;
}

static bool is_archived(uint64_t ino)
{
	return form_of(ino) != tree_ino_kind(ino);
}

static void fill_attr(struct tree_ctx *ctx, enum tree_kind kind, const struct store_brief *b,
		      struct tree_attr *attr)
{
	if (is_editable(ctx->tree, kind, b))
		attr->st.st_mode |= 0222;
	/* The message is also in history/; and with 2 links vim writes in place (design 2.1). In
	 * an archive it is once, under a number of its own. */
	attr->st.st_nlink = is_archived(attr->st.st_ino) ? 1 : 2;
	tree_set_times(attr, store_brief_ms(b));
	if (kind == TREE_MESSAGE_TXT && b->txt_size >= 0)
		tree_set_size(attr, b->txt_size);
}

static bool emit_message(void *arg, const struct store_brief *b)
{
	const struct tree_row *row = tree_row(TREE_MESSAGE_TXT);
	struct listing *l = arg;
	const struct tree_config *c = &l->ctx->tree->config;
	struct tree_entry e = {.ino = tree_ino(TREE_MESSAGE_TXT, b->rowid)};

	/* Gives what tree_getattr() would, without another query for each message. */
	e.entry_timeout = TIMEOUT_LONG;
	e.attr.attr_timeout = TIMEOUT_LONG;
	e.attr.st.st_ino = e.ino;
	/* The kernel asks for the size of a text of an older form when a program wants it: a
	 * listing does not wait for each size. */
	if (b->txt_size < 0)
		e.ino = 0;
	e.attr.st.st_mode = row->mode;
	e.attr.st.st_uid = c->uid;
	e.attr.st.st_gid = c->gid;
	e.attr.st.st_blksize = 4096;
	fill_attr(l->ctx, TREE_MESSAGE_TXT, b, &e.attr);
	e.attr.st.st_mode &= ~(c->umask & 0777);
	g_string_assign(l->name, b->stem);
	g_string_append(l->name, ".txt");
	return l->emit(l->arg, l->name->str, &e, b->cookie);
}

int messages_emit(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		  messages_list list, tree_emit emit, void *arg)
{
	struct listing l = {.ctx = ctx, .emit = emit, .arg = arg, .name = g_string_new(NULL)};
	struct store_range range = dir->range;
	int r;

	range.after = MAX(range.after, cookie);
	r = list(ctx->conn, &range, emit_message, &l);
	g_string_free(l.name, TRUE);
	return r;
}

int messages_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		     tree_emit emit, void *arg)
{
	return messages_emit(ctx, dir, cookie, store_message_list, emit, arg);
}

/* ---- one message ---- */

/* Needs the body that a message lacks: TREE_WAIT, or -errno. */
static int need_body(struct tree_ctx *ctx, int64_t row)
{
	struct need need = {.kind = NEED_BODY, .row = row};
	int r = tree_need_kept(ctx, &need);

	/* The body was fetched and is not there: an error is better than an empty message. */
	return r ? r : -EIO;
}

int tree_message(struct tree_ctx *ctx, int64_t row, struct store_message *ret_message)
{
	int r = store_message_get(ctx->conn, row, ret_message);

	if (r)
		return r;
	if (ret_message->deleted)
		r = -ENOENT;
	else if (ret_message->is_evicted)
		r = need_body(ctx, row);
	if (r)
		store_message_clear(ret_message);
	return r;
}

/* Finds out of the text what the row of an older form does not tell. */
static int renew_brief(struct tree_ctx *ctx, struct store_brief *b)
{
	struct store_message m = {0};
	int r = tree_message(ctx, b->rowid, &m);
	struct webex_sizes sizes;

	if (r)
		return r;
	webex_render_sizes(&m.m, 0, &sizes);
	b->txt_size = (int64_t)sizes.txt;
	b->is_exact = sizes.is_exact;
	store_message_clear(&m);
	return 0;
}

int message_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	enum tree_kind kind = form_of(ino);
	_cleanup_(cleanup_free) char *stem = NULL;
	struct store_brief brief;
	bool deleted;
	int64_t room;
	int r;

	r = store_message_brief(ctx->conn, tree_ino_row(ino), &brief, &stem, &room, &deleted);
	if (r == 0 && deleted)
		r = -ENOENT;
	if (r)
		return r;
	/* What an older form of text tells is not so now: better a wait than a file that ends too
	 * early. */
	if (brief.txt_size < 0)
		r = renew_brief(ctx, &brief);
	if (r)
		return r;
	fill_attr(ctx, kind, &brief, attr);
	return kind == TREE_MESSAGE_TXT ? 0 : tree_attr_by_render(ctx, ino, attr);
}

int message_open(struct tree_ctx *ctx, uint64_t ino)
{
	int64_t row = tree_ino_row(ino);
	bool evicted = false;
	int r = 0;

	if (store_has_evicted(ctx->tree->config.store))
		r = store_message_is_evicted(ctx->conn, row, &evicted);
	return r == 0 && evicted ? need_body(ctx, row) : r;
}

int message_render(struct tree_ctx *ctx, uint64_t ino, GString *out)
{
	enum tree_kind kind = form_of(ino);
	struct store_message m = {0};
	int r = tree_message(ctx, tree_ino_row(ino), &m);

	if (r)
		return r;
	if (kind == TREE_MESSAGE_TXT) {
		webex_render_txt(&m.m, out);
	} else if (kind == TREE_MESSAGE_MD) {
		webex_render_md(&m.m, out);
	} else if (kind == TREE_MESSAGE_HTML) {
		webex_render_html(&m.m, out);
	} else {
		char *json = webex_message_json(&m.m);

		g_string_append(out, json);
		g_free(json);
	}
	store_message_clear(&m);
	return 0;
}

/* ---- last: my newest message here ---- */

static int last_target(struct tree_ctx *ctx, uint64_t ino, char **ret_target,
		       struct store_brief *ret_brief)
{
	_cleanup_(cleanup_free) char *stem = NULL;
	int64_t row, room;
	bool deleted;
	int r;

	r = store_message_last_by(ctx->conn, tree_ino_row(ino), ctx->tree->config.me_person,
				  &row);
	if (r == 0)
		r = store_message_brief(ctx->conn, row, ret_brief, &stem, &room, &deleted);
	if (r == 0)
		*ret_target = g_strconcat(stem, ".txt", NULL);
	return r;
}

static int last_exists(struct tree_ctx *ctx, uint64_t ino)
{
	int64_t row;
	int r = store_message_last_by(ctx->conn, tree_ino_row(ino), ctx->tree->config.me_person,
				      &row);

	if (r == -ENOENT && !head_known(ctx, tree_ino_row(ino))) {
		int wait = need_head(ctx, tree_ino_row(ino));

		if (wait)
			return wait;
	}
	return r;
}

static int last_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	_cleanup_(cleanup_free) char *target = NULL;
	struct store_brief brief;
	int r = last_target(ctx, ino, &target, &brief);

	if (r)
		return r;
	tree_set_size(attr, (int64_t)strlen(target));
	tree_set_times(attr, brief.created_ms);
	return 0;
}

static int last_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	struct store_brief brief;

	return last_target(ctx, ino, ret_target, &brief);
}

/* clang-format off */
const struct tree_row messages_rows[] = {
	{ TREE_SPACE, "space", TREE_NONE, NULL, DIR_RW, ROW_TOLD, .attr = space_attr,
	  .lookup = space_lookup, .opendir = space_opendir, .readdir = messages_readdir },
	{ TREE_LAST, "last", TREE_SPACE, "last", LINK, ROW_LISTED | ROW_VOLATILE | ROW_OF_SPACE,
	  .exists = last_exists, .attr = last_attr, .readlink = last_readlink },
	{ TREE_MESSAGE_TXT, "message", TREE_NONE, NULL, FILE_RO, ROW_MESSAGE, LETTER_TEXT, .attr = message_attr, .open = message_open, .render = message_render },
	{ TREE_MESSAGE_MD, "message.md", TREE_NONE, NULL, FILE_RO, ROW_MESSAGE, LETTER_MARKDOWN, .attr = message_attr, .open = message_open, .render = message_render },
	{ TREE_MESSAGE_HTML, "message.html", TREE_NONE, NULL, FILE_RO, ROW_MESSAGE, .attr = message_attr, .open = message_open, .render = message_render },
	{ TREE_MESSAGE_JSON, "message.json", TREE_NONE, NULL, FILE_RO, ROW_MESSAGE, .attr = message_attr, .open = message_open, .render = message_render },
	ROWS_END,
};
/* clang-format on */
