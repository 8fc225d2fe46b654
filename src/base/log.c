/* SPDX-License-Identifier: MIT */
/*
 * A process has one log, since it has one stderr and one syslog. Nothing is written to them
 * under the lock: a stderr that nobody reads must not stop the other threads.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/timefmt.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static GQueue ring = G_QUEUE_INIT;		    /* lock; of char *, each with its newline */
static size_t ring_bytes;			    /* lock */
static char *last_error;			    /* lock */
static enum log_level level_shown = LOG_LEVEL_INFO; /* atomic */
static enum log_sink sink_used = LOG_SINK_STDERR;   /* atomic */

static const char *level_word(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "?";
}

static int syslog_priority(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return LOG_ERR;
	case LOG_LEVEL_WARNING:
		return LOG_WARNING;
	case LOG_LEVEL_INFO:
		return LOG_INFO;
	case LOG_LEVEL_DEBUG:
		return LOG_DEBUG;
	}
	return LOG_ERR;
}

void log_set_level(enum log_level level)
{
	__atomic_store_n(&level_shown, level, __ATOMIC_RELAXED);
}

void log_set_sink(enum log_sink sink)
{
	__atomic_store_n(&sink_used, sink, __ATOMIC_RELAXED);
}

enum log_level log_get_level(void)
{
	return __atomic_load_n(&level_shown, __ATOMIC_RELAXED);
}

/*
 * `raw` as one line of valid UTF-8 without control characters (C0, DEL, C1), so that what the
 * server says can neither forge a line nor speak to a terminal. Owned.
 */
static char *clean_line(char *raw)
{
	char *valid = g_utf8_make_valid(g_strchomp(raw), -1);
	GString *line = g_string_sized_new(strlen(valid));

	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		g_string_append_unichar(line, g_unichar_iscntrl(c) ? '?' : c);
	}
	g_free(valid);
	return g_string_free(line, FALSE);
}

static void ring_add_locked(char *line)
{
	g_queue_push_tail(&ring, line);
	ring_bytes += strlen(line);
	while (ring_bytes > LOG_RING_BYTES) {
		char *oldest = g_queue_pop_head(&ring);

		ring_bytes -= strlen(oldest);
		g_free(oldest);
	}
}

static void write_sink(enum log_level level, const char *area, const char *text)
{
	char *line;
	ssize_t n;

	switch (__atomic_load_n(&sink_used, __ATOMIC_RELAXED)) {
	case LOG_SINK_STDERR:
		line = g_strdup_printf("sparkfs: %s: %s: %s\n", level_word(level), area, text);
		n = write(STDERR_FILENO, line, strlen(line));
		(void)n;
		g_free(line);
		break;
	case LOG_SINK_SYSLOG:
		syslog(syslog_priority(level), "%s: %s", area, text);
		break;
	case LOG_SINK_NONE:
		break;
	}
}

static void emit(enum log_level level, const char *area, const char *text)
{
	char now[TIME_ISO_SIZE];
	char *line;

	time_format_iso(clock_wall(clock_system()), now);
	line = g_strdup_printf("%s %s %s: %s\n", now, level_word(level), area, text);
	pthread_mutex_lock(&lock);
	ring_add_locked(line);
	pthread_mutex_unlock(&lock);
	write_sink(level, area, text);
}

void log_write(enum log_level level, const char *area, const char *fmt, ...)
{
	char raw[LOG_LINE_MAX];
	va_list args;
	char *text;

	if (level > log_get_level())
		return;
	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	text = clean_line(raw);
	emit(level, area, text);
	g_free(text);
}

void log_last_error(const char *fmt, ...)
{
	char raw[LOG_LINE_MAX], now[TIME_ISO_SIZE];
	char *text, *line, *old;
	va_list args;

	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	text = clean_line(raw);
	time_format_iso(clock_wall(clock_system()), now);
	line = g_strdup_printf("%s %s\n", now, text);

	pthread_mutex_lock(&lock);
	old = last_error;
	last_error = line;
	pthread_mutex_unlock(&lock);
	g_free(old);

	if (LOG_LEVEL_WARNING <= log_get_level())
		emit(LOG_LEVEL_WARNING, "error", text);
	g_free(text);
}

void log_snapshot(GString *out)
{
	pthread_mutex_lock(&lock);
	for (const GList *l = ring.head; l; l = l->next)
		g_string_append(out, l->data);
	pthread_mutex_unlock(&lock);
}

void log_last_error_snapshot(GString *out)
{
	pthread_mutex_lock(&lock);
	if (last_error)
		g_string_append(out, last_error);
	pthread_mutex_unlock(&lock);
}
