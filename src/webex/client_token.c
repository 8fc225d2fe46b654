/* SPDX-License-Identifier: MIT */
/*
 * Gives calls their token. After a 401 it is replaced by what the source says then, once for all
 * calls that met the 401; and of a login, whose source says how long a token lives, before anybody
 * meets one. Before, the server says to whom the new token belongs: files and commands
 * change hands, and with the token of somebody else this mount would post everything in that
 * person's name.
 *
 *     webex_client_authorize: a 401, and no new token since -> the call is parked
 *          |                  (or there is no token yet, or one whose owner is in doubt, or whose end is over)
 *          v
 *     reload_thread: ask the source --the same, none--------> the 401 stands
 *          | |                        ^
 *          | |                        +-- wait_for_wish: a login is needed, and the file is another than it was,
 *          | |                                    or the keyring was locked five seconds ago
 *          | +--it says nothing now-------------------------> no word of the login; asked again later
 *          | another, or the doubted one
 *          v
 *     ask_whose: people/me with it
 *          |  |  |  +--this person's------------------------> adopted; parked calls are repeated
 *          |  |  +--401, 403--------------------------------> the 401 stands
 *          |  +--somebody else's----------------------------> -EACCES
 *          +--no answer, or one that says nothing-----------> that error; asked again later
 *
 *     wait_for_wish: the token is old (renew_ms) -> the same, and no call waits for it. If it brings no other
 *          token, calls go on with the old one; if only a login helps and the old one is dead, that is
 *          noted at once.
 *
 * The time of renew_ms is looked at before each call, too: a thread's wait stands still through a suspend.
 * What stands is noted when the call ends: then a login is needed (login.h). Whatever can get a token
 * without the person, such as a refresh, belongs into webex_token_ask.
 * Thread rule: the reload thread, except webex_client_authorize and on_check (I/O thread),
 * webex_client_set_person and webex_client_stop.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/wait.h"
#include "webex/client.h"
#include "webex/id.h"
#include "webex/status.h"

/* A command that brought nothing new is not run again for ten times as long as it took, between these
 * two, so that a dead token does not run it for each request. */
#define PAUSE_MIN_MS 1000
#define PAUSE_MAX_MS 5000
/* For so long nobody is asked again about a token that people/me refused, or that it could not be asked
 * about. */
#define REFUSED_MS 5000
#define UNCHECKED_MS 1000
/* When a source is asked again that says nothing of a token which is old, and lives. */
#define RENEW_AGAIN_MS 60000
/* While a login is needed, the file is looked at so often: soon after the refusal more often, since
 * somebody may be renewing the token right now. */
#define LOOK_SOON_MS 250
#define LOOK_LATER_MS 1000
#define SOON_MS 10000
/* And a keyring that is locked so often, by a process of a few hundredths of a second. */
#define UNLOCK_MS 5000

static const char somebody_else[] =
	"the token source has the token of somebody else now, which is not used";
static const char unchecked[] =
	"there is a new token, and whose it is could not be asked (people/me); try again";
static const char unrenewed[] = "the access token is dead, and there is no other one yet";
static const char missing[] = "there is no access token that the server accepts";

void webex_client_doubt_token(struct webex_client *c)
{
	pthread_mutex_lock(&c->lock);
	c->is_doubted = true;
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

/* Until when it holds that a token was not adopted for that reason. */
static int64_t holds_until(const struct webex_renewal *why)
{
	if (why->is_network)
		return now_ms() + UNCHECKED_MS;
	return why->error ? INT64_MAX : now_ms() + REFUSED_MS;
}

/* As judge, but does not ask again so soon about a token that was not adopted. */
static bool check(struct webex_client *c, const char *person, const char *value,
		  struct webex_renewal *ret_why)
{
	_cleanup_gfree_ char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, value, -1);
	struct http_response *answer;
	bool is_ours;

	if (g_strcmp0(sum, c->checked) == 0 && now_ms() < c->checked_until_ms) {
		*ret_why = c->checked_renewal;
		return false;
	}
	answer = ask_whose(c, value);
	if (!answer)
		return false;
	is_ours = judge(c, person, answer, ret_why);
	http_response_free(answer);
	g_clear_pointer(&c->checked, g_free);
	if (!is_ours) {
		c->checked = steal_ptr(&sum);
		c->checked_renewal = *ret_why;
		c->checked_until_ms = holds_until(ret_why);
	}
	return is_ours;
}

/* True if the source could not say whether there is another token, which the network may be to blame
 * for. Of a login that is so if its child did not end in time. */
static bool says_nothing(const struct webex_client *c, int asked)
{
	return asked == -EAGAIN || (asked == -ETIMEDOUT && webex_token_is_watched(c->token) &&
				    !webex_token_is_cheap(c->token));
}

/* Asks the source. Returns the token to use from now on (owned), or NULL if there is no new one;
 * then *ret_why is what the waiting calls get. *ret_asked: of webex_token_ask; -EBUSY: there is another one,
 * which is not used. */
