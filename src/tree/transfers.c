/* SPDX-License-Identifier: MIT */
/*
 * .sparkfs/transfers: a line for each file under way, for `watch cat` and for scripts. Its
 * fields are separated by tabs: direction, bytes done, bytes in all ("?" if unknown), part
 * done, bytes per second, name. A line "names" counts names instead of bytes: those of a space's
 * attachments that are being asked for. A line "list" counts the items of a list of api/, and "download" names
 * what it gives as bytes.
 */
#include "attach/attach.h"
#include "tree/asked.h"
#include "tree/internal.h"

static void name_download(struct tree_ctx *ctx, struct content_transfer *t)
{
	struct store_content content = {0};
	struct store_room room = {0};

	if (store_content_get(ctx->conn, t->row, &content) == 0) {
		t->name = g_strdup(content.name);
		if (store_room_get(ctx->conn, content.room, &room) == 0)
			t->place = g_strdup(room.name);
		store_room_clear(&room);
	}
	store_content_clear(&content);
}

GArray *transfers_list(struct tree_ctx *ctx)
{
	GArray *all = content_transfers_new();

	outbox_transfers(ctx->tree->config.outbox, all);
	contents_transfers(ctx->tree->config.contents, all);
	for (guint i = 0; i < all->len; i++) {
		struct content_transfer *t = &g_array_index(all, struct content_transfer, i);

		if (!t->is_upload)
			name_download(ctx, t);
	}
	return all;
}

int64_t transfer_rate(const struct content_transfer *t)
{
	return t->for_ms > 0 ? t->moved * 1000 / t->for_ms : 0;
}

static void add_line(const struct content_transfer *t, GString *out)
{
	g_string_append_printf(out, "%s\t%" G_GINT64_FORMAT "\t",
			       t->is_upload ? "upload" : "download", t->done);
	if (t->total < 0)
		g_string_append(out, "?\t?\t");
	else
		g_string_append_printf(out, "%" G_GINT64_FORMAT "\t%d%%\t", t->total,
				       t->total ? (int)(t->done * 100 / t->total) : 100);
	g_string_append_printf(out, "%" G_GINT64_FORMAT "/s\t%s/%s\n", transfer_rate(t),
			       t->place ? t->place : "?", t->name ? t->name : "?");
}

static void add_names(struct tree_ctx *ctx, GString *out)
{
	g_autoptr(GArray) all = pager_names(ctx->tree->config.pager);

	for (guint i = 0; i < all->len; i++) {
		const struct pager_names *n = &g_array_index(all, struct pager_names, i);
		struct store_room room = {0};

		if (store_room_get(ctx->conn, n->room, &room) == 0)
			g_string_append_printf(
				out, "names\t%d\t%d\t%d%%\t%d/s\t%s/files\n", n->done, n->total,
				n->done * 100 / MAX(n->total, 1),
				(int)(n->done * INT64_C(1000) / MAX(n->for_ms, 1)), room.name);
		store_room_clear(&room);
	}
}

static void add_asked(struct tree_ctx *ctx, GString *out)
{
	g_autoptr(GArray) all = askeds_list(ctx->tree->askeds);

	for (guint i = 0; i < all->len; i++) {
		const struct asked_progress *p = &g_array_index(all, struct asked_progress, i);
		int64_t rate = p->done * 1000 / MAX(p->for_ms, 1);

		g_string_append_printf(out, "%s\t%" G_GINT64_FORMAT "\t",
				       p->is_list ? "list" : "download", p->done);
		if (p->total > 0)
			g_string_append_printf(out, "%" G_GINT64_FORMAT "\t%d%%\t", p->total,
					       (int)(p->done * 100 / p->total));
		else
			g_string_append(out, "?\t?\t");
		g_string_append_printf(out, "%" G_GINT64_FORMAT "/s\t%s\n", rate, p->name);
	}
}

static int transfers_render(struct tree_ctx *ctx, uint64_t ino, GString *out)
{
	g_autoptr(GArray) all = transfers_list(ctx);

	(void)ino;
	for (guint i = 0; i < all->len; i++)
		add_line(&g_array_index(all, struct content_transfer, i), out);
	add_names(ctx, out);
	add_asked(ctx, out);
	return 0;
}

/* clang-format off */
const struct tree_row transfers_rows[] = {
	{ TREE_TRANSFERS, "transfers", TREE_CONTROL, "transfers", FILE_RO,
	  ROW_LISTED | ROW_VOLATILE | ROW_DIRECT_IO | ROW_QUIET, .attr = tree_attr_of_now, .render = transfers_render },
	ROWS_END,
};
/* clang-format on */
