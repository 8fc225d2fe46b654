/* SPDX-License-Identifier: MIT */
/*
 * Writing to files: the checks at open, the draft, and the letter at commit.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/names.h"
#include "base/session.h"
#include "pager/server.h"
#include "tree/api_internal.h"
#include "tree/internal.h"
#include "tree/object.h"
#include "tree/write.h"
#include "webex/render.h"

/* Refuses at open what is known to fail, before anything is typed (design 2.3). Writing a local
 * file sends nothing, so it needs no network. */
static int preflight(struct tree_ctx *ctx, bool is_local)
{
	const struct tree_config *c = &ctx->tree->config;
	const struct need probe = {.kind = NEED_PROBE};
	int r;

	if (c->read_only)
		return tree_refuse_read_only(ctx);
	if (is_local)
		return 0;
	r = server_known_error(pager_server(c->pager));
	if (r)
		return tree_refuse_server(ctx, r);
	if (!server_is_doubtful(pager_server(c->pager)) || tree_has_waited(ctx, &probe))
		return 0;
	ctx->missing = probe;
	ctx->missing_soft = false;
	return TREE_WAIT;
}

/* ---- destinations ---- */

/* Finds where a scratch file is made. It can also be in a month, where nothing else can be
 * made. */
static int aim_scratch(struct tree_ctx *ctx, uint64_t dir, struct destination *ret)
{
	struct tree_month m;
	int r;

	const struct tree_object *object = tree_object_in(tree_ino_kind(dir));

	/* A scratch file beside a letter that is edited has no destination, nor has one beside an
	 * object. */
	if (object || tree_ino_kind(dir) == TREE_UNSENT) {
		ret->place = g_strdup(object ? object->place : "unsent");
		return 0;
	}
	if (!tree_is_month(dir))
		return tree_destination(ctx, dir, ret);
	r = tree_month_get(ctx, dir, &m);
	return r ? r : tree_aim_at_room(ctx, m.room, ret);
}

static int open_post(struct tree_ctx *ctx, enum tree_kind dir, struct tree_write *w)
{
	int r = tree_destination(ctx, tree_ino(dir, w->row), &w->to);

	if (r == 0)
		r = tree_check_may_send(ctx, &w->to);
	w->what = TREE_WRITE_LETTER;
	return r ? r : draft_new(w->form, ctx->tree->config.state_dir, &w->draft);
}

/* ---- edits ---- */

static int say_inexact(struct tree_ctx *ctx, const char *stem)
{
	return tree_refuse(ctx, -EACCES,
			   "%s: it has control or bidirectional characters, which are shown as "
			   "U+FFFD: an edit would write those. %s.json has the text as it is; "
			   "post it anew and rm this one",
			   stem, stem);
}

/* 0 if the message is one's own and editable in this form. */
static int check_editable(struct tree_ctx *ctx, uint64_t ino, struct store_message *ret_message)
{
	const struct tree *t = ctx->tree;
	int r = tree_message(ctx, tree_ino_row(ino), ret_message);
	const struct webex_message *m = &ret_message->m;

	if (r)
		return r;
	if (!ret_message->person || ret_message->person != t->config.me_person)
		r = tree_refuse(
			ctx, -EACCES,
			"%s: only who wrote a message can edit it; to answer it write to "
			"post",
			ret_message->stem);
	else if ((m->files && m->files[0]) || m->attachments)
		r = tree_refuse(
			ctx, -EACCES,
			"%s: a message with %s cannot be edited: rm it and send it anew",
			ret_message->stem, m->attachments ? "a card" : "a file");
	else if ((tree_ino_kind(ino) == TREE_MESSAGE_MD) != (m->markdown != NULL))
		r = tree_refuse(ctx, -EACCES, "%s: this message %s Markdown: edit its %s",
				ret_message->stem, m->markdown ? "has" : "has no",
				m->markdown ? ".md" : ".txt");
	else if (!webex_render_is_exact(m))
		r = say_inexact(ctx, ret_message->stem);
	if (r)
		store_message_clear(ret_message);
	return r;
}

