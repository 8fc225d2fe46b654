/* SPDX-License-Identifier: MIT */
/* People (webex-api.md 5.1). */
#include "base/cleanup.h"
#include "webex/client.h"
#include "webex/url.h"

uint64_t webex_get_me(struct webex_client *c, webex_done done, void *arg)
{
	return webex_call_start(webex_call_new(c, HTTP_GET, "/people/me", WEBEX_FORM_OBJECT,
					       WEBEX_KIND_PERSON, done, arg));
}

uint64_t webex_probe(struct webex_client *c, int timeout_ms, webex_done done, void *arg)
{
	struct webex_call *call = webex_call_new(c, HTTP_GET, "/people/me", WEBEX_FORM_OBJECT,
						 WEBEX_KIND_PERSON, done, arg);

	call->request->timeout_ms = MIN(c->timeout_ms, timeout_ms);
	return webex_call_start(call);
}

uint64_t webex_find_person(struct webex_client *c, const char *email, webex_done done,
			   void *arg)
{
	GString *path = g_string_new("/people");

	webex_url_add(path, "email", email);
	struct webex_call *call = webex_call_new(c, HTTP_GET, path->str, WEBEX_FORM_LIST,
						 WEBEX_KIND_PERSON, done, arg);
	g_string_free(path, TRUE);
	return webex_call_start(call);
}
