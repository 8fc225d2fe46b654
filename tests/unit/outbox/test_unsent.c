/* SPDX-License-Identifier: MIT */
/* The letters in unsent/, what sends them again, and what an earlier run left. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/names.h"
#include "outbox_kit.h"

static void put_file(const struct kit *k, const char *name, const char *bytes)
{
	char *path = g_build_filename(k->dir, name, NULL);

	assert_true(g_file_set_contents(path, bytes, -1, NULL));
	g_free(path);
}

/* ---- keeping and listing ---- */

static void a_kept_letter_is_listed_until_it_is_removed(void **state)
{
	struct kit *k = *state;
	struct outbox_item *item, *found;
	int fd;

	assert_int_equal(outbox_keep(k->o, kit_text(k, 7, "half"), "bash (7) was killed"), 0);
	item = kit_only_item(k);
	kit_expect_item(k, item, "half", "unsent", "bash (7) was killed");
	assert_true(item->mtime_ms > 0);
	assert_int_equal(outbox_find(k->o, item->n, &found), 0);
	assert_string_equal(found->name, item->name);
	outbox_item_free(found);
	assert_int_equal(outbox_find(k->o, item->n + 1, &found), -ENOENT);

	assert_int_equal(outbox_remove(k->o, item->n), 0);
	/* Its reason, which is removed after it; once. */
	assert_int_equal(outbox_remove(k->o, item->n), 0);
	assert_int_equal(outbox_remove(k->o, item->n), -ENOENT);
	assert_int_equal(outbox_open_body(k->o, item->n, &fd), -ENOENT);
	assert_int_equal(outbox_count(k->o), 0);
	char *files = kit_files(k, "outbox");
	assert_string_equal(files, "");
	g_free(files);
	outbox_item_free(item);
}

static void a_draft_is_kept_without_its_name_in_the_spool(void **state)
{
	struct kit *k = *state;
	struct outbox_item *item;
	struct draft *draft;
	char *spool;

	assert_int_equal(outbox_keep(k->o, kit_file(k, "a.bin", "bytes", &draft), "why"), 0);
	spool = kit_files(k, "spool");
	assert_string_equal(spool, "");
	g_free(spool);
	draft_unref(&draft);
	item = kit_only_item(k);
	kit_expect_item(k, item, "bytes", "unsent", "why");
	outbox_item_free(item);
}

/* If somebody unlinked the draft before the letter came, its bytes are copied. */
static void a_file_without_a_name_is_copied(void **state)
{
	struct kit *k = *state;
	struct outbox_letter *l;
	struct outbox_item *item;
	struct draft *draft;

	l = kit_file(k, "a.bin", "bytes", &draft);
	draft_unref(&draft);
	assert_int_equal(outbox_keep(k->o, l, "why"), 0);
	item = kit_only_item(k);
	kit_expect_item(k, item, "bytes", "unsent", "why");
	outbox_item_free(item);
}

static void names_differ_and_numbers_rise(void **state)
{
	struct kit *k = *state;
	GHashTable *keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GPtrArray *items;
	int64_t last = 0;

	for (int i = 0; i < 50; i++)
		assert_int_equal(outbox_keep(k->o, kit_text(k, 1, "x"), "why"), 0);
	items = outbox_list(k->o, 0, G_MAXUINT);
	assert_int_equal(items->len, 50);
	for (guint i = 0; i < items->len; i++) {
		const struct outbox_item *item = g_ptr_array_index(items, i);

		assert_true(item->n > last);
		last = item->n;
		assert_true(g_hash_table_add(keys, name_key(item->name)));
	}
	g_ptr_array_unref(items);
	g_hash_table_destroy(keys);
}

