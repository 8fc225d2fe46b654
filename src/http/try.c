/* SPDX-License-Identifier: MIT */
#include "http/try_internal.h"

#include <errno.h>
#include <glib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/origin.h"

#define BODY_MAX_DEFAULT (32u * 1024 * 1024)
/* So much of an error's body is read. */
#define ERROR_BODY_MAX (1024u * 1024)
#define HEADERS_MAX (256u * 1024)
#define REDIRECTS_MAX 5
/* Bodies up to this size come however many others there are. */
#define BODY_SMALL ((size_t)256 * 1024)

/* The connection ends when bytes that were sent stay unacknowledged for this long: the server
 * has vanished. */
#define UNACKNOWLEDGED_MS 20000
/* A try ends when nothing moves in either direction for this long. */
#define STALLED_S 30L
/* For uploads, which a server may scan before it answers. */
#define STALLED_UPLOAD_S 120L

struct part_reader {
	struct http_try *owner;
	const struct http_part *part;
	int64_t offset;
};

void try_set_fail(struct http_try *t, int error, const char *words)
{
	if (t->fail == 0) {
		t->fail = error;
		t->fail_words = words;
	}
}

static bool reads_only(const struct http_request *req)
{
	return req->method == HTTP_GET || req->method == HTTP_HEAD;
}

/* callbacks */

static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	unsigned int ms = UNACKNOWLEDGED_MS;

	(void)arg;
	(void)purpose;
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	return CURL_SOCKOPT_OK;
}

bool try_has_left(const struct http_try *t)
{
	bool has_body = t->req->n_parts > 0 || t->req->body_len > 0;

	return t->connected && (has_body ? t->body_left : t->head_left);
}

/* curl's own counts begin anew when it repeats a request on another connection. */
static int on_bytes(CURL *easy, curl_infotype type, char *data, size_t size, void *arg)
{
	struct http_try *t = arg;

	(void)easy;
	(void)data;
	(void)size;
	/* Bytes that leave before the connection stands are a CONNECT to a proxy. */
	if (t->connected) {
		t->head_left |= type == CURLINFO_HEADER_OUT;
		t->body_left |= type == CURLINFO_DATA_OUT;
	}
	return 0;
}

static int on_connected(void *arg, char *remote_ip, char *local_ip, int remote_port,
			int local_port)
{
	struct http_try *t = arg;

	(void)remote_ip;
	(void)local_ip;
	(void)remote_port;
	(void)local_port;
	if (t->connected) {
		bool was_sent = try_has_left(t);

		if (was_sent && t->req->repeat != HTTP_REPEAT_ALWAYS) {
			try_set_fail(t, -ECONNRESET, "connection closed before the answer");
			return CURL_PREREQFUNC_ABORT;
		}
		t->sent_before |= was_sent;
		return CURL_PREREQFUNC_OK;
	}
	if (!t->context->may_send(t->context->arg)) {
		try_set_fail(t, -ECANCELED, "withdrawn");
		return CURL_PREREQFUNC_ABORT;
	}
	t->connected = true;
	t->head_left = t->body_left = false;
	return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	struct http_try *t = arg;

	(void)data;
	t->header_bytes += size * count;
	/* libcurl looks through all of them for each that is asked for. */
	if (t->header_bytes > HEADERS_MAX || ++t->header_fields > HTTP_FIELDS_MAX) {
		try_set_fail(t, -EMSGSIZE, "too many header fields");
		return 0;
	}
	return size * count;
}

static bool append(struct http_try *t, const char *data, size_t len)
{
	if (t->body_size - t->body_len <= len) {
		size_t size = MAX(t->body_size * 2, t->body_len + len + 1);
		char *grown;

		if (!http_bodies_take(size - t->body_size, size <= BODY_SMALL)) {
			try_set_fail(t, -EBUSY, "too many long answers at once");
			return false;
		}
		grown = g_try_realloc(t->body, size);
		if (!grown) {
			http_bodies_give(size - t->body_size);
			try_set_fail(t, -ENOMEM, "no memory for the body");
			return false;
		}
		t->body = grown;
		t->body_size = size;
	}
	memcpy(t->body + t->body_len, data, len);
	t->body_len += len;
	t->body[t->body_len] = '\0';
	return true;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct http_try *t = arg;
	long status = try_long(t, CURLINFO_RESPONSE_CODE);
	bool is_success = status / 100 == 2;
	size_t limit = t->req->max_body ? t->req->max_body : BODY_MAX_DEFAULT;
	size_t len = size * count;

	if (is_success && t->req->take)
		return try_take(t, data, len);
	if (!is_success)
		limit = MIN(limit, ERROR_BODY_MAX);
	if (len <= limit - t->body_len)
		return append(t, data, len) ? len : 0;
	if (is_success)
		try_set_fail(t, -EMSGSIZE, "body too large");
	else
		t->body_is_enough = append(t, data, limit - t->body_len);
	return 0;
}

