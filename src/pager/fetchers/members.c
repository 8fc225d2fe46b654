/* SPDX-License-Identifier: MIT */
/* NEED_MEMBERS: who is in a space, or a team (webex-api.md 5.3, 5.8). */
#include <errno.h>

#include "pager/fetchers/fetchers.h"
#include "pager/fetchers/list.h"
#include "pager/proof/proof.h"

static int submit(struct fetch *f, const char *next)
{
	struct webex_list l = {.room_id = f->room_id,
			       .max = f->max,
			       .next = next,
			       .background = fetch_is_unwaited(f)};

	f->request = pager_place(f->pager, f->need.row)
			     ->list_members(pager_get_config(f->pager)->client, &l,
					    fetch_answered, f);
	return FETCH_MORE;
}

static int begin(struct fetch *f)
{
	bool filtered;
	int r = pager_load_room(f->pager, f->need.row, &f->room_id, &filtered);

	if (r)
		return r;
	f->max = proof_members_max(pager_proof(f->pager), f->need.row, SERVER_PAGE_MAX);
	return submit(f, NULL);
}

/* The whole list, or what came of one that does not end, which proves nothing of the others. */
static int publish(struct fetch *f)
{
	const struct pager_config *c = pager_get_config(f->pager);
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));
	GPtrArray *changes = store_changes_new();
	int r = store_apply_members(c->store, f->need.row, f->items,
				    f->is_partial ? NULL : missing, clock_wall(c->clock),
				    changes);

	r = pager_published(f->pager, r, changes);
	if (r == 0 && !f->is_partial)
		proof_members_listed(pager_proof(f->pager), f->need.row, f->started_ms, f->max,
				     missing);
	return r;
}

static int answer(struct fetch *f, struct webex_reply *reply)
{
	static const struct pages_list list = {
		.submit = submit, .publish = publish, .free_item = webex_membership_free};

	if (reply->status == 404) {
		(void)proof_room_vanished(pager_proof(f->pager), f->need.row);
		return -EBUSY;
	}
	return pages_read_list(f, reply, &list);
}

const struct fetcher fetcher_members = {
	.kind = NEED_MEMBERS,
	.words = "the members of",
	.is_of_space = true,
	.age = FETCH_LIST_AGE,
	.begin = begin,
	.answer = answer,
};