static char *renew(struct webex_client *c, enum webex_token_wish wish,
		   struct webex_renewal *ret_why, int *ret_asked)
{
	_cleanup_gfree_ char *person = NULL;
	char *value = NULL;
	bool is_doubted;

	*ret_asked = webex_token_ask(c->token, wish, &value);
	if (says_nothing(c, *ret_asked))
		*ret_why = (struct webex_renewal){-EIO, unrenewed, true};
	pthread_mutex_lock(&c->lock);
	person = g_strdup(c->person);
	is_doubted = c->is_doubted;
	pthread_mutex_unlock(&c->lock);
	if (!value && is_doubted)
		value = webex_token_get(c->token);
	if (!value)
		return NULL;
	if (person && !check(c, person, value, ret_why)) {
		webex_token_wipe(value);
		*ret_asked = -EBUSY;
		return NULL;
	}
	return value;
}

/* Adopts `value`, which is this person's if it is known who that is. */
static void adopt_locked(struct webex_client *c, char *value)
{
	webex_token_adopt(c->token, value);
	c->generation++;
	c->is_doubted = false;
	(void)login_renewed(&c->login, c->person != NULL);
	webex_client_post_login_locked(c);
}

/* When to renew the token, after the source was asked (renew). */
static void plan_locked(struct webex_client *c, int asked, const struct webex_renewal *why)
{
	bool is_living = c->end_ms && now_ms() < c->end_ms;
	bool helps_later =
		why->is_network || asked == -ENOKEY || (asked == -EBUSY && !why->error);

	if (asked == 0) {
		c->renew_ms = webex_token_renew_ms(c->token);
		c->end_ms = webex_token_end_ms(c->token);
	} else if (is_living && helps_later) {
		c->renew_ms = now_ms() + RENEW_AGAIN_MS;
	} else {
		c->renew_ms = 0;
	}
}

static void need_login_locked(struct webex_client *c)
{
	c->needed_ms = now_ms();
	if (login_refused(&c->login, c->login.turn))
		webex_client_post_login_locked(c);
}

static void reload(struct webex_client *c, enum webex_token_wish wish)
{
	struct webex_renewal renewal = {0};
	int64_t began_ms = now_ms();
	int asked;
	char *value = renew(c, wish, &renewal, &asked);
	int64_t took_ms = now_ms() - began_ms;

	pthread_mutex_lock(&c->lock);
	plan_locked(c, asked, &renewal);
	c->reloaded_ms = now_ms();
	/* Who waits since a 401 is answered by what a 401 asked for, or by a token. */
	if (value || wish == WEBEX_TOKEN_REFUSED) {
		c->reload_wanted = false;
		c->reloads++;
		c->renewal = renewal;
	}
	if (value)
		adopt_locked(c, value);
	else if (wish == WEBEX_TOKEN_OLD && asked == -EACCES)
		need_login_locked(c);
	else if (wish == WEBEX_TOKEN_REFUSED && c->is_refused &&
		 !webex_token_is_cheap(c->token))
		c->no_reload_until =
			began_ms + took_ms + CLAMP(10 * took_ms, PAUSE_MIN_MS, PAUSE_MAX_MS);
	if (wish == WEBEX_TOKEN_REFUSED)
		c->is_refused = false;
	pthread_mutex_unlock(&c->lock);
	http_ask_again(c->loop);
}

/* Looks at the file after `ms`, unless something else happens before. */
static void look_later_locked(struct webex_client *c, int64_t ms)
{
	bool has_moved, is_unlock_due;

	if (wait_until(&c->changed, &c->lock, wait_deadline(ms)))
		return;
	is_unlock_due =
		webex_token_is_locked(c->token) && now_ms() - c->reloaded_ms >= UNLOCK_MS;
	pthread_mutex_unlock(&c->lock);
	has_moved = webex_token_has_moved(c->token);
	pthread_mutex_lock(&c->lock);
	c->reload_wanted |= has_moved || is_unlock_due;
}

static int64_t renew_deadline_locked(const struct webex_client *c)
{
	return wait_deadline(c->renew_ms ? MAX(c->renew_ms - now_ms(), 0) : -1);
}

static bool is_old_locked(const struct webex_client *c)
{
	return c->renew_ms && now_ms() >= c->renew_ms;
}

/* Until somebody wants another token, or the file may have one, or the token is old. False: stopping. */
static bool wait_for_wish(struct webex_client *c, enum webex_token_wish *ret_wish)
{
	bool is_stopping;

	pthread_mutex_lock(&c->lock);
	while (!c->stopping && !c->reload_wanted) {
		bool is_needed = c->login.state == WEBEX_LOGIN_NEEDED;
		bool is_soon = now_ms() - c->needed_ms < SOON_MS;

		if (is_needed && webex_token_is_watched(c->token))
			look_later_locked(c, is_soon ? LOOK_SOON_MS : LOOK_LATER_MS);
		else if (is_old_locked(c))
			break;
		else
			(void)wait_until(&c->changed, &c->lock, renew_deadline_locked(c));
	}
	*ret_wish = c->reload_wanted ? WEBEX_TOKEN_REFUSED : WEBEX_TOKEN_OLD;
	is_stopping = c->stopping;
	pthread_mutex_unlock(&c->lock);
	return !is_stopping;
}

