/* SPDX-License-Identifier: MIT */
/* The progress of files on the wire, for .sparkfs/transfers. */
#include "attach/attach.h"
#include "outbox/internal.h"

void outbox_upload_begin(struct letter_job *job)
{
	const struct outbox_letter *l = job->letter;
	struct outbox *o = job->o;
	struct upload *u = g_new0(struct upload, 1);

	u->name = g_strdup(l->filename);
	u->place = g_strdup(l->to.place);
	u->total = l->size;
	u->began_ms = clock_mono(o->clock);
	u->link.data = u;
	job->upload = u;
	pthread_mutex_lock(&o->lock);
	g_queue_push_tail_link(&o->uploads, &u->link);
	pthread_mutex_unlock(&o->lock);
}

void outbox_upload_end(struct letter_job *job)
{
	struct upload *u = g_steal_pointer(&job->upload);

	if (!u)
		return;
	pthread_mutex_lock(&job->o->lock);
	g_queue_unlink(&job->o->uploads, &u->link);
	pthread_mutex_unlock(&job->o->lock);
	g_free(u->name);
	g_free(u->place);
	g_free(u);
}

void outbox_transfers(struct outbox *o, GArray *ret)
{
	int64_t now_ms = clock_mono(o->clock);

	pthread_mutex_lock(&o->lock);
	for (GList *l = o->uploads.head; l; l = l->next) {
		const struct upload *u = l->data;
		struct content_transfer t = {
			.is_upload = true,
			.name = g_strdup(u->name),
			.place = g_strdup(u->place),
			.done = MIN(atomic_load(&u->sent), u->total),
			.moved = MIN(atomic_load(&u->sent), u->total),
			.total = u->total,
			.for_ms = now_ms - u->began_ms,
		};

		g_array_append_val(ret, t);
	}
	pthread_mutex_unlock(&o->lock);
}