static int open_edit(struct tree_ctx *ctx, bool truncate, struct tree_write *w)
{
	struct store_message m = {0};
	int r = check_editable(ctx, w->ino, &m);

	if (r)
		return r;
	w->what = TREE_WRITE_LETTER;
	w->is_edit = true;
	w->to.message_id = g_strdup(m.m.id);
	r = tree_aim_at_room(ctx, m.room, &w->to);
	if (r == 0)
		r = tree_check_may_send(ctx, &w->to);
	if (r == 0)
		r = draft_new(w->form, ctx->tree->config.state_dir, &w->draft);
	w->base = letter_form_render(w->form, &m.m);
	if (r == 0 && !truncate)
		r = draft_load(w->draft, w->base, strlen(w->base));
	store_message_clear(&m);
	return r;
}

/* ---- where new files go ---- */

/* Aims what is written to a file in the directory w->dir, which is no scratch file. */
static int aim(struct tree_ctx *ctx, struct tree_write *w)
{
	const struct tree_object *object = tree_object_in(tree_ino_kind(w->dir));
	int r;

	if (object) {
		w->what = TREE_WRITE_OBJECT;
		w->kind = tree_ino_kind(w->dir);
		w->to.place = g_strdup(object->place);
		return 0;
	}
	w->what = TREE_WRITE_UPLOAD;
	r = tree_destination(ctx, w->dir, &w->to);
	return r ? r : tree_check_may_send(ctx, &w->to);
}

/* ---- uploads ---- */

int tree_spool_draft(struct tree_ctx *ctx, const struct destination *to, const char *name,
		     struct draft **ret_draft)
{
	_cleanup_gfree_ char *place = to->place ? destination_name(to) : NULL;
	char *spool = g_strconcat(ctx->tree->config.state_dir, "/spool", NULL);
	int r = draft_new(LETTER_FILE, spool, ret_draft);

	if (r == 0)
		draft_set_label(*ret_draft, place, name);
	g_free(spool);
	return r;
}

/* Opens a file again that is being written. */
static int open_pending(struct tree_ctx *ctx, struct pending *p, bool truncate,
			struct tree_write *w)
{
	bool is_scratch = p->is_scratch;
	int r;

	w->dir = p->dir;
	w->what = TREE_WRITE_SCRATCH;
	r = is_scratch ? 0 : aim(ctx, w);
	if (r == 0 && truncate)
		r = draft_truncate(p->draft, 0);
	if (r == 0)
		r = pending_opened(ctx->tree->pendings, p, true);
	if (r) {
		pending_unref(ctx->tree->pendings, &p);
		return r;
	}
	w->content_row = p->content_row;
	w->name = pending_dup_name(ctx->tree->pendings, p);
	w->draft = draft_ref(p->draft);
	w->pending = p;
	return 0;
}

/* Where a new version of the attachment is sent: to where it is itself, also if it was opened in the
 * space, which shows the files of its threads, too. */
static uint64_t home_of(struct tree_ctx *ctx, const struct store_content *content)
{
	int64_t thread = upload_thread(ctx, content);

	return thread ? tree_ino(TREE_THREAD, thread) : tree_ino(TREE_SPACE, content->room);
}

/* Opens one's own attachment to write a new version under the same name (design 2.3). Until the
 * last close its node shows what is being written. */
