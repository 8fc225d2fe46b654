/* SPDX-License-Identifier: MIT */
/*
 * What was written into .submit.json becomes the inputs to send:
 *
 *     JSON -> each key: an input's value, the button, or a part of a button's `data`
 *          -> the buttons that send all of it -> one, or several that send the same
 *          -> each input of that one is checked -> the object
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/card_parts.h"
#include "webex/text.h"

#define REASON_BYTES 500
#define NAME_BYTES 80
#define NAMES_SHOWN 12

struct submit {
	struct card_form form;
	cJSON *doc;	   /* owned; what was written */
	char *chosen;	   /* owned; the button by its title or id; NULL: none is named */
	GPtrArray *extras; /* of const cJSON: what was written of a button's `data`; owned */
	GString *reason;
};

G_GNUC_PRINTF(2, 3) static int refuse(struct submit *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	g_string_vprintf(s->reason, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int refuse_key(struct submit *s, const char *key, const char *what)
{
	_cleanup_gfree_ char *shown = webex_text_line(key, NAME_BYTES);

	return refuse(s, "\"%s\": %s", shown, what);
}

/* ---- names for a person ---- */

static void append_name(GString *out, const char *name, guint i)
{
	_cleanup_gfree_ char *shown = webex_text_line(name, NAME_BYTES);

	if (i == NAMES_SHOWN)
		g_string_append(out, ", ...");
	if (i < NAMES_SHOWN)
		g_string_append_printf(out, "%s\"%s\"", i ? ", " : "", shown);
}

static int refuse_unknown(struct submit *s, const char *key)
{
	refuse_key(s, key,
		   s->form.inputs->len ? "the card has no such input, but "
				       : "the card has no inputs");
	for (guint i = 0; i < s->form.inputs->len && i <= NAMES_SHOWN; i++)
		append_name(s->reason, ((struct card_input *)s->form.inputs->pdata[i])->id, i);
	return -EINVAL;
}

static int refuse_button(struct submit *s, const char *why)
{
	refuse(s, "\"" CARD_SUBMIT_KEY "\": %s", why);
	for (guint i = 0; i < s->form.buttons->len && i <= NAMES_SHOWN; i++)
		append_name(s->reason, ((struct card_button *)s->form.buttons->pdata[i])->title,
			    i);
	return -EINVAL;
}

/* ---- what was written ---- */

/* True if there is a button with this in its `data`. */
static bool is_of_data(const struct submit *s, const char *key)
{
	for (guint i = 0; i < s->form.buttons->len; i++) {
		const struct card_button *b = s->form.buttons->pdata[i];

		if (b->data && cJSON_HasObjectItem(b->data, key) && json_get(b->data, key))
			return true;
	}
	return false;
}

/* Several choices as the API wants them; NULL: not all of them are texts. Owned. */
static char *join_choices(const cJSON *array)
{
	GString *out = g_string_new(NULL);

	for (const cJSON *e = array->child; e; e = e->next) {
		_cleanup_gfree_ char *word = card_value_word(e);

		if (!word) {
			g_string_free(out, TRUE);
			return NULL;
		}
		g_string_append_printf(out, "%s%s", e == array->child ? "" : ",", word);
	}
	return g_string_free(out, FALSE);
}

static char *written_word(const struct card_input *i, const cJSON *value)
{
	char *word;

	if (json_is_string(value))
		return g_strdup(value->valuestring);
	if (i->type == CARD_TOGGLE && cJSON_IsBool(value))
		return card_toggle_word(i->element, cJSON_IsTrue(value));
	if (i->type == CARD_CHOICES && json_is_array(value) && card_is_multiple(i->element))
		return join_choices(value);
	word = card_value_word(value);
	return word;
}

static int take_member(struct submit *s, const cJSON *item)
{
	struct card_input *i = g_hash_table_lookup(s->form.by_id, item->string);

	if (i && cJSON_IsNull(item))
		return 0;
	if (i) {
		i->written = written_word(i, item);
		return i->written ? 0
				  : refuse_key(s, i->id,
					       i->type == CARD_CHOICES &&
							       card_is_multiple(i->element)
						       ? "must be texts"
						       : "must be a text");
	}
	if (strcmp(item->string, CARD_SUBMIT_KEY) == 0) {
		if (!json_is_string(item) && !cJSON_IsNull(item))
			return refuse_key(s, item->string, "must be the name of a button");
		s->chosen = card_value_word(item);
		return 0;
	}
	if (!is_of_data(s, item->string))
		return refuse_unknown(s, item->string);
	if (!cJSON_IsNull(item))
		g_ptr_array_add(s->extras, (void *)item);
	return 0;
}

static int take_written(struct submit *s, const char *json, size_t len)
{
	GHashTable *seen;
	size_t line, column;
	int r = 0;

	if (!g_utf8_validate(json, (gssize)len, NULL))
		return refuse(s, "not UTF-8");
	s->doc = json_parse(json, len);
	if (!s->doc) {
		json_find_fault(json, len, &line, &column);
		return refuse(s, "line %zu, column %zu: no JSON", line, column);
	}
	if (!json_is_object(s->doc))
		return refuse(s, "not a JSON object of the card's inputs");
	seen = g_hash_table_new(g_str_hash, g_str_equal);
	for (const cJSON *item = s->doc->child; item && r == 0; item = item->next)
		r = g_hash_table_add(seen, item->string)
			    ? take_member(s, item)
			    : refuse_key(s, item->string, "is there twice");
	g_hash_table_destroy(seen);
	return r;
}

/* ---- the button ---- */

static const char *value_of(const struct card_input *i)
{
	return i->written ? i->written : i->initial;
}

static bool is_same_value(const cJSON *a, const cJSON *b)
{
	_cleanup_gfree_ char *left = card_value_word(a);
	_cleanup_gfree_ char *right = card_value_word(b);

	if (left || right)
		return g_strcmp0(left, right) == 0;
	left = a ? json_compact(a) : NULL;
	right = b ? json_compact(b) : NULL;
	return g_strcmp0(left, right) == 0;
}

static bool is_called(const struct card_button *b, const char *name)
{
	return strcmp(b->title, name) == 0 || g_strcmp0(b->id, name) == 0;
}

/* True if the button sends all that was written. */
static bool sends_all(const struct submit *s, const struct card_button *b)
{
	for (guint i = 0; i < s->extras->len; i++) {
		const cJSON *extra = s->extras->pdata[i];

		if (!is_same_value(extra, json_get(b->data, extra->string)))
			return false;
	}
	for (guint i = 0; i < s->form.inputs->len; i++) {
		const struct card_input *input = s->form.inputs->pdata[i];

		if (input->written && strcmp(input->written, input->initial) != 0 &&
		    !card_form_sends(&s->form, b, input))
			return false;
	}
	return true;
}

static void append_member(GString *out, const char *key)
{
	if (out->len > 1)
		g_string_append_c(out, ',');
	json_append_string(out, key);
	g_string_append_c(out, ':');
}

/* What the button sends; owned. `b` NULL: the card has none. */
static char *make_inputs(const struct submit *s, const struct card_button *b)
{
	GString *out = g_string_new("{");

	for (const cJSON *d = b && b->data ? b->data->child : NULL; d; d = d->next) {
		const struct card_input *i = g_hash_table_lookup(s->form.by_id, d->string);
		_cleanup_gfree_ char *value = NULL;

		if (i && card_form_sends(&s->form, b, i))
			continue;
		value = json_compact(d);
		append_member(out, d->string);
		g_string_append(out, value);
	}
	for (guint n = 0; n < s->form.inputs->len; n++) {
		const struct card_input *i = s->form.inputs->pdata[n];

		if (!card_form_sends(&s->form, b, i) || (!i->written && !*i->initial))
			continue;
		append_member(out, i->id);
		json_append_string(out, value_of(i));
	}
	g_string_append_c(out, '}');
	return g_string_free(out, FALSE);
}

/* Finds what is to be sent: that of the only button that can be meant, or of several that send the same. */
static int choose(struct submit *s, const struct card_button **ret_button, char **ret_inputs)
{
	const struct card_button *found = NULL;
	_cleanup_gfree_ char *inputs = NULL;
	bool is_name_known = false;

	for (guint i = 0; i < s->form.buttons->len; i++) {
		const struct card_button *b = s->form.buttons->pdata[i];
		_cleanup_gfree_ char *other = NULL;

		if (s->chosen && !is_called(b, s->chosen))
			continue;
		is_name_known = true;
		if (!sends_all(s, b))
			continue;
		other = make_inputs(s, b);
		if (found && strcmp(inputs, other) != 0)
			return refuse_button(
				s, s->chosen ? "several buttons are called so, which send "
					       "different things; name it by its id: "
					     : "must say which button is meant: ");
		if (!found)
			inputs = steal_ptr(&other);
		found = b;
	}
	if (s->chosen && !is_name_known)
		return refuse_button(s, "the card has no such button, but ");
	if (s->form.buttons->len && !found)
		return refuse_button(s, "no button sends all that is written; the card has ");
	*ret_button = found;
	*ret_inputs = found ? steal_ptr(&inputs) : make_inputs(s, NULL);
	return 0;
}

static int check_inputs(struct submit *s, const struct card_button *b)
{
	for (guint n = 0; n < s->form.inputs->len; n++) {
		const struct card_input *i = s->form.inputs->pdata[n];
		_cleanup_gfree_ char *wrong = NULL, *words = NULL;

		if (!card_form_sends(&s->form, b, i))
			continue;
		wrong = card_input_check(i, value_of(i));
		if (!wrong)
			continue;
		refuse_key(s, i->id, wrong);
		words = card_word(i->element, "errorMessage");
		if (words)
			g_string_append_printf(s->reason, "; the card says: %s", words);
		return -EINVAL;
	}
	return 0;
}

int webex_card_submit(const char *attachments, const char *json, size_t len, char **ret_inputs,
		      char **ret_reason)
{
	struct submit s = {.extras = g_ptr_array_new(), .reason = g_string_new(NULL)};
	const struct card_button *button = NULL;
	_cleanup_gfree_ char *inputs = NULL;
	int r = card_form_read(attachments, &s.form) ? 0
						     : refuse(&s, "the message has no card");

	if (r == 0)
		r = take_written(&s, json, len);
	if (r == 0)
		r = choose(&s, &button, &inputs);
	if (r == 0)
		r = check_inputs(&s, button);
	if (r == 0)
		*ret_inputs = steal_ptr(&inputs);
	else
		*ret_reason = webex_text_line(s.reason->str, REASON_BYTES);
	card_form_clear(&s.form);
	cJSON_Delete(s.doc);
	g_free(s.chosen);
	g_ptr_array_unref(s.extras);
	g_string_free(s.reason, TRUE);
	return r;
}
