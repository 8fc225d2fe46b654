/* SPDX-License-Identifier: MIT */
/* /access_token, and the tokens themselves (webex-api.md 5.17, 5.18). */
#include "events.h"
#include "oauth.h"

#include <string.h>

#define DAY_MS (24 * 3600 * INT64_C(1000))

static bool is_living(struct sim *sim, const struct token *t)
{
	return t->valid && !t->person->deleted && (!t->expires || t->expires > data_now(sim));
}

static int count_living(struct sim *sim, const struct person *p)
{
	GHashTableIter it;
	struct token *t;
	int n = 0;

	g_hash_table_iter_init(&it, sim->tokens);
	while (g_hash_table_iter_next(&it, NULL, (gpointer *)&t))
		n += t->person == p && t->integration && !t->is_refresh && is_living(sim, t);
	return n;
}

/* An access token of the last 24 hours; NULL: there is none. */
static const char *recent(struct sim *sim, const struct integration *app,
			  const struct person *p)
{
	const char *found = NULL, *text;
	int64_t newest = data_now(sim) - DAY_MS;
	GHashTableIter it;
	struct token *t;

	g_hash_table_iter_init(&it, sim->tokens);
	while (g_hash_table_iter_next(&it, (gpointer *)&text, (gpointer *)&t)) {
		if (t->person != p || t->integration != app || t->is_refresh ||
		    !is_living(sim, t) || t->created < newest)
			continue;
		newest = t->created;
		found = text;
	}
	return found;
}

/* Of the real shape: clients refuse others. */
static char *new_token(struct sim *sim, struct person *p, const struct integration *app,
		       const char *scope, int life_s, bool is_refresh)
{
	char *head = oauth_random(48), *middle = oauth_random(3), org[UUID_TEXT], *text;
	struct token *t;

	uuid_format(&p->org->uuid, org);
	text = g_strdup_printf("%s_%s_%s", head, middle, org);
	t = data_token_add(sim, text, p, true);
	t->is_refresh = is_refresh;
	t->expires = t->created + life_s * INT64_C(1000);
	t->integration = app;
	t->scope = g_strdup(scope);
	g_free(head);
	g_free(middle);
	return text;
}

/* Of a token that was made just now its whole life, however long the answer took. */
static int64_t seconds_left(struct sim *sim, const char *text)
{
	const struct token *t = g_hash_table_lookup(sim->tokens, text);

	return (t->expires - data_now(sim) + 999) / 1000;
}

static void answer(struct req *rq, const char *access, const char *refresh, const char *scope)
{
	GString *out = req_ok(rq);

	jw_open(out, NULL, '{');
	jw_str(out, "access_token", access);
	jw_int(out, "expires_in", seconds_left(rq->sim, access));
	jw_str(out, "refresh_token", refresh);
	jw_int(out, "refresh_token_expires_in", seconds_left(rq->sim, refresh));
	jw_str(out, "token_type", "Bearer");
	jw_str(out, "scope", scope);
	jw_close(out, '}');
	req_header(rq, "Cache-Control", "no-store");
}

void oauth_answer_tokens(struct req *rq, const struct integration *app, struct person *p,
			 const char *scope, const char *refresh)
{
	struct sim *sim = rq->sim;
	const char *again = refresh && sim->lives.unchanged ? recent(sim, app, p) : NULL;
	char *access, *kept;

	if (!again && count_living(sim, p) >= sim->lives.token_limit) {
		req_error_as(rq, 400, "The person has too many living tokens.",
			     "tokenlimit_reached");
		return;
	}
	access = again ? g_strdup(again)
		       : new_token(sim, p, app, scope, sim->lives.access, false);
	kept = refresh ? g_strdup(refresh)
		       : new_token(sim, p, app, scope, sim->lives.refresh, true);
	if (!refresh)
		audit_note(rq, "LOGINS", p, p, "logged in");
	answer(rq, access, kept, scope);
	g_free(access);
	g_free(kept);
}

static void refresh(struct req *rq, const struct integration *app)
{
	const char *text = oauth_field(rq, "refresh_token");
	struct token *t = data_token(rq->sim, text);

	if (!t || !t->is_refresh || t->integration != app) {
		req_error_as(rq, 400, "The refresh token is wrong, revoked or expired.",
			     "invalid_grant");
		return;
	}
	if (rq->sim->lives.rotate) {
		t->valid = false;
		oauth_answer_tokens(rq, app, t->person, t->scope, NULL);
		return;
	}
	/* Used regularly, it lives for ever. */
	t->expires = data_now(rq->sim) + rq->sim->lives.refresh * INT64_C(1000);
	oauth_answer_tokens(rq, app, t->person, t->scope, text);
}

void oauth_access_token(struct req *rq)
{
	const struct integration *app = oauth_client(rq);
	const char *grant = oauth_field(rq, "grant_type");

	if (!app)
		return;
	if (!grant)
		req_error_as(rq, 400, "grant_type is missing.", "invalid_request");
	else if (!strcmp(grant, "authorization_code"))
		oauth_code_redeem(rq, app);
	else if (!strcmp(grant, "refresh_token"))
		refresh(rq, app);
	else
		req_error_as(rq, 400, "The grant_type is unknown.", "unsupported_grant_type");
}

/* ---- what may be done with a token ---- */

/* What `spark:all` covers, by the first segment of the path. */
static const struct {
	const char *segment, *scope;
} scopes[] = {
	{"people", "spark:people"},
	{"rooms", "spark:rooms"},
	{"memberships", "spark:memberships"},
	{"messages", "spark:messages"},
	{"contents", "spark:messages"},
	{"attachment", "spark:messages"},
	{"teams", "spark:teams"},
	{"team", "spark:team_memberships"},
};

