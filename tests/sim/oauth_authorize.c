/* SPDX-License-Identifier: MIT */
/* The authorization code grant up to the code (webex-api.md 5.18, 1 and 2). */
#include "oauth.h"

#include <string.h>

/* What somebody allowed and nobody has fetched yet. */
struct auth_code {
	const struct integration *app;
	struct person *person;
	char *redirect_uri, *scope, *challenge, *method;
	int64_t expires;
};

static void code_free(struct auth_code *c)
{
	g_free(c->redirect_uri);
	g_free(c->scope);
	g_free(c->challenge);
	g_free(c->method);
	g_free(c);
}

/* What an authorization request says, by the query of a GET or the form of a POST. */
struct asked {
	const struct integration *app;
	const char *redirect_uri, *scope, *state, *challenge, *method;
};

static const char *value_of(struct req *rq, const char *name)
{
	return rq->method == M_POST ? req_form(rq, name) : req_param(rq, name);
}

static void redirect(struct req *rq, const struct asked *a, const char *name, const char *value)
{
	GString *to = g_string_new(a->redirect_uri);

	g_string_append_printf(to, "%s%s=", strchr(a->redirect_uri, '?') ? "&" : "?", name);
	url_encode(to, value);
	if (a->state) {
		g_string_append(to, "&state=");
		url_encode(to, a->state);
	}
	oauth_words_page(rq, 302, "Log in", "Back to the application.");
	req_header(rq, "Location", to->str);
	g_string_free(to, TRUE);
}

/* Nobody is sent to an address that the integration did not register. */
static bool read_asked(struct req *rq, struct asked *a)
{
	const char *type = value_of(rq, "response_type");
	const char *why;

	*a = (struct asked){
		.app = oauth_integration(rq->sim, value_of(rq, "client_id")),
		.redirect_uri = value_of(rq, "redirect_uri"),
		.scope = value_of(rq, "scope"),
		.state = value_of(rq, "state"),
		.challenge = value_of(rq, "code_challenge"),
		.method = value_of(rq, "code_challenge_method"),
	};
	if (!a->app) {
		oauth_words_page(rq, 400, "Invalid request", "Client Id is invalid.");
		return false;
	}
	if (!integration_has_redirect(a->app, a->redirect_uri)) {
		oauth_words_page(
			rq, 400, "Invalid request",
			"The redirect_uri is not one that is registered for this integration.");
		return false;
	}
	why = integration_refuses_scope(a->app, a->scope);
	if (!type || strcmp(type, "code"))
		redirect(rq, a, "error", "unsupported_response_type");
	else if (why)
		redirect(rq, a, "error", "invalid_scope");
	else if (a->method && strcmp(a->method, "S256") && strcmp(a->method, "plain"))
		redirect(rq, a, "error", "invalid_request");
	else
		return true;
	return false;
}

void oauth_authorize_get(struct req *rq)
{
	struct asked a;

	if (!read_asked(rq, &a))
		return;
	oauth_ask_page(rq, "/v1/authorize", a.app, a.scope,
		       (struct page_field[]){{"response_type", "code"},
					     {"client_id", a.app->id},
					     {"redirect_uri", a.redirect_uri},
					     {"scope", a.scope},
					     {"state", a.state},
					     {"code_challenge", a.challenge},
					     {"code_challenge_method", a.method}},
		       7);
}

void oauth_authorize_post(struct req *rq)
{
	const char *decision = req_form(rq, "decision");
	struct auth_code *c;
	struct asked a;
	struct person *p;
	char *text;

	if (!read_asked(rq, &a))
		return;
	if (!decision || strcmp(decision, "allow")) {
		redirect(rq, &a, "error", "access_denied");
		return;
	}
	p = oauth_page_person(rq);
	if (!p)
		return;
	c = g_new0(struct auth_code, 1);
	c->app = a.app;
	c->person = p;
	c->redirect_uri = g_strdup(a.redirect_uri);
	c->scope = g_strdup(a.scope);
	c->challenge = g_strdup(a.challenge);
	c->method = g_strdup(a.method);
	c->expires = data_now(rq->sim) + rq->sim->lives.code * INT64_C(1000);
	text = oauth_random(48);
	redirect(rq, &a, "code", text);
	g_hash_table_replace(rq->sim->oauth->codes, text, c);
}

/* PKCE: the verifier is that of the challenge, if there was one. */
static bool is_verified(const struct auth_code *c, const char *verifier)
{
	guint8 sum[32];
	gsize len = sizeof(sum);
	GChecksum *sha;
	GString *text;
	bool same;

	if (!c->challenge)
		return true;
	if (!verifier || strlen(verifier) < 43 || strlen(verifier) > 128)
		return false;
	if (!c->method || strcmp(c->method, "S256"))
		return !strcmp(c->challenge, verifier);
	sha = g_checksum_new(G_CHECKSUM_SHA256);
	g_checksum_update(sha, (const guchar *)verifier, -1);
	g_checksum_get_digest(sha, sum, &len);
	g_checksum_free(sha);
	text = g_string_new(NULL);
	base64_append(text, sum, len);
	for (char *p = text->str; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	same = !strcmp(text->str, c->challenge);
	g_string_free(text, TRUE);
	return same;
}

void oauth_code_redeem(struct req *rq, const struct integration *app)
{
	const char *text = oauth_field(rq, "code"), *uri = oauth_field(rq, "redirect_uri");
	struct auth_code *c = text ? g_hash_table_lookup(rq->sim->oauth->codes, text) : NULL;

	if (!c || c->app != app || c->expires <= data_now(rq->sim))
		req_error_as(rq, 400, "The code is wrong, used or expired.", "invalid_grant");
	else if (!uri || strcmp(uri, c->redirect_uri))
		req_error_as(rq, 400, "The redirect_uri is not that of the code.",
			     "invalid_grant");
	else if (!is_verified(c, oauth_field(rq, "code_verifier")))
		req_error_as(rq, 400, "The code_verifier is not that of the code.",
			     "invalid_grant");
	else
		oauth_answer_tokens(rq, app, c->person, c->scope, NULL);
	/* A code serves once, however that ended. */
	if (c && c->app == app) {
		g_hash_table_remove(rq->sim->oauth->codes, text);
		code_free(c);
	}
}
