/* SPDX-License-Identifier: MIT */
/* The form in a card: its inputs, and the buttons that send them. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/card_parts.h"

/* ---- inputs ---- */

/* What the input sends if nobody touches it. What it does not take itself is nothing. */
static char *initial_of(const struct card_input *i)
{
	char *value = card_word(i->element, "value");
	char *wrong;

	if (!value)
		return i->type == CARD_TOGGLE ? card_toggle_word(i->element, false)
					      : g_strdup("");
	if (i->type == CARD_TEXT)
		return value;
	wrong = card_input_check(i, value);
	if (!wrong)
		return value;
	g_free(wrong);
	g_free(value);
	return i->type == CARD_TOGGLE ? card_toggle_word(i->element, false) : g_strdup("");
}

static void input_free(void *arg)
{
	struct card_input *i = arg;

	g_free(i->id);
	g_free(i->initial);
	g_free(i->written);
	g_free(i);
}

static void button_free(void *arg)
{
	struct card_button *b = arg;

	g_free(b->title);
	g_free(b->id);
	g_free(b);
}

/* ---- walking through the card ---- */

struct walk {
	struct card_form *form;
	int scope, depth;
};

static void walk_element(struct walk *w, const cJSON *element);
static void walk_card(struct walk *w, const cJSON *card);

static void add_input(struct walk *w, const cJSON *element, enum card_input_type type)
{
	struct card_form *f = w->form;
	struct card_input *i;
	char *id = card_word(element, "id");

	if (!id || g_hash_table_contains(f->by_id, id)) {
		g_free(id);
		return;
	}
	i = g_new0(struct card_input, 1);
	i->type = type;
	i->element = element;
	i->id = id;
	i->scope = w->scope;
	i->initial = initial_of(i);
	g_ptr_array_add(f->inputs, i);
	g_hash_table_insert(f->by_id, i->id, i);
}

static void add_button(struct walk *w, const cJSON *action)
{
	const cJSON *data = json_get(action, "data");
	struct card_button *b;
	_cleanup_gfree_ char *sends = NULL;

	if (w->form->buttons->len >= CARD_BUTTONS_MAX)
		return;
	b = g_new0(struct card_button, 1);
	b->data = json_is_object(data) ? data : NULL;
	b->title = card_word(action, "title");
	b->id = card_word(action, "id");
	b->scope = w->scope;
	sends = card_word(action, "associatedInputs");
	b->is_bare = sends && g_ascii_strcasecmp(sends, "none") == 0;
	if (!b->title)
		b->title = g_strdup("Submit");
	g_ptr_array_add(w->form->buttons, b);
}

static void walk_action(struct walk *w, const cJSON *action)
{
	const cJSON *card = json_get(action, "card");

	if (card_is_type(action, "Action.Submit") || card_is_type(action, "Action.Execute"))
		add_button(w, action);
	else if (json_is_object(card))
		walk_card(w, card);
}

static void walk_list(struct walk *w, const cJSON *list,
		      void (*fn)(struct walk *w, const cJSON *element))
{
	for (const cJSON *e = json_is_array(list) ? list->child : NULL; e; e = e->next)
		fn(w, e);
}

