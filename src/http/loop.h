/* SPDX-License-Identifier: MIT */
/*
 * The I/O thread: the only caller of libcurl. It takes requests, lets them through the rate
 * gate, drives a curl_multi, repeats what may be repeated and reports each request once.
 *
 *  1. `done` is called exactly once for every request that http_submit accepted: also after
 *     cancel (-ECANCELED) and at stop (-ESHUTDOWN). It runs on the I/O thread and must not
 *     block: hand the response on. It may submit and cancel.
 *  2. The bearer goes only to the configured origins. A redirect elsewhere drops it for the
 *     rest of the try, also if it leads back. Plain http only to loopback addresses
 *     (-EPROTO), and no redirect leads from https to http, or to a URL with a user in it
 *     (-EIO). TLS is verified, SNI on.
 *  3. A request ends by its deadline, whatever the network does: -ETIMEDOUT. The deadline
 *     covers waiting for a bearer (8), for a place among those on the wire (6), and repeats. It
 *     stands still while the gate keeps the request waiting, whether our own rate does or a 429:
 *     that is no failure of the server. But nobody waits for a gate that stays shut for as long
 *     as the request may take (-EBUSY), nor because of its own 429s for longer than HTTP_LIMITED_MAX_MS
 *     in all, nor for longer than that while nobody is answered by anything else. For a
 *     body that is taken as it comes (7) the deadline bounds the pauses between two pieces:
 *     the first piece and each HTTP_MOVED_LEAST bytes begin it anew, so that a server which gives a byte
 *     now and then is none, and it stands still while the taker pauses the transfer.
 *  4. Repeats.
 *      - HTTP_REPEAT_ALWAYS (GET, PUT, DELETE, HEAD): on failed connections, resets, cut bodies,
 *        time-outs of one try, 429, 500 (once), 502, 503, 504, with backoff or Retry-After.
 *      - HTTP_REPEAT_UNSENT (POST, PATCH): only when it provably did not take effect: refused or failed
 *        connection, reset before any body byte went out, 423, 429, and 503 with Retry-After.
 *      - A 423 makes only its request wait, a 429 all of them.
 *      - 502 and 504 of a request that `asks_much` are not repeated: a gateway that gave up on a
 *        large page is asked for a smaller one.
 *      - No wait is begun that would end behind the deadline: the last outcome is reported at
 *        once, or -EBUSY if a shut gate would keep the request from its first try. A wait for
 *        a 429 moves the deadline, if it is shorter than the time that the request has.
 *      - A connection failure to a server that was never reached in this request (refused,
 *        unreachable, name not resolved) is repeated at most twice, quickly (250 ms, 1 s), since
 *        a person waits.
 *      - curl itself repeats a request whose kept-alive connection dies. It is kept from doing so
 *        for all but HTTP_REPEAT_ALWAYS, so that a POST that may have arrived is not sent again.
 *  5. All bodies together, from their first byte until they are freed or were used
 *     (http_bodies_take), take at most HTTP_BODIES_MAX bytes, small ones aside: from half of that on
 *     no read begins, and a try whose body would go beyond is repeated later, or ends with -EBUSY.
 *     An answer with more than HTTP_FIELDS_MAX header fields, or very long ones, is -EMSGSIZE.
 *     A body of more than `max_body` bytes is -EMSGSIZE; of an answer that is no 2xx the first
 *     `max_body` bytes are kept, without an error. A body shorter than its Content-Length is
 *     -EIO.
 *  6. At most HTTP_MAX_READS interactive reads, HTTP_MAX_BACKGROUND background requests and
 *     HTTP_MAX_WRITES mutations are on the wire at once, so that hung lists never keep a post
 *     from going out. Paused requests do not count.
 *     Those of a lane that wait take turns by whom they are for (struct http_asker), and nobody has
 *     all of its places (turns.h).
 *  7. With `take`, the body of a 2xx answer is handed over as it comes, each piece with its
 *     offset in the whole (a 206 is checked for being the part that was asked for). If the
 *     taker answers HTTP_PAUSE, the transfer stops until http_resume, which begins with the
 *     same piece again; what has arrived meanwhile waits in the kernel's buffer. A transfer
 *     that breaks is repeated by Range from where it broke. A server that answers 200 to that,
 *     or compresses its bodies, begins anew, and the taker sees bytes again that it has. Tries
 *     that brought HTTP_MOVED_LEAST new bytes do not count as repeats. A 2xx that is no 200, 203 or 206
 *     brings no body (-EIO). A 416 which says that the whole ends
 *     where the broken try did completes the body.
 *  8. With `authorize`, a request asks for its bearer right before each try. HTTP_AUTH_WAIT parks
 *     the request: it waits until http_ask_again makes it ask once more, at most until its
 *     deadline. After the 401 of a server that was shown the bearer the request asks again; if it
 *     is given another bearer it is repeated, once, within what is left of its time and from
 *     where it stood (Range). That try does not count as a repeat. If it is given none, the
 *     request ends with the 401. A request that ends by an error while it waits behind a 401
 *     reports that error with the status and the tracking id of the 401.
 *
 * The words of an error of a connection by a proxy name the proxy. A proxy that refuses is
 * -ECONNREFUSED, one that does not reach the server -EHOSTUNREACH.
 * Connection errors: refused -ECONNREFUSED; reset, or closed without an answer -ECONNRESET; no
 * route -ENETUNREACH, -EHOSTUNREACH; name resolution -EHOSTUNREACH; TLS -EPROTO; time
 * -ETIMEDOUT; cut body, too many or forbidden redirects, bad protocol data -EIO; no URL
 * -EINVAL; else the error of reading or writing a file.
 * Thread rule: submit, cancel, resume, raise, withdraw, cut, ask_again, stats, held_ms from any thread;
 * start and stop from the owner. No lock of ours is held while `done` or `authorize` runs.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_MAX_READS 32
#define HTTP_MAX_BACKGROUND 8
#define HTTP_MAX_WRITES 8
/* A longer body counts as one whose length is unknown. */
#define HTTP_LENGTH_MAX (INT64_C(1) << 50)
/* A page of 1000 messages takes some megabytes at most. */
#define HTTP_BODIES_MAX ((size_t)256 * 1024 * 1024)
#define HTTP_FIELDS_MAX 500
/* Of a body that is taken as it comes. */
#define HTTP_MOVED_LEAST 1024

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_PATCH };
enum http_lane { HTTP_LANE_READ, HTTP_LANE_WRITE, HTTP_LANE_BACKGROUND };
enum http_repeat { HTTP_REPEAT_ALWAYS, HTTP_REPEAT_UNSENT, HTTP_REPEAT_NEVER };

