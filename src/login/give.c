/* SPDX-License-Identifier: MIT */
#include "login/give.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/state.h"
#include "login/folder.h"
#include "login/grant.h"
#include "login/place.h"
#include "webex/token.h"
#include "webex/variables.h"

#define EXIT_LOGIN 3
#define TIMEOUT_MS 20000
/* Nobody is told to ask again sooner, and nobody waits longer for a network to come back. */
#define SOONEST_MS 1000
#define LATEST_MS 3600000
/* After a 429 without Retry-After, after a refresh that brought the same token as before, and between
 * two attempts to write what the disk did not take. */
#define PAUSE_MS 60000

/* What somebody wants who has a token already. */
struct wish {
	const char *name;
	const char *hash; /* of the token that he has; NULL: none */
	bool is_refused;  /* the server did not take it; else it is old */
	bool wants_life;
	/* What is wrong, for the person; owned, NULL: nothing. A warning is said also with a token. */
	char *said;
	bool is_warning;
};

G_GNUC_PRINTF(2, 3) static void say(struct wish *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	g_free(w->said);
	w->said = g_strdup_vprintf(fmt, ap);
	va_end(ap);
}

static void take_words(struct wish *w, struct wish *from)
{
	g_free(w->said);
	w->said = steal_ptr(&from->said);
	w->is_warning = from->is_warning;
}

static int64_t wall_ms(void)
{
	return clock_wall(clock_system());
}

/* True if it is the token that the asker has. */
static bool is_his(const struct login *l, const struct wish *w)
{
	_cleanup_gfree_ char *hash = webex_token_hash(l->access);

	return w->hash && strcmp(hash, w->hash) == 0;
}

/* True if the asker has another token, perhaps a newer one. */
static bool has_another(const struct login *l, const struct wish *w)
{
	return w->hash && !is_his(l, w);
}

static bool is_refused(const struct login *l, const struct wish *w)
{
	return w->is_refused && is_his(l, w);
}

static int64_t life_ms(const struct login *l)
{
	return l->access_until_ms - l->access_since_ms;
}

/* How old the token is; below 0: the clock was set back since. */
static int64_t age_ms(const struct login *l)
{
	return wall_ms() - l->access_since_ms;
}

/* A clock that is a little behind does no harm. One that is far behind tells nothing of the age. */
static bool is_young(const struct login *l)
{
	return !l->access_until_ms ||
	       (age_ms(l) >= -life_ms(l) / 5 && age_ms(l) < life_ms(l) / 5 * 4);
}

/* It is new to the asker, young, and in its place. Of a login that has ended the token may have been revoked. */
static bool serves_at_once(const struct login *l, const struct wish *w)
{
	return is_young(l) && !is_his(l, w) && !l->waits && !l->ended;
}

/* Not more than the life that the service gave it, whatever the clock says. */
static int64_t left_ms(const struct login *l)
{
	return l->access_until_ms ? MIN(l->access_until_ms - wall_ms(), life_ms(l)) : 0;
}

static bool is_living(const struct login *l)
{
	return !l->access_until_ms || left_ms(l) > 0;
}

/* The service gave it again a moment ago, and would give it once more: it is not near its end. */
static bool is_unchanged(const struct login *l)
{
	int64_t since_ms = wall_ms() - l->unchanged_ms;

	return l->unchanged_ms && since_ms >= 0 && since_ms < PAUSE_MS &&
	       (!l->access_until_ms ||
		left_ms(l) > CLAMP(life_ms(l) / 20, 2 * SOONEST_MS, PAUSE_MS));
}

/* For how long the service wants to be left alone. A time far off is none that it said. */
static int64_t wait_ms(const struct login *l)
{
	int64_t ms = l->retry_ms - wall_ms();

	return l->retry_ms && ms <= LATEST_MS ? MAX(ms, 0) : 0;
}

/* When to ask again. 0: never, the server's 401 will tell. */
static int64_t again_ms(const struct login *l)
{
	/* Somebody is to look whether its place takes it. */
	if (l->waits)
		return PAUSE_MS;
	if (left_ms(l) <= 0)
		return 0;
	if (is_young(l))
		return MAX(MIN(life_ms(l) / 5 * 4 - age_ms(l), life_ms(l) / 5 * 4), SOONEST_MS);
	/* Nothing is to be had before its end. */
	if (l->ended || l->unchanged_ms)
		return MAX(left_ms(l), SOONEST_MS);
	return CLAMP(MAX(left_ms(l) / 8, wait_ms(l)), SOONEST_MS, LATEST_MS);
}

