/* SPDX-License-Identifier: MIT */
/*
 * A browser on this machine, and a server for the one request that it is sent back with. Both loopback
 * families are bound, so that no other program gets what the browser's "localhost" means; only our own
 * Host headers are answered, so that no page on the Internet reaches it by a name of its own. All else
 * (favicons, other states, what browsers open ahead of time) is 404, and the waiting goes on.
 *
 *     WAITING --on_request: the answer to this login--> TAKEN, and its connection sleeps
 *     WAITING --wait_for_answer: five minutes--> TAKEN, without an answer
 *     TAKEN --on_request: the same once more (a reload, another tab)--> TAKEN, it sleeps, too
 *     TAKEN --login_browser_end--> OVER: all that sleep are told how it went
 *     OVER --on_request: the same once more--> OVER, it is told, too
 */
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wait.h"
#include "login/ways.h"
#include "webex/token.h"

#define PATIENCE_MS (5 * 60 * 1000)
/* How long the last page may be on its way to a browser that has gone. */
#define TELL_MS 2000
#define HTTP_PORT 80

enum phase { WAITING, TAKEN, OVER };

struct login_browser {
	struct login_server *server;
	struct login_attempt attempt;
	struct MHD_Daemon *daemons[2]; /* the main thread */
	struct login_opening *opening; /* the main thread */
	pthread_mutex_t lock;
	pthread_cond_t moved;
	enum phase phase;	  /* lock */
	enum login_answer answer; /* lock; set with TAKEN */
	char *text;		  /* lock; set with TAKEN, a secret */
	GPtrArray *sleepers;	  /* lock; of struct MHD_Connection *, which are not ours */
	int n_untold;		  /* lock; answers to this login that have not been sent yet */
	bool is_good;		  /* lock; set with OVER, as is what follows */
	char *words;
};

/* ---- the server's threads ---- */