static void note_sent(const struct part_reader *reader)
{
	if (reader->owner->req->sent)
		atomic_store(reader->owner->req->sent, reader->offset);
}

static size_t on_part_read(char *buffer, size_t size, size_t count, void *arg)
{
	struct part_reader *reader = arg;
	int64_t left = reader->part->size - reader->offset;
	size_t want = size * count;
	ssize_t n;

	if ((int64_t)want > left)
		want = (size_t)left;
	if (want == 0)
		return 0;
	if ((int64_t)want == left &&
	    !reader->owner->context->may_end(reader->owner->context->arg)) {
		try_set_fail(reader->owner, -ECANCELED, "withdrawn");
		return CURL_READFUNC_ABORT;
	}
	do {
		n = pread(reader->part->fd, buffer, want, reader->offset);
	} while (n < 0 && errno == EINTR);
	if (n <= 0) {
		try_set_fail(reader->owner, n < 0 ? -errno : -EIO,
			     "cannot read the file to send");
		return CURL_READFUNC_ABORT;
	}
	reader->offset += n;
	note_sent(reader);
	return (size_t)n;
}

static int on_part_seek(void *arg, curl_off_t offset, int origin)
{
	struct part_reader *reader = arg;

	if (origin != SEEK_SET || offset < 0 || offset > reader->part->size)
		return CURL_SEEKFUNC_CANTSEEK;
	reader->offset = offset;
	note_sent(reader);
	return CURL_SEEKFUNC_OK;
}

/* set up */

static void drop_headers(struct http_try *t)
{
	for (struct curl_slist *l = t->headers; l; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(t->headers);
	t->headers = NULL;
}

static void add_header(struct http_try *t, const char *name, const char *value)
{
	char *line = g_strconcat(name, value, NULL);

	t->headers = curl_slist_append(t->headers, line);
	explicit_bzero(line, strlen(line));
	g_free(line);
}

static void add_range(struct http_try *t)
{
	char range[64];

	if (t->req->to > 0)
		g_snprintf(range, sizeof(range), "%lld-%lld", (long long)t->context->from,
			   (long long)t->req->to - 1);
	else
		g_snprintf(range, sizeof(range), "%lld-", (long long)t->context->from);
	add_header(t, "Range: bytes=", range);
}

/* Sets the URL of the next hop, and whether it gets the bearer. */
static void set_url(struct http_try *t)
{
	const struct http_request *req = t->req;
	bool is_known = http_origin_is_known(t->url, t->context->origins);

	drop_headers(t);
	add_header(t, "Expect:", "");
	if (req->n_parts == 0 && !reads_only(req))
		add_header(t, "Content-Type:", req->content_type ? req->content_type : "");
	if (!is_known)
		t->bearer_dropped = true;
	if (req->bearer && !t->bearer_dropped)
		add_header(t, "Authorization: Bearer ", req->bearer);
	else if (req->basic && is_known)
		add_header(t, "Authorization: Basic ", req->basic);
	if (req->take && (t->context->from > 0 || req->to > 0))
		add_range(t);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(t->easy, CURLOPT_URL, t->url);
	t->proxy = http_route_proxy(t->context->route, t->url);
	/* NULL: libcurl looks into the environment. */
	curl_easy_setopt(t->easy, CURLOPT_PROXY,
			 t->proxy						? t->proxy->url
			 : t->context->route || http_origin_is_loopback(t->url) ? ""
										: NULL);
}

static void set_parts(struct http_try *t)
{
	const struct http_request *req = t->req;

	t->mime = curl_mime_init(t->easy);
	t->readers = g_new0(struct part_reader, req->n_parts);
	for (size_t i = 0; i < req->n_parts; i++) {
		const struct http_part *from = &req->parts[i];
		curl_mimepart *part = curl_mime_addpart(t->mime);

		curl_mime_name(part, from->name);
		if (from->value) {
			curl_mime_data(part, from->value, CURL_ZERO_TERMINATED);
			continue;
		}
		t->readers[i] = (struct part_reader){.owner = t, .part = from};
		curl_mime_data_cb(part, from->size, on_part_read, on_part_seek, NULL,
				  &t->readers[i]);
		curl_mime_filename(part, from->filename);
		curl_mime_type(part, from->content_type);
	}
	curl_easy_setopt(t->easy, CURLOPT_MIMEPOST, t->mime);
}

static void set_method(struct http_try *t)
{
	const struct http_request *req = t->req;

	switch (req->method) {
	case HTTP_GET:
		break;
	case HTTP_HEAD:
		curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
		break;
	case HTTP_POST:
	case HTTP_PUT:
	case HTTP_PATCH:
		if (req->n_parts > 0) {
			set_parts(t);
		} else {
			curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE,
					 (curl_off_t)req->body_len);
			curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS,
					 req->body ? req->body : "");
		}
		if (req->method != HTTP_POST)
			curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST,
					 req->method == HTTP_PUT ? "PUT" : "PATCH");
		break;
	case HTTP_DELETE:
		curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, "DELETE");
		break;
	}
}

