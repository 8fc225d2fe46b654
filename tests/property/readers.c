/* SPDX-License-Identifier: MIT */
#include "readers.h"

#include <errno.h>
#include <string.h>

#include "caches.h"
#include "check.h"
#include "dice.h"
#include "fake_time.h"
#include "mount.h"
#include "report.h"
#include "tree/read.h"

#define BYTES_MAX (1 << 20)

/* ---- walkers ---- */

struct walker {
	int64_t mount; /* it began in */
	uint64_t history;
	GArray *months; /* of uint64_t */
	guint next;
	GArray *files; /* of uint64_t: of the month that it is in */
	bool reads, up;
	int patience; /* months until it gives up */
	int pause_ms;
};

static void walk_on(void *arg);

static void walker_free(struct walker *w)
{
	g_array_unref(w->months);
	g_array_unref(w->files);
	g_free(w);
}

static void pause_walk(struct walker *w)
{
	if (w->pause_ms)
		work_post_at(NULL, time_mono() + dice(w->pause_ms), walk_on, w);
	else
		work_post(NULL, walk_on, w);
}

static void on_file(struct op *op, int error, void *arg)
{
	struct walker *w = arg;

	if (!error)
		caches_learn(op);
	op_free(op);
	/* It may have been deleted since it was listed. */
	if (error && error != -ENOENT)
		walker_free(w);
	else
		pause_walk(w);
}

static void on_month(struct op *op, int error, void *arg)
{
	struct walker *w = arg;

	for (guint i = 0; !error && w->reads && i < op->list->len; i++) {
		const struct listed *l = op->list->pdata[i];

		if (tree_ino_kind(l->ino) == TREE_MESSAGE_TXT && dice_percent(30))
			g_array_append_val(w->files, l->ino);
	}
	if (!error) {
		caches_learn(op);
		check_learn(op);
	}
	op_free(op);
	if (error)
		walker_free(w);
	else
		pause_walk(w);
}

static void walk_on(void *arg)
{
	struct walker *w = arg;
	uint64_t ino;

	if (w->mount != mount.opens || w->patience-- <= 0) {
		walker_free(w);
		return;
	}
	if (w->files->len) {
		ino = g_array_index(w->files, uint64_t, 0);
		g_array_remove_index(w->files, 0);
		w->patience++;
		op_start(OP_READ, ino, NULL, false, on_file, w);
		return;
	}
	if (w->next == w->months->len) {
		walker_free(w);
		return;
	}
	ino = g_array_index(w->months, uint64_t,
			    w->up ? w->months->len - 1 - w->next : w->next);
	w->next++;
	op_start(OP_LIST, ino, NULL, false, on_month, w);
}

static void on_history(struct op *op, int error, void *arg)
{
	struct walker *w = arg;

	for (guint i = 0; !error && i < op->list->len; i++) {
		const struct listed *l = op->list->pdata[i];

		g_array_append_val(w->months, l->ino);
	}
	op_free(op);
	if (error)
		walker_free(w);
	else
		pause_walk(w);
}

void readers_walk(int64_t room)
{
	struct walker *w = g_new0(struct walker, 1);

	w->mount = mount.opens;
	w->history = tree_ino(TREE_HISTORY, room);
	w->months = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	w->files = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	w->reads = dice_percent(40);
	w->up = dice_percent(40);
	w->patience = dice_percent(50) ? 1000 : (int)dice_between(1, 6);
	w->pause_ms = dice_percent(50) ? 0 : (int)dice(3000);
	op_start(OP_LIST, w->history, NULL, false, on_history, w);
}

/* ---- transcripts ---- */

struct held {
	uint64_t ino;
	GString *said;
};

static GPtrArray *held;

static void held_free(void *p)
{
	struct held *h = p;

	g_string_free(h->said, TRUE);
	g_free(h);
}

static void look(struct held *h)
{
	struct tree_ctx ctx = {.tree = mount.tree};
	g_autofree char *bytes = g_malloc(BYTES_MAX);
	size_t n = 0;
	int r = tree_read(&ctx, h->ino, TREE_READ_TRANSCRIPT, NULL, bytes, BYTES_MAX, 0, &n);

	if (r || n < h->said->len || memcmp(bytes, h->said->str, h->said->len) != 0)
		report("the open transcript %" G_GUINT64_FORMAT " did not only grow", h->ino);
	g_string_truncate(h->said, 0);
	g_string_append_len(h->said, bytes, (gssize)n);
}

static void on_held(struct op *op, int error, void *arg)
{
	struct held *h;

	(void)arg;
	if (!error) {
		h = g_new0(struct held, 1);
		h->ino = op->ino;
		h->said = g_string_new(NULL);
		if (!held)
			held = g_ptr_array_new_with_free_func(held_free);
		g_ptr_array_add(held, h);
		look(h);
	}
	op_free(op);
}

void readers_hold(uint64_t ino)
{
	op_start(OP_HOLD, ino, NULL, false, on_held, NULL);
}

static void release(guint i)
{
	struct held *h = held->pdata[i];
	struct pending *pending = NULL;

	look(h);
	tree_release_read(mount.tree, h->ino, TREE_READ_TRANSCRIPT, &pending);
	g_ptr_array_remove_index(held, i);
}

void readers_release_any(void)
{
	if (held && held->len)
		release((guint)dice(held->len));
}

void readers_check(void)
{
	for (guint i = 0; held && i < held->len; i++)
		look(held->pdata[i]);
}

void readers_release_all(void)
{
	while (held && held->len)
		release(held->len - 1);
	g_clear_pointer(&held, g_ptr_array_unref);
}
