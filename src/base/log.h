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

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_sink { LOG_SINK_STDERR, LOG_SINK_SYSLOG, LOG_SINK_NONE };

/* Bytes kept in the ring; older lines fall out whole. */
#define LOG_RING_BYTES (256 * 1024)
#define LOG_LINE_MAX 2048

void log_set_level(enum log_level level);
void log_set_sink(enum log_sink sink);
enum log_level log_get_level(void);

/* `area` is a short word: http, api, store, cache, tree, fuse, main. */
void log_write(enum log_level level, const char *area, const char *fmt, ...)
	G_GNUC_PRINTF(3, 4);

#define log_error(area, ...) log_write(LOG_LEVEL_ERROR, area, __VA_ARGS__)
#define log_warning(area, ...) log_write(LOG_LEVEL_WARNING, area, __VA_ARGS__)
#define log_info(area, ...) log_write(LOG_LEVEL_INFO, area, __VA_ARGS__)
#define log_debug(area, ...) log_write(LOG_LEVEL_DEBUG, area, __VA_ARGS__)

/* Remembers one line (with its time) as the last error and logs it as a warning. */
void log_last_error(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

/* Appends the ring's whole lines, oldest first, to `out`. */
void log_snapshot(GString *out);
/* Appends the last error and a newline, or nothing if there was none. */
void log_last_error_snapshot(GString *out);
