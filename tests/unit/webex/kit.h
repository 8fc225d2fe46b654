/* SPDX-License-Identifier: MIT */
/*
 * A client of the API, the scripted server that it talks to, and calls whose reply a test waits
 * for. All functions are called from the test's thread.
 */
#pragma once

#include <glib.h>

#include "http/fake.h"
#include "webex/api.h"

struct kit {
	struct fake_server *server;
	struct http_loop *loop;
	struct work_queue *queue, *parse_queue;
	struct webex_token *token;
	struct webex_client *client;
	char *base_url; /* "http://127.0.0.1:PORT/v1" */
	char *dir;	/* of our own, for token files */
	void *arg;	/* for the test */
};

/* The token comes from the file "token" in kit.dir, which says "token-1"; with `command` not
 * NULL from that command, run with $DIR set to kit.dir. */
void kit_start(struct kit *k, fake_fn fn, void *arg, const char *command);
/* Makes the client anew with settings that kit_start has not. */
void kit_configure(struct kit *k, int timeout_ms, bool read_only);
void kit_stop(struct kit *k);

/* Writes `text` to the file `name` in kit.dir. */
void kit_write(const struct kit *k, const char *name, const char *text);
/* Waits until that file is there. */
void kit_wait_file(const struct kit *k, const char *name);
/* Bytes of that file, 0 if it is not there. */
int kit_file_size(const struct kit *k, const char *name);

/* One call under way: pass `kit_done` and the ticket to a webex_ function. */
struct ticket;
struct ticket *ticket_new(struct kit *k);
void kit_done(void *ticket, struct webex_reply *reply);
bool ticket_is_done(struct ticket *t);
/* The reply, stolen whole; fails the test after ten seconds. Valid until ticket_free. */
struct webex_reply *ticket_wait(struct ticket *t);
void ticket_free(struct ticket *t);

/* First line of the n-th request, "GET /v1/rooms?max=5 HTTP/1.1" without the version. Owned. */
char *kit_request_line(struct kit *k, int n);
