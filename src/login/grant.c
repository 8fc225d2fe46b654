/* SPDX-License-Identifier: MIT */
#include "login/grant.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/wait.h"
#include "http/origin.h"
#include "http/route.h"
#include "webex/text.h"
#include "webex/token.h"

#define DEVICE_GRANT "urn:ietf:params:oauth:grant-type:device_code"
#define FORM "application/x-www-form-urlencoded"
#define ROUNDING_MS 5000
#define ANSWER_MAX ((size_t)64 << 10)
#define WORDS_MAX 300

int login_server_open(struct login_server *s, const char *base_url,
		      const struct login_integration *app, int timeout_ms, char **ret_reason)
{
	_cleanup_gfree_ char *origin = http_origin(base_url);
	const char *const origins[] = {origin, NULL};
	struct http_config config = {.user_agent = "sparkfs", .origins = origins};
	int r;

	*s = (struct login_server){.base_url = base_url, .app = app, .timeout_ms = timeout_ms};
	r = http_route_new(NULL, NULL, base_url, &s->route, ret_reason);
	if (r < 0)
		return r;
	config.route = s->route;
	r = http_loop_start(&config, &s->loop);
	if (r < 0)
		*ret_reason =
			g_strdup_printf("cannot start the network part: %s", g_strerror(-r));
	return r;
}

void login_server_close(struct login_server *s)
{
	if (s->loop)
		http_loop_stop(&s->loop);
	http_route_free(s->route);
	s->route = NULL;
}

void login_fault_clear(struct login_fault *f)
{
	g_free(f->words);
	*f = (struct login_fault){0};
}

bool login_fault_is_end(const struct login_fault *f)
{
	return (f->status == 400 || f->status == 401) && f->is_spoken &&
	       (f->error == WEBEX_OAUTH_GRANT || f->error == WEBEX_OAUTH_DENIED ||
		f->error == WEBEX_OAUTH_OTHER);
}

/* ---- one request ---- */

struct answer {
	pthread_mutex_t lock;
	pthread_cond_t over_cond;
	struct http_response *resp; /* lock; NULL: not over */
};

static void answered(void *arg, struct http_response *resp)
{
	struct answer *a = arg;

	pthread_mutex_lock(&a->lock);
	a->resp = resp;
	pthread_cond_signal(&a->over_cond);
	pthread_mutex_unlock(&a->lock);
}

/* The request ends by its own timeout. */
static struct http_response *ask(struct login_server *s, struct http_request *req)
{
	struct answer a = {.lock = PTHREAD_MUTEX_INITIALIZER};

	wait_init(&a.over_cond);
	s->asked_ms = clock_wall(clock_system());
	req->timeout_ms = s->timeout_ms;
	req->max_body = ANSWER_MAX;
	req->done = answered;
	req->arg = &a;
	http_submit(s->loop, req);
	pthread_mutex_lock(&a.lock);
	while (!a.resp)
		(void)wait_until(&a.over_cond, &a.lock, wait_deadline(-1));
	pthread_mutex_unlock(&a.lock);
	pthread_cond_destroy(&a.over_cond);
	pthread_mutex_destroy(&a.lock);
	return a.resp;
}

static struct http_response *post(struct login_server *s, const char *path, GString *form,
				  bool has_basic)
{
	_cleanup_gfree_ char *url = g_strconcat(s->base_url, path, NULL);
	struct http_request *req = http_request_new(HTTP_POST, url);

	/* Each grant decides what an answer means, and when to ask again. */
	req->repeat = HTTP_REPEAT_NEVER;
	req->content_type = g_strdup(FORM);
	req->body_len = form->len;
	req->body = g_string_free(form, FALSE);
	if (has_basic)
		req->basic = webex_basic(s->app->id, s->app->secret);
	return ask(s, req);
}

/* Adopts `resp`. 0 if it is a success. */
static int check(const struct login_server *s, struct http_response *resp,
		 struct login_fault *ret_fault)
{
	struct login_fault f = {.status = resp->status, .retry_after_s = resp->retry_after_s};

	if (!resp->error && resp->status == 200)
		return 0;
	f.error = webex_oauth_error(resp->status, resp->body, resp->body_len, &f.words);
	f.is_spoken = f.words != NULL;
	f.is_network = resp->status == 0 || resp->status >= 500 || resp->status == 408 ||
		       (resp->status >= 300 && resp->status < 400);
	if (!f.words)
		f.words =
			g_strdup_printf("%s: %s", s->base_url,
					resp->detail ? resp->detail : g_strerror(-resp->error));
	*ret_fault = f;
	return resp->error ? resp->error : -EACCES;
}

static int no_such_answer(const struct login_server *s, struct login_fault *ret_fault)
{
	*ret_fault = (struct login_fault){
		.words = g_strdup_printf("%s does not answer as the Webex API does",
					 s->base_url)};
	return -EBADMSG;
}

static int take_tokens(struct login_server *s, struct http_response *resp,
		       struct webex_grant *ret_grant, struct login_fault *ret_fault)
{
	int r = check(s, resp, ret_fault);

	if (r == 0 && webex_oauth_tokens(resp->body, resp->body_len, ret_grant) < 0)
		r = no_such_answer(s, ret_fault);
	if (r == 0)
		ret_grant->asked_ms = s->asked_ms;
	if (resp->body)
		explicit_bzero(resp->body, resp->body_len);
	http_response_free(resp);
	return r;
}

