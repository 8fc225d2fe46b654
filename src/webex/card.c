/* SPDX-License-Identifier: MIT */
#include "webex/card.h"

#include <string.h>

#include "base/cleanup.h"
#include "webex/arena.h"
#include "webex/card_parts.h"

cJSON *card_parse(const char *attachments)
{
	return attachments ? json_parse(attachments, strlen(attachments)) : NULL;
}

const cJSON *card_of(const cJSON *attachment)
{
	const cJSON *content = json_get(attachment, "content");

	return json_is_object(content) ? content : NULL;
}

char *card_value_word(const cJSON *value)
{
	if (json_is_string(value))
		return value->valuestring[0] ? g_strdup(value->valuestring) : NULL;
	if (value && (cJSON_IsNumber(value) || cJSON_IsBool(value)))
		return json_compact(value);
	return NULL;
}

char *card_word(const cJSON *element, const char *key)
{
	return card_value_word(json_get(element, key));
}

bool card_is_type(const cJSON *element, const char *type)
{
	const char *is = json_string(element, "type");

	return is && g_ascii_strcasecmp(is, type) == 0;
}

bool card_is_true(const cJSON *element, const char *key)
{
	return json_is_true(json_get(element, key), NULL);
}

bool card_knows_type(const cJSON *element)
{
	static const char *const known[] = {
		"TextBlock",	   "RichTextBlock",
		"Image",	   "ImageSet",
		"Media",	   "FactSet",
		"Container",	   "ColumnSet",
		"Column",	   "Table",
		"TableRow",	   "TableCell",
		"ActionSet",	   "AdaptiveCard",
		"Input.Text",	   "Input.Date",
		"Input.Time",	   "Input.Number",
		"Input.Toggle",	   "Input.ChoiceSet",
		"TextRun",	   "Action.Submit",
		"Action.Execute",  "Action.OpenUrl",
		"Action.ShowCard", "Action.ToggleVisibility",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (card_is_type(element, known[i]))
			return true;
	return false;
}

bool card_input_type_of(const cJSON *element, enum card_input_type *ret_type)
{
	static const char *const types[] = {
		[CARD_TEXT] = "Input.Text",	[CARD_NUMBER] = "Input.Number",
		[CARD_DATE] = "Input.Date",	[CARD_TIME] = "Input.Time",
		[CARD_TOGGLE] = "Input.Toggle", [CARD_CHOICES] = "Input.ChoiceSet"};

	for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
		if (card_is_type(element, types[i])) {
			*ret_type = (enum card_input_type)i;
			return true;
		}
	}
	return false;
}

bool card_is_multiple(const cJSON *element)
{
	return card_is_true(element, "isMultiSelect");
}

char *card_toggle_word(const cJSON *element, bool is_on)
{
	char *word = card_word(element, is_on ? "valueOn" : "valueOff");

	return word ? word : g_strdup(is_on ? "true" : "false");
}

static bool is_any(const cJSON *doc)
{
	for (const cJSON *a = json_is_array(doc) ? doc->child : NULL; a; a = a->next)
		if (card_of(a))
			return true;
	return false;
}

bool webex_card_is_any(const char *attachments)
{
	bool is;

	json_arena_begin();
	cJSON *doc = card_parse(attachments);
	is = is_any(doc);
	cJSON_Delete(doc);
	json_arena_end();
	return is;
}

/* Prints each card as it stands alone, or at `depth` in an array. */
static void append_cards(const cJSON *doc, int depth, GString *out)
{
	bool is_first = true;

	for (const cJSON *a = doc->child; a; a = a->next) {
		const cJSON *card = card_of(a);

		if (!card)
			continue;
		if (!is_first)
			g_string_append_c(out, ',');
		if (depth)
			g_string_append(out, "\n  ");
		is_first = false;
		json_append_pretty(out, card, depth);
	}
}

static int count_cards(const cJSON *doc)
{
	int n = 0;

	for (const cJSON *a = json_is_array(doc) ? doc->child : NULL; a; a = a->next)
		n += card_of(a) != NULL;
	return n;
}

char *webex_card_json(const char *attachments)
{
	_cleanup_json_ cJSON *doc = card_parse(attachments);
	int n = count_cards(doc);
	GString *out;

	if (n == 0 || !doc)
		return NULL;
	out = g_string_new(NULL);
	if (n > 1)
		g_string_append_c(out, '[');
	append_cards(doc, n > 1, out);
	if (n > 1)
		g_string_append(out, "\n]");
	g_string_append_c(out, '\n');
	return g_string_free(out, FALSE);
}
