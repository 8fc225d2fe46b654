/* SPDX-License-Identifier: MIT */
#include "login/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "login/folder.h"
#include "login/ways.h"
#include "webex/token.h"
#include "webex/variables.h"

#define PREFIX "environment-"
#define TIMEOUT_MS 20000
/* What the child says: a number and a line. */
#define WORDS_BYTES 1024

bool login_is_in_environment(void)
{
	for (int v = WEBEX_VARIABLE_ACCESS; v < WEBEX_VARIABLE_ACCESS_LAST; v++)
		if (webex_variable((enum webex_variable)v))
			return false;
	return webex_variable(WEBEX_VARIABLE_REFRESH) != NULL;
}

bool login_is_of_environment(const char *name)
{
	return g_str_has_prefix(name, PREFIX);
}

static char *name_of(const char *refresh)
{
	_cleanup_gfree_ char *hash = webex_token_hash(refresh);

	return g_strconcat(PREFIX, hash, NULL);
}

/* ---- in the child ---- */

static int say(struct login_server *s, const struct login_fault *f, char **ret_reason)
{
	if (!login_fault_is_end(f)) {
		*ret_reason = login_say(s, f);
		return -EIO;
	}
	*ret_reason = g_strdup_printf(
		"%s does not accept CISCO_SPARK_REFRESH_TOKEN (%s): another one is needed, or "
		"sparkfs login",
		s->base_url, f->words);
	return -ENOKEY;
}

/* 0; -EACCES: the server does not take the token; -errno and words. */
static int ask_whose(struct login_server *s, struct login *l, char **ret_reason)
{
	struct webex_person *person;
	struct login_fault fault;
	int r = login_whose(s, l->access, &person, &fault);

	if (r == 0) {
		login_take_person(l, person);
		webex_person_free(person);
		return 0;
	}
	r = fault.status == 401 ? -EACCES : -EIO;
	*ret_reason = login_say(s, &fault);
	login_fault_clear(&fault);
	return r;
}

static int save(struct login *l, char **ret_reason)
{
	_cleanup_close_ int fd = -1;
	int r = login_reserve(l->name, &fd);

	if (r == 0)
		r = login_save(l, fd);
	if (r < 0)
		*ret_reason = g_strdup_printf("cannot keep the login %s: %s", l->name,
					      g_strerror(-r));
	return r;
}

/* The service may honour the refresh token only once: there is room for its answer before it is asked,
 * and the answer is kept before anything else is. */
static int renew(struct login_server *s, struct login *l, char **ret_reason)
{
	_cleanup_close_ int fd = -1;
	struct webex_grant grant;
	struct login_fault fault;
	int r = login_reserve(l->name, &fd);

	if (r < 0) {
		*ret_reason = g_strdup_printf("cannot keep the login %s: %s", l->name,
					      g_strerror(-r));
		return r;
	}
	r = login_refresh(s, l->refresh, &grant, &fault);
	if (r < 0) {
		login_release(l->name);
		r = say(s, &fault, ret_reason);
		login_fault_clear(&fault);
		return r;
	}
	login_take_grant(l, &grant);
	r = login_save(l, fd);
	if (r < 0)
		*ret_reason = g_strdup_printf("cannot keep the login %s: %s", l->name,
					      g_strerror(-r));
	return r;
}

static int make(struct login_server *s, struct login *l, char **ret_reason)
{
	_cleanup_gfree_ char *why = NULL;
	int r = l->access ? ask_whose(s, l, &why) : -EACCES;

	if (r == 0)
		return save(l, ret_reason);
	if (r != -EACCES) {
		*ret_reason = steal_ptr(&why);
		return r;
	}
	if (!s->app) {
		*ret_reason = g_strdup_printf(
			"%s cannot be used without an integration: set CISCO_SPARK_CLIENT_ID "
			"and CISCO_SPARK_CLIENT_SECRET, or configure one",
			webex_variable_name(WEBEX_VARIABLE_REFRESH));
		return -ENOKEY;
	}
	webex_token_wipe(l->access);
	l->access = NULL;
	r = renew(s, l, ret_reason);
	/* Who it is is shown by `sparkfs accounts`; the mount asks for it itself. */
	g_clear_pointer(&why, g_free);
	if (r == 0 && ask_whose(s, l, &why) == 0)
		r = save(l, ret_reason);
	return r;
}

