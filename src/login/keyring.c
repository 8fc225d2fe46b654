/* SPDX-License-Identifier: MIT */
#include "login/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/program.h"
#include "login/folder.h"
#include "login/keyring_helper.h"
#include "webex/text.h"
#include "webex/token.h"

#define HELPER "sparkfs-keyring"
#define NOT_FOUND 127
#define WORDS_MAX 200

/* ---- the program ---- */

/* Beside ours, as in a folder of a build, or where it is installed. */
static char *find_helper(void)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	_cleanup_gfree_ char *folder = NULL, *beside = NULL;

	self[n > 0 ? n : 0] = '\0';
	folder = g_path_get_dirname(self);
	beside = g_build_filename(folder, HELPER, NULL);
	if (n > 0 && access(beside, X_OK) == 0)
		return steal_ptr(&beside);
	return g_build_filename(SPARKFS_LIBEXECDIR, HELPER, NULL);
}

/* `fd` is its standard input and output. */
static int spawn(char *const argv[], int fd, pid_t *ret_pid)
{
	_cleanup_gfree_ char *helper = find_helper();
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int r;

	spawn_attributes(&attr, 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
	/* What a library has to say there is nothing for a person. */
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	spawn_close_from(&actions, STDERR_FILENO + 1);
	r = posix_spawn(ret_pid, helper, &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return -r;
}

static bool send_all(int fd, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return shutdown(fd, SHUT_WR) == 0;
}

/* Reads into `out`, which has room for KEYRING_SECRET_MAX bytes and never moves, up to the end. False: there is
 * none by then. */
static bool receive_all(int fd, int64_t deadline, GString *out)
{
	for (;;) {
		int64_t left = deadline - clock_awake();
		struct pollfd poll_fd = {fd, POLLIN, 0};
		ssize_t n;

		if (left <= 0 || out->len == KEYRING_SECRET_MAX)
			return false;
		if (poll(&poll_fd, 1, (int)left) <= 0)
			continue;
		n = recv(fd, out->str + out->len, KEYRING_SECRET_MAX - out->len, 0);
		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
			return true;
		g_string_set_size(out, out->len + (gsize)MAX(n, 0));
	}
}

/* Its status as of waitpid(2). -ETIMEDOUT: it was killed, since it would not end. */
static int run(char *const argv[], const char *in, GString *out, int *ret_status)
{
	_cleanup_close_ int ours = -1, its = -1;
	int64_t deadline = clock_awake() + KEYRING_LIMIT_MS;
	int fds[2];
	bool is_over;
	pid_t pid;
	int r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;

	if (r < 0)
		return r;
	ours = fds[0];
	its = fds[1];
	r = spawn(argv, its, &pid);
	if (r < 0)
		return r;
	close(steal_fd(&its));
	/* The socket takes all of it at once. If the program is gone, its status says so. */
	(void)send_all(ours, in);
	is_over = receive_all(ours, deadline, out);
	if (!is_over)
		kill(pid, SIGKILL);
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return is_over ? 0 : -ETIMEDOUT;
}

/* ---- what came of it ---- */

static int say_status(int status, const GString *out, char **ret_reason)
{
	_cleanup_gfree_ char *words = NULL;

	switch (status) {
	case KEYRING_DONE:
		return 0;
	case KEYRING_ABSENT:
		*ret_reason = g_strdup("the keyring does not have its tokens any more");
		return -ENOKEY;
	case KEYRING_LOCKED:
		*ret_reason = g_strdup("the keyring is locked");
		break;
	case KEYRING_NONE:
		*ret_reason =
			g_strdup("there is no keyring (no Secret Service on the session bus)");
		break;
	case KEYRING_NO_DEFAULT:
		*ret_reason = g_strdup("the keyring has no default collection");
		break;
	case NOT_FOUND:
		*ret_reason = g_strdup(HELPER " cannot be run; is libsecret installed?");
		break;
	default:
		words = webex_text_line(out->str, WORDS_MAX);
		*ret_reason =
			g_strdup_printf("the keyring failed%s%s", *words ? ": " : "", words);
	}
	return -EAGAIN;
}

/* `args` begins with the name of the program. *ret_out, if it is asked for: what it printed (owned; a
 * secret). */
static int ask(const char *const args[], const char *in, char **ret_out, char **ret_reason)
{
	_cleanup_secret_ GString *out = g_string_sized_new(KEYRING_SECRET_MAX + 1);
	int status = 0, r = run((char *const *)args, in, out, &status);

	if (r == -ETIMEDOUT)
		*ret_reason = g_strdup("the keyring does not answer");
	else if (r < 0)
		*ret_reason = g_strdup_printf(HELPER " cannot be run: %s", g_strerror(-r));
	else if (WIFSIGNALED(status))
		*ret_reason = g_strdup_printf(HELPER " died by signal %d", WTERMSIG(status));
	if (*ret_reason)
		r = -EAGAIN;
	else
		r = say_status(WEXITSTATUS(status), out, ret_reason);
	if (r == 0 && ret_out)
		*ret_out = g_string_free(steal_ptr(&out), FALSE);
	return r;
}

/* That of the logins, as D-Bus takes it, which knows no text but UTF-8. Owned. */
static char *folder_text(void)
{
	_cleanup_gfree_ char *folder = login_folder();

	if (g_utf8_validate(folder, -1, NULL))
		return steal_ptr(&folder);
	return g_uri_escape_bytes((const guint8 *)folder, strlen(folder), "/");
}

int keyring_check(char **ret_reason)
{
	const char *const args[] = {HELPER, "check", NULL};

	return ask(args, NULL, NULL, ret_reason);
}

/* Takes the tokens of `from`. */
static void take(struct login *l, struct login *from)
{
	webex_token_wipe(l->access);
	webex_token_wipe(l->refresh);
	g_free(l->scope);
	l->access = steal_ptr(&from->access);
	l->refresh = steal_ptr(&from->refresh);
	l->scope = steal_ptr(&from->scope);
	l->access_since_ms = from->access_since_ms;
	l->access_until_ms = from->access_until_ms;
	l->refresh_until_ms = from->refresh_until_ms;
}

int keyring_get(struct login *l, char **ret_reason)
{
	const char *const args[] = {HELPER, "get", l->item, NULL};
	struct login kept = {0};
	char *text = NULL;
	int r = ask(args, NULL, &text, ret_reason);

	if (r < 0 || !text)
		return r;
	r = login_parse(text, strlen(text), &kept);
	webex_token_wipe(text);
	if (r == 0 && kept.access && strcmp(kept.base_url, l->base_url) == 0 &&
	    strcmp(kept.person_id, l->person_id) == 0) {
		take(l, &kept);
	} else {
		*ret_reason = g_strdup("what the keyring has under its name is not its tokens");
		r = -EBADMSG;
	}
	login_clear(&kept);
	return r;
}

int keyring_set(const struct login *l, char **ret_reason)
{
	_cleanup_gfree_ char *folder = folder_text();
	const char *const args[] = {HELPER, "set", folder, l->name, l->item, NULL};
	char *text = login_print(l, true);
	int r = ask(args, text, NULL, ret_reason);

	webex_token_wipe(text);
	return r;
}

int keyring_drop(const char *name, const char *kept, const char *gone, char **ret_reason)
{
	_cleanup_gfree_ char *folder = folder_text();
	const char *const args[] = {HELPER,	      "drop",		folder, name,
				    kept ? kept : "", gone ? gone : "", NULL};

	return ask(args, NULL, NULL, ret_reason);
}
