/* SPDX-License-Identifier: MIT */
#include "server.h"

#include "fetch.h"
#include "webhooks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 8000

static const char *header_in(struct req *rq, const char *name)
{
	return MHD_lookup_connection_value(rq->conn, MHD_HEADER_KIND, name);
}

/* Called by libmicrohttpd with the raw request target, before everything else. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *conn)
{
	struct req *rq = g_new0(struct req, 1);

	rq->sim = cls;
	rq->conn = conn;
	rq->uri = g_strdup(uri);
	rq->resp.fd = -1;
	rq->plan.cut_at = -1;
	return rq;
}

static enum method method_from(const char *name)
{
	static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE"};

	for (int i = 0; i < 5; i++) {
		if (!strcmp(name, names[i]))
			return (enum method)i;
	}
	return M_OTHER;
}

static void set_origin(struct req *rq)
{
	const char *host = header_in(rq, "Host");
	bool good = host && *host && strlen(host) < 256;

	for (const char *p = host; good && *p; p++)
		good = g_ascii_isalnum(*p) || strchr(".-:[]_", *p);
	rq->origin = good ? g_strconcat("http://", host, NULL) : g_strdup(rq->sim->origin);
}

/* The text behind Bearer, which the caller frees; NULL without. */
static char *bearer(struct req *rq)
{
	const char *auth = header_in(rq, "Authorization");

	if (!auth || g_ascii_strncasecmp(auth, "Bearer ", 7))
		return NULL;
	/* White space around a header's value is no part of it. */
	return g_strstrip(g_strdup(auth + 7));
}

int router_authenticate(struct req *rq)
{
	char *text = bearer(rq);
	const struct token *tok = data_token(rq->sim, text);

	g_free(text);
	if (tok && !tok->is_refresh) {
		rq->caller = tok->person;
		rq->token = tok;
		return 0;
	}
	req_error(rq, 401,
		  "The request requires a valid access token set in the Authorization "
		  "request header.");
	req_header(rq, "WWW-Authenticate", "Bearer");
	return -1;
}

static void begin_log(struct req *rq)
{
	char *text = bearer(rq);
	const struct token *tok = text ? g_hash_table_lookup(rq->sim->tokens, text) : NULL;

	g_free(text);
	rq->log = reqlog_begin(rq->sim->log, rq->method_name, rq->path, rq->query);
	rq->log->person = tok ? g_strdup(tok->person->key) : NULL;
	rq->log->agent = reqlog_text(header_in(rq, "User-Agent"));
	rq->log->encoding = reqlog_text(header_in(rq, "Accept-Encoding"));
	rq->log->range = reqlog_text(header_in(rq, "Range"));
}

static void make_plan(struct req *rq)
{
	const char *path = rq->path;

	if (rq->control)
		return;
	if (g_str_has_prefix(path, "/v1/"))
		path += 3;
	faults_plan(rq->sim->faults, rq->method_name, path, rq->query, rq->log->person,
		    &rq->plan);
	rq->log->fault = rq->plan.id;
	rq->plan.delay_ms += rq->sim->opt.latency_ms;
}

static void begin(struct req *rq, const char *method)
{
	const char *type = header_in(rq, "Content-Type");
	char uuid[UUID_TEXT];
	struct uuid u = uuid_random();

	rq->method_name = g_intern_string(method);
	rq->method = method_from(method);
	uuid_format(&u, uuid);
	g_snprintf(rq->tracking, sizeof(rq->tracking), "ROUTERGW_%s", uuid);
	set_origin(rq);
	req_parse_uri(rq);
	rq->control = g_str_has_prefix(rq->path, "/_sim/");
	rq->body = g_string_new(NULL);
	if (!rq->control)
		begin_log(rq);
	make_plan(rq);
	if (type && !g_ascii_strncasecmp(type, "multipart/form-data", 19))
		rq->form_bad = !upload_begin(rq, type);
}

static enum MHD_Result take_body(struct req *rq, const char *data, size_t *size)
{
	size_t len = *size;

	*size = 0;
	rq->bytes_in += len;
	if (rq->multipart)
		return upload_data(rq, data, len);
	if (rq->body->len + len > BODY_MAX)
		rq->body_too_big = true;
	else
		g_string_append_len(rq->body, data, (gssize)len);
	return MHD_YES;
}

