/* SPDX-License-Identifier: MIT */
/* What the files of a card share: how its JSON is looked at, and the form in it. Internal to webex. */
#pragma once

#include "webex/card.h"
#include "webex/json.h"

/* The document with the cards; NULL: no attachments. Freed by cJSON_Delete. */
cJSON *card_parse(const char *attachments);
/* The card of an attachment; NULL: it has none. */
const cJSON *card_of(const cJSON *attachment);

/* A member as text: a string, or a number or Boolean that was written without quotes; NULL if it is
 * anything else or empty. Owned. */
char *card_word(const cJSON *element, const char *key);
/* The same of a value. */
char *card_value_word(const cJSON *value);
bool card_is_type(const cJSON *element, const char *type);
/* True for the types of the schema 1.3 and the later ones that are shown here. */
bool card_knows_type(const cJSON *element);
/* True if the member is true in either form. */
bool card_is_true(const cJSON *element, const char *key);

enum card_input_type {
	CARD_TEXT,
	CARD_NUMBER,
	CARD_DATE,
	CARD_TIME,
	CARD_TOGGLE,
	CARD_CHOICES,
};

/* True for an input; its type. */
bool card_input_type_of(const cJSON *element, enum card_input_type *ret_type);
/* True if several of the choices can be chosen. */
bool card_is_multiple(const cJSON *element);
/* What the toggle sends when it is on; off. Owned. */
char *card_toggle_word(const cJSON *element, bool is_on);

/* The borrowed parts are the document's. */
struct card_input {
	enum card_input_type type;
	const cJSON *element; /* borrowed */
	char *id;	      /* owned */
	char *initial;	      /* what it sends if nobody touches it; owned, never NULL */
	int scope;	      /* of the card that it is on */
	/* card_submit.c: what was written; owned; NULL: nothing */
	char *written;
};

struct card_button {
	const cJSON *data; /* borrowed; NULL: none */
	char *title, *id;  /* owned; id may be NULL */
	int scope;
	bool is_bare; /* it sends no inputs */
};

struct card_form {
	cJSON *doc;	    /* owned */
	GPtrArray *inputs;  /* of struct card_input; owned */
	GHashTable *by_id;  /* of the same; the keys are theirs */
	GPtrArray *buttons; /* of struct card_button; owned */
	GArray *parents;    /* of int, by scope: the scope around it; -1: none */
};

/* False: no card. The caller clears it in any case. */
bool card_form_read(const char *attachments, struct card_form *ret_form);
void card_form_clear(struct card_form *f);
/* True if the button sends the input. NULL: the card has no button. */
bool card_form_sends(const struct card_form *f, const struct card_button *b,
		     const struct card_input *i);
/* True if two of the buttons send different things. */
bool card_form_has_choice(const struct card_form *f);

/* 0 if the input takes the value; else the reason, owned: what is wrong, without the id. "" is taken by each
 * that is not required. */
char *card_input_check(const struct card_input *i, const char *value);
