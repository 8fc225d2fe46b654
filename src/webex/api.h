/* SPDX-License-Identifier: MIT */
/*
 * One function for each endpoint: it builds the request, parses the answer, maps the status to
 * errno and calls back (webex-api.md 5).
 *
 *  1. Every call ends in exactly one call of `done`, as an item of the client's work queue
 *     (never inside the calling function), whether the call is answered, fails, is cancelled
 *     (-ECANCELED) or ended by a shutdown (-ESHUTDOWN). Wrong arguments are reported in the
 *     same way (-EINVAL).
 *  2. JSON is parsed on that work queue, or on parse_queue if the answer is long, never on the
 *     I/O thread. So a short answer may overtake a long one that came before it.
 *  3. A 401 makes the client reload its token once for all requests that met it (on a thread of
 *     its own) and repeat those requests once if the token changed and belongs to the same
 *     person (webex_client_set_person). Only a 401 after that means "log in again" (login.h).
 *     A command that brought nothing new is not run again for a while, the longer it took the
 *     longer. A file is looked at each time, and while a login is needed also by itself, so that
 *     a new token in it is taken up without a request. The time-out of a call covers all of
 *     this.
 *  4. next links are repaired (page.h, webex-api.md 2.3): only their query is used, on the
 *     origin and path of the page that was asked for; the first page's roomId, parentId,
 *     mentionedPeople and max are put back where the link lost them, `max=null` is dropped,
 *     before/beforeMessage are never put back. A link that cannot be used, or that leads to the
 *     page itself, is an error, since a list must be complete or fail.
 *  5. An answer that cannot be read (no JSON, or not of the expected form) is -EIO. So is the
 *     success of a deletion with words that are no object, or of an error, or that tells of
 *     something still to be done (202): may_have_applied, for a GET to say.
 *
 * Ownership: arguments are copied during the call; file descriptors are borrowed until `done`.
 * Thread rule: calls from any thread.
 * Lock: the client's own mutex; it is taken before the loop's and the queue's, and `done` is
 * called without it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/work.h"
#include "http/loop.h"
#include "webex/json_text.h"
#include "webex/model.h"
#include "webex/token.h"

struct webex_client;

enum webex_login {
	WEBEX_LOGIN_UNKNOWN, /* no answer has told yet */
	WEBEX_LOGIN_GOOD,
	WEBEX_LOGIN_NEEDED, /* only another token helps, and its source has none */
};

/* Told on the client's queue, never inside a calling function, and before `done` of the call that
 * made it known. */
struct webex_watcher {
	/* The login has another state than before. `words`: what is wrong and what to do, one line;
	 * NULL unless it is needed. */
	void (*login)(void *arg, enum webex_login state, const char *words);
	/* Another token is in use. May be NULL. */
	void (*renewed)(void *arg);
	void *arg;
};

struct webex_config {
	const char *base_url;	   /* "https://webexapis.com/v1", no slash at the end */
	struct http_loop *loop;	   /* borrowed, outlives the client's calls */
	struct webex_token *token; /* borrowed, outlives the client */
	struct work_queue *queue;  /* borrowed: where `done` runs */
	/* Borrowed: parses long answers, so that the pages of a walk do not hold up `queue`. It
	 * is stopped after the loop and before `queue`. NULL: `queue` parses them, too. */
	struct work_queue *parse_queue;
	int timeout_ms;	     /* of a request with all its repeats; 0 = 30 s */
	bool send_read_only; /* refuse all but GET and HEAD with -EROFS (tests, -o ro) */
};

struct webex_reply {
	int error;	       /* 0 or -errno (status.h, or the transport's) */
	int status;	       /* HTTP, 0 if there was none */
	bool may_have_applied; /* with an error: the server may have acted on the request */
	bool is_network;       /* the error came from the transport, so it says nothing about
			        * rights */
	char *message;	       /* the server's words or curl's, one clean line, may be NULL */
	char *tracking_id;     /* may be NULL */
	char *advice;	 /* what a person can do about the error, one clause; mostly NULL */
	int64_t held_ms; /* how long it waited for its turn, or because the server said when */
	/* Structs of the call's kind; NULL on error. A single object is an array of one. The
	 * array is empty after DELETE, after a change that was answered without a body, and for
	 * an unknown address in webex_find_person. */
	GPtrArray *items;
	int skipped; /* items of the page that could not be used, or are of another space: the page
		      * is not whole */
	char *next; /* lists: the repaired URL of the next page, or NULL */
	/* Lists: it goes on, but its next link leads to the same page again or cannot be used
	 * (`message` says so); next is NULL. */
	bool is_cut;
	/* contents only: */
	int64_t content_bytes;	/* offset behind the last byte; of a HEAD: the stated length, or
				 * -1 */
	int64_t content_total;	/* length of the whole that the server stated, or -1 */
	bool content_is_framed; /* the server marked the end of the body */
	char *content_name, *content_type;
	/* webex_request only: the body of the answer as it came, of an error, too; NULL if it had none, or was
	 * taken. Owned (g_free), with a NUL behind it. */
	char *body;
	size_t body_len;
	/* Of a list in it that is a page of several, or of the first that could be one: where its items are
	 * (json_text.h); NULL if there is none. */
	GArray *list_items;
	struct json_span list;
};

