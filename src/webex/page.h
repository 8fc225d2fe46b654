/* SPDX-License-Identifier: MIT */
/*
 * The next page of a list (webex-api.md 2.3). Only the query of a next link is used: scheme,
 * host and path are those of the page that was asked for, so no link can lead us, or the token,
 * elsewhere. The query is repaired:
 *  - `max=null` and empty parameters are dropped; valueless ones stay, since they can be
 *    cursors;
 *  - roomId, parentId, mentionedPeople, type, sortBy, teamId and personEmail are as they were
 *    in the page before, whatever the link says; max only if the link lost it (a server may
 *    lower it);
 *  - before and beforeMessage are never put back: that would rewind to the first page for ever.
 * Internal to webex. Pure, fuzzed; any thread.
 */
#pragma once

#define WEBEX_PAGE_URL_MAX 8192

/*
 * `asked` is the URL of the page that came with the link, `next` the link's target. 0 and the
 * URL to ask for next (owned), -EBADMSG if the link cannot be used (too long, not ASCII,
 * control characters), -ELOOP if it leads to the page that was just asked for.
 */
int webex_page_next(const char *asked, const char *next, char **ret_url);
