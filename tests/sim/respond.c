/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SLOW_TICK_MS 50

/* A body sent piece by piece because a fault wants it slow, cut or wrongly announced. */
struct trickle {
	struct sim *sim;
	struct MHD_Connection *conn;
	struct park_ticket ticket;
	char *mem;
	int fd;
	uint64_t offset, length; /* of the bytes there are */
	uint64_t stop;		 /* after this many the connection is closed */
	uint64_t announced;
	int64_t rate, started;
	int fault_id;
};

/* How much may be sent by now; 0 after having parked the connection. */
static size_t slow_budget(struct trickle *t, uint64_t pos)
{
	int64_t now = mono_ms();
	uint64_t allowed;

	if (!t->started)
		t->started = now;
	if (t->ticket.released)
		return SIZE_MAX;
	allowed = (uint64_t)((now - t->started + SLOW_TICK_MS) * t->rate / 1000);
	if (allowed > pos)
		return (size_t)(allowed - pos);
	if (park_suspend(t->sim->park, &t->ticket, t->conn,
			 MAX(SLOW_TICK_MS, 1000 / MAX(t->rate, 1)), t->fault_id))
		return SIZE_MAX;
	return 0;
}

static ssize_t trickle_read(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct trickle *t = cls;
	uint64_t end = MIN(t->stop, t->length);
	size_t n;

	if (t->ticket.gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (pos >= end)
		return t->stop < t->length || t->announced > t->length
			       ? MHD_CONTENT_READER_END_WITH_ERROR
			       : MHD_CONTENT_READER_END_OF_STREAM;
	n = (size_t)MIN((uint64_t)max, end - pos);
	if (t->rate) {
		size_t budget = slow_budget(t, pos);

		if (!budget)
			return 0;
		n = MIN(n, budget);
	}
	if (t->fd >= 0) {
		ssize_t got = pread(t->fd, buf, n, (off_t)(t->offset + pos));

		return got > 0 ? got : MHD_CONTENT_READER_END_WITH_ERROR;
	}
	memcpy(buf, t->mem + pos, n);
	return (ssize_t)n;
}

static void trickle_free(void *cls)
{
	struct trickle *t = cls;

	g_free(t->mem);
	if (t->fd >= 0)
		close(t->fd);
	g_free(t);
}

static uint64_t announced_length(const struct fault_plan *plan, uint64_t real)
{
	switch (plan->length) {
	case FLEN_MISSING:
	case FLEN_CHUNKED:
		return MHD_SIZE_UNKNOWN;
	case FLEN_WRONG:
		return real + 7;
	case FLEN_EXACT:
		return (uint64_t)plan->length_value;
	case FLEN_RIGHT:
	default:
		return real;
	}
}

static struct MHD_Response *trickle_response(struct req *rq, uint64_t real)
{
	const struct fault_plan *plan = &rq->plan;
	struct trickle *t = g_new0(struct trickle, 1);
	uint64_t announced = announced_length(plan, real);
	struct MHD_Response *r;

	t->sim = rq->sim;
	t->conn = rq->conn;
	t->fd = -1;
	t->rate = plan->bytes_per_s;
	t->fault_id = plan->id;
	t->length = real;
	t->announced = announced == MHD_SIZE_UNKNOWN ? real : announced;
	t->stop = plan->cut_at >= 0 ? (uint64_t)plan->cut_at : real;
	if (rq->resp.has_file) {
		t->fd = rq->resp.fd;
		rq->resp.fd = -1;
		t->offset = rq->resp.offset;
	} else {
		t->mem = g_memdup2(rq->resp.body->str, rq->resp.body->len);
	}
	r = MHD_create_response_from_callback(announced, 16 * 1024, trickle_read, t,
					      trickle_free);
	if (plan->length == FLEN_MISSING)
		MHD_set_response_options(r, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	return r;
}

static void html_body(struct req *rq)
{
	g_string_printf(rq->resp.body,
			"<html><head><title>%u %s</title></head>\n<body><center><h1>%u %s</h1>"
			"</center><hr><center>gateway</center></body></html>\n",
			rq->resp.status, MHD_get_reason_phrase_for(rq->resp.status),
			rq->resp.status, MHD_get_reason_phrase_for(rq->resp.status));
	rq->resp.type = "text/html";
}

/* JSON that breaks off in the middle, well framed. */
static void break_json(struct req *rq)
{
	GString *b = rq->resp.body;

	if (rq->resp.has_file || rq->resp.status == 204)
		return;
	g_string_truncate(b, b->len / 2);
	if (!b->len)
		g_string_append(b, "{\"items\":[");
}

static struct MHD_Response *plain_response(struct req *rq)
{
	struct resp *rs = &rq->resp;

	if (rs->has_file) {
		struct MHD_Response *r =
			MHD_create_response_from_fd_at_offset64(rs->length, rs->fd, rs->offset);

		rs->fd = -1;
		return r;
	}
	if (rs->body->len > 4096) {
		size_t len = rs->body->len;
		char *mem = g_string_free(rs->body, FALSE);

		rs->body = NULL;
		/* g_malloc is malloc (since glib 2.46), so that MHD may free it. */
		return MHD_create_response_from_buffer(len, mem, MHD_RESPMEM_MUST_FREE);
	}
	return MHD_create_response_from_buffer(rs->body->len, rs->body->str,
					       MHD_RESPMEM_MUST_COPY);
}

static void add_headers(struct req *rq, struct MHD_Response *r)
{
	struct resp *rs = &rq->resp;

	MHD_add_response_header(r, "TrackingID", rq->tracking);
	MHD_add_response_header(r, "Cache-Control", "no-cache");
	if (rs->status != 204)
		MHD_add_response_header(r, "Content-Type",
					rs->type ? rs->type : "application/json;charset=UTF-8");
	for (guint i = 0; rs->headers && i < rs->headers->len; i++) {
		struct header *h = &g_array_index(rs->headers, struct header, i);

		MHD_add_response_header(r, h->name, h->value);
	}
	if (rq->plan.retry_after[0])
		MHD_add_response_header(r, "Retry-After", rq->plan.retry_after);
}

enum MHD_Result respond_queue(struct req *rq)
{
	const struct fault_plan *plan = &rq->plan;
	struct resp *rs = &rq->resp;
	struct MHD_Response *r;
	enum MHD_Result rc;
	uint64_t length;

	if (!rs->body)
		rs->body = g_string_new(NULL);
	if (plan->html)
		html_body(rq);
	if (plan->malformed)
		break_json(rq);
	length = rs->has_file ? rs->length : rs->body->len;
	if (rq->log) {
		rq->log->status = rs->status;
		rq->log->bytes_out = rq->method == M_HEAD ? 0 : length;
	}
	if (plan->bytes_per_s || plan->cut_at >= 0 || plan->length != FLEN_RIGHT)
		r = trickle_response(rq, length);
	else
		r = plain_response(rq);
	if (!r)
		return MHD_NO;
	add_headers(rq, r);
	rc = MHD_queue_response(rq->conn, rs->status, r);
	MHD_destroy_response(r);
	return rc;
}