/* `reply` is borrowed for the call; the callee may steal a field (and set it to NULL). */
typedef void (*webex_done)(void *arg, struct webex_reply *reply);

int webex_client_new(const struct webex_config *config, struct webex_client **ret_client);
/*
 * For tearing down, before http_loop_stop: calls that wait for a new token end with -ESHUTDOWN,
 * as all later calls do; a token command that runs is killed. Idempotent. Never called from an
 * item of the queue, which still runs.
 */
void webex_client_stop(struct webex_client *c);
/* Stops it if that was not done. All calls must be over (the loop stopped and the work queue
 * drained). */
void webex_client_free(struct webex_client *c);

/*
 * Sets whose account this is: from now on a token that replaces another is used only after
 * people/me has said that it belongs to this person. A token of somebody else is used for
 * nothing but that question, and the calls that wait for it get -EACCES. If the question itself
 * fails, the old token stays, and the calls that wait get that error as one of the network.
 */
void webex_client_set_person(struct webex_client *c, const char *person_id, const char *email);

/*
 * Nothing but the person's own word (-o account=) says that the present token is theirs: it is used only
 * after people/me has said so, too.
 */
void webex_client_doubt_token(struct webex_client *c);

/* Copies `w`. It is told the present state first, unless that is unknown, and then each change.
 * Called once. */
void webex_client_watch(struct webex_client *c, const struct webex_watcher *w);

/* The server's words about a failure, the tracking id, and what to do, for a line to a person.
 * Owned. */
char *webex_reply_words(const struct webex_reply *reply);

/* As http_cancel, http_withdraw, http_cut, by the id that the calls below return. */
/* Lets a download go on that its taker paused. Any thread. */
void webex_resume(struct webex_client *c, uint64_t id);
void webex_cancel(struct webex_client *c, uint64_t id);
/* As http_raise: somebody waits now for a call that was made with webex_list.background. */
void webex_raise(struct webex_client *c, uint64_t id);
bool webex_withdraw(struct webex_client *c, uint64_t id);
bool webex_cut(struct webex_client *c, uint64_t id);

/* The origins that may get the bearer, for http_config: that of the configured base URL, or both
 * public ones if it is one of them. A private server's token is nobody else's: a redirect to a public
 * host does not carry it there. NULL-terminated, owned (g_strfreev). */
char **webex_allowed_origins(const char *base_url);
/* 0, or -EINVAL with a reason: not https (http only to loopback), user info, query, fragment;
 * strips trailing slashes. */
int webex_check_base_url(const char *url, char **ret_clean, char **ret_reason);

/* Person. */
/* As webex_get_me, but within at most `timeout_ms`: to see whether the server can be reached. */
uint64_t webex_probe(struct webex_client *c, int timeout_ms, webex_done done, void *arg);
uint64_t webex_get_me(struct webex_client *c, webex_done done, void *arg);
uint64_t webex_find_person(struct webex_client *c, const char *email, webex_done done,
			   void *arg);

/* The smallest page that is worth asking for: larger ones are not repeated after a 502 or 504, so
 * that the caller can ask for less (webex-api.md 1.7). */
#define WEBEX_SMALL_PAGE 50