static int make_with(const struct login_integration *app, const char *base_url,
		     const char *name, char **ret_reason)
{
	const char *access = webex_variable(WEBEX_VARIABLE_ACCESS_LAST);
	struct login l = {
		.name = g_strdup(name),
		.base_url = g_strdup(base_url),
		.person_id = g_strdup(""),
		.way = LOGIN_ENVIRONMENT,
		.client_id = app ? g_strdup(app->id) : NULL,
		.since_ms = clock_wall(clock_system()),
		.access = access && webex_token_is_clean(access) ? g_strdup(access) : NULL,
		.refresh = g_strdup(webex_variable(WEBEX_VARIABLE_REFRESH)),
	};
	struct login_server server = {0};
	int r = -EINVAL;

	if (!webex_token_is_clean(l.refresh))
		*ret_reason = g_strdup_printf("%s: that is no refresh token",
					      webex_variable_name(WEBEX_VARIABLE_REFRESH));
	else
		r = login_server_open(&server, base_url, app, TIMEOUT_MS, ret_reason);
	if (r == 0)
		r = make(&server, &l, ret_reason);
	login_server_close(&server);
	login_clear(&l);
	return r;
}

static int make_under_lock(const char *base_url, const char *name, char **ret_reason)
{
	struct login_integration app = {0};
	_cleanup_gfree_ char *why = NULL;
	_cleanup_close_ int lock = -1;
	struct login made;
	int r = login_lock(name, &lock);

	if (r < 0) {
		*ret_reason =
			g_strdup_printf("cannot keep the login %s: %s", name, g_strerror(-r));
		return r;
	}
	/* Another process was faster. */
	if (login_load(name, &made) == 0) {
		login_clear(&made);
		return 0;
	}
	r = login_integration_find(&app, &why);
	if (r < 0 && r != -ENOKEY) {
		*ret_reason = steal_ptr(&why);
		return r;
	}
	r = make_with(app.id ? &app : NULL, base_url, name, ret_reason);
	login_integration_clear(&app);
	return r;
}

/* ---- in the parent ---- */

/* A child ends with what it says in the pipe: the error's number, and the reason behind it. */
static int read_end(int fd, pid_t pid, char **ret_reason)
{
	char words[WORDS_BYTES] = "", *rest = words;
	size_t len = 0;
	ssize_t n;
	int error = EIO;

	while ((n = read(fd, words + len, sizeof(words) - 1 - len)) != 0)
		if (n > 0)
			len += (size_t)n;
		else if (errno != EINTR)
			break;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (len > 0)
		error = (int)strtol(words, &rest, 10);
	if (error)
		*ret_reason = g_strdup(*rest ? g_strstrip(rest)
					     : "the login of the environment failed");
	return -error;
}

static int make_aside(const char *base_url, const char *name, char **ret_reason)
{
	_cleanup_close_ int in = -1, out = -1;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		*ret_reason = g_strdup(g_strerror(errno));
		return -errno;
	}
	in = fds[0];
	out = fds[1];
	if (pid == 0) {
		char *reason = NULL;
		int r;

		setsid();
		r = make_under_lock(base_url, name, &reason);
		dprintf(out, "%d %s", -r, reason ? reason : "");
		_exit(EXIT_SUCCESS);
	}
	close(steal_fd(&out));
	return read_end(in, pid, ret_reason);
}

int login_of_environment(const char *base_url, char **ret_name, char **ret_reason)
{
	_cleanup_gfree_ char *name = name_of(webex_variable(WEBEX_VARIABLE_REFRESH));
	struct login l;
	int r = login_load(name, &l);

	if (r == 0)
		login_clear(&l);
	else
		r = make_aside(base_url, name, ret_reason);
	if (r == 0)
		*ret_name = steal_ptr(&name);
	return r;
}