/* Also where the store knows of none, as one in memory. A name that is no number of ours costs nothing. */
static void numbers_go_on_above_what_is_found(void **state)
{
	struct kit *k = *state;
	const struct outbox_item *item;
	GPtrArray *items;

	put_file(k, "outbox/5000000000.body", "found");
	put_file(k, "outbox/999999999999999.body", "odd");
	kit_reopen_outbox(k);
	assert_int_equal(outbox_keep(k->o, kit_text(k, 1, "new"), "why"), 0);
	items = outbox_list(k->o, 0, G_MAXUINT);
	assert_int_equal(items->len, 3);
	item = g_ptr_array_index(items, 1);
	kit_expect_item(k, item, "new", "unsent", "why");
	assert_uint_in_range(item->n, 5000000001, 5000100000);
	g_ptr_array_unref(items);
}

static void expect_name(struct kit *k, struct outbox_letter *l, const char *suffix)
{
	_Static_assert(NAME_MAX_BYTES == 255, "room for .why.json");
	struct outbox_item *item;

	assert_int_equal(outbox_keep(k->o, l, "why"), 0);
	item = kit_only_item(k);
	if (!g_str_has_suffix(item->name, suffix))
		print_error("%s\n", item->name);
	assert_true(g_str_has_suffix(item->name, suffix));
	assert_true(strlen(item->name) <= 240);
	assert_true(g_utf8_validate(item->name, -1, NULL));
	assert_null(strchr(item->name, '/'));
	assert_true(g_ascii_isdigit(item->name[0]));
	assert_int_equal(outbox_remove(k->o, item->n), 0);
	outbox_item_free(item);
}

static struct outbox_letter *placed(struct outbox_letter *l, const char *place)
{
	g_free(l->to.place);
	l->to.place = g_strdup(place);
	return l;
}

static void names_are_clean_and_short(void **state)
{
	struct kit *k = *state;
	char *lots = g_strnfill(250, 'y'), *name = g_strconcat(lots, ".pdf", NULL);
	struct outbox_letter *l;
	struct draft *draft;

	expect_name(k, kit_text(k, 1, "x"), "_Harbour project_post.txt");
	expect_name(k, kit_letter(k, LETTER_MARKDOWN, "x"), "_post.md");
	expect_name(k, kit_letter(k, LETTER_JSON, "x"), "_post.json");
	expect_name(k, kit_edit(k, LETTER_TEXT, "x"), "_edit.txt");
	expect_name(k, kit_edit(k, LETTER_MARKDOWN, "x"), "_edit.md");
	expect_name(k, placed(kit_text(k, 1, "x"), "../a\n/\xFF"),
		    "__..\xE2\x88\x95"
		    "a\xEF\xBF\xBD\xE2\x88\x95\xEF\xBF\xBD_post.txt");
	expect_name(k, placed(kit_text(k, 1, "x"), lots), "_post.txt");
	expect_name(k, placed(kit_text(k, 1, "x"), NULL), "_unknown place_post.txt");
	l = kit_file(k, name, "x", &draft);
	expect_name(k, placed(l, lots), "yyy.pdf");
	draft_unref(&draft);
	l = kit_file(k, lots, "x", &draft);
	expect_name(k, l, "yyy");
	draft_unref(&draft);
	g_free(name);
	g_free(lots);
}

/* Older versions read and wrote the same words. */
static void an_edit_is_one_after_a_restart(void **state)
{
	struct kit *k = *state;
	struct outbox_letter *l = kit_edit(k, LETTER_MARKDOWN, "**new**");
	struct outbox_item *item;
	char *why = NULL;

	l->to.message_id = g_strdup("M");
	assert_int_equal(outbox_keep(k->o, l, "why"), 0);
	kit_reopen_outbox(k);
	item = kit_only_item(k);
	assert_int_equal(outbox_why(k->o, item->n, &why), 0);
	assert_non_null(strstr(why, "\"form\": \"edit-markdown\""));
	assert_int_equal(outbox_take(k->o, item->n, &l), 0);
	assert_true(l->is_edit);
	assert_int_equal(l->form, LETTER_MARKDOWN);
	assert_string_equal(l->to.message_id, "M");
	outbox_letter_free(l);
	outbox_item_free(item);
	g_free(why);
}