/* ---- the grants ---- */

int login_begin_device(struct login_server *s, struct webex_device *ret_device,
		       struct login_fault *ret_fault)
{
	GString *form = g_string_new(NULL);
	struct http_response *resp;
	int r;

	webex_form_add(form, "client_id", s->app->id);
	webex_form_add(form, "scope", s->app->scopes);
	resp = post(s, "/device/authorize", form, false);
	r = check(s, resp, ret_fault);
	if (r == 0 && webex_oauth_device(resp->body, resp->body_len, ret_device) < 0)
		r = no_such_answer(s, ret_fault);
	http_response_free(resp);
	return r;
}

int login_poll_device(struct login_server *s, const char *device_code,
		      struct webex_grant *ret_grant, struct login_fault *ret_fault)
{
	GString *form = g_string_new(NULL);

	webex_form_add(form, "grant_type", DEVICE_GRANT);
	webex_form_add(form, "device_code", device_code);
	webex_form_add(form, "client_id", s->app->id);
	return take_tokens(s, post(s, "/device/token", form, true), ret_grant, ret_fault);
}

static void add_client(const struct login_server *s, GString *form)
{
	webex_form_add(form, "client_id", s->app->id);
	webex_form_add(form, "client_secret", s->app->secret);
}

int login_redeem(struct login_server *s, const char *code, const char *redirect_uri,
		 const char *verifier, struct webex_grant *ret_grant,
		 struct login_fault *ret_fault)
{
	GString *form = g_string_new(NULL);

	webex_form_add(form, "grant_type", "authorization_code");
	add_client(s, form);
	webex_form_add(form, "code", code);
	webex_form_add(form, "redirect_uri", redirect_uri);
	webex_form_add(form, "code_verifier", verifier);
	return take_tokens(s, post(s, "/access_token", form, false), ret_grant, ret_fault);
}

int login_refresh(struct login_server *s, const char *refresh, struct webex_grant *ret_grant,
		  struct login_fault *ret_fault)
{
	GString *form = g_string_new(NULL);

	webex_form_add(form, "grant_type", "refresh_token");
	add_client(s, form);
	webex_form_add(form, "refresh_token", refresh);
	return take_tokens(s, post(s, "/access_token", form, false), ret_grant, ret_fault);
}

int login_whose(struct login_server *s, const char *access, struct webex_person **ret_person,
		struct login_fault *ret_fault)
{
	_cleanup_gfree_ char *url = g_strconcat(s->base_url, "/people/me", NULL);
	struct http_request *req = http_request_new(HTTP_GET, url);
	struct http_response *resp;
	GPtrArray *items = NULL;
	int r;

	req->bearer = g_strdup(access);
	resp = ask(s, req);
	r = check(s, resp, ret_fault);
	if (r == 0 && (webex_parse(WEBEX_KIND_PERSON, resp->body, resp->body_len, false, &items,
				   NULL) < 0 ||
		       items->len != 1))
		r = no_such_answer(s, ret_fault);
	if (r == 0)
		*ret_person = g_ptr_array_steal_index(items, 0);
	if (items)
		g_ptr_array_unref(items);
	http_response_free(resp);
	return r;
}

/* They are shown on a terminal. */
static void take_words(char **field, const char *words)
{
	g_free(*field);
	*field = words ? webex_text_line(words, WORDS_MAX) : NULL;
}

void login_take_person(struct login *l, const struct webex_person *p)
{
	g_free(l->person_id);
	l->person_id = g_strdup(p->id);
	take_words(&l->email, p->email);
	take_words(&l->display_name, p->display_name);
	l->is_bot = p->type == WEBEX_PERSON_BOT;
}

void login_take_grant(struct login *l, struct webex_grant *g)
{
	/* The answer took its time: with a slow network a token is dead before it seems to be. */
	int64_t now = g->asked_ms ? g->asked_ms : clock_wall(clock_system());

	/* Within a day of its making the service may give the same token again. It is as old as it was. */
	bool is_same = g_strcmp0(l->access, g->access) == 0;

	webex_token_wipe(l->access);
	l->access = steal_ptr(&g->access);
	if (!is_same || !l->access_since_ms)
		l->access_since_ms = now;
	l->unchanged_ms = is_same ? now : 0;
	l->retry_ms = 0;
	int64_t until = g->access_s ? now + g->access_s * 1000 : 0;
	/* Its end does not move; what is told of it is rounded. Where it does, the clock was set. */
	bool is_rounded = is_same && ABS(until - l->access_until_ms) < ROUNDING_MS;

	if (until || !is_same)
		l->access_until_ms = is_rounded ? MIN(until, l->access_until_ms) : until;
	l->is_renewed = true;
	if (g->refresh) {
		l->is_rotated |= g_strcmp0(l->refresh, g->refresh) != 0;
		webex_token_wipe(l->refresh);
		l->refresh = steal_ptr(&g->refresh);
	}
	if (g->refresh_s)
		l->refresh_until_ms = now + g->refresh_s * 1000;
	if (g->scope) {
		g_free(l->scope);
		l->scope = steal_ptr(&g->scope);
	}
	webex_grant_clear(g);
}
