/* SPDX-License-Identifier: MIT */
/*
 * Scratch files stay here and are not sent (pending.h). Those whose names a person may have given
 * to them (names.h) are told of when they are closed: in last-error and, as `not-sent`, in the
 * journal. A backup (x~) of what the server has is an editor's own, and goes with it.
 *
 *     close of a scratch file --- a program's name -----------------> nothing is said
 *       | a person's name   \--- x~, with the bytes of x -----------> nothing is said; linger.c
 *       v                                                            drops it
 *     last-error; linger.c keeps it in unsent/
 *       |   \--- renamed to a real name, removed --> last-error takes it back
 *       v
 *     PASSING_MS later: journal
 */
#include <errno.h>
#include <string.h>

#include "base/chars.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "tree/internal.h"
#include "tree/write.h"

/* A larger backup is not compared, because its writer waits for that. */
#define COMPARED_MAX (4 * 1024 * 1024)
/* The journal, which nothing takes back, has only what keeps such a name for so long: many programs
 * write x.tmp and rename it at once. */
#define PASSING_MS 1000

int tree_refuse_to_keep(struct tree_ctx *ctx, const char *name)
{
	return tree_refuse(ctx, -EPERM,
			   "%s: a file of such a name is not sent, so it is not moved here and "
			   "stays where it is: give it another name, or pack it",
			   name);
}

/* What a program makes exclusively is not yet what it moves: rsync's .NAME.XXXXXX, whose end may
 * look like a word. Its rename is judged. */
int tree_check_moved_here(struct tree_ctx *ctx, const char *name,
			  const struct name_birth *birth)
{
	return birth->is_move && !birth->is_exclusive && name_is_meant(name)
		       ? tree_refuse_to_keep(ctx, name)
		       : 0;
}

char *tree_meant_name(struct tree *t, uint64_t ino)
{
	struct pending *p = tree_pending(t, ino);
	_cleanup_gfree_ char *name =
		p && p->is_scratch ? pending_dup_name(t->pendings, p) : NULL;

	tree_pending_unref(t, &p);
	return name && name_is_meant(name) ? steal_ptr(&name) : NULL;
}

/* ---- backups ---- */

/* The text that the message of this name has now, as its file shows it; owned, or NULL. */
static char *message_text(struct tree_ctx *ctx, int64_t room, const char *name)
{
	struct store_message m = {0};
	enum name_twin twin;
	char *text = NULL;
	size_t stem_len;
	int64_t row;

	if (!name_parse_message(name, &stem_len, &twin) ||
	    (twin != NAME_TXT && twin != NAME_MD) ||
	    store_message_by_stem(ctx->conn, room, name, stem_len, &row))
		return NULL;
	if (store_message_get(ctx->conn, row, &m) == 0 && !m.deleted && !m.is_evicted)
		text = letter_form_render(twin == NAME_MD ? LETTER_MARKDOWN : LETTER_TEXT,
					  &m.m);
	store_message_clear(&m);
	return text;
}

static bool has_text(struct draft *draft, const char *text)
{
	size_t len = strlen(text);
	char *bytes = g_malloc(len + 1);
	ssize_t n = draft_read(draft, bytes, len + 1, 0);
	bool has = n == (ssize_t)len && memcmp(bytes, text, len) == 0;

	g_free(bytes);
	return has;
}

/* The checksum of the attachment of this name and of this size; owned, or NULL. */
static char *attachment_sum(struct tree_ctx *ctx, int64_t room, const char *name, int64_t size)
{
	struct store_content content = {0};
	char *sum = NULL;

	if (store_content_by_name(ctx->conn, room, name, &content) == 0 && content.size == size)
		sum = g_strdup(content.sha256);
	store_content_clear(&content);
	return sum;
}

static bool has_sum(struct draft *draft, const char *wanted, uint64_t *ret_state)
{
	_cleanup_gfree_ char *sum = NULL;
	_cleanup_close_ int fd = -1;
	int64_t size;

	return draft_copy(draft, &fd, &size, ret_state) == 0 && draft_sha256(fd, &sum) == 0 &&
	       strcmp(sum, wanted) == 0;
}

/* True if the file is called x~ and the server has its bytes as x. */
static bool note_backup(struct tree *t, struct pending *p, const char *name, int64_t room)
{
	_cleanup_gfree_ char *original = g_strndup(name, strlen(name) - 1);
	_cleanup_gfree_ char *text = NULL, *sum = NULL;
	struct tree_ctx ctx = {.tree = t};
	int64_t size = draft_size(p->draft);
	_cleanup_close_ int fd = -1;
	uint64_t state = 0;
	bool is = false;

	if (!g_str_has_suffix(name, "~") || size > COMPARED_MAX ||
	    store_read_begin(t->config.store, &ctx.conn))
		return false;
	text = message_text(&ctx, room, original);
	sum = text ? NULL : attachment_sum(&ctx, room, original, size);
	store_read_end(ctx.conn);
	if (text)
		is = has_text(p->draft, text) && draft_copy(p->draft, &fd, &size, &state) == 0;
	else if (sum)
		is = has_sum(p->draft, sum, &state);
	if (is)
		pending_set_backup(t->pendings, p, state);
	return is;
}

