/* SPDX-License-Identifier: MIT */
/* The words of a card as lines of text. Each element is looked at once, and copied once. */
#include <string.h>

#include "base/cleanup.h"
#include "webex/arena.h"
#include "webex/card_parts.h"
#include "webex/text.h"

/* What is unfolded deeper is not indented more, so that a text stays as long as its words. */
#define INDENT_LEVELS 8
#define MARK "[card]\n"
#define BLANK "____"

struct card_text {
	GString *out;
	int indent; /* levels of two spaces */
	int depth;
	bool is_full;
};

static void append_element(struct card_text *t, const cJSON *element);
static void append_actions(struct card_text *t, const cJSON *actions);
static void append_card(struct card_text *t, const cJSON *card);

/* ---- lines ---- */

static void append_indent(struct card_text *t)
{
	for (int i = 0; i < MIN(t->indent, INDENT_LEVELS); i++)
		g_string_append(t->out, "  ");
}

static bool is_blank(const char *words)
{
	while (g_ascii_isspace(*words))
		words++;
	return !*words;
}

/* Appends a line, or several if the words have line ends. Nothing for blank words. */
static void append_line(struct card_text *t, const char *words)
{
	size_t len = strlen(words);

	while (len > 0 && (words[len - 1] == '\n' || words[len - 1] == '\r'))
		len--;
	if (t->is_full || is_blank(words))
		return;
	if (t->out->len + len > CARD_TEXT_MAX) {
		g_string_append(t->out, "[...]\n");
		t->is_full = true;
		return;
	}
	append_indent(t);
	for (const char *p = words, *end = words + len; p < end;) {
		const char *next = memchr(p, '\n', (size_t)(end - p));

		next = next ? next + 1 : end;
		g_string_append_len(t->out, p, next - p);
		if (next < end)
			append_indent(t);
		p = next;
	}
	g_string_append_c(t->out, '\n');
}

static void append_word_line(struct card_text *t, const cJSON *element, const char *key)
{
	_cleanup_gfree_ char *word = card_word(element, key);

	if (word)
		append_line(t, word);
}

/* True if there was something to append. */
static bool append_word(GString *out, const cJSON *element, const char *key)
{
	_cleanup_gfree_ char *word = card_word(element, key);

	if (word)
		g_string_append(out, word);
	return word != NULL;
}

static void append_bracketed(GString *out, const char *what, const cJSON *element,
			     const char *key)
{
	_cleanup_gfree_ char *word = card_word(element, key);

	g_string_append_printf(out, word ? "[%s: %s]" : "[%s]", what, word);
}

/* ---- what has no children ---- */

static void append_runs(GString *out, const cJSON *element)
{
	const cJSON *inlines = json_get(element, "inlines");

	for (const cJSON *run = json_is_array(inlines) ? inlines->child : NULL; run;
	     run = run->next) {
		_cleanup_gfree_ char *word = card_value_word(run);

		if (word)
			g_string_append(out, word);
		else
			append_word(out, run, "text");
	}
}

/* The words of an element that is one line; false for any other. */
static bool append_words(GString *out, const cJSON *element)
{
	if (card_is_type(element, "TextBlock"))
		append_word(out, element, "text");
	else if (card_is_type(element, "RichTextBlock"))
		append_runs(out, element);
	else if (card_is_type(element, "Image"))
		append_bracketed(out, "image", element, "altText");
	else if (card_is_type(element, "Media"))
		append_bracketed(out, "media", element, "altText");
	else
		return false;
	return true;
}

static void append_facts(struct card_text *t, const cJSON *element)
{
	const cJSON *facts = json_get(element, "facts");

	for (const cJSON *fact = json_is_array(facts) ? facts->child : NULL; fact;
	     fact = fact->next) {
		GString *line = g_string_new(NULL);
		bool has_title = append_word(line, fact, "title");
		_cleanup_gfree_ char *value = card_word(fact, "value");

		if (has_title && value)
			g_string_append(line, line->str[line->len - 1] == ':' ? " " : ": ");
		g_string_append(line, value ? value : "");
		append_line(t, line->str);
		g_string_free(line, TRUE);
	}
}

