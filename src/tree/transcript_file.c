/* SPDX-License-Identifier: MIT */
/*
 * transcript.log of a space, of a month and of a thread: the links to them, their sizes, opening them.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "pager/past/months.h"
#include "tree/internal.h"

/* ---- links ---- */

/* Sets the attributes of the link in a space or a month. */
static int link_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr, bool of_month)
{
	_cleanup_(cleanup_free) char *target = NULL;
	int r = of_month ? month_attr(ctx, ino, attr) : space_attr(ctx, ino, attr);

	if (r == 0)
		r = tree_readlink(ctx, ino, &target);
	if (r == 0)
		tree_set_size(attr, (int64_t)strlen(target));
	return r;
}

static int transcript_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	(void)ctx;
	*ret_target = g_strdup_printf(
		"../../.sparkfs/views/%" G_GINT64_FORMAT "/transcript.log", tree_ino_row(ino));
	return 0;
}

static int history_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	(void)ctx;
	*ret_target = g_strdup_printf("../../.sparkfs/views/%" G_GINT64_FORMAT "/history",
				      tree_ino_row(ino));
	return 0;
}

int view_link_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	return link_attr(ctx, ino, attr, false);
}

static int month_transcript_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	char name[TIME_MONTH_SIZE];
	struct tree_month m;
	int r = tree_month_get(ctx, ino, &m);

	if (r)
		return r;
	time_format_month(m.month, name);
	*ret_target = g_strdup_printf("../../transcripts/%s.log", name);
	return 0;
}

int month_link_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	return link_attr(ctx, ino, attr, true);
}

/* ---- the files ---- */

static bool is_of_month(uint64_t ino)
{
	return tree_ino_kind(ino) != TREE_TRANSCRIPT && !tree_is_of_thread(ino);
}

/* Sets what the transcript has of its directory. */
static int dir_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	if (tree_is_of_thread(ino))
		return thread_attr(ctx, ino, attr);
	return is_of_month(ino) ? month_attr(ctx, ino, attr) : space_attr(ctx, ino, attr);
}

/* Needs the bodies that were dropped, as `conn` sees it, page by page. */
static int need_bodies(struct tree_ctx *ctx, struct store_conn *conn,
		       const struct store_range *range)
{
	struct need need = {.kind = NEED_BODIES, .row = range->room};
	struct store_span span;
	int r;

	if (range->thread)
		return thread_need_bodies(ctx, conn, range);
	r = store_evicted_span(conn, range, &span);
	if (r <= 0)
		return r;
	need.lo_ms = span.lo;
	need.hi_ms = span.hi;
	/* Where many texts are read at once, they do not all fit in the cache. */
	r = tree_need_kept(ctx, &need);
	/* It was fetched, and yet is not there: an error is better than a part. */
	return r ? r
		 : tree_refuse(ctx, -EIO,
			       "transcript.log: older messages in it could not be fetched: try "
			       "again, or mount with a larger cache_messages=");
}

/* Makes sure that the messages of the transcript are known, and gives their range. */
static int need_messages(struct tree_ctx *ctx, uint64_t ino, struct store_range *ret_range)
{
	struct tree_dir dir = {.ino = ino};
	int r = tree_is_of_thread(ino) ? thread_opendir(ctx, &dir)
		: is_of_month(ino)     ? month_opendir(ctx, &dir)
				       : space_opendir(ctx, &dir);

	*ret_range = dir.range;
	return r;
}

/* tail -f asks for the attributes every second. That keeps the polls awake; without polls it is
 * what fetches the news. */
static int keep_current(struct tree_ctx *ctx, uint64_t ino)
{
	const struct tree_config *c = &ctx->tree->config;
	struct need head = {.kind = NEED_HEAD, .row = tree_ino_row(ino)};
	struct store_thread t = {0};
	struct tree_month m;
	int r = 0;

	if (tree_is_of_thread(ino)) {
		r = tree_thread(ctx, tree_ino_row(ino), &t);
		head.row = t.room;
		store_thread_clear(&t);
	} else if (is_of_month(ino)) {
		r = tree_month_get(ctx, ino, &m);
		head.row = r == 0 && m.hi_ms >= clock_wall(c->clock) ? m.room : 0;
	}
	if (r)
		return r;
	pager_used(c->pager, head.row);
	if (head.row && !pager_polls(c->pager))
		pager_refresh(c->pager, &head);
	return 0;
}

/* Not the time of the space's activity, which no edit moves. A text without messages has the time of
 * its directory. */
