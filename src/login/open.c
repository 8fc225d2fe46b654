/* SPDX-License-Identifier: MIT */
/*
 * Which browser is opened. BROWSER is a list of commands, separated by colons, that are tried one after
 * the other until one succeeds; in each, %s is the address (without one it is the last argument), %c
 * a colon and %% a percent sign. Without BROWSER, a desktop is asked by xdg-open, unless the person sits
 * elsewhere and would not see it.
 * A browser has a session of its own on a desktop, so that Ctrl-C here does not end it. Elsewhere it
 * may be one for the terminal, and gets that.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/program.h"
#include "base/thread.h"
#include "login/ways.h"

static bool is_set(const char *variable)
{
	const char *value = g_getenv(variable);

	return value && *value;
}

static bool has_desktop(void)
{
	return is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
}

bool login_is_remote(void)
{
	return is_set("SSH_CONNECTION") || is_set("SSH_CLIENT") || is_set("SSH_TTY");
}

struct login_opening {
	GPtrArray *commands; /* of char **, argument vectors */
	bool has_terminal;   /* of the browser; then the thread is joined, else it frees this */
	pthread_t thread;
};

static void opening_free(struct login_opening *o)
{
	g_ptr_array_unref(o->commands);
	g_free(o);
}

/* One argument of a command with the address put in. */
static char *fill_in(const char *arg, const char *address, bool *ret_has_address)
{
	GString *out = g_string_new(NULL);

	for (const char *p = arg; *p; p++) {
		if (p[0] != '%' || !p[1] || !strchr("sc%", p[1])) {
			g_string_append_c(out, *p);
			continue;
		}
		p++;
		if (*p == 's') {
			g_string_append(out, address);
			*ret_has_address = true;
		} else {
			g_string_append_c(out, *p == 'c' ? ':' : '%');
		}
	}
	return g_string_free(out, FALSE);
}

/* NULL: the command cannot be read, or there is none. */
static char **arguments_of(const char *command, const char *address)
{
	GPtrArray *argv;
	char **words = NULL;
	bool has_address = false;

	if (!g_shell_parse_argv(command, NULL, &words, NULL))
		return NULL;
	argv = g_ptr_array_new();
	for (char **w = words; *w; w++)
		g_ptr_array_add(argv, fill_in(*w, address, &has_address));
	if (!has_address)
		g_ptr_array_add(argv, g_strdup(address));
	g_ptr_array_add(argv, NULL);
	g_strfreev(words);
	return (char **)g_ptr_array_free(argv, FALSE);
}

/* True if the command could be started, and did not fail. */
static bool run(const struct login_opening *o, char **argv)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int r, status = 0;
	pid_t pid;

	posix_spawn_file_actions_init(&files);
	spawn_attributes(&attr, o->has_terminal ? 0 : POSIX_SPAWN_SETSID);
	for (int fd = 0; fd <= STDERR_FILENO && !o->has_terminal; fd++)
		posix_spawn_file_actions_addopen(&files, fd, "/dev/null",
						 fd == STDIN_FILENO ? O_RDONLY : O_WRONLY, 0);
	r = posix_spawnp(&pid, argv[0], &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	if (r != 0)
		return false;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void *try_all(void *arg)
{
	struct login_opening *o = arg;
	bool is_open = false;

	for (guint i = 0; i < o->commands->len && !is_open; i++)
		is_open = run(o, o->commands->pdata[i]);
	if (!o->has_terminal)
		opening_free(o);
	return NULL;
}

struct login_opening *login_open_browser(const char *address)
{
	const char *own = is_set("BROWSER") ? g_getenv("BROWSER") : NULL;
	bool has_terminal = !has_desktop() && isatty(STDIN_FILENO);
	struct login_opening *o;
	char **list;

	if (!own && (!has_desktop() || login_is_remote()))
		return NULL;
	o = g_new0(struct login_opening, 1);
	o->commands = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
	o->has_terminal = has_terminal;
	list = g_strsplit(own ? own : "xdg-open:x-www-browser", ":", -1);
	for (char **command = list; *command; command++) {
		char **argv = arguments_of(*command, address);

		if (argv)
			g_ptr_array_add(o->commands, argv);
	}
	g_strfreev(list);
	if (thread_start("browser", try_all, o, &o->thread) < 0) {
		opening_free(o);
		return NULL;
	}
	if (has_terminal)
		return o;
	pthread_detach(o->thread);
	return NULL;
}

void login_opening_end(struct login_opening *o)
{
	if (!o)
		return;
	(void)pthread_join(o->thread, NULL);
	opening_free(o);
}
