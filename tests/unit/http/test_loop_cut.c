/* SPDX-License-Identifier: MIT */
/* Which requests http_cut withdraws, and what it must not claim of the others. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "client.h"

/* More than the buffers of a connection take. */
#define LARGE (64 * 1024 * 1024)

static enum fake_then hang_all(void *arg, const struct fake_request *req, GString *answer)
{
	(void)arg;
	(void)req;
	(void)answer;
	return FAKE_HANG;
}

/* Connections stand, and nobody reads from them. */
static int listen_silent(char **ret_url)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	*ret_url = g_strdup_printf("http://127.0.0.1:%d/", ntohs(addr.sin_port));
	return fd;
}

/* With `size` bytes of a file that has none but NULs. */
static struct http_request *upload(const char *url, FILE *file, int64_t size,
				   atomic_int_fast64_t *sent)
{
	struct http_request *req = http_request_new(HTTP_POST, url);

	assert_int_equal(ftruncate(fileno(file), size), 0);
	req->timeout_ms = TIMEOUT_MS;
	req->sent = sent;
	http_request_add_value(req, "roomId", "ROOM");
	http_request_add_file(req, "files", "a.bin", "text/plain", fileno(file), size);
	return req;
}

static void wait_sent(atomic_int_fast64_t *sent)
{
	for (int i = 0; i < 1000 && !atomic_load(sent); i++)
		poll(NULL, 0, 10);
	assert_true(atomic_load(sent) > 0);
}

static void test_a_part_of_a_file_is_taken_back(void **state)
{
	_cleanup_gfree_ char *url = NULL;
	_cleanup_close_ int silent = listen_silent(&url);
	atomic_int_fast64_t sent = 0;
	FILE *file = tmpfile();
	struct client c;

	(void)state;
	client_start(&c, hang_all, NULL, 0);
	{
		struct pending *p = client_submit(&c, upload(url, file, LARGE, &sent));
		_cleanup_response_ struct http_response *r = NULL;

		wait_sent(&sent);
		/* Something is on the wire. */
		assert_false(http_withdraw(c.loop, pending_id(p)));
		assert_true(http_cut(c.loop, pending_id(p)));
		r = pending_wait(p);
		assert_int_equal(r->error, -ECANCELED);
		assert_false(r->may_have_applied);
		assert_true(atomic_load(&sent) < LARGE);
	}
	client_stop(&c);
	fclose(file);
}

/* As http_cut: no server acts on a part of a file. It is sent once all the same. */
static void test_a_part_of_a_file_that_is_reset_is_no_doubt(void **state)
{
	_cleanup_gfree_ char *url = NULL;
	_cleanup_close_ int silent = listen_silent(&url);
	const struct linger reset = {.l_onoff = 1};
	atomic_int_fast64_t sent = 0;
	FILE *file = tmpfile();
	struct client c;

	(void)state;
	client_start(&c, hang_all, NULL, 0);
	{
		struct pending *p = client_submit(&c, upload(url, file, LARGE, &sent));
		_cleanup_response_ struct http_response *r = NULL;
		int fd = accept(silent, NULL, NULL);

		wait_sent(&sent);
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)),
				 0);
		close(fd);
		r = pending_wait(p);
		assert_int_equal(r->error, -ECONNRESET);
		assert_false(r->may_have_applied);
		assert_int_equal(r->attempts, 1);
	}
	client_stop(&c);
	fclose(file);
}

static void test_a_whole_request_is_not_taken_back(void **state)
{
	atomic_int_fast64_t sent = 0;
	FILE *file = tmpfile();
	struct client c;

	(void)state;
	client_start(&c, hang_all, NULL, 0);
	for (int i = 0; i < 2; i++) {
		_cleanup_gfree_ char *url = fake_url(c.server, "/");
		struct http_request *req =
			i ? client_request(&c, HTTP_POST, "/") : upload(url, file, 10, &sent);
		struct pending *p = client_submit(&c, req);
		_cleanup_response_ struct http_response *r = NULL;

		assert_true(fake_wait_requests(c.server, i + 1));
		assert_false(http_cut(c.loop, pending_id(p)));
		assert_false(pending_is_done(p));
		http_cancel(c.loop, pending_id(p));
		r = pending_wait(p);
		assert_int_equal(r->error, -ECANCELED);
		assert_true(r->may_have_applied);
	}
	client_stop(&c);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_part_of_a_file_is_taken_back),
		cmocka_unit_test(test_a_part_of_a_file_that_is_reset_is_no_doubt),
		cmocka_unit_test(test_a_whole_request_is_not_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
