/* SPDX-License-Identifier: MIT */
/* A loop and a server under one roof, and requests whose answer a test can wait for. */
#pragma once

#include "base/cleanup.h"
#include "fake.h"
#include "http/loop_internal.h"

#define TOKEN "secret-token"
/* So many real milliseconds a second of Retry-After, backoff and gate lasts. */
#define SECOND_MS 20
#define TIMEOUT_MS 10000

struct client {
	struct fake_server *server;
	struct http_loop *loop;
};

struct pending; /* one request under way */

void response_done(struct http_response **resp);
#define _cleanup_response_ _cleanup_(response_done)

/* `rate_per_minute` as in http_config. Every origin of the server gets the bearer. */
void client_start(struct client *c, fake_fn fn, void *arg, int rate_per_minute);
/* The same, with seconds of another length. */
void client_start_scaled(struct client *c, fake_fn fn, void *arg, int rate_per_minute,
			 int second_ms);
void client_stop(struct client *c);

/* A request to the server's `path`, with the bearer and a time-out. */
struct http_request *client_request(struct client *c, enum http_method method,
				    const char *path);

/* Adopts `req`. */
struct pending *client_submit(struct client *c, struct http_request *req);
uint64_t pending_id(const struct pending *p);
bool pending_is_done(struct pending *p);
/* Fails the test after ten seconds or if `done` came twice. Frees `p`. Owned. */
struct http_response *pending_wait(struct pending *p);

/* All in one. Owned. */
struct http_response *client_get(struct client *c, const char *path);
struct http_response *client_run(struct client *c, struct http_request *req);

/* False if within ten seconds the loop never had as many on the wire and waiting. */
bool client_wait(struct client *c, int on_wire, int waiting);