/* A true RST towards the client, at once, whatever is still unread or unsent. */
static enum MHD_Result reset_connection(struct req *rq)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(rq->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	if (rq->log)
		rq->log->note = "reset";
	setsockopt(info->connect_fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	/* Dissolving the association is what sends the RST before MHD's orderly FIN. */
	if (connect(info->connect_fd, &none, sizeof(none)))
		return MHD_NO; /* the client was faster */
	return MHD_NO;
}

/* 1: parked, wait for the next call. */
static int stage_wait(struct req *rq, int64_t ms, int fault_id, const char *note)
{
	if (rq->log && note)
		rq->log->note = note;
	return park_suspend(rq->sim->park, &rq->ticket, rq->conn, ms, fault_id) == 0;
}

static void apply(struct req *rq)
{
	if (rq->plan.ignored && rq->method == M_PUT)
		rq->method = M_GET;
	if (rq->plan.status && rq->plan.applied)
		router_dispatch(rq);
	if (rq->plan.status && rq->plan.reset != WHEN_AFTER && rq->plan.hang != WHEN_AFTER) {
		req_error(rq, rq->plan.status, "%s",
			  rq->plan.message[0] ? rq->plan.message
					      : MHD_get_reason_phrase_for(rq->plan.status));
		return;
	}
	router_dispatch(rq);
}

/* Runs the stages until one has to wait. The order is the life of a request. */
static enum MHD_Result advance(struct req *rq)
{
	if (rq->ticket.gone) {
		if (rq->log)
			rq->log->note = "gone";
		return MHD_NO;
	}
	switch (rq->stage) {
	case STAGE_BODY:
		rq->stage = STAGE_DELAY;
		if (rq->plan.delay_ms > 0 &&
		    stage_wait(rq, rq->plan.delay_ms, rq->plan.id, NULL))
			return MHD_YES;
		G_GNUC_FALLTHROUGH;
	case STAGE_DELAY:
		rq->stage = STAGE_HANG;
		if (rq->plan.hang == WHEN_BEFORE &&
		    stage_wait(rq, -1, rq->plan.hang_id, "hang"))
			return MHD_YES;
		G_GNUC_FALLTHROUGH;
	case STAGE_HANG:
		rq->stage = STAGE_ROUTE;
		if (rq->plan.reset == WHEN_BEFORE)
			return reset_connection(rq);
		G_GNUC_FALLTHROUGH;
	case STAGE_ROUTE:
	case STAGE_FETCH:
		rq->stage = STAGE_ROUTE;
		apply(rq);
		if (rq->stage == STAGE_FETCH &&
		    park_suspend(rq->sim->park, &rq->ticket, rq->conn, -1, 0) == 0) {
			fetch_start(rq->fetch, rq->sim->park, &rq->ticket);
			return MHD_YES;
		}
		rq->stage = STAGE_FINISH;
		if (rq->plan.reset == WHEN_AFTER)
			return reset_connection(rq);
		if (rq->plan.hang == WHEN_AFTER && stage_wait(rq, -1, rq->plan.hang_id, "hang"))
			return MHD_YES;
		G_GNUC_FALLTHROUGH;
	case STAGE_FINISH:
		rq->stage = STAGE_QUEUED;
		return respond_queue(rq);
	case STAGE_QUEUED:
	default:
		return MHD_YES;
	}
}

/* Refuses early only when the client waits for permission; otherwise the body is drained. */
static bool refuse_early(struct req *rq)
{
	const char *length = header_in(rq, "Content-Length");
	const char *expect = header_in(rq, "Expect");

	if (!rq->multipart || !expect || g_ascii_strcasecmp(expect, "100-continue"))
		return false;
	if (!length || g_ascii_strtoull(length, NULL, 10) <= UPLOAD_MAX + 1024 * 1024)
		return false;
	rq->upload_too_big = true;
	return true;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **con_cls)
{
	struct req *rq = *con_cls;

	(void)cls;
	(void)conn;
	(void)url;
	(void)version;
	if (!rq->method_name) {
		begin(rq, method);
		return refuse_early(rq) ? advance(rq) : MHD_YES;
	}
	if (!*size)
		return advance(rq);
	if (rq->ticket.gone)
		return MHD_NO;
	if (rq->plan.hang == WHEN_BODY) {
		rq->plan.hang = WHEN_NONE;
		if (stage_wait(rq, -1, rq->plan.hang_id, "hang"))
			return MHD_YES;
	}
	return take_body(rq, data, size);
}

static void on_complete(void *cls, struct MHD_Connection *conn, void **con_cls,
			enum MHD_RequestTerminationCode code)
{
	struct req *rq = *con_cls;

	(void)cls;
	(void)conn;
	if (!rq)
		return;
	*con_cls = NULL;
	if (rq->log) {
		rq->log->ended_ms = wall_ms();
		rq->log->bytes_in = rq->bytes_in;
		if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK && !rq->log->note)
			rq->log->note = "aborted";
	}
	req_free(rq);
}

static int listen_socket(struct sim *sim, int *ret_fd)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	addr.sin_port = htons((uint16_t)sim->opt.port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (inet_pton(AF_INET, sim->opt.host, &addr.sin_addr) != 1) {
		close(fd);
		return -EINVAL;
	}
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 4096) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len)) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	sim->port = ntohs(addr.sin_port);
	sim->origin = g_strdup_printf("http://%s:%d", sim->opt.host, sim->port);
	*ret_fd = fd;
	return 0;
}

int server_start(struct sim *sim, struct MHD_Daemon **ret_daemon)
{
	struct MHD_Daemon *daemon;
	int fd = -1, rc;

	rc = listen_socket(sim, &fd);
	if (rc)
		return rc;
	sim->park = park_new();
	daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0,
				  NULL, NULL, on_request, sim, MHD_OPTION_LISTEN_SOCKET, fd,
				  MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
				  MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(96 * 1024),
				  MHD_OPTION_CONNECTION_TIMEOUT, 0U,
				  MHD_OPTION_NOTIFY_COMPLETED, on_complete, NULL,
				  MHD_OPTION_URI_LOG_CALLBACK, on_uri, sim, MHD_OPTION_END);
	if (!daemon) {
		close(fd);
		park_stop(sim->park);
		return -EIO;
	}
	*ret_daemon = daemon;
	return 0;
}

void server_stop(struct sim *sim, struct MHD_Daemon *daemon)
{
	MHD_quiesce_daemon(daemon);
	park_stop(sim->park);
	MHD_stop_daemon(daemon);
	fetch_join_all();
	hooks_stop(sim->hooks);
}