static void they_are_there_after_a_restart(void **state)
{
	struct kit *k = *state;
	struct outbox_item *before, *after;

	assert_int_equal(
		outbox_keep(k->o, kit_text(k, 7, "a \"quoted\"\n\ttext"), "a\n\"why\""), 0);
	before = kit_only_item(k);
	kit_reopen_outbox(k);
	after = kit_only_item(k);
	assert_string_equal(after->name, before->name);
	assert_int_equal(after->n, before->n);
	assert_int_equal(after->size, before->size);
	assert_int_equal(after->why_size, before->why_size);
	assert_int_equal(after->mtime_ms, before->mtime_ms);
	kit_expect_item(k, after, "a \"quoted\"\n\ttext", "unsent", "a\\n\\\"why\\\"");
	outbox_item_free(before);
	outbox_item_free(after);
}

/* ---- sending again ---- */

static struct outbox_letter *take_only(struct kit *k, struct outbox_item **ret_item)
{
	struct outbox_letter *l = NULL;

	*ret_item = kit_only_item(k);
	assert_int_equal(outbox_take(k->o, (*ret_item)->n, &l), 0);
	l->to.room = k->room;
	return l;
}

static void sent_again_it_goes_when_it_is_delivered(void **state)
{
	struct kit *k = *state;
	struct webex_message *reply = kit_message(k, "hello", kit_now());
	struct outbox_item *item;
	struct outbox_letter *l;
	struct fake_call *call;
	struct outcome end;
	char *files;

	l = kit_text(k, 7, "hello\n\n");
	l->to.parent_id = g_strdup("PARENT");
	assert_int_equal(outbox_keep(k->o, l, "why"), 0);
	l = take_only(k, &item);
	assert_int_equal(l->form, LETTER_TEXT);
	assert_string_equal(l->body, "hello");
	assert_string_equal(l->to.room_id, k->room_id);
	assert_string_equal(l->to.parent_id, "PARENT");
	assert_string_equal(l->to.place, "Harbour project");
	assert_string_equal(l->comm, "bash");
	assert_int_equal(l->pid, 7);
	kit_send(k, l, &end);
	call = fake_expect(FAKE_POST);
	assert_string_equal(call->text, "hello");
	/* It is still there, and held. */
	assert_int_equal(outbox_count(k->o), 1);
	assert_int_equal(outbox_remove(k->o, item->n), -EBUSY);
	assert_int_equal(outbox_take(k->o, item->n, &l), -EBUSY);
	reply->parent_id = g_strdup("PARENT");
	fake_answer(call, reply);
	kit_expect_end(&end, 0);
	assert_int_equal(outbox_count(k->o), 0);
	files = kit_files(k, "outbox");
	assert_string_equal(files, "");
	g_free(files);
	outbox_item_free(item);
}

static void sent_again_in_vain_it_stays_where_it_was(void **state)
{
	struct kit *k = *state;
	struct outbox_item *before, *after;
	struct outbox_letter *l, *second;
	struct fake_call *call;
	struct outcome end, busy;
	char *files, **names;

	assert_int_equal(outbox_keep(k->o, kit_text(k, 7, "hello"), "why"), 0);
	l = take_only(k, &before);
	second = take_only(k, &after);
	outbox_item_free(after);
	g_free(l->to.room_id);
	l->to.room_id = g_strdup(k->direct_id);
	placed(l, "Bob");
	kit_send(k, l, &end);
	kit_send(k, second, &busy);
	call = fake_expect(FAKE_POST);
	kit_expect_end(&busy, -EBUSY);
	fake_fail(call, -EACCES, 403, false);
	kit_expect_end(&end, -EACCES);
	after = kit_only_item(k);
	assert_string_equal(after->name, before->name);
	assert_int_equal(after->n, before->n);
	kit_expect_item(k, after, "hello", "unsent", "\"place\": \"Bob\"");
	kit_expect_item(k, after, "hello", "unsent", "refused");
	files = kit_files(k, "outbox");
	names = g_strsplit(files, "\n", -1);
	assert_int_equal(g_strv_length(names), 3);
	g_strfreev(names);
	g_free(files);
	outbox_item_free(before);
	kit_reopen_outbox(k);
	before = kit_only_item(k);
	assert_string_equal(after->name, before->name);
	/* Free again. */
	assert_int_equal(outbox_remove(k->o, before->n), 0);
	outbox_item_free(before);
	outbox_item_free(after);
}

