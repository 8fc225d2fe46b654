/* SPDX-License-Identifier: MIT */
#include "store/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "store/internal.h"

/* "spfs"; marks a database as ours. */
#define APPLICATION_ID 0x73706673

/*
 * Every rowid comes from store_new_rowid(), never from SQLite. type, flags: the enums and bits
 * of the .c file that owns the table. *_ms are milliseconds since 1970, -1 absent. gone,
 * deleted: the row is a tombstone; what is in a gone room is gone, too, whatever its own row
 * says. message has the columns that a listing needs and body the others, so that a listing
 * does not read long rows. Stems of messages have no index, because a stem begins with the
 * message's time, which gives its place in message_list.
 */
static const char VERSION_1[] =
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE room(rowid INTEGER PRIMARY KEY, id NOT NULL, type INTEGER NOT NULL,"
	" gone INTEGER NOT NULL DEFAULT 0, name TEXT, name_key TEXT, title TEXT NOT NULL,"
	" flags INTEGER NOT NULL, team_id, creator_id, owner_id TEXT, classification_id TEXT,"
	" description TEXT, last_activity_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
	" extra TEXT, direct_email TEXT, direct_key TEXT,"
	" members_wall_ms INTEGER NOT NULL DEFAULT -1, pin_until_ms INTEGER NOT NULL DEFAULT "
	"0);"
	"CREATE UNIQUE INDEX room_id ON room(id) WHERE gone=0;"
	"CREATE UNIQUE INDEX room_key ON room(type, name_key) WHERE gone=0;"
	"CREATE INDEX room_name ON room(type, name) WHERE gone=0;"
	"CREATE INDEX room_email ON room(direct_key) WHERE gone=0 AND direct_key IS NOT NULL;"
	"CREATE INDEX room_list ON room(type, gone);"
	"CREATE TABLE message(rowid INTEGER PRIMARY KEY, room INTEGER NOT NULL,"
	" cookie INTEGER NOT NULL, deleted INTEGER NOT NULL DEFAULT 0, id NOT NULL,"
	" person INTEGER NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,"
	" txt_size INTEGER NOT NULL, flags INTEGER NOT NULL, stem TEXT NOT NULL, parent_id,"
	" pin_until_ms INTEGER NOT NULL DEFAULT 0);"
	"CREATE UNIQUE INDEX message_list ON message(room, cookie, deleted);"
	"CREATE INDEX message_id ON message(id);"
	"CREATE INDEX message_author ON message(room, person, cookie) WHERE deleted=0;"
	"CREATE INDEX message_gone ON message(deleted) WHERE deleted=1;"
	"CREATE TABLE body(message INTEGER PRIMARY KEY, email TEXT, text TEXT, markdown TEXT,"
	" html TEXT, files BLOB, mentioned_people TEXT, mentioned_groups TEXT, attachments "
	"TEXT,"
	" extra TEXT);"
	"CREATE TABLE span(room INTEGER NOT NULL, hi INTEGER NOT NULL, lo INTEGER NOT NULL,"
	" PRIMARY KEY(room, hi)) WITHOUT ROWID;"
	"CREATE TABLE member(rowid INTEGER PRIMARY KEY, room INTEGER NOT NULL, id NOT NULL,"
	" gone INTEGER NOT NULL DEFAULT 0, name TEXT, name_key TEXT, person_id, email TEXT,"
	" display_name TEXT, org_id, flags INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
	" extra TEXT);"
	"CREATE UNIQUE INDEX member_id ON member(room, id) WHERE gone=0;"
	"CREATE UNIQUE INDEX member_key ON member(room, name_key) WHERE gone=0;"
	"CREATE INDEX member_name ON member(room, name) WHERE gone=0;"
	"CREATE INDEX member_list ON member(room, gone);"
	"CREATE INDEX member_gone ON member(gone) WHERE gone=1;"
	"CREATE TABLE person(rowid INTEGER PRIMARY KEY, id NOT NULL, first_email TEXT,"
	" first_key TEXT, email TEXT, email_key TEXT, display_name TEXT, type INTEGER NOT NULL,"
	" json TEXT, fetched_wall_ms INTEGER NOT NULL DEFAULT -1);"
	"CREATE UNIQUE INDEX person_id ON person(id);"
	"CREATE INDEX person_email ON person(email_key);"
	"CREATE INDEX person_first ON person(first_key);"
	"CREATE INDEX person_fetched ON person(rowid) WHERE fetched_wall_ms>=0;"
	"CREATE TABLE content(rowid INTEGER PRIMARY KEY, room INTEGER NOT NULL,"
	" message INTEGER NOT NULL, url TEXT, name TEXT NOT NULL, sha256 TEXT,"
	" size INTEGER NOT NULL, mtime_ms INTEGER NOT NULL, gone INTEGER NOT NULL DEFAULT 0);"
	"CREATE INDEX content_name ON content(room, name) WHERE gone=0;"
	"CREATE INDEX content_message ON content(message) WHERE gone=0;"
	"CREATE INDEX content_gone ON content(gone) WHERE gone=1;"
	"CREATE TABLE node(rowid INTEGER PRIMARY KEY, kind INTEGER NOT NULL, key TEXT NOT "
	"NULL);"
	"CREATE UNIQUE INDEX node_key ON node(kind, key);";

/*
 * room.head_wall_ms: when the newest messages were last listed (-1: never; unless it is -1, the
 * newest span is the head's), head_recent: for how many messages that listing was complete,
 * head_activity_ms: the lastActivity that it accounted for, used_wall_ms: when somebody last
 * used the space, told_ms: messages up to here are no news (-1: unknown). month: how many
 * messages have a body, and how many lack one, in a (space, time_month()), and when it was last
 * opened. sweep: how far old pages were verified. event: the journal; seq from the counter of
 * rowids. Ids of messages begin with their time (sql.c); of authors only the owner has an
 * index. message.log_size: bytes of webex_render_transcript(); -1 in rows that version 1 made.
 */
#define TIME_FIRST(id)                                                                         \
	"CASE typeof(" id ") WHEN 'blob' THEN CAST(substr(" id ",7,2)||substr(" id ",5,2)||"   \
	"substr(" id ",1,4)||substr(" id ",9) AS BLOB) ELSE " id " END"
#define IDS_BY_TIME                                                                            \
	"UPDATE message SET id=" TIME_FIRST("id") ", parent_id=" TIME_FIRST("parent_id") ";"

static const char VERSION_2[] =
	"ALTER TABLE room ADD COLUMN head_wall_ms INTEGER NOT NULL DEFAULT -1;"
	"ALTER TABLE room ADD COLUMN head_recent INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE room ADD COLUMN head_activity_ms INTEGER NOT NULL DEFAULT -1;"
	"ALTER TABLE room ADD COLUMN used_wall_ms INTEGER NOT NULL DEFAULT -1;"
	"ALTER TABLE room ADD COLUMN told_ms INTEGER NOT NULL DEFAULT -1;"
	"UPDATE room SET head_wall_ms=0, head_recent=1000 WHERE rowid IN (SELECT room FROM "
	"span);"
	"UPDATE room SET head_activity_ms=last_activity_ms, told_ms=last_activity_ms;"
	"CREATE INDEX room_news ON room(rowid) WHERE gone=0 AND"
	" head_activity_ms<>last_activity_ms;"
	"ALTER TABLE message ADD COLUMN log_size INTEGER NOT NULL DEFAULT -1;"
	"DROP INDEX message_id;"
	"DROP INDEX message_author;" IDS_BY_TIME
	"CREATE UNIQUE INDEX message_id ON message(id, room);"
	"CREATE INDEX message_own ON message(room, cookie)"
	" WHERE " MESSAGE_IS_OWN " AND deleted=0;"
	"CREATE TABLE month(room INTEGER NOT NULL, month INTEGER NOT NULL,"
	" bodies INTEGER NOT NULL DEFAULT 0, evicted INTEGER NOT NULL DEFAULT 0,"
	" opened_ms INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(room, month)) WITHOUT ROWID;"
	"CREATE INDEX month_opened ON month(opened_ms) WHERE bodies>0;"
	"INSERT INTO month(room, month, bodies) SELECT room,"
	" CAST(strftime('%Y', created_ms/1000, 'unixepoch') AS INTEGER)*12"
	" +CAST(strftime('%m', created_ms/1000, 'unixepoch') AS INTEGER)-1, count(*)"
	" FROM message WHERE deleted=0 GROUP BY 1, 2;"
	"CREATE TABLE sweep(room INTEGER PRIMARY KEY, next_ms INTEGER NOT NULL,"
	" swept_wall_ms INTEGER NOT NULL);"
	"CREATE TABLE event(seq INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL,"
	" what INTEGER NOT NULL, path TEXT NOT NULL);";

/*
 * content: one row for each attachment of a known message. name_key NULL: its name was not
 * asked for yet; retry_ms: the name is provisional and is to be asked for again then, 0 if not;
 * cookie: that of its message; is_proven: size was counted from the bytes, not taken from a
 * header. Messages of an older store whose bodies were dropped are listed anew
 * (contents_adopt).
 */
static const char VERSION_3[] =
	"ALTER TABLE content ADD COLUMN name_key TEXT;"
	"ALTER TABLE content ADD COLUMN cookie INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE content ADD COLUMN retry_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE content ADD COLUMN is_proven INTEGER NOT NULL DEFAULT 0;"
	"DROP INDEX content_name;"
	"CREATE INDEX content_key ON content(room, name_key, cookie) WHERE gone=0;"
	"CREATE INDEX content_place ON content(room, cookie) WHERE gone=0;"
	"CREATE INDEX content_unnamed ON content(room, cookie)"
	" WHERE gone=0 AND (name_key IS NULL OR retry_ms>0);"
	"DELETE FROM span WHERE room IN (SELECT m.room FROM message m"
	" LEFT JOIN body b ON b.message=m.rowid"
	" WHERE m.flags&2 AND m.deleted=0 AND b.message IS NULL);"
	"UPDATE room SET head_wall_ms=-1, head_recent=0"
	" WHERE rowid NOT IN (SELECT room FROM span);";

/*
 * message.form: the version of the text's form (WEBEX_TEXT_FORM, webex/render.h) that txt_size and
 * log_size belong to. Version 3 of the schema wrote the sizes of form 1; version 1 wrote no log_size.
 * meta "sizes.form": every message with a body has the sizes of this form (sizes.c). node: addresses
 * that somebody looked up had a row each; they have none any more (tree/counted.h).
 */
static const char VERSION_4[] =
	"ALTER TABLE message ADD COLUMN form INTEGER NOT NULL DEFAULT 1;"
	"UPDATE message SET form=0 WHERE log_size<0;"
	"DELETE FROM node WHERE kind IN (48, 49);"
	"INSERT OR REPLACE INTO meta(key, value) SELECT '" SIZES_META_FORM "', '1'"
	" WHERE NOT EXISTS(SELECT 1 FROM message WHERE form<>1);";

/*
 * content.said: what the server calls the file where `name` is not quite that, else NULL. Names that
 * were cut have lost their endings: they are asked for again, and no text has them until then
 * (MESSAGE_SHOWS_NAMES). A new store has the sizes of the present form.
 */
static const char VERSION_5[] =
	"ALTER TABLE content ADD COLUMN said TEXT;"
	"UPDATE content SET retry_ms=1 WHERE gone=0 AND message<>0 AND sha256 IS NULL AND"
	" name_key IS NOT NULL AND length(CAST(name AS BLOB))>=240;"
	"UPDATE message SET flags=flags&~32, form=0 WHERE rowid IN"
	" (SELECT message FROM content WHERE retry_ms=1);"
	"INSERT OR REPLACE INTO meta(key, value) SELECT '" SIZES_META_FORM "', '" SIZES_FORM "'"
	" WHERE NOT EXISTS(SELECT 1 FROM message);";

/*
 * room.details_ms, room.members_ms: the time of the last change of the details, of the members, that
 * none of the server's times shows; -1: there was none. Copies of space.json and members.json are
 * compared by their times.
 */
static const char VERSION_6[] =
	"ALTER TABLE room ADD COLUMN details_ms INTEGER NOT NULL DEFAULT -1;"
	"ALTER TABLE room ADD COLUMN members_ms INTEGER NOT NULL DEFAULT -1;";

/*
 * SQLite took room_list and member_list for a look-up by name, too, and read every row: as many of their
 * columns are given as were of room_name and member_name. One more is given now. The other new indexes are
 * those of what each poll, a change of a member and the purge look for.
 */
static const char VERSION_7[] =
	"DROP INDEX room_name;"
	"DROP INDEX room_news;"
	"DROP INDEX member_name;"
	"CREATE INDEX room_name ON room(type, name, gone) WHERE gone=0;"
	"CREATE INDEX room_gone ON room(gone) WHERE gone=1;"
	"CREATE INDEX room_news ON room(last_activity_ms) WHERE gone=0 AND"
	" head_activity_ms<>last_activity_ms;"
	"CREATE INDEX room_activity ON room(last_activity_ms);"
	"CREATE INDEX room_used ON room(used_wall_ms) WHERE gone=0 AND used_wall_ms>=0;"
	"CREATE INDEX member_name ON member(room, name, gone) WHERE gone=0;"
	"CREATE INDEX member_time ON member(room, created_ms) WHERE gone=0;"
	"CREATE INDEX content_list ON content(room, rowid, cookie) WHERE gone=0;"
	"CREATE INDEX event_link ON event(seq) WHERE " EVENT_IS_OF_LINK ";";

/*
 * message.changed_ms, member.changed_ms, room.messages_ms, month.changed_ms: times of changes that no time
 * of the server's shows (times.c); -1: there was none. month.newest_ms: the latest time that a message of
 * the month had. month.verified_ms: since then every message of the month that is known was compared with
 * the server's, 0: never.
 */
static const char VERSION_8[] =
	"ALTER TABLE message ADD COLUMN changed_ms INTEGER NOT NULL DEFAULT -1;"
	"ALTER TABLE member ADD COLUMN changed_ms INTEGER NOT NULL DEFAULT -1;"
	"ALTER TABLE room ADD COLUMN messages_ms INTEGER NOT NULL DEFAULT -1;"
	"ALTER TABLE month ADD COLUMN newest_ms INTEGER NOT NULL DEFAULT -1;"
	"ALTER TABLE month ADD COLUMN changed_ms INTEGER NOT NULL DEFAULT -1;"
	"ALTER TABLE month ADD COLUMN verified_ms INTEGER NOT NULL DEFAULT 0;"
	"UPDATE month SET newest_ms=known.ms FROM (SELECT room,"
	" CAST(strftime('%Y', created_ms/1000, 'unixepoch') AS INTEGER)*12"
	" +CAST(strftime('%m', created_ms/1000, 'unixepoch') AS INTEGER)-1 AS month,"
	" max(max(created_ms, updated_ms)) AS ms FROM message GROUP BY 1, 2) AS known"
	" WHERE known.room=month.room AND known.month=month.month;";

/*
 * thread: one row for each message that is, or may become, a root (threads.h). root: its id; part_of: the
 * thread that this number stands for, 0: itself; whole_ms: when all its replies were known; changed_ms: as
 * month.changed_ms. message.thread: 0, or a row of it whose part_of is 0 (threads_adopt).
 */
static const char VERSION_9[] =
	"ALTER TABLE message ADD COLUMN thread INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX message_thread ON message(thread, cookie) WHERE thread>0 AND deleted=0;"
	"CREATE INDEX message_threaded ON message(room, cookie, thread)"
	" WHERE thread>0 AND deleted=0;"
	"CREATE TABLE thread(rowid INTEGER PRIMARY KEY, room INTEGER NOT NULL, root NOT NULL,"
	" part_of INTEGER NOT NULL DEFAULT 0, stem TEXT, is_lost INTEGER NOT NULL DEFAULT 0,"
	" retry_ms INTEGER NOT NULL DEFAULT 0, whole_ms INTEGER NOT NULL DEFAULT -1,"
	" changed_ms INTEGER NOT NULL DEFAULT -1);"
	"CREATE UNIQUE INDEX thread_root ON thread(root, room);"
	"CREATE INDEX thread_stem ON thread(room, stem);"
	"CREATE INDEX thread_part ON thread(part_of) WHERE part_of<>0;";

/*
 * mention_span: as span, of the messages that mention the owner alone (mentions.h). Of older messages whose
 * bodies were dropped nobody knows whether they do: spans of all messages tell mentions above
 * room.mentions_after_ms alone. room.mentions_wall_ms: when the newest page of mentions was last listed.
 */
static const char VERSION_10[] =
	"ALTER TABLE room ADD COLUMN mentions_after_ms INTEGER NOT NULL DEFAULT -1;"
	"ALTER TABLE room ADD COLUMN mentions_wall_ms INTEGER NOT NULL DEFAULT -1;"
	"CREATE TABLE mention_span(room INTEGER NOT NULL, hi INTEGER NOT NULL,"
	" lo INTEGER NOT NULL, PRIMARY KEY(room, hi)) WITHOUT ROWID;"
	"CREATE INDEX message_mention ON message(room, cookie)"
	" WHERE " MESSAGE_IS_MENTION " AND deleted=0;"
	"CREATE INDEX message_mentions ON message(created_ms)"
	" WHERE " MESSAGE_IS_MENTION " AND deleted=0;"
	"UPDATE room SET mentions_after_ms=ifnull((SELECT max(m.created_ms) FROM message m"
	" LEFT JOIN body b ON b.message=m.rowid WHERE m.room=room.rowid AND m.deleted=0"
	" AND b.message IS NULL), -1);";

/*
 * Teams are rooms (ROOM_IS_TEAM); their ids and those of spaces are looked for apart. room_team: the spaces
 * of a team.
 */
static const char VERSION_11[] =
	"DROP INDEX room_id;"
	"CREATE UNIQUE INDEX room_id ON room(id, " ROOM_IS_TEAM ") WHERE gone=0;"
	"CREATE INDEX room_team ON room(team_id) WHERE gone=0 AND"
	" team_id IS NOT NULL;";

/*
 * message.root_ms, message.root_author: what a reply's row has of its root (roots.c); null for a
 * message that is no reply. log_size is without what a transcript says of it. room.text_version: rises
 * with changes of the space's text that give it no later time. month.longer: the last change that
 * gave the month's text no later time made it longer (1) or shorter (-1); 0: there was none.
 */
static const char VERSION_12[] =
	"ALTER TABLE message ADD COLUMN root_ms INTEGER;"
	"ALTER TABLE message ADD COLUMN root_author TEXT;"
	"ALTER TABLE room ADD COLUMN text_version INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE month ADD COLUMN longer INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX message_parent ON message(parent_id, room) WHERE parent_id IS NOT NULL;";

/*
 * webhook: json is the whole object, NULL when it is gone; title its name on the server; changed_ms: as of a
 * member; pin_until_ms: as of a room.
 */
static const char VERSION_13[] =
	"CREATE TABLE webhook(rowid INTEGER PRIMARY KEY, id NOT NULL,"
	" gone INTEGER NOT NULL DEFAULT 0, name TEXT, name_key TEXT, title TEXT, json TEXT,"
	" created_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL DEFAULT -1,"
	" pin_until_ms INTEGER NOT NULL DEFAULT 0);"
	"CREATE UNIQUE INDEX webhook_id ON webhook(id) WHERE gone=0;"
	"CREATE UNIQUE INDEX webhook_key ON webhook(name_key) WHERE gone=0;"
	"CREATE INDEX webhook_name ON webhook(name) WHERE gone=0;"
	"CREATE INDEX webhook_gone ON webhook(gone) WHERE gone=1;";

/* One script for each version, in order. A new one is added at the end, and SCHEMA_VERSION
 * rises by one. */
static const char *const migrations[SCHEMA_VERSION] = {
	VERSION_1, VERSION_2, VERSION_3,  VERSION_4,  VERSION_5,  VERSION_6, VERSION_7,
	VERSION_8, VERSION_9, VERSION_10, VERSION_11, VERSION_12, VERSION_13};

int schema_tune(struct sql *q, bool in_memory, int cache_kib)
{
	char script[256];

	/*
	 * mmap stays off: a read error of a mapped file would be a SIGBUS, which would end the
	 * mount, and each connection would be charged with the same pages.
	 */
	snprintf(script, sizeof(script),
		 "PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=OFF;"
		 "PRAGMA mmap_size=0; PRAGMA trusted_schema=OFF; PRAGMA synchronous=%s;"
		 "PRAGMA journal_size_limit=16777216; PRAGMA wal_autocheckpoint=2000;",
		 cache_kib, in_memory ? "OFF" : "NORMAL");
	return sql_exec(q, script);
}

static int set_wal(struct sql *q)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(q, "PRAGMA journal_mode=WAL");
	int r = sql_step(&st);

	if (r < 0)
		return r;
	if (!r || g_strcmp0(sql_peek_text(&st, 0), "wal") != 0) {
		log_error("store",
			  "no write-ahead log in this file system; use -o cache=memory");
		return -EIO;
	}
	return 0;
}

