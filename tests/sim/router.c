/* SPDX-License-Identifier: MIT */
#include "control.h"
#include "events.h"
#include "handlers.h"
#include "webhooks.h"

#include <string.h>

typedef void (*handler_fn)(struct req *rq);

/* A pattern is a path below /v1; * stands for one segment, which becomes rq->arg. */
struct route {
	const char *pattern;
	handler_fn get, post, put, del, patch;
	bool open; /* no bearer, and bodies are forms, too */
};

static const struct route routes[] = {
	{"people", people_list, people_create, NULL, NULL},
	{"people/*", people_get, NULL, people_update, people_delete},
	{"rooms", rooms_list, rooms_create, NULL, NULL},
	{"rooms/*", rooms_get, NULL, rooms_update, rooms_delete},
	{"rooms/*/meetingInfo", rooms_meeting},
	{"memberships", memberships_list, memberships_create, NULL, NULL},
	{"memberships/*", memberships_get, NULL, memberships_update, memberships_delete},
	{"messages", messages_list, messages_create, NULL, NULL},
	{"messages/direct", messages_direct},
	{"messages/*", messages_get, NULL, messages_update, messages_delete},
	{"contents/*", contents_get},
	{"attachment/actions", NULL, actions_create, NULL, NULL},
	{"attachment/actions/*", actions_get},
	{"teams", teams_list, teams_create, NULL, NULL},
	{"teams/*", teams_get, NULL, teams_update, teams_delete},
	{"team/memberships", team_memberships_list, team_memberships_create, NULL, NULL},
	{"team/memberships/*", team_memberships_get, NULL, team_memberships_update,
	 team_memberships_delete},
	{"room/tabs", tabs_list, tabs_create},
	{"room/tabs/*", tabs_get, NULL, tabs_update, tabs_delete},
	{"events", events_list},
	{"events/*", events_get},
	{"adminAudit/events", audit_list},
	{"adminAudit/eventCategories", audit_categories},
	{"admin/securityAudit/events", security_list},
	{"webhooks", webhooks_list, webhooks_create, NULL, NULL},
	{"webhooks/*", webhooks_get, NULL, webhooks_update, webhooks_delete},
	{"organizations", organizations_list},
	{"organizations/*", organizations_get, NULL, NULL, organizations_delete},
	{"licenses", licenses_list},
	{"licenses/users", NULL, NULL, NULL, NULL, licenses_patch},
	{"licenses/*", licenses_get},
	{"roles", roles_list},
	{"roles/*", roles_get},
	{"authorize", oauth_authorize_get, oauth_authorize_post, .open = true},
	{"access_token", .post = oauth_access_token, .open = true},
	{"device/authorize", .post = oauth_device_authorize, .open = true},
	{"device/token", .post = oauth_device_token, .open = true},
	{"jwt/login", .post = jwt_login, .open = true},
	{"guests/token", .post = guests_token},
	{"guests/count", guests_count},
	{"authorizations", authorizations_list, .del = authorizations_delete_all},
	{"authorizations/tokenExpiry", authorizations_expiry},
	{"authorizations/*", .del = authorizations_delete},
};

static bool route_matches(struct req *rq, const char *pattern)
{
	const char *p = pattern;
	int i = 1; /* behind v1 */

	rq->arg = NULL;
	for (; *p; i++) {
		size_t len = strcspn(p, "/");

		if (i >= rq->n_segments)
			return false;
		if (len == 1 && *p == '*')
			rq->arg = rq->segments[i];
		else if (strlen(rq->segments[i]) != len || strncmp(rq->segments[i], p, len))
			return false;
		p += len;
		if (*p == '/')
			p++;
	}
	return i == rq->n_segments;
}

static handler_fn pick(const struct req *rq, const struct route *r)
{
	switch (rq->method) {
	case M_GET:
	case M_HEAD:
		return r->get;
	case M_POST:
		return r->post;
	case M_PUT:
		return r->put;
	case M_DELETE:
		return r->del;
	case M_OTHER:
	default:
		return !strcmp(rq->method_name, "PATCH") ? r->patch : NULL;
	}
}

