/* SPDX-License-Identifier: MIT */
/*
 * The .json of a letter as text. It is a file that editors, backups and disks may have changed:
 * whatever it contains becomes a letter that keeps the promises of outbox.h, or no letter.
 * Fields that make no sense are left out; a letter without a destination is sent by moving it
 * somewhere.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "base/timefmt.h"
#include "outbox/internal.h"
#include "webex/id.h"
#include "webex/text.h"

#define LINE_MAX_BYTES 4096
#define CONTENT_TYPE_MAX 255

static const char *const form_words[] = {
	[LETTER_TEXT] = "text", [LETTER_MARKDOWN] = "markdown", [LETTER_JSON] = "json",
	[LETTER_FILE] = "file", [LETTER_SUBMIT] = "submit",
};
/* Stands before the word of the form of an edit, which is a text or Markdown. */
#define EDIT "edit-"
#define N_EDIT_FORMS (LETTER_MARKDOWN + 1)

static const char *const state_words[] = {
	[OUTBOX_SENDING] = "sending",
	[OUTBOX_UNSENT] = "unsent",
	[OUTBOX_IN_DOUBT] = "in-doubt",
};

void outbox_note_clear(struct outbox_note *note)
{
	g_free(note->name);
	g_free(note->reason);
	g_free(note->words);
	g_free(note->tracking_id);
	memset(note, 0, sizeof(*note));
}

/* ---- printing ---- */

static void put_string(GString *out, const char *key, const char *value)
{
	_cleanup_gfree_ char *quoted = value ? webex_json_quote(value) : NULL;

	if (quoted)
		g_string_append_printf(out, ",\n  \"%s\": %s", key, quoted);
}

static void put_int(GString *out, const char *key, int64_t value)
{
	if (value)
		g_string_append_printf(out, ",\n  \"%s\": %" G_GINT64_FORMAT, key, value);
}

GString *outbox_note_print(const struct outbox_letter *l, const struct outbox_note *note)
{
	GString *out = g_string_new(NULL);
	char written[TIME_ISO_SIZE];

	time_format_iso(note->began_ms, written);
	g_string_append_printf(out, "{\n  \"state\": \"%s\"", state_words[note->state]);
	put_string(out, "reason", note->reason);
	put_string(out, "error", note->error ? g_strerror(-note->error) : NULL);
	put_string(out, "server", note->words);
	put_string(out, "trackingId", note->tracking_id);
	put_string(out, "place", l->to.place);
	put_string(out, "thread", l->to.thread);
	put_string(out, "written", written);
	put_string(out, "writer", l->comm);
	put_int(out, "writerPid", l->pid);
	g_string_append_printf(out, ",\n  \"form\": \"%s%s\"", l->is_edit ? EDIT : "",
			       form_words[l->form]);
	put_string(out, "roomId", l->to.room_id);
	put_string(out, "toPersonEmail", l->to.email);
	put_string(out, "parentId", l->to.parent_id);
	put_string(out, "messageId", l->to.message_id);
	put_string(out, "fileName", l->filename);
	put_string(out, "contentType", l->content_type);
	put_string(out, "text", l->text);
	put_string(out, "markdown", l->markdown);
	put_int(out, "modifiedMs", l->mtime_ms);
	put_int(out, "writtenMs", note->began_ms);
	put_int(out, "errno", -note->error);
	put_string(out, "name", note->name);
	put_int(out, "underWay", note->is_under_way ? 1 : 0);
	put_int(out, "replaces", note->state == OUTBOX_SENDING ? l->replaces : 0);
	g_string_append(out, "\n}\n");
	return out;
}

/* ---- parsing ---- */

static int find_word(const char *const *words, size_t n_words, const char *word)
{
	for (size_t i = 0; word && i < n_words; i++) {
		if (strcmp(words[i], word) == 0)
			return (int)i;
	}
	return -EBADMSG;
}

/* A field as one line, owned; NULL if it is absent. */
static char *get_line(const char *json, const char *key)
{
	char *text = webex_json_get_string(json, key);

	if (text)
		text[webex_text_cut(text, strlen(text), LINE_MAX_BYTES)] = '\0';
	return text;
}

static char *get_id(const char *json, const char *key)
{
	_cleanup_gfree_ char *id = webex_json_get_string(json, key);

	return id && webex_id_is_sane(id) ? steal_ptr(&id) : NULL;
}

static char *get_address(const char *json, const char *key)
{
	_cleanup_gfree_ char *email = webex_json_get_string(json, key);

	return email && name_is_address(email) ? steal_ptr(&email) : NULL;
}