/* Decides whether the file is ours or must be set aside. */
static int check_origin(struct sql *q, int64_t *ret_version)
{
	int64_t version = 0, app = 0, tables = 0;
	int r = sql_query_int(q, "PRAGMA user_version", &version);

	if (r == 0)
		r = sql_query_int(q, "PRAGMA application_id", &app);
	if (r == 0)
		r = sql_query_int(q, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r < 0)
		return r;
	if (tables == 0 && version == 0) {
		*ret_version = 0;
		return 0;
	}
	if (app != APPLICATION_ID || version < 1 || version > SCHEMA_VERSION) {
		log_warning("store", "the cache file is of application %llx, version %lld",
			    (unsigned long long)app, (long long)version);
		return -EUCLEAN;
	}
	*ret_version = version;
	return 0;
}

bool schema_is_ours(struct sql *q)
{
	int64_t version = 0, app = 0;

	return sql_query_int(q, "PRAGMA user_version", &version) == 0 &&
	       sql_query_int(q, "PRAGMA application_id", &app) == 0 && app == APPLICATION_ID &&
	       version >= 1 && version <= SCHEMA_VERSION;
}

/* Version 1 had an index of all authors instead. */
static int mark_own(struct sql *q)
{
	g_autofree char *me = meta_text(q, "me.id");
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "UPDATE message SET flags=flags|?1 WHERE"
			    " person=(SELECT rowid FROM person WHERE id=?2)");

	if (!me)
		return 0;
	sql_int(&st, 1, MESSAGE_OWN);
	sql_id(&st, 2, "PEOPLE", me);
	return sql_run(&st);
}

