/* SPDX-License-Identifier: MIT */
/*
 * Finds out to whom a new token belongs. Files and commands change hands, and with the token of
 * somebody else this mount would post everything in that person's name.
 *
 *     ask the source --the same, none--------------------------> the 401 stands
 *          | another
 *          v
 *     people/me with it --this person's------------------------> used
 *          |  |  +--401, 403-----------------------------------> the 401 stands
 *          |  +--somebody else's-------------------------------> -EACCES
 *          +--no answer, or one that says nothing--------------> that error; asked again later
 *
 * Thread rule: the reload thread, except webex_client_set_person and on_check (I/O thread).
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "webex/client.h"
#include "webex/id.h"
#include "webex/status.h"

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

/* On the I/O thread. */
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

/* 1: the token belongs to the person; 0: to somebody else. */
static int judge(struct webex_client *c, const char *person, const struct http_response *answer,
		 struct webex_renewal *ret_why)
{
	GPtrArray *people = NULL;
	int r = check_errno(answer);

	if (!answer->error && (answer->status == 401 || answer->status == 403))
		return 0;
	if (r == 0 && webex_parse(WEBEX_KIND_PERSON, answer->body ? answer->body : "",
				  answer->body_len, false, &people, NULL) < 0)
		r = -EIO;
	if (r < 0 || !people) {
		*ret_why = (struct webex_renewal){r ? r : -EIO, unchecked, true};
		return 0;
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
static int check(struct webex_client *c, const char *person, const char *value,
		 struct webex_renewal *ret_why)
{
	_cleanup_gfree_ char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, value, -1);
	struct http_response *answer;
	int r;

	if (g_strcmp0(sum, c->rejected) == 0) {
		*ret_why = (struct webex_renewal){-EACCES, somebody_else, false};
		return 0;
	}
	answer = ask_whose(c, value);
	if (!answer)
		return 0;
	r = judge(c, person, answer, ret_why);
	http_response_free(answer);
	if (ret_why->error == -EACCES && !ret_why->is_network) {
		g_free(c->rejected);
		c->rejected = steal_ptr(&sum);
	}
	return r;
}

int webex_client_renew(struct webex_client *c, struct webex_renewal *ret_why)
{
	_cleanup_gfree_ char *person = NULL;
	char *value = NULL;
	int r = webex_token_ask(c->token, &value);

	if (r <= 0)
		return 0;
	pthread_mutex_lock(&c->lock);
	person = g_strdup(c->person);
	pthread_mutex_unlock(&c->lock);
	if (person && !check(c, person, value, ret_why)) {
		webex_token_wipe(value);
		return 0;
	}
	webex_token_adopt(c->token, value);
	return 1;
}
