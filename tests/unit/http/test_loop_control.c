/* SPDX-License-Identifier: MIT */
/* Where the bearer may go, and how a request is ended from outside: promises 1, 2, 3 and 6. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "client.h"

static enum fake_then answer_ok(void *arg, const struct fake_request *req, GString *answer)
{
	(void)arg;
	(void)req;
	fake_answer(answer, 200, "", "{}");
	return FAKE_KEEP;
}

/* Answers writes, and what is asked of /quick. */
static enum fake_then hang_reads(void *arg, const struct fake_request *req, GString *answer)
{
	(void)arg;
	if (g_str_has_prefix(req->head, "GET") && !strstr(req->head, "/quick"))
		return FAKE_HANG;
	fake_answer(answer, 200, "", "{}");
	return FAKE_KEEP;
}

static enum fake_then hang_all(void *arg, const struct fake_request *req, GString *answer)
{
	(void)arg;
	(void)req;
	(void)answer;
	return FAKE_HANG;
}

/* redirects and origins */

static enum fake_then redirect(void *arg, const struct fake_request *req, GString *answer)
{
	char **location = arg;
	_cleanup_gfree_ char *field = g_strdup_printf("Location: %s\r\n", *location);

	if (strstr(req->head, " /there "))
		fake_answer(answer, 200, "", "arrived");
	else
		fake_answer(answer, 302, field, "moved");
	return FAKE_KEEP;
}

static struct http_response *get_following(struct client *c, const char *path)
{
	struct http_request *req = client_request(c, HTTP_GET, path);

	req->follow_redirects = true;
	return client_run(c, req);
}

static void test_stranger_gets_no_bearer(void **state)
{
	struct fake_server *stranger = fake_start(answer_ok, NULL);
	_cleanup_gfree_ char *location = fake_url(stranger, "/elsewhere");
	_cleanup_gfree_ char *seen = NULL, *sent = NULL;
	struct client c;

	(void)state;
	client_start(&c, redirect, &location, 0);
	{
		_cleanup_response_ struct http_response *r = get_following(&c, "/");

		assert_int_equal(r->status, 200);
		assert_string_equal(r->body, "{}");
	}
	sent = fake_field(fake_request_nth(c.server, 1), "Authorization");
	assert_string_equal(sent, "Bearer " TOKEN);
	seen = fake_field(fake_request_nth(stranger, 1), "Authorization");
	assert_null(seen);
	client_stop(&c);
	fake_stop(&stranger);
}

/* There and back again: the stranger chose the URL, so the bearer stays away. */
static void test_bearer_does_not_come_back(void **state)
{
	_cleanup_gfree_ char *there = NULL, *back = NULL, *seen = NULL;
	struct fake_server *stranger = fake_start(redirect, &back);
	struct client c;

	(void)state;
	there = fake_url(stranger, "/");
	client_start(&c, redirect, &there, 0);
	back = fake_url(c.server, "/there");
	{
		_cleanup_response_ struct http_response *r = get_following(&c, "/");

		assert_string_equal(r->body, "arrived");
	}
	seen = fake_field(fake_request_nth(c.server, 2), "Authorization");
	assert_null(seen);
	client_stop(&c);
	fake_stop(&stranger);
}

static void test_same_origin_keeps_bearer(void **state)
{
	_cleanup_gfree_ char *location = g_strdup("/there");
	_cleanup_gfree_ char *seen = NULL;
	struct client c;

	(void)state;
	client_start(&c, redirect, &location, 0);
	{
		_cleanup_response_ struct http_response *r = get_following(&c, "/");
		_cleanup_response_ struct http_response *unasked = client_get(&c, "/");

		assert_string_equal(r->body, "arrived");
		assert_int_equal(r->attempts, 1);
		assert_int_equal(unasked->status, 302);
		assert_string_equal(unasked->body, "moved");
	}
	seen = fake_field(fake_request_nth(c.server, 2), "Authorization");
	assert_string_equal(seen, "Bearer " TOKEN);
	client_stop(&c);
}

static void test_redirects_end(void **state)
{
	static const char *const bad[] = {"/again", "http://192.0.2.1/", "ftp://127.0.0.1/",
					  "file:///etc/passwd", "http://u:p@127.0.0.1/"};
	char *location = NULL;
	struct client c;

	(void)state;
	client_start(&c, redirect, &location, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		_cleanup_gfree_ char *copy = g_strdup(bad[i]);
		_cleanup_response_ struct http_response *r = NULL;

		location = copy;
		r = get_following(&c, "/");
		assert_int_equal(r->error, -EIO);
		assert_int_equal(r->attempts, 1);
	}
	assert_int_equal(fake_requests(c.server), 6 + 4);
	client_stop(&c);
}

