/* SPDX-License-Identifier: MIT */
/*
 * A process has one log, since it has one stderr and one syslog. Nothing is written to them
 * under the lock: a stderr that nobody reads must not stop the other threads.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/chars.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/session.h"
#include "base/timefmt.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static GQueue ring = G_QUEUE_INIT;		    /* lock; of char *, each with its newline */
static size_t ring_bytes;			    /* lock */
static GQueue errors = G_QUEUE_INIT;		    /* lock; of struct said, newest first */
static unsigned n_of_all;			    /* lock; how often everybody was told */
static enum log_level level_shown = LOG_LEVEL_INFO; /* atomic */
static enum log_sink sink_used = LOG_SINK_STDERR;   /* atomic */
static bool is_journal;				    /* atomic; stderr is systemd's journal */

/* What somebody was told last: one for each session. */
struct said {
	pid_t session; /* 0: unknown, so it is everybody's */
	int64_t mono_ms;
	char *text, *line;
};

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

/* JOURNAL_STREAM says which file the journal has given us; it may be another one by now. */
static bool stderr_is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	_cleanup_gfree_ char *mine = NULL;
	struct stat st;

	if (!text || fstat(STDERR_FILENO, &st) < 0)
		return false;
	mine = g_strdup_printf("%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(text, mine) == 0;
}

void log_set_sink(enum log_sink sink)
{
	__atomic_store_n(&is_journal, sink == LOG_SINK_STDERR && stderr_is_journal(),
			 __ATOMIC_RELAXED);
	__atomic_store_n(&sink_used, sink, __ATOMIC_RELAXED);
}

enum log_level log_get_level(void)
{
	return __atomic_load_n(&level_shown, __ATOMIC_RELAXED);
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
		line = __atomic_load_n(&is_journal, __ATOMIC_RELAXED)
			       ? g_strdup_printf("<%d>%s: %s\n", syslog_priority(level), area,
						 text)
			       : g_strdup_printf("sparkfs: %s: %s: %s\n", level_word(level),
						 area, text);
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
	text = chars_line(g_strchomp(raw));
	emit(level, area, text);
	g_free(text);
}

/* ---- the last error ---- */

static void said_free(struct said *s)
{
	g_free(s->text);
	g_free(s->line);
	g_free(s);
}

/* Takes out what the session was told before; NULL: nothing. */
static struct said *take_said_locked(pid_t session)
{
	for (GList *l = errors.head; l; l = l->next) {
		struct said *s = l->data;

		if (s->session != session)
			continue;
		g_queue_delete_link(&errors, l);
		return s;
	}
	return NULL;
}

/* Adopts the text. */
static void remember(pid_t session, char *text)
{
	struct said *new = g_new(struct said, 1), *old, *oldest = NULL;
	/* Without the lock others may replace and free what is remembered. */
	_cleanup_gfree_ char *shown = g_strdup(text);
	char now[TIME_ISO_SIZE];
	bool is_news;

	time_format_iso(clock_wall(clock_system()), now);
	*new = (struct said){
		.session = session,
		.mono_ms = clock_mono(clock_system()),
		.text = text,
		.line = g_strdup_printf("%s %s\n", now, text),
	};
	pthread_mutex_lock(&lock);
	old = take_said_locked(session);
	is_news = !old || strcmp(old->text, text) != 0;
	g_queue_push_head(&errors, new);
	if (errors.length > LOG_ERRORS_MAX)
		oldest = g_queue_pop_tail(&errors);
	n_of_all += session == 0;
	pthread_mutex_unlock(&lock);
	if (is_news && LOG_LEVEL_WARNING <= log_get_level())
		emit(LOG_LEVEL_WARNING, "error", shown);
	g_clear_pointer(&old, said_free);
	g_clear_pointer(&oldest, said_free);
}

static void say(pid_t pid, const char *fmt, va_list args) G_GNUC_PRINTF(2, 0);

static void say(pid_t pid, const char *fmt, va_list args)
{
	char raw[LOG_LINE_MAX];

	vsnprintf(raw, sizeof(raw), fmt, args);
	remember(session_of(pid), chars_line(g_strchomp(raw)));
}

void log_last_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(0, fmt, args);
	va_end(args);
}

void log_last_error_of(pid_t pid, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(pid, fmt, args);
	va_end(args);
}

void log_last_error_withdraw(const char *line)
{
	char *text = chars_line(line);
	struct said *old = NULL;

	pthread_mutex_lock(&lock);
	for (GList *l = errors.head; l; l = l->next) {
		struct said *s = l->data;

		if (s->session || strcmp(s->text, text) != 0)
			continue;
		old = s;
		g_queue_delete_link(&errors, l);
		break;
	}
	pthread_mutex_unlock(&lock);
	g_clear_pointer(&old, said_free);
	g_free(text);
}

unsigned log_last_error_count(void)
{
	unsigned n;

	pthread_mutex_lock(&lock);
	n = n_of_all;
	pthread_mutex_unlock(&lock);
	return n;
}

void log_snapshot(GString *out)
{
	pthread_mutex_lock(&lock);
	for (const GList *l = ring.head; l; l = l->next)
		g_string_append(out, l->data);
	pthread_mutex_unlock(&lock);
}

/* For a session that was told something a short time ago: the newest of that and of what is
 * everybody's. Else the newest of all. */
static const struct said *choose_locked(pid_t session)
{
	int64_t since = clock_mono(clock_system()) - LOG_ERROR_OWN_MS;
	const struct said *newest = NULL;

	for (const GList *l = errors.head; l; l = l->next) {
		const struct said *s = l->data;

		if (!newest && (!s->session || s->session == session))
			newest = s;
		if (session && s->session == session && s->mono_ms >= since)
			return newest;
	}
	return g_queue_peek_head(&errors);
}

void log_last_error_snapshot(pid_t reader, GString *out)
{
	pid_t session = session_of(reader);
	const struct said *s;

	pthread_mutex_lock(&lock);
	s = choose_locked(session);
	if (s)
		g_string_append(out, s->line);
	pthread_mutex_unlock(&lock);
}