static int set_times(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	struct tree_month m;
	int64_t ms;
	int r;

	if (tree_is_of_thread(ino)) {
		r = store_thread_text_ms(ctx->conn, tree_ino_row(ino), &ms);
	} else if (!is_of_month(ino)) {
		r = store_room_text_ms(ctx->conn, tree_ino_row(ino), &ms);
	} else {
		r = tree_month_get(ctx, ino, &m);
		if (r)
			return r;
		r = store_month_ms(ctx->conn, m.room, m.month, &ms);
	}
	if (r == 0)
		tree_set_times(attr, ms);
	return r == -ENOENT ? 0 : r;
}

int transcript_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	struct transcripts *transcripts = ctx->tree->transcripts;
	struct store_range range;
	uint64_t version;
	int64_t size = 0;
	int r = dir_attr(ctx, ino, attr);

	if (r)
		return r;
	if (transcript_is_open(transcripts, ino, &size)) {
		r = keep_current(ctx, ino);
	} else {
		r = need_messages(ctx, ino, &range);
		if (r == 0)
			r = store_text_version(ctx->conn, &range, &version);
		if (r == 0)
			r = transcript_size(transcripts, ctx->conn, ino, &range, version,
					    &size);
		if (r == -ENODATA)
			r = need_bodies(ctx, ctx->conn, &range);
	}
	if (r == 0)
		r = set_times(ctx, ino, attr);
	if (r == 0)
		tree_set_size(attr, size);
	return r;
}

#define HOLD_TRIES 3

/* Counts a reader of the text as `conn` sees it. */
static int hold(struct tree_ctx *ctx, struct store_conn *conn, uint64_t ino,
		const struct store_range *range)
{
	uint64_t version;
	int r = store_text_version(conn, range, &version);

	if (r == 0)
		r = transcript_hold(ctx->tree->transcripts, conn, ino, range, version);
	/* The bodies were dropped after they were seen to be there. */
	return r == -ENODATA ? need_bodies(ctx, conn, range) : r;
}

int transcript_open(struct tree_ctx *ctx, uint64_t ino)
{
	struct transcripts *transcripts = ctx->tree->transcripts;
	struct store *store = ctx->tree->config.store;
	uint64_t generation = ctx->generation;
	struct store_range range;
	struct store_conn *conn;
	int r = need_messages(ctx, ino, &range);

	if (r == 0)
		r = need_bodies(ctx, ctx->conn, &range);
	if (r == 0)
		r = hold(ctx, ctx->conn, ino, &range);
	/* Changes that were told since the snapshot are in no text, so it is made again if there was
	 * one of these messages. */
	for (int i = 0; r == 0 && i < HOLD_TRIES && store_generation(store) != generation;
	     i++) {
		transcript_release(transcripts, ino);
		generation = store_generation(store);
		r = store_read_begin(store, &conn);
		if (r)
			break;
		r = hold(ctx, conn, ino, &range);
		store_read_end(conn);
	}
	return r;
}

/* clang-format off */
const struct tree_row transcript_file_rows[] = {
	{ TREE_TRANSCRIPT, "transcript.log", TREE_VIEW, "transcript.log", FILE_RO,
	  ROW_LISTED | ROW_VOLATILE | ROW_TRANSCRIPT, .attr = transcript_attr, .open = transcript_open },
	{ TREE_MONTH_TRANSCRIPT_LINK, "transcript link", TREE_MONTH, "transcript.log", LINK, ROW_LISTED,
	  .attr = month_link_attr, .readlink = month_transcript_readlink },
	{ TREE_MONTH_TRANSCRIPT, "month's transcript", TREE_NONE, NULL, FILE_RO, ROW_VOLATILE | ROW_TRANSCRIPT,
	  .attr = transcript_attr, .open = transcript_open },
	{ TREE_THREAD_TRANSCRIPT, "thread's transcript", TREE_NONE, NULL, FILE_RO, ROW_VOLATILE | ROW_TRANSCRIPT,
	  .attr = transcript_attr, .open = transcript_open },
	{ TREE_TRANSCRIPT_LINK, "transcript link", TREE_SPACE, "transcript.log", LINK, ROW_LISTED,
	  .attr = view_link_attr, .readlink = transcript_readlink },
	{ TREE_HISTORY_LINK, "history link", TREE_SPACE, "history", LINK, ROW_LISTED,
	  .attr = view_link_attr, .readlink = history_readlink },
	ROWS_END,
};
/* clang-format on */