/* The same places at which card_text.c finds words. */
static void walk_children(struct walk *w, const cJSON *element)
{
	static const char *const lists[] = {"body", "items", "columns",
					    "rows", "cells", "pages"};
	const cJSON *fallback = json_get(element, "fallback");

	if (json_is_object(fallback) && !card_knows_type(element)) {
		walk_element(w, fallback);
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		walk_list(w, json_get(element, lists[i]), walk_element);
	walk_list(w, json_get(element, "actions"), walk_action);
}

static void walk_element(struct walk *w, const cJSON *element)
{
	enum card_input_type type;

	if (!json_is_object(element) || w->depth >= CARD_DEPTH_MAX)
		return;
	w->depth++;
	if (card_input_type_of(element, &type))
		add_input(w, element, type);
	else
		walk_children(w, element);
	walk_action(w, json_get(element, "selectAction"));
	w->depth--;
}

static void walk_card(struct walk *w, const cJSON *card)
{
	int around = w->scope;

	if (w->depth >= CARD_DEPTH_MAX)
		return;
	w->depth++;
	g_array_append_val(w->form->parents, around);
	w->scope = (int)w->form->parents->len - 1;
	walk_list(w, json_get(card, "body"), walk_element);
	walk_list(w, json_get(card, "actions"), walk_action);
	walk_action(w, json_get(card, "selectAction"));
	w->scope = around;
	w->depth--;
}

bool card_form_read(const char *attachments, struct card_form *ret_form)
{
	struct card_form f = {
		.doc = card_parse(attachments),
		.inputs = g_ptr_array_new_with_free_func(input_free),
		.by_id = g_hash_table_new(g_str_hash, g_str_equal),
		.buttons = g_ptr_array_new_with_free_func(button_free),
		.parents = g_array_new(FALSE, FALSE, sizeof(int)),
	};
	struct walk w = {.form = &f, .scope = -1};

	for (const cJSON *a = json_is_array(f.doc) ? f.doc->child : NULL; a; a = a->next)
		if (card_of(a))
			walk_card(&w, card_of(a));
	*ret_form = f;
	return f.parents->len > 0;
}

void card_form_clear(struct card_form *f)
{
	g_hash_table_destroy(f->by_id);
	g_ptr_array_unref(f->inputs);
	g_ptr_array_unref(f->buttons);
	g_array_unref(f->parents);
	cJSON_Delete(f->doc);
	memset(f, 0, sizeof(*f));
}

bool card_form_sends(const struct card_form *f, const struct card_button *b,
		     const struct card_input *i)
{
	if (!b)
		return true;
	if (b->is_bare)
		return false;
	/* At most as many steps as cards can be nested. */
	for (int scope = b->scope; scope >= 0; scope = g_array_index(f->parents, int, scope))
		if (scope == i->scope)
			return true;
	return false;
}

bool card_form_has_choice(const struct card_form *f)
{
	const struct card_button *first = f->buttons->len > 1 ? f->buttons->pdata[0] : NULL;
	_cleanup_gfree_ char *data = NULL;

	if (!first)
		return false;
	data = first->data ? json_compact(first->data) : g_strdup("");
	for (guint i = 1; i < f->buttons->len; i++) {
		const struct card_button *b = f->buttons->pdata[i];
		_cleanup_gfree_ char *other = b->data ? json_compact(b->data) : g_strdup("");

		if (strcmp(data, other) != 0 || b->is_bare != first->is_bare ||
		    (b->scope != first->scope && f->inputs->len > 0))
			return true;
	}
	return false;
}

/* ---- what .submit.json shows ---- */

static void append_member(GString *out, const char *key, const char *value)
{
	g_string_append(out, out->len > 1 ? ",\n  " : "\n  ");
	json_append_string(out, key);
	g_string_append(out, ": ");
	json_append_string(out, value);
}

char *webex_card_inputs(const char *attachments)
{
	struct card_form f;
	GString *out = NULL;

	if (card_form_read(attachments, &f)) {
		out = g_string_new("{");
		for (guint i = 0; i < f.inputs->len; i++) {
			const struct card_input *input = f.inputs->pdata[i];

			append_member(out, input->id, input->initial);
		}
		if (card_form_has_choice(&f) &&
		    !g_hash_table_contains(f.by_id, CARD_SUBMIT_KEY))
			append_member(out, CARD_SUBMIT_KEY, "");
		g_string_append(out, out->len > 1 ? "\n}\n" : "}\n");
	}
	card_form_clear(&f);
	return out ? g_string_free(out, FALSE) : NULL;
}

bool webex_card_is_form(const char *attachments)
{
	struct card_form f;
	bool is = card_form_read(attachments, &f) && (f.inputs->len || f.buttons->len);

	card_form_clear(&f);
	return is;
}