static const char PAGE[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	"<meta name=\"viewport\" content=\"width=device-width\">"
	"<meta name=\"color-scheme\" content=\"light dark\">"
	"<link rel=\"icon\" href=\"data:,\"><title>sparkfs: %s</title></head>\n"
	"<body><h1>%s</h1><p id=\"words\"><bdi>%s</bdi></p>"
	"<p>sparkfs is in the terminal. This page can be closed.</p></body></html>\n";

static enum MHD_Result reply(struct MHD_Connection *conn, unsigned status, const char *title,
			     const char *words)
{
	static const char *const headers[][2] = {
		{"Content-Type", "text/html; charset=utf-8"},
		{"Content-Security-Policy",
		 "default-src 'none'; img-src data:; frame-ancestors 'none'"},
		{"X-Content-Type-Options", "nosniff"},
		{"Cache-Control", "no-store"},
		{"Referrer-Policy", "no-referrer"},
		/* The server may end with this answer. */
		{"Connection", "close"},
	};
	_cleanup_gfree_ char *escaped = g_markup_escape_text(words, -1);
	_cleanup_gfree_ char *page = g_strdup_printf(PAGE, title, title, escaped);
	struct MHD_Response *r =
		MHD_create_response_from_buffer(strlen(page), page, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result queued;

	for (size_t i = 0; i < G_N_ELEMENTS(headers); i++)
		MHD_add_response_header(r, headers[i][0], headers[i][1]);
	queued = MHD_queue_response(conn, status, r);
	MHD_destroy_response(r);
	return queued;
}

static bool is_our_host(const struct login_browser *b, const char *host)
{
	static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
	int port = b->server->app->port;

	for (size_t i = 0; host && i < G_N_ELEMENTS(names); i++) {
		_cleanup_gfree_ char *full = g_strdup_printf("%s:%d", names[i], port);

		if (g_ascii_strcasecmp(host, full) == 0 ||
		    (port == HTTP_PORT && g_ascii_strcasecmp(host, names[i]) == 0))
			return true;
	}
	return false;
}

static enum MHD_Result add_field(void *arg, enum MHD_ValueKind kind, const char *key,
				 const char *value)
{
	(void)kind;
	webex_form_add(arg, key, value ? value : "");
	return MHD_YES;
}

static enum MHD_Result tell(struct login_browser *b, struct MHD_Connection *conn)
{
	bool is_good;
	_cleanup_gfree_ char *words = NULL;

	pthread_mutex_lock(&b->lock);
	is_good = b->is_good;
	words = g_strdup(b->words);
	pthread_mutex_unlock(&b->lock);
	return is_good ? reply(conn, 200, "You are logged in", words)
		       : reply(conn, 400, "The login failed", words);
}

/* The answer to this login: the first one is taken, and each is told how it went when that is known.
 * `*state` marks the request as one of them; on_request() is called again with it. */
static enum MHD_Result on_answer(struct login_browser *b, struct MHD_Connection *conn,
				 enum login_answer answer, char **text, void **state)
{
	bool is_over;

	*state = b;
	pthread_mutex_lock(&b->lock);
	b->n_untold++;
	if (b->phase == WAITING) {
		b->phase = TAKEN;
		b->answer = answer;
		b->text = steal_ptr(text);
		pthread_cond_broadcast(&b->moved);
	}
	is_over = b->phase == OVER;
	if (!is_over) {
		g_ptr_array_add(b->sleepers, conn);
		MHD_suspend_connection(conn);
	}
	pthread_mutex_unlock(&b->lock);
	return is_over ? tell(b, conn) : MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *path,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **state)
{
	struct login_browser *b = cls;
	GString *query = NULL;
	enum login_answer answer = LOGIN_ANSWER_OTHER;
	enum MHD_Result queued;
	char *text = NULL;

	(void)version;
	(void)data;
	(void)size;
	if (*state == b)
		return tell(b, conn);
	query = g_string_new(NULL);
	MHD_get_connection_values(conn, MHD_GET_ARGUMENT_KIND, add_field, query);
	if (strcmp(method, "GET") == 0 && strcmp(path, "/") == 0 &&
	    is_our_host(b, MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Host")))
		answer = login_attempt_read(&b->attempt, query->str, &text);
	queued = answer == LOGIN_ANSWER_OTHER
			 ? reply(conn, 404, "This is not the answer",
				 "sparkfs waits for another one: open the address that it "
				 "shows in the terminal now.")
			 : on_answer(b, conn, answer, &text, state);
	explicit_bzero(query->str, query->len);
	g_string_free(query, TRUE);
	webex_token_wipe(text);
	return queued;
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **state,
			 enum MHD_RequestTerminationCode why)
{
	struct login_browser *b = cls;

	(void)conn;
	(void)why;
	if (*state != b)
		return;
	pthread_mutex_lock(&b->lock);
	b->n_untold--;
	pthread_cond_broadcast(&b->moved);
	pthread_mutex_unlock(&b->lock);
}

/* ---- the main thread ---- */

static int listen_on(const struct sockaddr *address, socklen_t len, int *ret_fd)
{
	_cleanup_close_ int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (address->sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, address, len) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* A machine without IPv6 has no ::1 that another program could have. */
static int listen_both(int port, int ret_fds[2])
{
	struct sockaddr_in v4 = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
				  .sin6_port = htons((uint16_t)port),
				  .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int r = listen_on((const struct sockaddr *)&v4, sizeof(v4), &ret_fds[0]);

	if (r < 0)
		return r;
	r = listen_on((const struct sockaddr *)&v6, sizeof(v6), &ret_fds[1]);
	if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL)
		return 0;
	if (r < 0) {
		close(ret_fds[0]);
		ret_fds[0] = -1;
	}
	return r;
}

static struct MHD_Daemon *serve(struct login_browser *b, int fd)
{
	return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0,
				NULL, NULL, on_request, b, MHD_OPTION_LISTEN_SOCKET, fd,
				MHD_OPTION_NOTIFY_COMPLETED, on_completed, b,
				MHD_OPTION_CONNECTION_LIMIT, 128U,
				MHD_OPTION_CONNECTION_TIMEOUT, 30U, MHD_OPTION_END);
}

/* Each socket is its daemon's, or closed. */
static int serve_both(struct login_browser *b, const int fds[2])
{
	int r = 0;

	for (int i = 0; i < 2; i++) {
		if (fds[i] < 0)
			continue;
		b->daemons[i] = serve(b, fds[i]);
		if (b->daemons[i])
			continue;
		close(fds[i]);
		r = -EIO;
	}
	return r;
}

static int wait_for_answer(struct login_browser *b, char **ret_reason)
{
	int64_t deadline = wait_deadline(PATIENCE_MS);
	bool in_time = true, has_answer;

	pthread_mutex_lock(&b->lock);
	while (b->phase == WAITING && in_time)
		in_time = wait_until(&b->moved, &b->lock, deadline);
	has_answer = b->phase == TAKEN;
	b->phase = TAKEN;
	pthread_mutex_unlock(&b->lock);
	if (has_answer)
		return 0;
	*ret_reason = g_strdup("nobody logged in within five minutes");
	return -ETIMEDOUT;
}

static int serve_until_answered(struct login_browser *b, const int fds[2], FILE *out,
				struct webex_grant *ret_grant, char **ret_reason)
{
	int r = serve_both(b, fds);

	if (r < 0) {
		*ret_reason = g_strdup("the server for the browser does not start");
		return r;
	}
	fprintf(out, "Open this address in a browser of this machine and log in:\n%s\n",
		b->attempt.address);
	if (login_is_remote())
		fprintf(out,
			"This is a session over ssh. For a browser of the machine that you sit "
			"at, "
			"log in there by\nssh -L %d:localhost:%d and this machine's name "
			"meanwhile; "
			"or end this, and use --paste.\n",
			b->server->app->port, b->server->app->port);
	fputs("Waiting ...\n", out);
	fflush(out);
	b->opening = login_open_browser(b->attempt.address);
	r = wait_for_answer(b, ret_reason);
	/* Nobody changes these any longer. */
	return r < 0 ? r
		     : login_attempt_finish(b->server, &b->attempt, b->answer, b->text,
					    ret_grant, ret_reason);
}

int login_by_browser(struct login_server *s, FILE *out, struct webex_grant *ret_grant,
		     struct login_browser **ret_browser, char **ret_reason)
{
	struct login_browser *b = g_new0(struct login_browser, 1);
	int fds[2] = {-1, -1};
	int r;

	b->server = s;
	b->sleepers = g_ptr_array_new();
	pthread_mutex_init(&b->lock, NULL);
	wait_init(&b->moved);
	*ret_browser = b;
	r = login_attempt_begin(s, &b->attempt);
	if (r < 0) {
		*ret_reason = g_strdup("there are no random numbers");
		return r;
	}
	r = listen_both(s->app->port, fds);
	if (r < 0) {
		*ret_reason =
			g_strdup_printf("cannot listen on port %d of localhost: %s; another "
					"program has it: register "
					"another redirect URI and set port=, or use --paste",
					s->app->port, g_strerror(-r));
		return r;
	}
	return serve_until_answered(b, fds, out, ret_grant, ret_reason);
}

static void wake_sleepers(struct login_browser *b, bool is_good, const char *words)
{
	GPtrArray *sleepers;

	pthread_mutex_lock(&b->lock);
	b->phase = OVER;
	b->is_good = is_good;
	b->words = g_strdup(words);
	sleepers = steal_ptr(&b->sleepers);
	pthread_mutex_unlock(&b->lock);
	for (guint i = 0; i < sleepers->len; i++)
		MHD_resume_connection(sleepers->pdata[i]);
	g_ptr_array_free(sleepers, TRUE);
}

void login_browser_end(struct login_browser *b, bool is_good, const char *words)
{
	int64_t deadline = wait_deadline(TELL_MS);
	bool in_time = true;

	if (!b)
		return;
	wake_sleepers(b, is_good, words);
	pthread_mutex_lock(&b->lock);
	while (b->n_untold > 0 && in_time)
		in_time = wait_until(&b->moved, &b->lock, deadline);
	pthread_mutex_unlock(&b->lock);
	for (int i = 0; i < 2; i++)
		if (b->daemons[i])
			MHD_stop_daemon(b->daemons[i]);
	login_opening_end(b->opening);
	webex_token_wipe(b->text);
	g_free(b->words);
	login_attempt_clear(&b->attempt);
	pthread_cond_destroy(&b->moved);
	pthread_mutex_destroy(&b->lock);
	g_free(b);
}
