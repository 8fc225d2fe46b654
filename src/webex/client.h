/* SPDX-License-Identifier: MIT */
/*
 * A call is a request of http's loop, together with how its answer is read. Only the loop
 * handles its id, deadline, repeats and cancelling. Internal to webex.
 *
 *	webex_call_start -> http_submit -on_answer-> run_parse (a long list) -> run_done
 *	                      |  ^
 *	                      v  |
 *	                   webex_client_authorize (before each try and after a 401)
 *
 * A call is owned by its request until on_answer, then by the item of the work queue.
 */
#pragma once

#include <glib.h>
#include <pthread.h>

#include "http/loop.h"
#include "webex/api.h"
#include "webex/login.h"

#define WEBEX_TIMEOUT_MS 30000

enum webex_form {
	WEBEX_FORM_OBJECT,
	WEBEX_FORM_LIST,
	WEBEX_FORM_NOTHING, /* the body of the answer is ignored */
	WEBEX_FORM_CONTENT,
	WEBEX_FORM_REQUEST, /* webex_request() */
};

struct webex_call {
	struct webex_client *client;
	/* May be filled in until webex_call_start; then it belongs to the loop. */
	struct http_request *request;
	enum http_method method;
	enum webex_form form;
	enum webex_kind kind;
	webex_done done;
	void *arg;
	struct http_asker asker; /* what `done` begins is for the same */
	/* Lists of a space: items of another one do not belong to the list. Owned; NULL: any. */
	char *room_id;

	/* I/O thread, until on_answer: */
	unsigned generation; /* of the token that the call got last */
	unsigned reload;     /* that the call waits for; 0: none */
	unsigned turn;	     /* login.h; in which it was sent last */
	bool is_unchecked;   /* there is a new token, but people/me did not say to whom it
			      * belongs */
	bool lacks_token;    /* it was not sent, as there is no token that may be used */
	/* From on_answer: */
	bool was_shown;		      /* the bearer, to the server that answered */
	char *url;		      /* of the request; owned */
	struct http_response *answer; /* owned */
	struct webex_reply *parsed;   /* set by run_parse; owned */
	size_t weight;		      /* bytes counted for it (http_bodies_take) */
};

/* Why no new token is used; `why` is static. */
struct webex_renewal {
	int error;
	const char *why;
	bool is_network;
};

struct webex_client {
	char *base_url;
	struct http_loop *loop;
	struct webex_token *token;
	struct work_queue *queue, *parse_queue;
	int timeout_ms;
	bool send_read_only;

	pthread_mutex_t lock;
	/* reload_wanted, stopping, check, calls, login; used with base/wait.h */
	pthread_cond_t changed;
	int calls;		 /* lock; number of calls whose `done` has not returned yet */
	unsigned generation;	 /* lock; how often the token changed */
	unsigned reloads;	 /* lock; how often a reload ended */
	int64_t no_reload_until; /* lock; mono */
	/* The result of the last reload, if that brought no usable token. Until
	 * `no_reload_until` it also holds for later calls. error 0: there is no token but the old
	 * one. */
	struct webex_renewal renewal;	/* lock */
	struct webex_login_state login; /* lock */
	int64_t needed_ms;		/* lock; mono; when a login became needed */
	int64_t reloaded_ms;		/* lock; mono; when a reload ended last */
	/* lock; mono; webex_token_renew_ms of the token in use, or when the source is asked again; 0: never */
	int64_t renew_ms, end_ms;
	bool is_doubted;	      /* lock; webex_client_doubt_token */
	struct webex_watcher watcher; /* the queue */
	enum webex_login told;	      /* the queue; what the watcher was told last */
	unsigned told_generation;     /* the queue; of which it was told last */
	char *person;		      /* lock; whose tokens may be used; NULL: anybody's */
	char *email;		      /* lock; for messages to the person */
	/* reload thread: the checksum of a token that was not adopted after people/me had been
	 * asked, what came of that, and until when it holds (mono) */
	char *checked;
	struct webex_renewal checked_renewal;
	int64_t checked_until_ms;
	struct http_response *check; /* lock; the answer that the reload thread waits for */
	uint64_t check_id;	     /* lock; its request, 0: none */
	bool reload_wanted;	     /* lock */
	bool is_refused;	     /* lock; it is wanted since a 401 */
	bool stopping;		     /* lock */
	bool has_thread;	     /* lock; never false again */
	pthread_t thread;	     /* lock, until webex_client_stop joins it */
};

/* A new call; `path` stands behind the base URL ("/rooms") or is a whole URL. The request
 * inside may be changed until webex_call_start adopts the call. */
struct webex_call *webex_call_new(struct webex_client *c, enum http_method method,
				  const char *path, enum webex_form form, enum webex_kind kind,
				  webex_done done, void *arg);
/* As webex_call_new, for "<collection>/<id>"; an id that is not sane makes it fail (-EINVAL).
 */
struct webex_call *webex_call_new_item(struct webex_client *c, enum http_method method,
				       const char *collection, const char *id,
				       enum webex_form form, enum webex_kind kind,
				       webex_done done, void *arg);
/* The call will end with `error` without being sent, or with what was said first. `why` is static. */
void webex_call_refuse(struct webex_call *call, int error, const char *why);
/* Adopts `body`. */
void webex_call_set_json(struct webex_call *call, char *body);
/* Returns its id. */
uint64_t webex_call_start(struct webex_call *call);

/* In client_token.c: http_request.authorize of all calls, with the call as its argument. */
enum http_auth webex_client_authorize(void *arg, bool was_refused,
				      struct http_grant *ret_grant);

/* In client_login.c. Notes what the answer says of the login, and tells the watcher. The queue. */
void webex_client_note_login(struct webex_call *call, struct webex_reply *reply);
/* Tells the watcher what it was not told yet, later on the queue. */
void webex_client_post_login_locked(struct webex_client *c);

/* In reply.c. Fills `reply` from a call that ended; any thread. */
void webex_reply_fill(const struct webex_call *call, struct webex_reply *reply);
void webex_reply_clear(struct webex_reply *reply);
/* In reply_next.c. Fills reply->next, or is_cut with the reason. */
void webex_reply_fill_next(const struct webex_call *call, struct webex_reply *reply);

/* In reply_request.c: the answer of a WEBEX_FORM_REQUEST that is a success; the body of any. */
void webex_request_fill(const struct webex_call *call, struct webex_reply *reply);
void webex_request_fill_body(const struct webex_call *call, struct webex_reply *reply);
