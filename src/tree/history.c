/* SPDX-License-Identifier: MIT */
/*
 * history/: every message since the space was created, by month of UTC, newest month first; and
 * transcripts/, one text a month. Both are in the space's view; the messages are the same files
 * as in the space itself (hard links).
 *
 * The list of months comes from the store alone. The messages of a month are fetched when it is
 * opened:
 *
 *                 is the head known, or all of the month?
 *            yes    |                        | no: the newest page, which is all there is of a
 *                   |                        |     small space; down to the month if that
 *                   v                        v     reaches into the present
 *            is the month's end above the head?
 *            yes: news, as for            | no: it is past, and stays as it is
 *            the space's own listing      |
 *                   v                     v
 *            what is missing of it, up to the head: above that there is nothing
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "pager/past/months.h"
#include "pager/server.h"
#include "tree/internal.h"

/* By so much the server's clock may differ from ours. */
#define SKEW_MS (60 * 60 * 1000)

int tree_month_get(struct tree_ctx *ctx, uint64_t ino, struct tree_month *ret_month)
{
	_cleanup_free_ char *key = NULL;
	struct tree_month m;
	int kind;
	int r = store_node_get(ctx->conn, tree_ino_row(ino), &kind, &key);

	if (r)
		return r;
	if (kind != NODE_MONTH || months_parse_key(key, &m.room, &m.month))
		return -ENOENT;
	m.lo_ms = time_month_begin(m.month) - 1;
	m.hi_ms = time_month_begin(m.month + 1) - 1;
	*ret_month = m;
	return 0;
}

struct store_range tree_month_range(const struct tree_month *m)
{
	return (struct store_range){
		.room = m->room,
		.after = store_cookie_of(m->lo_ms + 1) - 1,
		.until = store_cookie_of(m->hi_ms + 1),
	};
}

/* ---- needs of the past ---- */

static int need_span(struct tree_ctx *ctx, int64_t room, int64_t lo_ms, int64_t hi_ms)
{
	struct need need = {.kind = NEED_SPAN, .row = room, .lo_ms = lo_ms, .hi_ms = hi_ms};
	int r = store_span_covers(ctx->conn, room, lo_ms, hi_ms);

	if (r)
		return MIN(r, 0);
	r = tree_need(ctx, &need, false);
	/* It was fetched, and yet messages are missing: an error is better than a part of them. */
	return r ? r : -EIO;
}

/* Needs the newest messages down to `lo_ms`, page by page, since the present of a month must
 * not cost all messages that the space itself lists. */
static int need_to_head(struct tree_ctx *ctx, int64_t room, int64_t lo_ms)
{
	struct need need = {.kind = NEED_TO_HEAD, .row = room, .lo_ms = lo_ms};

	return tree_need(ctx, &need, false);
}

static bool has_come_to_head(const struct tree_ctx *ctx, int64_t room)
{
	for (int i = 0; i < ctx->n_waited; i++) {
		const struct need *n = &ctx->waited[i].need;

		if (n->kind == NEED_TO_HEAD && n->row == room)
			return true;
	}
	return false;
}

/* True if the interval ends so long ago that no more messages come into it. */
static bool is_past(const struct tree_ctx *ctx, int64_t hi_ms)
{
	return hi_ms < clock_wall(ctx->tree->config.clock) - SKEW_MS;
}

int tree_need_interval(struct tree_ctx *ctx, int64_t room, int64_t lo_ms, int64_t hi_ms)
{
	struct store_span head;
	int r = store_span_head(ctx->conn, room, &head);

	if (r == -ENOENT)
		return is_past(ctx, hi_ms) ? need_span(ctx, room, lo_ms, hi_ms)
					   : need_to_head(ctx, room, lo_ms);
	if (r == 0 && hi_ms > head.hi && !has_come_to_head(ctx, room)) {
		r = tree_need_news(ctx, room, true);
		if (r == 0)
			r = store_span_head(ctx->conn, room, &head);
	}
	return r ? r : need_span(ctx, room, lo_ms, MIN(hi_ms, head.hi));
}

/* So long an operation waits at most for what is verified again, and so long none does after the server
 * could not be reached: what is known can be read meanwhile. */
#define VERIFY_WAIT_MS 10000
#define VERIFY_PAUSE_MS 60000

static bool is_waited_for(const struct tree_ctx *ctx, const struct need *need)
{
	for (int i = 0; i < ctx->n_waited; i++)
		if (need_equal(&ctx->waited[i].need, need))
			return true;
	return ctx->n_waited == TREE_MAX_WAITS;
}

