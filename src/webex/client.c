/* SPDX-License-Identifier: MIT */
#include "webex/client.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/thread.h"
#include "webex/id.h"

/* The pause after a reload that brought nothing new, so that a dead token does not run a
 * command for each request. */
#define RELOAD_PAUSE_MS 5000
/* Answers up to this size are parsed on `queue`, which takes less than a millisecond. */
#define PARSE_HERE_MAX 32768

static int64_t now_ms(void)
{
	return clock_mono(clock_system());
}

/* ---- calls ---- */

struct webex_call *webex_call_new(struct webex_client *c, enum http_method method,
				  const char *path, enum webex_form form, enum webex_kind kind,
				  webex_done done, void *arg)
{
	struct webex_call *call = g_new0(struct webex_call, 1);
	_cleanup_gfree_ char *url = g_strconcat(path[0] == '/' ? c->base_url : "", path, NULL);

	call->client = c;
	call->request = http_request_new(method, url);
	call->request->timeout_ms = c->timeout_ms;
	call->request->reach_ms = c->timeout_ms;
	call->form = form;
	call->kind = kind;
	call->done = done;
	call->arg = arg;
	call->link.data = call;
	if (c->send_read_only && method != HTTP_GET && method != HTTP_HEAD)
		webex_call_refuse(call, -EROFS, "mounted read-only");
	return call;
}

struct webex_call *webex_call_new_item(struct webex_client *c, enum http_method method,
				       const char *collection, const char *id,
				       enum webex_form form, enum webex_kind kind,
				       webex_done done, void *arg)
{
	bool is_sane = webex_id_is_sane(id);
	_cleanup_gfree_ char *path = g_strdup_printf("%s/%s", collection, is_sane ? id : "");
	struct webex_call *call = webex_call_new(c, method, path, form, kind, done, arg);

	if (!is_sane)
		webex_call_refuse(call, -EINVAL, "not an id");
	return call;
}

void webex_call_refuse(struct webex_call *call, int error, const char *why)
{
	if (call->error != 0)
		return;
	call->error = error;
	call->why = why;
}

void webex_call_set_json(struct webex_call *call, char *body)
{
	call->request->body = body;
	call->request->body_len = strlen(body);
	call->request->content_type = g_strdup("application/json");
}

static void call_free(struct webex_call *call)
{
	http_request_free(call->request);
	http_response_free(call->answer);
	g_free(call->parsed);
	g_free(call);
}

