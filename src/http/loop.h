/* SPDX-License-Identifier: MIT */
/*
 * The I/O thread: the only caller of libcurl. It takes requests, lets them through the rate
 * gate, drives a curl_multi, repeats what may be repeated and reports each request exactly
 * once.
 *
 *  1. `done` is called exactly once for every request that http_submit accepted: also after
 * cancel (-ECANCELED) and at stop (-ESHUTDOWN). It runs on the I/O thread and must not block:
 * hand the response on.
 *  2. The bearer goes only to the configured origins; after a redirect to another origin it is
 * not sent. Plain http only to loopback addresses. TLS is verified, SNI on.
 *  3. A request ends by its deadline, whatever the network does: -ETIMEDOUT. The deadline
 * covers waiting in the gate and repeats.
 *  4. Repeats: HTTP_REPEAT_ALWAYS (GET, PUT, DELETE, HEAD): on connect failures, resets,
 * time-outs of one try, 429, 500 (once), 502, 503, 504 with backoff or Retry-After.
 * HTTP_REPEAT_UNSENT (POST): only when it provably did not take effect: refused or failed
 * connection, reset before any body byte went out, 429, and 503 with Retry-After. Waiting past
 * the deadline is not begun: the last outcome is reported at once. 423: as 429 but only that
 * request waits, not the gate. A connection failure to a server that was never reached in this
 *     request (refused, unreachable, name not resolved) is repeated at most twice, quickly (250
 * ms, 1 s): a person waits.
 *  5. At most `max_body` bytes of body are kept (-EMSGSIZE past that); a body shorter than its
 * Content-Length is -EIO (cut).
 *  6. Concurrency: at most HTTP_MAX_READS interactive reads, HTTP_MAX_BACKGROUND background
 * requests and HTTP_MAX_WRITES mutations on the wire at once, so that hung lists never keep a
 * post from going out. Connection errors map: refused, reset, cut -> -ECONNREFUSED,
 * -ECONNRESET; no route -> -ENETUNREACH, -EHOSTUNREACH; name resolution -> -EHOSTUNREACH; TLS
 * -> -EPROTO; time -> -ETIMEDOUT; too many redirects, bad protocol data -> -EIO. Thread rule:
 * submit, cancel from any thread; start and stop from the owner.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_MAX_READS 32
#define HTTP_MAX_BACKGROUND 4
#define HTTP_MAX_WRITES 8

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE };
enum http_lane { HTTP_LANE_READ, HTTP_LANE_WRITE, HTTP_LANE_BACKGROUND };
enum http_repeat { HTTP_REPEAT_ALWAYS, HTTP_REPEAT_UNSENT, HTTP_REPEAT_NEVER };

/* One part of a multipart/form-data body: a string value, or `size` bytes of `fd` from its
 * start. */
struct http_part {
	char *name;
	char *value;	    /* NULL for a file part */
	char *filename;	    /* file part: as UTF-8 */
	char *content_type; /* file part */
	int fd; /* file part: borrowed until done; read by pread, so it may be shared */
	int64_t size;
};

struct http_response {
	int error; /* 0: a complete HTTP answer is here; otherwise -errno, and status may be 0
		    */
	int status;
	bool may_have_applied; /* the server may have acted on it: some request byte left and no
				  clear refusal came back */
	int attempts;
	char *body; /* owned by the response, NUL-terminated; NULL with a body sink */
	size_t body_len;
	int64_t content_length; /* -1 if the server did not say */
	int64_t sunk_bytes;	/* bytes written to body_fd */
	char *link; /* all Link fields joined by ", "; each of these NULL if absent */
	char *content_type;
	char *content_disposition;
	char *tracking_id;
	int retry_after_s; /* 0 if there was no Retry-After */
	char *detail;	   /* one line for the log: curl's words or the status */
};

struct http_request {
	enum http_method method;
	enum http_lane lane;
	enum http_repeat repeat;
	char *url;
	char *bearer;	    /* NULL: none */
	char *content_type; /* of `body` */
	char *body;
	size_t body_len;
	struct http_part *parts; /* n_parts > 0: multipart body instead of `body`; always with
				    Content-Length */
	size_t n_parts;
	int body_fd; /* >= 0: write the answer's body (2xx only) there from offset 0; borrowed
			until done. -1: none */
	size_t max_body;    /* cap of the answer's body; 0 = 32 MiB */
	int64_t timeout_ms; /* the whole request, all tries; required */
	bool follow_redirects;
	void (*done)(void *arg,
		     struct http_response *resp); /* resp is adopted (http_response_free) */
	void *arg;
};

struct http_config {
	const char *user_agent;
	const char *const *origins; /* NULL-terminated "https://webexapis.com" ...: where the
				       bearer may go */
	int rate_per_minute;	    /* 0 = off */
	int connect_timeout_ms;	    /* 0 = 10 s */
};

struct http_loop;

int http_loop_start(const struct http_config *config, struct http_loop **ret_loop);
/* Cancels what is under way, reports it (-ESHUTDOWN), joins, frees, NULLs. */
void http_loop_stop(struct http_loop **loop);

/* All zero but body_fd = -1. Strings are owned by the request (g_free). */
struct http_request *http_request_new(enum http_method method, const char *url);
void http_request_free(struct http_request *req);
void http_request_add_value(struct http_request *req, const char *name, const char *value);
void http_request_add_file(struct http_request *req, const char *name, const char *filename,
			   const char *content_type, int fd, int64_t size);

/* Adopts `req`. Returns an id > 0 for http_cancel. */
uint64_t http_submit(struct http_loop *loop, struct http_request *req);

/* No effect on an unknown or finished id. `done` still comes, once (with -ECANCELED, or with
 * the answer if that was first). Cancelling a request that is on the wire cuts it:
 * may_have_applied says so. */
void http_cancel(struct http_loop *loop, uint64_t id);

/* True if the request is known to have sent no byte yet (waiting in the gate or connecting) and
 * was withdrawn: `done` comes with -ECANCELED and may_have_applied false. False: it is on the
 * wire or over; nothing was changed. */
bool http_withdraw(struct http_loop *loop, uint64_t id);

void http_response_free(struct http_response *resp);

/* For status.json: counters since start. */
struct http_stats {
	uint64_t requests, failures, limited, bytes_in, bytes_out;
	int on_wire, waiting;
	int64_t last_answer_mono_ms; /* 0: never */
	int rate_now_per_minute;
};
void http_loop_stats(struct http_loop *loop, struct http_stats *ret_stats);