static int open_version(struct tree_ctx *ctx, bool truncate, struct tree_write *w)
{
	struct tree *t = ctx->tree;
	struct store_content content = {0};
	struct draft *draft;
	int r = store_content_get(ctx->conn, w->row, &content);

	if (r == 0 && content.gone)
		r = -ENOENT;
	if (r == 0 && !upload_is_newest(ctx, &content))
		r = tree_refuse(ctx, -EACCES,
				"%s: an older version stays as it is: write to the newest one",
				content.name);
	/* The caller has called contents_open(). If a fetch proves its length, the next
	 * snapshot has that. */
	if (r == 0 && !truncate)
		r = upload_open(ctx, w->ino);
	if (r == 0 && !truncate)
		r = upload_need_all(ctx, w->row, content.size);
	if (r == 0) {
		w->what = TREE_WRITE_UPLOAD;
		w->dir = home_of(ctx, &content);
		w->content_row = store_new_rowid(t->config.store);
		w->name = g_strdup(content.name);
		r = tree_destination(ctx, w->dir, &w->to);
	}
	if (r == 0)
		r = tree_check_may_send(ctx, &w->to);
	if (r == 0 && truncate)
		r = tree_spool_draft(ctx, &w->to, content.name, &draft);
	else if (r == 0)
		r = tree_begin_with(ctx, w, content.name, -1, &draft);
	if (r == 0) {
		w->draft = draft_ref(draft);
		r = pending_add(t->pendings, w->row, w->content_row, w->dir, content.name,
				draft, false, FILE_RW & 0777, &w->pending);
	}
	store_content_clear(&content);
	return r;
}

int tree_write_aim(struct tree_ctx *ctx, struct tree_write *w, const char *name)
{
	int r = tree_check_new_name(ctx, w->dir, name);

	/* It is opened as the scratch file that it was, which needs no network. */
	if (r == 0)
		r = preflight(ctx, false);
	if (r == 0)
		r = aim(ctx, w);
	if (r)
		return r;
	g_free(w->name);
	w->name = g_strdup(name);
	return 0;
}

int tree_create(struct tree_ctx *ctx, uint64_t dir, const char *name, mode_t mode,
		const struct name_birth *birth, struct tree_write *ret_write)
{
	struct tree *t = ctx->tree;
	uint64_t home = upload_dir(dir);
	bool is_scratch = name_is_passing(name, birth);
	struct tree_write w = {.dir = home, .kind = TREE_ATTACHMENT, .form = LETTER_FILE};
	struct draft *draft;
	int r;

	r = tree_check_change(ctx, dir, name);
	if (r == 0 && !is_scratch)
		r = tree_check_new_name(ctx, dir, name);
	if (r == 0)
		r = preflight(ctx, is_scratch);
	if (r == 0)
		r = tree_check_moved_here(ctx, name, birth);
	if (r != -EROFS && name_is_trash(name))
		r = tree_refuse_trash(ctx, name);
	else if (r != -EROFS && !is_scratch && tree_is_month(dir))
		r = tree_refuse_month(ctx, name);
	w.what = TREE_WRITE_SCRATCH;
	if (r == 0)
		r = is_scratch ? aim_scratch(ctx, dir, &w.to) : aim(ctx, &w);
	if (r == 0)
		r = tree_spool_draft(ctx, &w.to, name, &draft);
	if (r == 0) {
		w.row = w.content_row = store_new_rowid(t->config.store);
		w.ino = tree_ino(TREE_ATTACHMENT, w.row);
		w.name = g_strdup(name);
		w.draft = draft_ref(draft);
		r = pending_add(t->pendings, w.row, w.row, home, name, draft, is_scratch,
				mode & 0777, &w.pending);
	}
	/* mkstemp took any free name, which may look like one that somebody chose; there is nothing
	 * to tell before the file gets another. */
	if (r == 0 && birth->is_exclusive && birth->is_private)
		(void)pending_begin_telling(t->pendings, w.pending);
	if (r) {
		tree_write_close(t, &w);
		return r;
	}
	*ret_write = w;
	return 0;
}

/* ---- every kind ---- */

static int open_by_kind(struct tree_ctx *ctx, bool truncate, const struct tree_row *row,
			struct tree_write *w)
{
	struct pending *p;

	if (row->flags & ROW_POST)
		return open_post(ctx, row->parent, w);
	if (tree_is_asked(w->ino))
		return api_open_write(ctx, w);
	if (tree_object_at(w->kind))
		return tree_open_object(ctx, truncate, w);
	switch (w->kind) {
	case TREE_MESSAGE_TXT:
	case TREE_MESSAGE_MD:
		return open_edit(ctx, truncate, w);
	case TREE_MESSAGE_SUBMIT:
		return tree_open_submit(ctx, truncate, w);
	case TREE_LETTER:
		return tree_open_letter(ctx, truncate, w);
	case TREE_ATTACHMENT:
		p = upload_held(ctx, w->row);
		return p ? open_pending(ctx, p, truncate, w) : open_version(ctx, truncate, w);
	default:
		return tree_refuse_write(ctx, w->ino);
	}
}

