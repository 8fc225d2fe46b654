/* SPDX-License-Identifier: MIT */
/* Requests, and answers of a server that behaves: promises 1, 2 and 5. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "client.h"

/* Temporary, unlinked, of `size` bytes that differ. */
static int make_file(size_t size)
{
	_cleanup_gfree_ char *bytes = g_malloc(size + 1);
	FILE *f = tmpfile();
	int fd = dup(fileno(f));

	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	assert_int_equal(pwrite(fd, bytes, size, 0), size);
	fclose(f);
	return fd;
}

static enum fake_then answer_with_fields(void *arg, const struct fake_request *req,
					 GString *answer)
{
	(void)arg;
	(void)req;
	fake_answer(answer, 200,
		    "Link: <http://127.0.0.1/a>; rel=\"first\"\r\n"
		    "Content-Type: application/json\r\n"
		    "trackingid: ROUTER_1\r\n"
		    "Content-Disposition: attachment; filename=\"a.txt\"\r\n"
		    "Link: <http://127.0.0.1/b>; rel=\"next\"\r\n",
		    "{\"items\":[]}");
	return FAKE_KEEP;
}

static void test_answer_is_whole(void **state)
{
	struct client c;
	struct http_stats stats;

	(void)state;
	client_start(&c, answer_with_fields, NULL, 0);
	{
		_cleanup_response_ struct http_response *r = client_get(&c, "/v1/rooms?max=1");
		_cleanup_gfree_ char *bearer = NULL, *agent = NULL;
		const struct fake_request *req = fake_request_nth(c.server, 1);

		assert_int_equal(r->error, 0);
		assert_int_equal(r->status, 200);
		assert_int_equal(r->attempts, 1);
		assert_string_equal(r->body, "{\"items\":[]}");
		assert_int_equal(r->body_len, 12);
		assert_int_equal(r->content_length, 12);
		assert_string_equal(r->link, "<http://127.0.0.1/a>; rel=\"first\", "
					     "<http://127.0.0.1/b>; rel=\"next\"");
		assert_string_equal(r->content_type, "application/json");
		assert_string_equal(r->content_disposition, "attachment; filename=\"a.txt\"");
		assert_string_equal(r->tracking_id, "ROUTER_1");
		assert_int_equal(r->retry_after_s, 0);
		assert_true(g_str_has_prefix(req->head, "GET /v1/rooms?max=1 HTTP/1.1\r\n"));
		bearer = fake_field(req, "Authorization");
		assert_string_equal(bearer, "Bearer " TOKEN);
		agent = fake_field(req, "User-Agent");
		assert_string_equal(agent, "sparkfs-test");
	}
	http_loop_stats(c.loop, &stats);
	assert_int_equal(stats.requests, 1);
	assert_int_equal(stats.failures, 0);
	assert_true(stats.bytes_in > 12 && stats.bytes_out > 12);
	assert_true(stats.last_answer_mono_ms > 0);
	client_stop(&c);
}

static void test_connection_is_kept(void **state)
{
	struct client c;

	(void)state;
	client_start(&c, answer_with_fields, NULL, 0);
	for (int i = 0; i < 5; i++) {
		_cleanup_response_ struct http_response *r = client_get(&c, "/");

		assert_int_equal(r->status, 200);
	}
	assert_int_equal(fake_connections(c.server), 1);
	client_stop(&c);
}

static enum fake_then answer_gzip(void *arg, const struct fake_request *req, GString *answer)
{
	/* printf '{"gzip":true}' | gzip -n */
	static const unsigned char packed[] = {
		0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xab,
		0x56, 0x4a, 0xaf, 0xca, 0x2c, 0x50, 0xb2, 0x2a, 0x29, 0x2a, 0x4d,
		0xad, 0x05, 0x00, 0xf9, 0xea, 0xf4, 0x36, 0x0d, 0x00, 0x00, 0x00};
	_cleanup_gfree_ char *accepted = fake_field(req, "Accept-Encoding");

