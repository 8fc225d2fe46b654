/* SPDX-License-Identifier: MIT */
#include "journal.h"

#include <string.h>

#include "base/names.h"
#include "fake_time.h"
#include "model.h"
#include "mount.h"
#include "report.h"
#include "webex/id.h"
#include "wire.h"

/* Server's clock: what was posted after it is to be told; INT64_MAX: nothing is. */
static int64_t since_ms;
static GHashTable *rooms_then; /* ids of the spaces that were known at that time */

void journal_start(void)
{
	since_ms = INT64_MAX;
	g_clear_pointer(&rooms_then, g_hash_table_unref);
	rooms_then = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void journal_lost(void)
{
	since_ms = INT64_MAX;
}

/* ---- the lines of the journal ---- */

struct journal {
	GHashTable *created, *deleted; /* path -> how often */
	int64_t last;
};

/* The stem that a message would have alone. */
static char *plain_stem(const struct truth *t)
{
	char hex[WEBEX_ID_HEX_SIZE];

	webex_id_hex(model.person_ids[t->author], hex);
	return name_message_stem(t->created_ms, model.emails[t->author], hex, NULL);
}

/* How many messages there ever were that may have had this name, one after the other. */
static guint count_namesakes(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	guint n = 0;

	for (guint i = 0; i < model.rooms->len; i++) {
		const struct model_room *room = model.rooms->pdata[i];

		for (guint k = 0; k < room->messages->len; k++) {
			g_autofree char *stem = plain_stem(room->messages->pdata[k]);

			n += strncmp(name, stem, strlen(stem)) == 0;
		}
	}
	return n;
}

static void count(GHashTable *paths, const struct store_event *e)
{
	guint n = GPOINTER_TO_UINT(g_hash_table_lookup(paths, e->path)) + 1;

	if (n > 1 && n > count_namesakes(e->path))
		report("event %d of %s comes twice", (int)e->what, e->path);
	g_hash_table_insert(paths, g_strdup(e->path), GUINT_TO_POINTER(n));
}

static bool read_event(void *arg, const struct store_event *e)
{
	struct journal *j = arg;
	if (j->last && e->seq != j->last + 1)
		report("event %" G_GINT64_FORMAT " follows %" G_GINT64_FORMAT, e->seq, j->last);
	j->last = e->seq;
	if (e->what == STORE_EVENT_MESSAGE_CREATED)
		count(j->created, e);
	if (e->what == STORE_EVENT_MESSAGE_DELETED)
		count(j->deleted, e);
	return true;
}

static void read_journal(struct journal *j)
{
	struct store_conn *conn;

	*j = (struct journal){
		.created = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
		.deleted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
	};
	g_assert(store_read_begin(mount.store, &conn) == 0);
	g_assert(store_events_after(conn, 0, read_event, j) == 0);
	store_read_end(conn);
}

/* ---- the lines that it should have ---- */

static bool is_told(const struct journal *j, const char *stem)
{
	g_autofree char *file = g_strconcat("/", stem, ".txt", NULL);
	GHashTableIter iter;
	gpointer path;

	g_hash_table_iter_init(&iter, j->created);
	while (g_hash_table_iter_next(&iter, &path, NULL))
		if (g_str_has_suffix(path, file))
			return true;
	return false;
}

static void check_told(const struct journal *j, const struct truth *t)
{
	struct store_message m = {0};
	struct store_conn *conn;
	int64_t row;

	g_assert(store_read_begin(mount.store, &conn) == 0);
	if (store_message_by_id(conn, t->id, &row) || store_message_get(conn, row, &m))
		report("message %s of %" G_GINT64_FORMAT " is not known", t->id, t->created_ms);
	/* Another one of its millisecond may have taken its name since. */
	if (!strchr(m.stem, '~') && !is_told(j, m.stem))
		report("nobody was told of %s", m.stem);
	store_message_clear(&m);
	store_read_end(conn);
}

/* More than a page, and they are no news but a past. */
static bool fits_page(const struct model_room *room)
{
	int n = 0, page = MIN(mount.recent ? mount.recent : 1000, wire.cap);

	if (wire.short_percent || model.hidden_percent || model.broken_percent)
		return false;
	for (guint i = room->messages->len; i-- > 0;)
		n += ((struct truth *)room->messages->pdata[i])->created_ms > since_ms;
	return n <= page;
}

static void check_room_told(const struct journal *j, const struct model_room *room)
{
	if (room->left || !g_hash_table_contains(rooms_then, room->id) || !fits_page(room))
		return;
	for (guint i = room->messages->len; i-- > 0;) {
		const struct truth *t = room->messages->pdata[i];

		if (t->created_ms > since_ms && truth_is_live(t))
			check_told(j, t);
	}
}

void journal_check(void)
{
	struct journal j;

	read_journal(&j);
	for (guint i = 0; i < model.rooms->len && mount.poll_ms; i++)
		check_room_told(&j, model.rooms->pdata[i]);
	g_hash_table_unref(j.created);
	g_hash_table_unref(j.deleted);
	since_ms = time_server();
	g_hash_table_remove_all(rooms_then);
	for (guint i = 0; i < model.rooms->len; i++) {
		const struct model_room *room = model.rooms->pdata[i];

		if (!room->left)
			g_hash_table_add(rooms_then, g_strdup(room->id));
	}
}
