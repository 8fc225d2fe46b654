/* SPDX-License-Identifier: MIT */
#include "outbox/letter.h"

#include <glib.h>
#include <unistd.h>

#include "outbox/local_file.h"

struct outbox_letter *outbox_letter_new(enum outbox_form form)
{
	struct outbox_letter *l = g_new0(struct outbox_letter, 1);

	l->form = form;
	l->fd = -1;
	return l;
}

void outbox_letter_free(struct outbox_letter *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	g_free(l->room_id);
	g_free(l->email);
	g_free(l->parent_id);
	g_free(l->message_id);
	g_free(l->base);
	g_free(l->place);
	g_free(l->body);
	letter_local_free(l->local);
	g_free(l->filename);
	g_free(l->content_type);
	g_free(l->text);
	g_free(l->markdown);
	g_free(l->comm);
	g_free(l);
}
