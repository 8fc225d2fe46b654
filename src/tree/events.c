/* SPDX-License-Identifier: MIT */
#include "tree/events.h"

#include <errno.h>
#include <string.h>

#include "base/timefmt.h"
#include "tree/internal.h"

#define TARGET ".sparkfs/events"
#define AT "events@"

/* ---- names ---- */

int64_t tree_events_cursor(const char *name)
{
	const char *digits = name + strlen(AT);
	int64_t cursor;
	size_t n;

	if (!g_str_has_prefix(name, AT))
		return -1;
	n = strspn(digits, "0123456789");
	if (!n || n > 14 || digits[n] || (digits[0] == '0' && n > 1))
		return -1;
	cursor = g_ascii_strtoll(digits, NULL, 10);
	return cursor <= TREE_CURSOR_MAX ? cursor : -1;
}

static int root_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
		       struct tree_entry *ret_entry)
{
	int64_t cursor = tree_events_cursor(name);

	(void)dir;
	return tree_entry_or_none(ctx, cursor < 0 ? -ENOENT : 0,
				  tree_ino(TREE_EVENTS_AT, cursor), TIMEOUT_LONG, ret_entry);
}

static int events_link_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	(void)ctx;
	(void)ino;
	tree_set_size(attr, strlen(TARGET));
	return 0;
}

static int events_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	(void)ctx;
	(void)ino;
	*ret_target = g_strdup(TARGET);
	return 0;
}

/* ---- lines ---- */

static const char *const words[] = {
	[STORE_EVENT_MESSAGE_CREATED] = "message-created",
	[STORE_EVENT_MESSAGE_EDITED] = "message-edited",
	[STORE_EVENT_MESSAGE_DELETED] = "message-deleted",
	[STORE_EVENT_MEMBER_ADDED] = "member-added",
	[STORE_EVENT_MEMBER_CHANGED] = "member-changed",
	[STORE_EVENT_MEMBER_REMOVED] = "member-removed",
	[STORE_EVENT_SPACE_ADDED] = "space-added",
	[STORE_EVENT_SPACE_RENAMED_FROM] = "space-renamed-from",
	[STORE_EVENT_SPACE_RENAMED] = "space-renamed",
	[STORE_EVENT_SPACE_CHANGED] = "space-changed",
	[STORE_EVENT_SPACE_REMOVED] = "space-removed",
	[STORE_EVENT_LINK_DOWN] = "link-down",
	[STORE_EVENT_LINK_UP] = "link-up",
	[STORE_EVENT_LOGIN_NEEDED] = "login-needed",
	[STORE_EVENT_LOGIN_OK] = "login-ok",
	[STORE_EVENT_UNSENT] = "unsent",
	[STORE_EVENT_NOT_SENT] = "not-sent",
	[STORE_EVENT_MISSED] = "missed",
	[STORE_EVENT_MENTION] = "mention",
	[STORE_EVENT_TEAM_ADDED] = "team-added",
	[STORE_EVENT_TEAM_CHANGED] = "team-changed",
	[STORE_EVENT_TEAM_REMOVED] = "team-removed",
};

void tree_events_begin(struct tree *t, uint64_t ino, struct tree_events *ret_events)
{
	int64_t last = store_event_last(t->config.store);
	bool is_at = tree_ino_kind(ino) == TREE_EVENTS_AT;

	*ret_events = (struct tree_events){
		.cursor = is_at ? MIN(tree_ino_row(ino), last) : last,
		.from_start = is_at && tree_ino_row(ino) == 0,
	};
}

static void add_line(GString *out, int64_t cursor, int64_t wall_ms, const char *what)
{
	char time[TIME_ISO_SIZE];

	time_format_iso(wall_ms, time);
	g_string_append_printf(out, "%" G_GINT64_FORMAT " %s %s ", cursor, time, what);
}

struct portion {
	GString *out;
	struct tree_events *events;
};

static bool add_event(void *arg, const struct store_event *event)
{
	struct portion *p = arg;
	const char *what =
		(size_t)event->what < G_N_ELEMENTS(words) ? words[event->what] : NULL;

	p->events->cursor = event->seq;
	/* The event is of a kind that this version does not know. */
	if (!what)
		return true;
	add_line(p->out, event->seq, event->wall_ms, what);
	g_string_append_printf(p->out, "%s\n", event->path);
	return p->out->len < TREE_EVENTS_PORTION;
}

/* Adds a line about the events that were dropped before the reader came to them. */
static void add_missed(struct tree_ctx *ctx, struct tree_events *e, int64_t first, GString *out)
{
	int64_t missed = first - 1 - e->cursor;

	if (missed > 0 && !e->from_start) {
		add_line(out, first - 1, clock_wall(ctx->tree->config.clock), "missed");
		g_string_append_printf(out, "%" G_GINT64_FORMAT "\n", missed);
	}
	e->from_start = false;
}

int tree_events_next(struct tree_ctx *ctx, struct tree_events *e, GString *out)
{
	struct tree_events next = *e;
	struct portion portion = {.out = out, .events = &next};
	gsize len = out->len;
	int64_t first;
	int r = store_event_first(ctx->conn, &first);

	if (r)
		return r == -ENOENT ? 0 : r;
	if (first > next.cursor)
		add_missed(ctx, &next, first, out);
	r = store_events_after(ctx->conn, next.cursor, add_event, &portion);
	if (r)
		g_string_truncate(out, len);
	else
		*e = next;
	return r;
}

/* clang-format off */
const struct tree_row events_rows[] = {
	{ TREE_ROOT, "root", TREE_NONE, NULL, DIR_RO, ROW_QUIET, .lookup = root_lookup },
	{ TREE_EVENTS_LINK, "events link", TREE_ROOT, "events", LINK, ROW_LISTED | ROW_QUIET,
	  .attr = events_link_attr, .readlink = events_readlink },
	/* Not listed, because a walker would never reach its end. */
	{ TREE_EVENTS, "events", TREE_CONTROL, "events", FILE_RO, ROW_QUIET },
	{ TREE_EVENTS_AT, "events@", TREE_NONE, NULL, FILE_RO, ROW_QUIET },
	ROWS_END,
};
/* clang-format on */
