/* SPDX-License-Identifier: MIT */
/*
 * The request log that tests read at /_sim/log. Entries are shared by the list and by the
 * request in flight (reference count), so clearing the log does not disturb requests.
 * Touched only by the server's thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define REQLOG_MAX 200000

struct log_entry {
	int refs;
	uint64_t n;
	const char *method; /* interned */
	char *path, *query, *person, *agent, *encoding, *range;
	unsigned status;  /* 0 while there is none, and for a reset or a client gone */
	const char *note; /* static: reset, gone, hang, NULL */
	int fault;
	int64_t started_ms, ended_ms; /* 0 = not yet */
	uint64_t bytes_in, bytes_out;
};

struct reqlog {
	GQueue entries; /* struct log_entry, oldest first */
	uint64_t next, dropped;
};

struct reqlog *reqlog_new(void);
/* Returned with two references: the list's and the caller's. */
struct log_entry *reqlog_begin(struct reqlog *log, const char *method, const char *path,
			       const char *query);
/* A copy that is valid UTF-8, NULL for NULL: clients send anything. */
char *reqlog_text(const char *text);
void reqlog_unref(struct log_entry *e);
void reqlog_clear(struct reqlog *log);
/* JSON array elements from number `since` on. */
void reqlog_append(const struct reqlog *log, uint64_t since, GString *out);
int64_t wall_ms(void);