/* One part of a multipart/form-data body: a string value, or `size` bytes of `fd`. */
struct http_part {
	char *name;
	char *value;	    /* NULL for a file part */
	char *filename;	    /* file part: as UTF-8 */
	char *content_type; /* file part */
	int fd;		    /* file part: borrowed until done; read by pread, so it may be
			     * shared */
	int64_t size;	    /* bytes from its start; -EIO if the file has become shorter */
};

struct http_response {
	int error; /* 0: a complete HTTP answer is here; else -errno, and status may be 0 */
	int status;
	/*
	 * The server may have acted on the request: in some try a byte of it left, and no
	 * refusal came back (3xx, 4xx, or 503 with Retry-After). A request that failed while
	 * the last bytes of its file were still here was acted on by nobody.
	 */
	bool may_have_applied;
	bool bearer_shown; /* the last try showed the server the bearer */
	int attempts;	   /* tries that began; 0 if the request never left the gate */
	char *body;	   /* NUL-terminated; NULL with an error, or if it was taken */
	size_t body_len;
	size_t body_size;	/* what counts of HTTP_BODIES_MAX until it is freed */
	int64_t content_length; /* -1 if the server did not say, or compressed the body, or said
				 * more than HTTP_LENGTH_MAX */
	/* With `take`: the offset behind the last byte taken, the length of the whole that the
	 * server states (-1: none), and whether the server marked the end of the body (false:
	 * it only closed the connection). */
	int64_t position, total;
	bool is_framed;
	bool is_packed; /* compressed (Content-Encoding), so parts of it cannot be asked for */
	char *link;	/* all Link fields joined by ", "; this and these: NULL if absent */
	char *content_type;
	char *content_disposition;
	char *tracking_id;
	int retry_after_s; /* 0 if there was no Retry-After */
	int64_t held_ms;   /* how long its deadline stood still (3) */
	char *detail;	   /* one line for the log: curl's words or the status */
};