/* What a script cannot do: for stores of an older version than this. */
static const struct {
	int64_t below;
	int (*fn)(struct sql *q);
} adoptions[] = {
	{2, mark_own},	      {3, contents_adopt}, {9, threads_adopt},
	{10, mentions_adopt}, {12, replies_adopt},
};

static int apply_migrations(struct sql *q, int64_t version)
{
	char mark[96];

	for (int64_t v = version; v < SCHEMA_VERSION; v++) {
		int r = sql_exec(q, migrations[v]);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; version > 0 && i < G_N_ELEMENTS(adoptions); i++) {
		int r = version < adoptions[i].below ? adoptions[i].fn(q) : 0;

		if (r < 0)
			return r;
	}
	snprintf(mark, sizeof(mark), "PRAGMA application_id=%d; PRAGMA user_version=%d",
		 APPLICATION_ID, SCHEMA_VERSION);
	return sql_exec(q, mark);
}

/* True if the file is marked as ours but damaged: a table is missing, or an id occurs twice. */
static bool is_odd(struct sql *q)
{
	int rc = sqlite3_errcode(sql_handle(q)) & 0xff;

	return rc == SQLITE_ERROR || rc == SQLITE_CONSTRAINT;
}

int schema_migrate(struct sql *q, bool in_memory)
{
	int64_t version;
	int r = check_origin(q, &version);

	/* Larger pages halve the system calls of a long walk; pages can be given back in pieces
	 * (shrink.c). Both can be set only for a new file. */
	if (r == 0 && version == 0)
		r = sql_exec(q, "PRAGMA page_size=8192; PRAGMA auto_vacuum=INCREMENTAL");
	if (r == 0 && !in_memory)
		r = set_wal(q);
	if (r < 0 || version == SCHEMA_VERSION)
		return r;
	r = sql_exec(q, "BEGIN IMMEDIATE");
	if (r < 0)
		return r;
	r = apply_migrations(q, version);
	if (r < 0 && is_odd(q))
		r = -EUCLEAN;
	if (r == 0)
		r = sql_exec(q, "COMMIT");
	if (r < 0)
		sqlite3_exec(sql_handle(q), "ROLLBACK", NULL, NULL, NULL);
	return r;
}

int schema_max_rowid(struct sql *q, int64_t *ret_rowid)
{
	int r = sql_query_int(q,
			      "SELECT max(ifnull((SELECT max(rowid) FROM room),0),"
			      " ifnull((SELECT max(rowid) FROM message),0),"
			      " ifnull((SELECT max(message) FROM body),0),"
			      " ifnull((SELECT max(rowid) FROM member),0),"
			      " ifnull((SELECT max(rowid) FROM person),0),"
			      " ifnull((SELECT max(rowid) FROM content),0),"
			      " ifnull((SELECT max(rowid) FROM node),0),"
			      " ifnull((SELECT max(rowid) FROM thread),0),"
			      " ifnull((SELECT max(rowid) FROM webhook),0),"
			      " ifnull((SELECT max(room) FROM span),0),"
			      " ifnull((SELECT max(seq) FROM event),0),"
			      " ifnull((SELECT CAST(value AS INTEGER) FROM meta"
			      "  WHERE key='rowid.last'),0))",
			      ret_rowid);

	if (r < 0 && is_odd(q))
		r = -EUCLEAN;
	return r;
}
