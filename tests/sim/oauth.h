/* SPDX-License-Identifier: MIT */
/*
 * Logins: integrations, authorization codes, device codes, and the tokens that come of them
 * (webex-api.md 5.16 to 5.19).
 *
 *     /authorize (page) --allow--> code --/access_token--> access and refresh token
 *     /device/authorize --> device code --/verify (page)--> allowed --/device/token--> the same
 *     refresh token --/access_token--> access token, and the same or a new refresh token
 *
 * Everything belongs to struct sim and is used by the server's thread. Times are those of the
 * simulator's clock, so that POST /_sim/clock lets tokens and codes expire.
 */
#pragma once

#include "handlers.h"

/* An application that is registered with the service. */
struct integration {
	char *id, *secret, *name;
	struct uuid uuid;     /* of its applicationId */
	GPtrArray *redirects; /* of char *: URIs that match exactly */
	GPtrArray *scopes;    /* of char * */
};

struct oauth {
	GPtrArray *integrations; /* struct integration */
	GHashTable *codes;	 /* text -> struct auth_code */
	GPtrArray *devices;	 /* struct device_code */
};

/* Takes what the options say. -1: an integration is none (reported). */
int oauth_init(struct sim *sim);
/* `text`: id=ID secret=SECRET [name=NAME] [redirect=URI]... [scope=SCOPE]..., blanks between. -1: it is none. */
int oauth_add_integration(struct sim *sim, const char *text);
/* NULL: there is none. */
const struct integration *oauth_integration(const struct sim *sim, const char *id);
bool integration_has_redirect(const struct integration *app, const char *uri);
/* NULL if each of the blank-separated scopes is registered; else the words for what is wrong. */
const char *integration_refuses_scope(const struct integration *app, const char *scope);

/* A field of the body, which is a form or JSON; NULL when absent or empty. */
const char *oauth_field(struct req *rq, const char *name);
/* The integration whose id and secret the request gives, in its body or by HTTP Basic. Answers 400
 * or 401 and returns NULL otherwise. */
const struct integration *oauth_client(struct req *rq);
/* Makes a pair of tokens and answers with it; `refresh` is kept instead of a new one if it is not
 * NULL. Answers 400 if the person has too many. */
void oauth_answer_tokens(struct req *rq, const struct integration *app, struct person *p,
			 const char *scope, const char *refresh);
/* Gives the tokens of an authorization code to the integration, or answers with the error. */
void oauth_code_redeem(struct req *rq, const struct integration *app);
/* Random text of the alphabet of base64url. */
char *oauth_random(size_t n_bytes);

/* GET and DELETE /_sim/tokens: those that logins gave. */
void oauth_tokens_get(struct req *rq);
void oauth_tokens_delete(struct req *rq);

/* oauth_page.c: pages for a person's browser, which work without JavaScript. */
struct page_field {
	const char *name, *value;
};
/* A page that asks a person for leave; posts to `action` with the fields, `person` and `decision`
 * (allow or deny). */
void oauth_ask_page(struct req *rq, const char *action, const struct integration *app,
		    const char *scope, const struct page_field *fields, size_t n_fields);
/* A page with words and nothing to do. */
void oauth_words_page(struct req *rq, unsigned status, const char *title, const char *words);
/* A page that asks for the code that a terminal shows. */
void oauth_code_page(struct req *rq, const char *words);
/* The person whom the posted page names; answers with a page and returns NULL otherwise. */
struct person *oauth_page_person(struct req *rq);
