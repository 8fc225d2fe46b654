/* SPDX-License-Identifier: MIT */
/*
 * What is known of the server from the answers to all requests: whether it can be reached, why
 * a request would fail, and how large its pages are. Code that makes requests notes the answers
 * here, and may look here before it makes one.
 *
 *	             server_failed                  DOWN_MS later
 *	   THERE ----------------------> DOWN ------------------------> DOUBTFUL
 *	     ^                            |                                |  server_failed: DOWN
 *	     |  server_heard              |                                |
 *	     +----------------------------+--------------------------------+
 *	     +---- server_noticed: no connection ----------------> DOUBTFUL
 *
 * Beside that, whether it takes the token (webex/login.h is that machine, server_login brings its state
 * here). While a login is needed, what a 401 said holds for DOWN_MS; then it is asked again, as in
 * DOUBTFUL, before somebody types what could not be sent.
 *
 * Thread rule: the cache thread, except the functions under "any thread". Lock: server.lock
 * guards what those read; nothing is called under it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/work.h"
#include "store/store.h"
#include "webex/api.h"

/* The service's cap for pages of spaces and messages (webex-api.md 2.2); it silently lowers
 * larger sizes. */
#define SERVER_PAGE_MAX 1000
/* If a gateway fails on large pages, they get smaller down to this. */
#define SERVER_PAGE_MIN WEBEX_SMALL_PAGE

struct server;

/* link_down_ms: as in struct pager_config. The clock is borrowed. */
struct server *server_new(struct store *store, struct work_queue *queue,
			  const struct clock *clock, int link_down_ms);
/* Before there are requests: `changed` is called on the cache thread when the server can be reached again,
 * when the link counts as down (present/link.h), and when it takes the token or does not. */
void server_watch(struct server *s, void (*changed)(void *arg), void *arg);
/* Ends the timer. */
void server_stop(struct server *s);
/* Called after the queue was stopped. */
void server_free(struct server **s);

/* ---- outcomes of requests ---- */

/* Notes an answer: unless it is a failure of the network, the server can be reached. */
void server_heard(struct server *s, const struct webex_reply *reply);
/* Notes that a fetch ended with this -errno because the server could not be reached. */
void server_failed(struct server *s, int error);
/* Notes the result of a request that was no fetch. An answer ends the doubt; a server that
 * could not be reached begins it. */
void server_noticed(struct server *s, const struct webex_reply *reply);

/* Notes whether the server takes the token; `words` say what is wrong and what to do, or NULL. They are
 * last-error's until it does again. */
void server_login(struct server *s, enum webex_login state, const char *words);

/* ---- any thread ---- */

/* "unknown", "ok", "needed". */
const char *server_login_state(struct server *s);
/* What is wrong and what to do; NULL: no login is needed. Owned. */
char *server_login_words(struct server *s);
/* -1: no login is needed. */
int64_t server_login_since_wall_ms(struct server *s);
/* The error that a request would get, judged by the answers of the last few seconds: the errno
 * of the network, or -EACCES for a refused token; else 0. */
int server_known_error(struct server *s);
/* True if the network failed some time ago and nothing was heard of the server since, or if it refused
 * the token some time ago. An operation that certainly needs the server then waits for NEED_PROBE first. */
bool server_is_doubtful(struct server *s);
/* The -errno of a network that failed within the last age_ms; else 0. */
int server_failed_within(struct server *s, int age_ms);
/* True for errors that mean that the server cannot be reached at all, by no request. */
bool server_is_unreachable(int error);
/* The time of the last good answer; -1: there was none yet. */
int64_t server_good_wall_ms(struct server *s);
/* -1: the last request did not fail by the network. */
int64_t server_offline_since_wall_ms(struct server *s);

/* ---- lengths of pages ---- */

/* How many messages a page may have, at most `max`. After a gateway failed on large pages all
 * fetches ask for smaller ones, and now and then for twice as many again. */
int server_page_max(struct server *s, int max);
void server_note_page_max(struct server *s, int max);
/* How many messages the server gives although more were asked for and there are more; `max` if
 * that is unknown. */
int server_page_given(const struct server *s, int max);
/* Notes that a page which was not the last one had `n` messages of the `asked`. */
void server_note_page(struct server *s, int n, int asked);
/* The largest page of spaces that the server gives. */
int server_rooms_page(const struct server *s);
void server_note_rooms_page(struct server *s, int n);
/* Whether a part of a list of spaces was kept since the last whole one, so that a known last activity
 * does not mean that nothing is new further down. */
void server_note_rooms_part(struct server *s, bool is_part);
bool server_has_rooms_part(const struct server *s);
