/* SPDX-License-Identifier: MIT */
#include "fake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PATIENCE_S 10

struct fake_server {
	fake_fn fn;
	void *arg;
	int port;
	int stop_pipe[2]; /* readable once the server stops */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int listener;	     /* shut down from any thread */
	GPtrArray *requests; /* lock; of struct fake_request */
	GArray *threads;     /* lock; of pthread_t */
	int connections;     /* lock */
};

struct connection {
	struct fake_server *server;
	int fd;
	int served;
	GString *in;
};

static void request_free(gpointer p)
{
	struct fake_request *req = p;

	g_free(req->head);
	g_free(req->body);
	g_free(req);
}

/* True if `fd` can be read before the server stops. */
static bool await(struct fake_server *server, int fd)
{
	struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
			       {.fd = server->stop_pipe[0], .events = POLLIN}};

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	return fds[1].revents == 0 && fds[0].revents != 0;
}

static bool read_more(struct connection *c)
{
	char chunk[65536];
	ssize_t n;

	if (!await(c->server, c->fd))
		return false;
	n = recv(c->fd, chunk, sizeof(chunk), 0);
	if (n <= 0)
		return false;
	g_string_append_len(c->in, chunk, n);
	return true;
}

static struct fake_request *read_request(struct connection *c)
{
	_cleanup_gfree_ char *length = NULL;
	struct fake_request *req;
	const char *end;
	size_t head_len;

	while (!(end = strstr(c->in->str, "\r\n\r\n"))) {
		if (!read_more(c))
			return NULL;
	}
	head_len = (size_t)(end - c->in->str) + 4;
	req = g_new0(struct fake_request, 1);
	req->head = g_strndup(c->in->str, head_len);
	length = fake_field(req, "Content-Length");
	req->body_len = length ? strtoul(length, NULL, 10) : 0;
	while (c->in->len < head_len + req->body_len) {
		if (!read_more(c)) {
			request_free(req);
			return NULL;
		}
	}
	req->body = g_malloc(req->body_len + 1);
	memcpy(req->body, c->in->str + head_len, req->body_len);
	req->body[req->body_len] = '\0';
	g_string_erase(c->in, 0, (gssize)(head_len + req->body_len));
	req->on_connection = ++c->served;
	return req;
}

static bool send_all(int fd, const GString *data)
{
	size_t sent = 0;

	while (sent < data->len) {
		ssize_t n = send(fd, data->str + sent, data->len - sent, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		sent += (size_t)n;
	}
	return true;
}

static enum fake_then serve(struct connection *c)
{
	struct fake_request *req = read_request(c);
	GString *answer;
	enum fake_then then;

	if (!req)
		return FAKE_CLOSE;
	answer = g_string_new(NULL);
	pthread_mutex_lock(&c->server->lock);
	g_ptr_array_add(c->server->requests, req);
	req->serial = (int)c->server->requests->len;
	then = c->server->fn(c->server->arg, req, answer);
	pthread_cond_broadcast(&c->server->changed);
	pthread_mutex_unlock(&c->server->lock);
	if (!send_all(c->fd, answer))
		then = FAKE_CLOSE;
	g_string_free(answer, TRUE);
	return then;
}

static void *run_connection(void *arg)
{
	struct connection *c = arg;
	enum fake_then then;
	struct linger none = {.l_onoff = 1, .l_linger = 0};

	do {
		then = serve(c);
	} while (then == FAKE_KEEP);
	if (then == FAKE_HANG) {
		while (read_more(c))
			;
	}
	if (then == FAKE_RESET)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(c->fd);
	g_string_free(c->in, TRUE);
	g_free(c);
	return NULL;
}

static void *run_listener(void *arg)
{
	struct fake_server *server = arg;
	int listener = server->listener;

	while (await(server, listener)) {
		struct connection *c;
		pthread_t thread;
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			break;
		c = g_new0(struct connection, 1);
		c->server = server;
		c->fd = fd;
		c->in = g_string_new(NULL);
		pthread_create(&thread, NULL, run_connection, c);
		pthread_mutex_lock(&server->lock);
		server->connections++;
		g_array_append_val(server->threads, thread);
		pthread_mutex_unlock(&server->lock);
	}
	return NULL;
}

static int listen_loopback(int *ret_port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&addr, len) < 0 || listen(fd, 512) < 0 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		abort();
	*ret_port = ntohs(addr.sin_port);
	return fd;
}

struct fake_server *fake_start(fake_fn fn, void *arg)
{
	struct fake_server *server = g_new0(struct fake_server, 1);

	server->fn = fn;
	server->arg = arg;
	server->listener = listen_loopback(&server->port);
	server->requests = g_ptr_array_new_with_free_func(request_free);
	server->threads = g_array_new(FALSE, FALSE, sizeof(pthread_t));
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->changed, NULL);
	if (pipe(server->stop_pipe) < 0 ||
	    pthread_create(&server->thread, NULL, run_listener, server) != 0)
		abort();
	return server;
}

void fake_refuse(struct fake_server *server)
{
	/* The listening thread's accept fails, and it ends. */
	shutdown(server->listener, SHUT_RDWR);
}

void fake_stop(struct fake_server **server_ptr)
{
	struct fake_server *server = *server_ptr;

	close(server->stop_pipe[1]);
	pthread_join(server->thread, NULL);
	for (guint i = 0; i < server->threads->len; i++)
		pthread_join(g_array_index(server->threads, pthread_t, i), NULL);
	close(server->stop_pipe[0]);
	close(server->listener);
	g_ptr_array_free(server->requests, TRUE);
	g_array_free(server->threads, TRUE);
	pthread_cond_destroy(&server->changed);
	pthread_mutex_destroy(&server->lock);
	g_free(server);
	*server_ptr = NULL;
}

char *fake_url(const struct fake_server *server, const char *path)
{
	return g_strdup_printf("http://127.0.0.1:%d%s", server->port, path);
}

int fake_requests(struct fake_server *server)
{
	int n;

	pthread_mutex_lock(&server->lock);
	n = (int)server->requests->len;
	pthread_mutex_unlock(&server->lock);
	return n;
}

int fake_connections(struct fake_server *server)
{
	int n;

	pthread_mutex_lock(&server->lock);
	n = server->connections;
	pthread_mutex_unlock(&server->lock);
	return n;
}

const struct fake_request *fake_request_nth(struct fake_server *server, int n)
{
	const struct fake_request *req = NULL;

	pthread_mutex_lock(&server->lock);
	if (n <= (int)server->requests->len)
		req = g_ptr_array_index(server->requests, n - 1);
	pthread_mutex_unlock(&server->lock);
	return req;
}

bool fake_wait_requests(struct fake_server *server, int n)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&server->lock);
	while ((int)server->requests->len < n && r == 0)
		r = pthread_cond_timedwait(&server->changed, &server->lock, &until);
	pthread_mutex_unlock(&server->lock);
	return r == 0;
}

void fake_answer(GString *answer, int status, const char *fields, const char *body)
{
	g_string_append_printf(answer, "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n%s",
			       status, fields, strlen(body), body);
}

char *fake_field(const struct fake_request *req, const char *name)
{
	char **lines = g_strsplit(req->head, "\r\n", -1);
	size_t len = strlen(name);
	char *value = NULL;

	for (char **line = lines + 1; *line && !value; line++) {
		if (g_ascii_strncasecmp(*line, name, len) == 0 && (*line)[len] == ':')
			value = g_strdup(g_strchug(*line + len + 1));
	}
	g_strfreev(lines);
	return value;
}