static void append_images(struct card_text *t, const cJSON *element)
{
	const cJSON *images = json_get(element, "images");
	GString *line = g_string_new(NULL);

	for (const cJSON *image = json_is_array(images) ? images->child : NULL; image;
	     image = image->next) {
		g_string_append(line, line->len ? " " : "");
		append_bracketed(line, "image", image, "altText");
	}
	append_line(t, line->str);
	g_string_free(line, TRUE);
}

/* ---- inputs ---- */

/* "Name*", or what else says what the input is. */
static void append_label(GString *line, const cJSON *input)
{
	if (append_word(line, input, "label"))
		g_string_append(line, card_is_true(input, "isRequired") ? "*: " : ": ");
}

/* " (Your name, 1 to 10)" */
static void append_hints(GString *line, const cJSON *input)
{
	_cleanup_gfree_ char *min = card_word(input, "min");
	_cleanup_gfree_ char *max = card_word(input, "max");
	_cleanup_gfree_ char *hint = card_word(input, "placeholder");

	if (!hint && !json_string(input, "label"))
		hint = card_word(input, "id");
	if (!hint && !min && !max)
		return;
	g_string_append_printf(line, " (%s", hint ? hint : "");
	if (hint && (min || max))
		g_string_append(line, ", ");
	if (min && max)
		g_string_append_printf(line, "%s to %s", min, max);
	else if (min || max)
		g_string_append_printf(line, "at %s %s", min ? "least" : "most",
				       min ? min : max);
	g_string_append_c(line, ')');
}

static void append_field(struct card_text *t, const cJSON *input)
{
	GString *line = g_string_new(NULL);

	append_label(line, input);
	if (!append_word(line, input, "value"))
		g_string_append(line, BLANK);
	append_hints(line, input);
	append_line(t, line->str);
	g_string_free(line, TRUE);
}

static void append_toggle(struct card_text *t, const cJSON *input)
{
	_cleanup_gfree_ char *value = card_word(input, "value");
	_cleanup_gfree_ char *on = card_toggle_word(input, true);
	GString *line = g_string_new(NULL);

	append_label(line, input);
	g_string_append(line, value && strcmp(value, on) == 0 ? "[x] " : "[ ] ");
	if (!append_word(line, input, "title"))
		append_word(line, input, "id");
	append_line(t, line->str);
	g_string_free(line, TRUE);
}

/* The values that are chosen at the beginning. The keys are owned. */
static GHashTable *chosen_of(const cJSON *input)
{
	GHashTable *chosen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	char *value = card_word(input, "value");

	if (value && card_is_multiple(input)) {
		char **each = g_strsplit(value, ",", -1);

		for (char **v = each; *v; v++)
			g_hash_table_add(chosen, g_strdup(g_strstrip(*v)));
		g_strfreev(each);
		g_free(value);
	} else if (value) {
		g_hash_table_add(chosen, value);
	}
	return chosen;
}

static void append_choice(struct card_text *t, const cJSON *choice, bool is_multiple,
			  GHashTable *chosen)
{
	_cleanup_gfree_ char *value = card_word(choice, "value");
	bool is_chosen = value && g_hash_table_contains(chosen, value);
	GString *line = g_string_new(is_multiple ? is_chosen ? "[x] " : "[ ] "
				     : is_chosen ? "(x) "
						 : "( ) ");

	if (append_word(line, choice, "title") || value)
		g_string_append(line, line->len > 4 ? "" : value);
	append_line(t, line->str);
	g_string_free(line, TRUE);
}

static void append_choices(struct card_text *t, const cJSON *input)
{
	const cJSON *choices = json_get(input, "choices");
	bool is_multiple = card_is_multiple(input);
	GHashTable *chosen;
	GString *line;

	if (!json_is_array(choices) || !choices->child) {
		append_field(t, input);
		return;
	}
	line = g_string_new(NULL);
	if (!append_word(line, input, "label") && !append_word(line, input, "placeholder"))
		append_word(line, input, "id");
	g_string_append(line, card_is_true(input, "isRequired") ? "*:" : ":");
	append_line(t, line->len > 1 ? line->str : "");
	g_string_free(line, TRUE);
	chosen = chosen_of(input);
	t->indent++;
	for (const cJSON *choice = choices->child; choice && !t->is_full; choice = choice->next)
		append_choice(t, choice, is_multiple, chosen);
	t->indent--;
	g_hash_table_destroy(chosen);
}

