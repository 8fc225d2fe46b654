/* SPDX-License-Identifier: MIT */
/*
 * Translates what changed in the store into what the kernel must forget (design 3, 4).
 */
#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "pager/past/months.h"
#include "tree/internal.h"
#include "tree/place.h"

/* A first listing brings a thousand messages that the kernel does not know. If a batch has more
 * new names than this, they are not told one by one. */
#define TELL_ADDED_MAX 64

static const struct {
	enum tree_kind kind;
	const char *suffix;
} twins[] = {
	{TREE_MESSAGE_TXT, ".txt"},	   {TREE_MESSAGE_MD, ".md"},
	{TREE_MESSAGE_HTML, ".html"},	   {TREE_MESSAGE_JSON, ".json"},
	{TREE_MESSAGE_CARD, ".card.json"}, {TREE_MESSAGE_SUBMIT, ".submit.json"},
};

/* The state of telling one batch of changes. */
struct telling {
	struct tree *t;
	const struct tree_invalidate *told;
	guint added; /* messages in the batch */
	struct store_conn
		*conn; /* a snapshot with the changes in it; NULL: it could not be had */
	/* Directories whose listing changed; each is told once. */
	GHashTable *rooms;    /* of int64_t, owned */
	GHashTable *teams;    /* the same */
	GHashTable *months;   /* of uint64_t, owned */
	GHashTable *threads;  /* of int64_t, owned */
	GHashTable *mentions; /* of int64_t, owned: rooms whose mentions changed */
	bool spaces, direct, all_mentions, all_teams;
	/* The month that was looked up last, since the messages of a page are mostly of one
	 * month. */
	char month_key[MONTHS_KEY_SIZE];
	uint64_t month;
};

static void tell_inode(const struct telling *g, uint64_t ino)
{
	g->told->inode(g->told->arg, ino);
}

static void tell_name(const struct telling *g, uint64_t dir, const char *name)
{
	g->told->name(g->told->arg, dir, name);
}

/* Tells of the names that it had and has in its directory. */
static void tell_place(const struct telling *g, const struct store_change *c)
{
	struct tree_place p;

	if (!tree_place_of(c, &p))
		return;
	if (c->old_name)
		tell_name(g, p.dir, c->old_name);
	/*
	 * A space's new name is not told: the kernel remembers its absence for at most a second
	 * (spaces_lookup), and before Linux 6.2 the notice would make the directory invalid for
	 * a process that has just entered it.
	 */
	if (c->name && (p.below || c->type == STORE_ROOM_GONE))
		tell_name(g, p.dir, c->name);
}

/* Tells of direct/<e-mail>, which no listing shows: the directory of an address without a space
 * has become a symlink. */
static void tell_address(const struct telling *g, const struct store_change *c)
{
	struct store_room room = {0};
	char *key;

	if (c->room_type != WEBEX_ROOM_DIRECT || !g->conn)
		return;
	if (store_room_get(g->conn, c->room, &room) == 0 && room.direct_email) {
		tell_name(g, TREE_DIRECT, room.direct_email);
		key = g_utf8_strdown(room.direct_email, -1);
		if (strcmp(key, room.direct_email) != 0)
			tell_name(g, TREE_DIRECT, key);
		g_free(key);
	}
	store_room_clear(&room);
}

/* ---- history ---- */

struct month_list {
	const struct telling *g;
	int left;
};

static bool tell_month(void *arg, int64_t rowid, const char *key)
{
	struct month_list *l = arg;

	(void)key;
	tell_inode(l->g, tree_ino(TREE_MONTH, rowid));
	tell_inode(l->g, tree_ino(TREE_MONTH_FILES, rowid));
	tell_inode(l->g, tree_ino(TREE_MONTH_THREADS, rowid));
	return --l->left > 0;
}

/*
 * Tells that the list of the room's months may have changed, and the times of the newest
 * `months` of them, since the latest month ends with the latest activity. If nobody looked at
 * the history of the room there is nothing to tell.
 */
static void tell_history(const struct telling *g, int64_t room, int months)
{
	struct month_list l = {.g = g, .left = months};
	char prefix[MONTHS_KEY_SIZE];

	if (!g->conn)
		return;
	months_prefix(room, prefix);
	store_node_list(g->conn, NODE_MONTH, prefix, tell_month, &l);
	if (l.left == months)
		return;
	tell_inode(g, tree_ino(TREE_HISTORY, room));
	tell_inode(g, tree_ino(TREE_TRANSCRIPTS, room));
	tell_inode(g, tree_ino(TREE_FILES_MONTHS, room));
}

