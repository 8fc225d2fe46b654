/* SPDX-License-Identifier: MIT */
/*
 * The texts of the demo company, as tables. Constant data.
 */
#pragma once

#include <stddef.h>

enum seed_room {
	ROOM_BUOY,
	ROOM_NEWS,
	ROOM_FIELD, /* the team's General room */
	ROOM_VISITS,
	ROOM_LUNCH_A,
	ROOM_LUNCH_B,
	ROOM_DESIGN,
	ROOM_PORT,
	ROOM_FIRMWARE,
	ROOM_SUPPORT,
	ROOM_READING,
	ROOM_GROUPS, /* number of group rooms */
	DIRECT_ALICE_BOB = ROOM_GROUPS,
	DIRECT_ALICE_CAROL,
	DIRECT_ALICE_DAVE,
	DIRECT_ALICE_ADMIN,
	DIRECT_ALICE_BOT,
	DIRECT_BOB_CAROL,
	ROOM_COUNT
};

enum seed_kind {
	SAY,	  /* text */
	MARKDOWN, /* text is markdown */
	REPLY,	  /* text, in the thread of the room's last root */
	REPLY_MD, /* the same with markdown */
	EDITED,	  /* text, edited later */
	FROM_APP, /* html without markdown, as the Webex apps post */
	FILE_PDF, /* with the attachment named in `file` */
	FILE_PNG,
	FILE_TEXT,
	CARD
};

/* Sent `days` ago at `at` (hh:mm UTC); with days 0, `at` is minutes ago. */
struct seed_line {
	enum seed_room room;
	int days;
	const char *at;
	const char *who;
	enum seed_kind kind;
	const char *text;
	const char *file;
};

struct seed_person {
	const char *uuid, *email, *name, *title, *department, *status;
};

extern const struct seed_person seed_people[];
extern const size_t seed_people_n;
extern const struct seed_line seed_lines[];
extern const size_t seed_lines_n;
extern const char *const seed_pdf_lines[];
extern const char seed_notes[], seed_series[];
extern const char seed_log_old[], seed_log_new[];
extern const char seed_card[];