/* Bytes of a body as they come. */
struct http_piece {
	int64_t offset; /* offset of the first byte in the whole */
	int64_t total;	/* length of the whole that the server states (-1: none); a hint */
	const char *data;
	size_t len;
	bool is_part; /* the answer is a 206, so the server gives parts */
};

enum http_taken { HTTP_TAKEN, HTTP_PAUSE };
/* Called on the I/O thread; must not block for long, nor cancel. Returns HTTP_TAKEN, HTTP_PAUSE
 * if nothing of the piece was taken, or -errno, which ends the request with that error. */
typedef int (*http_take)(void *arg, const struct http_piece *piece);

enum http_auth {
	HTTP_AUTH_GIVEN, /* `bearer` is for the next try */
	HTTP_AUTH_WAIT,	 /* not now; http_ask_again will tell when */
	HTTP_AUTH_NONE,	 /* the request ends */
};

struct http_grant {
	char *bearer; /* owned (g_free), wiped */
	/* With HTTP_AUTH_NONE: the error that the request ends with. 0: it ends with its 401, or
	 * with -EACCES if there was none. `why` is static. */
	int error;
	const char *why;
};

/*
 * Called on the I/O thread; must not block. `was_refused`: the last try was answered by 401, and
 * no bearer was given since. `ret_grant` is zero before the call.
 */
typedef enum http_auth (*http_authorize)(void *arg, bool was_refused,
					 struct http_grant *ret_grant);

/* For whom a request is made; all zero: for nobody in particular. */
struct http_asker {
	uint32_t user, session; /* of the process; session 0: unknown */
	uint32_t topic;		/* what it is about, as the asker numbers such things */
};

struct http_request {
	enum http_method method;
	struct http_asker asker;
	enum http_lane lane;
	enum http_repeat repeat;
	char *url;
	char *bearer; /* NULL: none; with `authorize`: of the last try that asked */
	char *basic;  /* "NAME:SECRET" in base64, wiped; NULL: none. Not with a bearer */
	http_authorize authorize; /* see 8; with `arg`; NULL: `bearer` is for all tries */
	char *content_type;	  /* of `body` */
	char *body;
	size_t body_len;
	/* n_parts > 0: multipart instead of `body`; its length is sent. */
	struct http_part *parts;
	size_t n_parts;
	/* Multipart: counts the bytes of the file that were handed to curl. Borrowed until
	 * done; may be NULL. */
	atomic_int_fast64_t *sent;
	http_take take;	    /* see 7; NULL: the body is kept and comes with the answer */
	void *take_arg;	    /* borrowed until done */
	int64_t from;	    /* with take: the first byte wanted */
	int64_t to;	    /* with take: the byte behind the last one wanted; 0: to the end */
	int locked_max_ms;  /* how long 423s are waited for, in addition to the deadline; 0 = 60
			     * s */
	size_t max_body;    /* cap of the answer's body; 0 = 32 MiB, with take 1 GiB */
	int64_t timeout_ms; /* the whole request, all tries; required */
	/* Of that, how long it may take until a connection stands (name, TCP, TLS), in all
	 * tries together, counted from the first; a connection that stood begins the count
	 * anew, and it stands still where the deadline does. For requests that may last long once
	 * they are on their way. 0: as long as the whole. */
	int64_t reach_ms;
	bool follow_redirects; /* GET and HEAD, at most five */
	bool asks_much;	       /* see 4 */
	/* If `error` is set, nothing is sent and the request ends with it. `why` is static. */
	int error;
	const char *why;
	/* `resp` is adopted. The request is freed when `done` returns; strings of it may be taken
	 * away (set to NULL) until then. */
	void (*done)(void *arg, struct http_response *resp);
	void *arg;
};

struct http_route; /* http/route.h */