static bool append_input(struct card_text *t, const cJSON *element)
{
	enum card_input_type type;

	if (!card_input_type_of(element, &type))
		return false;
	if (type == CARD_TOGGLE)
		append_toggle(t, element);
	else if (type == CARD_CHOICES)
		append_choices(t, element);
	else
		append_field(t, element);
	return true;
}

/* ---- actions ---- */

/* "[Take it]", "[Manual: https://...]" */
static void append_button(GString *line, const cJSON *action)
{
	_cleanup_gfree_ char *title = card_word(action, "title");
	_cleanup_gfree_ char *url = card_word(action, "url");
	const char *word = title					   ? title
			   : !url && card_is_type(action, "Action.Submit") ? "Submit"
									   : NULL;

	if (!word && !url)
		return;
	g_string_append_printf(line, "%s[%s%s%s]", line->len ? " " : "", word ? word : "",
			       word && url ? ": " : "", url ? url : "");
}

/* A button that unfolds a card, which stands below it. */
static void append_unfolding(struct card_text *t, const cJSON *action, const cJSON *card)
{
	GString *line = g_string_new(NULL);

	append_button(line, action);
	append_line(t, line->str);
	g_string_free(line, TRUE);
	t->indent++;
	append_card(t, card);
	t->indent--;
}

static void append_actions(struct card_text *t, const cJSON *actions)
{
	const cJSON *list = json_is_array(actions) ? actions->child : NULL;
	GString *line = g_string_new(NULL);

	for (const cJSON *action = list; action; action = action->next)
		if (!json_is_object(json_get(action, "card")))
			append_button(line, action);
	append_line(t, line->str);
	g_string_free(line, TRUE);
	for (const cJSON *action = list; action && !t->is_full; action = action->next) {
		const cJSON *card = json_get(action, "card");

		if (json_is_object(card))
			append_unfolding(t, action, card);
	}
}

static void append_select(struct card_text *t, const cJSON *element)
{
	const cJSON *action = json_get(element, "selectAction");
	GString *line;

	if (!json_is_object(action))
		return;
	line = g_string_new(NULL);
	append_button(line, action);
	append_line(t, line->str);
	g_string_free(line, TRUE);
}

/* ---- what has children ---- */

static void append_list(struct card_text *t, const cJSON *list)
{
	for (const cJSON *e = json_is_array(list) ? list->child : NULL; e && !t->is_full;
	     e = e->next)
		append_element(t, e);
}

/* The only element of a column or cell, if it is short enough to stand beside others; else NULL.
 * *ret_ok: false if it has more than that. */
static const cJSON *short_of(const cJSON *column, bool *ret_ok)
{
	const cJSON *items = json_get(column, "items");
	const cJSON *only = json_is_array(items) ? items->child : NULL;

	*ret_ok = !only ||
		  (!only->next && !json_get(only, "selectAction") &&
		   (card_is_type(only, "TextBlock") || card_is_type(only, "Image") ||
		    card_is_type(only, "RichTextBlock")) &&
		   (!json_string(only, "text") || !strchr(json_string(only, "text"), '\n')));
	*ret_ok &= !json_get(column, "selectAction");
	return only;
}

static bool are_short(const cJSON *columns)
{
	bool ok = true;

	for (const cJSON *c = columns->child; c && ok; c = c->next)
		short_of(c, &ok);
	return ok;
}

/* Columns of one word each beside each other; longer ones below each other. */
static void append_row(struct card_text *t, const cJSON *columns)
{
	GString *line;
	bool ok;

	if (!json_is_array(columns))
		return;
	if (!are_short(columns)) {
		append_list(t, columns);
		return;
	}
	line = g_string_new(NULL);
	for (const cJSON *c = columns->child; c; c = c->next) {
		size_t len = line->len;

		if (len)
			g_string_append(line, " | ");
		if (!append_words(line, short_of(c, &ok)))
			g_string_truncate(line, len);
	}
	append_line(t, line->str);
	g_string_free(line, TRUE);
}