/* ---- telling ---- */

/* The path of the directory, or that of the history that its month is in; owned. *ret_room: the row of
 * the space, or 0. */
static char *dir_path(struct tree_ctx *ctx, uint64_t dir, int64_t *ret_room)
{
	struct store_room room = {0};
	_cleanup_free_ char *key = NULL;
	struct store_thread thread = {0};
	bool is_month = tree_is_month(dir);
	char *path = NULL;

	*ret_room = 0;
	if (tree_ino_kind(dir) == TREE_UNSENT)
		return g_strdup(".sparkfs/unsent");
	if (tree_ino_kind(dir) == TREE_ADDRESS)
		return counted_key(ctx->tree->counted, tree_ino_row(dir), &key)
			       ? g_strdup("direct")
			       : g_strconcat("direct/", key, NULL);
	*ret_room = upload_room(ctx, dir);
	if (tree_ino_kind(upload_dir(dir)) == TREE_THREAD)
		(void)store_thread_get(ctx->conn, tree_ino_row(dir), &thread);
	if (store_room_get(ctx->conn, *ret_room, &room) == 0)
		path = g_strconcat(room.room.type == WEBEX_ROOM_DIRECT ? "direct/" : "spaces/",
				   room.name,
				   is_month	 ? "/history"
				   : thread.stem ? "/threads/"
						 : "",
				   thread.stem, NULL);
	store_room_clear(&room);
	store_thread_clear(&thread);
	return path ? path : g_strdup("spaces");
}

struct telling {
	struct tree *t;
	struct pending *p; /* a reference */
	char *name, *path;
	int64_t due_ms; /* mono */
};

static void telling_free(struct telling *g)
{
	pending_unref(g->t->pendings, &g->p);
	g_free(g->name);
	g_free(g->path);
	g_free(g);
}

void tree_drop_tellings(struct tree *t)
{
	g_queue_clear_full(&t->telling, (GDestroyNotify)telling_free);
}

static bool still_stays(const struct telling *g)
{
	_cleanup_gfree_ char *name = pending_dup_name(g->t->pendings, g->p);

	return g->p->is_scratch && pending_is_listed(g->t->pendings, g->p) &&
	       strcmp(name, g->name) == 0;
}

static void tell(struct telling *g)
{
	int r = store_event_add(g->t->config.store, STORE_EVENT_NOT_SENT, g->path);

	if (r)
		log_debug("cache", "the journal lacks a file that stays here: %s",
			  g_strerror(-r));
}

static void tell_due(void *arg)
{
	struct tree *t = arg;
	int64_t now_ms = clock_mono(clock_system());
	struct telling *g;

	while ((g = g_queue_peek_head(&t->telling)) && g->due_ms <= now_ms) {
		g_queue_pop_head(&t->telling);
		if (still_stays(g))
			tell(g);
		telling_free(g);
	}
}

static void tell_later(void *arg)
{
	struct telling *g = arg;

	g->due_ms = clock_mono(clock_system()) + PASSING_MS;
	g_queue_push_tail(&g->t->telling, g);
	work_post_at(g->t->config.queue, g->due_ms, tell_due, g->t);
}

void tree_tell_waits(struct tree *t, const char *name)
{
	log_last_error("%s: it is empty, and nothing empty is sent: it stays here; what is not "
		       "written to it within %d s of its last close goes to .sparkfs/unsent/",
		       name, t->config.linger_ms / 1000);
}

void tree_tell_passed(struct tree *t, struct pending *p)
{
	_cleanup_gfree_ char *line = p ? pending_take_untrue(t->pendings, p) : NULL;

	if (line)
		log_last_error_withdraw(line);
}

void tree_tell_stays(struct tree *t, struct pending *p)
{
	_cleanup_gfree_ char *name = pending_dup_name(t->pendings, p);
	_cleanup_gfree_ char *word = chars_line(name), *dir = NULL, *line = NULL;
	struct tree_ctx ctx = {.tree = t};
	struct telling *g;
	int64_t room;

	if (!name_is_meant(name) || store_read_begin(t->config.store, &ctx.conn))
		return;
	dir = dir_path(&ctx, p->dir, &room);
	store_read_end(ctx.conn);
	if (note_backup(t, p, name, room) || !pending_begin_telling(t->pendings, p))
		return;
	g = g_new0(struct telling, 1);
	g->t = t;
	g->p = pending_ref(t->pendings, p);
	g->name = g_strdup(name);
	g->path = g_strconcat(dir, "/", word, NULL);
	line = g_strdup_printf(
		"%s: a file of such a name is not sent: it stays here, and is in "
		".sparkfs/unsent/ %d s after its last close; to send it give it another name",
		g->path, t->config.linger_ms / 1000);
	log_last_error("%s", line);
	/* Only what was said can be taken back. It may have got another name meanwhile. */
	pending_set_told(t->pendings, p, line);
	tree_tell_passed(t, p);
	work_post(t->config.queue, tell_later, g);
}