/* Lists: one page a call; `next` is reply.next of the page before, or NULL for the first. */
struct webex_list {
	const char *room_id;   /* messages, memberships; of a team's memberships the team */
	const char *team_id;   /* rooms */
	const char *parent_id; /* messages */
	const char *before_message; /* messages */
	int64_t before_ms;   /* messages; 0 or less = not sent, nor beside before_message */
	bool mentioned_me;   /* messages: bots in group rooms; max is lowered to 100 */
	const char *sort_by; /* rooms: "lastactivity" ... or NULL */
	const char *type;    /* rooms: "group", "direct" or NULL */
	bool owned_by_org;   /* webhooks: those of the organization, for an administrator */
	int max;	     /* page size, 0 = the server's default */
	const char *next;    /* if set, all fields above are ignored, but for room_id, which its
			      * items are judged by */
	bool background;
};
uint64_t webex_list_rooms(struct webex_client *c, const struct webex_list *l, webex_done done,
			  void *arg);
uint64_t webex_list_memberships(struct webex_client *c, const struct webex_list *l,
				webex_done done, void *arg);
uint64_t webex_list_messages(struct webex_client *c, const struct webex_list *l,
			     webex_done done, void *arg);
/* GET /messages/direct?personEmail= ; the newest messages with that person, which have the room
 * id of the 1:1 space. */
uint64_t webex_list_direct(struct webex_client *c, const char *email, webex_done done,
			   void *arg);

uint64_t webex_list_teams(struct webex_client *c, const struct webex_list *l, webex_done done,
			  void *arg);
uint64_t webex_list_team_memberships(struct webex_client *c, const struct webex_list *l,
				     webex_done done, void *arg);

/*
 * What is asked of a space and its memberships is asked of a team and its, by other paths and names
 * (webex-api.md 5.2, 5.3, 5.7, 5.8): each type of room has its row of the functions below.
 */
struct webex_place {
	uint64_t (*get)(struct webex_client *c, const char *id, webex_done done, void *arg);
	/* team_id: NULL, or the team that the new space is one of; not of a team. */
	uint64_t (*create)(struct webex_client *c, const char *title, const char *team_id,
			   webex_done done, void *arg);
	uint64_t (*update)(struct webex_client *c, const char *id, const char *body,
			   webex_done done, void *arg);
	uint64_t (*remove)(struct webex_client *c, const char *id, webex_done done, void *arg);
	char *(*title_body)(const char *title);
	uint64_t (*list_members)(struct webex_client *c, const struct webex_list *l,
				 webex_done done, void *arg);
	uint64_t (*get_member)(struct webex_client *c, const char *id, webex_done done,
			       void *arg);
	uint64_t (*invite)(struct webex_client *c, const char *place_id, const char *email,
			   webex_done done, void *arg);
	uint64_t (*update_member)(struct webex_client *c, const char *id, const char *body,
				  webex_done done, void *arg);
	uint64_t (*remove_member)(struct webex_client *c, const char *id, webex_done done,
				  void *arg);
};
/* Never NULL. */
const struct webex_place *webex_place(enum webex_room_type type);

uint64_t webex_get_room(struct webex_client *c, const char *room_id, webex_done done,
			void *arg);
uint64_t webex_create_room(struct webex_client *c, const char *title, const char *team_id,
			   webex_done done, void *arg);
/* `body`: JSON as of webex_room_edit, or built by webex_room_title_body for a rename. */
uint64_t webex_update_room(struct webex_client *c, const char *room_id, const char *body,
			   webex_done done, void *arg);
char *webex_room_title_body(const char *title);
/* Deletions: a 404 after a try that may have taken effect is a success. */
uint64_t webex_delete_room(struct webex_client *c, const char *room_id, webex_done done,
			   void *arg);

uint64_t webex_get_membership(struct webex_client *c, const char *id, webex_done done,
			      void *arg);
uint64_t webex_create_membership(struct webex_client *c, const char *room_id, const char *email,
				 webex_done done, void *arg);
uint64_t webex_update_membership(struct webex_client *c, const char *id, const char *body,
				 webex_done done, void *arg);
uint64_t webex_delete_membership(struct webex_client *c, const char *id, webex_done done,
				 void *arg);

/* Teams. team_id is not used: it makes this like webex_create_room. */
uint64_t webex_get_team(struct webex_client *c, const char *id, webex_done done, void *arg);
uint64_t webex_create_team(struct webex_client *c, const char *name, const char *team_id,
			   webex_done done, void *arg);
uint64_t webex_update_team(struct webex_client *c, const char *id, const char *body,
			   webex_done done, void *arg);
char *webex_team_name_body(const char *name);
uint64_t webex_delete_team(struct webex_client *c, const char *id, webex_done done, void *arg);
uint64_t webex_get_team_membership(struct webex_client *c, const char *id, webex_done done,
				   void *arg);
