/* SPDX-License-Identifier: MIT */
/* Integrations, and what the endpoints of logins share. */
#include "oauth.h"

#include <string.h>

/* What `sparkfs login` and a reader of the README find without any option. */
static const char DEFAULT_INTEGRATION[] =
	"id=sim-client secret=sim-secret name=simulated scope=spark:all scope=spark:kms"
	" redirect=http://localhost:53682/"
	" redirect=https://oauth-helper-a.wbx2.com/helperservice/v1/actions/device/callback"
	" redirect=https://oauth-helper-r.wbx2.com/helperservice/v1/actions/device/callback"
	" redirect=https://oauth-helper-k.wbx2.com/helperservice/v1/actions/device/callback"
	" redirect=https://oauth-helper-d.wbx2.com/helperservice/v1/actions/device/callback";

int oauth_init(struct sim *sim)
{
	const struct options *opt = &sim->opt;
	struct oauth *o = g_new0(struct oauth, 1);

	o->integrations = g_ptr_array_new();
	o->codes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	o->devices = g_ptr_array_new();
	sim->oauth = o;
	sim->lives = (struct lives){
		.access = opt->token_life,
		.refresh = opt->refresh_life,
		.code = opt->code_life,
		.device = opt->code_life,
		.interval = opt->device_interval,
		.rotate = opt->rotate_refresh,
		.token_limit = 750,
	};
	oauth_add_integration(sim, DEFAULT_INTEGRATION);
	for (int i = 0; i < opt->n_integrations; i++) {
		if (!oauth_add_integration(sim, opt->integrations[i]))
			continue;
		fprintf(stderr, "webexsim: no integration: %s\n", opt->integrations[i]);
		return -1;
	}
	return 0;
}

static char **field_of(struct integration *app, const char *name)
{
	if (!strcmp(name, "id"))
		return &app->id;
	if (!strcmp(name, "secret"))
		return &app->secret;
	return !strcmp(name, "name") ? &app->name : NULL;
}

int oauth_add_integration(struct sim *sim, const char *text)
{
	struct integration *app = g_new0(struct integration, 1);
	char **words = g_strsplit(text, " ", 0);
	int rc = 0;

	app->redirects = g_ptr_array_new();
	app->scopes = g_ptr_array_new();
	app->uuid = uuid_random();
	for (char **w = words; *w; w++) {
		char *value = strchr(*w, '=');
		char **field;

		if (!**w)
			continue;
		if (!value) {
			rc = -1;
			break;
		}
		*value++ = 0;
		field = field_of(app, *w);
		if (field)
			*field = g_strdup(value);
		else if (!strcmp(*w, "redirect"))
			g_ptr_array_add(app->redirects, g_strdup(value));
		else if (!strcmp(*w, "scope"))
			g_ptr_array_add(app->scopes, g_strdup(value));
		else
			rc = -1;
	}
	g_strfreev(words);
	if (!app->id || !app->secret)
		rc = -1;
	if (!app->name)
		app->name = g_strdup(app->id);
	g_ptr_array_add(sim->oauth->integrations, app);
	return rc;
}

const struct integration *oauth_integration(const struct sim *sim, const char *id)
{
	/* The newest of an id counts, so that the default one can be replaced. */
	for (guint i = sim->oauth->integrations->len; id && i-- > 0;) {
		const struct integration *app = sim->oauth->integrations->pdata[i];

		if (!strcmp(app->id, id))
			return app;
	}
	return NULL;
}

static bool has(const GPtrArray *list, const char *text)
{
	for (guint i = 0; i < list->len; i++) {
		if (!strcmp(list->pdata[i], text))
			return true;
	}
	return false;
}

bool integration_has_redirect(const struct integration *app, const char *uri)
{
	return uri && has(app->redirects, uri);
}

const char *integration_refuses_scope(const struct integration *app, const char *scope)
{
	char **words = g_strsplit(scope ? scope : "", " ", 0);
	const char *why = scope && *scope ? NULL : "scope is missing";
	bool all = false, finer = false;

	for (char **w = words; *w; w++) {
		if (!**w)
			continue;
		if (!has(app->scopes, *w))
			why = "a scope is not registered";
		all |= !strcmp(*w, "spark:all");
		finer |= g_str_has_prefix(*w, "spark:") && strcmp(*w, "spark:all") &&
			 strcmp(*w, "spark:kms");
	}
	g_strfreev(words);
	return why	      ? why
	       : all && finer ? "spark:all cannot be asked for beside finer scopes"
			      : NULL;
}

const char *oauth_field(struct req *rq, const char *name)
{
	const char *type =
		MHD_lookup_connection_value(rq->conn, MHD_HEADER_KIND, "Content-Type");

	if (type && !g_ascii_strncasecmp(type, "application/json", 16))
		return jr_str(req_json(rq), name);
	return req_form(rq, name);
}

/* True if the header has the pair; both are the caller's. */
static bool basic_pair(struct req *rq, char **ret_id, char **ret_secret)
{
	const char *auth =
		MHD_lookup_connection_value(rq->conn, MHD_HEADER_KIND, "Authorization");
	char *text, *colon;
	size_t len;

	if (!auth || g_ascii_strncasecmp(auth, "Basic ", 6))
		return false;
	text = base64_decode(auth + 6, &len);
	colon = text ? strchr(text, ':') : NULL;
	if (colon) {
		*ret_id = url_decode(text, (size_t)(colon - text), false);
		*ret_secret = url_decode(colon + 1, strlen(colon + 1), false);
	}
	g_free(text);
	return colon;
}

const struct integration *oauth_client(struct req *rq)
{
	char *id = NULL, *secret = NULL;
	const struct integration *app;

	if (!basic_pair(rq, &id, &secret)) {
		id = g_strdup(oauth_field(rq, "client_id"));
		secret = g_strdup(oauth_field(rq, "client_secret"));
	}
	app = oauth_integration(rq->sim, id);
	if (!app)
		req_error_as(rq, 400, "Client Id is invalid.", "invalid_client");
	else if (!secret || strcmp(secret, app->secret)) {
		req_error_as(rq, 401, "Client authentication failed.", "invalid_client");
		app = NULL;
	}
	g_free(id);
	g_free(secret);
	return app;
}

char *oauth_random(size_t n_bytes)
{
	GString *text = g_string_new(NULL);
	GByteArray *bytes = g_byte_array_new();

	while (bytes->len < n_bytes) {
		struct uuid u = uuid_random();

		g_byte_array_append(bytes, u.b, sizeof(u.b));
	}
	base64_append(text, bytes->data, n_bytes);
	for (char *p = text->str; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '-' : *p;
	g_byte_array_free(bytes, TRUE);
	return g_string_free(text, FALSE);
}
