/* SPDX-License-Identifier: MIT */
/*
 * What is known of the server, whoever's request told it: whether it is there, why a request would
 * fail, and how long a page it gives. Everything that asks tells it what came back; everything that is
 * about to ask may look first.
 *
 *	             server_failed                  DOWN_MS later
 *	   THERE ----------------------> DOWN ------------------------> DOUBTFUL
 *	     ^                            |                                |  server_failed: DOWN
 *	     |  server_heard              |                                |
 *	     +----------------------------+--------------------------------+
 *	     +---- server_noticed: no connection ----------------> DOUBTFUL
 *
 * Thread rule: the cache thread; those under "any thread": any. Lock: server.lock guards what these
 * read; nothing is called under it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/work.h"
#include "store/store.h"
#include "webex/api.h"

/* The service's cap for pages of spaces and messages (webex-api.md 2.2); what is above is lowered there. */
#define SERVER_PAGE_MAX 1000
/* A gateway that fails on large pages gets smaller ones, down to this. */
#define SERVER_PAGE_MIN WEBEX_SMALL_PAGE

struct server;

/* link_down_ms: as pager_config's. The clock is borrowed. */
struct server *server_new(struct store *store, struct work_queue *queue,
			  const struct clock *clock, int link_down_ms);
/* No timer runs after it. */
void server_stop(struct server *s);
/* After the queue was stopped. */
void server_free(struct server **s);

/* ---- what came of requests ---- */

/* Something came back: unless it is a failure of the network, the server is there. */
void server_heard(struct server *s, const struct webex_reply *reply);
/* A fetch ended with this error (-errno) because there was no way to the server. */
void server_failed(struct server *s, int error);
/* What came of a request that was no fetch. An answer ends the doubt; a server that could not be reached
 * begins it. */
void server_noticed(struct server *s, const struct webex_reply *reply);

/* ---- any thread ---- */

/* Why a request would fail, as far as an answer of the last few seconds tells: the network's
 * errno, -EACCES for a token that was refused; else 0. */
int server_known_error(struct server *s);
/* The network failed, longer ago, and nothing was heard of the server since: whoever wants
 * something of it for sure asks by NEED_PROBE first. */
bool server_is_doubtful(struct server *s);
/* -errno of a network that failed within the last age_ms; 0. */
int server_failed_within(struct server *s, int age_ms);
/* With this error there is no way to the server at all: any other request would fail as well. */
bool server_is_unreachable(int error);
/* The last good answer; -1: none yet. */
int64_t server_good_wall_ms(struct server *s);
/* -1: the last request did not fail by the network. */
int64_t server_offline_since_wall_ms(struct server *s);

/* ---- how long its pages are ---- */

/* How many messages a page may have, at most `max`: a gateway that failed on large ones is asked for
 * smaller ones by everybody, and now and then for twice as many again. */
int server_page_max(struct server *s, int max);
void server_note_page_max(struct server *s, int max);
/* How many messages the server gives where more are asked for, and there are more; `max` if that is not
 * known. */
int server_page_given(const struct server *s, int max);
/* A page that was not the last one had `n` messages of `asked`. */
void server_note_page(struct server *s, int n, int asked);
/* The longest page of spaces that the server gives. */
int server_rooms_page(const struct server *s);
void server_note_rooms_page(struct server *s, int n);
