/* SPDX-License-Identifier: MIT */
#include "pager/fetchers/fetchers.h"

static const struct fetcher *const fetchers[] = {
	&fetcher_room,		 &fetcher_head,		 &fetcher_to_head,    &fetcher_span,
	&fetcher_rooms,		 &fetcher_news,		 &fetcher_members,    &fetcher_person,
	&fetcher_direct,	 &fetcher_probe,	 &fetcher_content,    &fetcher_names,
	&fetcher_months,	 &fetcher_body,		 &fetcher_bodies,     &fetcher_sweep,
	&fetcher_verify,	 &fetcher_roots,	 &fetcher_root,	      &fetcher_thread,
	&fetcher_thread_names,	 &fetcher_thread_bodies, &fetcher_thread_row, &fetcher_mentions,
	&fetcher_mentions_again, &fetcher_teams,	 &fetcher_webhooks,
};

const struct fetcher *fetchers_find(enum need_kind kind)
{
	for (size_t i = 0; i < G_N_ELEMENTS(fetchers); i++)
		if (fetchers[i]->kind == kind)
			return fetchers[i];
	g_assert_not_reached();
}