/* The directory of the month with the message of this stem; 0: the kernel has never seen it. */
static uint64_t month_of(struct telling *g, int64_t room, const char *stem)
{
	char name[TIME_MONTH_SIZE], key[MONTHS_KEY_SIZE];
	int64_t row = 0;
	int month;

	g_strlcpy(name, stem, sizeof(name));
	if (!g->conn || time_parse_month(name, &month))
		return 0;
	months_key(room, month, key);
	if (strcmp(key, g->month_key) != 0) {
		g_strlcpy(g->month_key, key, sizeof(g->month_key));
		g->month = store_node_find(g->conn, NODE_MONTH, key, &row) == 0
				   ? tree_ino(TREE_MONTH, row)
				   : 0;
	}
	return g->month;
}

/* ---- rooms ---- */

static void tell_room(const struct telling *g, const struct store_change *c)
{
	tell_address(g, c);
	tell_place(g, c);
	if (c->type == STORE_ROOM_ADDED)
		return;
	if (c->room_type == WEBEX_ROOM_TEAM) {
		tell_inode(g, tree_ino(TREE_TEAM, c->room));
		tell_inode(g, tree_ino(TREE_TEAM_JSON, c->room));
		return;
	}
	tell_inode(g, tree_ino(TREE_SPACE, c->room));
	tell_inode(g, tree_ino(TREE_SPACE_JSON, c->room));
	tell_inode(g, tree_ino(TREE_ARCHIVE_SPACE_JSON, c->room));
	tell_inode(g, tree_ino(TREE_MENTIONS, c->room));
	/* The time of the newest month follows the room's, and the month before may have been
	 * the newest until now. */
	tell_history(g, c->room, c->type == STORE_ROOM_GONE ? INT_MAX : 2);
}

/* ---- messages ---- */

static void tell_names(const struct telling *g, const struct store_change *c, uint64_t month,
		       const char *stem)
{
	for (size_t i = 0; stem && i < G_N_ELEMENTS(twins); i++) {
		char *name = g_strconcat(stem, twins[i].suffix, NULL);

		tell_name(g, tree_ino(TREE_SPACE, c->room), name);
		if (month)
			tell_name(g, month, name);
		if (c->thread)
			tell_name(g, tree_ino(TREE_THREAD, c->thread), name);
		g_free(name);
	}
}

/* Tells of the name that the message, or its thread, has in the directories of threads. */
static void tell_thread_name(const struct telling *g, const struct store_change *c,
			     uint64_t month, const char *stem)
{
	g_autofree char *log = g_strconcat(stem, ".log", NULL);

	tell_name(g, tree_ino(TREE_THREADS, c->room), stem);
	tell_name(g, tree_ino(TREE_THREAD_VIEWS, c->room), stem);
	tell_name(g, tree_ino(TREE_THREAD_VIEWS, c->room), log);
	if (month)
		tell_name(g, tree_ino(TREE_MONTH_THREADS, tree_ino_row(month)), stem);
}

/* Tells that the bytes of a message's files changed, or that it was deleted. */
static void tell_bodies(const struct telling *g, const struct store_change *c)
{
	for (size_t i = 0; i < G_N_ELEMENTS(twins); i++)
		tell_inode(g, tree_ino(twins[i].kind, c->rowid));
	tell_inode(g, tree_ino(TREE_ARCHIVE_TXT, c->rowid));
	tell_inode(g, tree_ino(TREE_ARCHIVE_JSON, c->rowid));
}

static void grow_transcripts(const struct telling *g, const struct store_change *c)
{
	struct transcripts *transcripts = g->t->transcripts;
	struct store_message m = {0};
	GArray *grown;

	if (!g->conn || !transcript_is_open_of(transcripts, c->room) ||
	    store_message_get(g->conn, c->rowid, &m))
		return;
	grown = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	transcript_append(transcripts, c->type, &m, clock_wall(g->t->config.clock), grown);
	for (guint i = 0; i < grown->len; i++)
		tell_inode(g, g_array_index(grown, uint64_t, i));
	g_array_unref(grown);
	store_message_clear(&m);
}

static void note_thread(const struct telling *g, int64_t thread)
{
	if (thread && !g_hash_table_contains(g->threads, &thread))
		g_hash_table_add(g->threads, g_memdup2(&thread, sizeof(thread)));
}

static void tell_thread_renamed(struct telling *g, const struct store_change *c)
{
	if (c->old_name)
		tell_thread_name(g, c, month_of(g, c->room, c->old_name), c->old_name);
	if (c->name)
		tell_thread_name(g, c, month_of(g, c->room, c->name), c->name);
	/* Their targets have the name. */
	tell_inode(g, tree_ino(TREE_THREAD_TRANSCRIPT_LINK, c->rowid));
	tell_inode(g, tree_ino(TREE_THREAD_FILES_LINK, c->rowid));
	note_thread(g, c->rowid);
	note_thread(g, c->thread);
}

