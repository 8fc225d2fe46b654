/* SPDX-License-Identifier: MIT */
/*
 * NEED_WEBHOOKS: the person's webhooks and, for an administrator, those of the organization (webex-api.md
 * 5.9), which are a list of their own:
 *
 *     own, page by page --end--> [administrator] of the organization, page by page --end--> kept
 *                        \---------------> kept      \--403: the role is not enough--> kept
 */
#include <errno.h>

#include "base/cleanup.h"
#include "pager/fetchers/fetchers.h"
#include "pager/fetchers/list.h"
#include "pager/proof/proof.h"

/* More than the documented default is not known to be given (webex-api.md 2.2). */
#define PAGE_MAX 100

#define HTTP_BAD_REQUEST 400
#define HTTP_FORBIDDEN 403

static int submit(struct fetch *f, const char *next)
{
	struct webex_list l = {.owned_by_org = f->is_of_org,
			       .max = f->max,
			       .next = next,
			       .background = fetch_is_unwaited(f)};

	f->request =
		webex_list_webhooks(pager_get_config(f->pager)->client, &l, fetch_answered, f);
	return FETCH_MORE;
}

static int begin(struct fetch *f)
{
	f->is_of_org = false;
	f->max = PAGE_MAX;
	return submit(f, NULL);
}

static bool is_administrator(const struct fetch *f)
{
	struct store_person me = {0};
	struct store_conn *conn;
	bool is = false;

	if (store_read_begin(pager_get_config(f->pager)->store, &conn))
		return false;
	_cleanup_gfree_ char *id = store_meta_get(conn, "me.id");
	if (id && store_person_by_id(conn, id, &me) == 0)
		is = webex_person_has_roles(&me.p);
	store_person_clear(&me);
	store_read_end(conn);
	return is;
}

/* The whole list, or what came of one that does not end, which proves nothing of the others. */
static int publish(struct fetch *f)
{
	const struct pager_config *c = pager_get_config(f->pager);
	g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(int64_t));
	GPtrArray *changes = store_changes_new();
	int r = store_apply_webhooks(c->store, f->items, f->is_partial ? NULL : missing,
				     clock_wall(c->clock), changes);

	r = pager_published(f->pager, r, changes);
	if (r == 0 && !f->is_partial)
		proof_webhooks_listed(pager_proof(f->pager), missing);
	return r;
}

static int whole(struct fetch *f, struct webex_reply *reply)
{
	int r = publish(f);

	return r || !f->is_partial ? r : fetch_spoil_partial(reply);
}

static int begin_of_org(struct fetch *f)
{
	f->is_of_org = true;
	f->stale_pages = f->empty_pages = 0;
	g_clear_pointer(&f->last_next, g_free);
	return submit(f, NULL);
}

static int answer(struct fetch *f, struct webex_reply *reply)
{
	enum pages_more more;

	if (reply->error && pages_halve(f, reply)) {
		/* A cursor belongs to its page size, so the list begins anew. */
		pages_restart(f);
		f->is_of_org = false;
		return submit(f, NULL);
	}
	/* Not every role sees them. */
	if (f->is_of_org &&
	    (reply->status == HTTP_FORBIDDEN || reply->status == HTTP_BAD_REQUEST))
		return whole(f, reply);
	if (reply->error)
		return reply->error;
	pages_collect(f, reply, webex_webhook_free);
	more = pages_more(f, reply);
	if (more == PAGES_FOLLOW)
		return submit(f, f->last_next);
	if (more != PAGES_END) {
		f->is_partial = true;
		(void)publish(f);
		return pages_fail(reply);
	}
	return !f->is_of_org && is_administrator(f) ? begin_of_org(f) : whole(f, reply);
}

const struct fetcher fetcher_webhooks = {
	.kind = NEED_WEBHOOKS,
	.words = "the webhooks",
	.age = FETCH_MINUTE_AGE,
	.begin = begin,
	.answer = answer,
};