bool oauth_allows(const struct req *rq)
{
	bool reads = rq->method == M_GET || rq->method == M_HEAD, allows = true;
	const char *scope = rq->token ? rq->token->scope : NULL;
	char **has;

	if (!scope)
		return true;
	has = g_strsplit(scope, " ", 0);
	for (size_t i = 0; i < G_N_ELEMENTS(scopes) && rq->n_segments > 1; i++) {
		char *finer;

		if (strcmp(rq->segments[1], scopes[i].segment))
			continue;
		finer = g_strconcat(scopes[i].scope, reads ? "_read" : "_write", NULL);
		allows = g_strv_contains((const char *const *)has, "spark:all") ||
			 g_strv_contains((const char *const *)has, finer);
		g_free(finer);
	}
	g_strfreev(has);
	return allows;
}

/* ---- authorizations ---- */

static void jw_id(GString *out, const char *key, const char *type, const struct uuid *uuid)
{
	jw_key(out, key);
	g_string_append_c(out, '"');
	ids_append_uuid(out, "us", type, uuid);
	g_string_append_c(out, '"');
}

static void emit(struct req *rq, GString *out, const void *item)
{
	const struct token *t = item;

	(void)rq;
	jw_open(out, NULL, '{');
	jw_id(out, "id", "AUTHORIZATION", &t->uuid);
	jw_id(out, "applicationId", "APPLICATION", &t->integration->uuid);
	jw_str(out, "applicationName", t->integration->name);
	jw_person_id(out, "personId", t->person);
	jw_str(out, "clientId", t->integration->id);
	jw_time(out, "created", t->created);
	jw_str(out, "type", t->is_refresh ? "refresh" : "access");
	jw_close(out, '}');
}

/* Living tokens of integrations: of this person or everybody (NULL), of this integration or any. */
static GPtrArray *living_of(struct sim *sim, const struct person *p, const char *client)
{
	GPtrArray *list = g_ptr_array_new();
	GHashTableIter it;
	struct token *t;

	g_hash_table_iter_init(&it, sim->tokens);
	while (g_hash_table_iter_next(&it, NULL, (gpointer *)&t))
		if (t->integration && is_living(sim, t) && (!p || t->person == p) &&
		    (!client || !strcmp(t->integration->id, client)))
			g_ptr_array_add(list, t);
	return list;
}

void authorizations_list(struct req *rq)
{
	const char *id = req_param(rq, "personId"), *email = req_param(rq, "personEmail");
	struct person *p = id || email ? person_for(rq, id, email) : rq->caller;
	struct page page = {.start = 0};
	GPtrArray *list;

	if (!p)
		return;
	if (p != rq->caller && !is_admin(rq)) {
		req_forbidden(rq);
		return;
	}
	list = living_of(rq->sim, p, NULL);
	page.max = list->len + 1;
	page_emit(rq, &page, list, emit, NULL);
	g_ptr_array_free(list, TRUE);
}

void authorizations_delete(struct req *rq)
{
	static const char missing[] = "The requested resource could not be found.";
	GPtrArray *list = living_of(rq->sim, is_admin(rq) ? NULL : rq->caller, NULL);
	struct sim_id d;
	struct uuid u;
	bool found = false;

	if (req_id(rq, rq->arg, "AUTHORIZATION", missing, &d, &u) == 0) {
		for (guint i = 0; i < list->len; i++) {
			struct token *t = list->pdata[i];

			if (!uuid_equal(&t->uuid, &u))
				continue;
			t->valid = false;
			found = true;
		}
		if (found)
			req_no_content(rq);
		else
			req_error(rq, 404, missing);
	}
	g_ptr_array_free(list, TRUE);
}

void authorizations_delete_all(struct req *rq)
{
	const char *client = req_param(rq, "clientId");
	GPtrArray *list;

	if (!client) {
		req_error(rq, 400, "clientId is missing.");
		return;
	}
	list = living_of(rq->sim, is_admin(rq) && req_param(rq, "orgId") ? NULL : rq->caller,
			 client);
	for (guint i = 0; i < list->len; i++)
		((struct token *)list->pdata[i])->valid = false;
	g_ptr_array_free(list, TRUE);
	req_no_content(rq);
}

void authorizations_expiry(struct req *rq)
{
	const int64_t century = 36525 * DAY_MS;
	GString *out = req_ok(rq);

	jw_open(out, NULL, '{');
	jw_int(out, "exp",
	       rq->token->expires ? rq->token->expires : rq->token->created + century);
	jw_close(out, '}');
}

/* ---- the control API ---- */

void oauth_tokens_get(struct req *rq)
{
	GString *out = req_ok(rq);
	GHashTableIter it;
	const char *text;
	struct token *t;

	jw_open(out, NULL, '{');
	jw_open(out, "items", '[');
	g_hash_table_iter_init(&it, rq->sim->tokens);
	while (g_hash_table_iter_next(&it, (gpointer *)&text, (gpointer *)&t)) {
		if (!t->integration)
			continue;
		jw_open(out, NULL, '{');
		jw_str(out, "token", text);
		jw_str(out, "person", t->person->key);
		jw_str(out, "clientId", t->integration->id);
		jw_str(out, "type", t->is_refresh ? "refresh" : "access");
		jw_bool(out, "living", is_living(rq->sim, t));
		jw_time(out, "created", t->created);
		jw_time(out, "expires", t->expires);
		jw_close(out, '}');
	}
	jw_close(out, ']');
	jw_close(out, '}');
}

void oauth_tokens_delete(struct req *rq)
{
	GPtrArray *list = living_of(rq->sim, NULL, NULL);

	for (guint i = 0; i < list->len; i++)
		((struct token *)list->pdata[i])->valid = false;
	g_ptr_array_free(list, TRUE);
	req_no_content(rq);
}