static int give(const struct login *l, const struct wish *w)
{
	int n = printf("%s\n", l->access);

	if (n > 0 && w->wants_life)
		n = printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n", again_ms(l),
			   MAX(left_ms(l), 0));
	return n < 0 || fflush(stdout) < 0 ? EX_TEMPFAIL : EXIT_SUCCESS;
}

/* No better one is to be had now, and perhaps the clock is wrong that says that it is dead. */
static int give_unless_refused(const struct login *l, const struct wish *w)
{
	return is_refused(l, w) ? EX_TEMPFAIL : give(l, w);
}

static int give_to_the_end(const struct login *l, struct wish *w, const char *why)
{
	say(w, "the login %s has ended (%s): sparkfs login %s", l->name, why, l->name);
	w->is_warning = true;
	/* Who has another token may have it of another login (give_of_another). */
	return is_living(l) && !is_refused(l, w) && !has_another(l, w) ? give(l, w)
								       : EXIT_LOGIN;
}

/* The keyring does not take the tokens. */
static void say_waits(const struct login *l, struct wish *w, const char *why)
{
	_cleanup_gfree_ char *folder = login_folder();

	if (l->waits)
		say(w, "the login %s: %s; until it takes the tokens, they are in %s/%s.json",
		    l->name, why, folder, l->name);
	else
		say(w, "the login %s: %s; it has the tokens of before", l->name, why);
	w->is_warning = true;
}

/* What a refresh means that brought no tokens. */
static int end_or_wait(struct login *l, int fd, const struct login_fault *f, struct wish *w)
{
	bool is_limited = f->status == 429 || f->retry_after_s > 0;

	if (login_fault_is_end(f)) {
		l->ended = g_strdup(f->words);
		(void)login_save(l, fd);
		return give_to_the_end(l, w, l->ended);
	}
	l->retry_ms = is_limited ? wall_ms() + (f->retry_after_s > 0
							? MIN(f->retry_after_s * INT64_C(1000),
							      LATEST_MS)
							: PAUSE_MS)
				 : 0;
	if (!is_limited || login_save(l, fd) < 0)
		login_release(l->name);
	say(w, "the login %s cannot be refreshed now: %s", l->name, f->words);
	return give_unless_refused(l, w);
}

static void silence(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = STDIN_FILENO; fd >= 0 && i <= STDERR_FILENO; i++)
		(void)dup2(fd, i);
}

/* Tries again to write what the service gave, until it is written, or somebody else has put another
 * login in its place (login_reserve). */
static void keep_writing(struct login *l, int fd)
{
	const struct timespec pause = {.tv_sec = PAUSE_MS / 1000};
	int r = -EIO;

	while (r < 0) {
		_cleanup_close_ int lock = -1;
		_cleanup_gfree_ char *why = NULL;

		nanosleep(&pause, NULL);
		if (login_lock(l->name, &lock) < 0)
			continue;
		if (!login_is_reserved(l->name, fd))
			return;
		r = login_keep(l, fd, &why);
	}
}

/* The disk does not take what there was room for. The token serves all the same, and a process that nobody
 * waits for keeps the rest. */
static int give_from_memory(struct login *l, struct wish *w, int fd, const char *why)
{
	int status;
	pid_t pid;

	say(w,
	    "the login %s cannot be written: %s; it is used from memory, and written when "
	    "that can be",
	    l->name, why);
	w->is_warning = true;
	status = give(l, w);
	pid = fork();
	if (pid == 0) {
		silence();
		keep_writing(l, fd);
		_exit(EXIT_SUCCESS);
	}
	return status;
}