/* A field made a file name if it is none. */
static char *get_file_name(const char *json, const char *key)
{
	_cleanup_gfree_ char *name = webex_json_get_string(json, key);

	if (name && strlen(name) <= NAME_MAX_BYTES && !strchr(name, '/'))
		return steal_ptr(&name);
	return name ? name_from_file(name, NAME_MAX_BYTES) : NULL;
}

static char *get_content_type(const char *json, const char *key)
{
	_cleanup_gfree_ char *type = webex_json_get_string(json, key);

	if (!type || strlen(type) > CONTENT_TYPE_MAX)
		return NULL;
	for (const char *p = type; *p; p++) {
		if (*p < ' ' || *p > '~')
			return NULL;
	}
	return steal_ptr(&type);
}

/* The name in unsent/. */
static char *get_item_name(const char *json, const char *key)
{
	_cleanup_gfree_ char *name = webex_json_get_string(json, key);
	_cleanup_gfree_ char *clean = name ? name_from_title(name, OUTBOX_ITEM_NAME_MAX) : NULL;

	if (!name || strcmp(clean, name) != 0 || g_str_has_suffix(name, OUTBOX_WHY_SUFFIX))
		return NULL;
	return steal_ptr(&name);
}

static void parse_destination(const char *json, bool is_edit, struct destination *to)
{
	to->room_id = get_id(json, "roomId");
	to->email = get_address(json, "toPersonEmail");
	to->parent_id = get_id(json, "parentId");
	to->message_id = get_id(json, "messageId");
	to->place = get_line(json, "place");
	to->thread = to->parent_id ? get_line(json, "thread") : NULL;
	/* It cannot be told which destination is meant, or what was to be edited. */
	if ((to->room_id && to->email) || (is_edit && !to->message_id)) {
		g_clear_pointer(&to->room_id, g_free);
		g_clear_pointer(&to->email, g_free);
	}
}

static void parse_letter(const char *json, struct outbox_letter *l)
{
	parse_destination(json, l->is_edit, &l->to);
	l->filename = get_file_name(json, "fileName");
	if (l->form == LETTER_FILE && !l->filename)
		l->filename = g_strdup("recovered");
	l->content_type = get_content_type(json, "contentType");
	l->text = webex_json_get_string(json, "text");
	l->markdown = l->text ? NULL : webex_json_get_string(json, "markdown");
	l->mtime_ms = CLAMP(webex_json_get_int(json, "modifiedMs", 0), 0, TIME_MAX_MS);
	l->comm = get_line(json, "writer");
	l->pid = (pid_t)CLAMP(webex_json_get_int(json, "writerPid", 0), 0, INT_MAX);
	l->replaces = MAX(webex_json_get_int(json, "replaces", 0), 0);
}

static void parse_note(const char *json, struct outbox_note *note)
{
	note->name = get_item_name(json, "name");
	note->reason = get_line(json, "reason");
	note->words = get_line(json, "server");
	note->tracking_id = get_line(json, "trackingId");
	note->began_ms =
		CLAMP(webex_json_get_int(json, "writtenMs", 0), TIME_MIN_MS, TIME_MAX_MS);
	note->error = (int)-CLAMP(webex_json_get_int(json, "errno", 0), 0, 4095);
}

int outbox_note_parse(const char *json, struct outbox_letter **ret_letter,
		      struct outbox_note *ret_note)
{
	_cleanup_gfree_ char *form_word = webex_json_get_string(json, "form");
	_cleanup_gfree_ char *state_word = webex_json_get_string(json, "state");
	bool is_edit = form_word && g_str_has_prefix(form_word, EDIT);
	int form = find_word(form_words, is_edit ? N_EDIT_FORMS : G_N_ELEMENTS(form_words),
			     is_edit ? form_word + strlen(EDIT) : form_word);
	int state = find_word(state_words, G_N_ELEMENTS(state_words), state_word);

	if (form < 0 || state < 0)
		return -EBADMSG;
	*ret_letter = outbox_letter_new((enum letter_form)form);
	(*ret_letter)->is_edit = is_edit;
	parse_letter(json, *ret_letter);
	memset(ret_note, 0, sizeof(*ret_note));
	ret_note->state = (enum outbox_state)state;
	/* It was still on the wire when the note was written. */
	if (ret_note->state == OUTBOX_IN_DOUBT && webex_json_get_int(json, "underWay", 0) == 1)
		ret_note->state = OUTBOX_SENDING;
	parse_note(json, ret_note);
	return 0;
}
