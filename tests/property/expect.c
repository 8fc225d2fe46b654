/* SPDX-License-Identifier: MIT */
#include "expect.h"

#include <errno.h>
#include <string.h>

#include "base/names.h"
#include "report.h"
#include "wire.h"
#include "store/texts.h"
#include "webex/id.h"
#include "webex/render.h"
#include "tree/read.h"

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
	int64_t shown_ms = st->st_mtim.tv_sec * INT64_C(1000) + st->st_mtim.tv_nsec / 1000000;
	bool same;

	webex_render_txt(m, text);
	/* What is edited within a second of the version before gets the next second. */
	same = st->st_size == (int64_t)text->len && shown_ms >= ms &&
	       shown_ms <= ms + (v->updated_ms > 0 ? 1000 * (int64_t)t->versions->len : 0);
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

/* A reply says who wrote its root as soon as that is known. */
static void expect_root(struct store_conn *conn, const struct store_message *m)
{
	g_autofree char *author = NULL;
	struct store_message root = {0};
	const char *name;
	int64_t row;
	size_t len;

	if (!m->m.parent_id || store_message_by_id(conn, m->m.parent_id, &row))
		return;
	g_assert(store_message_get(conn, row, &root) == 0);
	name = name_stem_author(root.stem, &len);
	author = g_strndup(name, len);
	if (g_strcmp0(author, m->root_author) != 0 || m->root_ms != root.m.created_ms)
		report("message %s replies to %s, not %s", m->m.id, m->root_author, author);
	store_message_clear(&root);
}

/* As the store has it; of a text that was dropped the server's. */
static void append(GString *out, const struct truth *t, int64_t row)
{
	struct webex_message *now = truth_message(t);
	struct store_message m = {0};
	struct store_conn *conn;
	struct webex_root root;
	size_t len;

	g_assert(store_read_begin(mount.store, &conn) == 0);
	g_assert(store_message_get(conn, row, &m) == 0);
	const char *author = name_stem_author(m.stem, &len);
	expect_root(conn, &m);
	webex_render_transcript(m.is_evicted ? now : &m.m, author, len,
				store_message_root(&m, &root), out);
	store_message_clear(&m);
	store_read_end(conn);
	webex_message_free(now);
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

static void compare(uint64_t ino, struct op *op, const GPtrArray *truths)
{
	GString *wanted = g_string_new(NULL);
	g_autofree char *bytes = NULL;
	size_t n = 0;
	int r;

	for (guint i = 0; i < truths->len; i++)
		append(wanted, truths->pdata[i], row_of(truths->pdata[i]));
	bytes = g_malloc(wanted->len + 2);
	r = tree_read(&op->ctx, ino, TREE_READ_TRANSCRIPT, NULL, bytes, wanted->len + 2, 0, &n);
	if (r || n != wanted->len || memcmp(bytes, wanted->str, wanted->len) != 0)
		report("transcript %" G_GUINT64_FORMAT " has %zu bytes, not %zu", ino, n,
		       wanted->len);
	g_string_free(wanted, TRUE);
}

bool is_lost(int64_t row)
{
	const struct truth *t;
	struct store_message m = {0};
	struct store_conn *conn;
	bool lost;

	g_assert(store_read_begin(mount.store, &conn) == 0);
	g_assert(store_message_get(conn, row, &m) == 0);
	t = g_hash_table_lookup(model.by_id, m.m.id);
	lost = m.is_evicted && t && t->broken && !wire.is_calm;
	store_message_clear(&m);
	store_read_end(conn);
	return lost;
}

static bool has_lost(const GPtrArray *truths)
{
	for (guint i = 0; i < truths->len; i++)
		if (is_lost(row_of(truths->pdata[i])))
			return true;
	return false;
}

bool expect_transcript(uint64_t ino, const GPtrArray *truths, uint64_t generation)
{
	struct pending *pending = NULL;
	struct op *op;
	bool is_still;

	int r = op_wait(OP_HOLD, ino, NULL, &op);

	if (r == -EIO && store_generation(mount.store) != generation)
		return false;
	if (r == -EIO && has_lost(truths))
		return true;
	if (r)
		report("transcript %" G_GUINT64_FORMAT " cannot be opened: %s", ino,
		       g_strerror(-r));
	is_still = store_generation(mount.store) == generation;
	if (is_still)
		compare(ino, op, truths);
	tree_release_read(mount.tree, ino, TREE_READ_TRANSCRIPT, &pending);
	op_free(op);
	return is_still;
}