/* Tells of the link to the message among the mentions of all spaces. */
static void tell_link(const struct telling *g, const struct store_change *c, const char *stem)
{
	struct store_room room = {0};
	g_autofree char *name = NULL;

	if (g->conn && store_room_get(g->conn, c->room, &room) == 0 && room.name) {
		name = mention_link_name(stem, room.room.type, room.name, c->rowid);
		tell_name(g, tree_ino(TREE_ALL_MENTIONS, 0), name);
	}
	store_room_clear(&room);
}

/* Tells of the names of what is a mention now, or was one. */
static void tell_mention(struct telling *g, const struct store_change *c)
{
	const char *const stems[] = {c->old_name, c->name};

	if (!c->is_mention)
		return;
	g->all_mentions = true;
	g_hash_table_add(g->mentions, g_memdup2(&c->room, sizeof(c->room)));
	if (c->type == STORE_MESSAGE_ADDED && g->added > TELL_ADDED_MAX)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(stems); i++) {
		for (size_t k = 0; stems[i] && k < G_N_ELEMENTS(twins); k++) {
			g_autofree char *name = g_strconcat(stems[i], twins[k].suffix, NULL);

			tell_name(g, tree_ino(TREE_MENTIONS, c->room), name);
		}
		if (stems[i])
			tell_link(g, c, stems[i]);
	}
}

static void tell_message(struct telling *g, const struct store_change *c)
{
	const char *stem = c->name ? c->name : c->old_name;
	uint64_t month = 0;

	note_thread(g, c->thread);
	tell_mention(g, c);
	if (c->type == STORE_MESSAGE_CHANGED) {
		tell_bodies(g, c);
		/* That the store has learned a name is no edit. */
		if (c->is_news)
			grow_transcripts(g, c);
		return;
	}
	if (stem)
		month = month_of(g, c->room, stem);
	if (month)
		g_hash_table_add(g->months, g_memdup2(&month, sizeof(month)));
	if (c->type == STORE_MESSAGE_ADDED && g->added <= TELL_ADDED_MAX)
		tell_names(g, c, month, c->name);
	if (c->type == STORE_MESSAGE_RENAMED) {
		tell_names(g, c, month, c->old_name);
		tell_names(g, c, month, c->name);
	}
	if (c->type == STORE_MESSAGE_GONE) {
		tell_names(g, c, month, stem);
		if (c->thread && stem)
			tell_thread_name(g, c, month, stem);
		tell_bodies(g, c);
	}
	if (c->type != STORE_MESSAGE_RENAMED)
		grow_transcripts(g, c);
}

/* Tells of the listing of its month; the names there are asked for every time. */
static void tell_month_files(struct telling *g, const struct store_change *c)
{
	struct store_content content = {0};
	char stem[TIME_ISO_SIZE];
	uint64_t month;

	if (g->conn && store_content_get(g->conn, c->rowid, &content) == 0) {
		time_format_name(content.created_ms, stem);
		month = month_of(g, c->room, stem);
		if (month)
			tell_inode(g, tree_ino(TREE_MONTH_FILES, tree_ino_row(month)));
	}
	store_content_clear(&content);
}

/* ---- webhooks ---- */

static void tell_webhook(struct telling *g, const struct store_change *c)
{
	const char *names[] = {c->old_name, c->name};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		_cleanup_gfree_ char *file =
			names[i] ? g_strconcat(names[i], ".json", NULL) : NULL;

		if (file)
			tell_name(g, tree_ino(TREE_WEBHOOKS, 0), file);
	}
	tell_inode(g, tree_ino(TREE_WEBHOOK, c->rowid));
	tell_inode(g, tree_ino(TREE_WEBHOOKS, 0));
}

/* ---- every change ---- */

static void tell_one(struct telling *g, const struct store_change *c)
{
	switch (c->type) {
	case STORE_ROOM_ADDED:
	case STORE_ROOM_RENAMED:
	case STORE_ROOM_CHANGED:
	case STORE_ROOM_GONE:
		tell_room(g, c);
		break;
	case STORE_MESSAGE_ADDED:
	case STORE_MESSAGE_RENAMED:
	case STORE_MESSAGE_CHANGED:
	case STORE_MESSAGE_GONE:
		tell_message(g, c);
		break;
	case STORE_MEMBER_ADDED:
	case STORE_MEMBER_CHANGED:
	case STORE_MEMBER_GONE:
		tell_place(g, c);
		tell_inode(g, tree_ino(TREE_MEMBER, c->rowid));
		tell_inode(g, tree_ino(TREE_ARCHIVE_MEMBERS_JSON, c->room));
		break;
	case STORE_WEBHOOK_ADDED:
	case STORE_WEBHOOK_CHANGED:
	case STORE_WEBHOOK_GONE:
		tell_webhook(g, c);
		break;
	case STORE_PERSON_CHANGED:
		tell_inode(g, tree_ino(TREE_PERSON, c->rowid));
		if (c->rowid == g->t->config.me_person)
			tell_inode(g, tree_ino(TREE_ME_JSON, 0));
		break;
	case STORE_CONTENT_CHANGED:
		tell_inode(g, tree_ino(TREE_ATTACHMENT, c->rowid));
		break;
	case STORE_CONTENT_ADDED:
	case STORE_CONTENT_GONE:
		note_thread(g, c->thread);
		if (c->name) {
			tell_name(g, tree_ino(TREE_SPACE, c->room), c->name);
			tell_name(g, tree_ino(TREE_FILES, c->room), c->name);
		}
		tell_inode(g, tree_ino(TREE_ATTACHMENT, c->rowid));
		tell_month_files(g, c);
		break;
	case STORE_THREAD_RENAMED:
		tell_thread_renamed(g, c);
		break;
	}
}