/* Under the lock. */
static int refresh_as(struct login *l, const struct login_integration *app, struct wish *w,
		      int *lock)
{
	_cleanup_close_ int fd = -1;
	struct login_server server = {0};
	struct login_fault fault = {0};
	struct webex_grant grant;
	int status, r = login_reserve(l->name, &fd);

	if (r < 0) {
		say(w, "the login %s cannot be refreshed: %s", l->name, g_strerror(-r));
		return give_unless_refused(l, w);
	}
	r = login_server_open(&server, l->base_url, app, TIMEOUT_MS, &fault.words);
	if (r == 0)
		r = login_refresh(&server, l->refresh, &grant, &fault);
	/* Before a child is made: it has no threads. */
	login_server_close(&server);
	if (r == 0) {
		_cleanup_gfree_ char *why = NULL;

		login_take_grant(l, &grant);
		r = login_keep(l, fd, &why);
		if (r == 0 && why)
			say_waits(l, w, why);
		if (r < 0) {
			close(steal_fd(lock));
			status = give_from_memory(l, w, fd, why);
		} else {
			status = give(l, w);
		}
	} else {
		status = end_or_wait(l, fd, &fault, w);
	}
	login_fault_clear(&fault);
	return status;
}

/* Under the lock. A refresh token is good for the integration alone that it was given to: asked by
 * another one, the service would call it wrong. */
static int refresh(struct login *l, struct wish *w, int *lock)
{
	struct login_integration app = {0};
	_cleanup_gfree_ char *reason = NULL;
	/* What cannot be kept is not asked for. */
	int status, r = login_settle(l, &reason);

	if (r == 0)
		r = login_integration_find(&app, &reason);
	/* CISCO_SPARK_REFRESH_TOKEN may have come without it. */
	if (r == 0 && l->client_id && strcmp(app.id, l->client_id) != 0) {
		reason =
			g_strdup_printf("it is of the integration %s, and %s names another one",
					l->client_id, app.source);
		r = -EINVAL;
	}
	if (r < 0) {
		say(w, "the login %s cannot be refreshed: %s", l->name, reason);
		status = give_unless_refused(l, w);
		if (status == EX_TEMPFAIL && l->waits)
			status = EX_NOPERM;
	} else {
		status = refresh_as(l, &app, w, lock);
	}
	login_integration_clear(&app);
	return status;
}

/* Under the lock: what there is instead of a refresh that cannot be, or not now. */
static bool give_instead(const struct login *l, struct wish *w, int *ret_status)
{
	if (l->ended || !l->refresh) {
		*ret_status = give_to_the_end(l, w, l->ended ? l->ended : "its token is dead");
	} else if (login_is_held(l->name)) {
		say(w, "the login %s was refreshed, and cannot be written yet", l->name);
		*ret_status = has_another(l, w) ? EX_TEMPFAIL : give_unless_refused(l, w);
	} else if (wait_ms(l) > 0) {
		say(w,
		    "the login %s cannot be refreshed now: the service asks to wait "
		    "%" G_GINT64_FORMAT " s",
		    l->name, (wait_ms(l) + 999) / 1000);
		*ret_status = give_unless_refused(l, w);
	} else if (is_unchanged(l) && !has_another(l, w)) {
		*ret_status = give(l, w);
	} else {
		return false;
	}
	return true;
}

/* The login cannot be read. What is said ends with what to do where that helps. */
static int say_unread(struct wish *w, int error, const char *why)
{
	bool passes = error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EIO;

	if (error == -EAGAIN || passes) {
		say(w, "the login %s: %s", w->name, why);
		return passes ? EX_TEMPFAIL : EX_NOPERM;
	}
	say(w, "the login %s: %s: sparkfs login", w->name,
	    error == -ENOENT ? "there is none" : why);
	return EXIT_LOGIN;
}

/* Under the lock. True if that is all that the asker wants. */
static bool settle_and_give(struct login *l, struct wish *w, int *ret_status)
{
	_cleanup_gfree_ char *why = NULL;

	if (!l->waits || !is_young(l) || is_refused(l, w))
		return false;
	if (login_settle(l, &why) < 0)
		say_waits(l, w, why);
	*ret_status = give(l, w);
	return true;
}

static int give_under_lock(struct wish *w)
{
	_cleanup_close_ int lock = -1;
	_cleanup_gfree_ char *why = NULL;
	struct login l = {0};
	int status, locked = login_lock(w->name, &lock), r = login_fetch(w->name, &l, &why);

	if (r < 0)
		return say_unread(w, r, why);
	if (locked < 0) {
		say(w, "the login %s: %s", w->name, g_strerror(-locked));
		status = give_unless_refused(&l, w);
	} else if (serves_at_once(&l, w)) {
		status = give(&l, w);
	} else if (!settle_and_give(&l, w, &status) && !give_instead(&l, w, &status)) {
		status = refresh(&l, w, &lock);
	}
	login_clear(&l);
	return status;
}

