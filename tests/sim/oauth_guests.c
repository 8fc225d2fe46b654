/* SPDX-License-Identifier: MIT */
/* Guests: by token of a service app, and by JWT of a guest issuer (webex-api.md 5.16). */
#include "oauth.h"

#include <string.h>

#define GUEST_LIFE_S 43199
#define ISSUER "sim-guest-issuer"
#define ISSUER_SECRET "sim-guest-secret" /* clients are given its base64 */

/* The guest of this subject, renamed if need be. */
static struct person *guest(struct sim *sim, const char *subject, const char *name)
{
	char *local = g_strdup(subject), *email;
	struct uuid u = uuid_random();
	struct person *p;

	for (char *c = local; *c; c++)
		if (!g_ascii_isalnum(*c) && !strchr("-._", *c))
			*c = '-';
	email = g_strconcat(local, "@guest.example.org", NULL);
	p = data_person_by_email(sim, email);
	if (!p) {
		p = data_person_add(sim, &u, email, name, sim->orgs->pdata[0], data_now(sim));
		p->status = "unknown";
		p->guest = true;
	} else if (name && strcmp(p->display, name)) {
		data_person_rename(p, name);
	}
	g_free(local);
	g_free(email);
	return p;
}

static char *guest_token(struct sim *sim, struct person *p)
{
	char *text = oauth_random(1500), *jwt = g_strconcat("eyJ", text, NULL);
	struct token *t = data_token_add(sim, jwt, p, true);

	t->expires = t->created + GUEST_LIFE_S * INT64_C(1000);
	g_free(text);
	return jwt;
}

void guests_token(struct req *rq)
{
	cJSON *body;
	const char *subject, *name;
	struct person *p;
	GString *out;
	char *token;

	if (!is_admin(rq)) {
		req_forbidden(rq);
		return;
	}
	body = req_json(rq);
	subject = jr_str(body, "subject");
	name = jr_str(body, "displayName");
	if (!body)
		return;
	if (!subject || !*subject || !name || !*name) {
		req_error(rq, 400, "subject and displayName are required.");
		return;
	}
	p = guest(rq->sim, subject, name);
	token = guest_token(rq->sim, p);
	out = req_ok(rq);
	jw_open(out, NULL, '{');
	jw_person_id(out, "id", p);
	jw_str(out, "subject", subject);
	jw_str(out, "displayName", p->display);
	jw_str(out, "email", p->email);
	jw_str(out, "accessToken", token);
	jw_int(out, "expiresIn", GUEST_LIFE_S);
	jw_close(out, '}');
	g_free(token);
}

void guests_count(struct req *rq)
{
	int n = 0;

	if (!is_admin(rq)) {
		req_forbidden(rq);
		return;
	}
	for (guint i = 0; i < rq->sim->people->len; i++)
		n += ((struct person *)rq->sim->people->pdata[i])->guest;
	g_string_append_printf(req_ok(rq), "%d", n);
	rq->resp.type = "text/plain";
}

/* ---- /jwt/login ---- */

static bool is_signed(const char *signed_part, const char *signature)
{
	GHmac *mac = g_hmac_new(G_CHECKSUM_SHA256, (const guchar *)ISSUER_SECRET,
				strlen(ISSUER_SECRET));
	guint8 sum[32];
	gsize len = sizeof(sum);
	size_t got;
	char *bytes = base64_decode(signature, &got);
	bool same;

	g_hmac_update(mac, (const guchar *)signed_part, -1);
	g_hmac_get_digest(mac, sum, &len);
	g_hmac_unref(mac);
	same = bytes && got == len && !memcmp(bytes, sum, len);
	g_free(bytes);
	return same;
}

/* The claims if the text is HEAD.CLAIMS.SIGNATURE, signed by the issuer; freed by the caller. */
static cJSON *claims_of(char *jwt)
{
	char *dot = strrchr(jwt, '.'), *first;
	cJSON *claims = NULL;
	size_t len;
	char *text;

	if (!dot)
		return NULL;
	*dot = 0;
	first = strchr(jwt, '.');
	if (!first || !is_signed(jwt, dot + 1))
		return NULL;
	text = base64_decode(first + 1, &len);
	if (text)
		claims = cJSON_ParseWithLength(text, len);
	g_free(text);
	return claims;
}

void jwt_login(struct req *rq)
{
	const char *auth =
		MHD_lookup_connection_value(rq->conn, MHD_HEADER_KIND, "Authorization");
	bool has = auth && !g_ascii_strncasecmp(auth, "Bearer ", 7);
	char *jwt = g_strstrip(g_strdup(has ? auth + 7 : "")), *token;
	cJSON *claims = claims_of(jwt);
	const char *subject = jr_str(claims, "sub"), *name = jr_str(claims, "name");
	bool issued = jr_str(claims, "iss") && !strcmp(jr_str(claims, "iss"), ISSUER);
	double exp = jr_num(claims, "exp", 0);
	GString *out;

	if (!issued || !subject || (exp > 0 && exp * 1000 < (double)data_now(rq->sim))) {
		req_error(rq, 401,
			  "The JWT is not signed by a known guest issuer, or has expired.");
	} else {
		token = guest_token(rq->sim, guest(rq->sim, subject, name ? name : subject));
		out = req_ok(rq);
		jw_open(out, NULL, '{');
		jw_str(out, "token", token);
		jw_int(out, "expiresIn", GUEST_LIFE_S);
		jw_close(out, '}');
		g_free(token);
	}
	cJSON_Delete(claims);
	g_free(jwt);
}