struct http_config {
	const char *user_agent;
	/* "https://webexapis.com" ..., NULL: where the bearer may go. */
	const char *const *origins;
	/* NULL: libcurl's choice of proxy and certificates. Borrowed until the loop is stopped. */
	const struct http_route *route;
	int rate_per_minute;	/* 0 = off */
	int connect_timeout_ms; /* 0 = 10 s */
};

struct http_loop;

int http_loop_start(const struct http_config *config, struct http_loop **ret_loop);
/* Cancels what is under way, reports it (-ESHUTDOWN), joins, frees, NULLs. */
void http_loop_stop(struct http_loop **loop);

/* From now on requests that this thread makes are for `asker`. Returns for whom they were before. */
struct http_asker http_ask_for(struct http_asker asker);

/*
 * The lane and the rule for repeats follow from the method (POST, PATCH: HTTP_REPEAT_UNSENT), the asker
 * from http_ask_for(); all else is zero. Strings are owned by the request (g_free). The bearer and the body are wiped on
 * free.
 */
struct http_request *http_request_new(enum http_method method, const char *url);
void http_request_free(struct http_request *req);
void http_request_add_value(struct http_request *req, const char *name, const char *value);
void http_request_add_file(struct http_request *req, const char *name, const char *filename,
			   const char *content_type, int fd, int64_t size);

/* Adopts `req`. Returns an id > 0 for http_cancel. */
uint64_t http_submit(struct http_loop *loop, struct http_request *req);

/*
 * Does nothing for an unknown or finished id. `done` is still called, once: with -ECANCELED, or
 * with the answer if that came first. A request on the wire is cut off; then may_have_applied
 * says whether it may have taken effect.
 */
void http_cancel(struct http_loop *loop, uint64_t id);

/* Lets a paused transfer go on; does nothing for others. Any thread. */
void http_resume(struct http_loop *loop, uint64_t id);

/*
 * Somebody waits now for a request that was made in the background: it goes on as an interactive one
 * for whoever this thread asks for (http_ask_for), wherever it is, and if it is not on the wire, it has
 * its whole time again. The waits that a server asked for stay. Does nothing for others, so a request
 * is raised once.
 */
void http_raise(struct http_loop *loop, uint64_t id);

/* Makes all parked requests ask for their bearer again, also those whose `authorize` runs right
 * now. */
void http_ask_again(struct http_loop *loop);

/*
 * True if the request certainly had no effect yet (it waits in the gate or for a repeat, or is
 * connecting) and was withdrawn: `done` is called with -ECANCELED and may_have_applied false.
 * False: the request is on the wire or over, and nothing was changed.
 */
bool http_withdraw(struct http_loop *loop, uint64_t id);

/*
 * As http_withdraw, but also withdraws an upload that is on the wire while some bytes of its
 * file were not handed over yet: then no server has the whole of it. The connection is closed.
 */
bool http_cut(struct http_loop *loop, uint64_t id);

void http_response_free(struct http_response *resp);

/*
 * Counts memory that a body takes, or what was made of it, until http_bodies_give. False if that would be
 * too much in all (see 5); with `must` it is counted all the same. Any thread.
 */
bool http_bodies_take(size_t bytes, bool must);
void http_bodies_give(size_t bytes);
/* True if no read should begin now. */
bool http_bodies_are_many(void);

/* For status.json: counters since start. */
struct http_stats {
	uint64_t requests; /* tries */
	uint64_t failures; /* requests that ended in an error or 5xx */
	uint64_t limited;  /* 429s */
	uint64_t bytes_in, bytes_out;
	int on_wire, waiting;
	int64_t last_answer_mono_ms; /* 0: never */
	int rate_now_per_minute;
	/* How long it takes at the present rate until the last of the requests that wait now is
	 * sent, but for those in the background. Others that come first make it longer. */
	int64_t turn_ms;
	int64_t shut_ms; /* of that, how long nothing is sent because the server said so */
};
void http_loop_stats(struct http_loop *loop, struct http_stats *ret_stats);

/*
 * How long in all the gate has kept requests waiting that nothing else kept, but for those in the
 * background. The difference of two calls is time that is no failure of the server.
 */
int64_t http_loop_held_ms(struct http_loop *loop);