	(void)arg;
	if (!accepted || !strstr(accepted, "gzip")) {
		fake_answer(answer, 406, "", "");
		return FAKE_KEEP;
	}
	g_string_append_printf(
		answer,
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
		sizeof(packed));
	g_string_append_len(answer, (const char *)packed, sizeof(packed));
	return FAKE_KEEP;
}

static void test_gzip_is_unpacked(void **state)
{
	struct client c;

	(void)state;
	client_start(&c, answer_gzip, NULL, 0);
	{
		_cleanup_response_ struct http_response *r = client_get(&c, "/");

		assert_int_equal(r->error, 0);
		assert_string_equal(r->body, "{\"gzip\":true}");
		assert_int_equal(r->content_length, -1);
	}
	client_stop(&c);
}

static enum fake_then answer_status_and_length(void *arg, const struct fake_request *req,
					       GString *answer)
{
	_cleanup_gfree_ char *body = NULL;
	int status = 200, length = 0;

	(void)arg;
	sscanf(req->head, "%*s /%d/%d", &status, &length);
	body = g_strnfill((gsize)length, 'x');
	fake_answer(answer, status, "", g_str_has_prefix(req->head, "HEAD") ? "" : body);
	return FAKE_KEEP;
}

static struct http_response *get_capped(struct client *c, const char *path, size_t max_body)
{
	struct http_request *req = client_request(c, HTTP_GET, path);

	req->max_body = max_body;
	return client_run(c, req);
}

static void test_body_is_capped(void **state)
{
	struct client c;

	(void)state;
	client_start(&c, answer_status_and_length, NULL, 0);
	{
		_cleanup_response_ struct http_response *less = get_capped(&c, "/200/99", 100);
		_cleanup_response_ struct http_response *same = get_capped(&c, "/200/100", 100);
		_cleanup_response_ struct http_response *more = get_capped(&c, "/200/101", 100);
		_cleanup_response_ struct http_response *wrong =
			get_capped(&c, "/404/101", 100);

		assert_int_equal(less->body_len, 99);
		assert_int_equal(same->error, 0);
		assert_int_equal(same->body_len, 100);
		assert_int_equal(more->error, -EMSGSIZE);
		assert_null(more->body);
		assert_int_equal(more->attempts, 1);
		/* Too many words about an error do not hide the error. */
		assert_int_equal(wrong->error, 0);
		assert_int_equal(wrong->status, 404);
		assert_int_equal(wrong->body_len, 100);
	}
	client_stop(&c);
}

/* The path is what Content-Length says. */
static enum fake_then answer_length_alone(void *arg, const struct fake_request *req,
					  GString *answer)
{
	char length[64] = "";

	(void)arg;
	sscanf(req->head, "%*s /%63s", length);
	g_string_append_printf(answer, "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n", length);
	return FAKE_CLOSE;
}

/* What HEAD is told of the length; -2: it failed. */
static int64_t length_of(struct client *c, const char *path)
{
	_cleanup_response_ struct http_response *r =
		client_run(c, client_request(c, HTTP_HEAD, path));

	return r->error ? -2 : r->content_length;
}

static void test_a_length_that_no_file_has_is_unknown(void **state)
{
	struct client c;

	(void)state;
	client_start(&c, answer_length_alone, NULL, 0);
	assert_int_equal(length_of(&c, "/104857600"), 104857600);
	assert_int_equal(length_of(&c, "/1125899906842624"), HTTP_LENGTH_MAX);
	assert_int_equal(length_of(&c, "/1125899906842625"), -1);
	assert_int_equal(length_of(&c, "/9223372036854775807"), -1);
	/* libcurl fails, or takes none. */
	assert_true(length_of(&c, "/9223372036854775808") < 0);
	assert_true(length_of(&c, "/-1") < 0);
	assert_true(length_of(&c, "/99999999999999999999999") < 0);
	client_stop(&c);
}

static enum fake_then answer_many_fields(void *arg, const struct fake_request *req,
					 GString *answer)
{
	(void)arg;
	(void)req;
	g_string_append(answer, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 40; i++) {
		_cleanup_gfree_ char *value = g_strnfill(10000, 'v');

		g_string_append_printf(answer, "Link: %s\r\n", value);
	}
	g_string_append(answer, "Content-Length: 0\r\n\r\n");
	return FAKE_CLOSE;
}

