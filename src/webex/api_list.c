/* SPDX-License-Identifier: MIT */
/* Lists of rooms, teams, memberships and messages, page by page (webex-api.md 2, 5.2 to 5.4, 5.7, 5.8). */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "webex/client.h"
#include "webex/id.h"
#include "webex/url.h"

/* webex-api.md 2.2 */
#define MENTIONED_MAX 100

/* True if `next` is a page of `collection` at our own server. webex_page_next made it, but it
 * came back through the caller. */
static bool is_our_page(const struct webex_client *c, const char *collection, const char *next)
{
	size_t base_len = strlen(c->base_url), len = strlen(collection);

	return strncmp(next, c->base_url, base_len) == 0 &&
	       strncmp(next + base_len, collection, len) == 0 && next[base_len + len] == '?';
}

static uint64_t start(struct webex_client *c, const char *collection,
		      const struct webex_list *l, GString *path, const char *problem,
		      enum webex_kind kind, webex_done done, void *arg)
{
	if (l->next && !is_our_page(c, collection, l->next))
		problem = "not a next page of this list";
	struct webex_call *call = webex_call_new(c, HTTP_GET, l->next ? l->next : path->str,
						 WEBEX_FORM_LIST, kind, done, arg);
	if (l->background)
		call->request->lane = HTTP_LANE_BACKGROUND;
	call->room_id = g_strdup(l->room_id);
	call->request->max_body = 64 << 20;
	call->request->asks_much = l->max > WEBEX_SMALL_PAGE;
	if (problem)
		webex_call_refuse(call, -EINVAL, problem);
	g_string_free(path, TRUE);
	return webex_call_start(call);
}

uint64_t webex_list_rooms(struct webex_client *c, const struct webex_list *l, webex_done done,
			  void *arg)
{
	GString *path = g_string_new("/rooms");

	webex_url_add(path, "teamId", l->team_id);
	webex_url_add(path, "type", l->type);
	webex_url_add(path, "sortBy", l->sort_by);
	webex_url_add_int(path, "max", l->max);
	return start(c, "/rooms", l, path, NULL, WEBEX_KIND_ROOM, done, arg);
}

uint64_t webex_list_memberships(struct webex_client *c, const struct webex_list *l,
				webex_done done, void *arg)
{
	GString *path = g_string_new("/memberships");

	webex_url_add(path, "roomId", l->room_id);
	webex_url_add_int(path, "max", l->max);
	return start(c, "/memberships", l, path, NULL, WEBEX_KIND_MEMBERSHIP, done, arg);
}

uint64_t webex_list_teams(struct webex_client *c, const struct webex_list *l, webex_done done,
			  void *arg)
{
	GString *path = g_string_new("/teams");

	webex_url_add_int(path, "max", l->max);
	return start(c, "/teams", l, path, NULL, WEBEX_KIND_TEAM, done, arg);
}

uint64_t webex_list_team_memberships(struct webex_client *c, const struct webex_list *l,
				     webex_done done, void *arg)
{
	GString *path = g_string_new("/team/memberships");

	webex_url_add(path, "teamId", l->room_id);
	webex_url_add_int(path, "max", l->max);
	return start(c, "/team/memberships", l, path, NULL, WEBEX_KIND_TEAM_MEMBERSHIP, done,
		     arg);
}

uint64_t webex_list_webhooks(struct webex_client *c, const struct webex_list *l,
			     webex_done done, void *arg)
{
	GString *path = g_string_new("/webhooks");

	webex_url_add(path, "ownedBy", l->owned_by_org ? "org" : NULL);
	webex_url_add_int(path, "max", l->max);
	return start(c, "/webhooks", l, path, NULL, WEBEX_KIND_WEBHOOK, done, arg);
}

uint64_t webex_list_messages(struct webex_client *c, const struct webex_list *l,
			     webex_done done, void *arg)
{
	GString *path = g_string_new("/messages");
	const char *problem = NULL;
	char before[TIME_ISO_SIZE];

	if (!l->next && !webex_id_is_sane(l->room_id))
		problem = "not a room's id";
	webex_url_add(path, "roomId", l->room_id);
	webex_url_add(path, "parentId", l->parent_id);
	webex_url_add(path, "mentionedPeople", l->mentioned_me ? "me" : NULL);
	webex_url_add(path, "beforeMessage", l->before_message);
	/* Nobody knows which of the two counts if both are sent (webex-api.md 2.4). */
	if (!l->before_message && l->before_ms > 0) {
		time_format_iso(CLAMP(l->before_ms, TIME_MIN_MS, TIME_MAX_MS), before);
		webex_url_add(path, "before", before);
	}
	webex_url_add_int(path, "max", l->mentioned_me ? MIN(l->max, MENTIONED_MAX) : l->max);
	return start(c, "/messages", l, path, problem, WEBEX_KIND_MESSAGE, done, arg);
}

uint64_t webex_list_direct(struct webex_client *c, const char *email, webex_done done,
			   void *arg)
{
	struct webex_list l = {.next = NULL};
	GString *path = g_string_new("/messages/direct");

	webex_url_add(path, "personEmail", email);
	return start(c, "/messages/direct", &l, path, NULL, WEBEX_KIND_MESSAGE, done, arg);
}
