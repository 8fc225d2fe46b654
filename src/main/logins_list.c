/* SPDX-License-Identifier: MIT */
#include "main/logins_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/timefmt.h"
#include "login/folder.h"
#include "main/account.h"
#include "main/mountpoint.h"
#include "webex/json.h"

/* How long a program that was unmounted may take to end. */
#define ENDS_MS 20000

/* ---- mounted where ---- */

static char *where(const struct login *l)
{
	struct account_roots roots;
	char *path;

	account_roots_init(&roots, NULL, false);
	path = account_mounted_at(&roots, l->base_url, l->person_id);
	account_roots_clear(&roots);
	return path;
}

/* As where(), but after `fusermount3 -u` it waits until the program has put everything away. */
static char *where_after_its_end(const struct login *l)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
	int64_t end = clock_mono(clock_system()) + ENDS_MS;
	char *path = where(l);

	while (path && *path && mountpoint_is_mounted(path, NULL) == 0 &&
	       clock_mono(clock_system()) < end) {
		g_free(path);
		(void)nanosleep(&pause, NULL);
		path = where(l);
	}
	return path;
}

int logins_purge(const struct login *l, char **ret_reason)
{
	_cleanup_gfree_ char *path = where_after_its_end(l);
	struct account_roots roots;
	int r;

	if (path) {
		*ret_reason = g_strdup_printf("%s is mounted%s%s; unmount it first", l->name,
					      *path ? " at " : "", path);
		return -EBUSY;
	}
	account_roots_init(&roots, NULL, false);
	r = account_purge(&roots, l->base_url, l->person_id);
	if (r < 0)
		*ret_reason = g_strdup_printf("what was fetched for %s cannot be removed: %s",
					      l->name, g_strerror(-r));
	account_roots_clear(&roots);
	return r;
}

/* ---- the list ---- */

static void print_json(FILE *out, const struct login *l, const char *path, bool is_first)
{
	char until[TIME_ISO_SIZE];
	GString *text = g_string_new(is_first ? "\n  {" : ",\n  {");

	json_append_member(text, "name", l->name);
	json_append_member(text, "email", l->email);
	json_append_member(text, "displayName", l->display_name);
	json_append_member(text, "url", l->base_url);
	json_append_member(text, "way", login_way_name(l->way));
	json_append_member(text, "keptIn", login_place_name(l->place));
	json_append_member(text, "waits",
			   l->waits ? "the keyring has not taken its tokens yet" : NULL);
	if (l->access_until_ms) {
		time_format_iso(l->access_until_ms, until);
		json_append_member(text, "validUntil", until);
	}
	if (l->refresh && l->refresh_until_ms) {
		time_format_iso(l->refresh_until_ms, until);
		json_append_member(text, "refreshedUntil", until);
	}
	json_append_member(text, "mountedAt", path);
	json_append_member(text, "ended", l->ended);
	g_string_append_c(text, '}');
	fputs(text->str, out);
	g_string_free(text, TRUE);
}

/* When the login ends: with its refresh token, which renews the access token, or, where there is
 * none, with that. */
static void format_end(const struct login *l, char *buf, size_t size)
{
	int64_t ms = l->refresh ? l->refresh_until_ms : l->access_until_ms;
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	if (l->ended)
		g_strlcpy(buf, "ended", size);
	else if (!ms || !localtime_r(&t, &tm) || !strftime(buf, size, "%Y-%m-%d %H:%M", &tm))
		g_strlcpy(buf, "-", size);
}

static void print_row(FILE *out, const char *const cells[6], const int widths[6])
{
	for (int i = 0; i < 6; i++)
		fprintf(out, i < 5 ? "%-*s  " : "%.0d%s\n", i < 5 ? widths[i] : 0, cells[i]);
}

static void print_table(FILE *out, const GPtrArray *rows)
{
	int widths[6] = {0};

	for (guint r = 0; r < rows->len; r++)
		for (int i = 0; i < 6; i++)
			widths[i] = MAX(widths[i], (int)strlen(((char **)rows->pdata[r])[i]));
	for (guint r = 0; r < rows->len; r++)
		print_row(out, (const char *const *)rows->pdata[r], widths);
}

static char **row_of(const struct login *l, const char *path)
{
	char **row = g_new0(char *, 7), end[32];

	format_end(l, end, sizeof(end));
	row[0] = g_strdup(l->name);
	row[1] = g_strdup(l->email ? l->email : "-");
	row[2] = g_strdup(l->base_url);
	row[3] = g_strconcat(login_way_name(l->way),
			     l->place == LOGIN_IN_KEYRING ? ", keyring" : "",
			     l->waits ? " (waits)" : "", NULL);
	row[4] = g_strdup(end);
	row[5] = g_strdup(!path ? "-" : *path ? path : "?");
	return row;
}

static void free_row(void *row)
{
	g_strfreev(row);
}

static char **heading(void)
{
	static const char *const words[] = {"NAME",	  "ADDRESS",	"SERVER", "BY",
					    "GOOD UNTIL", "MOUNTED AT", NULL};

	return g_strdupv((char **)words);
}

int logins_list(FILE *out, bool is_json)
{
	GPtrArray *names = login_names(), *rows = g_ptr_array_new_with_free_func(free_row);
	int status = EXIT_SUCCESS;
	bool is_first = true;

	g_ptr_array_add(rows, heading());
	fputs(is_json ? "[" : "", out);
	for (guint i = 0; i < names->len; i++) {
		struct login l;
		int r = login_load(names->pdata[i], &l);

		if (r < 0) {
			fprintf(stderr, "sparkfs: %s: %s\n", (char *)names->pdata[i],
				g_strerror(-r));
			status = EXIT_FAILURE;
			continue;
		}
		_cleanup_gfree_ char *path = where(&l);

		if (is_json)
			print_json(out, &l, path, is_first);
		else
			g_ptr_array_add(rows, row_of(&l, path));
		is_first = false;
		login_clear(&l);
	}
	if (is_json)
		fputs(is_first ? "]\n" : "\n]\n", out);
	else if (rows->len > 1)
		print_table(out, rows);
	else
		fputs("There is no login yet: sparkfs login\n", stderr);
	g_ptr_array_unref(rows);
	g_ptr_array_unref(names);
	return status;
}
