/* SPDX-License-Identifier: MIT */
/* Webhooks: what is kept of them, their names, and when one is gone. */
#include <errno.h>
#include <string.h>

#include "kit.h"

static struct webex_webhook *hook(unsigned n, const char *name, const char *json)
{
	struct webex_webhook *w = g_new0(struct webex_webhook, 1);

	w->id = kit_id("WEBHOOK", T0 + n, 0, n);
	w->name = g_strdup(name);
	w->json = g_strdup(json);
	w->created_ms = T0 + n;
	return w;
}

/* Applies them; how many a complete list lacks. */
static guint apply(struct kit *k, GPtrArray *list, bool is_complete, int64_t now_ms)
{
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));

	assert_int_equal(store_apply_webhooks(k->s, list, is_complete ? missing : NULL, now_ms,
					      k->changes),
			 0);
	g_ptr_array_set_free_func(list, webex_webhook_free);
	g_ptr_array_unref(list);
	return missing->len;
}

static bool append(void *arg, const struct store_webhook *h)
{
	g_string_append_printf(arg, "%s=%s ", h->name, h->w.json);
	return true;
}

static char *all(struct kit *k)
{
	GString *out = g_string_new(NULL);
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_webhook_list(c, 0, append, out), 0);
	store_read_end(c);
	return g_string_free(out, FALSE);
}

#define assert_all(k, wanted)                                                                  \
	do {                                                                                   \
		g_autofree char *have = all(k);                                                \
		assert_string_equal(have, wanted);                                             \
	} while (0)

static int64_t row_of(struct kit *k, const char *name, bool by_key)
{
	struct store_webhook h = {0};
	struct store_conn *c;
	int64_t row;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	row = (by_key ? store_webhook_by_key(c, name, &h)
		      : store_webhook_by_name(c, name, &h)) == 0
		      ? h.rowid
		      : 0;
	store_webhook_clear(&h);
	store_read_end(c);
	return row;
}

static void test_names(void **state)
{
	g_autofree char *many = g_strnfill(250, 'z');
	struct kit *k = *state;

	apply(k, kit_list(hook(1, "dock", "a"), hook(2, "dock", "b"), hook(3, NULL, "c"), NULL),
	      true, T0);
	assert_int_not_equal(row_of(k, "dock", false), 0);
	assert_int_equal(row_of(k, "Dock", false), 0);
	assert_int_not_equal(row_of(k, "DOCK", true), 0);
	assert_int_not_equal(row_of(k, "_", false), 0);
	/* Another name of the same one, and back: it keeps its row. */
	int64_t row = row_of(k, "dock", false);
	apply(k, kit_list(hook(1, "pier/a", "a2"), NULL), false, T0);
	assert_int_equal(row_of(k, "pier\u2215a", false), row);
	assert_int_equal(row_of(k, "dock", false), 0);
	apply(k, kit_list(hook(1, "dock", "a"), NULL), false, T0);
	assert_int_equal(row_of(k, "dock", false), row);
	/* With ".json" each fits in a name. */
	apply(k, kit_list(hook(4, many, "d"), hook(5, many, "e"), NULL), false, T0);
	kit_reopen(k);
	g_autofree char *text = all(k);
	g_auto(GStrv) words = g_strsplit(text, "=", 0);
	for (char **w = words; *w; w++)
		assert_in_range(strcspn(*w, "="), 0, 252);
}

static void test_gone(void **state)
{
	struct kit *k = *state;
	struct store_webhook h = {0};
	struct store_conn *c;
	int64_t row;

	assert_int_equal(
		apply(k, kit_list(hook(1, "a", "A"), hook(2, "b", "B"), NULL), true, T0), 0);
	row = row_of(k, "b", false);
	/* A list that lacks it removes nothing, and a pin makes it no suspect. */
	assert_int_equal(store_pin_webhook(k->s, row, T0 + 10), 0);
	assert_int_equal(apply(k, kit_list(hook(1, "a", "A"), NULL), true, T0), 0);
	assert_int_equal(store_remove_webhook(k->s, row, T0, k->changes), 0);
	assert_all(k, "a=A b=B ");
	assert_int_equal(apply(k, kit_list(hook(1, "a", "A"), NULL), true, T0 + 10), 1);
	assert_int_equal(store_remove_webhook(k->s, row, T0 + 10, k->changes), 0);
	assert_int_equal(store_remove_webhook(k->s, row, T0 + 10, k->changes), -ENOENT);
	assert_all(k, "a=A ");
	/* Nothing of it stays, until the row goes, too. */
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_webhook_get(c, row, &h), 0);
	assert_true(h.gone);
	assert_null(h.w.json);
	assert_true(store_webhooks_listed_ms(c) == T0 + 10);
	store_webhook_clear(&h);
	store_read_end(c);
	/* It comes back as another one. */
	apply(k, kit_list(hook(2, "b", "B"), NULL), false, T0);
	assert_int_not_equal(row_of(k, "b", false), row);
}

static void test_changes(void **state)
{
	struct kit *k = *state;
	const struct store_change *c;

	apply(k, kit_list(hook(1, "a", "A"), NULL), true, T0);
	g_ptr_array_set_size(k->changes, 0);
	apply(k, kit_list(hook(1, "a", "A"), NULL), true, T0);
	assert_int_equal(k->changes->len, 0);
	apply(k, kit_list(hook(1, "b", "B"), NULL), true, T0);
	assert_int_equal(k->changes->len, 1);
	c = k->changes->pdata[0];
	assert_int_equal(c->type, STORE_WEBHOOK_CHANGED);
	assert_string_equal(c->old_name, "a");
	assert_string_equal(c->name, "b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, kit_test_setup, kit_test_teardown)
		T(test_names),
		T(test_gone),
		T(test_changes),
	};

	return cmocka_run_group_tests_name("store webhooks", tests, NULL, NULL);
}