int tree_need_verified(struct tree_ctx *ctx, const struct need *need, int64_t verified_ms,
		       int64_t age_ms)
{
	const struct tree_config *c = &ctx->tree->config;

	if (clock_wall(c->clock) - verified_ms <= age_ms || is_waited_for(ctx, need) ||
	    server_failed_within(pager_server(c->pager), VERIFY_PAUSE_MS))
		return 0;
	ctx->missing = *need;
	ctx->missing_soft = true;
	ctx->missing_wait_ms = VERIFY_WAIT_MS;
	return TREE_WAIT;
}

/* Needs the newest month of the interval, from its end down, verified. */
int tree_verify_interval(struct tree_ctx *ctx, int64_t room, int64_t lo_ms, int64_t hi_ms)
{
	int64_t now = clock_wall(ctx->tree->config.clock);
	struct need need = {.kind = NEED_VERIFY, .row = room, .lo_ms = lo_ms};
	int month;
	int r = store_verify_due(ctx->conn, room, lo_ms, hi_ms, now - VERIFY_MONTH_MS, &month);

	if (r)
		return r == -ENOENT ? 0 : r;
	need.hi_ms = time_month_begin(month + 1) - 1;
	return tree_need_verified(ctx, &need, now - VERIFY_MONTH_MS - 1, VERIFY_MONTH_MS);
}

/* True if all of the space is on its way, whoever wants it: its pages are not asked for once more. */
static bool is_coming(const struct tree_ctx *ctx, int64_t room)
{
	struct need need = {.kind = NEED_TO_HEAD, .row = room, .lo_ms = NEED_WHOLE};

	return pager_is_fetching(ctx->tree->config.pager, &need);
}

/* Needs one page, once for each space: most spaces have no more messages than that, and then
 * everything is known. saves: all pages. */
static int need_newest_page(struct tree_ctx *ctx, const struct tree_month *m, bool saves)
{
	struct store_span head;
	int r;

	if (has_come_to_head(ctx, m->room) || (!saves && !is_past(ctx, m->hi_ms)))
		return 0;
	r = store_span_covers(ctx->conn, m->room, m->lo_ms, m->hi_ms);
	if (r)
		return MIN(r, 0);
	r = store_span_head(ctx->conn, m->room, &head);
	if (saves && (r == -ENOENT || (r == 0 && is_coming(ctx, m->room))))
		return need_to_head(ctx, m->room, NEED_WHOLE);
	return r == -ENOENT ? need_to_head(ctx, m->room, INT64_MAX) : r;
}

/* The rows of a room's months. */
struct months {
	struct tree_ctx *ctx;
	struct store_months range;
	int found; /* how many rows of the range were found */
	/* readdir */
	enum tree_kind kind;
	int64_t cookie;
	tree_emit emit;
	void *arg;
	int error;
};

static bool is_in_range(const struct months *m, const char *key, int *ret_month)
{
	int64_t room;

	return months_parse_key(key, &room, ret_month) == 0 && *ret_month >= m->range.first &&
	       *ret_month <= m->range.last;
}

static bool count_month(void *arg, int64_t rowid, const char *key)
{
	struct months *m = arg;
	int month;

	(void)rowid;
	m->found += is_in_range(m, key, &month);
	return true;
}

static int list_months(struct months *m, int64_t room,
		       bool (*fn)(void *arg, int64_t rowid, const char *key))
{
	char prefix[MONTHS_KEY_SIZE];
	int r = store_room_months(m->ctx->conn, room, &m->range);

	if (r)
		return r;
	months_prefix(room, prefix);
	return store_node_list(m->ctx->conn, NODE_MONTH, prefix, fn, m);
}

/* Without polls nothing else tells that a space has a new month: one list of spaces does, for all that
 * are opened within some seconds. */
static int need_latest(struct tree_ctx *ctx)
{
	return pager_polls(ctx->tree->config.pager) ? 0
						    : tree_need_row(ctx, NEED_ROOMS, 0, true);
}

int history_opendir(struct tree_ctx *ctx, struct tree_dir *dir)
{
	struct months m = {.ctx = ctx};
	int64_t room = tree_ino_row(dir->ino);
	int r = need_latest(ctx);

	if (r == 0)
		r = list_months(&m, room, count_month);
	if (r || m.found == m.range.last - m.range.first + 1)
		return r;
	r = tree_need_row(ctx, NEED_MONTHS, room, false);
	return r ? r : -EIO;
}

/* ---- history/ ---- */