static void check_url(struct client *c, const char *url, const char *bearer, int error)
{
	_cleanup_response_ struct http_response *r = NULL;
	struct http_request *req = http_request_new(HTTP_GET, url);

	req->timeout_ms = TIMEOUT_MS;
	req->bearer = g_strdup(bearer);
	r = client_run(c, req);
	assert_int_equal(r->error, error);
	assert_int_equal(r->attempts, 0);
	assert_false(r->may_have_applied);
}

/* They are refused, not left out: nobody asked for the page that is there without them. */
static void test_redirects_with_a_user_end(void **state)
{
	static const char *const users[] = {"http://u:p@", "http://u@", "http://:p@", "//u:p@",
					    "//u@"};
	char *location = NULL;
	struct client c;

	(void)state;
	client_start(&c, redirect, &location, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(users); i++) {
		_cleanup_gfree_ char *there = fake_url(c.server, "/there");
		_cleanup_gfree_ char *with =
			g_strconcat(users[i], there + strlen("http://"), NULL);
		_cleanup_response_ struct http_response *r = NULL;

		location = with;
		r = get_following(&c, "/");
		assert_int_equal(r->error, -EIO);
		assert_int_equal(r->attempts, 1);
	}
	assert_int_equal(fake_requests(c.server), G_N_ELEMENTS(users));
	client_stop(&c);
}

static void test_bad_requests_go_nowhere(void **state)
{
	_cleanup_gfree_ char *url = NULL;
	struct client c;

	(void)state;
	client_start(&c, answer_ok, NULL, 0);
	url = fake_url(c.server, "/");
	check_url(&c, "http://192.0.2.1/v1", TOKEN, -EPROTO);
	check_url(&c, "http://localhost.example.com/", TOKEN, -EPROTO);
	check_url(&c, "file:///etc/passwd", TOKEN, -EINVAL);
	check_url(&c, "no url at all", TOKEN, -EINVAL);
	check_url(&c, "https://me:pw@127.0.0.1/", TOKEN, -EINVAL);
	check_url(&c, url, "a\r\nX-Injected: 1", -EINVAL);
	assert_int_equal(fake_requests(c.server), 0);
	client_stop(&c);
}

/* cancel, withdraw */

static void test_cancel_in_gate(void **state)
{
	struct client c;

	(void)state;
	client_start(&c, answer_ok, NULL, 1);
	{
		_cleanup_response_ struct http_response *first = client_get(&c, "/");
		struct pending *p = client_submit(&c, client_request(&c, HTTP_POST, "/"));
		_cleanup_response_ struct http_response *r = NULL;

		http_cancel(c.loop, pending_id(p));
		r = pending_wait(p);
		assert_int_equal(first->status, 200);
		assert_int_equal(r->error, -ECANCELED);
		assert_int_equal(r->attempts, 0);
		assert_false(r->may_have_applied);
	}
	assert_int_equal(fake_requests(c.server), 1);
	client_stop(&c);
}

static void test_cancel_on_wire(void **state)
{
	struct client c;

	(void)state;
	client_start(&c, hang_all, NULL, 0);
	{
		struct pending *p = client_submit(&c, client_request(&c, HTTP_POST, "/"));
		_cleanup_response_ struct http_response *r = NULL;

		assert_true(fake_wait_requests(c.server, 1));
		assert_false(http_withdraw(c.loop, pending_id(p)));
		assert_false(pending_is_done(p));
		http_cancel(c.loop, pending_id(p));
		r = pending_wait(p);
		assert_int_equal(r->error, -ECANCELED);
		assert_true(r->may_have_applied);
	}
	http_cancel(c.loop, 1);
	http_cancel(c.loop, 12345);
	assert_false(http_withdraw(c.loop, 1));
	client_stop(&c);
}

static void test_withdraw_in_gate(void **state)
{
	struct client c;

	(void)state;
	client_start(&c, answer_ok, NULL, 1);
	{
		_cleanup_response_ struct http_response *first = client_get(&c, "/");
		struct pending *p = client_submit(&c, client_request(&c, HTTP_POST, "/"));
		_cleanup_response_ struct http_response *r = NULL;

		assert_true(http_withdraw(c.loop, pending_id(p)));
		r = pending_wait(p);
		assert_int_equal(first->status, 200);
		assert_int_equal(r->error, -ECANCELED);
		assert_false(r->may_have_applied);
	}
	assert_int_equal(fake_requests(c.server), 1);
	client_stop(&c);
}

/* A port whose queue of connections is full: whoever connects waits. */
static int listen_deaf(int *ret_port, int fillers[2])
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	for (int i = 0; i < 2; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)!connect(fillers[i], (struct sockaddr *)&addr, len);
	}
	*ret_port = ntohs(addr.sin_port);
	return fd;
}