/* Of a login whose person is not known yet (environment.h) nobody knows of which account it is. */
static bool is_of_account(const char *name, const struct login *l)
{
	struct login other;
	bool is_same;

	if (!*l->person_id || strcmp(name, l->name) == 0 || login_load(name, &other) < 0)
		return false;
	is_same = strcmp(other.person_id, l->person_id) == 0 &&
		  strcmp(other.base_url, l->base_url) == 0;
	login_clear(&other);
	return is_same;
}

/* Its own token, while it lives. False: that is over, too. */
static bool give_own(const struct wish *w, int *ret_status)
{
	_cleanup_gfree_ char *why = NULL;
	struct login l = {0};
	bool is_good =
		login_fetch(w->name, &l, &why) == 0 && is_living(&l) && !is_refused(&l, w);

	if (is_good)
		*ret_status = give(&l, w);
	login_clear(&l);
	return is_good;
}

/* The last one that was asked and is not over: its status, and its words in *ret_said. */
static int ask_others(const struct wish *w, const struct login *l, struct wish *ret_said)
{
	GPtrArray *names = login_names();
	int status = EXIT_LOGIN;

	for (guint i = 0; i < names->len && status != EXIT_SUCCESS; i++) {
		struct wish other = {.name = names->pdata[i],
				     .hash = w->hash,
				     .is_refused = w->is_refused,
				     .wants_life = w->wants_life};
		int its = is_of_account(other.name, l) ? give_under_lock(&other) : EXIT_LOGIN;

		if (its != EXIT_LOGIN) {
			status = its;
			take_words(ret_said, &other);
		}
		g_free(other.said);
	}
	g_ptr_array_unref(names);
	return status;
}

/* The login is over. Somebody may have logged in to the account again under another name; else its own token
 * serves, while it lives; else another login may do so later. Without a lock, since others may come the other
 * way. */
static int give_of_another(struct wish *w)
{
	struct wish said = {0};
	struct login l;
	int status;

	if (login_load(w->name, &l) < 0)
		return EXIT_LOGIN;
	status = ask_others(w, &l, &said);
	if (status == EXIT_SUCCESS || (!give_own(w, &status) && status != EXIT_LOGIN))
		take_words(w, &said);
	g_free(said.said);
	login_clear(&l);
	return status;
}

static int give_and_say(struct wish *w)
{
	int status = give_under_lock(w);

	if (status == EXIT_LOGIN)
		status = give_of_another(w);
	if (w->said && (status != EXIT_SUCCESS || w->is_warning))
		fprintf(stderr, "%s\n", w->said);
	g_clear_pointer(&w->said, g_free);
	return status;
}

/* Whoever asks may be killed while the answer of the service is on its way. So the work is done by a
 * process in a session of its own, which goes on until the tokens are written. */
static int give_aside(struct wish *w)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return give_and_say(w);
	if (pid == 0) {
		setsid();
		exit(give_and_say(w));
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
	struct wish w = {.name = argc > 2 ? argv[2] : ""};
	_cleanup_gfree_ char *why = NULL;
	struct login l = {0};
	bool is_good;
	int status, r;

	/* No token in a core dump, and none that another process could look at. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	/* The mount runs us by a path that says nothing in `ps`, and with its many open files. */
	(void)prctl(PR_SET_NAME, "sparkfs-login");
	lower_limit();
	webex_variables_read(STDIN_FILENO);
	for (int i = 3; i < argc; i++) {
		if (strcmp(argv[i], "--life") == 0) {
			w.wants_life = true;
		} else if (i + 1 < argc) {
			w.is_refused = strcmp(argv[i], "--not") == 0;
			w.hash = argv[++i];
		}
	}
	r = state_name_is_good(w.name) ? login_fetch(w.name, &l, &why) : -ENOENT;
	/* Where the tokens are lost, or are not its own, those of another login may serve. */
	if (r < 0 && r != -ENOKEY && r != -EBADMSG) {
		status = say_unread(&w, r, why);
		fprintf(stderr, "%s\n", w.said);
		g_free(w.said);
		return status;
	}
	is_good = r == 0 && serves_at_once(&l, &w);
	status = is_good ? give(&l, &w) : EX_TEMPFAIL;
	login_clear(&l);
	return is_good ? status : give_aside(&w);
}