static void note_dirs(struct telling *g, const struct store_change *c)
{
	if (c->type == STORE_ROOM_ADDED || c->type == STORE_ROOM_RENAMED ||
	    c->type == STORE_ROOM_GONE) {
		g->all_mentions = true;
		g->spaces |= c->room_type == WEBEX_ROOM_GROUP;
		g->direct |= c->room_type == WEBEX_ROOM_DIRECT;
		g->all_teams |= c->room_type == WEBEX_ROOM_TEAM;
	} else if (c->room && c->type != STORE_ROOM_CHANGED &&
		   c->type != STORE_MESSAGE_CHANGED) {
		GHashTable *set = c->room_type == WEBEX_ROOM_TEAM ? g->teams : g->rooms;

		if (!g_hash_table_contains(set, &c->room))
			g_hash_table_add(set, g_memdup2(&c->room, sizeof(c->room)));
	}
}

static void tell_dirs(const struct telling *g)
{
	GHashTableIter iter;
	gpointer key;

	if (g->spaces)
		tell_inode(g, TREE_SPACES);
	if (g->direct)
		tell_inode(g, TREE_DIRECT);
	if (g->all_teams)
		tell_inode(g, TREE_TEAMS);
	g_hash_table_iter_init(&iter, g->teams);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		tell_inode(g, tree_ino(TREE_TEAM_MEMBERS, *(int64_t *)key));
	g_hash_table_iter_init(&iter, g->rooms);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		int64_t room = *(int64_t *)key;

		tell_inode(g, tree_ino(TREE_SPACE, room));
		tell_inode(g, tree_ino(TREE_MEMBERS, room));
		tell_inode(g, tree_ino(TREE_FILES, room));
		tell_inode(g, tree_ino(TREE_THREADS, room));
		tell_inode(g, tree_ino(TREE_SPACE_JSON, room));
		tell_inode(g, tree_ino(TREE_ARCHIVE_SPACE_JSON, room));
		tell_name(g, tree_ino(TREE_SPACE, room), "last");
		tell_history(g, room, 2);
	}
	if (g->all_mentions)
		tell_inode(g, tree_ino(TREE_ALL_MENTIONS, 0));
	g_hash_table_iter_init(&iter, g->mentions);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		tell_inode(g, tree_ino(TREE_MENTIONS, *(int64_t *)key));
	g_hash_table_iter_init(&iter, g->months);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		uint64_t month = *(uint64_t *)key;

		tell_inode(g, month);
		tell_inode(g, tree_ino(TREE_MONTH_FILES, tree_ino_row(month)));
		tell_inode(g, tree_ino(TREE_MONTH_THREADS, tree_ino_row(month)));
	}
	g_hash_table_iter_init(&iter, g->threads);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		int64_t thread = *(int64_t *)key;

		tell_inode(g, tree_ino(TREE_THREAD, thread));
		tell_inode(g, tree_ino(TREE_THREAD_FILES, thread));
		tell_name(g, tree_ino(TREE_THREAD, thread), "last");
	}
}

void tree_on_changes(struct tree *t, GPtrArray *changes, const struct tree_invalidate *told)
{
	struct telling g = {.t = t, .told = told};

	if (store_read_begin(t->config.store, &g.conn))
		g.conn = NULL;
	g.rooms = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g.teams = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g.months = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g.threads = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g.mentions = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	for (guint i = 0; i < changes->len; i++)
		g.added +=
			((struct store_change *)changes->pdata[i])->type == STORE_MESSAGE_ADDED;
	for (guint i = 0; i < changes->len; i++) {
		tell_one(&g, changes->pdata[i]);
		note_dirs(&g, changes->pdata[i]);
	}
	tell_dirs(&g);
	g_hash_table_unref(g.rooms);
	g_hash_table_unref(g.teams);
	g_hash_table_unref(g.months);
	g_hash_table_unref(g.threads);
	g_hash_table_unref(g.mentions);
	if (g.conn)
		store_read_end(g.conn);
}