static void test_header_is_capped(void **state)
{
	struct client c;

	(void)state;
	client_start(&c, answer_many_fields, NULL, 0);
	{
		_cleanup_response_ struct http_response *r = client_get(&c, "/");

		assert_int_equal(r->error, -EMSGSIZE);
	}
	client_stop(&c);
}

static enum fake_then answer_cut(void *arg, const struct fake_request *req, GString *answer)
{
	(void)arg;
	(void)req;
	g_string_append(answer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
	return FAKE_CLOSE;
}

static void test_cut_body_is_an_error(void **state)
{
	struct http_request *req;
	struct client c;

	(void)state;
	client_start(&c, answer_cut, NULL, 0);
	req = client_request(&c, HTTP_GET, "/");
	req->repeat = HTTP_REPEAT_NEVER;
	{
		_cleanup_response_ struct http_response *r = client_run(&c, req);

		assert_int_equal(r->error, -EIO);
		assert_null(r->body);
		assert_int_equal(r->attempts, 1);
	}
	client_stop(&c);
}

static enum fake_then answer_head(void *arg, const struct fake_request *req, GString *answer)
{
	_cleanup_gfree_ char *accepted = fake_field(req, "Accept-Encoding");

	(void)arg;
	g_string_append_printf(
		answer, "HTTP/1.1 200 OK\r\nContent-Length: 48213\r\nX: %s\r\n\r\n", accepted);
	return strcmp(accepted, "identity") == 0 ? FAKE_KEEP : FAKE_RESET;
}

static void test_head_tells_length(void **state)
{
	struct client c;

	(void)state;
	client_start(&c, answer_head, NULL, 0);
	{
		_cleanup_response_ struct http_response *r =
			client_run(&c, client_request(&c, HTTP_HEAD, "/contents/1"));

		assert_int_equal(r->error, 0);
		assert_int_equal(r->content_length, 48213);
		assert_int_equal(r->body_len, 0);
	}
	client_stop(&c);
}

static enum fake_then answer_content(void *arg, const struct fake_request *req, GString *answer)
{
	_cleanup_gfree_ char *accepted = fake_field(req, "Accept-Encoding");
	const char *body = arg;

	if (strcmp(accepted, "identity") != 0)
		fake_answer(answer, 406, "", "");
	else if (strstr(req->head, "/gone "))
		fake_answer(answer, 404, "", "{\"message\":\"gone\"}");
	else
		fake_answer(answer, 200, "", body);
	return FAKE_KEEP;
}

static int take_to_file(void *arg, const struct http_piece *piece)
{
	ssize_t n = pwrite(*(int *)arg, piece->data, piece->len, piece->offset);

	return n == (ssize_t)piece->len ? HTTP_TAKEN : -errno;
}

static struct http_response *fetch(struct client *c, const char *path, int fd, size_t max_body)
{
	struct http_request *req = client_request(c, HTTP_GET, path);

