/* SPDX-License-Identifier: MIT */
#include "login/give.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/state.h"
#include "login/folder.h"
#include "login/grant.h"
#include "webex/token.h"

#define EXIT_LOGIN 3
#define TIMEOUT_MS 20000

/* True if the token is not the refused one. */
static bool is_other(const struct login *l, const char *refused)
{
	_cleanup_gfree_ char *hash = webex_token_hash(l->access);

	return !refused || strcmp(hash, refused) != 0;
}

static bool is_young(const struct login *l)
{
	int64_t now = clock_wall(clock_system());
	int64_t life = l->access_until_ms - l->access_since_ms;

	return !l->access_until_ms || now < l->access_since_ms + life / 5 * 4;
}

static bool is_living(const struct login *l)
{
	return !l->access_until_ms || clock_wall(clock_system()) < l->access_until_ms;
}

static int give(const struct login *l)
{
	return puts(l->access) < 0 || fflush(stdout) < 0 ? EX_TEMPFAIL : EXIT_SUCCESS;
}

/* A token that lives serves, where there is no better one. Else `otherwise`. */
static int give_or(const struct login *l, const char *refused, int otherwise)
{
	return is_other(l, refused) && is_living(l) ? give(l) : otherwise;
}

static int say_ended(const char *name, const char *why)
{
	fprintf(stderr, "the login %s has ended (%s): sparkfs login %s\n", name, why, name);
	return EXIT_LOGIN;
}

/* What a refused refresh means. Only 400 and 401 end a login, unless it is the integration that the
 * service does not know: then what is configured is to be mended, and the tokens may be good. */
static int end_or_wait(struct login *l, int fd, const struct login_fault *f,
		       const char *refused)
{
	if ((f->status == 400 || f->status == 401) && f->error != WEBEX_OAUTH_CLIENT) {
		l->ended = g_strdup(f->words);
		(void)login_save(l, fd);
		return say_ended(l->name, f->words);
	}
	login_release(l->name);
	fprintf(stderr, "the login %s cannot be refreshed now: %s\n", l->name, f->words);
	return give_or(l, refused, EX_TEMPFAIL);
}

/* Under the lock. */
static int refresh_as(struct login *l, const struct login_integration *app, const char *refused)
{
	_cleanup_close_ int fd = -1;
	struct login_server server = {0};
	struct login_fault fault = {0};
	struct webex_grant grant;
	int status, r = login_reserve(l->name, &fd);

	if (r < 0) {
		fprintf(stderr, "the login %s cannot be refreshed: %s\n", l->name,
			g_strerror(-r));
		return give_or(l, refused, EX_TEMPFAIL);
	}
	r = login_server_open(&server, l->base_url, app, TIMEOUT_MS, &fault.words);
	if (r == 0)
		r = login_refresh(&server, l->refresh, &grant, &fault);
	if (r == 0) {
		login_take_grant(l, &grant);
		r = login_save(l, fd);
		/* The token serves this mount even if the disk fails after all. */
		if (r < 0)
			fprintf(stderr, "the login %s cannot be written: %s\n", l->name,
				g_strerror(-r));
		status = give(l);
	} else {
		status = end_or_wait(l, fd, &fault, refused);
	}
	login_fault_clear(&fault);
	login_server_close(&server);
	return status;
}

/* Under the lock. A refresh token is good for the integration alone that it was given to: asked by
 * another one, the service would call it wrong. */
static int refresh(struct login *l, const char *refused)
{
	struct login_integration app = {0};
	_cleanup_gfree_ char *reason = NULL;
	int status, r = login_integration_find(&app, &reason);

	if (r == 0 && g_strcmp0(app.id, l->client_id) != 0) {
		reason =
			g_strdup_printf("it is of the integration %s, and %s names another one",
					l->client_id, app.source);
		r = -EINVAL;
	}
	if (r < 0) {
		fprintf(stderr, "the login %s cannot be refreshed: %s\n", l->name, reason);
		status = give_or(l, refused, EX_TEMPFAIL);
	} else {
		status = refresh_as(l, &app, refused);
	}
	login_integration_clear(&app);
	return status;
}

static int give_under_lock(const char *name, const char *refused)
{
	_cleanup_close_ int lock = -1;
	struct login l = {0};
	int status, r = login_lock(name, &lock);

	if (r == 0)
		r = login_load(name, &l);
	if (r < 0) {
		fprintf(stderr, "the login %s: %s\n", name, g_strerror(-r));
		return EX_TEMPFAIL;
	}
	if (is_other(&l, refused) && is_young(&l))
		status = give(&l);
	else if (!l.ended && l.refresh)
		status = refresh(&l, refused);
	else if (is_other(&l, refused) && is_living(&l))
		status = give(&l);
	else
		status = say_ended(name, l.ended ? l.ended : "its token is dead");
	login_clear(&l);
	return status;
}

/* Whoever asks may be killed while the answer of the service is on its way. So the work is done by a
 * process in a session of its own, which goes on until the tokens are written. */
static int give_aside(const char *name, const char *refused)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return give_under_lock(name, refused);
	if (pid == 0) {
		setsid();
		exit(give_under_lock(name, refused));
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EX_TEMPFAIL;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_TEMPFAIL;
}

/* Some programs close each descriptor that they might have, up to the limit: client_secret_command gets what
 * is usual, not the limit that the mount has raised. */
static void lower_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > FD_SETSIZE) {
		limit.rlim_cur = FD_SETSIZE;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int login_give_main(int argc, char **argv)
{
	const char *name = argc > 2 ? argv[2] : "";
	const char *refused = argc > 4 && strcmp(argv[3], "--not") == 0 ? argv[4] : NULL;
	struct login l = {0};
	bool good;
	int status, r = state_name_is_good(name) ? login_load(name, &l) : -ENOENT;

	/* No token in a core dump, and none that another process could look at. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	/* The mount runs us by a path that says nothing in `ps`, and with its many open files. */
	(void)prctl(PR_SET_NAME, "sparkfs-login");
	lower_limit();
	if (r < 0) {
		fprintf(stderr, "the login %s: %s: sparkfs login\n", name,
			r == -ENOENT ? "there is none" : g_strerror(-r));
		return EXIT_LOGIN;
	}
	good = is_other(&l, refused) && is_young(&l);
	status = good ? give(&l) : EX_TEMPFAIL;
	login_clear(&l);
	return good ? status : give_aside(name, refused);
}
