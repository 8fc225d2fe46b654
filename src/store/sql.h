/* SPDX-License-Identifier: MIT */
/*
 * One SQLite connection: statements that are prepared once, short functions to bind and step,
 * and the one place where SQLite's results become errnos.
 *
 * A statement is a value on the stack that releases itself:
 *
 *	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(q, "SELECT name FROM room WHERE
 * id=?1");
 *
 *	sql_int(&st, 1, id);
 *	r = sql_step(&st);
 *
 * A statement keeps its first error: the caller binds without checks, and sql_step() returns
 * the error. The text must be a literal, since its address is the key of the cache. A statement
 * that is in use is prepared a second time, so that the callback of a listing may list, too.
 *
 * Ids (webex-api.md 4) are bound by sql_id(): as the 16 bytes of their UUID if cluster "us",
 * the given type and these bytes make exactly the same text again, else as text. For type
 * "MESSAGE" the bytes are reordered so that they begin with the UUID's time (since version 2 of
 * the schema).
 *
 * Errors: -EIO, -ENOSPC, -ENOMEM; they are logged here, repetitions of one cause only once. A
 * connection that meets a corrupt file leaves a mark beside it (broken_mark), so that the next
 * open sets the file aside.
 *
 * Thread rule: a connection is used by one thread at a time.
 */
#pragma once

#include <glib.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct sql;
struct sql_cached;

/* Opens `uri` (SQLite's URI form) read-write. `broken_mark`: a path, may be NULL; copied. */
int sql_open(const char *uri, const char *broken_mark, struct sql **ret_sql);
/* Closes and sets to NULL. NULL is fine. */
void sql_close(struct sql **q);
sqlite3 *sql_handle(struct sql *q);

/* Logs what SQLite said and turns it into -errno. */
int sql_failed(struct sql *q, int rc);

/* Runs a script without parameters. */
int sql_exec(struct sql *q, const char *script);

struct sql_stmt {
	struct sql *q;
	struct sql_cached *cached; /* NULL: not cached, sql_done() finalizes it */
	sqlite3_stmt *st;
	int error; /* 0, or the first -errno */
};

struct sql_stmt sql_stmt(struct sql *q, const char *text);
void sql_done(struct sql_stmt *s);

/* Parameters. Texts and bytes are borrowed until sql_done() or the next sql_step(). */
void sql_int(struct sql_stmt *s, int at, int64_t value);
void sql_text(struct sql_stmt *s, int at, const char *text);		    /* NULL: null */
void sql_bytes(struct sql_stmt *s, int at, const void *bytes, size_t size); /* NULL: null */
void sql_id(struct sql_stmt *s, int at, const char *type, const char *id);  /* NULL: null */
/* The bytes that sql_id() binds; false if it binds the text. */
bool sql_id_bytes(const char *type, const char *id, uint8_t ret_bytes[static 16]);
/* webex_id_uuid_time() of a message's id, from its bytes. */
uint64_t sql_id_time(const uint8_t bytes[static 16]);

/* 1: there is a row; 0: no more of them; -errno. */
int sql_step(struct sql_stmt *s);
/* Runs a statement that yields no rows, and makes it ready to be bound and run again. 0 or
 * -errno. */
int sql_run(struct sql_stmt *s);
/* The same. 1: it changed a row; 0: it changed none; -errno. */
int sql_run_any(struct sql_stmt *s);

/* The first column of the first row, 0 if there is none, of a statement without parameters. */
int sql_query_int(struct sql *q, const char *text, int64_t *ret_value);

/* Columns, from 0. Texts are owned (g_free) unless said otherwise; NULL where it is null. */
int64_t sql_get_int(struct sql_stmt *s, int column);
char *sql_get_text(struct sql_stmt *s, int column);
const char *sql_peek_text(struct sql_stmt *s, int column); /* borrowed until the next step */
const void *sql_peek_bytes(struct sql_stmt *s, int column, size_t *ret_size);
bool sql_is_null(struct sql_stmt *s, int column);
/* True if the column holds an id as bytes, not as text. */
bool sql_is_bytes(struct sql_stmt *s, int column);
char *sql_get_id(struct sql_stmt *s, int column, const char *type);
