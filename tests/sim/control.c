/* SPDX-License-Identifier: MIT */
#include "control.h"

#include "control_data.h"
#include "oauth.h"

#include <stdlib.h>
#include <string.h>

static void health(struct req *rq)
{
	GString *out = req_ok(rq);

	jw_open(out, NULL, '{');
	jw_str(out, "status", "ok");
	jw_int(out, "port", rq->sim->port);
	jw_int(out, "parked", park_count(rq->sim->park));
	jw_int(out, "people", rq->sim->people->len);
	jw_int(out, "rooms", rq->sim->rooms->len);
	jw_int(out, "messages", g_hash_table_size(rq->sim->messages_by_uuid));
	jw_int(out, "webhooks", rq->sim->webhooks->len);
	jw_close(out, '}');
}

static void log_get(struct req *rq)
{
	const char *since = req_param(rq, "since");
	GString *out = req_ok(rq);

	jw_open(out, NULL, '{');
	jw_open(out, "items", '[');
	reqlog_append(rq->sim->log, since ? g_ascii_strtoull(since, NULL, 10) : 0, out);
	jw_close(out, ']');
	jw_int(out, "dropped", (int64_t)rq->sim->log->dropped);
	jw_close(out, '}');
}

static void log_delete(struct req *rq)
{
	reqlog_clear(rq->sim->log);
	req_no_content(rq);
}

static void faults_get(struct req *rq)
{
	GString *out = req_ok(rq);

	jw_open(out, NULL, '{');
	jw_open(out, "items", '[');
	faults_append(rq->sim->faults, out);
	jw_close(out, ']');
	jw_close(out, '}');
}

static void faults_post(struct req *rq)
{
	cJSON *body = req_json(rq);
	const char *why = NULL;
	GString *out;
	int id;

	if (!body)
		return;
	id = faults_add(rq->sim->faults, body, &why);
	if (id < 0) {
		req_error(rq, 400, "%s", why);
		return;
	}
	out = req_ok(rq);
	jw_open(out, NULL, '{');
	jw_int(out, "id", id);
	jw_close(out, '}');
}

static void faults_delete(struct req *rq)
{
	int id = rq->n_segments > 2 ? atoi(rq->segments[2]) : 0;

	if (!faults_remove(rq->sim->faults, id) && rq->n_segments > 2) {
		req_error(rq, 404, "no such fault");
		return;
	}
	park_release(rq->sim->park, id);
	req_no_content(rq);
}

static void clock_answer(struct req *rq)
{
	GString *out = req_ok(rq);

	jw_open(out, NULL, '{');
	jw_time(out, "now", data_now(rq->sim));
	jw_int(out, "offsetMs", rq->sim->clock_offset);
	jw_close(out, '}');
}

static void clock_post(struct req *rq)
{
	cJSON *body = req_json(rq);
	int64_t ms;

	if (!body)
		return;
	if (jr_str(body, "now")) {
		if (iso_parse(jr_str(body, "now"), &ms)) {
			req_error(rq, 400, "now is no time");
			return;
		}
		rq->sim->clock_offset += ms - data_now(rq->sim);
	}
	rq->sim->clock_offset =
		(int64_t)jr_num(body, "offsetMs", (double)rq->sim->clock_offset);
	rq->sim->clock_offset += (int64_t)jr_num(body, "advanceMs", 0);
	clock_answer(rq);
}

static void rate_post(struct req *rq)
{
	cJSON *body = req_json(rq);
	struct rate *rate = &rq->sim->rate;
	const char *text;

	if (!body)
		return;
	rate->limit = (int)jr_num(body, "limit", rate->limit);
	text = jr_str(body, "retryAfter");
	g_strlcpy(rate->retry_after, text ? text : "", sizeof(rate->retry_after));
	rate->html = jr_bool(body, "html") == 1;
	for (guint i = 0; i < rq->sim->people->len; i++)
		((struct person *)rq->sim->people->pdata[i])->bucket = -1;
	req_no_content(rq);
}

static void set_bool(const cJSON *body, const char *key, bool *field)
{
	if (jr_bool(body, key) >= 0)
		*field = jr_bool(body, key) == 1;
}