static void append_table(struct card_text *t, const cJSON *element)
{
	const cJSON *rows = json_get(element, "rows");

	for (const cJSON *row = json_is_array(rows) ? rows->child : NULL; row && !t->is_full;
	     row = row->next)
		append_row(t, json_get(row, "cells"));
}

/* An element that nobody knew: what it says itself to be shown instead, else the words at the places
 * where elements have them. */
static void append_unknown(struct card_text *t, const cJSON *element)
{
	static const char *const words[] = {"title",   "label",	      "text",
					    "altText", "placeholder", "value"};
	static const char *const lists[] = {"body", "items", "columns",
					    "rows", "cells", "pages"};
	const cJSON *fallback = json_get(element, "fallback");

	if (json_is_object(fallback)) {
		append_element(t, fallback);
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		append_word_line(t, element, words[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		append_list(t, json_get(element, lists[i]));
	append_facts(t, element);
	append_images(t, element);
	append_actions(t, json_get(element, "actions"));
}

static void append_known(struct card_text *t, const cJSON *element)
{
	if (append_input(t, element))
		return;
	if (card_is_type(element, "FactSet"))
		append_facts(t, element);
	else if (card_is_type(element, "ImageSet"))
		append_images(t, element);
	else if (card_is_type(element, "ColumnSet"))
		append_row(t, json_get(element, "columns"));
	else if (card_is_type(element, "Table"))
		append_table(t, element);
	else if (card_is_type(element, "ActionSet"))
		append_actions(t, json_get(element, "actions"));
	else if (card_is_type(element, "Container") || card_is_type(element, "Column") ||
		 card_is_type(element, "TableCell"))
		append_list(t, json_get(element, "items"));
	else
		append_unknown(t, element);
}

static void append_element(struct card_text *t, const cJSON *element)
{
	GString *words;

	if (t->depth >= CARD_DEPTH_MAX) {
		append_line(t, "[...]");
		return;
	}
	t->depth++;
	words = g_string_new(NULL);
	if (append_words(words, element))
		append_line(t, words->str);
	else if (json_is_object(element))
		append_known(t, element);
	else
		append_line(t, json_is_string(element) ? element->valuestring : "");
	g_string_free(words, TRUE);
	append_select(t, element);
	t->depth--;
}

static void append_card(struct card_text *t, const cJSON *card)
{
	if (t->depth >= CARD_DEPTH_MAX) {
		append_line(t, "[...]");
		return;
	}
	t->depth++;
	append_list(t, json_get(card, "body"));
	append_actions(t, json_get(card, "actions"));
	append_select(t, card);
	t->depth--;
}

/* ---- the message ---- */

/* Shown too where the card is shown, since it may say more; but nothing is said twice. */
static void append_fallback(struct card_text *t, const cJSON *card, const char *beside)
{
	_cleanup_gfree_ char *words = card_word(card, "fallbackText");

	if (words && !strstr(beside, words) && !strstr(t->out->str, words))
		append_line(t, words);
}

void webex_card_text(const char *attachments, size_t from, GString *out)
{
	struct card_text t = {.out = g_string_new(NULL)};
	cJSON *doc;
	size_t mark;
	int n = 0;

	json_arena_begin();
	doc = card_parse(attachments);
	for (const cJSON *a = json_is_array(doc) ? doc->child : NULL; a && !t.is_full;
	     a = a->next) {
		const cJSON *card = card_of(a);

		if (++n > CARD_CARDS_MAX) {
			append_line(&t, "[...]");
			break;
		}
		mark = t.out->len;
		g_string_append(t.out, MARK);
		if (card)
			append_card(&t, card);
		append_fallback(&t, card, out->str + from);
		/* The text says all that there is. */
		if (t.out->len == mark + strlen(MARK) && out->len > from)
			g_string_truncate(t.out, mark);
	}
	cJSON_Delete(doc);
	json_arena_end();
	/* It is there, and cannot be read. */
	if (attachments && !t.out->len && out->len == from)
		g_string_append(t.out, MARK);
	webex_text_clean(t.out->str, out);
	g_string_free(t.out, TRUE);
}
