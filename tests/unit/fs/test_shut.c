/* SPDX-License-Identifier: MIT */
/* What is asked when nobody serves any more. A socket that keeps packets apart plays the device. */
#include <errno.h>
#include <glib.h>
#include <linux/fuse.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "fs/shut.h"

static void ask(int fd, uint32_t opcode, uint64_t unique)
{
	struct fuse_in_header in = {.len = sizeof(in), .opcode = opcode, .unique = unique};

	assert_int_equal(send(fd, &in, sizeof(in), 0), sizeof(in));
}

static void test_everybody_is_told(void **state)
{
	struct fuse_out_header out;
	struct shut *r;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	r = shut_start(fds[0]);
	assert_non_null(r);
	ask(fds[1], FUSE_LOOKUP, 2);
	ask(fds[1], FUSE_FORGET, 4);
	ask(fds[1], FUSE_BATCH_FORGET, 6);
	ask(fds[1], FUSE_INTERRUPT, 8);
	ask(fds[1], FUSE_READ, 10);
	for (uint64_t unique = 2; unique <= 10; unique += 8) {
		assert_int_equal(recv(fds[1], &out, sizeof(out), 0), sizeof(out));
		assert_int_equal(out.len, sizeof(out));
		assert_int_equal(out.unique, unique);
		assert_int_equal(out.error, -ESHUTDOWN);
	}
	shut_stop(r);
	assert_int_equal(recv(fds[1], &out, sizeof(out), MSG_DONTWAIT), -1);
	close(fds[0]);
	close(fds[1]);
}

static void test_it_ends_with_the_connection(void **state)
{
	struct shut *r;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	close(fds[1]);
	r = shut_start(fds[0]);
	assert_non_null(r);
	shut_stop(r);
	shut_stop(NULL);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everybody_is_told),
		cmocka_unit_test(test_it_ends_with_the_connection),
	};

	log_set_sink(LOG_SINK_NONE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
