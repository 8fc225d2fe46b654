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
#include <time.h>
#include <unistd.h>

#include <qrencode.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "login/ways.h"

#define SLOWER_S 5

/* Two modules of the code in one character, dark on light whatever the terminal's colours are, with
 * the margin that cameras need. */
static void print_qr(FILE *out, const char *text)
{
	static const char *const halves[] = {" ", "\u2584", "\u2580", "\u2588"};
	QRcode *qr = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
	const int margin = 2;

	for (int y = -margin; qr && y < qr->width + margin; y += 2) {
		fputs("  \033[40;97m", out);
		for (int x = -margin; x < qr->width + margin; x++) {
			int index = 0;

			for (int half = 0; half < 2; half++) {
				int row = y + half;
				bool inside =
					x >= 0 && x < qr->width && row >= 0 && row < qr->width;
				bool dark = inside && qr->data[row * qr->width + x] & 1;

				/* A light module is drawn. Bit 1 is the upper half. */
				index |= dark ? 0 : half ? 1 : 2;
			}
			fputs(halves[index], out);
		}
		fputs("\033[0m\n", out);
	}
	if (qr)
		QRcode_free(qr);
}

static void show(FILE *out, const struct webex_device *d)
{
	fprintf(out, "Open %s in any browser and enter the code %s.\n", d->uri, d->user_code);
	if (d->uri_complete) {
		fprintf(out, "With the code in it: %s\n", d->uri_complete);
		if (isatty(fileno(out)))
			print_qr(out, d->uri_complete);
	}
	fprintf(out, "The code is good for %d minutes. Waiting ...\n",
		(d->expires_s + 59) / 60);
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
		return f->is_network
			       ? g_strdup_printf("cannot reach %s: %s", s->base_url, f->words)
			       : g_strdup_printf("the service refused: %s", f->words);
	}
}
