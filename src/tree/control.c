/* SPDX-License-Identifier: MIT */
/*
 * .sparkfs: what the mount says about itself, and unsent/, which has what could not be sent.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/session.h"
#include "base/timefmt.h"
#include "attach/attach.h"
#include "pager/server.h"
#include "tree/internal.h"

static void add_string(GString *out, const char *key, const char *value)
{
	char *quoted = webex_json_quote(value ? value : "");

	g_string_append_printf(out, "  \"%s\": %s,\n", key, quoted);
	g_free(quoted);
}

/* What is wrong with it; NULL: nothing. */
static void add_trouble(GString *out, const char *key, const char *words)
{
	if (words)
		add_string(out, key, words);
	else
		g_string_append_printf(out, "  \"%s\": null,\n", key);
}

int tree_attr_of_now(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	tree_set_times(attr, clock_wall(ctx->tree->config.clock));
	return tree_attr_by_render(ctx, ino, attr);
}

/* A time stamp, or null. */
static void add_time(GString *out, const char *key, int64_t wall_ms)
{
	char text[TIME_ISO_SIZE];

	if (wall_ms < 0) {
		g_string_append_printf(out, "  \"%s\": null,\n", key);
		return;
	}
	time_format_iso(wall_ms, text);
	g_string_append_printf(out, "  \"%s\": \"%s\",\n", key, text);
}

static void add_int(GString *out, const char *key, int64_t value)
{
	g_string_append_printf(out, "  \"%s\": %" G_GINT64_FORMAT ",\n", key, value);
}

static void add_transfers(struct tree_ctx *ctx, GString *out)
{
	g_autoptr(GArray) all = transfers_list(ctx);

	g_string_append(out, "  \"transfers\": [");
	for (guint i = 0; i < all->len; i++) {
		const struct content_transfer *t =
			&g_array_index(all, struct content_transfer, i);
		_cleanup_gfree_ char *name = webex_json_quote(t->name ? t->name : "");
		_cleanup_gfree_ char *place = webex_json_quote(t->place ? t->place : "");

		g_string_append_printf(out,
				       "%s\n    {\"direction\": \"%s\", \"space\": %s, "
				       "\"name\": %s, \"done\": %" G_GINT64_FORMAT
				       ", \"total\": ",
				       i ? "," : "", t->is_upload ? "upload" : "download",
				       place, name, t->done);
		if (t->total < 0)
			g_string_append(out, "null");
		else
			g_string_append_printf(out, "%" G_GINT64_FORMAT, t->total);
		g_string_append_printf(out, ", \"bytesPerSecond\": %" G_GINT64_FORMAT "}",
				       transfer_rate(t));
	}
	g_string_append(out, all->len ? "\n  ]\n" : "]\n");
}

/* Who is not let in gets as little from the server as who does not reach it. */
static void add_online(GString *out, int64_t offline_since_ms, int64_t login_since_ms)
{
	int64_t since_ms = offline_since_ms < 0 ? login_since_ms
			   : login_since_ms < 0 ? offline_since_ms
						: MIN(offline_since_ms, login_since_ms);

	g_string_append_printf(out, "  \"online\": %s,\n", since_ms < 0 ? "true" : "false");
	add_time(out, "offlineSince", since_ms);
}

