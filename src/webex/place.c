/* SPDX-License-Identifier: MIT */
/* The calls of each type of room. A file of its own, so that a test can have others. */
#include "webex/api.h"

const struct webex_place *webex_place(enum webex_room_type type)
{
	static const struct webex_place space = {
		.get = webex_get_room,
		.create = webex_create_room,
		.update = webex_update_room,
		.remove = webex_delete_room,
		.title_body = webex_room_title_body,
		.list_members = webex_list_memberships,
		.get_member = webex_get_membership,
		.invite = webex_create_membership,
		.update_member = webex_update_membership,
		.remove_member = webex_delete_membership,
	};
	static const struct webex_place team = {
		.get = webex_get_team,
		.create = webex_create_team,
		.update = webex_update_team,
		.remove = webex_delete_team,
		.title_body = webex_team_name_body,
		.list_members = webex_list_team_memberships,
		.get_member = webex_get_team_membership,
		.invite = webex_create_team_membership,
		.update_member = webex_update_team_membership,
		.remove_member = webex_delete_team_membership,
	};

	return type == WEBEX_ROOM_TEAM ? &team : &space;
}