static bool is_local(struct tree_ctx *ctx, const struct tree_write *w)
{
	struct pending *p = w->kind == TREE_ATTACHMENT ? upload_held(ctx, w->row) : NULL;
	bool is_scratch = p && p->is_scratch;

	pending_unref(ctx->tree->pendings, &p);
	return is_scratch || w->kind == TREE_LETTER;
}

int tree_open_write(struct tree_ctx *ctx, uint64_t ino, bool truncate,
		    struct tree_write *ret_write)
{
	struct tree_write w = {
		.ino = ino, .kind = tree_ino_kind(ino), .row = tree_ino_row(ino)};
	const struct tree_row *row = tree_row(ino);
	int r;

	if (!row)
		return -ESTALE;
	if (S_ISDIR(row->mode))
		return -EISDIR;
	w.form = row->form;
	r = tree_check_change(ctx, ino, NULL);
	r = r ? r : preflight(ctx, is_local(ctx, &w));
	if (r == 0)
		r = open_by_kind(ctx, truncate, row, &w);
	if (r) {
		tree_write_close(ctx->tree, &w);
		return r;
	}
	*ret_write = w;
	return 0;
}

void tree_write_close(struct tree *t, struct tree_write *w)
{
	enum pending_end end = PENDING_OPEN;

	if (w->pending) {
		end = pending_closed(t->pendings, w->pending);
		if (end == PENDING_LEFT)
			replaced_show(t->replaced, w->dir, w->name);
		pending_unref(t->pendings, &w->pending);
	}
	if (end == PENDING_WAITS)
		draft_set_waiting(w->draft);
	if (end == PENDING_WAITS && w->name)
		tree_tell_waits(t, w->name);
	if (w->draft)
		draft_leave(w->draft, &w->writer);
	draft_unref(&w->draft);
	destination_clear(&w->to);
	g_free(w->base);
	g_free(w->card);
	g_free(w->name);
	g_free(w->api_path);
	local_caller_free(w->caller);
	memset(w, 0, sizeof(*w));
}

/* ---- commit ---- */

/* True for an edit that leaves the text as it is known here: the outbox asks whether the server
 * still has that text. */
static bool is_unchanged_edit(struct tree_ctx *ctx, const struct tree_write *w,
			      const char *body, size_t len)
{
	struct store_message m = {0};
	_cleanup_gfree_ char *now = NULL;
	size_t now_len;
	bool same = false;

	if (store_message_get(ctx->conn, w->row, &m) == 0) {
		now = letter_form_render(w->form, &m.m);
		for (now_len = strlen(now); now_len && now[now_len - 1] == '\n';)
			now_len--;
		same = now_len == len && memcmp(now, body, len) == 0;
	}
	store_message_clear(&m);
	return same;
}

/* The letter keeps what was written: with this destination filled in it could not be moved to
 * another. */
static int check_json(const struct outbox_letter *l, char **ret_reason)
{
	_cleanup_gfree_ char *body = NULL;

	return webex_post_body(l->body, l->body_len, l->to.room_id, l->to.email,
			       l->to.parent_id, &body, ret_reason);
}

/* Makes a letter with the destination of `w`, without its bytes. */
static struct outbox_letter *new_letter(struct tree_ctx *ctx, const struct tree_write *w)
{
	struct outbox_letter *l = outbox_letter_new(w->form);
	mode_t mode;

