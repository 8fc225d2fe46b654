/* SPDX-License-Identifier: MIT */
#define FUSE_USE_VERSION 314

#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "outbox/local_helper.h"
#include "inotify/helper.h"
#include "fs/will.h"
#include "login/give.h"
#include "main/logins.h"
#include "main/service.h"
#include "main/settings.h"
#include "main/sparkfs.h"
#include "webex/variables.h"

#define EXIT_USAGE 2
/* Only another token helps: whoever starts it again and again must not (systemd's
 * RestartPreventExitStatus=). */
#define EXIT_LOGIN 3

static int print_version(void)
{
	printf("sparkfs " SPARKFS_VERSION "\n"
	       "libfuse %s, libcurl " SPARKFS_CURL_VERSION ", SQLite " SPARKFS_SQLITE_VERSION
	       "\n",
	       fuse_pkgversion());
	return EXIT_SUCCESS;
}

/* Says on stderr, and to a service manager, why nothing is mounted. Takes the reason. */
static int refuse(char *reason, const char *more, int status)
{
	service_status(reason);
	fprintf(stderr, "sparkfs: %s%s\n", reason, more);
	g_free(reason);
	return status;
}

/* Takes down what was built up, and prints the one line about the failure. */
static int fail(struct sparkfs *s, char *reason)
{
	int status = s->needs_login ? EXIT_LOGIN : EXIT_FAILURE;

	sparkfs_stop(s);
	return refuse(reason ? reason : g_strdup("something went wrong"), "", status);
}

static int start_and_serve(struct sparkfs *s)
{
	char *reason = NULL;
	int r;

	if (!s->options->is_debug)
		log_set_sink(LOG_SINK_NONE);
	r = sparkfs_start(s, &reason);
	if (r < 0)
		return fail(s, reason);
	if (s->warning)
		fprintf(stderr, "sparkfs: warning: %s\n", s->warning);
	r = sparkfs_serve(s);
	sparkfs_stop(s);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The program that starts us may have closed some of these. Then the pipe to the waiting
 * parent, or a file of the account, would get such a number, and daemon_ready would put
 * /dev/null in its place. */
static void open_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static int run(const struct options *options)
{
	struct sparkfs s;
	char *reason = NULL;
	int r;

	umask(077);
	/* We want both as errors of a write: to a connection that is gone, and to a file past
	 * the limit. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	/* The program that started us may have ignored it. Then the numbers of our children
	 * would be given to other processes before we have waited for them. */
	signal(SIGCHLD, SIG_DFL);
	/* Each open upload, letter and reader has a descriptor. */
	fd_limit_raise();
	sparkfs_init(&s, options);
	r = sparkfs_prepare(&s, &reason);
	if (r == 0 && !options->is_foreground) {
		r = daemon_fork(&s.daemon, s.mountpoint);
		if (r < 0)
			reason = g_strdup_printf("cannot go to the background: %s",
						 g_strerror(-r));
	}
	if (r < 0)
		return fail(&s, reason);
	if (options->is_debug)
		log_set_level(LOG_LEVEL_DEBUG);
	return start_and_serve(&s);
}

/* Up to a comma that has no backslash before it. */
static size_t length_of_value(const char *value)
{
	size_t len = 0;

	while (value[len] && value[len] != ',')
		len += value[len] == '\\' && value[len + 1] ? 2 : 1;
	return len;
}

/* Everybody can read the arguments of a process: overwrites the password of a proxy in them. */
static void hide_password(char *arg)
{
	for (char *value = arg; (value = strstr(value, "proxy="));) {
		value += strlen("proxy=");
		size_t len = length_of_value(value);
		char *scheme = g_strstr_len(value, (gssize)len, "://");
		char *user = scheme ? scheme + strlen("://") : value;
		char *at = g_strrstr_len(value, (gssize)len, "@");
		char *password = at ? memchr(user, ':', (size_t)(value + len - user)) : NULL;

		if (password && password < at)
			memset(password + 1, '*', (size_t)(at - password - 1));
	}
}

int main(int argc, char **argv)
{
	enum options_verdict verdict;
	struct options options;
	char *reason = NULL;
	int r = 0, status = EXIT_SUCCESS;

	open_standard_files();
	webex_variables_take();
	if (argc > 1 && strcmp(argv[1], MIRROR_HELPER_ARG) == 0)
		return mirror_helper_main(argc, argv);
	if (argc > 1 && strcmp(argv[1], LOCAL_HELPER_ARG) == 0)
		return local_helper_main(argc, argv);
	if (argc > 1 && strcmp(argv[1], WILL_ARG) == 0)
		return will_main(argc, argv);
	if (argc > 1 && strcmp(argv[1], LOGIN_GIVE_ARG) == 0)
		return login_give_main(argc, argv);
	/* mount.fuse with setuid= leaves it empty, which glib would take for a folder. */
	if (getenv("HOME") && !g_path_is_absolute(getenv("HOME")))
		unsetenv("HOME");
	if (logins_main(argc, argv, &status))
		return status;
	service_begin();
	if (options_parse(argc, (const char *const *)argv, &options, &verdict, &reason) < 0)
		return refuse(reason, "; try sparkfs --help", EXIT_USAGE);
	if (verdict == OPTIONS_MOUNT)
		r = settings_apply(argc, (const char *const *)argv, &options, &reason);
	for (int i = 1; i < argc; i++)
		hide_password(argv[i]);
	if (r < 0) {
		options_clear(&options);
		return refuse(reason, "", EXIT_FAILURE);
	}
	switch (verdict) {
	case OPTIONS_HELP:
		fputs(options_help(), stdout);
		break;
	case OPTIONS_VERSION:
		status = print_version();
		break;
	case OPTIONS_MOUNT:
		status = run(&options);
		break;
	}
	options_clear(&options);
	return status;
}