static void sent_again_into_doubt_it_says_so(void **state)
{
	struct kit *k = *state;
	struct outbox_item *before, *after;
	struct outbox_letter *l;
	struct outcome end;

	assert_int_equal(
		outbox_keep(k->o, kit_letter(k, LETTER_JSON, "{\"attachments\":[1]}"), "why"),
		0);
	l = take_only(k, &before);
	kit_send(k, l, &end);
	fake_fail(fake_expect(FAKE_POST), -ECONNRESET, 0, true);
	kit_expect_end(&end, -ECONNRESET);
	after = kit_only_item(k);
	assert_int_equal(after->n, before->n);
	kit_expect_item(k, after, "{\"attachments\":[1]}", "in-doubt", "may have arrived");
	outbox_item_free(before);
	outbox_item_free(after);
}

static void a_file_is_sent_again(void **state)
{
	struct kit *k = *state;
	struct outbox_item *item;
	struct outbox_letter *l;
	struct fake_call *call;
	struct outcome end;
	struct draft *draft;

	assert_int_equal(outbox_keep(k->o, kit_file(k, "a.txt", "bytes", &draft), "why"), 0);
	draft_unref(&draft);
	kit_reopen_outbox(k);
	l = take_only(k, &item);
	assert_int_equal(l->form, LETTER_FILE);
	assert_string_equal(l->filename, "a.txt");
	assert_string_equal(l->content_type, "text/plain");
	assert_int_equal(l->size, 5);
	kit_send(k, l, &end);
	call = fake_expect(FAKE_POST);
	assert_string_equal(call->file->str, "bytes");
	fake_fail(call, -EBUSY, 429, false);
	kit_expect_end(&end, -EBUSY);
	outbox_item_free(item);
	l = take_only(k, &item);
	kit_send(k, l, &end);
	fake_answer(fake_expect(FAKE_POST), kit_message(k, NULL, kit_now()));
	kit_expect_end(&end, 0);
	assert_int_equal(outbox_count(k->o), 0);
	outbox_item_free(item);
}

static void what_is_no_text_cannot_be_sent_again(void **state)
{
	struct kit *k = *state;
	struct outbox_letter *l = NULL;
	struct outbox_item *item;

	assert_int_equal(outbox_keep(k->o, kit_text(k, 7, "half \xE2"), "why"), 0);
	item = kit_only_item(k);
	kit_expect_item(k, item, "half \xE2", "unsent", "why");
	assert_int_equal(outbox_take(k->o, item->n, &l), -EILSEQ);
	assert_null(l);
	assert_int_equal(outbox_take(k->o, item->n + 1, &l), -ENOENT);
	outbox_item_free(item);
}

/* ---- letters of an earlier run ---- */

