/* SPDX-License-Identifier: MIT */
#include "webex/client.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/wait.h"
#include "webex/id.h"

/* Answers up to this size are parsed on `queue`, which takes less than a millisecond. */
#define PARSE_HERE_MAX 32768
/* The id of a call that began after the client was stopped. */
#define NO_REQUEST UINT64_MAX

/* ---- calls ---- */

/* On the I/O thread. The loop frees the request when this returns. */
static void on_answer(void *arg, struct http_response *answer);

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
	call->request->authorize = webex_client_authorize;
	call->request->done = on_answer;
	call->request->arg = call;
	call->asker = call->request->asker;
	call->method = method;
	call->form = form;
	call->kind = kind;
	call->done = done;
	call->arg = arg;
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
	if (call->request->error != 0)
		return;
	call->request->error = error;
	call->request->why = why;
}

void webex_call_set_json(struct webex_call *call, char *body)
{
	call->request->body = body;
	call->request->body_len = strlen(body);
	call->request->content_type = g_strdup("application/json");
}

/* Ends the call without the loop, which may be gone. */
static void end_unsent(struct webex_call *call)
{
	struct http_request *request = call->request;
	struct http_response *answer = g_new0(struct http_response, 1);

	answer->error = request->error ? request->error : -ESHUTDOWN;
	answer->detail = g_strdup(request->error ? request->why : "shutting down");
	on_answer(call, answer);
	http_request_free(request);
}

/*
 * The lock is held while the loop is called, here and below: once webex_client_stop has had it, the
 * loop may be stopped and freed, while items of the queue still start and cancel calls.
 */
uint64_t webex_call_start(struct webex_call *call)
{
	struct webex_client *c = call->client;
	uint64_t id = NO_REQUEST;

	pthread_mutex_lock(&c->lock);
	c->calls++;
	if (c->stopping)
		end_unsent(call);
	else
		id = http_submit(c->loop, call->request);
	pthread_mutex_unlock(&c->lock);
	return id;
}

static void call_free(struct webex_call *call)
{
	http_response_free(call->answer);
	http_bodies_give(call->weight);
	g_free(call->parsed);
	g_free(call->url);
	g_free(call->room_id);
	g_free(call);
}

/* An item of the work queue. */
static void run_done(void *arg)
{
	struct webex_call *call = arg;
	struct webex_client *c = call->client;
	struct webex_reply reply = {0};
	struct http_asker before;

	if (call->parsed)
		reply = *call->parsed;
	else
		webex_reply_fill(call, &reply);
	webex_client_note_login(call, &reply);
	before = http_ask_for(call->asker);
	call->done(call->arg, &reply);
	http_ask_for(before);
	webex_reply_clear(&reply);
	call_free(call);
	pthread_mutex_lock(&c->lock);
	c->calls--;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

/* An item of the parse queue. */
static void run_parse(void *arg)
{
	struct webex_call *call = arg;

	call->parsed = g_new0(struct webex_reply, 1);
	webex_reply_fill(call, call->parsed);
	/* What was made of the text takes about as much until it is stored. */
	call->weight = call->answer->body_size;
	http_bodies_take(call->weight, true);
	/* The text is needed no more; freeing it here matters because several pages may wait
	 * for their turn. */
	http_response_free(steal_ptr(&call->answer));
	work_post(call->client->queue, run_done, call);
}

static void on_answer(void *arg, struct http_response *answer)
{
	struct webex_call *call = arg;
	struct webex_client *c = call->client;
	bool is_list = call->form == WEBEX_FORM_LIST || call->form == WEBEX_FORM_REQUEST;
	bool is_long = is_list && answer->body_len > PARSE_HERE_MAX;

	call->answer = answer;
	call->was_shown = answer->bearer_shown;
	call->url = steal_ptr(&call->request->url);
	if (is_long && c->parse_queue)
		work_post(c->parse_queue, run_parse, call);
	else
		work_post(c->queue, run_done, call);
}

void webex_cancel(struct webex_client *c, uint64_t id)
{
	pthread_mutex_lock(&c->lock);
	if (!c->stopping)
		http_cancel(c->loop, id);
	pthread_mutex_unlock(&c->lock);
}

void webex_resume(struct webex_client *c, uint64_t id)
{
	pthread_mutex_lock(&c->lock);
	if (!c->stopping)
		http_resume(c->loop, id);
	pthread_mutex_unlock(&c->lock);
}

void webex_raise(struct webex_client *c, uint64_t id)
{
	pthread_mutex_lock(&c->lock);
	if (!c->stopping)
		http_raise(c->loop, id);
	pthread_mutex_unlock(&c->lock);
}

static bool take_back(struct webex_client *c, uint64_t id,
		      bool (*from_loop)(struct http_loop *loop, uint64_t id))
{
	bool is_withdrawn;

	pthread_mutex_lock(&c->lock);
	is_withdrawn = !c->stopping && from_loop(c->loop, id);
	pthread_mutex_unlock(&c->lock);
	return is_withdrawn;
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
	wait_init(&c->changed);
	if (webex_token_is_empty(c->token))
		c->login.state = WEBEX_LOGIN_NEEDED;
	c->renew_ms = webex_token_renew_ms(c->token);
	c->end_ms = webex_token_end_ms(c->token);
	*ret_client = c;
	return 0;
}

void webex_client_free(struct webex_client *c)
{
	if (!c)
		return;
	webex_client_stop(c);
	pthread_mutex_lock(&c->lock);
	/* `done` of the last call may still run on the queue's thread. */
	while (c->calls > 0)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	g_free(c->base_url);
	g_free(c->person);
	g_free(c->email);
	g_free(c->checked);
	g_free(c);
}