static void switches_answer(struct req *rq)
{
	const struct switches *sw = &rq->sim->sw;
	GString *out = req_ok(rq);

	jw_open(out, NULL, '{');
	jw_bool(out, "lastActivityOnEdit", sw->activity_on_edit);
	jw_bool(out, "lastActivityKeepOnDelete", sw->activity_keep_on_delete);
	jw_bool(out, "deletedAnchor404", sw->deleted_anchor_404);
	jw_bool(out, "directUnknown404", sw->direct_unknown_404);
	jw_bool(out, "leaveOnModeratedDelete", sw->leave_on_moderated_delete);
	jw_bool(out, "authorSubmits", sw->author_submits);
	jw_bool(out, "range", sw->range);
	jw_int(out, "scanSeconds", sw->scan_seconds);
	jw_str(out, "disposition", sw->disposition);
	jw_int(out, "tokenLife", rq->sim->lives.access);
	jw_int(out, "refreshLife", rq->sim->lives.refresh);
	jw_int(out, "tokenLimit", rq->sim->lives.token_limit);
	jw_bool(out, "refreshRotates", rq->sim->lives.rotate);
	jw_bool(out, "refreshUnchanged", rq->sim->lives.unchanged);
	jw_bool(out, "pendingIs400", rq->sim->lives.pending_400);
	jw_bool(out, "tooFastIs429", rq->sim->lives.too_fast_429);
	jw_int(out, "latencyMs", rq->sim->opt.latency_ms);
	jw_int(out, "maxPage", rq->sim->opt.max_page);
	jw_close(out, '}');
}

static void lives_post(struct lives *l, const cJSON *body)
{
	l->access = (int)jr_num(body, "tokenLife", l->access);
	l->refresh = (int)jr_num(body, "refreshLife", l->refresh);
	l->token_limit = (int)jr_num(body, "tokenLimit", l->token_limit);
	set_bool(body, "refreshRotates", &l->rotate);
	set_bool(body, "refreshUnchanged", &l->unchanged);
	set_bool(body, "pendingIs400", &l->pending_400);
	set_bool(body, "tooFastIs429", &l->too_fast_429);
}

static void switches_post(struct req *rq)
{
	cJSON *body = req_json(rq);
	struct switches *sw = &rq->sim->sw;
	const char *text;

	if (!body)
		return;
	set_bool(body, "lastActivityOnEdit", &sw->activity_on_edit);
	set_bool(body, "lastActivityKeepOnDelete", &sw->activity_keep_on_delete);
	set_bool(body, "deletedAnchor404", &sw->deleted_anchor_404);
	set_bool(body, "directUnknown404", &sw->direct_unknown_404);
	set_bool(body, "leaveOnModeratedDelete", &sw->leave_on_moderated_delete);
	set_bool(body, "authorSubmits", &sw->author_submits);
	set_bool(body, "range", &sw->range);
	lives_post(&rq->sim->lives, body);
	sw->scan_seconds = (int)jr_num(body, "scanSeconds", sw->scan_seconds);
	rq->sim->opt.latency_ms = (int)jr_num(body, "latencyMs", rq->sim->opt.latency_ms);
	rq->sim->opt.max_page = (int)jr_num(body, "maxPage", rq->sim->opt.max_page);
	text = jr_str(body, "disposition");
	if (text)
		g_strlcpy(sw->disposition, text, sizeof(sw->disposition));
	switches_answer(rq);
}

static void release_post(struct req *rq)
{
	park_release(rq->sim->park, 0);
	req_no_content(rq);
}

static const struct control_route {
	enum method method;
	const char *name;
	void (*fn)(struct req *rq);
} control_routes[] = {
	{M_GET, "health", health},
	{M_GET, "log", log_get},
	{M_DELETE, "log", log_delete},
	{M_GET, "faults", faults_get},
	{M_POST, "faults", faults_post},
	{M_DELETE, "faults", faults_delete},
	{M_POST, "release", release_post},
	{M_GET, "clock", clock_answer},
	{M_POST, "clock", clock_post},
	{M_POST, "rate", rate_post},
	{M_GET, "switches", switches_answer},
	{M_POST, "switches", switches_post},
	{M_POST, "scan", control_scan},
	{M_GET, "tokens", oauth_tokens_get},
	{M_POST, "tokens", control_tokens},
	{M_DELETE, "tokens", oauth_tokens_delete},
	{M_POST, "people", control_people},
	{M_POST, "rooms", control_rooms},
	{M_POST, "messages", control_messages},
};

void control_dispatch(struct req *rq)
{
	bool known = false;

	for (size_t i = 0; rq->n_segments > 1 && i < G_N_ELEMENTS(control_routes); i++) {
		const struct control_route *r = &control_routes[i];

		if (strcmp(rq->segments[1], r->name))
			continue;
		known = true;
		if (r->method == rq->method || (r->method == M_GET && rq->method == M_HEAD)) {
			r->fn(rq);
			return;
		}
	}
	req_error(rq, known ? 405 : 404, known ? "method not allowed" : "no such control");
}
