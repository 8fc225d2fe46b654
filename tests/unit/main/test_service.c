/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "main/service.h"

static char *folder, *path;

static int set_up(void **state)
{
	(void)state;
	folder = g_dir_make_tmp("sparkfs-service-XXXXXX", NULL);
	path = g_build_filename(folder, "notify", NULL);
	return folder ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(path);
	(void)rmdir(folder);
	g_free(path);
	g_free(folder);
	return 0;
}

/* A manager's socket; `name` begins with @ or is a path. */
static int bind_to(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, name, len);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			 0);
	return fd;
}

static void begin(const char *name)
{
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	service_begin();
	assert_null(getenv("NOTIFY_SOCKET"));
}

static void expect(int fd, const char *text)
{
	char buf[512];
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, 0);

	if (!text) {
		assert_int_equal(n, -1);
		assert_int_equal(errno, EAGAIN);
		return;
	}
	assert_true(n > 0);
	buf[n] = '\0';
	assert_string_equal(buf, text);
}

static void test_life(void **state)
{
	char abstract[64];
	const char *const names[] = {path, abstract};

	(void)state;
	g_snprintf(abstract, sizeof(abstract), "@sparkfs-test-%d", (int)getpid());
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		int fd = bind_to(names[i]);

		begin(names[i]);
		assert_true(service_is_told());
		service_ready(0, "mounted");
		expect(fd, "READY=1\nSTATUS=mounted\n");
		service_status("mounted");
		expect(fd, NULL);
		/* Nobody can forge a line by a name in it. */
		service_status("offline\nREADY=1");
		expect(fd, "STATUS=offline?READY=1\n");
		service_ready(7, "mounted");
		expect(fd, "MAINPID=7\nREADY=1\nSTATUS=mounted\n");
		service_stopping(12, "ends");
		expect(fd, "STOPPING=1\nEXTEND_TIMEOUT_USEC=12000\nSTATUS=ends\n");
		close(fd);
		/* The manager is gone. */
		service_status("offline");
	}
}

static void test_names_of_no_socket(void **state)
{
	char *regular = g_build_filename(folder, "regular", NULL);
	char too_long[200], most[109];
	const char *const names[] = {"",     "@",    "/",     "notify", "vsock:2:1",
				     "x\ny", folder, regular, path,	too_long};

	(void)state;
	memset(too_long, 'x', sizeof(too_long));
	too_long[sizeof(too_long) - 1] = '\0';
	assert_true(g_file_set_contents(regular, "x", 1, NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(names) * 3; i++) {
		char *name = g_strdup(names[i / 3]);

		/* Too long as a path, as an abstract name, and as nothing. */
		if (strlen(name) > 100 && i % 3)
			name[0] = i % 3 == 1 ? '/' : '@';
		begin(name);
		assert_false(service_is_told());
		service_ready(0, "mounted");
		service_status("offline");
		service_stopping(1, "ends");
		g_free(name);
	}
	unsetenv("NOTIFY_SOCKET");
	service_begin();
	assert_false(service_is_told());
	/* An abstract name that fills the address. */
	memset(most, 'x', sizeof(most));
	most[0] = '@';
	most[108] = '\0';
	g_snprintf(most + 1, 20, "sparkfs-%010d", (int)getpid());
	most[strlen(most)] = 'x';
	int fd = bind_to(most);
	begin(most);
	assert_true(service_is_told());
	close(fd);
	(void)unlink(regular);
	g_free(regular);
}

/* Words never wait for a manager that does not read. */
static void test_full_queue(void **state)
{
	int fd = bind_to(path), n = 0;
	char words[32], buf[64];

	(void)state;
	begin(path);
	for (int i = 0; i < 5000; i++) {
		g_snprintf(words, sizeof(words), "%d", i);
		service_status(words);
	}
	while (recv(fd, buf, sizeof(buf), 0) > 0)
		n++;
	assert_true(n > 0 && n < 5000);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names_of_no_socket, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_queue, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
