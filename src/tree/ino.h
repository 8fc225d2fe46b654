/* SPDX-License-Identifier: MIT */
/*
 * Node ids: rowid << 8 | kind; the root is 1 (design 3). The numbers of the kinds never change,
 * because people's tar snapshots hold node ids. A node id is below 2^53 for every rowid below
 * 2^45.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum tree_kind {
	TREE_NONE = 0,
	TREE_ROOT = 1,
	TREE_SPACES = 2,
	TREE_DIRECT = 3,
	TREE_PEOPLE = 4,
	TREE_CONTROL = 5, /* .sparkfs */
	TREE_VIEWS = 6,
	TREE_UNSENT = 7,
	TREE_STATUS = 8,
	TREE_LOG = 9,
	TREE_LAST_ERROR = 10,
	TREE_ME_JSON = 11,

	/* row: room */
	TREE_SPACE = 16,
	TREE_POST = 17,
	TREE_POST_MD = 18,
	TREE_POST_JSON = 19,
	TREE_LAST = 20,
	TREE_SPACE_JSON = 21,
	TREE_MEMBERS = 22,
	TREE_TRANSCRIPT_LINK = 23,
	TREE_VIEW = 24,
	TREE_TRANSCRIPT = 25,

	/* row: message */
	TREE_MESSAGE_TXT = 32,
	TREE_MESSAGE_MD = 33,
	TREE_MESSAGE_HTML = 34,
	TREE_MESSAGE_JSON = 35,

	TREE_MEMBER = 40, /* row: membership */
	TREE_PERSON = 44, /* row: person */

	/* row: node of (kind, address) */
	TREE_ADDRESS = 48, /* direct/<e-mail>, never written to */
	TREE_ADDRESS_LINK = 49,
	TREE_ADDRESS_POST = 50,
	TREE_ADDRESS_POST_MD = 51,
	TREE_ADDRESS_POST_JSON = 52,

	TREE_ATTACHMENT =
		56, /* row: content (from store_new_rowid while it is being written) */

	/* row: number of the letter */
	TREE_LETTER = 60,
	TREE_LETTER_WHY = 61,

	/* row: room, as 16 to 25 */
	TREE_HISTORY_LINK = 62, /* spaces/X/history */
	TREE_HISTORY = 63,	/* .sparkfs/views/<row>/history */
	TREE_TRANSCRIPTS = 64,	/* .sparkfs/views/<row>/transcripts: of the months */

	/* row: node of (65, "<row of the room>/<YYYY-MM>") */
	TREE_MONTH = 65,
	TREE_MONTH_TRANSCRIPT_LINK = 66, /* history/<YYYY-MM>/transcript.log */
	TREE_MONTH_TRANSCRIPT = 67,	 /* transcripts/<YYYY-MM>.log */

	TREE_EVENTS = 68,    /* .sparkfs/events */
	TREE_EVENTS_AT = 69, /* events@<cursor>; row: the cursor */
	TREE_EVENTS_LINK = 70,

	/* row: room */
	TREE_FILES_LINK = 71,	/* spaces/X/files */
	TREE_FILES = 72,	/* .sparkfs/views/<row>/files */
	TREE_FILES_MONTHS = 73, /* .sparkfs/views/<row>/files-by-month */

	/* row: as 65 */
	TREE_MONTH_FILES_LINK = 74, /* history/<YYYY-MM>/files */
	TREE_MONTH_FILES = 75,	    /* files-by-month/<YYYY-MM> */

	TREE_TRANSFERS = 76, /* .sparkfs/transfers */
	TREE_README = 77,    /* README */

	TREE_ARCHIVE = 80, /* .sparkfs/archive */
	TREE_ARCHIVE_SPACES = 81,
	TREE_ARCHIVE_DIRECT = 82,

	/* row: room */
	TREE_ARCHIVE_LINK = 83,	 /* spaces/X/archive */
	TREE_ARCHIVE_SPACE = 84, /* .sparkfs/archive/spaces/X */
	TREE_ARCHIVE_SPACE_JSON = 85,
	TREE_ARCHIVE_MEMBERS_JSON = 86,

	/* row: as 65 */
	TREE_ARCHIVE_MONTH = 87,
	TREE_ARCHIVE_TRANSCRIPT = 88,
	TREE_ARCHIVE_FILES = 89,

	/* row: message */
	TREE_ARCHIVE_TXT = 90,
	TREE_ARCHIVE_JSON = 91,

	TREE_ARCHIVE_FILE = 92, /* row: content */

	TREE_LATER = 93, /* a name that is told later; row: a number of counted.h */

	/* row: room */
	TREE_THREADS_LINK = 94, /* spaces/X/threads */
	TREE_THREADS = 95,	/* .sparkfs/views/<row>/threads */
	TREE_THREAD_VIEWS = 96, /* .sparkfs/views/<row>/by-thread */

	/* row: thread */
	TREE_THREAD = 97, /* threads/<stem of its root> */
	TREE_THREAD_POST = 98,
	TREE_THREAD_POST_MD = 99,
	TREE_THREAD_POST_JSON = 100,
	TREE_THREAD_LAST = 101,
	TREE_THREAD_TRANSCRIPT_LINK = 102, /* threads/<stem>/transcript.log */
	TREE_THREAD_TRANSCRIPT = 103,	   /* by-thread/<stem>.log */
	TREE_THREAD_FILES_LINK = 104,	   /* threads/<stem>/files */
	TREE_THREAD_FILES = 105,	   /* by-thread/<stem> */

	TREE_THREAD_OF_REPLY = 106, /* threads/<stem of a reply>, a link; row: message */

	/* row: as 65 */
	TREE_MONTH_THREADS_LINK = 107, /* history/<YYYY-MM>/threads */
	TREE_MONTH_THREADS = 108,      /* threads-by-month/<YYYY-MM> */
	TREE_THREADS_MONTHS = 109,     /* .sparkfs/views/<row>/threads-by-month; row: room */

	TREE_MENTIONS_LINK = 110,     /* spaces/X/mentions; row: room */
	TREE_MENTIONS = 111,	      /* .sparkfs/views/<row>/mentions; row: room */
	TREE_ALL_MENTIONS_LINK = 112, /* mentions */
	TREE_ALL_MENTIONS = 113,      /* .sparkfs/mentions */
	TREE_MENTION = 114,	      /* a link in it; row: message */

	/* row: message */
	TREE_MESSAGE_CARD = 118,   /* .card.json */
	TREE_MESSAGE_SUBMIT = 119, /* .submit.json */

	TREE_TEAMS = 122, /* teams */

	/* row: room, a team */
	TREE_TEAM = 123,
	TREE_TEAM_JSON = 124,
	TREE_TEAM_MEMBERS = 125, /* in it: TREE_MEMBER */
	TREE_TEAM_SPACES = 126,
	TREE_TEAM_SPACE = 127, /* teams/T/spaces/X, a link; row: room, the space */

	TREE_WEBHOOKS = 140,
	TREE_WEBHOOK = 141, /* row: webhook */

	TREE_API_LINK = 144,  /* api */
	TREE_API = 145,	      /* .sparkfs/api */
	TREE_API_SHOWN = 146, /* a known path; row: its number among those */

	/* row: a number of counted.h */
	TREE_API_DIR = 147,
	TREE_API_JSON = 148,
	TREE_API_BYTES = 149,

	TREE_API_REQUEST = 150, /* .sparkfs/request */

	TREE_LAST_ANSWER = 156, /* .sparkfs/last-answer */
};

#define TREE_ROOT_INO 1

static inline uint64_t tree_ino(enum tree_kind kind, int64_t row)
{
	return (uint64_t)row << 8 | (uint64_t)kind;
}

static inline enum tree_kind tree_ino_kind(uint64_t ino)
{
	return (enum tree_kind)(ino & 0xff);
}

/* True for the directory of a month's messages and for that of its files. */
static inline bool tree_is_month(uint64_t ino)
{
	return tree_ino_kind(ino) == TREE_MONTH || tree_ino_kind(ino) == TREE_MONTH_FILES;
}

/* The directory of a space or, if it is one, of a team. */
static inline uint64_t tree_room_ino(bool is_team, int64_t row)
{
	return tree_ino(is_team ? TREE_TEAM : TREE_SPACE, row);
}

static inline int64_t tree_ino_row(uint64_t ino)
{
	return (int64_t)(ino >> 8);
}
