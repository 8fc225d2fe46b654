/* SPDX-License-Identifier: MIT */
/* The .json of a letter: a file that anything may have happened to. */
#include <glib.h>

#include "base/timefmt.h"
#include "outbox/internal.h"
#include "fuzz.h"
#include "webex/id.h"

static void check_id(const char *id)
{
	fuzz_check(!id || webex_id_is_sane(id));
}

static void check_letter(const struct outbox_letter *l)
{
	check_id(l->to.room_id);
	check_id(l->to.parent_id);
	check_id(l->to.message_id);
	fuzz_check(!l->to.room_id || !l->to.email);
	fuzz_check(!l->to.email || name_is_address(l->to.email));
	fuzz_check(l->form != LETTER_FILE || l->filename);
	fuzz_check(!l->is_edit || l->to.message_id || (!l->to.room_id && !l->to.email));
	fuzz_check(!l->text || !l->markdown);
	fuzz_check(!l->filename ||
		   (strlen(l->filename) <= NAME_MAX_BYTES && !strchr(l->filename, '/')));
	fuzz_check(!l->content_type || !strpbrk(l->content_type, "\r\n"));
	fuzz_check(l->pid >= 0 && l->replaces >= 0 && l->fd == -1 && !l->body);
}

static void check_note(const struct outbox_note *note)
{
	fuzz_check(!note->name ||
		   (*note->name && *note->name != '.' && !strchr(note->name, '/') &&
		    strlen(note->name) + strlen(OUTBOX_WHY_SUFFIX) <= NAME_MAX_BYTES &&
		    g_utf8_validate(note->name, -1, NULL)));
	fuzz_check(note->error <= 0 && note->began_ms >= TIME_MIN_MS &&
		   note->began_ms <= TIME_MAX_MS);
}

/* What was understood is said in the same words again. */
static void check_again(const struct outbox_letter *l, const struct outbox_note *note)
{
	struct outbox_letter *again = NULL;
	struct outbox_note same = {0};
	GString *text = outbox_note_print(l, note);

	fuzz_check(outbox_note_parse(text->str, &again, &same) == 0);
	fuzz_check(again->form == l->form && same.state == note->state);
	fuzz_check(g_strcmp0(again->to.room_id, l->to.room_id) == 0);
	fuzz_check(g_strcmp0(again->to.email, l->to.email) == 0);
	fuzz_check(g_strcmp0(again->filename, l->filename) == 0);
	fuzz_check(g_strcmp0(again->text, l->text) == 0);
	fuzz_check(g_strcmp0(same.name, note->name) == 0);
	outbox_letter_free(again);
	outbox_note_clear(&same);
	g_string_free(text, TRUE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outbox_letter *l = NULL;
	struct outbox_note note = {0};
	char *text = fuzz_text(data, size);

	if (outbox_note_parse(text, &l, &note) == 0) {
		check_letter(l);
		check_note(&note);
		check_again(l, &note);
		outbox_letter_free(l);
		outbox_note_clear(&note);
	}
	free(text);
	return 0;
}
