/* SPDX-License-Identifier: MIT */
/*
 * The fields of the API's objects as tables (webex-api.md 5.2 to 5.4): one row a field, in the
 * order in which they are printed. Reading and printing share them, so that what is printed can
 * always be read back. Internal to webex; pure, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "webex/model.h"

enum webex_field_type {
	WEBEX_FIELD_STRING,    /* char *, cut at `max` bytes */
	WEBEX_FIELD_TITLE,     /* char *, never NULL */
	WEBEX_FIELD_NAME,      /* char *, absent if too long, since half an address is another
			        * address */
	WEBEX_FIELD_ID,	       /* char *, sane or absent */
	WEBEX_FIELD_BOOL,      /* bool, always printed */
	WEBEX_FIELD_FLAG,      /* bool, printed if true */
	WEBEX_FIELD_TIME,      /* int64_t ms */
	WEBEX_FIELD_ROOM_TYPE, /* enum webex_room_type */
	WEBEX_FIELD_URLS,      /* char ** */
	WEBEX_FIELD_ARRAY,     /* char *, JSON text */
	WEBEX_FIELD_OBJECT,    /* char *, JSON text */
	WEBEX_FIELD_IGNORED,   /* known, and neither kept nor printed */
};

struct webex_field {
	const char *name;
	enum webex_field_type type;
	size_t offset;
	size_t max;
};

/* The table of the kind, ended by a NULL name. Persons and webhooks have none: they are kept as text. */
const struct webex_field *webex_fields(enum webex_kind kind);
/* The row of that name, or NULL. */
const struct webex_field *webex_field_find(const struct webex_field *fields, const char *name);
/* Where the kind's struct keeps `extra`, and its size. */
size_t webex_extra_offset(enum webex_kind kind);
size_t webex_kind_size(enum webex_kind kind);

#define WEBEX_TITLE_MAX 4096
#define WEBEX_TEXT_MAX (256 * 1024)
#define WEBEX_VALUE_MAX (256 * 1024)
#define WEBEX_URL_MAX 4096
#define WEBEX_ADDRESS_MAX 320
#define WEBEX_FILES_MAX 64
#define WEBEX_ITEMS_MAX 10000

/* Visible ASCII of at most WEBEX_URL_MAX bytes. */
bool webex_url_is_clean(const char *url);

/* The object as JSON with a newline; for any kind that has a table. Owned. */
char *webex_fields_print(enum webex_kind kind, const void *object);