static void *reload_thread(void *arg)
{
	struct webex_client *c = arg;
	enum webex_token_wish wish;

	while (wait_for_wish(c, &wish))
		reload(c, wish);
	return NULL;
}

static bool ensure_thread_locked(struct webex_client *c)
{
	if (!c->has_thread)
		c->has_thread =
			thread_start("sparkfs-token", reload_thread, c, &c->thread) == 0;
	return c->has_thread;
}

void webex_client_set_person(struct webex_client *c, const char *person_id, const char *email)
{
	pthread_mutex_lock(&c->lock);
	g_free(c->person);
	g_free(c->email);
	c->person = g_strdup(person_id);
	c->email = g_strdup(email);
	/* It looks at the file, and at the time, also if nobody ever asks the server for something. */
	if (c->renew_ms || (webex_token_is_empty(c->token) && webex_token_can_reload(c->token)))
		(void)ensure_thread_locked(c);
	pthread_mutex_unlock(&c->lock);
}

/* `is_refused`: by the server, not only by our clock. False: there is no thread for it. */
static bool want_another_locked(struct webex_call *call, bool is_refused)
{
	struct webex_client *c = call->client;

	if (!ensure_thread_locked(c))
		return false;
	call->reload = c->reloads + 1;
	c->reload_wanted = true;
	c->is_refused |= is_refused;
	pthread_cond_broadcast(&c->changed);
	return true;
}

/* True if the call was told of a reload that it waited for. */
static bool is_answered(const struct webex_call *call)
{
	return call->reload != 0 && call->reload <= call->client->reloads;
}

/* The server refused the token in use. */
static enum http_auth ask_for_another_locked(struct webex_call *call,
					     struct http_grant *ret_grant)
{
	struct webex_client *c = call->client;

	if (!webex_token_can_reload(c->token) && !c->is_doubted)
		return HTTP_AUTH_NONE;
	if (is_answered(call) || now_ms() < c->no_reload_until) {
		call->is_unchecked = c->renewal.is_network;
		ret_grant->error = c->renewal.error;
		ret_grant->why = c->renewal.why;
		return HTTP_AUTH_NONE;
	}
	return want_another_locked(call, true) ? HTTP_AUTH_WAIT : HTTP_AUTH_NONE;
}

/* True if the call had better wait for the next token, as this one is dead by a clock that nobody sets. If
 * none comes, or none came just now, it is sent with this one, for the server knows best. */
static bool waits_for_next_locked(struct webex_call *call)
{
	struct webex_client *c = call->client;
	bool is_over = c->end_ms && now_ms() >= c->end_ms;

	/* The thread's own wait may be late. */
	if (is_old_locked(c))
		pthread_cond_broadcast(&c->changed);
	return is_over && !is_answered(call) && now_ms() >= c->no_reload_until &&
	       now_ms() >= c->reloaded_ms + PAUSE_MIN_MS && want_another_locked(call, false);
}

/* As above, for a call that was not sent: there is no token, or nobody knows whose it is. */
static enum http_auth ask_for_first_locked(struct webex_call *call,
					   struct http_grant *ret_grant)
{
	enum http_auth auth = ask_for_another_locked(call, ret_grant);

	if (auth == HTTP_AUTH_NONE && !ret_grant->error) {
		ret_grant->error = -EACCES;
		ret_grant->why = missing;
	}
	call->lacks_token = auth == HTTP_AUTH_NONE;
	call->turn = call->client->login.turn;
	return auth;
}

enum http_auth webex_client_authorize(void *arg, bool was_refused, struct http_grant *ret_grant)
{
	struct webex_call *call = arg;
	struct webex_client *c = call->client;
	enum http_auth auth = HTTP_AUTH_GIVEN;
	bool has_none;

	pthread_mutex_lock(&c->lock);
	has_none = c->is_doubted || webex_token_is_empty(c->token);
	if (c->stopping) {
		ret_grant->error = -ESHUTDOWN;
		ret_grant->why = "shutting down";
		auth = HTTP_AUTH_NONE;
	} else if (was_refused && call->generation == c->generation) {
		auth = ask_for_another_locked(call, ret_grant);
	} else if (has_none) {
		auth = ask_for_first_locked(call, ret_grant);
	} else if (waits_for_next_locked(call)) {
		auth = HTTP_AUTH_WAIT;
	} else {
		ret_grant->bearer = webex_token_get(c->token);
		/* Whoever waited for the next token in vain may still meet a 401. */
		call->reload = 0;
		call->generation = c->generation;
		call->turn = c->login.turn;
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