static void found_as_sending_it_is_in_doubt(void **state)
{
	struct kit *k = *state;
	struct outbox_item *item, *again;

	put_file(k, "outbox/4711.body", "hello");
	put_file(k, "outbox/4711.json",
		 "{\"state\": \"sending\", \"form\": \"text\", \"place\": \"Harbour\", "
		 "\"roomId\": \"R\", \"writtenMs\": 1741080031507}");
	kit_reopen_outbox(k);
	item = kit_only_item(k);
	assert_int_equal(item->n, 4711);
	assert_string_equal(item->name, "2025-03-04T09-20-31.507Z_Harbour_post.txt");
	kit_expect_item(k, item, "hello", "in-doubt", "ended while it was being sent");
	/* Numbers in use are not given out again, whatever the store counts. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(outbox_keep(k->o, kit_text(k, 1, "x"), "why"), 0);
	kit_reopen_outbox(k);
	assert_int_equal(outbox_count(k->o), 4);
	assert_int_equal(outbox_find(k->o, 4711, &again), 0);
	assert_string_equal(again->name, item->name);
	outbox_item_free(item);
	outbox_item_free(again);
}

static void sent_again_when_it_ended_it_is_one_letter(void **state)
{
	struct kit *k = *state;
	struct outbox_item *before, *after;
	char *json;

	assert_int_equal(outbox_keep(k->o, kit_text(k, 7, "hello"), "why"), 0);
	before = kit_only_item(k);
	json = g_strdup_printf("{\"state\": \"sending\", \"form\": \"text\", \"place\": "
			       "\"Elsewhere\", \"replaces\": %" G_GINT64_FORMAT "}",
			       before->n);
	put_file(k, "outbox/4711.body", "hello");
	put_file(k, "outbox/4711.json", json);
	g_free(json);
	kit_reopen_outbox(k);
	after = kit_only_item(k);
	assert_int_equal(after->n, before->n);
	assert_string_equal(after->name, before->name);
	kit_expect_item(k, after, "hello", "in-doubt", "Elsewhere");
	outbox_item_free(before);
	outbox_item_free(after);
}

static void what_was_half_written_or_half_removed(void **state)
{
	struct kit *k = *state;
	GPtrArray *items;
	char *files;

	/* No .json: a text, a file, nothing. */
	put_file(k, "outbox/1000001.body", "a text");
	put_file(k, "outbox/1000002.body", "\xFF\xFE");
	put_file(k, "outbox/1000003.body", "");
	/* A .json that says nothing. */
	put_file(k, "outbox/1000004.body", "bytes");
	put_file(k, "outbox/1000004.json", "{\"state\": \"unsent\", \"form\"");
	/* Removed but for this. */
	put_file(k, "outbox/1000005.json", "{\"state\": \"unsent\", \"form\": \"text\"}");
	put_file(k, "outbox/1000006.tmp", "{");
	/* Not ours. */
	put_file(k, "outbox/README", "x");
	put_file(k, "outbox/0.body", "x");
	put_file(k, "outbox/99999999999999999999.body", "x");
	kit_reopen_outbox(k);
	items = outbox_list(k->o, 0, G_MAXUINT);
	assert_int_equal(items->len, 3);
	kit_expect_item(k, g_ptr_array_index(items, 0), "a text", "unsent", "\"text\"");
	kit_expect_item(k, g_ptr_array_index(items, 1), "\xFF\xFE", "unsent", "\"file\"");
	kit_expect_item(k, g_ptr_array_index(items, 2), "bytes", "unsent", "destination");
	g_ptr_array_unref(items);
	files = kit_files(k, "outbox");
	assert_string_equal(files, "0.body\n1000001.body\n1000001.json\n1000002.body\n"
				   "1000002.json\n1000004.body\n1000004.json\n"
				   "1000004.json.damaged\n"
				   "99999999999999999999.body\nREADME\n");
	g_free(files);
}

