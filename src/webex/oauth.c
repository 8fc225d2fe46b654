/* SPDX-License-Identifier: MIT */
#include "webex/oauth.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "base/cleanup.h"
#include "http/origin.h"
#include "webex/json.h"
#include "webex/text.h"
#include "webex/token.h"

#define CODE_MAX 512
#define URI_MAX 2048
#define WORDS_MAX 300
#define SCOPE_MAX 4096
/* Longer lives than this are taken for it: ten years. */
#define LIFE_MAX_S INT64_C(315360000)

void webex_grant_clear(struct webex_grant *g)
{
	webex_token_wipe(g->access);
	webex_token_wipe(g->refresh);
	g_free(g->scope);
	*g = (struct webex_grant){0};
}

void webex_device_clear(struct webex_device *d)
{
	webex_token_wipe(d->device_code);
	g_free(d->user_code);
	g_free(d->uri);
	g_free(d->uri_complete);
	*d = (struct webex_device){0};
}

void webex_form_add(GString *form, const char *name, const char *value)
{
	if (form->len)
		g_string_append_c(form, '&');
	g_string_append_uri_escaped(form, name, NULL, FALSE);
	g_string_append_c(form, '=');
	g_string_append_uri_escaped(form, value, NULL, FALSE);
}

char *webex_basic(const char *id, const char *secret)
{
	char *pair = g_strconcat(id, ":", secret, NULL);
	char *text = g_base64_encode((const guchar *)pair, strlen(pair));

	webex_token_wipe(pair);
	return text;
}

/* A member of visible ASCII without blanks, not longer than `max`; NULL: there is none. */
static char *clean_member(const cJSON *json, const char *key, size_t max)
{
	const char *text = json_string(json, key);

	if (!text || strlen(text) > max)
		return NULL;
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return NULL;
	return g_strdup(text);
}

static int64_t seconds_member(const cJSON *json, const char *key)
{
	const cJSON *value = json_get(json, key);
	double n = 0;

	if (value && cJSON_IsNumber(value))
		n = value->valuedouble;
	else if (json_is_string(value))
		n = g_ascii_strtod(value->valuestring, NULL);
	return n > 0 ? (int64_t)MIN(n, (double)LIFE_MAX_S) : 0;
}

int webex_oauth_tokens(const char *body, size_t len, struct webex_grant *ret_grant)
{
	_cleanup_json_secret_ cJSON *json = json_parse_secret(body, len);
	struct webex_grant g = {
		.access = clean_member(json, "access_token", WEBEX_TOKEN_MAX),
		.refresh = clean_member(json, "refresh_token", WEBEX_TOKEN_MAX),
		.access_s = seconds_member(json, "expires_in"),
		.refresh_s = seconds_member(json, "refresh_token_expires_in"),
	};
	const char *scope = json_string(json, "scope");

	if (!g.access) {
		webex_grant_clear(&g);
		return -EBADMSG;
	}
	g.scope =
		scope && strlen(scope) <= SCOPE_MAX ? webex_text_line(scope, SCOPE_MAX) : NULL;
	*ret_grant = g;
	return 0;
}

/* A person is to open it, and to trust it: nothing but https, or a simulator on this machine. */
static bool is_safe_uri(const char *uri)
{
	return uri && http_origin_check(uri) == 0;
}

int webex_oauth_device(const char *body, size_t len, struct webex_device *ret_device)
{
	_cleanup_json_secret_ cJSON *json = json_parse_secret(body, len);
	struct webex_device d = {
		.device_code = clean_member(json, "device_code", CODE_MAX),
		.user_code = clean_member(json, "user_code", CODE_MAX),
		.uri = clean_member(json, "verification_uri", URI_MAX),
		.uri_complete = clean_member(json, "verification_uri_complete", URI_MAX),
		.expires_s = (int)MIN(seconds_member(json, "expires_in"), 86400),
		.interval_s = (int)MIN(seconds_member(json, "interval"), 600),
	};

	if (!d.device_code || !d.user_code || !is_safe_uri(d.uri)) {
		webex_device_clear(&d);
		return -EBADMSG;
	}
	if (!is_safe_uri(d.uri_complete))
		g_clear_pointer(&d.uri_complete, g_free);
	/* RFC 8628: five seconds, where nothing is said. */
	if (!json_get(json, "interval"))
		d.interval_s = 5;
	if (!d.expires_s)
		d.expires_s = 300;
	*ret_device = d;
	return 0;
}

/* The name of an error may stand in any of the body's texts; the first row that is found counts. */
static const struct {
	const char *text;
	enum webex_oauth_error error;
} names[] = {
	{"authorization_pending", WEBEX_OAUTH_PENDING},
	{"slow_down", WEBEX_OAUTH_SLOW_DOWN},
	{"access_denied", WEBEX_OAUTH_DENIED},
	{"tokenlimit_reached", WEBEX_OAUTH_LIMIT},
	{"redirect_uri", WEBEX_OAUTH_REDIRECT},
	{"invalid_scope", WEBEX_OAUTH_SCOPE},
	{"invalid_client", WEBEX_OAUTH_CLIENT},
	{"client id is invalid", WEBEX_OAUTH_CLIENT},
	{"unauthorized_client", WEBEX_OAUTH_CLIENT},
	{"invalid_grant", WEBEX_OAUTH_GRANT},
	{"expired", WEBEX_OAUTH_GRANT},
};

enum webex_oauth_error webex_oauth_error(int status, const char *body, size_t len,
					 char **ret_words)
{
	_cleanup_json_ cJSON *json = body ? json_parse(body, len) : NULL;
	const cJSON *errors = json_get(json, "errors");
	const cJSON *first = json_is_array(errors) ? cJSON_GetArrayItem(errors, 0) : NULL;
	const char *const texts[] = {
		json_string(first, "description"),
		json_string(json, "error"),
		json_string(json, "error_description"),
		json_string(json, "message"),
	};
	_cleanup_gfree_ char *all = NULL, *lower = NULL;
	GString *joined = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		if (texts[i] && !strstr(joined->str, texts[i]))
			g_string_append_printf(joined, "%s%s", joined->len ? ": " : "",
					       texts[i]);
	all = g_string_free(joined, FALSE);
	*ret_words = *all ? webex_text_line(all, WORDS_MAX) : NULL;
	lower = g_ascii_strdown(all, -1);
	if (status == 428)
		return WEBEX_OAUTH_PENDING;
	if (status == 429)
		return WEBEX_OAUTH_SLOW_DOWN;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (strstr(lower, names[i].text))
			return names[i].error;
	return WEBEX_OAUTH_OTHER;
}
