/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define PATIENCE_S 10

struct pending {
	uint64_t id;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct http_response *resp; /* lock */
	int calls;		    /* lock */
};

void response_done(struct http_response **resp)
{
	http_response_free(*resp);
}

void client_start_scaled(struct client *c, fake_fn fn, void *arg, int rate_per_minute,
			 int second_ms)
{
	_cleanup_gfree_ char *origin = NULL;
	const char *origins[2] = {NULL};
	struct http_config config = {.user_agent = "sparkfs-test",
				     .origins = origins,
				     .rate_per_minute = rate_per_minute};

	c->server = fake_start(fn, arg);
	origin = fake_url(c->server, "");
	origins[0] = origin;
	if (http_loop_start_scaled(&config, second_ms, &c->loop) < 0)
		abort();
}

void client_start(struct client *c, fake_fn fn, void *arg, int rate_per_minute)
{
	client_start_scaled(c, fn, arg, rate_per_minute, SECOND_MS);
}

void client_stop(struct client *c)
{
	http_loop_stop(&c->loop);
	fake_stop(&c->server);
}

struct http_request *client_request(struct client *c, enum http_method method, const char *path)
{
	_cleanup_gfree_ char *url = fake_url(c->server, path);
	struct http_request *req = http_request_new(method, url);

	req->bearer = g_strdup(TOKEN);
	req->timeout_ms = TIMEOUT_MS;
	return req;
}

static void on_done(void *arg, struct http_response *resp)
{
	struct pending *p = arg;

	pthread_mutex_lock(&p->lock);
	p->resp = resp;
	p->calls++;
	pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

struct pending *client_submit(struct client *c, struct http_request *req)
{
	struct pending *p = g_new0(struct pending, 1);

	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	req->done = on_done;
	req->arg = p;
	p->id = http_submit(c->loop, req);
	return p;
}

uint64_t pending_id(const struct pending *p)
{
	return p->id;
}

bool pending_is_done(struct pending *p)
{
	bool done;

	pthread_mutex_lock(&p->lock);
	done = p->calls > 0;
	pthread_mutex_unlock(&p->lock);
	return done;
}

struct http_response *pending_wait(struct pending *p)
{
	struct http_response *resp;
	struct timespec until;
	int r = 0, calls;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&p->lock);
	while (p->calls == 0 && r == 0)
		r = pthread_cond_timedwait(&p->changed, &p->lock, &until);
	resp = p->resp;
	calls = p->calls;
	pthread_mutex_unlock(&p->lock);
	/* Not a cmocka failure: it would leave the loop with a pointer into this test. */
	if (calls != 1)
		abort();
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	g_free(p);
	return resp;
}

struct http_response *client_run(struct client *c, struct http_request *req)
{
	return pending_wait(client_submit(c, req));
}

struct http_response *client_get(struct client *c, const char *path)
{
	return client_run(c, client_request(c, HTTP_GET, path));
}

bool client_wait(struct client *c, int on_wire, int waiting)
{
	int64_t until_ms = loop_now() + PATIENCE_S * 1000;
	const struct timespec pause = {.tv_nsec = 1000000};
	struct http_stats stats;

	do {
		nanosleep(&pause, NULL);
		http_loop_stats(c->loop, &stats);
		if (stats.on_wire == on_wire && stats.waiting == waiting)
			return true;
	} while (loop_now() < until_ms);
	return false;
}
