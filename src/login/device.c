/* SPDX-License-Identifier: MIT */
/*
 * The device grant:
 *
 *     begin --> SHOWN --poll: pending--> SHOWN
 *               SHOWN --poll: slow_down, 429--> SHOWN, five seconds (or Retry-After) more between two polls
 *               SHOWN --poll: no answer--> SHOWN, until the code has expired
 *               SHOWN --poll: tokens--> done
 *               SHOWN --poll: anything else, or the code's life is over--> ended, with words
 */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <qrencode.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "login/ways.h"

#define SLOWER_S 5

/* The margin that cameras need, and where the code stands: in modules, and in columns. */
#define QR_MARGIN 2
#define QR_INDENT 2

static bool is_utf8(void)
{
	locale_t l = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool is = l && strcmp(nl_langinfo_l(CODESET, l), "UTF-8") == 0;

	if (l)
		freelocale(l);
	return is;
}

/* Black on white is said to the terminal, whatever colours it has by itself: by numbers that no
 * theme changes, where there are 256. NULL: it has none, or no such characters. */
static const char *colours_of_terminal(void)
{
	const char *term = g_getenv("TERM"), *more = g_getenv("COLORTERM");

	if (!term || !*term || strcmp(term, "dumb") == 0 || strcmp(term, "unknown") == 0 ||
	    g_str_has_prefix(term, "vt") || !is_utf8())
		return NULL;
	return (more && *more) || strstr(term, "256color") || strstr(term, "direct")
		       ? "\033[38;5;231;48;5;16m"
		       : "\033[40;97m";
}

/* Two modules of the code in one character. A light one is drawn. */
static void draw_line(FILE *out, const QRcode *qr, int y)
{
	static const char *const halves[] = {" ", "\u2584", "\u2580", "\u2588"};

	for (int x = -QR_MARGIN; x < qr->width + QR_MARGIN; x++) {
		int index = 0;

		for (int half = 0; half < 2; half++) {
			int row = y + half;
			bool inside = x >= 0 && x < qr->width && row >= 0 && row < qr->width;
			bool dark = inside && qr->data[row * qr->width + x] & 1;

			/* Bit 1 is the upper half. */
			index |= dark ? 0 : half ? 1 : 2;
		}
		fputs(halves[index], out);
	}
}

/* If the terminal can show all of it at once: half a code is none, and a broken line spoils it. */
static void print_qr(FILE *out, const char *text)
{
	const char *colours = isatty(fileno(out)) ? colours_of_terminal() : NULL;
	QRcode *qr = colours ? QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1) : NULL;
	struct winsize size = {0};
	int columns, lines;

	if (!qr)
		return;
	columns = QR_INDENT + qr->width + 2 * QR_MARGIN;
	lines = (qr->width + 2 * QR_MARGIN + 1) / 2;
	(void)ioctl(fileno(out), TIOCGWINSZ, &size);
	/* The cursor is in the line below. Zero: not known. */
	if ((size.ws_col && size.ws_col < columns) || (size.ws_row && size.ws_row <= lines)) {
		fprintf(out,
			"(For a code that a camera reads, %d columns and %d lines are "
			"needed.)\n",
			columns, lines + 1);
	} else {
		for (int y = -QR_MARGIN; y < qr->width + QR_MARGIN; y += 2) {
			fprintf(out, "%*s%s", QR_INDENT, "", colours);
			draw_line(out, qr, y);
			fputs("\033[0m\n", out);
		}
	}
	QRcode_free(qr);
}

/* The code comes last, so that 24 lines are enough for it. */
static void show(FILE *out, const struct webex_device *d)
{
	fprintf(out, "Open %s in any browser and enter the code %s.\n", d->uri, d->user_code);
	if (d->uri_complete)
		fprintf(out, "With the code in it: %s\n", d->uri_complete);
	fprintf(out, "The code is good for %d minutes. Waiting ...\n",
		(d->expires_s + 59) / 60);
	if (d->uri_complete)
		print_qr(out, d->uri_complete);
	fflush(out);
}

