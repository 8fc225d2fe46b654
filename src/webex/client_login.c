/* SPDX-License-Identifier: MIT */
/*
 * What answers say of the login (login.h), and who is told of it. All on the client's queue, so that the
 * watcher hears of one change after the other, and of each before the call that brought it ends.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "webex/client.h"

#define HTTP_UNAUTHORIZED 401

/* What is wrong, and what to do. Owned. */
static char *login_words(struct webex_client *c)
{
	_cleanup_gfree_ char *advice = webex_token_advice(c->token);
	const char *why;

	pthread_mutex_lock(&c->lock);
	why = c->renewal.error == -EACCES ? c->renewal.why : NULL;
	pthread_mutex_unlock(&c->lock);
	if (why)
		return g_strdup_printf("login needed: %s: %s", why, advice);
	if (webex_token_is_empty(c->token))
		return g_strdup_printf("login needed: there is no access token: %s", advice);
	return g_strdup_printf("login needed: %s does not accept the access token: %s",
			       c->base_url, advice);
}

/* On the queue. */
static void tell(struct webex_client *c)
{
	const struct webex_watcher *w = &c->watcher;
	_cleanup_gfree_ char *words = NULL;
	enum webex_login state;
	unsigned generation;

	if (!w->login)
		return;
	pthread_mutex_lock(&c->lock);
	state = c->login.state;
	generation = c->generation;
	pthread_mutex_unlock(&c->lock);
	if (generation != c->told_generation && w->renewed)
		w->renewed(w->arg);
	c->told_generation = generation;
	if (state == c->told)
		return;
	c->told = state;
	if (state == WEBEX_LOGIN_NEEDED)
		words = login_words(c);
	w->login(w->arg, state, words);
}

static void uncount(struct webex_client *c)
{
	pthread_mutex_lock(&c->lock);
	c->calls--;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

static void tell_posted(void *arg)
{
	tell(arg);
	uncount(arg);
}

void webex_client_post_login_locked(struct webex_client *c)
{
	/* As a call, it keeps the client from being freed. */
	c->calls++;
	work_post(c->queue, tell_posted, c);
}

struct watch {
	struct webex_client *client;
	struct webex_watcher watcher;
};

static void watch(void *arg)
{
	struct watch *w = arg;

	w->client->watcher = w->watcher;
	tell(w->client);
	uncount(w->client);
	g_free(w);
}

void webex_client_watch(struct webex_client *c, const struct webex_watcher *watcher)
{
	struct watch *w = g_new(struct watch, 1);

	*w = (struct watch){.client = c, .watcher = *watcher};
	pthread_mutex_lock(&c->lock);
	c->calls++;
	pthread_mutex_unlock(&c->lock);
	work_post(c->queue, watch, w);
}

/* True if the answer says that the token is not accepted. Where it could not be asked for another one,
 * or where the call ended while that was asked, the error is another. */
static bool says_refused(const struct webex_call *call, const struct webex_reply *reply)
{
	return reply->error == -EACCES &&
	       (call->lacks_token || (call->was_shown && reply->status == HTTP_UNAUTHORIZED));
}

void webex_client_note_login(struct webex_call *call, struct webex_reply *reply)
{
	struct webex_client *c = call->client;
	bool is_refused = says_refused(call, reply), is_change = false;

	if (is_refused)
		reply->advice = webex_token_advice(c->token);
	else if (call->is_unchecked)
		reply->advice = webex_token_problem(c->token);
	pthread_mutex_lock(&c->lock);
	if (is_refused)
		is_change = login_refused(&c->login, call->turn);
	else if (!reply->error && call->was_shown)
		is_change = login_accepted(&c->login, call->turn);
	if (is_change && is_refused) {
		c->needed_ms = clock_mono(clock_system());
		pthread_cond_broadcast(&c->changed);
	}
	pthread_mutex_unlock(&c->lock);
	if (is_change)
		tell(c);
}
