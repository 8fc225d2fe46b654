/* SPDX-License-Identifier: MIT */
#include "login/record.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/json.h"
#include "webex/token.h"

void login_clear(struct login *l)
{
	webex_token_wipe(l->access);
	webex_token_wipe(l->refresh);
	g_free(l->name);
	g_free(l->base_url);
	g_free(l->person_id);
	g_free(l->email);
	g_free(l->display_name);
	g_free(l->client_id);
	g_free(l->scope);
	g_free(l->ended);
	g_free(l->item);
	*l = (struct login){0};
}

static const char *const ways[] = {"device", "browser", "paste", "token", "environment"};

const char *login_way_name(enum login_way way)
{
	return ways[way];
}

static const char *const places[] = {"file", "keyring"};

const char *login_place_name(enum login_place place)
{
	return places[place];
}

/* ---- the file ---- */

static const struct {
	const char *key;
	size_t offset;
	bool is_token;
} texts[] = {
	{"url", offsetof(struct login, base_url)},
	{"personId", offsetof(struct login, person_id)},
	{"email", offsetof(struct login, email)},
	{"displayName", offsetof(struct login, display_name)},
	{"clientId", offsetof(struct login, client_id)},
	{"scope", offsetof(struct login, scope)},
	{"accessToken", offsetof(struct login, access), true},
	{"refreshToken", offsetof(struct login, refresh), true},
	{"ended", offsetof(struct login, ended)},
	{"item", offsetof(struct login, item)},
};

static const struct {
	const char *key;
	size_t offset;
} times[] = {
	{"since", offsetof(struct login, since_ms)},
	{"accessSince", offsetof(struct login, access_since_ms)},
	{"accessUntil", offsetof(struct login, access_until_ms)},
	{"refreshUntil", offsetof(struct login, refresh_until_ms)},
	{"retryAt", offsetof(struct login, retry_ms)},
	{"unchangedAt", offsetof(struct login, unchanged_ms)},
};

char *login_print(const struct login *l, bool has_tokens)
{
	/* Long enough for all, so that no copy of a secret is left behind in the heap. */
	GString *out = g_string_sized_new(4 * WEBEX_TOKEN_MAX);

	g_string_append(out, "{\n  \"version\": 1,\n  \"way\": ");
	json_append_string(out, ways[l->way]);
	g_string_append(out, ",\n  \"keptIn\": ");
	json_append_string(out, places[l->place]);
	g_string_append_printf(out, ",\n  \"bot\": %s", l->is_bot ? "true" : "false");
	for (size_t i = 0; i < G_N_ELEMENTS(times); i++)
		g_string_append_printf(
			out, ",\n  \"%s\": %" G_GINT64_FORMAT, times[i].key,
			*(const int64_t *)(const void *)((const char *)l + times[i].offset));
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		const char *text =
			*(char *const *)(const void *)((const char *)l + texts[i].offset);

		if (!text || (texts[i].is_token && !has_tokens))
			continue;
		g_string_append_printf(out, ",\n  \"%s\": ", texts[i].key);
		json_append_string(out, text);
	}
	g_string_append(out, "\n}\n");
	return g_string_free(out, FALSE);
}

static int64_t time_member(const cJSON *json, const char *key)
{
	const cJSON *value = json_get(json, key);

	/* Past 2^53 no number is exact. */
	return value && cJSON_IsNumber(value) && value->valuedouble > 0 &&
			       value->valuedouble < 9e15
		       ? (int64_t)value->valuedouble
		       : 0;
}

int login_parse(const char *text, size_t len, struct login *ret_login)
{
	_cleanup_json_secret_ cJSON *json = json_parse_secret(text, len);
	const char *way = json_string(json, "way");
	struct login l = {.is_bot = json_is_true(json_get(json, "bot"), NULL)};

	for (size_t i = 0; i < G_N_ELEMENTS(times); i++)
		*(int64_t *)(void *)((char *)&l + times[i].offset) =
			time_member(json, times[i].key);
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		*(char **)(void *)((char *)&l + texts[i].offset) =
			g_strdup(json_string(json, texts[i].key));
	/* It is there, and empty, while the server has not said it. */
	if (!l.person_id && json_is_string(json_get(json, "personId")))
		l.person_id = g_strdup("");
	l.way = LOGIN_TOKEN;
	for (size_t i = 0; i < G_N_ELEMENTS(ways); i++)
		if (way && strcmp(way, ways[i]) == 0)
			l.way = (enum login_way)i;
	if (g_strcmp0(json_string(json, "keptIn"), places[LOGIN_IN_KEYRING]) == 0)
		l.place = LOGIN_IN_KEYRING;
	l.waits = l.place == LOGIN_IN_KEYRING && l.access;
	if (!l.base_url || !l.person_id || !(l.place == LOGIN_IN_FILE ? l.access : l.item)) {
		login_clear(&l);
		return -EBADMSG;
	}
	*ret_login = l;
	return 0;
}