/* Finds the row of the month, if the room has that month. */
static int find_month(struct tree_ctx *ctx, int64_t room, int month, int64_t *ret_row)
{
	char key[MONTHS_KEY_SIZE];
	struct store_months range;
	int r = store_room_months(ctx->conn, room, &range);

	if (r)
		return r;
	if (month > range.last) {
		r = need_latest(ctx);
		return r ? r : -ENOENT;
	}
	if (month < range.first)
		return -ENOENT;
	months_key(room, month, key);
	r = store_node_find(ctx->conn, NODE_MONTH, key, ret_row);
	if (r == -ENOENT) {
		int wait = tree_need_row(ctx, NEED_MONTHS, room, false);

		if (wait)
			return wait;
	}
	return r;
}

/* The kind of the months in `dir`: directories of messages, of files, or of what is saved. */
static enum tree_kind kind_of_months(uint64_t dir)
{
	switch (tree_ino_kind(dir)) {
	case TREE_FILES_MONTHS:
		return TREE_MONTH_FILES;
	case TREE_THREADS_MONTHS:
		return TREE_MONTH_THREADS;
	case TREE_ARCHIVE_SPACE:
		return TREE_ARCHIVE_MONTH;
	default:
		return TREE_MONTH;
	}
}

int history_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
		   struct tree_entry *ret_entry)
{
	int64_t row = 0;
	int month, r;

	if (time_parse_month(name, &month)) {
		tree_no_entry(ret_entry, TIMEOUT_LONG);
		return 0;
	}
	r = find_month(ctx, tree_ino_row(dir), month, &row);
	return tree_entry_or_none(ctx, r, tree_ino(kind_of_months(dir), row), TIMEOUT_SHORT,
				  ret_entry);
}

/* Lists the newest month first, and a new month changes no other's cookie. */
static int64_t cookie_of(int month)
{
	return STORE_COOKIE_MIN + time_month(TIME_MAX_MS) + 1 - month;
}

static bool emit_month(void *arg, int64_t rowid, const char *key)
{
	struct months *m = arg;
	int month;

	if (!is_in_range(m, key, &month) || cookie_of(month) <= m->cookie)
		return true;
	return tree_emit_ino(m->ctx, m->emit, m->arg, strchr(key, '/') + 1,
			     tree_ino(m->kind, rowid), cookie_of(month), &m->error);
}

int history_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		    tree_emit emit, void *arg)
{
	struct months m = {.ctx = ctx,
			   .kind = kind_of_months(dir->ino),
			   .cookie = cookie,
			   .emit = emit,
			   .arg = arg};
	int r = list_months(&m, tree_ino_row(dir->ino), emit_month);

	return r ? r : m.error;
}

/* ---- transcripts/ ---- */

#define LOG ".log"

static int transcripts_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
			      struct tree_entry *ret_entry)
{
	char text[TIME_MONTH_SIZE];
	int64_t row = 0;
	int month, r;

	if (strlen(name) != TIME_MONTH_SIZE - 1 + strlen(LOG) ||
	    strcmp(name + TIME_MONTH_SIZE - 1, LOG) != 0 ||
	    g_strlcpy(text, name, sizeof(text)) == 0 || time_parse_month(text, &month)) {
		tree_no_entry(ret_entry, TIMEOUT_LONG);
		return 0;
	}
	r = find_month(ctx, tree_ino_row(dir), month, &row);
	return tree_entry_or_none(ctx, r, tree_ino(TREE_MONTH_TRANSCRIPT, row), TIMEOUT_SHORT,
				  ret_entry);
}

/* Emits only names, since the attributes of a transcript need all messages of its month. */
static bool emit_transcript(void *arg, int64_t rowid, const char *key)
{
	struct tree_entry e = {.attr.st = {.st_mode = S_IFREG}};
	char name[TIME_MONTH_SIZE + sizeof(LOG)];
	struct months *m = arg;
	int month;

	if (!is_in_range(m, key, &month) || cookie_of(month) <= m->cookie)
		return true;
	g_snprintf(name, sizeof(name), "%s" LOG, strchr(key, '/') + 1);
	e.attr.st.st_ino = tree_ino(TREE_MONTH_TRANSCRIPT, rowid);
	return m->emit(m->arg, name, &e, cookie_of(month));
}

static int transcripts_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
			       tree_emit emit, void *arg)
{
	struct months m = {.ctx = ctx, .cookie = cookie, .emit = emit, .arg = arg};

	return list_months(&m, tree_ino_row(dir->ino), emit_transcript);
}

/* ---- one month ---- */

