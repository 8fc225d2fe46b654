/* SPDX-License-Identifier: MIT */
/* What the reader of an attachment, or of a text, gets when what came for him was dropped again. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "attach/attach.h"
#include "base/cleanup.h"
#include "history_kit.h"
#include "tree/write.h"

#define ROW 70

static void waited(struct world *w, int error)
{
	w->ctx.waited[w->ctx.n_waited].need = w->ctx.missing;
	w->ctx.waited[w->ctx.n_waited++].error = error;
}

static int read_some(struct world *w)
{
	char buf[16];
	size_t n;

	return upload_read(&w->ctx, ROW, buf, sizeof(buf), 32, &n);
}

static void test_bytes_that_were_dropped_come_again(void **state)
{
	struct world *w = *state;
	struct contents_config config = {.queue = w->queue, .clock = w->tree->config.clock};
	struct contents *contents;

	assert_int_equal(contents_new(&config, &contents), 0);
	w->tree->config.contents = contents;
	contents_open(contents, ROW);
	/* Each time they came, and their file was closed before the read ran again. */
	for (int i = 0; i < 4; i++) {
		assert_int_equal(read_some(w), TREE_WAIT);
		assert_int_equal(w->ctx.missing.kind, NEED_CONTENT);
		assert_int_equal(w->ctx.missing.from_byte, 32);
		waited(w, 0);
	}
	assert_int_equal(read_some(w), -EIO);
	/* A failure is one at once, also after they had come. */
	w->ctx.n_waited = 1;
	assert_int_equal(read_some(w), TREE_WAIT);
	waited(w, -ENETUNREACH);
	assert_int_equal(read_some(w), -ENETUNREACH);
	contents_close(contents, ROW);
	w->tree->config.contents = NULL;
	contents_free(&contents);
}

/* A new version begins with a copy of the bytes; their file was closed before it was made. */
static void test_a_copy_of_dropped_bytes_is_made_again(void **state)
{
	struct world *w = *state;
	struct contents_config config = {.queue = w->queue, .clock = w->tree->config.clock};
	struct tree_write write = {.ino = tree_ino(TREE_ATTACHMENT, ROW), .row = ROW};
	_cleanup_gfree_ char *dir = g_dir_make_tmp("sparkfs-copy-XXXXXX", NULL);
	_cleanup_gfree_ char *spool = g_build_filename(dir, "spool", NULL);
	struct contents *contents;
	struct draft *draft;

	assert_int_equal(g_mkdir(spool, 0700), 0);
	assert_int_equal(contents_new(&config, &contents), 0);
	w->tree->config.contents = contents;
	g_free((char *)w->tree->config.state_dir);
	w->tree->config.state_dir = g_strdup(dir);
	kit_begin_writing(w);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(tree_begin_with(&w->ctx, &write, "a.pdf", -1, &draft),
				 TREE_COPY);
		tree_copy_run(w->tree, &w->ctx.copy);
	}
	/* Another error is one at once. */
	w->ctx.copy.error = -EIO;
	assert_int_equal(tree_begin_with(&w->ctx, &write, "a.pdf", -1, &draft), -EIO);
	kit_read_again(w);
	w->tree->config.contents = NULL;
	contents_free(&contents);
	assert_int_equal(g_rmdir(spool), 0);
	assert_int_equal(g_rmdir(dir), 0);
}

static void test_a_text_that_was_dropped_comes_again(void **state)
{
	struct store_evict all = {.limit = 0, .recent = 1, .slice = 10};
	struct world *w = *state;
	GString *out = g_string_new(NULL);
	struct store_brief brief;
	_cleanup_free_ char *stem = NULL;
	int64_t row = 0, room;
	bool deleted;

	kit_begin_writing(w);
	kit_page(w, "M1", "2024-03-01T00:00:00Z", NULL, "2024-06-01T00:00:00Z",
		 STORE_PAGE_HEAD);
	assert_int_equal(store_evict(w->store, &all), 0);
	kit_read_again(w);
	while (store_message_brief(w->ctx.conn, ++row, &brief, &stem, &room, &deleted))
		assert_true(row < 1000);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(tree_render(&w->ctx, tree_ino(TREE_MESSAGE_TXT, row), out),
				 TREE_WAIT);
		assert_int_equal(w->ctx.missing.kind, NEED_BODY);
		waited(w, 0);
	}
	assert_int_equal(tree_render(&w->ctx, tree_ino(TREE_MESSAGE_TXT, row), out), -EIO);
	g_string_free(out, TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes_that_were_dropped_come_again,
						kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_a_copy_of_dropped_bytes_is_made_again,
						kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_a_text_that_was_dropped_comes_again,
						kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests_name("attachments", tests, NULL, NULL);
}
