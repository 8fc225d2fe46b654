/* SPDX-License-Identifier: MIT */
#include "outbox/letter.h"

#include <glib.h>
#include <unistd.h>

#include "outbox/local_file.h"
#include "webex/render.h"

struct destination destination_copy(const struct destination *d)
{
	return (struct destination){
		.room = d->room,
		.room_id = g_strdup(d->room_id),
		.email = g_strdup(d->email),
		.parent_id = g_strdup(d->parent_id),
		.message_id = g_strdup(d->message_id),
		.place = g_strdup(d->place),
		.thread = g_strdup(d->thread),
	};
}

struct destination steal_destination(struct destination *d)
{
	struct destination stolen = *d;

	*d = (struct destination){0};
	return stolen;
}

void destination_clear(struct destination *d)
{
	g_free(d->room_id);
	g_free(d->email);
	g_free(d->parent_id);
	g_free(d->message_id);
	g_free(d->place);
	g_free(d->thread);
	*d = (struct destination){0};
}

bool destination_is_known(const struct destination *d)
{
	return !d->room_id != !d->email;
}

bool destination_is_same(const struct destination *a, const struct destination *b)
{
	return g_strcmp0(a->room_id, b->room_id) == 0 && g_strcmp0(a->email, b->email) == 0;
}

char *destination_name(const struct destination *d)
{
	const char *place = d->place ? d->place : d->email ? d->email : "an unknown place";

	return d->thread ? g_strconcat(place, "/threads/", d->thread, NULL) : g_strdup(place);
}

bool letter_form_is_json(enum letter_form form)
{
	return form == LETTER_JSON || form == LETTER_SUBMIT;
}

char *letter_form_render(enum letter_form form, const struct webex_message *m)
{
	GString *text = g_string_new(NULL);

	(form == LETTER_MARKDOWN ? webex_render_md : webex_render_txt)(m, text);
	return g_string_free(text, FALSE);
}

struct outbox_letter *outbox_letter_new(enum letter_form form)
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
	destination_clear(&l->to);
	g_free(l->base);
	g_free(l->body);
	g_free(l->inputs);
	letter_local_free(l->local);
	g_free(l->filename);
	g_free(l->content_type);
	g_free(l->text);
	g_free(l->markdown);
	g_free(l->comm);
	g_free(l);
}
