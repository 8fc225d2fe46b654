/* SPDX-License-Identifier: MIT */
#include "store/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/private.h"
#include "webex/id.h"

/* Readers never wait for the writer in WAL mode; this covers recovery after a crash. */
#define BUSY_TIMEOUT_MS 10000

struct sql {
	sqlite3 *db;
	GHashTable *cache; /* text (its address) -> struct sql_cached */
	char *broken_mark;
	int last_logged; /* the last result of SQLite that was logged, so that a dead disk does
			  * not fill the log */
};

struct sql_cached {
	sqlite3_stmt *st;
	bool in_use;
};

static void cached_free(void *p)
{
	struct sql_cached *c = p;

	sqlite3_finalize(c->st);
	g_free(c);
}

static pthread_once_t configured = PTHREAD_ONCE_INIT;

/* SQLite's memory statistics would take a mutex of the process for each allocation. */
static void configure(void)
{
	if (sqlite3_config(SQLITE_CONFIG_MULTITHREAD) ||
	    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0))
		log_debug("store", "SQLite was configured by somebody else");
}

/* After a failed COMMIT sqlite3_system_errno() is not set, but errno is. */
static int to_errno(int rc)
{
	int err = errno;

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_IOERR:
		if (rc == SQLITE_IOERR_NOMEM)
			return -ENOMEM;
		/* EFBIG: the file size limit of the process was reached, which is like a full
		 * disk. */
		return err == ENOSPC || err == EDQUOT || err == EFBIG ? -ENOSPC : -EIO;
	default:
		return -EIO;
	}
}

static void mark_broken(const struct sql *q)
{
	int fd;

	if (q->broken_mark && private_file(q->broken_mark, O_WRONLY | O_CREAT, &fd) == 0)
		close(fd);
}

int sql_failed(struct sql *q, int rc)
{
	int r = to_errno(rc);

	if (q && q->last_logged != rc) {
		q->last_logged = rc;
		log_error("store", "SQLite: %s (%d)%s%s", sqlite3_errmsg(q->db), rc,
			  r == -ENOSPC ? ": " : "", r == -ENOSPC ? "no space" : "");
	}
	if (q && ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB))
		mark_broken(q);
	return r;
}

int sql_open(const char *uri, const char *broken_mark, struct sql **ret_sql)
{
	struct sql *q = g_new0(struct sql, 1);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI |
		    SQLITE_OPEN_NOMUTEX;
	int rc, r;

	pthread_once(&configured, configure);
	q->cache = g_hash_table_new_full(NULL, NULL, NULL, cached_free);
	rc = sqlite3_open_v2(uri, &q->db, flags, NULL);
	if (rc != SQLITE_OK) {
		r = sql_failed(q, rc);
		sql_close(&q);
		return r;
	}
	q->broken_mark = g_strdup(broken_mark);
	sqlite3_extended_result_codes(q->db, 1);
	sqlite3_busy_timeout(q->db, BUSY_TIMEOUT_MS);
	*ret_sql = q;
	return 0;
}

void sql_close(struct sql **q)
{
	if (!*q)
		return;
	g_hash_table_destroy((*q)->cache);
	if (sqlite3_close((*q)->db) != SQLITE_OK)
		log_error("store", "SQLite: a statement was left open");
	g_free((*q)->broken_mark);
	g_free(*q);
	*q = NULL;
}

sqlite3 *sql_handle(struct sql *q)
{
	return q->db;
}