static char *say_begin(const struct login_server *s, const struct login_fault *f)
{
	if (f->error == WEBEX_OAUTH_REDIRECT)
		return g_strdup(
			"the integration lacks a redirect URI of the device helper; register "
			"all "
			"four: https://oauth-helper-a.wbx2.com/helperservice/v1/actions/device/"
			"callback and the same with oauth-helper-r, oauth-helper-k and "
			"oauth-helper-d; or use --browser or --paste");
	if (f->error == WEBEX_OAUTH_SLOW_DOWN)
		return f->retry_after_s
			       ? g_strdup_printf(
					 "the service asks to wait %d s; try again then",
					 f->retry_after_s)
			       : g_strdup("the service is asked too often; try again in a "
					  "minute");
	return login_say(s, f);
}

static char *say_poll(const struct login_server *s, const struct login_fault *f)
{
	if (f->error == WEBEX_OAUTH_DENIED)
		return g_strdup("the person did not allow it");
	if (f->error == WEBEX_OAUTH_GRANT)
		return g_strdup("the code has expired; run sparkfs login again");
	return login_say(s, f);
}

static void pause_s(int seconds)
{
	struct timespec t = {.tv_sec = seconds};

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* True if the next poll may come; *interval_s grows where the service wants it. */
static bool goes_on(const struct login_fault *f, int *interval_s)
{
	if (f->error == WEBEX_OAUTH_SLOW_DOWN) {
		*interval_s += SLOWER_S;
		return true;
	}
	return f->error == WEBEX_OAUTH_PENDING || f->is_network;
}

static int wait_for_person(struct login_server *s, const struct webex_device *d,
			   struct webex_grant *ret_grant, char **ret_reason)
{
	int64_t end = clock_mono(clock_system()) + d->expires_s * INT64_C(1000);
	struct login_fault f;
	int interval_s = d->interval_s, pause;
	int r;

	for (;;) {
		r = login_poll_device(s, d->device_code, ret_grant, &f);
		if (r == 0)
			return 0;
		if (!goes_on(&f, &interval_s))
			break;
		pause = f.retry_after_s > interval_s ? f.retry_after_s : interval_s;
		if (clock_mono(clock_system()) + pause * INT64_C(1000) >= end) {
			f.error = WEBEX_OAUTH_GRANT;
			break;
		}
		login_fault_clear(&f);
		pause_s(pause);
	}
	*ret_reason = say_poll(s, &f);
	login_fault_clear(&f);
	return r;
}

int login_by_device(struct login_server *s, FILE *out, struct webex_grant *ret_grant,
		    char **ret_reason)
{
	struct webex_device d;
	struct login_fault f;
	int r = login_begin_device(s, &d, &f);

	if (r < 0) {
		*ret_reason = say_begin(s, &f);
		login_fault_clear(&f);
		return r;
	}
	show(out, &d);
	r = wait_for_person(s, &d, ret_grant, ret_reason);
	webex_device_clear(&d);
	return r;
}

char *login_say(const struct login_server *s, const struct login_fault *f)
{
	switch (f->error) {
	case WEBEX_OAUTH_CLIENT:
		return g_strdup_printf("the service does not know the integration (%s); check "
				       "client_id and its secret in %s",
				       f->words, s->app->source);
	case WEBEX_OAUTH_SCOPE:
		return g_strdup_printf("the integration does not have the scopes \"%s\" (%s); "
				       "register them, or set scopes= in its configuration",
				       s->app->scopes, f->words);
	case WEBEX_OAUTH_LIMIT:
		return g_strdup(
			"there are too many living tokens of this person; revoke some at "
			"https://idbroker.webex.com/idb/profile or wait until they end");
	case WEBEX_OAUTH_REDIRECT:
		return g_strdup_printf("the integration does not have the redirect URI "
				       "http://localhost:%d/; register it exactly so",
				       s->app->port);
	default:
		/* It answered, and not as the service does: that refuses nothing. */
		if (f->status == 0 && !f->is_network)
			return g_strdup(f->words);
		return f->is_network
			       ? g_strdup_printf("cannot reach %s: %s", s->base_url, f->words)
			       : g_strdup_printf("the service refused: %s", f->words);
	}
}
