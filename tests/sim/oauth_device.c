/* SPDX-License-Identifier: MIT */
/* The device authorization grant (webex-api.md 5.19). */
#include "oauth.h"

#include <string.h>

#define GRANT "urn:ietf:params:oauth:grant-type:device_code"

/* WAITING --verify page--> ALLOWED or DENIED; ALLOWED --/device/token--> DONE. */
enum device_state { DEVICE_WAITING, DEVICE_ALLOWED, DEVICE_DENIED, DEVICE_DONE };

struct device_code {
	const struct integration *app;
	struct person *person; /* ALLOWED */
	enum device_state state;
	char *text, *user_code, *hash, *scope;
	int64_t expires, polled_ms; /* polled_ms: mono */
	int interval;
};

/* Which one the service uses depends on the region, so all must be registered. */
static bool has_helpers(const struct integration *app)
{
	for (const char *region = "arkd"; *region; region++) {
		char *uri = g_strdup_printf("https://oauth-helper-%c.wbx2.com/helperservice/v1/"
					    "actions/device/callback",
					    *region);
		bool has = integration_has_redirect(app, uri);

		g_free(uri);
		if (!has)
			return false;
	}
	return true;
}

static void answer_code(struct req *rq, const struct device_code *d)
{
	char *uri = g_strconcat(rq->origin, "/verify", NULL);
	char *complete = g_strconcat(uri, "?userCode=", d->hash, NULL);
	GString *out = req_ok(rq);

	jw_open(out, NULL, '{');
	jw_str(out, "device_code", d->text);
	jw_int(out, "expires_in", rq->sim->lives.device);
	jw_str(out, "user_code", d->user_code);
	jw_str(out, "verification_uri", uri);
	jw_str(out, "verification_uri_complete", complete);
	jw_int(out, "interval", d->interval);
	jw_close(out, '}');
	g_free(uri);
	g_free(complete);
}

void oauth_device_authorize(struct req *rq)
{
	const struct integration *app =
		oauth_integration(rq->sim, oauth_field(rq, "client_id"));
	const char *scope = oauth_field(rq, "scope"), *why;
	struct device_code *d;
	struct uuid u = uuid_random(), v = uuid_random(), w = uuid_random();
	char a[UUID_TEXT], b[UUID_TEXT];

	if (!app) {
		req_error_as(rq, 400,
			     "The request could not be understood by the server due to "
			     "malformed syntax.",
			     "Client Id is invalid");
		return;
	}
	if (!has_helpers(app)) {
		req_error_as(rq, 400,
			     "The redirect_uri of the helper service is not registered.",
			     "invalid_request");
		return;
	}
	why = integration_refuses_scope(app, scope);
	if (why) {
		req_error_as(rq, 400, why, "invalid_scope");
		return;
	}
	d = g_new0(struct device_code, 1);
	d->app = app;
	d->scope = g_strdup(scope);
	uuid_format(&u, a);
	d->text = g_strdup(a);
	uuid_format(&v, a);
	uuid_format(&w, b);
	d->hash = g_strdup_printf("%.8s%.8s%.8s%.8s%.8s%.8s%.8s%.8s", a, a + 24, b, b + 24,
				  a + 28, b + 28, a, b);
	d->user_code = g_strdup_printf(
		"%06u", (unsigned)((v.b[0] << 16 | v.b[1] << 8 | v.b[2]) % 1000000));
	d->expires = data_now(rq->sim) + rq->sim->lives.device * INT64_C(1000);
	d->interval = rq->sim->lives.interval;
	g_ptr_array_add(rq->sim->oauth->devices, d);
	answer_code(rq, d);
}

/* By the code of the terminal, or by the hash of the complete address. Codes that have ended stay
 * known as such. */
static struct device_code *find(const struct sim *sim, const char *text)
{
	for (guint i = sim->oauth->devices->len; text && i-- > 0;) {
		struct device_code *d = sim->oauth->devices->pdata[i];

		if (!strcmp(d->user_code, text) || !strcmp(d->hash, text) ||
		    !strcmp(d->text, text))
			return d;
	}
	return NULL;
}

/* ---- the person's side ---- */

/* The one that waits for a decision; answers with a page and returns NULL if it does not. */
static struct device_code *waiting(struct req *rq, const char *text)
{
	struct device_code *d = find(rq->sim, text);

	if (!text)
		oauth_code_page(rq, "Enter the code that your device shows.");
	else if (!d || d->state != DEVICE_WAITING || d->expires <= data_now(rq->sim))
		oauth_code_page(rq, "That code is wrong or has expired. Enter the code that "
				    "your device shows.");
	else
		return d;
	return NULL;
}

static void verify_get(struct req *rq)
{
	const char *hash = req_param(rq, "userCode");
	const struct device_code *d = waiting(rq, hash ? hash : req_param(rq, "code"));

	if (d)
		oauth_ask_page(rq, "/verify", d->app, d->scope,
			       (struct page_field[]){{"userCode", d->hash}}, 1);
}

static void verify_post(struct req *rq)
{
	const char *decision = req_form(rq, "decision");
	struct device_code *d = waiting(rq, req_form(rq, "userCode"));

	if (!d)
		return;
	if (!decision || strcmp(decision, "allow")) {
		d->state = DEVICE_DENIED;
		oauth_words_page(rq, 200, "Denied", "The device gets nothing.");
		return;
	}
	d->person = oauth_page_person(rq);
	if (!d->person)
		return;
	d->state = DEVICE_ALLOWED;
	oauth_words_page(rq, 200, "Connected", "You can go back to your device.");
}

void oauth_verify(struct req *rq)
{
	if (rq->method == M_POST)
		verify_post(rq);
	else if (rq->method == M_GET || rq->method == M_HEAD)
		verify_get(rq);
	else
		oauth_words_page(rq, 405, "Connect a device", "This page is read or posted.");
}

/* ---- the device's side ---- */

static bool is_too_fast(struct req *rq, struct device_code *d)
{
	int64_t now = mono_ms();
	bool too_fast = d->polled_ms && now - d->polled_ms < d->interval * INT64_C(1000);

	d->polled_ms = now;
	if (!too_fast)
		return false;
	d->interval += 5;
	if (rq->sim->lives.too_fast_429)
		req_error_as(rq, 429, "Too many requests.", "slow_down");
	else
		req_error_as(rq, 400, "The device polls too fast.", "slow_down");
	return true;
}

static void pending(struct req *rq)
{
	req_error_as(rq, rq->sim->lives.pending_400 ? 400 : 428,
		     "The person has not decided yet.", "authorization_pending");
}

void oauth_device_token(struct req *rq)
{
	const struct integration *app = oauth_client(rq);
	const char *grant = oauth_field(rq, "grant_type");
	struct device_code *d = find(rq->sim, oauth_field(rq, "device_code"));

	if (!app)
		return;
	if (!grant || strcmp(grant, GRANT))
		req_error_as(rq, 400, "The grant_type is not " GRANT ".",
			     "unsupported_grant_type");
	else if (!d || d->app != app || d->state == DEVICE_DONE ||
		 d->expires <= data_now(rq->sim))
		req_error_as(rq, 400, "The device code is wrong, used or expired.",
			     "invalid_grant");
	else if (is_too_fast(rq, d))
		return;
	else if (d->state == DEVICE_WAITING)
		pending(rq);
	else if (d->state == DEVICE_DENIED)
		req_error_as(rq, 400, "The person refused.", "access_denied");
	else {
		oauth_answer_tokens(rq, app, d->person, d->scope, NULL);
		if (rq->resp.status == 200)
			d->state = DEVICE_DONE;
	}
}