static int status_render(struct tree_ctx *ctx, uint64_t ino, GString *out)
{
	const struct tree_config *c = &ctx->tree->config;
	struct server *server = pager_server(c->pager);
	int64_t login_since_wall_ms = server_login_since_wall_ms(server);
	struct pager_stats pager;
	struct http_stats http;
	_cleanup_gfree_ char *trouble = pager_poll_trouble(c->pager);
	_cleanup_gfree_ char *login_trouble = server_login_words(server);
	int64_t messages, bodies;

	(void)ino;
	store_count_messages(c->store, &messages, &bodies);
	pager_get_stats(c->pager, &pager);
	http_loop_stats(c->loop, &http);
	g_string_append(out, "{\n");
	add_string(out, "server", c->base_url);
	add_string(out, "account", c->me_email);
	add_online(out, pager.offline_since_wall_ms, login_since_wall_ms);
	add_string(out, "login", server_login_state(server));
	add_time(out, "loginNeededSince", login_since_wall_ms);
	add_trouble(out, "loginTrouble", login_trouble);
	add_time(out, "lastAnswer", pager.last_good_wall_ms);
	add_string(out, "polling", pager.polling);
	add_time(out, "lastPoll", pager.polled_wall_ms);
	add_trouble(out, "pollTrouble", trouble);
	add_time(out, "spacesListed", pager.listed_wall_ms);
	add_int(out, "spacesWithNews", pager.news);
	add_time(out, "mounted", ctx->tree->started_wall_ms);
	add_int(out, "spaces", store_room_count(c->store, WEBEX_ROOM_GROUP));
	add_int(out, "direct", store_room_count(c->store, WEBEX_ROOM_DIRECT));
	add_int(out, "messages", messages);
	add_int(out, "bodies", bodies);
	add_int(out, "unsent", outbox_count(c->outbox));
	add_int(out, "inDoubt", outbox_count_doubts(c->outbox));
	add_int(out, "requests", (int64_t)http.requests);
	add_int(out, "requestsFailed", (int64_t)http.failures);
	add_int(out, "rateLimited", (int64_t)http.limited);
	add_int(out, "requestsPerMinuteAllowed", http.rate_now_per_minute);
	add_int(out, "requestsUnderWay", http.on_wire);
	add_int(out, "requestsWaiting", http.waiting);
	add_int(out, "secondsToWait", (http.turn_ms + 999) / 1000);
	add_int(out, "secondsLimited", (http.shut_ms + 999) / 1000);
	add_int(out, "bytesReceived", (int64_t)http.bytes_in);
	add_int(out, "bytesSent", (int64_t)http.bytes_out);
	add_int(out, "fetches", (int64_t)pager.fetches);
	g_string_append_printf(out, "  \"fetchesJoined\": %" G_GUINT64_FORMAT ",\n",
			       pager.joined);
	add_transfers(ctx, out);
	g_string_append(out, "}\n");
	return 0;
}

static int log_render(struct tree_ctx *ctx, uint64_t ino, GString *out)
{
	(void)ctx;
	(void)ino;
	log_snapshot(out);
	return 0;
}

static int last_error_render(struct tree_ctx *ctx, uint64_t ino, GString *out)
{
	(void)ino;
	log_last_error_snapshot(ctx->pid, out);
	return 0;
}

static int last_answer_render(struct tree_ctx *ctx, uint64_t ino, GString *out)
{
	(void)ino;
	answers_show(ctx->tree->answers, session_of(ctx->pid), out);
	return 0;
}

/* ---- unsent ---- */

#define WHY ".why.json"

static int unsent_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
			 struct tree_entry *ret_entry)
{
	_cleanup_gfree_ char *plain = NULL;
	enum tree_kind kind = TREE_LETTER;
	int64_t n = 0;

	if (g_str_has_suffix(name, WHY)) {
		plain = g_strndup(name, strlen(name) - strlen(WHY));
		kind = TREE_LETTER_WHY;
		outbox_find_why(ctx->tree->config.outbox, plain, &n);
	} else {
		outbox_find_named(ctx->tree->config.outbox, name, &n);
	}
	/* The scratch file of an editor beside it. */
	if (!n) {
		n = upload_pending(ctx, dir, name);
		if (n)
			kind = TREE_ATTACHMENT;
	}
	/* The kernel is not told when a letter comes, so it must remember nothing here. */
	return tree_entry_or_none(ctx, n ? 0 : -ENOENT, tree_ino(kind, n), 0, ret_entry);
}

/* Letters that are copied at once for a listing. */
#define LETTERS_SLICE 100

struct letters {
	struct tree_ctx *ctx;
	int64_t cookie; /* what is listed is above it */
	tree_emit emit;
	void *arg;
	int error;
};

/* Lists a letter behind its reason, which disappears with it: find -delete must meet the reason first. */
static bool emit_letter(struct letters *l, const struct outbox_item *item)
{
	int64_t own = STORE_COOKIE_MIN + 2 * item->n;
	_cleanup_gfree_ char *why = g_strconcat(item->name, WHY, NULL);

	if (own > l->cookie &&
	    !tree_emit_ino(l->ctx, l->emit, l->arg, why, tree_ino(TREE_LETTER_WHY, item->n),
			   own, &l->error))
		return false;
	return own + 1 <= l->cookie ||
	       tree_emit_ino(l->ctx, l->emit, l->arg, item->name,
			     tree_ino(TREE_LETTER, item->n), own + 1, &l->error);
}