static void test_withdraw_while_connecting(void **state)
{
	int port, fillers[2];
	int deaf = listen_deaf(&port, fillers);
	_cleanup_gfree_ char *url = g_strdup_printf("http://127.0.0.1:%d/", port);
	struct client c;

	(void)state;
	client_start(&c, answer_ok, NULL, 0);
	{
		struct http_request *req = http_request_new(HTTP_POST, url);
		_cleanup_response_ struct http_response *r = NULL;
		struct pending *p;

		req->timeout_ms = TIMEOUT_MS;
		p = client_submit(&c, req);
		assert_true(client_wait(&c, 1, 0));
		assert_true(http_withdraw(c.loop, pending_id(p)));
		r = pending_wait(p);
		assert_int_equal(r->error, -ECANCELED);
		assert_int_equal(r->attempts, 1);
		assert_false(r->may_have_applied);
	}
	client_stop(&c);
	close(deaf);
	close(fillers[0]);
	close(fillers[1]);
}

/* `https`: the connection stands, and its handshake does not begin. */
static void check_connect_deadline(bool https, int64_t timeout_ms, int64_t reach_ms)
{
	int port, fillers[2];
	int deaf = listen_deaf(&port, fillers);
	_cleanup_gfree_ char *url =
		g_strdup_printf("http%s://127.0.0.1:%d/", https ? "s" : "", port);
	int64_t begun_ms = loop_now();
	struct client c;

	client_start(&c, answer_ok, NULL, 0);
	if (https)
		assert_int_equal(listen(deaf, 8), 0);
	{
		struct http_request *req = http_request_new(HTTP_POST, url);
		_cleanup_response_ struct http_response *r = NULL;

		req->timeout_ms = timeout_ms;
		req->reach_ms = reach_ms;
		r = client_run(&c, req);
		assert_int_equal(r->error, -ETIMEDOUT);
		assert_false(r->may_have_applied);
	}
	assert_true(loop_now() - begun_ms < 2000);
	client_stop(&c);
	close(deaf);
	close(fillers[0]);
	close(fillers[1]);
}

static void test_connect_deadline(void **state)
{
	(void)state;
	check_connect_deadline(false, 150, 0);
	/* A request that may last long has less time until its connection stands. */
	check_connect_deadline(false, 60000, 150);
	check_connect_deadline(true, 60000, 150);
}

static bool was_asked(struct fake_server *server, const char *path)
{
	const struct fake_request *req;

	for (int n = 1; (req = fake_request_nth(server, n)); n++) {
		if (strstr(req->head, path))
			return true;
	}
	return false;
}

/* Cancel and withdraw against an answer that is on its way: one report, never two. */
static void test_races_report_once(void **state)
{
	bool withdrawn[200] = {false};
	struct client c;

	(void)state;
	client_start(&c, answer_ok, NULL, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(withdrawn); i++) {
		_cleanup_gfree_ char *path = g_strdup_printf("/%zu", i);
		struct pending *p = client_submit(&c, client_request(&c, HTTP_POST, path));
		_cleanup_response_ struct http_response *r = NULL;

		if (i % 2)
			http_cancel(c.loop, pending_id(p));
		else
			withdrawn[i] = http_withdraw(c.loop, pending_id(p));
		r = pending_wait(p);
		if (withdrawn[i]) {
			assert_int_equal(r->error, -ECANCELED);
			assert_false(r->may_have_applied);
		} else {
			assert_true(r->error == 0 || r->error == -ECANCELED);
		}
	}
	for (size_t i = 0; i < G_N_ELEMENTS(withdrawn); i++) {
		_cleanup_gfree_ char *path = g_strdup_printf(" /%zu ", i);

		assert_false(withdrawn[i] && was_asked(c.server, path));
	}
	client_stop(&c);
}

/* lanes, stop */

static void test_hung_reads_let_a_write_through(void **state)
{
	struct pending *reads[300];
	struct http_stats stats;
	struct client c;

	(void)state;
	client_start(&c, hang_reads, NULL, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(reads); i++)
		reads[i] = client_submit(&c, client_request(&c, HTTP_GET, "/"));
	assert_true(fake_wait_requests(c.server, HTTP_MAX_READS));
	{
		_cleanup_response_ struct http_response *r =
			client_run(&c, client_request(&c, HTTP_POST, "/"));

		assert_int_equal(r->status, 200);
	}
	assert_int_equal(fake_requests(c.server), HTTP_MAX_READS + 1);
	http_loop_stats(c.loop, &stats);
	assert_int_equal(stats.waiting, 300 - HTTP_MAX_READS);
	http_loop_stop(&c.loop);
	for (size_t i = 0; i < G_N_ELEMENTS(reads); i++) {
		_cleanup_response_ struct http_response *r = pending_wait(reads[i]);

		assert_int_equal(r->error, -ESHUTDOWN);
	}
	fake_stop(&c.server);
}

