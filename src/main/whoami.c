/* SPDX-License-Identifier: MIT */
#include "main/whoami.h"

#include <errno.h>
#include <pthread.h>

#include "base/wait.h"

struct ask {
	const char *base_url;
	pthread_mutex_t lock;
	pthread_cond_t over_cond;
	bool is_over; /* lock; the fields below are written before it is set and read after */
	struct webex_person *me;
	int error;
	enum whoami_failure failure;
	char *reason;
};

static char *say(const char *base_url, const struct webex_reply *reply)
{
	/* We cancelled the call because it took too long. */
	const char *words = reply->error == -ECANCELED ? "no answer"
			    : reply->message	       ? reply->message
						       : g_strerror(-reply->error);

	if (reply->advice)
		return g_strdup_printf("%s does not accept the access token (%d: %s): %s",
				       base_url, reply->status, words, reply->advice);
	if (reply->status == 403)
		return g_strdup_printf("%s does not let this access token ask whose it is "
				       "(403: %s); it may lack "
				       "the scope spark:people_read",
				       base_url, words);
	if (reply->is_network || reply->error == -ETIMEDOUT || reply->error == -ECANCELED)
		return g_strdup_printf(
			"cannot reach %s: %s; check the network, or name the server by -o url=",
			base_url, words);
	if (reply->status == 429 || reply->status >= 500)
		return g_strdup_printf("%s is out of order (%d: %s); try again later", base_url,
				       reply->status, words);
	return g_strdup_printf(
		"%s does not answer as the Webex API does (%d: %s); check -o url=", base_url,
		reply->status, words);
}

static bool is_usable(const struct webex_reply *reply)
{
	const struct webex_person *me;

	if (reply->error || !reply->items || reply->items->len != 1)
		return false;
	me = g_ptr_array_index(reply->items, 0);
	return me->id;
}

static enum whoami_failure failure_of(const struct webex_reply *reply)
{
	if (reply->advice)
		return WHOAMI_LOGIN;
	/* A success without a person comes from the login page of a hotel, or from a gateway. */
	if (reply->is_network || reply->error == -ETIMEDOUT || reply->error == -ECANCELED ||
	    reply->status == 429 || reply->status >= 500 ||
	    (reply->status >= 200 && reply->status < 400))
		return WHOAMI_NETWORK;
	return WHOAMI_OTHER;
}

/* On the client's queue. */
static void answered(void *arg, struct webex_reply *reply)
{
	struct ask *a = arg;

	pthread_mutex_lock(&a->lock);
	if (is_usable(reply)) {
		a->me = g_ptr_array_steal_index(reply->items, 0);
	} else {
		a->error = reply->error == -ECANCELED ? -ETIMEDOUT : reply->error;
		if (!a->error)
			a->error = -EBADMSG;
		a->failure = failure_of(reply);
		a->reason = say(a->base_url, reply);
	}
	a->is_over = true;
	pthread_cond_signal(&a->over_cond);
	pthread_mutex_unlock(&a->lock);
}

/* True if it ended in time. Below 0: there is all the time. */
static bool wait_until_over(struct ask *a, int timeout_ms)
{
	int64_t deadline = wait_deadline(timeout_ms);
	bool is_over, in_time = true;

	pthread_mutex_lock(&a->lock);
	while (!a->is_over && in_time)
		in_time = wait_until(&a->over_cond, &a->lock, deadline);
	is_over = a->is_over;
	pthread_mutex_unlock(&a->lock);
	return is_over;
}

int whoami_ask(struct webex_client *client, const char *base_url, int timeout_ms,
	       struct webex_person **ret_me, enum whoami_failure *ret_failure,
	       char **ret_reason)
{
	struct ask a = {.base_url = base_url, .lock = PTHREAD_MUTEX_INITIALIZER};
	uint64_t id;

	wait_init(&a.over_cond);
	id = webex_get_me(client, answered, &a);
	if (!wait_until_over(&a, timeout_ms)) {
		webex_cancel(client, id);
		/* `done` is called whatever the network does (webex/api.h 1). */
		wait_until_over(&a, -1);
	}
	pthread_cond_destroy(&a.over_cond);
	pthread_mutex_destroy(&a.lock);
	if (a.me) {
		*ret_me = a.me;
		return 0;
	}
	*ret_failure = a.failure;
	*ret_reason = a.reason;
	return a.error;
}
