/* SPDX-License-Identifier: MIT */
/* The authorization code grant with PKCE, up to the browser and from its answer on. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "login/ways.h"
#include "webex/text.h"
#include "webex/token.h"

#define SECRET_BYTES 48
#define CODE_MAX 4096

/* base64 of RFC 4648 5, without the padding. */
static char *base64url(const guchar *data, gsize len)
{
	char *text = g_base64_encode(data, len);

	for (char *p = text; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	text[strcspn(text, "=")] = '\0';
	return text;
}

static char *random_text(void)
{
	guchar bytes[SECRET_BYTES];
	char *text = NULL;

	if (getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes))
		text = base64url(bytes, sizeof(bytes));
	explicit_bzero(bytes, sizeof(bytes));
	return text;
}

static char *challenge_of(const char *verifier)
{
	GChecksum *sha = g_checksum_new(G_CHECKSUM_SHA256);
	guint8 sum[32];
	gsize len = sizeof(sum);

	g_checksum_update(sha, (const guchar *)verifier, (gssize)strlen(verifier));
	g_checksum_get_digest(sha, sum, &len);
	g_checksum_free(sha);
	return base64url(sum, len);
}

int login_attempt_begin(struct login_server *s, struct login_attempt *ret_attempt)
{
	struct login_attempt a = {
		.redirect_uri = g_strdup_printf("http://localhost:%d/", s->app->port),
		.state = random_text(),
		.verifier = random_text(),
	};
	_cleanup_gfree_ char *challenge = NULL;
	GString *query;

	if (!a.state || !a.verifier) {
		login_attempt_clear(&a);
		return -EIO;
	}
	challenge = challenge_of(a.verifier);
	query = g_string_new(NULL);
	webex_form_add(query, "response_type", "code");
	webex_form_add(query, "client_id", s->app->id);
	webex_form_add(query, "redirect_uri", a.redirect_uri);
	webex_form_add(query, "scope", s->app->scopes);
	webex_form_add(query, "state", a.state);
	webex_form_add(query, "code_challenge", challenge);
	webex_form_add(query, "code_challenge_method", "S256");
	a.address = g_strconcat(s->base_url, "/authorize?", query->str, NULL);
	g_string_free(query, TRUE);
	*ret_attempt = a;
	return 0;
}

void login_attempt_clear(struct login_attempt *a)
{
	webex_token_wipe(a->verifier);
	g_free(a->redirect_uri);
	g_free(a->state);
	g_free(a->address);
	*a = (struct login_attempt){0};
}

enum login_answer login_attempt_read(const struct login_attempt *a, const char *query,
				     char **ret_text)
{
	GHashTable *fields = g_uri_parse_params(query, -1, "&", G_URI_PARAMS_WWW_FORM, NULL);
	const char *state = fields ? g_hash_table_lookup(fields, "state") : NULL;
	const char *code = fields ? g_hash_table_lookup(fields, "code") : NULL;
	const char *error = fields ? g_hash_table_lookup(fields, "error") : NULL;
	enum login_answer answer = LOGIN_ANSWER_OTHER;

	if (state && strcmp(state, a->state) == 0 && code && *code && strlen(code) <= CODE_MAX)
		answer = LOGIN_ANSWER_CODE;
	else if (state && strcmp(state, a->state) == 0 && error)
		answer = LOGIN_ANSWER_ERROR;
	if (answer == LOGIN_ANSWER_CODE)
		*ret_text = g_strdup(code);
	else if (answer == LOGIN_ANSWER_ERROR)
		*ret_text = webex_text_line(error, 200);
	if (fields)
		g_hash_table_unref(fields);
	return answer;
}

/* The errors that come by the browser (5.18, 2). */
static char *say_error(const struct login_server *s, const char *error)
{
	if (strcmp(error, "access_denied") == 0)
		return g_strdup("the person did not allow it");
	if (strcmp(error, "invalid_scope") == 0)
		return g_strdup_printf("the integration does not have the scopes \"%s\"; "
				       "register them, or set scopes= in its configuration",
				       s->app->scopes);
	return g_strdup_printf("the service refused the login: %s", error);
}

int login_attempt_finish(struct login_server *s, const struct login_attempt *a,
			 enum login_answer answer, const char *text,
			 struct webex_grant *ret_grant, char **ret_reason)
{
	struct login_fault fault;
	int r;

	if (answer == LOGIN_ANSWER_ERROR) {
		*ret_reason = say_error(s, text);
		return -EACCES;
	}
	r = login_redeem(s, text, a->redirect_uri, a->verifier, ret_grant, &fault);
	if (r == 0)
		return 0;
	*ret_reason =
		fault.error == WEBEX_OAUTH_GRANT
			? g_strdup_printf("the code was used already, or has expired (%s); "
					  "run sparkfs login again",
					  fault.words)
			: login_say(s, &fault);
	login_fault_clear(&fault);
	return r;
}