int month_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	struct store_room room = {0};
	struct store_months range;
	struct tree_month m;
	int r = tree_month_get(ctx, ino, &m);

	if (r == 0)
		r = tree_room(ctx, m.room, &room);
	if (r == 0)
		r = store_room_months(ctx->conn, m.room, &range);
	if (r == 0) {
		/* The end of the month, whether its messages are known or not, so that a backup
		 * finds the same time before and after they are fetched. */
		tree_set_times(attr, CLAMP(range.latest_ms, m.lo_ms + 1, m.hi_ms));
		if (room.room.is_read_only && tree_is_month(ino))
			attr->st.st_mode &= ~0222u;
	}
	store_room_clear(&room);
	return r;
}

int month_opendir(struct tree_ctx *ctx, struct tree_dir *dir)
{
	struct pager *pager = ctx->tree->config.pager;
	/* Who lists an archive wants all of it; who looks one name up waits for no more than that. */
	bool saves = tree_ino_kind(dir->ino) == TREE_ARCHIVE_MONTH ||
		     tree_ino_kind(dir->ino) == TREE_ARCHIVE_FILES;
	struct store_room room = {0};
	struct tree_month m;
	int r = tree_month_get(ctx, dir->ino, &m);

	if (r == 0)
		r = tree_room(ctx, m.room, &room);
	store_room_clear(&room);
	if (r)
		return r;
	/* Noted before the wait, so that the next months are fetched meanwhile; once for each
	 * step of a walk. */
	if (ctx->n_waited == 0) {
		pager_used(pager, m.room);
		pager_step(pager, m.room, m.lo_ms, m.hi_ms);
		if (saves)
			pager_saves(pager, m.room);
	}
	r = need_newest_page(ctx, &m, saves);
	if (r == 0)
		r = tree_need_interval(ctx, m.room, m.lo_ms, m.hi_ms);
	if (r == 0)
		r = tree_verify_interval(ctx, m.room, m.lo_ms, m.hi_ms);
	dir->range = tree_month_range(&m);
	return r;
}

/* The time in a message's name, which gives its month without the store. */
static int64_t time_of(const char *name)
{
	char text[TIME_ISO_SIZE];
	int64_t ms;

	g_strlcpy(text, name, sizeof(text));
	return time_parse_name(text, &ms) ? -1 : ms;
}

int month_find_message(struct tree_ctx *ctx, uint64_t dir, const char *name, size_t stem_len,
		       int64_t *ret_row)
{
	int64_t ms = time_of(name);
	struct tree_month m;
	int wait, r = tree_month_get(ctx, dir, &m);

	if (r)
		return r;
	if (ms <= m.lo_ms || ms > m.hi_ms)
		return -ENOENT;
	r = store_message_by_stem(ctx->conn, m.room, name, stem_len, ret_row);
	if (r != -ENOENT)
		return r;
	/* The message's own millisecond is enough. */
	wait = tree_need_interval(ctx, m.room, ms - 1, ms);
	return wait ? wait : r;
}

static int month_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
			struct tree_entry *ret_entry)
{
	enum name_twin twin;
	int64_t row = 0;
	size_t stem_len;
	int r;

	/* A scratch file of an editor. */
	if (!name_parse_message(name, &stem_len, &twin))
		return upload_lookup(ctx, dir, name, ret_entry);
	r = month_find_message(ctx, dir, name, stem_len, &row);
	return tree_entry_or_none(ctx, r, tree_ino(tree_kind_of_twin(twin), row), TIMEOUT_SHORT,
				  ret_entry);
}

/* clang-format off */
const struct tree_row history_rows[] = {
	{ TREE_HISTORY, "history", TREE_VIEW, "history", DIR_RO, ROW_LISTED | ROW_TOLD, .attr = space_attr,
	  .lookup = history_lookup, .opendir = history_opendir, .readdir = history_readdir },
	{ TREE_TRANSCRIPTS, "transcripts", TREE_VIEW, "transcripts", DIR_RO, ROW_LISTED, .attr = space_attr,
	  .lookup = transcripts_lookup, .opendir = history_opendir, .readdir = transcripts_readdir },
	{ TREE_FILES_MONTHS, "files-by-month", TREE_VIEW, "files-by-month", DIR_RO, ROW_LISTED, .attr = space_attr,
	  .lookup = history_lookup, .opendir = history_opendir, .readdir = history_readdir },
	{ TREE_MONTH, "month", TREE_NONE, NULL, DIR_RW, ROW_TOLD, .attr = month_attr,
	  .lookup = month_lookup, .opendir = month_opendir, .readdir = messages_readdir },
	ROWS_END,
};
/* clang-format on */
