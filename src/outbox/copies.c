/* SPDX-License-Identifier: MIT */
/*
 * `mv report.pdf SPACE/` failed, and is made again with success. What the first try left in
 * unsent/ is at the server then: the same file, under the same name, in the same place. It goes,
 * since somebody who finds it there would send it a second time. A letter that is in doubt stays,
 * because the file may be at the server twice.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "outbox/internal.h"
#include "webex/id.h"

static bool is_same_thread(const char *a, const char *b)
{
	return !a || !b ? a == b : webex_id_is_same(a, b);
}

static bool is_same_letter(const struct outbox_letter *a, const struct outbox_letter *b)
{
	return b->form == LETTER_FILE && destination_is_same(&a->to, &b->to) &&
	       is_same_thread(a->to.parent_id, b->to.parent_id) &&
	       g_strcmp0(a->filename, b->filename) == 0 && g_strcmp0(a->text, b->text) == 0 &&
	       g_strcmp0(a->markdown, b->markdown) == 0;
}

static bool is_copy(struct outbox *o, int64_t n, const struct outbox_letter *l)
{
	struct outbox_letter *other = NULL;
	struct outbox_note note = {0};
	_cleanup_close_ int fd = -1;
	bool is = outbox_files_get(o, n, &other, &note, NULL) == 0 &&
		  note.state == OUTBOX_UNSENT && is_same_letter(l, other) &&
		  outbox_files_open_body(o, n, &fd) == 0 && fd_is_same(fd, l->fd);

	outbox_letter_free(other);
	outbox_note_clear(&note);
	return is;
}

void outbox_copies_remove(struct letter_job *job)
{
	const struct outbox_letter *l = job->letter;
	g_autoptr(GArray) all = NULL;

	if (l->form != LETTER_FILE)
		return;
	all = outbox_items_of_size(job->o, l->size, job->note.n);
	job->copies = g_array_new(FALSE, FALSE, sizeof(int64_t));
	for (guint i = 0; i < all->len; i++) {
		int64_t n = g_array_index(all, int64_t, i);

		/* Held, so that nobody sends it meanwhile. */
		if (n == l->replaces || !is_copy(job->o, n, l) || outbox_item_hold(job->o, n))
			continue;
		if (outbox_files_remove(job->o, n) == 0)
			g_array_append_val(job->copies, n);
		else
			outbox_item_release(job->o, n);
	}
}

void outbox_copies_drop(struct letter_job *job)
{
	for (guint i = 0; job->copies && i < job->copies->len; i++)
		outbox_item_drop(job->o, g_array_index(job->copies, int64_t, i));
	if (job->copies)
		g_array_unref(job->copies);
	job->copies = NULL;
}
