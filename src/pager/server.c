/* SPDX-License-Identifier: MIT */
#include "pager/server.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "pager/present/link.h"

/* So long a network that failed counts as down without another request. */
#define DOWN_MS 2000
/* After this time larger pages are tried again, and each time that this fails after twice as
 * long. */
#define LARGER_MS 60000
#define LARGER_MAX_MS (30 * 60 * 1000)
#define HTTP_UNAUTHORIZED 401
#define NEVER (INT64_MIN / 2)

struct server {
	const struct clock *clock;
	struct server_link *link;
	void (*changed)(void *arg); /* NULL: nobody wants to know */
	void *changed_arg;

	pthread_mutex_t lock;
	int64_t failed_ms;	       /* mono; when the network failed last, or NEVER; lock */
	int error;		       /* the -errno of that failure; lock */
	enum webex_login login;	       /* lock */
	int64_t refused_ms;	       /* mono; when the token was refused last; lock */
	int64_t login_since_wall_ms;   /* since when a login is needed, or -1; lock */
	char *login_words;	       /* what last-error says of it; NULL: nothing; lock */
	int64_t good_wall_ms;	       /* lock */
	int64_t offline_since_wall_ms; /* lock */

	int page_max; /* the largest page of messages that the gateway gives; 0: no limit is
		       * known */
	int64_t page_max_ms;  /* mono; since when it is page_max */
	int64_t page_wait_ms; /* how long until twice as many are tried */
	bool page_grew;	      /* twice as many were tried, and that has not failed */
	int page_given;	      /* see server_note_page; 0: unknown */
	int rooms_page;
	bool has_rooms_part;
};

struct server *server_new(struct store *store, struct work_queue *queue,
			  const struct clock *clock, int link_down_ms)
{
	struct server *s = g_new0(struct server, 1);

	s->clock = clock;
	s->link = server_link_new(store, queue, link_down_ms);
	pthread_mutex_init(&s->lock, NULL);
	s->failed_ms = s->refused_ms = NEVER;
	s->good_wall_ms = s->offline_since_wall_ms = s->login_since_wall_ms = -1;
	s->rooms_page = SERVER_PAGE_MAX;
	return s;
}

void server_watch(struct server *s, void (*changed)(void *arg), void *arg)
{
	s->changed = changed;
	s->changed_arg = arg;
	server_link_watch(s->link, changed, arg);
}

static void tell_change(const struct server *s)
{
	if (s->changed)
		s->changed(s->changed_arg);
}

void server_stop(struct server *s)
{
	server_link_stop(s->link);
}

void server_free(struct server **s)
{
	if (!*s)
		return;
	server_link_free(&(*s)->link);
	g_free((*s)->login_words);
	pthread_mutex_destroy(&(*s)->lock);
	g_free(*s);
	*s = NULL;
}

/* ---- outcomes of requests ---- */

void server_heard(struct server *s, const struct webex_reply *reply)
{
	bool was_offline;

	if (reply->is_network)
		return;
	pthread_mutex_lock(&s->lock);
	was_offline = s->offline_since_wall_ms >= 0;
	s->failed_ms = NEVER;
	if (reply->status == HTTP_UNAUTHORIZED)
		s->refused_ms = clock_mono(s->clock);
	s->offline_since_wall_ms = -1;
	if (!reply->error)
		s->good_wall_ms = clock_wall(s->clock);
	pthread_mutex_unlock(&s->lock);
	server_link_note(s->link, false);
	if (was_offline)
		tell_change(s);
}

void server_failed(struct server *s, int error)
{
	pthread_mutex_lock(&s->lock);
	s->failed_ms = clock_mono(s->clock);
	s->error = error;
	if (s->offline_since_wall_ms < 0)
		s->offline_since_wall_ms = clock_wall(s->clock);
	pthread_mutex_unlock(&s->lock);
	server_link_note(s->link, true);
}

bool server_is_unreachable(int error)
{
	return error == -ECONNREFUSED || error == -ENETUNREACH || error == -EHOSTUNREACH;
}

void server_noticed(struct server *s, const struct webex_reply *reply)
{
	if (!reply->error || reply->status == HTTP_UNAUTHORIZED)
		server_heard(s, reply);
	if (!reply->is_network || !server_is_unreachable(reply->error))
		return;
	pthread_mutex_lock(&s->lock);
	/* The failure counts as old, so that an open asks once, and nobody is refused without a
	 * request. */
	if (s->failed_ms == NEVER) {
		s->failed_ms = clock_mono(s->clock) - DOWN_MS;
		s->error = reply->error;
	}
	if (s->offline_since_wall_ms < 0)
		s->offline_since_wall_ms = clock_wall(s->clock);
	pthread_mutex_unlock(&s->lock);
}