static void method_not_allowed(struct req *rq, const struct route *r)
{
	GString *allow = g_string_new(r->get ? "GET, HEAD" : "");
	const struct {
		handler_fn fn;
		const char *name;
	} rest[] = {
		{r->post, "POST"}, {r->put, "PUT"}, {r->del, "DELETE"}, {r->patch, "PATCH"}};

	for (size_t i = 0; i < G_N_ELEMENTS(rest); i++) {
		if (rest[i].fn)
			g_string_append_printf(allow, "%s%s", allow->len ? ", " : "",
					       rest[i].name);
	}
	req_error(rq, 405, "Request method '%s' not supported", rq->method_name);
	req_header(rq, "Allow", allow->str);
	g_string_free(allow, TRUE);
}

/* 0 when the caller may go on; one token a request from the person's bucket. */
static int check_rate(struct req *rq)
{
	struct rate *rate = &rq->sim->rate;
	struct person *p = rq->caller;
	int64_t now = mono_ms();
	char seconds[16];

	/* A request that comes back from its fetch has paid already. */
	if (rate->limit <= 0 || rq->fetch)
		return 0;
	if (p->bucket < 0 || p->bucket > rate->limit)
		p->bucket = rate->limit;
	else
		p->bucket += (double)(now - p->bucket_ms) * rate->limit / 60000.0;
	p->bucket = MIN(p->bucket, rate->limit);
	p->bucket_ms = now;
	if (p->bucket >= 1) {
		p->bucket -= 1;
		return 0;
	}
	req_error(rq, 429,
		  "Too many requests have been sent in a given amount of time and "
		  "the request has been rate limited.");
	g_snprintf(seconds, sizeof(seconds), "%d",
		   (int)MAX(1, (1 - p->bucket) * 60 / rate->limit + 0.999));
	if (!rate->retry_after[0])
		req_header(rq, "Retry-After", seconds);
	else if (strcmp(rate->retry_after, "missing"))
		req_header(rq, "Retry-After", rate->retry_after);
	if (rate->html)
		rq->plan.html = true;
	return -1;
}

/* POST and PUT need a type the service knows (section 1.6). */
static int check_type(struct req *rq, const struct route *r)
{
	const char *type =
		MHD_lookup_connection_value(rq->conn, MHD_HEADER_KIND, "Content-Type");
	bool multipart_ok = rq->method == M_POST && r->post == messages_create;
	char *media, *semicolon;
	int rc = -1;

	if (r->open || (rq->method != M_POST && rq->method != M_PUT && rq->method != M_OTHER))
		return 0;
	media = g_ascii_strdown(type ? type : "text/plain", -1);
	semicolon = strchr(media, ';');
	if (semicolon)
		*semicolon = 0;
	g_strstrip(media);
	if (!strcmp(media, "application/json") ||
	    (multipart_ok && !strcmp(media, "multipart/form-data")))
		rc = 0;
	else
		req_error(rq, 415, "Content type '%s' not supported", media);
	g_free(media);
	return rc;
}

void router_dispatch(struct req *rq)
{
	const struct route *found = NULL;
	handler_fn fn;

	if (rq->control) {
		control_dispatch(rq);
		return;
	}
	if (rq->n_segments == 1 && !strcmp(rq->segments[0], "verify")) {
		oauth_verify(rq);
		return;
	}
	if (rq->n_segments < 1 || strcmp(rq->segments[0], "v1")) {
		req_error(rq, 404, "The requested resource could not be found.");
		return;
	}
	for (size_t i = 0; !found && i < G_N_ELEMENTS(routes); i++) {
		if (route_matches(rq, routes[i].pattern))
			found = &routes[i];
	}
	if ((!found || !found->open) && (router_authenticate(rq) || check_rate(rq)))
		return;
	if (!found) {
		req_error(rq, 404, "The requested resource could not be found.");
		return;
	}
	fn = pick(rq, found);
	if (!fn) {
		method_not_allowed(rq, found);
		return;
	}
	if (check_type(rq, found))
		return;
	if (!oauth_allows(rq)) {
		req_forbidden(rq);
		return;
	}
	hooks_collect(rq->sim);
	fn(rq);
}