/* An item of the work queue. */
static void run_done(void *arg)
{
	struct webex_call *call = arg;
	struct webex_client *c = call->client;
	struct webex_reply reply = {0};

	if (call->parsed)
		reply = *call->parsed;
	else
		webex_reply_fill(call, &reply);
	call->done(call->arg, &reply);
	webex_reply_clear(&reply);
	call_free(call);
	pthread_mutex_lock(&c->lock);
	c->finishing--;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

/* An item of the parse queue. */
static void run_parse(void *arg)
{
	struct webex_call *call = arg;

	call->parsed = g_new0(struct webex_reply, 1);
	webex_reply_fill(call, call->parsed);
	/* The text is needed no more; freeing it here matters because several pages may wait
	 * for their turn. */
	http_response_free(steal_ptr(&call->answer));
	work_post(call->client->queue, run_done, call);
}

static bool is_long(const struct webex_call *call)
{
	return call->client->parse_queue && call->form == WEBEX_FORM_LIST && call->answer &&
	       call->answer->body_len > PARSE_HERE_MAX;
}

/* The call may be gone when this returns. */
static void finish_locked(struct webex_call *call)
{
	struct webex_client *c = call->client;

	call->state = WEBEX_CALL_FINISHING;
	g_hash_table_remove(c->calls, &call->id);
	c->finishing++;
	if (is_long(call))
		work_post(c->parse_queue, run_parse, call);
	else
		work_post(c->queue, run_done, call);
}

static void fail_locked(struct webex_call *call, int error, const char *why)
{
	call->error = error;
	call->why = why;
	finish_locked(call);
}

static struct http_request *copy_request(const struct http_request *from)
{
	struct http_request *req = http_request_new(from->method, from->url);

	req->lane = from->lane;
	req->repeat = from->repeat;
	req->content_type = g_strdup(from->content_type);
	req->body = g_strndup(from->body, from->body_len);
	req->body_len = from->body_len;
	req->sent = from->sent;
	req->take = from->take;
	req->take_arg = from->take_arg;
	req->from = from->from;
	req->to = from->to;
	req->locked_max_ms = from->locked_max_ms;
	req->reach_ms = from->reach_ms;
	req->max_body = from->max_body;
	req->follow_redirects = from->follow_redirects;
	req->asks_much = from->asks_much;
	for (size_t i = 0; i < from->n_parts; i++) {
		const struct http_part *part = &from->parts[i];
		if (part->value)
			http_request_add_value(req, part->name, part->value);
		else
			http_request_add_file(req, part->name, part->filename,
					      part->content_type, part->fd, part->size);
	}
	return req;
}

static void on_answer(void *arg, struct http_response *answer);

static void submit_locked(struct webex_call *call)
{
	struct webex_client *c = call->client;
	int64_t left = call->deadline_ms - now_ms();

	if (c->stopping) {
		fail_locked(call, -ESHUTDOWN, "shutting down");
		return;
	}
	if (left <= 0) {
		fail_locked(call, -ETIMEDOUT, "no time left after a new token was read");
		return;
	}
	struct http_request *req = copy_request(call->request);
	req->bearer = webex_token_get(c->token);
	req->timeout_ms = left;
	req->done = on_answer;
	req->arg = call;
	call->state = WEBEX_CALL_ON_WIRE;
	call->generation = c->generation;
	/* The lock is held, so the answer, which may be quick, finds http_id set. */
	call->http_id = http_submit(c->loop, req);
}

uint64_t webex_call_start(struct webex_call *call)
{
	struct webex_client *c = call->client;

	pthread_mutex_lock(&c->lock);
	uint64_t id = call->id = c->next_id++;
	call->deadline_ms = now_ms() + call->request->timeout_ms;
	g_hash_table_insert(c->calls, &call->id, call);
	if (call->error != 0)
		finish_locked(call);
	else
		submit_locked(call);
	pthread_mutex_unlock(&c->lock);
	return id;
}

/* ---- a new token ---- */

static void stop_waiting_locked(struct webex_call *call)
{
	g_queue_unlink(&call->client->waiting, &call->link);
}

static void repeat_locked(struct webex_call *call)
{
	call->repeated = true;
	http_response_free(steal_ptr(&call->answer));
	submit_locked(call);
}

static void arm_timer_locked(struct webex_client *c);

/* An item of the work queue: ends what has waited for a token for too long. */
static void on_timer(void *arg)
{
	struct webex_client *c = arg;
	int64_t now = now_ms();
	GList *next;

	pthread_mutex_lock(&c->lock);
	c->timer = 0;
	for (GList *l = c->waiting.head; l; l = next) {
		struct webex_call *call = l->data;
		next = l->next;
		if (call->deadline_ms > now)
			continue;
		stop_waiting_locked(call);
		fail_locked(call, -ETIMEDOUT, "the token source did not answer in time");
	}
	arm_timer_locked(c);
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

static void arm_timer_locked(struct webex_client *c)
{
	int64_t first = INT64_MAX;

	for (GList *l = c->waiting.head; l; l = l->next)
		first = MIN(first, ((struct webex_call *)l->data)->deadline_ms);
	if (c->timer != 0 && work_cancel(c->queue, c->timer))
		c->timer = 0;
	/* A timer that could not be cancelled is about to run and sets the next one itself. */
	if (c->timer == 0 && first != INT64_MAX)
		c->timer = work_post_at(c->queue, first, on_timer, c);
}

static void take_renewal_locked(struct webex_call *call)
{
	const struct webex_renewal *renewal = &call->client->renewal;

	call->error = renewal->error;
	call->why = renewal->why;
	call->is_network = renewal->is_network;
}

static void end_without_token_locked(struct webex_call *call)
{
	take_renewal_locked(call);
	finish_locked(call);
}

static void *reload_thread(void *arg)
{
	struct webex_client *c = arg;
	GList *l;

	pthread_mutex_lock(&c->lock);
	while (!c->stopping) {
		if (!c->reload_wanted) {
			pthread_cond_wait(&c->changed, &c->lock);
			continue;
		}
		pthread_mutex_unlock(&c->lock);
		struct webex_renewal renewal = {0};
		int r = webex_client_renew(c, &renewal);
		pthread_mutex_lock(&c->lock);
		c->reload_wanted = false;
		c->renewal = renewal;
		if (r > 0)
			c->generation++;
		else
			c->no_reload_until = now_ms() + RELOAD_PAUSE_MS;
		while ((l = g_queue_pop_head_link(&c->waiting))) {
			if (r > 0)
				repeat_locked(l->data);
			else
				end_without_token_locked(l->data);
		}
		arm_timer_locked(c);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static bool ensure_thread_locked(struct webex_client *c)
{
	if (!c->has_thread)
		c->has_thread =
			thread_start("sparkfs-token", reload_thread, c, &c->thread) == 0;
	return c->has_thread;
}

/* The answer was 401. True if the call goes on. */
static bool try_new_token_locked(struct webex_call *call)
{
	struct webex_client *c = call->client;

	if (call->repeated || call->cancelled || c->stopping ||
	    !webex_token_can_reload(c->token))
		return false;
	if (call->generation != c->generation) {
		repeat_locked(call);
		return true;
	}
	if (now_ms() < c->no_reload_until) {
		take_renewal_locked(call);
		return false;
	}
	if (!ensure_thread_locked(c))
		return false;
	call->state = WEBEX_CALL_WAITING;
	g_queue_push_tail_link(&c->waiting, &call->link);
	c->reload_wanted = true;
	arm_timer_locked(c);
	pthread_cond_broadcast(&c->changed);
	return true;
}

/* On the I/O thread. */
static void on_answer(void *arg, struct http_response *answer)
{
	struct webex_call *call = arg;
	struct webex_client *c = call->client;

	pthread_mutex_lock(&c->lock);
	call->answer = answer;
	if (answer->error != 0 || answer->status != 401 || !try_new_token_locked(call))
		finish_locked(call);
	pthread_mutex_unlock(&c->lock);
}

/* ---- cancelling ---- */

void webex_cancel(struct webex_client *c, uint64_t id)
{
	pthread_mutex_lock(&c->lock);
	struct webex_call *call = g_hash_table_lookup(c->calls, &id);
	if (call) {
		call->cancelled = true;
		if (call->state == WEBEX_CALL_ON_WIRE) {
			http_cancel(c->loop, call->http_id);
		} else {
			stop_waiting_locked(call);
			fail_locked(call, -ECANCELED, "cancelled");
		}
	}
	pthread_mutex_unlock(&c->lock);
}

void webex_resume(struct webex_client *c, uint64_t id)
{
	pthread_mutex_lock(&c->lock);
	struct webex_call *call = g_hash_table_lookup(c->calls, &id);
	if (call && call->state == WEBEX_CALL_ON_WIRE)
		http_resume(c->loop, call->http_id);
	pthread_mutex_unlock(&c->lock);
}

static bool take_back(struct webex_client *c, uint64_t id,
		      bool (*from_loop)(struct http_loop *loop, uint64_t id))
{
	bool withdrawn = false;

	pthread_mutex_lock(&c->lock);
	struct webex_call *call = g_hash_table_lookup(c->calls, &id);
	if (call && call->state == WEBEX_CALL_ON_WIRE) {
		withdrawn = call->cancelled = from_loop(c->loop, call->http_id);
	} else if (call) {
		/* The server refused the try that was sent (401), and no other is on the wire. */
		withdrawn = true;
		stop_waiting_locked(call);
		fail_locked(call, -ECANCELED, "withdrawn");
	}
	pthread_mutex_unlock(&c->lock);
	return withdrawn;
}

bool webex_withdraw(struct webex_client *c, uint64_t id)
{
	return take_back(c, id, http_withdraw);
}

bool webex_cut(struct webex_client *c, uint64_t id)
{
	return take_back(c, id, http_cut);
}

/* ---- the client ---- */

int webex_client_new(const struct webex_config *config, struct webex_client **ret_client)
{
	struct webex_client *c = g_new0(struct webex_client, 1);

	c->base_url = g_strdup(config->base_url);
	c->loop = config->loop;
	c->token = config->token;
	c->queue = config->queue;
	c->parse_queue = config->parse_queue;
	c->timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : WEBEX_TIMEOUT_MS;
	c->send_read_only = config->send_read_only;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	c->calls = g_hash_table_new(g_int64_hash, g_int64_equal);
	g_queue_init(&c->waiting);
	c->next_id = 1;
	*ret_client = c;
	return 0;
}

void webex_client_stop(struct webex_client *c)
{
	GList *l;

	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	while ((l = g_queue_pop_head_link(&c->waiting)))
		fail_locked(l->data, -ESHUTDOWN, "shutting down");
	arm_timer_locked(c);
	while (c->timer != 0)
		pthread_cond_wait(&c->changed, &c->lock);
	if (c->check_id)
		http_cancel(c->loop, c->check_id);
	bool has_thread = c->has_thread;
	c->has_thread = false;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	if (!has_thread)
		return;
	webex_token_interrupt(c->token, true);
	pthread_join(c->thread, NULL);
	webex_token_interrupt(c->token, false);
}

void webex_client_free(struct webex_client *c)
{
	if (!c)
		return;
	webex_client_stop(c);
	pthread_mutex_lock(&c->lock);
	assert(g_hash_table_size(c->calls) == 0);
	/* `done` of the last call may still run on the queue's thread. */
	while (c->finishing > 0)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
	g_hash_table_destroy(c->calls);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	g_free(c->base_url);
	g_free(c->person);
	g_free(c->email);
	g_free(c->rejected);
	g_free(c);
}