void server_login(struct server *s, enum webex_login state, const char *words)
{
	bool is_needed = state == WEBEX_LOGIN_NEEDED;
	_cleanup_gfree_ char *old = NULL;

	pthread_mutex_lock(&s->lock);
	old = s->login_words;
	s->login_words = g_strdup(words);
	s->login = state;
	s->refused_ms = is_needed ? clock_mono(s->clock) : NEVER;
	s->login_since_wall_ms = is_needed ? clock_wall(s->clock) : -1;
	pthread_mutex_unlock(&s->lock);
	if (old) {
		log_last_error_withdraw(old);
		log_info("cache", "login ok: the server accepts the access token again");
	}
	if (words)
		log_last_error("%s", words);
	server_link_note_login(s->link, is_needed);
	tell_change(s);
}

/* ---- any thread ---- */

const char *server_login_state(struct server *s)
{
	static const char *const words[] = {
		[WEBEX_LOGIN_UNKNOWN] = "unknown",
		[WEBEX_LOGIN_GOOD] = "ok",
		[WEBEX_LOGIN_NEEDED] = "needed",
	};
	enum webex_login state;

	pthread_mutex_lock(&s->lock);
	state = s->login;
	pthread_mutex_unlock(&s->lock);
	return words[state];
}

char *server_login_words(struct server *s)
{
	char *words;

	pthread_mutex_lock(&s->lock);
	words = g_strdup(s->login_words);
	pthread_mutex_unlock(&s->lock);
	return words;
}

static int64_t time_of(struct server *s, const int64_t *field)
{
	int64_t ms;

	pthread_mutex_lock(&s->lock);
	ms = *field;
	pthread_mutex_unlock(&s->lock);
	return ms;
}

int64_t server_login_since_wall_ms(struct server *s)
{
	return time_of(s, &s->login_since_wall_ms);
}

int server_known_error(struct server *s)
{
	int64_t now = clock_mono(s->clock);
	int error;

	pthread_mutex_lock(&s->lock);
	error = now - s->failed_ms < DOWN_MS ? s->error : 0;
	if (!error && s->login == WEBEX_LOGIN_NEEDED && now - s->refused_ms < DOWN_MS)
		error = -EACCES;
	pthread_mutex_unlock(&s->lock);
	return error;
}

bool server_is_doubtful(struct server *s)
{
	int64_t now = clock_mono(s->clock);
	bool is_doubtful;

	pthread_mutex_lock(&s->lock);
	is_doubtful = (s->failed_ms != NEVER && now - s->failed_ms >= DOWN_MS) ||
		      (s->login == WEBEX_LOGIN_NEEDED && now - s->refused_ms >= DOWN_MS);
	pthread_mutex_unlock(&s->lock);
	return is_doubtful;
}

int server_failed_within(struct server *s, int age_ms)
{
	int64_t now = clock_mono(s->clock);
	int error;

	pthread_mutex_lock(&s->lock);
	error = now - s->failed_ms < age_ms ? s->error : 0;
	pthread_mutex_unlock(&s->lock);
	return error;
}

int64_t server_good_wall_ms(struct server *s)
{
	return time_of(s, &s->good_wall_ms);
}

int64_t server_offline_since_wall_ms(struct server *s)
{
	return time_of(s, &s->offline_since_wall_ms);
}

/* ---- lengths of pages ---- */

int server_page_max(struct server *s, int max)
{
	int64_t now = clock_mono(s->clock);

	while (s->page_max && now - s->page_max_ms >= s->page_wait_ms) {
		s->page_max_ms += s->page_wait_ms;
		/* The last larger page did not fail. */
		if (s->page_grew)
			s->page_wait_ms = LARGER_MS;
		s->page_max = s->page_max * 2 < SERVER_PAGE_MAX ? s->page_max * 2 : 0;
		s->page_grew = true;
	}
	return s->page_max ? MIN(s->page_max, max) : max;
}

void server_note_page_max(struct server *s, int max)
{
	if (s->page_max && s->page_max <= max)
		return;
	if (s->page_grew)
		s->page_wait_ms = MIN(s->page_wait_ms * 2, LARGER_MAX_MS);
	if (!s->page_wait_ms)
		s->page_wait_ms = LARGER_MS;
	s->page_grew = false;
	s->page_max = max;
	s->page_max_ms = clock_mono(s->clock);
}

int server_page_given(const struct server *s, int max)
{
	return s->page_given ? MIN(s->page_given, max) : max;
}

void server_note_page(struct server *s, int n, int asked)
{
	if (n < asked)
		s->page_given = MAX(s->page_given, n);
	else if (n > s->page_given)
		s->page_given = 0; /* the short page was short by chance */
}

void server_note_rooms_part(struct server *s, bool is_part)
{
	s->has_rooms_part = is_part;
}

bool server_has_rooms_part(const struct server *s)
{
	return s->has_rooms_part;
}

int server_rooms_page(const struct server *s)
{
	return s->rooms_page;
}

void server_note_rooms_page(struct server *s, int n)
{
	s->rooms_page = MAX(n, 1);
}
