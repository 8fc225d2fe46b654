/* SPDX-License-Identifier: MIT */
/*
 * The cards of a message (Adaptive Cards, webex-api.md 6.6): their words as text, the card as JSON, and
 * the form that its inputs are. `attachments` is that of struct webex_message and may be NULL.
 *
 * A card is somebody else's and may be anything: what is nested deeper than CARD_DEPTH_MAX elements is
 * left out, of longer texts than CARD_TEXT_MAX the rest, of more buttons than CARD_BUTTONS_MAX the last,
 * and the text has the first CARD_CARDS_MAX cards (the API takes one a message);
 * values of another type than the schema's count as the text that they look like, or as absent. All
 * functions take linear time. Pure; any thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define CARD_DEPTH_MAX 40
#define CARD_TEXT_MAX ((size_t)256 << 10)
#define CARD_BUTTONS_MAX 64
#define CARD_CARDS_MAX 10

/* The key in .submit.json that says which button is pressed, where the card has several. */
#define CARD_SUBMIT_KEY "@submit"

/* True if there is at least one card. */
bool webex_card_is_any(const char *attachments);

/*
 * Appends for each card the line "[card]" and its words below, in the order in which a card shows them,
 * fit for a terminal (webex_text_clean) and with a newline at the end: texts and facts a line each, short
 * columns beside each other, inputs with their label and default, choices with a mark at the chosen ones,
 * buttons in brackets, what a button unfolds indented below it. `from`: where in `out` the text of the
 * message begins; the card's text for programs that show no cards is left out where that has it.
 * One without words, or that is no card, gives "[card]" alone, and nothing beside a text.
 */
void webex_card_text(const char *attachments, size_t from, GString *out);

/* The card as JSON (2 spaces, a newline at the end); of several an array of all. Owned; NULL: no card. */
char *webex_card_json(const char *attachments);

/*
 * ---- the form ----
 *
 * The inputs of a card by their ids. A value is a string, as the API wants it: of several choices those
 * chosen, with commas between; of a toggle what the card calls on and off. A button sends the inputs of
 * the card that it is on, and of those around that, with its own `data` beside them (an input has
 * precedence). One id twice: the first input counts.
 */

/* What .submit.json reads as: an object of each input with its default, and CARD_SUBMIT_KEY with "" if
 * several buttons would send different things. Owned; NULL: no card. */
char *webex_card_inputs(const char *attachments);
/* True if the card has an input or a button that sends. */
bool webex_card_is_form(const char *attachments);

/*
 * Checks what a person wrote into .submit.json. 0: *ret_inputs is the object to send, owned. An input
 * that is left out or null has its default, and is not sent if that is nothing. The button is the one
 * that CARD_SUBMIT_KEY calls by its title or id, that has what was written in its `data`, or the only
 * one that sends all that was written. -EINVAL: no JSON object, an id that the card does not have, a
 * value that its input does not take, a required one without a value, or none or several buttons.
 * *ret_reason: one line that names the place; owned.
 */
int webex_card_submit(const char *attachments, const char *json, size_t len, char **ret_inputs,
		      char **ret_reason);
