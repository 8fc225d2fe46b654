/* SPDX-License-Identifier: MIT */
#include "main/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "main/mountpoint.h"

#define EXIT_USAGE 2
#define TYPE "fuse.sparkfs"

static const char HELP[] =
	"usage: sparkfs api METHOD PATH [MOUNTED PATH]\n"
	"\n"
	"Makes a request of the REST API through a mount, and prints the answer. METHOD is "
	"GET,\n"
	"POST, PUT, PATCH or DELETE, PATH what stands behind the base URL: people/me,\n"
	"'rooms?type=group'. A list is followed through all its pages. The body of POST, PUT "
	"and\n"
	"PATCH is read from standard input.\n"
	"\n"
	"MOUNTED PATH is anything in the mount (the present folder; else the only mount).\n"
	"\n"
	"Exit status: 0 done, 1 refused (the reason is said, the server's answer is in\n"
	".sparkfs/last-answer), 2 wrong usage.\n";

const char *ask_help(void)
{
	return HELP;
}

static int fail(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

static int fail(const char *fmt, ...)
{
	va_list args;

	fputs("sparkfs: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_FAILURE;
}

/* ---- the mount ---- */

static bool is_mount(const char *mountinfo, const char *path)
{
	_cleanup_gfree_ char *type = NULL;

	return mountpoint_find(mountinfo, path, &type) == 1 && g_strcmp0(type, TYPE) == 0;
}

/* The mount that `path`, which is absolute, is in; owned, NULL: none. */
static char *mount_above(const char *mountinfo, const char *path)
{
	char *at = g_strdup(path);

	while (!is_mount(mountinfo, at)) {
		char *slash = strrchr(at, '/');

		if (!slash || strcmp(at, "/") == 0) {
			g_free(at);
			return NULL;
		}
		slash[slash == at] = '\0';
	}
	return at;
}

/* The only mount of this person; owned, NULL: there is none, or several. */
static char *only_mount(const char *mountinfo)
{
	char **lines = g_strsplit(mountinfo, "\n", -1), *found = NULL;
	int n = 0;

	for (char **line = lines; *line; line++) {
		char **words = g_strsplit(*line, " ", -1);
		char *at = g_strv_length(words) > 4 ? g_strcompress(words[4]) : NULL;

		if (at && g_strcmp0(found, at) && is_mount(mountinfo, at) &&
		    mountpoint_is_of(mountinfo, at, getuid()) && n++ == 0)
			found = steal_ptr(&at);
		g_free(at);
		g_strfreev(words);
	}
	g_strfreev(lines);
	if (n != 1)
		g_clear_pointer(&found, g_free);
	return found;
}

/* Owned; NULL after having said what is wrong. `typed` NULL: none was given. */
static char *find_mount(const char *typed)
{
	_cleanup_gfree_ char *mountinfo = NULL;
	_cleanup_free_ char *path = realpath(typed ? typed : ".", NULL);
	char *found;

	if (!path) {
		fail("%s: %s", typed ? typed : "the present folder", g_strerror(errno));
		return NULL;
	}
	if (!g_file_get_contents("/proc/self/mountinfo", &mountinfo, NULL, NULL)) {
		fail("/proc/self/mountinfo cannot be read");
		return NULL;
	}
	found = mount_above(mountinfo, path);
	if (!found && !typed)
		found = only_mount(mountinfo);
	if (!found && typed)
		fail("%s is in no mount of sparkfs", typed);
	else if (!found)
		fail("which mount? Name a path in it, or go there");
	return found;
}

/* ---- the request ---- */

static bool is_method(const char *word)
{
	static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", NULL};

	return g_strv_contains(methods, word);
}

static bool takes_body(const char *method)
{
	return method[0] == 'P';
}

/* Appends what `fd` gives. 0 or -errno. */
static int read_all(int fd, GString *out)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		g_string_append_len(out, buf, n);
	return n < 0 ? -errno : 0;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Copies the answer as it comes. */
static int copy_out(int fd)
{
	char buf[65536];
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = read(fd, buf, sizeof(buf))) != 0)
		r = n < 0 ? -errno : write_all(STDOUT_FILENO, buf, (size_t)n);
	return r;
}

/* Where nothing can be written (-o ro), a GET has a file, if its names are short enough. */
static int open_file(const char *mount, const char *path)
{
	size_t len;
	bool is_bytes;
	_cleanup_gfree_ char *file = NULL;

	path += *path == '/';
	len = strcspn(path, "?");
	is_bytes = g_str_has_prefix(path, "contents/");
	file = g_strdup_printf("%s/.sparkfs/api/%.*s%s%s", mount, (int)len, path,
			       is_bytes ? "" : ".json", path + len);
	return open(file, O_RDONLY | O_CLOEXEC);
}

static int ask(const char *mount, const char *method, const char *path, const GString *body)
{
	_cleanup_gfree_ char *file = g_strconcat(mount, "/.sparkfs/request", NULL);
	_cleanup_gfree_ char *text = g_strdup_printf("%s %s\n%s", method, path, body->str);
	_cleanup_close_ int fd = open(file, O_RDWR | O_CLOEXEC);
	bool is_asked = fd < 0 && errno == EROFS && strcmp(method, "GET") == 0;
	int r = 0;

	if (is_asked)
		fd = open_file(mount, path);
	if (fd < 0)
		return -errno;
	if (!is_asked)
		r = write_all(fd, text, strlen(text));
	if (r == 0 && !is_asked)
		r = fsync(fd) < 0 ? -errno : 0;
	return r ? r : copy_out(fd);
}

/* The reason that the mount has for it, without its time; owned, NULL: none. */
static char *reason_of(const char *mount)
{
	_cleanup_gfree_ char *file = g_strconcat(mount, "/.sparkfs/last-error", NULL);
	_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
	g_autoptr(GString) text = g_string_new(NULL);
	const char *blank;

	if (fd < 0 || read_all(fd, text) < 0)
		return NULL;
	blank = strchr(text->str, ' ');
	return blank ? g_strchomp(g_strdup(blank + 1)) : NULL;
}

int ask_main(int argc, char **argv)
{
	_cleanup_gfree_ char *mount = NULL, *why = NULL;
	g_autoptr(GString) body = g_string_new(NULL);
	int r;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(HELP, stdout);
		return EXIT_SUCCESS;
	}
	if (argc < 3 || argc > 4 || !is_method(argv[1]) || strchr(argv[2], '\n')) {
		fputs(HELP, stderr);
		return EXIT_USAGE;
	}
	mount = find_mount(argc > 3 ? argv[3] : NULL);
	if (!mount)
		return EXIT_FAILURE;
	r = takes_body(argv[1]) ? read_all(STDIN_FILENO, body) : 0;
	if (r)
		return fail("standard input: %s", g_strerror(-r));
	if (strlen(body->str) != body->len)
		return fail("standard input is no JSON: there is a NUL in it");
	r = ask(mount, argv[1], argv[2], body);
	if (r == 0)
		return EXIT_SUCCESS;
	why = reason_of(mount);
	return fail("%s %s: %s%s%s", argv[1], argv[2], g_strerror(-r), why ? "\nsparkfs: " : "",
		    why ? why : "");
}
