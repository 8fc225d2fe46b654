/* SPDX-License-Identifier: MIT */
/*
 * A browser on this machine, and a server for the one request that it is sent back with. Both loopback
 * families are bound, so that no other program gets what the browser's "localhost" means; only our own
 * Host headers are answered, so that no page on the Internet reaches it by a name of its own. All else
 * (favicons, other states, what browsers open ahead of time) is 404, and the waiting goes on.
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

#define PATIENCE_MS (5 * 60 * 1000)

struct browser {
	struct login_server *server;
	const struct login_attempt *attempt;
	pthread_mutex_t lock;
	pthread_cond_t over_cond;
	bool is_over; /* lock; the fields below are written before it is set, and read after */
	int result;
	struct webex_grant *grant;
	char *reason;
};

/* ---- the server's threads ---- */

static const char PAGE[] = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta "
			   "charset=\"utf-8\"><title>sparkfs</title>"
			   "</head>\n<body><h1>%s</h1><p id=\"words\">%s</p></body></html>\n";

static enum MHD_Result reply(struct MHD_Connection *conn, unsigned status, const char *title,
			     const char *words)
{
	_cleanup_gfree_ char *escaped = g_markup_escape_text(words, -1);
	_cleanup_gfree_ char *page = g_strdup_printf(PAGE, title, escaped);
	struct MHD_Response *r =
		MHD_create_response_from_buffer(strlen(page), page, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result queued;

	MHD_add_response_header(r, "Content-Type", "text/html; charset=utf-8");
	MHD_add_response_header(r, "Cache-Control", "no-store");
	MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
	queued = MHD_queue_response(conn, status, r);
	MHD_destroy_response(r);
	return queued;
}

static bool is_our_host(const struct browser *b, const char *host)
{
	static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

	for (size_t i = 0; host && i < G_N_ELEMENTS(names); i++) {
		_cleanup_gfree_ char *full =
			g_strdup_printf("%s:%d", names[i], b->server->app->port);

		if (g_ascii_strcasecmp(host, full) == 0)
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

static enum MHD_Result finish(struct browser *b, struct MHD_Connection *conn,
			      enum login_answer answer, const char *text)
{
	enum MHD_Result queued;

	b->result =
		login_attempt_finish(b->server, b->attempt, answer, text, b->grant, &b->reason);
	queued = b->result == 0 ? reply(conn, 200, "You are logged in",
					"You can close this page and go back to the terminal.")
				: reply(conn, 400, "The login failed", b->reason);
	b->is_over = true;
	pthread_cond_signal(&b->over_cond);
	return queued;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *path,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **state)
{
	struct browser *b = cls;
	GString *query = g_string_new(NULL);
	enum login_answer answer = LOGIN_ANSWER_OTHER;
	enum MHD_Result queued;
	char *text = NULL;

	(void)version;
	(void)data;
	(void)size;
	(void)state;
	MHD_get_connection_values(conn, MHD_GET_ARGUMENT_KIND, add_field, query);
	if (strcmp(method, "GET") == 0 && strcmp(path, "/") == 0 &&
	    is_our_host(b, MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Host")))
		answer = login_attempt_read(b->attempt, query->str, &text);
	/* The two servers have a thread each, and a code serves once. */
	pthread_mutex_lock(&b->lock);
	queued = answer == LOGIN_ANSWER_OTHER || b->is_over
			 ? reply(conn, 404, "Nothing is here", "sparkfs waits for a login.")
			 : finish(b, conn, answer, text);
	pthread_mutex_unlock(&b->lock);
	explicit_bzero(query->str, query->len);
	g_string_free(query, TRUE);
	if (text)
		explicit_bzero(text, strlen(text));
	g_free(text);
	return queued;
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
	if (bind(fd, address, len) < 0 || listen(fd, 16) < 0)
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

static struct MHD_Daemon *serve(struct browser *b, int fd)
{
	return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, b,
				MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, 32U,
				MHD_OPTION_CONNECTION_TIMEOUT, 30U, MHD_OPTION_END);
}

/* If there is a desktop. */
static void open_browser(const char *address)
{
	const char *own = g_getenv("BROWSER");
	char *argv[] = {(char *)(own && *own && !strchr(own, ' ') ? own : "xdg-open"),
			(char *)address, NULL};

	if ((own && *own) || g_getenv("DISPLAY") || g_getenv("WAYLAND_DISPLAY"))
		(void)g_spawn_async(NULL, argv, NULL,
				    G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL |
					    G_SPAWN_STDERR_TO_DEV_NULL,
				    NULL, NULL, NULL, NULL);
}

static void wait_for_browser(struct browser *b)
{
	int64_t deadline = wait_deadline(PATIENCE_MS);
	bool in_time = true;

	pthread_mutex_lock(&b->lock);
	while (!b->is_over && in_time)
		in_time = wait_until(&b->over_cond, &b->lock, deadline);
	if (!b->is_over) {
		b->result = -ETIMEDOUT;
		b->reason = g_strdup("nobody logged in within five minutes");
		b->is_over = true;
	}
	pthread_mutex_unlock(&b->lock);
}

static int serve_until_over(struct browser *b, int fds[2], FILE *out)
{
	struct MHD_Daemon *daemons[2] = {serve(b, fds[0]),
					 fds[1] < 0 ? NULL : serve(b, fds[1])};
	bool good = daemons[0] && (fds[1] < 0 || daemons[1]);

	if (good) {
		fprintf(out,
			"Open this address in a browser of this machine and log "
			"in:\n%s\nWaiting ...\n",
			b->attempt->address);
		fflush(out);
		open_browser(b->attempt->address);
		wait_for_browser(b);
	} else {
		b->result = -EIO;
		b->reason = g_strdup("the server for the browser does not start");
	}
	for (int i = 0; i < 2; i++) {
		/* Sends what is queued, and closes the socket. */
		if (daemons[i])
			MHD_stop_daemon(daemons[i]);
		else if (fds[i] >= 0)
			close(fds[i]);
	}
	return b->result;
}

int login_by_browser(struct login_server *s, FILE *out, struct webex_grant *ret_grant,
		     char **ret_reason)
{
	struct login_attempt a;
	struct browser b = {.server = s,
			    .attempt = &a,
			    .lock = PTHREAD_MUTEX_INITIALIZER,
			    .grant = ret_grant};
	int fds[2] = {-1, -1};
	int r = login_attempt_begin(s, &a);

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
	} else {
		wait_init(&b.over_cond);
		r = serve_until_over(&b, fds, out);
		*ret_reason = b.reason;
		pthread_cond_destroy(&b.over_cond);
	}
	pthread_mutex_destroy(&b.lock);
	login_attempt_clear(&a);
	return r;
}