static void test_background_has_few_places(void **state)
{
	struct pending *hung[2 * HTTP_MAX_BACKGROUND];
	struct client c;

	(void)state;
	client_start(&c, hang_reads, NULL, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(hung); i++) {
		struct http_request *req = client_request(&c, HTTP_GET, "/");

		req->lane = HTTP_LANE_BACKGROUND;
		hung[i] = client_submit(&c, req);
	}
	assert_true(fake_wait_requests(c.server, HTTP_MAX_BACKGROUND));
	{
		_cleanup_response_ struct http_response *r = client_get(&c, "/quick");

		assert_int_equal(r->status, 200);
	}
	assert_int_equal(fake_requests(c.server), HTTP_MAX_BACKGROUND + 1);
	/* One leaves, one more may go. */
	http_cancel(c.loop, pending_id(hung[0]));
	assert_true(fake_wait_requests(c.server, HTTP_MAX_BACKGROUND + 2));
	http_loop_stop(&c.loop);
	for (size_t i = 0; i < G_N_ELEMENTS(hung); i++)
		http_response_free(pending_wait(hung[i]));
	fake_stop(&c.server);
}

struct resubmit {
	struct client *client;
	int left;
	int reports;
};

static void submit_again(void *arg, struct http_response *resp)
{
	struct resubmit *again = arg;

	again->reports++;
	if (again->left-- > 0) {
		struct http_request *req = client_request(again->client, HTTP_GET, "/");

		req->done = submit_again;
		req->arg = again;
		http_submit(again->client->loop, req);
	}
	http_response_free(resp);
}

static void test_stop_reports_what_is_submitted_late(void **state)
{
	struct resubmit again = {.left = 3};
	struct http_request *req;
	struct client c;

	(void)state;
	client_start(&c, hang_all, NULL, 0);
	again.client = &c;
	req = client_request(&c, HTTP_GET, "/");
	req->done = submit_again;
	req->arg = &again;
	http_submit(c.loop, req);
	assert_true(fake_wait_requests(c.server, 1));
	http_loop_stop(&c.loop);
	assert_int_equal(again.reports, 4);
	fake_stop(&c.server);
}

static void *submit_many(void *arg)
{
	struct client *c = arg;
	intptr_t bad = 0;

	for (int i = 0; i < 50; i++) {
		enum http_method method = i % 5 ? HTTP_GET : HTTP_POST;
		struct pending *p = client_submit(c, client_request(c, method, "/"));
		struct http_response *r;

		if (i % 7 == 0)
			http_cancel(c->loop, pending_id(p));
		r = pending_wait(p);
		bad += r->error != 0 && !(i % 7 == 0 && r->error == -ECANCELED);
		http_response_free(r);
	}
	return (void *)bad;
}

static void test_many_threads(void **state)
{
	pthread_t threads[8];
	struct client c;

	(void)state;
	client_start(&c, answer_ok, NULL, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		pthread_create(&threads[i], NULL, submit_many, &c);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
		void *bad;

		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
	client_stop(&c);
}

/* The gate lets the burst through at once, and then as many a second as it should. */
static void test_rate_is_kept(void **state)
{
	struct pending *all[8];
	int64_t begun_ms = loop_now();
	struct client c;

	(void)state;
	client_start(&c, answer_ok, NULL, 5);
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		all[i] = client_submit(&c, client_request(&c, HTTP_GET, "/"));
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		_cleanup_response_ struct http_response *r = pending_wait(all[i]);

		assert_int_equal(r->status, 200);
	}
	/* Five of burst, three at one in twelve seconds. */
	assert_true(loop_now() - begun_ms >= 36 * SECOND_MS);
	assert_true(loop_now() - begun_ms < TIMEOUT_MS / 2);
	client_stop(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stranger_gets_no_bearer),
		cmocka_unit_test(test_bearer_does_not_come_back),
		cmocka_unit_test(test_same_origin_keeps_bearer),
		cmocka_unit_test(test_redirects_end),
		cmocka_unit_test(test_redirects_with_a_user_end),
		cmocka_unit_test(test_bad_requests_go_nowhere),
		cmocka_unit_test(test_cancel_in_gate),
		cmocka_unit_test(test_cancel_on_wire),
		cmocka_unit_test(test_withdraw_in_gate),
		cmocka_unit_test(test_withdraw_while_connecting),
		cmocka_unit_test(test_connect_deadline),
		cmocka_unit_test(test_races_report_once),
		cmocka_unit_test(test_hung_reads_let_a_write_through),
		cmocka_unit_test(test_background_has_few_places),
		cmocka_unit_test(test_stop_reports_what_is_submitted_late),
		cmocka_unit_test(test_many_threads),
		cmocka_unit_test(test_rate_is_kept),
	};

	return cmocka_run_group_tests_name("http loop: control", tests, NULL, NULL);
}
