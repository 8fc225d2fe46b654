/* SPDX-License-Identifier: MIT */
/*
 * The table of the namespace (design 2). A new kind of file is a new row here (and a number in
 * ino.h).
 */
#include <string.h>

#include "tree/internal.h"

#define DIR_RO (S_IFDIR | 0555)
#define DIR_RW (S_IFDIR | 0755)
#define FILE_RO (S_IFREG | 0444)
#define FILE_RW (S_IFREG | 0644)
#define LINK (S_IFLNK | 0777)

/* clang-format off */
static const struct tree_row rows[] = {
	{ TREE_ROOT, "root", TREE_NONE, NULL, DIR_RO, 0, .lookup = root_lookup },
	{ TREE_SPACES, "spaces", TREE_ROOT, "spaces", DIR_RW, ROW_LISTED,
	  .lookup = spaces_lookup, .opendir = spaces_opendir, .readdir = spaces_readdir },
	{ TREE_DIRECT, "direct", TREE_ROOT, "direct", DIR_RO, ROW_LISTED, .attr = direct_attr,
	  .lookup = direct_lookup, .opendir = spaces_opendir, .readdir = spaces_readdir },
	{ TREE_PEOPLE, "people", TREE_ROOT, "people", DIR_RO, ROW_LISTED,
	  .lookup = people_lookup, .readdir = people_readdir },
	{ TREE_CONTROL, "control", TREE_ROOT, ".sparkfs", DIR_RO, 0 },
	{ TREE_README, "README", TREE_ROOT, "README", FILE_RO, ROW_LISTED,
	  .attr = tree_attr_by_render, .render = readme_render },

	{ TREE_ME_JSON, "me.json", TREE_PEOPLE, "me.json", FILE_RO, ROW_LISTED,
	  .attr = person_attr, .open = person_open, .render = person_render },
	{ TREE_PERSON, "person", TREE_NONE, NULL, FILE_RO, 0,
	  .attr = person_attr, .open = person_open, .render = person_render },

	{ TREE_STATUS, "status.json", TREE_CONTROL, "status.json", FILE_RO,
	  ROW_LISTED | ROW_VOLATILE | ROW_DIRECT_IO, .attr = tree_attr_by_render, .render = status_render },
	{ TREE_LOG, "log", TREE_CONTROL, "log", FILE_RO,
	  ROW_LISTED | ROW_VOLATILE | ROW_DIRECT_IO, .attr = tree_attr_by_render, .render = log_render },
	{ TREE_LAST_ERROR, "last-error", TREE_CONTROL, "last-error", FILE_RO,
	  ROW_LISTED | ROW_VOLATILE | ROW_DIRECT_IO, .attr = tree_attr_by_render, .render = last_error_render },
	{ TREE_TRANSFERS, "transfers", TREE_CONTROL, "transfers", FILE_RO,
	  ROW_LISTED | ROW_VOLATILE | ROW_DIRECT_IO, .attr = tree_attr_by_render, .render = transfers_render },
	{ TREE_UNSENT, "unsent", TREE_CONTROL, "unsent", DIR_RW, ROW_LISTED | ROW_VOLATILE,
	  .lookup = unsent_lookup, .readdir = unsent_readdir },
	{ TREE_LETTER, "letter", TREE_NONE, NULL, FILE_RW,
	  ROW_VOLATILE | ROW_DIRECT_IO | ROW_SHIFTS, .attr = letter_attr, .render = letter_render },
	{ TREE_LETTER_WHY, "letter.why.json", TREE_NONE, NULL, FILE_RO, ROW_VOLATILE | ROW_DIRECT_IO,
	  .attr = letter_attr, .render = letter_render },
	{ TREE_EVENTS_LINK, "events link", TREE_ROOT, "events", LINK, ROW_LISTED,
	  .attr = events_link_attr, .readlink = events_readlink },
	/* Not listed, because a walker would never reach its end. */
	{ TREE_EVENTS, "events", TREE_CONTROL, "events", FILE_RO, 0 },
	{ TREE_EVENTS_AT, "events@", TREE_NONE, NULL, FILE_RO, 0 },
	{ TREE_VIEWS, "views", TREE_CONTROL, "views", DIR_RO, ROW_LISTED,
	  .lookup = views_lookup, .opendir = spaces_opendir, .readdir = views_readdir },
	{ TREE_VIEW, "view", TREE_NONE, NULL, DIR_RO, 0, .attr = space_attr },
	{ TREE_TRANSCRIPT, "transcript.log", TREE_VIEW, "transcript.log", FILE_RO, ROW_LISTED | ROW_VOLATILE,
	  .attr = transcript_attr, .open = transcript_open },
	{ TREE_HISTORY, "history", TREE_VIEW, "history", DIR_RO, ROW_LISTED, .attr = space_attr,
	  .lookup = history_lookup, .opendir = history_opendir, .readdir = history_readdir },
	{ TREE_TRANSCRIPTS, "transcripts", TREE_VIEW, "transcripts", DIR_RO, ROW_LISTED, .attr = space_attr,
	  .lookup = transcripts_lookup, .opendir = history_opendir, .readdir = transcripts_readdir },
	{ TREE_FILES, "files", TREE_VIEW, "files", DIR_RW, ROW_LISTED, .attr = files_attr,
	  .lookup = files_lookup, .opendir = files_opendir, .readdir = files_readdir },
	{ TREE_FILES_MONTHS, "files-by-month", TREE_VIEW, "files-by-month", DIR_RO, ROW_LISTED, .attr = space_attr,
	  .lookup = history_lookup, .opendir = history_opendir, .readdir = history_readdir },
	{ TREE_MONTH_FILES, "month's files", TREE_NONE, NULL, DIR_RW, 0, .attr = files_attr,
	  .lookup = files_lookup, .opendir = files_opendir, .readdir = files_readdir },
	{ TREE_MONTH, "month", TREE_NONE, NULL, DIR_RW, 0, .attr = month_attr,
	  .lookup = month_lookup, .opendir = month_opendir, .readdir = messages_readdir },
	{ TREE_MONTH_TRANSCRIPT_LINK, "transcript link", TREE_MONTH, "transcript.log", LINK, ROW_LISTED,
	  .attr = month_link_attr, .readlink = month_transcript_readlink },
	{ TREE_MONTH_FILES_LINK, "files link", TREE_MONTH, "files", LINK, ROW_LISTED,
	  .attr = month_link_attr, .readlink = files_readlink },
	{ TREE_MONTH_TRANSCRIPT, "month's transcript", TREE_NONE, NULL, FILE_RO, ROW_VOLATILE,
	  .attr = transcript_attr, .open = transcript_open },

	{ TREE_SPACE, "space", TREE_NONE, NULL, DIR_RW, 0, .attr = space_attr,
	  .lookup = space_lookup, .opendir = space_opendir, .readdir = messages_readdir },
	{ TREE_POST, "post", TREE_SPACE, "post", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE, .attr = post_attr },
	{ TREE_POST_MD, "post.md", TREE_SPACE, "post.md", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE, .attr = post_attr },
	{ TREE_POST_JSON, "post.json", TREE_SPACE, "post.json", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE, .attr = post_attr },
	{ TREE_LAST, "last", TREE_SPACE, "last", LINK, ROW_LISTED | ROW_VOLATILE,
	  .exists = last_exists, .attr = last_attr, .readlink = last_readlink },
	{ TREE_SPACE_JSON, "space.json", TREE_SPACE, "space.json", FILE_RW, ROW_LISTED,
	  .attr = space_json_attr, .open = space_json_open, .render = space_json_render },
	{ TREE_MEMBERS, "members", TREE_SPACE, "members", DIR_RW, ROW_LISTED, .attr = space_attr,
	  .lookup = members_lookup, .opendir = members_opendir, .readdir = members_readdir },
	{ TREE_MEMBER, "member", TREE_NONE, NULL, FILE_RW, 0, .attr = member_attr, .render = member_render },
	{ TREE_TRANSCRIPT_LINK, "transcript link", TREE_SPACE, "transcript.log", LINK, ROW_LISTED,
	  .attr = view_link_attr, .readlink = transcript_readlink },
	{ TREE_HISTORY_LINK, "history link", TREE_SPACE, "history", LINK, ROW_LISTED,
	  .attr = view_link_attr, .readlink = history_readlink },

	{ TREE_FILES_LINK, "files link", TREE_SPACE, "files", LINK, ROW_LISTED,
	  .attr = view_link_attr, .readlink = files_readlink },

	{ TREE_MESSAGE_TXT, "message", TREE_NONE, NULL, FILE_RO, 0, .attr = message_attr, .open = message_open, .render = message_render },
	{ TREE_MESSAGE_MD, "message.md", TREE_NONE, NULL, FILE_RO, 0, .attr = message_attr, .open = message_open, .render = message_render },
	{ TREE_MESSAGE_HTML, "message.html", TREE_NONE, NULL, FILE_RO, 0, .attr = message_attr, .open = message_open, .render = message_render },
	{ TREE_MESSAGE_JSON, "message.json", TREE_NONE, NULL, FILE_RO, 0, .attr = message_attr, .open = message_open, .render = message_render },
	{ TREE_ATTACHMENT, "upload", TREE_NONE, NULL, FILE_RW, ROW_SHIFTS, .attr = upload_attr, .open = upload_open },

	{ TREE_ADDRESS, "address", TREE_NONE, NULL, DIR_RW, 0, .attr = address_attr, .lookup = address_lookup },
	{ TREE_ADDRESS_LINK, "address link", TREE_NONE, NULL, LINK, 0,
	  .attr = address_link_attr, .readlink = address_readlink },
	{ TREE_ADDRESS_POST, "post", TREE_ADDRESS, "post", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE },
	{ TREE_ADDRESS_POST_MD, "post.md", TREE_ADDRESS, "post.md", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE },
	{ TREE_ADDRESS_POST_JSON, "post.json", TREE_ADDRESS, "post.json", FILE_RW, ROW_LISTED | ROW_POST | ROW_VOLATILE },
};
/* clang-format on */

const struct tree_row *tree_row(uint64_t ino)
{
	enum tree_kind kind = tree_ino_kind(ino);

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (rows[i].kind == kind)
			return &rows[i];
	return NULL;
}

const struct tree_row *tree_fixed_child(enum tree_kind parent, const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (rows[i].parent == parent && strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

const struct tree_row *tree_row_at(size_t i)
{
	return i < G_N_ELEMENTS(rows) ? &rows[i] : NULL;
}