/* libcurl below 8.0.0 can take an aborted HTTP/2 body for a whole one. */
static long http_version(void)
{
	if (curl_version_info(CURLVERSION_NOW)->version_num < 0x080000)
		return CURL_HTTP_VERSION_1_1;
	return CURL_HTTP_VERSION_2TLS;
}

static void set_authorities(struct http_try *t)
{
	const char *file = http_route_ca_file(t->context->route);
	const char *dir = http_route_ca_dir(t->context->route);

	if (file) {
		curl_easy_setopt(t->easy, CURLOPT_CAINFO, file);
		curl_easy_setopt(t->easy, CURLOPT_PROXY_CAINFO, file);
	}
	if (dir) {
		curl_easy_setopt(t->easy, CURLOPT_CAPATH, dir);
		curl_easy_setopt(t->easy, CURLOPT_PROXY_CAPATH, dir);
	}
}

static void set_connection(struct http_try *t, bool fresh)
{
	CURL *easy = t->easy;
	long stalled_s = t->req->n_parts > 0 ? STALLED_UPLOAD_S : STALLED_S;

	set_authorities(t);
	/* Which hosts need no proxy is decided in route.c, not by the environment. */
	if (t->context->route)
		curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, http_version());
	curl_easy_setopt(easy, CURLOPT_USERAGENT, t->context->user_agent);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)t->context->connect_timeout_ms);
	/* Without this a request that times out while its name is looked up stops the whole
	 * loop. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 30L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	/* A small POST gains nothing if its try ends early, since it may not be repeated. */
	if (t->req->repeat == HTTP_REPEAT_ALWAYS || t->req->n_parts > 0) {
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, stalled_s);
	}
}

struct http_try *http_try_new(const struct http_request *req,
			      const struct http_try_context *context, bool fresh)
{
	struct http_try *t;
	CURL *easy = curl_easy_init();
	/* The length of a file is known only where the body comes uncompressed (webex-api.md
	 * 5.5). */
	bool as_it_is = req->take || req->method == HTTP_HEAD;

	if (!easy)
		return NULL;
	t = g_new0(struct http_try, 1);
	t->req = req;
	t->context = context;
	t->easy = easy;
	t->url = g_strdup(req->url);
	t->at = context->from;
	t->total = -1;

	set_connection(t, fresh);
	set_method(t);
	set_url(t);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->words);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
	curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
	curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_bytes);
	curl_easy_setopt(easy, CURLOPT_DEBUGDATA, t);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, as_it_is ? "identity" : "");
	if (req->take)
		curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 512L * 1024);
	if (req->n_parts > 0)
		curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 128L * 1024);
	return t;
}

void http_try_free(struct http_try *t)
{
	if (!t)
		return;
	curl_easy_cleanup(t->easy);
	curl_mime_free(t->mime);
	drop_headers(t);
	if (t->body)
		explicit_bzero(t->body, t->body_len);
	g_free(t->body);
	http_bodies_give(t->body_size);
	g_free(t->readers);
	g_free(t->url);
	g_free(t);
}

CURL *http_try_handle(struct http_try *t, void *owner)
{
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, owner);
	return t->easy;
}

void http_try_set_timeout(struct http_try *t, int64_t timeout_ms)
{
	/* How long a taken body lasts cannot be known; instead the loop checks that it moves. */
	if (!t->req->take)
		curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS,
				 (long)CLAMP(timeout_ms, 1, G_MAXINT));
}

/* the end of it */

static bool is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 ||
	       status == 308;
}

/* Whichever of several libcurl follows. */
static bool names_user(struct http_try *t)
{
	const char *location;

	for (size_t i = 0; (location = try_header(t, "Location", i)); i++) {
		if (http_origin_names_user(t->url, location))
			return true;
	}
	return false;
}

bool http_try_follow(struct http_try *t, CURLcode *code)
{
	bool was_loopback = http_origin_is_loopback(t->url);
	char *target = NULL;

	if (!t->req->follow_redirects || !reads_only(t->req) || t->fail != 0 ||
	    (*code != CURLE_OK && !t->body_is_enough) ||
	    !is_redirect(try_long(t, CURLINFO_RESPONSE_CODE)))
		return false;
	curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &target);
	if (!target)
		return false;

	if (t->redirects == REDIRECTS_MAX)
		try_set_fail(t, -EIO, "too many redirects");
	else if (http_origin_check(target) < 0 || names_user(t) ||
		 (http_origin_is_loopback(target) && !was_loopback))
		try_set_fail(t, -EIO, "redirected to where nothing is asked");
	if (t->fail != 0) {
		*code = CURLE_TOO_MANY_REDIRECTS;
		return false;
	}

	t->redirects++;
	g_free(t->url);
	t->url = g_strdup(target);
	t->connected = false;
	t->header_bytes = 0;
	t->header_fields = 0;
	t->body_len = 0;
	t->body_is_enough = false;
	t->is_begun = false;
	set_url(t);
	return true;
}
