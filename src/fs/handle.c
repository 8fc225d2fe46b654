/* SPDX-License-Identifier: MIT */
/* Open files: made, watched, counted and freed. */
#include <errno.h>
#include <unistd.h>

#include "fs/caller.h"
#include "fs/op.h"

struct handle *handle_new(struct fs *fs, enum handle_what what, uint64_t ino)
{
	struct handle *h = g_new0(struct handle, 1);

	h->what = what;
	h->ino = ino;
	h->letter = -1;
	answer_slot_init(&h->answer);
	handles_add(fs->files, h);
	return h;
}

/* ---- notes of readers (rm_guard.h) ---- */

bool fs_watches_reads(const struct fs *fs, uint64_t ino)
{
	return tree_is_watched(ino) || (tree_is_message(ino) && fs->config.recursive_delete);
}

void handle_watch(struct op *op, struct handle *h)
{
	struct tree_attr attr;

	if (!fs_watches_reads(op->fs, op->ino))
		return;
	h->is_watched = true;
	h->opener = caller_tgid(op->pid);
	if (tree_getattr(&op->ctx, op->ino, &attr) == 0)
		h->size = attr.st.st_size;
	rm_guard_file_opened(op->fs->rm_guard, op->ino, h->opener);
	/* Nothing can be read from an empty file. */
	if (!h->size)
		rm_guard_file_ended(op->fs->rm_guard, op->ino);
}

/* ---- their memory ---- */

int handle_refuse_more(struct op *op, int error)
{
	return tree_refuse(&op->ctx, error,
			   "%s: this program has so many of these files open that the memory "
			   "for them is used up: close some",
			   tree_what(op->ino));
}

int handle_take_text(struct op *op, struct handle *h)
{
	int64_t had = atomic_load(&h->text_bytes), want;

	if (draft_get_form(h->write.draft) == LETTER_FILE)
		return 0;
	want = draft_size(h->write.draft) + (int64_t)op->size;
	while (had < want) {
		int64_t more = want - had;

		if (!share_take(op->fs->open_bytes, (uint64_t)h->opener, more))
			break;
		if (atomic_compare_exchange_strong(&h->text_bytes, &had, want))
			return 0;
		/* Another write to it was faster. */
		share_give(op->fs->open_bytes, (uint64_t)h->opener, more);
	}
	if (had >= want)
		return 0;
	atomic_store(&h->refused, -ENFILE);
	return tree_refuse(
		&op->ctx, -ENFILE,
		"%s: this program has so many texts open that the memory for them is "
		"used up: close some; nothing of this one is sent",
		h->write.name ? h->write.name : tree_what(h->write.ino));
}

int handle_take_answer(struct op *op, struct handle *h)
{
	if (!share_take(op->fs->open_bytes, (uint64_t)h->opener, OPEN_ANSWER_BYTES))
		return handle_refuse_more(op, -ENFILE);
	h->answer_counted = true;
	return 0;
}

/* ---- their end, and who opened them ---- */

void handle_free(struct fs *fs, struct handle *h)
{
	handles_take(fs->files, h);
	if (h->is_watched)
		rm_guard_file_closed(fs->rm_guard, h->ino, h->opener,
				     clock_mono(fs->config.clock));
	if (h->what == HANDLE_READ) {
		tree_release_read(fs->config.tree, h->ino, h->from, &h->pending);
	} else {
		tree_write_close(fs->config.tree, &h->write);
	}
	if (h->content_counted)
		contents_close(fs->config.contents, tree_ino_row(h->ino));
	events_reader_free(fs, h->events);
	answer_slot_clear(&h->answer);
	if (h->answer_counted)
		share_give(fs->open_bytes, (uint64_t)h->opener, OPEN_ANSWER_BYTES);
	snapshots_drop(fs->snapshots, &h->snapshot);
	if (h->letter >= 0) {
		close(h->letter);
		share_give(fs->open_bytes, (uint64_t)h->letter_reader, OPEN_LETTER_BYTES);
	}
	if (atomic_load(&h->text_bytes))
		share_give(fs->open_bytes, (uint64_t)h->opener, atomic_load(&h->text_bytes));
	(void)fate_take(&h->left);
	g_free(h);
}

void handle_join(struct handle *h, pid_t pid)
{
	h->opener = caller_tgid(pid);
	caller_comm(h->opener, h->comm);
	draft_join(h->write.draft, &h->write.writer);
}