uint64_t webex_create_team_membership(struct webex_client *c, const char *team_id,
				      const char *email, webex_done done, void *arg);
uint64_t webex_update_team_membership(struct webex_client *c, const char *id, const char *body,
				      webex_done done, void *arg);
uint64_t webex_delete_team_membership(struct webex_client *c, const char *id, webex_done done,
				      void *arg);

/* Webhooks (webex-api.md 5.9); `body` is JSON as of webex_webhook_new, webex_webhook_edit. */
uint64_t webex_list_webhooks(struct webex_client *c, const struct webex_list *l,
			     webex_done done, void *arg);
uint64_t webex_get_webhook(struct webex_client *c, const char *id, webex_done done, void *arg);
uint64_t webex_create_webhook(struct webex_client *c, const char *body, webex_done done,
			      void *arg);
uint64_t webex_update_webhook(struct webex_client *c, const char *id, const char *body,
			      webex_done done, void *arg);
uint64_t webex_delete_webhook(struct webex_client *c, const char *id, webex_done done,
			      void *arg);

uint64_t webex_get_message(struct webex_client *c, const char *id, webex_done done, void *arg);
uint64_t webex_delete_message(struct webex_client *c, const char *id, webex_done done,
			      void *arg);
/* PUT; exactly one of text, markdown is not NULL. */
uint64_t webex_edit_message(struct webex_client *c, const char *id, const char *room_id,
			    const char *text, const char *markdown, webex_done done, void *arg);

/* A message to be posted: text, or markdown, or a raw JSON body, or a file (multipart, streamed
 * from fd; text or markdown may go with it). */
struct webex_post {
	const char *room_id; /* exactly one of room_id, to_email (neither with json_body) */
	const char *to_email;
	const char *parent_id;
	const char *text, *markdown;
	const char *json_body; /* sent as it is: webex_post_body filled it in */
	int fd;		       /* -1, or the file's bytes from 0: borrowed until done */
	int64_t size;
	const char *filename;	  /* the name that others will see */
	const char *content_type; /* NULL: application/octet-stream */
	atomic_int_fast64_t
		*sent;	/* counts the bytes of the file that were sent; borrowed until done; may
			 * be NULL */
	int timeout_ms; /* 0 = the client's; uploads want longer */
};
uint64_t webex_post_message(struct webex_client *c, const struct webex_post *p, webex_done done,
			    void *arg);

/* Answers the card of a message. `inputs`: a JSON object, as of webex_card_submit(). */
uint64_t webex_submit_card(struct webex_client *c, const char *message_id, const char *inputs,
			   webex_done done, void *arg);

/*
 * Any request of the API, as somebody typed it. Its answer is not read into structs: reply.body is what the
 * server wrote, and reply.next the next page of a list.
 * A success of a GET without `take`, or of a change with a body, is JSON; else -EIO (of a change may_have_applied).
 */
struct webex_request {
	enum http_method method;
	const char *path; /* as of request_path_make(), or reply.next of the page before */
	const char *body; /* of POST, PUT, PATCH: JSON, sent as it is */
	size_t body_len;
	bool asks_much; /* a large page: 502 and 504 are reported at once, so that less is asked for */
	/* GET: the bytes are handed over as they come, as of webex_get_content(), and redirects are followed
	 * without the bearer on another host. NULL: not so. */
	http_take take;
	void *take_arg;
};
uint64_t webex_request(struct webex_client *c, const struct webex_request *r, webex_done done,
		       void *arg);

struct webex_download {
	const char *url;
	int64_t from, to; /* as in http_request */
	bool unscannable; /* fetch it also if it cannot be scanned for malware (webex-api.md
			   * 5.5) */
	int scan_ms;	  /* how long a scan (423) is waited for; 0 = 60 s */
	http_take take;	  /* http/loop.h 7; I/O thread */
	void *take_arg;
};

/*
 * GET of a content URL out of message.files (origin checked, Accept-Encoding identity,
 * redirects followed without the bearer on another host). The body is handed over as it comes,
 * and may take any time while something comes. If the configured origin is no public one,
 * contents of the public hosts are fetched from it instead; any other host is -EPERM.
 */
uint64_t webex_get_content(struct webex_client *c, const struct webex_download *d,
			   webex_done done, void *arg);
/* HEAD of the same, for its name and type; content_bytes is the stated length (-1: none). */
uint64_t webex_head_content(struct webex_client *c, const char *url, webex_done done,
			    void *arg);