	l->to = destination_copy(&w->to);
	l->is_edit = w->is_edit;
	l->session = session_of(ctx->pid);
	l->base = g_strdup(w->base);
	l->replaces = w->rewrites;
	l->is_rewrite = w->rewrites != 0;
	if (w->form == LETTER_FILE) {
		l->filename = g_strdup(w->name);
		l->content_rowid = w->content_row;
		if (w->pending)
			pending_stat(ctx->tree->pendings, w->pending, &l->mtime_ms, &mode);
	}
	return l;
}

/* True if the file was unlinked while it is open, so that nobody can see it any more. */
static bool is_unlinked(struct tree_ctx *ctx, const struct tree_write *w)
{
	return w->what != TREE_WRITE_SCRATCH && w->pending &&
	       pending_is_unlinked(ctx->tree->pendings, w->pending);
}

/* True for a file without bytes. It is never sent but waits for its bytes (pending.h). */
static bool is_empty_file(const struct tree_write *w)
{
	return w->form == LETTER_FILE && !w->rewrites && draft_size(w->draft) == 0;
}

#define EMPTIED "%s: an edit to nothing is not sent, the message stays as it was; rm deletes it"

char *tree_emptied(const struct tree_write *w)
{
	return g_strdup_printf(EMPTIED, w->to.place);
}

/* For a text of only newlines: a post sends nothing then, and an edit fails, since it would
 * delete the text. */
static int say_empty(struct tree_ctx *ctx, const struct tree_write *w)
{
	if (w->is_edit)
		return tree_refuse(ctx, -ENODATA, EMPTIED, w->to.place);
	log_last_error_of(ctx->pid, "%s: only newlines, which are no message: nothing was sent",
			  w->to.place);
	return 0;
}

int tree_write_take(struct tree_ctx *ctx, struct tree_write *w,
		    struct outbox_letter **ret_letter, char **ret_reason)
{
	struct outbox_letter *l;
	int r;

	*ret_letter = NULL;
	*ret_reason = NULL;
	/* A file that is moved is sent each time it is moved until it has arrived. */
	if ((!w->is_moved && !draft_is_dirty(w->draft)) || is_unlinked(ctx, w) ||
	    is_empty_file(w))
		return 0;
	l = new_letter(ctx, w);
	/* A scratch file that gets a real name is sent as it is at that moment; the plan does
	 * not take its draft. */
	if (w->is_moved)
		r = draft_copy(w->draft, &l->fd, &l->size, &w->state);
	else
		r = draft_take_by(w->draft, w->by ? w->by : &w->writer, &l->body, &l->body_len,
				  &l->fd, &l->size);
	if (r == -EAGAIN) {
		outbox_letter_free(l);
		return 0;
	}
	if (r) {
		outbox_letter_free(l);
		tree_write_take_raw(ctx, w, ret_letter);
		return r;
	}
	if (w->form != LETTER_FILE && !l->body_len) {
		if (!w->rewrites)
			r = say_empty(ctx, w);
		outbox_letter_free(l);
		return r;
	}
	if (w->is_edit && !w->rewrites)
		l->is_unchanged = is_unchanged_edit(ctx, w, l->body, l->body_len);
	if (w->form == LETTER_JSON && !w->rewrites) {
		r = tree_find_local(l, w->caller, ret_reason);
		if (r == 0 && !l->local)
			r = check_json(l, ret_reason);
	}
	if (w->form == LETTER_SUBMIT && !w->rewrites)
		r = tree_fill_submit(w, l, ret_reason);
	/* The text that a second edit of this handle begins from depends on how this one ends. */
	g_clear_pointer(&w->base, g_free);
	*ret_letter = l;
	return r;
}

int tree_write_take_raw(struct tree_ctx *ctx, struct tree_write *w,
			struct outbox_letter **ret_letter)
{
	struct outbox_letter *l;
	int r;

	if (is_unlinked(ctx, w))
		return 0;
	l = new_letter(ctx, w);
	r = draft_take_raw(w->draft, &l->body, &l->body_len, &l->fd, &l->size);
	if (r == 0 && (w->form == LETTER_FILE ? l->size > 0 : l->body_len > 0))
		*ret_letter = l;
	else
		outbox_letter_free(l);
	return r;
}
