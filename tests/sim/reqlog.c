/* SPDX-License-Identifier: MIT */
#include "reqlog.h"

#include "json_util.h"

#include <time.h>

int64_t wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

struct reqlog *reqlog_new(void)
{
	struct reqlog *log = g_new0(struct reqlog, 1);

	g_queue_init(&log->entries);
	log->next = 1;
	return log;
}

char *reqlog_text(const char *text)
{
	return text ? g_utf8_make_valid(text, -1) : NULL;
}

void reqlog_unref(struct log_entry *e)
{
	if (!e || --e->refs)
		return;
	g_free(e->path);
	g_free(e->query);
	g_free(e->person);
	g_free(e->agent);
	g_free(e->encoding);
	g_free(e->range);
	g_free(e);
}

struct log_entry *reqlog_begin(struct reqlog *log, const char *method, const char *path,
			       const char *query)
{
	struct log_entry *e = g_new0(struct log_entry, 1);

	e->refs = 2;
	e->n = log->next++;
	e->method = method;
	e->path = reqlog_text(path);
	e->query = reqlog_text(query);
	e->started_ms = wall_ms();
	g_queue_push_tail(&log->entries, e);
	while (log->entries.length > REQLOG_MAX) {
		reqlog_unref(g_queue_pop_head(&log->entries));
		log->dropped++;
	}
	return e;
}

void reqlog_clear(struct reqlog *log)
{
	while (log->entries.length)
		reqlog_unref(g_queue_pop_head(&log->entries));
	log->dropped = 0;
}

void reqlog_append(const struct reqlog *log, uint64_t since, GString *out)
{
	for (GList *l = log->entries.head; l; l = l->next) {
		const struct log_entry *e = l->data;

		if (e->n < since)
			continue;
		jw_open(out, NULL, '{');
		jw_int(out, "n", (int64_t)e->n);
		jw_str(out, "method", e->method);
		jw_str(out, "path", e->path);
		jw_str(out, "query", e->query ? e->query : "");
		jw_int(out, "status", e->status);
		jw_raw(out, "token", e->person ? NULL : "null");
		jw_str(out, "token", e->person);
		jw_int(out, "startedMs", e->started_ms);
		if (e->ended_ms)
			jw_int(out, "endedMs", e->ended_ms);
		else
			jw_raw(out, "endedMs", "null");
		jw_int(out, "bytesIn", (int64_t)e->bytes_in);
		jw_int(out, "bytesOut", (int64_t)e->bytes_out);
		if (e->fault)
			jw_int(out, "fault", e->fault);
		jw_str(out, "note", e->note);
		jw_str(out, "userAgent", e->agent);
		jw_str(out, "acceptEncoding", e->encoding);
		jw_str(out, "range", e->range);
		jw_close(out, '}');
	}
}