static int unsent_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
			  tree_emit emit, void *arg)
{
	struct letters l = {.ctx = ctx, .cookie = cookie, .emit = emit, .arg = arg};
	int64_t from = cookie > STORE_COOKIE_MIN ? (cookie - STORE_COOKIE_MIN) / 2 : 0;
	bool more = true;

	(void)dir;
	while (more) {
		g_autoptr(GPtrArray) items =
			outbox_list(ctx->tree->config.outbox, from, LETTERS_SLICE);

		more = items->len == LETTERS_SLICE;
		for (guint i = 0; i < items->len; i++) {
			const struct outbox_item *item = items->pdata[i];

			if (!emit_letter(&l, item))
				return l.error;
			from = item->n + 1;
		}
	}
	return l.error;
}

static int letter_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	struct outbox_item *item;
	int r = outbox_find(ctx->tree->config.outbox, tree_ino_row(ino), &item);

	/* Its letter was removed a moment ago. */
	if (r == -ENOENT && tree_ino_kind(ino) == TREE_LETTER_WHY)
		return 0;
	if (r)
		return r;
	tree_set_times(attr, item->mtime_ms);
	tree_set_size(attr, tree_ino_kind(ino) == TREE_LETTER ? item->size : item->why_size);
	outbox_item_free(item);
	return 0;
}

static int letter_render(struct tree_ctx *ctx, uint64_t ino, GString *out)
{
	struct outbox *o = ctx->tree->config.outbox;
	_cleanup_(cleanup_free) char *why = NULL;
	_cleanup_close_ int fd = -1;
	char buf[65536];
	ssize_t n;
	int r;

	if (tree_ino_kind(ino) == TREE_LETTER_WHY) {
		r = outbox_why(o, tree_ino_row(ino), &why);
		if (r == 0)
			g_string_append(out, why);
		return r;
	}
	r = outbox_open_body(o, tree_ino_row(ino), &fd);
	if (r)
		return r;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		g_string_append_len(out, buf, n);
	return n < 0 ? -errno : 0;
}

/* clang-format off */
const struct tree_row control_rows[] = {
	{ TREE_CONTROL, "control", TREE_ROOT, ".sparkfs", DIR_RO, ROW_QUIET },
	{ TREE_STATUS, "status.json", TREE_CONTROL, "status.json", FILE_RO,
	  ROW_LISTED | ROW_VOLATILE | ROW_DIRECT_IO | ROW_QUIET, .attr = tree_attr_of_now, .render = status_render },
	{ TREE_LOG, "log", TREE_CONTROL, "log", FILE_RO,
	  ROW_LISTED | ROW_VOLATILE | ROW_DIRECT_IO | ROW_QUIET, .attr = tree_attr_of_now, .render = log_render },
	{ TREE_LAST_ERROR, "last-error", TREE_CONTROL, "last-error", FILE_RO,
	  ROW_LISTED | ROW_VOLATILE | ROW_DIRECT_IO | ROW_QUIET, .attr = tree_attr_of_now, .render = last_error_render },
	{ TREE_LAST_ANSWER, "last-answer", TREE_CONTROL, "last-answer", FILE_RO,
	  ROW_LISTED | ROW_VOLATILE | ROW_DIRECT_IO | ROW_QUIET | ROW_PRIVATE,
	  .attr = tree_attr_of_now, .render = last_answer_render },
	{ TREE_UNSENT, "unsent", TREE_CONTROL, "unsent", DIR_RW, ROW_LISTED | ROW_VOLATILE | ROW_QUIET,
	  .lookup = unsent_lookup, .readdir = unsent_readdir },
	{ TREE_LETTER, "letter", TREE_NONE, NULL, FILE_RW,
	  ROW_VOLATILE | ROW_DIRECT_IO | ROW_SHIFTS | ROW_QUIET | ROW_WATCHED, .attr = letter_attr, .render = letter_render },
	{ TREE_LETTER_WHY, "letter.why.json", TREE_NONE, NULL, FILE_RO, ROW_VOLATILE | ROW_DIRECT_IO | ROW_QUIET,
	  .attr = letter_attr, .render = letter_render },
	ROWS_END,
};
/* clang-format on */
