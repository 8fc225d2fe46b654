/* SPDX-License-Identifier: MIT */
/* Whether what was sent can have had an effect, when the connection dies while it is being sent. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "client.h"

#define ALL -1
#define ALL_BUT_ONE -2
/* So many bytes of the next POST are let through, then its connection is dead; ALL: it lives. */
static atomic_int let_through = ALL;
static atomic_int dead_fd = -1;

/* Instead of libc's: what libcurl calls. */
ssize_t send(int fd, const void *data, size_t len, int flags)
{
	int most = atomic_load(&let_through);

	if (fd == atomic_load(&dead_fd)) {
		atomic_store(&dead_fd, -1);
		errno = ECONNRESET;
		return -1;
	}
	if (most != ALL && len > 5 && memcmp(data, "POST ", 5) == 0) {
		atomic_store(&let_through, ALL);
		atomic_store(&dead_fd, fd);
		len = most == ALL_BUT_ONE ? len - 1 : MIN(len, (size_t)most);
	}
	return syscall(SYS_sendto, fd, data, len, flags, NULL, 0);
}

static enum fake_then answer_ok(void *arg, const struct fake_request *req, GString *answer)
{
	(void)arg;
	(void)req;
	fake_answer(answer, 200, "", "{}");
	return FAKE_KEEP;
}

static struct http_response *post_and_lose(struct client *c, bool is_kept, int bytes)
{
	struct http_request *req = client_request(c, HTTP_POST, "/");

	/* The body goes in one piece with the head. */
	req->body = g_strdup("{\"text\":\"hi\"}");
	req->body_len = strlen(req->body);
	if (is_kept)
		http_response_free(client_get(c, "/"));
	atomic_store(&let_through, bytes);
	return client_run(c, req);
}

/* A half of a head is nothing that a server acts on: sent again, on a used connection as on a new. */
static void test_without_its_body_it_is_sent_again(void **state)
{
	struct client c;

	(void)state;
	for (int is_kept = 0; is_kept < 2; is_kept++) {
		client_start(&c, answer_ok, NULL, 0);
		{
			_cleanup_response_ struct http_response *r =
				post_and_lose(&c, is_kept, 20);

			assert_int_equal(r->error, 0);
			assert_int_equal(r->status, 200);
			assert_int_equal(r->attempts, 2);
		}
		assert_int_equal(fake_requests(c.server), is_kept + 1);
		client_stop(&c);
	}
}

static void test_with_a_byte_of_its_body_it_is_in_doubt(void **state)
{
	struct client c;

	(void)state;
	for (int is_kept = 0; is_kept < 2; is_kept++) {
		client_start(&c, answer_ok, NULL, 0);
		{
			_cleanup_response_ struct http_response *r =
				post_and_lose(&c, is_kept, ALL_BUT_ONE);

			assert_int_equal(r->error, -ECONNRESET);
			assert_true(r->may_have_applied);
			assert_int_equal(r->attempts, 1);
		}
		client_stop(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_its_body_it_is_sent_again),
		cmocka_unit_test(test_with_a_byte_of_its_body_it_is_in_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