	req->take = take_to_file;
	req->take_arg = &fd;
	req->max_body = max_body;
	return client_run(c, req);
}

static void test_body_goes_to_file(void **state)
{
	_cleanup_gfree_ char *body = g_strnfill(300000, 'b');
	_cleanup_gfree_ char *back = g_malloc0(300001);
	_cleanup_close_ int fd = make_file(3);
	struct client c;

	(void)state;
	client_start(&c, answer_content, body, 0);
	{
		_cleanup_response_ struct http_response *gone = fetch(&c, "/gone", fd, 0);
		_cleanup_response_ struct http_response *big = fetch(&c, "/a", fd, 299999);
		_cleanup_response_ struct http_response *r = fetch(&c, "/a", fd, 300000);

		assert_int_equal(gone->status, 404);
		assert_string_equal(gone->body, "{\"message\":\"gone\"}");
		assert_int_equal(gone->position, 0);
		assert_int_equal(big->error, -EMSGSIZE);
		assert_int_equal(r->error, 0);
		assert_null(r->body);
		assert_int_equal(r->position, 300000);
		assert_true(r->is_framed);
		assert_int_equal(r->content_length, 300000);
	}
	assert_int_equal(pread(fd, back, 300001, 0), 300000);
	assert_string_equal(back, body);
	client_stop(&c);
}

static void test_full_disk_is_told(void **state)
{
	_cleanup_gfree_ char *body = g_strnfill(1000, 'b');
	_cleanup_close_ int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct client c;

	(void)state;
	client_start(&c, answer_content, body, 0);
	{
		_cleanup_response_ struct http_response *r = fetch(&c, "/a", fd, 0);

		assert_int_equal(r->error, -ENOSPC);
		assert_int_equal(r->attempts, 1);
	}
	client_stop(&c);
}

static enum fake_then answer_ok(void *arg, const struct fake_request *req, GString *answer)
{
	(void)arg;
	(void)req;
	fake_answer(answer, 200, "", "{}");
	return FAKE_KEEP;
}

/* The part of a multipart body after the fields that say `name`. */
static const char *find_part(const struct fake_request *req, const char *name)
{
	_cleanup_gfree_ char *mark = g_strdup_printf("name=\"%s\"", name);
	const char *at = memmem(req->body, req->body_len, mark, strlen(mark));
	size_t left = at ? req->body_len - (size_t)(at - req->body) : 0;
	const char *end = at ? memmem(at, left, "\r\n\r\n", 4) : NULL;

	return end ? end + 4 : NULL;
}

static void check_upload(const struct fake_request *req, int fd, size_t size)
{
	_cleanup_gfree_ char *type = fake_field(req, "Content-Type");
	_cleanup_gfree_ char *length = fake_field(req, "Content-Length");
	_cleanup_gfree_ char *chunked = fake_field(req, "Transfer-Encoding");
	_cleanup_gfree_ char *expect = fake_field(req, "Expect");
	_cleanup_gfree_ char *bytes = g_malloc(size);
	const char *file = find_part(req, "files");

	assert_true(g_str_has_prefix(type, "multipart/form-data; boundary="));
	assert_non_null(length);
	assert_null(chunked);
	assert_null(expect);
	assert_true(g_str_has_prefix(find_part(req, "roomId"), "ROOM\r\n"));
	assert_non_null(
		memmem(req->body, req->body_len, "filename=\"b\xC3\xA9richt.bin\"", 22));
	assert_non_null(memmem(req->body, req->body_len, "Content-Type: image/x-y\r\n", 25));
	assert_int_equal(pread(fd, bytes, size, 0), size);
	assert_memory_equal(file, bytes, size);
	assert_memory_equal(file + size, "\r\n--", 4);
}

static void test_upload_is_exact(void **state)
{
	static const size_t sizes[] = {1, 65536, 3000001};
	struct client c;

	(void)state;
	client_start(&c, answer_ok, NULL, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		_cleanup_close_ int fd = make_file(sizes[i]);
		_cleanup_response_ struct http_response *r = NULL;
		struct http_request *req = client_request(&c, HTTP_POST, "/v1/messages");

		http_request_add_value(req, "roomId", "ROOM");
		http_request_add_file(req, "files", "b\xC3\xA9richt.bin", "image/x-y", fd,
				      (int64_t)sizes[i]);
		r = client_run(&c, req);
		assert_int_equal(r->error, 0);
		assert_int_equal(r->status, 200);
		check_upload(fake_request_nth(c.server, (int)i + 1), fd, sizes[i]);
	}
	client_stop(&c);
}

/* The file shrank since its size was taken: nobody must get it padded or cut. */
static void test_short_file_is_not_sent(void **state)
{
	_cleanup_close_ int fd = make_file(1000);
	struct http_request *req;
	struct client c;

	(void)state;
	client_start(&c, answer_ok, NULL, 0);
	req = client_request(&c, HTTP_POST, "/v1/messages");
	http_request_add_file(req, "files", "a", "text/plain", fd, 1001);
	{
		_cleanup_response_ struct http_response *r = client_run(&c, req);

		assert_int_equal(r->error, -EIO);
		assert_int_equal(r->attempts, 1);
	}
	assert_int_equal(fake_requests(c.server), 0);
	client_stop(&c);
}

static void run_with_body(struct client *c, enum http_method method, const char *type,
			  const char *body)
{
	_cleanup_response_ struct http_response *r = NULL;
	struct http_request *req = client_request(c, method, "/v1/x");

	req->content_type = g_strdup(type);
	req->body = g_strdup(body);
	req->body_len = body ? strlen(body) : 0;
	r = client_run(c, req);
	assert_int_equal(r->status, 200);
}

static void test_methods_and_bodies(void **state)
{
	static const struct {
		enum http_method method;
		const char *type;
		const char *body;
		const char *start;
	} rows[] = {
		{HTTP_POST, "application/json", "{\"text\":\"hi\"}", "POST /v1/x "},
		{HTTP_PUT, "application/json", "{\"title\":\"\xE2\x88\x95\"}", "PUT /v1/x "},
		{HTTP_POST, NULL, NULL, "POST /v1/x "},
		{HTTP_DELETE, NULL, NULL, "DELETE /v1/x "},
	};
	struct client c;

	(void)state;
	client_start(&c, answer_ok, NULL, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		_cleanup_gfree_ char *type = NULL;
		const struct fake_request *req;

		run_with_body(&c, rows[i].method, rows[i].type, rows[i].body);
		req = fake_request_nth(c.server, (int)i + 1);
		type = fake_field(req, "Content-Type");
		assert_true(g_str_has_prefix(req->head, rows[i].start));
		assert_string_equal(req->body, rows[i].body ? rows[i].body : "");
		if (rows[i].type)
			assert_string_equal(type, rows[i].type);
		else
			assert_null(type);
	}
	client_stop(&c);
}

/* Says the fields that it is given. */
static enum fake_then answer_limited(void *arg, const struct fake_request *req, GString *answer)
{
	(void)req;
	fake_answer(answer, 429, arg, "{}");
	return FAKE_KEEP;
}

/* Whatever ours says. */
static void test_a_date_is_read_by_the_clock_of_the_server(void **state)
{
	static const struct {
		const char *fields;
		int seconds;
	} rows[] = {
		{"Date: Tue, 04 Mar 2025 09:20:31 GMT\r\n"
		 "Retry-After: Tue, 04 Mar 2025 09:20:38 GMT\r\n",
		 7},
		{"Date: Mon, 04 Mar 2075 09:20:31 GMT\r\n"
		 "Retry-After: Mon, 04 Mar 2075 09:21:31 GMT\r\n",
		 60},
		{"Date: soon\r\nRetry-After: Tue, 04 Mar 2025 09:20:38 GMT\r\n", 1},
		{"Retry-After: Tue, 04 Mar 2025 09:20:38 GMT\r\n", 1},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct http_request *req;
		struct client c;

		client_start(&c, answer_limited, (void *)rows[i].fields, 0);
		req = client_request(&c, HTTP_GET, "/");
		req->repeat = HTTP_REPEAT_NEVER;
		{
			_cleanup_response_ struct http_response *r = client_run(&c, req);

			assert_int_equal(r->status, 429);
			assert_int_equal(r->retry_after_s, rows[i].seconds);
		}
		client_stop(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer_is_whole),
		cmocka_unit_test(test_connection_is_kept),
		cmocka_unit_test(test_gzip_is_unpacked),
		cmocka_unit_test(test_body_is_capped),
		cmocka_unit_test(test_a_length_that_no_file_has_is_unknown),
		cmocka_unit_test(test_header_is_capped),
		cmocka_unit_test(test_cut_body_is_an_error),
		cmocka_unit_test(test_head_tells_length),
		cmocka_unit_test(test_body_goes_to_file),
		cmocka_unit_test(test_full_disk_is_told),
		cmocka_unit_test(test_upload_is_exact),
		cmocka_unit_test(test_short_file_is_not_sent),
		cmocka_unit_test(test_methods_and_bodies),
		cmocka_unit_test(test_a_date_is_read_by_the_clock_of_the_server),
	};

	return cmocka_run_group_tests_name("http loop: answers", tests, NULL, NULL);
}
