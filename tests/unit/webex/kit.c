/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "http/loop_internal.h"
#include "kit.h"

/* A second of Retry-After or backoff, for real. */
#define SECOND_MS 20
#define PATIENCE_S 10

struct ticket {
	struct kit *kit;
	pthread_mutex_t lock;
	pthread_cond_t done;
	int count;		  /* lock */
	struct webex_reply reply; /* lock, until count is 1 */
};

static void load_token(struct kit *k, const char *command)
{
	_cleanup_gfree_ char *file = g_build_filename(k->dir, "token", NULL);
	_cleanup_gfree_ char *full =
		command ? g_strdup_printf("DIR='%s'; %s", k->dir, command) : NULL;
	struct webex_token_source source = {.command = full, .file = file};

	kit_write(k, "token", "token-1");
	assert_int_equal(webex_token_load(&source, &k->token, NULL), 0);
}

void kit_start(struct kit *k, fake_fn fn, void *arg, const char *command)
{
	struct http_config http = {.user_agent = "test"};
	char **origins;

	memset(k, 0, sizeof(*k));
	k->dir = g_dir_make_tmp("sparkfs-webex-XXXXXX", NULL);
	assert_non_null(k->dir);
	load_token(k, command);
	k->server = fake_start(fn, arg);
	k->base_url = fake_url(k->server, "/v1");
	origins = webex_allowed_origins(k->base_url);
	http.origins = (const char *const *)origins;
	assert_int_equal(http_loop_start_scaled(&http, SECOND_MS, &k->loop), 0);
	g_strfreev(origins);
	assert_int_equal(work_queue_start("test", &k->queue), 0);
	assert_int_equal(work_queue_start("parse", &k->parse_queue), 0);
	kit_configure(k, 0, false);
}

void kit_configure(struct kit *k, int timeout_ms, bool read_only)
{
	struct webex_config config = {
		.base_url = k->base_url,
		.loop = k->loop,
		.token = k->token,
		.queue = k->queue,
		.parse_queue = k->parse_queue,
		.timeout_ms = timeout_ms,
		.send_read_only = read_only,
	};

	webex_client_free(k->client);
	assert_int_equal(webex_client_new(&config, &k->client), 0);
}

void kit_stop(struct kit *k)
{
	_cleanup_gfree_ char *command = g_strdup_printf("rm -rf '%s'", k->dir);

	webex_client_stop(k->client);
	http_loop_stop(&k->loop);
	work_queue_stop(&k->parse_queue);
	work_queue_stop(&k->queue);
	webex_client_free(k->client);
	webex_token_free(k->token);
	fake_stop(&k->server);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a name of ours */
	g_free(k->base_url);
	g_free(k->dir);
}

void kit_write(const struct kit *k, const char *name, const char *text)
{
	_cleanup_gfree_ char *path = g_build_filename(k->dir, name, NULL);

	assert_true(g_file_set_contents(path, text, -1, NULL));
	assert_int_equal(chmod(path, 0600), 0);
}

int kit_file_size(const struct kit *k, const char *name)
{
	_cleanup_gfree_ char *path = g_build_filename(k->dir, name, NULL);
	struct stat st;

	return stat(path, &st) < 0 ? 0 : (int)st.st_size;
}

void kit_wait_file(const struct kit *k, const char *name)
{
	for (int i = 0; i < PATIENCE_S * 1000; i++) {
		if (kit_file_size(k, name) > 0)
			return;
		g_usleep(1000);
	}
	fail_msg("no file %s", name);
}

struct ticket *ticket_new(struct kit *k)
{
	struct ticket *t = g_new0(struct ticket, 1);

	t->kit = k;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->done, NULL);
	return t;
}

void kit_done(void *arg, struct webex_reply *reply)
{
	struct ticket *t = arg;

	pthread_mutex_lock(&t->lock);
	if (!work_on_thread(t->kit->queue))
		abort();
	if (t->count++ == 0) {
		t->reply = *reply;
		memset(reply, 0, sizeof(*reply));
	}
	pthread_cond_signal(&t->done);
	pthread_mutex_unlock(&t->lock);
}

bool ticket_is_done(struct ticket *t)
{
	pthread_mutex_lock(&t->lock);
	bool is_done = t->count > 0;
	pthread_mutex_unlock(&t->lock);
	return is_done;
}

struct webex_reply *ticket_wait(struct ticket *t)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&t->lock);
	while (t->count == 0 && r == 0)
		r = pthread_cond_timedwait(&t->done, &t->lock, &until);
	int count = t->count;
	pthread_mutex_unlock(&t->lock);
	assert_int_equal(count, 1);
	return &t->reply;
}

void ticket_free(struct ticket *t)
{
	assert_int_equal(t->count, 1);
	g_free(t->reply.message);
	g_free(t->reply.tracking_id);
	g_free(t->reply.next);
	g_free(t->reply.advice);
	g_free(t->reply.content_name);
	g_free(t->reply.content_type);
	g_free(t->reply.body);
	if (t->reply.items)
		g_ptr_array_unref(t->reply.items);
	pthread_cond_destroy(&t->done);
	pthread_mutex_destroy(&t->lock);
	g_free(t);
}

char *kit_request_line(struct kit *k, int n)
{
	const struct fake_request *req = fake_request_nth(k->server, n);

	assert_non_null(req);
	return g_strndup(req->head, strstr(req->head, " HTTP/") - req->head);
}
