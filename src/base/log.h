/* SPDX-License-Identifier: MIT */
/*
 * The log: lines to stderr (while in the foreground) or syslog (in the background), and always
 * to a bounded ring in memory that `.sparkfs/log` shows. It also keeps the last error that a
 * person was given, which `.sparkfs/last-error` shows. Never pass a token or an Authorization
 * header; control characters in a message are replaced, since parts of it come from the server.
 * Thread rule: any thread.
 */
#pragma once

#include <glib.h>
#include <stdarg.h>
#include <sys/types.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_sink { LOG_SINK_STDERR, LOG_SINK_SYSLOG, LOG_SINK_NONE };

/* Bytes kept in the ring; older lines fall out whole. */
#define LOG_RING_BYTES (256 * 1024)
#define LOG_LINE_MAX 2048

void log_set_level(enum log_level level);
/* Where stderr is the journal of a service, lines there begin with their priority (sd-daemon(3)), by which
 * `journalctl -p warning` chooses. */
void log_set_sink(enum log_sink sink);
enum log_level log_get_level(void);

/* `area` is a short word: http, api, store, cache, tree, fuse, main. */
void log_write(enum log_level level, const char *area, const char *fmt, ...)
	G_GNUC_PRINTF(3, 4);

#define log_error(area, ...) log_write(LOG_LEVEL_ERROR, area, __VA_ARGS__)
#define log_warning(area, ...) log_write(LOG_LEVEL_WARNING, area, __VA_ARGS__)
#define log_info(area, ...) log_write(LOG_LEVEL_INFO, area, __VA_ARGS__)
#define log_debug(area, ...) log_write(LOG_LEVEL_DEBUG, area, __VA_ARGS__)

/*
 * The last error is one line, with its time. Of several sessions (setsid(2): a terminal, a service)
 * that are told something at once each finds its own: what a session was told is what its processes
 * read for LOG_ERROR_OWN_MS; after that they read the newest of all.
 */
#define LOG_ERROR_OWN_MS 60000
/* So many sessions are told apart. */
#define LOG_ERRORS_MAX 64

/* Remembers one line as the last error of everybody and logs it as a warning, unless it is what was
 * said before. For what fails when nobody's request waits for it; a request that is refused carries
 * its words (tree_refuse in tree/tree.h). */
void log_last_error(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
/* The same as the last error of the session of process or thread `pid`; 0: unknown. */
void log_last_error_of(pid_t pid, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* Takes back what everybody was told, if it is this line: it holds no more. */
void log_last_error_withdraw(const char *line);
/* How often everybody was told something so far. */
unsigned log_last_error_count(void);

/* Appends the ring's whole lines, oldest first, to `out`. */
void log_snapshot(GString *out);
/* Appends the last error and a newline, or nothing if there was none, as process `reader` is to see
 * it (0: unknown). */
void log_last_error_snapshot(pid_t reader, GString *out);