static void drafts_of_a_run_that_crashed_are_kept(void **state)
{
	struct kit *k = *state;
	GPtrArray *items;
	char *spool, *from, *to;

	put_file(k, "spool/draft-0000000000000001_Harbour project\x1freport.pdf", "%PDF");
	put_file(k, "spool/draft-0000000000000002", "bytes");
	put_file(k, "spool/draft-0000000000000003_x\x1fnothing", "");
	/* A letter has these already. */
	put_file(k, "outbox/1000001.body", "mine");
	put_file(k, "outbox/1000001.json", "{\"state\": \"unsent\", \"form\": \"text\"}");
	from = g_build_filename(k->dir, "outbox/1000001.body", NULL);
	to = g_build_filename(k->dir, "spool/draft-0000000000000004", NULL);
	assert_int_equal(link(from, to), 0);
	put_file(k, "spool/content-XXXXXX", "somebody else's");
	kit_reopen_outbox(k);
	items = outbox_list(k->o, 0, G_MAXUINT);
	assert_int_equal(items->len, 3);
	for (guint i = 0; i < items->len; i++) {
		const struct outbox_item *item = g_ptr_array_index(items, i);

		if (item->n == 1000001)
			continue;
		kit_expect_item(k, item, item->size == 4 ? "%PDF" : "bytes", "unsent",
				"sparkfs ended while it was being written");
		assert_true(g_str_has_suffix(item->name, item->size == 4
								 ? "_Harbour project_report.pdf"
								 : "_recovered"));
	}
	g_ptr_array_unref(items);
	spool = kit_files(k, "spool");
	assert_string_equal(spool, "content-XXXXXX\n");
	g_free(spool);
	g_free(from);
	g_free(to);
}

static void there_is_a_limit(void **state)
{
	struct kit *k = *state;
	struct outcome end;
	char name[64], json[256];

	for (int i = 0; i < OUTBOX_MAX; i++) {
		int fd;

		g_snprintf(name, sizeof(name), "%s/outbox/%d.body", k->dir, 1000000 + i);
		fd = open(name, O_WRONLY | O_CREAT, 0600);
		assert_int_equal(write(fd, "x", 1), 1);
		close(fd);
		g_snprintf(name, sizeof(name), "%s/outbox/%d.json", k->dir, 1000000 + i);
		g_snprintf(json, sizeof(json),
			   "{\"state\": \"unsent\", \"form\": \"text\", \"roomId\": \"R\", "
			   "\"name\": \"%d\"}",
			   i);
		fd = open(name, O_WRONLY | O_CREAT, 0600);
		assert_int_equal(write(fd, json, strlen(json)), strlen(json));
		close(fd);
	}
	kit_reopen_outbox(k);
	assert_int_equal(outbox_count(k->o), OUTBOX_MAX);
	kit_send(k, kit_text(k, 1, "one more"), &end);
	kit_expect_end(&end, -ENOSPC);
	assert_int_equal(outbox_keep(k->o, kit_text(k, 1, "one more"), "why"), -ENOSPC);
	assert_int_equal(fake_count(FAKE_POST), 0);
	/* Those that are there can still be sent. */
	struct outbox_letter *l;
	assert_int_equal(outbox_take(k->o, 1000000, &l), 0);
	g_free(l->to.room_id);
	l->to.room_id = g_strdup(k->room_id);
	kit_send(k, l, &end);
	fake_answer(fake_expect(FAKE_POST), kit_message(k, "x", kit_now()));
	kit_expect_end(&end, 0);
	assert_int_equal(outbox_keep(k->o, kit_text(k, 1, "one more"), "why"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kit_test(a_kept_letter_is_listed_until_it_is_removed),
		kit_test(a_draft_is_kept_without_its_name_in_the_spool),
		kit_test(a_file_without_a_name_is_copied),
		kit_test(names_differ_and_numbers_rise),
		kit_test(numbers_go_on_above_what_is_found),
		kit_test(names_are_clean_and_short),
		kit_test(an_edit_is_one_after_a_restart),
		kit_test(they_are_there_after_a_restart),
		kit_test(sent_again_it_goes_when_it_is_delivered),
		kit_test(sent_again_in_vain_it_stays_where_it_was),
		kit_test(sent_again_into_doubt_it_says_so),
		kit_test(a_file_is_sent_again),
		kit_test(what_is_no_text_cannot_be_sent_again),
		kit_test(found_as_sending_it_is_in_doubt),
		kit_test(sent_again_when_it_ended_it_is_one_letter),
		kit_test(what_was_half_written_or_half_removed),
		kit_test(drafts_of_a_run_that_crashed_are_kept),
		kit_test(there_is_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
