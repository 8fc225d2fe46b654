/* SPDX-License-Identifier: MIT */
/*
 * The life of a call, on which the endpoints (api_*.c) are built. Internal to webex.
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
	WEBEX_FORM_NOTHING, /* the body of the answer is ignored */
	WEBEX_FORM_CONTENT,
};

enum webex_call_state { WEBEX_CALL_ON_WIRE, WEBEX_CALL_WAITING, WEBEX_CALL_FINISHING };

struct webex_call {
	struct webex_client *client;
	/* The pattern of the request: each try sends a copy of it with the bearer of that
	 * moment. */
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
	unsigned generation;	     /* lock; of the token that this try uses */
	bool repeated;		     /* lock; this try is the one after a reload */
	bool cancelled;		     /* lock */
	int error;	 /* lock; if set, the call ends with it whatever `answer` says */
	const char *why; /* lock; static text beside `error` */
	bool is_network; /* lock; `error` came from the network and says nothing about rights */
	struct http_response *answer; /* lock; owned */
	struct webex_reply *parsed;   /* while FINISHING, the parse_queue's; owned */
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
	pthread_cond_t changed;	 /* reload_wanted, stopping, timer, finishing */
	GHashTable *calls;	 /* lock; &call->id to call, until it is FINISHING */
	int finishing;		 /* lock; calls whose `done` is yet to return */
	GQueue waiting;		 /* lock */
	uint64_t next_id;	 /* lock */
	uint64_t timer;		 /* lock; ends what waits too long; 0: none */
	unsigned generation;	 /* lock; how often the token changed */
	int64_t no_reload_until; /* lock; mono */
	/* The result of the last reload that brought no usable token. Until `no_reload_until`
	 * it also holds for later calls. error 0: there is no token but the old one. */
	struct webex_renewal renewal; /* lock */
	char *person;		      /* lock; whose tokens may be used; NULL: anybody's */
	char *email;		      /* lock; for messages to the person */
	char *rejected;		      /* reload thread; checksum of a token that belongs to
				      * somebody else */
	struct http_response *check;  /* lock; the answer that the reload thread waits for */
	uint64_t check_id;	      /* lock; its request, 0: none */
	bool reload_wanted;	      /* lock */
	bool stopping;		      /* lock */
	bool has_thread;	      /* lock */
	pthread_t thread;	      /* lock, until it is joined */
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
 * In client_token.c; on the reload thread, without the lock. Asks the source for a new token.
 * 1: a new token is in use; 0: none is, and *ret_why is what the waiting calls get.
 */
int webex_client_renew(struct webex_client *c, struct webex_renewal *ret_why);

/* In reply.c. Fills `reply` from a call that ended; any thread. */
void webex_reply_fill(const struct webex_call *call, struct webex_reply *reply);
void webex_reply_clear(struct webex_reply *reply);
