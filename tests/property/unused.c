/* SPDX-License-Identifier: MIT */
/*
 * The rest of webex/api.h, which nothing here calls: linked so that the real one is not, with libcurl and its thread.
 */
#include <glib.h>

#include "webex/api.h"

#define UNUSED_CALL(name, ...)                                                                 \
	uint64_t name(__VA_ARGS__)                                                             \
	{                                                                                      \
		g_error("nothing here calls " #name);                                          \
	}

/* clang-format off */
UNUSED_CALL(webex_probe, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED int timeout_ms,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_get_me, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_find_person, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *email,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_list_direct, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *email,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_create_room, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *title,
	    G_GNUC_UNUSED const char *team_id, G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_update_room, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *room_id,
	    G_GNUC_UNUSED const char *body, G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_delete_room, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *room_id,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_create_membership, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *room_id,
	    G_GNUC_UNUSED const char *email, G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_update_membership, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *id,
	    G_GNUC_UNUSED const char *body, G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_delete_membership, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *id,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
/* clang-format on */

char *webex_team_name_body(G_GNUC_UNUSED const char *name)
{
	g_error("nothing here renames");
}

/* clang-format off */
UNUSED_CALL(webex_list_teams, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const struct webex_list *l,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_list_team_memberships, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const struct webex_list *l,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_get_team, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *id,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_create_team, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *name, G_GNUC_UNUSED const char *team_id,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_update_team, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *id, G_GNUC_UNUSED const char *body,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_delete_team, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *id,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_get_team_membership, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *id,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_create_team_membership, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *team_id, G_GNUC_UNUSED const char *email,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_update_team_membership, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *id, G_GNUC_UNUSED const char *body,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_delete_team_membership, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *id,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
/* clang-format on */

char *webex_room_title_body(G_GNUC_UNUSED const char *title)
{
	g_error("nothing here renames");
}

void webex_resume(G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED uint64_t id)
{
}

bool webex_cut(G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED uint64_t id)
{
	return false;
}

bool webex_withdraw(G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED uint64_t id)
{
	return false;
}

/* clang-format off */
/* webhooks/ */
UNUSED_CALL(webex_list_webhooks, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const struct webex_list *l,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_get_webhook, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *id,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_create_webhook, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *body,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_update_webhook, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *id,
	    G_GNUC_UNUSED const char *body, G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_delete_webhook, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *id,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_delete_message, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *id,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_request, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const struct webex_request *r,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_submit_card, G_GNUC_UNUSED struct webex_client *c,
	    G_GNUC_UNUSED const char *message_id, G_GNUC_UNUSED const char *inputs,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_edit_message, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *id,
	    G_GNUC_UNUSED const char *room_id, G_GNUC_UNUSED const char *text, G_GNUC_UNUSED const char *markdown,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_post_message, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const struct webex_post *p,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_get_content, G_GNUC_UNUSED struct webex_client *c,
	    G_GNUC_UNUSED const struct webex_download *d, G_GNUC_UNUSED webex_done done,
	    G_GNUC_UNUSED void *arg)
UNUSED_CALL(webex_head_content, G_GNUC_UNUSED struct webex_client *c, G_GNUC_UNUSED const char *url,
	    G_GNUC_UNUSED webex_done done, G_GNUC_UNUSED void *arg)
/* clang-format on */
