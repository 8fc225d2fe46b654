/* SPDX-License-Identifier: MIT */
/* Whose turn it is when much seems to be gone, and what a list alone settles (pager/proof/proof.h). */
#include <errno.h>
#include <string.h>

#include "pager/past/page_run.h"
#include "poll_kit.h"

static int64_t put_message_of(struct world *w, int64_t room, const char *room_id,
			      const char *id, int64_t at)
{
	g_autoptr(GPtrArray) one = messages(id, at, NULL);
	struct webex_message *m = one->pdata[0];
	int64_t row = 0;

	g_free(m->room_id);
	m->room_id = g_strdup(room_id);
	assert_int_equal(0, store_apply_message(w->store, room, m, 0, &row, NULL));
	return row;
}

static guint unanswered(const char *what)
{
	for (guint i = 0; i < calls->len; i++)
		if (!call_at(i)->answered && !strcmp(call_at(i)->what, what))
			return i;
	return calls->len;
}

/* Everything that is asked, until no turn is left. */
static void fail_all(void)
{
	guint i;

	while ((i = unanswered("message")) < calls->len)
		answer(i, NULL, NULL, -EIO, 500, false);
}

static bool is_asked(guint from, guint to, const char *id)
{
	for (guint i = from; i < MIN(to, calls->len); i++)
		if (g_strcmp0(call_at(i)->id, id) == 0)
			return true;
	return false;
}

/* A space with very many doubts does not hold up another space, nor do single things hold up a
 * list. */
static void body_round(struct world *w)
{
	struct proof *proof = pager_proof(w->pager);
	g_autoptr(GArray) many = g_array_new(FALSE, FALSE, sizeof(int64_t));
	struct page_told page = {.lo = T0, .hi = T0 + 900, .max = 1000, .missing = many};
	int64_t other, row;
	guint before;

	apply_rooms(w, room_list("ROOM1", 1, "ROOM2", 2, NULL));
	other = page.room = row_of(w, "ROOM2");
	for (int i = 1; i <= 200; i++) {
		g_autofree char *id = g_strdup_printf("A%d", i);

		row = put_message_of(w, w->room, "ROOM1", id, i);
		proof_doubt_message(proof, w->room, row);
	}
	row = put_message_of(w, other, "ROOM2", "B", 1000);
	fail_all();
	assert_int_equal(PROOF_TURNS, calls->len);
	now_ms += 1000;
	proof_doubt_message(proof, other, row);
	for (int i = 1; i <= 9; i++) {
		g_autofree char *id = g_strdup_printf("B%d", i);

		row = put_message_of(w, other, "ROOM2", id, i);
		g_array_append_val(many, row);
	}
	proof_page_listed(proof, &page);
	before = calls->len;
	later(w, 60000);
	assert_true(is_asked(before, before + 4, "B"));
	/* A sample of the many. */
	assert_true(is_asked(before, before + 4, "B1"));
}

CASE(round)

static GPtrArray *twenty(void)
{
	GPtrArray *all = rooms("ROOM1", NULL);

	for (int i = 2; i <= 20; i++) {
		g_autofree char *id = g_strdup_printf("ROOM%d", i);
		g_autoptr(GPtrArray) one = rooms(id, NULL);

		g_ptr_array_add(all, g_ptr_array_steal_index(one, 0));
	}
	return all;
}

/* A list of spaces that is empty once: one more request, and nobody has to look for it. */
static void body_empty_once(struct world *w)
{
	struct asker a;

	apply_rooms(w, twenty());
	ask(w, &a, NEED_ROOMS, 0);
	answer(0, rooms(NULL), NULL, 0, 200, false);
	later(w, PROOF_AGAIN_MS - 1);
	assert_int_equal(1, calls->len);
	later(w, 1);
	assert_int_equal(2, calls->len);
	assert_string_equal("rooms", call_at(1)->what);
	answer(1, twenty(), NULL, 0, 200, false);
	later(w, 60000);
	assert_int_equal(2, calls->len);
	assert_true(proof_is_quiet(pager_proof(w->pager)));
	/* Those that it lacks as well are asked for. */
	ask(w, &a, NEED_ROOMS, 0);
	answer(2, rooms("ROOM1", NULL), NULL, 0, 200, false);
	later(w, PROOF_AGAIN_MS);
	answer(3, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_int_equal(4, calls->len);
	later(w, PROOF_AGAIN_MS);
	assert_string_equal("room", call_at(4)->what);
}

CASE(empty_once)

/* Without a network nothing is found out; when it is back, at once. */
static void body_network(struct world *w)
{
	struct proof *proof = pager_proof(w->pager);
	int64_t row = put_message_of(w, w->room, "ROOM1", "A", 5);

	proof_doubt_message(proof, w->room, row);
	for (guint i = 0; i < 12; i++) {
		if (unanswered("message") < calls->len)
			answer(unanswered("message"), NULL, NULL, -ECONNREFUSED, 0, true);
		later(w, 600000);
	}
	assert_int_equal(PROOF_TRIES, calls->len);
	proof_doubt_message(proof, w->room, row);
	assert_int_equal(PROOF_TRIES + 1, calls->len);
	answer(PROOF_TRIES, NULL, NULL, -ECONNREFUSED, 0, true);
	later(w, 100);
	proof_doubt_message(proof, w->room, row);
	assert_int_equal(PROOF_TRIES + 2, calls->len);
	answer(PROOF_TRIES + 1, NULL, NULL, -ENOENT, 404, false);
	assert_true(proof_is_quiet(proof));
}

CASE(network)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(round), TEST(empty_once), TEST(network)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
