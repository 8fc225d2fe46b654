/* SPDX-License-Identifier: MIT */
/*
 * The life of a call; what the endpoints (api_*.c) are made of. Internal to webex.
 *
 *	start -> ON_WIRE -answer-> FINISHING -queue-> done
 *	            ^  |
 *	            |  +-401-> WAITING (for the reload thread) -unchanged-> FINISHING
 *	            +------------ changed --+
 *	                          (and the same person's: client_token.c)
 *
 * A call is owned by the client's table until it is FINISHING, then by the item of the work
 * queue. Its constant part (request, form, done) may be read by its owner without the lock.
 */
#pragma once

#include <glib.h>
#include <pthread.h>

#include "http/loop.h"
#include "webex/api.h"

#define WEBEX_TIMEOUT_MS 30000

enum webex_form {
	WEBEX_FORM_OBJECT,
	WEBEX_FORM_LIST,
	WEBEX_FORM_NOTHING, /* the answer's body is of no interest */
	WEBEX_FORM_CONTENT,
};

enum webex_call_state { WEBEX_CALL_ON_WIRE, WEBEX_CALL_WAITING, WEBEX_CALL_FINISHING };

struct webex_call {
	struct webex_client *client;
	/* The pattern: each try sends a copy with its own bearer. */
	struct http_request *request;
	enum webex_form form;
	enum webex_kind kind;
	webex_done done;
	void *arg;
	uint64_t id;
	int64_t deadline_ms;

	GList link;		     /* lock; in client->waiting */
	enum webex_call_state state; /* lock */
	uint64_t http_id;	     /* lock; of the try on the wire */
	unsigned generation;	     /* lock; of the token which that try used */
	bool repeated;		     /* lock; this try is the one after a reload */
	bool cancelled;		     /* lock */
	int error;	 /* lock; set: the call ends with it whatever `answer` says */
	const char *why; /* lock; static text beside `error` */
	bool is_network; /* lock; beside `error`: nothing is known about rights */
	struct http_response *answer; /* lock; owned */
	struct webex_reply *parsed;   /* while FINISHING: of parse_queue; owned */
};

/* Why a new token is not used; `why` is static. */
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
	pthread_cond_t changed;	 /* reload_wanted, stopping, timer, finishing */
	GHashTable *calls;	 /* lock; &call->id to call, until it is FINISHING */
	int finishing;		 /* lock; calls whose `done` is yet to return */
	GQueue waiting;		 /* lock */
	uint64_t next_id;	 /* lock */
	uint64_t timer;		 /* lock; ends what waits too long; 0: none */
	unsigned generation;	 /* lock; how often the token changed */
	int64_t no_reload_until; /* lock; mono */
	/* What became of the last reload that brought no token to use; until then it holds for
	 * later calls, too. error 0: the old token is all there is. */
	struct webex_renewal renewal; /* lock */
	char *person;		      /* lock; whose tokens are used; NULL: anybody's */
	char *email;		      /* lock; for the person's eyes */
	char *rejected;		     /* reload thread; sum of a token that is somebody else's */
	struct http_response *check; /* lock; the answer that the reload thread waits for */
	uint64_t check_id;	     /* lock; its request, 0: none */
	bool reload_wanted;	     /* lock */
	bool stopping;		     /* lock */
	bool has_thread;	     /* lock */
	pthread_t thread;	     /* lock, until it is joined */
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
/* The call will end with `error` without being sent. `why` is static. */
void webex_call_refuse(struct webex_call *call, int error, const char *why);
/* Adopts `body`. */
void webex_call_set_json(struct webex_call *call, char *body);
/* Returns its id. */
uint64_t webex_call_start(struct webex_call *call);

/*
 * client_token.c, reload thread, without the lock: asks the source. 1: another token is in use;
 * 0: none is, and *ret_why says what that means for those who wait.
 */
int webex_client_renew(struct webex_client *c, struct webex_renewal *ret_why);

/* reply.c: what the ended call has to say; any thread. */
void webex_reply_fill(const struct webex_call *call, struct webex_reply *reply);
void webex_reply_clear(struct webex_reply *reply);