int sql_exec(struct sql *q, const char *script)
{
	int rc;

	errno = 0;
	rc = sqlite3_exec(q->db, script, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : sql_failed(q, rc);
}

struct sql_stmt sql_stmt(struct sql *q, const char *text)
{
	struct sql_cached *cached = g_hash_table_lookup(q->cache, text);
	struct sql_stmt s = {.q = q};
	int rc;

	if (cached && !cached->in_use) {
		cached->in_use = true;
		s.cached = cached;
		s.st = cached->st;
		return s;
	}
	errno = 0;
	rc = sqlite3_prepare_v3(q->db, text, -1, cached ? 0 : SQLITE_PREPARE_PERSISTENT, &s.st,
				NULL);
	if (rc != SQLITE_OK) {
		s.error = sql_failed(q, rc);
		return s;
	}
	if (!cached) {
		s.cached = g_new0(struct sql_cached, 1);
		s.cached->st = s.st;
		s.cached->in_use = true;
		g_hash_table_insert(q->cache, (void *)text, s.cached);
	}
	return s;
}

void sql_done(struct sql_stmt *s)
{
	if (!s->st)
		return;
	if (s->cached) {
		sqlite3_reset(s->st);
		sqlite3_clear_bindings(s->st);
		s->cached->in_use = false;
	} else {
		sqlite3_finalize(s->st);
	}
	s->st = NULL;
}

static void bound(struct sql_stmt *s, int rc)
{
	if (rc != SQLITE_OK)
		s->error = sql_failed(s->q, rc);
}

void sql_int(struct sql_stmt *s, int at, int64_t value)
{
	if (!s->error)
		bound(s, sqlite3_bind_int64(s->st, at, value));
}

void sql_text(struct sql_stmt *s, int at, const char *text)
{
	if (!s->error)
		bound(s, sqlite3_bind_text(s->st, at, text, -1, SQLITE_STATIC));
}

void sql_bytes(struct sql_stmt *s, int at, const void *bytes, size_t size)
{
	if (!s->error)
		bound(s, sqlite3_bind_blob64(s->st, at, bytes, size, SQLITE_STATIC));
}

/*
 * Puts the time fields of a message's UUID first, so that messages of about one time stand
 * together in the index of ids: a page of history then touches only a few leaves of the index.
 */
static void order_by_time(const uint8_t uuid[static 16], uint8_t ret_ordered[static 16])
{
	memcpy(ret_ordered, uuid + 6, 2);
	memcpy(ret_ordered + 2, uuid + 4, 2);
	memcpy(ret_ordered + 4, uuid, 4);
	memcpy(ret_ordered + 8, uuid + 8, 8);
}

static void order_as_usual(const uint8_t ordered[static 16], uint8_t ret_uuid[static 16])
{
	memcpy(ret_uuid + 6, ordered, 2);
	memcpy(ret_uuid + 4, ordered + 2, 2);
	memcpy(ret_uuid, ordered + 4, 4);
	memcpy(ret_uuid + 8, ordered + 8, 8);
}

bool sql_id_bytes(const char *type, const char *id, uint8_t ret_bytes[static 16])
{
	uint8_t uuid[16];

	if (!webex_id_to_uuid(id, type, uuid))
		return false;
	if (strcmp(type, "MESSAGE") == 0)
		order_by_time(uuid, ret_bytes);
	else
		memcpy(ret_bytes, uuid, sizeof(uuid));
	return true;
}

uint64_t sql_id_time(const uint8_t bytes[static 16])
{
	uint8_t uuid[16];

	order_as_usual(bytes, uuid);
	return webex_uuid_time(uuid);
}

void sql_id(struct sql_stmt *s, int at, const char *type, const char *id)
{
	uint8_t bytes[16];

	if (s->error)
		return;
	if (id && sql_id_bytes(type, id, bytes))
		bound(s, sqlite3_bind_blob(s->st, at, bytes, sizeof(bytes), SQLITE_TRANSIENT));
	else
		sql_text(s, at, id);
}

int sql_step(struct sql_stmt *s)
{
	int rc;

	if (s->error)
		return s->error;
	errno = 0;
	rc = sqlite3_step(s->st);
	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	s->error = sql_failed(s->q, rc);
	return s->error;
}

int sql_run(struct sql_stmt *s)
{
	int r = sql_step(s);

	if (s->st)
		sqlite3_reset(s->st);
	return r < 0 ? r : 0;
}

int sql_run_any(struct sql_stmt *s)
{
	int r = sql_run(s);

	return r < 0 ? r : sqlite3_changes64(sql_handle(s->q)) > 0;
}

int sql_query_int(struct sql *q, const char *text, int64_t *ret_value)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(q, text);
	int r = sql_step(&st);

	if (r < 0)
		return r;
	*ret_value = r ? sql_get_int(&st, 0) : 0;
	return 0;
}

int64_t sql_get_int(struct sql_stmt *s, int column)
{
	return sqlite3_column_int64(s->st, column);
}

const char *sql_peek_text(struct sql_stmt *s, int column)
{
	return (const char *)sqlite3_column_text(s->st, column);
}

char *sql_get_text(struct sql_stmt *s, int column)
{
	return g_strdup(sql_peek_text(s, column));
}

const void *sql_peek_bytes(struct sql_stmt *s, int column, size_t *ret_size)
{
	const void *bytes = sqlite3_column_blob(s->st, column);

	*ret_size = (size_t)sqlite3_column_bytes(s->st, column);
	return bytes;
}

bool sql_is_null(struct sql_stmt *s, int column)
{
	return sqlite3_column_type(s->st, column) == SQLITE_NULL;
}

bool sql_is_bytes(struct sql_stmt *s, int column)
{
	return sqlite3_column_type(s->st, column) == SQLITE_BLOB;
}

char *sql_get_id(struct sql_stmt *s, int column, const char *type)
{
	char text[WEBEX_ID_USUAL_SIZE];
	uint8_t uuid[16];
	const void *bytes;
	size_t size;

	if (sqlite3_column_type(s->st, column) != SQLITE_BLOB)
		return sql_get_text(s, column);
	bytes = sql_peek_bytes(s, column, &size);
	if (size != sizeof(uuid))
		return NULL;
	if (strcmp(type, "MESSAGE") == 0)
		order_as_usual(bytes, uuid);
	else
		memcpy(uuid, bytes, sizeof(uuid));
	webex_id_from_uuid(uuid, type, text);
	return g_strdup(text);
}
