/* SPDX-License-Identifier: MIT */
/*
 * Gives calls their token. After a 401 it is replaced by what the source says then, once for all
 * calls that met the 401. Before, the server says to whom the new token belongs: files and commands
 * change hands, and with the token of somebody else this mount would post everything in that
 * person's name.
 *
 *     webex_client_authorize: a 401, and no new token since -> the call is parked
 *          |
 *          v
 *     reload_thread: ask the source --the same, none--------> the 401 stands
 *          | another
 *          v
 *     ask_whose: people/me with it --this person's----------> adopted; parked calls are repeated
 *          |  |  +--401, 403--------------------------------> the 401 stands
 *          |  +--somebody else's----------------------------> -EACCES
 *          +--no answer, or one that says nothing-----------> that error; asked again later
 *
 * Thread rule: the reload thread, except webex_client_authorize and on_check (I/O thread),
 * webex_client_set_person and webex_client_stop.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "webex/client.h"
#include "webex/id.h"
#include "webex/status.h"

/* The pause after a reload that brought nothing new, so that a dead token does not run a
 * command, or ask whose the new one is, for each request. */
#define RELOAD_PAUSE_MS 5000

static const char somebody_else[] =
	"the token source has the token of somebody else now, which is not used";
static const char unchecked[] =
	"there is a new token, and whose it is could not be asked (people/me); try again";

void webex_client_set_person(struct webex_client *c, const char *person_id, const char *email)
{
	pthread_mutex_lock(&c->lock);
	g_free(c->person);
	g_free(c->email);
	c->person = g_strdup(person_id);
	c->email = g_strdup(email);
	pthread_mutex_unlock(&c->lock);
}

static int64_t now_ms(void)
{
	return clock_mono(clock_system());
}

static void on_check(void *arg, struct http_response *answer)
{
	struct webex_client *c = arg;

	pthread_mutex_lock(&c->lock);
	c->check = answer;
	c->check_id = 0;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

/* The answer of people/me with that token. Owned; NULL: shutting down. */
static struct http_response *ask_whose(struct webex_client *c, const char *value)
{
	_cleanup_gfree_ char *url = g_strconcat(c->base_url, "/people/me", NULL);
	struct http_response *answer = NULL;
	struct http_request *req;

	pthread_mutex_lock(&c->lock);
	if (!c->stopping) {
		req = http_request_new(HTTP_GET, url);
		req->bearer = g_strdup(value);
		req->timeout_ms = c->timeout_ms;
		req->done = on_check;
		req->arg = c;
		/* The lock is held, so the answer, which takes it, cannot come first. */
		c->check_id = http_submit(c->loop, req);
		while (!c->check)
			pthread_cond_wait(&c->changed, &c->lock);
		answer = steal_ptr(&c->check);
	}
	pthread_mutex_unlock(&c->lock);
	return answer;
}

static bool is_same_person(const char *a, const char *b)
{
	uint8_t left[16], right[16];

	if (strcmp(a, b) == 0)
		return true;
	return webex_id_to_uuid(a, "PEOPLE", left) && webex_id_to_uuid(b, "PEOPLE", right) &&
	       memcmp(left, right, sizeof(left)) == 0;
}

static void say_somebody_else(struct webex_client *c, const struct webex_person *p)
{
	_cleanup_gfree_ char *email = NULL;

	pthread_mutex_lock(&c->lock);
	email = g_strdup(c->email);
	pthread_mutex_unlock(&c->lock);
	log_last_error("the token source now has the token of %s, and this is the mount of %s: "
		       "it is not used. Give it a token of this account again, or unmount",
		       p->email ? p->email : "somebody else", email ? email : "another");
}

/* The error of the question as the waiting calls are to get it. Its own status would mislead
 * them: a 404 of people/me is no ENOENT of what they asked for. */
static int check_errno(const struct http_response *answer)
{
	int status = answer->status;

	if (answer->error)
		return answer->error == -EMSGSIZE ? -EIO : answer->error;
	if (status >= 200 && status < 300)
		return 0;
	return status == 429 || status >= 500 ? webex_status_errno(HTTP_GET, status, NULL)
					      : -EIO;
}

/* True if the token that got `answer` from people/me belongs to the person. */
static bool judge(struct webex_client *c, const char *person,
		  const struct http_response *answer, struct webex_renewal *ret_why)
{
	GPtrArray *people = NULL;
	int r = check_errno(answer);

	if (!answer->error && (answer->status == 401 || answer->status == 403))
		return false;
	if (r == 0 && webex_parse(WEBEX_KIND_PERSON, answer->body ? answer->body : "",
				  answer->body_len, false, &people, NULL) < 0)
		r = -EIO;
	if (r < 0 || !people) {
		*ret_why = (struct webex_renewal){r ? r : -EIO, unchecked, true};
		return false;
	}
	const struct webex_person *p = g_ptr_array_index(people, 0);
	bool is_ours = is_same_person(p->id, person);
	if (!is_ours) {
		*ret_why = (struct webex_renewal){-EACCES, somebody_else, false};
		say_somebody_else(c, p);
	}
	g_ptr_array_unref(people);
	return is_ours;
}

/* As judge, but does not ask again about a token that was rejected before. */
static bool check(struct webex_client *c, const char *person, const char *value,
		  struct webex_renewal *ret_why)
{
	_cleanup_gfree_ char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, value, -1);
	struct http_response *answer;
	bool is_ours;

	if (g_strcmp0(sum, c->rejected) == 0) {
		*ret_why = (struct webex_renewal){-EACCES, somebody_else, false};
		return false;
	}
	answer = ask_whose(c, value);
	if (!answer)
		return false;
	is_ours = judge(c, person, answer, ret_why);
	http_response_free(answer);
	if (ret_why->error == -EACCES && !ret_why->is_network) {
		g_free(c->rejected);
		c->rejected = steal_ptr(&sum);
	}
	return is_ours;
}

