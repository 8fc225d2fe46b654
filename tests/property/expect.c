/* SPDX-License-Identifier: MIT */
#include "expect.h"

#include <string.h>

#include "base/names.h"
#include "report.h"
#include "webex/id.h"
#include "webex/render.h"

/* Others by the same author in the same millisecond, whatever became of them. */
static bool has_twin(const struct truth *t)
{
	for (guint i = 0; i < t->room->messages->len; i++) {
		const struct truth *o = t->room->messages->pdata[i];

		if (o != t && o->created_ms == t->created_ms && o->author == t->author)
			return true;
	}
	return false;
}

static void expect_name(const struct truth *t, const char *name)
{
	char person[WEBEX_ID_HEX_SIZE], own[WEBEX_ID_HEX_SIZE];
	g_autofree char *stem = NULL, *plain = NULL;
	size_t len;

	webex_id_hex(model.person_ids[t->author], person);
	stem = name_message_stem(t->created_ms, model.emails[t->author], person, NULL);
	plain = g_strconcat(stem, ".txt", NULL);
	if (strcmp(name, plain) == 0)
		return;
	webex_id_hex(t->id, own);
	len = strlen(stem);
	if (!has_twin(t) || strncmp(name, stem, len) != 0 || name[len] != '~' ||
	    strlen(name) < len + 13 ||
	    strncmp(name + len + 1, own, strlen(name) - len - 5) != 0)
		report("message %s is listed as %s, not %s", t->id, name, plain);
}

static bool looks_like(const struct truth *t, const struct version *v, const struct stat *st)
{
	struct webex_message *m = truth_message_of(t, v);
	GString *text = g_string_new(NULL);
	int64_t ms = v->updated_ms > 0 ? v->updated_ms : t->created_ms;
	bool same;

	webex_render_txt(m, text);
	same = st->st_size == (int64_t)text->len && st->st_mtim.tv_sec == ms / 1000 &&
	       st->st_mtim.tv_nsec == ms % 1000 * 1000000;
	g_string_free(text, TRUE);
	webex_message_free(m);
	return same;
}

void expect_listed(const struct truth *t, const struct listed *l, bool is_exact)
{
	bool same = looks_like(t, truth_now(t), &l->st);

	expect_name(t, l->name);
	for (guint i = 0; !is_exact && !same && i < t->versions->len; i++)
		same = looks_like(t, t->versions->pdata[i], &l->st);
	if (!same)
		report("message %s has size %lld and time %lld", t->id,
		       (long long)l->st.st_size, (long long)l->st.st_mtim.tv_sec);
}

static void append(GString *out, int64_t row)
{
	struct store_message m = {0};
	struct store_conn *conn;

	g_assert(store_read_begin(mount.store, &conn) == 0);
	g_assert(store_message_get(conn, row, &m) == 0);
	webex_render_transcript(&m.m, out);
	store_message_clear(&m);
	store_read_end(conn);
}

static int64_t row_of(const struct truth *t)
{
	struct store_conn *conn;
	int64_t row;

	g_assert(store_read_begin(mount.store, &conn) == 0);
	if (store_message_by_id(conn, t->id, &row))
		report("message %s is not known", t->id);
	store_read_end(conn);
	return row;
}

void expect_transcript(uint64_t ino, const GPtrArray *truths)
{
	GString *wanted = g_string_new(NULL);
	struct pending *pending = NULL;
	struct op *op;
	g_autofree char *bytes = NULL;
	ssize_t n;

	for (guint i = 0; i < truths->len; i++)
		append(wanted, row_of(truths->pdata[i]));
	if (op_wait(OP_HOLD, ino, NULL, &op))
		report("transcript %" G_GUINT64_FORMAT " cannot be opened", ino);
	bytes = g_malloc(wanted->len + 2);
	n = tree_read(&op->ctx, ino, TREE_READ_TRANSCRIPT, NULL, bytes, wanted->len + 2, 0);
	if (n != (ssize_t)wanted->len || memcmp(bytes, wanted->str, wanted->len) != 0)
		report("transcript %" G_GUINT64_FORMAT " has %zd bytes, not %zu", ino, n,
		       wanted->len);
	tree_release_read(mount.tree, ino, TREE_READ_TRANSCRIPT, &pending);
	op_free(op);
	g_string_free(wanted, TRUE);
}
