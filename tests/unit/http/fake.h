/* SPDX-License-Identifier: MIT */
/*
 * A scripted HTTP server for tests: a thread per connection, each request handed to one
 * function that says what to answer and what then. Loopback, port of the kernel's choice.
 * Thread rule: start and stop from the test; the script runs on connection threads, one call
 * at a time.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum fake_then {
	FAKE_KEEP,  /* wait for the next request on this connection */
	FAKE_CLOSE, /* orderly, after what was answered */
	FAKE_RESET, /* RST */
	FAKE_HANG,  /* say no more until the peer leaves or the server stops */
};

struct fake_request {
	char *head; /* request line and fields */
	char *body; /* as announced by Content-Length; NUL-terminated */
	size_t body_len;
	int serial;	   /* 1 for the server's first request */
	int on_connection; /* 1 for the connection's first request */
};

/* Appends the answer, status line and all, to `answer`. */
typedef enum fake_then (*fake_fn)(void *arg, const struct fake_request *req, GString *answer);

struct fake_server;

struct fake_server *fake_start(fake_fn fn, void *arg);
void fake_stop(struct fake_server **server);
/* "http://127.0.0.1:PORT<path>"; owned. */
char *fake_url(const struct fake_server *server, const char *path);

/* Requests and connections seen until now. */
int fake_requests(struct fake_server *server);
int fake_connections(struct fake_server *server);
/* The n-th request (from 1), valid until the server stops. NULL if there was none. */
const struct fake_request *fake_request_nth(struct fake_server *server, int n);
/* False if there were not as many within ten seconds. */
bool fake_wait_requests(struct fake_server *server, int n);
/* Takes no more connections: they are refused from now on. */
void fake_refuse(struct fake_server *server);

/* A whole answer with a Content-Length. `fields` are lines ended by \r\n, or "". */
void fake_answer(GString *answer, int status, const char *fields, const char *body);
/* The value of a field of the request, NULL if it is not there; owned. */
char *fake_field(const struct fake_request *req, const char *name);