/* Asks the source. Returns the token to use from now on (owned), or NULL if there is no new one;
 * then *ret_why is what the waiting calls get. */
static char *renew(struct webex_client *c, struct webex_renewal *ret_why)
{
	_cleanup_gfree_ char *person = NULL;
	char *value = NULL;
	int r = webex_token_ask(c->token, &value);

	if (!value) {
		ret_why->was_cheap = r == 0 && webex_token_is_cheap(c->token);
		return NULL;
	}
	pthread_mutex_lock(&c->lock);
	person = g_strdup(c->person);
	pthread_mutex_unlock(&c->lock);
	if (person && !check(c, person, value, ret_why)) {
		webex_token_wipe(value);
		return NULL;
	}
	return value;
}

static void *reload_thread(void *arg)
{
	struct webex_client *c = arg;

	pthread_mutex_lock(&c->lock);
	while (!c->stopping) {
		if (!c->reload_wanted) {
			pthread_cond_wait(&c->changed, &c->lock);
			continue;
		}
		pthread_mutex_unlock(&c->lock);
		struct webex_renewal renewal = {0};
		char *value = renew(c, &renewal);
		pthread_mutex_lock(&c->lock);
		c->reload_wanted = false;
		c->reloads++;
		c->renewal = renewal;
		if (value) {
			webex_token_adopt(c->token, value);
			c->generation++;
		} else if (!renewal.was_cheap) {
			c->no_reload_until = now_ms() + RELOAD_PAUSE_MS;
		}
		pthread_mutex_unlock(&c->lock);
		http_ask_again(c->loop);
		pthread_mutex_lock(&c->lock);
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

/* The server refused the token in use. */
static enum http_auth ask_for_another_locked(struct webex_call *call,
					     struct http_grant *ret_grant)
{
	struct webex_client *c = call->client;
	bool is_answered = call->reload != 0 && call->reload <= c->reloads;

	if (!webex_token_can_reload(c->token))
		return HTTP_AUTH_NONE;
	if (is_answered || now_ms() < c->no_reload_until) {
		call->is_unchecked = c->renewal.is_network;
		ret_grant->error = c->renewal.error;
		ret_grant->why = c->renewal.why;
		return HTTP_AUTH_NONE;
	}
	if (!ensure_thread_locked(c))
		return HTTP_AUTH_NONE;
	call->reload = c->reloads + 1;
	c->reload_wanted = true;
	pthread_cond_broadcast(&c->changed);
	return HTTP_AUTH_WAIT;
}

enum http_auth webex_client_authorize(void *arg, bool was_refused, struct http_grant *ret_grant)
{
	struct webex_call *call = arg;
	struct webex_client *c = call->client;
	enum http_auth auth = HTTP_AUTH_GIVEN;

	pthread_mutex_lock(&c->lock);
	if (c->stopping) {
		ret_grant->error = -ESHUTDOWN;
		ret_grant->why = "shutting down";
		auth = HTTP_AUTH_NONE;
	} else if (was_refused && call->generation == c->generation) {
		auth = ask_for_another_locked(call, ret_grant);
	} else {
		ret_grant->bearer = webex_token_get(c->token);
		call->generation = c->generation;
	}
	pthread_mutex_unlock(&c->lock);
	return auth;
}

void webex_client_stop(struct webex_client *c)
{
	bool has_thread, was_stopped;
	uint64_t check_id;

	pthread_mutex_lock(&c->lock);
	was_stopped = c->stopping;
	c->stopping = true;
	check_id = c->check_id;
	has_thread = c->has_thread;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	if (was_stopped)
		return;
	http_ask_again(c->loop);
	if (check_id)
		http_cancel(c->loop, check_id);
	if (!has_thread)
		return;
	webex_token_interrupt(c->token, true);
	pthread_join(c->thread, NULL);
	webex_token_interrupt(c->token, false);
}
