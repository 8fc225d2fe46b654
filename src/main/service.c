/* SPDX-License-Identifier: MIT */
/* A process has one service manager, as it has one log. */
#include "main/service.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/chars.h"
#include "base/cleanup.h"

#define VARIABLE "NOTIFY_SOCKET"
/* For the messages that must arrive, if the manager is slow to read. */
#define SEND_TIMEOUT_S 2

static int notify_fd = -1; /* from service_begin on constant */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *told; /* the words that were told last; lock */

/* False: that is no name of a socket. */
static bool read_address(const char *name, struct sockaddr_un *ret_address, socklen_t *ret_len)
{
	size_t len = strlen(name);

	/* An abstract name may fill the array, a path needs its NUL, too. */
	if ((name[0] != '/' && name[0] != '@') || len < 2 ||
	    len + (name[0] == '/') > sizeof(ret_address->sun_path))
		return false;
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(ret_address->sun_path, name, len);
	if (name[0] == '@')
		ret_address->sun_path[0] = '\0';
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'));
	return true;
}

static int open_socket(const char *name)
{
	struct timeval timeout = {.tv_sec = SEND_TIMEOUT_S};
	_cleanup_close_ int fd = -1;
	struct sockaddr_un address;
	socklen_t len;

	if (!read_address(name, &address, &len))
		return -1;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    connect(fd, (struct sockaddr *)&address, len) < 0)
		return -1;
	return steal_fd(&fd);
}

void service_begin(void)
{
	const char *name = getenv(VARIABLE);

	notify_fd = name ? open_socket(name) : -1;
	unsetenv(VARIABLE);
}

bool service_is_told(void)
{
	return notify_fd >= 0;
}

/* Tells the words, which may not have lines in them, behind the lines `more`. */
static void tell(const char *more, const char *words, int flags)
{
	_cleanup_gfree_ char *line = chars_line(words);
	_cleanup_gfree_ char *text = g_strdup_printf("%sSTATUS=%s\n", more, line);

	while (send(notify_fd, text, strlen(text), flags | MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

static bool is_news(const char *words)
{
	bool differs;

	pthread_mutex_lock(&lock);
	differs = g_strcmp0(told, words) != 0;
	if (differs) {
		g_free(told);
		told = g_strdup(words);
	}
	pthread_mutex_unlock(&lock);
	return differs;
}

void service_ready(pid_t pid, const char *words)
{
	_cleanup_gfree_ char *more = pid ? g_strdup_printf("MAINPID=%d\nREADY=1\n", (int)pid)
					 : g_strdup("READY=1\n");

	if (notify_fd < 0)
		return;
	(void)is_news(words);
	tell(more, words, 0);
}

void service_status(const char *words)
{
	if (notify_fd >= 0 && is_news(words))
		tell("", words, MSG_DONTWAIT);
}

void service_stopping(int timeout_ms, const char *words)
{
	_cleanup_gfree_ char *more =
		g_strdup_printf("STOPPING=1\nEXTEND_TIMEOUT_USEC=%d000\n", timeout_ms);

	if (notify_fd < 0)
		return;
	(void)is_news(words);
	tell(more, words, 0);
}
